//! Carries plans out: step after step, forward or back, each marked in the record when it is done.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::record::{self, Known};
use super::step::{Action, Plan, StepState};
use crate::error::{Error, ErrorKind, Result};
use crate::node::info::Member;
use crate::node::{Dialer, NodeType};
use crate::pg::Session;
use crate::service::fault;
use crate::service::stop::StopSignal;

/// A server that went away is looked for again this often.
const RECONNECT: Duration = Duration::from_millis(300);

/// How plans are carried out.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long each step may wait.
    pub limit: Duration,
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The plan, with what its steps have found out.
    pub plan: Plan,
}

/// One run of one plan.
pub struct Runner {
    pub(super) plan: Plan,
    pub(super) options: Options,
    pub(super) stop: StopSignal,
    dialer: Dialer,
    locations: BTreeMap<String, String>,
    sessions: HashMap<String, Arc<Session>>,
    run_id: String,
    /// The connection that holds the lock, on the node that has the plan.
    home: Option<Arc<Session>>,
}

impl Runner {
    /// A run of `plan` among `members`.
    pub fn new(plan: Plan, members: &[Member], dialer: &Dialer, stop: &StopSignal, options: Options) -> Self {
        Self {
            plan,
            options,
            stop: stop.clone(),
            dialer: dialer.clone(),
            locations: members
                .iter()
                .map(|member| (member.node_name.clone(), member.location.clone()))
                .collect(),
            sessions: HashMap::new(),
            run_id: record::new_id(),
            home: None,
        }
    }

    /// The plan as it stands.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A connection of its own to a node, for transactions.
    pub(super) async fn own_session(&self, node: &str) -> Result<Session> {
        let location = self.location(node)?;
        let dialing = self.dialer.remote(&location);
        self.stop.unless_stopped(dialing).await
    }

    /// How others reach a node.
    pub(super) fn location(&self, node: &str) -> Result<String> {
        self.locations
            .get(node)
            .cloned()
            .ok_or_else(|| Error::not_found(format!("the location of node \"{node}\" is not known")))
    }

    /// A connection to a node, kept for later steps.
    pub(super) async fn session(&mut self, node: &str) -> Result<Arc<Session>> {
        if let Some(session) = self.sessions.get(node).filter(|session| !session.is_closed()) {
            return Ok(session.clone());
        }
        if self.plan.dead.iter().any(|dead| dead == node) {
            return Err(Error::refused(format!("node \"{node}\" is taken as dead")));
        }
        let location = self.location(node)?;
        let dialing = self.dialer.remote(&location);
        let session = self.stop.unless_stopped(dialing).await.map_err(|error| {
            if error.is_interrupted() {
                error
            } else {
                error.context(format!("node \"{node}\""))
            }
        })?;
        let session = Arc::new(session);
        self.sessions.insert(node.to_owned(), session.clone());
        Ok(session)
    }

    /// Records a new plan: itself on the first of `homes`, marks on the others. Without any it is carried out unrecorded.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when another plan is under way; nothing is left then.
    pub async fn begin(&mut self, homes: &[String]) -> Result<()> {
        self.plan.id = record::new_id();
        let Some((home, others)) = homes.split_first() else {
            warn!(
                "no node has schema londiste_rs, so this plan cannot be recorded: after an interruption it has to be finished \
                 by hand (\"londiste install --only londiste_rs\" on one of the nodes helps)"
            );
            return Ok(());
        };
        self.plan.home = Some(home.clone());
        self.plan.marked = others.to_vec();
        let session = self.session(home).await?;
        if !record::take_lock(&session, &self.plan.queue, &self.stop).await? {
            return Err(match record::load(&session, &self.plan.queue).await? {
                Some(known) => known.refusal(true),
                None => Error::new(ErrorKind::Busy, "another administrator is changing this cascade"),
            });
        }
        self.home = Some(session.clone());
        let noted = self.note(&session, home, others).await;
        if noted.is_err() {
            self.forget().await;
        }
        noted?;
        fault::point("plan.recorded");
        Ok(())
    }

    async fn note(&mut self, session: &Session, home: &str, others: &[String]) -> Result<()> {
        let run_id = self.run_id.clone();
        while let Some(other) = record::insert(session, &self.plan, home, Some(&run_id)).await? {
            self.remove_void(session, home, other).await?;
        }
        for name in others {
            let session = self.session(name).await?;
            while let Some(other) = record::insert(&session, &self.plan, home, None).await? {
                self.remove_void(&session, name, other).await?;
            }
        }
        Ok(())
    }

