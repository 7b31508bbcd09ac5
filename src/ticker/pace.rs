//! When a queue gets its next tick: a pure decision over what one look at the database showed.
//!
//! A queue whose limits are the defaults is *adaptive*: it is ticked a few milliseconds after an event, and not more
//! often than its load and the price of a tick allow. A queue whose limits were set on purpose is ticked when it
//! reaches them. Both get idle ticks at the ancestor's growing distances. While all consumers of an adaptive queue are
//! seconds behind, nobody waits for a tick, and it gets at most two per second.
//!
//! An event is numbered before its transaction commits, so the sequence alone does not tell when it can be delivered.
//! Two things cover that: after a pause the first tick waits a moment for the transactions that are open (`hold`), and
//! those that a tick with new events left open are remembered (`suspects`): when one of them ends, the queue is ticked
//! again. Open transactions are the list of the snapshot and, above its end, those that were given out before the
//! transaction of the tick.

use std::time::{Duration, Instant};

use crate::pgq::Snapshot;

/// Default of `queue_ticker_max_count`.
pub const DEFAULT_MAX_COUNT: i64 = 500;
/// Default of `queue_ticker_max_lag`.
pub const DEFAULT_MAX_LAG: Duration = Duration::from_secs(3);
/// Least distance of two ticks of one queue while little happens: 100 ticks per second at most.
pub const LEAST_GAP: Duration = Duration::from_millis(10);
/// What each 1000 events per second add to the distance.
const GAP_PER_KILOEVENT: Duration = Duration::from_millis(1);
/// What the event rate can add at most.
const MOST_RATE_GAP: Duration = Duration::from_millis(100);
/// Ticks take at most one part in this many of the time.
const COST_SHARE: u32 = 5;
/// The distance never exceeds this, however dear a tick is.
const MOST_GAP: Duration = Duration::from_secs(1);
/// When even the nearest consumer has left a tick unread for so long, nobody waits for the next one.
const UNREAD: Duration = Duration::from_secs(5);
/// Least distance of ticks that nobody waits for: a backlog of few large ticks is replayed faster than one of many small.
const UNREAD_GAP: Duration = Duration::from_millis(500);
/// How long the first tick after a pause waits for open transactions.
const HOLD: Duration = Duration::from_millis(8);
/// Least distance before a tick that only picks up what an earlier one left open.
const LATE_GAP: Duration = Duration::from_millis(5);
/// Ticks are apart by at least one part in this many of the time for which an old snapshot has been held. That makes about
/// 600 ticks in the first half minute, 1200 in ten, and as many as the ancestor makes from then on.
const HELD_SHARE: u32 = 200;
/// The most that this comes to for a queue with as many events as its `queue_ticker_max_count`; `queue_ticker_max_lag`
/// for others. Ancestor: so often its pgqd ticks.
const MOST_HELD_GAP: Duration = Duration::from_secs(1);
/// As long as this after a tick or an event a queue is looked at often.
pub const ACTIVE: Duration = Duration::from_secs(2);

/// A queue's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `queue_ticker_max_count`.
    pub max_count: i64,
    /// `queue_ticker_max_lag`.
    pub max_lag: Duration,
    /// `queue_ticker_idle_period`.
    pub idle_period: Duration,
}

impl Limits {
    /// Whether the queue is ticked as soon as there is something. The idle period has no part in it: it is kept
    /// either way.
    pub fn is_adaptive(&self) -> bool {
        self.max_count == DEFAULT_MAX_COUNT && self.max_lag == DEFAULT_MAX_LAG
    }
}

/// The newest tick of a queue, as this process knows it.
#[derive(Debug, Clone)]
pub struct Newest {
    /// Its id.
    pub id: i64,
    /// When it was made, on this process's clock.
    pub at: Instant,
    /// The event sequence when it was made; `None`: it was not used yet. (Stored is 1 for both "unused" and "one
    /// event", so the first event of a queue would not be counted.)
    pub counted: Option<i64>,
    /// Distance from the tick before it.
    pub gap: Option<Duration>,
}

