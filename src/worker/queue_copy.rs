//! Copies the events of a batch into a queue of this database: a branch keeps their ids, a merge does not.
//!
//! They go into the current event table, many by COPY, few by an insert, which needs no answer before its data. Where the
//! worker's role may not write to event tables, they go through `londiste_rs.insert_events`, which may.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::{Row, Statement};

use crate::error::{Error, ErrorKind, Result};
use crate::pg::copy_text::{decode_line, encode_field};
use crate::pg::{Session, quote_fqname};
use crate::pgq::{Event, EventSlice};
use crate::sql;

const FLUSH_BYTES: usize = 1 << 20;
/// From this many events on they go by COPY.
const MANY: usize = 1000;
/// Unless they are long.
const LONG: usize = 1 << 20;
const COLUMNS: &str = "ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4";

/// What is kept of earlier batches on this connection.
#[derive(Default)]
pub struct QueueStatements {
    by_text: HashMap<String, Statement>,
}

/// Collects events and writes them inside the caller's transaction.
pub struct QueueCopy<'a> {
    queue: &'a str,
    keep_ids: bool,
    statements: &'a mut QueueStatements,
    way: Option<Way>,
    rows: Vec<u8>,
}

/// How this transaction writes.
enum Way {
    Table { copy: Statement, insert: Statement },
    Function(Statement),
}

/// Asks for the event table that the transaction writes to; [`QueueCopy::begin`] wants to know.
pub async fn find_event_table(local: &Session, queue: &str) -> Result<Row> {
    let find = local.prepared(sql::worker::FIND_EVENT_TABLE).await?;
    Ok(local.query_one(&find, &[&queue]).await?)
}

/// Events of a slice as lines of COPY text, with their ids; nothing where they are better inserted.
pub fn encode_events(slice: &EventSlice) -> Option<Bytes> {
    if slice.len() < MANY && slice.text().len() < LONG {
        return None;
    }
    let mut rows = Vec::with_capacity(slice.text().len());
    for event in slice.iter() {
        let (time, tail) = event.raw_time_and_tail();
        writeln!(rows, "{}\t{time}\t{tail}", event.id()).expect("a vector takes all");
    }
    Some(Bytes::from(rows))
}

impl<'a> QueueCopy<'a> {
    /// Copies into `queue`; with `keep_ids` the events keep theirs, else the queue gives new ones.
    pub fn new(queue: &'a str, keep_ids: bool, statements: &'a mut QueueStatements) -> Self {
        Self {
            queue,
            keep_ids,
            statements,
            way: None,
            rows: Vec::new(),
        }
    }

