//! The ini dialect of the ancestor: sections, defaults, continued values.
//!
//! Ancestor: the rules are those of Python's standard ini parser. `key = value` or `key: value`; keys have no case; a
//! line that is indented deeper than its key continues the value; comments are whole lines that start with `#` or `;`;
//! a key twice in a section, a section twice, or a line without separator is an error. References between values
//! are resolved by [`crate::config::job`], when a key is read.

use std::path::Path;

use crate::error::{Error, Result};

/// Name of the section whose keys every other section inherits.
pub const DEFAULT_SECTION: &str = "DEFAULT";

/// A parsed ini file: sections with keys, raw values and line numbers.
#[derive(Debug, Clone)]
pub struct IniFile {
    name: String,
    default: Vec<Entry>,
    sections: Vec<Section>,
}

/// One section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Name between the brackets.
    pub name: String,
    /// Line of the header.
    pub line: usize,
    /// Keys in the order of the file.
    pub entries: Vec<Entry>,
}

/// One key with its raw value.
#[derive(Clone)]
pub struct Entry {
    /// Key in lower case.
    pub key: String,
    /// Value before references are resolved; continued lines are joined by newlines.
    pub value: String,
    /// Line of the key.
    pub line: usize,
}

impl std::fmt::Debug for Entry {
    // The value may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.key, self.line)
    }
}

impl IniFile {
    /// Reads and parses the file at `path`.
    pub fn parse(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        Self::parse_str(&text, &path.display().to_string())
    }

    /// Parses `text`; `name` stands for the file in errors.
    pub fn parse_str(text: &str, name: &str) -> Result<Self> {
        Parser::new(name).run(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// The file's name as used in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All sections except `[DEFAULT]`.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section called `name`.
    pub fn find_section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }

    /// The entry for `key` in `section`, else in `[DEFAULT]`.
    pub fn find_entry(&self, section: &str, key: &str) -> Option<&Entry> {
        let own = self.find_section(section).map_or(&[][..], |s| &s.entries);
        own.iter().chain(&self.default).find(|entry| entry.key == key)
    }

    /// The keys of `[DEFAULT]`.
    pub fn default_entries(&self) -> &[Entry] {
        &self.default
    }
}

/// Reads a whole configuration file as UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::config(format!(
            "config file \"{}\" cannot be read: {error}",
            path.display()
        ))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        Error::config(format!("{}:{line}: the file is not UTF-8 text", path.display()))
    })
}

struct Parser<'a> {
    file: IniFile,
    name: &'a str,
    // None before the first header; Some(None) inside [DEFAULT]; Some(Some(i)) inside section i.
    place: Option<Option<usize>>,
    in_value: bool,
    indent: usize,
}

