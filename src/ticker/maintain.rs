//! The second duty: maintenance (rotation, vacuum, watermarks, whatever the database side lists).
//!
//! First the limits of readers ([`super::limits`]), so that what a dead reader held can go in the same round. Then
//! `pgq.maint_operations()` tells what is due; each operation is a transaction of its own, so a process that dies in
//! between leaves a round half done and the next round goes on. One operation that fails does not keep the others from
//! running.

use tokio_postgres::Client;

use super::limits::{self, Excess};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::quote_fqname;
use crate::pgq::{ForeignTxids, find_foreign_txids};
use crate::service::stop::StopSignal;
use crate::sql;

/// An operation that asks to be called again is called at most so often in one round.
const MOST_REPEATS: u32 = 1000;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Function, or `vacuum`, or `vacuum analyze`.
    pub name: String,
    /// Its argument: a queue, or the table to vacuum.
    pub arg: Option<String>,
}

/// What one round did.
#[derive(Debug, Default)]
pub struct Round {
    /// Operations that were run to their end.
    pub done: u64,
    /// Operations that failed, with their errors.
    pub failed: Vec<(Operation, Error)>,
    /// Readers beyond their limits.
    pub excess: Vec<Excess>,
    /// Queues of another server.
    pub foreign: Vec<ForeignTxids>,
}

impl Operation {
    /// The statement. Names of functions are split at the first dot and quoted, `public` stands in for a missing schema.
    fn statement(&self) -> String {
        match (self.name.as_str(), &self.arg) {
            (verb @ ("vacuum" | "vacuum analyze"), Some(table)) => format!("{verb} {}", quote_fqname(table)),
            (verb @ ("vacuum" | "vacuum analyze"), None) => verb.to_owned(),
            (function, Some(_)) => format!("select {}($1::text)::text", quote_fqname(function)),
            (function, None) => format!("select {}()::text", quote_fqname(function)),
        }
    }

    fn is_vacuum(&self) -> bool {
        matches!(self.name.as_str(), "vacuum" | "vacuum analyze")
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.arg {
            Some(arg) => write!(f, "{}({arg})", self.name),
            None => write!(f, "{}()", self.name),
        }
    }
}

/// Runs one round. Fails only when the list cannot be had or the connection is lost.
pub async fn run_once(client: &Client, stop: &StopSignal) -> Result<Round> {
    let mut round = Round::default();
    match limits::run_once(client).await {
        Ok(pass) => {
            round.excess = pass.excess;
            let failed = pass.failed.into_iter();
            round
                .failed
                .extend(failed.map(|(who, error)| (limit_operation("detach_consumer", Some(who)), error)));
        }
        Err(error) if error.kind() == ErrorKind::Connection => return Err(error),
        Err(error) => round.failed.push((limit_operation("check_limits", None), error)),
    }
    match find_foreign_txids(client, None).await {
        Ok(found) => round.foreign = found,
        Err(error) if error.kind() == ErrorKind::Connection => return Err(error),
        Err(error) => round.failed.push((limit_operation("check_txids", None), error)),
    }
    let operations: Vec<Operation> = client
        .query(sql::ticker::LOAD_MAINT_OPERATIONS, &[])
        .await?
        .iter()
        .map(|row| Operation {
            name: row.get("func_name"),
            arg: row.get("func_arg"),
        })
        .collect();
    for operation in operations {
        if stop.is_stopped() {
            break;
        }
        match run(client, &operation, stop).await {
            Ok(()) => round.done += 1,
            Err(error) if error.kind() == ErrorKind::Connection => return Err(error),
            Err(error) => round.failed.push((operation, error)),
        }
    }
    Ok(round)
}

fn limit_operation(function: &str, arg: Option<String>) -> Operation {
    Operation {
        name: format!("londiste_rs.{function}"),
        arg,
    }
}

async fn run(client: &Client, operation: &Operation, stop: &StopSignal) -> Result<()> {
    let statement = operation.statement();
    if operation.is_vacuum() {
        client.batch_execute(&statement).await?;
        return Ok(());
    }
    let statement = client.prepare(&statement).await?;
    for _ in 0..MOST_REPEATS {
        let rows = match &operation.arg {
            Some(arg) => client.query(&statement, &[arg]).await?,
            None => client.query(&statement, &[]).await?,
        };
        if !rows.iter().any(|row| wants_again(row.get(0))) || stop.is_stopped() {
            break;
        }
    }
    Ok(())
}

/// Whether a function's answer is an integer other than zero: it has more to do.
fn wants_again(answer: Option<&str>) -> bool {
    answer
        .and_then(|text| text.parse::<i64>().ok())
        .is_some_and(|number| number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(name: &str, arg: Option<&str>) -> String {
        Operation {
            name: name.to_owned(),
            arg: arg.map(str::to_owned),
        }
        .statement()
    }

    #[test]
    fn names_are_quoted_and_values_are_parameters() {
        assert_eq!(
            statement("pgq.maint_rotate_tables_step1", Some("it's")),
            "select pgq.maint_rotate_tables_step1($1::text)::text"
        );
        assert_eq!(
            statement("pgq.maint_rotate_tables_step2", None),
            "select pgq.maint_rotate_tables_step2()::text"
        );
        assert_eq!(statement("vacuum", Some("pgq.Tick")), "vacuum pgq.\"Tick\"");
        assert_eq!(statement("My.f", None), "select \"My\".f()::text");
        assert!(wants_again(Some("-1")) && !wants_again(Some("0")));
        assert!(!wants_again(Some("")) && !wants_again(None));
    }
}
