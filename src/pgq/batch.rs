//! Batches: open the next one, finish it.

use std::time::Duration;

use tokio_postgres::ToStatement;

use super::{BatchId, Part, TickId};
use crate::error::Result;
use crate::sql;

/// What lies between two ticks of a queue, opened for one consumer.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Id, valid on the server that opened it.
    pub id: BatchId,
    /// The tick before the first event.
    pub prev_tick: TickId,
    /// The tick after the last event.
    pub tick: TickId,
    /// When that tick was made, as timestamptz text.
    pub tick_time: String,
    /// When the previous tick was made, as timestamptz text.
    pub prev_tick_time: String,
    /// Value of the event id sequence at that tick.
    pub event_seq: i64,
    /// How long ago that tick was made, by the provider's clock.
    pub lag: Duration,
    /// Where the open batch spans several ticks and this is one of them: which.
    pub part: Option<Part>,
}

/// Limits of `pgq.next_batch_custom`; the default takes tick after tick.
#[derive(Debug, Clone, Default)]
pub struct BatchLimits {
    /// Stay this far behind the queue's top (interval text).
    pub keep_lag: Option<String>,
    /// Merge ticks until there are this many events.
    pub collect_events: Option<i32>,
    /// Merge ticks until they span this long (interval text).
    pub collect_interval: Option<String>,
    /// Merge the ticks that are there, up to about this many events, and never wait for more.
    pub join_events: Option<i32>,
}

impl BatchLimits {
    /// Whether several ticks may come as one batch.
    pub fn merges_ticks(&self) -> bool {
        self.collect_events.is_some() || self.collect_interval.is_some() || self.join_events.is_some()
    }
}

/// Opens the next batch of `consumer`, or finds the one it has open; `None` when there is nothing yet
/// (pgq.md 5.4, `next_batch_custom`).
///
/// # Errors
/// The server's, when the consumer is not registered or its tick is gone.
pub async fn next_batch(
    client: &tokio_postgres::Client,
    queue: &str,
    consumer: &str,
    limits: &BatchLimits,
) -> Result<Option<Batch>> {
    next_batch_by(client, sql::pgq::NEXT_BATCH, queue, consumer, limits).await
}

/// The same, with [`sql::pgq::NEXT_BATCH`] as text or prepared.
pub async fn next_batch_by<S: ToStatement + Sync + ?Sized>(
    client: &tokio_postgres::Client,
    statement: &S,
    queue: &str,
    consumer: &str,
    limits: &BatchLimits,
) -> Result<Option<Batch>> {
    let row = client
        .query_one(
            statement,
            &[
                &queue,
                &consumer,
                &limits.keep_lag,
                &limits.collect_events,
                &limits.collect_interval,
                &limits.join_events,
            ],
        )
        .await?;
    let Some(id) = row.get::<_, Option<i64>>("batch_id") else {
        return Ok(None);
    };
    Ok(Some(Batch {
        id: BatchId(id),
        prev_tick: TickId(row.get("prev_tick_id")),
        tick: TickId(row.get("cur_tick_id")),
        tick_time: row.get("cur_tick_time"),
        prev_tick_time: row.get("prev_tick_time"),
        event_seq: row.get::<_, Option<i64>>("cur_tick_event_seq").unwrap_or(0),
        lag: Duration::from_secs_f64(row.get::<_, f64>("lag_seconds").max(0.0)),
        part: None,
    }))
}

/// Moves a consumer past its batch (parameter: the batch's id). Run it only when the work of the batch is durable
/// elsewhere.
pub const FINISH_BATCH: &str = "select pgq.finish_batch($1)";
