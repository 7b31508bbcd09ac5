//! Serves one database: connects, checks that it has the queue in a shape we know, runs the duties, reconnects.
//!
//! A failure is told once, then folded; the pauses between attempts grow from one second. The queue may appear and
//! vanish at any time: it is looked for again each `check_period`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::heartbeat::Heartbeat;
use super::rhythm::{Rhythm, idle_pause};
use super::stats::Stats;
use super::upkeep::{Failures, Upkeep, tell_failure, tell_recovery};
use super::wal_watch::Place;
use super::{Periods, alive};
use crate::error::{Error, ErrorKind, Result};
use crate::metrics;
use crate::pg::{AppName, ConnInfo, Session};
use crate::service::backoff::Backoff;
use crate::service::folded::Folded;
use crate::service::stop::StopSignal;
use crate::sql;

/// First and longest pause after a failure. Ancestor: 60 s after a failed connection, 10 s after a failed statement.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// The same failure is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(300);
/// A pass that takes longer is given up together with its connection.
const PASS_LIMIT: Duration = Duration::from_secs(60);
/// Up to so many databases keep a second connection open for maintenance and retry events.
const KEEP_CONNECTIONS: usize = 16;

/// What all databases of one pgqd share.
#[derive(Clone)]
pub struct Shared {
    /// The periods, which a reload may change.
    pub periods: watch::Receiver<Periods>,
    /// Counters.
    pub stats: Arc<Stats>,
    /// How many databases are being served (have the queue).
    pub served: Arc<AtomicUsize>,
    /// End of the log of changes.
    pub place: watch::Receiver<Place>,
    /// Asks for a new look at the list of databases.
    pub recheck: Arc<Notify>,
}

/// One database.
pub struct Database {
    /// Its name.
    pub name: String,
    /// How to connect to it.
    pub info: ConnInfo,
    /// What it shares with the others.
    pub shared: Shared,
}

/// Why one connection's work ended without an error.
enum Ended {
    /// There is no queue here.
    NoQueue,
    /// The connection has reached its age.
    Old,
    /// A stop was asked for.
    Stopped,
}

impl Database {
    /// Serves the database until a stop is asked for.
    pub async fn run(self, stop: StopSignal) {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let folded = Arc::new(Mutex::new(Folded::new(TELL_AGAIN)));
        let mut greeted = None;
        let mut upkeep = None;
        loop {
            let served = stop
                .unless_fast(self.serve(&mut greeted, &mut upkeep, &mut backoff, &folded, &stop))
                .await;
            if stop.is_stopped() {
                break;
            }
            let pause = match served {
                Ok(Ended::Stopped) => break,
                Ok(Ended::Old) => continue,
                Ok(Ended::NoQueue) => self.shared.periods.borrow().check,
                Err(error) => {
                    metrics::count_error(&self.name);
                    if let Some(line) = tell_failure(&folded, &error) {
                        tracing::error!("{}: {line}", self.name);
                    }
                    if error.kind() == ErrorKind::NotFound {
                        // Dropped, most likely: the list of databases will tell.
                        self.shared.recheck.notify_one();
                    }
                    backoff.next_pause()
                }
            };
            stop.sleep(pause).await;
        }
        if let Some(upkeep) = upkeep {
            // A task that was cancelled with the runtime has nothing to say.
            let _: Result<(), tokio::task::JoinError> = upkeep.await;
        }
    }

    async fn serve(
        &self,
        greeted: &mut Option<String>,
        upkeep: &mut Option<tokio::task::JoinHandle<()>>,
        backoff: &mut Backoff,
        folded: &Failures,
        stop: &StopSignal,
    ) -> Result<Ended> {
        let opened = Instant::now();
        let app = AppName::new("pgqd", "tick", &self.name);
        let session = stop.unless_stopped(Session::connect(&self.info, &app)).await?;
        let present = session.query_one(sql::ticker::FIND_PGQ, &[]).await?;
        if !present.get::<_, bool>("present") {
            tracing::debug!("[{}]: no pgq", self.name);
            return Ok(Ended::NoQueue);
        }
        if !self.is_version_ok(&session, greeted).await? {
            return Ok(Ended::NoQueue);
        }
        if !alive::take_mark(&session).await? {
            tracing::warn!("[{}]: the mark of a living ticker cannot be taken", self.name);
        }
        self.shared.served.fetch_add(1, Ordering::Relaxed);
        let _served = Served(&self.shared.served);
        if upkeep.is_none() {
            let work = Upkeep {
                database: self.name.clone(),
                info: self.info.clone(),
                app: AppName::new("pgqd", "upkeep", &self.name),
                periods: self.shared.periods.clone(),
                stats: self.shared.stats.clone(),
                folded: folded.clone(),
                served: self.shared.served.clone(),
                keep_up_to: KEEP_CONNECTIONS,
            };
            *upkeep = Some(tokio::spawn(work.run(stop.clone())));
        }
        backoff.reset();
        if let Some(line) = tell_recovery(folded) {
            tracing::info!("[{}]: {line}", self.name);
        }
        let ended = self.beat(&session, opened, folded, stop).await?;
        session.close().await;
        Ok(ended)
    }

