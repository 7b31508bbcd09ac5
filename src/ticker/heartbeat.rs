//! The first duty: watch the queues of one database and tick those that are due.
//!
//! One pass is one cheap statement that reads the sequences ([`crate::sql::ticker::WATCH_SEQUENCES`]: no transaction
//! id, no table), a decision per queue ([`super::pace`]) and, when something is due, one transaction for all due queues:
//!
//! ```text
//! begin; lock table pgq.tick      one message; waits for every other writer of ticks
//! insert ... select, notify       its own snapshot, so younger than that of any tick in the table
//! commit                          durable, whatever the role's default
//! ```
//!
//! The three travel together, so a tick costs one round trip and the lock is held for about a millisecond. Before it
//! writes, the insert checks that the newest tick is still the one on which the decision was made: two tickers never
//! tick for the same reason. A process that dies in between leaves nothing: the transaction rolls back, and the next
//! ticker reads everything it needs from `pgq.tick`.
//!
//! While a session holds an old snapshot the ticks of adaptive queues come more rarely ([`super::horizon`]). It is looked
//! for once per second at most, and only after some ticks were made.
//!
//! Queues that are ticked from outside or paused are never touched. A role that may not write ticks itself calls
//! `pgq.ticker(queue)` when that function would tick; low lag is then not to be had, which is said once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::horizon::Horizon;
use super::pace::{Limits, Look, Made, Newest, Pace, Reason};
use crate::error::{Error, ErrorKind, Result};
use crate::pgq::{Snapshot, TICK_CHANNEL};
use crate::sql;

/// Takes the place in the order of ticks before any snapshot is taken. Whoever waits for this lock makes other writers
/// of ticks wait behind it, hence the short limit.
const BEGIN: &str = "begin isolation level read committed read write; \
    set local synchronous_commit = on; \
    set local lock_timeout = '200ms'; \
    lock table pgq.tick in share row exclusive mode";

/// Pause after a lock that was not had.
const REST: Duration = Duration::from_millis(300);
/// So many of them in a row are worth a line.
const LOCKED_OUT: u32 = 10;

/// The queues are read again after this time although they have not changed: rights may have.
const RELOAD: Duration = Duration::from_secs(30);
/// Least distance of two looks for an old snapshot.
const HORIZON_PERIOD: Duration = Duration::from_secs(1);
/// Least distance of two looks at how far the consumers are.
const UNREAD_PERIOD: Duration = Duration::from_secs(1);
/// So many ticks make it worth a look.
const HORIZON_TICKS: u32 = 20;
/// A snapshot that is held for so long is worth a line.
const HELD_LONG: Duration = Duration::from_secs(120);

/// Watches and ticks the queues of one database over one connection.
pub struct Heartbeat<'a> {
    client: &'a Client,
    statements: Statements,
    queues: BTreeMap<i32, Queue>,
    // Sequences of the queues, in the order of `queues`.
    event_seqs: Vec<u32>,
    tick_seqs: Vec<u32>,
    next_round: Instant,
    // When the queues were read, and their versions before that.
    loaded: Option<(Instant, (i64, i64))>,
    told: Vec<String>,
    unread_at: Option<Instant>,
    // After somebody else held pgq.tick for too long: no try before this moment.
    rest_until: Option<Instant>,
    locked_out: u32,
    horizon: Horizon,
    horizon_at: Option<Instant>,
    // Ticks since the last look at the horizon.
    ticks: u32,
    held: Duration,
    held_told: bool,
}

struct Statements {
    load: Statement,
    watch: Statement,
    tick: Statement,
    call: Statement,
    horizon: Statement,
    unread: Statement,
    versions: Statement,
}

struct Queue {
    name: String,
    event_seq: u32,
    tick_seq: u32,
    own_sql: bool,
    pace: Pace,
    // Value of the tick sequence that is explained by ticks we know.
    tick_seq_seen: Option<i64>,
    seq: Option<i64>,
    // The last pass did not tick it because of a refusal that was told.
    refused: bool,
}

