//! Settings of section `[londiste]`, typed; its sample file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::job::Job;
use crate::config::key::{Effect, Key, KeyType, push_comment};
use crate::config::londiste_keys::LONDISTE_KEYS;
use crate::config::on_error::OnError;
use crate::error::{Error, Result};

/// Name of the section.
pub const SERVICE: &str = "londiste";

/// Handler modules of the ancestor, which are all built in here.
const BUILT_IN_HANDLER_MODULES: &[&str] = &[
    "applyfn",
    "bulk",
    "dispatch",
    "multimaster",
    "obfuscate",
    "qtable",
    "shard",
    "vtable",
];

/// Settings of one node: every key of `[londiste]`.
#[derive(Clone)]
pub struct LondisteConfig {
    /// Path of the job file.
    pub path: PathBuf,
    /// Overrides that were given (`--set`).
    pub overrides: Vec<(String, String)>,
    /// What to log once the log is set up: unknown keys, keys without effect.
    pub warnings: Vec<String>,
    /// `job_name`.
    pub job_name: String,
    /// `queue_name`.
    pub queue_name: String,
    /// `db`: connect string of the local node.
    pub db: String,
    /// `consumer_name`.
    pub consumer_name: String,
    /// `remote_extra_connstr`.
    pub remote_extra_connstr: String,
    /// `node_name`.
    pub node_name: Option<String>,
    /// `public_node_location`.
    pub public_node_location: Option<String>,
    /// `initial_provider_location`.
    pub initial_provider_location: Option<String>,
    /// `logfile`.
    pub logfile: Option<PathBuf>,
    /// `pidfile`.
    pub pidfile: Option<PathBuf>,
    /// `loop_delay` in seconds: 0 exits when idle, negative runs once.
    pub loop_delay: f64,
    /// `exception_sleep`.
    pub exception_sleep: Duration,
    /// `connection_lifetime`; nothing: for ever.
    pub connection_lifetime: Option<Duration>,
    /// `parallel_copies`, at least 1.
    pub parallel_copies: usize,
    /// `copy_streams`; 0: by the table's size.
    pub copy_streams: usize,
    /// `copy_chunk_size` in bytes; 0: no table is copied in parts.
    pub copy_chunk_size: u64,
    /// `copy_snapshot_age`; zero: no limit.
    pub copy_snapshot_age: Duration,
    /// `copy_index_jobs`; 0: as many as streams.
    pub copy_index_jobs: usize,
    /// `replay_without_role`.
    pub replay_without_role: bool,
    /// `on_error`.
    pub on_error: OnError,
    /// `local_only`.
    pub local_only: bool,
    /// `local_only_drop_execute`.
    pub local_only_drop_execute: bool,
    /// `register_only_tables`.
    pub register_only_tables: Vec<String>,
    /// `register_only_seqs`.
    pub register_only_seqs: Vec<String>,
    /// `register_skip_tables`.
    pub register_skip_tables: Vec<String>,
    /// `register_skip_seqs`.
    pub register_skip_seqs: Vec<String>,
    /// `handler_modules`, as written.
    pub handler_modules: Vec<String>,
    /// `lock_timeout` in seconds; 0 or less: no limit.
    pub lock_timeout: f64,
    /// `compare_sql`.
    pub compare_sql: Option<String>,
    /// `compare_fmt`, with single percent signs.
    pub compare_fmt: Option<String>,
    /// `pgq_batch_collect_events`; 0: off.
    pub pgq_batch_collect_events: i32,
    /// `pgq_batch_collect_interval`: a PostgreSQL interval.
    pub pgq_batch_collect_interval: Option<String>,
    /// `pgq_keep_lag`: a PostgreSQL interval.
    pub pgq_keep_lag: Option<String>,
    /// `apply_memory` in bytes.
    pub apply_memory: u64,
    /// `apply_set_rows`; nothing: changes are always applied one by one.
    pub apply_set_rows: Option<usize>,
    /// `keepalive_stats`.
    pub keepalive_stats: Duration,
    /// `global_wm_publish_period`.
    pub global_wm_publish_period: Duration,
    /// `local_wm_publish_period`.
    pub local_wm_publish_period: Duration,
    /// `log_size` in bytes; 0: no rotation.
    pub log_size: u64,
    /// `log_count`.
    pub log_count: usize,
    /// Form of lines in the log file.
    pub log_format_file: LogFormat,
    /// Form of lines on standard error.
    pub log_format_console: LogFormat,
}

