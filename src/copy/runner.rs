//! One copy from its start to the hand-over: decides by `table::plan_copy`, acts, waits for facts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::catch_up::CatchUp;
use super::large::{LargeCopy, ResumeError, Stale};
use super::load::load_rows;
use super::progress::ProgressSink;
use super::run::Run;
use super::source::{Source, ask_for_tick, find_source, load_source_table};
use crate::apply::Applier;
use crate::config::londiste::LondisteConfig;
use crate::consumer::{JoinSize, Reader, take_session_lock};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::node::become_replica;
use crate::parked::{self, Parking};
use crate::pg::{AppName, ConnInfo, QualifiedName, Session, quote_literal};
use crate::pgq::{Batch, BatchLimits, Snapshot, TickId, load_tick};
use crate::service::backoff::Backoff;
use crate::service::fault;
use crate::service::folded::Folded;
use crate::service::stop::StopSignal;
use crate::sql;
use crate::table::{
    CopyFacts, CopyMove, Table, TableState, copy_consumer, load_tables, plan_copy, store_state,
};

/// Longest wait without looking: a help for nodes whose other programs announce nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A copy that is further behind the worker takes many ticks as one batch. It may come out ahead of the worker, which
/// then arrives tick by tick.
const NEAR_TICKS: i64 = 3;

/// What a copy needs.
#[derive(Clone)]
pub struct CopyJob {
    /// The job file.
    pub config: Arc<LondisteConfig>,
    /// Name of the node.
    pub node: String,
    /// Global name of the table.
    pub table: String,
    /// Ends the copy.
    pub stop: StopSignal,
    /// The worker's position, when the worker is in this process.
    pub worker_position: Option<watch::Receiver<TickId>>,
    /// Wakes the worker after a change of state.
    pub changed: Arc<Notify>,
    /// Where progress is shown.
    pub progress: ProgressSink,
}

/// Runs the copy of one table in the foreground, as `londiste copy TABLE`.
pub async fn run_one(config: LondisteConfig, table: &str, stop: StopSignal) -> Result<()> {
    let local = Session::connect(
        &ConnInfo::parse(&config.db)?,
        &AppName::new("copy", "", &config.queue_name),
    )
    .await?;
    let info = local
        .query_one(
            "select node_name from pgq_node.get_node_info($1)",
            &[&config.queue_name],
        )
        .await?;
    let node = info.get::<_, Option<String>>(0).ok_or_else(|| {
        Error::not_found(format!(
            "queue \"{}\" has no node in this database",
            config.queue_name
        ))
    })?;
    let name = QualifiedName::parse(table).fqname();
    let tables = load_tables(&local, &config.queue_name, &config.consumer_name).await?;
    match tables.get(&name).map(|table| table.state) {
        None => {
            return Err(
                Error::not_found(format!("table \"{name}\" is not attached on node \"{node}\""))
                    .with_hint(format!("attach it first: londiste add-table {name}")),
            );
        }
        Some(state) if !state.is_copying() => {
            return Err(Error::refused(format!(
                "table \"{name}\" is not being copied: its state is {state}"
            ))
            .with_hint(format!(
                "to copy it anew: londiste resync {name}; the worker then starts the copy"
            )));
        }
        Some(_) => {}
    }
    drop(local);
    run_job(&CopyJob {
        config: Arc::new(config),
        node,
        table: name,
        stop,
        worker_position: None,
        changed: Arc::default(),
        progress: ProgressSink::detect(false),
    })
    .await
}

/// Runs a copy until the table is handed over or taken away; errors are logged, stored for `status`, and tried again.
///
/// # Errors
/// Only [`ErrorKind::Interrupted`], or errors that no retry can help.
pub async fn run_job(job: &CopyJob) -> Result<()> {
    let mut backoff = Backoff::new(Duration::from_millis(500), job.config.exception_sleep);
    let mut folded = Folded::new(Duration::from_secs(300));
    loop {
        let pass = async { Runner::start(job).await?.run(&mut backoff, &mut folded).await };
        let Err(error) = job.stop.unless_stopped(pass).await else {
            return Ok(());
        };
        if error.is_interrupted() || error.kind().retry() == Retry::Never {
            return Err(error);
        }
        if let Some(line) = folded.failed(&error.line()) {
            // After a kill the server may take a moment to end the old copy's connection.
            if error.kind() == ErrorKind::Busy {
                tracing::info!("copy of table {}: waiting: {line}", job.table);
            } else {
                tracing::error!("copy of table {}: {line}", job.table);
            }
        }
        job.changed.notify_one();
        let pause = match error.kind().retry() {
            Retry::Always => backoff.next_pause(),
            _ => job.config.exception_sleep,
        };
        if !job.stop.sleep(pause).await {
            return Err(Error::interrupted());
        }
    }
}

