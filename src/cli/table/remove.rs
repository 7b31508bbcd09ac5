//! `remove-table` and `resync`: tables leave, or are copied anew (londiste.md 4.3, 4.7).

use clap::Args;
use tracing::{info, warn};

use super::add::place_of;
use super::after::{explain_lock_wait, hint_at_worker, limit_lock_waits, wake_workers};
use super::expand::{expand, near};
use super::parked::forget_errors;
use super::registry::{Registered, load_tables};
use super::wait::wait_for_tables;
use crate::cascade::source::find_source;
use crate::cli::Context;
use crate::cli::admin::Admin;
use crate::error::{Error, Result};
use crate::node::{NodeInfo, call};
use crate::pgq::urldict;
use crate::sql;
use crate::table::copy_anew;

/// Which tables.
#[derive(Args, Debug)]
pub struct RemoveTableArgs {
    /// Tables: schema.name, name (schema public), or a pattern with * and ?
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// All tables that are attached here, when none is named
    #[arg(long)]
    pub all: bool,
}

/// Options of resync.
#[derive(Args, Debug)]
pub struct ResyncArgs {
    /// Tables: schema.name, name (schema public), or a pattern with * and ?
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// All tables that are attached here, when none is named
    #[arg(long)]
    pub all: bool,
    /// Copy the rows from the next node up to the root that has the table
    #[arg(long, conflicts_with = "copy_node")]
    pub find_copy_node: bool,
    /// Copy the rows from this member
    #[arg(long, value_name = "NODE")]
    pub copy_node: Option<String>,
    /// Wait until all tables are in sync
    #[arg(long)]
    pub wait_sync: bool,
}

/// Names of attached tables; refuses those that are not attached here. What the queue has but this node has not is
/// nothing to do for `remove-table`, and an error for the others.
pub async fn expand_attached(
    admin: &mut Admin,
    node: &str,
    args: &[String],
    all: bool,
    command: &str,
) -> Result<Vec<Registered>> {
    let queue = admin.queue().to_owned();
    let tables = load_tables(&**admin.local().await?, &queue).await?;
    let (here, other): (Vec<&Registered>, Vec<&Registered>) = tables.iter().partition(|t| t.local);
    let here_names: Vec<String> = here.iter().map(|t| t.name.clone()).collect();
    let other_names: Vec<String> = other.iter().map(|t| t.name.clone()).collect();
    let done: &[String] = if command == "remove-table" {
        &other_names
    } else {
        &[]
    };
    let found = expand(args, all, &here_names, done);
    for name in &found.already {
        info!("{name} already processed");
    }
    let problems: Vec<Error> = found
        .unknown
        .iter()
        .map(|name| {
            let error = Error::not_found(format!("table \"{name}\" is not attached on this node"))
                .with_detail(format!("node \"{node}\", queue \"{queue}\""));
            match near(name, &here_names) {
                Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
                None if other_names.contains(name) => error.with_hint("attach it with add-table"),
                None => error.with_hint("\"londiste tables\" lists the tables that are attached here"),
            }
        })
        .collect();
    let mut problems = problems.into_iter().rev();
    if let Some(last) = problems.next() {
        for problem in problems.rev() {
            admin.ui.error(&problem);
        }
        return Err(last);
    }
    if found.names.is_empty() {
        if args.is_empty() && !all {
            admin
                .ui
                .hint("name tables, or use --all; \"londiste tables\" lists what is attached here");
        }
        for pattern in args.iter().filter(|a| a.contains(['*', '?'])) {
            info!("no attached table is like {pattern}");
        }
    }
    Ok(found
        .names
        .iter()
        .filter_map(|name| tables.iter().find(|t| t.name == *name))
        .cloned()
        .collect())
}

/// Runs remove-table.
pub async fn remove_table(context: Context, args: RemoveTableArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let tables = expand_attached(
        &mut admin,
        &node.node_name,
        &args.tables,
        args.all,
        "remove-table",
    )
    .await?;
    if tables.is_empty() {
        return Ok(0);
    }
    let lock_timeout = admin.config.lock_timeout;
    let local = admin.local().await?;
    limit_lock_waits(local, lock_timeout).await?;
    let work = async {
        let transaction = local.transaction().await?;
        for table in &tables {
            call(
                &transaction,
                None,
                sql::table::LOCAL_REMOVE_TABLE,
                &[&queue, &table.name],
            )
            .await
            .map_err(|e| e.context(format!("removing table \"{}\"", table.name)))?;
            forget_errors(&transaction, &queue, &table.name).await?;
        }
        wake_workers(&transaction, &queue).await?;
        transaction.commit().await?;
        Ok(())
    };
    work.await
        .map_err(|e: Error| explain_lock_wait(e, lock_timeout))?;
    let what = if tables.len() == 1 {
        "1 table".to_owned()
    } else {
        format!("{} tables", tables.len())
    };
    if node.is_root() {
        admin.ui.hint(format!(
            "{what} left queue \"{queue}\"; the nodes below follow when they read that, their rows stay"
        ));
    } else {
        admin.ui.hint(format!(
            "{what} left this node only, the rows stay; add-table brings a table back with a new copy"
        ));
    }
    Ok(0)
}

