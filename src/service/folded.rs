//! Repeated failures become one log line, then a count at intervals; recovery is logged as clearly as failure.

use std::time::{Duration, Instant};

/// How many different failures of one streak are remembered; a server that goes away and comes back gives three or four.
const REMEMBERED: usize = 8;

/// Folds the repeats of failures: a new one is told at once, a known one again only every `interval`.
#[derive(Debug)]
pub struct Folded {
    interval: Duration,
    known: Vec<Known>,
    since: Instant,
    count: u64,
}

#[derive(Debug)]
struct Known {
    text: String,
    since: Instant,
    told: Instant,
    count: u64,
}

impl Folded {
    /// Tells a repeated failure at most once per `interval`.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            known: Vec::new(),
            since: Instant::now(),
            count: 0,
        }
    }

    /// Takes one failure; the line to log, or nothing while the same failure was told shortly before.
    pub fn failed(&mut self, text: &str) -> Option<String> {
        let now = Instant::now();
        if self.count == 0 {
            self.since = now;
        }
        self.count += 1;
        if let Some(known) = self.known.iter_mut().find(|known| known.text == text) {
            known.count += 1;
            if now.duration_since(known.told) < self.interval {
                return None;
            }
            known.told = now;
            let seconds = now.duration_since(known.since).as_secs();
            return Some(format!("{text} ({} times in {seconds} s)", known.count));
        }
        if self.known.len() == REMEMBERED {
            self.known.remove(0);
        }
        self.known.push(Known {
            text: text.to_owned(),
            since: now,
            told: now,
            count: 1,
        });
        Some(text.to_owned())
    }

    /// Takes a success; after failures the line to log: how many there were and for how long.
    pub fn recovered(&mut self) -> Option<String> {
        self.known.clear();
        let count = std::mem::take(&mut self.count);
        let attempts = if count == 1 { "attempt" } else { "attempts" };
        let seconds = self.since.elapsed().as_secs();
        (count > 0).then(|| format!("recovered after {count} failed {attempts} in {seconds} s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_silent_and_a_new_failure_is_not() {
        let mut folded = Folded::new(Duration::from_secs(3600));
        assert_eq!(folded.failed("server is gone").as_deref(), Some("server is gone"));
        assert_eq!(folded.failed("server is gone"), None);
        assert_eq!(folded.failed("wrong password").as_deref(), Some("wrong password"));
        assert_eq!(
            folded.recovered().as_deref(),
            Some("recovered after 3 failed attempts in 0 s")
        );
        assert_eq!(folded.recovered(), None);
    }
}
