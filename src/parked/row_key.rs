//! Which row an event is about.

use crate::apply::{RowChange, RowText, Target};
use crate::pgq::{Event, urldict};

/// The row of an event, as far as the event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKey {
    /// The row with these key columns, url-encoded.
    Row(String),
    /// An insert into a table without a key.
    New,
    /// An SQL fragment, or a content that cannot be read: it may be any row.
    Unknown,
}

impl RowKey {
    /// The row that a row event is about.
    pub fn of(event: &Event) -> Self {
        let Ok(RowChange::Row { key, columns, .. }) = RowChange::decode(RowText::of(event)) else {
            return Self::Unknown;
        };
        if key.is_empty() {
            return Self::New;
        }
        let pairs = key.iter().map(|name| {
            let value = columns
                .iter()
                .find(|(column, _)| column == name)
                .and_then(|(_, value)| value.as_deref());
            (&**name, value)
        });
        Self::Row(urldict::encode(pairs.collect::<Vec<_>>()))
    }

    /// The row as [`RowKey::text`] stored it.
    pub fn stored(text: Option<String>) -> Self {
        match text {
            None => Self::Unknown,
            Some(text) if text.is_empty() => Self::New,
            Some(text) => Self::Row(text),
        }
    }

    /// Text for storing.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Row(text) => Some(text),
            Self::New => Some(""),
            Self::Unknown => None,
        }
    }
}

/// A form of a row's key (the text of [`RowKey::Row`]) that all texts of one key share, as far as `target` tells.
pub fn canonical(text: &str, target: Option<&Target>) -> Vec<u8> {
    let (Some(target), Ok(pairs)) = (target, urldict::decode(text)) else {
        return text.as_bytes().to_vec();
    };
    let mut form = Vec::with_capacity(text.len() + 8);
    for (name, value) in &pairs {
        form.extend_from_slice(name.as_bytes());
        let Some(value) = value else {
            form.extend_from_slice(b"\0null\0");
            continue;
        };
        let start = form.len();
        form.extend_from_slice(b"\0key\0");
        let kind = target.columns.get(&**name).and_then(|column| column.key);
        if !kind.is_some_and(|kind| kind.canonical(value, &mut form)) {
            form.truncate(start);
            form.extend_from_slice(b"\0text\0");
            form.extend_from_slice(value.as_bytes());
        }
        form.push(0);
    }
    form
}
