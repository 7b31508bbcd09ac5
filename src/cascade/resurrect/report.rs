//! The report of changes that only one node has: as JSON, which the ancestor writes too, and as SQL.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::lost::LostEvent;
use crate::apply::{Op, RowChange, RowText};
use crate::error::{Error, Result};
use crate::pg::{quote_fqname, quote_ident, quote_literal};

/// The ancestor's name of the file.
pub const FILE: &str = "resurrect-lost-events.json";

/// How often rows of a table were inserted, updated, deleted.
pub type Counts = BTreeMap<String, [u64; 3]>;

/// Both files while they are being written. They get their names at the end, so what has the name is whole.
pub struct Report {
    json: (PathBuf, BufWriter<fs::File>),
    sql: (PathBuf, BufWriter<fs::File>),
    /// Events so far.
    pub events: u64,
    /// Row changes so far, per table.
    pub counts: Counts,
}

/// The file beside it that has the statements.
pub fn sql_file(json: &Path) -> PathBuf {
    json.with_extension("sql")
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
    move |error| Error::from(error).context(format!("{}", path.display()))
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.to_owned();
    name.as_mut_os_string().push(".part");
    name
}

impl Report {
    /// Begins both files; `about` is the first line of the statements.
    pub fn begin(path: &Path, about: &str) -> Result<Self> {
        let open = |path: PathBuf| -> Result<(PathBuf, BufWriter<fs::File>)> {
            let file = fs::File::create(unfinished(&path)).map_err(failed(&path))?;
            Ok((path, BufWriter::new(file)))
        };
        let mut report = Self {
            json: open(path.to_owned())?,
            sql: open(sql_file(path))?,
            events: 0,
            counts: Counts::new(),
        };
        writeln!(report.sql.1, "-- {about}").map_err(failed(&report.sql.0))?;
        Ok(report)
    }

    /// Takes one event.
    pub fn push(&mut self, lost: &LostEvent) -> Result<()> {
        let event = &lost.event;
        let object = json!({
            "ev_id": event.id, "ev_time": event.time, "ev_txid": event.txid, "ev_retry": event.retry,
            "ev_type": event.ev_type, "ev_data": event.data, "ev_extra1": event.extra1, "ev_extra2": event.extra2,
            "ev_extra3": event.extra3, "ev_extra4": event.extra4,
            "tick_id": lost.tick.map(|tick| tick.0), "prev_tick_id": lost.prev_tick.0,
        });
        let before = if self.events == 0 { "[\n" } else { ",\n" };
        write!(self.json.1, "{before}{object}").map_err(failed(&self.json.0))?;
        let (text, op) = statement(lost);
        writeln!(self.sql.1, "{text}").map_err(failed(&self.sql.0))?;
        if let (Some(op), Some(table)) = (op, &event.extra1) {
            let place = match op {
                Op::Insert => 0,
                Op::Update => 1,
                Op::Delete => 2,
            };
            self.counts.entry(table.clone()).or_default()[place] += 1;
        }
        self.events += 1;
        Ok(())
    }

    /// Gives the files their names; where nothing was lost there are none. Ancestor: the same.
    pub fn finish(mut self) -> Result<(u64, Counts)> {
        if self.events > 0 {
            write!(self.json.1, "\n]\n").map_err(failed(&self.json.0))?;
        }
        for (path, file) in [self.json, self.sql] {
            let part = unfinished(&path);
            let file = file
                .into_inner()
                .map_err(|error| failed(&path)(error.into_error()))?;
            if self.events == 0 {
                fs::remove_file(&part).map_err(failed(&part))?;
            } else {
                file.sync_all().map_err(failed(&path))?;
                fs::rename(&part, &path).map_err(failed(&path))?;
            }
        }
        Ok((self.events, self.counts))
    }
}

