//! The loop of one connected worker: look at the node, move tables, replay, wait for the next fact.

mod duties;
mod replay;
mod watermark;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use self::watermark::GroupRound;
use super::WAKE_CHANNEL;
use super::copies::Copies;
use super::node_state::{Duty, NodeState};
use super::presence::Presence;
use super::queue_copy::QueueStatements;
use super::status::Status;
use crate::apply::Applier;
use crate::config::londiste::LondisteConfig;
use crate::consumer::{JoinSize, JoinedBatch, Reader, take_session_lock};
use crate::copy::remote_info;
use crate::daemon::signals::Reload;
use crate::error::{Error, Result};
use crate::node::stream::StreamIdentity;
use crate::node::{ReplayRole, become_replica, call_quietly};
use crate::parked::Parking;
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::TickId;
use crate::service::folded::Folded;
use crate::service::stop::StopSignal;
use crate::table::{Table, load_tables};

/// The node's state is read again at least this often, so that an administrator is heard quickly.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A batch in hand may be finished for this long after a graceful stop was asked for.
const GRACE: Duration = Duration::from_secs(1);

/// Why a worker that was well left its loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A stop, or nothing left to do.
    Done,
    /// Its connections are as old as `connection_lifetime`: begin again with new ones.
    Renew,
}

/// Connects and serves until the stop or an error; calls `healthy` after each pass that worked.
pub async fn serve(
    config: &mut LondisteConfig,
    stop: &StopSignal,
    reload: &mut Reload,
    copies: &mut Copies,
    after_failure: bool,
    healthy: &mut (dyn FnMut() + Send),
) -> Result<Ended> {
    let starting = Server::start(config, copies, stop, after_failure);
    let mut server = stop.unless_stopped(starting).await?;
    let served = server.serve(config, stop, reload, healthy).await;
    if served.is_ok() {
        server.close_joined(config).await;
    }
    if matches!(served, Ok(Ended::Done)) {
        server.presence.leave(&server.local, config).await;
    }
    for line in server
        .status
        .last_lines(&server.node.name, server.shown_tick(), &server.tables)
    {
        tracing::info!("{line}");
    }
    served
}

/// Takes the changed keys of the job file; a broken file changes nothing.
pub fn reload_config(config: &mut LondisteConfig) {
    match config.reload() {
        Ok(new) => {
            *config = new;
            tracing::info!("Config reloaded");
        }
        Err(error) => tracing::error!("the job file was not reloaded: {}", error.line()),
    }
}

/// What one pass found.
#[derive(PartialEq, Eq)]
enum Pass {
    Worked,
    Idle,
}

struct Server<'a> {
    local: Session,
    // How the local session applies rows of others; a root's session need not be allowed to.
    role: Option<ReplayRole>,
    reader: Option<(String, Reader)>,
    // The open batch of a branch that is behind, tick by tick.
    joined: Option<JoinedBatch>,
    join_size: JoinSize,
    // Tick and time at which the last batch from this connection to the provider ended.
    reached: Option<(TickId, String)>,
    node: NodeState,
    node_seen: Instant,
    tables: HashMap<String, Table>,
    applier: Applier,
    identity: StreamIdentity,
    parking: Parking,
    presence: Presence,
    queue_statements: QueueStatements,
    copies: &'a mut Copies,
    status: Status,
    waiting_for_provider: Folded,
    waiting_for_combined: Folded,
    // A merge leaf has a batch open whose events it needs, although its position lies behind them.
    behind: Option<TickId>,
    group_round: Option<GroupRound>,
    group_failure: Folded,
    provider_tables: Option<(Instant, HashSet<String>)>,
    next_local_watermark: Instant,
    next_seq_look: Instant,
    next_global_watermark: Instant,
    next_stray_look: Instant,
    next_key_look: Instant,
    ok_tables: HashSet<String>,
    next_stray_retry: Instant,
    clear_error: bool,
    reload_requested: bool,
    ticker: tokio::task::JoinHandle<()>,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.ticker.abort();
        if let Some(round) = &self.group_round {
            round.abort();
        }
    }
}

