//! What a log line looks like: the ancestor's two styles, and job files' own patterns.

use std::fmt::Write as _;

use jiff::Zoned;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use tracing::Level;

use crate::config::percent::Template;

/// Fields that a pattern may use.
pub const FIELDS: &[&str] = &[
    "asctime",
    "created",
    "msecs",
    "process",
    "processName",
    "threadName",
    "levelname",
    "levelno",
    "name",
    "message",
    "job_name",
    "service_name",
    "hostname",
    "hostaddr",
    "module",
    "filename",
    "pathname",
    "lineno",
];

/// One message with what is known about it.
#[derive(Debug, Clone)]
pub struct Record {
    /// When, in local time.
    pub time: Zoned,
    /// Level.
    pub level: Level,
    /// Whether the process ends because of it.
    pub fatal: bool,
    /// Text; may have several lines.
    pub message: String,
    /// Module path of the place.
    pub target: String,
    /// Source file of the place.
    pub file: String,
    /// Line of the place.
    pub line: u32,
}

/// Who logs.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// `job_name`.
    pub job: String,
    /// `service_name`.
    pub service: String,
    /// `hostname`.
    pub host: String,
    /// `hostaddr`.
    pub address: String,
}

/// Form of a line.
#[derive(Debug, Clone)]
pub enum LineFormat {
    /// `2026-01-31 12:00:00,123 4711 INFO Done`, or a pattern in place of it.
    Pattern {
        /// The line; nothing: as above.
        line: Option<Template>,
        /// `asctime` as strftime; nothing: as above.
        date: Option<String>,
    },
    /// `2026-11-20 06:58:25.122 UTC [18450] LOG Starting pgqd 3.5`.
    Pgqd,
}

impl LineFormat {
    /// The usual form of londiste.
    pub const LONDISTE: Self = Self::Pattern {
        line: None,
        date: None,
    };

    /// Checks the pattern of a line and the one of `asctime`; says what is wrong otherwise.
    pub fn parse(line: Option<&str>, date: Option<&str>) -> Result<Self, String> {
        let line = line.map(Template::parse).transpose()?;
        if let Some(field) = line
            .iter()
            .flat_map(Template::fields)
            .find(|f| !FIELDS.contains(f))
        {
            return Err(format!(
                "unknown field \"%({field})\"; known are {}",
                FIELDS.join(", ")
            ));
        }
        if let Some(date) = date {
            strtime::format(date, &now()).map_err(|error| error.to_string())?;
        }
        Ok(Self::Pattern {
            line,
            date: date.map(str::to_owned),
        })
    }

    /// Whether the line shows `field`.
    pub fn has_field(&self, field: &str) -> bool {
        matches!(self, Self::Pattern { line: Some(line), .. } if line.fields().any(|name| name == field))
    }

    /// The line, without newline at its end.
    pub fn render(&self, record: &Record, names: &Names) -> String {
        match self {
            Self::Pattern { line: None, date } => format!(
                "{} {} {} {}",
                asctime(record, date.as_deref()),
                std::process::id(),
                level_name(record),
                record.message
            ),
            Self::Pattern {
                line: Some(line),
                date,
            } => line.render(|field| field_text(field, record, names, date.as_deref())),
            Self::Pgqd => format!(
                "{} [{}] {} {}",
                format_time(&record.time, "%Y-%m-%d %H:%M:%S.%3f %Z"),
                std::process::id(),
                pgqd_level_name(record),
                // So that a reader of the file can tell a continued line from a new one.
                record.message.replace('\n', "\n\t")
            ),
        }
    }
}

/// The present time in the local time zone; UTC where the system has none.
pub fn now() -> Zoned {
    let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    jiff::Timestamp::now().to_zoned(zone)
}

fn format_time(time: &Zoned, pattern: &str) -> String {
    // Patterns are checked when they are parsed, so this cannot fail; a log line must come out in any case.
    strtime::format(pattern, time).unwrap_or_else(|_| time.to_string())
}

fn asctime(record: &Record, date: Option<&str>) -> String {
    format_time(&record.time, date.unwrap_or("%Y-%m-%d %H:%M:%S,%3f"))
}

fn level_name(record: &Record) -> &'static str {
    match record.level {
        _ if record.fatal => "CRITICAL",
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        _ => "TRACE",
    }
}

