//! The queue's side: open a batch, put events back, finish.

use tokio_postgres::GenericClient;

use super::settings::Settings;
use super::work::Mark;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::{self, Batch, BatchId, BatchLimits, EventStream, TICK_CHANNEL, TickId};
use crate::sql;

/// The connection to the queue's database.
pub struct Connection<'s> {
    pub session: Session,
    pub can_bury: bool,
    settings: &'s Settings,
}

/// How a session calls itself.
pub fn app_name(settings: &Settings) -> AppName {
    AppName::new("client", &settings.consumer, &settings.queue)
}

impl<'s> Connection<'s> {
    /// Connects and listens for ticks.
    pub async fn open(settings: &'s Settings) -> Result<Self> {
        let session = Session::connect(&ConnInfo::parse(&settings.source)?, &app_name(settings)).await?;
        session.batch_execute(&format!("listen {TICK_CHANNEL}")).await?;
        let row = session.query_one(sql::client::LOAD_ABILITIES, &[]).await?;
        if settings.member.is_some() && !row.get::<_, bool>("coop") {
            return Err(Error::not_found("the queue's database has no schema pgq_coop")
                .with_hint("install it with \"londiste install --only=pgq_coop CONNSTR\""));
        }
        Ok(Self {
            can_bury: row.get("bury"),
            session,
            settings,
        })
    }

    /// Subscribes the consumer, at `stored` where it has a position already.
    pub async fn register(&self, stored: Option<TickId>) -> Result<()> {
        let Settings { queue, consumer, .. } = self.settings;
        if let Some(detached) = pgq::find_detached(&self.session, queue, consumer).await? {
            return Err(detached);
        }
        let known = self
            .session
            .query_opt("select 1 from pgq.get_consumer_info($1, $2)", &[queue, consumer])
            .await?;
        if known.is_none() {
            self.session
                .query_one(
                    "select pgq.register_consumer_at($1, $2, $3)",
                    &[queue, consumer, &stored.map(|tick| tick.0)],
                )
                .await
                .map_err(|error| self.not_registered(error.into(), stored))?;
            tracing::info!("consumer {consumer} registered on queue {queue}");
        }
        if let Some(member) = &self.settings.member {
            self.session
                .query_one(
                    "select pgq_coop.register_subconsumer($1, $2, $3)",
                    &[queue, consumer, member],
                )
                .await?;
        }
        Ok(())
    }

    fn not_registered(&self, error: Error, stored: Option<TickId>) -> Error {
        let Settings { queue, consumer, .. } = self.settings;
        let doing = format!("consumer \"{consumer}\" cannot be registered on queue \"{queue}\"");
        match stored {
            Some(tick) if error.sqlstate() == Some("P0001") => {
                Error::new(ErrorKind::Position, format!("{doing}: the queue has no tick {tick}"))
                    .with_detail("that is the position stored with its work: events after it are gone")
                    .with_source(error)
                    .with_hint(format!(
                        "to go on without them: select pgq_ext.set_last_tick('{consumer}', null) in the work's database"
                    ))
            }
            _ => error.context(doing),
        }
    }

    /// Opens the next batch, or finds the one that is open.
    pub async fn next_batch(&self) -> Result<Option<Batch>> {
        let Settings {
            queue,
            consumer,
            limits,
            ..
        } = self.settings;
        let Some(member) = &self.settings.member else {
            let opened = async {
                let batch = pgq::next_batch(&self.session, queue, consumer, limits).await?;
                if batch.is_some() || limits.join_events.is_none() {
                    return Ok(batch);
                }
                // A join must never hold back a tick that is there.
                let limits = BatchLimits {
                    join_events: None,
                    ..limits.clone()
                };
                pgq::next_batch(&self.session, queue, consumer, &limits).await
            };
            return match opened.await {
                Ok(batch) => Ok(batch),
                Err(error) => Err(self.lost_consumer(error).await),
            };
        };
        let dead_after = self
            .settings
            .dead_after
            .map(|time| format!("{} seconds", time.as_secs_f64()));
        let opened = self
            .session
            .query_opt(
                sql::client::NEXT_MEMBER_BATCH,
                &[
                    queue,
                    consumer,
                    member,
                    &limits.keep_lag,
                    &limits.collect_events,
                    &limits.collect_interval,
                    &dead_after,
                ],
            )
            .await;
        let opened = match opened {
            Ok(row) => row.and_then(|row| row.get::<_, Option<i64>>("batch_id")),
            Err(error) => return Err(self.lost_consumer(error.into()).await),
        };
        match opened {
            Some(id) => self.load_batch(BatchId(id)).await,
            None => Ok(None),
        }
    }

