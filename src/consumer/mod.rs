//! Reading a queue: what worker and copy share.
//!
//! A [`Reader`] is one consumer's connection to its provider. It opens a batch, streams its events, finishes it, and
//! hears when a new tick is there. It stores nothing: the position lives with the work, on the subscriber, and
//! `finish` is called only after that work is durable. If the process dies in between, the batch comes again and the
//! stored position says that it is done.

use crate::error::{Error, Result};
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::{self, Batch, BatchLimits, EventStream, TICK_CHANNEL, TickId};
use crate::sql;

/// One consumer's connection to its provider.
pub struct Reader {
    session: Session,
    queue: String,
    consumer: String,
}

impl Reader {
    /// Connects and begins to listen for ticks.
    pub async fn connect(info: &ConnInfo, app: &AppName, queue: &str, consumer: &str) -> Result<Self> {
        let session = Session::connect(info, app).await?;
        session.batch_execute(&format!("listen {TICK_CHANNEL}")).await?;
        Ok(Self {
            session,
            queue: queue.to_owned(),
            consumer: consumer.to_owned(),
        })
    }

    /// The connection, for other calls on the provider.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Opens the next batch, or finds the one that is open; `None` when there is no new tick.
    pub async fn next_batch(&self, limits: &BatchLimits) -> Result<Option<Batch>> {
        let batch = pgq::next_batch(&self.session, &self.queue, &self.consumer, limits).await?;
        if batch.is_some() || limits.join_events.is_none() {
            return Ok(batch);
        }
        // A join must never hold back a tick that is there, however the provider counts its events.
        let limits = BatchLimits {
            join_events: None,
            ..limits.clone()
        };
        pgq::next_batch(&self.session, &self.queue, &self.consumer, &limits).await
    }

    /// Streams the events of an open batch; `filter` is an SQL condition on the event columns.
    pub async fn events(&self, batch: &Batch, filter: Option<&str>) -> Result<EventStream> {
        EventStream::open(&self.session, batch.id, filter).await
    }

    /// Moves the consumer past a batch whose work is durable.
    pub async fn finish_batch(&self, batch: &Batch) -> Result<()> {
        pgq::finish_batch(&self.session, batch.id).await
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
        loop {
            if self.session.notification().await?.payload() == self.queue {
                self.session.drain_notifications();
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