    /// A mark whose plan is gone was left by somebody who died when he had finished, or had not begun.
    async fn remove_void(&mut self, session: &Session, place: &str, other: Known) -> Result<()> {
        if other.body.is_some() {
            // Our lock would not have been free while somebody runs it here; elsewhere it is not known.
            let here = self.plan.home.as_deref() == Some(place);
            let alive = !here && !self.is_free(place).await?;
            return Err(other.refusal(alive));
        }
        let home = self.session(&other.home_node).await.map_err(|error| {
            other.refusal(false).with_detail(format!(
                "its node \"{}\" cannot be asked: {}",
                other.home_node,
                error.line()
            ))
        })?;
        let there = record::load(&home, &self.plan.queue).await?;
        if there.is_some_and(|known| known.plan_id == other.plan_id && known.body.is_some()) {
            let alive = !self.is_free(&other.home_node).await?;
            return Err(other.refusal(alive));
        }
        debug!("the mark of a plan that is over is removed from node '{place}'");
        record::delete(session, &self.plan.queue, &other.plan_id).await
    }

    /// Whether nobody runs the plan that a node has.
    async fn is_free(&mut self, node: &str) -> Result<bool> {
        // A connection of its own: the lock is given back with it.
        let location = self.location(node)?;
        let session = self.dialer.remote(&location).await?;
        let taken: bool = session
            .query_one(crate::sql::cascade::TAKE_PLAN_LOCK, &[&self.plan.queue])
            .await?
            .get("taken");
        session.close().await;
        Ok(taken)
    }

    /// Forgets a plan of which no step was begun.
    pub async fn abandon(mut self) {
        self.forget().await;
    }

    /// Takes over a recorded plan whose administrator is gone.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] while he is at work.
    pub async fn take_over(&mut self, known: &Known) -> Result<()> {
        let session = self.session(&known.home_node).await?;
        if !record::take_lock(&session, &self.plan.queue, &self.stop).await? {
            return Err(known.refusal(true));
        }
        // Read again under the lock: he may have gone on until a moment ago.
        let plan = match record::load(&session, &self.plan.queue).await? {
            Some(now) if now.plan_id == known.plan_id => now.plan()?,
            _ => None,
        };
        self.plan = plan.ok_or_else(|| Error::refused("the plan has been finished meanwhile"))?;
        record::take(&session, &self.plan.queue, &self.plan.id, &self.run_id).await?;
        self.home = Some(session);
        Ok(())
    }

    /// Stores how far the plan has come.
    pub(super) async fn save(&mut self) -> Result<()> {
        let Some(home) = &self.home else {
            return Ok(());
        };
        if !home.is_closed() {
            match record::save(home, &self.plan, &self.run_id).await {
                Err(error) if error.kind() == ErrorKind::Connection => debug!("{}", error.line()),
                done => return done,
            }
        }
        // The lock went with the connection.
        let name = self.plan.home.clone().unwrap_or_default();
        let begun = Instant::now();
        let session = loop {
            match self.session(&name).await {
                Ok(session) => break session,
                Err(error) if error.is_interrupted() || begun.elapsed() >= self.options.limit => {
                    return Err(error);
                }
                Err(error) => info!("waiting: {}", error.line()),
            }
            if !self.stop.sleep(RECONNECT).await {
                return Err(Error::interrupted());
            }
        };
        if !record::take_lock(&session, &self.plan.queue, &self.stop).await? {
            return Err(Error::new(
                ErrorKind::Busy,
                "another administrator has taken this plan over",
            ));
        }
        record::save(&session, &self.plan, &self.run_id).await?;
        self.home = Some(session);
        Ok(())
    }