fn pgqd_level_name(record: &Record) -> &'static str {
    match record.level {
        _ if record.fatal => "FATAL",
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "LOG",
        Level::DEBUG => "DEBUG",
        _ => "NOISE",
    }
}

fn level_number(record: &Record) -> u8 {
    match record.level {
        _ if record.fatal => 50,
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        _ => 5,
    }
}

fn field_text(field: &str, record: &Record, names: &Names, date: Option<&str>) -> String {
    let base_name = record.file.rsplit('/').next().unwrap_or_default();
    match field {
        "asctime" => asctime(record, date),
        "created" => {
            let nanos = record.time.timestamp().as_nanosecond();
            let mut text = String::new();
            let _ = write!(
                text,
                "{}.{:06}",
                nanos / 1_000_000_000,
                nanos % 1_000_000_000 / 1000
            );
            text
        }
        "msecs" => record.time.millisecond().to_string(),
        "process" => std::process::id().to_string(),
        "processName" => "MainProcess".to_owned(),
        "threadName" => std::thread::current().name().unwrap_or("MainThread").to_owned(),
        "levelname" => level_name(record).to_owned(),
        "levelno" => level_number(record).to_string(),
        "name" => record.target.clone(),
        "message" => record.message.clone(),
        "job_name" => names.job.clone(),
        "service_name" => names.service.clone(),
        "hostname" => names.host.clone(),
        "hostaddr" => names.address.clone(),
        "module" => base_name.strip_suffix(".rs").unwrap_or(base_name).to_owned(),
        "filename" => base_name.to_owned(),
        "pathname" => record.file.clone(),
        "lineno" => record.line.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: Level, message: &str) -> Record {
        let time: jiff::Timestamp = "2026-01-31T11:00:00.123456Z".parse().unwrap();
        Record {
            time: time.to_zoned(TimeZone::get("Europe/Berlin").unwrap()),
            level,
            fatal: false,
            message: message.to_owned(),
            target: "londiste::worker".to_owned(),
            file: "src/worker/run.rs".to_owned(),
            line: 7,
        }
    }

    fn render(format: &LineFormat, record: &Record) -> String {
        let names = Names {
            job: "replika".into(),
            service: "londiste".into(),
            ..Names::default()
        };
        format
            .render(record, &names)
            .replace(&std::process::id().to_string(), "PID")
    }

    #[test]
    fn the_two_styles() {
        let line = record(Level::INFO, "Done");
        assert_eq!(
            render(&LineFormat::LONDISTE, &line),
            "2026-01-31 12:00:00,123 PID INFO Done"
        );
        assert_eq!(
            render(&LineFormat::Pgqd, &record(Level::INFO, "one\ntwo")),
            "2026-01-31 12:00:00.123 CET [PID] LOG one\n\ttwo"
        );
        let mut fatal = record(Level::ERROR, "x");
        fatal.fatal = true;
        assert!(render(&LineFormat::Pgqd, &fatal).contains(" FATAL "));
        assert!(render(&LineFormat::LONDISTE, &fatal).contains(" CRITICAL "));
        assert!(render(&LineFormat::LONDISTE, &record(Level::WARN, "x")).contains(" WARNING "));
        assert!(render(&LineFormat::Pgqd, &record(Level::TRACE, "x")).contains(" NOISE "));
    }

    #[test]
    fn patterns_of_the_job_file() {
        let format = LineFormat::parse(
            Some(
                "%(asctime)s|%(levelname)-8s|%(job_name)s/%(service_name)s|%(name)s:%(lineno)04d|%(message)s",
            ),
            Some("%d.%m. %H:%M"),
        )
        .unwrap();
        assert_eq!(
            render(&format, &record(Level::ERROR, "gone")),
            "31.01. 12:00|ERROR   |replika/londiste|londiste::worker:0007|gone"
        );
        for field in FIELDS {
            let format = LineFormat::parse(Some(&format!("%({field})s")), None).unwrap();
            if *field != "hostname" && *field != "hostaddr" {
                assert!(!render(&format, &record(Level::INFO, "m")).is_empty(), "{field}");
            }
        }
    }

    #[test]
    fn wrong_patterns_are_refused() {
        let error = LineFormat::parse(Some("%(time)s"), None).unwrap_err();
        assert!(
            error.starts_with("unknown field \"%(time)\"; known are asctime, "),
            "{error}"
        );
        assert!(LineFormat::parse(None, Some("%Q %")).is_err());
    }
}
