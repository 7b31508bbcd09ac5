//! Commands that need no node: install the database side, completions.

use clap::{Args, Subcommand, ValueEnum};
use tracing::info;

use super::Context;
use crate::error::{Error, Result};
use crate::install;
use crate::node::Dialer;
use crate::pg::AppName;

/// Set-up of databases and shells.
#[derive(Subcommand, Debug)]
pub enum SetupCommand {
    /// Install or upgrade the database side
    ///
    /// Puts the schemas that londiste needs into a database, or brings those of an older londiste up to date, in one
    /// transaction; running it again changes nothing. Schemas that the ancestor installed are used as they are. The
    /// create commands do this by themselves; use it where their role may not.
    Install(InstallArgs),
    /// Print a completion script for a shell
    Completion(CompletionArgs),
}

/// What to install, and where.
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// Connect string of the database [default: key db of the job file if one is named, else the PG* environment]
    #[arg(value_name = "CONNSTR")]
    pub connstr: Option<String>,
    /// Only these schemas, with what they need (comma separated)
    #[arg(long, value_name = "SCHEMAS", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Replace the ancestor's schemas, too, where they were installed as plain SQL; their queues, consumers and nodes
    /// stay. Its extensions are never touched
    #[arg(long, conflicts_with = "print")]
    pub take_over: bool,
    /// Print the SQL instead of running it; "londiste install --print | psql" works
    #[arg(long)]
    pub print: bool,
}

/// Which shell.
#[derive(Args, Debug)]
pub struct CompletionArgs {
    /// Shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Shells that can be completed.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub enum Shell {
    /// GNU bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

impl SetupCommand {
    pub(super) async fn run(self, context: Context) -> Result<u8> {
        match self {
            Self::Install(args) => install_command(context, args).await,
            Self::Completion(args) => completion(context, args),
        }
    }
}

async fn install_command(context: Context, args: InstallArgs) -> Result<u8> {
    let wanted = install::select(&args.only)?;
    if args.print {
        context.ui.print(install::script(&wanted));
        return Ok(0);
    }
    let connstr = match (&args.connstr, context.config()) {
        (Some(connstr), _) => connstr.clone(),
        (None, Ok(config)) => config.db.clone(),
        (None, Err(_)) => String::new(),
    };
    let dialer = Dialer::new(AppName::new("install", "", ""), "");
    let work = async {
        let mut session = dialer.local(&connstr).await?;
        let steps = install::install(&mut session, &wanted, args.take_over).await?;
        Ok((steps, session.target().to_owned()))
    };
    let (steps, target) = context.stop.unless_stopped(work).await?;
    let changed = steps.iter().filter(|(_, step)| step.is_change()).count();
    match changed {
        0 => info!("Nothing to do: all schemas are there ({target})"),
        n => info!("{n} schema(s) installed or upgraded ({target})"),
    }
    Ok(0)
}

fn completion(context: Context, args: CompletionArgs) -> Result<u8> {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut super::definition(), "londiste", &mut out);
    let text = String::from_utf8(out).map_err(|_| Error::internal("the completion script is not UTF-8"))?;
    context.ui.print(text);
    Ok(0)
}
