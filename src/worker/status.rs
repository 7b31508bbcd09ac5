//! What a worker did lately, captured as one value and logged as one line per interval.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};

use crate::pgq::TickId;
use crate::table::{Table, TableState};

/// Counters since the last line.
#[derive(Debug)]
pub struct Status {
    labels: [(&'static str, String); 2],
    batches: u64,
    events: u64,
    ignored: u64,
    missed_rows: u64,
    busy: Duration,
    lag: Duration,
    since: Instant,
    lines: u32,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            labels: Default::default(),
            batches: 0,
            events: 0,
            ignored: 0,
            missed_rows: 0,
            busy: Duration::ZERO,
            lag: Duration::ZERO,
            since: Instant::now(),
            lines: 0,
        }
    }
}

/// What one batch brought.
#[derive(Debug, Default, Clone, Copy)]
pub struct BatchCounts {
    /// Events in it.
    pub events: u64,
    /// Events for tables that are not replayed here.
    pub ignored: u64,
    /// Updates and deletes that found no row.
    pub missed_rows: u64,
    /// Events that could not be applied and were put aside.
    pub parked: u64,
}

impl Status {
    /// A status whose numbers are also published under these labels.
    pub fn labelled(queue: &str, job: &str) -> Self {
        Self {
            labels: [("queue", queue.to_owned()), ("job", job.to_owned())],
            ..Self::default()
        }
    }

    /// Publishes what is not counted: position and tables.
    pub fn publish(&self, tick: TickId, tables: &HashMap<String, Table>) {
        if !crate::metrics::is_listening() {
            return;
        }
        gauge!("londiste_up", &self.labels).set(1.0);
        gauge!("londiste_tick", &self.labels).set(tick.0 as f64);
        gauge!("londiste_lag_seconds", &self.labels).set(self.lag.as_secs_f64());
        let count =
            |wanted: fn(TableState) -> bool| tables.values().filter(|t| wanted(t.state)).count() as f64;
        for (state, number) in [
            ("missing", count(|state| state == TableState::Missing)),
            ("copying", count(TableState::is_copying)),
            ("ok", count(|state| state == TableState::Ok)),
        ] {
            let [queue, job] = self.labels.clone();
            gauge!("londiste_tables", &[queue, job, ("state", state.to_owned())]).set(number);
        }
    }

    /// Adds one batch.
    pub fn add(&mut self, counts: BatchCounts, busy: Duration, lag: Duration) {
        counter!("londiste_events_total", &self.labels).increment(counts.events);
        counter!("londiste_events_ignored_total", &self.labels).increment(counts.ignored);
        counter!("londiste_missed_rows_total", &self.labels).increment(counts.missed_rows);
        counter!("londiste_parked_events_total", &self.labels).increment(counts.parked);
        histogram!("londiste_batch_seconds", &self.labels).record(busy);
        self.batches += 1;
        self.events += counts.events;
        self.ignored += counts.ignored;
        self.missed_rows += counts.missed_rows;
        self.busy += busy;
        self.lag = lag;
    }

    /// The lines to log when they are due: often at first, calm later; an idle worker speaks every `keepalive`.
    pub fn due_lines(
        &mut self,
        node: &str,
        tick: TickId,
        tables: &HashMap<String, Table>,
        keepalive: Duration,
    ) -> Vec<String> {
        let interval = match (self.batches, self.lines) {
            (0, _) => keepalive,
            (_, 0..3) => Duration::from_secs(2),
            (_, 3..10) => Duration::from_secs(10),
            _ => Duration::from_secs(30),
        };
        if self.since.elapsed() < interval {
            return Vec::new();
        }
        let lines = self.render(node, tick, tables);
        *self = Self {
            lines: self.lines + 1,
            lag: self.lag,
            ..Self::labelled(&self.labels[0].1, &self.labels[1].1)
        };
        lines
    }

    /// The lines for the end of the worker, if anything was done since the last ones.
    pub fn last_lines(&self, node: &str, tick: TickId, tables: &HashMap<String, Table>) -> Vec<String> {
        if self.batches == 0 {
            Vec::new()
        } else {
            self.render(node, tick, tables)
        }
    }

    fn render(&self, node: &str, tick: TickId, tables: &HashMap<String, Table>) -> Vec<String> {
        let wall = self.since.elapsed();
        let mut lines = Vec::new();
        let mut moving: Vec<String> = tables
            .values()
            .filter(|table| table.state != TableState::Ok)
            .map(|table| match table.state {
                TableState::Missing => format!("{} waiting for its copy", table.name),
                state => format!("{} {state}", table.name),
            })
            .collect();
        moving.sort();
        let ok = tables.len() - moving.len();
        let mut line = format!(
            "node {node} at tick {tick}: {} events in {} batches, {:.0} events/s, lag {:.3} s, tables: {ok} ok",
            self.events,
            self.batches,
            self.events as f64 / wall.as_secs_f64().max(0.001),
            self.lag.as_secs_f64(),
        );
        if !moving.is_empty() {
            line.push_str(&format!(", {}", moving.join(", ")));
        }
        lines.push(line);
        if self.missed_rows > 0 {
            lines.push(format!(
                "{} updates or deletes found no row: the tables differ (londiste compare)",
                self.missed_rows
            ));
        }
        // Ancestor: the statistics line that monitoring scripts parse.
        let mut parts = Vec::new();
        if self.ignored > 0 {
            parts.push(format!("ignored_events: {}", self.ignored));
        }
        parts.push(format!("count: {}", self.events));
        parts.push(format!("duration: {:.4}", self.busy.as_secs_f64()));
        parts.push(format!(
            "idle: {:.4}",
            wall.saturating_sub(self.busy).as_secs_f64()
        ));
        lines.push(format!("{{{}}}", parts.join(", ")));
        lines
    }
}
