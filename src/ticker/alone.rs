//! A worker ticks its own database while nobody else does, so that one process per node is enough to start with.
//!
//! What the database decides: whether a pgqd lives (its mark, [`super::alive`]), and which one of several workers has
//! the place of the ticking one (an exclusive lock). What is judged from here: whether an ancestor's pgqd lives, which
//! holds no mark. It shows itself by its statement, or, where statements of other roles may not be read, by ticks that
//! keep coming. [`Judge`] decides, without I/O:
//!
//! | now | sees | does |
//! | --- | --- | --- |
//! | watching | a mark, or the ancestor's calls | keeps watching |
//! | watching | nothing of another ticker since the start | ticks, within a second of the start |
//! | watching | a mark was there and is gone for a moment (pgqd restarts faster) | ticks |
//! | watching | ticks without a mark came, but events have been waiting for long now, or idle ticks stay away | ticks |
//! | ticking | a mark, or the ancestor's calls one after the other | steps back |
//!
//! If it is wrong, nothing breaks: two tickers do no harm (invariant of [`super::heartbeat`]), and if nobody ticked the
//! waiting events would prove it.

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Periods;
use super::alive::{self, Other};
use super::heartbeat::{Beat, Heartbeat};
use super::rhythm::Rhythm;
use super::stats::Stats;
use super::upkeep::Upkeep;
use crate::error::Result;
use crate::metrics;
use crate::pg::{AppName, ConnInfo, Session};
use crate::service::backoff::Backoff;
use crate::service::folded::Folded;
use crate::service::stop::{StopLevel, StopSignal, Stopper, stop_pair};
use crate::sql;

/// Pause between two looks while somebody else ticks.
const WATCHING: Duration = Duration::from_millis(250);
/// How often a look goes to other sessions.
const LOOK_AROUND: Duration = Duration::from_secs(1);
/// A pgqd that is restarted takes its mark again within this time.
const RESTART: Duration = Duration::from_secs(2);
/// The ancestor calls its ticker every second; after a call it counts as living for so long.
const CALLED: Duration = Duration::from_secs(5);
/// So many calls within [`CALLED`] and as much again are a program, not a person.
const CALLS: usize = 3;
/// Events wait at least so long before silence counts.
const PATIENCE: Duration = Duration::from_secs(5);
/// First and longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// The same failure is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(300);

/// What one look showed.
#[derive(Debug, Clone, Copy)]
struct Sight {
    now: Instant,
    /// The other ticker that can be seen, with the time of the ancestor's call in milliseconds of its own clock.
    other: Option<(Other, i64)>,
    /// Whether a tick of somebody else was found.
    foreign_tick: bool,
    /// Whether events wait.
    waiting: bool,
    /// Age of the oldest newest tick in idle periods.
    staleness: f64,
    /// Longest `ticker_max_lag`.
    max_lag: Duration,
}

/// Decides who ticks.
#[derive(Debug)]
struct Judge {
    ticking: bool,
    marked: Option<Instant>,
    calls: VecDeque<(Instant, i64)>,
    foreign: Option<Instant>,
    waiting_since: Option<Instant>,
}

impl Judge {
    fn new() -> Self {
        Self {
            ticking: false,
            marked: None,
            calls: VecDeque::new(),
            foreign: None,
            waiting_since: None,
        }
    }

    /// Whether this worker is to tick from now on.
    fn decide(&mut self, sight: Sight) -> bool {
        let now = sight.now;
        match sight.other {
            Some((Other::Pgqd(_), _)) => self.marked = Some(now),
            Some((Other::Ancestor(_), at)) if self.calls.back().is_none_or(|(_, last)| *last != at) => {
                self.calls.push_back((now, at));
            }
            _ => {}
        }
        while self
            .calls
            .front()
            .is_some_and(|(seen, _)| now.duration_since(*seen) > CALLED * 2)
        {
            self.calls.pop_front();
        }
        if sight.foreign_tick {
            self.foreign = Some(now);
        }
        self.waiting_since = match (sight.waiting, sight.foreign_tick) {
            (true, false) => self.waiting_since.or(Some(now)),
            (true, true) => Some(now),
            (false, _) => None,
        };
        let marked_now = matches!(sight.other, Some((Other::Pgqd(_), _)));
        if self.ticking {
            self.ticking = !marked_now && self.calls.len() < CALLS;
        } else if !marked_now && self.is_silent(&sight) {
            self.ticking = true;
            // Only what is called from now on speaks for a ticker that came back.
            self.calls.clear();
        }
        self.ticking
    }

