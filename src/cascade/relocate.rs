//! Tells all members where a node is to be found from now on.
//!
//! The root is told first, and its queue tells the others. Whoever reads from the node cannot hear that way if the old
//! place is gone, so all members that can be reached are told directly, too. Each telling may be repeated.

use tracing::warn;

use super::everyone::Everyone;
use crate::error::Result;
use crate::node::call_quietly;
use crate::sql;

/// Makes `location` the location of `node` on everybody who was reached; returns the names of those who were not told.
pub async fn change_location(
    all: &mut Everyone,
    queue: &str,
    node: &str,
    location: &str,
    dead: bool,
) -> Result<Vec<String>> {
    all.reached.sort_by_key(|r| !r.info.is_root());
    let mut missed: Vec<String> = Vec::new();
    for (name, error) in &all.missed {
        warn!("[{name}] {}", error.line());
        missed.push(name.clone());
    }
    for reached in &all.reached {
        let name = &reached.info.node_name;
        let told = async {
            call_quietly(
                &*reached.session,
                Some(name),
                sql::cascade::REGISTER_LOCATION,
                &[&queue, &node, &location, &dead],
            )
            .await?;
            reached
                .session
                .query_one(sql::cascade::WAKE_WORKER, &[&queue])
                .await?;
            Ok(())
        };
        if let Err(error) = told.await {
            let error: crate::error::Error = error;
            warn!("[{name}] {}", error.line());
            missed.push(name.clone());
        }
    }
    Ok(missed)
}
