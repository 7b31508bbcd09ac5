//! One service section of a job file: overrides, injected values, references, typed reads.
//!
//! A key is looked up in the overrides (`--set`), the section, `[DEFAULT]`, and last among the values that are injected:
//! `job_name`, `service_name`, `host_name`, `config_dir`, `config_file`. References between values are resolved when
//! a key is read, so a bad reference disturbs only the key that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::ini::IniFile;
use crate::config::key::nearest;
use crate::config::value;
use crate::error::{Error, Result};

/// How deep references may nest (as in Python's parser).
const NESTING_LIMIT: usize = 10;

/// Words in the names of keys whose values may hold a password.
const SECRET_WORDS: &[&str] = &[
    "connstr", "location", "password", "passwd", "secret", "_key", "dsn",
];

/// One service section with overrides and injected values.
#[derive(Debug, Clone)]
pub struct Job {
    file: IniFile,
    path: PathBuf,
    service: String,
    overrides: Vec<(String, String)>,
    injected: BTreeMap<&'static str, String>,
    format: Format,
}

/// How references are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `%(key)s`, with `%%` for a percent sign.
    Percent,
    /// `${key}`, `${section:key}`, with `$$` for a dollar sign.
    Dollar,
}

/// A value as found, before references are resolved.
struct Raw<'a> {
    text: &'a str,
    literal: bool,
    place: String,
}

impl Job {
    /// Reads the section `service` of the file at `path`; `overrides` (key, value) win over the file.
    pub fn load(path: &Path, service: &str, overrides: &[(String, String)]) -> Result<Self> {
        Self::of_file(IniFile::parse(path)?, path, service, overrides)
    }

    /// As [`Job::load`] for a file that was parsed before.
    pub fn of_file(
        file: IniFile,
        path: &Path,
        service: &str,
        overrides: &[(String, String)],
    ) -> Result<Self> {
        if file.find_section(service).is_none() {
            return Err(missing_section(&file, service));
        }
        let mut job = Self {
            injected: injected(path, service),
            path: path.to_owned(),
            service: service.to_owned(),
            overrides: overrides
                .iter()
                .map(|(key, value)| (key.trim().to_lowercase(), value.trim().to_owned()))
                .collect(),
            format: Format::Percent,
            file,
        };
        job.format = match job.find_raw(&job.service, "config_format") {
            None => Format::Percent,
            Some(raw) => match value::parse_int(raw.text) {
                Some(1) => Format::Percent,
                Some(2) => Format::Dollar,
                _ => return Err(job.bad_value("config_format", "1 or 2")),
            },
        };
        Ok(job)
    }

    /// Path of the job file, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the section.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The overrides that were given, for a reload with the same ones.
    pub fn overrides(&self) -> &[(String, String)] {
        &self.overrides
    }