/// What one pass did.
#[derive(Debug, Default)]
pub struct Beat {
    /// Queues that got a tick.
    pub ticked: Vec<String>,
    /// Whether the pass was a round: changed settings read, idle ticks considered.
    pub round: bool,
    /// Whether something happened, or is about to: look again soon.
    pub active: bool,
    /// Whether events wait that no tick has counted.
    pub waiting: bool,
    /// Ticks of others that were found.
    pub foreign: u32,
    /// When the next idle tick is due, unless something happens before.
    pub next_idle: Option<Instant>,
    /// How long ago the queue whose newest tick is oldest got it, in units of its own idle period.
    pub staleness: f64,
    /// Longest `queue_ticker_max_lag`.
    pub max_lag: Duration,
    /// Errors of single queues; the others went on.
    pub errors: Vec<Error>,
    /// Things to tell once.
    pub notices: Vec<String>,
}

impl<'a> Heartbeat<'a> {
    /// Prepares the statements; reads nothing yet.
    pub async fn new(client: &'a Client) -> Result<Self> {
        let (load, watch, tick, call, horizon, unread, versions) = tokio::try_join!(
            client.prepare(sql::ticker::LOAD_QUEUES),
            client.prepare(sql::ticker::WATCH_SEQUENCES),
            client.prepare(sql::ticker::MAKE_TICKS),
            client.prepare(sql::ticker::CALL_TICKER),
            client.prepare(sql::ticker::FIND_HORIZON),
            client.prepare(sql::ticker::FIND_UNREAD),
            client.prepare(sql::ticker::FIND_QUEUE_VERSIONS),
        )?;
        Ok(Self {
            client,
            statements: Statements {
                load,
                watch,
                tick,
                call,
                horizon,
                unread,
                versions,
            },
            queues: BTreeMap::new(),
            event_seqs: Vec::new(),
            tick_seqs: Vec::new(),
            next_round: Instant::now(),
            loaded: None,
            told: Vec::new(),
            unread_at: None,
            rest_until: None,
            locked_out: 0,
            horizon: Horizon::default(),
            horizon_at: None,
            ticks: 0,
            held: Duration::ZERO,
            held_told: false,
        })
    }

    /// Whether there is no queue to serve.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Names of the queues that are served.
    pub fn queue_names(&self) -> Vec<String> {
        self.queues.values().map(|queue| queue.name.clone()).collect()
    }

    /// One pass: looks, and ticks when `may_tick` and something is due. A round comes every `ticker_period`.
    pub async fn run_once(&mut self, ticker_period: Duration, may_tick: bool) -> Result<Beat> {
        let mut beat = Beat::default();
        let mut fresh = false;
        if Instant::now() >= self.next_round {
            if self.must_load().await? {
                self.load_queues(&mut beat).await?;
                fresh = true;
            }
            self.next_round = Instant::now() + ticker_period;
            beat.round = true;
        }
        if self.queues.is_empty() {
            return Ok(beat);
        }
        let watched = self
            .client
            .query_one(&self.statements.watch, &[&self.event_seqs, &self.tick_seqs])
            .await;
        let row = match watched {
            Ok(row) => row,
            Err(error) if error.is_closed() || error.as_db_error().is_none() => return Err(error.into()),
            // A queue was dropped under our feet, most likely: read the list again, and fail only if that fails.
            Err(error) => {
                self.next_round = Instant::now();
                self.loaded = None;
                if fresh {
                    return Err(error.into());
                }
                return Ok(beat);
            }
        };
        let event_seqs: Vec<Option<i64>> = row.get("event_seqs");
        let tick_seqs: Vec<Option<i64>> = row.get("tick_seqs");
        let snapshot: Snapshot = row.get::<_, String>("snapshot").parse()?;
        let mut foreign = false;
        for ((queue, seq), tick_seq) in self.queues.values_mut().zip(event_seqs).zip(tick_seqs) {
            queue.seq = seq;
            if tick_seq != queue.tick_seq_seen {
                queue.tick_seq_seen = tick_seq;
                foreign = true;
            }
        }
        if foreign {
            // Somebody else ticked, or is about to commit a tick: look at the ticks first, decide in the next pass. And once
            // more with the next round, for one that was not committed yet.
            self.load_queues(&mut beat).await?;
            self.loaded = None;
        } else if may_tick {
            self.look_for_horizon(&mut beat).await?;
            self.look_for_unread().await?;
            self.tick_due(&snapshot, &mut beat).await?;
        }
        let now = Instant::now();
        for queue in self.queues.values() {
            beat.waiting |= queue.pace.has_new(queue.seq);
            beat.active |= !queue.refused && queue.pace.is_active(now);
            beat.staleness = beat.staleness.max(queue.pace.staleness(now));
            beat.max_lag = beat.max_lag.max(queue.pace.max_lag());
            let idle = queue.pace.idle_at(now);
            beat.next_idle = Some(beat.next_idle.map_or(idle, |other| other.min(idle)));
        }
        beat.active |= foreign;
        Ok(beat)
    }

