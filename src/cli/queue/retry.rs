//! `queue retry`.

use clap::Args;
use serde::Serialize;

use super::desk::Desk;
use super::peek::EventRecord;
use super::words::seconds;
use super::{DatabaseArgs, FilterArgs};
use crate::cli::Context;
use crate::error::Result;
use crate::sql;

/// Which events.
#[derive(Args, Debug)]
pub struct RetryArgs {
    /// Which queue and consumer.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Show so many events at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(0..))]
    pub limit: i64,
    /// Show texts whole instead of on one line
    #[arg(long)]
    pub full: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Serialize)]
struct RetryRecord {
    queue_name: String,
    consumer_name: String,
    due_seconds: f64,
    #[serde(flatten)]
    event: EventRecord,
}

/// Runs queue retry.
pub async fn retry(context: Context, args: RetryArgs) -> Result<u8> {
    let desk = Desk::open(&context, &args.database).await?;
    let (queue, consumer) = (args.filter.queue.as_deref(), args.filter.consumer.as_deref());
    desk.check_filter(queue, consumer).await?;
    let rows = desk
        .session
        .query(sql::queue::LIST_RETRY_EVENTS, &[&queue, &consumer, &args.limit])
        .await
        .map_err(|error| desk.explain(error, "events that wait cannot be listed"))?;
    let mut records = Vec::new();
    for row in &rows {
        records.push(RetryRecord {
            queue_name: row.try_get("queue_name")?,
            consumer_name: row.try_get("consumer_name")?,
            due_seconds: row.try_get("due_seconds")?,
            event: EventRecord::of(row)?,
        });
    }
    if args.json {
        desk.ui.json(&records)?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            let due = if record.due_seconds <= 0.0 {
                "now".to_owned()
            } else {
                seconds(Some(record.due_seconds))
            };
            let mut cells = vec![record.queue_name.clone(), record.consumer_name.clone(), due];
            cells.extend(record.event.cells(args.full));
            cells
        })
        .collect();
    let mut header = vec!["queue", "consumer", "due_in"];
    header.extend(EventRecord::HEADER);
    desk.ui
        .table("Events that wait to be delivered again", &header, &rows);
    Ok(0)
}
