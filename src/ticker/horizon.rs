//! How long the oldest snapshot of a database has been held, for the pace of its ticks.
//!
//! Each batch updates its reader's row in `pgq.subscription` twice. While a transaction holds an old snapshot, vacuum
//! cannot remove what those updates leave behind, and every look at the row passes all of it: fifty ticks per second
//! would make a queue slow within minutes. So ticks come the rarer the longer a snapshot is held. The number of dead
//! rows then grows with the logarithm of that time, up to the ancestor's pace.
//!
//! What counts is not the age of a transaction but for how long others have been numbered since, so this remembers which
//! number was reached when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many looks are remembered; they are a second apart at least.
const MOST_LOOKS: usize = 1024;

/// What was seen of one database.
#[derive(Debug, Default)]
pub struct Horizon {
    // When the next transaction's id was found to be what, oldest first.
    seen: VecDeque<(Instant, i64)>,
}

impl Horizon {
    /// Takes a look: the id of the next transaction, and how many ids ago the oldest snapshot was taken. Returns for how
    /// long dead rows have been kept by it, as far as this process knows.
    pub fn look(&mut self, now: Instant, next: i64, age: Option<i64>) -> Duration {
        if self.seen.back().is_some_and(|(_, then)| *then > next) {
            // Another server, or an earlier state of this one.
            self.seen.clear();
        }
        self.seen.push_back((now, next));
        if self.seen.len() > MOST_LOOKS {
            self.seen.pop_front();
        }
        let Some(age) = age else {
            return Duration::ZERO;
        };
        let oldest = next - age;
        // Whatever ended before the last look below this number can be removed.
        let known = self.seen.partition_point(|(_, reached)| *reached <= oldest);
        let since = self.seen[known.saturating_sub(1)].0;
        now.saturating_duration_since(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_held_snapshot_ages_and_is_forgotten() {
        let start = Instant::now();
        let mut horizon = Horizon::default();
        assert_eq!(horizon.look(start, 100, None), Duration::ZERO);
        assert_eq!(horizon.look(start + SECOND, 150, Some(0)), Duration::ZERO);
        // Taken at number 150 or a little later.
        assert_eq!(horizon.look(start + 2 * SECOND, 200, Some(45)), SECOND);
        assert_eq!(horizon.look(start + 9 * SECOND, 500, Some(345)), 8 * SECOND);
        // The next one is younger.
        assert_eq!(horizon.look(start + 10 * SECOND, 550, Some(60)), 8 * SECOND);
        assert_eq!(horizon.look(start + 11 * SECOND, 600, Some(80)), 2 * SECOND);
        assert_eq!(horizon.look(start + 12 * SECOND, 650, Some(1)), SECOND);
        assert_eq!(horizon.look(start + 13 * SECOND, 700, None), Duration::ZERO);
    }

    #[test]
    fn what_was_there_before_counts_from_the_first_look() {
        let start = Instant::now();
        let mut horizon = Horizon::default();
        assert_eq!(horizon.look(start, 1000, Some(900)), Duration::ZERO);
        assert_eq!(horizon.look(start + SECOND, 1010, Some(910)), SECOND);
    }

    #[test]
    fn a_snapshot_without_transactions_after_it_keeps_nothing() {
        let start = Instant::now();
        let mut horizon = Horizon::default();
        for second in 0..5000 {
            assert_eq!(
                horizon.look(start + second * SECOND, 100, Some(0)),
                Duration::ZERO
            );
        }
        assert_eq!(horizon.look(start + 5000 * SECOND, 101, Some(1)), SECOND);
    }

    #[test]
    fn an_earlier_state_of_the_server_starts_anew() {
        let start = Instant::now();
        let mut horizon = Horizon::default();
        horizon.look(start, 1000, None);
        assert_eq!(horizon.look(start + SECOND, 500, Some(10)), Duration::ZERO);
    }
}
