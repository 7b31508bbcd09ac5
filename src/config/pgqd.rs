//! Settings of pgqd, typed; its sample file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::job::is_secret_key;
use crate::config::key::{Effect, Key, KeyType, nearest, push_comment};
use crate::config::pgqd_file::{PgqdFile, Setting};
use crate::config::value::{parse_file, parse_list};
use crate::error::{Error, Result};

/// Name of the section.
pub const SECTION: &str = "pgqd";

const fn key(name: &'static str, kind: KeyType, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        required: false,
        reload: true,
        effect: Effect::Full,
        help,
        example: "",
    }
}

const fn with_example(mut key: Key, example: &'static str) -> Key {
    key.example = example;
    key
}

/// All keys of `[pgqd]`, in the order of the sample file.
pub const PGQD_KEYS: &[Key] = &[
    with_example(
        key(
            "logfile",
            KeyType::File,
            "",
            "Log file; its directory must exist. It is opened anew on SIGHUP.",
        ),
        "/var/log/postgresql/pgqd.log",
    ),
    with_example(
        key(
            "pidfile",
            KeyType::File,
            "",
            "Lock file with the process id. Needed by -d, -s, -k and -r.",
        ),
        "/var/run/postgresql/pgqd.pid",
    ),
    with_example(
        key(
            "base_connstr",
            KeyType::ConnectString,
            "",
            "libpq connect string without dbname=. PG* variables, ~/.pgpass and service files apply.",
        ),
        "host=/var/run/postgresql port=5432",
    ),
    key(
        "initial_database",
        KeyType::Text,
        "template1",
        "Database in which the other ones are looked up.",
    ),
    with_example(
        key(
            "database_list",
            KeyType::List,
            "",
            "Databases to serve. Empty: all that have PgQ, found by themselves.",
        ),
        "shop, archive",
    ),
    key("syslog", KeyType::Boolean, "1", "Whether to log to syslog too."),
    key("syslog_ident", KeyType::Text, "pgqd", "Program name in syslog."),
    key(
        "syslog_facility",
        KeyType::Text,
        "daemon",
        "Syslog facility: auth, authpriv, daemon, user, local0 to local7.",
    ),
    key(
        "check_period",
        KeyType::Seconds,
        "60",
        "How often to look for databases, and for PgQ in them.",
    ),
    key(
        "maint_period",
        KeyType::Seconds,
        "120",
        "Pause between two rounds of maintenance.",
    ),
    key(
        "retry_period",
        KeyType::Seconds,
        "30",
        "Pause between two runs that put retry events back into their queues.",
    ),
    key(
        "ticker_period",
        KeyType::Seconds,
        "1",
        "Longest pause between two looks at the queues.",
    ),
    key(
        "stats_period",
        KeyType::Seconds,
        "30",
        "How often to log the statistics line.",
    ),
    key(
        "connection_lifetime",
        KeyType::Seconds,
        "3600",
        "Age at which the ticker's connection is opened anew.",
    ),
];

/// Settings of pgqd: every key of `[pgqd]`.
#[derive(Clone)]
pub struct PgqdConfig {
    /// Path of the file.
    pub path: PathBuf,
    /// `logfile`.
    pub logfile: Option<PathBuf>,
    /// `pidfile`.
    pub pidfile: Option<PathBuf>,
    /// `base_connstr`: connect string without database.
    pub base_connstr: String,
    /// `initial_database`.
    pub initial_database: String,
    /// `database_list`; empty: find them.
    pub database_list: Vec<String>,
    /// `syslog`.
    pub syslog: bool,
    /// `syslog_ident`.
    pub syslog_ident: String,
    /// `syslog_facility`.
    pub syslog_facility: SyslogFacility,
    /// `check_period`.
    pub check_period: Duration,
    /// `maint_period`.
    pub maint_period: Duration,
    /// `retry_period`.
    pub retry_period: Duration,
    /// `ticker_period`.
    pub ticker_period: Duration,
    /// `stats_period`, in whole seconds.
    pub stats_period: Duration,
    /// `connection_lifetime` of the ticker's connection.
    pub connection_lifetime: Duration,
}

