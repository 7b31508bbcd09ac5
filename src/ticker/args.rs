//! The command line of pgqd.

use std::path::PathBuf;

use clap::{ArgAction, Parser};

/// Ticker and maintenance of PgQ queues.
///
/// Serves all databases of one cluster that have the queue: ticks, rotates the event tables, puts retry events back.
#[derive(Debug, Parser)]
#[command(name = "pgqd", disable_version_flag = true)]
pub struct Args {
    /// Settings; `--ini` prints a sample
    #[arg(value_name = "CONFIG")]
    pub config: Option<PathBuf>,

    /// Log more: -v details, -vv everything
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Do not log to standard error
    #[arg(short, long)]
    pub quiet: bool,

    /// Go into the background; needs pidfile, and logfile or syslog
    #[arg(short, visible_short_alias = 'D', long)]
    pub daemon: bool,

    /// Serve metrics at [HOST:]PORT; HOST is the loopback interface if left out
    #[arg(long, value_name = "PLACE")]
    pub metrics_listen: Option<String>,

    /// Stop the running process when it has finished what it does (SIGINT)
    #[arg(short, long, group = "signal")]
    pub stop: bool,

    /// Stop the running process at once (SIGTERM)
    #[arg(short, long, group = "signal")]
    pub kill: bool,

    /// Let the running process read its settings and open its log file anew (SIGHUP)
    #[arg(short, long, group = "signal")]
    pub reload: bool,

    /// Print the version
    #[arg(short = 'V', long)]
    pub version: bool,

    /// Print a commented sample of the settings
    #[arg(long)]
    pub ini: bool,
}
