//! Who moves a table from one state to the next, and when: the decisions of worker and copy as pure functions.
//!
//! Worker and copy read the same queue, each with its own position. The copy's rows are those of one snapshot; from
//! there it replays the table's events alone, while the worker skips them. The hand-over needs one fact only: *both
//! have replayed exactly the same ticks*. Who finds that fact, under the lock on the worker's position, makes the
//! table `ok`; from the next tick on the worker replays it. If the copy is ahead it waits (`wanna-sync`), if it is
//! behind it goes on. A condition comes on top: the copy has replayed a tick that was made after its snapshot, so
//! that no event is left which could be in the rows already; then the snapshot, which means something on the copy's
//! source only, is forgotten together with the hand-over (Q22).
//!
//! Ancestor: its worker also writes `do-sync:TICK` and holds until the copy arrives. We need no such state; found in a
//! table it is read like `wanna-sync`.

use std::collections::{HashMap, HashSet};

use super::{Table, TableState};
use crate::pgq::TickId;

/// Who makes a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mover {
    /// A command.
    Admin,
    /// The node's worker.
    Worker,
    /// The copy of the table.
    Copy,
}

/// One row of the state machine, for people.
#[derive(Debug, Clone, Copy)]
pub struct Transition {
    /// State before.
    pub from: &'static str,
    /// State after.
    pub to: &'static str,
    /// Whose move it is.
    pub mover: Mover,
    /// The condition.
    pub when: &'static str,
    /// What is done with it, in the same transaction.
    pub action: &'static str,
}

/// The whole machine; the functions below decide by it.
pub const TRANSITIONS: &[Transition] = &[
    Transition {
        from: "missing",
        to: "in-copy",
        mover: Mover::Worker,
        when: "the provider has the table ok and a copy slot is free",
        action: "drop foreign keys, start the copy",
    },
    Transition {
        from: "in-copy",
        to: "catching-up",
        mover: Mover::Copy,
        when: "the rows are in and every index is back",
        action: "keep the snapshot",
    },
    Transition {
        from: "catching-up",
        to: "ok",
        mover: Mover::Copy,
        when: "worker and copy have replayed the same ticks",
        action: "forget the snapshot, drop the copy's consumer",
    },
    Transition {
        from: "catching-up",
        to: "wanna-sync",
        mover: Mover::Copy,
        when: "the copy is ahead of the worker",
        action: "wait for the worker",
    },
    Transition {
        from: "wanna-sync",
        to: "ok",
        mover: Mover::Worker,
        when: "the worker arrives where the copy stands",
        action: "forget the snapshot, replay the table from here on",
    },
    Transition {
        from: "wanna-sync",
        to: "ok",
        mover: Mover::Copy,
        when: "worker and copy have replayed the same ticks",
        action: "forget the snapshot, drop the copy's consumer",
    },
    Transition {
        from: "any",
        to: "missing",
        mover: Mover::Admin,
        when: "resync",
        action: "the running copy leaves, a new one begins",
    },
];

/// What the worker knows when it decides.
#[derive(Debug)]
pub struct WorkerFacts<'a> {
    /// Last tick that the worker has replayed.
    pub completed: TickId,
    /// Copies that run in this process.
    pub running: &'a HashSet<String>,
    /// How many may run at once.
    pub slots: usize,
    /// Tables whose rows the provider can give: `ok` there. `None` while the provider cannot be asked.
    pub available: Option<&'a HashSet<String>>,
}

/// A move of the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerMove {
    /// `missing` to `in-copy`, and start the copy.
    StartCopy(String),
    /// The state says that a copy works on the table, but none runs: it died with its process. Start it again.
    ResumeCopy(String),
    /// Worker and copy stand at the same tick: the table is `ok`.
    TakeOver(String),
    /// The provider does not have the table `ok` yet.
    WaitForProvider(String),
}

