//! What a worker leaves about itself for `status`: while it runs it holds a session lock on the node's database; a row that
//! is written twice a minute tells afterwards when it was last seen, and which version it was.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::config::londiste::LondisteConfig;
use crate::error::Result;
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
        let presence = Self {
            possible: row.get("possible"),
            next: Instant::now() + PERIOD,
        };
        presence.write(client, config, true).await?;
        Ok(presence)
    }

    /// Notes that it is still there, when that is due.
    pub async fn keep(&mut self, client: &Client, config: &LondisteConfig) -> Result<()> {
        if self.next <= Instant::now() {
            self.next = Instant::now() + PERIOD;
            self.write(client, config, false).await?;
        }
        Ok(())
    }

    /// Notes that it was there until now.
    pub async fn leave(&self, client: &Client, config: &LondisteConfig) -> Result<()> {
        self.write(client, config, false).await
    }

    async fn write(&self, client: &Client, config: &LondisteConfig, begins: bool) -> Result<()> {
        if self.possible {
            client
                .execute(
                    sql::worker::RECORD_WORKER,
                    &[
                        &config.queue_name,
                        &config.consumer_name,
                        &env!("CARGO_PKG_VERSION"),
                        &begins,
                    ],
                )
                .await?;
        }
        Ok(())
    }
}
