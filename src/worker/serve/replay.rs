//! One batch from its opening to its end, and what to do when positions do not fit.

use std::time::{Duration, Instant};

use super::{Pass, Server, not_connected};
use crate::config::londiste::LondisteConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::node::ReplayRole;
use crate::pgq::{self, Batch, BatchLimits, TickId, load_tick};
use crate::service::fault;
use crate::sql;
use crate::table::TableState;
use crate::worker::batch::{BatchEnd, BatchWork, DueTick};
use crate::worker::node_state::Duty;

/// A copy at most this many ticks ahead of the worker is met tick by tick.
const MEETING_TICKS: i64 = 20;

/// For so long ticks that are read already follow each other without a look at anything else.
const AT_ONCE: Duration = Duration::from_millis(100);

/// What became of a batch.
enum Done {
    /// Nothing to wait for; on a branch a tick may be due.
    Worked(Option<DueTick>),
    /// It has to wait.
    Idle,
}

/// What the look for a batch found.
enum Opened {
    /// Work.
    Batch(Box<Batch>),
    /// Nothing to apply; what the pass did.
    Else(Pass),
}

impl Server<'_> {
    /// Opens the next batch, or takes the next ticks of one that spans several, and brings it to its end.
    pub(super) async fn replay(&mut self, config: &LondisteConfig) -> Result<Pass> {
        let batch = match self.next_of_joined().await? {
            Some(batch) => batch,
            None => match self.open_batch(config).await? {
                Opened::Batch(batch) => *batch,
                Opened::Else(pass) => return Ok(pass),
            },
        };
        let begun = Instant::now();
        let mut next = Some(batch);
        let mut due = None;
        while let Some(batch) = next {
            due = match self.replay_one(config, &batch, due).await? {
                Done::Worked(due) => due,
                Done::Idle => return Ok(Pass::Idle),
            };
            // What is read already follows at once, and the tick is made together with its first message.
            next = match &self.joined {
                Some(joined)
                    if due.is_some()
                        && joined.is_read()
                        && begun.elapsed() < AT_ONCE
                        && self.tables.values().all(|table| table.state == TableState::Ok) =>
                {
                    self.next_of_joined().await?
                }
                _ => None,
            };
        }
        if let Some(tick) = due {
            tick.make(&self.local, &config.queue_name).await?;
        }
        Ok(Pass::Worked)
    }

    /// Applies one batch. On a branch its tick is due then: what follows has to make it before anything else.
    async fn replay_one(
        &mut self,
        config: &LondisteConfig,
        batch: &Batch,
        tick_before: Option<DueTick>,
    ) -> Result<Done> {
        let started = Instant::now();
        let mut work = self.batch_work(config)?;
        work.tick_before = tick_before;
        let (tables, counts) = match work.apply(batch).await? {
            BatchEnd::StateChanged => {
                // The events may have been asked for already.
                self.leave_joined();
                self.reader = None;
                self.refresh(config).await?;
                return Ok(Done::Worked(None));
            }
            BatchEnd::CombinedClosed => {
                // The events may have been asked for already.
                self.reader = None;
                let line =
                    "waiting until the combined queue is open: it is closed while another node takes it over";
                if let Some(line) = self.waiting_for_combined.failed(line) {
                    tracing::info!("{line}");
                }
                self.refresh(config).await?;
                return Ok(Done::Idle);
            }
            BatchEnd::Committed { tables, counts } => (tables, counts),
        };
        self.tables = tables;
        self.node.completed = batch.tick;
        self.reached = Some((batch.tick, batch.tick_time.clone()));
        self.clear_error = true;
        self.copies.set_position(batch.tick);
        let mut due = None;
        let is_last = self.is_at_end_of(batch);
        if self.node.duty == Duty::Branch {
            self.node.queue_top = Some(batch.tick);
            let tick = DueTick {
                tick: batch.tick,
                time: batch.tick_time.clone(),
                event_seq: batch.event_seq,
            };
            match is_last {
                // The provider hears of the end only when the tick is there, too.
                true => tick.make(&self.local, &config.queue_name).await?,
                false => due = Some(tick),
            }
        }
        let took = started.elapsed();
        self.join_size.replayed(counts.events, took);
        self.status.add(counts, took, batch.lag);
        if is_last {
            fault::point("worker.finish.before");
            self.reader()?.finish_batch(batch).await?;
            fault::point("worker.finish.done");
        }
        Ok(Done::Worked(due))
    }

    fn batch_work<'w>(&'w mut self, config: &'w LondisteConfig) -> Result<BatchWork<'w>> {
        let Some((_, reader)) = &self.reader else {
            return Err(not_connected());
        };
        Ok(BatchWork {
            config,
            node: &self.node,
            is_replica: self.role == Some(ReplayRole::Replica),
            local: &self.local,
            reader,
            applier: &mut self.applier,
            identity: &self.identity,
            parking: &mut self.parking,
            changed: std::collections::HashSet::new(),
            queue_statements: &mut self.queue_statements,
            tick_before: None,
        })
    }

    /// The next tick of the batch that is being replayed tick by tick.
    async fn next_of_joined(&mut self) -> Result<Option<Batch>> {
        match (&mut self.joined, &self.reader) {
            (Some(joined), Some((_, reader))) => reader.next_of(joined).await,
            _ => Ok(None),
        }
    }

    /// Notes that a tick is done; true when the provider is to hear that its batch is done.
    fn is_at_end_of(&mut self, batch: &Batch) -> bool {
        let Some(joined) = &mut self.joined else {
            return true;
        };
        if joined.is_last(batch.tick) {
            self.joined = None;
            return true;
        }
        joined.advance();
        false
    }

    /// Forgets what was read ahead. The batch stays open at the provider; the next look goes on behind the stored position.
    pub(super) fn leave_joined(&mut self) {
        if self.joined.take().is_some() {
            // Its connection may be in the middle of a stream.
            self.reader = None;
        }
    }

    /// Opens the next batch, or finds the one that is open, and looks what it is to this node.
    async fn open_batch(&mut self, config: &LondisteConfig) -> Result<Opened> {
        let limits = self.limits(config);
        let reader = self.reader()?;
        let batch = match reader.next_batch(&limits).await {
            Ok(batch) => batch,
            Err(error) => return Err(self.lost_consumer(error, config).await),
        };
        let Some(batch) = batch else {
            return Ok(Opened::Else(Pass::Idle));
        };
        fault::point("worker.batch.opened");
        if self.node.duty == Duty::MergeIntoBranch {
            return self.follow_combined(config, &batch).await.map(Opened::Else);
        }
        if self.node.duty == Duty::MergeIntoRoot && batch.prev_tick < self.node.completed {
            return self.pass_delivered(config, &batch).await.map(Opened::Else);
        }
        if batch.tick == self.node.completed {
            // The commit came through, its answer or the finish did not. Or the provider was set back by just this tick.
            self.check_history(config, (batch.tick, &batch.tick_time)).await?;
            if self.node.duty == Duty::Branch {
                self.refresh(config).await?;
                if self.node.queue_top.is_some_and(|top| top < self.node.completed) {
                    self.make_missing_tick(config).await?;
                }
            }
            self.reader()?.finish_batch(&batch).await?;
            return Ok(Opened::Else(Pass::Worked));
        }
        // Only a branch takes a batch apart, so only a branch can have stopped in the middle of one.
        let mut batch = batch;
        if self.node.duty == Duty::Branch
            && let Some(mut joined) = self.reader()?.split(&batch, self.node.completed).await?
            && let Some(first) = self.reader()?.next_of(&mut joined).await?
        {
            tracing::debug!("batch {}..{} tick by tick", first.prev_tick, batch.tick);
            self.joined = Some(joined);
            batch = first;
        }
        if batch.prev_tick != self.node.completed {
            self.find_position(config, &batch).await?;
            return Ok(Opened::Else(Pass::Worked));
        }
        let place = (batch.prev_tick, batch.prev_tick_time.as_str());
        // A provider cannot become another one without ending the connection.
        if self.reached.as_ref().map(|(tick, time)| (*tick, time.as_str())) != Some(place) {
            self.check_history(config, place).await?;
        }
        Ok(Opened::Batch(Box::new(batch)))
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
            // A leaf that is behind takes many ticks as one. A branch hands each on, but need not ask for each.
            join_events: (!handing_over && !merges_by_config).then_some(self.join_size.events()),
        }
    }

    /// The last tick as the provider described it when it was replayed. A provider that is gone need not be asked.
    async fn stored_tick(&self, config: &LondisteConfig) -> Result<Option<(String, i64)>> {
        if !self.identity.is_stored_here() {
            return Ok(None);
        }
        let (queue, consumer, completed) = (&config.queue_name, &config.consumer_name, self.node.completed);
        let row = self
            .local
            .query_opt(sql::worker::LOAD_STORED_TICK, &[queue, consumer, &completed.0])
            .await?;
        Ok(row.map(|row| (row.get("tick_time"), row.get("tick_event_seq"))))
    }

    pub(super) async fn make_missing_tick(&mut self, config: &LondisteConfig) -> Result<()> {
        let (queue, completed) = (&config.queue_name, self.node.completed);
        if let Some((time, event_seq)) = self.stored_tick(config).await? {
            tracing::info!("making tick {completed}, which a crash left out");
            let tick = DueTick {
                tick: completed,
                time,
                event_seq,
            };
            tick.make(&self.local, queue).await?;
            self.node.queue_top = Some(completed);
            return Ok(());
        }
        self.connect_provider(config).await?;
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
        let tick = DueTick {
            tick: completed,
            time: tick.time,
            event_seq: tick.event_seq,
        };
        tick.make(&self.local, queue).await?;
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
        let at_provider = load_tick(self.reader()?.session(), &config.queue_name, completed).await?;
        if let Some(tick) = at_provider
            && self.check_history(config, (completed, &tick.time)).await?
        {
            // A branch that was restored and has caught up: what lies before that tick is here already.
            self.reader()?.reposition(completed).await?;
            tracing::warn!(
                "provider {} thought this node at tick {}: going on at {completed}, which is the same tick there",
                self.node.provider,
                batch.prev_tick
            );
            return Ok(());
        }
        self.refuse_other_history(config).await?;
        Err(self.ahead_of_provider(batch))
    }

    fn ahead_of_provider(&self, batch: &Batch) -> Error {
        lost_position(batch, self.node.completed)
            .with_detail(format!(
                "the provider \"{}\" has not come as far as this node",
                self.node.provider
            ))
            .with_hint("a branch that was restored comes to that tick again, and this node then goes on by itself")
            .with_hint(
                "a root that was restored, or promoted without its last changes, does not: londiste worker --rewind \
                 if this node knows the ticks before, else --reset; then compare the tables",
            )
    }

    /// Refuses to go on if the provider describes a tick otherwise than when it was replayed here. False when nothing is
    /// known here of that tick.
    async fn check_history(&self, config: &LondisteConfig, tick: (TickId, &str)) -> Result<bool> {
        let (queue, consumer) = (config.queue_name.as_str(), config.consumer_name.as_str());
        match self.identity.is_same(&self.local, queue, consumer, tick).await? {
            None => Ok(false),
            Some(true) => Ok(true),
            Some(false) => {
                // Nothing is found if it is the tick that a branch was created with, which has the time of that moment.
                self.refuse_other_history(config).await?;
                Ok(false)
            }
        }
    }

    async fn refuse_other_history(&self, config: &LondisteConfig) -> Result<()> {
        let (queue, consumer) = (config.queue_name.as_str(), config.consumer_name.as_str());
        let provider = self.reader()?.session();
        let found = self
            .identity
            .find_divergence(&self.local, provider, queue, consumer)
            .await?;
        match found {
            Some(divergence) => Err(divergence.error(&self.node.provider)),
            None => Ok(()),
        }
    }

    /// Looks at a provider that was just connected: one that lacks this node's last tick and makes no new ones would not be
    /// noticed by its batches.
    pub(super) async fn check_provider(&self, config: &LondisteConfig) -> Result<()> {
        if !self.node.duty.applies() {
            return Ok(());
        }
        let (queue, completed) = (config.queue_name.as_str(), self.node.completed);
        match load_tick(self.reader()?.session(), queue, completed).await? {
            Some(tick) => self
                .check_history(config, (completed, &tick.time))
                .await
                .map(drop),
            None => self.refuse_other_history(config).await,
        }
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
        self.behind = Some(batch.prev_tick);
        self.refresh(config).await?;
        if self.node.duty != Duty::MergeIntoBranch {
            return Ok(Pass::Worked);
        }
        if batch.tick > self.node.completed {
            return Ok(Pass::Idle);
        }
        self.check_delivered(config, batch).await?;
        self.batch_work(config)?.handle_administrative_only(batch).await?;
        fault::point("worker.behind.committed");
        self.reader()?.finish_batch(batch).await?;
        self.behind = None;
        Ok(Pass::Worked)
    }

    /// A batch whose data is here already, at least in part: this node merged it before it died, or a combined queue that was
    /// a branch until just now has brought it. What it says of nodes and tables may lack.
    async fn pass_delivered(&mut self, config: &LondisteConfig, batch: &Batch) -> Result<Pass> {
        self.behind = Some(batch.prev_tick);
        self.refresh(config).await?;
        let completed = self.node.completed;
        if self.node.duty != Duty::MergeIntoRoot || batch.prev_tick >= completed {
            return Ok(Pass::Worked);
        }
        self.check_delivered(config, batch).await?;
        self.batch_work(config)?.handle_administrative_only(batch).await?;
        fault::point("worker.behind.committed");
        if batch.tick <= completed {
            self.reader()?.finish_batch(batch).await?;
        } else {
            // Ticks were joined: only the rest is to be merged.
            self.reader()?.reposition(completed).await?;
        }
        self.behind = None;
        Ok(Pass::Worked)
    }

    /// The provider must have come as far as what is here, by the same history.
    async fn check_delivered(&mut self, config: &LondisteConfig, batch: &Batch) -> Result<()> {
        let (queue, completed) = (config.queue_name.as_str(), self.node.completed);
        let Some(tick) = load_tick(self.reader()?.session(), queue, completed).await? else {
            self.refuse_other_history(config).await?;
            return Err(self.ahead_of_provider(batch));
        };
        self.check_history(config, (completed, &tick.time))
            .await
            .map(drop)
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
