//! `queue retry`: events that wait to be delivered again.

use serde::Serialize;
use tokio_postgres::Row;

use super::desk::Desk;
use super::event::{EventListArgs, Standing, Words, list};
use super::words::seconds;
use crate::cli::Context;
use crate::error::Result;
use crate::sql;

#[derive(Serialize)]
struct Waiting {
    due_seconds: f64,
}

impl Standing for Waiting {
    const HEADER: &'static [&'static str] = &["due_in"];

    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            due_seconds: row.try_get("due_seconds")?,
        })
    }

    fn cells(&self) -> Vec<String> {
        vec![if self.due_seconds <= 0.0 {
            "now".to_owned()
        } else {
            seconds(Some(self.due_seconds))
        }]
    }
}

const WORDS: Words = Words {
    title: "Events that wait to be delivered again",
    none: "No event waits to be delivered again",
    doing: "events that wait cannot be listed",
};

/// Runs queue retry.
pub async fn retry(context: Context, args: EventListArgs) -> Result<u8> {
    let desk = Desk::open(&context, &args.database).await?;
    list::<Waiting>(&desk, &args, sql::queue::LIST_RETRY_EVENTS, &WORDS).await
}
