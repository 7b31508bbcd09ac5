//! Readers that were taken off their queue: see `sql/schema/londiste_rs/functions/detach_consumer.sql`.

use crate::error::{Error, Result};
use crate::sql;

/// Why `consumer` reads no more, with what to do about it; `None` when it was not detached.
pub async fn find_detached(
    client: &tokio_postgres::Client,
    queue: &str,
    consumer: &str,
) -> Result<Option<Error>> {
    let here: bool = client
        .query_one(sql::pgq::HAS_DETACHED, &[])
        .await?
        .get("present");
    if !here {
        return Ok(None);
    }
    let row = client
        .query_opt(sql::queue::LIST_DETACHED, &[&queue, &consumer])
        .await?;
    Ok(row.map(|row| {
        Error::refused(format!(
            "consumer \"{consumer}\" was detached from queue \"{queue}\""
        ))
        .with_detail(format!(
            "{}: {}, at tick {}",
            row.get::<_, String>("detached_at"),
            row.get::<_, String>("reason"),
            row.get::<_, i64>("last_tick")
        ))
        .with_hint(format!(
            "\"londiste queue attach {queue} {consumer}\" on the queue's database puts it back and tells what it lost"
        ))
    }))
}
