//! A batch of several ticks, handed out tick by tick, with the next ticks' events being read meanwhile.
//!
//! A node that has nodes below it keeps every tick, in a transaction of its own, so that any of them can be moved to another
//! provider at any tick. When it is behind it still does not ask for each: it opens one batch over many ticks, reads the
//! events of a range of them (a chunk) in one stream, and tells by the snapshots which event belongs to which tick: the
//! first whose snapshot contains the event's transaction. That is known for certain only when the chunk was read to its
//! end, for the ids of events say nothing about the order in which their transactions ended. So a chunk is kept in memory,
//! and bounded: one that turns out to be large is forgotten, and its ticks are streamed one by one.
//!
//! The batch is finished when its last tick is done. If the process dies before, the same batch is open at the next start;
//! it goes on behind the tick that the node has stored.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::pg::Session;
use crate::pgq::{Batch, BatchId, EventStream, Part, Snapshot, Tick, TickId, condition, txid_of_line};

/// Events in a chunk, as the sequence of event ids counts them. A tick with more is never read ahead.
const CHUNK_EVENTS: i64 = 20_000;
/// Memory that a chunk may take; two may be there at a time.
const CHUNK_BYTES: usize = 32 << 20;
/// What a line costs beside its text.
const LINE_BYTES: usize = 64;

/// The ticks of an open batch, from the position of the reader on.
pub struct JoinedBatch {
    id: BatchId,
    // The first one is where the reader stands; the events between two neighbours are the second one's.
    ticks: Vec<Tick>,
    ages: Vec<Duration>,
    opened: Instant,
    next: usize,
    // Ticks of the current chunk with their events; nothing where they have to be streamed.
    ready: VecDeque<Option<Arc<Vec<Bytes>>>>,
    ahead: Option<Ahead>,
}

type Lines = Vec<Arc<Vec<Bytes>>>;