/// One event as SQL for the database that has not seen it, with where it comes from; what is no row change is a comment.
fn statement(lost: &LostEvent) -> (String, Option<Op>) {
    let event = &lost.event;
    let place = match lost.tick {
        Some(tick) => format!("event {} of {}, tick {tick}", event.id, event.time),
        None => format!("event {} of {}, after the last tick", event.id, event.time),
    };
    let comment = |what: &str| {
        let data = event.data.as_deref().unwrap_or("");
        let text = format!("{what} {} {data}", event.extra1.as_deref().unwrap_or(""));
        let text: Vec<String> = text.trim().lines().map(|line| format!("-- {line}")).collect();
        format!("-- {place}\n{}", text.join("\n"))
    };
    let Some(table) = event.extra1.as_deref().filter(|_| event.is_row_change()) else {
        return match (event.kind(), event.extra1.as_deref()) {
            ("R", Some(table)) => (format!("-- {place}\ntruncate {};", quote_fqname(table)), None),
            (kind, _) => (comment(kind), None),
        };
    };
    let table = quote_fqname(table);
    let value = |value: Option<&str>| value.map_or("null".to_owned(), quote_literal);
    match RowChange::decode(RowText::of(event)) {
        Ok(RowChange::Fragment { op, sql }) => {
            let text = match op {
                Op::Insert => format!("insert into {table} {sql};"),
                Op::Update => format!("update only {table} set {sql};"),
                Op::Delete => format!("delete from only {table} where {sql};"),
            };
            (format!("-- {place}\n{text}"), Some(op))
        }
        Ok(RowChange::Row { op, key, columns }) => {
            let is_key = |name: &str| key.iter().any(|key| key == name);
            let condition = columns
                .iter()
                .filter(|(name, _)| is_key(name))
                .map(|(name, v)| match v {
                    Some(v) => format!("{} = {}", quote_ident(name), quote_literal(v)),
                    None => format!("{} is null", quote_ident(name)),
                })
                .collect::<Vec<_>>()
                .join(" and ");
            let text = match op {
                Op::Insert => {
                    let names: Vec<String> = columns.iter().map(|(name, _)| quote_ident(name)).collect();
                    let values: Vec<String> = columns.iter().map(|(_, v)| value(v.as_deref())).collect();
                    format!(
                        "insert into {table} ({}) values ({});",
                        names.join(", "),
                        values.join(", ")
                    )
                }
                Op::Update => {
                    let others: Vec<String> = columns
                        .iter()
                        .filter(|(name, _)| !is_key(name))
                        .map(|(name, v)| format!("{} = {}", quote_ident(name), value(v.as_deref())))
                        .collect();
                    if others.is_empty() || condition.is_empty() {
                        return (comment(event.kind()), Some(op));
                    }
                    format!("update {table} set {} where {condition};", others.join(", "))
                }
                Op::Delete if condition.is_empty() => return (comment(event.kind()), Some(op)),
                Op::Delete => format!("delete from {table} where {condition};"),
            };
            (format!("-- {place}\n{text}"), Some(op))
        }
        Err(_) => (comment(event.kind()), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgq::{Event, TickId};

    fn lost(kind: &str, data: &str) -> LostEvent {
        LostEvent {
            event: Event {
                id: 7,
                time: "T".to_owned(),
                txid: 1,
                retry: None,
                ev_type: Some(kind.to_owned()),
                data: Some(data.to_owned()),
                extra1: Some("public.Order".to_owned()),
                extra2: None,
                extra3: None,
                extra4: None,
            },
            tick: Some(TickId(3)),
            prev_tick: TickId(2),
        }
    }

    #[test]
    fn changes_become_statements() {
        let text = |kind: &str, data: &str| statement(&lost(kind, data)).0;
        let place = "-- event 7 of T, tick 3\n";
        assert_eq!(
            text("I:id", "id=1&v=it%27s&n"),
            format!("{place}insert into public.\"Order\" (id, v, n) values ('1', 'it''s', null);")
        );
        assert_eq!(
            text("U:id", "id=1&v=x"),
            format!("{place}update public.\"Order\" set v = 'x' where id = '1';")
        );
        assert_eq!(
            text("D:id", "id=1&v=x"),
            format!("{place}delete from public.\"Order\" where id = '1';")
        );
        assert_eq!(text("R", ""), format!("{place}truncate public.\"Order\";"));
        assert!(text("EXECUTE", "drop table x;\ndrop table y").ends_with("drop table x;\n-- drop table y"));
    }
}