/// Why a queue is ticked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has no tick yet.
    First,
    /// There are new events.
    Events,
    /// A transaction ended that a tick with events left open.
    Late,
    /// Nothing happened for long.
    Idle,
}

/// What the decision needs to remember of one queue.
#[derive(Debug, Clone)]
pub struct Pace {
    limits: Limits,
    newest: Option<Newest>,
    // Transactions that were open at a tick with new events and may have written some of them.
    suspects: Vec<i64>,
    hold: Option<Hold>,
    // End of the snapshot at the last look that showed no new events.
    calm_xmax: i64,
    // Smoothed: events per second, and the time that a tick takes.
    rate: f64,
    cost: Duration,
    // For how long an old snapshot has kept dead rows.
    held: Duration,
    // Since when the first tick waits that no consumer has begun to read.
    unread_since: Option<Instant>,
}

/// A tick that waits a moment for open transactions.
#[derive(Debug, Clone)]
struct Hold {
    since: Instant,
    open: Vec<i64>,
    // Nothing had ended since the queue was calm, so the event's transaction lies at or above this.
    beyond: Option<i64>,
}

/// Transactions between a tick's snapshot and its own id are remembered up to this number.
const MOST_SUSPECTS: i64 = 1000;

/// One look at a queue.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// When.
    pub now: Instant,
    /// Last value of the event sequence.
    pub seq: Option<i64>,
    /// Which transactions had ended.
    pub snapshot: &'a Snapshot,
    /// Whether idle ticks are considered in this look (once per `ticker_period`).
    pub round: bool,
}

impl Pace {
    /// A queue that was just found, with its newest tick and that tick's snapshot.
    pub fn new(limits: Limits, newest: Option<(Newest, Snapshot)>) -> Self {
        let (newest, suspects) = match newest {
            Some((newest, snapshot)) => (Some(newest), snapshot.in_progress().to_vec()),
            None => (None, Vec::new()),
        };
        Self {
            limits,
            newest,
            suspects,
            hold: None,
            calm_xmax: 0,
            rate: 0.0,
            cost: Duration::ZERO,
            held: Duration::ZERO,
            unread_since: None,
        }
    }

    /// Takes how far the nearest consumer is behind: since when a tick waits that none has begun to read.
    pub fn set_unread(&mut self, since: Option<Instant>) {
        self.unread_since = since;
    }

    /// Takes changed settings.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes for how long the oldest snapshot of the database has kept dead rows, see [`super::horizon`].
    pub fn set_held(&mut self, held: Duration) {
        self.held = held;
    }

    /// Whether the distance of ticks depends on what is held.
    pub fn is_adaptive(&self) -> bool {
        self.limits.is_adaptive()
    }

    /// Least distance of two ticks while `new` events wait, for what an old snapshot keeps.
    fn held_gap(&self, new: i64) -> Duration {
        let most = if new >= self.limits.max_count {
            MOST_HELD_GAP.min(self.limits.max_lag)
        } else {
            self.limits.max_lag
        };
        (self.held / HELD_SHARE).min(most)
    }

    /// Id of the newest tick that is known.
    pub fn newest_id(&self) -> Option<i64> {
        self.newest.as_ref().map(|newest| newest.id)
    }

    /// Whether the queue had a tick or has unfinished business short enough ago to be looked at often.
    pub fn is_active(&self, now: Instant) -> bool {
        match &self.newest {
            Some(newest) => {
                self.hold.is_some()
                    || (now.duration_since(newest.at) < ACTIVE
                        && (self.rate > 0.0 || !self.suspects.is_empty()))
            }
            None => true,
        }
    }

    /// Whether events wait that no tick has counted.
    pub fn has_new(&self, seq: Option<i64>) -> bool {
        self.newest
            .as_ref()
            .is_none_or(|newest| distance(newest.counted, seq) > 0)
    }

