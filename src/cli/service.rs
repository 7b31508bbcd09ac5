//! Long-running duties: the worker, and one copy by itself.

use clap::{Args, Subcommand};
use tracing::info;

use super::Context;
use crate::copy::{self, ProgressSink};
use crate::daemon::logging;
use crate::error::Result;
use crate::metrics;
use crate::pg::QualifiedName;
use crate::service::stop::StopLevel;
use crate::worker::{self, Reposition, WorkerOptions};

/// Long-running duties.
#[derive(Subcommand, Debug)]
pub enum ServiceCommand {
    /// Run the node's worker: replay batches, copy tables, hand batches to the nodes below
    ///
    /// One worker runs per node, the root's included. With -d it goes to the background; -s stops it after the batch in
    /// hand, -k at once, -r makes it read its job file again.
    Worker(WorkerArgs),
    /// Copy one table in a process of its own
    ///
    /// The worker does this by itself; use it to take a copy up again while no worker runs.
    Copy(CopyArgs),
}

/// How to begin.
#[derive(Args, Debug)]
pub struct WorkerArgs {
    /// Put the provider's position where this node is, and end
    ///
    /// For a node that was restored from a backup: it then reads again what it lost. If the provider was set back and has
    /// another history than this node, both go back to the last tick that they share, and the tables that were changed here
    /// since are copied anew. The worker must not run.
    #[arg(long, conflicts_with = "reset")]
    pub rewind: bool,
    /// Put this node's position where the provider thinks it is, and end
    ///
    /// What lies between the two positions is skipped, or applied again: compare the tables afterwards. The worker must
    /// not run.
    #[arg(long)]
    pub reset: bool,
    /// Serve metrics at [HOST:]PORT; HOST is the loopback interface if left out
    #[arg(long, value_name = "PLACE")]
    pub metrics_listen: Option<String>,
}

/// One table.
#[derive(Args, Debug)]
pub struct CopyArgs {
    /// Table, as the queue knows it; without a schema it is in public
    #[arg(value_name = "TABLE")]
    pub table: String,
}

impl ServiceCommand {
    pub(super) fn lock_suffix(&self) -> Option<String> {
        match self {
            Self::Worker(_) => Some(String::new()),
            Self::Copy(args) => Some(format!(
                ".copy.{}",
                QualifiedName::parse(&args.table).fqname().replace('/', "_")
            )),
        }
    }

    pub(super) async fn run(self, context: Context) -> Result<u8> {
        let config = context.config()?.clone();
        let stop = context.stop.clone();
        match self {
            Self::Worker(WorkerArgs { rewind: true, .. }) => {
                let tick = worker::reposition(&config, Reposition::Rewind).await?;
                info!("both sides are at tick {tick}");
            }
            Self::Worker(WorkerArgs { reset: true, .. }) => {
                let tick = worker::reposition(&config, Reposition::Reset).await?;
                info!("both sides are at tick {tick}");
            }
            Self::Worker(args) => {
                if let Some(place) = &args.metrics_listen {
                    metrics::listen(place)?;
                }
                let progress = ProgressSink::detect(context.global.quiet);
                if let Some(bars) = progress.bars().cloned() {
                    // Log records appear above the bars instead of through them.
                    logging::set_console(Some(Box::new(move |text| bars.suspend(|| eprintln!("{text}")))));
                }
                worker::run(
                    config,
                    WorkerOptions { progress },
                    context.stop.clone(),
                    context.reload,
                )
                .await?;
                logging::set_console(None);
                info!("worker stopped");
            }
            Self::Copy(args) => {
                // Says what to do where there is no node.
                context.admin()?.node_info().await?;
                copy::run_one(config, &args.table, stop.clone()).await?;
            }
        }
        // As after a signal that ends a process, though in order.
        Ok(u8::from(stop.level() == StopLevel::Fast))
    }
}
