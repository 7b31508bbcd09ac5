//! Queues that were restored from a server that had counted transactions further: their ticks and events have ids that
//! this server has not given out yet. See `sql/schema/londiste_rs/functions/check_txids.sql`.

use tokio_postgres::Client;

use crate::error::Result;
use crate::sql;

/// A queue that needs `londiste queue repair`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignTxids {
    /// The queue.
    pub queue: String,
    /// All its ids are below this one.
    pub stored: i64,
    /// Next id of this server.
    pub current: i64,
}

impl ForeignTxids {
    /// What is wrong, in one line.
    pub fn line(&self) -> String {
        format!(
            "queue {} was restored from another server: its ticks and events go up to transaction {}, this server is at \
             {}; it is not ticked until \"londiste queue repair {}\" is run",
            self.queue, self.stored, self.current, self.queue
        )
    }
}

/// The queues of this database, or the one that is named, whose ids are of another server. Empty where the database
/// cannot tell.
pub async fn find_foreign_txids(client: &Client, queue: Option<&str>) -> Result<Vec<ForeignTxids>> {
    let row = client.query_one(sql::queue::MAY_CHECK_TXIDS, &[]).await?;
    if !row.get::<_, bool>("present") {
        return Ok(Vec::new());
    }
    let rows = client.query(sql::queue::CHECK_TXIDS, &[&queue]).await?;
    Ok(rows
        .iter()
        .map(|row| ForeignTxids {
            queue: row.get("queue_name"),
            stored: row.get("stored_txid"),
            current: row.get("current_txid"),
        })
        .collect())
}
