//! Removes a node from the cascade (cascade.md 10.7).
//!
//! Order: the root forgets it, so that no new member learns of it; the node itself drops its queue; every member forgets
//! it. A database that cannot be reached is a warning: the command can be run again when it is back.

use tracing::warn;

use super::route::find_root;
use crate::error::{Error, Result};
use crate::node::info::{self, Member, NodeInfo};
use crate::node::{Dialer, call};
use crate::sql;

/// Drops the node `name`. `local` is what the local database is; `members` are those that it knows. Returns the names
/// of the members that could not be told.
pub async fn drop_node(
    local: &NodeInfo,
    queue: &str,
    name: &str,
    members: &[Member],
    dialer: &Dialer,
) -> Result<Vec<String>> {
    let member = members.iter().find(|m| m.node_name == name);
    let local_location = members
        .iter()
        .find(|m| m.node_name == local.node_name)
        .map(|m| m.location.clone())
        .ok_or_else(|| {
            Error::refused(format!(
                "node \"{}\" does not know its own location",
                local.node_name
            ))
        })?;
    let mut missed = Vec::new();
    let mut miss = |node: &str, error: &Error| {
        warn!("[{node}] {}", error.line());
        if !missed.contains(&node.to_owned()) {
            missed.push(node.to_owned());
        }
    };

    // 1. Whoever feeds others stays.
    let mut target = None;
    if let Some(member) = member.filter(|m| !m.dead) {
        match dialer.remote(&member.location).await {
            Ok(session) => {
                let subscribers = info::load_subscribers(&*session, queue).await?;
                if !subscribers.is_empty() {
                    return Err(Error::refused(format!("node \"{name}\" still has subscribers"))
                        .with_detail(format!("subscribers: {}", subscribers.join(", ")))
                        .with_hint("give each of them another provider first, or drop them"));
                }
                let merged = info::load_info(&*session, queue)
                    .await?
                    .filter(|i| i.node_name == name)
                    .map(|i| i.target_for)
                    .unwrap_or_default();
                if !merged.is_empty() {
                    return Err(Error::refused(format!(
                        "other queues are merged into queue \"{queue}\" on node \"{name}\""
                    ))
                    .with_detail(format!("queues: {}", merged.join(", ")))
                    .with_hint("drop the nodes of these queues in this database first"));
                }
                target = Some(session);
            }
            Err(error) => miss(name, &error),
        }
    }

    // 2. The root tells everybody.
    match find_root(dialer, queue, &local_location).await {
        Ok(root) if root.info.node_name != name => {
            let root_name = root.info.node_name.clone();
            if let Err(error) = call(
                &*root.session,
                Some(&root_name),
                sql::cascade::UNREGISTER_LOCATION,
                &[&queue, &name],
            )
            .await
            {
                miss(&root_name, &error);
            }
        }
        Ok(_) => {}
        Err(error) => miss("root", &error),
    }

    // 3. The node itself. Where no such node is, the function would drop an ordinary queue of that name (C-15).
    if let Some(session) = target {
        let is_there = info::load_info(&*session, queue)
            .await?
            .is_some_and(|i| i.node_name == name);
        if is_there
            && let Err(error) = call(&*session, Some(name), sql::cascade::DROP_NODE, &[&queue, &name]).await
        {
            miss(name, &error);
        }
    }

    // 4. Every other member forgets it.
    for member in members.iter().filter(|m| m.node_name != name && !m.dead) {
        let told = async {
            let session = dialer.remote(&member.location).await?;
            if info::load_info(&*session, queue).await?.is_some() {
                call(
                    &*session,
                    Some(&member.node_name),
                    sql::cascade::DROP_NODE,
                    &[&queue, &name],
                )
                .await?;
            }
            Ok(())
        };
        if let Err(error) = told.await {
            miss(&member.node_name, &error);
        }
    }
    Ok(missed)
}
