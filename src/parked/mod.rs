//! Events that could not be applied and were put aside, so that the others go on (`on_error = park`).
//!
//! Promise: a row has its changes in order or not at all. While an event of a row is parked, later events of that row
//! are parked behind it; `londiste parked --retry` applies them in the order in which they came. What is parked is
//! written in the transaction of its batch.

mod attempt;
mod one;
mod retry;
mod row_key;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::{Client, GenericClient, Row};

pub use attempt::Failure;
pub use retry::{Retried, retry_parked};
pub use row_key::RowKey;
use row_key::canonical;

use crate::apply::{Applier, Target};
use crate::config::on_error::OnError;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Session;
use crate::pgq::{Event, TickId};
use crate::sql;
use crate::table::Table;

/// Whether an event that failed so may be put aside: its rows and tables are to blame, not the server or the connection.
pub fn is_parkable(error: &Error) -> bool {
    match error.sqlstate() {
        // Data exception, integrity constraint, missing or forbidden object, raised by a trigger, row security.
        Some(code) => ["22", "23", "42", "44", "P0"]
            .iter()
            .any(|class| code.starts_with(class)),
        None => matches!(error.kind(), ErrorKind::Database | ErrorKind::NotFound),
    }
}

/// What the database says of parking, as of one batch.
#[derive(Debug, Default)]
pub struct Parking {
    // Whether the database has the tables for it.
    available: bool,
    default: OnError,
    policies: HashMap<String, OnError>,
    // Rows with parked events, of tables that have any.
    blocked: HashMap<String, Blocked>,
    // Local tables whose events may be parked.
    parkable: HashSet<String>,
    // Local tables that have an event in this batch that cannot be applied.
    careful: HashSet<String>,
    // What this batch has put aside: how many events of which table, and the first reason.
    parked_now: BTreeMap<String, (u64, String)>,
}

#[derive(Debug, Default)]
struct Blocked {
    // Says which texts are one key; without it those that are equal.
    target: Option<Arc<Target>>,
    rows: HashMap<Vec<u8>, i64>,
    // An event that names no row stands in the way of all that follow.
    all: Option<i64>,
}

impl Parking {
    /// Looks whether the database has the tables for it.
    pub async fn detect(client: &Client) -> Result<Self> {
        Ok(Self {
            available: is_available(client).await?,
            ..Self::default()
        })
    }

    /// Reads what [`Parking::load`] needs, inside the transaction of a batch.
    pub async fn read(&self, local: &Session, queue: &str) -> Result<Vec<Row>> {
        if !self.available {
            return Ok(Vec::new());
        }
        let load = local.prepared(sql::parked::LOAD_POLICIES).await?;
        Ok(local.query(&load, &[&queue]).await?)
    }

    /// Begins a batch with what was read; `default` is what the job file says.
    pub async fn load(
        &mut self,
        client: &Client,
        applier: &mut Applier,
        (queue, policies): (&str, &[Row]),
        default: OnError,
        tables: &HashMap<String, Table>,
    ) -> Result<()> {
        self.default = default;
        self.policies.clear();
        self.blocked.clear();
        self.parkable.clear();
        self.parked_now.clear();
        if !self.available {
            return Ok(());
        }
        for row in policies {
            let table: String = row.get("table_name");
            if let Some(policy) = row.get::<_, Option<&str>>("on_error") {
                self.policies.insert(table.clone(), policy.parse()?);
            }
            if row.get("is_parked") {
                let mut blocked = Blocked::default();
                if let Some(table) = tables.get(&table) {
                    blocked.target = applier.target(client, &table.dest).await.ok();
                }
                blocked.load(client, queue, &table).await?;
                self.blocked.insert(table, blocked);
            }
        }
        let parkable = tables
            .values()
            .filter(|table| self.policy(&table.name) == OnError::Park)
            .map(|table| table.dest.clone());
        self.parkable = parkable.collect();
        Ok(())
    }

    /// What to do when an event of the table cannot be applied.
    pub fn policy(&self, table: &str) -> OnError {
        match self.policies.get(table) {
            Some(policy) => *policy,
            None if self.available => self.default,
            None => OnError::Stop,
        }
    }

    /// Whether each event of the table must be looked at by itself: some are parked, or one has just failed.
    pub fn is_careful(&self, table: &Table) -> bool {
        self.blocked.contains_key(&table.name) || self.careful.contains(&table.dest)
    }

    /// Whether the batch can be tried again with each event of the local table `dest`, of which one has failed with
    /// `error`, looked at by itself.
    pub fn takes_care(&mut self, dest: Option<String>, error: &Error) -> bool {
        match dest {
            Some(dest) if is_parkable(error) && self.parkable.contains(&dest) => self.careful.insert(dest),
            _ => false,
        }
    }

    /// The batch is over.
    pub fn end(&mut self) {
        self.careful.clear();
        for (table, (count, reason)) in std::mem::take(&mut self.parked_now) {
            tracing::warn!("{table}: {count} event(s) were put aside (londiste parked): {reason}");
        }
    }

    /// Events that this batch has put aside.
    pub fn count_now(&self) -> u64 {
        self.parked_now.values().map(|(count, _)| count).sum()
    }

    /// The parked event that stands before this one, if any.
    pub fn blocker(&self, table: &str, event: &Event) -> Option<i64> {
        self.blocked.get(table)?.blocker(&RowKey::of(event))
    }

