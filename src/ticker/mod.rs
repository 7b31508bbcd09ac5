//! The heartbeat of the queues: tick, maintain, put retry events back. This is pgqd's work.
//!
//! ```text
//! program ── fleet ──┬── database "shop" ──┬── heartbeat   first duty: ticks          (one connection)
//!   signals          │                     └── upkeep      second and third duty:     (another one, for its rounds)
//!   stats line       │                                     maintain, retry
//!   reload           ├── database "archive" ...
//!                    └── wal_watch: while nothing is written anywhere, idle databases are not even looked at
//!
//! worker ── alone ─────── heartbeat + upkeep of its own database, while no other ticker is alive
//! ```
//!
//! Each duty is one file with a `run_once` that returns what it did. What the room promises: ticks of a queue are in
//! the order of their snapshots, whoever else ticks ([`heartbeat`]); an event is ticked a few milliseconds after its
//! commit, and never more often than the queue's load allows ([`pace`]); a database that is idle costs next to nothing
//! and burns no transaction ids. Nothing is kept outside the database, so any of this may die at any moment, and any
//! number of tickers may serve one database.
//!
//! Left to others: what maintenance consists of (`pgq.maint_operations()` says), and ticks of branches, which the
//! cascade's workers copy from their providers.

pub mod alive;
pub mod alone;
pub mod args;
pub mod database;
pub mod fleet;
pub mod heartbeat;
pub mod horizon;
pub mod limits;
pub mod maintain;
pub mod pace;
pub mod program;
pub mod retry;
pub mod rhythm;
pub mod stats;
pub mod upkeep;
pub mod wal_watch;

use std::time::Duration;

use crate::config::pgqd::PgqdConfig;

pub use alone::run_when_alone;

/// How often each duty comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// Looking for databases, and for the queue in them.
    pub check: Duration,
    /// Maintenance.
    pub maint: Duration,
    /// Retry events.
    pub retry: Duration,
    /// Settings of the queues, and idle ticks.
    pub ticker: Duration,
    /// Age at which the ticking connection is opened anew.
    pub connection_lifetime: Duration,
}

impl Periods {
    /// A period of nothing would be a loop without a pause.
    const SHORTEST: Duration = Duration::from_millis(10);

    /// As pgqd's file says.
    pub fn of(config: &PgqdConfig) -> Self {
        Self {
            check: config.check_period.max(Self::SHORTEST),
            maint: config.maint_period.max(Self::SHORTEST),
            retry: config.retry_period.max(Self::SHORTEST),
            ticker: config.ticker_period.max(Self::SHORTEST),
            connection_lifetime: config.connection_lifetime.max(Self::SHORTEST),
        }
    }
}

impl Default for Periods {
    fn default() -> Self {
        Self::of(&PgqdConfig::default())
    }
}
