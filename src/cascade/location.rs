//! Whether a public connect string and the local one lead to the same database (londiste.md 3.1).

use tracing::warn;

use crate::error::{Error, Result};
use crate::node::Dialer;
use crate::pg::{ConnInfo, Session};
use crate::sql;

/// Another database by name or oid.
const OTHER_DATABASE: u32 = 1;
/// A transaction of the public side was finished before it began, seen from the local side.
const SEEN_TOO_EARLY: u32 = 2;
/// A finished transaction of the public side is not seen by the local one.
const NEVER_SEEN: u32 = 4;

/// Warns when other nodes probably cannot use `location`.
pub fn warn_unreachable(location: &ConnInfo) {
    let named = ["host", "hostaddr", "service"]
        .iter()
        .any(|key| location.get(key).is_some());
    if !named {
        warn!("No host= in public connect string, bad idea");
    }
}

/// Refuses `location` unless it reaches the database of `local`: same name and oid, and a transaction taken over one is
/// in the right relation to snapshots taken over the other.
pub async fn check(local: &Session, location: &str, dialer: &Dialer) -> Result<()> {
    let public = dialer
        .remote(location)
        .await
        .map_err(|e| e.context("public connect string"))?;
    let here = local.query_one(sql::cascade::LOAD_IDENTITY, &[]).await?;
    let there = public.query_one(sql::cascade::LOAD_IDENTITY, &[]).await?;
    let mut fail = 0;
    let identity = |row: &tokio_postgres::Row| (row.get::<_, String>("datname"), row.get::<_, i64>("oid"));
    if identity(&here) != identity(&there) {
        fail |= OTHER_DATABASE;
    }
    let before: String = here.get("snapshot");
    let txid: i64 = public.query_one(sql::cascade::TAKE_TXID, &[]).await?.get("txid");
    let after: String = local
        .query_one(sql::cascade::LOAD_IDENTITY, &[])
        .await?
        .get("snapshot");
    let visible_in = async |snapshot: &str| -> Result<bool> {
        Ok(local
            .query_one(sql::cascade::IS_TXID_VISIBLE, &[&txid, &snapshot])
            .await?
            .get("visible"))
    };
    if visible_in(&before).await? {
        fail |= SEEN_TOO_EARLY;
    }
    if !visible_in(&after).await? {
        fail |= NEVER_SEEN;
    }
    if fail == 0 {
        return Ok(());
    }
    Err(Error::refused(format!(
        "Public connect string points to different database than local connect string (fail={fail})"
    ))
    .with_detail(format!(
        "db leads to {}, the public connect string to {}",
        local.target(),
        public.target()
    ))
    .with_hint("the public connect string is what other nodes will use to reach this database")
    .with_hint("if both are right (a pooler or a proxy between), add --nocheck"))
}
