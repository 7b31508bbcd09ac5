//! The stop signal: one owner asks, any number of tasks hear it.
//!
//! Two levels, as the ancestor's signals: a *graceful* stop ends after the piece of work in hand, a *fast* stop ends at
//! the next await. Dropping the [`Stopper`] without asking does not stop anybody.

use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// How urgently to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Nobody asked.
    Run,
    /// Finish the piece of work in hand, then leave (SIGINT).
    Graceful,
    /// Leave at once; open transactions roll back (SIGTERM, second SIGINT).
    Fast,
}

/// The side that asks.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<StopLevel>);

/// The side that hears; cheap to clone.
#[derive(Debug, Clone)]
pub struct StopSignal {
    receiver: watch::Receiver<StopLevel>,
    // Keeps the channel open when the stopper of a test or a one-shot command is gone.
    _keep: watch::Sender<StopLevel>,
}

/// Makes a connected pair.
pub fn stop_pair() -> (Stopper, StopSignal) {
    let (sender, receiver) = watch::channel(StopLevel::Run);
    (
        Stopper(sender.clone()),
        StopSignal {
            receiver,
            _keep: sender,
        },
    )
}

impl Stopper {
    /// Asks for a stop; a higher level than before wins, a lower one is ignored.
    pub fn stop(&self, level: StopLevel) {
        self.0.send_if_modified(|now| {
            let raise = level > *now;
            if raise {
                *now = level;
            }
            raise
        });
    }
}

impl StopSignal {
    /// A signal that nobody will ever give.
    pub fn never() -> Self {
        stop_pair().1
    }

    /// The present level.
    pub fn level(&self) -> StopLevel {
        *self.receiver.borrow()
    }

    /// Whether any stop was asked for.
    pub fn is_stopped(&self) -> bool {
        self.level() != StopLevel::Run
    }

    /// [`Error::interrupted`] once a stop was asked for.
    pub fn check(&self) -> Result<()> {
        if self.is_stopped() {
            Err(Error::interrupted())
        } else {
            Ok(())
        }
    }

    /// Returns when a stop of at least `level` was asked for.
    pub async fn wait_for(&self, level: StopLevel) {
        let mut receiver = self.receiver.clone();
        // The sender lives in self, so an error cannot come; if it did, waiting for ever is right.
        if receiver.wait_for(|now| *now >= level).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when any stop was asked for.
    pub async fn wait(&self) {
        self.wait_for(StopLevel::Graceful).await;
    }

    /// Sleeps `pause`, or less when a stop is asked for; true when the whole pause passed.
    pub async fn sleep(&self, pause: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = self.wait() => false,
        }
    }

    /// Runs `work` to its end, or gives up with [`Error::interrupted`] when a *fast* stop is asked for. The dropped
    /// work may leave its connection in the middle of a statement: close that connection.
    pub async fn unless_fast<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            () = self.wait_for(StopLevel::Fast) => Err(Error::interrupted()),
        }
    }

    /// As [`Self::unless_fast`], but gives up on any stop; for waits that hold nothing.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            () = self.wait() => Err(Error::interrupted()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stop_levels_only_rise() {
        let (stopper, signal) = stop_pair();
        assert!(!signal.is_stopped());
        stopper.stop(StopLevel::Fast);
        stopper.stop(StopLevel::Graceful);
        assert_eq!(signal.level(), StopLevel::Fast);
        signal.wait().await;
        assert!(signal.check().is_err());
    }

    #[tokio::test]
    async fn a_stop_ends_a_long_sleep() {
        let (stopper, signal) = stop_pair();
        let sleeper = tokio::spawn(async move { signal.sleep(Duration::from_secs(3600)).await });
        stopper.stop(StopLevel::Graceful);
        assert!(!sleeper.await.unwrap());
    }
}
