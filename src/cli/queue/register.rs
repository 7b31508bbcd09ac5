//! `queue register`, `queue unregister`.

use clap::Args;
use serde::Serialize;
use tracing::{info, warn};

use super::DatabaseArgs;
use super::desk::Desk;
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::sql;

/// Who reads from where on.
#[derive(Args, Debug)]
pub struct RegisterArgs {
    /// Queue
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Consumer
    #[arg(value_name = "CONSUMER")]
    pub consumer: String,
    /// Start after this tick; moves a consumer that is subscribed
    #[arg(long, value_name = "TICK", conflicts_with_all = ["copy", "member"])]
    pub at: Option<i64>,
    /// Start where this consumer of the queue is
    #[arg(long, value_name = "CONSUMER", conflicts_with = "member")]
    pub copy: Option<String>,
    /// Add this member to the cooperative consumer
    #[arg(long, value_name = "NAME")]
    pub member: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// Whose subscription ends.
#[derive(Args, Debug)]
pub struct UnregisterArgs {
    /// Queue
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Consumer
    #[arg(value_name = "CONSUMER")]
    pub consumer: String,
    /// Only this member of the cooperative consumer
    #[arg(long, value_name = "NAME")]
    pub member: Option<String>,
    /// Also where a batch of the member is open: its events are lost for the consumer
    #[arg(long, requires = "member")]
    pub drop_batch: bool,
    /// Also where the consumer belongs to a node of a cascade
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Serialize)]
struct Registered {
    queue_name: String,
    consumer_name: String,
    new: bool,
    last_tick: Option<i64>,
}

/// Runs queue register.
pub async fn register(context: Context, args: RegisterArgs) -> Result<u8> {
    let desk = Desk::open(&context, &args.database).await?;
    let (queue, consumer) = (&args.queue, &args.consumer);
    desk.check_queue(queue).await?;
    if let Some(error) = desk.find_detached(queue, consumer).await? {
        return Err(error);
    }
    let at = match (&args.copy, args.at) {
        (Some(other), _) => Some(load_tick(&desk, queue, other).await?),
        (None, at) => at,
    };
    if let Some(tick) = at {
        check_tick(&desk, queue, tick).await?;
        refuse_cascade(&desk, queue, consumer, false).await?;
    }
    let answer = match &args.member {
        Some(member) => {
            require_coop(&desk)?;
            desk.session
                .query_one(
                    "select pgq_coop.register_subconsumer($1, $2, $3)",
                    &[queue, consumer, member],
                )
                .await
        }
        None => {
            desk.session
                .query_one(
                    "select pgq.register_consumer_at($1, $2, $3)",
                    &[queue, consumer, &at],
                )
                .await
        }
    };
    let new = answer
        .map_err(|error| {
            desk.explain(
                error,
                &format!("consumer \"{consumer}\" cannot be registered on queue \"{queue}\""),
            )
        })?
        .get::<_, i32>(0)
        == 1;
    let name = full_name(consumer, args.member.as_deref());
    let last_tick = find_tick(&desk, queue, consumer).await?;
    let place = last_tick.map_or_else(String::new, |tick| format!(" at tick {tick}"));
    match (new, at) {
        (true, _) => info!("Consumer {name} registered on queue {queue}{place}"),
        (false, Some(tick)) => info!("Consumer {name} of queue {queue} moved to tick {tick}"),
        (false, None) => info!("Consumer {name} is on queue {queue} already{place}"),
    }
    if args.json {
        desk.ui.json(&Registered {
            queue_name: queue.clone(),
            consumer_name: name,
            new,
            last_tick,
        })?;
    }
    Ok(0)
}

#[derive(Serialize)]
struct Unregistered {
    queue_name: String,
    consumer_name: String,
    subscriptions: i32,
    forgotten: bool,
}

