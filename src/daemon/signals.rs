//! Signals become a stop and a reload.
//!
//! SIGINT asks for a graceful stop; a second one within a second, or SIGTERM, for a fast one; any further one
//! of them ends the process at once with status 1. SIGHUP asks for a reload.

use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

use crate::error::{Error, ErrorKind, Result};
use crate::service::stop::{StopLevel, StopSignal, Stopper, stop_pair};

/// Time within which a second SIGINT means "now".
const TWICE: Duration = Duration::from_secs(1);

/// What the process hears from outside.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Stop, as asked for by SIGINT and SIGTERM.
    pub stop: StopSignal,
    /// The asking side, for a program that ends itself (an idle worker with `loop_delay = 0`).
    pub stopper: Stopper,
    /// Reload, as asked for by SIGHUP.
    pub reload: Reload,
}

/// Hears requests for a reload; each clone hears each request.
#[derive(Debug, Clone)]
pub struct Reload {
    receiver: watch::Receiver<u64>,
    // Keeps the channel open when nobody listens to signals.
    _keep: watch::Sender<u64>,
}

impl Reload {
    /// Requests that nobody will ever make.
    pub fn never() -> Self {
        reload_pair().1
    }

    /// Whether a reload was asked for since the last call.
    pub fn take(&mut self) -> bool {
        let asked = self.receiver.has_changed().unwrap_or(false);
        if asked {
            self.receiver.mark_unchanged();
        }
        asked
    }

    /// Returns when a reload is asked for.
    pub async fn requested(&mut self) {
        // The sender lives in self, so an error cannot come; if it did, waiting for ever is right.
        if self.receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Signals {
    /// Exit status after an orderly end: 1 when a fast stop was asked for, else 0.
    pub fn exit_status(&self) -> u8 {
        u8::from(self.stop.level() == StopLevel::Fast)
    }
}

/// Starts to listen; call it inside the runtime.
pub fn listen() -> Result<Signals> {
    let open = |kind| {
        signal(kind)
            .map_err(|error| Error::new(ErrorKind::Io, format!("signals cannot be received: {error}")))
    };
    let sources = Sources {
        int: open(SignalKind::interrupt())?,
        term: open(SignalKind::terminate())?,
        hup: open(SignalKind::hangup())?,
    };
    let (stopper, stop) = stop_pair();
    let (reloader, reload) = reload_pair();
    tokio::spawn(run(sources, stopper.clone(), stop.clone(), reloader));
    Ok(Signals {
        stop,
        stopper,
        reload,
    })
}

struct Sources {
    int: Signal,
    term: Signal,
    hup: Signal,
}

async fn run(mut sources: Sources, stopper: Stopper, stop: StopSignal, reloader: watch::Sender<u64>) {
    let mut first_int: Option<Instant> = None;
    loop {
        tokio::select! {
            Some(()) = sources.int.recv() => {
                end_if_asked_before(&stop);
                let now = Instant::now();
                if first_int.is_some_and(|first| now.duration_since(first) < TWICE) {
                    info!("Got SIGINT twice, fast exit");
                    stopper.stop(StopLevel::Fast);
                } else {
                    info!("Got SIGINT, shutting down");
                    stopper.stop(StopLevel::Graceful);
                }
                first_int = Some(now);
            }
            Some(()) = sources.term.recv() => {
                end_if_asked_before(&stop);
                info!("Got SIGTERM, fast exit");
                stopper.stop(StopLevel::Fast);
            }
            Some(()) = sources.hup.recv() => {
                info!("Got SIGHUP, re-reading config");
                reloader.send_modify(|count| *count += 1);
            }
            else => return,
        }
    }
}

/// Ends the process when even a fast stop did not end it; the server rolls open transactions back.
fn end_if_asked_before(stop: &StopSignal) {
    if stop.level() == StopLevel::Fast {
        std::process::exit(1);
    }
}

fn reload_pair() -> (watch::Sender<u64>, Reload) {
    let (sender, receiver) = watch::channel(0);
    let reload = Reload {
        receiver,
        _keep: sender.clone(),
    };
    (sender, reload)
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test for all signals: they reach the whole process.
    #[tokio::test]
    async fn signals_become_reload_graceful_and_fast_stop() {
        use nix::sys::signal::{Signal, kill};
        use nix::unistd::getpid;

        let mut signals = listen().unwrap();
        kill(getpid(), Signal::SIGHUP).unwrap();
        signals.reload.requested().await;
        assert!(!signals.stop.is_stopped());
        kill(getpid(), Signal::SIGINT).unwrap();
        signals.stop.wait().await;
        assert_eq!(signals.stop.level(), StopLevel::Graceful);
        assert_eq!(signals.exit_status(), 0);
        kill(getpid(), Signal::SIGINT).unwrap();
        signals.stop.wait_for(StopLevel::Fast).await;
        assert_eq!(signals.exit_status(), 1);
    }

    #[tokio::test]
    async fn each_reload_request_is_heard_once_by_each_clone() {
        let (sender, mut first) = reload_pair();
        let mut second = first.clone();
        assert!(!first.take());
        sender.send_modify(|count| *count += 1);
        first.requested().await;
        assert!(!first.take());
        assert!(second.take());
        assert!(!second.take());
        drop(sender);
        assert!(!Reload::never().take());
    }
}
