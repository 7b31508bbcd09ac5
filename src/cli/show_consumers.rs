//! The command `show-consumers`: who writes into a node, and who reads its queue.

use clap::Args;
use serde::Serialize;

use super::admin::Admin;
use crate::error::Result;
use crate::node::info::{load_consumers, load_info};
use crate::node::lag::format_lag;
use crate::sql;

/// Which node.
#[derive(Args, Debug)]
pub struct ConsumersArgs {
    /// Name of the node; the local one if left out
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Record {
    node: String,
    queue: String,
    node_consumers: Vec<NodeConsumer>,
    queue_consumers: Vec<QueueConsumer>,
}

/// One that writes into the node; its position is kept there.
#[derive(Serialize)]
struct NodeConsumer {
    consumer_name: String,
    provider_node: String,
    last_tick: i64,
    paused: bool,
    uptodate: bool,
    error: Option<String>,
}

/// One that reads the node's queue.
#[derive(Serialize)]
struct QueueConsumer {
    consumer_name: String,
    /// The node that reads with it, or whose subtree it stands for.
    node_name: Option<String>,
    last_tick: Option<i64>,
    lag_seconds: Option<f64>,
    last_seen_seconds: Option<f64>,
    pending_events: Option<i64>,
}

pub(super) async fn show_consumers(mut admin: Admin, args: ConsumersArgs) -> Result<()> {
    let queue = admin.queue().to_owned();
    let local = admin.node_info().await?;
    let name = args.node.unwrap_or_else(|| local.node_name.clone());
    let remote;
    let session = if name == local.node_name {
        &*admin.local().await?
    } else {
        remote = admin.member(&name).await?;
        &remote
    };
    load_info(&**session, &queue).await?;
    let node_consumers = load_consumers(&**session, &queue)
        .await?
        .into_iter()
        .map(|c| NodeConsumer {
            consumer_name: c.consumer_name,
            provider_node: c.provider_node,
            last_tick: c.last_tick.0,
            paused: c.paused,
            uptodate: c.uptodate,
            error: c.cur_error.filter(|e| !e.is_empty()),
        })
        .collect();
    let subscribers = session.query(sql::node::LIST_SUBSCRIBERS, &[&queue]).await?;
    let node_of = |consumer: &str| {
        subscribers.iter().find_map(|row| {
            let (node, worker): (&str, &str) = (row.get("node_name"), row.get("worker_name"));
            (worker == consumer || format!(".{node}.watermark") == consumer).then(|| node.to_owned())
        })
    };
    let rows = session
        .query(sql::queue::LIST_CONSUMERS, &[&Some(&queue), &None::<&str>])
        .await?;
    let queue_consumers = rows
        .iter()
        .map(|row| {
            let consumer_name: String = row.get("consumer_name");
            QueueConsumer {
                node_name: node_of(&consumer_name),
                consumer_name,
                last_tick: row.get("last_tick"),
                lag_seconds: row.get("lag"),
                last_seen_seconds: row.get("last_seen"),
                pending_events: row.get("pending_events"),
            }
        })
        .collect();
    let record = Record {
        node: name,
        queue,
        node_consumers,
        queue_consumers,
    };
    if args.json {
        return admin.ui.json(&record);
    }
    print(&admin, &record);
    Ok(())
}

fn print(admin: &Admin, record: &Record) {
    let place = format!("{}@{}", record.node, record.queue);
    let rows: Vec<Vec<String>> = record
        .node_consumers
        .iter()
        .map(|c| {
            let mut state = Vec::new();
            if c.paused {
                state.push("PAUSED".to_owned());
            }
            if !c.uptodate {
                state.push("NOT UPTODATE".to_owned());
            }
            if let Some(error) = &c.error {
                state.push(format!("ERR: {}", error.lines().next().unwrap_or_default()));
            }
            if state.is_empty() {
                state.push("OK".to_owned());
            }
            vec![
                c.consumer_name.clone(),
                c.provider_node.clone(),
                c.last_tick.to_string(),
                state.join(", "),
            ]
        })
        .collect();
    admin.ui.table(
        &format!("Consumers that write into {place}:"),
        &["consumer_name", "provider_node", "last_tick", "state"],
        &rows,
    );
    let number = |n: Option<i64>| n.map_or("-".to_owned(), |n| n.to_string());
    let rows: Vec<Vec<String>> = record
        .queue_consumers
        .iter()
        .map(|c| {
            vec![
                c.consumer_name.clone(),
                c.node_name.clone().unwrap_or_else(|| "-".to_owned()),
                number(c.last_tick),
                format_lag(c.lag_seconds.map(|s| s.max(0.001))),
                format_lag(c.last_seen_seconds.map(|s| s.max(0.001))),
                number(c.pending_events),
            ]
        })
        .collect();
    admin.ui.table(
        &format!("Consumers that read from {place}:"),
        &[
            "consumer_name",
            "node_name",
            "last_tick",
            "lag",
            "last_seen",
            "pending",
        ],
        &rows,
    );
}
