//! Events that only one node has: those behind the last tick that it shares with the others.

use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::Row;

use crate::error::{Error, Result};
use crate::pg::Session;
use crate::pgq::{Event, Snapshot, TickId, condition};
use crate::sql;

/// An event, and between which ticks it lies.
#[derive(Debug, Clone)]
pub struct LostEvent {
    /// The event; its time is in ISO form.
    pub event: Event,
    /// The tick after it; nothing when no tick has seen it.
    pub tick: Option<TickId>,
    /// The tick before it.
    pub prev_tick: TickId,
}

/// A tick behind the shared one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostTick {
    /// Its id.
    pub id: TickId,
    /// When it was made.
    pub time: String,
}

/// The ticks behind `shared`, and the shared one itself in front.
///
/// # Errors
/// The queue does not have the shared tick.
pub async fn list_ticks(session: &Session, queue: &str, shared: TickId) -> Result<Vec<(LostTick, Snapshot)>> {
    let rows = session
        .query(sql::resurrect::LIST_TICKS, &[&queue, &shared.0])
        .await?;
    let ticks = rows
        .iter()
        .map(|row| {
            let tick = LostTick {
                id: TickId(row.get("tick_id")),
                time: row.get("tick_time"),
            };
            Ok((tick, row.get::<_, String>("snapshot").parse()?))
        })
        .collect::<Result<Vec<_>>>()?;
    if ticks.first().is_none_or(|(tick, _)| tick.id != shared) {
        return Err(
            Error::not_found(format!("queue \"{queue}\" has no tick {shared} any more"))
                .with_hint("drop this node and create it anew"),
        );
    }
    Ok(ticks)
}

/// Shows `visit` all events behind the first of `ticks`, batch by batch, in each by id; then those that no tick has seen.
/// `filter` is an SQL condition on the event columns.
pub async fn visit_events(
    session: &Session,
    queue: &str,
    ticks: &[(LostTick, Snapshot)],
    filter: &str,
    mut visit: impl FnMut(LostEvent) -> Result<()>,
) -> Result<()> {
    let Some(row) = session
        .query_opt(sql::resurrect::FIND_EVENT_TABLE, &[&queue])
        .await?
    else {
        return Err(Error::not_found(format!("there is no queue \"{queue}\"")));
    };
    let table: String = row.get("table_name");
    let ends = ticks[1..].iter().map(Some).chain(std::iter::once(None));
    for ((before, after), end) in ticks.iter().zip(ends) {
        let range = match end {
            Some((_, until)) => condition(after, until),
            None => format!(
                "ev_txid >= {} and not pg_catalog.txid_visible_in_snapshot(ev_txid, '{after}')",
                after.xmin()
            ),
        };
        let sql = format!(
            "select ev_id, to_char(ev_time, 'YYYY-MM-DD\"T\"HH24:MI:SS.USTZH:TZM') as ev_time, ev_txid, ev_retry, ev_type, \
             ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from {table} where {range} and {filter} order by ev_id"
        );
        let nothing: [&str; 0] = [];
        let mut rows = pin!(session.query_raw(&sql, nothing).await?);
        while let Some(row) = rows.try_next().await? {
            visit(LostEvent {
                event: event_of(&row),
                tick: end.map(|(tick, _)| tick.id),
                prev_tick: before.id,
            })?;
        }
    }
    Ok(())
}

fn event_of(row: &Row) -> Event {
    Event {
        id: row.get("ev_id"),
        time: row.get("ev_time"),
        txid: row.get("ev_txid"),
        retry: row.get("ev_retry"),
        ev_type: row.get("ev_type"),
        data: row.get("ev_data"),
        extra1: row.get("ev_extra1"),
        extra2: row.get("ev_extra2"),
        extra3: row.get("ev_extra3"),
        extra4: row.get("ev_extra4"),
    }
}
