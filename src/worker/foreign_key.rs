//! Foreign keys around a copy: dropped for both directions before, back when both tables are ok (londiste.md 7.7).
//! The definitions wait in `londiste.pending_fkeys`, so nothing is lost by a crash.

use tokio_postgres::Client;

use crate::error::{Error, Result};
use crate::service::fault;

/// Drops the foreign keys from and to a table, each in its own transaction so that no two tables are locked at once.
pub async fn drop_foreign_keys(client: &Client, dest: &str) -> Result<()> {
    for row in client
        .query(
            "select from_table, fkey_name from londiste.find_table_fkeys($1)",
            &[&dest],
        )
        .await?
    {
        let (from, name): (String, String) = (row.get(0), row.get(1));
        tracing::info!("Dropping fkey: {name}");
        client
            .query("select londiste.drop_table_fkey($1, $2)", &[&from, &name])
            .await
            .map_err(|error| {
                Error::from(error).context(format!("foreign key \"{name}\" of table \"{from}\""))
            })?;
    }
    Ok(())
}

/// Puts back the foreign keys whose tables are both ok. One that the rows break is left pending with a warning: it
/// must not stop the replay.
pub async fn restore_foreign_keys(client: &Client, queue: &str) -> Result<()> {
    let pending = client
        .query(
            "select from_table, to_table, fkey_name from londiste.get_valid_pending_fkeys($1)",
            &[&queue],
        )
        .await?;
    for row in pending {
        let (from, to, name): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        tracing::info!("Creating fkey: {name} ({from} --> {to})");
        if let Err(error) = restore_one(client, &from, &name).await {
            if client.is_closed() {
                return Err(error);
            }
            tracing::warn!(
                "foreign key \"{name}\" of table \"{from}\" stays pending: {}",
                error.line()
            );
        }
        fault::point("worker.foreign-key.restored");
    }
    Ok(())
}

/// The lazy form (extension 3.7 and later) returns the next statement until nothing is left: first the constraint
/// without validation, then its validation, neither of which blocks readers and writers for long.
async fn restore_one(client: &Client, from: &str, name: &str) -> Result<()> {
    loop {
        let row = client
            .query_one(
                "select londiste.restore_table_fkey($1, $2, true)",
                &[&from, &name],
            )
            .await?;
        match row.get::<_, Option<String>>(0) {
            Some(statement) if !statement.is_empty() => client.batch_execute(&statement).await?,
            _ => return Ok(()),
        }
    }
}
