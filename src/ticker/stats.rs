//! The numbers of the statistics line.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// What all databases did since the last line.
#[derive(Debug, Default)]
pub struct Stats {
    /// Rounds of the ticker (one per `ticker_period` and database, as the ancestor counts its calls), and ticks between
    /// two rounds.
    ticks: AtomicU64,
    /// Completed maintenance rounds.
    maint: AtomicU64,
    /// Retry events that were moved.
    retry: AtomicU64,
}

/// One captured line: `{ticks: 3, maint: 1, retry: 25}`. Ancestor: monitoring reads the braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatsLine {
    /// See [`Stats`].
    pub ticks: u64,
    /// See [`Stats`].
    pub maint: u64,
    /// See [`Stats`].
    pub retry: u64,
}

impl Stats {
    /// Counts a round or a tick.
    pub fn count_tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("pgq_ticks_total").increment(1);
    }

    /// Counts a maintenance round.
    pub fn count_maint(&self) {
        self.maint.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("pgq_maintenance_rounds_total").increment(1);
    }

    /// Counts moved retry events.
    pub fn count_retry(&self, moved: u64) {
        self.retry.fetch_add(moved, Ordering::Relaxed);
        metrics::counter!("pgq_retried_events_total").increment(moved);
    }

    /// The line, and counting starts again.
    pub fn take(&self) -> StatsLine {
        StatsLine {
            ticks: self.ticks.swap(0, Ordering::Relaxed),
            maint: self.maint.swap(0, Ordering::Relaxed),
            retry: self.retry.swap(0, Ordering::Relaxed),
        }
    }
}

impl fmt::Display for StatsLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{ticks: {}, maint: {}, retry: {}}}",
            self.ticks, self.maint, self.retry
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_ancestors() {
        let stats = Stats::default();
        stats.count_tick();
        stats.count_maint();
        stats.count_retry(25);
        assert_eq!(stats.take().to_string(), "{ticks: 1, maint: 1, retry: 25}");
        assert_eq!(stats.take().to_string(), "{ticks: 0, maint: 0, retry: 0}");
    }
}
