//! Events, streamed out of a batch by COPY.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::Fuse;
use tokio_postgres::CopyOutStream;

use super::BatchId;
use crate::error::{Error, Result};
use crate::pg::copy_text::decode_field;
use crate::sql;

/// One row of a batch (pgq.md 3.5); texts are kept as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Event id, growing within the queue.
    pub id: i64,
    /// When the writing transaction began, as timestamptz text.
    pub time: String,
    /// Transaction id on the server where it was read.
    pub txid: i64,
    /// How often it was retried; NULL at the first delivery.
    pub retry: Option<i32>,
    /// What it is: `I:id`, `R`, `EXECUTE`, `pgq.tick-id`, ...
    pub ev_type: Option<String>,
    /// Its content.
    pub data: Option<String>,
    /// For row events the table's name.
    pub extra1: Option<String>,
    /// For row events the old row, if backup was asked for.
    pub extra2: Option<String>,
    /// Free.
    pub extra3: Option<String>,
    /// Free.
    pub extra4: Option<String>,
}

impl Event {
    /// The type, or an empty text where it is NULL.
    pub fn kind(&self) -> &str {
        self.ev_type.as_deref().unwrap_or("")
    }

    /// Whether it is a change of a row.
    pub fn is_row_change(&self) -> bool {
        is_row_change(self.kind())
    }
}

/// Whether events of this type change a row (londiste.md 6.1): `I`, `U`, `D`, `I:..`, `U:..`, `D:..` or `{"...`.
pub fn is_row_change(kind: &str) -> bool {
    matches!(
        kind.as_bytes(),
        [b'I' | b'U' | b'D'] | [b'I' | b'U' | b'D', b':', ..] | [b'{', b'"', ..]
    )
}

/// The events of one open batch, in order of their ids. While it lives its connection can do nothing else; read it to
/// its end or close the connection.
pub struct EventStream {
    source: Source,
    buffer: BytesMut,
}

enum Source {
    Copy(Pin<Box<Fuse<CopyOutStream>>>),
    // Read before, line by line.
    Lines(Arc<Vec<Bytes>>, usize),
}

impl EventStream {
    /// Begins to read `batch`; `filter` is an SQL condition on the event columns, evaluated on the server.
    pub async fn open(client: &tokio_postgres::Client, batch: BatchId, filter: Option<&str>) -> Result<Self> {
        let row = client.query_one(sql::pgq::BATCH_SQL, &[&batch.0]).await?;
        let events: String = row.get("sql");
        let statement = match filter {
            Some(filter) => format!("copy (select * from ({events}) ev where {filter} order by 1) to stdout"),
            None => format!("copy ({events}) to stdout"),
        };
        let source = Source::Copy(Box::pin(client.copy_out(&statement).await?.fuse()));
        Ok(Self {
            source,
            buffer: BytesMut::new(),
        })
    }

    /// Events that were read before, as lines of COPY text without newline.
    pub fn of_lines(lines: Arc<Vec<Bytes>>) -> Self {
        Self {
            source: Source::Lines(lines, 0),
            buffer: BytesMut::new(),
        }
    }

    /// The next event; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        match self.next_line().await? {
            Some(line) => decode_line(&line).map(Some),
            None => Ok(None),
        }
    }

    /// The next row as COPY text, without its newline.
    pub(crate) async fn next_line(&mut self) -> Result<Option<Bytes>> {
        let source = match &mut self.source {
            Source::Copy(source) => source,
            Source::Lines(lines, position) => {
                let line = lines.get(*position).cloned();
                *position += 1;
                return Ok(line);
            }
        };
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let line = self.buffer.split_to(end);
                self.buffer.advance(1);
                return Ok(Some(line.freeze()));
            }
            match source.next().await {
                // A CopyData message of the server is one whole row: the usual path copies nothing.
                Some(chunk) => {
                    let mut chunk = chunk?;
                    if self.buffer.is_empty() && memchr::memchr(b'\n', &chunk) == chunk.len().checked_sub(1) {
                        chunk.truncate(chunk.len() - 1);
                        return Ok(Some(chunk));
                    }
                    self.buffer.extend_from_slice(&chunk);
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Error::internal("the event stream ended inside a row")),
            }
        }
    }
}

/// The transaction id of a row of COPY text.
///
/// # Errors
/// When it is no event row, or one that belongs to no transaction.
pub fn txid_of_line(line: &[u8]) -> Result<i64> {
    let broken = || Error::internal(format!("cannot read an event row of {} bytes", line.len()));
    let field = line.split(|byte| *byte == b'\t').nth(2).ok_or_else(broken)?;
    std::str::from_utf8(field)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(broken)
}

fn decode_line(line: &Bytes) -> Result<Event> {
    let broken = || Error::internal(format!("cannot read an event row of {} bytes", line.len()));
    let mut fields = line.split(|byte| *byte == b'\t');
    let mut text = || -> Result<Option<String>> {
        let Some(bytes) = decode_field(fields.next().ok_or_else(broken)?) else {
            return Ok(None);
        };
        String::from_utf8(bytes.into_owned())
            .map(Some)
            .map_err(|_| Error::internal("an event field is not valid UTF-8"))
    };
    let (id, time, txid, retry) = (text()?, text()?, text()?, text()?);
    let number =
        |text: Option<String>| -> Result<i64> { text.and_then(|text| text.parse().ok()).ok_or_else(broken) };
    Ok(Event {
        id: number(id)?,
        time: time.ok_or_else(broken)?,
        // NULL only for an event whose retry lost it; such an event belongs to no snapshot.
        txid: txid.and_then(|text| text.parse().ok()).unwrap_or(i64::MAX),
        retry: retry.and_then(|text| text.parse().ok()),
        ev_type: text()?,
        data: text()?,
        extra1: text()?,
        extra2: text()?,
        extra3: text()?,
        extra4: text()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_copy_becomes_an_event() {
        let line = Bytes::from_static(
            b"7\t2026-01-01 00:00:00+00\t99\t\\N\tI:id\tid=1&t=a\\\\b\tpublic.t\t\\N\t\\N\tx\\ty",
        );
        let event = decode_line(&line).unwrap();
        assert_eq!(event.id, 7);
        assert_eq!(event.txid, 99);
        assert_eq!(event.data.as_deref(), Some("id=1&t=a\\b"));
        assert_eq!(event.extra2, None);
        assert_eq!(event.extra4.as_deref(), Some("x\ty"));
        assert!(event.is_row_change());
        assert!(decode_line(&Bytes::from_static(b"7\tx")).is_err());
    }
}
