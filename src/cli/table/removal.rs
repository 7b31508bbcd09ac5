//! Removals on their way: a table that was removed on the root and added again, while a node below still has both
//! events before it.
//!
//! Attached at such a moment, the table would be detached again as soon as the worker reads the removal, and nobody
//! would notice. So the worker is waited for.

use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tracing::info;

use super::expand::picks;
use super::refusal::Place;
use crate::cli::admin::Admin;
use crate::error::Result;
use crate::sql;

/// How long the worker may take to read the removal.
const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// Returns when the node's worker has read all removals of the tables that are asked for (names and patterns; none = all).
pub async fn wait_for_removals(
    admin: &mut Admin,
    provider: &Client,
    asked: &[String],
    place: &Place,
) -> Result<()> {
    let queue = admin.queue().to_owned();
    let start = Instant::now();
    let mut said = false;
    loop {
        let Some(tick) = admin.node_info().await?.worker_last_tick else {
            return Ok(());
        };
        let unread = load_unread(provider, &queue, tick.0).await?;
        let Some(name) = unread
            .into_iter()
            .find(|name| asked.is_empty() || asked.iter().any(|a| picks(a, name)))
        else {
            return Ok(());
        };
        if start.elapsed() >= LIMIT {
            return Err(place
                .refuse(&name, "its removal from the queue has not been replayed here yet")
                .with_hint("does the worker of this node run? \"londiste wait-provider\" waits for it; then add the table"));
        }
        if !said {
            info!("Waiting until the worker has read the removal of {name} on the root");
            said = true;
        }
        if !admin.stop.sleep(POLL).await {
            return admin.stop.check();
        }
    }
}

async fn load_unread(provider: &Client, queue: &str, tick: i64) -> Result<Vec<String>> {
    let Some(row) = provider
        .query_opt(sql::table::UNREAD_REMOVALS_SQL, &[&queue, &tick])
        .await?
    else {
        return Ok(Vec::new());
    };
    match provider.query(row.get::<_, &str>("query"), &[]).await {
        Ok(rows) => Ok(rows.iter().map(|row| row.get("table_name")).collect()),
        // A role may be allowed to look at the registry only: then nothing is known.
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
