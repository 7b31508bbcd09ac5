//! `queue dead`: events that their readers have given up.

use clap::Args;
use serde::Serialize;
use tracing::info;

use super::desk::Desk;
use super::peek::EventRecord;
use super::words::{cut, seconds};
use super::{DatabaseArgs, FilterArgs};
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::sql;

/// Which events, and what to do with them.
#[derive(Args, Debug)]
pub struct DeadArgs {
    /// Which queue and consumer.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Give the events back to the consumer, as if they had never been retried
    #[arg(long, conflicts_with = "delete")]
    pub revive: bool,
    /// Delete the events for good
    #[arg(long)]
    pub delete: bool,
    /// Revive or delete only this event
    #[arg(long, value_name = "EV_ID")]
    pub event: Option<i64>,
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
struct DeadRecord {
    queue_name: String,
    consumer_name: String,
    died_seconds: f64,
    reason: String,
    reader_detached: bool,
    #[serde(flatten)]
    event: EventRecord,
}

#[derive(Serialize)]
struct Moved {
    queue_name: String,
    consumer_name: String,
    revived: i64,
    deleted: i64,
}

/// Runs queue dead.
pub async fn dead(context: Context, args: DeadArgs) -> Result<u8> {
    if args.event.is_some() && !args.revive && !args.delete {
        return Err(Error::usage("--event needs --revive or --delete"));
    }
    let desk = Desk::open(&context, &args.database).await?;
    desk.require_limits("dead events")?;
    if args.revive || args.delete {
        return move_events(&desk, &args).await;
    }
    let (queue, consumer) = (args.filter.queue.as_deref(), args.filter.consumer.as_deref());
    if let Some(queue) = queue {
        desk.check_queue(queue).await?;
    }
    let rows = desk
        .session
        .query(sql::queue::LIST_DEAD_EVENTS, &[&queue, &consumer, &args.limit])
        .await
        .map_err(|error| desk.explain(error, "dead events cannot be listed"))?;
    let mut records = Vec::new();
    for row in &rows {
        records.push(DeadRecord {
            queue_name: row.try_get("queue_name")?,
            consumer_name: row.try_get("consumer_name")?,
            died_seconds: row.try_get("died_seconds")?,
            reason: row.try_get("reason")?,
            reader_detached: row.try_get("is_detached")?,
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
            let mut cells = vec![
                record.queue_name.clone(),
                record.consumer_name.clone(),
                seconds(Some(record.died_seconds)),
                cut(Some(&record.reason), 40),
            ];
            cells.extend(record.event.cells(args.full));
            cells
        })
        .collect();
    let mut header = vec!["queue", "consumer", "dead_for", "reason"];
    header.extend(EventRecord::HEADER);
    desk.ui.table("Dead events", &header, &rows);
    Ok(0)
}

async fn move_events(desk: &Desk, args: &DeadArgs) -> Result<u8> {
    let (Some(queue), Some(consumer)) = (&args.filter.queue, &args.filter.consumer) else {
        return Err(Error::usage("--revive and --delete need QUEUE and CONSUMER"));
    };
    let mut moved = Moved {
        queue_name: queue.clone(),
        consumer_name: consumer.clone(),
        revived: 0,
        deleted: 0,
    };
    if args.revive {
        desk.check_filter(Some(queue), Some(consumer)).await?;
        let row = desk
            .session
            .query_one(sql::queue::REVIVE_EVENT, &[queue, consumer, &args.event])
            .await
            .map_err(|error| desk.explain(error, "dead events cannot be revived"))?;
        moved.revived = i64::from(row.get::<_, i32>("revived"));
    } else {
        let count = desk
            .session
            .execute(sql::queue::DELETE_DEAD_EVENT, &[queue, consumer, &args.event])
            .await
            .map_err(|error| desk.explain(error, "dead events cannot be deleted"))?;
        moved.deleted = i64::try_from(count).unwrap_or(i64::MAX);
    }
    if let Some(event) = args.event
        && moved.revived + moved.deleted == 0
    {
        return Err(Error::not_found(format!(
            "event {event} is not among the dead events of consumer \"{consumer}\" of queue \"{queue}\""
        ))
        .with_hint(format!("\"londiste queue dead {queue} {consumer}\" lists them")));
    }
    if args.revive {
        info!(
            "{} event(s) go back to consumer {consumer} of queue {queue}",
            moved.revived
        );
    } else {
        info!(
            "{} event(s) of consumer {consumer} of queue {queue} deleted",
            moved.deleted
        );
    }
    if args.json {
        desk.ui.json(&moved)?;
    }
    Ok(0)
}
