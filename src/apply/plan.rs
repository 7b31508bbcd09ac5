//! What to do with a slice of events: which go by themselves, one after the other, and which as changes of a whole table.
//!
//! A pure function of the events and of what is known about the tables, so it runs on another thread, ahead of the slice
//! that is being applied. Between tables the order of changes means nothing as long as no trigger sees them. So inside a
//! segment each table with many events is summed up; a table whose triggers fire, a truncate, a script or an event for
//! nodes ends the segment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::encode::{SetStatement, encode};
use super::reduce::reduce;
use super::target::Target;
use crate::pgq::{EventSlice, Snapshot, is_row_change};

/// Where the events of one name go.
#[derive(Clone)]
pub enum Route {
    /// Nobody here wants them.
    Ignored,
    /// They change rows of a table.
    Rows(RowRoute),
    /// The caller has to look at each.
    Single,
}

/// The table that events go to.
#[derive(Clone)]
pub struct RowRoute {
    /// The table.
    pub target: Arc<Target>,
    /// Events of transactions in here are in the table already.
    pub snapshot: Option<Snapshot>,
    /// Its events are applied one by one, whatever their number is.
    pub ordered: bool,
}

/// All routes that are known, by the name in the event.
#[derive(Clone, Default)]
pub struct Routes {
    /// Grows with each change that is more than an addition.
    pub generation: u64,
    /// Events of one table from which on they are applied as a set; nothing: never.
    pub set_rows: Option<usize>,
    /// The routes.
    pub by_name: HashMap<String, Route>,
}

impl Routes {
    /// Keeps the order between a partition and the table that it is a part of, where both have events: their rows are
    /// the same.
    pub fn keep_lineages(&mut self) {
        let target = |route: &Route| match route {
            Route::Rows(rows) => Some(rows.target.clone()),
            _ => None,
        };
        let targets: Vec<Arc<Target>> = self.by_name.values().filter_map(target).collect();
        if targets.iter().all(|target| target.lineage.len() < 2) {
            return;
        }
        let own = |target: &Target| target.lineage.first().copied();
        let above: HashSet<u32> = targets
            .iter()
            .flat_map(|target| target.lineage.iter().skip(1).copied())
            .collect();
        let here: HashSet<u32> = targets.iter().filter_map(|target| own(target)).collect();
        for route in self.by_name.values_mut() {
            if let Route::Rows(rows) = route {
                let lineage = &rows.target.lineage;
                rows.ordered |= lineage.iter().skip(1).any(|oid| here.contains(oid))
                    || lineage.first().is_some_and(|oid| above.contains(oid));
            }
        }
    }
}

/// A part of the work.
pub enum Step {
    /// Row events of any tables, in their order.
    Rows(Vec<u32>),
    /// The changes of tables, each of which is there once.
    Sets(Vec<SetWork>),
    /// An event that everything before it has to be done for.
    Single(u32),
}

/// The changes of one table in one slice.
pub struct SetWork {
    /// The table.
    pub target: Arc<Target>,
    /// What to run, in order.
    pub statements: Vec<SetStatement>,
    /// Number of events, and the ids of the first and the last one.
    pub events: (usize, i64, i64),
}

/// Where planning stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// At the end of the slice.
    AtEnd,
    /// Behind an event (the last step) that may have changed the routes.
    Behind(usize),
    /// Before an event whose name has no route yet.
    Unknown(usize),
}

/// The work of a slice, or of its beginning.
pub struct Plan {
    /// Of the routes.
    pub generation: u64,
    /// What to do.
    pub steps: Vec<Step>,
    /// Events that nobody here wants.
    pub ignored: u64,
    /// How far it goes.
    pub stopped: Stopped,
}

/// Plans the events of `slice` from `from` on.
pub fn plan(slice: &EventSlice, from: usize, routes: &Routes) -> Plan {
    let mut plan = Plan {
        generation: routes.generation,
        steps: Vec::new(),
        ignored: 0,
        stopped: Stopped::AtEnd,
    };
    let mut segment = Segment::default();
    // Consecutive events are often of one table.
    let mut last: Option<(&str, &Route)> = None;
    for index in from..slice.len() {
        let event = slice.get(index);
        let name = event.raw_extra1();
        let kind = event.kind();
        let is_truncate = kind == "R";
        if !is_truncate && !is_row_change(&kind) {
            segment.finish(slice, routes, &mut plan.steps);
            plan.steps.push(Step::Single(index as u32));
            plan.stopped = Stopped::Behind(index + 1);
            return plan;
        }
        let route = match last {
            Some((known, route)) if known == name => route,
            _ => match routes.by_name.get(name) {
                Some(route) => route,
                None => {
                    segment.finish(slice, routes, &mut plan.steps);
                    plan.stopped = Stopped::Unknown(index);
                    return plan;
                }
            },
        };
        last = Some((name, route));
        match route {
            Route::Ignored => plan.ignored += 1,
            Route::Rows(rows)
                if rows
                    .snapshot
                    .as_ref()
                    .is_some_and(|seen| seen.contains(event.txid())) =>
            {
                plan.ignored += 1;
            }
            Route::Rows(_) if is_truncate => {
                segment.finish(slice, routes, &mut plan.steps);
                plan.steps.push(Step::Single(index as u32));
            }
            Route::Rows(rows) => {
                if rows.target.fires != segment.fires {
                    segment.finish(slice, routes, &mut plan.steps);
                    segment.fires = rows.target.fires;
                }
                segment.push(name, rows, index as u32);
            }
            Route::Single => {
                segment.finish(slice, routes, &mut plan.steps);
                plan.steps.push(Step::Single(index as u32));
            }
        }
    }
    segment.finish(slice, routes, &mut plan.steps);
    plan
}