    /// Whether whoever ticked is gone.
    fn is_silent(&self, sight: &Sight) -> bool {
        let since = |at: Option<Instant>| at.map(|at| sight.now.duration_since(at));
        if since(self.marked).is_some_and(|ago| ago < RESTART) {
            return false;
        }
        let called = since(self.calls.back().map(|(seen, _)| *seen));
        if called.is_some_and(|ago| ago < CALLED) {
            return false;
        }
        // Ticks that came after the last mark come from somebody without one.
        let unmarked_ticker = self
            .foreign
            .is_some_and(|tick| self.marked.is_none_or(|mark| tick > mark + RESTART));
        if !unmarked_ticker {
            return true;
        }
        let patience = PATIENCE.max(sight.max_lag * 2);
        since(self.waiting_since).is_some_and(|waited| waited > patience) || sight.staleness > 2.2
    }
}

/// Ticks the worker's database while nobody else does, and watches it while somebody does, until a stop is asked for.
/// `app` names the connection.
pub async fn run_when_alone(info: ConnInfo, app: AppName, stop: StopSignal) -> Result<()> {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let mut folded = Folded::new(TELL_AGAIN);
    while !stop.is_stopped() {
        let work = watch_and_tick(&info, &app, &mut backoff, &mut folded, &stop);
        match stop.unless_fast(work).await {
            Ok(()) => {}
            Err(error) if error.is_interrupted() => break,
            Err(error) => {
                if let Some(line) = folded.failed(&error.line()) {
                    tracing::warn!("watching for a ticker: {line}");
                }
                stop.sleep(backoff.next_pause()).await;
            }
        }
    }
    Ok(())
}

async fn watch_and_tick(
    info: &ConnInfo,
    app: &AppName,
    backoff: &mut Backoff,
    folded: &mut Folded,
    stop: &StopSignal,
) -> Result<()> {
    let session = stop.unless_stopped(Session::connect(info, app)).await?;
    let database: String = session
        .query_one(sql::ticker::CURRENT_DATABASE, &[])
        .await?
        .get("database");
    let mut heartbeat = Heartbeat::new(&session).await?;
    let mut judge = Judge::new();
    let mut rhythm = Rhythm::new();
    let mut other = None;
    let mut next_look = Instant::now();
    let mut upkeep: Option<Duties> = None;
    backoff.reset();
    if let Some(line) = folded.recovered() {
        tracing::info!("watching for a ticker: {line}");
    }
    let ended = loop {
        if stop.is_stopped() {
            break Ok(());
        }
        let pass = pass(
            &session,
            &mut heartbeat,
            upkeep.is_some(),
            &mut next_look,
            &mut other,
        )
        .await;
        let beat = match pass {
            Ok(beat) => beat,
            Err(error) => break Err(error),
        };
        for text in &beat.notices {
            tracing::warn!("ticker of database \"{database}\": {text}");
        }
        for error in &beat.errors {
            metrics::count_error(&database);
            if let Some(line) = folded.failed(&error.line()) {
                tracing::warn!("ticker of database \"{database}\": {line}");
            }
        }
        let tick = judge.decide(Sight {
            now: Instant::now(),
            other,
            foreign_tick: beat.foreign > 0,
            waiting: beat.waiting,
            staleness: beat.staleness,
            max_lag: beat.max_lag,
        });
        match (&mut upkeep, tick) {
            (None, true) if !heartbeat.is_empty() => {
                if alive::take_place(&session).await? {
                    tracing::info!(
                        "no ticker is alive on database \"{database}\": this worker ticks queue(s) {}",
                        quoted(&heartbeat.queue_names())
                    );
                    upkeep = Some(Duties::start(database.clone(), info.clone()));
                    rhythm = Rhythm::new();
                    continue;
                }
                // Another worker ticks; it is asked again with the next look.
                judge.ticking = false;
            }
            (Some(_), false) => {
                if let Some((other, _)) = other {
                    tracing::info!(
                        "a ticker is alive on database \"{database}\" ({other}): this worker steps back"
                    );
                }
                alive::leave_place(&session).await?;
                if let Some(duties) = upkeep.take() {
                    duties.stop(StopLevel::Graceful).await;
                }
            }
            (None, true) => judge.ticking = false,
            _ => {}
        }
        let pause = if upkeep.is_some() {
            rhythm.pause(beat.active, 1)
        } else {
            WATCHING
        };
        stop.sleep(pause).await;
    };
    if let Some(duties) = upkeep {
        let level = if ended.is_ok() {
            StopLevel::Graceful
        } else {
            StopLevel::Fast
        };
        duties.stop(level).await;
    }
    session.close().await;
    ended
}

