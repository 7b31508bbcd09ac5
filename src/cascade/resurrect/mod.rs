//! A former root comes back below the one that took its place (cascade.md 10.9).
//!
//! What it alone has, behind the last tick that it shares with the others, is written to a report. Then one transaction
//! on it puts everything right: rows, the state of tables that have to be copied anew, its queue, its place in the tree. So
//! a death leaves a root that nobody listens to, or a branch.

pub mod decide;
pub mod lost;
pub mod report;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use futures::{SinkExt, TryStreamExt};
use tokio_postgres::Transaction;
use tracing::{info, warn};

use self::decide::{Key, Later, Loss, TableFacts, Verdict, decide};
use self::lost::{LostTick, list_ticks, visit_events};
use self::report::{Counts, Report};
use crate::error::{Error, Result};
use crate::node::{become_replica, call, call_quietly};
use crate::pg::{Session, quote_fqname, quote_ident, quote_literal};
use crate::pgq::{Snapshot, TickId, load_tick};
use crate::sql;
use crate::table::{TableAttrs, copy_all_anew};

/// Keys in one statement.
const CHUNK: usize = 500;

/// A root's watermarks are news of itself, and no changes.
const NOT_OF_THE_NODE: &str = "ev_type is distinct from 'pgq.global-watermark'";

/// Who comes back, and where to.
#[derive(Debug, Clone)]
pub struct Return<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The node.
    pub node: &'a str,
    /// Its worker.
    pub worker: &'a str,
    /// The node below which it comes.
    pub provider: &'a str,
    /// Last tick that both share: where the gravestone stands.
    pub shared: TickId,
}

/// What was found only on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Ticks behind the shared one.
    pub ticks: Vec<LostTick>,
    /// Events.
    pub events: u64,
    /// Row changes per table.
    pub counts: Counts,
}

/// What became of its tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returned {
    /// Tables where single rows were put right: removed, brought.
    pub put_right: BTreeMap<String, (usize, u64)>,
    /// Tables that are copied anew, with the reason.
    pub copied_anew: BTreeMap<String, String>,
}

/// Refuses a shared tick that is not the same on both.
pub async fn check_shared(old: &Session, new: &Session, what: &Return<'_>) -> Result<()> {
    let (here, there) = (
        load_tick(old, what.queue, what.shared).await?,
        load_tick(new, what.queue, what.shared).await?,
    );
    let (Some(here), Some(there)) = (here, there) else {
        return Err(Error::refused(format!(
            "node \"{}\" does not have tick {}, at which \"{}\" waits for it",
            what.node, what.shared, what.provider
        ))
        .with_hint(format!(
            "was it restored from an older backup? drop-node {} and create it anew",
            what.node
        )));
    };
    let same: bool = old
        .query_one(
            "select ($1::text)::timestamptz = ($2::text)::timestamptz",
            &[&here.time, &there.time],
        )
        .await?
        .get(0);
    if same {
        return Ok(());
    }
    Err(Error::refused(format!(
        "tick {} of node \"{}\" is another one than that of \"{}\"",
        what.shared, what.node, what.provider
    ))
    .with_detail(format!("made at {} there, at {} here", there.time, here.time))
    .with_hint(format!("drop-node {} and create it anew", what.node)))
}

/// Writes what only `old` has to the report at `path` and the statements beside it.
pub async fn dump(old: &Session, what: &Return<'_>, path: &Path) -> Result<Found> {
    let ticks = list_ticks(old, what.queue, what.shared).await?;
    let about = format!(
        "changes that were made only on node {} of queue {}, after tick {}",
        what.node, what.queue, what.shared
    );
    let mut report = Report::begin(path, &about)?;
    visit_events(old, what.queue, &ticks, NOT_OF_THE_NODE, |event| {
        report.push(&event)
    })
    .await?;
    let (events, counts) = report.finish()?;
    Ok(Found {
        ticks: ticks.into_iter().skip(1).map(|(tick, _)| tick).collect(),
        events,
        counts,
    })
}