/// The rows of one queue cannot be told from those of the others that feed the same table, so a copy of one alone would either
/// remove theirs or meet its own old rows.
async fn refuse_merged(admin: &mut Admin, node: &NodeInfo, names: &[String]) -> Result<()> {
    let queue = admin.queue().to_owned();
    if let (Some(combined), Some("branch")) = (&node.combined_queue, node.combined_type.as_deref()) {
        return Err(Error::refused(format!(
            "rows of queue \"{queue}\" come to this node through queue \"{combined}\""
        ))
        .with_detail(format!(
            "node \"{}\" waits behind it and copies nothing",
            node.node_name
        ))
        .with_hint(format!(
            "run resync with the job file of queue \"{combined}\" here"
        )));
    }
    for name in names {
        let local = admin.local().await?;
        let row = local.query_one(sql::copy::HAS_SIBLINGS, &[&queue, name]).await?;
        if row.get("any_sibling") {
            return Err(Error::refused(format!(
                "table \"{name}\" has rows of other queues, too, so it cannot be copied anew from one of them"
            ))
            .with_hint(format!(
                "to copy it from all: run \"remove-table {name}\" with the job file of each queue on this node, then \
                 \"add-table {name} --merge-all\" with one of them"
            ))
            .with_hint("to see and repair single rows: londiste compare"));
        }
    }
    Ok(())
}

/// Runs resync.
pub async fn resync(context: Context, args: ResyncArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    if node.is_root() {
        // Ancestor: wipes the state, so that all nodes below wait for ever (Q6).
        return Err(Error::refused(
            "the root's tables cannot be copied anew: the root is where their rows come from",
        )
        .with_detail(format!("node \"{}\", queue \"{queue}\"", node.node_name))
        .with_hint("run resync with the job file of the subscriber whose rows are wrong"));
    }
    let tables = expand_attached(&mut admin, &node.node_name, &args.tables, args.all, "resync").await?;
    if tables.is_empty() {
        return Ok(0);
    }
    let names: Vec<String> = tables.iter().map(|t| t.name.clone()).collect();
    refuse_merged(&mut admin, &node, &names).await?;
    if args.find_copy_node {
        let location = node.provider_location.clone().unwrap_or_default();
        find_source(admin.dialer(), &queue, &location, &names).await?;
    } else {
        let (source, session) = match &args.copy_node {
            Some(name) => (name.clone(), admin.member(name).await?),
            None => (
                node.provider_node.clone().unwrap_or_default(),
                admin.provider().await?,
            ),
        };
        let there = load_tables(&*session, &queue).await?;
        let lacking: Vec<&str> = names
            .iter()
            .filter(|name| !there.iter().any(|t| t.local && t.name == **name))
            .map(String::as_str)
            .collect();
        if !lacking.is_empty() {
            let place = place_of(&mut admin, &node).await?;
            return Err(
                Error::refused(format!("node \"{source}\" does not have: {}", lacking.join(", ")))
                    .with_detail(format!(
                        "node \"{}\", database \"{}\"",
                        place.node, place.database
                    ))
                    .with_hint("copy from another node: --find-copy-node or --copy-node=NODE"),
            );
        }
    }
    let copy_node = if args.find_copy_node {
        Some("?")
    } else {
        args.copy_node.as_deref()
    };
    let transaction = admin.local().await?.transaction().await?;
    for table in &tables {
        if let Some(copy_node) = copy_node {
            let attrs = with_copy_node(table, copy_node)?;
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&queue, &table.name, &attrs];
            call(&transaction, None, sql::table::LOCAL_SET_TABLE_ATTRS, &params).await?;
        }
        copy_anew(&transaction, &queue, &table.name).await?;
        info!("Table {} state set to NULL", table.name);
    }
    wake_workers(&transaction, &queue).await?;
    transaction.commit().await?;
    for table in tables
        .iter()
        .filter(|t| matches!(t.attrs().map(|a| a.skip_truncate()), Ok(true)))
    {
        warn!(
            "{} has skip_truncate: the rows that are here stay, and the copy adds to them",
            table.name
        );
    }
    if args.wait_sync {
        wait_for_tables(&mut admin, &node, None).await?;
    } else {
        let what = if tables.len() == 1 {
            "1 table".to_owned()
        } else {
            format!("{} tables", tables.len())
        };
        admin.ui.hint(format!(
            "the worker copies {what} anew; \"londiste wait-sync\" waits until all are in sync"
        ));
        hint_at_worker(&mut admin, &node).await?;
    }
    Ok(0)
}

/// The attributes of a table with another `copy_node`.
fn with_copy_node(table: &Registered, copy_node: &str) -> Result<String> {
    let attrs = table.attrs()?;
    let mut pairs: Vec<(&str, Option<&str>)> = attrs.iter().filter(|(key, _)| *key != "copy_node").collect();
    pairs.push(("copy_node", Some(copy_node)));
    Ok(urldict::encode(pairs))
}
