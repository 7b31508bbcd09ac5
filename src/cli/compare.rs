//! `compare`: are the rows of a table the same here and on the provider? (londiste.md 10)

use std::time::Duration;

use clap::{Args, Subcommand};
use tracing::{info, warn};

use super::Context;
use super::admin::Admin;
use super::table::{Registered, expand_attached, explain_lock_wait, limit_lock_waits, load_tables};
use crate::cascade::source::find_source;
use crate::compare::digest::{self, Digest};
use crate::compare::{Ends, MeetLimit, Outcome, Question, Side, common_columns, scan};
use crate::error::{Error, Result};
use crate::node::NodeInfo;
use crate::pg::structure::{TableStructure, load_structure};
use crate::pg::{AppName, QualifiedName, Session};

/// Largest exit status that tells a number of tables. Ancestor: the number itself, of which the system keeps the
/// lowest eight bits.
const STATUS_LIMIT: usize = 100;

/// Comparing rows.
#[derive(Subcommand, Debug)]
pub enum CompareCommand {
    /// Compare the rows of tables with those on the provider
    ///
    /// Where the provider is the root, writers to the table wait for a moment (lock_timeout at most); where it is a
    /// branch, its worker does. Then both sides are scanned without holding anybody up. Exit status: the number of tables
    /// that differ, 100 at most; 1 when the command failed.
    Compare(CompareArgs),
}

/// Options of compare.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// Tables: schema.name, name (schema public), or a pattern with * and ?; all attached ones when none is named
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Count the rows only
    #[arg(long)]
    pub count_only: bool,
    /// Hold up writers as long as it takes until this node has caught up
    #[arg(long)]
    pub force: bool,
}

impl CompareCommand {
    pub(super) fn lock_suffix(&self) -> Option<String> {
        Some(".repair".to_owned())
    }

    pub(super) async fn run(self, context: Context) -> Result<u8> {
        let Self::Compare(args) = self;
        compare(context, args).await
    }
}

/// What became of one table.
enum Verdict {
    Skipped(String),
    Compared(Outcome),
}

async fn compare(context: Context, args: CompareArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let tables = expand_attached(&mut admin, &node.node_name, &args.tables, true, "compare").await?;
    if node.is_root() {
        // Ancestor: compares the root with itself.
        info!(
            "Node {} is the root: there is nothing above it to compare with",
            node.node_name
        );
        admin.ui.hint("run compare with the job file of a subscriber");
        return Ok(0);
    }
    let lock_timeout = admin.config.lock_timeout;
    let mut rows = Vec::new();
    let mut differing = 0;
    for table in &tables {
        let verdict = compare_one(&mut admin, &node, table, &args).await.map_err(|e| {
            if e.sqlstate().is_some() {
                explain_lock_wait(e, lock_timeout)
            } else {
                e
            }
        })?;
        let row = match verdict {
            Verdict::Skipped(why) => {
                warn!("{}: {why}, skipping", table.name);
                vec![
                    table.name.clone(),
                    String::new(),
                    String::new(),
                    format!("skipped: {why}"),
                ]
            }
            Verdict::Compared(outcome) => {
                let result = if outcome.is_equal() {
                    "equal"
                } else {
                    warn!("{}: Results do not match!", table.name);
                    differing += 1;
                    "DIFFERENT"
                };
                vec![table.name.clone(), outcome.src, outcome.dst, result.to_owned()]
            }
        };
        rows.push(row);
    }
    admin.ui.table(
        "Compared tables",
        &["table_name", "srcdb", "dstdb", "result"],
        &rows,
    );
    if differing > 0 {
        admin.ui.hint("\"londiste resync TABLE\" copies a table anew");
    }
    Ok(u8::try_from(differing.min(STATUS_LIMIT)).unwrap_or(u8::MAX))
}