/// Makes the closed root `old` a branch below `new`, in one transaction, as if the shared tick had been its last one. The
/// worker must stand still. Nodes of `subscribers` are forgotten there.
pub async fn rejoin(
    old: &mut Session,
    new: &Session,
    what: &Return<'_>,
    subscribers: &[String],
) -> Result<Returned> {
    let queue = what.queue;
    let ticks = list_ticks(old, queue, what.shared).await?;
    let mut loss = Loss::default();
    visit_events(old, queue, &ticks, "true", |lost| {
        loss.take(&lost.event);
        Ok(())
    })
    .await?;
    let here = load_tables(old, queue, &loss).await?;
    let is_ours: bool = old
        .query_one(sql::resurrect::LOAD_CAPTURED, &[])
        .await?
        .get("is_ours");

    // One snapshot of the provider for its rows and for what it has done to them.
    new.batch_execute("begin isolation level repeatable read read only")
        .await?;
    let there = load_tables(new, queue, &loss).await?;
    let later = load_later(new, queue, what.shared, &loss).await?;
    let mut returned = Returned::default();
    // Without that role foreign keys and triggers have a say; a table where they object is copied anew.
    become_replica(old, true).await?;
    let transaction = old.transaction().await?;
    if loss.scripts > 0 {
        // Whatever a script did, no event tells it.
        for row in transaction.query(sql::table::LIST_TABLES, &[&queue]).await? {
            if row.get::<_, bool>("local") && row.get::<_, Option<&str>>("merge_state") == Some("ok") {
                let why = "a script was run only here".to_owned();
                returned.copied_anew.insert(row.get("table_name"), why);
            }
        }
    }
    for (name, table_loss) in &loss.tables {
        let (here, there) = (here.get(name), there.get(name));
        match decide(name, table_loss, loss.scripts, &later, here, there, is_ours) {
            Verdict::Leave => {}
            Verdict::CopyAnew(why) => {
                returned.copied_anew.insert(name.clone(), why);
            }
            Verdict::PutRight {
                remove,
                from_provider,
            } => {
                let (Some(here), Some(there)) = (here, there) else {
                    continue;
                };
                transaction.batch_execute("savepoint table_rows").await?;
                let done = put_right(
                    &transaction,
                    new,
                    (here, there),
                    &table_loss.key_columns,
                    &remove,
                    &from_provider,
                )
                .await;
                match done {
                    Ok(rows) => {
                        transaction.batch_execute("release savepoint table_rows").await?;
                        returned.put_right.insert(name.clone(), (remove.len(), rows));
                    }
                    Err(error) if error.sqlstate().is_some() && !new.is_closed() => {
                        transaction
                            .batch_execute("rollback to savepoint table_rows; release savepoint table_rows")
                            .await?;
                        returned.copied_anew.insert(name.clone(), error.line());
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    let anew: Vec<String> = returned.copied_anew.keys().cloned().collect();
    copy_all_anew(&transaction, queue, &anew).await?;
    take_place(&transaction, what, subscribers).await?;
    transaction.commit().await?;
    new.batch_execute("commit").await?;
    for other in &loss.others {
        warn!("[{}] done only there, and not taken back: {other}", what.node);
    }
    Ok(returned)
}

/// The queue, the readers and the node itself.
async fn take_place(transaction: &Transaction<'_>, what: &Return<'_>, subscribers: &[String]) -> Result<()> {
    let (queue, node) = (what.queue, what.node);
    for name in subscribers {
        call_quietly(
            transaction,
            Some(node),
            sql::cascade::UNREGISTER_SUBSCRIBER,
            &[&queue, name],
        )
        .await?;
    }
    // C-09: readers that are no part of the cascade stay. What they have read of the lost changes cannot be taken back.
    for row in transaction
        .query(sql::resurrect::LIST_READERS, &[&queue, &what.shared.0])
        .await?
    {
        warn!(
            "[{node}] reader \"{}\" was at tick {} and goes on behind tick {}: it has read changes that are gone",
            row.get::<_, &str>("consumer_name"),
            row.get::<_, i64>("last_tick"),
            what.shared
        );
    }
    let cut = transaction
        .query_one(sql::worker::CUT_QUEUE, &[&queue, &what.shared.0])
        .await?;
    info!(
        "[{node}] {} events and {} ticks behind tick {} removed from its queue",
        cut.get::<_, i64>("event_count"),
        cut.get::<_, i64>("tick_count"),
        what.shared
    );
    call(
        transaction,
        Some(node),
        sql::resurrect::DEMOTE,
        &[&queue, &what.provider],
    )
    .await?;
    transaction
        .execute(sql::worker::FORGET_TRAIL, &[&queue, &what.worker, &what.shared.0])
        .await?;
    Ok(())
}

async fn load_later(new: &Session, queue: &str, shared: TickId, loss: &Loss) -> Result<Later> {
    let mut later = Later::default();
    if loss.tables.is_empty() {
        return Ok(later);
    }
    let names: Vec<String> = loss.tables.keys().map(|name| quote_literal(name)).collect();
    let filter = format!("(ev_type = 'EXECUTE' or ev_extra1 in ({}))", names.join(", "));
    // All that this snapshot sees, whether a tick has seen it or not.
    let ticks: Vec<(LostTick, Snapshot)> = list_ticks(new, queue, shared)
        .await?
        .into_iter()
        .take(1)
        .collect();
    visit_events(new, queue, &ticks, &filter, |event| {
        later.take(&event.event, loss);
        Ok(())
    })
    .await?;
    Ok(later)
}

async fn load_tables(session: &Session, queue: &str, loss: &Loss) -> Result<BTreeMap<String, TableFacts>> {
    let names: Vec<&String> = loss.tables.keys().collect();
    let rows = session
        .query(sql::resurrect::LIST_TABLES, &[&queue, &names])
        .await?;
    rows.iter()
        .map(|row| {
            let attrs = TableAttrs::parse(row.get("table_attrs"))?;
            let state: Option<&str> = row.get("merge_state");
            let facts = TableFacts {
                dest: row.get("dest_table"),
                is_ok: row.get::<_, bool>("local")
                    && state == Some("ok")
                    && row.get::<_, Option<i64>>("relation").is_some(),
                columns: row
                    .get::<_, Vec<String>>("columns")
                    .into_iter()
                    .zip(row.get::<_, Vec<String>>("types"))
                    .collect(),
                comparable: row.get("comparable"),
                unique_keys: row.get("unique_keys"),
                is_plain: attrs.handler() == "londiste",
            };
            Ok((row.get("table_name"), facts))
        })
        .collect()
}

/// Removes rows by key and brings others from the provider; returns how many came.
async fn put_right(
    transaction: &Transaction<'_>,
    new: &Session,
    (here, there): (&TableFacts, &TableFacts),
    key_columns: &[String],
    remove: &[Key],
    from_provider: &[Key],
) -> Result<u64> {
    let typed = |table: &TableFacts| -> Result<Vec<(String, String)>> {
        key_columns
            .iter()
            .map(|key| {
                let known = table.columns.iter().find(|(name, _)| name == key);
                let (name, kind) = known.ok_or_else(|| {
                    Error::refused(format!("table \"{}\" has no column \"{key}\"", table.dest))
                })?;
                Ok((quote_ident(name), kind.clone()))
            })
            .collect()
    };
    for keys in remove.chunks(CHUNK) {
        let condition = key_condition(&typed(here)?, keys);
        transaction
            .batch_execute(&format!(
                "delete from {} where {condition}",
                quote_fqname(&here.dest)
            ))
            .await?;
    }
    let names: Vec<String> = here.columns.iter().map(|(name, _)| quote_ident(name)).collect();
    let columns = names.join(", ");
    let mut count = 0;
    for keys in from_provider.chunks(CHUNK) {
        let condition = key_condition(&typed(there)?, keys);
        let read = format!(
            "copy (select {columns} from {} where {condition}) to stdout",
            quote_fqname(&there.dest)
        );
        let rows: Vec<Bytes> = new.copy_out(&read).await?.try_collect().await?;
        let write = format!("copy {} ({columns}) from stdin", quote_fqname(&here.dest));
        let sink = transaction.copy_in::<_, Bytes>(&write).await?;
        futures::pin_mut!(sink);
        for row in rows {
            sink.send(row).await?;
        }
        count += sink.finish().await?;
    }
    Ok(count)
}

/// The condition that picks rows by key; the columns come quoted, with their types.
fn key_condition(columns: &[(String, String)], keys: &[Key]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let casts: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(nr, (_, kind))| format!("k.k{nr}::{kind}"))
        .collect();
    let aliases: Vec<String> = (0..columns.len()).map(|nr| format!("k{nr}")).collect();
    let rows: Vec<String> = keys
        .iter()
        .map(|key| {
            let values: Vec<String> = key.iter().map(|value| quote_literal(value)).collect();
            format!("({})", values.join(", "))
        })
        .collect();
    format!(
        "({}) in (select {} from (values {}) as k ({}))",
        names.join(", "),
        casts.join(", "),
        rows.join(", "),
        aliases.join(", ")
    )
}

/// Gives the worker of the node that came back the place that its gravestone has kept, in one transaction: at no moment
/// may its events go.
pub async fn lift_gravestone(new: &mut Session, what: &Return<'_>) -> Result<()> {
    let transaction = new.transaction().await?;
    let known = transaction
        .query(sql::resurrect::LIST_SUBSCRIBER_WORKERS, &[&what.queue])
        .await?;
    let worker = known
        .iter()
        .find(|row| row.get::<_, &str>("node_name") == what.node)
        .map(|row| row.get::<_, String>("worker_name"));
    if worker.as_deref() != Some(what.worker) {
        if worker.is_some() {
            call_quietly(
                &transaction,
                Some(what.provider),
                sql::cascade::UNREGISTER_SUBSCRIBER,
                &[&what.queue, &what.node],
            )
            .await?;
        }
        call_quietly(
            &transaction,
            Some(what.provider),
            sql::cascade::REGISTER_SUBSCRIBER,
            &[&what.queue, &what.node, &what.worker, &what.shared.0],
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}
