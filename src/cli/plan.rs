//! Changes of the tree that are plans: shown, recorded, carried out, finished, taken back.

use std::time::Duration;

use clap::Args;
use tracing::info;

use super::Context;
use super::admin::Admin;
use crate::cascade::change_provider::{self, plan_change_provider};
use crate::cascade::plan::record::{self, Known};
use crate::cascade::plan::survey::survey;
use crate::cascade::plan::{Action, Facts, Options, Outcome, Plan, Runner};
use crate::cascade::takeover::{self, plan_takeover};
use crate::error::{Error, ErrorKind, Result};
use crate::node::info::Member;

/// What commands that make a plan share.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Show the steps and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take NODE as dead: do not try to reach it; may be given several times
    #[arg(long, value_name = "NODE")]
    pub dead: Vec<String>,
    /// How long each step may wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout: u64,
}

/// Which reader gets which provider.
#[derive(Args, Debug)]
pub struct ChangeProviderArgs {
    /// The node to read from
    #[arg(long, value_name = "NODE")]
    pub provider: String,
    /// Change it for this node instead of the local one
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Change it for this cascaded consumer, not for the node's worker
    #[arg(long, value_name = "CONSUMER")]
    pub consumer: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub plan: PlanArgs,
}

/// Who takes whose place.
#[derive(Args, Debug)]
pub struct TakeoverArgs {
    /// The node whose place is taken
    #[arg(value_name = "OLD")]
    pub old: String,
    /// The node that takes it, instead of the local one
    #[arg(long, value_name = "NODE", visible_alias = "node")]
    pub target: Option<String>,
    /// Put the other subscribers of OLD below the new node, too
    #[arg(long)]
    pub all: bool,
    /// Take over although tables of OLD are missing on the new node, or not in sync there; with --dead-root and
    /// --dead-branch: although OLD answers
    #[arg(long)]
    pub force: bool,
    /// OLD was the root and is dead: the node that has come furthest, or NODE, becomes the root
    ///
    /// All nodes that read from OLD come below it. What OLD alone had is told, as far as it is known.
    #[arg(long, conflicts_with_all = ["dead_branch", "all"])]
    pub dead_root: bool,
    /// OLD was a branch or leaf and is dead: all nodes that read from OLD come below the root, or below NODE
    #[arg(long, conflicts_with = "all")]
    pub dead_branch: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub plan: PlanArgs,
}

/// How a recorded plan is gone on with.
#[derive(Args, Debug)]
pub struct GoOnArgs {
    /// How long each step may wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout: u64,
}

fn options(timeout: u64) -> Options {
    Options {
        limit: Duration::from_secs(timeout.max(1)),
    }
}

/// The tree as its nodes describe it now.
pub(super) async fn look(admin: &mut Admin, dead: &[String]) -> Result<(Facts, Vec<Member>)> {
    let local = admin.node_info().await?;
    let members = admin.members().await?;
    for name in dead {
        if !members.iter().any(|member| member.node_name == *name) {
            return Err(super::admin::unknown_node(name, &members));
        }
    }
    let queue = admin.queue().to_owned();
    let asking = async { Ok(survey(&queue, &local.node_name, &members, dead, admin.dialer()).await) };
    let facts = admin.stop.unless_stopped(asking).await?;
    Ok((facts, members))
}

/// Where a plan is recorded: on `first`, if that can be, and marks on all others that can have one.
fn homes(facts: &Facts, first: &[&str]) -> Vec<String> {
    let able = |name: &str| facts.nodes.get(name).is_some_and(|node| node.can_record);
    let mut homes: Vec<String> = Vec::new();
    let others = facts.nodes.keys().map(String::as_str);
    for name in first.iter().copied().chain(others) {
        if able(name) && !homes.iter().any(|home| home == name) {
            homes.push(name.to_owned());
        }
    }
    homes
}

pub(super) async fn change_provider_command(context: Context, args: ChangeProviderArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let (facts, members) = look(&mut admin, &args.plan.dead).await?;
    let node = match (&args.node, &args.consumer) {
        (Some(node), _) => node.clone(),
        (None, Some(consumer)) => find_consumer(&facts, consumer)?,
        (None, None) => facts.local.clone(),
    };
    let request = change_provider::Request {
        node,
        consumer: args.consumer,
        provider: args.provider,
    };
    let actions = plan_change_provider(&facts, &request)?;
    let reader = match &request.consumer {
        Some(consumer) => format!("consumer {consumer} of {}", request.node),
        None => request.node.clone(),
    };
    if actions.is_empty() {
        info!("{reader} reads from '{}' already", request.provider);
    }
    let command = format!("change-provider of {reader} to {}", request.provider);
    let plan = Plan::new(admin.queue(), command, &args.plan.dead, actions);
    let Some(runner) = start(
        &mut admin,
        plan,
        &facts,
        &members,
        &[&request.provider],
        &args.plan,
    )
    .await?
    else {
        return Ok(0);
    };
    runner.run_or_undo().await?;
    info!("{reader} reads from '{}' now", request.provider);
    Ok(0)
}

/// The node of a consumer: the local one if it is there, else the first that has it.
fn find_consumer(facts: &Facts, consumer: &str) -> Result<String> {
    let has = |name: &&String| {
        facts.nodes.get(*name).is_some_and(|node| {
            node.worker == consumer || node.consumers.iter().any(|known| known.0 == consumer)
        })
    };
    std::iter::once(&facts.local)
        .chain(facts.nodes.keys())
        .find(has)
        .cloned()
        .ok_or_else(|| {
            Error::not_found(format!("no node has a consumer \"{consumer}\"")).with_detail(format!(
                "asked: {}",
                facts.nodes.keys().cloned().collect::<Vec<_>>().join(", ")
            ))
        })
}

