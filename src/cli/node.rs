//! Commands that look at nodes, hold them, and wait for them.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use tracing::{debug, info};

use super::Context;
use super::admin::Admin;
use super::status;
use crate::cascade::{handshake, route, wait};
use crate::error::{Error, Result};
use crate::pg::mask_passwords;
use crate::pgq::{TickId, force_tick};

/// Looking at nodes, holding them, waiting for them.
#[derive(Subcommand, Debug)]
pub enum NodeCommand {
    /// Show the cascade as a tree
    ///
    /// For each node: tables in sync / on the way / not attached, how far it lags behind the root, the position of its
    /// worker, and the stored error of its last pass.
    Status(StatusArgs),
    /// Show the status of the local node
    NodeStatus(JsonArgs),
    /// Show what the local node is: type, state, connect strings
    NodeInfo(JsonArgs),
    /// Show the members of the cascade that the local node knows
    Members(JsonArgs),
    /// Tell the node's worker to stand still
    ///
    /// Waits until the worker has said that it does.
    Pause(HandshakeArgs),
    /// Tell the node's worker to go on
    ///
    /// Waits until the worker has said that it does.
    Resume(HandshakeArgs),
    /// Wait until the node has what the root has now
    WaitRoot(WaitArgs),
    /// Wait until the node has what its provider has now
    WaitProvider(WaitArgs),
}

/// Form of the tree.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// One line per node
    #[arg(long)]
    pub compact: bool,
    /// Take NODE as dead: do not try to reach it; may be given several times
    #[arg(long, value_name = "NODE")]
    pub dead: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Form of a listing.
#[derive(Args, Debug)]
pub struct JsonArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// How long to wait for a worker's answer.
#[derive(Args, Debug)]
pub struct HandshakeArgs {
    /// Give up after SECONDS without an answer of the worker; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout: u64,
}

/// How long to wait for a position.
#[derive(Args, Debug)]
pub struct WaitArgs {
    /// Give up after SECONDS; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub timeout: u64,
}

fn limit(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

impl NodeCommand {
    pub(super) fn lock_suffix(&self) -> Option<String> {
        // Ancestor: the waits take the lock, too, and so keep out every other command (Q1).
        matches!(self, Self::Pause(_) | Self::Resume(_)).then(|| ".admin".to_owned())
    }

    pub(super) async fn run(self, context: Context) -> Result<u8> {
        let admin = context.admin()?;
        match self {
            Self::Status(args) => status::status(admin, args).await,
            Self::NodeStatus(args) => status::node_status(admin, args).await,
            Self::NodeInfo(args) => node_info(admin, args).await,
            Self::Members(args) => members(admin, args).await,
            Self::Pause(args) => set_paused(admin, args, true).await,
            Self::Resume(args) => set_paused(admin, args, false).await,
            Self::WaitRoot(args) => wait_root(admin, args).await,
            Self::WaitProvider(args) => wait_provider(admin, args).await,
        }?;
        Ok(0)
    }
}

#[derive(Serialize)]
struct InfoRecord<'a> {
    node: &'a str,
    #[serde(rename = "type")]
    node_type: &'a str,
    queue: &'a str,
    status: Vec<&'a str>,
    provider: Option<&'a str>,
    worker: &'a str,
    local_location: String,
    public_location: Option<String>,
    provider_location: Option<String>,
    combined_queue: Option<&'a str>,
    combined_type: Option<&'a str>,
}

async fn node_info(mut admin: Admin, args: JsonArgs) -> Result<()> {
    let node = admin.node_info().await?;
    let members = admin.members().await?;
    let own = members.iter().find(|m| m.node_name == node.node_name);
    let mut states = Vec::new();
    if own.is_some_and(|m| m.dead) {
        states.push("DEAD");
    }
    if node.worker_paused {
        states.push("PAUSED");
    }
    if !node.worker_uptodate {
        states.push("NON-UP-TO-DATE");
    }
    let provider = node.provider_node.as_deref().filter(|_| !node.is_root());
    let local = mask_passwords(&admin.config.db);
    let public = own.map(|m| mask_passwords(&m.location));
    let upstream = node
        .provider_location
        .as_deref()
        .filter(|_| !node.is_root())
        .map(mask_passwords);
    if args.json {
        return admin.ui.json(&InfoRecord {
            node: &node.node_name,
            node_type: node.node_type.as_str(),
            queue: admin.queue(),
            status: if states.is_empty() { vec!["OK"] } else { states },
            provider,
            worker: &node.worker_name,
            local_location: local,
            public_location: public,
            provider_location: upstream,
            combined_queue: node.combined_queue.as_deref(),
            combined_type: node.combined_type.as_deref(),
        });
    }
    let ui = admin.ui;
    ui.line(format!(
        "Node: {}  Type: {}  Queue: {}",
        node.node_name,
        node.node_type,
        admin.queue()
    ));
    ui.line(format!(
        "Status: {}",
        if states.is_empty() {
            "OK".to_owned()
        } else {
            states.join(", ")
        }
    ));
    ui.line(format!("Provider: {}", provider.unwrap_or("--")));
    ui.line("Connect strings:");
    ui.line(format!("  Local   : {local}"));
    ui.line(format!("  Public  : {}", public.unwrap_or_default()));
    if let Some(upstream) = upstream {
        ui.line(format!("  Provider: {upstream}"));
    }
    if let Some(combined) = &node.combined_queue {
        let kind = node.combined_type.as_deref().unwrap_or("unknown");
        ui.line(format!("Combined Queue: {combined}  (node type: {kind})"));
    }
    Ok(())
}

