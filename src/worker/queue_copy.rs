//! Copies the events of a batch into a queue of this database: a branch keeps their ids, a merge does not.

use std::io::Write as _;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::Client;

use crate::error::{Error, Result};
use crate::pg::copy_text::encode_field;
use crate::pg::quote_fqname;
use crate::pgq::{Event, EventRef};

const FLUSH_BYTES: usize = 1 << 20;

/// Collects events and writes them by COPY inside the caller's transaction.
pub struct QueueCopy {
    queue: String,
    keep_ids: bool,
    rows: Vec<u8>,
    statement: Option<String>,
}

impl QueueCopy {
    /// Copies into `queue`; with `keep_ids` the events keep theirs, else the queue gives new ones.
    pub fn new(queue: &str, keep_ids: bool) -> Self {
        Self {
            queue: queue.to_owned(),
            keep_ids,
            rows: Vec::new(),
            statement: None,
        }
    }

    /// Takes one event.
    pub async fn push(&mut self, client: &Client, event: &Event) -> Result<()> {
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
            self.flush(client).await?;
        }
        Ok(())
    }

    /// Takes one event with its id as the provider wrote it.
    pub async fn push_as_it_is(&mut self, client: &Client, event: EventRef<'_>) -> Result<()> {
        let (time, tail) = event.raw_time_and_tail();
        writeln!(self.rows, "{}\t{time}\t{tail}", event.id()).expect("a vector takes all");
        if self.rows.len() >= FLUSH_BYTES {
            self.flush(client).await?;
        }
        Ok(())
    }

    /// Writes what waits.
    pub async fn flush(&mut self, client: &Client) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let failed =
            |error| Error::from(error).context(format!("copy of events into queue \"{}\"", self.queue));
        let statement = match &self.statement {
            Some(statement) => statement,
            None => {
                // The current table may change with every rotation, but not inside one transaction.
                let row = client
                    .query_one("select pgq.current_event_table($1)", &[&self.queue])
                    .await
                    .map_err(failed)?;
                let id = if self.keep_ids { "ev_id, " } else { "" };
                let columns = "ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4";
                let table = quote_fqname(row.get(0));
                self.statement
                    .insert(format!("copy {table} ({id}{columns}) from stdin"))
            }
        };
        let sink = client
            .copy_in::<_, Bytes>(statement.as_str())
            .await
            .map_err(failed)?;
        futures::pin_mut!(sink);
        sink.send(Bytes::from(std::mem::take(&mut self.rows)))
            .await
            .map_err(failed)?;
        sink.finish().await.map_err(failed)?;
        Ok(())
    }
}
