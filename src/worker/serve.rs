//! The loop of one connected worker: look at the node, move tables, replay, wait for the next fact.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::WAKE_CHANNEL;
use super::batch::{BatchEnd, BatchWork};
use super::copies::Copies;
use super::foreign_key::{drop_foreign_keys, restore_foreign_keys};
use super::node_state::{Duty, NodeState};
use super::status::Status;
use super::stream::StreamIdentity;
use crate::apply::Applier;
use crate::config::londiste::LondisteConfig;
use crate::consumer::Reader;
use crate::copy::{drop_consumer, remote_info};
use crate::daemon::signals::Reload;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{become_replica, call_quietly};
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::{self, Batch, BatchLimits, JOINED_EVENTS, TickId, load_tick, notify_tick};
use crate::service::fault;
use crate::service::folded::Folded;
use crate::service::stop::StopSignal;
use crate::sql;
use crate::table::{
    Table, TableState, WorkerFacts, WorkerMove, copy_consumer, load_tables, plan_worker, store_state,
};

/// The node's state is read again at least this often, so that an administrator is heard quickly.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A batch in hand may be finished for this long after a graceful stop was asked for.
const GRACE: Duration = Duration::from_secs(1);
/// How often foreign keys that wait are tried again.
const KEY_PERIOD: Duration = Duration::from_secs(30);
/// A copy at most this many ticks ahead of the worker is met tick by tick.
const MEETING_TICKS: i64 = 20;
/// How often stray copies are looked for, and tried again to be removed; one that is seen among the tables goes at once.
const STRAY_PERIOD: Duration = Duration::from_secs(60);

