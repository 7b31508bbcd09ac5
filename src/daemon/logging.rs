//! Log set-up: every message goes to standard error, the log file and syslog, as asked for.
//!
//! Messages come from `tracing`; fields other than the message are appended as `name=value`. An event with the field
//! `fatal = true` has the highest level of the ancestor (CRITICAL, in pgqd's style FATAL). Before anything is written, each message passes
//! [`mask_passwords`] (or what [`set_mask`] put in its place), so that no secret reaches a log. Messages of other crates are shown from warnings on.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::config::londiste::{LogFormat, LondisteConfig};
use crate::config::pgqd::PgqdConfig;
use crate::daemon::logfile::LogFile;
use crate::daemon::logformat::{LineFormat, Names, Record, now};
use crate::daemon::syslog::{Syslog, SyslogSettings};
use crate::error::{Error, Result};
use crate::pg::mask_passwords;

/// Where to log, how much, and in which form.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// -1: warnings and errors; 0: what happens; 1: details; 2 and more: everything.
    pub verbosity: i8,
    /// Whether to write to standard error.
    pub stderr: bool,
    /// Log file.
    pub logfile: Option<PathBuf>,
    /// Size in bytes at which the log file is rotated; 0: never.
    pub log_size: u64,
    /// Rotated files to keep.
    pub log_count: usize,
    /// Syslog.
    pub syslog: Option<SyslogSettings>,
    /// Form of lines on standard error.
    pub console_format: LineFormat,
    /// Form of lines in the log file.
    pub file_format: LineFormat,
    /// Who logs.
    pub names: Names,
}

impl LogSettings {
    /// Standard error only, in the usual form of londiste.
    pub fn console(verbosity: i8) -> Self {
        Self {
            verbosity,
            stderr: true,
            logfile: None,
            log_size: 0,
            log_count: 0,
            syslog: None,
            console_format: LineFormat::LONDISTE,
            file_format: LineFormat::LONDISTE,
            names: host_names(),
        }
    }

    /// As the job file says; `stderr` is false for a process in the background.
    pub fn for_londiste(config: &LondisteConfig, verbosity: i8, stderr: bool) -> Result<Self> {
        let format = |format: &LogFormat, place: &str| {
            let verbose = verbosity > 0;
            let pick = |plain: &Option<String>, other: &Option<String>| {
                other.clone().filter(|_| verbose).or_else(|| plain.clone())
            };
            LineFormat::parse(
                pick(&format.line, &format.line_verbose).as_deref(),
                pick(&format.date, &format.date_verbose).as_deref(),
            )
            .map_err(|what| {
                Error::config(format!(
                    "{}: key \"logfmt_{place}\" or \"logdatefmt_{place}\": {what}",
                    config.path.display()
                ))
            })
        };
        let console_format = format(&config.log_format_console, "console")?;
        let file_format = format(&config.log_format_file, "file")?;
        let mut names = Names {
            job: config.job_name.clone(),
            ..host_names()
        };
        // Asking the resolver can take a while, so it is done only for who wants to know.
        if console_format.has_field("hostaddr") || file_format.has_field("hostaddr") {
            names.address = find_address(&names.host);
        }
        Ok(Self {
            stderr,
            logfile: config.logfile.clone(),
            log_size: config.log_size,
            log_count: config.log_count,
            console_format,
            file_format,
            names,
            ..Self::console(verbosity)
        })
    }

    /// As the file of pgqd says. Ancestor: quiet means no standard error, not fewer messages.
    pub fn for_pgqd(config: &PgqdConfig, verbosity: i8, stderr: bool) -> Self {
        Self {
            verbosity: verbosity.max(0),
            stderr: stderr && verbosity >= 0,
            logfile: config.logfile.clone(),
            syslog: config
                .syslog
                .then(|| SyslogSettings::new(config.syslog_ident.clone(), config.syslog_facility)),
            console_format: LineFormat::Pgqd,
            file_format: LineFormat::Pgqd,
            ..Self::console(verbosity)
        }
    }
}

