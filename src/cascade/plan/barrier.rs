//! Keeps writers out of a closed root from one moment on, whatever they have seen before.
//!
//! A transaction in REPEATABLE READ reads the queue's flags as they were when it began, so a flag alone does not keep it
//! out (C-02). Its inserts fire the triggers that the event tables have *now*, though. So the transaction that closes the
//! queue also gives each event table a trigger that refuses whom the closing transaction is not visible to. Making a
//! trigger takes a lock that waits for all who have written and not yet ended; once it is there nobody is left who may
//! write. Writers queue up behind that lock, so each attempt is short, and between attempts they get through.
//!
//! Dies the process here, the transaction is rolled back: the root is open. Later the triggers stay until the root is
//! opened again, or until nobody is left whom they would refuse.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info};

use crate::error::{Error, ErrorKind, Result};
use crate::node::call_quietly;
use crate::pg::{Session, quote_ident, quote_literal};
use crate::service::stop::StopSignal;
use crate::sql;

const FIRST_ATTEMPT: Duration = Duration::from_millis(200);
const LONGEST_ATTEMPT: Duration = Duration::from_secs(2);
const TIDY_ATTEMPT: Duration = Duration::from_millis(200);
const REPORT: Duration = Duration::from_secs(5);

const OURS: &str = "londiste_rs.queue_closed";
/// Where only the ancestor's schemas are.
const GUEST: &str = "pgq.londiste_closed";
const FUNCTION: &str = include_str!("../../../sql/schema/londiste_rs/functions/queue_closed.sql");

/// Closes the queue of the root behind `session`. `begins` is called when an attempt begins that may be the one. Returns
/// whether the triggers could be made; where the rights do not allow it, all old snapshots have ended instead.
pub async fn close(
    session: &Session,
    queue: &str,
    limit: Duration,
    stop: &StopSignal,
    mut begins: impl FnMut(),
) -> Result<bool> {
    let started = Instant::now();
    let mut patience = FIRST_ATTEMPT;
    let mut next_report = started + Duration::from_secs(1);
    loop {
        begins();
        let Err(error) = attempt(session, queue, patience).await else {
            return Ok(true);
        };
        if session.is_closed() {
            return Err(error);
        }
        session.batch_execute("rollback").await?;
        match error.sqlstate() {
            // Lock time-out, deadlock.
            Some("55P03" | "40P01") => {}
            Some("42501") => {
                debug!("no triggers can be made on the event tables: {}", error.line());
                break;
            }
            _ => return Err(error),
        }
        let holders = list(session, sql::cascade::LIST_WRITERS, queue).await?;
        if started.elapsed() >= limit {
            return Err(Error::new(
                ErrorKind::Timeout,
                format!("transactions that write did not end within {} s", limit.as_secs()),
            )
            .with_detail(holders)
            .with_hint("end them, or give them more time with --timeout"));
        }
        if Instant::now() >= next_report {
            info!("waiting for transactions that have written to end: {holders}");
            next_report = Instant::now() + REPORT;
        }
        // As long as writers had to wait they may now write.
        if !stop.sleep(patience).await {
            return Err(Error::interrupted());
        }
        patience = (patience * 2).min(LONGEST_ATTEMPT);
    }
    begins();
    call_quietly(
        &**session,
        None,
        sql::cascade::DEMOTE_ROOT,
        &[&queue, &1_i32, &None::<&str>],
    )
    .await?;
    wait_for_old_snapshots(session, queue, limit, stop).await?;
    Ok(false)
}

async fn attempt(session: &Session, queue: &str, patience: Duration) -> Result<()> {
    session
        .batch_execute(&format!(
            "begin isolation level read committed; set local lock_timeout = '{}ms'",
            patience.as_millis()
        ))
        .await?;
    let has_ours: bool = session
        .query_one(
            "select pg_catalog.to_regprocedure('londiste_rs.queue_closed()') is not null",
            &[],
        )
        .await?
        .get(0);
    let function = if has_ours {
        OURS
    } else {
        session.batch_execute(&FUNCTION.replace(OURS, GUEST)).await?;
        GUEST
    };
    let txid: i64 = session.query_one(sql::cascade::TAKE_TXID, &[]).await?.get("txid");
    let tables = session.query(sql::cascade::LIST_EVENT_TABLES, &[&queue]).await?;
    let mut statements = String::new();
    for row in &tables {
        statements += &format!(
            "create trigger londiste_closed_{txid} before insert on {} for each statement \
             execute procedure {function}('{txid}', {});\n",
            row.get::<_, &str>("table_name"),
            quote_literal(queue)
        );
    }
    session.batch_execute(&statements).await?;
    call_quietly(
        &**session,
        None,
        sql::cascade::DEMOTE_ROOT,
        &[&queue, &1_i32, &None::<&str>],
    )
    .await?;
    session.batch_execute("commit").await?;
    Ok(())
}

async fn wait_for_old_snapshots(
    session: &Session,
    queue: &str,
    limit: Duration,
    stop: &StopSignal,
) -> Result<()> {
    let started = Instant::now();
    let mut next_report = started + Duration::from_secs(1);
    loop {
        let holders = list(session, sql::cascade::LIST_OLD_SNAPSHOTS, queue).await?;
        if holders.is_empty() {
            return Ok(());
        }
        if started.elapsed() >= limit {
            return Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "transactions from before the closing did not end within {} s",
                    limit.as_secs()
                ),
            )
            .with_detail(holders)
            .with_hint("end them, or give them more time with --timeout")
            .with_hint("who owns the event tables need not wait: triggers keep old transactions out then"));
        }
        if Instant::now() >= next_report {
            info!("waiting for transactions from before the closing to end: {holders}");
            next_report = Instant::now() + REPORT;
        }
        if !stop.sleep(Duration::from_millis(20)).await {
            return Err(Error::interrupted());
        }
    }
}

async fn list(session: &Session, sql: &str, queue: &str) -> Result<String> {
    let rows = session.query(sql, &[&queue]).await?;
    let holders: Vec<&str> = rows.iter().map(|row| row.get("holder")).collect();
    Ok(holders.join(", "))
}

/// Opens the root's queue again.
pub async fn open(session: &Session, queue: &str) -> Result<()> {
    session.query(sql::cascade::OPEN_QUEUE, &[&queue]).await?;
    tidy(session, queue, true).await
}

/// Removes the triggers, unless somebody is left whom they are to refuse (or `anyway`) or their tables are busy: they do
/// no harm, and the next one who opens or closes the queue tries again.
pub async fn tidy(session: &Session, queue: &str, anyway: bool) -> Result<()> {
    let tables = session.query(sql::cascade::LIST_EVENT_TABLES, &[&queue]).await?;
    if !anyway && tables.iter().any(|row| row.get("is_needed")) {
        debug!("older transactions are open: what keeps them out stays");
        return Ok(());
    }
    for row in tables {
        let table: &str = row.get("table_name");
        for barrier in row.get::<_, Vec<String>>("barriers") {
            let dropped = session
                .batch_execute(&format!(
                    "begin; set local lock_timeout = '{}ms'; drop trigger if exists {} on {table}; commit",
                    TIDY_ATTEMPT.as_millis(),
                    quote_ident(&barrier)
                ))
                .await;
            if let Err(error) = dropped {
                let error = Error::from(error);
                if session.is_closed() {
                    return Err(error);
                }
                session.batch_execute("rollback").await?;
                debug!("trigger {barrier} of {table} stays: {}", error.line());
            }
        }
    }
    Ok(())
}
