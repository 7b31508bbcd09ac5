//! Events that change the registry or the map of nodes: `pgq.*` and `londiste.*` (cascade.md 3, londiste.md 6.1).

use tokio_postgres::Client;

use super::{Duty, NodeState};
use crate::config::londiste::LondisteConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::node::call_quietly;
use crate::node::stream::StreamIdentity;
use crate::pgq::{Event, TickId};

/// Whether the event is handled here.
pub fn is_administrative(event: &Event) -> bool {
    event.kind().starts_with("pgq.") || event.kind().starts_with("londiste.")
}

/// Acts on one event inside the transaction of its batch. Returns true when the registry of tables changed.
///
/// # Errors
/// An event of an unknown type, or one that belongs to another queue.
pub async fn handle(
    client: &Client,
    config: &LondisteConfig,
    node: &NodeState,
    identity: &StreamIdentity,
    event: &Event,
) -> Result<bool> {
    let queue = config.queue_name.as_str();
    let data = event.data.as_deref().unwrap_or("");
    let extra1 = event.extra1.as_deref().unwrap_or("");
    let kind = event.kind();
    if kind.starts_with("pgq.") && (extra1 == queue) == (kind == "pgq.tick-id") {
        return Err(stray(event, &format!("it belongs to queue \"{extra1}\"")));
    }
    let number = || {
        data.parse::<i64>()
            .map_err(|_| stray(event, &format!("\"{data}\" is no number")))
    };
    match kind {
        "pgq.location-info" => {
            let dead = event.extra3.as_deref() == Some("true");
            let sql = "select * from pgq_node.register_location($1, $2, $3, $4)";
            call_quietly(client, None, sql, &[&queue, &data, &event.extra2, &dead]).await?;
        }
        "pgq.unregister-location" => {
            let sql = "select * from pgq_node.unregister_location($1, $2)";
            match call_quietly(client, None, sql, &[&queue, &data]).await {
                // Itself, or its provider: dropped once, and created anew before this node came by here. Should it be gone
                // for good, the next look at the provider says so.
                Err(error) if error.kind() == ErrorKind::Refused => {
                    tracing::info!("node {data} was dropped at this point; it is there again, so it is kept");
                }
                other => drop(other?),
            }
        }
        "pgq.global-watermark" => {
            // Ancestor: a leaf keeps no queue, so the watermark means nothing to it. A branch of a group has its own.
            if node.duty == Duty::Branch && node.sync_nodes.is_empty() {
                let sql = "select * from pgq_node.set_global_watermark($1, $2)";
                call_quietly(client, None, sql, &[&queue, &number()?]).await?;
            }
        }
        "pgq.tick-id" => {
            if node.duty == Duty::Branch {
                let sql = "select * from pgq_node.set_partition_watermark($1, $2, $3)";
                let tick = number()?;
                call_quietly(client, None, sql, &[&queue, &extra1, &tick]).await?;
                // An ancestor's worker does not describe the tick.
                if let (Some(time), Some(Ok(event_seq))) =
                    (&event.extra2, event.extra3.as_deref().map(str::parse))
                {
                    identity
                        .store_partition(client, (queue, extra1), TickId(tick), time, event_seq)
                        .await?;
                }
            }
        }
        "londiste.add-table" => {
            if is_registered(data, &config.register_only_tables, &config.register_skip_tables) {
                call_quietly(
                    client,
                    None,
                    "select * from londiste.global_add_table($1, $2)",
                    &[&queue, &data],
                )
                .await?;
            }
        }
        "londiste.remove-table" => {
            let attached =
                "select from londiste.table_info where queue_name = $1 and table_name = $2 and local";
            if client.query_opt(attached, &[&queue, &data]).await?.is_some() {
                tracing::info!("{data}: removed from the queue on the root; detached here, its rows stay");
            }
            call_quietly(
                client,
                None,
                "select * from londiste.global_remove_table($1, $2)",
                &[&queue, &data],
            )
            .await
            .map(drop)
            .or_else(not_there)?;
            return Ok(true);
        }
        "londiste.update-seq" => {
            if is_registered(extra1, &config.register_only_seqs, &config.register_skip_seqs) {
                let sql = "select * from londiste.global_update_seq($1, $2, $3)";
                let tick = number()?;
                call_quietly(client, None, sql, &[&queue, &extra1, &tick]).await?;
                // An ancestor's worker does not describe the tick.
                if let (Some(time), Some(Ok(event_seq))) =
                    (&event.extra2, event.extra3.as_deref().map(str::parse))
                {
                    identity
                        .store_partition(client, (queue, extra1), TickId(tick), time, event_seq)
                        .await?;
                }
            }
        }
        "londiste.remove-seq" => {
            call_quietly(
                client,
                None,
                "select * from londiste.global_remove_seq($1, $2)",
                &[&queue, &data],
            )
            .await
            .map(drop)
            .or_else(not_there)?;
        }
        _ => return Err(stray(event, "this type is not known")),
    }
    Ok(false)
}

/// Removing what is not there is done already.
fn not_there(error: Error) -> Result<()> {
    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Refused) {
        tracing::debug!("{}", error.line());
        Ok(())
    } else {
        Err(error)
    }
}

fn is_registered(name: &str, only: &[String], skip: &[String]) -> bool {
    (only.is_empty() || only.iter().any(|n| n == name)) && !skip.iter().any(|n| n == name)
}

fn stray(event: &Event, why: &str) -> Error {
    Error::refused(format!(
        "event {} of type \"{}\" cannot be handled",
        event.id,
        event.kind()
    ))
    .with_detail(why)
}
