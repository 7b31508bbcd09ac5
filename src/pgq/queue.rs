//! Ticks of a queue: look at one, ask for a new one, tell and hear that one was made.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::{Snapshot, TickId};
use crate::error::Result;
use crate::sql;

/// Channel on which a ticker tells that it made a tick; the payload is the queue's name. An ancestor's ticker stays
/// silent, so listeners poll as well.
pub const TICK_CHANNEL: &str = "pgq_tick";

/// A batch border.
#[derive(Debug, Clone)]
pub struct Tick {
    /// Its id.
    pub id: TickId,
    /// When it was made, as timestamptz text with its offset.
    pub time: String,
    /// Which transactions lie before it (on the server where it was read).
    pub snapshot: Snapshot,
    /// Value of the event id sequence.
    pub event_seq: i64,
}

/// Loads one tick; `None` when the queue has no such tick (any more).
pub async fn load_tick(client: &tokio_postgres::Client, queue: &str, tick: TickId) -> Result<Option<Tick>> {
    let Some(row) = client.query_opt(sql::pgq::LOAD_TICK, &[&queue, &tick.0]).await? else {
        return Ok(None);
    };
    Ok(Some(Tick {
        id: TickId(row.get("tick_id")),
        time: row.get("tick_time"),
        snapshot: row.get::<_, String>("snapshot").parse()?,
        event_seq: row.get("event_seq"),
    }))
}

/// The ticks from `first` to `last`, both included, each with its age by the server's clock.
pub async fn list_ticks(
    client: &tokio_postgres::Client,
    queue: &str,
    first: TickId,
    last: TickId,
) -> Result<Vec<(Tick, Duration)>> {
    let rows = client
        .query(sql::pgq::LIST_TICKS, &[&queue, &first.0, &last.0])
        .await?;
    rows.iter()
        .map(|row| {
            let tick = Tick {
                id: TickId(row.get("tick_id")),
                time: row.get("tick_time"),
                snapshot: row.get::<_, String>("snapshot").parse()?,
                event_seq: row.get::<_, Option<i64>>("event_seq").unwrap_or(0),
            };
            let age = Duration::from_secs_f64(row.get::<_, f64>("lag_seconds").max(0.0));
            Ok((tick, age))
        })
        .collect()
}

/// Makes a tick now, where this role may; else marks the queue with `pgq.force_tick`, so that its ticker makes one. Does
/// nothing on a branch, whose ticks come from its provider.
///
/// Unlike the ancestor's, it burns no event ids, and it is safe beside any other ticker: the table of ticks is locked
/// before the snapshot of the new tick is taken. It must not be called inside a transaction.
pub async fn force_tick(client: &tokio_postgres::Client, queue: &str) -> Result<()> {
    let made = async {
        client
            .batch_execute(
                "begin isolation level read committed; set local lock_timeout = '2s'; \
                 lock table pgq.tick in share row exclusive mode",
            )
            .await?;
        client
            .query_opt(sql::pgq::MAKE_TICK, &[&queue, &TICK_CHANNEL])
            .await?;
        client.batch_execute("commit").await
    };
    match made.await {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(
                error.code(),
                Some(&SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::LOCK_NOT_AVAILABLE)
            ) =>
        {
            client.batch_execute("rollback").await?;
            client.query("select pgq.force_tick($1)", &[&queue]).await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
