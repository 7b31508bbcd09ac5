//! How often a database is looked at: often while something happens, rarely while nothing does.
//!
//! One look costs about a tenth of a millisecond of server and client together. What idle databases may cost in all is
//! bounded by a common budget: the more databases there are, the longer the pause of each.

use std::time::{Duration, Instant};

/// Pause while events arrive.
const BUSY: Duration = Duration::from_millis(5);
/// Pause for a while afterwards.
const CALM: Duration = Duration::from_millis(10);
/// How long that while is.
const CALMING: Duration = Duration::from_secs(2);
/// Share of each database in the pause between two looks at an idle one.
const IDLE_PER_DATABASE: Duration = Duration::from_millis(10);
/// Shortest and longest pause between two looks at an idle database.
const IDLE: (Duration, Duration) = (Duration::from_millis(30), Duration::from_secs(1));

/// The pauses of one database.
#[derive(Debug)]
pub struct Rhythm {
    last_active: Instant,
}

impl Rhythm {
    /// Starts as if something had just happened.
    pub fn new() -> Self {
        Self {
            last_active: Instant::now(),
        }
    }

    /// Takes one pass; the pause before the next one, with `databases` served in all.
    pub fn pause(&mut self, active: bool, databases: usize) -> Duration {
        let now = Instant::now();
        if active {
            self.last_active = now;
            return BUSY;
        }
        let idle = idle_pause(databases);
        if now.duration_since(self.last_active) < CALMING {
            CALM.min(idle)
        } else {
            idle
        }
    }
}

impl Default for Rhythm {
    fn default() -> Self {
        Self::new()
    }
}

/// Pause between two looks at an idle database.
pub fn idle_pause(databases: usize) -> Duration {
    let share = IDLE_PER_DATABASE * u32::try_from(databases).unwrap_or(u32::MAX).min(1000);
    share.clamp(IDLE.0, IDLE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_databases_share_one_budget() {
        assert_eq!(idle_pause(1), Duration::from_millis(30));
        assert_eq!(idle_pause(10), Duration::from_millis(100));
        assert_eq!(idle_pause(100_000), Duration::from_secs(1));
        let mut rhythm = Rhythm::new();
        assert_eq!(rhythm.pause(true, 100), BUSY);
        assert_eq!(rhythm.pause(false, 100), CALM);
    }
}