/// Runs queue unregister.
pub async fn unregister(context: Context, args: UnregisterArgs) -> Result<u8> {
    let desk = Desk::open(&context, &args.database).await?;
    let (queue, consumer) = (&args.queue, &args.consumer);
    let name = full_name(consumer, args.member.as_deref());
    let is_detached = args.member.is_none() && desk.find_detached(queue, consumer).await?.is_some();
    if !is_detached {
        desk.check_filter(Some(queue), Some(&name)).await?;
    }
    if !args.force {
        refuse_cascade(&desk, queue, consumer, true).await?;
    }
    let doing = format!("consumer \"{name}\" of queue \"{queue}\" cannot be unregistered");
    let answer = match &args.member {
        Some(member) => {
            require_coop(&desk)?;
            let handling = i32::from(args.drop_batch);
            desk.session
                .query_one(
                    "select pgq_coop.unregister_subconsumer($1, $2, $3, $4)",
                    &[queue, consumer, member, &handling],
                )
                .await
        }
        None => {
            desk.session
                .query_one("select pgq.unregister_consumer($1, $2)", &[queue, consumer])
                .await
        }
    };
    let subscriptions: i32 = answer
        .map_err(|error| {
            let error = desk.explain(error, &doing);
            match &args.member {
                Some(_) if error.sqlstate() == Some("P0001") && !args.drop_batch => {
                    error.with_hint("with --drop-batch it goes, and the events of that batch are lost")
                }
                _ => error,
            }
        })?
        .get(0);
    if is_detached {
        let events: i64 = desk
            .session
            .query_one(sql::queue::FORGET_DETACHED, &[queue, consumer])
            .await
            .map_err(|error| desk.explain(error, &doing))?
            .get("events");
        let with_events = match events {
            0 => String::new(),
            events => format!(", with {events} event(s) that waited to be delivered again"),
        };
        info!("Consumer {name} of queue {queue} was detached, its position is forgotten{with_events}");
    }
    match subscriptions {
        0 if is_detached => {}
        0 => warn!("Consumer {name} is not registered on queue {queue} any more"),
        1 => info!("Consumer {name} unregistered from queue {queue}"),
        n => info!(
            "Consumer {name} unregistered from queue {queue} with {} member(s)",
            n - 1
        ),
    }
    if args.json {
        desk.ui.json(&Unregistered {
            queue_name: queue.clone(),
            consumer_name: name,
            subscriptions,
            forgotten: is_detached,
        })?;
    }
    Ok(0)
}

fn full_name(consumer: &str, member: Option<&str>) -> String {
    match member {
        Some(member) => format!("{consumer}.{member}"),
        None => consumer.to_owned(),
    }
}

fn require_coop(desk: &Desk) -> Result<()> {
    if desk.has_coop {
        return Ok(());
    }
    Err(
        Error::not_found(format!("database \"{}\" has no schema pgq_coop", desk.database))
            .with_hint("install it with \"londiste install --only=pgq_coop CONNSTR\""),
    )
}

/// Refuses a tick that the queue does not have.
async fn check_tick(desk: &Desk, queue: &str, tick: i64) -> Result<()> {
    let row = desk
        .session
        .query_one(sql::queue::FIND_TICK_RANGE, &[&queue, &tick])
        .await?;
    if row.get("present") {
        return Ok(());
    }
    let error = Error::not_found(format!("queue \"{queue}\" has no tick {tick}"));
    Err(
        match (
            row.get::<_, Option<i64>>("first"),
            row.get::<_, Option<i64>>("last"),
        ) {
            (Some(first), Some(last)) => error.with_detail(format!("it has ticks from {first} to {last}")),
            _ => error.with_detail("it has no ticks"),
        },
    )
}

async fn find_tick(desk: &Desk, queue: &str, consumer: &str) -> Result<Option<i64>> {
    let row = desk
        .session
        .query_opt(sql::queue::LIST_CONSUMERS, &[&queue, &consumer])
        .await?;
    Ok(row.and_then(|row| row.get("last_tick")))
}

async fn load_tick(desk: &Desk, queue: &str, consumer: &str) -> Result<i64> {
    desk.check_filter(Some(queue), Some(consumer)).await?;
    find_tick(desk, queue, consumer).await?.ok_or_else(|| {
        Error::refused(format!(
            "consumer \"{consumer}\" of queue \"{queue}\" has no position"
        ))
        .with_detail("it is an idle member of a cooperative consumer")
    })
}

/// Refuses to touch what a node of a cascade reads with.
async fn refuse_cascade(desk: &Desk, queue: &str, consumer: &str, may_force: bool) -> Result<()> {
    let node = match desk.find_subscriber(queue, consumer).await? {
        Some(node) => format!("node \"{node}\" of the cascade reads with it"),
        None if consumer == ".global_watermark" => "it is the watermark of the cascade".to_owned(),
        None => return Ok(()),
    };
    let error = Error::refused(format!(
        "consumer \"{consumer}\" of queue \"{queue}\" is not to be touched"
    ))
    .with_detail(node)
    .with_hint(
        "\"londiste drop-node\" removes a node, \"londiste queue detach\" lets the queue go on without it",
    );
    Err(if may_force {
        error.with_hint("or use --force")
    } else {
        error
    })
}
