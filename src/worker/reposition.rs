//! `--rewind` and `--reset`: bring the provider's idea of the position and the node's own one together by hand
//! (londiste.md 7.9). The worker must not run meanwhile: both take its session lock.

use super::node_state::{Duty, NodeState};
use crate::cascade::go_back::{Place, go_back};
use crate::config::londiste::LondisteConfig;
use crate::consumer::{Reader, take_session_lock};
use crate::copy::remote_info;
use crate::error::{Error, ErrorKind, Result};
use crate::node::call;
use crate::node::stream::StreamIdentity;
use crate::pg::{AppName, ConnInfo, Session};
use crate::pgq::TickId;
use crate::sql;

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
                let place = Place {
                    queue,
                    node: &node.name,
                    worker: consumer,
                    provider: &node.provider,
                    is_branch: node.duty == Duty::Branch,
                    tick: node.completed,
                };
                let tick = go_back(&mut local, &place, &divergence, at_provider).await?;
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
