//! Applying parked events once more.

use std::collections::{HashMap, HashSet};

use tokio_postgres::{Client, Row};

use super::{Blocked, RowKey, behind, is_parkable};
use crate::apply::{Applier, RowText};
use crate::error::{Error, Result};
use crate::pgq::Event;
use crate::sql;

/// What became of the events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Retried {
    /// Applied, and no longer parked.
    pub applied: usize,
    /// Still parked.
    pub parked: usize,
}

/// Applies the parked events `rows` (of [`sql::parked::LIST_PARKED`], in order) to the tables that `dests` names, each on
/// its own: one that fails stays parked with its new reason, and so do the events of the same row behind it. Runs inside
/// the caller's transaction, which must hold the position of the node's worker and be in replica role.
pub async fn retry_parked(
    client: &Client,
    queue: &str,
    dests: &HashMap<String, String>,
    rows: &[Row],
) -> Result<Retried> {
    let chosen: HashSet<i64> = rows.iter().map(|row| row.get("park_id")).collect();
    let mut applier = Applier::default();
    let mut blocked: HashMap<String, Blocked> = HashMap::new();
    let mut retried = Retried::default();
    // Events that were not chosen stay, and those behind them must stay, too.
    let all: Option<Vec<String>> = None;
    let nothing: Option<i64> = None;
    for row in client
        .query(sql::parked::LIST_PARKED, &[&queue, &all, &nothing, &nothing])
        .await?
    {
        let (park_id, table): (i64, String) = (row.get("park_id"), row.get("table_name"));
        let key = RowKey::stored(row.get("row_key"));
        if !blocked.contains_key(&table) {
            let mut stands = Blocked::default();
            if let Some(dest) = dests.get(&table) {
                stands.target = applier.target(client, dest).await.ok();
            }
            blocked.insert(table.clone(), stands);
        }
        let stands = blocked.entry(table.clone()).or_default();
        let event = parked_event(&row);
        if !chosen.contains(&park_id) {
            stands.add(&key, event.id);
            continue;
        }
        let failure = match (stands.blocker(&key), dests.get(&table)) {
            (Some(blocker), _) => Some(behind(blocker)),
            (None, None) => Some(Error::not_found(format!(
                "table \"{table}\" is not attached on this node"
            ))),
            (None, Some(dest)) => {
                client.batch_execute("savepoint parked").await?;
                let applied = async {
                    applier.row_change(client, dest, RowText::of(&event)).await?;
                    applier.flush(client).await
                };
                match applied.await {
                    Ok(()) => {
                        client.batch_execute("release savepoint parked").await?;
                        None
                    }
                    Err(error) if is_parkable(&error) => {
                        applier.forget_target(dest);
                        client
                            .batch_execute("rollback to savepoint parked; release savepoint parked")
                            .await?;
                        Some(error)
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        match failure {
            None => {
                client.execute(sql::parked::DELETE_EVENT, &[&park_id]).await?;
                retried.applied += 1;
            }
            Some(error) => {
                stands.add(&key, event.id);
                client
                    .execute(
                        sql::parked::FAIL_AGAIN,
                        &[&park_id, &error.sqlstate(), &error.line()],
                    )
                    .await?;
                retried.parked += 1;
            }
        }
    }
    Ok(retried)
}

fn parked_event(row: &Row) -> Event {
    Event {
        id: row.get("ev_id"),
        time: row.get("ev_time"),
        txid: row.get("ev_txid"),
        retry: None,
        ev_type: row.get("ev_type"),
        data: row.get("ev_data"),
        extra1: row.get("ev_extra1"),
        extra2: row.get("ev_extra2"),
        extra3: row.get("ev_extra3"),
        extra4: row.get("ev_extra4"),
    }
}