pub(super) async fn takeover_command(context: Context, args: TakeoverArgs) -> Result<u8> {
    if args.dead_root || args.dead_branch || args.plan.dead.contains(&args.old) {
        return super::failover::takeover_dead(context, args).await;
    }
    let mut admin = context.admin()?;
    let (mut facts, members) = look(&mut admin, &args.plan.dead).await?;
    let new = args.target.clone().unwrap_or_else(|| facts.local.clone());
    if args.force {
        for node in facts.nodes.values_mut() {
            node.ready_tables.clear();
            node.unready_tables.clear();
        }
    }
    let request = takeover::Request {
        old: args.old.clone(),
        new: new.clone(),
        all: args.all,
    };
    let actions = plan_takeover(&facts, &request)?;
    let all = if args.all {
        ", with all its subscribers"
    } else {
        ""
    };
    let command = format!("takeover of {} by {new}{all}", args.old);
    let plan = Plan::new(admin.queue(), command, &args.plan.dead, actions);
    let Some(runner) = start(&mut admin, plan, &facts, &members, &[&new], &args.plan).await? else {
        return Ok(0);
    };
    let outcome = runner.run().await?;
    tell(&admin, &outcome);
    info!("'{new}' has taken the place of '{}'", args.old);
    Ok(0)
}

/// Shows the plan, or records it; nothing when there is nothing to carry out.
pub(super) async fn start(
    admin: &mut Admin,
    plan: Plan,
    facts: &Facts,
    members: &[Member],
    first: &[&str],
    args: &PlanArgs,
) -> Result<Option<Runner>> {
    if args.dry_run {
        for line in plan.lines() {
            admin.ui.line(line);
        }
        return Ok(None);
    }
    if plan.steps.is_empty() {
        return Ok(None);
    }
    let mut first = first.to_vec();
    first.push(&facts.local);
    let mut runner = Runner::new(plan, members, admin.dialer(), &admin.stop, options(args.timeout));
    runner.begin(&homes(facts, &first)).await?;
    // From here on nobody else changes the tree; until here somebody may have.
    let now = match look(admin, &args.dead).await {
        Ok((now, _)) if facts.is_same_tree(&now) => return Ok(Some(runner)),
        looked => looked,
    };
    runner.abandon().await;
    now?;
    Err(Error::new(
        ErrorKind::Busy,
        "somebody else has changed the cascade in this moment",
    )
    .with_hint("\"londiste status\" shows it as it is now; run the command again if it is still wanted"))
}

/// What a finished plan has measured.
fn tell(admin: &Admin, outcome: &Outcome) {
    let promoted = outcome.plan.steps.iter().find_map(|step| match &step.action {
        Action::Promote { node } => Some(node),
        _ => None,
    });
    if let (Some(node), Some(seconds)) = (promoted, outcome.plan.values.closed_for) {
        admin.ui.line(format!(
            "{node} is the root; no root could be written for {seconds:.3} s"
        ));
    }
}

pub(super) async fn continue_command(context: Context, args: GoOnArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let Some(runner) = find(&mut admin, args.timeout).await? else {
        return Ok(0);
    };
    let command = runner.plan().command.clone();
    info!("Going on with: {command}");
    let outcome = runner.run().await?;
    tell(&admin, &outcome);
    super::failover::tell_lost(&admin, &outcome);
    info!("Finished: {command}");
    Ok(0)
}

pub(super) async fn undo_command(context: Context, args: GoOnArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let Some(runner) = find(&mut admin, args.timeout).await? else {
        return Ok(0);
    };
    let command = runner.plan().command.clone();
    info!("Taking back: {command}");
    runner.undo().await?;
    info!("Taken back: {command}");
    Ok(0)
}

/// The recorded plan, taken over; nothing when there is none.
async fn find(admin: &mut Admin, timeout: u64) -> Result<Option<Runner>> {
    let queue = admin.queue().to_owned();
    admin.node_info().await?;
    let members = admin.members().await?;
    let stop = admin.stop.clone();
    let searching = search(admin, &queue, &members);
    let Some((known, plan)) = stop.unless_stopped(searching).await? else {
        info!("No interrupted change of this cascade is recorded");
        return Ok(None);
    };
    let mut runner = Runner::new(plan, &members, admin.dialer(), &stop, options(timeout));
    runner.take_over(&known).await?;
    Ok(Some(runner))
}

/// The plan, from the mark on the local node or else from any other.
async fn search(admin: &mut Admin, queue: &str, members: &[Member]) -> Result<Option<(Known, Plan)>> {
    let known = record::load(admin.local().await?, queue).await?;
    let home = match known {
        Some(known) => match known.plan()? {
            Some(plan) => return Ok(Some((known, plan))),
            None => Some(known.home_node),
        },
        None => None,
    };
    // The home first; a node of the ancestor's program has no mark, so the others are asked as well.
    let mut members: Vec<&Member> = members.iter().filter(|member| !member.dead).collect();
    members.sort_by_key(|member| home.as_ref() != Some(&member.node_name));
    let mut missed = None;
    for member in members {
        let asked = async {
            let session = admin.dialer().remote(&member.location).await?;
            record::load(&session, queue).await
        };
        match asked.await {
            Ok(Some(known)) => {
                if let Some(plan) = known.plan()? {
                    return Ok(Some((known, plan)));
                }
            }
            Ok(None) => {}
            Err(error) if home.as_ref() == Some(&member.node_name) => {
                return Err(error.context(format!("node \"{}\", which has the plan", member.node_name)));
            }
            Err(error) => missed = Some(error),
        }
    }
    if let (Some(home), None) = (home, missed) {
        info!("The plan that was on node '{home}' is over");
    }
    Ok(None)
}