    /// Finds out for how long the oldest snapshot has been held, when that matters.
    async fn look_for_horizon(&mut self, beat: &mut Beat) -> Result<()> {
        let now = Instant::now();
        let matters = self.ticks >= HORIZON_TICKS || self.held > Duration::ZERO;
        let too_soon = self.horizon_at.is_some_and(|at| now < at + HORIZON_PERIOD);
        let waiting = |queue: &Queue| queue.pace.is_adaptive() && queue.pace.has_new(queue.seq);
        if !matters || too_soon || !self.queues.values().any(waiting) {
            return Ok(());
        }
        let row = self.client.query_one(&self.statements.horizon, &[]).await?;
        self.horizon_at = Some(now);
        self.ticks = 0;
        self.held = self.horizon.look(now, row.get("next"), row.get("age"));
        for queue in self.queues.values_mut() {
            queue.pace.set_held(self.held);
        }
        if self.held < HELD_LONG {
            self.held_told = false;
        } else if !self.held_told {
            self.held_told = true;
            let pid: Option<i32> = row.get("pid");
            let application: Option<String> = row.get("application");
            beat.notices.push(format!(
                "an old snapshot has been held for {} s ({}{}): until it is given up, ticks come more rarely, as many \
                 as before would leave more dead rows in pgq.subscription than its readers can pass",
                self.held.as_secs(),
                pid.map_or_else(String::new, |pid| format!("process {pid} ")),
                application
                    .filter(|name| !name.is_empty())
                    .map_or_else(|| "without a name".to_owned(), |name| format!("\"{name}\"")),
            ));
        }
        Ok(())
    }

    /// Finds out how far the nearest consumers are behind, while there is something to tick.
    async fn look_for_unread(&mut self) -> Result<()> {
        let now = Instant::now();
        let too_soon = self.unread_at.is_some_and(|at| now < at + UNREAD_PERIOD);
        let waiting = |queue: &Queue| queue.pace.is_adaptive() && queue.pace.has_new(queue.seq);
        if too_soon || !self.queues.values().any(waiting) {
            return Ok(());
        }
        let rows = self.client.query(&self.statements.unread, &[]).await?;
        self.unread_at = Some(now);
        let mut ages: BTreeMap<i32, Duration> = rows
            .iter()
            .map(|row| (row.get("queue_id"), seconds(row.get("unread_age"))))
            .collect();
        for (id, queue) in &mut self.queues {
            let age = ages.remove(id);
            queue.pace.set_unread(age.and_then(|age| now.checked_sub(age)));
        }
        Ok(())
    }

    /// Decides for each queue and ticks those that are due.
    async fn tick_due(&mut self, snapshot: &Snapshot, beat: &mut Beat) -> Result<()> {
        let now = Instant::now();
        if self.rest_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        let mut own = Vec::new();
        let mut called = Vec::new();
        for (id, queue) in &mut self.queues {
            let look = Look {
                now,
                seq: queue.seq,
                snapshot,
                round: beat.round,
            };
            // After a refusal it is tried again once per round.
            if (beat.round || !queue.refused)
                && let Some(reason) = queue.pace.decide(look)
            {
                tracing::trace!(queue = queue.name, ?reason, "tick is due");
                if queue.own_sql {
                    own.push(*id);
                } else if beat.round && reason != Reason::Late {
                    called.push(*id);
                }
            }
            if beat.round
                && let Some((then, seq)) = queue.pace.went_back(queue.seq)
            {
                let text = format!(
                    "queue \"{}\": negative new_events? old={then} cur={seq}",
                    queue.name
                );
                tell_once(&mut self.told, text, &mut beat.notices);
            }
        }
        if !own.is_empty() {
            match self.make_ticks(&own, beat).await {
                Ok(()) => self.locked_out = 0,
                Err(error) if error.kind() == ErrorKind::Timeout => self.rest(&error, beat),
                Err(error) if goes_on(&error) && own.len() > 1 => {
                    // One bad queue is not to stop the others.
                    for id in own {
                        if let Err(error) = self.make_ticks(&[id], beat).await {
                            self.refuse(id, error, beat)?;
                        }
                    }
                }
                Err(error) => self.refuse(own[0], error, beat)?,
            }
        }
        for id in called {
            if let Err(error) = self.call_ticker(id, beat).await {
                self.refuse(id, error, beat)?;
            }
        }
        Ok(())
    }

