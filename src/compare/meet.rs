//! Brings both sides to the same point of the stream and takes a snapshot of each there.

use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::cascade::handshake::set_paused;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{NodeInfo, info::load_info};
use crate::pg::{QualifiedName, Session};
use crate::pgq::{TickId, force_tick};

use crate::service::stop::StopSignal;
use crate::sql;

/// How often a position or a tick is looked for.
const POLL: Duration = Duration::from_millis(20);
/// How often a tick is asked for again when another process makes the ticks.
const FORCE: Duration = Duration::from_millis(500);
/// How often a long wait says where it stands.
const REPORT: Duration = Duration::from_secs(5);

/// How long writers, or the worker of a branch, may be held up.
#[derive(Debug, Clone, Copy)]
pub struct MeetLimit {
    /// `lock_timeout` of the job file; nothing: no limit.
    pub lock: Option<Duration>,
    /// `--force`: once the lock is there, hold it as long as it takes.
    pub force: bool,
}

impl MeetLimit {
    fn hold(self) -> Option<Duration> {
        self.lock.filter(|_| !self.force)
    }
}

/// The connections of one comparison.
pub struct Ends<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The node that rows are compared with.
    pub source: &'a NodeInfo,
    /// A connection to it that is used for locks and questions.
    pub source_setup: &'a Session,
    /// A connection to it that takes the snapshot.
    pub source_data: &'a Session,
    /// The table there.
    pub source_table: &'a QualifiedName,
    /// This node's name.
    pub node: &'a str,
    /// A connection to this node for questions.
    pub local: &'a Session,
    /// A connection to this node that takes the snapshot.
    pub local_data: &'a Session,
    /// Heard while waiting.
    pub stop: &'a StopSignal,
}

