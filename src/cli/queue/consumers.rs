//! `queue consumers`.

use clap::Args;
use serde::Serialize;

use super::desk::Desk;
use super::words::{or_dash, seconds};
use super::{DatabaseArgs, FilterArgs};
use crate::cli::Context;
use crate::error::Result;
use crate::sql;

/// Which consumers.
#[derive(Args, Debug)]
pub struct ConsumersArgs {
    /// Which queue and consumer.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Serialize)]
struct ConsumerRecord {
    queue_name: String,
    consumer_name: String,
    member_of: Option<String>,
    lag_seconds: Option<f64>,
    last_seen_seconds: Option<f64>,
    last_tick: Option<i64>,
    current_batch: Option<i64>,
    next_tick: Option<i64>,
    pending_events: Option<i64>,
    detached: Option<DetachedRecord>,
}

#[derive(Serialize)]
struct DetachedRecord {
    since_seconds: f64,
    reason: String,
}

impl ConsumerRecord {
    fn state(&self) -> String {
        match (&self.detached, &self.member_of, self.current_batch) {
            (Some(detached), _, _) => format!("detached: {}", detached.reason),
            (None, _, Some(batch)) => format!("in batch {batch}"),
            (None, Some(_), None) => "idle member".to_owned(),
            (None, None, None) => "between batches".to_owned(),
        }
    }
}

/// Runs queue consumers.
pub async fn consumers(context: Context, args: ConsumersArgs) -> Result<u8> {
    let desk = Desk::open(&context, &args.database).await?;
    let (queue, consumer) = (args.filter.queue.as_deref(), args.filter.consumer.as_deref());
    let mut records = Vec::new();
    if desk.has_limits {
        for row in desk
            .session
            .query(sql::queue::LIST_DETACHED, &[&queue, &consumer])
            .await?
        {
            records.push(ConsumerRecord {
                queue_name: row.try_get("queue_name")?,
                consumer_name: row.try_get("consumer_name")?,
                member_of: None,
                lag_seconds: None,
                last_seen_seconds: None,
                last_tick: row.try_get("last_tick")?,
                current_batch: None,
                next_tick: None,
                pending_events: None,
                detached: Some(DetachedRecord {
                    since_seconds: row.try_get("detached_seconds")?,
                    reason: row.try_get("reason")?,
                }),
            });
        }
    }
    if records.is_empty() || consumer.is_none() {
        desk.check_filter(queue, consumer).await?;
    }
    for row in desk
        .session
        .query(sql::queue::LIST_CONSUMERS, &[&queue, &consumer])
        .await?
    {
        records.push(ConsumerRecord {
            queue_name: row.try_get("queue_name")?,
            consumer_name: row.try_get("consumer_name")?,
            member_of: row.try_get("member_of")?,
            lag_seconds: row.try_get("lag")?,
            last_seen_seconds: row.try_get("last_seen")?,
            last_tick: row.try_get("last_tick")?,
            current_batch: row.try_get("current_batch")?,
            next_tick: row.try_get("next_tick")?,
            pending_events: row.try_get("pending_events")?,
            detached: None,
        });
    }
    records.sort_by(|a, b| (&a.queue_name, &a.consumer_name).cmp(&(&b.queue_name, &b.consumer_name)));
    if args.json {
        desk.ui.json(&records)?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            vec![
                record.queue_name.clone(),
                record.consumer_name.clone(),
                seconds(record.lag_seconds),
                seconds(record.last_seen_seconds),
                or_dash(record.pending_events),
                or_dash(record.last_tick),
                record.state(),
            ]
        })
        .collect();
    let header = [
        "queue",
        "consumer",
        "lag",
        "last_seen",
        "pending",
        "tick",
        "state",
    ];
    let database = &desk.database;
    desk.ui.table_or(
        &format!("Consumers in database {database}"),
        &header,
        &rows,
        format!("No consumers in database {database}"),
    );
    Ok(0)
}