struct Runner<'a> {
    job: &'a CopyJob,
    queue: &'a str,
    consumer: String,
    app: AppName,
    local: Session,
    source: Source,
    reader: Reader,
    applier: Applier,
    parking: Parking,
    join_size: JoinSize,
    // Of the tick that was replayed last.
    event_seq: Option<i64>,
    worker_position: Option<watch::Receiver<TickId>>,
    // Once a tick after the rows' snapshot is replayed, it stays so until the next load of rows.
    passed: bool,
}

impl<'a> Runner<'a> {
    async fn start(job: &'a CopyJob) -> Result<Self> {
        let config = &job.config;
        let queue = config.queue_name.as_str();
        let app = AppName::new("copy", &job.node, queue);
        let consumer = copy_consumer(&config.consumer_name, &job.table);
        let local = Session::connect(&ConnInfo::parse(&config.db)?, &app).await?;
        take_lock(&local, queue, &consumer).await?;
        become_replica(&local, config.replay_without_role).await?;
        local.batch_execute("listen londiste").await?;
        let worker = local
            .query_one(
                "select provider_node, provider_location from pgq_node.get_consumer_state($1, $2)",
                &[&queue, &config.consumer_name],
            )
            .await?;
        let provider: (Option<String>, Option<String>) = (worker.get(0), worker.get(1));
        let (Some(node), Some(location)) = provider else {
            return Err(Error::not_found(format!("node \"{}\" has no worker", job.node)));
        };
        let table = load_own(&local, job).await?;
        let copy_node = table.as_ref().and_then(|table| table.attrs.copy_node());
        let source = find_source(config, &local, &app, (&node, &location), copy_node, &job.table).await?;
        let reader = Reader::connect(&source.info, &app, queue, &consumer).await?;
        let parking = Parking::detect(&local).await?;
        tracing::info!("{}: using {} as source node", job.table, source.node);
        Ok(Self {
            job,
            queue,
            consumer,
            app,
            local,
            source,
            reader,
            applier: Applier::default(),
            parking,
            join_size: JoinSize::default(),
            event_seq: None,
            worker_position: job.worker_position.clone(),
            passed: false,
        })
    }

    async fn run(mut self, backoff: &mut Backoff, folded: &mut Folded) -> Result<()> {
        let result = self.steps(backoff, folded).await;
        if let Err(error) = &result
            && !error.is_interrupted()
        {
            self.store_error(error).await;
        }
        result
    }

    async fn steps(&mut self, backoff: &mut Backoff, folded: &mut Folded) -> Result<()> {
        loop {
            let Some(table) = load_own(&self.local, self.job).await? else {
                return self.leave("it was removed").await;
            };
            if table.state == TableState::InCopy {
                self.copy_rows(&table).await?;
                backoff.reset();
                if let Some(line) = folded.recovered() {
                    tracing::info!("copy of table {}: {line}", table.name);
                }
                continue;
            }
            if !table.state.is_copying() {
                return self.leave(&format!("its state is {}", table.state)).await;
            }
            if let Some(ddl) = table.dropped_ddl.clone() {
                self.restore_dropped(&table, &ddl).await?;
            }
            let Some(completed) = table.copy_tick else {
                self.start_over(&table, "the position of its copy is lost")
                    .await?;
                continue;
            };
            let worker_completed = self.worker_completed().await?;
            let is_behind = completed.0 + NEAR_TICKS < worker_completed.0;
            let batch = match self.next_batch(completed, is_behind).await? {
                Position::Ready(batch) => batch,
                Position::Lost(why) => {
                    self.start_over(&table, &why).await?;
                    continue;
                }
            };
            let facts = CopyFacts {
                completed,
                has_batch: batch.is_some(),
                worker_completed,
                passed_snapshot: self.has_passed(table.snapshot.as_ref(), completed).await?,
            };
            match (plan_copy(table.state, facts), batch) {
                (CopyMove::Replay, Some(batch)) => self.replay(&batch).await?,
                (CopyMove::TakeOver, _) => self.take_over(completed).await?,
                (CopyMove::WannaSync(tick), _) => {
                    let to = TableState::WannaSync(tick);
                    if store_state(&self.local, self.queue, &table.name, table.state, to, None).await? {
                        fault::point("copy.wanna-sync.committed");
                    }
                    self.job.changed.notify_one();
                }
                _ => {
                    if !facts.passed_snapshot {
                        ask_for_tick(&self.job.config, self.reader.session(), &self.app).await;
                    }
                    self.wait().await?;
                }
            }
        }
    }

