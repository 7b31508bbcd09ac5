//! `queue dead`: events that their readers have given up.

use clap::Args;
use serde::Serialize;
use tokio_postgres::Row;
use tracing::info;

use super::desk::Desk;
use super::event::{EventListArgs, Standing, Words, list};
use super::words::{cut, seconds};
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::sql;

/// Which events, and what to do with them.
#[derive(Args, Debug)]
pub struct DeadArgs {
    /// Which events.
    #[command(flatten)]
    pub list: EventListArgs,
    /// Give the events back to the consumer, as if they had never been retried
    #[arg(long, conflicts_with = "delete")]
    pub revive: bool,
    /// Delete the events for good
    #[arg(long)]
    pub delete: bool,
    /// Revive or delete only this event
    #[arg(long, value_name = "EV_ID")]
    pub event: Option<i64>,
}

#[derive(Serialize)]
struct Dead {
    died_seconds: f64,
    reason: String,
    reader_detached: bool,
}

impl Standing for Dead {
    const HEADER: &'static [&'static str] = &["dead_for", "reason"];

    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            died_seconds: row.try_get("died_seconds")?,
            reason: row.try_get("reason")?,
            reader_detached: row.try_get("is_detached")?,
        })
    }

    fn cells(&self) -> Vec<String> {
        vec![seconds(Some(self.died_seconds)), cut(Some(&self.reason), 40)]
    }
}

const WORDS: Words = Words {
    title: "Dead events",
    none: "No dead events",
    doing: "dead events cannot be listed",
};

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
    let desk = Desk::open(&context, &args.list.database).await?;
    desk.require_limits("dead events")?;
    if args.revive || args.delete {
        return move_events(&desk, &args).await;
    }
    list::<Dead>(&desk, &args.list, sql::queue::LIST_DEAD_EVENTS, &WORDS).await
}

async fn move_events(desk: &Desk, args: &DeadArgs) -> Result<u8> {
    let (Some(queue), Some(consumer)) = (&args.list.filter.queue, &args.list.filter.consumer) else {
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
        desk.check_left(Some(queue), Some(consumer), count > 0).await?;
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
    if args.list.json {
        desk.ui.json(&moved)?;
    }
    Ok(0)
}
