//! Words in, words out: the command line.
//!
//! One file per group of commands holds their arguments (the help text is the doc comment) and one function per
//! command. [`ui::Ui`] is the only mouth. [`argv`] lets job file, command and options stand in any order, as the
//! ancestor does. Everything that help, manual pages and completions say is taken from the clap definition here.

pub mod admin;
pub mod argv;
mod compare;
mod create;
pub mod docs;
mod failover;
mod help;
mod node;
mod plan;
mod process;
mod queue;
mod relocate;
mod rename;
mod service;
mod setup;
mod show_consumers;
mod status;
mod table;
mod tree;
pub mod ui;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::londiste::LondisteConfig;
use crate::daemon::signals::Reload;
use crate::error::{Error, Result};
use crate::service::stop::StopSignal;
use admin::Admin;
use ui::Ui;

pub use process::main;

/// What `--version` prints; scripts of the ancestor's users look for "Skytools version 3".
pub const VERSION: &str = concat!(
    "londiste, Skytools version 3.11 (londiste ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// Replicates tables between PostgreSQL databases through PgQ.
///
/// Triggers put the row changes of the root database into a queue; a worker on each other node replays them, batch by
/// batch. Each node has a job file (INI) that names its database and the queue. It may be given before the command, as
/// in `londiste INI COMMAND`, or with `--config`, or in the environment variable LONDISTE_CONFIG; without any of these
/// it is `/etc/skytools/londiste.ini`, or the only file there that has a section `[londiste]`. Options and arguments
/// may be mixed in any order, and long options may be cut to a unique beginning.
///
/// Exit status: 0 when done, 1 when the command failed or was refused, 2 when an option is wrong. `compare` exits with
/// the number of tables that differ, 100 at most.
#[derive(Parser, Debug)]
#[command(
    name = "londiste",
    disable_version_flag = true,
    infer_long_args = true,
    args_override_self = false,
    override_usage = "londiste [OPTIONS] [INI] COMMAND [ARGS]",
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands"
)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options that every command takes.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Job file of the node
    ///
    /// Same as writing it before the command.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Use VAL for a key of the job file, whatever the file says; may be given several times
    #[arg(long = "set", value_name = "KEY=VAL", global = true, value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// Log warnings and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Log more; twice: every detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Go to the background (worker, copy)
    #[arg(short, long, global = true)]
    pub daemon: bool,
    /// Tell the running worker to read its job file again (SIGHUP)
    #[arg(short, long, global = true, conflicts_with_all = ["stop", "kill"])]
    pub reload: bool,
    /// Stop the running worker after the batch in hand (SIGINT)
    #[arg(short, long, global = true, conflicts_with = "kill")]
    pub stop: bool,
    /// Stop the running worker at once (SIGTERM)
    #[arg(short, long, global = true)]
    pub kill: bool,
    /// Print a commented sample of a job file
    #[arg(long, global = true)]
    pub ini: bool,
    /// Print the version
    #[arg(short = 'V', long, global = true)]
    pub version: bool,
}

/// Every command, by group.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Creation of nodes.
    #[command(flatten)]
    Create(create::CreateCommand),
    /// Looking at nodes, holding them, waiting for them.
    #[command(flatten)]
    Node(node::NodeCommand),
    /// Tables and sequences.
    #[command(flatten)]
    Table(table::TableCommand),
    /// Queues as such.
    #[command(flatten)]
    Queue(queue::QueueCommands),
    /// Comparing rows.
    #[command(flatten)]
    Compare(compare::CompareCommand),
    /// Changes of the tree.
    #[command(flatten)]
    Tree(tree::TreeCommand),
    /// Long-running duties.
    #[command(flatten)]
    Service(service::ServiceCommand),
    /// Set-up of databases and shells.
    #[command(flatten)]
    Setup(setup::SetupCommand),
}

/// Names of the groups for the short help, with the function that adds the commands of each.
type Group = (&'static str, fn(clap::Command) -> clap::Command);
const GROUPS: &[Group] = &[
    ("Node initialization", create::CreateCommand::augment_subcommands),
    ("Node administration", node::NodeCommand::augment_subcommands),
    ("Tables and sequences", table::TableCommand::augment_subcommands),
    ("Comparing rows", compare::CompareCommand::augment_subcommands),
    ("Queues", queue::QueueCommands::augment_subcommands),
    ("Cascade layout", tree::TreeCommand::augment_subcommands),
    ("Replication daemon", service::ServiceCommand::augment_subcommands),
    ("Set-up", setup::SetupCommand::augment_subcommands),
];

/// What a command gets beside its own arguments.
pub struct Context {
    /// Options that every command takes.
    pub global: Global,
    /// The mouth.
    pub ui: Ui,
    /// Heard by everything that waits.
    pub stop: StopSignal,
    /// Heard by services when their job file shall be read again.
    pub reload: Reload,
    config: Option<LondisteConfig>,
}

impl Context {
    /// The settings of the job file.
    pub fn config(&self) -> Result<&LondisteConfig> {
        self.config
            .as_ref()
            .ok_or_else(|| Error::internal("a command without a job file asked for its settings"))
    }

    /// What admin commands share.
    pub fn admin(self) -> Result<Admin> {
        Admin::new(self)
    }
}

impl Command {
    /// Whether the command cannot go on without a job file.
    fn needs_config(&self) -> bool {
        !matches!(self, Self::Setup(_) | Self::Queue(_))
    }

    /// Whether the command may go to the background.
    fn may_be_daemon(&self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// What is appended to `pidfile` for the file that keeps a second command of the kind out; nothing for commands
    /// that only look.
    fn lock_suffix(&self) -> Option<String> {
        match self {
            Self::Create(command) => command.lock_suffix(),
            Self::Setup(_) | Self::Queue(_) => None,
            Self::Service(command) => command.lock_suffix(),
            Self::Node(command) => command.lock_suffix(),
            Self::Table(command) => command.lock_suffix(),
            Self::Compare(command) => command.lock_suffix(),
            Self::Tree(command) => command.lock_suffix(),
        }
    }

    async fn run(self, context: Context) -> Result<u8> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::Setup(command) => command.run(context).await,
            Self::Service(command) => command.run(context).await,
            Self::Node(command) => command.run(context).await,
            Self::Table(command) => command.run(context).await,
            Self::Queue(command) => command.run(context).await,
            Self::Compare(command) => command.run(context).await,
            Self::Tree(command) => command.run(context).await,
        }
    }
}

fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("expected KEY=VAL".to_owned()),
    }
}

/// The clap definition, as help, manual pages and completions need it.
pub fn definition() -> clap::Command {
    Cli::command()
}
