//! `queue set`.

use clap::Args;
use serde::Serialize;
use tracing::info;

use super::DatabaseArgs;
use super::desk::Desk;
use crate::cli::Context;
use crate::config::key::suggest;
use crate::error::{Error, Result};

/// What to change.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// Queue
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Settings: `ticker_max_count`, `ticker_max_lag`, `ticker_idle_period`, `ticker_paused`, `rotation_period`,
    /// `external_ticker`, `per_tx_limit`, `disable_insert`, `extra_maint` (comma separated functions)
    ///
    /// An empty value takes the limit away where there may be none: `rotation_period=` (the queue is not rotated; not with
    /// the ancestor's schema), `per_tx_limit=`, `extra_maint=`.
    #[arg(value_name = "KEY=VALUE", required = true, action = clap::ArgAction::Append)]
    pub settings: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// Names of the settings, with the type of the column; `true` when empty means null.
const SETTINGS: &[(&str, &str, bool)] = &[
    ("ticker_max_count", "int4", false),
    ("ticker_max_lag", "interval", false),
    ("ticker_idle_period", "interval", false),
    ("ticker_paused", "bool", false),
    ("rotation_period", "interval", true),
    ("external_ticker", "bool", false),
    ("per_tx_limit", "int4", true),
    ("disable_insert", "bool", false),
    ("extra_maint", "text[]", true),
];

#[derive(Serialize)]
struct Changed {
    queue_name: String,
    setting: &'static str,
    old: Option<String>,
    new: Option<String>,
}

/// Runs queue set.
pub async fn set(context: Context, args: SetArgs) -> Result<u8> {
    let mut wanted = Vec::new();
    for text in &args.settings {
        wanted.push(parse(text)?);
    }
    let mut desk = Desk::open(&context, &args.database).await?;
    desk.check_queue(&args.queue).await?;
    let queue = &args.queue;
    let mut records = Vec::new();
    let transaction = desk.session.transaction().await?;
    let changed: std::result::Result<(), (&str, tokio_postgres::Error)> = async {
        for (name, kind, value) in &wanted {
            // Of the ancestor's function only some settings are known; the column is the same everywhere. The name is
            // one of ours, never the user's text.
            let old =
                format!("select queue_{name}::text as old from pgq.queue where queue_name = $1 for update");
            let new = format!(
                "update pgq.queue set queue_{name} = ($2::text)::{kind} where queue_name = $1 \
                 returning queue_{name}::text as new"
            );
            let old = transaction
                .query_one(&old, &[queue])
                .await
                .map_err(|e| (*name, e))?;
            let new = transaction
                .query_one(&new, &[queue, value])
                .await
                .map_err(|e| (*name, e))?;
            records.push(Changed {
                queue_name: queue.clone(),
                setting: name,
                old: old.get("old"),
                new: new.get("new"),
            });
        }
        Ok(())
    }
    .await;
    if let Err((name, error)) = changed {
        transaction.rollback().await?;
        return Err(desk.explain(
            error,
            &format!("setting {name} of queue \"{queue}\" cannot be changed"),
        ));
    }
    transaction.commit().await?;
    for record in &records {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        if record.old == record.new {
            info!(
                "Queue {queue}: {} is {} already",
                record.setting,
                text(&record.new)
            );
        } else {
            info!(
                "Queue {queue}: {} changed from {} to {}",
                record.setting,
                text(&record.old),
                text(&record.new)
            );
        }
    }
    if args.json {
        desk.ui.json(&records)?;
    }
    Ok(0)
}

fn parse(text: &str) -> Result<(&'static str, &'static str, Option<String>)> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Error::usage(format!(
            "\"{text}\" is no setting: expected KEY=VALUE"
        )));
    };
    let key = key.trim();
    let short = key.strip_prefix("queue_").unwrap_or(key);
    let Some((name, kind, nullable)) = SETTINGS.iter().find(|(name, _, _)| *name == short) else {
        let names = SETTINGS.iter().map(|(name, _, _)| *name);
        let error = Error::usage(format!("a queue has no setting \"{key}\""));
        // As qadmin calls them: without ticker_.
        let meant = if names
            .clone()
            .any(|name| name.strip_prefix("ticker_") == Some(short))
        {
            format!("ticker_{short}")
        } else {
            short.to_owned()
        };
        return Err(suggest(error, &meant, names.clone(), || {
            format!("known are {}", names.collect::<Vec<_>>().join(", "))
        }));
    };
    let value = value.trim();
    match value {
        "" if *nullable => Ok((name, kind, None)),
        "" => Err(Error::usage(format!("setting \"{name}\" cannot be empty"))),
        list if *name == "extra_maint" => Ok((name, kind, Some(array_text(list)))),
        value => Ok((name, kind, Some(value.to_owned()))),
    }
}

/// A comma separated list as the text of an array.
fn array_text(list: &str) -> String {
    let items: Vec<String> = list
        .split(',')
        .map(|item| format!("\"{}\"", item.trim().replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("{{{}}}", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_known_by_name() {
        assert_eq!(
            parse("ticker_max_lag = 1 s").unwrap(),
            ("ticker_max_lag", "interval", Some("1 s".to_owned()))
        );
        assert_eq!(parse("per_tx_limit=").unwrap().2, None);
        assert_eq!(
            parse("extra_maint=a.b, c").unwrap().2.as_deref(),
            Some("{\"a.b\",\"c\"}")
        );
        assert!(parse("ticker_paused=").is_err());
        assert_eq!(
            parse("ticker_pausd=1").unwrap_err().hints(),
            ["did you mean \"ticker_paused\"?"]
        );
        assert_eq!(
            parse("max_lag=1").unwrap_err().hints(),
            ["did you mean \"ticker_max_lag\"?"]
        );
    }
}