    /// When the next idle tick is due, unless something happens before.
    pub fn idle_at(&self, now: Instant) -> Instant {
        let Some(newest) = &self.newest else {
            return now;
        };
        newest.at
            + newest
                .gap
                .map_or(Duration::ZERO, |gap| idle_distance(&self.limits, gap))
    }

    /// Age of the newest tick in units of the idle period.
    pub fn staleness(&self, now: Instant) -> f64 {
        self.newest.as_ref().map_or(0.0, |newest| {
            let idle_period = self.limits.idle_period.max(Duration::from_secs(1));
            now.saturating_duration_since(newest.at).as_secs_f64() / idle_period.as_secs_f64()
        })
    }

    /// `queue_ticker_max_lag`.
    pub fn max_lag(&self) -> Duration {
        self.limits.max_lag
    }

    /// How far the event sequence went back since the newest tick, if it did.
    pub fn went_back(&self, seq: Option<i64>) -> Option<(i64, i64)> {
        let counted = self.newest.as_ref()?.counted?;
        let now = seq.unwrap_or(1);
        (now < counted).then_some((counted, now))
    }

    /// Decides whether the queue is to be ticked now.
    pub fn decide(&mut self, look: Look<'_>) -> Option<Reason> {
        let Some(newest) = &self.newest else {
            return Some(Reason::First);
        };
        let lag = look.now.saturating_duration_since(newest.at);
        let new = distance(newest.counted, look.seq);
        if new > 0 {
            return self.is_due_with_events(&look, lag, new).then_some(Reason::Events);
        }
        self.hold = None;
        self.calm_xmax = look.snapshot.xmax();
        if self.limits.is_adaptive()
            && lag
                >= (LATE_GAP + self.cost * (COST_SHARE - 1))
                    .max(self.held_gap(0))
                    .max(self.unread_gap(look.now))
            && self.suspects.iter().any(|txid| look.snapshot.contains(*txid))
        {
            return Some(Reason::Late);
        }
        let idle = look.round
            && newest
                .gap
                .is_none_or(|gap| lag >= idle_distance(&self.limits, gap));
        idle.then_some(Reason::Idle)
    }

    fn is_due_with_events(&mut self, look: &Look<'_>, lag: Duration, new: i64) -> bool {
        let gap = self.gap();
        if lag < gap {
            return false;
        }
        if !self.limits.is_adaptive() {
            return new >= self.limits.max_count || lag >= self.limits.max_lag;
        }
        let held_gap = self.held_gap(new).max(self.unread_gap(look.now));
        if lag < held_gap {
            return false;
        }
        if lag < gap.max(held_gap) * 4 && self.hold.is_none() {
            // Under steady load somebody is always in the middle of something: waiting gains nothing.
            return true;
        }
        let calm_xmax = self.calm_xmax;
        let hold = self.hold.get_or_insert_with(|| Hold {
            since: look.now,
            open: look.snapshot.in_progress().to_vec(),
            beyond: (look.snapshot.xmax() <= calm_xmax).then_some(calm_xmax),
        });
        hold.open.retain(|txid| !look.snapshot.contains(*txid));
        let ended = hold.open.is_empty() && hold.beyond.is_none_or(|xmax| look.snapshot.xmax() > xmax);
        ended || look.now.duration_since(hold.since) >= HOLD
    }

    /// Least distance from the newest tick to one with new events.
    fn gap(&self) -> Duration {
        let by_rate = GAP_PER_KILOEVENT.mul_f64(self.rate / 1000.0).min(MOST_RATE_GAP);
        let by_cost = self.cost * (COST_SHARE - 1);
        (LEAST_GAP + by_rate).max(by_cost).min(MOST_GAP)
    }

    /// Least distance of ticks that nobody waits for; nothing while somebody does.
    fn unread_gap(&self, now: Instant) -> Duration {
        match self.unread_since {
            Some(since) if now.saturating_duration_since(since) >= UNREAD => UNREAD_GAP,
            _ => Duration::ZERO,
        }
    }

    /// Takes a tick that was made by this process.
    pub fn made(&mut self, tick: Made<'_>) {
        self.cost = (self.cost * 3 + tick.cost) / 4;
        self.moved(tick.id, tick.at, tick.seq, tick.snapshot, tick.own_txid);
    }

