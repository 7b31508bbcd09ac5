//! `add-table`: tables join the queue on the root, and are attached on the nodes below (londiste.md 4.2).
//!
//! Everything that can be refused is refused before the first change; then each table is one transaction, so that a
//! failure leaves the tables before it added and those after it untouched, and the same command can be run again.

use std::collections::BTreeSet;

use clap::Args;
use tracing::{info, warn};

use super::after::{explain_lock_wait, hint_at_worker, limit_lock_waits, wake_workers};
use super::capture::{CaptureWay, check_capture, refresh_captures};
use super::expand::{expand, near};
use super::handler::handler_string;
use super::refusal::{Place, TriggerWish, check_key, check_kind, dest_of, unquoted};
use super::registry::{Registered, load_missing, load_tables, sync_tables, wants_table};
use super::removal::wait_for_removals;
use super::wait::wait_for_tables;
use crate::cascade::source::find_source;
use crate::cli::Context;
use crate::cli::admin::Admin;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{NodeInfo, NodeType, call};
use crate::pg::structure::{
    CreateDetail, CreatePlan, CreateStatement, Severity, TableStructure, load_structure,
};
use crate::pg::{QualifiedName, Session, quote_ident};
use crate::pgq::urldict;
use crate::sql;

/// Options of add-table.
#[derive(Args, Debug, Default)]
pub struct AddTableArgs {
    /// Tables: schema.name, name (schema public), or a pattern with * and ?
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Add all tables that are missing here, when none is named
    #[arg(long)]
    pub all: bool,
    /// Create a table that does not exist here: columns and primary key
    #[arg(long)]
    pub create: bool,
    /// Create it with everything: defaults, sequences, constraints, indexes, triggers, rules, grants, owner
    ///
    /// Foreign keys and Londiste's own triggers are left out.
    #[arg(long)]
    pub create_full: bool,
    /// The table has another name in this database
    #[arg(long, value_name = "NAME")]
    pub dest_table: Option<String>,
    /// The rows are here already and equal: no copy
    #[arg(long)]
    pub expect_sync: bool,
    /// Leave the rows that are here when copying
    #[arg(long)]
    pub skip_truncate: bool,
    /// Skip tables that do not exist here
    #[arg(long)]
    pub skip_non_existing: bool,
    /// Put no triggers on the table
    #[arg(long)]
    pub no_triggers: bool,
    /// Letters for the trigger: I U D what to log; Q L J format; B A before or after; S skip the change itself
    #[arg(long, value_name = "FLAGS")]
    pub trigger_flags: Option<String>,
    /// How changes are captured: once per statement where that is right, or once per row
    ///
    /// auto: by statement triggers where they are right, else as row. row: by a row trigger made for the table, where that
    /// is possible, else as ancestor. ancestor: by the general row triggers of schema pgq. For a table that was added
    /// before, the triggers are made again; without this option too, where the table was changed.
    #[arg(long, value_name = "HOW", value_enum)]
    pub capture: Option<CaptureWay>,
    /// Argument for the trigger function, such as ignore=col, backup, pkey=col1,col2; may be given several times
    #[arg(long, value_name = "ARG")]
    pub trigger_arg: Vec<String>,
    /// Handler of the table's rows
    #[arg(long, value_name = "NAME")]
    pub handler: Option<String>,
    /// Argument for the handler: ignore_truncate=1; may be given several times
    #[arg(long, value_name = "KEY=VAL")]
    pub handler_arg: Vec<String>,
    /// Copy the rows from the next node up to the root that has the table
    #[arg(long, conflicts_with = "copy_node")]
    pub find_copy_node: bool,
    /// Copy the rows from this member
    #[arg(long, value_name = "NODE")]
    pub copy_node: Option<String>,
    /// Attach the table in all queues of this database that feed it
    #[arg(long, conflicts_with = "no_merge")]
    pub merge_all: bool,
    /// Attach the table in this queue only, whatever others feed it
    #[arg(long)]
    pub no_merge: bool,
    /// Let at most N copies of a merged table run at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_parallel_copy: Option<u32>,
    /// Wait until all tables are in sync
    #[arg(long)]
    pub wait_sync: bool,
    /// Take names that are not in the queue, and tables whose columns do not fit
    #[arg(long)]
    pub force: bool,
}

