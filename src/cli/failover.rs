//! A dead node's place is taken, and a former root comes back.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use tracing::{debug, info, warn};

use super::Context;
use super::admin::{Admin, unknown_node};
use super::plan::{PlanArgs, TakeoverArgs, look, start};
use crate::cascade::plan::record;
use crate::cascade::plan::survey::survey;
use crate::cascade::plan::{Outcome, Plan};
use crate::cascade::resurrect::report::FILE;
use crate::cascade::takeover_dead::{Request, Succession, plan_dead_branch, plan_dead_root, plan_return};
use crate::error::{Error, Result};
use crate::node::info::{Member, load_info, load_members};
use crate::sql;

/// How long a node is tried that is said to be dead.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// Lost ticks that are printed one by one.
const LISTED: usize = 20;

/// How a former root comes back.
#[derive(Args, Debug)]
pub struct ResurrectArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub plan: PlanArgs,
}

pub(super) async fn takeover_dead(context: Context, mut args: TakeoverArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let members = admin.members().await?;
    let Some(old) = members.iter().find(|member| member.node_name == args.old) else {
        return Err(unknown_node(&args.old, &members));
    };
    if !args.force {
        refuse_alive(&admin, old).await?;
    }
    if !args.plan.dead.contains(&args.old) {
        args.plan.dead.push(args.old.clone());
    }
    let dead = args.plan.dead.clone();
    let (facts, members) = look(&mut admin, &dead).await?;
    let request = Request {
        old: args.old.clone(),
        new: args.target.clone(),
    };
    let has_root = facts.nodes.values().any(|node| node.kind.as_str() == "root");
    let is_root = args.dead_root || (!args.dead_branch && !has_root);
    let Succession {
        new,
        actions,
        warnings,
    } = if is_root {
        plan_dead_root(&facts, &request)?
    } else {
        plan_dead_branch(&facts, &request)?
    };
    for warning in warnings {
        warn!("{warning}");
    }
    for (name, why) in facts.absent.iter().filter(|(name, _)| **name != args.old) {
        warn!("node '{name}' takes no part: {why}");
    }
    let what = if is_root { "root" } else { "node" };
    let command = format!("takeover of the dead {what} {} by {new}", args.old);
    let plan = Plan::new(admin.queue(), command, &dead, actions);
    let Some(runner) = start(&mut admin, plan, &facts, &members, &[&new], &args.plan).await? else {
        return Ok(0);
    };
    let outcome = runner.run().await?;
    if is_root {
        admin.ui.line(format!("{new} is the root"));
    }
    tell_lost(&admin, &outcome);
    if is_root {
        admin.ui.hint(format!(
            "when {0} comes back: \"londiste resurrect\" with its job file; if it never will: drop-node {0}, for until then \
             all nodes keep what it would need",
            args.old
        ));
    } else {
        admin.ui.hint(format!(
            "if {0} never comes back: drop-node {0}, for until then its provider keeps what it would need",
            args.old
        ));
    }
    Ok(0)
}

/// Refuses a node that answers: two roots would be written to.
async fn refuse_alive(admin: &Admin, old: &Member) -> Result<()> {
    let asking = async {
        let session = admin.dialer().remote(&old.location).await?;
        load_info(&*session, admin.queue()).await
    };
    let asked = admin
        .stop
        .unless_stopped(async { Ok(tokio::time::timeout(LOOK_LIMIT, asking).await) })
        .await?;
    match asked {
        Ok(Ok(Some(info))) if info.node_name == old.node_name => Err(Error::refused(format!(
            "node \"{}\" is not dead: it answers",
            old.node_name
        ))
        .with_hint("without --dead-root and --dead-branch it hands over in order, and nothing is lost")
        .with_hint("if it must not be used any more, stop its server first, so that nobody writes to it; or add --force")),
        _ => Ok(()),
    }
}

/// What steps have found out about changes that only one node has.
pub(super) fn tell_lost(admin: &Admin, outcome: &Outcome) {
    let values = &outcome.plan.values;
    for line in &values.told {
        admin.ui.line(line.clone());
    }
    for (id, time, node) in values.lost_ticks.iter().take(LISTED) {
        admin.ui.line(format!(
            "tick {id} of {time} had reached {node} only, and was taken back there"
        ));
    }
    if let Some(more) = values.lost_ticks.len().checked_sub(LISTED + 1) {
        admin.ui.line(format!("and {} more ticks", more + 1));
    }
}

