//! `queue repair`.

use std::time::Duration;

use clap::Args;
use futures::stream::{StreamExt, TryStreamExt};
use serde::Serialize;
use tracing::info;

use super::DatabaseArgs;
use super::desk::Desk;
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::pgq::find_foreign_txids;
use crate::sql;

/// Statements under way at once, where transaction ids have to be used up.
const PIPELINED: usize = 200;
/// Between two looks at whether older transactions have ended.
const PAUSE: Duration = Duration::from_millis(500);

/// What to repair.
#[derive(Args, Debug)]
pub struct RepairArgs {
    /// Queues; all that need it when none is named
    #[arg(value_name = "QUEUE")]
    pub queues: Vec<String>,
    /// Only tell which queues need it; exit status 1 if any does
    #[arg(long)]
    pub check: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Serialize)]
struct Record {
    queue_name: String,
    stored_txid: i64,
    current_txid: i64,
    repaired: bool,
    ticks: i32,
    events: i64,
}

/// Runs queue repair.
pub async fn repair(context: Context, args: RepairArgs) -> Result<u8> {
    let mut desk = Desk::open(&context, &args.database).await?;
    for queue in &args.queues {
        desk.check_queue(queue).await?;
    }
    desk.ensure_limits().await?;
    let found = find_foreign_txids(&desk.session, None).await?;
    let mut records = Vec::new();
    for foreign in found {
        if !args.queues.is_empty() && !args.queues.contains(&foreign.queue) {
            continue;
        }
        let mut record = Record {
            queue_name: foreign.queue.clone(),
            stored_txid: foreign.stored,
            current_txid: foreign.current,
            repaired: false,
            ticks: 0,
            events: 0,
        };
        if !args.check {
            let work = repair_one(&desk, &foreign.queue);
            (record.ticks, record.events) = context.stop.unless_stopped(work).await?;
            record.repaired = true;
            info!(
                "Queue {} repaired: {} ticks and {} events have ids of this server",
                foreign.queue, record.ticks, record.events
            );
        } else if !args.json {
            desk.ui.line(foreign.line());
        }
        records.push(record);
    }
    if args.json {
        desk.ui.json(&records)?;
    } else if records.is_empty() {
        info!("Nothing to repair in database {}", desk.database);
    } else if !args.check {
        desk.ui.hint(
            "readers go on by themselves; a table whose first copy was under way on a node below has to be copied anew \
             there (londiste resync)",
        );
    }
    Ok(u8::from(args.check && !records.is_empty()))
}

/// One queue; gives out transaction ids first where there are more ticks than this server has counted transactions.
async fn repair_one(desk: &Desk, queue: &str) -> Result<(i32, i64)> {
    let mut told = false;
    let mut given: i64 = 0;
    loop {
        let row = desk
            .session
            .query_one(sql::queue::REPAIR_TXIDS, &[&queue])
            .await
            .map_err(|error| desk.explain(error, &format!("queue \"{queue}\" cannot be repaired")))?;
        let missing: i64 = row.get("missing_txids");
        if missing == 0 {
            return Ok((row.get("ticks"), row.get("events")));
        }
        if given > 0 {
            if !told {
                info!("Queue {queue}: waiting for transactions that were open before to end");
                told = true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        // What an open transaction holds back was given out already.
        let wanted = (missing - given).max(0);
        if wanted > 0 {
            info!("Queue {queue}: {wanted} transaction ids are used up first");
            give_out(desk, wanted).await?;
            given += wanted;
        }
    }
}

/// Makes the server give out so many transaction ids.
async fn give_out(desk: &Desk, count: i64) -> Result<()> {
    let client = &desk.session;
    let statement = client.prepare(sql::cascade::TAKE_TXID).await?;
    futures::stream::iter(0..count)
        .map(|_| client.query_one(&statement, &[]))
        .buffered(PIPELINED)
        .try_for_each(|_| async { Ok(()) })
        .await
        .map_err(Error::from)
}