/// Connects and serves until the stop or an error; calls `healthy` after each pass that worked.
pub async fn serve(
    config: &mut LondisteConfig,
    stop: &StopSignal,
    reload: &mut Reload,
    copies: &mut Copies,
    after_failure: bool,
    healthy: &mut (dyn FnMut() + Send),
) -> Result<()> {
    let starting = Server::start(config, copies, stop, after_failure);
    let mut server = stop.unless_stopped(starting).await?;
    let served = server.serve(config, stop, reload, healthy).await;
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
    // The local session applies rows of others; a root's session need not be allowed to.
    replica: bool,
    reader: Option<(String, Reader)>,
    node: NodeState,
    node_seen: Instant,
    tables: HashMap<String, Table>,
    applier: Applier,
    identity: StreamIdentity,
    copies: &'a mut Copies,
    status: Status,
    waiting_for_provider: Folded,
    provider_tables: Option<(Instant, HashSet<String>)>,
    next_local_watermark: Instant,
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
                _ => "leaf",
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
            replica: false,
            reader: None,
            node,
            node_seen: now,
            tables,
            applier: Applier::default(),
            identity,
            status: Status::labelled(queue, &config.job_name),
            waiting_for_provider: Folded::new(Duration::from_secs(60)),
            provider_tables: None,
            next_local_watermark: now,
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
    ) -> Result<()> {
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
                return Ok(());
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
            if pass == Pass::Idle {
                // Ancestor: a loop_delay of 0 ends an idle worker.
                if config.loop_delay == 0.0 && !self.node.paused && self.copies.running().is_empty() {
                    return Ok(());
                }
                self.wait(config, stop, reload).await?;
            }
            // Ancestor: a negative loop_delay is one pass.
            if config.loop_delay < 0.0 {
                return Ok(());
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
        self.acknowledge(config).await?;
        if self.node.paused {
            return Ok(Pass::Idle);
        }
        if self.node.duty == Duty::Root {
            self.root_duties(config).await?;
            self.move_tables(config).await?;
            return Ok(Pass::Idle);
        }
        if !self.replica {
            become_replica(&self.local).await?;
            self.replica = true;
        }
        self.connect_provider(config).await?;
        self.remove_stray_copies(config).await?;
        self.restore_keys(config).await?;
        let pass = self.replay(config).await?;
        self.move_tables(config).await?;
        self.publish_local_watermark(config).await?;
        Ok(pass)
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
            self.connect_provider(config).await?;
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
        self.reader = Some((location.clone(), reader));
        self.provider_tables = None;
        Ok(())
    }

    fn reader(&self) -> Result<&Reader> {
        self.reader
            .as_ref()
            .map(|(_, reader)| reader)
            .ok_or_else(|| Error::internal("the provider is used before it is connected"))
    }

    /// Opens the next batch and brings it to its end.
    async fn replay(&mut self, config: &LondisteConfig) -> Result<Pass> {
        let limits = self.limits(config);
        let reader = self.reader()?;
        let batch = match reader.next_batch(&limits).await {
            Ok(batch) => batch,
            Err(error) => return Err(self.lost_consumer(error, config).await),
        };
        let Some(batch) = batch else {
            return Ok(Pass::Idle);
        };
        fault::point("worker.batch.opened");
        if self.node.duty == Duty::MergeIntoBranch {
            return self.follow_combined(config, &batch).await;
        }
        if batch.tick == self.node.completed {
            // The commit came through, its answer or the finish did not. Or the provider was set back by just this tick.
            self.identity
                .check(
                    &self.local,
                    &config.queue_name,
                    &config.consumer_name,
                    &self.node.provider,
                    (batch.tick, &batch.tick_time),
                )
                .await?;
            if self.node.duty == Duty::Branch {
                self.refresh(config).await?;
                if self.node.queue_top.is_some_and(|top| top < self.node.completed) {
                    self.make_missing_tick(config).await?;
                }
            }
            self.reader()?.finish_batch(&batch).await?;
            return Ok(Pass::Worked);
        }
        if batch.prev_tick != self.node.completed {
            self.find_position(config, &batch).await?;
            return Ok(Pass::Worked);
        }
        let (queue, consumer) = (config.queue_name.as_str(), config.consumer_name.as_str());
        self.identity
            .check(
                &self.local,
                queue,
                consumer,
                &self.node.provider,
                (batch.prev_tick, &batch.prev_tick_time),
            )
            .await?;
        let started = Instant::now();
        let mut work = BatchWork {
            config,
            node: &self.node,
            local: &self.local,
            reader: self
                .reader
                .as_ref()
                .map(|(_, reader)| reader)
                .expect("connected above"),
            applier: &mut self.applier,
            identity: &self.identity,
        };
        match work.apply(&batch).await? {
            BatchEnd::StateChanged => self.refresh(config).await?,
            BatchEnd::Committed { tables, counts } => {
                self.tables = tables;
                self.node.completed = batch.tick;
                self.clear_error = true;
                self.copies.set_position(batch.tick);
                if self.node.duty == Duty::Branch {
                    self.make_tick(config, &batch.tick_time, batch.event_seq).await?;
                    self.node.queue_top = Some(batch.tick);
                }
                self.status.add(counts, started.elapsed(), batch.lag);
                self.reader()?.finish_batch(&batch).await?;
                fault::point("worker.finish.done");
            }
        }
        Ok(Pass::Worked)
    }

    fn limits(&self, config: &LondisteConfig) -> BatchLimits {
        // A copy that waits a few ticks ahead is met by going tick after tick. One far ahead is approached in large
        // steps; should a step pass it, the copy follows and hands over where the worker stands then.
        let completed = self.node.completed.0;
        let handing_over = self.tables.values().any(|table| {
            table.state.is_replayed_by_copy()
                && table
                    .copy_tick
                    .is_some_and(|tick| (completed..=completed + MEETING_TICKS).contains(&tick.0))
        });
        let merges_by_config =
            config.pgq_batch_collect_events > 0 || config.pgq_batch_collect_interval.is_some();
        BatchLimits {
            keep_lag: config.pgq_keep_lag.clone(),
            collect_events: (config.pgq_batch_collect_events > 0 && !handing_over)
                .then_some(config.pgq_batch_collect_events),
            collect_interval: config
                .pgq_batch_collect_interval
                .clone()
                .filter(|_| !handing_over),
            // A branch hands each tick on; a leaf that is behind may take many as one.
            join_events: (self.node.duty == Duty::Leaf && !handing_over && !merges_by_config)
                .then_some(JOINED_EVENTS),
        }
    }

    /// The tick of the batch that was just committed, in a transaction of its own: its snapshot must see that commit.
    async fn make_tick(&self, config: &LondisteConfig, time: &str, event_seq: i64) -> Result<()> {
        let queue = &config.queue_name;
        self.local
            .query_one(
                "select pgq.ticker($1, $2, ($3::text)::timestamptz, $4)",
                &[queue, &self.node.completed.0, &time, &event_seq],
            )
            .await?;
        fault::point("worker.tick.created");
        notify_tick(&self.local, queue).await
    }

    async fn make_missing_tick(&mut self, config: &LondisteConfig) -> Result<()> {
        let (queue, completed) = (&config.queue_name, self.node.completed);
        let Some(tick) = load_tick(self.reader()?.session(), queue, completed).await? else {
            return Err(Error::new(
                ErrorKind::Position,
                format!(
                    "tick {completed} is missing in the queue of node \"{}\"",
                    self.node.name
                ),
            )
            .with_detail(format!(
                "provider \"{}\" does not have it any more either",
                self.node.provider
            ))
            .with_hint("drop this node and create it anew"));
        };
        tracing::info!("making tick {completed}, which a crash left out");
        self.make_tick(config, &tick.time, tick.event_seq).await?;
        self.node.queue_top = Some(completed);
        Ok(())
    }

    /// The provider's position does not fit the stored one.
    async fn find_position(&mut self, config: &LondisteConfig, batch: &Batch) -> Result<()> {
        self.refresh(config).await?;
        let completed = self.node.completed;
        if batch.prev_tick == completed || batch.tick == completed {
            return Ok(());
        }
        if completed < batch.prev_tick {
            // This node lost its last commits (a crash without durable commits, a restore): read them again.
            self.reader()?.reposition(completed).await.map_err(|error| {
                lost_position(batch, completed).with_source(error).with_hint(
                    "the provider has removed the events in between: drop this node and create it anew",
                )
            })?;
            tracing::warn!(
                "this node is at tick {completed}, its provider thought it at {}: reading again from {completed}",
                batch.prev_tick
            );
            return Ok(());
        }
        Err(lost_position(batch, completed)
            .with_detail(format!(
                "the provider \"{}\" has not come as far as this node",
                self.node.provider
            ))
            .with_hint(
                "was the provider restored, or promoted without its last changes? then compare the tables",
            )
            .with_hint("to read again from the provider's position: londiste worker --reset"))
    }

    async fn lost_consumer(&self, error: Error, config: &LondisteConfig) -> Error {
        if error.sqlstate() != Some("P0001") {
            return error;
        }
        if let Ok(reader) = self.reader()
            && let Ok(Some(detached)) =
                pgq::find_detached(reader.session(), &config.queue_name, &config.consumer_name).await
        {
            return detached
                .context(format!("provider \"{}\" gives no batch", self.node.provider))
                .with_hint("if it says that events are gone: drop this node and create it anew");
        }
        error.context(format!("provider \"{}\" gives no batch", self.node.provider)).with_hint(format!(
            "is consumer \"{}\" registered there, and is this node at a tick that the provider still has? \
             (select * from pgq.get_consumer_info('{}'))",
            config.consumer_name, config.queue_name
        ))
    }

    /// Behind a combined queue that is a branch here: data and position come through that queue (cascade.md 9).
    async fn follow_combined(&mut self, config: &LondisteConfig, batch: &Batch) -> Result<Pass> {
        self.refresh(config).await?;
        if batch.tick > self.node.completed {
            return Ok(Pass::Idle);
        }
        let mut work = BatchWork {
            config,
            node: &self.node,
            local: &self.local,
            reader: self
                .reader
                .as_ref()
                .map(|(_, reader)| reader)
                .expect("connected in pass"),
            applier: &mut self.applier,
            identity: &self.identity,
        };
        work.handle_administrative_only(batch).await?;
        self.reader()?.finish_batch(batch).await?;
        Ok(Pass::Worked)
    }

    /// Starts copies for the tables that need one.
    async fn move_tables(&mut self, config: &LondisteConfig) -> Result<()> {
        let queue = config.queue_name.as_str();
        let running = self.copies.running().clone();
        let waiting = self
            .tables
            .values()
            .any(|t| t.state != TableState::Ok && !running.contains(&t.name));
        if !waiting || self.node.duty == Duty::Root || self.node.duty == Duty::MergeIntoBranch {
            return Ok(());
        }
        let available = self.provider_tables(config).await?;
        let facts = WorkerFacts {
            completed: self.node.completed,
            running: &running,
            slots: config.parallel_copies,
            available: Some(&available),
        };
        for step in plan_worker(&self.tables, &facts) {
            match step {
                WorkerMove::StartCopy(name) => {
                    let dest = self.tables[&name].dest.clone();
                    drop_foreign_keys(&self.local, &dest).await?;
                    self.local.batch_execute("begin").await?;
                    let (from, to) = (TableState::Missing, TableState::InCopy);
                    if !store_state(&self.local, queue, &name, from, to, None).await? {
                        // Removed in this moment.
                        self.local.batch_execute("rollback").await?;
                        continue;
                    }
                    fault::point("table.in-copy.before-commit");
                    self.local.batch_execute("commit").await?;
                    fault::point("table.in-copy.committed");
                    self.copies.start(config, &self.node.name, &name);
                }
                WorkerMove::ResumeCopy(name) => {
                    tracing::info!("{name}: its copy is started again");
                    self.copies.start(config, &self.node.name, &name);
                }
                WorkerMove::WaitForProvider(name) => {
                    let line = format!(
                        "{name}: waiting until it is ok on provider {}",
                        self.node.provider
                    );
                    if let Some(line) = self.waiting_for_provider.failed(&line) {
                        tracing::info!("{line}");
                    }
                }
                // Done by the worker at its next batch, or by the copy itself.
                WorkerMove::TakeOver(_) => {}
            }
        }
        let (consumer, tables) = (&config.consumer_name, &mut self.tables);
        *tables = load_tables(&self.local, queue, consumer).await?;
        Ok(())
    }

    /// Tables that the provider has `ok`; asked at most once a second.
    async fn provider_tables(&mut self, config: &LondisteConfig) -> Result<HashSet<String>> {
        if let Some((asked, tables)) = &self.provider_tables
            && asked.elapsed() < Duration::from_secs(1)
        {
            return Ok(tables.clone());
        }
        let rows = self
            .reader()?
            .session()
            .query(sql::worker::LIST_AVAILABLE_TABLES, &[&config.queue_name])
            .await?;
        let tables: HashSet<String> = rows.iter().map(|row| row.get("table_name")).collect();
        self.provider_tables = Some((Instant::now(), tables.clone()));
        Ok(tables)
    }

    /// Puts foreign keys back, when the last table of a pair became ok and now and then.
    async fn restore_keys(&mut self, config: &LondisteConfig) -> Result<()> {
        let is_ok = |table: &&Table| table.state == TableState::Ok;
        let ok: HashSet<String> = self
            .tables
            .values()
            .filter(is_ok)
            .map(|table| table.name.clone())
            .collect();
        let due = !ok.is_subset(&self.ok_tables) || self.next_key_look <= Instant::now();
        if due && self.node.duty.applies() {
            restore_foreign_keys(&self.local, &config.queue_name).await?;
            self.next_key_look = Instant::now() + KEY_PERIOD;
        }
        self.ok_tables = ok;
        Ok(())
    }

    /// Ends the consumers of copies that died in their last step or whose table was removed (Q20).
    async fn remove_stray_copies(&mut self, config: &LondisteConfig) -> Result<()> {
        let now = Instant::now();
        let running = self.copies.running();
        let seen = self.tables.values().any(|table| {
            !table.state.is_copying() && table.copy_tick.is_some() && !running.contains(&table.name)
        });
        if self.next_stray_look > now && !(seen && self.next_stray_retry <= now) {
            return Ok(());
        }
        self.next_stray_look = now + STRAY_PERIOD;
        let (queue, consumer) = (config.queue_name.as_str(), config.consumer_name.as_str());
        let rows = self
            .local
            .query(sql::worker::LIST_STRAY_COPIES, &[&queue, &consumer])
            .await?;
        for row in rows {
            let table: String = row.get("table_name");
            if self.copies.running().contains(&table) {
                continue;
            }
            let removed = async {
                let location: Option<String> = row.get("provider_location");
                let location =
                    location.ok_or_else(|| Error::not_found("its source is no member any more"))?;
                let app = AppName::new("copy", &self.node.name, queue);
                let source = Session::connect(&remote_info(config, &location)?, &app).await?;
                drop_consumer(&source, &self.local, queue, &copy_consumer(consumer, &table)).await?;
                source.close().await;
                Ok::<(), Error>(())
            };
            match removed.await {
                Ok(()) => tracing::info!("{table}: removed the consumer that an earlier copy left"),
                Err(error) => {
                    self.next_stray_retry = now + STRAY_PERIOD;
                    tracing::warn!("{table}: an earlier copy left a consumer: {}", error.line());
                }
            }
        }
        Ok(())
    }

    async fn publish_local_watermark(&mut self, config: &LondisteConfig) -> Result<()> {
        if self.next_local_watermark > Instant::now() {
            return Ok(());
        }
        self.next_local_watermark = Instant::now() + config.local_wm_publish_period;
        self.refresh(config).await?;
        let Some(watermark) = self.node.local_watermark else {
            return Ok(());
        };
        let sql = "select * from pgq_node.set_subscriber_watermark($1, $2, $3)";
        let client = &**self.reader()?.session();
        if let Err(error) = call_quietly(
            client,
            None,
            sql,
            &[&config.queue_name, &self.node.name, &watermark.0],
        )
        .await
        {
            if self.reader()?.session().is_closed() {
                return Err(error);
            }
            tracing::warn!(
                "watermark {watermark} could not be told to {}: {}",
                self.node.provider,
                error.line()
            );
        }
        Ok(())
    }

    async fn root_duties(&mut self, config: &LondisteConfig) -> Result<()> {
        let queue = &config.queue_name;
        let client = &*self.local;
        if self.next_global_watermark <= Instant::now() {
            self.next_global_watermark = Instant::now() + config.global_wm_publish_period;
            call_quietly(
                client,
                None,
                "select * from pgq_node.set_global_watermark($1, null)",
                &[queue],
            )
            .await?;
        }
        if self.next_local_watermark <= Instant::now() {
            self.next_local_watermark = Instant::now() + Duration::from_secs(1);
            call_quietly(
                client,
                None,
                "select * from londiste.root_check_seqs($1)",
                &[queue],
            )
            .await?;
        }
        Ok(())
    }
}

fn lost_position(batch: &Batch, completed: TickId) -> Error {
    // Ancestor: the first words, which people search for.
    Error::new(
        ErrorKind::Position,
        format!(
            "Lost position: batch {}..{}, dst has {completed}",
            batch.prev_tick, batch.tick
        ),
    )
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
        let row = local
            .query_one(sql::worker::TAKE_WORKER_LOCK, &[&queue, &consumer])
            .await?;
        if row.get("taken") {
            return Ok(());
        }
        let holder: Option<String> = row.get("holder");
        let line = format!(
            "another worker of node {node} is connected ({}): waiting until it is gone",
            holder.as_deref().unwrap_or("its connection is not visible")
        );
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