/// Facility of syslog messages, with its number in RFC 3164.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyslogFacility(pub u8);

impl SyslogFacility {
    /// `daemon`.
    pub const DAEMON: Self = Self(3);

    /// The facility called `name`.
    pub fn find(name: &str) -> Option<Self> {
        let number = match name {
            "user" => 1,
            "daemon" => 3,
            "auth" => 4,
            "authpriv" => 10,
            _ => {
                let digit = name.strip_prefix("local")?.parse::<u8>().ok()?;
                (digit < 8).then_some(16 + digit)?
            }
        };
        Some(Self(number))
    }
}

impl PgqdConfig {
    /// Reads the file at `path`. Unknown keys and sections, bad values and a missing `[pgqd]` are errors.
    pub fn load(path: &Path) -> Result<Self> {
        let file = PgqdFile::parse(path)?;
        if let Some((name, place)) = file.sections.iter().find(|(name, _)| name != SECTION) {
            return Err(Error::config(format!("{place}: unknown section [{name}]"))
                .with_hint("all keys belong below [pgqd]"));
        }
        if file.sections.is_empty() {
            return Err(
                Error::config(format!("{}: there is no section [pgqd]", path.display()))
                    .with_hint("\"pgqd --ini\" prints a sample"),
            );
        }
        let mut config = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        for setting in &file.settings {
            config.set(setting)?;
        }
        Ok(config)
    }

    /// Reads the file again. Ancestor: `logfile`, `pidfile` and `database_list` keep their value when they were removed
    /// from the file.
    pub fn reload(&self) -> Result<Self> {
        let mut config = Self::load(&self.path)?;
        config.logfile = config.logfile.or_else(|| self.logfile.clone());
        config.pidfile = config.pidfile.or_else(|| self.pidfile.clone());
        if config.database_list.is_empty() {
            config.database_list = self.database_list.clone();
        }
        Ok(config)
    }

    fn set(&mut self, setting: &Setting) -> Result<()> {
        let value = setting.value.as_str();
        let seconds = || {
            decimal(value)
                .and_then(|number| Duration::try_from_secs_f64(number).ok())
                .ok_or_else(|| bad_value(setting, "seconds as a decimal number, 0 or more"))
        };
        let file = || Some(value).filter(|text| !text.is_empty()).map(parse_file);
        match setting.key.as_str() {
            "logfile" => self.logfile = file(),
            "pidfile" => self.pidfile = file(),
            "base_connstr" => self.base_connstr = value.to_owned(),
            "initial_database" => self.initial_database = value.to_owned(),
            "database_list" => {
                self.database_list = parse_list(value)
                    .into_iter()
                    .filter(|name| !name.is_empty())
                    .collect();
            }
            "syslog" => {
                self.syslog = integer(value).ok_or_else(|| bad_value(setting, "0 or 1"))? != 0;
            }
            "syslog_ident" => self.syslog_ident = value.to_owned(),
            "syslog_facility" => {
                self.syslog_facility = SyslogFacility::find(value)
                    .ok_or_else(|| bad_value(setting, "auth, authpriv, daemon, user or local0 to local7"))?;
            }
            "check_period" => self.check_period = seconds()?,
            "maint_period" => self.maint_period = seconds()?,
            "retry_period" => self.retry_period = seconds()?,
            "ticker_period" => self.ticker_period = seconds()?,
            "stats_period" => self.stats_period = Duration::from_secs(seconds()?.as_secs()),
            "connection_lifetime" => self.connection_lifetime = seconds()?,
            other => {
                let error = Error::config(format!("{}: unknown key \"{other}\"", setting.place));
                return Err(match nearest(other, PGQD_KEYS.iter().map(|key| key.name)) {
                    Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
                    None => error.with_hint("\"pgqd --ini\" prints all keys"),
                });
            }
        }
        Ok(())
    }
}