impl Ends<'_> {
    /// After this both data connections are in a REPEATABLE READ transaction that sees the same rows; nobody is held up
    /// any more.
    pub async fn meet(&self, limit: MeetLimit) -> Result<()> {
        if self.source.is_root() {
            self.meet_root(limit).await
        } else {
            self.meet_branch(limit).await
        }
    }

    async fn meet_root(&self, limit: MeetLimit) -> Result<()> {
        let setup = self.source_setup;
        setup.batch_execute("begin").await?;
        let met = self.stop.unless_stopped(self.lock_and_wait(limit)).await;
        // Whatever happened, the lock must go; a statement that was dropped in the middle must end before.
        if met.as_ref().is_err_and(Error::is_interrupted) {
            setup.cancel().await;
        }
        let released = setup.batch_execute("rollback").await;
        met?;
        Ok(released?)
    }

    async fn lock_and_wait(&self, limit: MeetLimit) -> Result<()> {
        let setup = self.source_setup;
        let table = self.source_table;
        if let Some(lock) = limit.lock {
            setup
                .batch_execute(&format!(
                    "set local statement_timeout = {}",
                    lock.as_millis().max(1)
                ))
                .await?;
        }
        info!("Locking {table}");
        setup
            .batch_execute(&format!("lock table {} in share mode", table.quoted()))
            .await
            .map_err(|error| {
                let error = Error::from(error)
                    .context(format!("locking {table} on node \"{}\"", self.source.node_name));
                match error.kind() {
                    ErrorKind::Timeout => error.with_hint(
                        "a long transaction writes to the table; try again, or raise lock_timeout",
                    ),
                    _ => error,
                }
            })?;
        let held = Instant::now();
        setup.batch_execute("set local statement_timeout = 0").await?;
        info!("Syncing {table}");
        let committed: String = setup
            .query_one(sql::compare::TAKE_SNAPSHOT, &[])
            .await?
            .try_get(0)?;
        let tick = self.wait_for_tick(&committed, held, limit).await?;
        self.wait_for_position(tick, held, limit).await?;
        self.take_snapshots().await
    }

    /// The first tick that has all that was committed when the lock was taken.
    async fn wait_for_tick(&self, committed: &str, held: Instant, limit: MeetLimit) -> Result<TickId> {
        let mut forced: Option<Instant> = None;
        loop {
            // On the connection that holds no transaction: the tick must be committed at once to be seen.
            if forced.is_none_or(|at| at.elapsed() >= FORCE) {
                force_tick(self.source_data, self.queue).await?;
                forced = Some(Instant::now());
            }
            let row = self
                .source_data
                .query_one(sql::compare::FIND_COVERING_TICK, &[&self.queue, &committed])
                .await?;
            if let Some(tick) = row.try_get::<_, Option<i64>>("tick_id")? {
                return Ok(TickId(tick));
            }
            if limit.hold().is_some_and(|limit| held.elapsed() >= limit) {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!(
                        "no tick was made on node \"{}\" while the table was locked",
                        self.source.node_name
                    ),
                )
                .with_hint("does a ticker (pgqd, or the root's worker) run there?"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until this node has replayed everything up to `tick`. Ancestor: waits until it is past it, which it cannot
    /// be below a branch that stands still (Q34).
    async fn wait_for_position(&self, tick: TickId, held: Instant, limit: MeetLimit) -> Result<()> {
        let mut report = Instant::now() + REPORT;
        loop {
            let node = load_info(&**self.local, self.queue).await?.ok_or_else(|| {
                Error::not_found(format!(
                    "the node of queue \"{}\" was dropped meanwhile",
                    self.queue
                ))
            })?;
            let at = node.worker_last_tick.unwrap_or(TickId(0));
            if at >= tick {
                return Ok(());
            }
            if limit.hold().is_some_and(|limit| held.elapsed() >= limit) {
                // Ancestor: "Consumer lagging too much, exiting".
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!(
                        "Consumer lagging too much: node \"{}\" is at tick {at}, not yet at {tick}",
                        self.node
                    ),
                )
                .with_detail(format!(
                    "{} was held up for {:.1} s, lock_timeout is the limit",
                    if self.source.is_root() {
                        "writing to the table"
                    } else {
                        "the worker of the provider"
                    },
                    held.elapsed().as_secs_f64()
                ))
                .with_hint("does the worker of this node run? \"londiste status\" shows its lag")
                .with_hint("to wait as long as it takes: --force"));
            }
            if Instant::now() >= report {
                info!(
                    "Waiting for node '{}' to reach tick {tick}, now at {at}",
                    self.node
                );
                report += REPORT;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn meet_branch(&self, limit: MeetLimit) -> Result<()> {
        let held = Instant::now();
        let source = self.source;
        let pause = |paused: bool, limit: Option<Duration>| {
            let worker = source.worker_name.as_str();
            set_paused(
                self.source_setup,
                self.queue,
                &source.node_name,
                worker,
                paused,
                limit,
                self.stop,
            )
        };
        info!("Syncing {}", self.source_table);
        let met = async {
            if !source.worker_paused {
                pause(true, limit.hold()).await?;
            }
            let stands = load_info(&**self.source_setup, self.queue).await?;
            let tick = stands.and_then(|node| node.worker_last_tick).unwrap_or(TickId(0));
            self.stop
                .unless_stopped(self.wait_for_position(tick, held, limit))
                .await?;
            self.take_snapshots().await
        }
        .await;
        // Ancestor: an interrupt leaves the worker paused (Q34). The flag is set before the wait for the answer begins.
        if !source.worker_paused {
            let resumed = pause(false, limit.lock).await;
            if met.is_ok() {
                resumed?;
            }
        }
        met
    }

    async fn take_snapshots(&self) -> Result<()> {
        tokio::try_join!(begin(self.source_data), begin(self.local_data)).map(|_| ())
    }
}

/// Starts a transaction whose snapshot is taken at once.
async fn begin(session: &Session) -> Result<()> {
    Ok(session
        .batch_execute("begin transaction isolation level repeatable read read only; select 1")
        .await?)
}
