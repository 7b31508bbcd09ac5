//! The third duty: retry events whose time has come go back into their queues.
//!
//! Each move is a transaction of its own (the function takes a few events at a time), so a process that dies in between
//! loses nothing.

use tokio_postgres::Client;

use crate::error::Result;
use crate::service::stop::StopSignal;
use crate::sql;

/// Moves until nothing is due or a stop is asked for; returns how many events were moved.
pub async fn run_once(client: &Client, stop: &StopSignal) -> Result<u64> {
    let mut moved = 0;
    while !stop.is_stopped() {
        let row = client.query_one(sql::ticker::MOVE_RETRY_EVENTS, &[]).await?;
        match u64::try_from(row.get::<_, i64>("moved")) {
            Ok(count) if count > 0 => moved += count,
            _ => break,
        }
    }
    Ok(moved)
}
