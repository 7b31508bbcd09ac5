//! `check`: whether the attached tables fit those of the provider. Ancestor: does nothing (Q3).

use clap::Args;

use super::after::{explain_lock_wait, limit_lock_waits};
use super::capture::capture_problem;
use super::registry::{Registered, load_tables};
use super::remove::expand_attached;
use crate::cli::Context;
use crate::cli::admin::Admin;
use crate::error::Result;
use crate::node::NodeInfo;
use crate::pg::Session;
use crate::pg::structure::{RelationKind, Severity, TableStructure, load_structure};
use crate::pgq::find_foreign_txids;

/// Which tables.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Tables: schema.name, name (schema public), or a pattern with * and ?; all attached ones when none is named
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
}

/// Runs the command: one line per difference on standard output; exit status 1 when there is any.
pub async fn check(context: Context, args: CheckArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let tables = expand_attached(&mut admin, &node.node_name, &args.tables, true, "check").await?;
    let lock_timeout = admin.config.lock_timeout;
    limit_lock_waits(admin.local().await?, lock_timeout).await?;
    let mut provider: Option<(Session, Vec<Registered>)> = None;
    if !node.is_root() {
        let session = admin.provider().await?;
        limit_lock_waits(&session, lock_timeout).await?;
        let there = load_tables(&*session, &queue).await?;
        provider = Some((session, there));
    }
    let foreign = find_foreign_txids(&**admin.local().await?, Some(&queue)).await?;
    for found in &foreign {
        admin.ui.line(format!("error: {}", found.line()));
    }
    let mut differing = 0;
    for table in &tables {
        let found = check_one(&mut admin, &node, &queue, table, provider.as_ref())
            .await
            .map_err(|e| explain_lock_wait(e, lock_timeout))?;
        if found.is_empty() {
            admin.ui.line(format!("{}: ok", table.name));
        } else {
            differing += 1;
        }
        for text in found {
            admin.ui.line(format!("{}: {text}", table.name));
        }
    }
    if differing > 0 {
        admin
            .ui
            .hint(format!("{differing} of {} tables need a look", tables.len()));
    }
    Ok(u8::from(differing > 0 || !foreign.is_empty()))
}

async fn check_one(
    admin: &mut Admin,
    node: &NodeInfo,
    queue: &str,
    table: &Registered,
    provider: Option<&(Session, Vec<Registered>)>,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let Some(ours) = load_structure(&**admin.local().await?, &table.dest_name()).await? else {
        return Ok(vec![format!("error: table {} does not exist here", table.dest)]);
    };
    if ours.kind != RelationKind::Table {
        return Ok(vec![format!(
            "error: {} is {}",
            table.dest,
            ours.kind.described()
        )]);
    }
    // What a copy has taken away it brings back itself.
    let is_copying = table
        .state
        .as_deref()
        .is_some_and(|s| s == "in-copy" || s == "catching-up");
    let mut theirs = None;
    if let Some((session, there)) = provider {
        let node_name = node.provider_node.as_deref().unwrap_or_default();
        match there.iter().find(|t| t.name == table.name && t.local) {
            None => found.push(format!(
                "error: provider \"{node_name}\" does not have it: no changes arrive"
            )),
            Some(there) => match load_structure(&**session, &there.dest_name()).await? {
                None => found.push(format!("error: it does not exist on provider \"{node_name}\"")),
                Some(structure) => theirs = Some(structure),
            },
        }
    }
    if let Some(theirs) = &theirs {
        for difference in ours.differences_from(theirs) {
            let word = match difference.severity {
                Severity::Blocking => "error",
                Severity::Risky => "warning",
                Severity::Notable if is_copying => continue,
                Severity::Notable => "note",
            };
            found.push(format!("{word}: {}", difference.text));
        }
        found.extend(trigger_differences(theirs, queue, "on the provider"));
    }
    if let (Some(_), Some((session, there))) = (&theirs, provider)
        && let Some(there) = there.iter().find(|t| t.name == table.name)
    {
        let place = "on the provider";
        found.extend(capture_problem(&**session, queue, &table.name, &there.dest, place).await?);
    }
    let no_trigger_wanted = theirs.as_ref().is_some_and(|t| !has_row_capture(t, queue));
    if !no_trigger_wanted {
        found.extend(trigger_differences(&ours, queue, "here"));
    }
    let local = admin.local().await?;
    found.extend(capture_problem(&**local, queue, &table.name, &table.dest, "here").await?);
    Ok(found)
}

fn has_row_capture(structure: &TableStructure, queue: &str) -> bool {
    structure
        .triggers
        .iter()
        .any(|t| t.is_row_capture_of(queue) || t.is_statement_capture_of(queue))
}

fn trigger_differences(structure: &TableStructure, queue: &str, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !has_row_capture(structure, queue) {
        found.push(format!("warning: no trigger for queue \"{queue}\" {place}"));
    }
    if !structure.triggers.iter().any(|t| t.is_truncate_capture_of(queue)) {
        found.push(format!(
            "warning: no TRUNCATE trigger for queue \"{queue}\" {place}"
        ));
    }
    let ours = structure
        .triggers
        .iter()
        .filter(|t| t.first_argument.as_deref() == Some(queue) && t.is_replication());
    for trigger in ours.filter(|t| t.enabled != 'O') {
        let how = match trigger.enabled {
            'D' => "disabled",
            'R' => "enabled for replicas only",
            _ => "enabled always, so that replayed rows fire it",
        };
        found.push(format!("warning: trigger \"{}\" {place} is {how}", trigger.name));
    }
    found
}
