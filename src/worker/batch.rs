//! One batch inside one transaction of the node's database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::Statement;

use super::cascade_event;
use super::node_state::{Duty, NodeState};
use super::queue_copy::{QueueCopy, QueueStatements, encode_events, find_event_table};
use super::status::BatchCounts;
use crate::apply::{
    Ahead, Applier, Encode, Planned, Route, Routes, RowRoute, RowText, SharedRoutes, Step, Stopped, Target,
};
use crate::config::londiste::LondisteConfig;
use crate::config::on_error::OnError;
use crate::consumer::Reader;
use crate::error::{Error, Result};
use crate::execute::replay_script;
use crate::node::stream::{ANY_TABLE, StreamIdentity};
use crate::parked::{Failure, Parking};
use crate::pg::{Session, quote_fqname, quote_literal};
use crate::pgq::{Batch, Event, EventRef, Snapshot, TICK_CHANNEL, TickId, load_tick};
use crate::service::fault;
use crate::sql;
use crate::table::{
    Table, TableState, WorkerFacts, WorkerMove, load_tables, load_tables_by, plan_worker, store_state,
};

/// How a batch ended.
pub enum BatchEnd {
    /// Committed; the tables as they are after it.
    Committed {
        tables: HashMap<String, Table>,
        counts: BatchCounts,
    },
    /// Rolled back untouched: an administrator changed the node's state meanwhile, or the position is another one.
    StateChanged,
    /// Rolled back untouched: the combined queue is being closed, or has another root.
    CombinedClosed,
}

/// What applying a batch needs.
pub struct BatchWork<'a> {
    pub config: &'a LondisteConfig,
    pub node: &'a NodeState,
    /// Foreign keys and ordinary triggers stand aside.
    pub is_replica: bool,
    pub local: &'a Session,
    pub reader: &'a Reader,
    pub applier: &'a mut Applier,
    pub identity: &'a StreamIdentity,
    pub parking: &'a mut Parking,
    /// Local names of the tables that the batch has changed so far.
    pub changed: HashSet<String>,
    pub queue_statements: &'a mut QueueStatements,
    /// The tick of the batch before, which is to be made first.
    pub tick_before: Option<DueTick>,
}

/// A tick of the provider that is to be made here, because the work before it is committed.
pub struct DueTick {
    pub tick: TickId,
    pub time: String,
    pub event_seq: i64,
}

impl DueTick {
    /// Makes the tick, in a transaction of its own: its snapshot must see the commit before it.
    pub async fn make(self, local: &Session, queue: &str) -> Result<()> {
        let statement = local.prepared(sql::worker::MAKE_TICK).await?;
        self.send(local, &statement, queue).await
    }

    /// The same, by a message that is sent at the first poll: what is polled after it comes after the tick.
    async fn send(self, local: &Session, statement: &Statement, queue: &str) -> Result<()> {
        local
            .query_one(
                statement,
                &[&queue, &self.tick.0, &self.time, &self.event_seq, &TICK_CHANNEL],
            )
            .await?;
        fault::point("worker.tick.created");
        Ok(())
    }
}

