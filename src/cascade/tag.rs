//! Marks a node as dead on all members that live.

use tracing::warn;

use crate::error::Result;
use crate::node::info::Member;
use crate::node::{Dialer, call};
use crate::pg::Session;
use crate::sql;

/// Marks `dead` as dead here (`local`, called `local_name`) and then on every other live member; a member that cannot be
/// told is a warning. Returns the names of those that were not told.
pub async fn tag_dead(
    local: &Session,
    local_name: &str,
    queue: &str,
    dead: &str,
    members: &[Member],
    dialer: &Dialer,
) -> Result<Vec<String>> {
    let params: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&queue, &dead, &None::<&str>, &true];
    call(
        &**local,
        Some(local_name),
        sql::cascade::REGISTER_LOCATION,
        params,
    )
    .await?;
    let mut missed = Vec::new();
    for member in members
        .iter()
        .filter(|m| !m.dead && m.node_name != dead && m.node_name != local_name)
    {
        let told = async {
            let session = dialer.remote(&member.location).await?;
            call(
                &*session,
                Some(&member.node_name),
                sql::cascade::REGISTER_LOCATION,
                params,
            )
            .await
        };
        if let Err(error) = told.await {
            warn!("[{}] {}", member.node_name, error.line());
            missed.push(member.node_name.clone());
        }
    }
    Ok(missed)
}
