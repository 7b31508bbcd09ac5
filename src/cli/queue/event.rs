//! Events, as the commands show them: one record, and lists of those that are not on their way to a reader.

use clap::Args;
use serde::Serialize;
use tokio_postgres::Row;

use super::desk::Desk;
use super::words::{cut, or_dash};
use super::{DatabaseArgs, FilterArgs};
use crate::error::Result;

/// Which events to list, and how.
#[derive(Args, Debug)]
pub struct EventListArgs {
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

/// What a list says about an event beside the event itself.
pub trait Standing: Serialize {
    /// Headings of [`Self::cells`].
    const HEADER: &'static [&'static str];

    /// Takes its columns.
    fn of(row: &Row) -> Result<Self>
    where
        Self: Sized;

    /// The same as cells of a table.
    fn cells(&self) -> Vec<String>;
}

#[derive(Serialize)]
struct Listed<S> {
    queue_name: String,
    consumer_name: String,
    #[serde(flatten)]
    standing: S,
    #[serde(flatten)]
    event: EventRecord,
}

/// The texts of a list.
pub struct Words {
    /// Above the table.
    pub title: &'static str,
    /// Instead of an empty table.
    pub none: &'static str,
    /// Before an error of the server.
    pub doing: &'static str,
}

/// Prints the events that `query` finds by queue, consumer and number of rows.
pub async fn list<S: Standing>(desk: &Desk, args: &EventListArgs, query: &str, words: &Words) -> Result<u8> {
    let (queue, consumer) = (args.filter.queue.as_deref(), args.filter.consumer.as_deref());
    let rows = desk
        .session
        .query(query, &[&queue, &consumer, &args.limit])
        .await
        .map_err(|error| desk.explain(error, words.doing))?;
    desk.check_left(queue, consumer, !rows.is_empty()).await?;
    let mut records = Vec::new();
    for row in &rows {
        records.push(Listed {
            queue_name: row.try_get("queue_name")?,
            consumer_name: row.try_get("consumer_name")?,
            standing: S::of(row)?,
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
            let mut cells = vec![record.queue_name.clone(), record.consumer_name.clone()];
            cells.extend(record.standing.cells());
            cells.extend(record.event.cells(args.full));
            cells
        })
        .collect();
    let mut header = vec!["queue", "consumer"];
    header.extend(S::HEADER);
    header.extend(EventRecord::HEADER);
    desk.ui.table_or(words.title, &header, &rows, words.none);
    Ok(0)
}

/// One event, as all commands print it.
#[derive(Serialize)]
pub struct EventRecord {
    ev_id: i64,
    ev_time: String,
    ev_retry: Option<i32>,
    ev_type: Option<String>,
    ev_data: Option<String>,
    ev_extra1: Option<String>,
    ev_extra2: Option<String>,
    ev_extra3: Option<String>,
    ev_extra4: Option<String>,
}

impl EventRecord {
    /// Takes the columns of an event.
    pub fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            ev_id: row.try_get("ev_id")?,
            ev_time: row.try_get("ev_time")?,
            ev_retry: row.try_get("ev_retry")?,
            ev_type: row.try_get("ev_type")?,
            ev_data: row.try_get("ev_data")?,
            ev_extra1: row.try_get("ev_extra1")?,
            ev_extra2: row.try_get("ev_extra2")?,
            ev_extra3: row.try_get("ev_extra3")?,
            ev_extra4: row.try_get("ev_extra4")?,
        })
    }

    /// Headings of [`Self::cells`].
    pub const HEADER: [&'static str; 5] = ["ev_id", "retry", "ev_type", "ev_extra1", "ev_data"];

    /// The event as a row of a table.
    pub fn cells(&self, full: bool) -> Vec<String> {
        let text = |value: &Option<String>, limit: usize| match value {
            Some(value) if full => value.clone(),
            value => cut(value.as_deref(), limit),
        };
        vec![
            self.ev_id.to_string(),
            or_dash(self.ev_retry),
            text(&self.ev_type, 24),
            text(&self.ev_extra1, 32),
            text(&self.ev_data, 60),
        ]
    }
}