async fn compare_one(
    admin: &mut Admin,
    node: &NodeInfo,
    table: &Registered,
    args: &CompareArgs,
) -> Result<Verdict> {
    let queue = admin.queue().to_owned();
    if !table.is_ok() {
        return Ok(Verdict::Skipped("table not in sync yet".to_owned()));
    }
    // The search starts anew for each table. Ancestor: where the one before ended (Q36).
    let location = node.provider_location.clone().ok_or_else(|| {
        Error::refused(format!(
            "the provider of node \"{}\" is not known here",
            node.node_name
        ))
    })?;
    let names = std::slice::from_ref(&table.name);
    let search = find_source(admin.dialer(), &queue, &location, names);
    let source = admin.stop.unless_stopped(search).await?;
    let source_node = source.info.node_name.clone();
    info!("{}: Using node {source_node} as provider", table.name);
    info!("Provider: {source_node} ({})", source.info.node_type);
    let there = load_tables(&*source.session, &queue).await?;
    let Some(there) = there.into_iter().find(|t| t.name == table.name) else {
        return Ok(Verdict::Skipped(format!(
            "node \"{source_node}\" does not have it"
        )));
    };
    if !there.is_ok() {
        return Ok(Verdict::Skipped(format!(
            "not in sync on node \"{source_node}\" yet"
        )));
    }
    for (attrs, place) in [(table.attrs()?, "here"), (there.attrs()?, "on the provider")] {
        let (handler, _) = attrs.handler_parts()?;
        if handler != "londiste" {
            return Ok(Verdict::Skipped(format!(
                "it has handler \"{handler}\" {place}, which is not available in this version"
            )));
        }
    }

    let app = AppName::new("admin", &node.node_name, &queue);
    let opening = Session::connect(source.session.info(), &app);
    let source_data = admin.stop.unless_stopped(opening).await?;
    let config = admin.config.clone();
    let opening = admin.dialer().local(&config.db);
    let local_data = admin.stop.unless_stopped(opening).await?;
    for session in [&source_data, &local_data] {
        limit_lock_waits(session, config.lock_timeout).await?;
    }
    let source_structure = structure_of(&source_data, &there.dest_name(), &source_node).await?;
    let local_structure = structure_of(&local_data, &table.dest_name(), &node.node_name).await?;
    let (columns, single) = common_columns(&source_structure, &local_structure);
    if !single.is_empty() {
        warn!("{}: Ignoring some columns: {}", table.name, single.join(", "));
    }
    if columns.is_empty() {
        return Err(Error::refused(format!(
            "{}: both sides have no column in common",
            table.name
        )));
    }

    let (mut digest, why) = digest::choose(
        &digest::load_facts(&source_data).await?,
        &digest::load_facts(&local_data).await?,
    );
    if args.count_only {
        digest = Digest::CountOnly;
    } else if let Some(why) = why.filter(|_| config.compare_sql.is_none()) {
        info!("{}: {why}", table.name);
    }
    let question = Question::new(
        digest,
        config.compare_sql.as_deref(),
        config.compare_fmt.as_deref(),
    )?;
    for session in [&source_data, &local_data] {
        same_text(session, config.compare_sql.is_none()).await?;
    }

    let lock = config.lock_timeout;
    let limit = MeetLimit {
        lock: (lock > 0.0).then(|| Duration::from_secs_f64(lock)),
        force: args.force,
    };
    let stop = admin.stop.clone();
    let local = admin.local().await?;
    let ends = Ends {
        queue: &queue,
        source: &source.info,
        source_setup: &source.session,
        source_data: &source_data,
        source_table: &source_structure.name,
        node: &node.node_name,
        local,
        local_data: &local_data,
        stop: &stop,
    };
    ends.meet(limit).await.map_err(|e| {
        if e.is_interrupted() {
            e
        } else {
            e.context(&table.name)
        }
    })?;
    info!("Counting {}", table.name);
    let source_side = Side {
        session: &source_data,
        structure: &source_structure,
    };
    let local_side = Side {
        session: &local_data,
        structure: &local_structure,
    };
    let outcome = stop
        .unless_stopped(scan(&source_side, &local_side, &columns, &question))
        .await?;
    Ok(Verdict::Compared(outcome))
}

async fn structure_of(session: &Session, table: &QualifiedName, node: &str) -> Result<TableStructure> {
    load_structure(&**session, table).await?.ok_or_else(|| {
        Error::not_found(format!("table \"{table}\" does not exist on node \"{node}\""))
            .with_hint("it is registered there; was it dropped by hand?")
    })
}

/// Settings that the text of values depends on and that sessions otherwise leave to the user. Names of types and tables
/// inside values are qualified; a template of the user's may need his search path.
async fn same_text(session: &Session, pin_path: bool) -> Result<()> {
    session
        .batch_execute("set TimeZone = 'UTC'; set lc_monetary = 'C'")
        .await?;
    if pin_path {
        session.batch_execute("set search_path = pg_catalog").await?;
    }
    Ok(())
}
