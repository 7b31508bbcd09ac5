//! Makes a database a node (londiste.md 3.1, cascade.md 10.1).
//!
//! For a branch or leaf: the root learns of it, its provider keeps events for it, and then, in one transaction, the
//! database becomes a node. Whatever an interrupted run left behind is used or made anew by the next run with the same
//! arguments (C-20); what does not fit is refused before anything is changed.

use tracing::{debug, info};

use super::route::{Reached, find_root, reach};
use crate::error::{Error, Result};
use crate::node::info::{load_info, load_members};
use crate::node::{Dialer, NodeInfo, NodeType, call, call_quietly};
use crate::pg::{Session, mask_passwords};
use crate::pgq::{TickId, load_tick, urldict};
use crate::sql;

/// What the new node shall be.
#[derive(Debug, Clone)]
pub struct NewNode {
    /// The queue.
    pub queue: String,
    /// Root, branch or leaf.
    pub node_type: NodeType,
    /// Its name.
    pub name: String,
    /// How other nodes reach it.
    pub location: String,
    /// Consumer that will maintain it.
    pub worker: String,
    /// Where a branch or leaf finds its provider.
    pub provider_location: Option<String>,
    /// For a merge leaf: the queue that it feeds.
    pub combined_queue: Option<String>,
    /// For a branch: nodes that agree with it on what to keep.
    pub sync_watermark: Option<String>,
}

/// Which tables and sequences of the set become known on the new node.
pub trait RegisterFilter {
    /// Whether the table is to be registered.
    fn wants_table(&self, table: &str) -> bool;
    /// Whether the sequence is to be registered.
    fn wants_seq(&self, seq: &str) -> bool;
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Whether the node was there already.
    pub existed: bool,
    /// The provider's name; none for a root.
    pub provider: Option<String>,
    /// How many tables of the set are known to the node.
    pub tables: usize,
}

/// What `local` is already, if it fits `new`; an error when it does not fit.
pub async fn find_existing(local: &Session, new: &NewNode) -> Result<Option<NodeInfo>> {
    let Some(info) = load_info(&**local, &new.queue).await? else {
        return Ok(None);
    };
    let is = format!("{} node \"{}\"", info.node_type, info.node_name);
    if info.node_name != new.name || info.node_type != new.node_type {
        return Err(Error::refused(format!(
            "this database is already the {is} of queue \"{}\", not {} \"{}\"",
            new.queue, new.node_type, new.name
        ))
        .with_detail(local.target().to_owned())
        .with_hint("one database has one node per queue: is \"db\" of the job file the right database?")
        .with_hint(format!(
            "to make it anew, first run \"londiste drop-node {}\"",
            info.node_name
        )));
    }
    if info.combined_queue != new.combined_queue {
        return Err(Error::refused(format!(
            "the {is} of queue \"{}\" feeds {}, not {}",
            new.queue,
            feeds(info.combined_queue.as_deref()),
            feeds(new.combined_queue.as_deref())
        ))
        .with_hint(format!(
            "to make it anew, first run \"londiste drop-node {}\"",
            info.node_name
        )));
    }
    Ok(Some(info))
}

fn feeds(queue: Option<&str>) -> String {
    queue.map_or("no other queue".to_owned(), |queue| format!("queue \"{queue}\""))
}

/// Makes the root of a set.
pub async fn create_root(local: &mut Session, new: &NewNode) -> Result<Created> {
    let created = Created {
        existed: false,
        provider: None,
        tables: 0,
    };
    if let Some(info) = find_existing(local, new).await? {
        info!("Node is already initialized as {}", info.node_type);
        return Ok(Created {
            existed: true,
            ..created
        });
    }
    info!("Initializing node");
    let transaction = local.transaction().await?;
    register_location(&transaction, None, new, &new.name, &new.location).await?;
    create_node(&transaction, new, None, None).await?;
    transaction.commit().await?;
    Ok(created)
}

/// Makes a branch or leaf.
pub async fn create_subscriber(
    local: &mut Session,
    new: &NewNode,
    filter: &impl RegisterFilter,
    dialer: &Dialer,
) -> Result<Created> {
    let existing = find_existing(local, new).await?;
    let existed = existing.is_some();
    let provider = match &existing {
        Some(info) => {
            info!("Node is already initialized as {}", info.node_type);
            let location = info.provider_location.clone().unwrap_or_default();
            reach(dialer, &new.queue, &location).await?
        }
        None => {
            let Some(location) = &new.provider_location else {
                return Err(Error::refused("Please specify --provider")
                    .with_hint("it is the public connect string of the root or of a branch"));
            };
            info!("Initializing node");
            let provider = reach(dialer, &new.queue, location)
                .await
                .map_err(|e| e.context("provider"))?;
            subscribe(local, new, &provider, location, dialer).await?;
            provider
        }
    };
    // From here on the node exists; each step may be run again.
    let tables = register_objects(local, &new.queue, &provider, filter).await?;
    if let Some(nodes) = &new.sync_watermark {
        let attrs = urldict::encode([("sync_watermark", Some(nodes.as_str()))]);
        call_quietly(
            &**local,
            None,
            sql::cascade::SET_NODE_ATTRS,
            &[&new.queue, &attrs],
        )
        .await?;
    }
    Ok(Created {
        existed,
        provider: Some(provider.info.node_name),
        tables,
    })
}