impl<'a> Parser<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            file: IniFile {
                name: name.to_owned(),
                default: Vec::new(),
                sections: Vec::new(),
            },
            name,
            place: None,
            in_value: false,
            indent: 0,
        }
    }

    fn run(mut self, text: &str) -> Result<IniFile> {
        for (index, line) in text.lines().enumerate() {
            self.line(line, index + 1)?;
        }
        for entry in self
            .file
            .sections
            .iter_mut()
            .flat_map(|section| &mut section.entries)
            .chain(&mut self.file.default)
        {
            entry.value.truncate(entry.value.trim_end().len());
        }
        Ok(self.file)
    }

    fn line(&mut self, line: &str, number: usize) -> Result<()> {
        let text = line.trim();
        if text.is_empty() {
            // Ancestor: an empty line inside a continued value belongs to it, a comment does not.
            if self.in_value {
                self.append("");
            }
            return Ok(());
        }
        if text.starts_with(['#', ';']) {
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        if self.in_value && indent > self.indent {
            self.append(text);
            return Ok(());
        }
        self.indent = indent;
        if let Some(rest) = text.strip_prefix('[')
            && let Some(end) = rest.rfind(']')
            && end > 0
        {
            return self.header(&rest[..end], number);
        }
        self.key(text, number)
    }

    fn append(&mut self, text: &str) {
        if let Some(entry) = self.entries().last_mut() {
            entry.value.push('\n');
            entry.value.push_str(text);
        }
    }

    fn entries(&mut self) -> &mut Vec<Entry> {
        match self.place {
            Some(Some(index)) => &mut self.file.sections[index].entries,
            _ => &mut self.file.default,
        }
    }

    fn header(&mut self, name: &str, line: usize) -> Result<()> {
        self.in_value = false;
        if name == DEFAULT_SECTION {
            self.place = Some(None);
            return Ok(());
        }
        if let Some(first) = self.file.find_section(name) {
            return Err(self
                .error(line, format!("section [{name}] is there a second time"))
                .with_detail(format!("the first one is at line {}", first.line)));
        }
        self.file.sections.push(Section {
            name: name.to_owned(),
            line,
            entries: Vec::new(),
        });
        self.place = Some(Some(self.file.sections.len() - 1));
        Ok(())
    }

    fn key(&mut self, text: &str, line: usize) -> Result<()> {
        if self.place.is_none() {
            return Err(self
                .error(line, "there is text before the first section")
                .with_hint("start the file with a section header such as [londiste]"));
        }
        let Some(at) = text.find(['=', ':']) else {
            // The line may be a piece of a password: it is not shown.
            let shown = "the line is neither a section, nor a comment, nor \"key = value\"";
            return Err(self
                .error(line, shown)
                .with_hint("write \"key = value\"; indent a line that continues the value above it"));
        };
        let key = text[..at].trim().to_lowercase();
        if key.is_empty() {
            return Err(self.error(line, "there is no key before the separator"));
        }
        if let Some(first) = self.entries().iter().find(|entry| entry.key == key) {
            let first = first.line;
            return Err(self
                .error(line, format!("key \"{key}\" is there a second time"))
                .with_detail(format!("the first one is at line {first}")));
        }
        let value = text[at + 1..].trim().to_owned();
        self.entries().push(Entry { key, value, line });
        self.in_value = true;
        Ok(())
    }

    fn error(&self, line: usize, what: impl std::fmt::Display) -> Error {
        Error::config(format!("{}:{line}: {what}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> IniFile {
        IniFile::parse_str(text, "job.ini").unwrap()
    }

    fn report(text: &str) -> String {
        IniFile::parse_str(text, "job.ini").unwrap_err().report()
    }

    #[test]
    fn keys_values_and_defaults() {
        let file = parse(
            "\u{feff}# comment\n[DEFAULT]\nhost: a\n\n[londiste]\nDB = dbname=x ; no comment\nempty =\n  \n[other]\nhost=b\n",
        );
        let get = |s: &str, k: &str| file.find_entry(s, k).map(|e| (e.value.as_str(), e.line));
        assert_eq!(get("londiste", "db"), Some(("dbname=x ; no comment", 6)));
        assert_eq!(get("londiste", "empty"), Some(("", 7)));
        assert_eq!(get("londiste", "host"), Some(("a", 3)));
        assert_eq!(get("other", "host"), Some(("b", 10)));
        assert_eq!(get("other", "db"), None);
        assert_eq!(file.sections().len(), 2);
    }

    #[test]
    fn deeper_lines_continue_a_value() {
        let file =
            parse("[a]\nkey = one\n  two\n  # not this\n\n\tthree\n\n\n  next: no key here\nend = 1\n");
        assert_eq!(
            file.find_entry("a", "key").unwrap().value,
            "one\ntwo\n\nthree\n\n\nnext: no key here"
        );
        assert_eq!(file.find_entry("a", "end").unwrap().value, "1");
        let indented = parse("[a]\n  x = 1\n  y = 2\n");
        assert_eq!(indented.find_entry("a", "y").unwrap().value, "2");
    }

    #[test]
    fn doubles_are_refused() {
        assert_eq!(
            report("[a]\nx = 1\n\nX: 2\n"),
            "error: job.ini:4: key \"x\" is there a second time\ndetail: the first one is at line 2"
        );
        assert_eq!(
            report("[a]\n[b]\n[a]\n"),
            "error: job.ini:3: section [a] is there a second time\ndetail: the first one is at line 1"
        );
    }

    #[test]
    fn lines_that_are_nothing_are_refused_without_showing_secrets() {
        assert_eq!(
            report("[a]\nhunter\n"),
            "error: job.ini:2: the line is neither a section, nor a comment, nor \"key = value\"\n\
             hint: write \"key = value\"; indent a line that continues the value above it"
        );
        assert_eq!(
            report("x = 1\n"),
            "error: job.ini:1: there is text before the first section\n\
             hint: start the file with a section header such as [londiste]"
        );
        assert_eq!(
            report("[a]\n= 1\n"),
            "error: job.ini:2: there is no key before the separator"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = IniFile::parse(Path::new("no/such.ini")).unwrap_err();
        assert_eq!(
            error.report(),
            "error: config file \"no/such.ini\" cannot be read: No such file or directory (os error 2)"
        );
    }
}