    /// The value of `key` with its references resolved; nothing when the key is nowhere.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        let Some(raw) = self.find_raw(&self.service, key) else {
            return Ok(None);
        };
        if raw.literal {
            return Ok(Some(raw.text.to_owned()));
        }
        let mut out = String::new();
        self.resolve(raw.text, &self.service, 1, &mut out)
            .map_err(|what| self.error(key, format!("cannot be read: {what}")))?;
        Ok(Some(out))
    }

    /// The value of `key`, or `default`.
    pub fn get_or(&self, key: &str, default: &str) -> Result<String> {
        Ok(self.get(key)?.unwrap_or_else(|| default.to_owned()))
    }

    /// The value of `key`, or nothing when it is not set or empty.
    pub fn get_filled(&self, key: &str) -> Result<Option<String>> {
        Ok(self.get(key)?.filter(|text| !text.is_empty()))
    }

    /// The value of `key`; an error when it is not set or empty.
    pub fn get_required(&self, key: &str) -> Result<String> {
        let text = self.get_present(key)?;
        if text.is_empty() {
            return Err(self.error(key, "it needs a value"));
        }
        Ok(text)
    }

    /// The value of `key`, which may be empty; an error when it is not set.
    pub fn get_present(&self, key: &str) -> Result<String> {
        self.get(key)?.ok_or_else(|| {
            let section = &self.service;
            let error = Error::config(format!(
                "{}: key \"{key}\" is missing in section [{section}]",
                self.file.name()
            ));
            match self.find_slip(key) {
                Some((line, slip)) => {
                    error.with_hint(format!("line {line} has \"{slip}\": is \"{key}\" meant?"))
                }
                None => error.with_hint(format!("add \"{key} = ...\" below the line [{section}]")),
            }
        })
    }

    /// A key of the section that looks like `key` with a slip of the hand, and its line.
    fn find_slip(&self, key: &str) -> Option<(usize, &str)> {
        let entries = &self.file.find_section(&self.service)?.entries;
        let slip = nearest(key, entries.iter().map(|entry| entry.key.as_str()))?;
        entries
            .iter()
            .find(|entry| entry.key == slip)
            .map(|entry| (entry.line, slip))
    }

    /// A value that has `%(name)s` fields of its own. They should be written `%%(name)s`; where the value does not
    /// resolve it is taken as it is written (Ancestor: its own sample of `compare_fmt` could not be read).
    pub fn get_template(&self, key: &str) -> Option<String> {
        let raw = self.find_raw(&self.service, key)?;
        Some(
            self.get(key)
                .ok()
                .flatten()
                .unwrap_or_else(|| raw.text.to_owned()),
        )
    }

    /// A boolean.
    pub fn get_bool(&self, key: &str, default: bool) -> Result<bool> {
        self.read(
            key,
            default,
            value::parse_bool,
            "true or false (also 1/0, yes/no, on/off)",
        )
    }

    /// A whole number.
    pub fn get_int(&self, key: &str, default: i64) -> Result<i64> {
        self.read(key, default, value::parse_int, "a whole number")
    }

    /// A whole number of at least `least`.
    pub fn get_count(&self, key: &str, default: usize, least: usize) -> Result<usize> {
        let parse = |text: &str| {
            let number = usize::try_from(value::parse_int(text)?).ok()?;
            (number >= least).then_some(number)
        };
        self.read(
            key,
            default,
            parse,
            &format!("a whole number of at least {least}"),
        )
    }

    /// A decimal number.
    pub fn get_float(&self, key: &str, default: f64) -> Result<f64> {
        self.read(key, default, value::parse_float, "a number")
    }

    /// A length of time in seconds, fractions allowed, not negative.
    pub fn get_duration(&self, key: &str, default: Duration) -> Result<Duration> {
        let parse = |text: &str| Duration::try_from_secs_f64(value::parse_float(text)?).ok();
        self.read(key, default, parse, "a number of seconds, 0 or more")
    }

    /// A comma separated list; empty when the key is not set.
    pub fn get_list(&self, key: &str) -> Result<Vec<String>> {
        Ok(value::parse_list(&self.get_or(key, "")?))
    }

    /// Comma separated `a:b` pairs; empty when the key is not set.
    pub fn get_dict(&self, key: &str) -> Result<Vec<(String, String)>> {
        Ok(value::parse_dict(&self.get_or(key, "")?))
    }

    /// A path; nothing when the key is not set or empty.
    pub fn get_file(&self, key: &str) -> Result<Option<PathBuf>> {
        Ok(self.get_filled(key)?.map(|text| value::parse_file(&text)))
    }

    /// A number of bytes, with or without unit.
    pub fn get_size(&self, key: &str, default: u64) -> Result<u64> {
        self.read(
            key,
            default,
            value::parse_size,
            "a size such as 10485760 or 10 MB",
        )
    }

    /// An error about the value of `key` that says what is expected; the value is shown unless it may be a secret.
    pub fn bad_value(&self, key: &str, expected: &str) -> Error {
        let value = self.get(key).ok().flatten().unwrap_or_default();
        let shown = if is_secret_key(key) {
            String::new()
        } else {
            format!(" \"{value}\"")
        };
        self.error(key, format!("bad value{shown}, expected {expected}"))
    }

    /// One text per key of the section or the overrides that is neither in `known`, nor referred to by another
    /// value, nor one of the injected names: file, line, key and the nearest known key.
    pub fn warn_unknown(&self, known: &[&str]) -> Vec<String> {
        let referred = self.referred_keys();
        let own = self.file.find_section(&self.service);
        let own = own.map_or(&[][..], |section| &section.entries);
        own.iter()
            .map(|entry| (entry.key.as_str(), format!("{}:{}", self.file.name(), entry.line)))
            .chain(
                self.overrides
                    .iter()
                    .map(|(key, _)| (key.as_str(), "--set".to_owned())),
            )
            .filter(|(key, _)| {
                !known.contains(key)
                    && !referred.contains(*key)
                    && !self.injected.contains_key(key)
                    && *key != "config_format"
            })
            .map(|(key, place)| match nearest(key, known.iter().copied()) {
                Some(near) => {
                    format!("{place}: unknown key \"{key}\" has no effect; did you mean \"{near}\"?")
                }
                None => format!("{place}: unknown key \"{key}\" has no effect"),
            })
            .collect()
    }

    /// Whether the file or an override sets `key`.
    pub fn is_set(&self, key: &str) -> bool {
        self.find_raw(&self.service, key).is_some_and(|raw| !raw.literal)
    }

    /// Where `key` was found: `job.ini:7`, `--set`.
    pub fn place(&self, key: &str) -> String {
        self.find_raw(&self.service, key)
            .map_or_else(|| self.file.name().to_owned(), |raw| raw.place)
    }

    fn read<T>(&self, key: &str, default: T, parse: impl Fn(&str) -> Option<T>, expected: &str) -> Result<T> {
        match self.get(key)? {
            None => Ok(default),
            Some(text) => parse(&text).ok_or_else(|| self.bad_value(key, expected)),
        }
    }

    fn error(&self, key: &str, what: impl std::fmt::Display) -> Error {
        Error::config(format!("{}: key \"{key}\": {what}", self.place(key)))
    }

    fn find_raw(&self, section: &str, key: &str) -> Option<Raw<'_>> {
        let own = section == self.service;
        if own && let Some((_, text)) = self.overrides.iter().rev().find(|(k, _)| k == key) {
            return Some(Raw {
                text,
                literal: false,
                place: "--set".to_owned(),
            });
        }
        if let Some(entry) = self.file.find_entry(section, key) {
            return Some(Raw {
                text: &entry.value,
                literal: false,
                place: format!("{}:{}", self.file.name(), entry.line),
            });
        }
        let text = self.injected.get(key).filter(|_| own)?;
        Some(Raw {
            text,
            literal: true,
            place: self.file.name().to_owned(),
        })
    }

    /// Resolves the references of `text`, found in `section`, into `out`. The error does not show `text`.
    fn resolve(&self, text: &str, section: &str, depth: usize, out: &mut String) -> Result<(), String> {
        if depth > NESTING_LIMIT {
            return Err(format!("its references nest deeper than {NESTING_LIMIT} levels"));
        }
        let (sign, open, close) = match self.format {
            Format::Percent => ('%', '(', ")s"),
            Format::Dollar => ('$', '{', "}"),
        };
        let mut rest = text;
        while let Some(at) = rest.find(sign) {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(tail) = rest.strip_prefix(sign) {
                out.push(sign);
                rest = tail;
                continue;
            }
            let reference = rest
                .strip_prefix(open)
                .and_then(|inner| inner.split_once(close))
                .filter(|(name, _)| !name.is_empty() && !name.contains(')'));
            let Some((name, tail)) = reference else {
                return Err(format!(
                    "a single \"{sign}\" starts a reference \"{sign}{open}key{close}\"; write \"{sign}{sign}\" for the sign itself"
                ));
            };
            rest = tail;
            let (from, name) = match (self.format, name.split_once(':')) {
                (Format::Dollar, Some((from, name))) => (from, name.to_lowercase()),
                _ => (section, name.to_lowercase()),
            };
            let Some(found) = self.find_raw(from, &name) else {
                return Err(format!(
                    "it refers to \"{name}\", which section [{from}] does not have"
                ));
            };
            if found.literal || !found.text.contains(sign) {
                out.push_str(found.text);
            } else {
                self.resolve(found.text, from, depth + 1, out)?;
            }
        }
        out.push_str(rest);
        Ok(())
    }

    /// Names that any value of the section, the defaults or the overrides refers to.
    fn referred_keys(&self) -> BTreeSet<String> {
        let (open, close) = match self.format {
            Format::Percent => ("%(", ")s"),
            Format::Dollar => ("${", "}"),
        };
        let values = self
            .file
            .sections()
            .iter()
            .flat_map(|section| &section.entries)
            .chain(self.file.default_entries())
            .map(|entry| entry.value.as_str())
            .chain(self.overrides.iter().map(|(_, value)| value.as_str()));
        values
            .flat_map(|value| value.split(open).skip(1))
            .filter_map(|piece| piece.split_once(close))
            .map(|(name, _)| name.rsplit(':').next().unwrap_or(name).to_lowercase())
            .collect()
    }
}