/// Sets the log up for the whole process; once.
pub fn setup(settings: LogSettings) -> Result<Log> {
    let log = Log::new(settings)?;
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.layer()))
        .map_err(|_| Error::internal("the log is set up a second time"))?;
    Ok(log)
}

/// The log of the process.
#[derive(Clone)]
pub struct Log(Arc<Sinks>);

struct Sinks {
    settings: LogSettings,
    level: LevelFilter,
    file: Mutex<Option<LogFile>>,
    syslog: Option<Syslog>,
}

impl Log {
    /// Opens the sinks without making them the process's log.
    pub fn new(settings: LogSettings) -> Result<Self> {
        let file = match &settings.logfile {
            Some(path) => Some(LogFile::open(path, settings.log_size, settings.log_count)?),
            None => None,
        };
        Ok(Self(Arc::new(Sinks {
            level: match settings.verbosity {
                ..=-1 => LevelFilter::WARN,
                0 => LevelFilter::INFO,
                1 => LevelFilter::DEBUG,
                2.. => LevelFilter::TRACE,
            },
            file: Mutex::new(file),
            syslog: settings.syslog.clone().map(Syslog::new),
            settings,
        })))
    }

    /// The layer that takes events of `tracing`.
    pub fn layer(&self) -> LogLayer {
        LogLayer(self.clone())
    }

    /// Opens the log file anew (SIGHUP); the old one stays in use when that fails.
    pub fn reopen(&self) -> Result<()> {
        match &mut *self.0.lock_file() {
            Some(file) => file.reopen().map_err(|error| {
                let path = file.path().display();
                Error::new(
                    crate::error::ErrorKind::Io,
                    format!("log file \"{path}\" cannot be opened: {error}"),
                )
            }),
            None => Ok(()),
        }
    }

    /// Goes on in the log file at `path` (a reload changed it); the old one stays in use when that fails.
    pub fn move_to(&self, path: &Path) -> Result<()> {
        let settings = &self.0.settings;
        let file = LogFile::open(path, settings.log_size, settings.log_count)?;
        *self.0.lock_file() = Some(file);
        Ok(())
    }

    fn write(&self, record: &Record) {
        let sinks = &self.0;
        let settings = &sinks.settings;
        if settings.stderr {
            write_console(&settings.console_format.render(record, &settings.names));
        }
        if let Some(file) = &mut *sinks.lock_file() {
            let line = settings.file_format.render(record, &settings.names) + "\n";
            if let Err(error) = file.write(&line)
                && !settings.stderr
            {
                // The disk is full, for instance: the last place where somebody may see it.
                write_console(&format!("{}: {error}: {line}", file.path().display()));
            }
        }
        if let Some(syslog) = &sinks.syslog {
            syslog.send(record.level, record.fatal, &record.message);
        }
    }
}

impl Sinks {
    fn lock_file(&self) -> std::sync::MutexGuard<'_, Option<LogFile>> {
        // A panic of another thread leaves the file usable.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes events of `tracing` into a [`Log`].
pub struct LogLayer(Log);

impl<S: Subscriber> Layer<S> for LogLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let ours = ["londiste", "pgqd"]
            .iter()
            .any(|name| metadata.target().starts_with(name));
        let limit = if ours {
            self.0.0.level
        } else {
            LevelFilter::WARN.min(self.0.0.level)
        };
        *metadata.level() <= limit
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.0.level)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut text = Text::default();
        event.record(&mut text);
        self.0.write(&Record {
            time: now(),
            level: *metadata.level(),
            fatal: text.fatal && *metadata.level() == Level::ERROR,
            message: mask(&(text.message + &text.fields)),
            target: metadata.target().to_owned(),
            file: metadata.file().unwrap_or_default().to_owned(),
            line: metadata.line().unwrap_or_default(),
        });
    }
}

/// Message and other fields of an event.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
    fatal: bool,
}

impl Visit for Text {
    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "fatal" {
            self.fatal = value;
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            let _ = write!(self.fields, " {}={value}", field.name());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            let _ = write!(self.fields, " {}={value:?}", field.name());
        }
    }
}

static MASK: OnceLock<fn(&str) -> String> = OnceLock::new();

