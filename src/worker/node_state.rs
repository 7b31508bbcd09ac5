//! What a worker knows of its node: one query, read at the start, on every wake-up by an administrator, and at least
//! every half second.

use tokio_postgres::Client;

use crate::error::{Error, ErrorKind, Result};
use crate::pgq::{TickId, urldict};
use crate::sql;

/// The duties of a worker follow from this (cascade.md 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Publishes watermarks and sequences; reads nothing.
    Root,
    /// Applies, copies the events into its own queue, makes the same ticks.
    Branch,
    /// Applies.
    Leaf,
    /// Applies and copies the events into the combined queue, which is a root here.
    MergeIntoRoot,
    /// Waits behind the combined queue, which is a branch here; handles only administrative events.
    MergeIntoBranch,
}

impl Duty {
    /// Whether row changes are applied.
    pub fn applies(self) -> bool {
        matches!(self, Self::Branch | Self::Leaf | Self::MergeIntoRoot)
    }
}

/// The node as its database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// What to do.
    pub duty: Duty,
    /// Name of the node.
    pub name: String,
    /// Combined queue of a merge leaf.
    pub combined_queue: Option<String>,
    /// Last tick whose work is committed here.
    pub completed: TickId,
    /// Node that the worker reads from.
    pub provider: String,
    /// Its connection string.
    pub provider_location: String,
    /// An administrator asked for a pause.
    pub paused: bool,
    /// The worker has seen the present state.
    pub uptodate: bool,
    /// A stored error of an earlier pass.
    pub has_error: bool,
    /// Newest tick of the local queue; none on a leaf.
    pub queue_top: Option<TickId>,
    /// Lowest tick that this node and everything below it still needs.
    pub local_watermark: Option<TickId>,
    /// Tick that all nodes have passed, as this one was told; none on a leaf.
    pub global_watermark: Option<TickId>,
    /// Nodes with which a branch agrees on what to keep, instead of following the root.
    pub sync_nodes: Vec<String>,
}

impl NodeState {
    /// Loads the state.
    ///
    /// # Errors
    /// When the queue has no node here, or the node has no worker of this name.
    pub async fn load(client: &Client, queue: &str, consumer: &str) -> Result<Self> {
        let row = client
            .query_one(sql::worker::LOAD_NODE, &[&queue, &consumer])
            .await
            .map_err(|error| {
                let missing = error
                    .code()
                    .is_some_and(|code| matches!(code.code(), "42P01" | "3F000" | "42883"));
                let error = Error::from(error);
                if missing {
                    error.with_hint(
                        "this database is no node yet: londiste create-root, create-branch or create-leaf",
                    )
                } else {
                    error
                }
            })?;
        if row.get::<_, i32>("ret_code") >= 300 {
            return Err(
                Error::not_found(format!("queue \"{queue}\" has no node in this database"))
                    .with_detail(row.get::<_, String>("ret_note"))
                    .with_hint("make the node first: londiste create-root, create-branch or create-leaf"),
            );
        }
        let name: String = row.get("node_name");
        if row
            .get::<_, Option<i32>>("state_code")
            .is_none_or(|code| code >= 300)
        {
            let worker: Option<String> = row.get("worker_name");
            return Err(
                Error::not_found(format!("node \"{name}\" has no consumer \"{consumer}\""))
                    .with_detail(format!(
                        "the worker of this node is called \"{}\"",
                        worker.unwrap_or_default()
                    ))
                    .with_hint("set job_name (or consumer_name) in the job file to that name"),
            );
        }
        let node_type: String = row.get("node_type");
        let combined_type: Option<String> = row.get("combined_type");
        let duty = match (node_type.as_str(), combined_type.as_deref()) {
            ("root", None) => Duty::Root,
            ("branch", None) => Duty::Branch,
            ("leaf", None) => Duty::Leaf,
            ("leaf", Some("root")) => Duty::MergeIntoRoot,
            ("leaf", Some("branch")) => Duty::MergeIntoBranch,
            (node_type, combined) => {
                return Err(Error::new(
                    ErrorKind::Refused,
                    format!("node \"{name}\" has an impossible kind: {node_type}, combined {combined:?}"),
                ));
            }
        };
        Ok(Self {
            duty,
            combined_queue: row.get("combined_queue"),
            completed: TickId(row.get("completed_tick")),
            provider: row.get("provider_node"),
            provider_location: row.get("provider_location"),
            paused: row.get("paused"),
            uptodate: row.get("uptodate"),
            has_error: row.get::<_, Option<String>>("cur_error").is_some(),
            queue_top: row.get::<_, Option<i64>>("queue_top").map(TickId),
            local_watermark: row.get::<_, Option<i64>>("local_watermark").map(TickId),
            global_watermark: row.get::<_, Option<i64>>("global_watermark").map(TickId),
            sync_nodes: sync_nodes(row.get::<_, Option<&str>>("node_attrs").unwrap_or_default())?,
            name,
        })
    }
}

/// The attribute `sync_watermark`.
fn sync_nodes(attrs: &str) -> Result<Vec<String>> {
    let pairs = urldict::decode(attrs).map_err(|error| error.context("attributes of this node"))?;
    let value = pairs
        .into_iter()
        .find_map(|(name, value)| value.filter(|_| name == "sync_watermark"));
    let nodes = value.unwrap_or_default();
    Ok(nodes
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_a_group_are_listed() {
        assert_eq!(sync_nodes("").unwrap(), Vec::<String>::new());
        assert_eq!(
            sync_nodes("other=1&sync_watermark=a%2c+b%2C%2cc").unwrap(),
            ["a", "b", "c"]
        );
        assert_eq!(sync_nodes("sync_watermark").unwrap(), Vec::<String>::new());
    }
}