/// Row events between which nothing happens that sees more than one table.
#[derive(Default)]
struct Segment<'a> {
    fires: bool,
    events: Vec<u32>,
    tables: Vec<(&'a str, &'a RowRoute, Vec<u32>)>,
    last: usize,
}

impl<'a> Segment<'a> {
    fn push(&mut self, name: &'a str, route: &'a RowRoute, event: u32) {
        self.events.push(event);
        if self.fires {
            return;
        }
        // Two names may stand for one table.
        let same = |known: &RowRoute| known.target.name == route.target.name;
        if self
            .tables
            .get(self.last)
            .is_none_or(|(known, ..)| *known != name)
        {
            self.last = match self
                .tables
                .iter()
                .position(|(known, other, _)| *known == name || same(other))
            {
                Some(found) => found,
                None => {
                    self.tables.push((name, route, Vec::new()));
                    self.tables.len() - 1
                }
            };
        }
        self.tables[self.last].2.push(event);
    }

    /// Large groups become sets; all other events stay in their order.
    fn finish(&mut self, slice: &EventSlice, routes: &Routes, steps: &mut Vec<Step>) {
        let mut alone: Option<Vec<u32>> = None;
        let mut sets = Vec::new();
        for (_, route, events) in std::mem::take(&mut self.tables) {
            let is_large = routes.set_rows.is_some_and(|least| events.len() >= least);
            let target = &route.target;
            let planned = if !is_large {
                Err("there are few")
            } else if route.ordered {
                Err("they are to stay in order")
            } else if !target.stored {
                Err("it is no table that has its rows here")
            } else {
                reduce(slice, target, &events).and_then(|changes| encode(target, &changes))
            };
            match planned {
                Ok(statements) => {
                    let id = |at: Option<&u32>| at.map_or(0, |index| slice.get(*index as usize).id());
                    sets.push(SetWork {
                        target: target.clone(),
                        statements,
                        events: (events.len(), id(events.first()), id(events.last())),
                    });
                }
                Err(why) => {
                    if is_large {
                        tracing::debug!("{}: {} events one by one: {why}", target.name, events.len());
                    }
                    alone.get_or_insert_default().extend(events);
                }
            }
        }
        if !sets.is_empty() {
            steps.push(Step::Sets(sets));
        }
        let rows = match alone {
            Some(mut events) => {
                events.sort_unstable();
                self.events.clear();
                events
            }
            None if self.fires => std::mem::take(&mut self.events),
            None => {
                self.events.clear();
                Vec::new()
            }
        };
        if !rows.is_empty() {
            steps.push(Step::Rows(rows));
        }
        self.last = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_and_the_table_above_it_stay_in_order() {
        let route = |name: &str, lineage: &[u32]| {
            let target = Arc::new(Target {
                name: name.to_owned(),
                lineage: lineage.to_vec(),
                ..Target::default()
            });
            let rows = RowRoute {
                target,
                snapshot: None,
                ordered: false,
            };
            (name.to_owned(), Route::Rows(rows))
        };
        let ordered = |list: Vec<(String, Route)>| {
            let mut routes = Routes {
                by_name: list.into_iter().collect(),
                ..Routes::default()
            };
            routes.keep_lineages();
            let ordered = |(name, route): (String, Route)| match route {
                Route::Rows(rows) if rows.ordered => Some(name),
                _ => None,
            };
            let mut names: Vec<String> = routes.by_name.into_iter().filter_map(ordered).collect();
            names.sort();
            names
        };
        let (whole, part, other) = (
            route("whole", &[1]),
            route("part", &[2, 1]),
            route("other", &[3, 1]),
        );
        assert!(
            ordered(vec![part.clone(), other.clone()]).is_empty(),
            "neighbours share no row"
        );
        assert_eq!(ordered(vec![whole, part, other]), ["other", "part", "whole"]);
        assert_eq!(
            ordered(vec![
                route("below", &[4, 2, 1]),
                route("part", &[2, 1]),
                route("plain", &[7])
            ]),
            ["below", "part"]
        );
    }
}
