//! Where plans are remembered: the plan on its home node, a mark on every other one, and the lock of who runs it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::step::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Session;
use crate::service::stop::StopSignal;
use crate::sql;

/// A session whose process was killed is gone from the server after this time at most, on a quiet machine.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(100);

/// What a database knows of a plan.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub plan_id: String,
    /// Where the plan itself is.
    pub home_node: String,
    /// What was asked for.
    pub command: String,
    /// Who runs it, or ran it last.
    pub admin: String,
    /// Since when.
    pub since: String,
    /// The plan, unless this is a mark.
    pub body: Option<String>,
}

impl Known {
    /// The stored plan.
    pub fn plan(&self) -> Result<Option<Plan>> {
        let parse = |text: &String| {
            serde_json::from_str(text).map_err(|error| {
                Error::new(
                    ErrorKind::Refused,
                    format!("the recorded plan \"{}\" cannot be read: {error}", self.command),
                )
                .with_hint("was it made by a newer version of londiste? use that one")
            })
        };
        self.body.as_ref().map(parse).transpose()
    }

    /// The refusal of a second administrator; `is_alive` when the first one is at work.
    pub fn refusal(&self, is_alive: bool) -> Error {
        let error = Error::new(
            ErrorKind::Busy,
            format!("{} is changing this cascade: {}", self.admin, self.command),
        );
        if is_alive {
            error.with_detail(format!(
                "since {}, recorded on node \"{}\"",
                self.since, self.home_node
            ))
        } else {
            Error::new(
                ErrorKind::Busy,
                format!(
                    "{} has begun to change this cascade and was interrupted: {}",
                    self.admin, self.command
                ),
            )
            .with_detail(format!(
                "since {}, recorded on node \"{}\"",
                self.since, self.home_node
            ))
            .with_hint("\"londiste continue\" finishes it, \"londiste undo\" returns to the old state")
        }
    }
}

/// Loads what a database knows; nothing also where nothing can be recorded.
pub async fn load(session: &Session, queue: &str) -> Result<Option<Known>> {
    if !super::survey::can_record(session).await? {
        return Ok(None);
    }
    let row = session.query_opt(sql::cascade::LOAD_PLAN, &[&queue]).await?;
    Ok(row.map(|row| Known {
        plan_id: row.get("plan_id"),
        home_node: row.get("home_node"),
        command: row.get("command"),
        admin: row.get("admin"),
        since: row.get("since"),
        body: row.get("body"),
    }))
}

/// Who this process is, for other administrators.
pub fn admin_name() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .ok()
        .flatten()
        .map_or_else(|| nix::unistd::geteuid().to_string(), |user| user.name);
    let host = nix::unistd::gethostname().map_or_else(
        |_| "unknown host".to_owned(),
        |host| host.to_string_lossy().into_owned(),
    );
    format!("{user}@{host} (pid {})", std::process::id())
}

/// An id that no other run has.
pub fn new_id() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!("{now:x}.{:x}", std::process::id())
}

/// Takes the lock of who runs the queue's plan; false while somebody else has it.
///
/// # Errors
/// Those of the server, and a stop.
pub async fn take_lock(session: &Session, queue: &str, stop: &StopSignal) -> Result<bool> {
    let begun = tokio::time::Instant::now();
    loop {
        let row = session.query_one(sql::cascade::TAKE_PLAN_LOCK, &[&queue]).await?;
        if row.get("taken") {
            return Ok(true);
        }
        if begun.elapsed() >= LOCK_LIMIT {
            return Ok(false);
        }
        if !stop.sleep(LOCK_POLL).await {
            return Err(Error::interrupted());
        }
    }
}

/// Stores the plan (`runner` is this run) or a mark of it. The other plan that is in the way, if there is one.
pub async fn insert(
    session: &Session,
    plan: &Plan,
    home: &str,
    runner: Option<&str>,
) -> Result<Option<Known>> {
    let body = runner.map(|_| text(plan)).transpose()?;
    let row = session
        .query_opt(
            sql::cascade::INSERT_PLAN,
            &[
                &plan.queue,
                &plan.id,
                &home,
                &plan.command,
                &admin_name(),
                &runner,
                &body,
            ],
        )
        .await?;
    match row {
        Some(_) => Ok(None),
        None => load(session, &plan.queue).await,
    }
}

/// Stores how far the plan has come.
///
/// # Errors
/// [`ErrorKind::Busy`] when another run has taken it over.
pub async fn save(session: &Session, plan: &Plan, runner: &str) -> Result<()> {
    let saved = session
        .query_opt(
            &session.prepared(sql::cascade::SAVE_PLAN).await?,
            &[&plan.queue, &plan.id, &runner, &text(plan)?],
        )
        .await?;
    saved.map(drop).ok_or_else(taken_over)
}

/// Makes this run the one that carries the plan out; the lock must be held.
pub async fn take(session: &Session, queue: &str, plan_id: &str, runner: &str) -> Result<()> {
    let taken = session
        .query_opt(
            sql::cascade::TAKE_PLAN,
            &[&queue, &plan_id, &runner, &admin_name()],
        )
        .await?;
    taken.map(drop).ok_or_else(taken_over)
}

/// Forgets the plan, or the mark.
pub async fn delete(session: &Session, queue: &str, plan_id: &str) -> Result<()> {
    session
        .execute(sql::cascade::DELETE_PLAN, &[&queue, &plan_id])
        .await?;
    Ok(())
}

fn text(plan: &Plan) -> Result<String> {
    serde_json::to_string(plan).map_err(|error| Error::internal(format!("a plan cannot be stored: {error}")))
}

fn taken_over() -> Error {
    Error::new(ErrorKind::Busy, "another administrator has taken this plan over")
}