impl BatchWork<'_> {
    /// Applies `batch` and commits it with its position.
    ///
    /// # Errors
    /// The transaction is left open: throw the connection away.
    pub async fn apply(&mut self, batch: &Batch) -> Result<BatchEnd> {
        loop {
            match self.attempt(batch).await {
                Ok(end) => {
                    self.parking.end();
                    return Ok(end);
                }
                Err(failure) => failure.recover(self.local, self.applier, self.parking).await?,
            }
        }
    }

    async fn attempt(&mut self, batch: &Batch) -> Result<BatchEnd, Failure> {
        let (queue, consumer) = (
            self.config.queue_name.as_str(),
            self.config.consumer_name.as_str(),
        );
        let local = self.local;
        let lock = local.prepared(sql::worker::LOCK_POSITION).await?;
        let load = local.prepared(sql::table::LOAD_TABLES).await?;
        let complete = local.prepared(sql::worker::SET_COMPLETED).await?;
        self.identity.prepare(local).await?;
        // One round trip: each statement of READ COMMITTED has its own snapshot, so the tables are read after the lock. The
        // provider is asked for the events meanwhile.
        let tick_before = self.tick_before.take();
        let position_key: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&queue, &consumer];
        let all_events = async {
            match self.is_filtering() {
                true => Ok(None),
                false => self.reader.events(batch, None).await.map(Some),
            }
        };
        let begin = match self.is_replica {
            true => "begin",
            // What was checked at the end of a transaction on the root must not be checked earlier here.
            false => "begin; set constraints all deferred",
        };
        let copied_to = match self.node.duty {
            Duty::Branch => Some(queue),
            Duty::MergeIntoRoot => self.node.combined_queue.as_deref(),
            _ => None,
        };
        // A combined queue may be closed, which is no error.
        let event_table = async {
            match self.node.duty {
                Duty::Branch => find_event_table(local, queue).await.map(Some),
                _ => Ok(None),
            }
        };
        // Prepared beforehand: were it sent behind the begin, the tick would see this batch's events as its own.
        let make_tick = local.prepared(sql::worker::MAKE_TICK).await?;
        let ticked = async {
            match tick_before {
                Some(tick) => tick.send(local, &make_tick, queue).await,
                None => Ok(()),
            }
        };
        let (ticked, begun, position, tables, policies, event_table, events) = futures::join!(
            ticked,
            local.batch_execute(begin),
            local.query_opt(&lock, &position_key),
            load_tables_by(local, &load, queue, consumer),
            self.parking.read(local, queue),
            event_table,
            all_events,
        );
        ticked?;
        begun?;
        let position = position?;
        let as_expected = position.is_some_and(|row| {
            row.get::<_, i64>("last_tick_id") == batch.prev_tick.0
                && !row.get::<_, bool>("paused")
                && row.get::<_, bool>("uptodate")
                && row.get::<_, String>("provider_node") == self.node.provider
        });
        if !as_expected {
            local.batch_execute("rollback").await?;
            return Ok(BatchEnd::StateChanged);
        }
        let (mut tables, policies) = (tables?, policies?);
        if let (Duty::MergeIntoRoot, Some(combined)) = (self.node.duty, &self.node.combined_queue)
            && !hold_open(local, combined).await?
        {
            local.batch_execute("rollback").await?;
            return Ok(BatchEnd::CombinedClosed);
        }
        let event_table = match (event_table?, copied_to) {
            (None, Some(queue)) => Some(find_event_table(local, queue).await?),
            (found, _) => found,
        };
        self.take_over(&mut tables, batch.prev_tick).await?;
        self.applier.begin();
        self.parking
            .load(
                local,
                self.applier,
                (queue, &policies),
                self.config.on_error,
                &tables,
            )
            .await?;

        let mut counts = BatchCounts::default();
        let keep_ids = self.node.duty == Duty::Branch;
        let mut statements = std::mem::take(self.queue_statements);
        let mut copier = match (copied_to, event_table) {
            (Some(queue), Some(found)) => {
                let mut copier = QueueCopy::new(queue, keep_ids, &mut statements);
                copier.begin(local, &found).await?;
                Some(copier)
            }
            _ => None,
        };
        let events = match events? {
            Some(events) => events,
            None => self.reader.events(batch, self.filter(&tables).as_deref()).await?,
        };
        let routes = SharedRoutes::default();
        routes.set(Arc::new(self.known_routes(&tables, 0)));
        self.changed.clear();
        let encode: Option<Encode> = (copier.is_some() && keep_ids).then_some(encode_events);
        let mut ahead = Ahead::start(events, routes.clone(), self.config.apply_memory, encode);
        while let Some(mut planned) = ahead.next().await? {
            counts.events += planned.slice.len() as u64;
            if let Some(event) = planned.slice.iter().find(|event| event.is_retried()) {
                return Err(Error::refused(format!("event {} is a retried one", event.id()))
                    .with_detail("a cascade keeps the order of events, so there can be no retries")
                    .with_hint("find who calls pgq.event_retry for this worker's consumer")
                    .into());
            }
            let own: Option<Vec<Event>> = (keep_ids && !self.node.sync_nodes.is_empty())
                .then(|| {
                    let event = |event| self.own_watermark(event).unwrap_or_else(|| event.to_event());
                    let has_own = planned
                        .slice
                        .iter()
                        .any(|event| self.own_watermark(event).is_some());
                    has_own.then(|| planned.slice.iter().map(event).collect())
                })
                .flatten();
            let (slice, lines) = (planned.slice.clone(), planned.encoded.take());
            let copied = async {
                let Some(copier) = &mut copier else {
                    return Ok(());
                };
                if let Some(events) = own {
                    for event in &events {
                        copier.push(local, event).await?;
                    }
                    return copier.flush(local).await;
                }
                if keep_ids {
                    return copier.write(local, &slice, lines).await;
                }
                for event in slice.iter().map(|event| event.to_event()) {
                    if !cascade_event::is_administrative(&event) {
                        copier.push(local, &event).await?;
                    }
                }
                Ok(())
            };
            // The events are sent first, what they change behind them without waiting for the answer.
            let applied = self.apply_slice(planned, &routes, &mut tables, batch.tick);
            let (copied, ignored) = futures::join!(copied, applied);
            if copied.is_err() {
                self.applier.take_failed();
            }
            copied?;
            counts.ignored += ignored?;
        }
        self.applier.flush(local).await?;
        if let Some(copier) = &mut copier {
            if self.node.duty == Duty::MergeIntoRoot {
                copier.push(local, &partition_tick(queue, batch)).await?;
            }
            copier.flush(local).await?;
        }
        for (dest, rows) in self.applier.take_missed_rows() {
            counts.missed_rows += rows;
            if let Some(table) = tables.values().find(|table| table.dest == dest) {
                let place = (queue, table.name.as_str());
                self.parking.add_drift(local, place, rows, batch.tick).await?;
            }
        }
        counts.parked = self.parking.count_now();
        if let Some(table) = self.applier.take_redefined() {
            return Err(Failure::Redefined(table));
        }
        self.forget_snapshots(&mut tables, batch.tick).await?;

        let completed: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&queue, &consumer, &batch.tick.0];
        // A branch makes the tick next, durably, and with it becomes durable what lies before; nobody is told of this batch
        // earlier than of its tick, except a copy that hands its table over.
        let waits = self.node.duty != Duty::Branch || tables.values().any(|t| t.state != TableState::Ok);
        let commit = match waits {
            true => "commit",
            false => "set local synchronous_commit = off; commit",
        };
        fault::point("worker.apply.before-commit");
        let changed: Vec<String> = self.changed.drain().collect();
        // Sent in this order without waiting: after a failure the commit is a rollback, and the failure is what counts.
        let (set, stored, committed) = futures::join!(
            local.query_one(&complete, &completed),
            self.identity
                .store(local, queue, consumer, &self.node.provider, batch, &changed),
            local.batch_execute(commit),
        );
        set?;
        stored?;
        committed?;
        fault::point("worker.apply.committed");
        *self.queue_statements = statements;
        Ok(BatchEnd::Committed { tables, counts })
    }

    /// A branch whose group has a watermark of its own passes that on in place of the root's.
    fn own_watermark(&self, event: EventRef<'_>) -> Option<Event> {
        if self.node.sync_nodes.is_empty() || event.kind() != "pgq.global-watermark" {
            return None;
        }
        let mut event = event.to_event();
        event.data = Some(self.node.global_watermark?.to_string());
        Some(event)
    }

    /// The administrative events of a batch that a node behind its combined queue does not apply itself.
    pub async fn handle_administrative_only(&mut self, batch: &Batch) -> Result<()> {
        let local = self.local;
        local.batch_execute("begin").await?;
        let filter = "(ev_type like 'pgq.%' or ev_type like 'londiste.%')";
        let mut events = self.reader.events(batch, Some(filter)).await?;
        while let Some(event) = events.next().await? {
            cascade_event::handle(local, self.config, self.node, self.identity, &event).await?;
        }
        local.batch_execute("commit").await?;
        Ok(())
    }

    /// Tables whose copy waits exactly here are the worker's from this batch on.
    async fn take_over(&self, tables: &mut HashMap<String, Table>, completed: TickId) -> Result<()> {
        let nothing = HashSet::new();
        let facts = WorkerFacts {
            completed,
            running: &nothing,
            slots: 0,
            available: None,
        };
        for step in plan_worker(tables, &facts) {
            if let WorkerMove::TakeOver(name) = step
                && let Some(table) = tables.get_mut(&name)
            {
                let queue = &self.config.queue_name;
                let (from, snapshot) = (table.state, table.snapshot.as_ref());
                if store_state(self.local, queue, &name, from, TableState::Ok, snapshot).await? {
                    fault::point("worker.do-sync.committed");
                    tracing::info!("{name}: in sync at tick {completed}");
                    table.state = TableState::Ok;
                } else {
                    // Resynced or removed in this moment: not ours in this batch.
                    table.state = TableState::Missing;
                }
            }
        }
        Ok(())
    }

    /// Applies the events of one slice and returns how many nobody here is interested in.
    async fn apply_slice(
        &mut self,
        mut planned: Planned,
        routes: &SharedRoutes,
        tables: &mut HashMap<String, Table>,
        tick: TickId,
    ) -> Result<u64, Failure> {
        let local = self.local;
        let mut ignored = 0;
        let mut from = 0;
        loop {
            // A script or an administrator's event came between planning and now.
            if planned.plan.generation != routes.get().generation {
                planned = Planned::new(planned.slice, from, routes.get()).await?;
            }
            let Planned { slice, plan, .. } = planned;
            let known = routes.get();
            ignored += plan.ignored;
            for step in plan.steps {
                match step {
                    Step::Rows(events) => {
                        let fires = |index: &u32| {
                            let route = known.by_name.get(slice.get(*index as usize).raw_extra1());
                            matches!(route, Some(Route::Rows(rows)) if rows.target.fires)
                        };
                        if events.first().is_some_and(fires) {
                            // What the node's own triggers run is planned as ever.
                            self.applier.leave_sets(local).await?;
                        }
                        for index in events {
                            let event = slice.get(index as usize);
                            self.note_change(event.raw_extra1(), &known);
                            self.apply_row(&event, &known).await?;
                        }
                    }
                    Step::Sets(works) => {
                        for work in &works {
                            self.changed.insert(work.target.name.clone());
                        }
                        // What waits has an order and its own error.
                        self.applier.flush(local).await?;
                        self.applier.set_changes(local, &works).await?;
                    }
                    Step::Single(index) => {
                        let event = slice.get(index as usize).to_event();
                        self.note_single(&event, tables);
                        if event.kind() == "EXECUTE" {
                            self.applier.flush(local).await?;
                            // What the script alters is altered on purpose.
                            if let Some(table) = self.applier.take_redefined() {
                                return Err(Failure::Redefined(table));
                            }
                            self.applier.leave_sets(local).await?;
                        }
                        match self.handle(&event, tables, tick).await? {
                            Handled::Ignored => ignored += 1,
                            Handled::Done => {}
                            Handled::TablesChanged => {
                                let generation = routes.get().generation + 1;
                                routes.set(Arc::new(self.known_routes(tables, generation)));
                            }
                        }
                    }
                }
            }
            from = match plan.stopped {
                Stopped::AtEnd => return Ok(ignored),
                Stopped::Behind(next) => next,
                Stopped::Unknown(next) => {
                    let mut known = Routes::clone(&routes.get());
                    for index in next..slice.len() {
                        let event = slice.get(index);
                        if !known.by_name.contains_key(event.raw_extra1()) {
                            let route = self.route(event.extra1().as_deref(), tables).await;
                            known.by_name.insert(event.raw_extra1().to_owned(), route);
                        }
                    }
                    known.keep_lineages();
                    routes.set(Arc::new(known));
                    next
                }
            };
            planned = Planned::new(slice, from, routes.get()).await?;
        }
    }

    /// Notes the table that a row event of a known route changes.
    fn note_change(&mut self, name: &str, routes: &Routes) {
        if let Some(Route::Rows(route)) = routes.by_name.get(name)
            && !self.changed.contains(&route.target.name)
        {
            self.changed.insert(route.target.name.clone());
        }
    }

    /// The same for an event that goes by itself.
    fn note_single(&mut self, event: &Event, tables: &HashMap<String, Table>) {
        let changed = if event.kind() == "EXECUTE" {
            Some(ANY_TABLE.to_owned())
        } else {
            let table = event.extra1.as_deref().and_then(|name| find_table(tables, name));
            table.map(|table| table.dest.clone())
        };
        self.changed.extend(changed);
    }

    async fn apply_row(&mut self, event: &EventRef<'_>, routes: &Routes) -> Result<()> {
        let Some(Route::Rows(route)) = routes.by_name.get(event.raw_extra1()) else {
            return Err(Error::internal(format!(
                "event {} has lost its table",
                event.id()
            )));
        };
        let (kind, data) = (event.kind(), event.data().unwrap_or_default());
        let text = RowText {
            id: event.id(),
            kind: &kind,
            data: &data,
        };
        self.applier
            .row_change(self.local, &route.target.name, text)
            .await
    }

    /// The routes of all tables that can be told without a look at the database.
    fn known_routes(&self, tables: &HashMap<String, Table>, generation: u64) -> Routes {
        let by_name = tables.values().filter_map(|table| {
            let route = match self.is_replayed(table) {
                false => Route::Ignored,
                true => self.row_route(table, self.applier.known_target(&table.dest)?),
            };
            Some((table.name.clone(), route))
        });
        let mut routes = Routes {
            generation,
            set_rows: self.config.apply_set_rows,
            by_name: by_name.collect(),
        };
        routes.keep_lineages();
        routes
    }

    /// Where the events of a name go. An error waits for the first event that is to be applied.
    async fn route(&mut self, name: Option<&str>, tables: &HashMap<String, Table>) -> Route {
        let Some(table) = name.and_then(|name| find_table(tables, name)) else {
            return Route::Ignored;
        };
        if !self.is_replayed(table) {
            return Route::Ignored;
        }
        match self.applier.target(self.local, &table.dest).await {
            Ok(target) => self.row_route(table, target),
            Err(_) => Route::Single,
        }
    }

    fn row_route(&self, table: &Table, target: Arc<Target>) -> Route {
        match table.attrs.handler_parts() {
            Ok((handler, _)) if handler == "londiste" && !self.parking.is_careful(table) => {
                Route::Rows(RowRoute {
                    ordered: self.applier.is_in_order(&target.name),
                    target,
                    snapshot: table.snapshot.clone(),
                })
            }
            _ => Route::Single,
        }
    }

    fn is_replayed(&self, table: &Table) -> bool {
        table.state == TableState::Ok && self.node.duty.applies()
    }

    /// Looks at one event by itself.
    async fn handle(
        &mut self,
        event: &Event,
        tables: &mut HashMap<String, Table>,
        tick: TickId,
    ) -> Result<Handled> {
        let local = self.local;
        if event.is_row_change() || event.kind() == "R" {
            let Some(table) = event.extra1.as_deref().and_then(|name| find_table(tables, name)) else {
                return Ok(Handled::Ignored);
            };
            let interesting = self.is_replayed(table)
                && !table
                    .snapshot
                    .as_ref()
                    .is_some_and(|snapshot| snapshot.contains(event.txid));
            if !interesting {
                return Ok(Handled::Ignored);
            }
            let (handler, arguments) = table.attrs.handler_parts()?;
            if handler != "londiste" {
                return Err(Error::refused(format!(
                    "table \"{}\" has the handler \"{handler}\", which this program does not have",
                    table.name
                ))
                .with_hint(format!(
                    "remove the table from this node: londiste remove-table {}",
                    table.name
                )));
            }
            if event.is_row_change() && self.parking.policy(&table.name) == OnError::Park {
                let place = (self.config.queue_name.as_str(), table);
                self.parking
                    .apply_or_park(local, self.applier, place, event, tick)
                    .await?;
            } else if event.is_row_change() {
                self.applier
                    .row_change(local, &table.dest, RowText::of(event))
                    .await?;
            } else if arguments.get("ignore_truncate").is_some_and(|v| v != "0") {
                tracing::info!("{}: ignoring truncate", table.name);
            } else {
                self.applier.truncate(local, &table.dest).await?;
                self.parking
                    .forget(local, &self.config.queue_name, &table.name)
                    .await?;
            }
            return Ok(Handled::Done);
        }
        if event.kind() == "EXECUTE" {
            if !self.node.duty.applies() {
                return Ok(Handled::Ignored);
            }
            replay_script(local, &self.config.queue_name, event).await?;
            // The script may have changed any table.
            self.applier.forget();
            *tables = load_tables(local, &self.config.queue_name, &self.config.consumer_name).await?;
            return Ok(Handled::TablesChanged);
        }
        if cascade_event::is_administrative(event) {
            self.applier.flush(local).await?;
            if cascade_event::handle(local, self.config, self.node, self.identity, event).await? {
                *tables = load_tables(local, &self.config.queue_name, &self.config.consumer_name).await?;
                return Ok(Handled::TablesChanged);
            }
            return Ok(Handled::Done);
        }
        Err(Error::refused(format!(
            "event {} has the unknown type \"{}\"",
            event.id,
            event.kind()
        ))
        .with_hint(
            "if something else than triggers and londiste writes into this queue, give it a queue of its own",
        ))
    }

    /// A snapshot that a copy of the ancestor left is forgotten once a tick after it is replayed.
    async fn forget_snapshots(&self, tables: &mut HashMap<String, Table>, tick: TickId) -> Result<()> {
        if !tables
            .values()
            .any(|table| table.state == TableState::Ok && table.snapshot.is_some())
        {
            return Ok(());
        }
        let queue = &self.config.queue_name;
        let Some(tick) = load_tick(self.reader.session(), queue, tick).await? else {
            return Ok(());
        };
        for table in tables.values_mut() {
            let passed = |snapshot: &Snapshot| tick.snapshot.covers(snapshot);
            if table.state == TableState::Ok && table.snapshot.as_ref().is_some_and(passed) {
                let ok = TableState::Ok;
                if store_state(self.local, queue, &table.name, ok, ok, None).await? {
                    table.snapshot = None;
                }
            }
        }
        Ok(())
    }

    fn is_filtering(&self) -> bool {
        self.config.local_only && self.node.duty == Duty::Leaf
    }

    /// With `local_only` a leaf fetches only what concerns it (londiste.md 7.4).
    fn filter(&self, tables: &HashMap<String, Table>) -> Option<String> {
        if !self.is_filtering() {
            return None;
        }
        let mut filter = "(ev_type like 'pgq.%' or ev_type like 'londiste.%'".to_owned();
        if !self.config.local_only_drop_execute {
            filter.push_str(" or ev_type = 'EXECUTE'");
        }
        if !tables.is_empty() {
            let mut names: Vec<String> = tables.keys().map(|name| quote_literal(name)).collect();
            names.sort();
            filter.push_str(&format!(" or ev_extra1 in ({})", names.join(",")));
        }
        filter.push(')');
        Some(filter)
    }
}