impl Default for PgqdConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            logfile: None,
            pidfile: None,
            base_connstr: String::new(),
            initial_database: "template1".to_owned(),
            database_list: Vec::new(),
            syslog: true,
            syslog_ident: "pgqd".to_owned(),
            syslog_facility: SyslogFacility::DAEMON,
            check_period: Duration::from_secs(60),
            maint_period: Duration::from_secs(120),
            retry_period: Duration::from_secs(30),
            ticker_period: Duration::from_secs(1),
            stats_period: Duration::from_secs(30),
            connection_lifetime: Duration::from_secs(3600),
        }
    }
}

impl std::fmt::Debug for PgqdConfig {
    // base_connstr may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgqdConfig")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A complete, commented file, as `pgqd --ini` prints it.
pub fn sample() -> String {
    let mut out = String::from(
        "# Settings of pgqd, the ticker. Lines that start with # or ; are comments; a key whose line is\n\
         # a comment has the value shown there unless the text says \"for example\".\n\
         [pgqd]\n",
    );
    for key in PGQD_KEYS {
        out.push('\n');
        push_comment(&mut out, key.help);
        if matches!(key.name, "logfile" | "pidfile") {
            let _ = writeln!(out, "{} = {}", key.name, key.example);
        } else if key.example.is_empty() {
            let _ = writeln!(out, "#{} = {}", key.name, key.default);
        } else {
            let _ = writeln!(out, "# For example:\n#{} = {}", key.name, key.example);
        }
    }
    out
}

fn bad_value(setting: &Setting, expected: &str) -> Error {
    let shown = if is_secret_key(&setting.key) {
        String::new()
    } else {
        format!(" \"{}\"", setting.value)
    };
    Error::config(format!(
        "{}: key \"{}\": bad value{shown}, expected {expected}",
        setting.place, setting.key
    ))
}

/// Integer with the prefixes of C: `0x1f`, `017`.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let number = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(hex), _) => i64::from_str_radix(hex, 16).ok()?,
        (None, Some(octal)) if !octal.is_empty() => i64::from_str_radix(octal, 8).ok()?,
        _ => lower.parse().ok()?,
    };
    Some(sign * number)
}

