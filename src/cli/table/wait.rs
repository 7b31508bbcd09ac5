//! `wait-sync`: waits until every attached table is in sync (londiste.md 4.8).

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;
use tracing::{info, warn};

use super::after::{hint_at_worker, is_worker_seen};
use super::registry::{Registered, load_tables};
use crate::cli::Context;
use crate::cli::admin::Admin;
use crate::error::{Error, ErrorKind, Result};
use crate::node::NodeInfo;
use crate::node::info::load_consumers;

/// How often the states are looked at.
const POLL: Duration = Duration::from_millis(250);
/// How often the wait says where it stands.
const REPORT: Duration = Duration::from_secs(10);

/// Options of wait-sync.
#[derive(Args, Debug)]
pub struct WaitSyncArgs {
    /// Give up after SECONDS; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub timeout: u64,
}

/// Runs the command.
pub async fn wait_sync(context: Context, args: WaitSyncArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    let limit = (args.timeout > 0).then(|| Duration::from_secs(args.timeout));
    wait_for_tables(&mut admin, &node, limit).await?;
    Ok(0)
}

/// Waits until all attached tables are in sync.
pub async fn wait_for_tables(admin: &mut Admin, node: &NodeInfo, limit: Option<Duration>) -> Result<()> {
    let queue = admin.queue().to_owned();
    let started = Instant::now();
    let mut reported = started;
    let mut pending: Option<BTreeSet<String>> = None;
    let mut total = 0;
    info!("Waiting until all tables are in sync");
    loop {
        let local = admin.local().await?;
        let tables: Vec<Registered> = load_tables(&**local, &queue)
            .await?
            .into_iter()
            .filter(|t| t.local)
            .collect();
        let now: BTreeSet<String> = tables
            .iter()
            .filter(|t| !t.is_ok())
            .map(|t| t.name.clone())
            .collect();
        match &pending {
            None => {
                total = now.len();
                info!("{total}/{} table(s) to copy", tables.len());
                if tables.is_empty() {
                    warn!("no table is attached on this node");
                }
                if total > 0 {
                    hint_at_worker(admin, node).await?;
                }
            }
            Some(before) => {
                total += now.difference(before).count();
                for name in before.difference(&now) {
                    if tables.iter().any(|t| t.name == *name) {
                        info!("{name}: finished ({}/{total})", total - now.len());
                    } else {
                        info!("{name}: removed meanwhile");
                    }
                }
            }
        }
        if now.is_empty() {
            info!("All done");
            return Ok(());
        }
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            report(admin, &queue, &tables, started).await?;
        }
        if let Some(limit) = limit
            && started.elapsed() >= limit
        {
            let detail: Vec<String> = now.iter().take(10).cloned().collect();
            let mut error = Error::new(
                ErrorKind::Timeout,
                format!(
                    "{} of {total} tables are not in sync after {} s",
                    now.len(),
                    limit.as_secs()
                ),
            )
            .with_detail(detail.join(", "));
            if !is_worker_seen(admin, node).await? {
                error = error.with_hint("no worker of this node is seen here; does it run?");
            }
            return Err(error.with_hint("\"londiste status\" shows errors of the worker, its log tells more"));
        }
        pending = Some(now);
        if !admin.stop.sleep(POLL).await {
            return Err(Error::interrupted());
        }
    }
}

async fn report(admin: &mut Admin, queue: &str, tables: &[Registered], started: Instant) -> Result<()> {
    let waiting: Vec<String> = tables
        .iter()
        .filter(|t| !t.is_ok())
        .map(|t| format!("{} ({})", t.name, t.state.as_deref().unwrap_or("not started")))
        .collect();
    info!(
        "Waiting since {} s for {}",
        started.elapsed().as_secs(),
        waiting.join(", ")
    );
    for consumer in load_consumers(&**admin.local().await?, queue).await? {
        if let Some(text) = &consumer.cur_error {
            info!(
                "{}: {}",
                consumer.consumer_name,
                text.lines().next().unwrap_or_default()
            );
        }
    }
    Ok(())
}
