//! How changes of a table are captured: the choice that add-table offers, and triggers that no longer fit their table.

use clap::ValueEnum;
use tokio_postgres::GenericClient;
use tracing::{info, warn};

use super::after::explain_lock_wait;
use super::registry::Registered;
use crate::cli::admin::Admin;
use crate::error::{Error, Result};
use crate::sql;

/// The ways of capture.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureWay {
    /// By statement where that is right, else by row.
    Auto,
    /// By generated statement triggers.
    Statement,
    /// By a generated row trigger.
    Row,
    /// By a row trigger of schema pgq.
    Ancestor,
}

impl CaptureWay {
    /// As the database side spells it.
    pub fn word(self) -> &'static str {
        match self {
            CaptureWay::Auto => "auto",
            CaptureWay::Statement => "statement",
            CaptureWay::Row => "row",
            CaptureWay::Ancestor => "ancestor",
        }
    }
}

/// Whether a database generates triggers at all: the ancestor's schema does not.
async fn has_capture(client: &impl GenericClient) -> Result<bool> {
    Ok(client.query_one(sql::table::HAS_CAPTURE, &[]).await?.try_get(0)?)
}

/// Refuses a way of capture that this database does not know.
pub async fn check_capture(admin: &mut Admin, way: Option<CaptureWay>) -> Result<()> {
    if way.is_some() && !has_capture(&**admin.local().await?).await? {
        return Err(
            Error::refused("--capture needs our database side, or rights on its schema londiste_rs")
                .with_hint("\"londiste install\" puts it in; the ancestor's schema captures by row"),
        );
    }
    Ok(())
}

/// Makes the triggers of tables that were added before again, where that is needed or another way is asked for.
pub async fn refresh_captures(
    admin: &mut Admin,
    here: &[Registered],
    names: &[String],
    way: Option<CaptureWay>,
) -> Result<()> {
    let queue = admin.queue().to_owned();
    let lock_timeout = admin.config.lock_timeout;
    let local = admin.local().await?;
    if !has_capture(&**local).await? {
        return Ok(());
    }
    for table in here.iter().filter(|table| names.contains(&table.name)) {
        let word = way.map(CaptureWay::word);
        let row = local
            .query_one(sql::table::CAPTURE_REFRESH, &[&queue, &table.dest, &word])
            .await
            .map_err(|e| {
                let error =
                    Error::from(e).context(format!("making the triggers of table \"{}\"", table.dest));
                explain_lock_wait(error, lock_timeout)
            })?;
        let capture: String = row.try_get(0)?;
        let changed: bool = row.try_get(1)?;
        let reason: Option<String> = row.try_get(2)?;
        if changed {
            info!(
                "{}: made its triggers again, it is captured by {}",
                table.name,
                described(&capture)
            );
        }
        match (word, reason) {
            (Some("statement" | "row"), Some(reason)) if word != Some(capture.as_str()) => {
                warn!(
                    "{}: it cannot be captured by {}: {reason}",
                    table.name,
                    described(word.unwrap_or_default())
                );
            }
            _ => {}
        }
    }
    Ok(())
}

fn described(capture: &str) -> &str {
    match capture {
        "row" => "row, with a trigger made for it",
        "ancestor" => "row, with the general trigger",
        other => other,
    }
}

/// What is wrong about the triggers of a table; `place` is "here" or "on the provider".
pub async fn capture_problem(
    client: &impl GenericClient,
    queue: &str,
    name: &str,
    dest: &str,
    place: &str,
) -> Result<Option<String>> {
    if !has_capture(client).await? {
        return Ok(None);
    }
    let row = client
        .query_one(sql::table::CAPTURE_STATE, &[&queue, &dest])
        .await?;
    let state: String = row.try_get(1)?;
    let advice: Option<String> = row.try_get(2)?;
    let word = match state.as_str() {
        "wrong" => "error",
        "stale" => "warning",
        _ => return Ok(None),
    };
    let there = if place == "here" {
        ""
    } else {
        ", with the provider's job file"
    };
    Ok(advice.map(|advice| {
        format!("{word}: triggers {place}: {advice}; to put it right: add-table {name}{there}")
    }))
}