impl AddTableArgs {
    fn create_detail(&self) -> Option<CreateDetail> {
        match (self.create_full, self.create) {
            (true, _) => Some(CreateDetail::Full),
            (false, true) => Some(CreateDetail::Basic),
            _ => None,
        }
    }

    fn wish(&self) -> TriggerWish {
        TriggerWish {
            flags: self.trigger_flags.clone(),
            args: self.trigger_arg.clone(),
            none: self.no_triggers,
        }
    }

    /// Attributes to store, in the ancestor's order.
    fn attrs(&self, handler: Option<&str>) -> Option<String> {
        let parallel = self.max_parallel_copy.map(|n| n.to_string());
        let copy_node = if self.find_copy_node {
            Some("?")
        } else {
            self.copy_node.as_deref()
        };
        let skip_truncate = self.skip_truncate && !self.expect_sync;
        let pairs: Vec<(&str, Option<&str>)> = [
            ("handler", handler),
            ("copy_node", copy_node),
            ("skip_truncate", skip_truncate.then_some("1")),
            ("max_parallel_copy", parallel.as_deref()),
        ]
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .collect();
        (!pairs.is_empty()).then(|| urldict::encode(pairs))
    }

    /// Arguments for `local_add_table`, in the ancestor's order.
    fn trigger_args(&self, wish: &TriggerWish) -> Option<Vec<String>> {
        let mut args = wish.args.clone();
        args.extend(self.capture.map(|way| format!("capture={}", way.word())));
        args.extend(wish.flags.as_ref().map(|flags| format!("tgflags={flags}")));
        for (given, word) in [
            (self.no_triggers, "no_triggers"),
            (self.merge_all, "merge_all"),
            (self.no_merge, "no_merge"),
            (self.expect_sync, "expect_sync"),
        ] {
            if given {
                args.push(word.to_owned());
            }
        }
        (!args.is_empty()).then_some(args)
    }
}

/// The node that rows and structure come from.
struct Upstream {
    node: String,
    session: Session,
    tables: Vec<Registered>,
}

impl Upstream {
    async fn load(node: &str, session: Session, queue: &str) -> Result<Self> {
        let tables = load_tables(&*session, queue).await?;
        Ok(Self {
            node: node.to_owned(),
            session,
            tables,
        })
    }

    fn table(&self, name: &str) -> Option<&Registered> {
        self.tables.iter().find(|t| t.name == name)
    }
}

/// One table that passed all checks.
struct Job {
    name: String,
    dest: QualifiedName,
    create: Vec<CreateStatement>,
    wish: TriggerWish,
    has_key: bool,
}

