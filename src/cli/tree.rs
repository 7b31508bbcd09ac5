//! Commands that change the tree.

use clap::{Args, Subcommand};
use tracing::info;

use super::failover::{self, ResurrectArgs};
use super::plan::{self, ChangeProviderArgs, GoOnArgs, TakeoverArgs};
use super::{Context, relocate, rename};
use crate::cascade::drop_node;
use crate::cascade::tag::Tag;
use crate::error::{Error, Result};

/// Changes of the tree.
#[derive(Subcommand, Debug)]
pub enum TreeCommand {
    /// Make a node read from another provider
    ///
    /// It goes on exactly where it stands; nothing is lost or applied twice. When something does not work out, everything
    /// is put back as it was.
    ChangeProvider(ChangeProviderArgs),
    /// Make a node take the place of another one, alive or dead
    ///
    /// When OLD is the root: the new node catches up, OLD is closed for writers, and once the new node has everything it
    /// is opened. OLD becomes a branch of it, so the same command leads back. Everything slow is done before OLD is closed.
    ///
    /// With --dead-root OLD is not asked: what it alone had is lost until it comes back (resurrect).
    Takeover(TakeoverArgs),
    /// Bring a former root back as a branch, after another node took its place with --dead-root
    ///
    /// Run it with the job file of the former root. The changes that only this node has are written to
    /// resurrect-lost-events.json and .sql in the working directory, and taken out of its queue. Rows that they concern are put
    /// right from the new root; tables where this cannot be known to be enough are copied anew.
    Resurrect(ResurrectArgs),
    /// Finish a change of the cascade that was interrupted
    ///
    /// Works with the job file of any node that took part.
    Continue(GoOnArgs),
    /// Take back a change of the cascade that was interrupted
    ///
    /// Works with the job file of any node that took part, until a new root has been opened.
    Undo(GoOnArgs),
    /// Remove a node from the cascade
    ///
    /// The node's queue and its tables' registration are dropped, its database stays as it is. A node that feeds others
    /// is refused. A database that cannot be reached is a warning: run the command again when it is back.
    DropNode(DropArgs),
    /// Tag a node as dead on all members
    ///
    /// Members then do not try to reach it. Nothing is changed on the node itself.
    TagDead(NodeArgs),
    /// Take the tag of a dead node back, on all members
    TagAlive(NodeArgs),
    /// Give a node another name, on all members
    ///
    /// Works from any node while workers run. All members that are not tagged as dead must be reachable. After an interruption
    /// the same command goes on.
    RenameNode(rename::RenameArgs),
    /// Tell all members where a node is to be found from now on
    ///
    /// The new connect string must lead to the same database as the old one, as far as that can be reached. Those who cannot
    /// be told at once hear it through the queue.
    ChangeLocation(relocate::LocationArgs),
}

/// One node.
#[derive(Args, Debug)]
pub struct NodeArgs {
    /// Name of the node
    #[arg(value_name = "NODE")]
    pub node: String,
}

/// One node that goes.
#[derive(Args, Debug)]
pub struct DropArgs {
    /// Name of the node
    #[arg(value_name = "NODE")]
    pub node: String,
    /// Take NODE as dead: do not try to reach it; may be given several times
    #[arg(long, value_name = "NODE")]
    pub dead: Vec<String>,
}

impl TreeCommand {
    pub(super) fn lock_suffix(&self) -> Option<String> {
        Some(".admin".to_owned())
    }

    pub(super) async fn run(self, context: Context) -> Result<u8> {
        match self {
            Self::ChangeProvider(args) => plan::change_provider_command(context, args).await,
            Self::Takeover(args) => plan::takeover_command(context, args).await,
            Self::Resurrect(args) => failover::resurrect_command(context, args).await,
            Self::Continue(args) => plan::continue_command(context, args).await,
            Self::Undo(args) => plan::undo_command(context, args).await,
            Self::DropNode(args) => drop_command(context, args).await,
            Self::TagDead(args) => tag(context, args, true).await,
            Self::TagAlive(args) => tag(context, args, false).await,
            Self::RenameNode(args) => rename::rename_node(context, args).await,
            Self::ChangeLocation(args) => relocate::change_location(context, args).await,
        }
    }
}

async fn drop_command(context: Context, args: DropArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let local = admin.node_info().await?;
    let mut members = admin.members_with(&args.node).await?;
    admin.assume_dead(&mut members, &args.dead)?;
    let queue = admin.queue().to_owned();
    let work = drop_node::drop_node(&local, &queue, &args.node, &members, admin.dialer());
    let missed = admin.stop.unless_stopped(work).await?;
    info!("Node '{}' removed from queue '{queue}'", args.node);
    let (itself, others): (Vec<_>, Vec<_>) = missed.into_iter().partition(|name| *name == args.node);
    if !itself.is_empty() {
        admin.ui.hint(format!(
            "node \"{0}\" itself was not told; if its database comes back, run drop-node {0} with its own job file",
            args.node
        ));
    }
    if !others.is_empty() {
        admin.ui.hint(format!(
            "these were not told and still know it: {}; run drop-node {} with their job files",
            others.join(", "),
            args.node
        ));
        return Ok(1);
    }
    Ok(0)
}

async fn tag(context: Context, args: NodeArgs, dead: bool) -> Result<u8> {
    let mut admin = context.admin()?;
    let local = admin.node_info().await?;
    let members = admin.members_with(&args.node).await?;
    let word = if dead { "dead" } else { "alive" };
    if dead && args.node == local.node_name {
        return Err(Error::refused(format!(
            "node \"{}\" is the local node: its database answers",
            args.node
        ))
        .with_hint("tag-dead is for nodes that are gone; run it with the job file of another member"));
    }
    info!("Tagging node '{}' as {word}", args.node);
    let queue = admin.queue().to_owned();
    let dialer = admin.dialer().clone();
    let stop = admin.stop.clone();
    let session = admin.local().await?;
    let tag = Tag {
        queue: &queue,
        node: &args.node,
        dead,
    };
    let work = tag.tell(session, &local.node_name, &members, &dialer);
    let missed = stop.unless_stopped(work).await?;
    info!("Node '{}' is tagged as {word}", args.node);
    if !missed.is_empty() {
        admin.ui.hint(format!(
            "run this again when these can be reached: {}",
            missed.join(", ")
        ));
        return Ok(1);
    }
    Ok(0)
}