    /// Carries out what is left of the plan and forgets it.
    ///
    /// # Errors
    /// The first step that failed; the record stays, unless nothing was changed.
    pub async fn run(mut self) -> Result<Outcome> {
        match self.go_forward().await {
            Ok(()) => {
                self.forget().await;
                Ok(Outcome { plan: self.plan })
            }
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// The same, but a failure takes everything back at once, except a stop that was asked for.
    pub async fn run_or_undo(mut self) -> Result<Outcome> {
        match self.go_forward().await {
            Ok(()) => {
                self.forget().await;
                Ok(Outcome { plan: self.plan })
            }
            Err(error)
                if error.is_interrupted() || self.plan.is_untouched() || self.plan.is_past_return() =>
            {
                Err(self.explain(error).await)
            }
            Err(error) => {
                let error = error.context(self.where_it_was());
                warn!("{}", error.line());
                info!("Going back to the old state");
                match self.go_back().await {
                    Ok(()) => {
                        self.forget().await;
                        Err(error.with_hint("everything is as it was before the command"))
                    }
                    Err(failed) => Err(self.explain(failed).await),
                }
            }
        }
    }

    /// Takes back what was done of the plan and forgets it.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] past the point of no return; the first step that could not be taken back.
    pub async fn undo(mut self) -> Result<Outcome> {
        match self.go_back().await {
            Ok(()) => {
                self.forget().await;
                Ok(Outcome { plan: self.plan })
            }
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn go_forward(&mut self) -> Result<()> {
        if self.plan.is_undone {
            return Err(
                Error::refused(format!("this plan is being taken back: {}", self.plan.command))
                    .with_hint("\"londiste undo\" goes on with that"),
            );
        }
        let count = self.plan.steps.len();
        while let Some(at) = self.plan.next() {
            self.stop.check()?;
            let action = self.plan.steps[at].action.clone();
            info!("[{}/{count}] {}", at + 1, action.title());
            self.attempt(&action, true).await?;
            fault::plan_point(action.kind(), "done");
            self.plan.steps[at].state = StepState::Done;
            self.save().await?;
            fault::plan_point(action.kind(), "marked");
        }
        Ok(())
    }

    async fn go_back(&mut self) -> Result<()> {
        if self.is_past_return().await? {
            return Err(
                Error::refused(format!("there is no way back any more: {}", self.plan.command))
                    .with_detail("the new root has been opened, and may have been written to")
                    .with_hint("\"londiste continue\" finishes the plan; then the same command leads back"),
            );
        }
        self.plan.is_undone = true;
        self.save().await?;
        while let Some(at) = self.plan.next_to_undo() {
            self.stop.check()?;
            let action = self.plan.steps[at].action.clone();
            if action.changes() {
                info!("taking back [{}]: {}", at + 1, action.title());
            }
            self.attempt(&action, false).await?;
            fault::point("plan.undo.done");
            self.plan.steps[at].state = StepState::Undone;
            self.save().await?;
            fault::point("plan.undo.marked");
        }
        Ok(())
    }

    /// Whether the step without return was done; he who did it may have died before he could mark it.
    async fn is_past_return(&mut self) -> Result<bool> {
        if self.plan.is_past_return() {
            return Ok(true);
        }
        let Some(at) = self.plan.next() else {
            return Ok(false);
        };
        match self.plan.steps[at].action.clone() {
            Action::Promote { node } => Ok(self.info(&node).await?.node_type == NodeType::Root),
            Action::Rejoin { reader, .. } => Ok(self.info(&reader.node).await?.node_type != NodeType::Root),
            _ => Ok(false),
        }
    }

    /// One step; a server that goes away is waited for.
    async fn attempt(&mut self, action: &Action, forward: bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            let done = if forward {
                self.perform(action).await
            } else {
                self.take_back(action).await
            };
            match done {
                Err(error) if is_passing(&error) && begun.elapsed() < self.options.limit => {
                    info!("waiting: {}", error.line());
                    self.sessions.retain(|_, session| !session.is_closed());
                }
                done => return done,
            }
            if !self.stop.sleep(RECONNECT).await {
                return Err(Error::interrupted());
            }
        }
    }

    /// Removes the record and the marks. What cannot be removed is found to be void by the next plan.
    async fn forget(&mut self) {
        let (queue, id) = (self.plan.queue.clone(), self.plan.id.clone());
        let Some(home) = self.plan.home.clone() else {
            return;
        };
        for name in std::iter::once(home).chain(self.plan.marked.clone()) {
            let removed = async {
                let session = self.session(&name).await?;
                record::delete(&session, &queue, &id).await
            };
            if let Err(error) = removed.await {
                debug!("[{name}] the mark of this plan stays: {}", error.line());
            }
        }
    }

    fn where_it_was(&self) -> String {
        let begun = self.plan.next().map(|at| &self.plan.steps[at]);
        begun.map_or_else(String::new, |step| step.action.title())
    }

    /// Adds to an error where the plan stopped, what that leaves, and what to do.
    async fn explain(&mut self, error: Error) -> Error {
        if self.plan.is_undone && error.kind() == ErrorKind::Refused {
            return error;
        }
        if self.plan.is_undone {
            return error.with_hint("\"londiste undo\" goes on taking the plan back");
        }
        let Some(at) = self.plan.next() else {
            return error.with_hint("all steps are done; \"londiste continue\" removes the record");
        };
        if self.plan.is_untouched() {
            self.forget().await;
            let title = self.plan.steps[at].action.title();
            return error.context(title).with_hint("nothing has been changed");
        }
        let mut error = error.context(format!(
            "step {} of {}, {}",
            at + 1,
            self.plan.steps.len(),
            self.plan.steps[at].action.title()
        ));
        let mut left = self.plan.left_behind();
        if let Some(detail) = error.detail() {
            left.insert(0, detail.to_owned());
        }
        if !left.is_empty() {
            error = error.with_detail(left.join("; "));
        }
        if self.home.is_none() {
            return error.with_hint("this plan is not recorded: finish it by hand");
        }
        error = error.with_hint("\"londiste continue\" goes on from here");
        if self.plan.is_past_return() {
            error
        } else {
            error.with_hint("\"londiste undo\" returns to the old state")
        }
    }
}

/// Whether the same step may succeed a moment later: the server went away, or chose this statement to end a deadlock.
fn is_passing(error: &Error) -> bool {
    error.kind() == ErrorKind::Connection || matches!(error.sqlstate(), Some("40001" | "40P01"))
}
