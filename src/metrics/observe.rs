//! The numbers that the database side knows: queues and consumers.

use metrics::{counter, gauge};
use tokio_postgres::{Client, Row};

use crate::error::Result;
use crate::sql;

/// Asks one database for its queues and consumers.
pub async fn observe_database(client: &Client, database: &str) -> Result<()> {
    for row in client.query(sql::metrics::LOAD_QUEUES, &[]).await? {
        let labels = [
            ("database", database.to_owned()),
            ("queue", row.get("queue_name")),
        ];
        set(
            gauge!("pgq_queue_ticker_lag_seconds", &labels),
            float(&row, "ticker_lag"),
        );
        set(gauge!("pgq_queue_new_events", &labels), whole(&row, "new_events"));
        set(gauge!("pgq_queue_tick", &labels), whole(&row, "last_tick"));
        set(gauge!("pgq_queue_event", &labels), whole(&row, "last_event"));
        set(gauge!("pgq_queue_bytes", &labels), whole(&row, "bytes"));
    }
    for row in client.query(sql::metrics::LOAD_CONSUMERS, &[]).await? {
        let labels = [
            ("database", database.to_owned()),
            ("queue", row.get("queue_name")),
            ("consumer", row.get("consumer_name")),
        ];
        set(gauge!("pgq_consumer_lag_seconds", &labels), float(&row, "lag"));
        set(
            gauge!("pgq_consumer_last_seen_seconds", &labels),
            float(&row, "last_seen"),
        );
        set(gauge!("pgq_consumer_tick", &labels), whole(&row, "last_tick"));
        set(
            gauge!("pgq_consumer_pending_events", &labels),
            whole(&row, "pending_events"),
        );
        set(gauge!("pgq_consumer_detached", &labels), Some(0.0));
    }
    let keeps_detached: bool = client
        .query_one(sql::pgq::HAS_DETACHED, &[])
        .await?
        .get("present");
    if keeps_detached {
        let all: Option<&str> = None;
        for row in client.query(sql::queue::LIST_DETACHED, &[&all, &all]).await? {
            let labels = [
                ("database", database.to_owned()),
                ("queue", row.get("queue_name")),
                ("consumer", row.get("consumer_name")),
            ];
            set(gauge!("pgq_consumer_detached", &labels), Some(1.0));
        }
    }
    Ok(())
}

/// Counts a failure of the duties in one database.
pub fn count_error(database: &str) {
    counter!("pgq_errors_total", "database" => database.to_owned()).increment(1);
}

fn set(gauge: metrics::Gauge, value: Option<f64>) {
    if let Some(value) = value {
        gauge.set(value);
    }
}

fn float(row: &Row, column: &str) -> Option<f64> {
    row.get(column)
}

fn whole(row: &Row, column: &str) -> Option<f64> {
    row.get::<_, Option<i64>>(column).map(|value| value as f64)
}