    async fn beat(
        &self,
        session: &Session,
        opened: Instant,
        folded: &Failures,
        stop: &StopSignal,
    ) -> Result<Ended> {
        let mut heartbeat = Heartbeat::new(session).await?;
        let mut rhythm = Rhythm::new();
        let mut place = self.shared.place.clone();
        loop {
            let periods = *self.shared.periods.borrow();
            if stop.is_stopped() {
                return Ok(Ended::Stopped);
            }
            if opened.elapsed() >= periods.connection_lifetime {
                return Ok(Ended::Old);
            }
            // Before the look: what is written after this moment counts as news.
            let seen = place.borrow_and_update().clone();
            let pass = tokio::time::timeout(PASS_LIMIT, heartbeat.run_once(periods.ticker, true));
            let beat = pass.await.map_err(|_| {
                Error::new(ErrorKind::Timeout, "the server did not answer in time")
                    .with_detail(format!("{} s", PASS_LIMIT.as_secs()))
            })??;
            for notice in &beat.notices {
                tracing::warn!("[{}]: {notice}", self.name);
            }
            for error in &beat.errors {
                metrics::count_error(&self.name);
                if let Some(line) = tell_failure(folded, error) {
                    tracing::error!("{}: {line}", self.name);
                }
            }
            if beat.round || !beat.ticked.is_empty() {
                self.shared.stats.count_tick();
            }
            if beat.round && heartbeat.is_empty() && !has_queue(session).await? {
                // The schema was dropped while the connection was open.
                return Ok(Ended::NoQueue);
            }
            let served = self.shared.served.load(Ordering::Relaxed);
            let pause = rhythm.pause(beat.active, served);
            stop.sleep(pause.min(periods.ticker)).await;
            if pause >= idle_pause(served) && !beat.waiting && seen.is_some() {
                self.wait_for_news(&mut place, beat.next_idle, opened, session, stop)
                    .await;
            }
        }
    }

    /// Returns when something was written anywhere in the cluster, an idle tick is due, or the connection needs care.
    async fn wait_for_news(
        &self,
        place: &mut watch::Receiver<Place>,
        next_idle: Option<Instant>,
        opened: Instant,
        session: &Session,
        stop: &StopSignal,
    ) {
        loop {
            let periods = *self.shared.periods.borrow();
            let idle_due = next_idle.is_some_and(|at| Instant::now() >= at);
            let moved = place.has_changed().unwrap_or(true);
            if moved
                || idle_due
                || stop.is_stopped()
                || session.is_closed()
                || opened.elapsed() >= periods.connection_lifetime
            {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(periods.ticker) => self.shared.stats.count_tick(),
                _ = place.changed() => return,
                () = stop.wait() => return,
            }
        }
    }

    /// Whether the version of the queue is one that we can serve; told once per version.
    async fn is_version_ok(&self, session: &Session, greeted: &mut Option<String>) -> Result<bool> {
        let row = session.query_one(sql::ticker::FIND_VERSION, &[]).await?;
        let version: Option<String> = row.get("version");
        // Ancestor: a plain schema has no version and is ignored. It is a 3.x all the same, if it has its maintenance.
        let (ok, line) = match &version {
            Some(text) if text.as_bytes().first().is_some_and(|first| *first >= b'3') => {
                (true, format!("[{}]: pgq version ok: {text}", self.name))
            }
            None if has_queue(session).await? => (
                true,
                format!("[{}]: pgq has no version, it is a plain schema", self.name),
            ),
            _ => (false, format!("[{}]: bad pgq version, ignoring", self.name)),
        };
        if greeted.as_ref() != Some(&line) {
            if ok {
                tracing::info!("{line}");
            } else {
                tracing::warn!("{line}");
            }
            *greeted = Some(line);
        }
        Ok(ok)
    }
}

/// Whether the queue of 3.x is here.
async fn has_queue(session: &Session) -> Result<bool> {
    Ok(session
        .query_one(sql::ticker::FIND_PGQ, &[])
        .await?
        .get("maintained"))
}

/// Counts a database as served as long as it lives.
struct Served<'a>(&'a AtomicUsize);

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
