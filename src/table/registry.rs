//! The tables of a node as they are stored in `londiste.table_info`.

use std::collections::HashMap;

use tokio_postgres::{Client, ToStatement};

use super::{TableAttrs, TableState};
use crate::error::Result;
use crate::pgq::{Snapshot, TickId};
use crate::sql;

/// One table that is attached on this node.
#[derive(Debug, Clone)]
pub struct Table {
    /// Global name, `schema.table`, as in events.
    pub name: String,
    /// Local name, `schema.table`; usually the same.
    pub dest: String,
    /// How far it has come.
    pub state: TableState,
    /// Snapshot of its copy on the copy's source: events of transactions it contains are in the rows already.
    pub snapshot: Option<Snapshot>,
    /// Its attributes.
    pub attrs: TableAttrs,
    /// Statements of an unfinished copy that bring back what it dropped.
    pub dropped_ddl: Option<String>,
    /// Position of the copy's consumer, while there is one: the last tick it has replayed.
    pub copy_tick: Option<TickId>,
}

/// Name of the consumer that a table's copy uses (londiste.md 0, point 3).
pub fn copy_consumer(worker: &str, table: &str) -> String {
    format!("{worker}.copy.{table}")
}

/// Loads the attached tables of `queue` by global name; `consumer` is the node's worker.
pub async fn load_tables(client: &Client, queue: &str, consumer: &str) -> Result<HashMap<String, Table>> {
    load_tables_by(client, sql::table::LOAD_TABLES, queue, consumer).await
}

/// The same, with [`sql::table::LOAD_TABLES`] as text or prepared.
pub async fn load_tables_by<S: ToStatement + Sync + ?Sized>(
    client: &Client,
    statement: &S,
    queue: &str,
    consumer: &str,
) -> Result<HashMap<String, Table>> {
    let rows = client.query(statement, &[&queue, &consumer]).await?;
    rows.iter()
        .map(|row| {
            let name: String = row.get("table_name");
            let state = TableState::parse(&name, row.get("merge_state"))?;
            let snapshot = row
                .get::<_, Option<String>>("custom_snapshot")
                .map(|text| text.parse())
                .transpose()?;
            let table = Table {
                dest: row.get("dest_table"),
                state,
                snapshot,
                attrs: TableAttrs::parse(row.get("table_attrs"))?,
                dropped_ddl: row.get("dropped_ddl"),
                copy_tick: row.get::<_, Option<i64>>("copy_tick").map(TickId),
                name: name.clone(),
            };
            Ok((name, table))
        })
        .collect()
}

/// Moves an attached table from state `from` to state `to`, with a snapshot to keep. False, and nothing is changed, when
/// it is not in that state any more: an administrator was faster, and what he asked for must not be lost.
pub async fn store_state(
    client: &Client,
    queue: &str,
    table: &str,
    from: TableState,
    to: TableState,
    snapshot: Option<&Snapshot>,
) -> Result<bool> {
    let moved: bool = client
        .query_one(
            sql::table::STORE_STATE,
            &[
                &queue,
                &table,
                &from.stored(),
                &to.stored(),
                &snapshot.map(Snapshot::to_string),
            ],
        )
        .await?
        .get("moved");
    if moved {
        tracing::debug!("storing state of {table}: new_state:{to}");
    } else {
        tracing::debug!("{table} is no longer {from}, so it does not become {to}");
    }
    Ok(moved)
}