/// Runs the command.
pub async fn add_table(context: Context, args: AddTableArgs) -> Result<u8> {
    let handler = handler_string(args.handler.as_deref(), &args.handler_arg)?;
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let letters = args.wish().unknown_letters();
    if !letters.is_empty() {
        warn!("--trigger-flags: {letters} means nothing, known letters are I U D Q L J B A S");
    }

    let lock_timeout = admin.config.lock_timeout;
    limit_lock_waits(admin.local().await?, lock_timeout).await?;
    check_capture(&mut admin, args.capture).await?;

    let mut upstream = None;
    if !node.is_root() {
        let session = admin.provider().await?;
        limit_lock_waits(&session, lock_timeout).await?;
        let place = place_of(&mut admin, &node).await?;
        wait_for_removals(&mut admin, &session, &args.tables, &place).await?;
        let name = node.provider_node.clone().unwrap_or_default();
        let provider = Upstream::load(&name, session, &queue).await?;
        let config = admin.config.clone();
        sync_tables(admin.local().await?, &provider.tables, &config).await?;
        upstream = Some(provider);
    }

    let names = expand_names(&mut admin, &node, &args, upstream.as_ref()).await?;
    if names.is_empty() {
        if args.tables.is_empty() && !args.all {
            admin
                .ui
                .hint("name tables, or use --all; \"londiste missing\" lists what can be added");
        }
        return Ok(0);
    }
    if args.dest_table.is_some() && names.len() > 1 {
        return Err(Error::usage("--dest-table can be given for a single table only")
            .with_detail(format!("tables: {}", names.join(", "))));
    }

    if let Some(provider) = &upstream {
        if let Some(copy_node) = &args.copy_node {
            let session = admin.member(copy_node).await?;
            limit_lock_waits(&session, lock_timeout).await?;
            upstream = Some(Upstream::load(copy_node, session, &queue).await?);
        } else if args.find_copy_node && !args.expect_sync {
            let location = node.provider_location.clone().unwrap_or_default();
            let found = find_source(admin.dialer(), &queue, &location, &names).await?;
            if found.info.node_name != provider.node {
                limit_lock_waits(&found.session, lock_timeout).await?;
                upstream = Some(Upstream::load(&found.info.node_name, found.session, &queue).await?);
            }
        }
    }

    let place = place_of(&mut admin, &node).await?;
    let jobs = check_all(&mut admin, &node, &args, &names, upstream.as_ref(), &place).await?;
    let attrs = args.attrs(handler.as_deref());
    for job in &jobs {
        add_one(&mut admin, &args, job, attrs.as_deref()).await?;
    }
    if jobs.is_empty() {
        return Ok(0);
    }
    say_what_is_next(&mut admin, &node, &args, jobs.len()).await?;
    if args.wait_sync {
        wait_for_tables(&mut admin, &node, None).await?;
    }
    Ok(0)
}

/// Where this node is, for messages.
pub async fn place_of(admin: &mut Admin, node: &NodeInfo) -> Result<Place> {
    let row = admin
        .local()
        .await?
        .query_one("select pg_catalog.current_database()::text", &[])
        .await?;
    Ok(Place {
        queue: admin.queue().to_owned(),
        node: node.node_name.clone(),
        database: row.try_get(0)?,
    })
}

/// Reports all problems but the last, which becomes the command's own.
fn all_or_refuse(admin: &Admin, mut problems: Vec<Error>) -> Result<()> {
    let Some(last) = problems.pop() else {
        return Ok(());
    };
    for problem in &problems {
        admin.ui.error(problem);
    }
    Err(last)
}

async fn expand_names(
    admin: &mut Admin,
    node: &NodeInfo,
    args: &AddTableArgs,
    upstream: Option<&Upstream>,
) -> Result<Vec<String>> {
    let queue = admin.queue().to_owned();
    let local = admin.local().await?;
    let candidates: Vec<String> = load_missing(&**local, &queue)
        .await?
        .into_iter()
        .filter(|(kind, _)| kind == "r")
        .map(|(_, n)| n)
        .collect();
    let here = load_tables(&**local, &queue).await?;
    let done: Vec<String> = here.iter().filter(|t| t.local).map(|t| t.name.clone()).collect();
    let mut found = expand(&args.tables, args.all, &candidates, &done);
    for name in &found.already {
        info!("{name} already processed");
    }
    refresh_captures(admin, &here, &found.already, args.capture).await?;
    for pattern in args
        .tables
        .iter()
        .filter(|_| found.names.is_empty())
        .filter(|t| t.contains(['*', '?']))
    {
        info!("no table that could be added is like {pattern}");
    }
    let mut problems = Vec::new();
    let place = place_of(admin, node).await?;
    for name in std::mem::take(&mut found.unknown) {
        if args.force {
            warn!("{name} not available, but --force is used");
            found.names.push(name);
        } else if let Some(error) = why_unknown(admin, args, &name, &candidates, upstream, &place).await? {
            problems.push(error);
        }
    }
    all_or_refuse(admin, problems)?;
    Ok(found.names)
}

