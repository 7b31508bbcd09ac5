//! The steps around a dead root: another one takes its place, and it comes back.

use std::path::Path;
use std::time::Duration;

use tracing::{info, warn};

use super::perform::{SLOW, position};
use super::run::Runner;
use super::step::Reader;
use crate::cascade::go_back::{Place, go_back};
use crate::cascade::handshake;
use crate::cascade::resurrect::{self, Return};
use crate::error::{Error, ErrorKind, Result};
use crate::node::stream::StreamIdentity;
use crate::node::{NodeType, call_quietly};
use crate::pg::Session;
use crate::pgq::{TickId, load_tick};
use crate::sql;
use crate::table::copy_all_anew;

/// How long a worker that may not run is waited for. Ours cannot commit once the flag is set: it looks at the flag under
/// the lock of its position. The ancestor's looks at it between batches.
const HALT_LIMIT: Duration = Duration::from_secs(10);
/// Ticks that are listed one by one.
const LISTED: i64 = 1000;

/// The consumer that keeps what a dead root needs. Ancestor: the same name.
pub fn gravestone(node: &str) -> String {
    format!("{node}.gravestone")
}

impl Runner {
    pub(super) async fn tag(&mut self, node: &str, dead: bool, on: &[String]) -> Result<()> {
        let queue = self.plan.queue.clone();
        for place in on {
            let told = async {
                if !dead {
                    self.register_location(place, node).await?;
                }
                let session = self.session(place).await?;
                // Ancestor: a root sends the caller's location on, so it is the known one (C-14).
                let location = if dead { None } else { Some(self.location(node)?) };
                call_quietly(
                    &**session,
                    Some(place),
                    sql::cascade::REGISTER_LOCATION,
                    &[&queue, &node, &location, &dead],
                )
                .await?;
                Ok::<(), Error>(())
            };
            if let Err(error) = told.await {
                if error.is_interrupted() {
                    return Err(error);
                }
                warn!("[{place}] {}", error.line());
            }
        }
        Ok(())
    }

    pub(super) async fn halt(&mut self, reader: &Reader) -> Result<()> {
        let session = self.session(&reader.node).await?;
        let limit = self.options.limit.min(HALT_LIMIT);
        let (queue, node, consumer) = (&self.plan.queue, &reader.node, &reader.consumer);
        match handshake::set_paused(&session, queue, node, consumer, true, Some(limit), &self.stop).await {
            Err(error) if error.kind() == ErrorKind::Timeout => {
                info!("{}: going on, it can commit nothing any more", error.message());
                Ok(())
            }
            done => done,
        }
    }

    pub(super) async fn resume_if_it_runs(&mut self, reader: &Reader) -> Result<()> {
        let session = self.session(&reader.node).await?;
        call_quietly(
            &**session,
            Some(&reader.node),
            sql::cascade::SET_CONSUMER_PAUSED,
            &[&self.plan.queue, &reader.consumer, &false],
        )
        .await?;
        session
            .query_one(sql::cascade::WAKE_WORKER, &[&self.plan.queue])
            .await?;
        Ok(())
    }

    /// C-06: nobody is moved below a node that does not have his tick.
    pub(super) async fn lead(&mut self, node: &str, others: &[String]) -> Result<()> {
        let queue = self.plan.queue.clone();
        let session = self.session(node).await?;
        // A worker that died between its work and the tick makes that tick from what it has stored (C-24).
        self.wait("waiting for the last tick", SLOW, async || {
            let at = position(&session, &queue).await?;
            let top = at.queue_top.unwrap_or(0);
            Ok((top < at.worker_tick).then(|| {
                format!(
                    "node '{node}' has replayed tick {}, its queue has {top}: its worker has to make that tick",
                    at.worker_tick
                )
            }))
        })
        .await?;
        let top = position(&session, &queue).await?.queue_top.unwrap_or(0);
        for other in others {
            let there = self.session(other).await?;
            let at = position(&there, &queue).await?;
            if at.worker_tick > top {
                return Err(Error::refused(format!(
                    "node \"{other}\" has come further meanwhile: it has tick {}, \"{node}\" has {top}",
                    at.worker_tick
                ))
                .with_hint("\"londiste undo\", then the same command again: its plan brings the node up to that tick"));
            }
        }
        Ok(())
    }

