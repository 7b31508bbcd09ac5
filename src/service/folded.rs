//! Repeated failures become one log line, then a count at intervals; recovery is logged as clearly as failure.

use std::time::{Duration, Instant};

/// Folds the repeats of one failure: the first is told at once, the same again only every `interval`.
#[derive(Debug)]
pub struct Folded {
    interval: Duration,
    last: Option<Streak>,
}

#[derive(Debug)]
struct Streak {
    text: String,
    since: Instant,
    told: Instant,
    count: u64,
}

impl Folded {
    /// Tells a repeated failure at most once per `interval`.
    pub fn new(interval: Duration) -> Self {
        Self { interval, last: None }
    }

    /// Takes one failure; the line to log, or nothing while the same failure was told shortly before.
    pub fn failed(&mut self, text: &str) -> Option<String> {
        let now = Instant::now();
        match &mut self.last {
            Some(streak) if streak.text == text => {
                streak.count += 1;
                if now.duration_since(streak.told) < self.interval {
                    return None;
                }
                streak.told = now;
                Some(format!(
                    "{text} ({} times in {} s)",
                    streak.count,
                    now.duration_since(streak.since).as_secs()
                ))
            }
            _ => {
                self.last = Some(Streak {
                    text: text.to_owned(),
                    since: now,
                    told: now,
                    count: 1,
                });
                Some(text.to_owned())
            }
        }
    }

    /// Takes a success; after failures the line to log: how many there were and for how long.
    pub fn recovered(&mut self) -> Option<String> {
        self.last.take().map(|streak| {
            format!(
                "recovered after {} failed attempts in {} s",
                streak.count,
                streak.since.elapsed().as_secs()
            )
        })
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
            Some("recovered after 1 failed attempts in 0 s")
        );
        assert_eq!(folded.recovered(), None);
    }
}
