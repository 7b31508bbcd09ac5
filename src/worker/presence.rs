//! What a worker leaves about itself for `status`: while it runs it holds a session lock on the node's database; a row that
//! is written twice a minute tells afterwards when it was last seen, and which version it was.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::config::londiste::LondisteConfig;
use crate::error::{Error, Result};
use crate::sql;

/// How often the row is written.
const PERIOD: Duration = Duration::from_secs(30);

/// The row of one worker. Where the database has no place for it, or the role may not write there, nothing is left.
pub struct Presence {
    possible: bool,
    next: Instant,
}

impl Presence {
    /// Notes that the worker begins.
    pub async fn begin(client: &Client, config: &LondisteConfig) -> Result<Self> {
        let row = client.query_one(sql::worker::MAY_RECORD, &[]).await?;
        let mut presence = Self {
            possible: row.get("possible"),
            next: Instant::now() + PERIOD,
        };
        presence.write(client, config, true).await;
        Ok(presence)
    }

    /// Notes that it is still there, when that is due.
    pub async fn keep(&mut self, client: &Client, config: &LondisteConfig) {
        if self.next <= Instant::now() {
            self.next = Instant::now() + PERIOD;
            self.write(client, config, false).await;
        }
    }

    /// Notes that it was there until now.
    pub async fn leave(&mut self, client: &Client, config: &LondisteConfig) {
        self.write(client, config, false).await;
    }

    /// A note that fails must not hold replication up; if the connection is gone, what comes next says so.
    async fn write(&mut self, client: &Client, config: &LondisteConfig, begins: bool) {
        if !self.possible {
            return;
        }
        let version = env!("CARGO_PKG_VERSION");
        let written = client
            .execute(
                sql::worker::RECORD_WORKER,
                &[&config.queue_name, &config.consumer_name, &version, &begins],
            )
            .await;
        if let Err(error) = written {
            tracing::debug!(
                "this worker cannot be noted on its node: {}",
                Error::from(error).line()
            );
            self.possible = false;
        }
    }
}