    pub(super) async fn gravestone(&mut self, node: &str, dead: &str) -> Result<()> {
        let queue = self.plan.queue.clone();
        let session = self.session(node).await?;
        let consumer = gravestone(dead);
        let known = self.known_worker(&session, dead).await?;
        if known.as_deref() != Some(consumer.as_str()) {
            if known.is_some() {
                call_quietly(
                    &**session,
                    Some(node),
                    sql::cascade::UNREGISTER_SUBSCRIBER,
                    &[&queue, &dead],
                )
                .await?;
            }
            let top = position(&session, &queue).await?.queue_top;
            call_quietly(
                &**session,
                Some(node),
                sql::cascade::REGISTER_SUBSCRIBER,
                &[&queue, &dead, &consumer, &top],
            )
            .await?;
        }
        let shared = self.gravestone_tick(&session, dead).await?;
        let tick = load_tick(&session, &queue, shared).await?;
        let (time, event_seq) = tick.map_or((String::new(), 0), |tick| (tick.time, tick.event_seq));
        self.plan.values.told = vec![
            format!(
                "the last tick of {dead} that {node} has is {shared} of {time}, with events up to {event_seq}"
            ),
            format!(
                "what {dead} did after that is on no node that was asked; how much it is only {dead} knows"
            ),
        ];
        self.plan.values.shared = Some((shared.0, time));
        Ok(())
    }

    pub(super) async fn remove_gravestone(&mut self, node: &str, dead: &str) -> Result<()> {
        let session = self.session(node).await?;
        if self.known_worker(&session, dead).await? == Some(gravestone(dead)) {
            call_quietly(
                &**session,
                Some(node),
                sql::cascade::UNREGISTER_SUBSCRIBER,
                &[&self.plan.queue, &dead],
            )
            .await?;
        }
        Ok(())
    }

    async fn gravestone_tick(&self, session: &Session, dead: &str) -> Result<TickId> {
        let row = session
            .query_opt(sql::resurrect::FIND_GRAVESTONE, &[&self.plan.queue, &dead])
            .await?;
        row.and_then(|row| row.get::<_, Option<i64>>("last_tick"))
            .map(TickId)
            .ok_or_else(|| {
                Error::not_found(format!("no node keeps the place of \"{dead}\""))
                    .with_hint("it was dropped, or it has come back already")
            })
    }

    /// The reader stands still. What it has of ticks that nobody else has is of the dead root's history.
    pub(super) async fn take_reader_back(
        &mut self,
        reader: &Reader,
        provider: &str,
        dead: &str,
    ) -> Result<()> {
        let queue = self.plan.queue.clone();
        let there = self.session(provider).await?;
        let mut here = self.own_session(&reader.node).await?;
        let info = self.info(&reader.node).await?;
        let tick = info.worker_last_tick.unwrap_or(TickId(0));
        let identity = StreamIdentity::detect(&here).await?;
        let found = identity
            .find_divergence(&here, &there, &queue, &reader.consumer)
            .await?;
        if let Some(divergence) = found {
            // Without a common tick all tables are copied anew, from wherever it begins.
            let top = self.plan.values.shared.as_ref().map_or(0, |(tick, _)| *tick);
            let shared = divergence.last_same.unwrap_or(TickId(top));
            let known = here
                .query(
                    sql::worker::LIST_KNOWN_TICKS,
                    &[&queue, &reader.consumer, &LISTED],
                )
                .await?;
            let mut lost: Vec<(i64, String, String)> = known
                .iter()
                .map(|row| (row.get("tick_id"), row.get("tick_time"), reader.node.clone()))
                .filter(|(id, ..)| *id > shared.0)
                .collect();
            lost.reverse();
            // Stored before they are forgotten there.
            self.plan
                .values
                .lost_ticks
                .retain(|(_, _, node)| *node != reader.node);
            self.plan.values.lost_ticks.extend(lost);
            self.save().await?;
            let place = Place {
                queue: &queue,
                node: &reader.node,
                worker: &reader.consumer,
                provider,
                is_branch: info.node_type == NodeType::Branch,
                tick,
            };
            go_back(&mut here, &place, &divergence, shared).await?;
        } else if let Some((shared, _)) = &self.plan.values.shared
            && tick.0 > *shared
        {
            warn!(
                "[{}] it is at tick {tick}, which \"{provider}\" does not have, and keeps no record of its ticks: \
                 create it anew, or copy its tables anew after \"londiste worker --reset\"",
                reader.node
            );
        }
        // A snapshot of the dead node means nothing to another one.
        let copies = here
            .query(
                sql::resurrect::LIST_COPIES_FROM,
                &[&queue, &reader.consumer, &dead],
            )
            .await?;
        let tables: Vec<String> = copies.iter().map(|row| row.get("table_name")).collect();
        if !tables.is_empty() {
            let transaction = here.transaction().await?;
            copy_all_anew(&transaction, &queue, &tables).await?;
            for row in &copies {
                let consumer: &str = row.get("consumer_name");
                call_quietly(
                    &transaction,
                    None,
                    sql::resurrect::FORGET_CONSUMER,
                    &[&queue, &consumer],
                )
                .await?;
            }
            transaction.commit().await?;
            info!(
                "[{}] copies from '{dead}' begin anew: {}",
                reader.node,
                tables.join(", ")
            );
        }
        here.close().await;
        Ok(())
    }