/// Whether values of this key may hold a password.
pub fn is_secret_key(key: &str) -> bool {
    key == "db" || SECRET_WORDS.iter().any(|word| key.contains(word))
}

fn injected(path: &Path, service: &str) -> BTreeMap<&'static str, String> {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    BTreeMap::from([
        ("job_name", text(path.file_stem())),
        ("service_name", service.to_owned()),
        ("host_name", host.to_string_lossy().into_owned()),
        (
            "config_dir",
            path.parent().unwrap_or(Path::new("")).display().to_string(),
        ),
        ("config_file", path.display().to_string()),
    ])
}

fn missing_section(file: &IniFile, service: &str) -> Error {
    let error = Error::config(format!("{}: there is no section [{service}]", file.name()));
    let old = format!("{service}3");
    if let Some(section) = file.find_section(&old) {
        return error
            .with_detail(format!(
                "line {} has [{old}], the name of SkyTools 3",
                section.line
            ))
            .with_hint(format!(
                "change line {} from [{old}] to [{service}]; the keys stay as they are",
                section.line
            ));
    }
    let names: Vec<String> = file.sections().iter().map(|s| format!("[{}]", s.name)).collect();
    if names.is_empty() {
        error.with_hint(format!("put a line [{service}] above the keys"))
    } else {
        error
            .with_detail(format!("the file has {}", names.join(", ")))
            .with_hint("is this the job file of another program?")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job_with(text: &str, overrides: &[(&str, &str)]) -> Result<Job> {
        let path = Path::new("conf.d/replika.ini");
        let file = IniFile::parse_str(text, "replika.ini").unwrap();
        let overrides: Vec<_> = overrides
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        Job::of_file(file, path, "londiste", &overrides)
    }

    fn job(text: &str) -> Job {
        job_with(text, &[]).unwrap()
    }

    #[test]
    fn injected_values_and_references() {
        let job = job(
            "[DEFAULT]\nbase = /srv\n[londiste]\nlogfile = %(base)s/%(job_name)s.log\nx = 100%%\ny = <%(X)s>\ndb = %(config_dir)s\n",
        );
        assert_eq!(job.get("logfile").unwrap().as_deref(), Some("/srv/replika.log"));
        assert_eq!(job.get("y").unwrap().as_deref(), Some("<100%>"));
        assert_eq!(job.get("db").unwrap().as_deref(), Some("conf.d"));
        assert_eq!(
            job.get("config_file").unwrap().as_deref(),
            Some("conf.d/replika.ini")
        );
        assert_eq!(job.get("service_name").unwrap().as_deref(), Some("londiste"));
        assert!(!job.get("host_name").unwrap().unwrap().is_empty());
        assert_eq!(job.get("nothing").unwrap(), None);
        assert!(!job.is_set("job_name"));
    }

    #[test]
    fn overrides_win_and_are_resolved() {
        let job = job_with(
            "[londiste]\njob_name = a\nloop_delay = 1\n",
            &[("loop_delay", "0.5"), ("pidfile", "%(job_name)s.pid")],
        )
        .unwrap();
        assert_eq!(job.get_float("loop_delay", 1.0).unwrap(), 0.5);
        assert_eq!(job.get("pidfile").unwrap().as_deref(), Some("a.pid"));
        let bad = job_with("[londiste]\n", &[("loop_delay", "soon")]).unwrap();
        assert_eq!(
            bad.get_float("loop_delay", 1.0).unwrap_err().report(),
            "error: --set: key \"loop_delay\": bad value \"soon\", expected a number"
        );
    }

    #[test]
    fn format_2_has_dollar_references() {
        let job = job(
            "[DEFAULT]\nconfig_format = 2\n[other]\nhost = h1\nconn = host=${host}\n[londiste]\n\
             db = ${other:conn} user=${user} $$1 5%\nuser = u\n",
        );
        assert_eq!(job.get("db").unwrap().as_deref(), Some("host=h1 user=u $1 5%"));
        assert_eq!(
            job_with("[londiste]\nconfig_format = 3\n", &[])
                .unwrap_err()
                .report(),
            "error: replika.ini:2: key \"config_format\": bad value \"3\", expected 1 or 2"
        );
    }

    #[test]
    fn bad_references_are_named_and_secrets_are_not_shown() {
        let job = job(
            "[londiste]\ndb = password=50%off\na = %(b)s\nloop = x%(loop)s\nparallel_copies = many\n\
             remote_extra_connstr = 77\n",
        );
        assert_eq!(
            job.get("db").unwrap_err().report(),
            "error: replika.ini:2: key \"db\": cannot be read: a single \"%\" starts a reference \"%(key)s\"; \
             write \"%%\" for the sign itself"
        );
        assert_eq!(
            job.get("a").unwrap_err().report(),
            "error: replika.ini:3: key \"a\": cannot be read: it refers to \"b\", which section [londiste] does not have"
        );
        assert_eq!(
            job.get("loop").unwrap_err().report(),
            "error: replika.ini:4: key \"loop\": cannot be read: its references nest deeper than 10 levels"
        );
        assert_eq!(
            job.get_count("parallel_copies", 1, 1).unwrap_err().report(),
            "error: replika.ini:5: key \"parallel_copies\": bad value \"many\", expected a whole number of at least 1"
        );
        assert_eq!(
            job.bad_value("remote_extra_connstr", "a connect string").report(),
            "error: replika.ini:6: key \"remote_extra_connstr\": bad value, expected a connect string"
        );
        assert_eq!(
            job.get_required("queue_name").unwrap_err().report(),
            "error: replika.ini: key \"queue_name\" is missing in section [londiste]\n\
             hint: add \"queue_name = ...\" below the line [londiste]"
        );
    }

    #[test]
    fn empty_is_not_missing() {
        let job = job("[londiste]\ndb =\n");
        assert_eq!(job.get_present("db").unwrap(), "");
        assert_eq!(
            job.get_required("db").unwrap_err().report(),
            "error: replika.ini:2: key \"db\": it needs a value"
        );
    }

    #[test]
    fn typed_reads() {
        let job = job(
            "[londiste]\nt = On\nd = 1.5\nneg = -1\nl = a, b\nsize = 2 kB\nf = -\nempty =\nfmt = %(cnt)d rows\n",
        );
        assert!(job.get_bool("t", false).unwrap());
        assert_eq!(
            job.get_duration("d", Duration::ZERO).unwrap(),
            Duration::from_millis(1500)
        );
        assert_eq!(
            job.get_duration("neg", Duration::ZERO).unwrap_err().message(),
            "replika.ini:4: key \"neg\": bad value \"-1\", expected a number of seconds, 0 or more"
        );
        assert_eq!(job.get_list("l").unwrap(), ["a", "b"]);
        assert_eq!(job.get_dict("l").unwrap().len(), 2);
        assert_eq!(job.get_size("size", 0).unwrap(), 2048);
        assert_eq!(job.get_file("f").unwrap(), Some(PathBuf::from("-")));
        assert_eq!(job.get_file("empty").unwrap(), None);
        assert_eq!(job.get_template("fmt").as_deref(), Some("%(cnt)d rows"));
    }

    #[test]
    fn missing_sections_are_explained() {
        let report = |text| job_with(text, &[]).unwrap_err().report();
        assert_eq!(
            report("\n[londiste3]\ndb =\n"),
            "error: replika.ini: there is no section [londiste]\n\
             detail: line 2 has [londiste3], the name of SkyTools 3\n\
             hint: change line 2 from [londiste3] to [londiste]; the keys stay as they are"
        );
        assert_eq!(
            report("[pgqd]\n[x]\n"),
            "error: replika.ini: there is no section [londiste]\n\
             detail: the file has [pgqd], [x]\n\
             hint: is this the job file of another program?"
        );
        assert_eq!(
            report(""),
            "error: replika.ini: there is no section [londiste]\nhint: put a line [londiste] above the keys"
        );
    }

    #[test]
    fn unknown_keys_are_told_with_the_nearest() {
        let job = job_with(
            "[DEFAULT]\nfree = 1\n[londiste]\nqueue_nmae = q\ndb = host=%(dbhost)s\ndbhost = h\ncolour = red\n",
            &[("paralel_copies", "2")],
        )
        .unwrap();
        assert_eq!(
            job.warn_unknown(&["queue_name", "db", "parallel_copies"]),
            [
                "replika.ini:4: unknown key \"queue_nmae\" has no effect; did you mean \"queue_name\"?",
                "replika.ini:7: unknown key \"colour\" has no effect",
                "--set: unknown key \"paralel_copies\" has no effect; did you mean \"parallel_copies\"?",
            ]
        );
    }

    #[test]
    fn a_missing_key_is_explained_by_a_slip() {
        assert_eq!(
            job("[londiste]\nqueu_name = q\n")
                .get_required("queue_name")
                .unwrap_err()
                .hints(),
            ["line 2 has \"queu_name\": is \"queue_name\" meant?"]
        );
    }
}