impl<'a> Server<'a> {
    async fn start(
        config: &LondisteConfig,
        copies: &'a mut Copies,
        stop: &StopSignal,
        after_failure: bool,
    ) -> Result<Self> {
        let (queue, consumer) = (config.queue_name.as_str(), config.consumer_name.as_str());
        let info = ConnInfo::parse(&config.db)?;
        // The name of the node is not known before the first look.
        let first = Session::connect(&info, &AppName::new("worker", "", queue)).await?;
        let node = NodeState::load(&first, queue, consumer).await?;
        first.close().await;
        let app = AppName::new("worker", &node.name, queue);
        let local = Session::connect(&info, &app).await?;
        take_worker_lock(&local, queue, consumer, &node.name, stop).await?;
        local.batch_execute(&format!("listen {WAKE_CHANNEL}")).await?;
        // Read again under the lock: another worker may have moved it.
        let node = NodeState::load(&local, queue, consumer).await?;
        let tables = load_tables(&local, queue, consumer).await?;
        let identity = StreamIdentity::detect(&local).await?;
        let parking = Parking::detect(&local).await?;
        let presence = Presence::begin(&local, config).await?;
        let now = Instant::now();
        let ticker = tokio::spawn(tick_when_alone(
            info,
            AppName::new("ticker", &node.name, queue),
            stop.clone(),
        ));
        let line = format!(
            "worker of node {} ({}) is at tick {}, provider {}",
            node.name,
            match node.duty {
                Duty::Root => "root",
                Duty::Branch => "branch",
                Duty::Leaf => "leaf",
                Duty::MergeIntoRoot => "leaf that is merged",
                Duty::MergeIntoBranch => "leaf behind its combined queue",
            },
            node.completed,
            node.provider
        );
        // While the provider is away each attempt comes by here.
        if after_failure {
            tracing::debug!("{line}");
        } else {
            tracing::info!("{line}");
        }
        copies.set_position(node.completed);
        Ok(Self {
            copies,
            local,
            role: None,
            reader: None,
            joined: None,
            join_size: JoinSize::default(),
            reached: None,
            node,
            node_seen: now,
            tables,
            applier: Applier::default(),
            identity,
            parking,
            presence,
            queue_statements: QueueStatements::default(),
            status: Status::labelled(queue, &config.job_name),
            waiting_for_provider: Folded::new(Duration::from_secs(60)),
            waiting_for_combined: Folded::new(Duration::from_secs(60)),
            behind: None,
            group_round: None,
            group_failure: Folded::new(Duration::from_secs(300)),
            provider_tables: None,
            next_local_watermark: now,
            next_seq_look: now,
            next_global_watermark: now,
            next_stray_look: now,
            next_key_look: now,
            ok_tables: HashSet::new(),
            next_stray_retry: now,
            clear_error: !after_failure,
            reload_requested: false,
            ticker,
        })
    }

    async fn serve(
        &mut self,
        config: &mut LondisteConfig,
        stop: &StopSignal,
        reload: &mut Reload,
        healthy: &mut (dyn FnMut() + Send),
    ) -> Result<Ended> {
        let connected = Instant::now();
        loop {
            if std::mem::take(&mut self.reload_requested) || reload.take() {
                reload_config(config);
            }
            let pass = tokio::select! {
                pass = self.pass(config) => pass?,
                // The dropped transaction rolls back with its connection.
                () = async { stop.wait().await; tokio::time::sleep(GRACE).await } => return Err(Error::interrupted()),
                () = stop.wait_for(crate::service::stop::StopLevel::Fast) => return Err(Error::interrupted()),
            };
            healthy();
            self.status.publish(self.shown_tick(), &self.tables);
            if stop.is_stopped() {
                return Ok(Ended::Done);
            }
            let lines = self.status.due_lines(
                &self.node.name,
                self.shown_tick(),
                &self.tables,
                config.keepalive_stats,
            );
            for line in lines {
                tracing::info!("{line}");
            }
            if config
                .connection_lifetime
                .is_some_and(|lifetime| connected.elapsed() >= lifetime)
            {
                tracing::debug!(
                    "the connections are {} s old: connecting anew",
                    connected.elapsed().as_secs()
                );
                return Ok(Ended::Renew);
            }
            if pass == Pass::Idle {
                // Ancestor: a loop_delay of 0 ends an idle worker.
                if config.loop_delay == 0.0 && !self.node.paused && self.copies.running().is_empty() {
                    return Ok(Ended::Done);
                }
                self.wait(config, stop, reload).await?;
            }
            // Ancestor: a negative loop_delay is one pass.
            if config.loop_delay < 0.0 {
                return Ok(Ended::Done);
            }
        }
    }

