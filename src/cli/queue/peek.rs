//! `queue peek`: a batch is opened, read and rolled back.

use clap::Args;
use serde::Serialize;

use super::DatabaseArgs;
use super::desk::Desk;
use super::event::EventRecord;
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::pgq::{self, BatchLimits};
use crate::sql;

/// What to show.
#[derive(Args, Debug)]
pub struct PeekArgs {
    /// Queue
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Consumer
    #[arg(value_name = "CONSUMER")]
    pub consumer: String,
    /// Show so many events at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(i64).range(0..))]
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

/// The batch that was looked into.
#[derive(Serialize)]
struct BatchRecord {
    queue_name: String,
    consumer_name: String,
    open: bool,
    prev_tick: i64,
    tick: i64,
    lag_seconds: f64,
    events: i64,
    shown: Vec<EventRecord>,
}

/// Runs queue peek.
pub async fn peek(context: Context, args: PeekArgs) -> Result<u8> {
    let mut desk = Desk::open(&context, &args.database).await?;
    desk.check_filter(Some(&args.queue), Some(&args.consumer)).await?;
    let record = match load(&mut desk, &args).await {
        Ok(record) => record,
        Err(error) if error.sqlstate() == Some("55P03") => {
            return Err(Error::new(
                crate::error::ErrorKind::Busy,
                format!("consumer \"{}\" is opening a batch right now", args.consumer),
            )
            .with_hint("try again"));
        }
        Err(error) => return Err(error),
    };
    if args.json {
        desk.ui.json(&record)?;
        return Ok(0);
    }
    let Some(batch) = record else {
        desk.ui.line(format!(
            "Consumer {} of queue {} has read everything up to the newest tick",
            args.consumer, args.queue
        ));
        return Ok(0);
    };
    desk.ui.line(format!(
        "{} batch of consumer {} of queue {}: ticks {} to {}, {} event(s), {} shown",
        if batch.open { "Open" } else { "Next" },
        batch.consumer_name,
        batch.queue_name,
        batch.prev_tick,
        batch.tick,
        batch.events,
        batch.shown.len()
    ));
    let rows: Vec<Vec<String>> = batch.shown.iter().map(|event| event.cells(args.full)).collect();
    desk.ui.table("Events", &EventRecord::HEADER, &rows);
    Ok(0)
}

async fn load(desk: &mut Desk, args: &PeekArgs) -> Result<Option<BatchRecord>> {
    let (queue, consumer) = (&args.queue, &args.consumer);
    let before = desk
        .session
        .query_opt(sql::queue::LIST_CONSUMERS, &[queue, consumer])
        .await?;
    let member_of: Option<String> = before.as_ref().and_then(|row| row.get("member_of"));
    let open = before.is_some_and(|row| row.get::<_, Option<i64>>("current_batch").is_some());
    if let Some(main) = member_of
        && !open
    {
        return Err(
            Error::refused(format!("member \"{consumer}\" has no batch open")).with_hint(format!(
                "the next batch is that of \"{main}\": londiste queue peek {queue} {main}"
            )),
        );
    }
    let transaction = desk.session.transaction().await?;
    transaction.batch_execute("set local lock_timeout = '2s'").await?;
    let limits = BatchLimits::default();
    let Some(batch) = pgq::next_batch(transaction.client(), queue, consumer, &limits).await? else {
        return Ok(None);
    };
    let events: String = transaction
        .query_one(sql::pgq::BATCH_SQL, &[&batch.id.0])
        .await?
        .get("sql");
    let count = transaction
        .query_one(&format!("select count(*) from ({events}) ev"), &[])
        .await?
        .get(0);
    let shown = transaction
        .query(
            &format!(
                "select ev_id, ev_time::text as ev_time, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, \
                 ev_extra4 from ({events}) ev order by ev_id limit $1"
            ),
            &[&args.limit],
        )
        .await?
        .iter()
        .map(EventRecord::of)
        .collect::<Result<_>>()?;
    let record = BatchRecord {
        queue_name: queue.clone(),
        consumer_name: consumer.clone(),
        open,
        prev_tick: batch.prev_tick.0,
        tick: batch.tick.0,
        lag_seconds: batch.lag.as_secs_f64(),
        events: count,
        shown,
    };
    transaction.rollback().await?;
    Ok(Some(record))
}
