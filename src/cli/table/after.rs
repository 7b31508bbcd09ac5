//! What comes after a change: the workers are told, and so is the user.

use tokio_postgres::GenericClient;

use crate::cli::admin::Admin;
use crate::daemon::pidfile::{PidState, load_state};
use crate::error::Result;
use crate::node::NodeInfo;
use crate::pg::AppName;
use crate::sql;

/// Wakes the workers of this database when the transaction commits.
pub async fn wake_workers(client: &impl GenericClient, queue: &str) -> Result<()> {
    client.execute(sql::table::WAKE_WORKERS, &[&queue]).await?;
    Ok(())
}

/// Whether the node's worker seems to run: its session is seen in the database, or its pid file names a living process.
pub async fn is_worker_seen(admin: &mut Admin, node: &NodeInfo) -> Result<bool> {
    if let Some(pidfile) = &admin.config.pidfile
        && matches!(load_state(pidfile), Ok(PidState::Alive(_)))
    {
        return Ok(true);
    }
    let app = AppName::new("worker", &node.node_name, admin.queue());
    let row = admin
        .local()
        .await?
        .query_one(sql::table::FIND_WORKER, &[&app.as_str()])
        .await?;
    Ok(row.try_get("is_running")?)
}

/// Says so when no worker seems to run.
pub async fn hint_at_worker(admin: &mut Admin, node: &NodeInfo) -> Result<()> {
    if !is_worker_seen(admin, node).await? {
        let ini = admin.config.path.display().to_string();
        admin.ui.hint(format!(
            "no worker of node \"{}\" is seen here; start it with: londiste {ini} worker -d",
            node.node_name
        ));
    }
    Ok(())
}
