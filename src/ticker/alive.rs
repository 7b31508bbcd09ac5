//! How a ticker lets others know that it lives, and how they see it.
//!
//! While pgqd serves a database its ticking session holds a *shared* session advisory lock there, [`PGQD_MARK`]. It goes
//! with the session, so it cannot outlive the process, and several tickers hold it side by side. A worker that ticks
//! because nobody else does holds [`PLACE_OF_WORKER`] instead, *exclusively*: of several workers on one database one
//! ticks. Anybody can look:
//!
//! ```sql
//! select pid from pg_locks
//!  where locktype = 'advisory' and classid = 1348948324 and objid = 1 and objsubid = 2
//!    and database = (select oid from pg_database where datname = current_database());
//! ```
//!
//! Ancestor: its pgqd holds no mark. It is seen by its last statement in `pg_stat_activity`, where that may be read.

use tokio_postgres::Client;

use crate::error::Result;
use crate::sql;

/// First half of both keys: the letters `PgQd`.
pub const KEY: i32 = 0x5067_5164;
/// Second half of the key that every pgqd holds, shared.
pub const PGQD_MARK: i32 = 1;
/// Second half of the key that one ticking worker holds, exclusively.
pub const PLACE_OF_WORKER: i32 = 2;

/// Another ticker of this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// A pgqd, by its mark; process id of its session.
    Pgqd(i32),
    /// A pgqd of the ancestor, by its last statement; process id of its session.
    Ancestor(i32),
}

impl std::fmt::Display for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pgqd(pid) => write!(f, "pgqd, server process {pid}"),
            Self::Ancestor(pid) => write!(f, "ticker without a mark, server process {pid}"),
        }
    }
}

/// Takes pgqd's mark for this session. Only somebody who misuses the key can be in the way; then there is no mark.
pub async fn take_mark(client: &Client) -> Result<bool> {
    let row = client
        .query_one(sql::ticker::TAKE_MARK, &[&KEY, &PGQD_MARK])
        .await?;
    Ok(row.get("taken"))
}

/// Takes the place of the one worker that ticks; false when another worker has it.
pub async fn take_place(client: &Client) -> Result<bool> {
    let row = client
        .query_one(sql::ticker::TAKE_PLACE, &[&KEY, &PLACE_OF_WORKER])
        .await?;
    Ok(row.get("taken"))
}

/// Gives the place back, so that another worker may take it.
pub async fn leave_place(client: &Client) -> Result<()> {
    client
        .query_one(sql::ticker::LEAVE_PLACE, &[&KEY, &PLACE_OF_WORKER])
        .await?;
    Ok(())
}

/// Looks for a pgqd that serves this database; with the time of an ancestor's last call, in milliseconds since 1970.
pub async fn find_ticker(client: &Client) -> Result<Option<(Other, i64)>> {
    let row = client
        .query_one(sql::ticker::FIND_TICKER, &[&KEY, &PGQD_MARK])
        .await?;
    let marked: Option<i32> = row.get("marked_by");
    let called: Option<i32> = row.get("called_by");
    let at: Option<i64> = row.get("called_at");
    Ok(marked
        .map(|pid| (Other::Pgqd(pid), 0))
        .or(called.map(|pid| (Other::Ancestor(pid), at.unwrap_or(0)))))
}
