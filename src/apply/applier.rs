//! Applies row changes: one by one in order as prepared statements, sent one after the other without waiting for each
//! answer, or as the changes of a whole table.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::FuturesOrdered;
use futures::{SinkExt, StreamExt};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use super::encode::SetStatement;
use super::plan::SetWork;
use super::row::{Op, RowChange, RowText};
use super::statement::{Built, build, overriding};
use super::target::Target;
use super::text_param::{RawParam, TextParam};
use crate::error::{Error, Result};
use crate::service::fault;
use crate::sql;

/// Statements that wait for being sent together.
const BUFFERED_CHANGES: usize = 512;
/// Bytes of values that wait at most.
const BUFFERED_BYTES: usize = 4 << 20;
/// Batches for which a table stays in order after a set of its changes failed.
const ORDERED_BATCHES: u32 = 300;
/// A statement over many keys is a loop over the index, whatever the statistics say about the size of the arrays.
const SET_SETTINGS: &str = "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off; \
                            set local jit = off";
const USUAL_SETTINGS: &str = "set local plan_cache_mode to default; set local enable_seqscan to default; \
                              set local jit to default";

/// Turns events into changes on one connection. Nothing is durable before the caller commits; after an error the
/// transaction must be rolled back and [`Applier::forget`] called.
#[derive(Default)]
pub struct Applier {
    targets: HashMap<String, Arc<Target>>,
    // What reads a target.
    load: Option<Statement>,
    statements: HashMap<String, Statement>,
    pending: Vec<Pending>,
    pending_bytes: usize,
    missed_rows: HashMap<String, u64>,
    // The table of the change that failed last.
    failed: Option<String>,
    // Tables that are applied row by row because a set of their changes failed, and for how many batches they still are.
    ordered: HashMap<String, u32>,
    sets_prepared: bool,
    // What is known of tables was read before this batch.
    from_before: bool,
    // Tables that this transaction has changed as sets, and by which description.
    changed_as_sets: HashMap<String, Arc<Target>>,
    redefined: Option<String>,
}

/// A set of changes that failed.
pub struct SetError {
    /// The table; nothing when it was none of its statements.
    pub table: Option<String>,
    /// Why.
    pub error: Error,
}

impl SetError {
    fn new(work: &SetWork, error: Error) -> Self {
        Self {
            table: Some(work.target.name.clone()),
            error,
        }
    }
}

/// Statements that are sent together.
#[derive(Default)]
struct Run<'a> {
    steps: Vec<SetStep<'a>>,
    bytes: usize,
}

enum SetStep<'a> {
    Keyed {
        work: &'a SetWork,
        statement: Statement,
        params: &'a [Bytes],
        rows: u64,
        op: Op,
    },
    Describe {
        work: &'a SetWork,
    },
}

enum Answer {
    Found(u64),
    Described(Target),
}

impl<'a> SetStep<'a> {
    fn work(&self) -> &'a SetWork {
        match self {
            Self::Keyed { work, .. } | Self::Describe { work } => work,
        }
    }

    async fn run(&self, client: &Client, load: Option<&Statement>) -> Result<Answer> {
        match (self, load) {
            (
                Self::Keyed {
                    statement, params, ..
                },
                _,
            ) => {
                let params = params.iter().map(RawParam);
                Ok(Answer::Found(client.execute_raw(statement, params).await?))
            }
            (Self::Describe { work }, Some(load)) => {
                let now = Target::load(client, load, &work.target.name).await?;
                Ok(Answer::Described(now))
            }
            (Self::Describe { .. }, None) => Err(Error::internal("a table is described by no statement")),
        }
    }
}

struct Pending {
    event: i64,
    op: Op,
    target: Arc<Target>,
    work: Work,
}

enum Work {
    Prepared {
        statement: Statement,
        params: Vec<Option<String>>,
        expects_row: bool,
    },
    Text(String),
}

impl Applier {
    /// Takes one row event for the local table `dest`; it is applied at the next [`Applier::flush`] at the latest.
    pub async fn row_change(&mut self, client: &Client, dest: &str, event: RowText<'_>) -> Result<()> {
        let taken = self.take_row_change(client, dest, event).await;
        if taken.is_err() {
            self.failed.get_or_insert_with(|| dest.to_owned());
        }
        taken
    }