/// Decimal number with a dot; no words such as "inf".
fn decimal(text: &str) -> Option<f64> {
    let plain = |c: char| c.is_ascii_digit() || ".+-eE".contains(c);
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite() && text.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<PgqdConfig> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pgqd.ini");
        std::fs::write(&path, text).unwrap();
        PgqdConfig::load(&path)
    }

    fn report(text: &str) -> String {
        let text = load(text).unwrap_err().report();
        // The directory differs in each run.
        match (text.find('/'), text.find("pgqd.ini")) {
            (Some(from), Some(to)) => format!("{}{}", &text[..from], &text[to..]),
            _ => text,
        }
    }

    #[test]
    fn values_are_typed() {
        let config = load(
            "# c\n[pgqd]\n; c\nlogfile = /var/log/pgqd.log\n'syslog' = 0x0\nticker_period = 0.25\n\
             stats_period = 7.9\ndatabase_list = a, b,\nbase_connstr = host='x y' # no comment\nsyslog_facility = local3\n",
        )
        .unwrap();
        assert_eq!(config.logfile, Some(PathBuf::from("/var/log/pgqd.log")));
        assert!(!config.syslog);
        assert_eq!(config.ticker_period, Duration::from_millis(250));
        assert_eq!(config.stats_period, Duration::from_secs(7));
        assert_eq!(config.database_list, ["a", "b"]);
        assert_eq!(config.base_connstr, "host='x y' # no comment");
        assert_eq!(config.syslog_facility, SyslogFacility(19));
        assert_eq!(config.check_period, Duration::from_secs(60));
        assert_eq!(integer("010"), Some(8));
        assert_eq!(integer("-0x1F"), Some(-31));
        assert_eq!(integer("1x"), None);
    }

    #[test]
    fn everything_unknown_is_an_error() {
        assert_eq!(
            report("[pgqd]\nticker_perod = 1\n"),
            "error: pgqd.ini:2: unknown key \"ticker_perod\"\nhint: did you mean \"ticker_period\"?"
        );
        assert_eq!(
            report("[pgqd]\n[londiste]\n"),
            "error: pgqd.ini:2: unknown section [londiste]\nhint: all keys belong below [pgqd]"
        );
        assert_eq!(
            report("\n"),
            "error: pgqd.ini: there is no section [pgqd]\nhint: \"pgqd --ini\" prints a sample"
        );
        assert_eq!(
            report("syslog = 1\n"),
            "error: pgqd.ini:1: key \"syslog\" stands before the first section\n\
             hint: put a line [pgqd] above the keys"
        );
        assert_eq!(
            report("[pgqd]\ncheck_period = soon\n"),
            "error: pgqd.ini:2: key \"check_period\": bad value \"soon\", expected seconds as a decimal number, 0 or more"
        );
        assert_eq!(
            report("[pgqd]\nfoo bar\n"),
            "error: pgqd.ini:2: the line is neither a section, nor a comment, nor \"key = value\""
        );
        assert_eq!(
            report("[pgqd\n"),
            "error: pgqd.ini:1: the section header is not closed by \"]\""
        );
    }

    #[test]
    fn includes_are_read_in_place_and_loops_end() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let inner = write("inner.ini", "maint_period = 5\nretry_period = 6\n");
        let main = write(
            "main.ini",
            &format!(
                "[pgqd]\nmaint_period = 1\n%include {}\nretry_period = 7\n",
                inner.display()
            ),
        );
        let config = PgqdConfig::load(&main).unwrap();
        assert_eq!(config.maint_period, Duration::from_secs(5));
        assert_eq!(config.retry_period, Duration::from_secs(7));

        let own = dir.path().join("loop.ini");
        write("loop.ini", &format!("[pgqd]\n%include {}\n", own.display()));
        let error = PgqdConfig::load(&own).unwrap_err();
        assert_eq!(
            error.message(),
            format!("{}:2: %include nests deeper than 10 levels", own.display())
        );
        let missing = write("missing.ini", "[pgqd]\n%include no/such.ini\n");
        let error = PgqdConfig::load(&missing).unwrap_err();
        assert_eq!(
            error.message(),
            format!(
                "{}:2: config file \"no/such.ini\" cannot be read: No such file or directory (os error 2)",
                missing.display()
            )
        );
    }

    #[test]
    fn a_reload_keeps_what_was_removed_without_default() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pgqd.ini");
        std::fs::write(
            &path,
            "[pgqd]\nlogfile = a.log\ndatabase_list = x\ncheck_period = 5\n",
        )
        .unwrap();
        let first = PgqdConfig::load(&path).unwrap();
        std::fs::write(&path, "[pgqd]\n").unwrap();
        let second = first.reload().unwrap();
        assert_eq!(second.logfile, Some(PathBuf::from("a.log")));
        assert_eq!(second.database_list, ["x"]);
        assert_eq!(second.check_period, Duration::from_secs(60));
    }

    #[test]
    fn the_shipped_file_is_the_sample() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/pgqd.ini");
        assert_eq!(std::fs::read_to_string(path).unwrap(), sample());
    }

    #[test]
    fn the_sample_loads_and_has_every_default() {
        let text = sample();
        load(&text).unwrap();
        let every: String = text
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = load(&every).unwrap();
        assert_eq!(config.check_period, PgqdConfig::default().check_period);
        assert_eq!(config.initial_database, "template1");
        assert!(config.syslog);
    }
}