    /// Takes a tick that somebody else made.
    pub fn found(&mut self, id: i64, at: Instant, event_seq: i64, seq: Option<i64>, snapshot: &Snapshot) {
        // Whoever made it follows up what its own transaction id tells; here only the snapshot is known.
        self.moved(id, at, seq.map(|_| event_seq), snapshot, snapshot.xmax());
    }

    fn moved(&mut self, id: i64, at: Instant, counted: Option<i64>, snapshot: &Snapshot, own_txid: i64) {
        let gap = self
            .newest
            .as_ref()
            .map(|old| at.saturating_duration_since(old.at));
        let new = match &self.newest {
            Some(old) => distance(old.counted, counted),
            None => counted.unwrap_or(0),
        };
        if let Some(gap) = gap {
            let rate = new.max(0) as f64 / gap.as_secs_f64().max(0.001);
            self.rate = if gap > Duration::from_secs(1) {
                rate
            } else {
                (self.rate + rate) / 2.0
            };
        }
        self.suspects.retain(|txid| !snapshot.contains(*txid));
        if new > 0 {
            let above = snapshot.xmax()..own_txid.min(snapshot.xmax() + MOST_SUSPECTS);
            self.suspects.extend_from_slice(snapshot.in_progress());
            self.suspects.extend(above);
            self.suspects.sort_unstable();
            self.suspects.dedup();
        }
        self.hold = None;
        self.calm_xmax = snapshot.xmax();
        self.newest = Some(Newest { id, at, counted, gap });
    }
}

/// A tick that was just made.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// Its id.
    pub id: i64,
    /// When.
    pub at: Instant,
    /// The event sequence that it counted.
    pub seq: Option<i64>,
    /// Its snapshot.
    pub snapshot: &'a Snapshot,
    /// Id of the transaction that wrote it.
    pub own_txid: i64,
    /// How long it took.
    pub cost: Duration,
}

/// How many events were numbered since; less than zero when the sequence went back.
fn distance(counted: Option<i64>, seq: Option<i64>) -> i64 {
    match (counted, seq) {
        (None, None) => 0,
        (None, Some(now)) => now,
        (Some(then), now) => now.unwrap_or(1) - then,
    }
}