async fn pass(
    session: &Session,
    heartbeat: &mut Heartbeat<'_>,
    may_tick: bool,
    next_look: &mut Instant,
    other: &mut Option<(Other, i64)>,
) -> Result<Beat> {
    if Instant::now() >= *next_look {
        *other = alive::find_ticker(session).await?;
        *next_look = Instant::now() + LOOK_AROUND;
    }
    heartbeat.run_once(LOOK_AROUND, may_tick).await
}

/// Maintenance and retry events, as long as the worker ticks.
struct Duties {
    stopper: StopOnDrop,
    work: tokio::task::JoinHandle<()>,
    // The periods stay as they are; the sender keeps the channel open.
    _periods: watch::Sender<Periods>,
}

impl Duties {
    fn start(database: String, info: ConnInfo) -> Self {
        let (stopper, stop) = stop_pair();
        let (sender, periods) = watch::channel(Periods::default());
        let upkeep = Upkeep {
            app: AppName::new("upkeep", &database, ""),
            database,
            info,
            periods,
            stats: Arc::new(Stats::default()),
            folded: Arc::new(Mutex::new(Folded::new(TELL_AGAIN))),
            served: Arc::new(AtomicUsize::new(1)),
            keep_up_to: 1,
        };
        Self {
            stopper: StopOnDrop(stopper),
            work: tokio::spawn(upkeep.run(stop)),
            _periods: sender,
        }
    }

    async fn stop(self, level: StopLevel) {
        self.stopper.0.stop(level);
        // A task that was cancelled with the runtime has nothing to say.
        let _ = self.work.await;
    }
}

/// A fast stop drops everything in mid-work, the duties with it.
struct StopOnDrop(Stopper);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(StopLevel::Fast);
    }
}

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct Story {
        judge: Judge,
        now: Instant,
    }

    impl Story {
        fn new() -> Self {
            Self {
                judge: Judge::new(),
                now: Instant::now(),
            }
        }

        /// One look, a second later; is this worker ticking?
        fn sees(&mut self, other: Option<(Other, i64)>, foreign_tick: bool, waiting: bool) -> bool {
            self.now += SECOND;
            self.judge.decide(Sight {
                now: self.now,
                other,
                foreign_tick,
                waiting,
                staleness: 0.5,
                max_lag: 3 * SECOND,
            })
        }
    }

    const MARK: Option<(Other, i64)> = Some((Other::Pgqd(1), 0));

    fn call(at: i64) -> Option<(Other, i64)> {
        Some((Other::Ancestor(2), at))
    }

    #[test]
    fn a_database_without_a_ticker_is_taken_at_the_first_look() {
        assert!(Story::new().sees(None, false, false));
    }

    #[test]
    fn a_mark_is_respected_and_its_end_noticed() {
        let mut story = Story::new();
        assert!(!story.sees(MARK, false, true));
        assert!(!story.sees(MARK, true, true));
        assert!(!story.sees(None, false, true));
        assert!(story.sees(None, false, true));
        assert!(!story.sees(MARK, false, false));
    }

    #[test]
    fn the_ancestors_calls_are_respected_and_one_call_of_a_person_is_not() {
        let mut story = Story::new();
        assert!(!story.sees(call(1), false, false));
        for second in 2..5 {
            assert!(!story.sees(call(second), true, true));
        }
        // It died: nothing is done for the time that its call is young, then until waiting events prove it.
        let mut quiet = 0;
        while !story.sees(None, false, true) {
            quiet += 1;
            assert!(quiet < 20);
        }
        assert!(quiet >= 5);
        assert!(story.sees(call(100), false, false));
        assert!(story.sees(None, false, false));
        assert!(story.sees(call(102), false, false));
        assert!(!story.sees(call(103), false, false));
    }

    #[test]
    fn an_unseen_ticker_is_known_by_its_ticks() {
        let mut story = Story::new();
        story.judge.foreign = Some(story.now);
        for _ in 0..20 {
            assert!(!story.sees(None, true, true));
        }
        for _ in 0..6 {
            assert!(!story.sees(None, false, true));
        }
        assert!(story.sees(None, false, true));
    }
}
