//! What the commands share before and after a change: how long a lock is waited for; workers and user are told.

use tokio_postgres::GenericClient;

use crate::cli::admin::Admin;
use crate::daemon::pidfile::{PidState, load_state};
use crate::error::{Error, ErrorKind, Result};
use crate::node::NodeInfo;
use crate::pg::{AppName, Session};
use crate::sql;

/// Makes waits for locks end after `lock_timeout` of the job file; 0 waits for ever.
pub async fn limit_lock_waits(session: &Session, seconds: f64) -> Result<()> {
    let milliseconds = (seconds.max(0.0) * 1000.0).ceil();
    Ok(session
        .batch_execute(&format!("set lock_timeout = {milliseconds}"))
        .await?)
}

/// Says what to do when a wait for a lock has ended so.
pub fn explain_lock_wait(error: Error, seconds: f64) -> Error {
    if error.kind() == ErrorKind::Timeout {
        error.with_hint(format!(
            "another session holds the table, for longer than lock_timeout = {seconds} s; try again, or raise it"
        ))
    } else {
        error
    }
}

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