/// Why a name is not among those that could be added; nothing when it is to be skipped.
async fn why_unknown(
    admin: &mut Admin,
    args: &AddTableArgs,
    name: &str,
    candidates: &[String],
    upstream: Option<&Upstream>,
    place: &Place,
) -> Result<Option<Error>> {
    let structure = load_structure(&**admin.local().await?, &QualifiedName::parse(name)).await?;
    if let Some(upstream) = upstream {
        if !wants_table(&admin.config, name) {
            let reason = "the job file keeps it out (register_only_tables, register_skip_tables)";
            return Ok(Some(place.refuse(name, reason)));
        }
        let reason = format!("provider \"{}\" does not have it in the queue", upstream.node);
        let error = place.refuse(name, &reason);
        return Ok(Some(match near(name, candidates) {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None => error.with_hint("run add-table with the root's job file first"),
        }));
    }
    match structure {
        // The root offers every ordinary table, so this one is something else.
        Some(structure) => Ok(Some(match check_kind(name, &structure, place) {
            Err(error) => error,
            Ok(()) => place.refuse(name, "the queue does not offer it"),
        })),
        None if args.skip_non_existing => {
            warn!("Table {name} does not exist, skipping");
            Ok(None)
        }
        None => {
            let mut error = place.refuse_missing(name, &user_tables(admin.local().await?).await?);
            if args.dest_table.is_some() {
                error = error.with_hint("to register it under a name that no table here has: --force");
            }
            if let Some(bare) = unquoted(name) {
                error = error.with_hint(format!("names are written without SQL quotes: {bare}"));
            }
            Ok(Some(error))
        }
    }
}

