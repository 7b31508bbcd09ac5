//! `queue list`.

use clap::Args;
use serde::Serialize;

use super::DatabaseArgs;
use super::desk::Desk;
use super::words::{or_dash, seconds, size};
use crate::cli::Context;
use crate::error::Result;
use crate::pgq::find_foreign_txids;
use crate::sql;

/// What to list.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only this queue
    #[arg(value_name = "QUEUE")]
    pub queue: Option<String>,
    /// Print the names only, one per line
    #[arg(long, conflicts_with = "json")]
    pub names_only: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Serialize)]
struct QueueRecord {
    queue_name: String,
    consumers: i64,
    last_tick: Option<i64>,
    ticker_lag_seconds: Option<f64>,
    not_ticked: bool,
    events_per_second: Option<f64>,
    new_events: Option<i64>,
    bytes: i64,
    tables: i32,
    current_table: i32,
    rotated_seconds: Option<f64>,
    rotation_period: Option<String>,
    ticker_max_count: i32,
    ticker_max_lag: String,
    ticker_idle_period: String,
    ticker_paused: bool,
    external_ticker: bool,
    disable_insert: bool,
    foreign_txids: bool,
    per_tx_limit: Option<i32>,
    extra_maint: Vec<String>,
}

impl QueueRecord {
    fn state(&self) -> String {
        let words: Vec<&str> = [
            (self.not_ticked, "not ticked"),
            (self.ticker_paused, "paused"),
            (self.external_ticker, "ticked from outside"),
            (self.disable_insert, "no inserts"),
            (self.foreign_txids, "needs repair"),
        ]
        .into_iter()
        .filter_map(|(is, word)| is.then_some(word))
        .collect();
        if words.is_empty() {
            "ok".to_owned()
        } else {
            words.join(", ")
        }
    }
}

/// Runs queue list.
pub async fn list(context: Context, args: ListArgs) -> Result<u8> {
    let desk = Desk::open(&context, &args.database).await?;
    desk.check_filter(args.queue.as_deref(), None).await?;
    let rows = desk
        .session
        .query(sql::queue::LIST_QUEUES, &[&args.queue])
        .await?;
    let foreign = find_foreign_txids(&desk.session, args.queue.as_deref()).await?;
    let mut rotation = Vec::new();
    let mut records = Vec::new();
    for row in &rows {
        rotation.push(seconds(row.try_get("rotation_seconds")?));
        records.push(QueueRecord {
            foreign_txids: foreign
                .iter()
                .any(|f| f.queue == row.get::<_, &str>("queue_name")),
            queue_name: row.try_get("queue_name")?,
            consumers: row.try_get("consumers")?,
            last_tick: row.try_get("last_tick")?,
            ticker_lag_seconds: row.try_get("ticker_lag")?,
            not_ticked: row.try_get("not_ticked")?,
            events_per_second: row.try_get("ev_per_sec")?,
            new_events: row.try_get("ev_new")?,
            bytes: row.try_get("bytes")?,
            tables: row.try_get("tables")?,
            current_table: row.try_get("current_table")?,
            rotated_seconds: row.try_get("rotated_seconds")?,
            rotation_period: row.try_get("rotation_period")?,
            ticker_max_count: row.try_get("ticker_max_count")?,
            ticker_max_lag: row.try_get("ticker_max_lag")?,
            ticker_idle_period: row.try_get("ticker_idle_period")?,
            ticker_paused: row.try_get("ticker_paused")?,
            external_ticker: row.try_get("external_ticker")?,
            disable_insert: row.try_get("disable_insert")?,
            per_tx_limit: row.try_get("per_tx_limit")?,
            extra_maint: row
                .try_get::<_, Option<Vec<String>>>("extra_maint")?
                .unwrap_or_default(),
        });
    }
    if args.json {
        desk.ui.json(&records)?;
    } else if args.names_only {
        for record in &records {
            desk.ui.line(&record.queue_name);
        }
    } else {
        let rows: Vec<Vec<String>> = records
            .iter()
            .zip(rotation)
            .map(|(record, rotation)| {
                vec![
                    record.queue_name.clone(),
                    record.consumers.to_string(),
                    or_dash(record.last_tick),
                    seconds(record.ticker_lag_seconds),
                    or_dash(record.events_per_second.map(|rate| format!("{rate:.1}"))),
                    or_dash(record.new_events),
                    size(record.bytes),
                    format!("{}/{rotation}", record.tables),
                    record.state(),
                ]
            })
            .collect();
        let header = [
            "queue",
            "consumers",
            "tick",
            "tick_age",
            "events/s",
            "new_events",
            "size",
            "rotation",
            "state",
        ];
        let database = &desk.database;
        desk.ui.table_or(
            &format!("Queues in database {database}"),
            &header,
            &rows,
            format!("No queues in database {database}"),
        );
        if records.iter().any(|record| record.not_ticked) {
            desk.ui
                .hint("a queue that is not ticked has nobody who makes its batches: is a pgqd running for this server?");
        }
    }
    Ok(0)
}
