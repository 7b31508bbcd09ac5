//! Replays one table's events from the snapshot of its rows on, batch after batch, as the worker replays those of all.
//!
//! Events of transactions that the snapshot contains are in the rows already. Row changes and the position of the copy are
//! one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use super::CopyJob;
use super::runner::{event_filter, load_own, lock_position};
use crate::apply::{Ahead, Applier, Planned, Route, Routes, RowRoute, RowText, SharedRoutes, Step, Stopped};
use crate::config::on_error::OnError;
use crate::consumer::Reader;
use crate::error::{Error, Result};
use crate::parked::{Failure, Parking};
use crate::pg::Session;
use crate::pgq::Batch;
use crate::service::fault;
use crate::sql;
use crate::table::Table;

/// What replaying needs.
pub struct CatchUp<'a> {
    pub job: &'a CopyJob,
    pub consumer: &'a str,
    pub local: &'a Session,
    pub reader: &'a Reader,
    pub applier: &'a mut Applier,
    pub parking: &'a mut Parking,
}

impl CatchUp<'_> {
    /// Replays `batch`, unless the table is not the copy's any more; returns whether it did.
    ///
    /// # Errors
    /// The transaction is left open.
    pub async fn replay(&mut self, batch: &Batch) -> Result<bool> {
        loop {
            match self.attempt(batch).await {
                Ok(done) => {
                    self.parking.end();
                    return Ok(done);
                }
                Err(failure) => failure.recover(self.local, self.applier, self.parking).await?,
            }
        }
    }

    async fn attempt(&mut self, batch: &Batch) -> Result<bool, Failure> {
        let (local, config) = (self.local, &self.job.config);
        let queue = config.queue_name.as_str();
        local.batch_execute("begin").await?;
        let held = lock_position(local, queue, self.consumer).await?;
        let table = load_own(local, self.job).await?;
        let Some(table) =
            table.filter(|table| held == Some(batch.prev_tick) && table.state.is_replayed_by_copy())
        else {
            local.batch_execute("rollback").await?;
            return Ok(false);
        };
        let policies = self.parking.read(local, queue).await?;
        let tables = HashMap::from([(table.name.clone(), table)]);
        self.applier.begin();
        self.parking
            .load(local, self.applier, (queue, &policies), config.on_error, &tables)
            .await?;
        let [table] = &tables.values().collect::<Vec<_>>()[..] else {
            return Err(Error::internal("a copy has one table").into());
        };
        let events = self
            .reader
            .events(batch, Some(&event_filter(&table.name)))
            .await?;
        let routes = SharedRoutes::default();
        let mut ahead = Ahead::start(events, routes.clone(), config.apply_memory, None);
        while let Some(planned) = ahead.next().await? {
            self.apply_slice(planned, &routes, table, batch).await?;
        }
        self.applier.flush(local).await?;
        for rows in self.applier.take_missed_rows().into_values() {
            let place = (queue, table.name.as_str());
            self.parking.add_drift(local, place, rows, batch.tick).await?;
            tracing::warn!("{}: {rows} updates or deletes found no row", table.name);
        }
        if let Some(table) = self.applier.take_redefined() {
            return Err(Failure::Redefined(table));
        }
        let complete = local.prepared(sql::worker::SET_COMPLETED).await?;
        local
            .query_one(&complete, &[&queue, &self.consumer, &batch.tick.0])
            .await?;
        fault::point("copy.catch-up.before-commit");
        local.batch_execute("commit").await?;
        fault::point("copy.catch-up.committed");
        self.reader.finish_batch(batch).await?;
        Ok(true)
    }

    async fn apply_slice(
        &mut self,
        mut planned: Planned,
        routes: &SharedRoutes,
        table: &Table,
        batch: &Batch,
    ) -> Result<(), Failure> {
        let (local, queue) = (self.local, self.job.config.queue_name.as_str());
        loop {
            let Planned { slice, plan, .. } = planned;
            for step in plan.steps {
                match step {
                    Step::Rows(events) => {
                        self.applier.leave_sets(local).await?;
                        for index in events {
                            let event = slice.get(index as usize);
                            let (kind, data) = (event.kind(), event.data().unwrap_or_default());
                            let text = RowText {
                                id: event.id(),
                                kind: &kind,
                                data: &data,
                            };
                            self.applier.row_change(local, &table.dest, text).await?;
                        }
                    }
                    Step::Sets(works) => {
                        self.applier.flush(local).await?;
                        self.applier.set_changes(local, &works).await?;
                    }
                    Step::Single(index) => {
                        let event = slice.get(index as usize).to_event();
                        let seen = table
                            .snapshot
                            .as_ref()
                            .is_some_and(|seen| seen.contains(event.txid));
                        if seen {
                            continue;
                        }
                        if event.is_row_change() && self.parking.policy(&table.name) == OnError::Park {
                            self.applier.leave_sets(local).await?;
                            self.parking
                                .apply_or_park(local, self.applier, (queue, table), &event, batch.tick)
                                .await?;
                        } else if event.is_row_change() {
                            self.applier
                                .row_change(local, &table.dest, RowText::of(&event))
                                .await?;
                        } else if event.kind() == "R" {
                            self.applier.truncate(local, &table.dest).await?;
                            self.parking.forget(local, queue, &table.name).await?;
                        }
                    }
                }
            }
            let from = match plan.stopped {
                Stopped::AtEnd => return Ok(()),
                Stopped::Behind(next) => next,
                Stopped::Unknown(next) => {
                    let mut known = Routes::clone(&routes.get());
                    known.set_rows = self.job.config.apply_set_rows;
                    let route = self.route(table).await;
                    for index in next..slice.len() {
                        let name = slice.get(index).raw_extra1();
                        known
                            .by_name
                            .entry(name.to_owned())
                            .or_insert_with(|| route.clone());
                    }
                    routes.set(Arc::new(known));
                    next
                }
            };
            planned = Planned::new(slice, from, routes.get()).await?;
        }
    }

    /// Where the table's events go. An error waits for the first event that is to be applied.
    async fn route(&mut self, table: &Table) -> Route {
        match self.applier.target(self.local, &table.dest).await {
            Ok(target) if !self.parking.is_careful(table) => Route::Rows(RowRoute {
                ordered: self.applier.is_in_order(&target.name),
                target,
                snapshot: table.snapshot.clone(),
            }),
            _ => Route::Single,
        }
    }
}
