//! Reads the facts from all members at once.

use std::time::Duration;

use futures::future::join_all;

use super::facts::{Facts, MergeFacts, NodeFacts};
use crate::error::{Error, ErrorKind, Result};
use crate::node::info::{Member, load_consumers, load_info};
use crate::node::{Dialer, NodeType};
use crate::pg::Session;
use crate::sql;

/// A member that has not answered by then counts as away.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks all `members` that are not dead.
pub async fn survey(queue: &str, local: &str, members: &[Member], dead: &[String], dialer: &Dialer) -> Facts {
    let mut facts = Facts {
        queue: queue.to_owned(),
        local: local.to_owned(),
        ..Facts::default()
    };
    let asked = members.iter().map(async |member| {
        if member.dead || dead.contains(&member.node_name) {
            return (&member.node_name, Err("it is tagged as dead".to_owned()));
        }
        let asking = async {
            let session = dialer.remote(&member.location).await?;
            look(&session, queue, &member.node_name).await
        };
        let answer = tokio::time::timeout(LIMIT, asking).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Timeout,
                format!("no answer within {} s", LIMIT.as_secs()),
            ))
        });
        (
            &member.node_name,
            answer.map_err(|error| format!("it cannot be asked: {}", error.line())),
        )
    });
    for (name, answer) in join_all(asked).await {
        match answer {
            Ok(node) => {
                facts.nodes.insert(name.clone(), node);
            }
            Err(why) => {
                facts.absent.insert(name.clone(), why);
            }
        }
    }
    facts
}

async fn look(session: &Session, queue: &str, name: &str) -> Result<NodeFacts> {
    let info = load_info(&**session, queue)
        .await?
        .ok_or_else(|| Error::not_found(format!("no node of queue \"{queue}\" is at its location")))?;
    if info.node_name != name {
        return Err(Error::refused(format!(
            "its location leads to node \"{}\"",
            info.node_name
        )));
    }
    let range = session
        .query_one(sql::cascade::LOAD_QUEUE_RANGE, &[&queue])
        .await?;
    let range = match info.node_type {
        NodeType::Leaf => None,
        _ => range
            .get::<_, Option<i64>>("first_tick")
            .zip(range.get::<_, Option<i64>>("last_tick")),
    };
    let consumers = load_consumers(&**session, queue)
        .await?
        .into_iter()
        .filter(|consumer| consumer.consumer_name != info.worker_name)
        .map(|c| (c.consumer_name, c.provider_node, c.last_tick.0, c.paused))
        .collect();
    let mut merges = Vec::new();
    for merged in &info.target_for {
        if let Some(leaf) = load_info(&**session, merged).await? {
            merges.push(MergeFacts {
                queue: merged.clone(),
                worker: leaf.worker_name,
                is_paused: leaf.worker_paused,
            });
        }
    }
    let (mut ready_tables, mut unready_tables) = (Vec::new(), Vec::new());
    // A node may be run without tables, by programs that only use the cascade.
    if let Ok(rows) = session.query(sql::table::LIST_TABLES, &[&queue]).await {
        for row in rows.iter().filter(|row| row.get::<_, bool>("local")) {
            let state: Option<String> = row.get("merge_state");
            match state.as_deref() {
                Some("ok") => ready_tables.push(row.get("table_name")),
                _ => unready_tables.push(row.get("table_name")),
            }
        }
    }
    Ok(NodeFacts {
        name: info.node_name,
        kind: info.node_type,
        provider: info.provider_node.unwrap_or_default(),
        worker: info.worker_name,
        is_paused: info.worker_paused,
        tick: info.worker_last_tick.map_or(0, |tick| tick.0),
        queue_range: range,
        consumers,
        merges,
        unready_tables,
        ready_tables,
        can_record: can_record(session).await?,
    })
}

/// Whether plans can be recorded in a database.
pub async fn can_record(session: &Session) -> Result<bool> {
    Ok(session
        .query_one(sql::cascade::HAS_PLAN_TABLE, &[])
        .await?
        .get("there"))
}
