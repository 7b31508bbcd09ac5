//! How far a copy is: a bar on a terminal, lines in the log otherwise.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressState, ProgressStyle};

/// Where the progress of all copies of a process is shown.
#[derive(Clone)]
pub struct ProgressSink(Option<MultiProgress>);

impl ProgressSink {
    /// Bars when standard error is a terminal and `quiet` is false, else log lines.
    pub fn detect(quiet: bool) -> Self {
        Self((!quiet && std::io::stderr().is_terminal()).then(MultiProgress::new))
    }

    /// Log lines only.
    pub fn log_only() -> Self {
        Self(None)
    }

    /// The bars, for printing log lines above them.
    pub fn bars(&self) -> Option<&MultiProgress> {
        self.0.as_ref()
    }
}

/// The counters of one copy.
pub struct Progress {
    table: String,
    bar: Option<ProgressBar>,
    rows: AtomicU64,
    bytes: AtomicU64,
    /// Rows that an interrupted copy had brought in.
    rows_before: u64,
    expected_rows: u64,
    started: Instant,
    told: Mutex<Instant>,
}

impl Progress {
    /// Begins; `expected_rows` is an estimate, 0 when there is none, `rows_before` are there already.
    pub fn start(sink: &ProgressSink, table: &str, expected_rows: u64, rows_before: u64) -> Self {
        let bar = sink.0.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(expected_rows.max(1)));
            let style = ProgressStyle::with_template(
                "{prefix:30!} {bar:30} {human_pos:>12} rows {rate:>11} rows/s {msg}, {eta} left",
            )
            .expect("the template is constant")
            .with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{}", HumanCount(state.per_sec().max(0.0) as u64));
            });
            bar.set_style(style);
            bar.set_prefix(table.to_owned());
            bar.set_position(rows_before);
            bar.reset_eta();
            bar
        });
        let now = Instant::now();
        Self {
            table: table.to_owned(),
            bar,
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            rows_before,
            expected_rows,
            started: now,
            told: Mutex::new(now),
        }
    }

    /// Counts a piece of data.
    pub fn add(&self, bytes: u64, rows: u64) {
        let total = self.rows_before + self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            if total > bar.length().unwrap_or(0) {
                bar.set_length(total);
            }
            bar.set_position(total);
            return;
        }
        // Who finds it locked leaves the telling to the other stream.
        if let Ok(mut told) = self.told.try_lock()
            && told.elapsed() >= Duration::from_secs(10)
        {
            *told = Instant::now();
            tracing::info!("{}: {}", self.table, self.line());
        }
    }

    /// Names the present phase.
    pub fn phase(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
        tracing::debug!("{}: {text}", self.table);
    }

    /// Bytes and rows of this process so far.
    pub fn totals(&self) -> (u64, u64) {
        (
            self.bytes.load(Ordering::Relaxed),
            self.rows.load(Ordering::Relaxed),
        )
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn line(&self) -> String {
        let (bytes, rows) = self.totals();
        let seconds = self.elapsed().as_secs_f64().max(0.001);
        let mut text = format!(
            "copied {rows} rows, {:.1} MB, {:.0} rows/s",
            bytes as f64 / 1e6,
            rows as f64 / seconds
        );
        let here = self.rows_before + rows;
        if self.expected_rows > here && rows > 0 {
            let left = seconds * (self.expected_rows - here) as f64 / rows as f64;
            text.push_str(&format!(
                ", {:.0}% of an estimated {} rows, about {left:.0} s left",
                100.0 * here as f64 / self.expected_rows as f64,
                self.expected_rows
            ));
        }
        text
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
