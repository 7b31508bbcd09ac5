//! The tables of a node as they are stored in `londiste.table_info`.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::{TableAttrs, TableState};
use crate::error::{Error, Result};
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
    let rows = client
        .query(sql::table::LOAD_TABLES, &[&queue, &consumer])
        .await?;
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

/// Stores state and snapshot of an attached table.
///
/// # Errors
/// When the table is not attached any more (removed meanwhile).
pub async fn store_state(
    client: &Client,
    queue: &str,
    table: &str,
    state: TableState,
    snapshot: Option<&Snapshot>,
) -> Result<()> {
    let row = client
        .query_one(
            "select ret_code, ret_note from londiste.local_set_table_state($1, $2, $3, $4)",
            &[
                &queue,
                &table,
                &snapshot.map(Snapshot::to_string),
                &state.stored(),
            ],
        )
        .await?;
    let (code, note): (i32, String) = (row.get(0), row.get(1));
    if code >= 300 {
        return Err(Error::not_found(format!(
            "state of table \"{table}\" cannot be stored: {note}"
        )));
    }
    tracing::debug!("storing state of {table}: new_state:{state}");
    Ok(())
}
