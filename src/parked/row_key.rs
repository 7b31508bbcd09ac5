//! Which row an event is about.

use crate::apply::{RowChange, RowText};
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
