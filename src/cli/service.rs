//! Long-running duties: the worker, and one copy by itself.

use clap::{Args, Subcommand};
use tracing::info;

use super::Context;
use crate::copy::{self, ProgressSink};
use crate::daemon::logging;
use crate::error::Result;
use crate::service::stop::StopLevel;
use crate::worker::{self, WorkerOptions};

/// Long-running duties.
#[derive(Subcommand, Debug)]
pub enum ServiceCommand {
    /// Run the node's worker: replay batches, copy tables, hand batches to the nodes below
    ///
    /// One worker runs per node, the root's included. With -d it goes to the background; -s stops it after the batch in
    /// hand, -k at once, -r makes it read its job file again.
    Worker,
    /// Copy one table in a process of its own
    ///
    /// The worker does this by itself; use it to take a copy up again while no worker runs.
    Copy(CopyArgs),
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
            Self::Worker => Some(String::new()),
            Self::Copy(args) => Some(format!(".copy.{}", full_name(&args.table).replace('/', "_"))),
        }
    }

    pub(super) async fn run(self, context: Context) -> Result<u8> {
        let config = context.config()?.clone();
        let stop = context.stop.clone();
        match self {
            Self::Worker => {
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
                copy::run_one(config, &full_name(&args.table), stop.clone()).await?;
            }
        }
        // As after a signal that ends a process, though in order.
        Ok(u8::from(stop.level() == StopLevel::Fast))
    }
}

/// The name with its schema.
fn full_name(table: &str) -> String {
    if table.contains('.') {
        table.to_owned()
    } else {
        format!("public.{table}")
    }
}
