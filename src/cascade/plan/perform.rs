//! How each step is done, and taken back. Each may find its work done already.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::barrier;
use super::run::Runner;
use super::step::{Action, Reader};
use crate::cascade::handshake;
use crate::error::{Error, ErrorKind, Result};
use crate::node::info::{NodeInfo, load_info, load_members};
use crate::node::{NodeType, call, call_quietly};
use crate::pg::Session;
use crate::pgq::TICK_CHANNEL;
use crate::sql;

/// How often a position is looked at while nobody can write.
const FAST: Duration = Duration::from_millis(5);
/// And at other times.
pub(super) const SLOW: Duration = Duration::from_millis(50);
/// Who catches up within this time keeps up.
const KEEPS_UP: Duration = Duration::from_millis(500);
/// How long a worker that may go on is waited for; it goes on when it runs, so nothing depends on its answer.
const RESUME_LIMIT: Duration = Duration::from_secs(30);

/// Where a node stands.
pub(super) struct Position {
    pub(super) worker_tick: i64,
    pub(super) queue_top: Option<i64>,
}

pub(super) async fn position(session: &Session, queue: &str) -> Result<Position> {
    let row = session
        .query_one(&session.prepared(sql::cascade::LOAD_POSITION).await?, &[&queue])
        .await?;
    let tick: Option<i64> = row.get("worker_tick");
    Ok(Position {
        worker_tick: tick
            .ok_or_else(|| Error::not_found(format!("no node of queue \"{queue}\" is there")))?,
        queue_top: row.get("queue_top"),
    })
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

impl Runner {
    /// Does one step.
    pub(super) async fn perform(&mut self, action: &Action) -> Result<()> {
        match action {
            Action::CatchUp { node, of } => self.catch_up(node, of).await,
            Action::Reserve { provider, reader } | Action::Subscribe { provider, reader } => {
                self.subscribe(provider, reader).await
            }
            Action::Pause { queue, reader } => self.set_paused(queue.as_deref(), reader, true).await,
            Action::Resume { queue, reader, .. } => self.resume(queue.as_deref(), reader).await,
            Action::Point { reader, to, .. } => self.point(reader, to).await,
            Action::Unsubscribe { provider, reader } => self.unsubscribe(provider, reader).await,
            Action::MeetMerge { queue, from, to } => self.meet_merge(queue, from, to).await,
            Action::Close { root } => self.close(root).await,
            Action::LastTick { root } => self.last_tick(root).await,
            Action::Reach { node } => self.reach(node).await,
            Action::CarrySequences { from, to } => self.carry_sequences(from, to).await,
            Action::Promote { node } => self.promote(node).await,
            Action::Demote { node, provider } => self.demote(node, provider).await,
            Action::Tidy { node } => {
                let session = self.session(node).await?;
                barrier::tidy(&session, &self.plan.queue, false).await
            }
            Action::Tag { node, dead, on } => self.tag(node, *dead, on).await,
            Action::Halt { reader } => self.halt(reader).await,
            Action::Lead { node, others } => self.lead(node, others).await,
            Action::Gravestone { node, dead } => self.gravestone(node, dead).await,
            Action::GoBack {
                reader,
                provider,
                dead,
            } => self.take_reader_back(reader, provider, dead).await,
            Action::Report { node, provider, file } => self.report(node, provider, file).await,
            Action::Rejoin {
                reader,
                provider,
                forget,
            } => self.rejoin(reader, provider, forget).await,
            Action::Admit { provider, reader } => self.admit(provider, reader).await,
        }
    }

    /// Takes one step back; it may have been done, half done, or not at all.
    pub(super) async fn take_back(&mut self, action: &Action) -> Result<()> {
        match action {
            Action::Reserve { provider, reader } => {
                let (_, present) = self.reader_state(reader).await?;
                if present == *provider {
                    return Ok(());
                }
                self.unsubscribe(provider, reader).await
            }
            Action::Pause { queue, reader } => self.resume(queue.as_deref(), reader).await,
            Action::Halt { reader } => self.resume_if_it_runs(reader).await,
            Action::Tag { node, dead, on } => self.tag(node, !dead, on).await,
            Action::Gravestone { node, dead } => self.remove_gravestone(node, dead).await,
            Action::Resume {
                queue,
                reader,
                back_to,
            } => {
                self.set_paused(queue.as_deref(), reader, true).await?;
                match back_to {
                    Some(provider) => self.subscribe(provider, reader).await,
                    None => Ok(()),
                }
            }
            Action::Point { reader, from, .. } => self.point(reader, from).await,
            Action::Unsubscribe { provider, reader } => self.subscribe(provider, reader).await,
            Action::Close { root } => {
                let session = self.session(root).await?;
                barrier::open(&session, &self.plan.queue).await?;
                session
                    .query_one(sql::cascade::WAKE_WORKER, &[&self.plan.queue])
                    .await?;
                info!("root '{root}' is open for writers");
                Ok(())
            }
            Action::Promote { node }
            | Action::Demote { node, .. }
            | Action::Rejoin {
                reader: Reader { node, .. },
                ..
            } => {
                // Only asked for when it was perhaps begun: the runner has looked that it was not done.
                debug!("node '{node}' was not changed");
                Ok(())
            }
            Action::CatchUp { .. }
            | Action::Subscribe { .. }
            | Action::MeetMerge { .. }
            | Action::LastTick { .. }
            | Action::Reach { .. }
            | Action::CarrySequences { .. }
            | Action::Lead { .. }
            | Action::GoBack { .. }
            | Action::Report { .. }
            | Action::Admit { .. }
            | Action::Tidy { .. } => Ok(()),
        }
    }

    /// What a node is now.
    pub(super) async fn info(&mut self, node: &str) -> Result<NodeInfo> {
        let session = self.session(node).await?;
        load_info(&**session, &self.plan.queue)
            .await?
            .ok_or_else(|| Error::not_found(format!("node \"{node}\" is gone")))
    }

    /// Position and provider of a reader.
    async fn reader_state(&mut self, reader: &Reader) -> Result<(i64, String)> {
        let session = self.session(&reader.node).await?;
        if reader.is_worker {
            let info = self.info(&reader.node).await?;
            let tick = info.worker_last_tick.map_or(0, |tick| tick.0);
            return Ok((tick, info.provider_node.unwrap_or_default()));
        }
        let known = crate::node::info::load_consumers(&**session, &self.plan.queue).await?;
        known
            .into_iter()
            .find(|known| known.consumer_name == reader.consumer)
            .map(|known| (known.last_tick.0, known.provider_node))
            .ok_or_else(|| {
                Error::not_found(format!(
                    "node \"{}\" has no consumer \"{}\"",
                    reader.node, reader.consumer
                ))
            })
    }

    /// Waits until `look` has nothing left to tell; what it tells is the reason in the log.
    pub(super) async fn wait(
        &self,
        what: &str,
        poll: Duration,
        mut look: impl AsyncFnMut() -> Result<Option<String>>,
    ) -> Result<()> {
        let started = Instant::now();
        let mut next_report = started + Duration::from_secs(2);
        loop {
            let Some(reason) = look().await? else {
                return Ok(());
            };
            if started.elapsed() >= self.options.limit {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("{what} took longer than {} s", self.options.limit.as_secs()),
                )
                .with_detail(reason)
                .with_hint("\"londiste status\" shows which workers run and what they say; --timeout gives more time"));
            }
            if Instant::now() >= next_report {
                info!("waiting: {reason}");
                next_report = Instant::now() + Duration::from_secs(5);
            }
            if !self.stop.sleep(poll).await {
                return Err(Error::interrupted());
            }
        }
    }

    async fn catch_up(&mut self, node: &str, of: &str) -> Result<()> {
        let queue = self.plan.queue.clone();
        let (here, there) = (self.session(node).await?, self.session(of).await?);
        let begun = Instant::now();
        loop {
            let round = Instant::now();
            let top = position(&there, &queue).await?;
            let target = top.queue_top.unwrap_or(top.worker_tick);
            self.wait("catching up", SLOW, async || {
                let at = position(&here, &queue).await?.worker_tick;
                Ok((at < target).then(|| format!("node '{node}' is at tick {at}, '{of}' at {target}")))
            })
            .await?;
            // What came meanwhile is replayed in about that time again.
            if round.elapsed() < KEEPS_UP {
                return Ok(());
            }
            if begun.elapsed() >= self.options.limit {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("node \"{node}\" does not keep up with \"{of}\""),
                )
                .with_hint("try again when less is written"));
            }
        }
    }

    /// Registers the reader at `provider` where it stands, or moves it there. Ancestor: a second call for a node is a key
    /// error, so what is known is looked at first.
    async fn subscribe(&mut self, provider: &str, reader: &Reader) -> Result<()> {
        let queue = self.plan.queue.clone();
        let (tick, _) = self.reader_state(reader).await?;
        let there = self.session(provider).await?;
        self.wait("waiting for the provider", SLOW, async || {
            let top = position(&there, &queue).await?.queue_top.unwrap_or(0);
            Ok((top < tick).then(|| format!("provider '{provider}' is at tick {top}, the reader at {tick}")))
        })
        .await?;
        self.register_location(provider, &reader.node).await?;
        let has_tick = there.query_opt(sql::cascade::HAS_TICK, &[&queue, &tick]).await?;
        if has_tick.is_none() {
            return Err(Error::new(
                ErrorKind::Position,
                format!("provider \"{provider}\" does not have tick {tick} any more"),
            )
            .with_detail(format!("node \"{}\" stands there", reader.node)));
        }
        if !reader.is_worker {
            there
                .query_one(
                    sql::cascade::REGISTER_CONSUMER_AT,
                    &[&queue, &reader.consumer, &tick],
                )
                .await?;
            return Ok(());
        }
        let known = self.known_worker(&there, &reader.node).await?;
        if known.as_deref() == Some(reader.consumer.as_str()) {
            there
                .query_one(
                    sql::cascade::REGISTER_CONSUMER_AT,
                    &[&queue, &reader.consumer, &tick],
                )
                .await?;
            return Ok(());
        }
        if known.is_some() {
            call_quietly(
                &**there,
                Some(provider),
                sql::cascade::UNREGISTER_SUBSCRIBER,
                &[&queue, &reader.node],
            )
            .await?;
        }
        call_quietly(
            &**there,
            Some(provider),
            sql::cascade::REGISTER_SUBSCRIBER,
            &[&queue, &reader.node, &reader.consumer, &tick],
        )
        .await?;
        Ok(())
    }

    /// The worker with which a node reads here.
    pub(super) async fn known_worker(&self, session: &Session, node: &str) -> Result<Option<String>> {
        let rows = session
            .query(sql::cascade::LIST_SUBSCRIBERS, &[&self.plan.queue])
            .await?;
        Ok(rows
            .iter()
            .find(|row| row.get::<_, &str>("node_name") == node)
            .map(|row| row.get("worker_name")))
    }

    /// Makes `node` known at `place`, if it is not: what is known of it, and whether it is dead, stays (C-14).
    pub(super) async fn register_location(&mut self, place: &str, node: &str) -> Result<()> {
        let queue = self.plan.queue.clone();
        let session = self.session(place).await?;
        let members = load_members(&**session, &queue).await?;
        if members.iter().any(|member| member.node_name == node) {
            return Ok(());
        }
        let location = self.location(node)?;
        call_quietly(
            &**session,
            Some(place),
            sql::cascade::REGISTER_LOCATION,
            &[&queue, &node, &location, &false],
        )
        .await?;
        Ok(())
    }

    async fn set_paused(&mut self, queue: Option<&str>, reader: &Reader, paused: bool) -> Result<()> {
        let session = self.session(&reader.node).await?;
        let queue = queue.unwrap_or(&self.plan.queue);
        handshake::set_paused(
            &session,
            queue,
            &reader.node,
            &reader.consumer,
            paused,
            Some(self.options.limit),
            &self.stop,
        )
        .await
    }

    async fn resume(&mut self, queue: Option<&str>, reader: &Reader) -> Result<()> {
        let session = self.session(&reader.node).await?;
        let limit = self.options.limit.min(RESUME_LIMIT);
        let queue = queue.unwrap_or(&self.plan.queue);
        let (node, consumer) = (&reader.node, &reader.consumer);
        match handshake::set_paused(&session, queue, node, consumer, false, Some(limit), &self.stop).await {
            Err(error) if error.kind() == ErrorKind::Timeout => {
                warn!("{}", error.line());
                Ok(())
            }
            done => done,
        }
    }

    async fn point(&mut self, reader: &Reader, to: &str) -> Result<()> {
        let (_, present) = self.reader_state(reader).await?;
        if present == to {
            return Ok(());
        }
        self.register_location(&reader.node, to).await?;
        let session = self.session(&reader.node).await?;
        call(
            &**session,
            Some(&reader.node),
            sql::cascade::CHANGE_CONSUMER_PROVIDER,
            &[&self.plan.queue, &reader.consumer, &to],
        )
        .await?;
        session
            .query_one(sql::cascade::WAKE_WORKER, &[&self.plan.queue])
            .await?;
        Ok(())
    }

    async fn unsubscribe(&mut self, provider: &str, reader: &Reader) -> Result<()> {
        let forgotten = async {
            let queue = self.plan.queue.clone();
            let session = self.session(provider).await?;
            if !reader.is_worker {
                session
                    .query(sql::cascade::UNREGISTER_CONSUMER, &[&queue, &reader.consumer])
                    .await?;
            } else if self.known_worker(&session, &reader.node).await?.is_some() {
                call_quietly(
                    &**session,
                    Some(provider),
                    sql::cascade::UNREGISTER_SUBSCRIBER,
                    &[&queue, &reader.node],
                )
                .await?;
            }
            Ok::<(), Error>(())
        };
        if let Err(error) = forgotten.await {
            if error.is_interrupted() {
                return Err(error);
            }
            warn!(
                "[{provider}] node '{}' is still registered there and keeps its events: {}",
                reader.node,
                error.line()
            );
        }
        Ok(())
    }

    async fn meet_merge(&mut self, queue: &str, from: &str, to: &str) -> Result<()> {
        let (here, there) = (self.session(from).await?, self.session(to).await?);
        self.wait("merging", SLOW, async || {
            let (old, new) = (position(&here, queue).await?, position(&there, queue).await?);
            Ok((old.worker_tick != new.worker_tick).then(|| {
                format!(
                    "queue '{queue}' is at tick {} on '{from}', at {} on '{to}'",
                    old.worker_tick, new.worker_tick
                )
            }))
        })
        .await
    }

    async fn close(&mut self, root: &str) -> Result<()> {
        let session = self.session(root).await?;
        if self.info(root).await?.node_type != NodeType::Root {
            return Ok(());
        }
        let was_closed = self.is_closed(root).await?;
        if !was_closed {
            // Whoever goes on after a death here knows since when.
            self.plan.values.closed_at = Some(now());
            self.save().await?;
        }
        let mut at = now();
        let closed = barrier::close(&session, &self.plan.queue, self.options.limit, &self.stop, || {
            at = now()
        })
        .await;
        self.plan.values.is_closed = closed.is_ok() || self.is_closed(root).await.unwrap_or(true);
        if !was_closed && self.plan.values.is_closed {
            self.plan.values.closed_at = Some(at);
        }
        self.plan.values.has_barrier = closed?;
        Ok(())
    }

    async fn is_closed(&mut self, node: &str) -> Result<bool> {
        let session = self.session(node).await?;
        let row = session
            .query_opt(sql::cascade::IS_CLOSED, &[&self.plan.queue])
            .await?;
        Ok(row.is_some_and(|row| row.get("is_closed")))
    }

    async fn last_tick(&mut self, root: &str) -> Result<()> {
        let queue = self.plan.queue.clone();
        let session = self.session(root).await?;
        let started = Instant::now();
        loop {
            let row = session
                .query_one(sql::cascade::DEMOTE_ROOT, &[&queue, &2_i32, &None::<&str>])
                .await?;
            let (code, note): (i32, Option<String>) = (row.get("ret_code"), row.get("ret_note"));
            let note = note.unwrap_or_default();
            match (code, row.get::<_, Option<i64>>("last_tick")) {
                (200 | 201, Some(tick)) => {
                    self.plan.values.last_tick = Some(tick);
                    break;
                }
                (409, _) if started.elapsed() < self.options.limit => info!("waiting: {note}"),
                _ => {
                    return Err(Error::refused(format!("[{root}] {note}"))
                        .with_detail(format!("pgq_node.demote_root answered {code}")));
                }
            }
            self.stop.check()?;
        }
        session
            .query_one(sql::cascade::TELL_TICK, &[&TICK_CHANNEL, &queue])
            .await?;
        Ok(())
    }

    /// The worker's position alone does not do: it may have died between its work and the tick (C-24).
    async fn reach(&mut self, node: &str) -> Result<()> {
        let queue = self.plan.queue.clone();
        let last = self
            .plan
            .values
            .last_tick
            .ok_or_else(|| Error::internal("the last tick is not known"))?;
        let session = self.session(node).await?;
        self.wait("waiting for the last tick", FAST, async || {
            let at = position(&session, &queue).await?;
            let top = at.queue_top.unwrap_or(0);
            Ok((at.worker_tick < last || top < last).then(|| {
                format!(
                    "node '{node}' has replayed tick {}, its queue has {top}, the last one is {last}",
                    at.worker_tick
                )
            }))
        })
        .await
    }

    async fn carry_sequences(&mut self, from: &str, to: &str) -> Result<()> {
        let queue = self.plan.queue.clone();
        let (old, new) = (self.session(from).await?, self.session(to).await?);
        let rows = match old.query(sql::cascade::LIST_SEQ_VALUES, &[&queue]).await {
            Ok(rows) => rows,
            Err(error) => {
                let error = Error::from(error);
                // Without the schema of tables and sequences there are none.
                if matches!(error.sqlstate(), Some("3F000" | "42883")) {
                    return Ok(());
                }
                return Err(error);
            }
        };
        let (names, values): (Vec<String>, Vec<i64>) = rows
            .iter()
            .filter_map(|row| Some((row.get("seq_name"), row.get::<_, Option<i64>>("seq_value")?)))
            .unzip();
        if names.is_empty() {
            return Ok(());
        }
        let raised = call_quietly(
            &**new,
            Some(to),
            sql::cascade::RAISE_SEQS,
            &[&queue, &names, &values],
        )
        .await?;
        debug!("{} of {} sequences were lifted", raised.rows.len(), names.len());
        Ok(())
    }

    async fn promote(&mut self, node: &str) -> Result<()> {
        let queue = self.plan.queue.clone();
        let session = self.session(node).await?;
        if self.info(node).await?.node_type != NodeType::Root {
            let answer =
                call_quietly(&**session, Some(node), sql::cascade::PROMOTE_BRANCH, &[&queue]).await?;
            if answer.code >= 300 {
                return Err(Error::refused(format!("[{node}] {}", answer.note)));
            }
        }
        session.query_one(sql::cascade::WAKE_WORKER, &[&queue]).await?;
        if let Some(closed_at) = self.plan.values.closed_at {
            let closed_for = (now() - closed_at).max(0.0);
            self.plan.values.closed_for = Some(closed_for);
            info!("node '{node}' is the root and open for writers; nobody could write for {closed_for:.3} s");
        } else {
            info!("node '{node}' is the root and open for writers");
        }
        Ok(())
    }

    async fn demote(&mut self, node: &str, provider: &str) -> Result<()> {
        let info = self.info(node).await?;
        if info.node_type == NodeType::Branch && info.provider_node.as_deref() == Some(provider) {
            return Ok(());
        }
        self.register_location(node, provider).await?;
        let session = self.session(node).await?;
        call_quietly(
            &**session,
            Some(node),
            sql::cascade::DEMOTE_ROOT,
            &[&self.plan.queue, &3_i32, &Some(provider)],
        )
        .await?;
        session
            .query_one(sql::cascade::WAKE_WORKER, &[&self.plan.queue])
            .await?;
        Ok(())
    }
}