    async fn take_row_change(&mut self, client: &Client, dest: &str, event: RowText<'_>) -> Result<()> {
        let target = self.target(client, dest).await?;
        match RowChange::decode(event)? {
            RowChange::Fragment { op, sql } => {
                let text = match op {
                    Op::Insert if target.has_identity_always() => {
                        format!("insert into {} {}", target.quoted, overriding(sql))
                    }
                    Op::Insert => format!("insert into {} {sql}", target.quoted),
                    Op::Update => format!("update {}{} set {sql}", target.only, target.quoted),
                    Op::Delete => format!("delete from {}{} where {sql}", target.only, target.quoted),
                };
                self.pending_bytes += text.len();
                self.pending.push(Pending {
                    event: event.id,
                    op,
                    target,
                    work: Work::Text(text),
                });
            }
            RowChange::Row { op, key, columns } => {
                let built =
                    build(&target, op, &key, &columns).map_err(|e| at_event(e, event.id, op, dest))?;
                for Built {
                    sql,
                    params,
                    expects_row,
                } in built
                {
                    let statement = self.statement(client, sql, event.id, op, dest).await?;
                    self.pending_bytes += params.iter().flatten().map(String::len).sum::<usize>();
                    let work = Work::Prepared {
                        statement,
                        params,
                        expects_row,
                    };
                    self.pending.push(Pending {
                        event: event.id,
                        op,
                        target: target.clone(),
                        work,
                    });
                }
            }
        }
        if self.pending.len() >= BUFFERED_CHANGES || self.pending_bytes >= BUFFERED_BYTES {
            self.flush(client).await?;
        }
        Ok(())
    }

    /// Empties the local table `dest`, after everything before it.
    pub async fn truncate(&mut self, client: &Client, dest: &str) -> Result<()> {
        self.flush(client).await?;
        let target = self.target(client, dest).await?;
        // Ancestor: CASCADE, so that a referenced table can be emptied at all.
        client
            .batch_execute(&format!("truncate {} cascade", target.quoted))
            .await
            .map_err(|error| Error::from(error).context(format!("truncate of table \"{dest}\"")))
    }

