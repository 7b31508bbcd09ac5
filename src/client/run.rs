//! The loop: connect, batch after batch, wait for ticks, connect again.

use std::time::Duration;

use super::connection::{Connection, app_name, finish, is_open};
use super::keeper::{Keeper, Seen, lock};
use super::settings::{Keep, Settings};
use super::work::{Mark, Work};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::pg::{ConnInfo, Session};
use crate::pgq::{Batch, BatchId, TickId};
use crate::service::backoff::Backoff;
use crate::service::fault;
use crate::service::folded::Folded;
use crate::service::stop::StopSignal;

/// Does the work of a batch.
pub trait Handler: Send {
    /// Called once for each batch, also for one without events. An error means that nothing of it is done: the transaction
    /// is rolled back, and after a pause the batch comes again.
    fn batch(&mut self, work: &mut Work<'_>) -> impl Future<Output = Result<()>> + Send;
}

/// Reads one queue under one name.
#[derive(Debug, Clone)]
pub struct Consumer {
    settings: Settings,
}

impl Consumer {
    /// Takes the settings; nothing is connected yet.
    ///
    /// # Errors
    /// When a connect string cannot be read, or a name is empty.
    pub fn new(settings: Settings) -> Result<Self> {
        ConnInfo::parse(&settings.source)?;
        if let Keep::In(connstr) = &settings.keep {
            ConnInfo::parse(connstr)?;
        }
        if settings.queue.is_empty() || settings.consumer.is_empty() {
            return Err(Error::config(
                "a consumer needs the name of its queue and one of its own",
            ));
        }
        if settings
            .member
            .as_deref()
            .is_some_and(|name| name.is_empty() || name.starts_with('@'))
        {
            return Err(Error::config(
                "the name of a member must not be empty or begin with @",
            ));
        }
        Ok(Self { settings })
    }

    /// Handles batch after batch until a stop is asked for: a graceful one ends after the batch in hand, a fast one rolls it
    /// back. Failures are logged once and tried again after a growing pause, on new connections.
    ///
    /// # Errors
    /// Those that no retry can help ([`ErrorKind::retry`]), and any after [`Settings::most_failures`].
    pub async fn run(&self, handler: &mut impl Handler, stop: &StopSignal) -> Result<()> {
        let mut backoff = Backoff::new(Duration::from_millis(250), self.settings.longest_pause);
        let mut folded = Folded::new(Duration::from_secs(300));
        let mut failures = 0;
        loop {
            let mut healthy = || {
                backoff.reset();
                failures = 0;
                if let Some(line) = folded.recovered() {
                    tracing::info!("{line}");
                }
            };
            let error = match self.serve(handler, stop, true, &mut healthy).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_interrupted() && stop.is_stopped() => return Ok(()),
                Err(error) => error,
            };
            failures += 1;
            if error.kind().retry() == Retry::Never
                || self.settings.most_failures.is_some_and(|most| failures >= most)
            {
                return Err(error);
            }
            if let Some(line) = folded.failed(&error.line()) {
                tracing::error!("consumer {}: {line}", self.settings.consumer);
            }
            if !stop.sleep(backoff.next_pause()).await {
                return Ok(());
            }
        }
    }

    /// Handles what is there now; returns the number of batches at the first look that finds none.
    ///
    /// # Errors
    /// The first one.
    pub async fn run_to_end(&self, handler: &mut impl Handler, stop: &StopSignal) -> Result<u64> {
        self.serve(handler, stop, false, &mut || {}).await
    }

    async fn serve(
        &self,
        handler: &mut impl Handler,
        stop: &StopSignal,
        stay: bool,
        healthy: &mut (dyn FnMut() + Send),
    ) -> Result<u64> {
        let mut desk = stop.unless_stopped(Desk::open(&self.settings)).await?;
        let mut batches = 0;
        while !stop.is_stopped() {
            let worked = stop.unless_fast(desk.pass(handler)).await?;
            healthy();
            if worked {
                batches += 1;
                continue;
            }
            if !stay {
                break;
            }
            tokio::select! {
                ticked = desk.source.wait_for_tick() => ticked?,
                () = tokio::time::sleep(self.settings.poll) => {}
                () = stop.wait() => {}
            }
        }
        Ok(batches)
    }
}

/// The open connections.
struct Desk<'s> {
    settings: &'s Settings,
    source: Connection<'s>,
    place: Place<'s>,
}

/// Where the work is kept.
enum Place<'s> {
    Anywhere,
    Here(Session),
    There(Session, Keeper<'s>),
}

impl<'s> Desk<'s> {
    async fn open(settings: &'s Settings) -> Result<Self> {
        let source = Connection::open(settings).await?;
        let app = app_name(settings);
        let place = match &settings.keep {
            Keep::Anywhere => Place::Anywhere,
            Keep::Here => Place::Here(Session::connect(&ConnInfo::parse(&settings.source)?, &app).await?),
            Keep::In(connstr) => {
                let session = Session::connect(&ConnInfo::parse(connstr)?, &app).await?;
                let keeper = Keeper::open(settings, &session).await?;
                Place::There(session, keeper)
            }
        };
        if settings.register {
            let stored = match &place {
                Place::There(session, keeper) => keeper.find_position(session).await?,
                _ => None,
            };
            source.register(stored).await?;
        }
        if let Place::There(session, keeper) = &place {
            for batch in keeper.list_left(session).await? {
                // An open one is in work, or was handed to another member who needs to know that it is done.
                if !is_open(&*source.session, BatchId(batch)).await? {
                    keeper.tidy(session, batch, true).await?;
                }
            }
        }
        Ok(Self {
            settings,
            source,
            place,
        })
    }

