//! `--rewind` and `--reset`: bring the provider's idea of the position and the node's own one together by hand
//! (londiste.md 7.9). The worker must not run meanwhile: both take its session lock.

use super::node_state::{Duty, NodeState};
use super::stream::{Divergence, StreamIdentity};
use crate::config::londiste::LondisteConfig;
use crate::consumer::{Reader, take_session_lock};
use crate::copy::remote_info;
use crate::error::{Error, ErrorKind, Result};
use crate::node::call;
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::TickId;
use crate::sql;
use crate::table::copy_all_anew;

/// Which side gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reposition {
    /// The provider's position is put where the node is: nothing is lost, nothing is skipped. Where the provider has
    /// another history, both go back to the last tick that they share.
    Rewind,
    /// The node's position is put where the provider thinks it is: what lies between is skipped or applied again.
    Reset,
}

/// Moves one of the two positions; returns the tick at which both stand now.
///
/// # Errors
/// [`ErrorKind::Busy`] while a worker is connected; on a root there is nothing to move.
pub async fn reposition(config: &LondisteConfig, which: Reposition) -> Result<TickId> {
    let (queue, consumer) = (config.queue_name.as_str(), config.consumer_name.as_str());
    let app = AppName::new("admin", "", queue);
    let mut local = Session::connect(&ConnInfo::parse(&config.db)?, &app).await?;
    let node = NodeState::load(&local, queue, consumer).await?;
    if node.duty == Duty::Root {
        return Err(Error::refused(format!(
            "node \"{}\" is the root: it reads from nobody",
            node.name
        )));
    }
    if let Some(holder) = take_session_lock(&local, queue, consumer).await? {
        return Err(Error::new(
            ErrorKind::Busy,
            format!("the worker of node \"{}\" is running", node.name),
        )
        .with_detail(holder)
        .with_hint("stop it first: londiste worker -s"));
    }
    let info = remote_info(config, &node.provider_location)?;
    let reader = Reader::connect(&info, &app, queue, consumer).await?;
    let at_provider = reader
        .session()
        .query_opt(
            "select last_tick from pgq.get_consumer_info($1, $2)",
            &[&queue, &consumer],
        )
        .await?
        .and_then(|row| row.get::<_, Option<i64>>(0))
        .map(TickId);
    let Some(at_provider) = at_provider else {
        return Err(Error::not_found(format!(
            "consumer \"{consumer}\" is not registered on provider \"{}\"",
            node.provider
        ))
        .with_hint(
            "drop this node and create it anew, or register it there with pgq_node.register_subscriber",
        ));
    };
    match which {
        Reposition::Rewind => {
            let identity = StreamIdentity::detect(&local).await?;
            let provider = reader.session();
            if let Some(divergence) = identity
                .find_divergence(&local, provider, queue, consumer)
                .await?
            {
                let tick = go_back(&mut local, config, &node, &divergence, at_provider).await?;
                reader.reposition(tick).await?;
                return Ok(tick);
            }
            reader.reposition(node.completed).await.map_err(|error| {
                error.with_hint("the provider has removed that tick: drop this node and create it anew")
            })?;
            tracing::info!(
                "provider {}: consumer {consumer} moved from tick {at_provider} to {}",
                node.provider,
                node.completed
            );
            Ok(node.completed)
        }
        Reposition::Reset => {
            let sql = "select * from pgq_node.set_consumer_completed($1, $2, $3)";
            let transaction = local.transaction().await?;
            call(&transaction, None, sql, &[&queue, &consumer, &at_provider.0]).await?;
            if has_trail(&transaction).await? {
                let known: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
                    &[&queue, &consumer, &at_provider.0];
                transaction.execute(sql::worker::FORGET_TRAIL, known).await?;
            }
            transaction.commit().await?;
            tracing::warn!(
                "node {}: moved from tick {} to {at_provider}; compare its tables",
                node.name,
                node.completed
            );
            Ok(at_provider)
        }
    }
}

async fn has_trail(client: &impl tokio_postgres::GenericClient) -> Result<bool> {
    let sql = "select pg_catalog.to_regclass('londiste_rs.stream_trail') is not null";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// Takes the node back to the last tick that it shares with its provider, in one transaction: its position, its queue,
/// and the state of tables whose rows are of the history that is gone. If the process dies after it, the worker finds
/// the node behind its provider's idea of it, and reads again from there by itself.
async fn go_back(
    local: &mut Session,
    config: &LondisteConfig,
    node: &NodeState,
    divergence: &Divergence,
    at_provider: TickId,
) -> Result<TickId> {
    let (queue, consumer) = (config.queue_name.as_str(), config.consumer_name.as_str());
    tracing::warn!("{}", divergence.error(&node.provider).line());
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
    if node.duty == Duty::Branch {
        let cut = transaction
            .query_one(sql::worker::CUT_QUEUE, &[&queue, &tick.0])
            .await
            .map_err(|error| {
                Error::from(error).with_hint("if that tick is gone, drop this node and create it anew")
            })?;
        tracing::warn!(
            "node {}: {} events and {} ticks behind tick {tick} removed from its queue",
            node.name,
            cut.get::<_, i64>("event_count"),
            cut.get::<_, i64>("tick_count"),
        );
        if let Some(consumers) = cut.get::<_, Option<Vec<String>>>("consumers") {
            tracing::warn!(
                "readers of this node that were moved back to tick {tick}: {}; nodes below have to be rewound, too",
                consumers.join(", ")
            );
        }
    }
    transaction.commit().await?;
    tracing::warn!(
        "node {}: moved back from tick {} to {tick}",
        node.name,
        node.completed
    );
    if tables.is_empty() {
        tracing::info!("no table of this node has changed since tick {tick}");
    } else if certain {
        tracing::warn!(
            "tables that have changed since, to be copied anew: {}",
            tables.join(", ")
        );
    } else {
        tracing::warn!(
            "it is not known any more which tables have changed since, so all are copied anew: {}",
            tables.join(", ")
        );
    }
    Ok(tick)
}