    /// Waits for a tick, a wake-up, a copy, a stop or a reload, and at most for `loop_delay`.
    async fn wait(&mut self, config: &LondisteConfig, stop: &StopSignal, reload: &mut Reload) -> Result<()> {
        let pause = Duration::try_from_secs_f64(config.loop_delay).unwrap_or(Duration::from_secs(1));
        let changed = self.copies.changed();
        let ticked = async {
            match &mut self.reader {
                Some((_, reader)) => reader.wait_for_tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = ticked => result?,
            result = self.local.notification() => {
                result?;
                self.look_again();
            }
            () = changed.notified() => self.look_again(),
            () = tokio::time::sleep(pause) => {}
            () = stop.wait() => {}
            () = reload.requested() => self.reload_requested = true,
        }
        Ok(())
    }

    /// Leaves the provider's position where this node stands, so that an ancestor's worker can go on from here.
    async fn close_joined(&mut self, config: &LondisteConfig) {
        if self.joined.is_none() {
            return;
        }
        self.leave_joined();
        let closed = async {
            self.connect_provider(config).await?;
            self.reader()?.reposition(self.node.completed).await
        };
        if let Err(error) = closed.await {
            tracing::debug!("the batch stays open at the provider: {}", error.line());
        }
    }

    fn look_again(&mut self) {
        self.local.drain_notifications();
        self.node_seen = Instant::now()
            .checked_sub(LOOK_AGAIN)
            .unwrap_or_else(Instant::now);
        self.provider_tables = None;
    }

    async fn pass(&mut self, config: &LondisteConfig) -> Result<Pass> {
        if self.node_seen.elapsed() >= LOOK_AGAIN {
            self.refresh(config).await?;
        }
        self.presence.keep(&self.local, config).await;
        self.acknowledge(config).await?;
        if self.node.paused {
            self.leave_joined();
            return Ok(Pass::Idle);
        }
        if self.node.duty == Duty::Root {
            // Of the time when it was a branch.
            self.leave_joined();
            self.root_duties(config).await?;
            self.move_tables(config).await?;
            return Ok(Pass::Idle);
        }
        self.take_role(config).await?;
        self.connect_provider(config).await?;
        self.remove_stray_copies(config).await?;
        self.restore_keys(config).await?;
        let pass = self.replay(config).await?;
        // A batch that was not applied ends its connection.
        self.connect_provider(config).await?;
        self.move_tables(config).await?;
        self.publish_watermarks(config).await?;
        Ok(pass)
    }

    async fn take_role(&mut self, config: &LondisteConfig) -> Result<()> {
        let role = match self.role {
            Some(role) => role,
            None => {
                let role = become_replica(&self.local, config.replay_without_role).await?;
                if role == ReplayRole::Ordinary {
                    let line = "session_replication_role may not be set here: foreign keys, triggers and rules of the tables \
                                act on replayed rows as on any other writer's (replay_without_role)";
                    // Each attempt after a failure comes by here.
                    if self.clear_error {
                        tracing::warn!("{line}");
                    }
                }
                role
            }
        };
        self.role = Some(role);
        if role == ReplayRole::Ordinary && self.node.duty == Duty::MergeIntoRoot {
            return Err(Error::refused(format!(
                "node \"{}\" cannot be merged into a combined root without session_replication_role",
                self.node.name
            ))
            .with_detail("the triggers of the combined queue would write the rows into it a second time"));
        }
        Ok(())
    }

    /// A root reads nothing, so its own position stands still: its queue's newest tick says more.
    fn shown_tick(&self) -> TickId {
        match self.node.duty {
            Duty::Root => self.node.queue_top.unwrap_or(self.node.completed),
            _ => self.node.completed,
        }
    }

    async fn refresh(&mut self, config: &LondisteConfig) -> Result<()> {
        let (queue, consumer) = (&config.queue_name, &config.consumer_name);
        self.node = NodeState::load(&self.local, queue, consumer).await?;
        self.tables = load_tables(&self.local, queue, consumer).await?;
        self.node_seen = Instant::now();
        self.copies.set_position(self.node.completed);
        Ok(())
    }

    /// Tells the administrator that the present state was seen, and clears an error that is over. A branch first makes
    /// the tick that a crash may have left out, for who sees the acknowledgement relies on the queue (C-24).
    async fn acknowledge(&mut self, config: &LondisteConfig) -> Result<()> {
        let (queue, consumer) = (&config.queue_name, &config.consumer_name);
        if self.node.duty == Duty::Branch && self.node.queue_top.is_some_and(|top| top < self.node.completed)
        {
            self.make_missing_tick(config).await?;
        }
        if !self.node.uptodate {
            let sql = "select * from pgq_node.set_consumer_uptodate($1, $2, true)";
            call_quietly(&*self.local, None, sql, &[queue, consumer]).await?;
            self.node.uptodate = true;
            tracing::info!(
                "node {}: {}provider {}, tick {}",
                self.node.name,
                if self.node.paused { "paused, " } else { "" },
                self.node.provider,
                self.node.completed
            );
        }
        if self.clear_error && self.node.has_error {
            let sql = "select * from pgq_node.set_consumer_error($1, $2, null)";
            call_quietly(&*self.local, None, sql, &[queue, consumer]).await?;
            self.node.has_error = false;
        }
        Ok(())
    }

    async fn connect_provider(&mut self, config: &LondisteConfig) -> Result<()> {
        let location = &self.node.provider_location;
        if self
            .reader
            .as_ref()
            .is_some_and(|(known, reader)| known == location && !reader.session().is_closed())
        {
            return Ok(());
        }
        let app = AppName::new("reader", &self.node.name, &config.queue_name);
        let info = remote_info(config, location)?;
        let reader = Reader::connect(&info, &app, &config.queue_name, &config.consumer_name)
            .await
            .map_err(|error| error.context(format!("provider \"{}\"", self.node.provider)))?;
        self.joined = None;
        self.reached = None;
        self.reader = Some((location.clone(), reader));
        self.provider_tables = None;
        self.check_provider(config).await
    }

    fn reader(&self) -> Result<&Reader> {
        self.reader
            .as_ref()
            .map(|(_, reader)| reader)
            .ok_or_else(not_connected)
    }
}

fn not_connected() -> Error {
    Error::internal("the provider is used before it is connected")
}

/// Becomes the only worker of the node; while another one is connected it waits and says so.
async fn take_worker_lock(
    local: &Session,
    queue: &str,
    consumer: &str,
    node: &str,
    stop: &StopSignal,
) -> Result<()> {
    let mut folded = Folded::new(Duration::from_secs(60));
    loop {
        let Some(holder) = take_session_lock(local, queue, consumer).await? else {
            return Ok(());
        };
        let line = format!("another worker of node {node} is connected ({holder}): waiting until it is gone");
        if let Some(line) = folded.failed(&line) {
            tracing::warn!("{line}");
        }
        if !stop.sleep(Duration::from_millis(500)).await {
            return Err(Error::interrupted());
        }
    }
}

/// Ticks and maintains the node's database as long as nobody else does.
async fn tick_when_alone(info: ConnInfo, app: AppName, stop: StopSignal) {
    if let Err(error) = crate::ticker::run_when_alone(info, app, stop).await
        && !error.is_interrupted()
    {
        tracing::error!("the ticker of this worker ended: {}", error.line());
    }
}
