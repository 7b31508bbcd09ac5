//! Numbers for monitoring, as Prometheus text over HTTP.
//!
//! Off unless `--metrics-listen` is given, and then on the loopback interface unless an address is named. Every name is
//! in [`METRICS`], which the manual lists. Recording costs a few nanoseconds when nobody listens.

mod observe;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_util::MetricKindMask;

pub use observe::{count_error, observe_database};

use crate::error::{Error, ErrorKind, Result};

/// A gauge that was not set for this long is forgotten: its consumer, queue or database is gone.
const FORGET: Duration = Duration::from_secs(300);
/// Upper bounds of the histogram of batch times, in seconds.
const BATCH_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

static LISTENING: AtomicBool = AtomicBool::new(false);

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows from the start of the process.
    Counter,
    /// The present value.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// One metric, for the manual and for the scraper.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Labels.
    pub labels: &'static str,
    /// Meaning and unit.
    pub help: &'static str,
}

const fn metric(name: &'static str, kind: Kind, labels: &'static str, help: &'static str) -> Metric {
    Metric {
        name,
        kind,
        labels,
        help,
    }
}

/// Everything that can be scraped: `londiste_*` from workers, `pgq_*` from pgqd and from workers that tick.
pub const METRICS: &[Metric] = &[
    metric(
        "londiste_up",
        Kind::Gauge,
        "queue, job",
        "1 while the worker serves its node, 0 after a failure",
    ),
    metric(
        "londiste_tick",
        Kind::Gauge,
        "queue, job",
        "last tick that the worker has replayed",
    ),
    metric(
        "londiste_lag_seconds",
        Kind::Gauge,
        "queue, job",
        "age of the last batch when it was opened",
    ),
    metric(
        "londiste_events_total",
        Kind::Counter,
        "queue, job",
        "events read",
    ),
    metric(
        "londiste_events_ignored_total",
        Kind::Counter,
        "queue, job",
        "events for tables that are not attached here",
    ),
    metric(
        "londiste_missed_rows_total",
        Kind::Counter,
        "queue, job",
        "updates and deletes that found no row: the tables differ",
    ),
    metric(
        "londiste_parked_events_total",
        Kind::Counter,
        "queue, job",
        "events that could not be applied and were put aside (on_error = park)",
    ),
    metric(
        "londiste_batch_seconds",
        Kind::Histogram,
        "queue, job",
        "time from the begin to the commit of a batch",
    ),
    metric(
        "londiste_tables",
        Kind::Gauge,
        "queue, job, state",
        "attached tables by state (missing, copying, ok)",
    ),
    metric(
        "londiste_errors_total",
        Kind::Counter,
        "queue, job",
        "failed passes of the worker",
    ),
    metric(
        "pgq_ticks_total",
        Kind::Counter,
        "",
        "rounds of the ticker over a database (one per ticker_period) and ticks between two rounds",
    ),
    metric(
        "pgq_maintenance_rounds_total",
        Kind::Counter,
        "",
        "completed maintenance rounds",
    ),
    metric(
        "pgq_retried_events_total",
        Kind::Counter,
        "",
        "retry events put back into their queues",
    ),
    metric(
        "pgq_errors_total",
        Kind::Counter,
        "database",
        "failures of the ticker, of maintenance operations and of putting retry events back",
    ),
    metric(
        "pgq_queue_ticker_lag_seconds",
        Kind::Gauge,
        "database, queue",
        "time since the newest tick",
    ),
    metric(
        "pgq_queue_new_events",
        Kind::Gauge,
        "database, queue",
        "events written since the newest tick",
    ),
    metric(
        "pgq_queue_event",
        Kind::Gauge,
        "database, queue",
        "newest event id; it grows by one with each event, those rolled back included",
    ),
    metric("pgq_queue_tick", Kind::Gauge, "database, queue", "newest tick"),
    metric(
        "pgq_queue_bytes",
        Kind::Gauge,
        "database, queue",
        "size of the event tables with their indexes",
    ),
    metric(
        "pgq_consumer_lag_seconds",
        Kind::Gauge,
        "database, queue, consumer",
        "age of the last tick that the consumer has finished",
    ),
    metric(
        "pgq_consumer_last_seen_seconds",
        Kind::Gauge,
        "database, queue, consumer",
        "time since the consumer finished or opened a batch",
    ),
    metric(
        "pgq_consumer_tick",
        Kind::Gauge,
        "database, queue, consumer",
        "last tick that the consumer has finished",
    ),
    metric(
        "pgq_consumer_pending_events",
        Kind::Gauge,
        "database, queue, consumer",
        "events between the consumer's tick and the newest one, estimated by event ids",
    ),
    metric(
        "pgq_consumer_detached",
        Kind::Gauge,
        "database, queue, consumer",
        "1 when the consumer was taken off its queue because it was beyond its limit, 0 when it is subscribed",
    ),
];

/// Starts to answer scrapes at `place`: `PORT`, `HOST:PORT` or `[IPV6]:PORT`. Call it inside the runtime.
///
/// # Errors
/// A place that cannot be understood or is taken.
pub fn listen(place: &str) -> Result<()> {
    let address = resolve(place)?;
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Io,
            format!("metrics cannot be served at {address}: {error}"),
        )
        .with_hint("is another process listening there? --metrics-listen takes PORT or HOST:PORT")
    };
    // Bound once by ourselves, for a taken port is told more clearly so.
    drop(std::net::TcpListener::bind(address).map_err(|error| failed(&error))?);
    PrometheusBuilder::new()
        .with_http_listener(address)
        .idle_timeout(MetricKindMask::GAUGE, Some(FORGET))
        .set_buckets(BATCH_SECONDS)
        .and_then(PrometheusBuilder::install)
        .map_err(|error| failed(&error))?;
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.help),
            Kind::Histogram => describe_histogram!(metric.name, metric.help),
        }
    }
    LISTENING.store(true, Ordering::Relaxed);
    tracing::info!("metrics at http://{address}/metrics");
    Ok(())
}

/// Whether somebody may scrape: numbers that cost a query are not gathered otherwise.
pub fn is_listening() -> bool {
    LISTENING.load(Ordering::Relaxed)
}

fn resolve(place: &str) -> Result<SocketAddr> {
    if let Ok(port) = place.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let wrong = || {
        Error::usage(format!("\"{place}\" is no place to listen at"))
            .with_hint("give PORT (on the loopback interface) or HOST:PORT")
    };
    place
        .to_socket_addrs()
        .map_err(|_| wrong())?
        .next()
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_the_loopback_interface() {
        assert_eq!(resolve("9187").unwrap().to_string(), "127.0.0.1:9187");
        assert_eq!(resolve("0.0.0.0:9187").unwrap().to_string(), "0.0.0.0:9187");
        assert_eq!(resolve("[::1]:9187").unwrap().to_string(), "[::1]:9187");
        assert_eq!(
            resolve("nine").unwrap_err().message(),
            "\"nine\" is no place to listen at"
        );
    }
}
