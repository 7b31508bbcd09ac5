//! `parked` and `on-error`: events that could not be applied, and what is to be done with such events.

use std::collections::HashMap;

use clap::Args;
use serde::Serialize;
use tokio_postgres::{GenericClient, Row};
use tracing::info;

use super::after::{limit_lock_waits, wake_workers};
use super::registry::load_tables;
use super::remove::expand_attached;
use crate::cli::Context;
use crate::cli::admin::Admin;
use crate::cli::queue::words::{cut, or_dash, seconds};
use crate::error::{Error, Result};
use crate::node::become_replica;
use crate::parked::{forget_table, is_available, retry_parked};
use crate::pg::{QualifiedName, Session};
use crate::sql;

/// Which parked events, and what to do with them.
#[derive(Args, Debug)]
pub struct ParkedArgs {
    /// Tables: schema.name, or name (schema public); all when none is named
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Apply the events now, in the order in which they came
    #[arg(long, conflicts_with = "drop")]
    pub retry: bool,
    /// Give the events up for good
    #[arg(long)]
    pub drop: bool,
    /// Only this event
    #[arg(long, value_name = "EV_ID")]
    pub event: Option<i64>,
    /// Retry or drop the events of all tables
    #[arg(long)]
    pub all: bool,
    /// Show so many events at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(0..))]
    pub limit: i64,
    /// Show texts whole instead of on one line
    #[arg(long)]
    pub full: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What is to be done with events that cannot be applied.
#[derive(Args, Debug)]
pub struct OnErrorArgs {
    /// stop: stand at the batch; park: put the event aside and go on; default: as the job file says
    #[arg(value_name = "POLICY", value_parser = ["stop", "park", "default"])]
    pub policy: Option<String>,
    /// Tables: schema.name, name (schema public), or a pattern with * and ?
    #[arg(value_name = "TABLE", requires = "policy")]
    pub tables: Vec<String>,
    /// All tables that are attached here, when none is named
    #[arg(long, requires = "policy")]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct ParkedRecord {
    table_name: String,
    ev_id: i64,
    ev_time: String,
    tick_id: i64,
    row_key: Option<String>,
    ev_type: Option<String>,
    ev_data: Option<String>,
    sqlstate: Option<String>,
    reason: String,
    tries: i32,
    parked_seconds: f64,
}

#[derive(Serialize)]
struct Done {
    applied: usize,
    dropped: usize,
    parked: usize,
}

#[derive(Serialize)]
struct PolicyRecord {
    table_name: String,
    on_error: String,
    is_default: bool,
    parked: i64,
    missed_rows: i64,
    missed_seconds: Option<f64>,
}

/// Runs parked.
pub async fn parked(context: Context, args: ParkedArgs) -> Result<u8> {
    let chooses = !args.tables.is_empty() || args.event.is_some() || args.all;
    if (args.retry || args.drop) && !chooses {
        return Err(Error::usage("--retry and --drop need tables, --event or --all"));
    }
    let mut admin = context.admin()?;
    admin.node_info().await?;
    require_parking(admin.local().await?).await?;
    if args.retry || args.drop {
        return change(&mut admin, &args).await;
    }
    let queue = admin.queue().to_owned();
    let rows = list(admin.local().await?, &queue, &args, Some(args.limit)).await?;
    let records: Vec<ParkedRecord> = rows.iter().map(record).collect();
    if args.json {
        admin.ui.json(&records)?;
        return Ok(0);
    }
    let text = |value: Option<&str>, limit: usize| match value {
        Some(value) if args.full => value.to_owned(),
        value => cut(value, limit),
    };
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            vec![
                record.table_name.clone(),
                record.ev_id.to_string(),
                seconds(Some(record.parked_seconds)),
                record.tries.to_string(),
                text(record.ev_type.as_deref(), 16),
                text(record.ev_data.as_deref(), 40),
                or_dash(record.sqlstate.as_deref()),
                text(Some(&record.reason), 60),
            ]
        })
        .collect();
    let header = [
        "table",
        "ev_id",
        "parked_for",
        "tries",
        "ev_type",
        "ev_data",
        "sqlstate",
        "reason",
    ];
    admin.ui.table("Parked events", &header, &rows);
    if !rows.is_empty() {
        admin
            .ui
            .hint("repair the cause, then: londiste parked --retry TABLE; or give them up: --drop");
    }
    Ok(0)
}