/// What became of an event.
enum Handled {
    /// Nobody here is interested in it.
    Ignored,
    /// It was applied, or waits for it.
    Done,
    /// It was applied, and other tables may be replayed from here on.
    TablesChanged,
}

fn find_table<'a>(tables: &'a HashMap<String, Table>, name: &str) -> Option<&'a Table> {
    match tables.get(name) {
        None if !name.contains('.') => tables.get(&format!("public.{name}")),
        found => found,
    }
}

/// Keeps a combined queue open until the transaction ends; false when it is being closed, or is a branch by now. The events of
/// a batch must not come behind the last tick of a root that another one replaces.
async fn hold_open(local: &Session, combined: &str) -> Result<bool> {
    let table = match local.query_one(sql::worker::FIND_COMBINED, &[&combined]).await {
        Ok(row) => quote_fqname(row.get("table_name")),
        Err(error) => return Err(Error::from(error).context(format!("combined queue \"{combined}\""))),
    };
    local
        .batch_execute(&format!("lock table only {table} in row exclusive mode"))
        .await?;
    let row = local
        .query_opt(sql::worker::IS_COMBINED_OPEN, &[&combined])
        .await?;
    Ok(row.is_some_and(|row| row.get("open")))
}

/// Tells the branches of the combined queue how far this partition is in it.
fn partition_tick(partition: &str, batch: &Batch) -> Event {
    Event {
        id: 0,
        time: batch.tick_time.clone(),
        txid: 0,
        retry: None,
        ev_type: Some("pgq.tick-id".to_owned()),
        data: Some(batch.tick.to_string()),
        extra1: Some(partition.to_owned()),
        // Ancestor: only the number. By these the branches know the stream when they read it themselves.
        extra2: Some(batch.tick_time.clone()),
        extra3: Some(batch.event_seq.to_string()),
        extra4: None,
    }
}