/// Ancestor: the rule of `pgq.ticker()` for a queue without new events; gaps double up to the idle period.
fn idle_distance(limits: &Limits, gap: Duration) -> Duration {
    (limits.max_lag / 2).max((gap * 2).min(limits.idle_period))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn limits() -> Limits {
        Limits {
            max_count: DEFAULT_MAX_COUNT,
            max_lag: DEFAULT_MAX_LAG,
            idle_period: Duration::from_secs(60),
        }
    }

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    fn pace(start: Instant, limits: Limits) -> Pace {
        let newest = Newest {
            id: 7,
            at: start,
            counted: Some(100),
            gap: Some(Duration::from_secs(1)),
        };
        Pace::new(limits, Some((newest, snapshot("50:50:"))))
    }

    fn made(pace: &mut Pace, id: i64, at: Instant, seq: i64, snap: &str, cost: Duration) {
        let snapshot = snapshot(snap);
        pace.made(Made {
            id,
            at,
            seq: Some(seq),
            own_txid: snapshot.xmax(),
            snapshot: &snapshot,
            cost,
        });
    }

    fn look(pace: &mut Pace, now: Instant, seq: i64, snap: &str) -> Option<Reason> {
        let snapshot = snapshot(snap);
        pace.decide(Look {
            now,
            seq: Some(seq),
            snapshot: &snapshot,
            round: true,
        })
    }

    #[test]
    fn an_event_is_ticked_at_once_when_nobody_is_in_the_middle() {
        let start = Instant::now();
        let mut pace = pace(start, limits());
        assert_eq!(look(&mut pace, start + 1000 * MS, 100, "60:60:"), None);
        assert_eq!(
            look(&mut pace, start + 1005 * MS, 101, "61:61:"),
            Some(Reason::Events)
        );
    }

    #[test]
    fn an_open_transaction_is_waited_for_a_moment_and_then_followed_up() {
        let start = Instant::now();
        let mut pace = pace(start, limits());
        assert_eq!(look(&mut pace, start + 1000 * MS, 101, "60:61:60"), None);
        assert_eq!(look(&mut pace, start + 1005 * MS, 101, "60:61:60"), None);
        assert_eq!(
            look(&mut pace, start + 1010 * MS, 101, "60:61:60"),
            Some(Reason::Events)
        );
        made(&mut pace, 8, start + 1010 * MS, 101, "60:61:60", MS);
        assert_eq!(look(&mut pace, start + 1300 * MS, 101, "60:70:60"), None);
        assert_eq!(
            look(&mut pace, start + 1305 * MS, 101, "70:70:"),
            Some(Reason::Late)
        );
        // A tick without new events leaves no new suspects, so unrelated transactions do not keep it going.
        made(&mut pace, 9, start + 1305 * MS, 101, "70:72:71", MS);
        assert_eq!(look(&mut pace, start + 1400 * MS, 101, "80:80:"), None);
    }

    #[test]
    fn an_open_transaction_at_the_end_of_the_snapshot_is_followed_up_too() {
        let start = Instant::now();
        let mut pace = pace(start, limits());
        assert_eq!(look(&mut pace, start + 1000 * MS, 100, "60:60:"), None);
        // Transaction 60 writes; nothing else ends, so the snapshot does not change.
        assert_eq!(look(&mut pace, start + 1005 * MS, 101, "60:60:"), None);
        assert_eq!(
            look(&mut pace, start + 1015 * MS, 101, "60:60:"),
            Some(Reason::Events)
        );
        let snapshot = snapshot("60:60:");
        pace.made(Made {
            id: 8,
            at: start + 1015 * MS,
            seq: Some(101),
            snapshot: &snapshot,
            own_txid: 61,
            cost: MS,
        });
        assert_eq!(look(&mut pace, start + 1100 * MS, 101, "60:62:60"), None);
        assert_eq!(
            look(&mut pace, start + 1200 * MS, 101, "62:62:"),
            Some(Reason::Late)
        );
    }

    #[test]
    fn a_foreign_tick_settles_suspects_too() {
        let start = Instant::now();
        let mut pace = pace(start, limits());
        made(&mut pace, 8, start, 101, "60:61:60", MS);
        pace.found(9, start + 50 * MS, 101, Some(101), &snapshot("70:70:"));
        assert_eq!(look(&mut pace, start + 100 * MS, 101, "80:80:"), None);
    }

    #[test]
    fn steady_load_is_bounded() {
        let start = Instant::now();
        let mut pace = pace(start, limits());
        let (mut seq, mut ticks) = (100, 0);
        for step in 0..200 {
            let now = start + 5 * step * MS;
            seq += 50; // 10000 events per second
            if look(&mut pace, now, seq, "60:62:60,61").is_some() {
                ticks += 1;
                made(&mut pace, 100 + ticks, now, seq, "60:62:60,61", MS);
            }
        }
        assert!((20..=50).contains(&ticks), "{ticks} ticks in one second");
        // A dear tick takes a fifth of the time at most.
        for _ in 0..20 {
            made(&mut pace, 1000, start, seq, "60:60:", 50 * MS);
        }
        assert!(pace.gap() >= 190 * MS);
    }

    #[test]
    fn ticks_are_rare_while_an_old_snapshot_is_held() {
        let start = Instant::now();
        let count = |until: u64, per_step: i64| {
            let mut pace = pace(start, limits());
            let (mut seq, mut ticks) = (100, 0);
            for step in 0..until * 100 {
                let passed = 10 * u32::try_from(step).unwrap() * MS;
                pace.set_held(passed);
                seq += per_step;
                if look(&mut pace, start + passed, seq, "60:60:").is_some() {
                    ticks += 1;
                    made(&mut pace, 100 + ticks, start + passed, seq, "60:60:", MS);
                }
            }
            ticks
        };
        // Without what is held there were 1000 ticks in 20 seconds.
        assert!((400..=600).contains(&count(20, 1)), "{}", count(20, 1));
        assert!((1000..=1300).contains(&count(600, 1)), "{}", count(600, 1));
        // Many events are ticked once per second at least.
        assert!((1150..=1500).contains(&count(600, 50)), "{}", count(600, 50));
        // What an open transaction left behind has to wait as well.
        let mut pace = pace(start, limits());
        made(&mut pace, 8, start, 101, "60:61:60", MS);
        pace.set_held(Duration::from_secs(100));
        assert_eq!(look(&mut pace, start + 400 * MS, 101, "70:70:"), None);
        assert_eq!(
            look(&mut pace, start + 510 * MS, 101, "70:70:"),
            Some(Reason::Late)
        );
    }

    #[test]
    fn ticks_that_nobody_waits_for_are_few() {
        let start = Instant::now();
        let ticks_in = |unread: Option<Instant>, limits: Limits| {
            let mut pace = pace(start, limits);
            pace.set_unread(unread);
            let (mut seq, mut ticks) = (100, 0);
            for step in 0..600 {
                // The first second is the pause after the newest tick.
                let now = start + 1000 * MS + 5 * step * MS;
                seq += 50;
                if look(&mut pace, now, seq, "60:62:60,61").is_some() {
                    ticks += 1;
                    made(&mut pace, 100 + ticks, now, seq, "60:62:60,61", MS);
                }
            }
            ticks
        };
        let long_ago = start.checked_sub(Duration::from_secs(60));
        let behind = ticks_in(long_ago, limits());
        assert!((5..=7).contains(&behind), "{behind} ticks in three seconds");
        assert!(ticks_in(None, limits()) > 60);
        let just_now = Some(start + 1000 * MS);
        assert!(ticks_in(just_now, limits()) > 60, "not yet far behind");
        let on_purpose = Limits {
            max_count: 1,
            ..limits()
        };
        assert!(ticks_in(long_ago, on_purpose) > 60);
    }

    #[test]
    fn limits_set_on_purpose_are_kept() {
        let start = Instant::now();
        let mut pace = pace(
            start,
            Limits {
                max_count: 10,
                max_lag: Duration::from_secs(5),
                ..limits()
            },
        );
        assert_eq!(look(&mut pace, start + 4999 * MS, 109, "60:60:"), None);
        assert_eq!(
            look(&mut pace, start + 4999 * MS, 110, "60:60:"),
            Some(Reason::Events)
        );
        assert_eq!(
            look(&mut pace, start + 5000 * MS, 101, "60:60:"),
            Some(Reason::Events)
        );
    }

    #[test]
    fn idle_gaps_double_up_to_the_idle_period() {
        let start = Instant::now();
        let mut pace = pace(start, limits());
        let mut ticks = Vec::new();
        for second in 0..300 {
            let now = start + Duration::from_secs(second);
            if look(&mut pace, now, 100, "60:60:").is_some() {
                ticks.push(second);
                made(&mut pace, 10, now, 100, "60:60:", MS);
            }
        }
        assert_eq!(ticks, [2, 6, 14, 30, 62, 122, 182, 242]);
    }

    #[test]
    fn the_first_event_of_a_queue_counts() {
        let start = Instant::now();
        let newest = Newest {
            id: 1,
            at: start,
            counted: None,
            gap: None,
        };
        let mut pace = Pace::new(limits(), Some((newest, snapshot("50:50:"))));
        assert!(!pace.has_new(None));
        assert_eq!(
            look(&mut pace, start + 100 * MS, 1, "60:60:"),
            Some(Reason::Events)
        );
        made(&mut pace, 2, start + 100 * MS, 1, "60:60:", MS);
        assert!(!pace.has_new(Some(1)));
        assert_eq!(pace.went_back(Some(0)), Some((1, 0)));
    }
}
