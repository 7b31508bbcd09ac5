//! Marks a node as dead, or as alive again, on all members that live.

use tracing::warn;

use crate::error::Result;
use crate::node::info::Member;
use crate::node::{Dialer, call};
use crate::pg::Session;
use crate::sql;

/// What is to be said of a node.
#[derive(Debug, Clone, Copy)]
pub struct Tag<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The node.
    pub node: &'a str,
    /// Dead, or alive.
    pub dead: bool,
}

impl Tag<'_> {
    /// Tells the database in hand (`local`, called `local_name`) and then every other live member; one that is alive
    /// again hears it, too. A member that cannot be told is a warning. Returns the names of those that were not told.
    pub async fn tell(
        &self,
        local: &Session,
        local_name: &str,
        members: &[Member],
        dialer: &Dialer,
    ) -> Result<Vec<String>> {
        let params: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&self.queue, &self.node, &self.dead];
        call(&**local, Some(local_name), sql::cascade::TAG_NODE, params).await?;
        let mut missed = Vec::new();
        let is_told = |m: &&Member| {
            let itself = m.node_name == self.node;
            m.node_name != local_name && if itself { !self.dead } else { !m.dead }
        };
        for member in members.iter().filter(is_told) {
            let told = async {
                let session = dialer.remote(&member.location).await?;
                call(&*session, Some(&member.node_name), sql::cascade::TAG_NODE, params).await
            };
            if let Err(error) = told.await {
                warn!("[{}] {}", member.node_name, error.line());
                missed.push(member.node_name.clone());
            }
        }
        Ok(missed)
    }
}