/// Puts another function in the place of [`mask_passwords`]; once, before [`setup`].
pub fn set_mask(mask: fn(&str) -> String) {
    // A second call with the same function is harmless.
    let _ = MASK.set(mask);
}

fn mask(text: &str) -> String {
    MASK.get().map_or_else(|| mask_passwords(text), |mask| mask(text))
}

/// Writes one line to the terminal above what is drawn there.
type Console = Box<dyn Fn(&str) + Send + Sync>;

static CONSOLE: RwLock<Option<Console>> = RwLock::new(None);

/// Sends lines for standard error through `write` while progress bars are drawn; nothing: straight again.
pub fn set_console(write: Option<Console>) {
    *CONSOLE.write().unwrap_or_else(PoisonError::into_inner) = write;
}

fn write_console(line: &str) {
    match &*CONSOLE.read().unwrap_or_else(PoisonError::into_inner) {
        Some(write) => write(line),
        // One call, so that lines of several processes do not mix; a closed terminal is no reason to stop.
        None => drop(std::io::stderr().write_all(format!("{line}\n").as_bytes())),
    }
}

fn host_names() -> Names {
    let host = nix::unistd::gethostname().unwrap_or_default();
    Names {
        job: "londiste".to_owned(),
        service: "londiste".to_owned(),
        host: host.to_string_lossy().into_owned(),
        address: String::new(),
    }
}

fn find_address(host: &str) -> String {
    use std::net::ToSocketAddrs as _;
    let found = (host, 0).to_socket_addrs().ok().and_then(|mut all| all.next());
    found.map_or_else(|| "0.0.0.0".to_owned(), |address| address.ip().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(settings: LogSettings, work: impl FnOnce()) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.log");
        let log = Log::new(LogSettings {
            stderr: false,
            logfile: Some(path.clone()),
            file_format: LineFormat::parse(Some("%(levelname)s %(message)s"), None).unwrap(),
            ..settings
        })
        .unwrap();
        let subscriber = tracing_subscriber::registry().with(log.layer());
        tracing::subscriber::with_default(subscriber, work);
        log.reopen().unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    fn say() {
        tracing::trace!("t");
        tracing::debug!("d");
        tracing::info!(table = "a.b", rows = 3, name = %"x y", "copied");
        tracing::warn!(target: "tokio", "foreign");
        tracing::info!(target: "tokio", "foreign too");
        tracing::error!(fatal = true, "{}", "password=hunter2");
    }

    #[test]
    fn verbosity_fields_levels_and_mask() {
        let rest = "INFO copied table=a.b rows=3 name=x y\nWARNING foreign\nCRITICAL password=***\n";
        assert_eq!(logged(LogSettings::console(0), say), rest);
        assert_eq!(
            logged(LogSettings::console(-1), say),
            "WARNING foreign\nCRITICAL password=***\n"
        );
        assert_eq!(logged(LogSettings::console(1), say), format!("DEBUG d\n{rest}"));
        assert_eq!(
            logged(LogSettings::console(2), say),
            format!("TRACE t\nDEBUG d\n{rest}")
        );
    }

    #[test]
    fn a_wrong_pattern_names_its_key() {
        let path = Path::new("replika.ini");
        let text = "[londiste]\ndb = x\nqueue_name = q\nlogfmt_console = %%(tme)s\n";
        let file = crate::config::ini::IniFile::parse_str(text, "replika.ini").unwrap();
        let job = crate::config::job::Job::of_file(file, path, "londiste", &[]).unwrap();
        let config = LondisteConfig::of_job(&job).unwrap();
        let error = LogSettings::for_londiste(&config, 0, true).unwrap_err();
        assert!(
            error.message().starts_with(
                "replika.ini: key \"logfmt_console\" or \"logdatefmt_console\": unknown field \"%(tme)\""
            ),
            "{error}"
        );
    }

    #[test]
    fn quiet_pgqd_keeps_its_log_level() {
        let settings = LogSettings::for_pgqd(&PgqdConfig::default(), -1, true);
        assert!(!settings.stderr);
        assert_eq!(settings.verbosity, 0);
        assert!(settings.syslog.is_some());
    }
}