    /// One batch; false when there is none.
    async fn pass(&mut self, handler: &mut impl Handler) -> Result<bool> {
        let Some(batch) = self.source.next_batch().await? else {
            return Ok(false);
        };
        fault::point("client.batch.opened");
        match &mut self.place {
            Place::Anywhere => {
                let (marks, _) = handle(&self.source, self.settings, &batch, None, handler).await?;
                fault::point("client.work.committed");
                finish_on_queue(&mut self.source, self.settings, &batch, &marks).await?;
            }
            Place::Here(session) => {
                let transaction = session.transaction().await?;
                lock(&transaction, &format!("{}/@{}", self.settings.consumer, batch.id)).await?;
                if !is_open(&transaction, batch.id).await? {
                    // Another process of this name was faster.
                    transaction.rollback().await?;
                    return Ok(true);
                }
                let (marks, transaction) =
                    handle(&self.source, self.settings, &batch, Some(transaction), handler).await?;
                let transaction = transaction.ok_or_else(lost_transaction)?;
                finish(&transaction, self.settings, &batch, &marks).await?;
                fault::point("client.work.before-commit");
                transaction.commit().await?;
                fault::point("client.work.committed");
            }
            Place::There(session, keeper) => {
                let transaction = session.transaction().await?;
                let seen = keeper.look(&transaction, &batch).await?;
                // Asked after the look, under its lock: a mark that is tidied away stands for a batch that is finished.
                if seen != Seen::Done && !is_open(&*self.source.session, batch.id).await? {
                    transaction.rollback().await?;
                    return Ok(true);
                }
                let marks = match seen {
                    Seen::Done => {
                        let marks = keeper.load_marks(&transaction, &batch).await?;
                        transaction.rollback().await?;
                        marks
                    }
                    Seen::New => {
                        let (marks, transaction) =
                            handle(&self.source, self.settings, &batch, Some(transaction), handler).await?;
                        let transaction = transaction.ok_or_else(lost_transaction)?;
                        keeper.store(&transaction, &batch, &marks).await?;
                        fault::point("client.work.before-commit");
                        transaction.commit().await?;
                        fault::point("client.work.committed");
                        marks
                    }
                    Seen::Behind(stored) => {
                        transaction.rollback().await?;
                        self.source.reposition(stored).await.map_err(|error| {
                            lost_position(self.settings, &batch, stored).with_source(error).with_hint(
                                "the queue has removed the events in between; to go on without them, store another \
                                 position with pgq_ext.set_last_tick",
                            )
                        })?;
                        tracing::warn!(
                            "the work is at tick {stored}, the queue thought it at {}: reading again from {stored}",
                            batch.prev_tick
                        );
                        return Ok(true);
                    }
                    Seen::Ahead(stored) => {
                        return Err(lost_position(self.settings, &batch, stored)
                            .with_detail("the queue has not come as far as the work")
                            .with_hint(
                                "was the queue's database restored, or is the name used by another consumer?",
                            ));
                    }
                };
                finish_on_queue(&mut self.source, self.settings, &batch, &marks).await?;
                keeper.tidy(session, batch.id.0, !marks.is_empty()).await?;
            }
        }
        Ok(true)
    }
}

/// Runs the handler and reads the stream to its end, so that the connection is free again.
async fn handle<'a>(
    source: &Connection<'_>,
    settings: &Settings,
    batch: &'a Batch,
    transaction: Option<tokio_postgres::Transaction<'a>>,
    handler: &mut impl Handler,
) -> Result<(Vec<Mark>, Option<tokio_postgres::Transaction<'a>>)> {
    let mut work = Work {
        batch,
        stream: Some(source.events(batch).await?),
        transaction,
        marks: Vec::new(),
        retry_limit: settings.retry_limit,
        can_bury: source.can_bury,
    };
    handler.batch(&mut work).await?;
    while work.next_event().await?.is_some() {}
    Ok((work.marks, work.transaction))
}

/// Puts events back and finishes the batch in one transaction on the queue's side.
async fn finish_on_queue(
    source: &mut Connection<'_>,
    settings: &Settings,
    batch: &Batch,
    marks: &[Mark],
) -> Result<()> {
    let transaction = source.session.transaction().await?;
    finish(&transaction, settings, batch, marks).await?;
    fault::point("client.finish.before-commit");
    transaction.commit().await?;
    fault::point("client.finish.done");
    Ok(())
}

fn lost_transaction() -> Error {
    Error::internal("the transaction of the work vanished")
}

fn lost_position(settings: &Settings, batch: &Batch, stored: TickId) -> Error {
    Error::new(
        ErrorKind::Position,
        format!(
            "consumer \"{}\" lost its position: its work is at tick {stored}, the queue offers ticks {} to {}",
            settings.consumer, batch.prev_tick, batch.tick
        ),
    )
}
