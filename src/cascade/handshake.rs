//! Pause and resume: a flag is set, the worker says that it has seen it (londiste.md 3.2).

use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::error::{Error, ErrorKind, Result};
use crate::node::call;
use crate::node::worker::is_away;
use crate::pg::Session;
use crate::service::stop::StopSignal;
use crate::sql;

/// How often the answer is looked for.
const POLL: Duration = Duration::from_millis(100);

/// Tells `consumer` of the node behind `session` to stand still or to go on, and waits until it has seen that.
///
/// # Errors
/// [`ErrorKind::Timeout`] when it does not answer within `limit` (none: for ever); the flag stays as it was set.
pub async fn set_paused(
    session: &Session,
    queue: &str,
    node: &str,
    consumer: &str,
    paused: bool,
    limit: Option<Duration>,
    stop: &StopSignal,
) -> Result<()> {
    call(
        &**session,
        Some(node),
        sql::cascade::SET_CONSUMER_PAUSED,
        &[&queue, &consumer, &paused],
    )
    .await?;
    session.query_one(sql::cascade::WAKE_WORKER, &[&queue]).await?;
    let word = if paused { "paused" } else { "resumed" };
    let mut told = false;
    let started = Instant::now();
    loop {
        let row = session
            .query_one(sql::node::LOAD_CONSUMER_STATE, &[&queue, &consumer])
            .await?;
        if row.get::<_, i32>("ret_code") >= 400 {
            return Err(Error::not_found(
                row.get::<_, Option<String>>("ret_note").unwrap_or_default(),
            ));
        }
        if row.get::<_, Option<bool>>("paused") != Some(paused) {
            return Err(Error::refused("operation canceled?").with_detail(format!(
                "somebody else changed the pause flag of consumer \"{consumer}\" meanwhile"
            )));
        }
        if row.get::<_, Option<bool>>("uptodate") == Some(true) {
            info!("Consumer '{consumer}' on node '{node}' {word}");
            return Ok(());
        }
        if !told {
            let away = is_away(session, queue, consumer).await?;
            info!(
                "Waiting for worker to accept{}",
                if away { "; it does not run" } else { "" }
            );
            told = true;
        }
        if limit.is_some_and(|limit| started.elapsed() >= limit) {
            let kept = if paused {
                "it stays marked as paused; resume takes that back"
            } else {
                "it is not marked as paused any more and will go on as soon as it runs"
            };
            return Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "worker \"{consumer}\" of node \"{node}\" did not answer within {} s",
                    limit.unwrap_or_default().as_secs()
                ),
            )
            .with_detail(kept)
            .with_hint("does the worker run? start it with \"londiste INI worker -d\"; its log tells more"));
        }
        if !stop.sleep(POLL).await {
            return Err(Error::interrupted());
        }
    }
}
