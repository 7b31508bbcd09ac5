//! The way from a node up to the root.

use crate::error::{Error, Result};
use crate::node::Dialer;
use crate::node::info::{self, NodeInfo};
use crate::pg::Session;

/// A node with an open connection.
pub struct Reached {
    /// What it is.
    pub info: NodeInfo,
    /// The connection to its database.
    pub session: Session,
}

/// Opens the node at `location`; an error when there is no node of `queue`.
pub async fn reach(dialer: &Dialer, queue: &str, location: &str) -> Result<Reached> {
    let session = dialer.remote(location).await?;
    match info::load_info(&*session, queue).await? {
        Some(info) => Ok(Reached { info, session }),
        None => Err(Error::not_found(format!(
            "there is no node of queue \"{queue}\" at {}",
            session.target()
        ))
        .with_hint("is queue_name the same in the job files of all nodes? was create-root run there?")),
    }
}

/// Walks from the node at `location` up to the root. The root's connection is a new one.
pub async fn find_root(dialer: &Dialer, queue: &str, location: &str) -> Result<Reached> {
    let mut location = location.to_owned();
    let mut seen = Vec::new();
    loop {
        let node = reach(dialer, queue, &location).await?;
        if node.info.is_root() {
            return Ok(node);
        }
        let name = node.info.node_name.clone();
        if seen.contains(&name) {
            return Err(
                Error::refused(format!("the providers form a circle: {}", seen.join(" -> ")))
                    .with_hint("is a switchover under way? \"londiste status\" shows the tree"),
            );
        }
        seen.push(name);
        location = node.info.provider_location.ok_or_else(|| {
            Error::refused(format!(
                "node \"{}\" does not know where its provider is",
                node.info.node_name
            ))
        })?;
    }
}