/// Decides what the worker does about its tables, in order of their names.
pub fn plan_worker(tables: &HashMap<String, Table>, facts: &WorkerFacts<'_>) -> Vec<WorkerMove> {
    let mut names: Vec<&String> = tables.keys().collect();
    names.sort();
    let mut free = facts.slots.saturating_sub(facts.running.len());
    let mut moves = Vec::new();
    // What was begun is finished before anything new begins.
    for name in &names {
        let table = &tables[*name];
        match table.state {
            TableState::WannaSync(_) | TableState::DoSync(_) if table.copy_tick == Some(facts.completed) => {
                moves.push(WorkerMove::TakeOver((*name).clone()));
            }
            state if state.is_copying() && !facts.running.contains(*name) && free > 0 => {
                free -= 1;
                moves.push(WorkerMove::ResumeCopy((*name).clone()));
            }
            _ => {}
        }
    }
    for name in names {
        let table = &tables[name];
        // A copy that still runs for a resynced table has to leave first.
        if table.state != TableState::Missing || free == 0 || facts.running.contains(name) {
            continue;
        }
        if table.attrs.copy_node().is_some() || facts.available.is_some_and(|tables| tables.contains(name)) {
            free -= 1;
            moves.push(WorkerMove::StartCopy(name.clone()));
        } else if facts.available.is_some() {
            moves.push(WorkerMove::WaitForProvider(name.clone()));
        }
    }
    moves
}

/// What a copy knows when it decides.
#[derive(Debug, Clone, Copy)]
pub struct CopyFacts {
    /// Last tick that the copy has replayed.
    pub completed: TickId,
    /// Whether a batch after that tick is there.
    pub has_batch: bool,
    /// Last tick that the worker has replayed.
    pub worker_completed: TickId,
    /// Whether `completed` was made after the snapshot of the rows.
    pub passed_snapshot: bool,
}

/// A move of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyMove {
    /// Copy the rows.
    CopyRows,
    /// Replay the batch.
    Replay,
    /// Ask to meet before this tick.
    WannaSync(TickId),
    /// Worker and copy stand at the same tick (look again under the lock): the table is `ok`.
    TakeOver,
    /// Nothing to do until a tick comes or the worker moves.
    Wait,
    /// The table is not the copy's any more.
    Leave,
}