#[derive(Serialize)]
struct MemberRecord {
    node_name: String,
    dead: bool,
    node_location: String,
}

async fn members(mut admin: Admin, args: JsonArgs) -> Result<()> {
    let node = admin.node_info().await?;
    let records: Vec<MemberRecord> = admin
        .members()
        .await?
        .into_iter()
        .map(|m| MemberRecord {
            node_location: mask_passwords(&m.location),
            node_name: m.node_name,
            dead: m.dead,
        })
        .collect();
    if args.json {
        return admin.ui.json(&records);
    }
    let rows: Vec<Vec<String>> = records
        .into_iter()
        .map(|m| {
            vec![
                m.node_name,
                if m.dead { "True" } else { "False" }.to_owned(),
                m.node_location,
            ]
        })
        .collect();
    admin.ui.table(
        &format!("Member info on {}@{}:", node.node_name, admin.queue()),
        &["node_name", "dead", "node_location"],
        &rows,
    );
    Ok(())
}

async fn set_paused(mut admin: Admin, args: HandshakeArgs, paused: bool) -> Result<()> {
    let node = admin.node_info().await?;
    let queue = admin.queue().to_owned();
    let stop = admin.stop.clone();
    let session = admin.local().await?;
    let limit = limit(args.timeout);
    handshake::set_paused(
        session,
        &queue,
        &node.node_name,
        &node.worker_name,
        paused,
        limit,
        &stop,
    )
    .await
}

async fn wait_root(mut admin: Admin, args: WaitArgs) -> Result<()> {
    let node = admin.node_info().await?;
    if node.is_root() {
        info!("Current node is root, no need to wait");
        return Ok(());
    }
    let location = provider_location(&node)?;
    let search = route::find_root(admin.dialer(), admin.queue(), &location);
    let root = admin.stop.unless_stopped(search).await?;
    make_tick(&admin, &root).await;
    wait_past(admin, &root.info, args).await
}

async fn wait_provider(mut admin: Admin, args: WaitArgs) -> Result<()> {
    let node = admin.node_info().await?;
    if node.is_root() {
        info!("Current node is root, no need to wait");
        return Ok(());
    }
    let location = provider_location(&node)?;
    let reach = route::reach(admin.dialer(), admin.queue(), &location);
    let provider = admin.stop.unless_stopped(reach).await?;
    if provider.info.is_root() {
        make_tick(&admin, &provider).await;
    }
    wait_past(admin, &provider.info, args).await
}

/// Makes a tick on the root: the wait is for a tick behind everything that it has now. Ancestor: waits for the ticker's
/// next one, which may take a minute on an idle queue.
async fn make_tick(admin: &Admin, root: &route::Reached) {
    if let Err(error) = force_tick(&root.session, admin.queue()).await {
        debug!("no tick could be made on the root: {}", error.line());
    }
}

async fn wait_past(mut admin: Admin, target: &crate::node::NodeInfo, args: WaitArgs) -> Result<()> {
    let queue = admin.queue().to_owned();
    let stop = admin.stop.clone();
    let tick = target.worker_last_tick.unwrap_or(TickId(0));
    let session = admin.local().await?;
    wait::wait_past(
        session,
        &queue,
        tick,
        &target.node_name,
        limit(args.timeout),
        &stop,
    )
    .await
}

fn provider_location(node: &crate::node::NodeInfo) -> Result<String> {
    node.provider_location.clone().ok_or_else(|| {
        Error::refused(format!(
            "node \"{}\" does not know where its provider is",
            node.node_name
        ))
        .with_hint("\"londiste members\" lists the nodes that are known here")
    })
}
