//! Commands that look at nodes, hold them, and wait for them.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use tracing::{debug, info, warn};

use super::Context;
use super::admin::{Admin, unknown_node};
use super::show_consumers::{self, ConsumersArgs};
use super::status;
use crate::cascade::{handshake, route, wait};
use crate::error::{Error, Result};
use crate::node::info::load_consumers;
use crate::pg::{Session, mask_passwords};
use crate::pgq::{TickId, force_tick};

/// Looking at nodes, holding them, waiting for them.
#[derive(Subcommand, Debug)]
pub enum NodeCommand {
    /// Show the cascade as a tree
    ///
    /// All nodes are asked at once. For each: tables in sync / on the way / not attached, how far it lags behind the root, the
    /// position of its worker and whether it runs, and the stored error of its last pass. A node that does not answer is
    /// shown with the reason.
    ///
    /// Exit status: 0 when the local node could be asked, whatever was found; with --check 1 when there is a problem.
    Status(StatusArgs),
    /// Show the status of the local node
    NodeStatus(JsonArgs),
    /// Show what the local node is: type, state, connect strings
    NodeInfo(JsonArgs),
    /// Show the members of the cascade that the local node knows
    Members(JsonArgs),
    /// Show who writes into a node and who reads its queue, with positions and lags
    ShowConsumers(ConsumersArgs),
    /// Tell a node's worker, or another cascaded consumer, to stand still
    ///
    /// Waits until it has said that it does.
    Pause(HandshakeArgs),
    /// Tell a node's worker, or another cascaded consumer, to go on
    ///
    /// Waits until it has said that it does.
    Resume(HandshakeArgs),
    /// Wait until the node has what the root has now
    ///
    /// A tick is made on the root first, so that an idle queue does not keep it waiting.
    WaitRoot(WaitArgs),
    /// Wait until the node has what its provider has now
    ///
    /// A tick is made on the root first, so that an idle queue does not keep it waiting.
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
    /// Look again every SECONDS, 2 if left out, until it is stopped
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    pub watch: Option<f64>,
    /// Take a node that does not answer within SECONDS as unreachable
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub timeout: f64,
    /// Exit with 1 when something needs an administrator
    ///
    /// That is: a node that is dead or does not answer, a worker that does not run or is paused, a stored error, a table
    /// that is not in sync, nodes that do not fit together.
    #[arg(long)]
    pub check: bool,
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

/// Whose answer to wait for, and how long.
#[derive(Args, Debug)]
pub struct HandshakeArgs {
    /// Node of the consumer; if left out, the local one, or the one that has the named consumer
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Name of the consumer; the node's worker if left out
    #[arg(long, value_name = "CONSUMER")]
    pub consumer: Option<String>,
    /// Take NODE as dead: do not try to reach it; may be given several times
    #[arg(long, value_name = "NODE")]
    pub dead: Vec<String>,
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
            Self::Status(args) => return status::status(admin, args).await,
            Self::NodeStatus(args) => status::node_status(admin, args).await,
            Self::NodeInfo(args) => node_info(admin, args).await,
            Self::Members(args) => members(admin, args).await,
            Self::ShowConsumers(args) => show_consumers::show_consumers(admin, args).await,
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
    let queue = admin.queue().to_owned();
    let stop = admin.stop.clone();
    let limit = limit(args.timeout);
    let Target {
        remote,
        node,
        consumer,
    } = find_consumer(&mut admin, &args).await?;
    let session = match &remote {
        Some(session) => session,
        None => &*admin.local().await?,
    };
    handshake::set_paused(session, &queue, &node, &consumer, paused, limit, &stop).await
}

/// A cascaded consumer and where it is.
struct Target {
    /// Connection to its node; none when that is the local one.
    remote: Option<Session>,
    node: String,
    consumer: String,
}

/// The consumer that is meant: of the named node, or of the local one, or of the first member that has it.
async fn find_consumer(admin: &mut Admin, args: &HandshakeArgs) -> Result<Target> {
    let queue = admin.queue().to_owned();
    let local = admin.node_info().await?;
    let mut members = admin.members().await?;
    admin.assume_dead(&mut members, &args.dead)?;
    if let Some(name) = args.node.as_ref().filter(|name| **name != local.node_name) {
        let Some(member) = members.iter().find(|m| m.node_name == *name) else {
            return Err(unknown_node(name, &members));
        };
        if member.dead {
            return Err(Error::refused(format!("node \"{name}\" is tagged as dead")));
        }
        let reach = route::reach(admin.dialer(), &queue, &member.location);
        let node = admin.stop.unless_stopped(reach).await?;
        let consumer = match &args.consumer {
            Some(consumer) if has_consumer(&node.session, &queue, consumer).await? => consumer.clone(),
            Some(consumer) => return Err(no_consumer(consumer, name)),
            None => node.info.worker_name,
        };
        return Ok(Target {
            remote: Some(node.session),
            node: name.clone(),
            consumer,
        });
    }
    let here = |consumer: &str| Target {
        remote: None,
        node: local.node_name.clone(),
        consumer: consumer.to_owned(),
    };
    let Some(consumer) = &args.consumer else {
        return Ok(here(&local.worker_name));
    };
    if has_consumer(&*admin.local().await?, &queue, consumer).await? {
        return Ok(here(consumer));
    }
    if args.node.is_some() {
        return Err(no_consumer(consumer, &local.node_name));
    }
    for member in members
        .iter()
        .filter(|m| !m.dead && m.node_name != local.node_name)
    {
        let reach = route::reach(admin.dialer(), &queue, &member.location);
        let node = match admin.stop.unless_stopped(reach).await {
            Ok(node) => node,
            Err(error) if error.is_interrupted() => return Err(error),
            Err(error) => {
                warn!("[{}] {}", member.node_name, error.line());
                continue;
            }
        };
        if has_consumer(&node.session, &queue, consumer).await? {
            return Ok(Target {
                remote: Some(node.session),
                node: member.node_name.clone(),
                consumer: consumer.clone(),
            });
        }
    }
    Err(Error::not_found(format!(
        "no node that can be reached has a consumer \"{consumer}\""
    ))
    .with_hint("\"londiste show-consumers --node=NODE\" lists those of a node"))
}

async fn has_consumer(session: &Session, queue: &str, consumer: &str) -> Result<bool> {
    let consumers = load_consumers(&**session, queue).await?;
    Ok(consumers.iter().any(|c| c.consumer_name == consumer))
}

fn no_consumer(consumer: &str, node: &str) -> Error {
    Error::not_found(format!("node \"{node}\" has no consumer \"{consumer}\""))
        .with_hint(format!("\"londiste show-consumers --node={node}\" lists them"))
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
    } else {
        // Ticks are born on the root only; one that is made now passes the provider and then comes here.
        let search = route::find_root(admin.dialer(), admin.queue(), &location);
        match admin.stop.unless_stopped(search).await {
            Ok(root) => make_tick(&admin, &root).await,
            Err(error) if error.is_interrupted() => return Err(error),
            Err(error) => warn!(
                "no tick can be made on the root, so this waits for the next one: {}",
                error.line()
            ),
        }
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
