//! The work's side: what is done already, kept in the transaction of the work (schema `pgq_ext`).
//!
//! A consumer alone keeps its tick under its name, as the ancestor's serial consumers do. Members of a cooperative
//! consumer get batches in any order, so each batch that is done is noted by itself, as position `@<batch>` of the
//! consumer, until the queue has heard of it; under its own name a member notes the last one, so that it can tidy up after
//! a crash. What is to be retried or given up waits in `londiste_rs.retry_mark`.

use tokio_postgres::{Client, Transaction};

use super::settings::Settings;
use super::work::Mark;
use crate::error::{Error, Result};
use crate::pg::Session;
use crate::pgq::{Batch, TickId};
use crate::sql;

/// What the work's database says about a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is the next one.
    New,
    /// Its work is committed.
    Done,
    /// The work stands at an earlier tick than the batch begins with.
    Behind(TickId),
    /// The work stands at a later tick than the batch ends with.
    Ahead(TickId),
}

/// Knows what the work's database can keep.
pub struct Keeper<'s> {
    settings: &'s Settings,
    has_marks: bool,
}

impl<'s> Keeper<'s> {
    /// Looks at the work's database.
    pub async fn open(settings: &'s Settings, session: &Session) -> Result<Self> {
        let row = session.query_one(sql::client::LOAD_KEEPER_ABILITIES, &[]).await?;
        if !row.get::<_, bool>("positions") {
            return Err(Error::not_found("the work's database has no schema pgq_ext")
                .with_detail(session.target().to_owned())
                .with_hint("install it with \"londiste install --only=pgq_ext CONNSTR\""));
        }
        Ok(Self {
            settings,
            has_marks: row.get("marks"),
        })
    }

    /// The stored position of a consumer that reads alone.
    pub async fn find_position(&self, client: &Client) -> Result<Option<TickId>> {
        if self.settings.member.is_some() {
            return Ok(None);
        }
        let row = client
            .query_one("select pgq_ext.get_last_tick($1)", &[&self.settings.consumer])
            .await?;
        Ok(row.get::<_, Option<i64>>(0).map(TickId))
    }

    /// Keeps other processes off this batch until the transaction ends, and tells whether it is done.
    pub async fn look(&self, transaction: &Transaction<'_>, batch: &Batch) -> Result<Seen> {
        let consumer = &self.settings.consumer;
        let Some(_) = &self.settings.member else {
            lock(transaction, &format!("{consumer}/")).await?;
            let row = transaction
                .query_one("select pgq_ext.get_last_tick($1)", &[consumer])
                .await?;
            return Ok(judge(row.get::<_, Option<i64>>(0).map(TickId), batch));
        };
        let place = batch_place(batch.id.0);
        lock(transaction, &format!("{consumer}/{place}")).await?;
        let row = transaction
            .query_one("select pgq_ext.get_last_tick($1, $2)", &[consumer, &place])
            .await?;
        Ok(match row.get::<_, Option<i64>>(0) {
            Some(_) => Seen::Done,
            None => Seen::New,
        })
    }

    /// Stores that the batch is done and what is to become of some of its events.
    pub async fn store(&self, transaction: &Transaction<'_>, batch: &Batch, marks: &[Mark]) -> Result<()> {
        let consumer = &self.settings.consumer;
        match &self.settings.member {
            None => {
                transaction
                    .query_one("select pgq_ext.set_last_tick($1, $2)", &[consumer, &batch.tick.0])
                    .await?;
            }
            Some(member) => {
                for (place, value) in [
                    (batch_place(batch.id.0), batch.tick.0),
                    (member.clone(), batch.id.0),
                ] {
                    transaction
                        .query_one(
                            "select pgq_ext.set_last_tick($1, $2, $3)",
                            &[consumer, &place, &value],
                        )
                        .await?;
                }
            }
        }
        if marks.is_empty() {
            return Ok(());
        }
        if !self.has_marks {
            return Err(Error::refused("events cannot be retried exactly once here")
                .with_detail("the work's database has no schema londiste_rs to remember them in")
                .with_hint("install it with \"londiste install --only=londiste_rs CONNSTR\""));
        }
        for mark in marks {
            transaction
                .execute(
                    sql::client::STORE_MARK,
                    &[consumer, &batch.id.0, &mark.event, &mark.after, &mark.reason],
                )
                .await?;
        }
        Ok(())
    }

