//! Commands that make a database a node.

use clap::{Args, Subcommand};
use tracing::info;

use super::Context;
use super::admin::Admin;
use crate::cascade::create::{self, NewNode, RegisterFilter};
use crate::cascade::location;
use crate::config::londiste::LondisteConfig;
use crate::error::{Error, Result};
use crate::install;
use crate::node::NodeType;
use crate::pg::ConnInfo;

/// Creation of nodes.
#[derive(Subcommand, Debug)]
pub enum CreateCommand {
    /// Make the local database the root: events are born here
    ///
    /// Installs the database side where it is missing. Running the command again goes on where an earlier run was
    /// interrupted, and changes nothing if all is done.
    #[command(name = "create-root")]
    Root(RootArgs),
    /// Make the local database a branch: a full copy of the queue that may feed other nodes
    ///
    /// Installs the database side where it is missing. Running the command again goes on where an earlier run was
    /// interrupted, and changes nothing if all is done.
    #[command(name = "create-branch")]
    Branch(BranchArgs),
    /// Make the local database a leaf: it receives tables and feeds nobody
    ///
    /// Installs the database side where it is missing. Running the command again goes on where an earlier run was
    /// interrupted, and changes nothing if all is done.
    #[command(name = "create-leaf")]
    Leaf(LeafArgs),
}

/// What every node needs.
#[derive(Args, Debug)]
pub struct NodeArgs {
    /// Name of the new node [default: key node_name]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Connect string that other nodes use to reach this database [default: key public_node_location]
    #[arg(value_name = "PUBLIC_CONNSTR")]
    pub public_connstr: Option<String>,
    /// Do not check that the public connect string leads to the database of key db
    #[arg(long)]
    pub nocheck: bool,
}

/// A root.
#[derive(Args, Debug)]
pub struct RootArgs {
    #[command(flatten)]
    node: NodeArgs,
}

/// A branch.
#[derive(Args, Debug)]
pub struct BranchArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Public connect string of the provider [default: key initial_provider_location]
    #[arg(long, value_name = "CONNSTR")]
    provider: Option<String>,
    /// Keep events until all of these nodes are done with them, instead of following the root (comma separated)
    #[arg(long, value_name = "NODES")]
    sync_watermark: Option<String>,
}

/// A leaf.
#[derive(Args, Debug)]
pub struct LeafArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Public connect string of the provider [default: key initial_provider_location]
    #[arg(long, value_name = "CONNSTR")]
    provider: Option<String>,
    /// Merge into the queue QUEUE, of which this database is a root or branch
    #[arg(long, value_name = "QUEUE")]
    merge: Option<String>,
}

impl CreateCommand {
    pub(super) fn lock_suffix(&self) -> Option<String> {
        Some(".admin".to_owned())
    }

    pub(super) async fn run(self, context: Context) -> Result<u8> {
        let (node_type, node, provider, combined_queue, sync_watermark) = match self {
            Self::Root(args) => (NodeType::Root, args.node, None, None, None),
            Self::Branch(args) => (
                NodeType::Branch,
                args.node,
                args.provider,
                None,
                args.sync_watermark,
            ),
            Self::Leaf(args) => (NodeType::Leaf, args.node, args.provider, args.merge, None),
        };
        let admin = context.admin()?;
        let config = &admin.config;
        let Some(name) = node.name.or_else(|| config.node_name.clone()) else {
            return Err(
                Error::refused("Node name must be given either in command line or config")
                    .with_hint(format!("londiste INI create-{node_type} NAME PUBLIC_CONNSTR")),
            );
        };
        let Some(location) = node
            .public_connstr
            .or_else(|| config.public_node_location.clone())
        else {
            return Err(Error::refused(
                "Node public location must be given either in command line or config",
            )
            .with_hint("it is the connect string that other nodes use to reach this database"));
        };
        let new = NewNode {
            queue: config.queue_name.clone(),
            node_type,
            name,
            location,
            worker: config.consumer_name.clone(),
            provider_location: provider.or_else(|| config.initial_provider_location.clone()),
            combined_queue,
            sync_watermark,
        };
        create_node(admin, new, node.nocheck).await?;
        Ok(0)
    }
}

/// The key lists `register_only_*` and `register_skip_*` of the job file.
struct JobFilter<'a>(&'a LondisteConfig);

impl RegisterFilter for JobFilter<'_> {
    fn wants_table(&self, table: &str) -> bool {
        passes(table, &self.0.register_only_tables, &self.0.register_skip_tables)
    }

    fn wants_seq(&self, seq: &str) -> bool {
        passes(seq, &self.0.register_only_seqs, &self.0.register_skip_seqs)
    }
}

fn passes(name: &str, only: &[String], skip: &[String]) -> bool {
    (only.is_empty() || only.iter().any(|n| n == name)) && !skip.iter().any(|n| n == name)
}

async fn create_node(mut admin: Admin, new: NewNode, nocheck: bool) -> Result<()> {
    location::warn_unreachable(
        &ConnInfo::parse(&new.location).map_err(|e| e.context("public connect string"))?,
    );
    if new.node_type != NodeType::Root && new.provider_location.is_none() {
        return Err(Error::refused("Please specify --provider")
            .with_hint("it is the public connect string of the root or of a branch"));
    }
    let stop = admin.stop.clone();
    let dialer = admin.dialer().clone();
    let config = admin.config.clone();
    let local = admin.local().await?;
    let work = async {
        // Before anything is changed: is this the right database, and is it free?
        create::find_existing(local, &new).await?;
        if !nocheck {
            location::check(local, &new.location, &dialer).await?;
        }
        install::install(local, &install::select(&["londiste".to_owned()])?, false).await?;
        if new.node_type == NodeType::Root {
            create::create_root(local, &new).await
        } else {
            create::create_subscriber(local, &new, &JobFilter(&config), &dialer).await
        }
    };
    // Every step can be run again, so an interruption needs no more than that.
    let created = stop.unless_stopped(work).await?;
    info!("Done");
    let ini = config.path.display();
    if created.existed {
        admin.ui.hint(format!(
            "nothing was changed; \"londiste {ini} status\" shows the cascade"
        ));
        return Ok(());
    }
    match new.node_type {
        NodeType::Root => {
            admin.ui.hint(format!(
                "start its worker: \"londiste -d {ini} worker\"; it also ticks while no pgqd serves this database"
            ));
            admin.ui.hint(format!(
                "then \"londiste {ini} add-table TABLE\" for each table, and create-leaf on other databases"
            ));
        }
        _ => {
            admin
                .ui
                .hint(format!("start its worker: \"londiste -d {ini} worker\""));
            admin.ui.hint(match created.tables {
                0 => format!(
                    "node \"{}\" has no tables in the queue yet; add-table there first, then here",
                    created.provider.unwrap_or_default()
                ),
                n => format!("{n} table(s) wait to be attached: \"londiste {ini} add-table --all\""),
            });
        }
    }
    Ok(())
}
