//! Growing pauses between attempts.

use std::time::Duration;

/// Pauses that double from a first value up to a limit, and start again after a success.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    limit: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `first` and never exceeds `limit`.
    pub fn new(first: Duration, limit: Duration) -> Self {
        Self {
            first: first.min(limit),
            limit,
            next: first.min(limit),
        }
    }

    /// The pause to make now; the following one is twice as long.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.limit);
        pause
    }

    /// Forgets the failures so far.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_start_again() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let pauses: Vec<u64> = (0..4).map(|_| backoff.next_pause().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5]);
        backoff.reset();
        assert_eq!(backoff.next_pause().as_secs(), 1);
    }
}