    /// What was stored about the events of a batch that is done.
    pub async fn load_marks(&self, transaction: &Transaction<'_>, batch: &Batch) -> Result<Vec<Mark>> {
        if !self.has_marks {
            return Ok(Vec::new());
        }
        let rows = transaction
            .query(sql::client::LOAD_MARKS, &[&self.settings.consumer, &batch.id.0])
            .await?;
        Ok(rows
            .iter()
            .map(|row| Mark {
                event: row.get("ev_id"),
                after: row.get("after_seconds"),
                reason: row.get("reason"),
            })
            .collect())
    }

    /// Forgets what the queue has heard of.
    pub async fn tidy(&self, client: &Client, batch: i64, had_marks: bool) -> Result<()> {
        let consumer = &self.settings.consumer;
        if had_marks && self.has_marks {
            client
                .execute(sql::client::DELETE_MARKS, &[consumer, &batch])
                .await?;
        }
        if self.settings.member.is_some() {
            let place = batch_place(batch);
            client
                .query_one("select pgq_ext.set_last_tick($1, $2, null)", &[consumer, &place])
                .await?;
        }
        Ok(())
    }

    /// Batches that may be left to tidy after a crash: those with something to be retried, and the last one of a member.
    pub async fn list_left(&self, client: &Client) -> Result<Vec<i64>> {
        let consumer = &self.settings.consumer;
        let mut batches = Vec::new();
        if let Some(member) = &self.settings.member {
            let row = client
                .query_one("select pgq_ext.get_last_tick($1, $2)", &[consumer, member])
                .await?;
            batches.extend(row.get::<_, Option<i64>>(0));
        }
        if self.has_marks {
            let rows = client
                .query(sql::client::LIST_MARKED_BATCHES, &[consumer])
                .await?;
            batches.extend(rows.iter().map(|row| row.get::<_, i64>("batch_id")));
        }
        Ok(batches)
    }
}

fn judge(stored: Option<TickId>, batch: &Batch) -> Seen {
    match stored {
        None => Seen::New,
        Some(tick) if tick == batch.prev_tick => Seen::New,
        Some(tick) if tick == batch.tick => Seen::Done,
        Some(tick) if tick < batch.prev_tick => Seen::Behind(tick),
        Some(tick) => Seen::Ahead(tick),
    }
}

fn batch_place(batch: i64) -> String {
    format!("@{batch}")
}

/// Two processes must not do the work of one batch at once; the second sees what the first has committed.
pub async fn lock(transaction: &Transaction<'_>, what: &str) -> Result<()> {
    transaction
        .query_one(
            "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('londiste.client:' || $1::text, 0))",
            &[&what],
        )
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pgq::BatchId;

    #[test]
    fn the_stored_tick_tells_what_is_done() {
        let batch = Batch {
            id: BatchId(1),
            prev_tick: TickId(5),
            tick: TickId(7),
            tick_time: String::new(),
            prev_tick_time: String::new(),
            event_seq: 0,
            lag: Duration::ZERO,
            part: None,
        };
        assert_eq!(judge(None, &batch), Seen::New);
        assert_eq!(judge(Some(TickId(5)), &batch), Seen::New);
        assert_eq!(judge(Some(TickId(7)), &batch), Seen::Done);
        assert_eq!(judge(Some(TickId(4)), &batch), Seen::Behind(TickId(4)));
        assert_eq!(judge(Some(TickId(6)), &batch), Seen::Ahead(TickId(6)));
        assert_eq!(judge(Some(TickId(9)), &batch), Seen::Ahead(TickId(9)));
    }
}
