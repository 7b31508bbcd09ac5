//! While the end of the server's log of changes stands still, no database of the cluster has a new event: one statement
//! at a short interval replaces those of all idle databases.
//!
//! It is an economy only. When it is not known where the log ends (no right, no connection, a server that lacks the
//! function) the databases are looked at one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::error::Result;
use crate::pg::{AppName, ConnInfo, Session};
use crate::service::backoff::Backoff;
use crate::service::stop::StopSignal;
use crate::sql;

/// With fewer databases than this the look at the log costs more than it saves.
pub const LEAST_DATABASES: usize = 4;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// Pause while there are too few databases.
const OFF: Duration = Duration::from_secs(1);

/// The newest known end of the log; `None` while it is not known.
pub type Place = Option<String>;

/// Publishes the end of the log until a stop is asked for.
pub async fn run(
    info: ConnInfo,
    databases: Arc<AtomicUsize>,
    places: watch::Sender<Place>,
    stop: StopSignal,
) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    while !stop.is_stopped() {
        if databases.load(Ordering::Relaxed) < LEAST_DATABASES {
            stop.sleep(OFF).await;
            continue;
        }
        let watched = stop
            .unless_stopped(watch_once(&info, &databases, &places, &mut backoff))
            .await;
        places.send_replace(None);
        match watched {
            Ok(()) => {}
            Err(error) if error.is_interrupted() => return,
            Err(error) => {
                tracing::debug!("end of the log of changes is not known: {}", error.line());
                stop.sleep(backoff.next_pause()).await;
            }
        }
    }
}

async fn watch_once(
    info: &ConnInfo,
    databases: &AtomicUsize,
    places: &watch::Sender<Place>,
    backoff: &mut Backoff,
) -> Result<()> {
    let session = Session::connect(info, &AppName::new("pgqd", "watch", "")).await?;
    let look = session.prepare(sql::ticker::WATCH_WAL).await?;
    while databases.load(Ordering::Relaxed) >= LEAST_DATABASES {
        let place: String = session.query_one(&look, &[]).await?.get("place");
        backoff.reset();
        places.send_if_modified(|old| {
            let moved = old.as_deref() != Some(&place);
            if moved {
                *old = Some(place);
            }
            moved
        });
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