    /// Takes what [`find_event_table`] found in this transaction. The table may change with every rotation.
    pub async fn begin(&mut self, local: &Session, found: &Row) -> Result<()> {
        let table: String = found.get("event_table");
        let may_copy: bool = found.get("may_copy");
        if !may_copy && !found.get::<_, bool>("has_function") {
            return Err(Error::new(
                ErrorKind::Database,
                format!(
                    "copy of events into queue \"{}\": no right to write to {table}",
                    self.queue
                ),
            )
            .with_hint("grant the worker's role membership in pgq_admin")
            .with_hint("or install the function that has the right: londiste install --only londiste_rs"));
        }
        self.way = Some(if may_copy {
            let table = quote_fqname(&table);
            let (id, value) = match self.keep_ids {
                true => ("ev_id, ", "e.id, "),
                false => ("", ""),
            };
            let insert = format!(
                "insert into {table} ({id}{COLUMNS}) \
                 select {value}e.time::pg_catalog.timestamptz, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4 \
                 from rows from (pg_catalog.unnest($1::pg_catalog.int8[]), {}) \
                 as e (id, time, type, data, extra1, extra2, extra3, extra4)",
                (2..=8)
                    .map(|n| format!("pg_catalog.unnest(${n}::pg_catalog.text[])"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            Way::Table {
                copy: self
                    .statement(local, format!("copy {table} ({id}{COLUMNS}) from stdin"))
                    .await?,
                insert: self.statement(local, insert).await?,
            }
        } else {
            Way::Function(
                self.statement(local, sql::worker::INSERT_EVENTS.to_owned())
                    .await?,
            )
        });
        Ok(())
    }

    async fn statement(&mut self, local: &Session, text: String) -> Result<Statement> {
        if let Some(statement) = self.statements.by_text.get(&text) {
            return Ok(statement.clone());
        }
        let statement = local.prepare(&text).await?;
        self.statements.by_text.insert(text, statement.clone());
        Ok(statement)
    }

    /// Takes one event.
    pub async fn push(&mut self, local: &Session, event: &Event) -> Result<()> {
        if self.keep_ids {
            write!(self.rows, "{}\t", event.id).expect("a vector takes all");
        }
        self.rows.extend_from_slice(event.time.as_bytes());
        for field in [
            &event.ev_type,
            &event.data,
            &event.extra1,
            &event.extra2,
            &event.extra3,
            &event.extra4,
        ] {
            self.rows.push(b'\t');
            encode_field(&mut self.rows, field.as_deref().map(str::as_bytes));
        }
        self.rows.push(b'\n');
        if self.rows.len() >= FLUSH_BYTES {
            self.flush(local).await?;
        }
        Ok(())
    }

    /// Writes what waits.
    pub async fn flush(&mut self, local: &Session) -> Result<()> {
        let rows = Bytes::from(std::mem::take(&mut self.rows));
        if rows.is_empty() {
            return Ok(());
        }
        let written = match self.way()? {
            Way::Table { copy, .. } => write_lines(local, copy, rows).await,
            Way::Function(_) => self.insert(local, Fields::of_lines(&rows, self.keep_ids)?).await,
        };
        written.map_err(|error| self.at_queue(error))
    }

    /// Writes the events of a slice as they are, by `lines` if there are such. The first message is sent at the first poll.
    pub async fn write(&self, local: &Session, slice: &EventSlice, lines: Option<Bytes>) -> Result<()> {
        let written = match (self.way()?, lines) {
            (Way::Table { copy, .. }, Some(lines)) => write_lines(local, copy, lines).await,
            _ => self.insert(local, Fields::of_slice(slice)).await,
        };
        written.map_err(|error| self.at_queue(error))
    }

    async fn insert(&self, local: &Session, fields: Fields<'_>) -> Result<()> {
        let ids = self.keep_ids.then_some(fields.ids);
        let [time, kind, data, extra1, extra2, extra3, extra4] = &fields.columns;
        match self.way()? {
            Way::Table { insert, .. } => {
                local
                    .execute(insert, &[&ids, time, kind, data, extra1, extra2, extra3, extra4])
                    .await?
            }
            Way::Function(call) => {
                local
                    .execute(
                        call,
                        &[
                            &self.queue,
                            &ids,
                            time,
                            kind,
                            data,
                            extra1,
                            extra2,
                            extra3,
                            extra4,
                        ],
                    )
                    .await?
            }
        };
        Ok(())
    }

    fn way(&self) -> Result<&Way> {
        self.way
            .as_ref()
            .ok_or_else(|| Error::internal("events are copied before their table is known"))
    }

    fn at_queue(&self, error: Error) -> Error {
        error.context(format!("copy of events into queue \"{}\"", self.queue))
    }
}

async fn write_lines(local: &Session, copy: &Statement, lines: Bytes) -> Result<()> {
    let mut sink = std::pin::pin!(local.copy_in::<_, Bytes>(copy).await?);
    sink.send(lines).await?;
    sink.finish().await?;
    Ok(())
}

type Field<'a> = Option<Cow<'a, str>>;

/// Events, column by column.
#[derive(Default)]
struct Fields<'a> {
    ids: Vec<i64>,
    // Time, type, data and the extra ones.
    columns: [Vec<Field<'a>>; 7],
}

impl<'a> Fields<'a> {
    fn of_slice(slice: &'a EventSlice) -> Self {
        let mut fields = Self::default();
        for event in slice.iter() {
            fields.ids.push(event.id());
            for (column, field) in fields.columns.iter_mut().zip(event.time_and_tail()) {
                column.push(field);
            }
        }
        fields
    }

    fn of_lines(rows: &'a [u8], with_ids: bool) -> Result<Self> {
        let mut fields = Self::default();
        for line in rows.split_inclusive(|byte| *byte == b'\n') {
            let mut line = decode_line(line).into_iter().map(text);
            if with_ids {
                let id = line.next().transpose()?.flatten();
                let id = id.and_then(|id| id.parse().ok());
                fields
                    .ids
                    .push(id.ok_or_else(|| Error::internal("an event without an id"))?);
            }
            for (column, field) in fields.columns.iter_mut().zip(line) {
                column.push(field?);
            }
        }
        Ok(fields)
    }
}

fn text(field: Option<Cow<'_, [u8]>>) -> Result<Field<'_>> {
    let text = match field {
        None => return Ok(None),
        Some(Cow::Borrowed(bytes)) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Some(Cow::Owned(bytes)) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    text.map(Some)
        .ok_or_else(|| Error::internal("an event field is not valid UTF-8"))
}
