//! Takes a node back to the last tick that it shares with its provider.

use tracing::{info, warn};

use crate::error::{Error, Result};
use crate::node::call;
use crate::node::stream::Divergence;
use crate::pg::Session;
use crate::pgq::TickId;
use crate::sql;
use crate::table::copy_all_anew;

/// The node as it stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The node.
    pub node: &'a str,
    /// Its worker.
    pub worker: &'a str,
    /// Who has another history.
    pub provider: &'a str,
    /// Whether it has a queue of its own.
    pub is_branch: bool,
    /// Its position.
    pub tick: TickId,
}

/// Takes the node back to the last tick that it shares with its provider, in one transaction: its position, its queue,
/// and the state of tables whose rows are of the history that is gone. If the process dies after it, the worker finds
/// the node behind its provider's idea of it, and reads again from there by itself.
pub async fn go_back(
    local: &mut Session,
    place: &Place<'_>,
    divergence: &Divergence,
    at_provider: TickId,
) -> Result<TickId> {
    let (queue, consumer) = (place.queue, place.worker);
    warn!("{}", divergence.error(place.provider).line());
    // Without a common tick it does not matter where the node begins: all tables are copied anew.
    let tick = divergence.last_same.unwrap_or(at_provider);
    let transaction = local.transaction().await?;
    let position: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&queue, &consumer, &tick.0];
    let rows = transaction
        .query(sql::worker::LIST_TOUCHED_TABLES, position)
        .await?;
    let tables: Vec<String> = rows.iter().map(|row| row.get("table_name")).collect();
    let certain = rows.first().is_none_or(|row| row.get("certain"));
    copy_all_anew(&transaction, queue, &tables).await?;
    let sql = "select * from pgq_node.set_consumer_completed($1, $2, $3)";
    call(&transaction, None, sql, position).await?;
    transaction.execute(sql::worker::FORGET_TRAIL, position).await?;
    if place.is_branch {
        let cut = transaction
            .query_one(sql::worker::CUT_QUEUE, &[&queue, &tick.0])
            .await
            .map_err(|error| {
                Error::from(error).with_hint("if that tick is gone, drop this node and create it anew")
            })?;
        warn!(
            "node {}: {} events and {} ticks behind tick {tick} removed from its queue",
            place.node,
            cut.get::<_, i64>("event_count"),
            cut.get::<_, i64>("tick_count"),
        );
        if let Some(consumers) = cut.get::<_, Option<Vec<String>>>("consumers") {
            warn!(
                "readers of this node that were moved back to tick {tick}: {}; nodes below have to be rewound, too",
                consumers.join(", ")
            );
        }
    }
    transaction.commit().await?;
    warn!(
        "node {}: moved back from tick {} to {tick}",
        place.node, place.tick
    );
    if tables.is_empty() {
        info!("no table of this node has changed since tick {tick}");
    } else if certain {
        warn!(
            "tables that have changed since, to be copied anew: {}",
            tables.join(", ")
        );
    } else {
        warn!(
            "it is not known any more which tables have changed since, so all are copied anew: {}",
            tables.join(", ")
        );
    }
    Ok(tick)
}