    async fn copy_rows(&mut self, table: &Table) -> Result<()> {
        parked::forget_table(&*self.local, self.queue, &table.name).await?;
        let source_table = loop {
            match load_source_table(self.reader.session(), self.queue, &table.name).await? {
                Some(found) => break found,
                None => {
                    tracing::info!(
                        "{}: waiting until it is ok on node {}",
                        table.name,
                        self.source.node
                    );
                    self.wait().await?;
                    if load_own(&self.local, self.job)
                        .await?
                        .is_none_or(|t| t.state != TableState::InCopy)
                    {
                        return Ok(());
                    }
                }
            }
        };
        let large = LargeCopy {
            job: self.job,
            app: &self.app,
            local: &self.local,
            source: &self.source,
            table,
            from: QualifiedName::parse(&source_table.dest),
        };
        if let Some(run) = self.find_run(table).await? {
            self.go_on(&large, run).await?;
            return self.rows_are_in(table).await;
        }
        // A connection of its own: the reader's goes on hearing of ticks, and its transactions stay short.
        let source = Session::connect(&self.source.info, &self.app).await?;
        let in_ranges = large.is_due(&source).await?;
        self.register().await?;
        fault::point("copy.registered");
        tracing::info!("starting full copy of {}", table.name);
        if in_ranges {
            // Otherwise the next look at the table says what to do instead.
            if let Some(run) = large.begin(source).await? {
                large.finish(&run).await?;
                return self.rows_are_in(table).await;
            }
            return Ok(());
        }
        let loaded = load_rows(
            &source,
            &self.source.node,
            &self.local,
            self.queue,
            table,
            &source_table,
            &self.job.progress,
        )
        .await;
        source.close().await;
        if !loaded? {
            // The next look at the table says what to do instead.
            return Ok(());
        }
        self.rows_are_in(table).await
    }

    /// Goes on where an earlier process stood, or starts over when that cannot be.
    async fn go_on(&self, large: &LargeCopy<'_>, mut run: Run) -> Result<()> {
        match large.resume(&mut run, &self.consumer).await {
            Ok(()) => large.finish(&run).await,
            Err(ResumeError::Failed(error)) => Err(error),
            Err(ResumeError::Stale(Stale(why))) => large.start_over(&run, &why).await,
        }
    }

    async fn rows_are_in(&mut self, table: &Table) -> Result<()> {
        self.passed = false;
        self.applier.forget();
        self.job.changed.notify_one();
        ask_for_tick(&self.job.config, self.reader.session(), &self.app).await;
        // Beside what comes next: statistics are a help for the planner, not a part of the copy.
        let info = ConnInfo::parse(&self.job.config.db)?;
        let (app, dest, name) = (
            self.app.clone(),
            QualifiedName::parse(&table.dest),
            table.name.clone(),
        );
        tokio::spawn(async move {
            let analyzed = async {
                let session = Session::connect(&info, &app).await?;
                session
                    .batch_execute(&format!("analyze {}", dest.quoted()))
                    .await?;
                session.close().await;
                Ok::<(), Error>(())
            };
            match analyzed.await {
                Ok(()) => tracing::info!("{name}: statistics gathered"),
                Err(error) => tracing::warn!("{name}: no statistics gathered: {}", error.line()),
            }
        });
        Ok(())
    }

    /// The copy in ranges that an earlier process began, if this database keeps such.
    async fn find_run(&self, table: &Table) -> Result<Option<Run>> {
        if table.dropped_ddl.is_none() {
            return Ok(None);
        }
        let kept: bool = self
            .local
            .query_one(sql::copy::CAN_KEEP_RUNS, &[])
            .await?
            .get("kept");
        if !kept {
            return Ok(None);
        }
        Run::find(&self.local, self.queue, &table.name).await
    }