    /// Applies what waits. The changes reach the server in order; the first one that fails is the one reported.
    pub async fn flush(&mut self, client: &Client) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        // Each future sends its statement when it is first polled, and they are polled in this order.
        let mut results: FuturesOrdered<_> = pending.iter().map(|change| change.run(client)).collect();
        let mut position = 0;
        while let Some(result) = results.next().await {
            let change = &pending[position];
            position += 1;
            match result {
                Ok(missed) => {
                    if missed {
                        *self.missed_rows.entry(change.target.name.clone()).or_default() += 1;
                        tracing::debug!(
                            "event {} ({}) found no row in table \"{}\"",
                            change.event,
                            change.op.letter(),
                            change.target.name
                        );
                    }
                }
                Err(error) => {
                    self.failed = Some(change.target.name.clone());
                    return Err(at_event(
                        advise(error),
                        change.event,
                        change.op,
                        &change.target.name,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Applies the summed up changes of tables, each of which is there once; what waits is not flushed. Statements are sent
    /// one after the other without waiting for each answer.
    ///
    /// # Errors
    /// When a statement fails, with its table. It may be one that the changes one by one would not have made fail (a second
    /// unique index collides on the way), so after a rollback the caller calls [`Applier::apply_in_order`] and begins again.
    pub async fn set_changes(&mut self, client: &Client, works: &[SetWork]) -> Result<(), SetError> {
        // A COPY that does not begin leaves the driver one answer ahead of the server (it ends the copy that it was
        // refused), so nothing that may fail is on its way then. Nothing is between tables: their COPYs come last.
        let mut run = Run::default();
        for work in works {
            for statement in &work.statements {
                if let SetStatement::Keyed {
                    sql,
                    params,
                    rows,
                    op,
                } = statement
                {
                    let types = vec![Type::TEXT_ARRAY; params.len()];
                    let statement = self
                        .set_statement(client, sql, &types)
                        .await
                        .map_err(|error| SetError::new(work, error))?;
                    run.bytes += params.iter().map(Bytes::len).sum::<usize>();
                    run.steps.push(SetStep::Keyed {
                        work,
                        statement,
                        params,
                        rows: *rows,
                        op: *op,
                    });
                    if run.bytes >= BUFFERED_BYTES {
                        self.finish_run(client, std::mem::take(&mut run)).await?;
                    }
                }
            }
            if !matches!(work.statements.last(), Some(SetStatement::Copy { .. })) {
                self.describe_again(client, work, &mut run).await?;
            }
        }
        self.finish_run(client, run).await?;
        for work in works {
            for statement in &work.statements {
                if let SetStatement::Copy { sql, data } = statement {
                    self.copy_rows(client, sql, data)
                        .await
                        .map_err(|error| SetError::new(work, error))?;
                    fault::point("worker.apply.set-statement");
                }
            }
            if matches!(work.statements.last(), Some(SetStatement::Copy { .. })) {
                let mut run = Run::default();
                self.describe_again(client, work, &mut run).await?;
                self.finish_run(client, run).await?;
            }
            let (count, first, last) = work.events;
            tracing::debug!(
                "{}: {count} events ({first} to {last}) as a set of {} statements",
                work.target.name,
                work.statements.len()
            );
        }
        Ok(())
    }

    /// Behind a table's first change in this transaction, which keeps others from altering it: is it still what its changes
    /// were summed up by?
    async fn describe_again<'w>(
        &mut self,
        client: &Client,
        work: &'w SetWork,
        run: &mut Run<'w>,
    ) -> Result<(), SetError> {
        let known = self.changed_as_sets.get(&work.target.name);
        if known.is_some_and(|known| Arc::ptr_eq(known, &work.target)) {
            return Ok(());
        }
        self.statement_to_load(client)
            .await
            .map_err(|error| SetError::new(work, error))?;
        self.changed_as_sets
            .insert(work.target.name.clone(), work.target.clone());
        run.steps.push(SetStep::Describe { work });
        Ok(())
    }

    /// Sends what was collected, and takes the answers.
    async fn finish_run(&mut self, client: &Client, run: Run<'_>) -> Result<(), SetError> {
        let prepare = !std::mem::replace(&mut self.sets_prepared, true);
        let load = self.load.clone();
        let settings = async {
            match prepare {
                true => client.batch_execute(SET_SETTINGS).await,
                false => Ok(()),
            }
        };
        // Each future sends its statement when it is first polled, and they are polled in this order.
        let answers: FuturesOrdered<_> = run
            .steps
            .iter()
            .map(|step| step.run(client, load.as_ref()))
            .collect();
        let (set, answers) = futures::join!(settings, answers.collect::<Vec<_>>());
        let answers = run.steps.iter().zip(answers);
        if let Err(error) = set {
            return Err(SetError {
                table: None,
                error: error.into(),
            });
        }
        for (step, answer) in answers {
            match (step, answer) {
                (SetStep::Keyed { work, rows, op, .. }, Ok(Answer::Found(found))) => {
                    if found < *rows {
                        *self.missed_rows.entry(work.target.name.clone()).or_default() += rows - found;
                        tracing::debug!(
                            "{} changes ({}) found no row in table \"{}\"",
                            rows - found,
                            op.letter(),
                            work.target.name
                        );
                    }
                    fault::point("worker.apply.set-statement");
                }
                (SetStep::Describe { work }, Ok(Answer::Described(now))) => {
                    if now != *work.target {
                        self.redefined.get_or_insert_with(|| work.target.name.clone());
                    }
                }
                (step, Err(error)) => return Err(SetError::new(step.work(), error)),
                (step, Ok(_)) => {
                    return Err(SetError::new(
                        step.work(),
                        Error::internal("an answer of another kind"),
                    ));
                }
            }
        }
        Ok(())
    }

    async fn copy_rows(&mut self, client: &Client, sql: &str, data: &[Bytes]) -> Result<()> {
        let statement = self.set_statement(client, sql, &[]).await?;
        let mut sink = std::pin::pin!(client.copy_in::<_, Bytes>(&statement).await?);
        for piece in data {
            sink.feed(piece.clone()).await?;
        }
        sink.finish().await?;
        Ok(())
    }

    /// A table whose changes were summed up by a description that it does not have any more.
    pub fn take_redefined(&mut self) -> Option<String> {
        self.changed_as_sets.clear();
        self.redefined.take()
    }

    /// Takes back the settings under which sets are applied, for statements of others.
    pub async fn leave_sets(&mut self, client: &Client) -> Result<()> {
        if std::mem::take(&mut self.sets_prepared) {
            client.batch_execute(USUAL_SETTINGS).await?;
        }
        Ok(())
    }

    /// Says that a transaction begins, whose settings are the session's.
    pub fn begin(&mut self) {
        self.sets_prepared = false;
        self.from_before = !self.targets.is_empty();
        self.changed_as_sets.clear();
        self.redefined = None;
        self.missed_rows.clear();
        self.ordered.retain(|_, batches| {
            *batches = batches.saturating_sub(1);
            *batches > 0
        });
    }

    /// Has the changes of this table applied one by one, in this batch and some more.
    pub fn apply_in_order(&mut self, dest: &str) {
        self.ordered.insert(dest.to_owned(), ORDERED_BATCHES);
    }

    /// The description of the local table `dest`, if it was asked for before.
    pub fn known_target(&self, dest: &str) -> Option<Arc<Target>> {
        self.targets.get(dest).cloned()
    }

    /// Whether [`Applier::apply_in_order`] is in force for this table.
    pub fn is_in_order(&self, dest: &str) -> bool {
        self.ordered.contains_key(dest)
    }

    /// Whether a change may have failed only because its table is another one than in an earlier batch: then the batch is
    /// worth one more attempt after [`Applier::forget`].
    pub fn may_be_outdated(&self) -> bool {
        self.from_before
    }

    /// Updates and deletes that found no row since the last call, by local table: a sign that the tables differ.
    pub fn take_missed_rows(&mut self) -> HashMap<String, u64> {
        std::mem::take(&mut self.missed_rows)
    }

    /// The local table of the row change that failed since the last call.
    pub fn take_failed(&mut self) -> Option<String> {
        self.failed.take()
    }

    /// Reads this table's description anew at its next event.
    pub fn forget_target(&mut self, dest: &str) {
        self.targets.remove(dest);
    }

    /// Forgets everything that was read from the catalogue, and what waits: after an error or a schema change.
    pub fn forget(&mut self) {
        self.from_before = false;
        self.targets.clear();
        self.statements.clear();
        self.changed_as_sets.clear();
        self.redefined = None;
        self.pending.clear();
        self.pending_bytes = 0;
    }

    /// The local table `dest`, as the catalogue describes it.
    pub async fn target(&mut self, client: &Client, dest: &str) -> Result<Arc<Target>> {
        if let Some(target) = self.targets.get(dest) {
            return Ok(target.clone());
        }
        let load = self.statement_to_load(client).await?;
        let target = Arc::new(Target::load(client, &load, dest).await?);
        self.targets.insert(dest.to_owned(), target.clone());
        Ok(target)
    }

    async fn statement(
        &mut self,
        client: &Client,
        sql: String,
        event: i64,
        op: Op,
        dest: &str,
    ) -> Result<Statement> {
        if let Some(statement) = self.statements.get(&sql) {
            return Ok(statement.clone());
        }
        // What waits goes first: if it fails, its error must not appear as the failure of this prepare.
        self.flush(client).await?;
        let statement = client
            .prepare(&sql)
            .await
            .map_err(|error| at_event(advise(error.into()), event, op, dest))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    async fn statement_to_load(&mut self, client: &Client) -> Result<Statement> {
        if let Some(load) = &self.load {
            return Ok(load.clone());
        }
        let load = client.prepare(sql::apply::LOAD_TARGET).await?;
        Ok(self.load.insert(load).clone())
    }

    async fn set_statement(&mut self, client: &Client, sql: &str, types: &[Type]) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = client.prepare_typed(sql, types).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Pending {
    /// True when the row that should change was not there.
    async fn run(&self, client: &Client) -> Result<bool> {
        match &self.work {
            Work::Prepared {
                statement,
                params,
                expects_row,
            } => {
                let params = params.iter().map(|value| TextParam(value.as_deref()));
                let count = client.execute_raw(statement, params).await?;
                Ok(*expects_row && count == 0)
            }
            Work::Text(sql) => {
                client.batch_execute(sql).await?;
                Ok(false)
            }
        }
    }
}

fn at_event(error: Error, event: i64, op: Op, table: &str) -> Error {
    error.context(format!(
        "event {event} ({}) of table \"{table}\" cannot be applied",
        op.letter()
    ))
}

/// Adds what to do next, by SQLSTATE (PostgreSQL manual, appendix A).
fn advise(error: Error) -> Error {
    let hint = match error.sqlstate() {
        Some("23505") => {
            "the row is here already: did somebody write to this table on this node? \
             compare it (londiste compare), then repair it, or copy it anew (londiste resync)"
        }
        Some(code) if code.starts_with("23") => {
            "a constraint of this node refuses what the provider accepted: compare the definitions of both tables"
        }
        Some(code) if code.starts_with("22") => {
            "the value does not fit the column of this node: compare the column types of both tables"
        }
        Some("42501") => "grant the role of the worker the missing right on the table",
        Some("42703" | "42P01") => "change the table of this node as that of the root was changed",
        _ => return error,
    };
    error
        .with_hint(hint)
        .with_hint("to have such events put aside while the others go on: londiste on-error park TABLE")
}
