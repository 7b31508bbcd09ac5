//! The file dialect of pgqd, which differs from that of the job files.
//!
//! Ancestor: `key = value` to the end of the line, without references and without continued lines; keys keep their case and may be
//! in single quotes; `%include FILE` reads another file in place (relative to the working directory), nested up to ten
//! deep; a section may appear again; a later key replaces an earlier one. Everything unknown is an error.

use std::path::Path;

use crate::config::ini::read_text;
use crate::config::value::parse_file;
use crate::error::{Error, Result};

/// How deep includes may nest.
const INCLUDE_LIMIT: usize = 10;

/// One `key = value` of the file or of an included one.
#[derive(Clone)]
pub struct Setting {
    /// Section above it.
    pub section: String,
    /// Key as written.
    pub key: String,
    /// Value, trimmed.
    pub value: String,
    /// `file:line`.
    pub place: String,
}

/// What a file holds: headers and settings in order.
#[derive(Clone, Default)]
pub struct PgqdFile {
    /// Section headers with their place.
    pub sections: Vec<(String, String)>,
    /// Settings in order.
    pub settings: Vec<Setting>,
}

impl PgqdFile {
    /// Reads `path` and what it includes.
    pub fn parse(path: &Path) -> Result<Self> {
        let mut file = Self::default();
        file.include(path, 0)?;
        Ok(file)
    }

    fn include(&mut self, path: &Path, depth: usize) -> Result<()> {
        let text = read_text(path)?;
        for (index, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), index + 1);
            self.line(line.trim(), &place, depth)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str, place: &str, depth: usize) -> Result<()> {
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        if let Some(name) = line
            .strip_prefix("%include")
            .filter(|rest| rest.starts_with(char::is_whitespace))
        {
            if depth + 1 > INCLUDE_LIMIT {
                return Err(Error::config(format!(
                    "{place}: %include nests deeper than {INCLUDE_LIMIT} levels"
                ))
                .with_hint("does a file include itself?"));
            }
            return self
                .include(&parse_file(name.trim()), depth + 1)
                .map_err(|error| match error.message().starts_with("config file") {
                    true => error.context(place),
                    false => error,
                });
        }
        if let Some(rest) = line.strip_prefix('[') {
            let Some(name) = rest.strip_suffix(']').filter(|name| !name.is_empty()) else {
                return Err(Error::config(format!(
                    "{place}: the section header is not closed by \"]\""
                )));
            };
            self.sections.push((name.to_owned(), place.to_owned()));
            return Ok(());
        }
        let (key, value) = split(line).ok_or_else(|| {
            Error::config(format!(
                "{place}: the line is neither a section, nor a comment, nor \"key = value\""
            ))
        })?;
        let Some((section, _)) = self.sections.last() else {
            return Err(
                Error::config(format!("{place}: key \"{key}\" stands before the first section"))
                    .with_hint("put a line [pgqd] above the keys"),
            );
        };
        self.settings.push(Setting {
            section: section.clone(),
            key: key.to_owned(),
            value: value.to_owned(),
            place: place.to_owned(),
        });
        Ok(())
    }
}

/// Splits `key = value` or `'key' = value`.
fn split(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = match line.strip_prefix('\'') {
        Some(quoted) => quoted.split_once('\'')?,
        None => line.split_at(line.find('=')?),
    };
    let value = rest.trim_start().strip_prefix('=')?;
    let key = key.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-*".contains(c);
    (!key.is_empty() && (line.starts_with('\'') || key.chars().all(plain))).then_some((key, value.trim()))
}
