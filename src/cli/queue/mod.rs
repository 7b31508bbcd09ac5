//! Commands for queues as such, with or without a cascade on top.

mod attach;
mod consumers;
mod create;
mod dead;
mod desk;
mod event;
mod limit;
mod list;
mod peek;
mod register;
mod repair;
mod retry;
mod set;
pub(in crate::cli) mod words;

use clap::{Args, Subcommand};

use super::Context;
use crate::error::Result;

/// Queues.
#[derive(Subcommand, Debug)]
pub enum QueueCommands {
    /// Manage queues, their readers and their events
    ///
    /// Works on any database that has PgQ, ours or the ancestor's. No job file is needed: `--db` names the database,
    /// else key `db` of the job file if one is named, else the PG* environment.
    #[command(subcommand)]
    Queue(QueueCommand),
}

/// The commands of the group.
#[derive(Subcommand, Debug)]
pub enum QueueCommand {
    /// Create queues
    Create(create::CreateArgs),
    /// Drop a queue with everything that is in it
    ///
    /// Refused while it has consumers (see `--force`) or is the queue of a cascade node.
    Drop(create::DropArgs),
    /// List queues
    List(list::ListArgs),
    /// Change settings of a queue
    Set(set::SetArgs),
    /// List the consumers of queues, with their lag
    Consumers(consumers::ConsumersArgs),
    /// Subscribe a consumer to a queue
    ///
    /// It starts at the newest tick unless told otherwise. A consumer that is subscribed stays where it is, or is moved
    /// with `--at` or `--copy`.
    Register(register::RegisterArgs),
    /// End the subscription of a consumer
    Unregister(register::UnregisterArgs),
    /// Show events of a consumer's next batch without consuming them
    Peek(peek::PeekArgs),
    /// List events that wait to be delivered again
    Retry(event::EventListArgs),
    /// List events that their readers have given up, give them back or delete them
    Dead(dead::DeadArgs),
    /// List or set how far readers may stay behind
    ///
    /// Without an option, lists the limits. With one, sets the limit of a consumer, or with `*` that of all readers of the
    /// queue that have none of their own. Maintenance (pgqd, or the worker while no pgqd lives) compares: beyond a
    /// limit it warns, and with `--action=detach` it takes the reader off the queue, so that a dead reader cannot fill
    /// the disk. Its position is kept; see attach. Watermarks of a cascade follow the workers of the nodes below and
    /// are never detached; the worker of a node below takes the node's watermark with it.
    Limit(limit::LimitArgs),
    /// Take a reader off its queue and keep its position
    Detach(attach::DetachArgs),
    /// Put a detached reader back, and tell exactly what it lost
    ///
    /// As long as the queue has the tick at which it was, nothing is lost. Else it is refused with the events that are
    /// gone, and `--accept-loss` puts the reader at the oldest tick that the queue still has. The node of a cascade
    /// whose events are gone has to be created anew.
    Attach(attach::AttachArgs),
    /// Make queues of a restored database usable on this server
    ///
    /// A dump keeps the transaction ids of the server that it comes from. On a server that has counted less far such a
    /// queue is not ticked and its readers stop, for new events would count as read. This gives ticks and events ids of
    /// this server: each batch keeps its events, each reader its position, and nothing is lost or delivered twice, whether
    /// it was written before the dump or after the restore. All events of the queue are written anew, so it takes about
    /// as much room again until the queue is rotated. Writers and readers of the queue wait meanwhile.
    Repair(repair::RepairArgs),
}

/// Which database.
#[derive(Args, Debug)]
pub struct DatabaseArgs {
    /// Connect string of the database [default: key db of the job file if one is named, else the PG* environment]
    #[arg(long, value_name = "CONNSTR")]
    pub db: Option<String>,
}

/// Queue and reader to look at.
#[derive(Args, Debug)]
pub struct FilterArgs {
    /// Only this queue
    #[arg(value_name = "QUEUE")]
    pub queue: Option<String>,
    /// Only this consumer
    #[arg(value_name = "CONSUMER")]
    pub consumer: Option<String>,
}

impl QueueCommands {
    pub(super) async fn run(self, context: Context) -> Result<u8> {
        let Self::Queue(command) = self;
        match command {
            QueueCommand::Create(args) => create::create(context, args).await,
            QueueCommand::Drop(args) => create::drop(context, args).await,
            QueueCommand::List(args) => list::list(context, args).await,
            QueueCommand::Set(args) => set::set(context, args).await,
            QueueCommand::Consumers(args) => consumers::consumers(context, args).await,
            QueueCommand::Register(args) => register::register(context, args).await,
            QueueCommand::Unregister(args) => register::unregister(context, args).await,
            QueueCommand::Peek(args) => peek::peek(context, args).await,
            QueueCommand::Retry(args) => retry::retry(context, args).await,
            QueueCommand::Dead(args) => dead::dead(context, args).await,
            QueueCommand::Limit(args) => limit::limit(context, args).await,
            QueueCommand::Detach(args) => attach::detach(context, args).await,
            QueueCommand::Attach(args) => attach::attach(context, args).await,
            QueueCommand::Repair(args) => repair::repair(context, args).await,
        }
    }
}