    /// Keeps an error of one queue from ending the pass, unless the connection is at its end.
    fn refuse(&mut self, id: i32, error: Error, beat: &mut Beat) -> Result<()> {
        if !goes_on(&error) {
            return Err(error);
        }
        let Some(queue) = self.queues.get_mut(&id) else {
            return Ok(());
        };
        queue.refused = true;
        beat.errors
            .push(error.context(format!("tick of queue \"{}\"", queue.name)));
        Ok(())
    }

    /// Makes a pause after another writer of ticks held the table for too long; who waits for it makes others wait.
    fn rest(&mut self, error: &Error, beat: &mut Beat) {
        self.rest_until = Some(Instant::now() + REST);
        self.locked_out += 1;
        if self.locked_out >= LOCKED_OUT {
            beat.errors.push(
                Error::new(
                    ErrorKind::Timeout,
                    "another session holds a lock on pgq.tick for long, no queue is ticked",
                )
                .with_detail(error.message())
                .with_hint("find it in pg_locks; it may be a long transaction that wrote to pgq.tick"),
            );
        }
    }

    /// One transaction that ticks the queues `ids`, as far as nobody else did.
    async fn make_ticks(&mut self, ids: &[i32], beat: &mut Beat) -> Result<()> {
        let started = Instant::now();
        let known: Vec<Option<i64>> = ids.iter().map(|id| self.queues[id].pace.newest_id()).collect();
        let seqs: Vec<Option<i64>> = ids.iter().map(|id| self.queues[id].seq).collect();
        let values: [&(dyn ToSql + Sync); 4] = [&ids, &known, &seqs, &TICK_CHANNEL];
        // Polled in this order, so sent in this order, without waiting for the answers in between.
        let (begun, rows, ended) = tokio::join!(
            biased;
            self.client.batch_execute(BEGIN),
            self.client.query(&self.statements.tick, &values),
            self.client.batch_execute("commit"),
        );
        // The first error is the cause; the others only follow from it.
        begun?;
        let rows = rows?;
        ended?;
        let now = Instant::now();
        let cost = now - started;
        for row in rows {
            let id: i32 = row.get("queue_id");
            let Some(queue) = self.queues.get_mut(&id) else {
                continue;
            };
            if row.get("stale") {
                let text = format!(
                    "queue \"{0}\": invalid PgQ state: the newest tick has snapshot {1}, this server is at {2}; the \
                     database comes from another server, and the queue is not ticked until \"londiste queue repair {0}\" \
                     is run",
                    queue.name,
                    row.get::<_, String>("previous"),
                    row.get::<_, String>("current"),
                );
                queue.refused = true;
                tell_once(&mut self.told, text, &mut beat.notices);
                continue;
            }
            queue.refused = false;
            let Some((tick, at, snapshot, event_seq)) = tick_of(&row, now)? else {
                continue;
            };
            if row.get("made") {
                queue.pace.made(Made {
                    id: tick,
                    at: now,
                    seq: queue.seq,
                    own_txid: row
                        .get::<_, Option<i64>>("own")
                        .unwrap_or_else(|| snapshot.xmax()),
                    snapshot: &snapshot,
                    cost,
                });
                queue.tick_seq_seen = Some(tick);
                self.ticks = self.ticks.saturating_add(1);
                beat.ticked.push(queue.name.clone());
            } else {
                queue.pace.found(tick, at, event_seq, queue.seq, &snapshot);
                beat.foreign += 1;
            }
        }
        Ok(())
    }

    /// Lets the database side's own function tick one queue.
    async fn call_ticker(&mut self, id: i32, beat: &mut Beat) -> Result<()> {
        let Some(queue) = self.queues.get_mut(&id) else {
            return Ok(());
        };
        let row = self
            .client
            .query_one(&self.statements.call, &[&queue.name, &TICK_CHANNEL])
            .await?;
        if let Some(tick) = row.get::<_, Option<i64>>("tick_id") {
            queue.tick_seq_seen = Some(tick);
            beat.ticked.push(queue.name.clone());
            // Its snapshot is read with the next round.
            self.next_round = Instant::now();
            self.loaded = None;
        }
        Ok(())
    }

