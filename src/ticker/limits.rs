//! A part of the second duty: readers that are beyond their limit are told of and, where that was asked for, taken off
//! their queue, so that a dead reader cannot fill the disk.
//!
//! The database decides who is beyond a limit and what is to be done ([`crate::sql::ticker::CHECK_LIMITS`]); nothing is
//! detached unless `londiste queue limit --action=detach` said so. Each detachment is a transaction of its own, and does
//! nothing when the reader has moved since it was judged. A process that dies in between leaves the rest to the next
//! round.
//!
//! Watermarks are never detached: they follow the workers of the nodes below. A worker takes the watermark of its node
//! with it; the global watermark moves on by itself once nobody is left behind.

use tokio_postgres::{Client, Row};

use crate::error::{Error, ErrorKind, Result};
use crate::node::lag::format_lag;
use crate::sql;

/// A reader beyond its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// Queue.
    pub queue: String,
    /// Consumer.
    pub consumer: String,
    /// What the consumer is: `reader`, `group`, `worker`, `copy`, `watermark`, `global`.
    pub kind: String,
    /// Node of a cascade that it belongs to.
    pub node: Option<String>,
    /// Position at which it was judged.
    pub last_tick: Option<i64>,
    /// What is too much: `12 events waiting (limit 10)`.
    pub what: String,
    /// Whether it was taken off the queue.
    pub detached: bool,
}

impl Excess {
    /// What stays the same as long as nothing changes but numbers.
    pub fn key(&self) -> (String, String, bool) {
        (self.queue.clone(), self.consumer.clone(), self.detached)
    }

    /// The line for the log.
    pub fn line(&self) -> String {
        let Self {
            queue,
            consumer,
            what,
            ..
        } = self;
        if self.detached {
            let mut line = format!("queue {queue}: consumer {consumer} detached: {what}");
            if self.kind == "copy" {
                line.push_str("; the copy begins anew when its worker comes back");
            } else if let Some(tick) = self.last_tick {
                line.push_str(&format!(
                    "; it was at tick {tick}, \"londiste queue attach {queue} {consumer}\" puts it back"
                ));
            }
            return line;
        }
        let mut line = format!("queue {queue}: consumer {consumer} is behind its limit: {what}");
        match (self.kind.as_str(), &self.node) {
            ("watermark", Some(node)) => line.push_str(&format!(
                "; it is a watermark: a reader of node {node}, or of a node below it, is behind"
            )),
            ("global", _) => line.push_str("; it is a watermark: a reader of some node is behind"),
            _ => {}
        }
        line
    }
}

/// What one pass found and did.
#[derive(Debug, Default)]
pub struct Pass {
    /// Readers beyond their limits.
    pub excess: Vec<Excess>,
    /// Readers that could not be detached (`queue/consumer`), with the errors.
    pub failed: Vec<(String, Error)>,
}

/// Compares and detaches, once. Empty where nothing is to be seen to.
pub async fn run_once(client: &Client) -> Result<Pass> {
    let here: bool = client
        .query_one(sql::ticker::FIND_LIMITS, &[])
        .await?
        .get("present");
    if !here {
        return Ok(Pass::default());
    }
    let mut pass = Pass::default();
    for row in client.query(sql::ticker::CHECK_LIMITS, &[]).await? {
        let mut excess = Excess {
            queue: row.try_get("queue_name")?,
            consumer: row.try_get("consumer_name")?,
            kind: row.try_get("kind")?,
            node: row.try_get("node_name")?,
            last_tick: row.try_get("last_tick")?,
            what: describe(&row)?,
            detached: false,
        };
        if row.try_get::<_, &str>("action")? == "detach" && excess.last_tick.is_some() {
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&excess.queue, &excess.consumer, &excess.what, &excess.last_tick];
            match client.query_one(sql::queue::DETACH_CONSUMER, &params).await {
                // It has moved meanwhile: the next round judges it anew.
                Ok(row) if row.get::<_, i32>("detached") == 0 => continue,
                Ok(_) => excess.detached = true,
                Err(error) => {
                    let error = Error::from(error);
                    if error.kind() == ErrorKind::Connection {
                        return Err(error);
                    }
                    let who = format!("{}/{}", excess.queue, excess.consumer);
                    pass.failed.push((who, error));
                }
            }
        }
        pass.excess.push(excess);
    }
    Ok(pass)
}

fn describe(row: &Row) -> Result<String> {
    let mut parts = Vec::new();
    let (age, max_age): (Option<f64>, Option<f64>) = (row.try_get("age")?, row.try_get("max_age")?);
    if let (Some(age), Some(limit)) = (age, max_age) {
        parts.push(format!(
            "a tick waits for {} (limit {})",
            format_lag(Some(age)),
            format_lag(Some(limit))
        ));
    }
    for (value, limit, unit) in [
        ("events", "max_events", "events waiting"),
        ("bytes", "max_bytes", "bytes held"),
    ] {
        let (value, limit): (Option<i64>, Option<i64>) = (row.try_get(value)?, row.try_get(limit)?);
        if let (Some(value), Some(limit)) = (value, limit) {
            parts.push(format!("{value} {unit} (limit {limit})"));
        }
    }
    Ok(parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_to_do() {
        let mut excess = Excess {
            queue: "q".into(),
            consumer: "c".into(),
            kind: "reader".into(),
            node: None,
            last_tick: Some(7),
            what: "12 events waiting (limit 10)".into(),
            detached: false,
        };
        assert_eq!(
            excess.line(),
            "queue q: consumer c is behind its limit: 12 events waiting (limit 10)"
        );
        excess.detached = true;
        assert_eq!(
            excess.line(),
            "queue q: consumer c detached: 12 events waiting (limit 10); it was at tick 7, \
             \"londiste queue attach q c\" puts it back"
        );
    }
}
