//! Reading a queue: what worker and copy share.
//!
//! A [`Reader`] is one consumer's connection to its provider. It opens a batch, streams its events, finishes it, and
//! hears when a new tick is there. It stores nothing: the position lives with the work, on the subscriber, and
//! `finish` is called only after that work is durable. If the process dies in between, the batch comes again and the
//! stored position says that it is done.

mod join_size;
mod joined;

use std::sync::Arc;

pub use join_size::JoinSize;
pub use joined::JoinedBatch;

use crate::error::{Error, Result};
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::{self, Batch, BatchLimits, EventStream, TICK_CHANNEL, TickId};
use crate::sql;

/// One consumer's connection to its provider.
pub struct Reader {
    // Shared with what is being read ahead.
    session: Arc<Session>,
    queue: String,
    consumer: String,
}

impl Reader {
    /// Connects and begins to listen for ticks.
    pub async fn connect(info: &ConnInfo, app: &AppName, queue: &str, consumer: &str) -> Result<Self> {
        let session = Session::connect(info, app).await?;
        session.batch_execute(&format!("listen {TICK_CHANNEL}")).await?;
        Ok(Self {
            session: Arc::new(session),
            queue: queue.to_owned(),
            consumer: consumer.to_owned(),
        })
    }

    /// The connection, for other calls on the provider.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Takes an open batch apart into its ticks, beginning behind `completed`. `None` when that is not one of them, or
    /// when there is only one tick and nothing to take apart.
    pub async fn split(&self, batch: &Batch, completed: TickId) -> Result<Option<JoinedBatch>> {
        let is_next = batch.tick.0 == batch.prev_tick.0 + 1;
        if completed < batch.prev_tick || completed >= batch.tick || is_next {
            return Ok(None);
        }
        let ticks = pgq::list_ticks(&self.session, &self.queue, completed, batch.tick).await?;
        let is_whole = ticks.first().is_some_and(|(tick, _)| tick.id == completed)
            && ticks.last().is_some_and(|(tick, _)| tick.id == batch.tick);
        let is_single = ticks.len() == 2 && completed == batch.prev_tick;
        Ok((is_whole && !is_single).then(|| JoinedBatch::new(batch, ticks)))
    }

    /// The next tick of a joined batch, as a batch of its own.
    pub async fn next_of(&self, joined: &mut JoinedBatch) -> Result<Option<Batch>> {
        joined.next(&self.session).await
    }

    /// Opens the next batch, or finds the one that is open; `None` when there is no new tick.
    pub async fn next_batch(&self, limits: &BatchLimits) -> Result<Option<Batch>> {
        let statement = self.session.prepared(sql::pgq::NEXT_BATCH).await?;
        let next = async |limits| {
            pgq::next_batch_by(&self.session, &statement, &self.queue, &self.consumer, limits).await
        };
        let batch = next(limits).await?;
        if batch.is_some() || limits.join_events.is_none() {
            return Ok(batch);
        }
        // A join must never hold back a tick that is there, however the provider counts its events.
        let limits = BatchLimits {
            join_events: None,
            ..limits.clone()
        };
        next(&limits).await
    }

    /// Streams the events of an open batch; `filter` is an SQL condition on the event columns.
    pub async fn events(&self, batch: &Batch, filter: Option<&str>) -> Result<EventStream> {
        let Some(part) = &batch.part else {
            return EventStream::open(&self.session, batch.id, filter).await;
        };
        match (&part.lines, filter) {
            (Some(lines), None) => Ok(EventStream::of_lines(lines.clone())),
            (_, None) => EventStream::open(&self.session, batch.id, Some(&part.condition())).await,
            (_, Some(filter)) => {
                let both = format!("({filter}) and {}", part.condition());
                EventStream::open(&self.session, batch.id, Some(&both)).await
            }
        }
    }

    /// Moves the consumer past a batch whose work is durable.
    pub async fn finish_batch(&self, batch: &Batch) -> Result<()> {
        let statement = self.session.prepared(pgq::FINISH_BATCH).await?;
        self.session.query_one(&statement, &[&batch.id.0]).await?;
        Ok(())
    }

    /// Puts the consumer at `tick`, which the provider must still have.
    pub async fn reposition(&self, tick: TickId) -> Result<()> {
        self.session
            .query_one(
                "select pgq.register_consumer_at($1, $2, $3)",
                &[&self.queue, &self.consumer, &tick.0],
            )
            .await
            .map_err(|error| {
                Error::from(error).context(format!(
                    "consumer \"{}\" cannot be put at tick {tick}",
                    self.consumer
                ))
            })?;
        Ok(())
    }

    /// Returns when a tick of this queue was announced; an error when the connection ended. Cancel safe.
    pub async fn wait_for_tick(&mut self) -> Result<()> {
        let session = Arc::get_mut(&mut self.session)
            .ok_or_else(|| Error::internal("events are being read ahead while nobody works on a batch"))?;
        loop {
            if session.notification().await?.payload() == self.queue {
                session.drain_notifications();
                return Ok(());
            }
        }
    }
}

/// Tries to be the only process that works for `consumer` on this database: a session lock that ends with the connection.
/// Returns nothing when it is taken, else who holds it.
pub async fn take_session_lock(
    local: &tokio_postgres::Client,
    queue: &str,
    consumer: &str,
) -> Result<Option<String>> {
    let row = local
        .query_one(sql::worker::TAKE_WORKER_LOCK, &[&queue, &consumer])
        .await?;
    if row.get("taken") {
        return Ok(None);
    }
    let holder: Option<String> = row.get("holder");
    Ok(Some(
        holder.unwrap_or_else(|| "its connection is not visible".to_owned()),
    ))
}
