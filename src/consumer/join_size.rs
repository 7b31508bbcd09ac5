//! How many events a batch may be joined of while its reader is behind.
//!
//! Large batches are replayed faster, but one that is interrupted has to be replayed again. So a batch is as large as what
//! takes two seconds at the speed of late, and since ticks are not cut, up to twice as large. A reader that is not behind is not
//! concerned: it takes what is there.

use std::time::Duration;

/// First size, before anything was measured, and the least.
const LEAST: f64 = 5_000.0;
/// However fast replay is.
const MOST: f64 = 500_000.0;
/// What a batch may take.
const WORK: Duration = Duration::from_secs(2);
/// A batch with fewer events tells nothing about the speed.
const TELLING: u64 = 1_000;

/// The size of joined batches.
#[derive(Debug)]
pub struct JoinSize {
    events: f64,
    // Of the ticks of a batch that is not finished yet.
    counted: (u64, Duration),
}

impl Default for JoinSize {
    fn default() -> Self {
        Self {
            events: LEAST,
            counted: (0, Duration::ZERO),
        }
    }
}

impl JoinSize {
    /// Events to ask for.
    pub fn events(&self) -> i32 {
        self.events as i32
    }

    /// Takes a part of a batch that was replayed; the size changes when enough is known.
    pub fn replayed(&mut self, events: u64, took: Duration) {
        self.counted.0 += events;
        self.counted.1 += took;
        let (events, took) = self.counted;
        if events < TELLING {
            return;
        }
        self.counted = (0, Duration::ZERO);
        let by_speed = events as f64 * WORK.as_secs_f64() / took.as_secs_f64().max(0.001);
        // A small batch is no proof that a hundred times as many events are as fast.
        self.events = by_speed
            .min(self.events.max(events as f64) * 4.0)
            .clamp(LEAST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_follows_the_speed() {
        let mut size = JoinSize::default();
        let second = Duration::from_secs(1);
        assert_eq!(size.events(), 5_000);
        size.replayed(5_000, second / 20);
        assert_eq!(size.events(), 20_000, "not all at once");
        size.replayed(40_000, second / 2);
        assert_eq!(size.events(), 160_000);
        size.replayed(300_000, 3 * second);
        assert_eq!(size.events(), 200_000);
        size.replayed(200_000, 20 * second);
        assert_eq!(size.events(), 20_000, "a slow table");
        size.replayed(20_000, 100 * second);
        assert_eq!(size.events(), 5_000);
        for _ in 0..999 {
            size.replayed(1, second / 1_000_000);
        }
        assert_eq!(size.events(), 5_000, "single events tell nothing");
    }

    #[test]
    fn ticks_of_one_batch_count_together() {
        let mut size = JoinSize::default();
        for _ in 0..100 {
            size.replayed(100, Duration::from_millis(1));
        }
        assert!(size.events() > 20_000);
    }
}