    /// Puts an event aside.
    pub async fn park(
        &mut self,
        client: &Client,
        (queue, table): (&str, &str),
        target: Option<Arc<Target>>,
        tick: TickId,
        (event, why): (&Event, &Error),
    ) -> Result<()> {
        let key = RowKey::of(event);
        let (sqlstate, reason) = (why.sqlstate(), why.line());
        client
            .execute(
                sql::parked::PARK_EVENT,
                &[
                    &queue,
                    &table,
                    &tick.0,
                    &key.text(),
                    &event.id,
                    &event.time,
                    &event.txid,
                    &event.ev_type,
                    &event.data,
                    &event.extra1,
                    &event.extra2,
                    &event.extra3,
                    &event.extra4,
                    &sqlstate,
                    &reason,
                ],
            )
            .await?;
        self.blocked
            .entry(table.to_owned())
            .or_insert_with(|| Blocked {
                target,
                ..Blocked::default()
            })
            .add(&key, event.id);
        self.parked_now
            .entry(table.to_owned())
            .or_insert_with(|| (0, reason))
            .0 += 1;
        Ok(())
    }

    /// Forgets the parked events of a table that was emptied.
    pub async fn forget(&mut self, client: &Client, queue: &str, table: &str) -> Result<()> {
        if self.available && self.blocked.remove(table).is_some() {
            client
                .execute(sql::parked::FORGET_TABLE, &[&queue, &table])
                .await?;
        }
        Ok(())
    }

    /// Adds updates and deletes that found no row.
    pub async fn add_drift(
        &self,
        client: &Client,
        (queue, table): (&str, &str),
        rows: u64,
        tick: TickId,
    ) -> Result<()> {
        if self.available && rows > 0 {
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            client
                .execute(sql::parked::ADD_DRIFT, &[&queue, &table, &rows, &tick.0])
                .await?;
        }
        Ok(())
    }
}

/// Whether the database has the tables for parked events.
pub async fn is_available(client: &impl GenericClient) -> Result<bool> {
    Ok(client.query_one(sql::parked::DETECT, &[]).await?.get("available"))
}

/// Forgets the parked events and the drift of a table that is copied anew, or leaves the node.
pub async fn forget_table(client: &impl GenericClient, queue: &str, table: &str) -> Result<()> {
    if is_available(client).await? {
        client
            .execute(sql::parked::FORGET_TABLE, &[&queue, &table])
            .await?;
    }
    Ok(())
}

impl Blocked {
    async fn load(&mut self, client: &Client, queue: &str, table: &str) -> Result<()> {
        for row in client.query(sql::parked::LOAD_ROWS, &[&queue, &table]).await? {
            self.add(&RowKey::stored(row.get("row_key")), row.get("ev_id"));
        }
        Ok(())
    }

    fn add(&mut self, key: &RowKey, event: i64) {
        match key {
            RowKey::Row(key) => {
                let form = canonical(key, self.target.as_deref());
                self.rows.entry(form).or_insert(event);
            }
            RowKey::Unknown => {
                self.all.get_or_insert(event);
            }
            RowKey::New => {}
        }
    }

    fn blocker(&self, key: &RowKey) -> Option<i64> {
        match key {
            RowKey::Row(key) => {
                let form = canonical(key, self.target.as_deref());
                self.rows.get(&form).copied().or(self.all)
            }
            // It may concern any row.
            RowKey::Unknown => self.all.or_else(|| self.rows.values().min().copied()),
            RowKey::New => self.all,
        }
    }
}

/// The reason of an event that is parked behind another one.
pub fn behind(blocker: i64) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!("waits for event {blocker} of the same row, which is parked"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::{KeyKind, TargetColumn};

    #[test]
    fn a_row_waits_for_its_own_events_only() {
        let mut blocked = Blocked::default();
        blocked.add(&RowKey::Row("id=1".to_owned()), 7);
        assert_eq!(blocked.blocker(&RowKey::Row("id=1".to_owned())), Some(7));
        assert_eq!(blocked.blocker(&RowKey::Row("id=2".to_owned())), None);
        assert_eq!(blocked.blocker(&RowKey::Unknown), Some(7));
        assert_eq!(blocked.blocker(&RowKey::New), None);
        blocked.add(&RowKey::Unknown, 9);
        assert_eq!(blocked.blocker(&RowKey::Row("id=2".to_owned())), Some(9));
        assert_eq!(blocked.blocker(&RowKey::New), Some(9));
    }

    #[test]
    fn one_row_has_one_key_whatever_its_text_is() {
        let column = TargetColumn {
            key: KeyKind::of(1700, -1, false, true),
            ..TargetColumn::default()
        };
        let mut blocked = Blocked {
            target: Some(Arc::new(Target {
                columns: [("id".to_owned(), column)].into(),
                ..Target::default()
            })),
            ..Blocked::default()
        };
        blocked.add(&RowKey::Row("id=1.0".to_owned()), 7);
        assert_eq!(blocked.blocker(&RowKey::Row("id=1.00".to_owned())), Some(7));
        assert_eq!(blocked.blocker(&RowKey::Row("id=1.01".to_owned())), None);
        blocked.add(&RowKey::Row("id=NaN".to_owned()), 8);
        assert_eq!(blocked.blocker(&RowKey::Row("id=NaN".to_owned())), Some(8));
    }

    #[test]
    fn only_what_rows_and_tables_are_to_blame_for_is_parked() {
        let database = Error::new(ErrorKind::Database, "no such column");
        assert!(is_parkable(&database));
        assert!(!is_parkable(&Error::new(ErrorKind::Connection, "gone")));
        assert!(!is_parkable(&Error::interrupted()));
    }
}
