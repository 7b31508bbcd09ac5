//! Whether a node's worker is known to be away.

use tokio_postgres::Client;

use crate::error::Result;
use crate::sql;

/// Whether a worker of this program has worked for the node and does not run now. Of one that nothing is known of, as of
/// the ancestor's, this cannot be said.
pub async fn is_away(client: &Client, queue: &str, worker: &str) -> Result<bool> {
    let row = client
        .query_one(sql::node::LOAD_WORKER, &[&queue, &worker])
        .await?;
    if row.get::<_, bool>("running") || row.get::<_, bool>("retrying") || !row.get::<_, bool>("has_record") {
        return Ok(false);
    }
    let noted = client
        .query_opt(sql::node::LOAD_WORKER_RECORD, &[&queue, &worker])
        .await?;
    Ok(noted.is_some())
}
