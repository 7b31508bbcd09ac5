//! The facts of one node, typed, and the lists that a node keeps about others.

use std::fmt;

use tokio_postgres::{GenericClient, Row};

use crate::error::{Error, Result};
use crate::pgq::TickId;
use crate::sql;

/// What a node does with the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeType {
    /// Events are born here.
    Root,
    /// Has a full copy of the queue and may feed others.
    Branch,
    /// Only applies.
    Leaf,
}

impl NodeType {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Branch => "branch",
            Self::Leaf => "leaf",
        }
    }

    /// The type behind a stored word.
    pub fn parse(word: &str) -> Result<Self> {
        match word {
            "root" => Ok(Self::Root),
            "branch" => Ok(Self::Branch),
            "leaf" => Ok(Self::Leaf),
            other => Err(Error::internal(format!("unknown node type \"{other}\""))),
        }
    }
}

impl fmt::Display for NodeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `pgq_node.get_node_info` tells (cascade.md 4.2).
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Root, branch or leaf.
    pub node_type: NodeType,
    /// The node's name.
    pub node_name: String,
    /// How far all nodes are done; not known on a leaf.
    pub global_watermark: Option<TickId>,
    /// How far this subtree is done.
    pub local_watermark: Option<TickId>,
    /// Whom it reads from; itself on a root.
    pub provider_node: Option<String>,
    /// How to reach the provider; may hold a password.
    pub provider_location: Option<String>,
    /// For a merge leaf: the queue that it feeds.
    pub combined_queue: Option<String>,
    /// Type of this database's node of that queue.
    pub combined_type: Option<String>,
    /// The consumer that maintains the node.
    pub worker_name: String,
    /// Whether the worker was told to stand still.
    pub worker_paused: bool,
    /// Whether the worker has seen the newest settings.
    pub worker_uptodate: bool,
    /// The worker's position; on a root the newest tick.
    pub worker_last_tick: Option<TickId>,
    /// Attributes, url-encoded.
    pub node_attrs: Option<String>,
    /// Queues that are merged into this one.
    pub target_for: Vec<String>,
}

impl NodeInfo {
    /// Whether events are born here.
    pub fn is_root(&self) -> bool {
        self.node_type == NodeType::Root
    }

    fn of_row(row: &Row) -> Result<Self> {
        let tick = |name| -> Result<Option<TickId>> { Ok(row.try_get::<_, Option<i64>>(name)?.map(TickId)) };
        Ok(Self {
            node_type: NodeType::parse(row.try_get("node_type")?)?,
            node_name: row.try_get("node_name")?,
            global_watermark: tick("global_watermark")?,
            local_watermark: tick("local_watermark")?,
            provider_node: row.try_get("provider_node")?,
            provider_location: row.try_get("provider_location")?,
            combined_queue: row.try_get("combined_queue")?,
            combined_type: row.try_get("combined_type")?,
            worker_name: row
                .try_get::<_, Option<String>>("worker_name")?
                .unwrap_or_default(),
            worker_paused: row.try_get::<_, Option<bool>>("worker_paused")?.unwrap_or(false),
            worker_uptodate: row
                .try_get::<_, Option<bool>>("worker_uptodate")?
                .unwrap_or(false),
            worker_last_tick: tick("worker_last_tick")?,
            node_attrs: row.try_get("node_attrs")?,
            target_for: row
                .try_get::<_, Option<Vec<String>>>("target_for")?
                .unwrap_or_default(),
        })
    }
}

/// One member of a cascade, as a node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub node_name: String,
    /// How others reach it; may hold a password.
    pub location: String,
    /// Whether it was tagged dead.
    pub dead: bool,
}

/// One cascaded consumer that writes into a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerInfo {
    /// Its name; the worker is one of them.
    pub consumer_name: String,
    /// Whom it reads from.
    pub provider_node: String,
    /// The last tick whose work is committed here.
    pub last_tick: TickId,
    /// Whether it was told to stand still.
    pub paused: bool,
    /// Whether it has seen the newest settings.
    pub uptodate: bool,
    /// Why its last pass failed.
    pub cur_error: Option<String>,
}

/// Asks the database about its node of `queue`; `None` when it has none, or has no cascade schema at all.
pub async fn load_info(client: &impl GenericClient, queue: &str) -> Result<Option<NodeInfo>> {
    match client.query_one(sql::node::LOAD_INFO, &[&queue]).await {
        Ok(row) if row.try_get::<_, i32>("ret_code")? == 100 => NodeInfo::of_row(&row).map(Some),
        Ok(_) => Ok(None),
        Err(error) => {
            let error = Error::from(error);
            // invalid_schema_name: nothing is installed here yet.
            if error.sqlstate() == Some("3F000") {
                Ok(None)
            } else {
                Err(error)
            }
        }
    }
}

/// The members of the cascade that this database knows, by name.
pub async fn load_members(client: &impl GenericClient, queue: &str) -> Result<Vec<Member>> {
    let rows = client.query(sql::node::LIST_MEMBERS, &[&queue]).await?;
    rows.iter()
        .map(|row| {
            Ok(Member {
                node_name: row.try_get("node_name")?,
                location: row.try_get("node_location")?,
                dead: row.try_get("dead")?,
            })
        })
        .collect()
}

/// The refusal of a node name that is no member.
pub fn unknown_member(node: &str, members: &[Member]) -> Error {
    let names: Vec<&str> = members.iter().map(|m| m.node_name.as_str()).collect();
    Error::not_found(format!("node \"{node}\" is not a member of the cascade"))
        .with_detail(format!("members: {}", names.join(", ")))
}

/// Names of the nodes that read from this one.
pub async fn load_subscribers(client: &impl GenericClient, queue: &str) -> Result<Vec<String>> {
    let rows = client.query(sql::node::LIST_SUBSCRIBERS, &[&queue]).await?;
    rows.iter().map(|row| Ok(row.try_get("node_name")?)).collect()
}

/// The cascaded consumers that write into this node.
pub async fn load_consumers(client: &impl GenericClient, queue: &str) -> Result<Vec<ConsumerInfo>> {
    let rows = client.query(sql::node::LIST_CONSUMERS, &[&queue]).await?;
    rows.iter()
        .map(|row| {
            Ok(ConsumerInfo {
                consumer_name: row.try_get("consumer_name")?,
                provider_node: row.try_get("provider_node")?,
                last_tick: TickId(row.try_get("last_tick_id")?),
                paused: row.try_get("paused")?,
                uptodate: row.try_get("uptodate")?,
                cur_error: row.try_get("cur_error")?,
            })
        })
        .collect()
}