/// Makes the new node known on root and provider, and creates it.
async fn subscribe(
    local: &mut Session,
    new: &NewNode,
    provider: &Reached,
    provider_location: &str,
    dialer: &Dialer,
) -> Result<()> {
    if provider.info.node_type == NodeType::Leaf {
        return Err(Error::refused(format!(
            "node \"{}\" is a leaf: it cannot feed other nodes",
            provider.info.node_name
        ))
        .with_hint("name the root or a branch as --provider"));
    }
    let root = find_root(dialer, &new.queue, provider_location).await?;
    let provider_name = provider.info.node_name.as_str();
    let members = load_members(&*root.session, &new.queue).await?;
    if let Some(member) = members.iter().find(|m| m.node_name == new.name) {
        refuse_foreign(&member.location, new, provider, &root)?;
        info!(
            "Node '{}' is known already, going on with an interrupted creation",
            new.name
        );
    }

    let root_name = root.info.node_name.as_str();
    register_location(&*root.session, Some(root_name), new, &new.name, &new.location).await?;
    if provider_name != root_name {
        register_location(
            &*provider.session,
            Some(provider_name),
            new,
            &new.name,
            &new.location,
        )
        .await?;
    }
    let watermark = register_subscriber(provider, new).await?;

    let members = load_members(&*root.session, &new.queue).await?;
    let transaction = local.transaction().await?;
    register_location(&transaction, None, new, &new.name, &new.location).await?;
    for member in members.iter().filter(|m| m.node_name != new.name) {
        call_quietly(
            &transaction,
            None,
            sql::cascade::REGISTER_LOCATION,
            &[&new.queue, &member.node_name, &member.location, &member.dead],
        )
        .await?;
    }
    create_node(&transaction, new, Some(provider_name), watermark).await?;
    if new.node_type == NodeType::Branch
        && let Some(watermark) = watermark
        && let Some(tick) = load_tick(&provider.session, &new.queue, TickId(watermark)).await?
    {
        // Ancestor: makes the first tick with the time of now and without events.
        transaction
            .execute(
                sql::cascade::ADOPT_TICK,
                &[&new.queue, &watermark, &tick.time, &tick.event_seq],
            )
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// A name that is taken is only ours if it has our location: then an earlier run was interrupted.
fn refuse_foreign(known: &str, new: &NewNode, provider: &Reached, root: &Reached) -> Result<()> {
    if known == new.location && new.name != root.info.node_name && new.name != provider.info.node_name {
        return Ok(());
    }
    Err(Error::refused(format!("Node '{}' already exists", new.name))
        .with_detail(format!("its location is {}", mask_passwords(known)))
        .with_hint("choose another name")
        .with_hint(format!(
            "if that node is gone for good, run \"londiste drop-node {}\" on the root first",
            new.name
        )))
}

/// Registers the node as reader of its provider and returns the tick where it starts. What an interrupted run
/// registered is made anew: no data came from it yet, and the watermark may have moved on.
async fn register_subscriber(provider: &Reached, new: &NewNode) -> Result<Option<i64>> {
    let name = provider.info.node_name.as_str();
    let known = crate::node::info::load_subscribers(&*provider.session, &new.queue).await?;
    if known.contains(&new.name) {
        debug!("[{name}] subscription of an interrupted creation is made anew");
        call_quietly(
            &*provider.session,
            Some(name),
            sql::cascade::UNREGISTER_SUBSCRIBER,
            &[&new.queue, &new.name],
        )
        .await?;
    }
    let answer = call(
        &*provider.session,
        Some(name),
        sql::cascade::REGISTER_SUBSCRIBER,
        &[&new.queue, &new.name, &new.worker, &None::<i64>],
    )
    .await?;
    Ok(answer.row()?.try_get("global_watermark")?)
}

async fn register_location(
    client: &impl tokio_postgres::GenericClient,
    node: Option<&str>,
    new: &NewNode,
    name: &str,
    location: &str,
) -> Result<()> {
    call(
        client,
        node,
        sql::cascade::REGISTER_LOCATION,
        &[&new.queue, &name, &location, &false],
    )
    .await?;
    Ok(())
}

async fn create_node(
    client: &impl tokio_postgres::GenericClient,
    new: &NewNode,
    provider: Option<&str>,
    watermark: Option<i64>,
) -> Result<()> {
    call(
        client,
        None,
        sql::cascade::CREATE_NODE,
        &[
            &new.queue,
            &new.node_type.as_str(),
            &new.name,
            &new.worker,
            &provider,
            &watermark,
            &new.combined_queue,
        ],
    )
    .await?;
    Ok(())
}

/// Makes the provider's tables and sequences known here; none is attached by that. Returns how many tables are known.
async fn register_objects(
    local: &mut Session,
    queue: &str,
    provider: &Reached,
    filter: &impl RegisterFilter,
) -> Result<usize> {
    let tables = provider
        .session
        .query(sql::cascade::LIST_PROVIDER_TABLES, &[&queue])
        .await?;
    let seqs = provider
        .session
        .query(sql::cascade::LIST_PROVIDER_SEQS, &[&queue])
        .await?;
    let transaction = local.transaction().await?;
    let mut count = 0;
    for row in &tables {
        let table: &str = row.try_get("table_name")?;
        if filter.wants_table(table) {
            call_quietly(
                &transaction,
                None,
                sql::cascade::GLOBAL_ADD_TABLE,
                &[&queue, &table],
            )
            .await?;
            count += 1;
        }
    }
    for row in &seqs {
        let seq: &str = row.try_get("seq_name")?;
        if filter.wants_seq(seq) {
            let value: i64 = row.try_get("last_value")?;
            call_quietly(
                &transaction,
                None,
                sql::cascade::GLOBAL_UPDATE_SEQ,
                &[&queue, &seq, &value],
            )
            .await?;
        }
    }
    transaction.commit().await?;
    Ok(count)
}
