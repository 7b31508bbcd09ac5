//! Runs the second and the third duty of one database, each at its own period, over a connection of their own, so that
//! a lock they wait for never holds up a tick.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::limits::Excess;
use super::stats::Stats;
use super::{Periods, maintain, retry};
use crate::error::{Error, Result};
use crate::metrics;
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::ForeignTxids;
use crate::service::backoff::Backoff;
use crate::service::folded::Folded;
use crate::service::stop::StopSignal;
use crate::sql;

/// First and longest pause after a failure. Ancestor: 20 s after any error.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(20));

/// Pause between two looks at queues and consumers, when somebody scrapes the metrics.
const OBSERVE_PERIOD: Duration = Duration::from_secs(10);

/// Failures of all connections to one database: what one of them told the others do not tell again.
pub type Failures = Arc<Mutex<Folded>>;

/// Takes one failure; the line to log, if it is to be told.
pub fn tell_failure(failures: &Failures, error: &Error) -> Option<String> {
    failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .failed(&error.line())
}

/// Takes a success; the line to log, if there were failures.
pub fn tell_recovery(failures: &Failures) -> Option<String> {
    failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recovered()
}

/// What one database's upkeep needs to know.
pub struct Upkeep {
    /// Name in log lines.
    pub database: String,
    /// How to connect.
    pub info: ConnInfo,
    /// How the connection calls itself.
    pub app: AppName,
    /// The periods, which may change at any time.
    pub periods: watch::Receiver<Periods>,
    /// Counters.
    pub stats: Arc<Stats>,
    /// Failures that were told.
    pub folded: Failures,
    /// How many databases are being served.
    pub served: Arc<AtomicUsize>,
    /// With more databases than this the connection does not stay open between two rounds.
    pub keep_up_to: usize,
}

impl Upkeep {
    /// Works until a stop is asked for.
    pub async fn run(self, stop: StopSignal) {
        let mut session = None;
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut operation_errors = Vec::new();
        let mut known_excess = Vec::new();
        let mut known_foreign = Vec::new();
        let mut last_maint: Option<Instant> = None;
        let mut last_retry: Option<Instant> = None;
        let mut last_observed: Option<Instant> = None;
        while !stop.is_stopped() {
            let periods = *self.periods.borrow();
            let observe = || {
                if metrics::is_listening() {
                    OBSERVE_PERIOD
                } else {
                    Duration::MAX
                }
            };
            let wait = due_in(last_maint, periods.maint)
                .min(due_in(last_retry, periods.retry))
                .min(due_in(last_observed, observe()));
            if !wait.is_zero() {
                if self.served.load(Ordering::Relaxed) > self.keep_up_to {
                    session = None;
                }
                self.sleep(wait, &stop).await;
                continue;
            }
            let work = async {
                let session = match session.take().filter(|session: &Session| !session.is_closed()) {
                    Some(session) => session,
                    None => Session::connect(&self.info, &self.app).await?,
                };
                let present = session.query_one(sql::ticker::FIND_PGQ, &[]).await?;
                if !present.get::<_, bool>("present") {
                    last_maint = Some(Instant::now());
                    last_retry = Some(Instant::now());
                    last_observed = Some(Instant::now());
                    return Ok(session);
                }
                if due_in(last_maint, periods.maint).is_zero() {
                    tracing::debug!("[{}]: starting maintenance", self.database);
                    let round = maintain::run_once(&session, &stop).await?;
                    self.tell_excess(&round.excess, &mut known_excess);
                    self.tell_foreign(&round.foreign, &mut known_foreign);
                    self.tell(round.failed, &mut operation_errors);
                    self.stats.count_maint();
                    last_maint = Some(Instant::now());
                }
                if due_in(last_retry, periods.retry).is_zero() {
                    tracing::debug!("[{}]: starting retry event processing", self.database);
                    self.stats.count_retry(retry::run_once(&session, &stop).await?);
                    last_retry = Some(Instant::now());
                }
                if due_in(last_observed, observe()).is_zero() {
                    if metrics::is_listening() {
                        metrics::observe_database(&session, &self.database).await?;
                    }
                    last_observed = Some(Instant::now());
                }
                Ok(session)
            };
            let done: Result<Session> = stop.unless_fast(work).await;
            match done {
                Ok(kept) => {
                    session = Some(kept);
                    backoff.reset();
                }
                Err(error) if error.is_interrupted() => break,
                Err(error) => {
                    metrics::count_error(&self.database);
                    if let Some(line) = tell_failure(&self.folded, &error) {
                        tracing::error!("{}: {line}", self.database);
                    }
                    self.sleep(backoff.next_pause(), &stop).await;
                }
            }
        }
        if let Some(session) = session {
            session.close().await;
        }
    }

    /// Sleeps, but not over a change of the periods.
    async fn sleep(&self, pause: Duration, stop: &StopSignal) {
        let mut periods = self.periods.clone();
        tokio::select! {
            _ = stop.sleep(pause) => {}
            Ok(()) = periods.changed() => {}
        }
    }

    /// Tells the queues of another server, each once until it was repaired.
    fn tell_foreign(&self, found: &[ForeignTxids], known: &mut Vec<String>) {
        for foreign in found.iter().filter(|foreign| !known.contains(&foreign.queue)) {
            tracing::error!("[{}]: {}", self.database, foreign.line());
        }
        *known = found.iter().map(|foreign| foreign.queue.clone()).collect();
    }

    /// Tells the readers beyond their limits, each once until a round finds it within.
    fn tell_excess(&self, found: &[Excess], known: &mut Vec<(String, String, bool)>) {
        for excess in found.iter().filter(|excess| !known.contains(&excess.key())) {
            tracing::warn!("[{}]: {}", self.database, excess.line());
        }
        let now: Vec<_> = found.iter().map(Excess::key).collect();
        for (queue, consumer, detached) in known.iter().filter(|key| !now.contains(key)) {
            // A detached reader leaves the list; so does one that was told to be behind and is detached now.
            if !detached && !now.iter().any(|(q, c, _)| (q, c) == (queue, consumer)) {
                tracing::info!(
                    "[{}]: queue {queue}: consumer {consumer} is within its limit again",
                    self.database
                );
            }
        }
        *known = now;
    }

    /// Tells the failed operations of a round, each kind of failure once until a round goes without it.
    fn tell(&self, failed: Vec<(maintain::Operation, Error)>, known: &mut Vec<String>) {
        let lines: Vec<String> = failed
            .into_iter()
            .map(|(operation, error)| {
                metrics::count_error(&self.database);
                format!("{operation}: {}", error.line())
            })
            .collect();
        for line in lines.iter().filter(|line| !known.contains(line)) {
            tracing::error!("{}: {line}", self.database);
        }
        *known = lines;
    }
}

fn due_in(last: Option<Instant>, period: Duration) -> Duration {
    last.map_or(Duration::ZERO, |last| period.saturating_sub(last.elapsed()))
}
