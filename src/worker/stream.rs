//! The identity of a stream: a position belongs to one history of ticks.
//!
//! With each batch the node stores what its provider said of the batch's last tick. Before the next batch is applied,
//! the provider must describe that tick the same way. A provider that was set back and has made new ticks with the
//! same numbers is noticed by that; one that has not come as far as this node, by its numbers.

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Statement};

use crate::error::{Error, ErrorKind, Result};
use crate::pgq::{Batch, TickId};
use crate::sql;

/// Keeps and compares what providers said. Without our own schema in the database it knows nothing and says so once.
pub struct StreamIdentity {
    stored_here: bool,
    store: OnceCell<Statement>,
}

impl StreamIdentity {
    /// Looks whether the database has the table for it.
    pub async fn detect(client: &Client) -> Result<Self> {
        let row = client
            .query_one(
                "select pg_catalog.to_regclass('londiste_rs.stream_position') is not null",
                &[],
            )
            .await?;
        let stored_here: bool = row.get(0);
        if !stored_here {
            tracing::warn!(
                "this database lacks londiste_rs.stream_position, so a provider that was set back may go unnoticed: \
                 run londiste install --only londiste_rs on it"
            );
        }
        Ok(Self {
            stored_here,
            store: OnceCell::new(),
        })
    }

    /// Compares a tick as the provider describes it now with what was stored when this node replayed it; false when
    /// nothing is stored of it.
    ///
    /// # Errors
    /// [`ErrorKind::Position`] when it is another tick of the same number.
    pub async fn check(
        &self,
        client: &Client,
        queue: &str,
        consumer: &str,
        provider: &str,
        (tick, time): (TickId, &str),
    ) -> Result<bool> {
        if !self.stored_here {
            return Ok(false);
        }
        let row = client
            .query_opt(
                sql::worker::SAME_STREAM,
                &[&queue, &consumer, &provider, &tick.0, &time],
            )
            .await?;
        match row {
            Some(row) if !row.get::<_, bool>("same") => Err(Error::new(
                ErrorKind::Position,
                format!("provider \"{provider}\" has another history: its tick {tick} is not the one replayed here"),
            )
            .with_detail(format!(
                "replayed here: tick of {}; offered now: tick of {time}",
                row.get::<_, String>("tick_time"),
            ))
            .with_hint("was the provider restored from a backup, or a standby promoted that lacked the last changes?")
            .with_hint("compare the tables (londiste compare), resync those that differ, then delete this queue's row from londiste_rs.stream_position")),
            row => Ok(row.is_some()),
        }
    }

    /// Prepares what [`StreamIdentity::store`] runs, so that it is sent at once.
    pub async fn prepare(&self, client: &Client) -> Result<()> {
        if self.stored_here {
            self.statement(client).await?;
        }
        Ok(())
    }

    async fn statement(&self, client: &Client) -> Result<&Statement> {
        // The connection lives as long as this value.
        let prepare = || client.prepare(sql::worker::STORE_STREAM_POSITION);
        Ok(self.store.get_or_try_init(prepare).await?)
    }

    /// Notes the batch's last tick, inside the transaction of its work.
    pub async fn store(
        &self,
        client: &Client,
        queue: &str,
        consumer: &str,
        provider: &str,
        batch: &Batch,
    ) -> Result<()> {
        if self.stored_here {
            let statement = self.statement(client).await?;
            client
                .execute(
                    statement,
                    &[
                        &queue,
                        &consumer,
                        &provider,
                        &batch.tick.0,
                        &batch.tick_time,
                        &batch.event_seq,
                    ],
                )
                .await?;
        }
        Ok(())
    }
}
