//! A table whose rows are not to be trusted: its state is forgotten, so that the worker has it copied anew.

use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;

use crate::error::Result;
use crate::node::call_quietly;
use crate::pg::QualifiedName;
use crate::sql;

/// Has the worker copy `table` (its name in the queue) anew. What an unfinished copy dropped is put back first, as
/// remove-table does: the rows that it brought in so far are worth nothing without the rest, and may break what is
/// created again.
pub async fn copy_anew(transaction: &Transaction<'_>, queue: &str, table: &str) -> Result<()> {
    give_up_copy(transaction, queue, table).await?;
    call_quietly(
        transaction,
        None,
        sql::table::FORGET_TABLE_STATE,
        &[&queue, &table],
    )
    .await?;
    Ok(())
}

async fn give_up_copy(transaction: &Transaction<'_>, queue: &str, table: &str) -> Result<()> {
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&queue, &table];
    let Some(row) = transaction
        .query_opt(sql::table::HOLD_DROPPED_DDL, &params)
        .await?
    else {
        return Ok(());
    };
    let dest = QualifiedName::parse(row.get("dest_table"));
    // The triggers that keep others from changing the table stand aside.
    transaction.batch_execute("savepoint role").await?;
    let set = transaction
        .execute(
            "select londiste.set_session_replication_role('replica', true)",
            &[],
        )
        .await;
    if let Err(error) = set {
        if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return Err(error.into());
        }
        transaction
            .batch_execute("rollback to savepoint role; set local londiste_rs.replay = 'on'")
            .await?;
    }
    transaction
        .batch_execute(&format!("truncate only {}", dest.quoted()))
        .await?;
    transaction.batch_execute(row.get("dropped_ddl")).await?;
    transaction
        .query_one(
            "select ret_code from londiste.local_set_table_struct($1, $2, null)",
            &params,
        )
        .await?;
    Ok(())
}

/// Has the worker copy `tables` anew.
pub async fn copy_all_anew(transaction: &Transaction<'_>, queue: &str, tables: &[String]) -> Result<()> {
    for table in tables {
        copy_anew(transaction, queue, table).await?;
    }
    transaction.execute(sql::table::WAKE_WORKERS, &[&queue]).await?;
    Ok(())
}