    pub(super) async fn report(&mut self, node: &str, provider: &str, file: &str) -> Result<()> {
        let queue = self.plan.queue.clone();
        let (old, new) = (self.session(node).await?, self.session(provider).await?);
        let what = Return {
            queue: &queue,
            node,
            worker: "",
            provider,
            shared: self.gravestone_tick(&new, node).await?,
        };
        resurrect::check_shared(&old, &new, &what).await?;
        let found = resurrect::dump(&old, &what, Path::new(file)).await?;
        self.plan.values.shared = load_tick(&new, &queue, what.shared)
            .await?
            .map(|tick| (tick.id.0, tick.time));
        let mut told = Vec::new();
        let (first, last) = (found.ticks.first(), found.ticks.last());
        if let (Some(first), Some(last)) = (first, last) {
            told.push(format!(
                "ticks that only {node} had: {} to {}, made from {} to {}",
                first.id, last.id, first.time, last.time
            ));
        }
        if found.events > 0 {
            told.push(format!(
                "{} events that only {node} had are in {file}, as statements in {}",
                found.events,
                resurrect::report::sql_file(Path::new(file)).display()
            ));
        } else {
            told.push(format!("{node} had no events that the others lack"));
        }
        for (table, [inserted, updated, deleted]) in &found.counts {
            told.push(format!(
                "table {table}: {inserted} inserted, {updated} updated, {deleted} deleted"
            ));
        }
        self.plan.values.told = told;
        Ok(())
    }

    pub(super) async fn rejoin(&mut self, reader: &Reader, provider: &str, forget: &[String]) -> Result<()> {
        let queue = self.plan.queue.clone();
        let node = reader.node.as_str();
        if self.info(node).await?.node_type != NodeType::Root {
            return Ok(());
        }
        self.register_location(node, provider).await?;
        let mut old = self.own_session(node).await?;
        let new = self.own_session(provider).await?;
        let what = Return {
            queue: &queue,
            node,
            worker: &reader.consumer,
            provider,
            shared: self.gravestone_tick(&new, node).await?,
        };
        resurrect::check_shared(&old, &new, &what).await?;
        let known = old.query(sql::cascade::LIST_SUBSCRIBERS, &[&queue]).await?;
        let subscribers: Vec<String> = known
            .iter()
            .map(|row| row.get("node_name"))
            .filter(|name| forget.contains(name))
            .collect();
        let returned = resurrect::rejoin(&mut old, &new, &what, &subscribers).await?;
        for (table, (removed, brought)) in &returned.put_right {
            self.plan.values.told.push(format!(
                "table {table}: {removed} rows put right ({brought} of them read from {provider})"
            ));
        }
        for (table, why) in &returned.copied_anew {
            self.plan
                .values
                .told
                .push(format!("table {table}: is copied anew, for {why}"));
        }
        old.close().await;
        new.close().await;
        Ok(())
    }

    pub(super) async fn admit(&mut self, provider: &str, reader: &Reader) -> Result<()> {
        let queue = self.plan.queue.clone();
        let mut new = self.own_session(provider).await?;
        let shared = match self.gravestone_tick(&new, &reader.node).await {
            Ok(tick) => tick,
            // Done already.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let what = Return {
            queue: &queue,
            node: &reader.node,
            worker: &reader.consumer,
            provider,
            shared,
        };
        resurrect::lift_gravestone(&mut new, &what).await?;
        new.close().await;
        Ok(())
    }
}