async fn user_tables(local: &Session) -> Result<Vec<String>> {
    let rows = local.query(sql::pg::LIST_USER_TABLES, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn check_all(
    admin: &mut Admin,
    node: &NodeInfo,
    args: &AddTableArgs,
    names: &[String],
    upstream: Option<&Upstream>,
    place: &Place,
) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    let mut problems = Vec::new();
    for name in names {
        match check_one(admin, node, args, name, upstream, place).await {
            Ok(job) => jobs.extend(job),
            Err(error) if matches!(error.kind(), ErrorKind::Refused | ErrorKind::NotFound) => {
                problems.push(error)
            }
            Err(error) => return Err(explain_lock_wait(error, admin.config.lock_timeout)),
        }
    }
    all_or_refuse(admin, problems)?;
    Ok(jobs)
}

async fn check_one(
    admin: &mut Admin,
    node: &NodeInfo,
    args: &AddTableArgs,
    name: &str,
    upstream: Option<&Upstream>,
    place: &Place,
) -> Result<Option<Job>> {
    let dest = dest_of(name, args.dest_table.as_deref());
    let shown = dest.fqname();
    let mut wish = args.wish();

    let mut theirs = None;
    if let Some(upstream) = upstream {
        let there = upstream.table(name).filter(|t| t.local);
        match there {
            Some(there) => theirs = load_structure(&*upstream.session, &there.dest_name()).await?,
            None if args.expect_sync => {}
            None if args.skip_non_existing => {
                warn!("Table {name} is not on provider \"{}\"", upstream.node);
            }
            None => {
                return Err(place
                    .refuse(name, &format!("provider \"{}\" does not have it", upstream.node))
                    .with_hint(format!("add it on node \"{}\" first", upstream.node))
                    .with_hint("or copy it from another node: --find-copy-node or --copy-node=NODE"));
            }
        }
    }

    let local = admin.local().await?;
    let ours = load_structure(&**local, &dest).await?;
    let mut create = Vec::new();
    let structure = match (&ours, args.create_detail()) {
        (Some(ours), detail) => {
            if detail.is_some() {
                info!("Table {shown} exists already, not created");
            }
            ours
        }
        (None, Some(detail)) => {
            let Some(theirs) = &theirs else {
                if upstream.is_none() {
                    return Err(place
                        .refuse_missing(&shown, &[])
                        .with_hint("a root has no provider to create it from"));
                }
                warn!("{name} is not on the provider, cannot create it, skipping");
                return Ok(None);
            };
            create = plan_create(local, theirs, &dest, detail).await?;
            theirs
        }
        (None, None) if args.skip_non_existing => {
            warn!("Table {shown} does not exist, skipping");
            return Ok(None);
        }
        (None, None) => {
            let known = user_tables(local).await?;
            return Err(place
                .refuse_missing(&shown, &known)
                .with_hint("create it first, or let add-table do it: --create or --create-full"));
        }
    };
    check_kind(&shown, structure, place)?;
    say_oddities(&shown, structure);

    if let Some(theirs) = &theirs {
        let mut captures = theirs
            .triggers
            .iter()
            .filter(|t| t.is_row_capture_of(&place.queue) || t.is_statement_capture_of(&place.queue))
            .peekable();
        let is_insert_only =
            captures.peek().is_some() && captures.all(|t| t.on_insert && !t.on_update && !t.on_delete);
        if structure.primary_key().is_empty() && is_insert_only && wish.flags.is_none() {
            info!(
                "{shown} has no primary key and the provider logs its inserts only: using --trigger-flags=I"
            );
            wish.flags = Some("I".to_owned());
        }
    }
    // While another queue's copy into a merged table runs, its key is away; the database knows about that.
    let may_be_away = node.node_type == NodeType::Leaf && node.combined_queue.is_some();
    if !(may_be_away && structure.primary_key().is_empty()) {
        check_key(&shown, structure, &wish, place)?;
    }
    if let (Some(ours), Some(theirs), Some(upstream)) = (&ours, &theirs, upstream) {
        check_fit(&shown, ours, theirs, &upstream.node, args.force, place)?;
    }
    Ok(Some(Job {
        name: name.to_owned(),
        has_key: !structure.primary_key().is_empty(),
        dest,
        create,
        wish,
    }))
}

fn say_oddities(shown: &str, structure: &TableStructure) {
    if structure.has_children {
        warn!("{shown} has tables that inherit from it: only its own rows are replicated");
    }
    if structure.is_unlogged {
        warn!("{shown} is unlogged: a crash of the server empties it, and no event says so");
    }
}

/// Refuses columns that do not fit, warns about what may go wrong later.
fn check_fit(
    shown: &str,
    ours: &TableStructure,
    theirs: &TableStructure,
    upstream: &str,
    force: bool,
    place: &Place,
) -> Result<()> {
    let differences = ours.differences_from(theirs);
    let blocking: Vec<&str> = differences
        .iter()
        .filter(|d| d.severity == Severity::Blocking)
        .map(|d| d.text.as_str())
        .collect();
    for difference in &differences {
        if difference.severity == Severity::Risky || difference.severity == Severity::Blocking && force {
            warn!("{shown}: {}", difference.text);
        }
    }
    if blocking.is_empty() || force {
        return Ok(());
    }
    Err(place
        .refuse(
            shown,
            &format!("its columns do not fit those on provider \"{upstream}\""),
        )
        .with_detail(format!(
            "{}; node \"{}\", database \"{}\"",
            blocking.join("; "),
            place.node,
            place.database
        ))
        .with_hint("change the table here, or create it anew with --create")
        .with_hint("if you know that the rows fit: --force"))
}

/// The statements that create the table here.
async fn plan_create(
    local: &Session,
    theirs: &TableStructure,
    dest: &QualifiedName,
    detail: CreateDetail,
) -> Result<Vec<CreateStatement>> {
    let mut schemas: Vec<String> = theirs.sequences.iter().map(|s| s.name.schema.clone()).collect();
    schemas.push(dest.schema.clone());
    schemas.sort();
    schemas.dedup();
    let mut statements = Vec::new();
    for schema in &schemas {
        let row = local.query_one(sql::pg::HAS_SCHEMA, &[schema]).await?;
        let needed = *schema == dest.schema || detail == CreateDetail::Full;
        if needed && !row.try_get::<_, bool>(0)? {
            statements.push(CreateStatement {
                sql: format!("create schema {}", quote_ident(schema)),
                role: None,
            });
        }
    }
    let rows = local.query(sql::pg::LIST_RELATION_NAMES, &[&schemas]).await?;
    let taken: BTreeSet<QualifiedName> = rows
        .iter()
        .map(|row| QualifiedName::new(row.get::<_, String>(0), row.get::<_, String>(1)))
        .collect();
    let rows = local.query(sql::pg::LIST_ROLES, &[]).await?;
    let roles: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    for statement in theirs.plan_create(&CreatePlan {
        table: dest,
        detail,
        taken: &taken,
    }) {
        match &statement.role {
            Some(role) if !roles.contains(role) => {
                warn!("role {role} does not exist here, left out: {}", statement.sql);
            }
            _ => statements.push(statement),
        }
    }
    Ok(statements)
}

/// Adds one table in one transaction.
async fn add_one(admin: &mut Admin, args: &AddTableArgs, job: &Job, attrs: Option<&str>) -> Result<()> {
    let queue = admin.queue().to_owned();
    let timeout = admin.config.lock_timeout;
    let is_renamed = job.dest.fqname() != job.name;
    let dest = is_renamed.then(|| job.dest.fqname());
    let trigger_args = args.trigger_args(&job.wish);
    let local = admin.local().await?;
    let work = async {
        let transaction = local.transaction().await?;
        if timeout > 0.0 {
            let limit = format!("set local statement_timeout = {}", (timeout * 1000.0).ceil());
            transaction.batch_execute(&limit).await?;
        }
        if !job.create.is_empty() {
            info!("Creating {}", job.dest);
        }
        for statement in &job.create {
            tracing::debug!("{}", statement.sql);
            transaction.batch_execute(&statement.sql).await.map_err(|error| {
                let error = Error::from(error).context(format!("creating table \"{}\"", job.dest));
                match error.sqlstate() {
                    // insufficient_privilege: mostly the owner, whom only a member of his role can make one.
                    Some("42501") => error.with_hint("--create makes the table without its owner and grants"),
                    _ => error.with_hint("types, roles and functions that the table uses must be here first"),
                }
            })?;
        }
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&queue, &job.name, &trigger_args, &attrs, &dest];
        call(&transaction, None, sql::table::LOCAL_ADD_TABLE, &params).await?;
        wake_workers(&transaction, &queue).await?;
        transaction.commit().await?;
        Ok(())
    };
    work.await.map_err(|error: Error| match error.kind() {
        ErrorKind::Timeout => {
            explain_lock_wait(error.context(format!("adding table \"{}\"", job.dest)), timeout)
        }
        ErrorKind::Refused if !job.has_key => error.with_hint(
            "this database has the ancestor's londiste schema, which wants a primary key on every table",
        ),
        _ => error,
    })
}

async fn say_what_is_next(
    admin: &mut Admin,
    node: &NodeInfo,
    args: &AddTableArgs,
    count: usize,
) -> Result<()> {
    let tables = if count == 1 {
        "1 table".to_owned()
    } else {
        format!("{count} tables")
    };
    if node.is_root() {
        let queue = admin.queue().to_owned();
        admin.ui.hint(format!(
            "changes of {tables} go into queue \"{queue}\" from now on; next: add-table on the subscribers"
        ));
    } else if args.expect_sync {
        admin.ui.hint(format!(
            "the worker replays changes of {tables} from its next batch on"
        ));
    } else if !args.wait_sync {
        admin.ui.hint(format!(
            "the worker copies {tables} now; \"londiste wait-sync\" waits until all are in sync"
        ));
    }
    if node.is_root() {
        Ok(())
    } else {
        hint_at_worker(admin, node).await
    }
}
