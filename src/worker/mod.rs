//! A node's main duty: replay batch after batch, hand the same batches to the nodes below, launch copies.
//!
//! One batch on a subscriber:
//! ```text
//! provider  next_batch ──── events ───────────────────────────────────────────── finish_batch
//! here                 begin, lock position, apply, copy events, position, commit ┘
//!                                          (a branch) ticker(same tick), notify ──┘
//! ```
//! Promises: row changes, the copied events and the new position are one transaction; the position is compared before
//! it is set, under a row lock; the provider hears of the end only after the commit; after any error the connections
//! are thrown away and the position is read again. A second worker of the same node is kept out by a session lock on
//! the node's database. If the process dies anywhere, the next one repeats at most one batch.

mod batch;
mod cascade_event;
mod copies;
mod foreign_key;
mod node_state;
mod presence;
mod queue_copy;
mod reposition;
mod serve;
mod status;

use std::time::Duration;

use copies::Copies;
pub use node_state::{Duty, NodeState};
pub use reposition::{Reposition, reposition};
use serve::Ended;

use crate::config::londiste::LondisteConfig;
use crate::copy::ProgressSink;
use crate::daemon::signals::Reload;
use crate::error::{Error, Result, Retry};
use crate::pg::{AppName, ConnInfo, Session};
use crate::service::backoff::Backoff;
use crate::service::folded::Folded;
use crate::service::stop::StopSignal;
use crate::sql;

/// How long the error of a failed pass may take to be stored.
const STORE_LIMIT: Duration = Duration::from_secs(3);

/// Channel on which commands wake the workers of a database; the payload is the queue's name.
pub const WAKE_CHANNEL: &str = "londiste";

/// How a worker runs.
#[derive(Clone)]
pub struct WorkerOptions {
    /// Where copies show their progress.
    pub progress: ProgressSink,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            progress: ProgressSink::log_only(),
        }
    }
}

/// Runs the worker of the node that the job file names, until it is stopped; every failure is told once, stored for
/// `status`, and tried again.
///
/// # Errors
/// Only those that no retry can help: a wrong job file, a node that does not exist.
pub async fn run(
    mut config: LondisteConfig,
    options: WorkerOptions,
    stop: StopSignal,
    mut reload: Reload,
) -> Result<()> {
    // The copies outlive a failed pass: they have connections of their own.
    let mut copies = Copies::new(options.progress);
    let ended = supervise(&mut config, &mut copies, &stop, &mut reload).await;
    copies.stop().await;
    ended
}

async fn supervise(
    config: &mut LondisteConfig,
    copies: &mut Copies,
    stop: &StopSignal,
    reload: &mut Reload,
) -> Result<()> {
    let mut backoff = Backoff::new(Duration::from_millis(250), config.exception_sleep);
    let mut folded = Folded::new(Duration::from_secs(300));
    let mut after_failure = false;
    loop {
        let mut healthy = || {
            backoff.reset();
            if let Some(line) = folded.recovered() {
                tracing::info!("{line}");
            }
        };
        let error = match serve::serve(config, stop, reload, copies, after_failure, &mut healthy).await {
            Ok(Ended::Done) => return Ok(()),
            Ok(Ended::Renew) => continue,
            Err(error) if error.is_interrupted() && stop.is_stopped() => return Ok(()),
            Err(error) => error,
        };
        after_failure = true;
        let labels = [
            ("queue", config.queue_name.clone()),
            ("job", config.job_name.clone()),
        ];
        metrics::counter!("londiste_errors_total", &labels).increment(1);
        metrics::gauge!("londiste_up", &labels).set(0.0);
        if let Some(line) = folded.failed(&error.line()) {
            tracing::error!("job {} got error: {line}", config.job_name);
        }
        if error.kind().retry() == Retry::Never {
            return Err(error);
        }
        // Where the node's own server is away, this must not hold the worker up.
        let reached = tokio::select! {
            stored = tokio::time::timeout(STORE_LIMIT, store_error(config, &error)) => stored.ok().flatten(),
            () = stop.wait() => return Ok(()),
        };
        let pause = match error.kind().retry() {
            Retry::Always => backoff.next_pause(),
            _ => config.exception_sleep,
        };
        // A command that changed something (a resync, a removed table) ends the pause.
        tokio::select! {
            slept = stop.sleep(pause) => if !slept { return Ok(()) },
            () = wait_for_wake(reached) => {}
        }
        if reload.take() {
            serve::reload_config(config);
        }
    }
}

/// Leaves the error on the node, for `status`; failing to do so is only noted. Returns the connection, listening.
async fn store_error(config: &LondisteConfig, error: &Error) -> Option<Session> {
    let stored = async {
        let app = AppName::new("worker", "", &config.queue_name);
        let session = Session::connect(&ConnInfo::parse(&config.db)?, &app).await?;
        session.batch_execute(&format!("listen {WAKE_CHANNEL}")).await?;
        session
            .query(
                "select ret_code from pgq_node.set_consumer_error($1, $2, $3)",
                &[&config.queue_name, &config.consumer_name, &error.line()],
            )
            .await?;
        // Held through the pause: the worker lives, though it is not connected as such.
        session
            .query_one(
                sql::worker::MARK_RETRYING,
                &[&config.queue_name, &config.consumer_name],
            )
            .await?;
        Ok::<Session, Error>(session)
    };
    stored
        .await
        .inspect_err(|failed| tracing::debug!("the error could not be stored on the node: {}", failed.line()))
        .ok()
}

/// Returns when a command announces a change; never without a connection.
async fn wait_for_wake(session: Option<Session>) {
    if let Some(mut session) = session
        && session.notification().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