/// Decides what a copy does next.
pub fn plan_copy(state: TableState, facts: CopyFacts) -> CopyMove {
    match state {
        TableState::Missing | TableState::Ok => CopyMove::Leave,
        TableState::InCopy => CopyMove::CopyRows,
        TableState::CatchingUp | TableState::WannaSync(_) | TableState::DoSync(_) => {
            let behind = facts.completed < facts.worker_completed || !facts.passed_snapshot;
            if behind {
                if facts.has_batch {
                    CopyMove::Replay
                } else {
                    CopyMove::Wait
                }
            } else if facts.completed == facts.worker_completed {
                CopyMove::TakeOver
            } else if state == TableState::CatchingUp {
                CopyMove::WannaSync(TickId(facts.completed.0 + 1))
            } else {
                CopyMove::Wait
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableAttrs;

    fn table(name: &str, state: TableState, copy_tick: Option<i64>) -> (String, Table) {
        let table = Table {
            name: name.to_owned(),
            dest: name.to_owned(),
            state,
            snapshot: None,
            attrs: TableAttrs::default(),
            dropped_ddl: None,
            copy_tick: copy_tick.map(TickId),
        };
        (name.to_owned(), table)
    }

    fn names(list: &[&str]) -> HashSet<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn missing_to_in_copy_needs_slot_and_provider() {
        let tables = HashMap::from([
            table("a", TableState::Missing, None),
            table("b", TableState::Missing, None),
            table("c", TableState::Missing, None),
        ]);
        let (running, available) = (names(&[]), names(&["b", "c"]));
        let facts = WorkerFacts {
            completed: TickId(5),
            running: &running,
            slots: 1,
            available: Some(&available),
        };
        assert_eq!(
            plan_worker(&tables, &facts),
            [
                WorkerMove::WaitForProvider("a".into()),
                WorkerMove::StartCopy("b".into())
            ]
        );
        let blind = WorkerFacts {
            available: None,
            ..facts
        };
        assert_eq!(plan_worker(&tables, &blind), []);
    }

    #[test]
    fn a_dead_copy_is_started_again_before_a_new_one() {
        let tables = HashMap::from([
            table("a", TableState::Missing, None),
            table("z", TableState::CatchingUp, Some(3)),
        ]);
        let (running, available) = (names(&[]), names(&["a"]));
        let facts = WorkerFacts {
            completed: TickId(5),
            running: &running,
            slots: 1,
            available: Some(&available),
        };
        assert_eq!(plan_worker(&tables, &facts), [WorkerMove::ResumeCopy("z".into())]);
    }

    #[test]
    fn a_copy_of_the_time_before_a_resync_must_leave_first() {
        let tables = HashMap::from([table("a", TableState::Missing, Some(3))]);
        let (running, available) = (names(&["a"]), names(&["a"]));
        let facts = WorkerFacts {
            completed: TickId(5),
            running: &running,
            slots: 4,
            available: Some(&available),
        };
        assert_eq!(plan_worker(&tables, &facts), []);
    }

    #[test]
    fn the_worker_takes_over_exactly_where_the_copy_waits() {
        let running = names(&["a"]);
        let available = names(&[]);
        let tables = HashMap::from([table("a", TableState::WannaSync(TickId(8)), Some(7))]);
        for (completed, expected) in [
            (6, vec![]),
            (7, vec![WorkerMove::TakeOver("a".into())]),
            (8, vec![]),
        ] {
            let facts = WorkerFacts {
                completed: TickId(completed),
                running: &running,
                slots: 1,
                available: Some(&available),
            };
            assert_eq!(plan_worker(&tables, &facts), expected, "worker at {completed}");
        }
    }

    #[test]
    fn every_copy_decision() {
        let facts = |completed, has_batch, worker, passed| CopyFacts {
            completed: TickId(completed),
            has_batch,
            worker_completed: TickId(worker),
            passed_snapshot: passed,
        };
        let waiting = TableState::WannaSync(TickId(8));
        for (state, facts, expected) in [
            (TableState::Missing, facts(7, true, 7, true), CopyMove::Leave),
            (TableState::Ok, facts(7, true, 7, true), CopyMove::Leave),
            (TableState::InCopy, facts(7, true, 7, true), CopyMove::CopyRows),
            (TableState::CatchingUp, facts(7, true, 9, true), CopyMove::Replay),
            (TableState::CatchingUp, facts(7, false, 9, true), CopyMove::Wait),
            (TableState::CatchingUp, facts(7, false, 7, false), CopyMove::Wait),
            (TableState::CatchingUp, facts(7, true, 7, false), CopyMove::Replay),
            (
                TableState::CatchingUp,
                facts(7, true, 7, true),
                CopyMove::TakeOver,
            ),
            (
                TableState::CatchingUp,
                facts(7, true, 5, true),
                CopyMove::WannaSync(TickId(8)),
            ),
            (waiting, facts(7, true, 5, true), CopyMove::Wait),
            (waiting, facts(7, true, 7, true), CopyMove::TakeOver),
            (waiting, facts(7, true, 9, true), CopyMove::Replay),
            (
                TableState::DoSync(TickId(8)),
                facts(7, true, 7, true),
                CopyMove::TakeOver,
            ),
            (
                TableState::DoSync(TickId(9)),
                facts(7, true, 8, true),
                CopyMove::Replay,
            ),
        ] {
            assert_eq!(plan_copy(state, facts), expected, "{state} {facts:?}");
        }
    }
}