    /// Whether the queues are to be read again: they have changed, or it is long ago. Many idle databases cost little so.
    async fn must_load(&mut self) -> Result<bool> {
        let row = self.client.query_one(&self.statements.versions, &[]).await?;
        let versions = (row.get("queues"), row.get("versions"));
        let known = self
            .loaded
            .is_some_and(|(at, then)| then == versions && at.elapsed() < RELOAD);
        if !known {
            self.loaded = Some((Instant::now(), versions));
        }
        Ok(!known)
    }

    /// Reads queues, settings and newest ticks; what is already known of a queue is kept.
    async fn load_queues(&mut self, beat: &mut Beat) -> Result<()> {
        let rows = self.client.query(&self.statements.load, &[]).await?;
        let now = Instant::now();
        let mut queues = BTreeMap::new();
        let mut without_rights = Vec::new();
        for row in rows {
            let id: i32 = row.get("queue_id");
            let limits = Limits {
                max_count: row.get("max_count"),
                max_lag: seconds(row.get("max_lag")),
                idle_period: seconds(row.get("idle_period")),
            };
            let newest = tick_of(&row, now)?;
            let (event_seq, tick_seq) = (row.get("event_seq"), row.get("tick_seq"));
            let mut queue = match self.queues.remove(&id) {
                Some(mut queue) if queue.event_seq == event_seq => {
                    queue.pace.set_limits(limits);
                    if let Some((tick, at, snapshot, seq)) = newest
                        && queue.pace.newest_id() != Some(tick)
                    {
                        queue.pace.found(tick, at, seq, queue.seq, &snapshot);
                        beat.foreign += 1;
                    }
                    queue
                }
                _ => Queue {
                    name: String::new(),
                    event_seq,
                    tick_seq,
                    own_sql: true,
                    tick_seq_seen: newest.as_ref().map(|(tick, ..)| *tick),
                    pace: Pace::new(limits, newest.map(|tick| first_sight(tick, &row))),
                    seq: None,
                    refused: false,
                },
            };
            queue.name = row.get("queue_name");
            queue.own_sql = row.get("own_sql");
            if !queue.own_sql {
                without_rights.push(format!("\"{}\"", queue.name));
            }
            queues.insert(id, queue);
        }
        self.event_seqs = queues.values().map(|queue| queue.event_seq).collect();
        self.tick_seqs = queues.values().map(|queue| queue.tick_seq).collect();
        self.queues = queues;
        if !without_rights.is_empty() {
            let text = format!(
                "this role may not write ticks of {} itself and calls pgq.ticker() instead, at its pace; for low lag \
                 grant insert and update on pgq.tick and usage on the tick sequences",
                without_rights.join(", ")
            );
            tell_once(&mut self.told, text, &mut beat.notices);
        }
        Ok(())
    }
}

/// Whether the connection can be used further after this error.
fn goes_on(error: &Error) -> bool {
    error.kind() != ErrorKind::Connection && error.sqlstate().is_some()
}

fn tell_once(told: &mut Vec<String>, text: String, notices: &mut Vec<String>) {
    if !told.contains(&text) {
        told.push(text.clone());
        notices.push(text);
    }
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::ZERO)
}

type TickRow = (i64, Instant, Snapshot, i64);

fn tick_of(row: &Row, now: Instant) -> Result<Option<TickRow>> {
    let Some(id) = row.get::<_, Option<i64>>("tick_id") else {
        return Ok(None);
    };
    let age = seconds(row.get("tick_age"));
    let at = now.checked_sub(age).unwrap_or(now);
    // Ancestor: databases that were upgraded from 2.1 may have ticks without a sequence value.
    let event_seq = row.get::<_, Option<i64>>("tick_event_seq").unwrap_or(0);
    Ok(Some((
        id,
        at,
        row.get::<_, String>("tick_snapshot").parse()?,
        event_seq,
    )))
}

/// The newest tick of a queue that was not known before. A stored 1 may stand for a sequence that was not used yet; then
/// a first event would go uncounted, so it is taken as that.
fn first_sight((id, at, snapshot, event_seq): TickRow, row: &Row) -> (Newest, Snapshot) {
    let newest = Newest {
        id,
        at,
        counted: (event_seq > 1).then_some(event_seq),
        gap: row.get::<_, Option<f64>>("tick_gap").map(seconds),
    };
    (newest, snapshot)
}
