//! The session role under which rows are applied: foreign keys, user triggers and our own ones stand aside.
//!
//! A server gives it to superusers only, or since PostgreSQL 15 to whom it was granted. So it is asked for where rows
//! of others are written, and not on a root, which any owner of the tables can run. Where it cannot be had (a managed
//! server), `replay_without_role` of the job file allows to do without: the setting `londiste_rs.replay` lets the session
//! write into closed queues and past our own triggers, if its user may (`pgq._may_replay`); foreign keys and the triggers of
//! others see the rows as they see any other writer's.

use tokio_postgres::Client;

use crate::error::{Error, Result};

/// How a session applies rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayRole {
    /// As a replica: only triggers that are enabled for replicas fire.
    Replica,
    /// As any other session, except that our own triggers let it pass.
    Ordinary,
}

/// Sets `session_replication_role = replica` for the session; where it is refused and `may_do_without`, marks the session for
/// our own triggers and queues instead.
pub async fn become_replica(client: &Client, may_do_without: bool) -> Result<ReplayRole> {
    let set = client
        .execute(
            "select londiste.set_session_replication_role('replica', false)",
            &[],
        )
        .await;
    let error = match set {
        Ok(_) => return Ok(ReplayRole::Replica),
        Err(error) => Error::from(error),
    };
    if error.sqlstate() != Some("42501") {
        return Err(error);
    }
    if !may_do_without {
        return Err(error
            .with_hint(
                "rows can be applied by a superuser, or since PostgreSQL 15 by a role that has got: \
                 grant set on parameter session_replication_role to ROLE",
            )
            .with_hint(
                "where that cannot be had: replay_without_role = 1 in the job file; foreign keys and triggers of the \
                 tables then fire as for any other writer, see londiste(5)",
            ));
    }
    let row = client
        .query_one(crate::sql::worker::MARK_REPLAY, &[])
        .await
        .map_err(|error| {
            Error::from(error)
                .context("replay_without_role")
                .with_hint("that needs our schema pgq, not the ancestor's: londiste install --take-over")
        })?;
    if row.get("may_replay") {
        Ok(ReplayRole::Ordinary)
    } else {
        Err(error
            .context("replay_without_role")
            .with_hint("the role has to own schema pgq, or to be a member of pgq_admin"))
    }
}