/// A chunk that is being read.
struct Ahead {
    ticks: Range<usize>,
    // Nothing: it is too large.
    work: JoinHandle<Result<Option<Lines>>>,
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl JoinedBatch {
    /// Takes the open batch whose `ticks` (with their ages) go from the one at which the reader stands to the last one.
    pub fn new(batch: &Batch, ticks: Vec<(Tick, Duration)>) -> Self {
        let (ticks, ages) = ticks.into_iter().unzip();
        Self {
            id: batch.id,
            ticks,
            ages,
            opened: Instant::now(),
            next: 1,
            ready: VecDeque::new(),
            ahead: None,
        }
    }

    /// The next tick as a batch of its own, with its events if they were read ahead; nothing when all are done.
    pub async fn next(&mut self, session: &Arc<Session>) -> Result<Option<Batch>> {
        let Some(tick) = self.ticks.get(self.next) else {
            return Ok(None);
        };
        let before = &self.ticks[self.next - 1];
        let mut batch = Batch {
            id: self.id,
            prev_tick: before.id,
            tick: tick.id,
            tick_time: tick.time.clone(),
            prev_tick_time: before.time.clone(),
            event_seq: tick.event_seq,
            lag: self.ages[self.next] + self.opened.elapsed(),
            part: Some(Part {
                after: before.snapshot.clone(),
                until: tick.snapshot.clone(),
                lines: None,
            }),
        };
        if self.ready.is_empty() {
            self.fill(session).await?;
        }
        if let (Some(part), Some(Some(lines))) = (&mut batch.part, self.ready.front()) {
            part.lines = Some(lines.clone());
        }
        Ok(Some(batch))
    }

    /// Whether `tick` was the last one: then the batch is to be finished.
    pub fn is_last(&self, tick: TickId) -> bool {
        self.ticks.last().is_none_or(|last| last.id == tick)
    }

    /// Goes on to the next tick, for this one is done.
    pub fn advance(&mut self) {
        self.next += 1;
        self.ready.pop_front();
    }

    /// Whether the events of the next tick are here.
    pub fn is_read(&self) -> bool {
        matches!(self.ready.front(), Some(Some(_)))
    }

    /// Waits for the chunk of the next tick, and begins to read the one after it.
    async fn fill(&mut self, session: &Arc<Session>) -> Result<()> {
        let mut chunk = match self.ahead.take() {
            Some(chunk) => chunk,
            None => self.read(session, self.next),
        };
        let ticks = chunk.ticks.clone();
        let lines = (&mut chunk.work)
            .await
            .map_err(|error| Error::internal(format!("the reading of a chunk ended: {error}")))??;
        match lines {
            Some(lines) => {
                self.ready = lines.into_iter().map(Some).collect();
                // Behind ticks that have to be streamed nothing is read ahead: they need the connection.
                if ticks.end < self.ticks.len() && !self.is_large(ticks.end) {
                    self.ahead = Some(self.read(session, ticks.end));
                }
            }
            None => self.ready = ticks.map(|_| None).collect(),
        }
        Ok(())
    }

    fn is_large(&self, first: usize) -> bool {
        self.ticks[first].event_seq - self.ticks[first - 1].event_seq > CHUNK_EVENTS
    }

    fn read(&self, session: &Arc<Session>, first: usize) -> Ahead {
        let end = chunk_end(&self.ticks, first);
        if self.is_large(first) {
            return Ahead {
                ticks: first..end,
                work: tokio::spawn(async { Ok(None) }),
            };
        }
        let snapshots: Vec<Snapshot> = self.ticks[first - 1..end]
            .iter()
            .map(|tick| tick.snapshot.clone())
            .collect();
        Ahead {
            ticks: first..end,
            work: tokio::spawn(read_chunk(session.clone(), self.id, snapshots)),
        }
    }
}

/// Where the chunk that begins with the tick at `first` ends (that one excluded).
fn chunk_end(ticks: &[Tick], first: usize) -> usize {
    let start = ticks[first - 1].event_seq;
    let fits = |tick: &&Tick| tick.event_seq - start <= CHUNK_EVENTS;
    first + ticks[first..].iter().take_while(fits).count().max(1)
}

/// Reads the events between the first and the last snapshot, per tick; nothing when they are too large.
async fn read_chunk(
    session: Arc<Session>,
    batch: BatchId,
    snapshots: Vec<Snapshot>,
) -> Result<Option<Lines>> {
    let [after, ticks @ ..] = snapshots.as_slice() else {
        return Ok(Some(Vec::new()));
    };
    let Some(until) = ticks.last() else {
        return Ok(Some(Vec::new()));
    };
    let mut events = EventStream::open(&session, batch, Some(&condition(after, until))).await?;
    let mut lines = vec![Vec::new(); ticks.len()];
    let mut bytes = 0;
    while let Some(line) = events.next_line().await? {
        bytes += line.len() + LINE_BYTES;
        if bytes > CHUNK_BYTES {
            // The stream has to be read to its end before the connection can do anything else.
            lines.clear();
            continue;
        }
        let txid = txid_of_line(&line)?;
        let tick = ticks.partition_point(|snapshot| !snapshot.contains(txid));
        let place = lines.get_mut(tick).ok_or_else(|| {
            Error::internal(format!(
                "an event of transaction {txid} belongs to no tick of its batch"
            ))
        })?;
        place.push(line);
    }
    Ok((bytes <= CHUNK_BYTES).then(|| lines.into_iter().map(Arc::new).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_take_as_many_ticks_as_fit() {
        let ticks: Vec<Tick> = [0, 10_000, 20_000, 20_001, 90_000, 90_001]
            .iter()
            .zip(1..)
            .map(|(event_seq, id)| Tick {
                id: TickId(id),
                time: String::new(),
                snapshot: "1:1:".parse().unwrap(),
                event_seq: *event_seq,
            })
            .collect();
        assert_eq!(chunk_end(&ticks, 1), 3);
        assert_eq!(chunk_end(&ticks, 3), 4);
        assert_eq!(chunk_end(&ticks, 4), 5, "a large tick is a chunk of its own");
        assert_eq!(chunk_end(&ticks, 5), 6);
    }
}
