//! What is known about one node of a cascade, and what is to be said about it. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lag::format_lag;

/// Lag in seconds above which it is shown in red on a terminal.
const RED_LAG: f64 = 60.0;
/// Seconds that a worker may take to connect again after an error.
const RECONNECT: f64 = 10.0;
/// An idle queue is ticked once a minute, so a reader that was not seen for this long does not run.
const SILENT_READER: f64 = 600.0;

/// How many tables of the queue are in sync, on the way, not attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableCounts {
    /// Attached with state `ok`.
    pub ok: i64,
    /// Attached with another state.
    pub half: i64,
    /// Registered, not attached.
    pub ignored: i64,
    /// Those on the way whose copy ended with an error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
}

/// Whether somebody works for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// It is connected.
    Running,
    /// It runs, and waits to try again after an error.
    Retrying,
    /// It was connected once and is not.
    Stopped,
    /// None was ever seen.
    Never,
    /// A worker of Londiste 3, which only shows by what it reads.
    Other,
}

/// The worker of a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkerFacts {
    /// Name of its consumer.
    pub name: String,
    /// Whether it runs.
    pub state: WorkerState,
    /// Running: seconds since it began. Otherwise seconds since it was last seen.
    pub since_seconds: Option<f64>,
    /// Version of the program that last ran.
    pub version: Option<String>,
}

/// What the traces of a worker say.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkerTraces {
    /// It holds the session lock of the node.
    pub locked: bool,
    /// It holds the lock of those who wait after an error.
    pub retrying: bool,
    /// Seconds since it began and since it was last seen, as it noted itself.
    pub noted: Option<(f64, f64)>,
    /// Its last pass ended with an error.
    pub failed: bool,
    /// Whether the newest settings of the node were seen by a worker.
    pub uptodate: bool,
    /// Seconds since its provider last heard of it.
    pub read_seconds: Option<f64>,
}

impl WorkerTraces {
    /// Whether it runs, and since when.
    pub fn judge(&self) -> (WorkerState, Option<f64>) {
        if self.locked {
            return (WorkerState::Running, self.noted.map(|(began, _)| began));
        }
        if self.retrying {
            return (WorkerState::Retrying, self.noted.map(|(began, _)| began));
        }
        match (self.noted, self.read_seconds) {
            // Between two attempts it connects anew.
            (Some((began, seen)), _) if self.failed && seen < RECONNECT => {
                (WorkerState::Retrying, Some(began))
            }
            // Long after the last note somebody still reads: then it is not this program.
            (Some((_, seen)), Some(read)) if self.uptodate && read + RED_LAG < seen => {
                (WorkerState::Other, Some(read))
            }
            (Some((_, seen)), _) => (WorkerState::Stopped, Some(seen)),
            (None, read) if self.uptodate => (WorkerState::Other, read),
            (None, _) => (WorkerState::Never, None),
        }
    }
}

impl WorkerFacts {
    fn line(&self, own_version: &str, colour: bool) -> String {
        let ago = |what: &str| {
            self.since_seconds
                .map(|s| format!(", {what} {} ago", format_lag(Some(s.max(0.001)))))
                .unwrap_or_default()
        };
        let mut line = match self.state {
            WorkerState::Running => "Worker: running".to_owned(),
            WorkerState::Retrying => "Worker: running, tries again after an error".to_owned(),
            WorkerState::Stopped => format!("Worker: NOT RUNNING{}", ago("last seen")),
            WorkerState::Never => "Worker: NOT RUNNING".to_owned(),
            WorkerState::Other => format!("Worker: of Londiste 3{}", ago("last read")),
        };
        if let Some(version) = self.version.as_deref().filter(|v| *v != own_version)
            && self.state != WorkerState::Other
        {
            line.push_str(&format!(", version {version}"));
        }
        red_if(colour && !self.is_well(), line)
    }

    fn is_well(&self) -> bool {
        match self.state {
            WorkerState::Running => true,
            WorkerState::Other => self.since_seconds.is_none_or(|s| s < SILENT_READER),
            WorkerState::Retrying | WorkerState::Stopped | WorkerState::Never => false,
        }
    }
}

/// The schemas of a node's database, compared with those of this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseSide {
    /// Schema and version: of our own schemas version and digest, of the ancestor's what they say.
    pub schemas: BTreeMap<String, String>,
    /// What is not as this program would install it, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
}