    /// Registers the consumer at the source's present tick, here and there: whatever an earlier try left is replaced.
    async fn register(&self) -> Result<()> {
        let source = self.reader.session();
        let known: i32 = source
            .query_one(
                "select pgq.unregister_consumer($1, $2)",
                &[&self.queue, &self.consumer],
            )
            .await?
            .get(0);
        if known > 0 {
            tracing::debug!("{}: an earlier consumer is replaced", self.job.table);
        }
        source
            .query_one(
                "select pgq.register_consumer($1, $2)",
                &[&self.queue, &self.consumer],
            )
            .await?;
        let tick: i64 = source
            .query_one(
                "select last_tick from pgq.get_consumer_info($1, $2)",
                &[&self.queue, &self.consumer],
            )
            .await?
            .get(0);
        self.local
            .query_one(
                "select ret_code, ret_note from pgq_node.register_consumer($1, $2, $3, $4)",
                &[&self.queue, &self.consumer, &self.source.node, &tick],
            )
            .await?;
        Ok(())
    }

    /// The batch after `completed`, with the source's position brought in line with the stored one; with `is_behind` it
    /// may join many ticks.
    async fn next_batch(&self, completed: TickId, is_behind: bool) -> Result<Position> {
        let limits = BatchLimits {
            join_events: is_behind.then_some(self.join_size.events()),
            ..BatchLimits::default()
        };
        for _ in 0..2 {
            let batch = match self.reader.next_batch(&limits).await {
                Ok(batch) => batch,
                // The consumer or its tick is gone on the source.
                Err(error) if error.sqlstate() == Some("P0001") => return Ok(Position::Lost(error.line())),
                Err(error) => return Err(error),
            };
            match batch {
                Some(batch) if batch.tick == completed => self.reader.finish_batch(&batch).await?,
                Some(batch) if batch.prev_tick == completed => return Ok(Position::Ready(Some(batch))),
                None => return Ok(Position::Ready(None)),
                Some(batch) => match self.reader.reposition(completed).await {
                    Ok(()) => tracing::warn!(
                        "{}: the source stood at tick {}, put back to {completed}",
                        self.job.table,
                        batch.prev_tick
                    ),
                    Err(error) if error.kind() == ErrorKind::Database => {
                        return Ok(Position::Lost(error.line()));
                    }
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(Position::Ready(None))
    }

    async fn worker_completed(&mut self) -> Result<TickId> {
        // Marked as seen before the look, so that a move after it ends the next wait.
        if let Some(position) = &mut self.worker_position {
            position.borrow_and_update();
        }
        let row = self
            .local
            .query_one(
                "select last_tick_id from pgq_node.local_state where queue_name = $1 and consumer_name = $2",
                &[&self.queue, &self.job.config.consumer_name],
            )
            .await?;
        Ok(TickId(row.get(0)))
    }

    /// Whether the tick was made after the snapshot; then no event behind it can be in the rows.
    async fn has_passed(&mut self, snapshot: Option<&Snapshot>, completed: TickId) -> Result<bool> {
        let Some(snapshot) = snapshot else {
            return Ok(true);
        };
        if !self.passed {
            let tick = load_tick(self.reader.session(), self.queue, completed).await?;
            self.passed = tick.is_some_and(|tick| tick.snapshot.covers(snapshot));
        }
        Ok(self.passed)
    }

    async fn replay(&mut self, batch: &Batch) -> Result<()> {
        let started = Instant::now();
        let mut work = CatchUp {
            job: self.job,
            consumer: &self.consumer,
            local: &self.local,
            reader: &self.reader,
            applier: &mut self.applier,
            parking: &mut self.parking,
        };
        if work.replay(batch).await? {
            // Of all tables: that is what a batch is made of.
            let before = self.event_seq.replace(batch.event_seq);
            let events = before.and_then(|before| u64::try_from(batch.event_seq - before).ok());
            self.join_size.replayed(events.unwrap_or(0), started.elapsed());
        }
        Ok(())
    }

    /// Makes the table `ok` if, under the lock on the worker's position, both still stand at the same tick.
    async fn take_over(&mut self, completed: TickId) -> Result<()> {
        self.local.batch_execute("begin").await?;
        let worker = lock_position(&self.local, self.queue, &self.job.config.consumer_name).await?;
        let table = load_own(&self.local, self.job).await?;
        let from = table
            .filter(|table| worker == Some(completed) && table.state.is_replayed_by_copy())
            .map(|table| table.state);
        let (queue, name) = (self.queue, &self.job.table);
        let moved = match from {
            Some(from) => store_state(&self.local, queue, name, from, TableState::Ok, None).await?,
            None => false,
        };
        if moved {
            fault::point("copy.ok.before-commit");
            self.local.batch_execute("commit").await?;
            fault::point("copy.ok.committed");
            tracing::info!("{}: in sync at tick {completed}", self.job.table);
            self.job.changed.notify_one();
        } else {
            self.local.batch_execute("rollback").await?;
        }
        Ok(())
    }

    /// Puts back what a copy of the ancestor dropped and left in `dropped_ddl`.
    async fn restore_dropped(&self, table: &Table, ddl: &str) -> Result<()> {
        tracing::info!("{}: restoring what an earlier copy dropped", table.name);
        self.local.batch_execute("begin").await?;
        self.local
            .batch_execute(ddl)
            .await
            .map_err(|error| Error::from(error).context(format!("table \"{}\"", table.name)))?;
        self.local
            .query_one(
                "select ret_code from londiste.local_set_table_struct($1, $2, null)",
                &[&self.queue, &table.name],
            )
            .await?;
        self.local.batch_execute("commit").await?;
        Ok(())
    }

    async fn start_over(&mut self, table: &Table, why: &str) -> Result<()> {
        tracing::warn!("{}: the copy starts over: {why}", table.name);
        let to = TableState::InCopy;
        store_state(&self.local, self.queue, &table.name, table.state, to, None).await?;
        Ok(())
    }

    /// Removes what the copy registered; the table is not its own any more.
    async fn leave(&self, why: &str) -> Result<()> {
        tracing::debug!("{}: the copy leaves: {why}", self.job.table);
        drop_consumer(self.reader.session(), &self.local, self.queue, &self.consumer).await?;
        self.job.changed.notify_one();
        Ok(())
    }

    async fn wait(&mut self) -> Result<()> {
        let worker_moves = async {
            if let Some(position) = &mut self.worker_position
                && position.changed().await.is_ok()
            {
                return;
            }
            std::future::pending().await
        };
        tokio::select! {
            result = self.reader.wait_for_tick() => result?,
            result = self.local.notification() => drop(result?),
            () = worker_moves => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        Ok(())
    }

    async fn store_error(&self, error: &Error) {
        let stored = async {
            self.local.batch_execute("rollback").await?;
            self.local
                .query(
                    "select ret_code from pgq_node.set_consumer_error($1, $2, $3)",
                    &[&self.queue, &self.consumer, &error.line()],
                )
                .await
        };
        if let Err(failed) = stored.await {
            tracing::debug!("{}: the error could not be stored: {failed}", self.job.table);
        }
    }
}

enum Position {
    Ready(Option<Batch>),
    Lost(String),
}

pub(super) async fn load_own(local: &Session, job: &CopyJob) -> Result<Option<Table>> {
    let mut tables: HashMap<String, Table> =
        load_tables(local, &job.config.queue_name, &job.config.consumer_name).await?;
    Ok(tables.remove(&job.table))
}

/// Locks a consumer's position until the transaction ends.
pub(super) async fn lock_position(local: &Session, queue: &str, consumer: &str) -> Result<Option<TickId>> {
    let row = local
        .query_opt(sql::worker::LOCK_POSITION, &[&queue, &consumer])
        .await?;
    Ok(row.map(|row| TickId(row.get("last_tick_id"))))
}

/// One copy of a table at a time: a session lock that dies with the connection.
async fn take_lock(local: &Session, queue: &str, consumer: &str) -> Result<()> {
    match take_session_lock(local, queue, consumer).await? {
        None => Ok(()),
        Some(holder) => {
            Err(Error::new(ErrorKind::Busy, "another copy of this table is running").with_detail(holder))
        }
    }
}

/// Ends a copy's consumer on its source and here.
pub(crate) async fn drop_consumer(
    source: &tokio_postgres::Client,
    local: &tokio_postgres::Client,
    queue: &str,
    consumer: &str,
) -> Result<()> {
    source
        .query_one("select pgq.unregister_consumer($1, $2)", &[&queue, &consumer])
        .await?;
    local
        .query_one(
            "select ret_code from pgq_node.unregister_consumer($1, $2)",
            &[&queue, &consumer],
        )
        .await?;
    Ok(())
}

/// Events of one table only; the row triggers write the global name, old ones may leave `public.` out.
pub fn event_filter(table: &str) -> String {
    let mut names = quote_literal(table);
    if let Some(bare) = table.strip_prefix("public.") {
        names.push_str(", ");
        names.push_str(&quote_literal(bare));
    }
    format!("ev_extra1 in ({names})")
}