    async fn load_batch(&self, id: BatchId) -> Result<Option<Batch>> {
        let row = self.session.query_opt(sql::client::LOAD_BATCH, &[&id.0]).await?;
        Ok(row.map(|row| Batch {
            id,
            prev_tick: TickId(row.get("prev_tick_id")),
            tick: TickId(row.get("tick_id")),
            tick_time: row.get("tick_time"),
            prev_tick_time: row.get("prev_tick_time"),
            event_seq: row.get("event_seq"),
            lag: std::time::Duration::from_secs_f64(row.get::<_, f64>("lag_seconds").max(0.0)),
            part: None,
        }))
    }

    async fn lost_consumer(&self, error: Error) -> Error {
        if error.sqlstate() != Some("P0001") {
            return error;
        }
        let Settings { queue, consumer, .. } = self.settings;
        match pgq::find_detached(&self.session, queue, consumer).await {
            Ok(Some(detached)) => detached,
            _ => error.with_hint(format!(
                "is it registered? \"londiste queue register {queue} {consumer}\" does so, or Settings::register"
            )),
        }
    }

    /// Streams the events of an open batch.
    pub async fn events(&self, batch: &Batch) -> Result<EventStream> {
        EventStream::open(&self.session, batch.id, self.settings.filter.as_deref()).await
    }

    /// Puts the consumer at a tick.
    pub async fn reposition(&self, tick: TickId) -> Result<()> {
        let Settings { queue, consumer, .. } = self.settings;
        self.session
            .query_one(
                "select pgq.register_consumer_at($1, $2, $3)",
                &[queue, consumer, &tick.0],
            )
            .await?;
        Ok(())
    }

    /// Returns when a tick of the queue was announced.
    pub async fn wait_for_tick(&mut self) -> Result<()> {
        while self.session.notification().await?.payload() != self.settings.queue {}
        self.session.drain_notifications();
        Ok(())
    }
}

/// Puts events back and finishes the batch, in the transaction of `client`. Does nothing when somebody else has finished
/// the batch: then its events are where they belong.
pub async fn finish(
    client: &impl GenericClient,
    settings: &Settings,
    batch: &Batch,
    marks: &[Mark],
) -> Result<bool> {
    if !is_open(client, batch.id).await? {
        return Ok(false);
    }
    for mark in marks {
        match mark.after {
            Some(seconds) => {
                client
                    .query_one(
                        "select pgq.event_retry($1::int8, $2::int8, $3::int4)",
                        &[&batch.id.0, &mark.event, &seconds],
                    )
                    .await?;
            }
            None => {
                client
                    .query_one(
                        "select londiste_rs.bury_event($1, $2, $3)",
                        &[&batch.id.0, &mark.event, &mark.reason],
                    )
                    .await?;
            }
        }
    }
    let statement = match settings.member {
        Some(_) => "select pgq_coop.finish_batch($1)",
        None => "select pgq.finish_batch($1)",
    };
    let done: i32 = client.query_one(statement, &[&batch.id.0]).await?.get(0);
    Ok(done == 1)
}

/// Whether a batch is open on the queue.
pub async fn is_open(client: &impl GenericClient, batch: BatchId) -> Result<bool> {
    let row = client
        .query_opt("select 1 from pgq.subscription where sub_batch = $1", &[&batch.0])
        .await?;
    Ok(row.is_some())
}
