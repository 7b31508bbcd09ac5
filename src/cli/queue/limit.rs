//! `queue limit`.

use clap::{Args, ValueEnum};
use serde::Serialize;
use tracing::info;

use super::desk::Desk;
use super::words::{check_interval, or_dash, parse_size, size};
use super::{DatabaseArgs, FilterArgs};
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::sql;

/// Consumer name that stands for all readers without a limit of their own.
const ALL: &str = "*";

/// Whose limit, and which.
#[derive(Args, Debug)]
pub struct LimitArgs {
    /// Which queue and consumer.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Longest time that a tick may wait for the reader, for instance "2 days"
    #[arg(long, value_name = "INTERVAL")]
    pub age: Option<String>,
    /// Most events that the reader may have before it, by event ids
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub events: Option<i64>,
    /// Most disk space that these events may take, for instance 10GB; estimated from their share of the queue's tables
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub bytes: Option<i64>,
    /// What happens beyond the limit [default: warn]
    #[arg(long, value_name = "ACTION")]
    pub action: Option<Action>,
    /// Remove the limit
    #[arg(long, conflicts_with_all = ["age", "events", "bytes", "action"])]
    pub remove: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// What happens beyond a limit.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The log of the ticker says so
    Warn,
    /// The reader is taken off the queue, its position is kept
    Detach,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Detach => "detach",
        }
    }
}

#[derive(Serialize)]
struct LimitRecord {
    queue_name: String,
    consumer_name: String,
    max_age: Option<String>,
    max_events: Option<i64>,
    max_bytes: Option<i64>,
    action: String,
}

/// Runs queue limit.
pub async fn limit(context: Context, args: LimitArgs) -> Result<u8> {
    let mut desk = Desk::open(&context, &args.database).await?;
    if args.remove {
        return remove(&desk, &args).await;
    }
    let changes =
        args.age.is_some() || args.events.is_some() || args.bytes.is_some() || args.action.is_some();
    if changes {
        store(&mut desk, &args).await?;
        if !args.json {
            return Ok(0);
        }
    }
    let (queue, consumer) = (args.filter.queue.as_deref(), args.filter.consumer.as_deref());
    let records = if desk.has_limits {
        load(&desk, queue, consumer).await?
    } else {
        Vec::new()
    };
    let named = consumer.filter(|name| *name != ALL);
    desk.check_left(queue, named, !records.is_empty()).await?;
    if args.json {
        desk.ui.json(&records)?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = records
        .into_iter()
        .map(|record| {
            vec![
                record.queue_name,
                record.consumer_name,
                or_dash(record.max_age),
                or_dash(record.max_events),
                or_dash(record.max_bytes.map(size)),
                record.action,
            ]
        })
        .collect();
    let header = ["queue", "consumer", "age", "events", "size", "action"];
    let database = &desk.database;
    desk.ui.table_or(
        &format!("Limits in database {database}"),
        &header,
        &rows,
        format!("No limits in database {database}"),
    );
    Ok(0)
}

async fn load(desk: &Desk, queue: Option<&str>, consumer: Option<&str>) -> Result<Vec<LimitRecord>> {
    let rows = desk
        .session
        .query(sql::queue::LIST_LIMITS, &[&queue, &consumer])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(LimitRecord {
                queue_name: row.try_get("queue_name")?,
                consumer_name: row.try_get("consumer_name")?,
                max_age: row.try_get("max_age")?,
                max_events: row.try_get("max_events")?,
                max_bytes: row.try_get("max_bytes")?,
                action: row.try_get("action")?,
            })
        })
        .collect()
}

/// Sets what is given; what is not keeps the value it has.
async fn store(desk: &mut Desk, args: &LimitArgs) -> Result<()> {
    let (queue, consumer) = names(args)?;
    if consumer == ALL {
        desk.check_queue(queue).await?;
    } else {
        desk.check_filter(Some(queue), Some(consumer)).await?;
    }
    if args.action == Some(Action::Detach) {
        refuse_watermark(desk, queue, consumer).await?;
    }
    if let Some(age) = &args.age {
        check_interval(&desk.session, "--age", age).await?;
    }
    desk.ensure_limits().await?;
    let known = load(desk, Some(queue), Some(consumer)).await?.pop();
    let (max_age, max_events, max_bytes, action) = match known {
        Some(known) => (known.max_age, known.max_events, known.max_bytes, known.action),
        None => (None, None, None, Action::Warn.word().to_owned()),
    };
    let max_age = args.age.clone().or(max_age);
    let max_events = args.events.or(max_events);
    let max_bytes = args.bytes.or(max_bytes);
    let action = args.action.map_or(action, |action| action.word().to_owned());
    if max_age.is_none() && max_events.is_none() && max_bytes.is_none() {
        return Err(Error::usage("an action needs a limit")
            .with_hint("give at least one of --age, --events and --bytes"));
    }
    desk.session
        .execute(
            sql::queue::SET_LIMIT,
            &[&queue, &consumer, &max_age, &max_events, &max_bytes, &action],
        )
        .await
        .map_err(|error| desk.explain(error, "the limit cannot be stored"))?;
    let parts: Vec<String> = [
        max_age.map(|age| format!("age {age}")),
        max_events.map(|events| format!("{events} events")),
        max_bytes.map(size),
    ]
    .into_iter()
    .flatten()
    .collect();
    let who = if consumer == ALL {
        "readers without a limit of their own".to_owned()
    } else {
        format!("consumer {consumer}")
    };
    info!(
        "Limit for {who} of queue {queue}: {}, then {action}",
        parts.join(", ")
    );
    Ok(())
}

async fn remove(desk: &Desk, args: &LimitArgs) -> Result<u8> {
    let (queue, consumer) = names(args)?;
    let removed = if desk.has_limits {
        desk.session
            .execute(sql::queue::REMOVE_LIMIT, &[&queue, &consumer])
            .await
            .map_err(|error| desk.explain(error, "the limit cannot be removed"))?
    } else {
        0
    };
    if removed == 0 {
        let named = Some(consumer).filter(|name| *name != ALL);
        desk.check_left(Some(queue), named, false).await?;
        return Err(Error::not_found(format!(
            "consumer \"{consumer}\" of queue \"{queue}\" has no limit"
        ))
        .with_hint("\"londiste queue limit\" lists the limits"));
    }
    info!("Limit for consumer {consumer} of queue {queue} removed");
    if args.json {
        desk.ui.json(&load(desk, Some(queue), None).await?)?;
    }
    Ok(0)
}

fn names(args: &LimitArgs) -> Result<(&str, &str)> {
    match (args.filter.queue.as_deref(), args.filter.consumer.as_deref()) {
        (Some(queue), Some(consumer)) => Ok((queue, consumer)),
        _ => Err(Error::usage("a limit needs QUEUE and CONSUMER").with_hint(
            "the consumer '*' stands for all readers of the queue that have no limit of their own",
        )),
    }
}

/// A watermark follows the workers below: it cannot be detached by itself.
pub async fn refuse_watermark(desk: &Desk, queue: &str, consumer: &str) -> Result<()> {
    let node = desk.find_subscriber(queue, consumer).await?;
    let is_watermark = consumer == ".global_watermark"
        || node
            .as_ref()
            .is_some_and(|node| consumer == format!(".{node}.watermark"));
    if !is_watermark {
        return Ok(());
    }
    Err(Error::refused(format!(
        "consumer \"{consumer}\" of queue \"{queue}\" cannot be detached"
    ))
    .with_detail("it is a watermark of the cascade: it says how far the nodes below have come")
    .with_hint("detach the worker of the node that is behind, on the node that it reads from"))
}