/// Applies or drops, as one transaction that keeps the worker from moving meanwhile.
async fn change(admin: &mut Admin, args: &ParkedArgs) -> Result<u8> {
    let (queue, consumer) = (admin.queue().to_owned(), admin.config.consumer_name.clone());
    let lock_timeout = admin.config.lock_timeout;
    let replay_without_role = admin.config.replay_without_role;
    let local = admin.local().await?;
    let dests: HashMap<String, String> = load_tables(&**local, &queue)
        .await?
        .into_iter()
        .filter(|table| table.local)
        .map(|table| (table.name, table.dest))
        .collect();
    limit_lock_waits(local, lock_timeout).await?;
    if args.retry {
        become_replica(local, replay_without_role).await?;
    }
    local.batch_execute("begin").await?;
    local
        .query_opt(sql::worker::LOCK_POSITION, &[&queue, &consumer])
        .await?;
    let rows = list(local, &queue, args, None).await?;
    let mut done = Done {
        applied: 0,
        dropped: 0,
        parked: 0,
    };
    if args.retry {
        let retried = retry_parked(local, &queue, &dests, &rows).await?;
        (done.applied, done.parked) = (retried.applied, retried.parked);
    } else {
        for row in &rows {
            let park_id: i64 = row.get("park_id");
            local.execute(sql::parked::DELETE_EVENT, &[&park_id]).await?;
        }
        done.dropped = rows.len();
    }
    wake_workers(&**local, &queue).await?;
    local.batch_execute("commit").await?;
    if let Some(event) = args.event
        && rows.is_empty()
    {
        return Err(Error::not_found(format!("event {event} is not parked here"))
            .with_hint("\"londiste parked\" lists the events that are"));
    }
    if args.retry {
        info!("{} event(s) applied, {} still parked", done.applied, done.parked);
    } else {
        info!("{} event(s) given up", done.dropped);
    }
    if args.json {
        admin.ui.json(&done)?;
    } else if done.parked > 0 {
        admin
            .ui
            .hint("\"londiste parked\" shows why they cannot be applied");
    }
    Ok(u8::from(done.parked > 0))
}

/// Runs on-error.
pub async fn on_error(context: Context, args: OnErrorArgs) -> Result<u8> {
    let mut admin = context.admin()?;
    let node = admin.node_info().await?;
    require_parking(admin.local().await?).await?;
    let queue = admin.queue().to_owned();
    let Some(policy) = &args.policy else {
        return show_policies(&mut admin, args.json).await;
    };
    if node.is_root() {
        return Err(Error::refused(
            "the root applies no events: what to do on errors is set on the nodes below",
        )
        .with_hint("run on-error with the job file of the subscriber"));
    }
    let tables = expand_attached(&mut admin, &node.node_name, &args.tables, args.all, "on-error").await?;
    let local = admin.local().await?;
    let transaction = local.transaction().await?;
    for table in &tables {
        if policy == "default" {
            transaction
                .execute(sql::parked::REMOVE_POLICY, &[&queue, &table.name])
                .await?;
        } else {
            transaction
                .execute(sql::parked::SET_POLICY, &[&queue, &table.name, policy])
                .await?;
        }
        info!("{}: {policy}", table.name);
    }
    wake_workers(&transaction, &queue).await?;
    transaction.commit().await?;
    Ok(0)
}

async fn show_policies(admin: &mut Admin, json: bool) -> Result<u8> {
    let (queue, default) = (admin.queue().to_owned(), admin.config.on_error);
    let rows = admin
        .local()
        .await?
        .query(sql::parked::LIST_TABLES, &[&queue])
        .await?;
    let records: Vec<PolicyRecord> = rows
        .iter()
        .map(|row| {
            let own: Option<String> = row.get("on_error");
            PolicyRecord {
                table_name: row.get("table_name"),
                is_default: own.is_none(),
                on_error: own.unwrap_or_else(|| default.to_string()),
                parked: row.get("parked"),
                missed_rows: row.get("missed_rows"),
                missed_seconds: row.get("drift_seconds"),
            }
        })
        .collect();
    if json {
        admin.ui.json(&records)?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            vec![
                record.table_name.clone(),
                match record.is_default {
                    true => format!("{} (job file)", record.on_error),
                    false => record.on_error.clone(),
                },
                record.parked.to_string(),
                record.missed_rows.to_string(),
                seconds(record.missed_seconds),
            ]
        })
        .collect();
    let header = ["table", "on_error", "parked", "missed_rows", "last_missed"];
    admin.ui.table("Errors of replay", &header, &rows);
    Ok(0)
}

/// Forgets policy, parked events and drift of a table that leaves the node.
pub async fn forget_errors(client: &impl GenericClient, queue: &str, table: &str) -> Result<()> {
    forget_table(client, queue, table).await?;
    if is_available(client).await? {
        client
            .execute(sql::parked::REMOVE_POLICY, &[&queue, &table])
            .await?;
    }
    Ok(())
}

async fn require_parking(local: &Session) -> Result<()> {
    if is_available(&**local).await? {
        return Ok(());
    }
    Err(
        Error::refused("this database lacks the tables for parked events (londiste_rs.parked_event)")
            .with_hint("bring its schemas up to date: londiste install"),
    )
}

async fn list(local: &Session, queue: &str, args: &ParkedArgs, limit: Option<i64>) -> Result<Vec<Row>> {
    let names: Vec<String> = args
        .tables
        .iter()
        .map(|name| QualifiedName::parse(name).fqname())
        .collect();
    let tables = (!names.is_empty()).then_some(names);
    Ok(local
        .query(sql::parked::LIST_PARKED, &[&queue, &tables, &args.event, &limit])
        .await?)
}

fn record(row: &Row) -> ParkedRecord {
    ParkedRecord {
        table_name: row.get("table_name"),
        ev_id: row.get("ev_id"),
        ev_time: row.get("ev_time"),
        tick_id: row.get("tick_id"),
        row_key: row.get("row_key"),
        ev_type: row.get("ev_type"),
        ev_data: row.get("ev_data"),
        sqlstate: row.get("sqlstate"),
        reason: row.get("reason"),
        tries: row.get("tries"),
        parked_seconds: row.get("parked_seconds"),
    }
}
