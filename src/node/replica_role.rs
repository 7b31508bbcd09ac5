//! The session role under which rows are applied: foreign keys, user triggers and our own ones stand aside.
//!
//! A server gives it to superusers only, or since PostgreSQL 15 to whom it was granted. So it is asked for where rows
//! of others are written, and not on a root, which any owner of the tables can run.

use tokio_postgres::Client;

use crate::error::{Error, Result};

/// Sets `session_replication_role = replica` for the session.
pub async fn become_replica(client: &Client) -> Result<()> {
    client
        .execute(
            "select londiste.set_session_replication_role('replica', false)",
            &[],
        )
        .await
        .map(drop)
        .map_err(|error| {
            let error = Error::from(error);
            if error.sqlstate() == Some("42501") {
                error.with_hint(
                    "rows can be applied by a superuser, or since PostgreSQL 15 by a role that has got: \
                     grant set on parameter session_replication_role to ROLE",
                )
            } else {
                error
            }
        })
}