/// What is known about one node; the JSON form of `status` has a list of these.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeFacts {
    /// The node's name.
    pub name: String,
    /// `root`, `branch`, `leaf`, or `dead` when it is tagged so or cannot be reached.
    #[serde(rename = "type")]
    pub node_type: String,
    /// Whether it is tagged as dead.
    pub dead: bool,
    /// Whom it reads from; itself or nothing on a root.
    pub provider: Option<String>,
    /// Who reads from it.
    pub subscribers: Vec<String>,
    /// The queue that a merge leaf feeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combined_queue: Option<String>,
    /// `service` of its location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its tables.
    pub tables: Option<TableCounts>,
    /// Events that were put aside because they could not be applied.
    pub parked_events: Option<i64>,
    /// Seconds behind the root; on a root since the last tick.
    pub lag_seconds: Option<f64>,
    /// Ticks behind the root.
    pub lag_ticks: Option<i64>,
    /// Events behind the root's newest tick.
    pub lag_events: Option<i64>,
    /// Position of its worker; on a root the newest tick.
    pub tick: Option<i64>,
    /// Tick that it and all below it have passed.
    pub watermark: Option<i64>,
    /// Tick that all nodes have passed, as far as it knows.
    pub global_watermark: Option<i64>,
    /// Its worker.
    pub worker: Option<WorkerFacts>,
    /// Its schemas.
    pub database: Option<DatabaseSide>,
    /// Whether its worker was told to stand still.
    pub paused: bool,
    /// Whether its worker has seen the newest settings.
    pub uptodate: bool,
    /// Attributes of the node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attrs: Vec<(String, String)>,
    /// Consumer and stored error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<(String, String)>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl NodeFacts {
    /// A node of which nothing but the name is known.
    pub fn dead(name: &str, failure: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            node_type: "dead".to_owned(),
            dead: failure.is_none(),
            provider: None,
            subscribers: Vec::new(),
            combined_queue: None,
            service: None,
            tables: None,
            parked_events: None,
            lag_seconds: None,
            lag_ticks: None,
            lag_events: None,
            tick: None,
            watermark: None,
            global_watermark: None,
            worker: None,
            database: None,
            paused: false,
            uptodate: false,
            attrs: Vec::new(),
            errors: Vec::new(),
            failure,
        }
    }

    /// `name (type)` or `name (type, service)`.
    pub fn title(&self) -> String {
        match &self.service {
            Some(service) => format!("{} ({}, {service})", self.name, self.node_type),
            None => format!("{} ({})", self.name, self.node_type),
        }
    }

    /// Whether it did not answer.
    pub fn is_silent(&self) -> bool {
        self.node_type == "dead"
    }

    /// The lines that stand beside the tree; `colour` marks what is not well.
    pub fn info_lines(&self, colour: bool) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(tables) = &self.tables {
            lines.push(format!(
                "Tables: {}/{}/{}",
                tables.ok, tables.half, tables.ignored
            ));
        }
        if !self.is_silent() || self.tick.is_some() {
            lines.push(self.lag_line(colour));
        }
        lines.extend(self.behind_line());
        if let Some(parked) = self.parked_events.filter(|n| *n > 0) {
            lines.push(red_if(colour, format!("Parked: {}", count(parked, "event"))));
        }
        lines.extend(
            self.worker
                .iter()
                .map(|w| w.line(env!("CARGO_PKG_VERSION"), colour)),
        );
        lines.extend(
            self.database
                .iter()
                .flat_map(|database| &database.differs)
                .map(|text| format!("Database: {text}")),
        );
        lines.extend(
            self.attrs
                .iter()
                .map(|(key, value)| format!("Attr: {key}={value}")),
        );
        let errors = self
            .errors
            .iter()
            .map(|(consumer, error)| format!("ERR: {consumer}: {}", error.lines().next().unwrap_or("")))
            .chain(self.failure.iter().map(|failure| format!("ERR: {failure}")));
        lines.extend(errors.map(|line| red_if(colour, line)));
        lines
    }

    fn lag_line(&self, colour: bool) -> String {
        let mut line = format!("Lag: {}", format_lag(self.lag_seconds));
        if self.lag_seconds.is_some_and(|lag| lag > RED_LAG) {
            line = red_if(colour, line);
        }
        if let Some(tick) = self.tick {
            line.push_str(&format!(", Tick: {tick}"));
        }
        if self.is_silent() {
            return line;
        }
        if self.dead {
            line.push_str(", DEAD");
        }
        if self.paused {
            line.push_str(", PAUSED");
        }
        if !self.uptodate {
            line.push_str(", NOT UPTODATE");
        }
        line
    }

    fn behind_line(&self) -> Option<String> {
        let mut words = Vec::new();
        if let Some(watermark) = self.watermark {
            words.push(format!("Watermark: {watermark}"));
        }
        if let Some(ticks) = self.lag_ticks.filter(|n| *n > 0) {
            words.push(format!("behind by {}", count(ticks, "tick")));
        }
        if let Some(events) = self.lag_events.filter(|n| *n > 0) {
            words.push(count(events, "event"));
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// What an administrator should look at, in words.
    pub fn problems(&self) -> Vec<String> {
        let name = &self.name;
        let mut found = Vec::new();
        if let Some(failure) = &self.failure {
            found.push(format!("{name}: {failure}"));
            return found;
        }
        if self.dead {
            found.push(format!("{name}: is tagged as dead"));
        }
        if self.is_silent() {
            return found;
        }
        if let Some(worker) = self.worker.as_ref().filter(|w| !w.is_well()) {
            found.push(format!(
                "{name}: {}",
                worker.line(env!("CARGO_PKG_VERSION"), false).to_lowercase()
            ));
        }
        if self.paused {
            found.push(format!("{name}: is paused"));
        }
        if let Some(tables) = &self.tables
            && tables.half > 0
        {
            found.push(format!("{name}: {} not in sync", count(tables.half, "table")));
        }
        if let Some(parked) = self.parked_events.filter(|n| *n > 0) {
            found.push(format!("{name}: {} parked", count(parked, "event")));
        }
        found.extend(
            self.errors.iter().map(|(consumer, error)| {
                format!("{name}: {consumer}: {}", error.lines().next().unwrap_or(""))
            }),
        );
        found
    }
}

fn count(number: i64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn red_if(red: bool, text: String) -> String {
    if red {
        format!("\u{1b}[31m{text}\u{1b}[0m")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(traces: WorkerTraces) -> (WorkerState, Option<f64>) {
        traces.judge()
    }

    #[test]
    fn a_worker_is_judged_by_its_traces() {
        let traces = WorkerTraces {
            uptodate: true,
            ..WorkerTraces::default()
        };
        let noted = Some((1000.0, 300.0));
        assert_eq!(
            judged(WorkerTraces {
                locked: true,
                noted,
                ..traces
            }),
            (WorkerState::Running, Some(1000.0))
        );
        assert_eq!(
            judged(WorkerTraces {
                retrying: true,
                noted,
                ..traces
            }),
            (WorkerState::Retrying, Some(1000.0))
        );
        assert_eq!(
            judged(WorkerTraces {
                noted,
                read_seconds: Some(290.0),
                ..traces
            }),
            (WorkerState::Stopped, Some(300.0))
        );
        assert_eq!(
            judged(WorkerTraces {
                failed: true,
                noted: Some((1000.0, 0.2)),
                ..traces
            }),
            (WorkerState::Retrying, Some(1000.0))
        );
        // Long after ours was seen the provider still hears of it.
        assert_eq!(
            judged(WorkerTraces {
                noted,
                read_seconds: Some(12.0),
                ..traces
            }),
            (WorkerState::Other, Some(12.0))
        );
        assert_eq!(judged(traces), (WorkerState::Other, None));
        assert_eq!(judged(WorkerTraces::default()), (WorkerState::Never, None));
    }

    #[test]
    fn what_is_not_well_is_said() {
        let mut node = NodeFacts {
            node_type: "leaf".to_owned(),
            dead: false,
            paused: true,
            uptodate: true,
            worker: Some(WorkerFacts {
                name: "w".to_owned(),
                state: WorkerState::Stopped,
                since_seconds: Some(303.0),
                version: Some("0.0.9".to_owned()),
            }),
            lag_ticks: Some(1),
            lag_events: Some(20),
            parked_events: Some(2),
            watermark: Some(7),
            ..NodeFacts::dead("n", None)
        };
        assert_eq!(
            node.info_lines(false),
            [
                "Lag: (n/a), PAUSED",
                "Watermark: 7, behind by 1 tick, 20 events",
                "Parked: 2 events",
                "Worker: NOT RUNNING, last seen 5m3s ago, version 0.0.9"
            ]
        );
        assert_eq!(
            node.problems(),
            [
                "n: worker: not running, last seen 5m3s ago, version 0.0.9",
                "n: is paused",
                "n: 2 events parked"
            ]
        );
        node.failure = Some("no answer".to_owned());
        assert_eq!(node.problems(), ["n: no answer"]);
    }
}