/// Form of log lines: the keys `logfmt_*` and `logdatefmt_*`, with single percent signs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFormat {
    /// Line; nothing: the usual one.
    pub line: Option<String>,
    /// `asctime`; nothing: the usual one.
    pub date: Option<String>,
    /// Line with `-v`; nothing: as without.
    pub line_verbose: Option<String>,
    /// `asctime` with `-v`; nothing: as without.
    pub date_verbose: Option<String>,
}

impl LondisteConfig {
    /// Reads section `[londiste]` of the file at `path`; `overrides` win over the file.
    pub fn load(path: &Path, overrides: &[(String, String)]) -> Result<Self> {
        Self::of_job(&Job::load(path, SERVICE, overrides)?)
    }

    /// Reads the same file again with the same overrides. Names of queue and consumer, and what concerns the log, keep
    /// their values: they cannot change in a running process.
    pub fn reload(&self) -> Result<Self> {
        let old = self.clone();
        Ok(Self {
            queue_name: old.queue_name,
            consumer_name: old.consumer_name,
            logfile: old.logfile,
            log_size: old.log_size,
            log_count: old.log_count,
            log_format_file: old.log_format_file,
            log_format_console: old.log_format_console,
            ..Self::load(&self.path, &self.overrides)?
        })
    }

    /// Types the values of `job`.
    pub fn of_job(job: &Job) -> Result<Self> {
        let job_name = job.get_required("job_name")?;
        let consumer_name = match job.get_filled("pgq_consumer_id")? {
            Some(name) => name,
            None => job
                .get_filled("consumer_name")?
                .unwrap_or_else(|| job_name.clone()),
        };
        let queue_name = match job.get_filled("pgq_queue_name")? {
            Some(name) => name,
            None => job.get_required("queue_name")?,
        };
        let lifetime = job.get_duration("connection_lifetime", Duration::from_secs(1200))?;
        let batch_events = job.get_int("pgq_batch_collect_events", 0)?;
        let config = Self {
            path: job.path().to_owned(),
            overrides: job.overrides().to_vec(),
            warnings: warnings(job)?,
            job_name,
            queue_name,
            // Empty is a connect string too: the environment says it all.
            db: job.get_present("db")?,
            consumer_name,
            remote_extra_connstr: job.get_or("remote_extra_connstr", "")?,
            node_name: job.get_filled("node_name")?,
            public_node_location: job.get_filled("public_node_location")?,
            initial_provider_location: job.get_filled("initial_provider_location")?,
            logfile: job.get_file("logfile")?,
            pidfile: job.get_file("pidfile")?,
            loop_delay: job.get_float("loop_delay", 1.0)?,
            exception_sleep: job.get_duration("exception_sleep", Duration::from_secs(20))?,
            connection_lifetime: (!lifetime.is_zero()).then_some(lifetime),
            parallel_copies: job.get_count("parallel_copies", 1, 1)?,
            copy_streams: job.get_count("copy_streams", 0, 0)?,
            copy_chunk_size: job.get_size("copy_chunk_size", 32 << 20)?,
            copy_snapshot_age: job.get_duration("copy_snapshot_age", Duration::from_secs(3600))?,
            copy_index_jobs: job.get_count("copy_index_jobs", 0, 0)?,
            on_error: job
                .get_or("on_error", "stop")?
                .parse()
                .map_err(|_| job.bad_value("on_error", "stop or park"))?,
            replay_without_role: job.get_bool("replay_without_role", false)?,
            local_only: job.get_bool("local_only", false)?,
            local_only_drop_execute: job.get_bool("local_only_drop_execute", false)?,
            register_only_tables: job.get_list("register_only_tables")?,
            register_only_seqs: job.get_list("register_only_seqs")?,
            register_skip_tables: job.get_list("register_skip_tables")?,
            register_skip_seqs: job.get_list("register_skip_seqs")?,
            handler_modules: handler_modules(job)?,
            lock_timeout: job.get_float("lock_timeout", 10.0)?,
            compare_sql: filled_template(job, "compare_sql"),
            compare_fmt: filled_template(job, "compare_fmt"),
            pgq_batch_collect_events: i32::try_from(batch_events)
                .ok()
                .filter(|count| *count >= 0)
                .ok_or_else(|| {
                    job.bad_value("pgq_batch_collect_events", "a whole number from 0 to 2147483647")
                })?,
            pgq_batch_collect_interval: job.get_filled("pgq_batch_collect_interval")?,
            pgq_keep_lag: job.get_filled("pgq_keep_lag")?,
            apply_memory: job.get_size("apply_memory", 256 << 20)?,
            apply_set_rows: Some(job.get_count("apply_set_rows", 32, 0)?).filter(|rows| *rows > 0),
            keepalive_stats: job.get_duration("keepalive_stats", Duration::from_secs(300))?,
            global_wm_publish_period: job
                .get_duration("global_wm_publish_period", Duration::from_secs(300))?,
            local_wm_publish_period: job.get_duration("local_wm_publish_period", Duration::from_secs(300))?,
            log_size: job.get_size("log_size", 10_485_760)?,
            log_count: job.get_count("log_count", 3, 0)?,
            log_format_file: log_format(job, "file"),
            log_format_console: log_format(job, "console"),
        };
        Ok(config)
    }
}

