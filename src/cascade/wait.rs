//! Waiting until a node has what another one had when the wait began.

use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::error::{Error, ErrorKind, Result};
use crate::node::info;
use crate::node::worker::is_away;
use crate::pg::Session;
use crate::pgq::TickId;
use crate::service::stop::StopSignal;

/// How often the node is asked.
const POLL: Duration = Duration::from_millis(100);
/// How often the wait says where it stands.
const REPORT: Duration = Duration::from_secs(10);

/// Waits until the worker of the node behind `local` is past `target`. Ancestor: strictly past it, so that changes made
/// just before the command are in, too; that needs a ticker.
pub async fn wait_past(
    local: &Session,
    queue: &str,
    target: TickId,
    of: &str,
    limit: Option<Duration>,
    stop: &StopSignal,
) -> Result<()> {
    let started = Instant::now();
    let mut next_report = started;
    loop {
        let node = info::load_info(&**local, queue).await?.ok_or_else(|| {
            Error::not_found(format!("the node of queue \"{queue}\" was dropped meanwhile"))
        })?;
        let at = node.worker_last_tick.unwrap_or(TickId(0));
        if at > target {
            info!("Node '{}' has caught up with '{of}' at tick {at}", node.node_name);
            return Ok(());
        }
        if Instant::now() >= next_report {
            let away = is_away(local, queue, &node.worker_name).await?;
            info!(
                "Waiting for node '{}' to pass tick {target} of '{of}', now at {at}{}",
                node.node_name,
                if away { "; its worker does not run" } else { "" }
            );
            next_report += REPORT;
        }
        if limit.is_some_and(|limit| started.elapsed() >= limit) {
            return Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "node \"{}\" did not catch up with \"{of}\" within {} s",
                    node.node_name,
                    limit.unwrap_or_default().as_secs()
                ),
            )
            .with_detail(format!("it is at tick {at} and must pass {target}"))
            .with_hint("does the worker run, is it paused? \"londiste status\" shows it")
            .with_hint("does a ticker (pgqd) run on the root?"));
        }
        if !stop.sleep(POLL).await {
            return Err(Error::interrupted());
        }
    }
}
