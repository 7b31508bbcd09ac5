//! `queue detach`, `queue attach`.

use clap::Args;
use serde::Serialize;
use tracing::{info, warn};

use super::DatabaseArgs;
use super::desk::Desk;
use super::limit::refuse_watermark;
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::sql;

/// Who is taken off.
#[derive(Args, Debug)]
pub struct DetachArgs {
    /// Queue
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Consumer; a cooperative one goes with all its members
    #[arg(value_name = "CONSUMER")]
    pub consumer: String,
    /// Why, for those who find it
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    pub reason: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// Who comes back.
#[derive(Args, Debug)]
pub struct AttachArgs {
    /// Queue
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Consumer
    #[arg(value_name = "CONSUMER")]
    pub consumer: String,
    /// Put it back although events are gone; not for the worker of a node, which is to be created anew then
    #[arg(long)]
    pub accept_loss: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Serialize)]
struct Detached {
    queue_name: String,
    consumer_name: String,
    last_tick: Option<i64>,
}

/// Runs queue detach.
pub async fn detach(context: Context, args: DetachArgs) -> Result<u8> {
    let mut desk = Desk::open(&context, &args.database).await?;
    let (queue, consumer) = (&args.queue, &args.consumer);
    desk.check_filter(Some(queue), Some(consumer)).await?;
    refuse_watermark(&desk, queue, consumer).await?;
    desk.ensure_limits().await?;
    let done: i32 = desk
        .session
        .query_one(
            sql::queue::DETACH_CONSUMER,
            &[queue, consumer, &args.reason, &None::<i64>],
        )
        .await
        .map_err(|error| {
            desk.explain(
                error,
                &format!("consumer \"{consumer}\" of queue \"{queue}\" cannot be detached"),
            )
        })?
        .get("detached");
    if done == 0 {
        return Err(Error::not_found(format!(
            "consumer \"{consumer}\" is not subscribed to queue \"{queue}\" any more"
        )));
    }
    let row = desk
        .session
        .query_opt(sql::queue::LIST_DETACHED, &[queue, consumer])
        .await?;
    let last_tick: Option<i64> = row.and_then(|row| row.get("last_tick"));
    match last_tick {
        Some(tick) => {
            info!("Consumer {consumer} detached from queue {queue} at tick {tick}");
            if !args.json {
                desk.ui.hint(format!(
                    "\"londiste queue attach {queue} {consumer}\" puts it back"
                ));
            }
        }
        None => {
            info!("Consumer {consumer} removed from queue {queue}: the copy that it belongs to begins anew")
        }
    }
    if args.json {
        desk.ui.json(&Detached {
            queue_name: queue.clone(),
            consumer_name: consumer.clone(),
            last_tick,
        })?;
    }
    Ok(0)
}

#[derive(Serialize)]
struct Attached {
    queue_name: String,
    consumer_name: String,
    attached: bool,
    reason: String,
    from_tick: i64,
    from_time: Option<String>,
    at_tick: i64,
    at_time: String,
    lost: Option<Lost>,
    retry_events: i32,
}

#[derive(Serialize)]
struct Lost {
    first_tick: i64,
    last_tick: i64,
    from_time: Option<String>,
    to_time: String,
    first_event: Option<i64>,
    last_event: Option<i64>,
    events_at_most: Option<i64>,
}

impl Lost {
    fn text(&self) -> String {
        let time = self.from_time.as_deref().unwrap_or("(unknown)");
        match (self.first_event, self.last_event, self.events_at_most) {
            (Some(first), Some(last), Some(count)) => format!(
                "ticks {} to {}, {time} to {}: events {first} to {last}, {count} at most",
                self.first_tick, self.last_tick, self.to_time
            ),
            _ => format!(
                "everything after tick {}, {time}, until {}: the queue was dropped and created anew",
                self.first_tick, self.to_time
            ),
        }
    }
}

/// Runs queue attach.
pub async fn attach(context: Context, args: AttachArgs) -> Result<u8> {
    let desk = Desk::open(&context, &args.database).await?;
    let (queue, consumer) = (&args.queue, &args.consumer);
    desk.check_queue(queue).await?;
    let known = match desk.has_limits {
        true => {
            desk.session
                .query_opt(sql::queue::LIST_DETACHED, &[queue, consumer])
                .await?
        }
        false => None,
    };
    let Some(known) = known else {
        desk.check_filter(Some(queue), Some(consumer)).await?;
        return Err(Error::refused(format!(
            "consumer \"{consumer}\" of queue \"{queue}\" is not detached"
        )));
    };
    // A node with a hole in its rows would say that it is well: it is made anew instead.
    let accept_loss = args.accept_loss && known.get::<_, String>("kind") != "worker";
    let doing = format!("consumer \"{consumer}\" cannot be attached to queue \"{queue}\"");
    let row = desk
        .session
        .query_one(sql::queue::ATTACH_CONSUMER, &[queue, consumer, &accept_loss])
        .await
        .map_err(|error| {
            desk.explain(error, &doing).with_hint(format!(
                "\"londiste queue unregister {queue} {consumer}\" forgets the old position"
            ))
        })?;
    let (from_tick, at_tick): (i64, i64) = (row.get("from_tick"), row.get("at_tick"));
    let (from_time, at_time): (Option<String>, String) = (row.get("from_time"), row.get("at_time"));
    let lost = row.get::<_, bool>("lost").then(|| Lost {
        first_tick: from_tick,
        last_tick: at_tick,
        from_time: from_time.clone(),
        to_time: at_time.clone(),
        first_event: row.get("lost_first_event"),
        last_event: row.get("lost_last_event"),
        events_at_most: row.get("lost_events"),
    });
    let record = Attached {
        queue_name: queue.clone(),
        consumer_name: consumer.clone(),
        attached: row.get("attached"),
        reason: row.get("reason"),
        from_tick,
        from_time,
        at_tick,
        at_time,
        lost,
        retry_events: row.get("retry_events"),
    };
    if args.json {
        desk.ui.json(&record)?;
    }
    let node: Option<String> = row.get("node_name");
    if !record.attached {
        let lost = record.lost.as_ref().map(Lost::text).unwrap_or_default();
        let error = Error::refused(format!("{doing}: events are gone")).with_detail(format!("lost: {lost}"));
        return Err(match node {
            Some(node) => error.with_hint(format!(
                "node \"{node}\" cannot go on without them: drop it and create it anew, and the nodes below it"
            )),
            None => error.with_hint("with --accept-loss it goes on without them"),
        });
    }
    info!("Consumer {consumer} attached to queue {queue} at tick {at_tick}");
    match &record.lost {
        None => info!("Nothing is lost"),
        Some(lost) => warn!("Lost: {}", lost.text()),
    }
    if record.retry_events > 0 {
        info!("{} event(s) go back to be retried", record.retry_events);
    }
    Ok(0)
}