impl std::fmt::Debug for LondisteConfig {
    // Connect strings may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LondisteConfig")
            .field("path", &self.path)
            .field("job_name", &self.job_name)
            .field("queue_name", &self.queue_name)
            .finish_non_exhaustive()
    }
}

/// All keys of `[londiste]`.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    LONDISTE_KEYS.iter().flat_map(|group| group.keys)
}

/// A complete, commented job file, as `londiste --ini` prints it; `overrides` appear with their values.
pub fn sample(overrides: &[(String, String)]) -> String {
    let set = |name: &str| {
        overrides
            .iter()
            .rev()
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let mut out = String::from(
        "# Job file of one Londiste node. Lines that start with # or ; are comments; a key whose\n\
         # line is a comment has the value shown there unless the text says \"for example\".\n\
         [londiste]\n",
    );
    for group in LONDISTE_KEYS {
        let shown = |key: &&Key| key.effect == Effect::Full || set(key.name).is_some();
        if !group.keys.iter().any(|key| shown(&key)) {
            continue;
        }
        let _ = write!(out, "\n## {}\n", group.title);
        for key in group.keys.iter().filter(shown) {
            out.push('\n');
            push_comment(&mut out, key.help);
            let value = match set(key.name) {
                // A line break would end the value unless the next line is indented.
                Some(value) => {
                    let _ = writeln!(out, "{} = {}", key.name, value.replace('\n', "\n    "));
                    continue;
                }
                None if key.example.is_empty() => key.default,
                None => key.example,
            };
            if key.required || matches!(key.name, "logfile" | "pidfile") {
                let _ = writeln!(out, "{} = {value}", key.name);
                continue;
            }
            if !key.example.is_empty() {
                out.push_str("# For example:\n");
            }
            let _ = writeln!(out, "{}", format!("#{} = {value}", key.name).trim_end());
        }
    }
    let known: Vec<&str> = keys().map(|key| key.name).collect();
    let mut others = overrides
        .iter()
        .filter(|(key, _)| !known.contains(&key.trim().to_lowercase().as_str()))
        .peekable();
    if others.peek().is_some() {
        out.push_str("\n## Other keys\n");
    }
    for (key, value) in others {
        let _ = writeln!(out, "{} = {}", key.trim(), value.trim().replace('\n', "\n    "));
    }
    out
}

fn filled_template(job: &Job, key: &str) -> Option<String> {
    job.get_template(key).filter(|text| !text.is_empty())
}

fn log_format(job: &Job, place: &str) -> LogFormat {
    let get = |head: &str, tail: &str| filled_template(job, &format!("{head}_{place}{tail}"));
    LogFormat {
        line: get("logfmt", ""),
        date: get("logdatefmt", ""),
        line_verbose: get("logfmt", "_verbose"),
        date_verbose: get("logdatefmt", "_verbose"),
    }
}

fn handler_modules(job: &Job) -> Result<Vec<String>> {
    let modules = job.get_list("handler_modules")?;
    for module in modules.iter().filter(|module| !module.is_empty()) {
        let name = module.strip_prefix("londiste.handlers.");
        if !name.is_some_and(|name| BUILT_IN_HANDLER_MODULES.contains(&name)) {
            return Err(Error::config(format!(
                "{}: key \"handler_modules\": module \"{module}\" cannot be loaded: Python code does not run here",
                job.place("handler_modules")
            ))
            .with_detail(format!("built in are {}", BUILT_IN_HANDLER_MODULES.join(", ")))
            .with_hint("remove the name; the built-in handlers need no entry"));
        }
    }
    Ok(modules)
}

/// Unknown keys and keys without effect; checks the form of the latter, too.
fn warnings(job: &Job) -> Result<Vec<String>> {
    let known: Vec<&str> = keys().map(|key| key.name).collect();
    let mut texts = job.warn_unknown(&known);
    let skylog = job.get_int("use_skylog", 0)?;
    if !(0..=2).contains(&skylog) {
        return Err(job.bad_value("use_skylog", "0, 1 or 2"));
    }
    for key in keys() {
        if let Effect::None(reason) = key.effect
            && job.is_set(key.name)
            // Off is what it is.
            && (key.name != "use_skylog" || skylog != 0)
        {
            match key.kind {
                KeyType::Boolean => drop(job.get_bool(key.name, false)?),
                KeyType::Integer => drop(job.get_int(key.name, 0)?),
                KeyType::Float | KeyType::Seconds => drop(job.get_float(key.name, 0.0)?),
                _ => drop(job.get(key.name)?),
            }
            texts.push(format!(
                "{}: key \"{}\" has no effect: {reason}",
                job.place(key.name),
                key.name
            ));
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ini::IniFile;

    const LEAST: &str = "[londiste]\ndb = dbname=x password=hunter2\nqueue_name = q\n";

    fn load_with(text: &str, overrides: &[(&str, &str)]) -> Result<LondisteConfig> {
        let overrides: Vec<_> = overrides
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let file = IniFile::parse_str(text, "replika.ini")?;
        LondisteConfig::of_job(&Job::of_file(
            file,
            Path::new("replika.ini"),
            SERVICE,
            &overrides,
        )?)
    }

    fn load(lines: &str) -> Result<LondisteConfig> {
        load_with(&format!("{LEAST}{lines}"), &[])
    }

    fn report(lines: &str) -> String {
        load(lines).unwrap_err().report()
    }

    /// The sample with all keys active.
    fn uncommented(text: &str) -> String {
        text.lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with([' ', '#']) => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect()
    }

    #[test]
    fn defaults_are_those_of_the_ancestor() {
        let config = load("").unwrap();
        assert_eq!(config.job_name, "replika");
        assert_eq!(config.consumer_name, "replika");
        assert_eq!(config.loop_delay, 1.0);
        assert_eq!(config.exception_sleep, Duration::from_secs(20));
        assert_eq!(config.connection_lifetime, Some(Duration::from_secs(1200)));
        assert_eq!(config.parallel_copies, 1);
        assert_eq!(config.lock_timeout, 10.0);
        assert_eq!(config.log_size, 10 << 20);
        assert_eq!(config.log_count, 3);
        assert_eq!(config.compare_sql, None);
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn the_key_table_and_the_code_have_the_same_defaults() {
        let all = uncommented(&sample(&[]));
        let table: String = keys()
            .filter(|key| key.effect == Effect::Full && !key.required && !key.default.is_empty())
            .map(|key| format!("{} = {}\n", key.name, key.default))
            .collect();
        let (written, plain) = (load(&table).unwrap(), load("").unwrap());
        for pick in [
            |c: &LondisteConfig| format!("{:?}", (c.loop_delay, c.exception_sleep, c.connection_lifetime)),
            |c: &LondisteConfig| {
                format!(
                    "{:?}",
                    (
                        c.copy_streams,
                        c.copy_chunk_size,
                        c.copy_snapshot_age,
                        c.copy_index_jobs
                    )
                )
            },
            |c: &LondisteConfig| {
                format!(
                    "{:?}",
                    (c.parallel_copies, c.local_only, c.replay_without_role, c.on_error)
                )
            },
            |c: &LondisteConfig| format!("{:?}", (&c.consumer_name, &c.queue_name)),
            |c: &LondisteConfig| format!("{:?}", (c.lock_timeout, c.keepalive_stats)),
            |c: &LondisteConfig| format!("{:?}", (c.pgq_batch_collect_events, c.log_size, c.log_count)),
            |c: &LondisteConfig| format!("{:?}", (c.global_wm_publish_period, c.local_wm_publish_period)),
        ] {
            assert_eq!(pick(&written), pick(&plain));
        }
        // Every example is a good value, and the examples of templates have the right number of percent signs.
        let config = load_with(&all, &[]).unwrap();
        assert_eq!(
            config.compare_fmt.as_deref(),
            Some("%(cnt)d rows, checksum=%(chksum)s")
        );
        assert_eq!(config.log_format_file.date.as_deref(), Some("%Y-%m-%d %H:%M:%S"));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[test]
    fn the_sample_has_every_key_and_set_values() {
        let text = sample(&[]);
        load_with(&text, &[]).unwrap();
        for key in keys().filter(|key| key.effect == Effect::Full) {
            let there = text.lines().any(|line| {
                line.trim_start_matches('#')
                    .starts_with(&format!("{} =", key.name))
            });
            assert!(there, "{}", key.name);
        }
        let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let text = sample(&[
            set("DB", "dbname=other"),
            set("table_filter", "a.b"),
            set("my_host", "h"),
            set("parallel_copies", "7"),
        ]);
        assert!(text.contains("\ndb = dbname=other\n"), "{text}");
        assert!(text.contains("\nparallel_copies = 7\n"), "{text}");
        assert!(text.contains("\ntable_filter = a.b\n"), "{text}");
        assert!(text.ends_with("\n## Other keys\nmy_host = h\n"), "{text}");
        let config = load_with(&text, &[]).unwrap();
        assert_eq!(config.parallel_copies, 7);
        assert!(text.lines().all(|line| line.len() <= 110), "{text}");
    }

    #[test]
    fn old_names_win() {
        let config = load("consumer_name = c\npgq_queue_name = old_q\npgq_consumer_id = old_c\n").unwrap();
        assert_eq!(
            (config.queue_name.as_str(), config.consumer_name.as_str()),
            ("old_q", "old_c")
        );
    }

    #[test]
    fn values_of_the_ancestor_are_taken() {
        let config = load(
            "loop_delay = -1\nconnection_lifetime = 0\nlocal_only = Yes\nlog_size = 4 MB\n\
             compare_fmt = %(cnt)d rows\n\
             handler_modules = londiste.handlers.dispatch, londiste.handlers.qtable\nlogfile = %(job_name)s.log\n",
        )
        .unwrap();
        assert_eq!(config.loop_delay, -1.0);
        assert_eq!(config.connection_lifetime, None);
        assert!(config.local_only);
        assert_eq!(config.log_size, 4 << 20);
        assert_eq!(config.compare_fmt.as_deref(), Some("%(cnt)d rows"));
        assert_eq!(config.logfile, Some(PathBuf::from("replika.log")));
    }

    #[test]
    fn bad_values_are_explained() {
        assert_eq!(
            report("parallel_copies = 0\n"),
            "error: replika.ini:4: key \"parallel_copies\": bad value \"0\", expected a whole number of at least 1"
        );
        assert_eq!(
            report("local_only = maybe\n"),
            "error: replika.ini:4: key \"local_only\": bad value \"maybe\", expected true or false (also 1/0, yes/no, on/off)"
        );
        assert_eq!(
            report("use_skylog = 3\n"),
            "error: replika.ini:4: key \"use_skylog\": bad value \"3\", expected 0, 1 or 2"
        );
        assert_eq!(
            report("pgq_batch_collect_events = 5000000000\n"),
            "error: replika.ini:4: key \"pgq_batch_collect_events\": bad value \"5000000000\", expected a whole number \
             from 0 to 2147483647"
        );
        assert_eq!(
            report("handler_modules = londiste.handlers.bulk, my.mod\n"),
            "error: replika.ini:4: key \"handler_modules\": module \"my.mod\" cannot be loaded: Python code does \
             not run here\n\
             detail: built in are applyfn, bulk, dispatch, multimaster, obfuscate, qtable, shard, vtable\n\
             hint: remove the name; the built-in handlers need no entry"
        );
        assert_eq!(
            load_with("[londiste]\nqueue_name = q\n", &[])
                .unwrap_err()
                .report(),
            "error: replika.ini: key \"db\" is missing in section [londiste]\n\
             hint: add \"db = ...\" below the line [londiste]"
        );
    }

    #[test]
    fn unknown_keys_and_keys_without_effect_are_warnings() {
        let config = load_with(
            &format!("{LEAST}paralel_copies = 2\ntable_filter = a.b\nsql_retry = 1\nuse_skylog = 1\n"),
            &[("exception_quiet", "ALL")],
        )
        .unwrap();
        assert_eq!(
            config.warnings,
            [
                "replika.ini:4: unknown key \"paralel_copies\" has no effect; did you mean \"parallel_copies\"?",
                "replika.ini:5: key \"table_filter\" has no effect: use local_only, or remove the tables from this node",
                "replika.ini:7: key \"use_skylog\" has no effect: log settings files (skylog.ini) are not read; the log \
                 goes to logfile and to standard error",
                "--set: key \"exception_quiet\" has no effect: repeated failures are folded into one log line here",
                "replika.ini:6: key \"sql_retry\" has no effect: statements of one transaction are never repeated \
                 behind its back",
            ]
        );
    }

    #[test]
    fn a_reload_keeps_names_and_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ini");
        std::fs::write(&path, LEAST).unwrap();
        let overrides = [("loop_delay".to_owned(), "0.2".to_owned())];
        let first = LondisteConfig::load(&path, &overrides).unwrap();
        let text = "[londiste]\ndb = dbname=y\nqueue_name = other\nlog_size = 1\nparallel_copies = 3\nloop_delay = 9\n";
        std::fs::write(&path, text).unwrap();
        let second = first.reload().unwrap();
        assert_eq!(second.queue_name, "q");
        assert_eq!(second.log_size, 10 << 20);
        assert_eq!(second.db, "dbname=y");
        assert_eq!(second.parallel_copies, 3);
        assert_eq!(second.loop_delay, 0.2);
    }

    #[test]
    fn the_shipped_files_load() {
        let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
        for (name, job) in [
            ("londiste.ini", "replika_root"),
            ("branch.ini", "replika_branch"),
            ("leaf.ini", "replika_reports"),
        ] {
            let config = LondisteConfig::load(&conf.join(name), &[]).unwrap();
            assert_eq!(config.job_name, job);
            assert_eq!(config.queue_name, "replika");
            assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        }
    }
}
