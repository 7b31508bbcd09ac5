//! One definition per key: sample file, unknown-key check and manual are made from it.

use crate::error::Error;

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// Any text.
    Text,
    /// libpq connect string or URI; never shown, since it may hold a password.
    ConnectString,
    /// Any text that is never shown.
    Secret,
    /// Whole number.
    Integer,
    /// Decimal number.
    Float,
    /// Seconds, as a decimal number.
    Seconds,
    /// `1/yes/true/on` or `0/no/false/off`.
    Boolean,
    /// Comma separated list.
    List,
    /// Path; a leading `~` is the home directory.
    File,
    /// Bytes, with an optional unit.
    Size,
    /// PostgreSQL interval.
    Interval,
    /// Text with `%(name)s` fields of its own, which ini files write as `%%(name)s`.
    Template,
}

impl KeyType {
    /// Whether values of this type must not be shown.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::ConnectString | Self::Secret)
    }

    /// One or two words for the manual.
    pub fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::ConnectString => "connect string",
            Self::Secret => "secret",
            Self::Integer => "integer",
            Self::Float => "number",
            Self::Seconds => "seconds",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::File => "path",
            Self::Size => "size",
            Self::Interval => "interval",
            Self::Template => "template",
        }
    }
}

/// Whether a key does something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It has its meaning.
    Full,
    /// An older spelling of another key; wins when both are set, as with the ancestor.
    OldNameOf(&'static str),
    /// Accepted from old files and without effect, with the reason.
    None(&'static str),
}

/// One key of a job file.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Name, lower case.
    pub name: &'static str,
    /// What the value must look like.
    pub kind: KeyType,
    /// Default in the words of the file; empty when there is none.
    pub default: &'static str,
    /// Whether the file must have it.
    pub required: bool,
    /// Whether SIGHUP re-reads it.
    pub reload: bool,
    /// Whether it does something.
    pub effect: Effect,
    /// What it is for: whole sentences in plain text.
    pub help: &'static str,
    /// Value that the sample file shows; the default when empty.
    pub example: &'static str,
}

/// A heading with its keys, in the order of sample and manual.
#[derive(Debug, Clone, Copy)]
pub struct KeyGroup {
    /// Heading.
    pub title: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// The known name that is nearest to `name`, if any is near enough to be a slip of the pen.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(name.len()) / 3).max(1))
        .map(|(_, candidate)| candidate)
}

/// Adds a hint to the refusal of a name that is not known: the nearest one that is, else what `otherwise` says.
pub fn suggest<'a>(
    error: Error,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> Error {
    error.with_hint(match nearest(name, known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => otherwise(),
    })
}

/// Wraps `text` into comment lines of at most 78 columns.
pub(super) fn push_comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > 78 && line.len() > 1 {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_slips_only() {
        let known = ["queue_name", "node_name", "db"];
        assert_eq!(nearest("queue_nmae", known), Some("queue_name"));
        assert_eq!(nearest("quene_name", known), Some("queue_name"));
        assert_eq!(nearest("colour", known), None);
    }
}