pub(super) async fn resurrect_command(context: Context, args: ResurrectArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let local = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let name = local.node_name.clone();
    let recorded = record::load(admin.local().await?, &queue).await?;
    if recorded.is_none() && Path::new(FILE).exists() && !args.plan.dry_run {
        return Err(Error::refused(format!("file {FILE} is there already"))
            .with_detail("it has what an earlier run found, which is found nowhere else any more")
            .with_hint("move it away, or run this in another directory"));
    }
    let known = admin.members().await?;
    let searching = find_gravestones(&admin, &name, &known);
    let stop = admin.stop.clone();
    let mut found = stop.unless_stopped(searching).await?;
    if found.len() > 1 {
        let places: Vec<String> = found.iter().map(|(place, _)| place.clone()).collect();
        return Err(Error::refused(format!(
            "several nodes keep the place of \"{name}\": {}",
            places.join(", ")
        ))
        .with_hint("two nodes were made the root: drop the one that is not to be"));
    }
    let Some((provider, mut members)) = found.pop() else {
        return Err(Error::refused(format!("no node keeps the place of \"{name}\""))
            .with_hint(match local.is_root() {
                true => {
                    "did another node take its place by takeover --dead-root, and can that one be reached?"
                }
                false => "it is back already: \"londiste status\" shows it",
            })
            .with_hint(format!(
                "a node that was dropped: drop-node {name}, and create it anew"
            )));
    };
    let dead: Vec<String> = members
        .iter()
        .filter(|member| member.dead && member.node_name != name)
        .map(|member| member.node_name.clone())
        .chain(args.plan.dead.iter().cloned())
        .collect();
    for member in &mut members {
        member.dead = member.dead && member.node_name != name;
    }
    let looking = async { Ok(survey(&queue, &name, &members, &dead, admin.dialer()).await) };
    let facts = admin.stop.unless_stopped(looking).await?;
    let others: Vec<String> = facts
        .nodes
        .keys()
        .filter(|node| **node != name)
        .cloned()
        .collect();
    let elsewhere = facts
        .nodes
        .values()
        .filter(|node| node.provider != name)
        .map(|node| node.name.clone())
        .collect();
    let file = std::path::absolute(FILE)?.display().to_string();
    let actions = plan_return(facts.node(&name)?, &provider, &file, others, elsewhere)?;
    let command = format!("resurrect of {name} below {provider}");
    let plan = Plan::new(&queue, command, &dead, actions);
    let Some(runner) = start(&mut admin, plan, &facts, &members, &[&name], &args.plan).await? else {
        return Ok(0);
    };
    let outcome = runner.run().await?;
    tell_lost(&admin, &outcome);
    info!("'{name}' is a branch of '{provider}' now");
    Ok(0)
}

/// The nodes that keep the place of `node`, each with the members that it knows.
async fn find_gravestones(
    admin: &Admin,
    node: &str,
    members: &[Member],
) -> Result<Vec<(String, Vec<Member>)>> {
    let queue = admin.queue();
    let mut found = Vec::new();
    let mut missed = None;
    for member in members.iter().filter(|member| member.node_name != node) {
        let asking = async {
            let session = admin.dialer().remote(&member.location).await?;
            if load_info(&*session, queue).await?.is_none() {
                return Ok(None);
            }
            let rows = session.query(sql::cascade::LIST_SUBSCRIBERS, &[&queue]).await?;
            let consumer = crate::cascade::plan::gravestone(node);
            let is_here = rows.iter().any(|row| {
                row.get::<_, &str>("node_name") == node && row.get::<_, &str>("worker_name") == consumer
            });
            match is_here {
                true => load_members(&*session, queue).await.map(Some),
                false => Ok(None),
            }
        };
        match asking.await {
            Ok(Some(known)) => found.push((member.node_name.clone(), known)),
            Ok(None) => {}
            Err(error) => {
                debug!("[{}] {}", member.node_name, error.line());
                missed = Some(error.context(format!("node \"{}\"", member.node_name)));
            }
        }
    }
    match missed {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}
