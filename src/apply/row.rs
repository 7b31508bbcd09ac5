//! The three event formats of row changes (londiste.md 6.1): url-encoded, JSON, SQL fragment.

use std::borrow::Cow;

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::pgq::Event;
use crate::pgq::urldict::{self, Pairs};

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// A new row.
    Insert,
    /// New values in a row.
    Update,
    /// The row is gone.
    Delete,
}

impl Op {
    /// The letter in events.
    pub fn letter(self) -> char {
        match self {
            Self::Insert => 'I',
            Self::Update => 'U',
            Self::Delete => 'D',
        }
    }
}

/// The texts of an event that say what changed.
#[derive(Debug, Clone, Copy)]
pub struct RowText<'a> {
    /// Event id.
    pub id: i64,
    /// Event type.
    pub kind: &'a str,
    /// Event data.
    pub data: &'a str,
}

impl<'a> RowText<'a> {
    /// The texts of `event`.
    pub fn of(event: &'a Event) -> Self {
        Self {
            id: event.id,
            kind: event.kind(),
            data: event.data.as_deref().unwrap_or(""),
        }
    }
}

/// One row change, decoded.
#[derive(Debug, PartialEq, Eq)]
pub enum RowChange<'a> {
    /// Columns with their values; updates and deletes also name the key columns.
    Row {
        /// What happened.
        op: Op,
        /// Key columns, in the order of the key.
        key: Vec<Cow<'a, str>>,
        /// All columns that the event carries, with text values; `None` is NULL.
        columns: Pairs<'a>,
    },
    /// The tail of a statement, as `pgq.sqltriga` writes it.
    Fragment {
        /// What happened.
        op: Op,
        /// The text after `insert into t`, `update only t set`, `delete from only t where`.
        sql: &'a str,
    },
}

#[derive(Deserialize)]
struct JsonType<'a> {
    op: &'a str,
    #[serde(default, borrow)]
    pkey: Vec<Cow<'a, str>>,
}

impl<'a> RowChange<'a> {
    /// Decodes a row event.
    ///
    /// # Errors
    /// When type or data are in none of the three formats.
    pub fn decode(event: RowText<'a>) -> Result<Self> {
        let RowText { kind, data, .. } = event;
        let op = |letter: &str| match letter {
            "I" | "INSERT" => Some(Op::Insert),
            "U" | "UPDATE" => Some(Op::Update),
            "D" | "DELETE" => Some(Op::Delete),
            _ => None,
        };
        if let Some(op) = op(kind).filter(|_| kind.len() == 1) {
            return Ok(Self::Fragment { op, sql: data });
        }
        if kind.starts_with('{') {
            let parsed: JsonType<'a> =
                serde_json::from_str(kind).map_err(|error| broken(event, &error.to_string()))?;
            let op = op(parsed.op).ok_or_else(|| broken(event, "op is none of INSERT, UPDATE, DELETE"))?;
            return Ok(Self::Row {
                op,
                key: parsed.pkey,
                columns: json_columns(event, data)?,
            });
        }
        let (letter, key) = kind
            .split_once(':')
            .ok_or_else(|| broken(event, "unknown event type"))?;
        let op = op(letter).ok_or_else(|| broken(event, "unknown operation"))?;
        let columns = urldict::decode(data)?;
        // The list stands as the trigger's argument gave it, perhaps with blanks; a column's name may have some too.
        let key = key
            .split(',')
            .map(|name| {
                if columns.iter().any(|(column, _)| column == name) {
                    name
                } else {
                    name.trim()
                }
            })
            .filter(|name| !name.is_empty())
            .map(Cow::Borrowed)
            .collect();
        Ok(Self::Row { op, key, columns })
    }
}

fn json_columns<'a>(event: RowText<'_>, data: &str) -> Result<Pairs<'a>> {
    let row: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(data).map_err(|error| broken(event, &error.to_string()))?;
    Ok(row
        .into_iter()
        .map(|(name, value)| {
            let text = match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(Cow::Owned(text)),
                other => Some(Cow::Owned(other.to_string())),
            };
            (Cow::Owned(name), text)
        })
        .collect())
}

fn broken(event: RowText<'_>, why: &str) -> Error {
    let kind: String = event.kind.chars().take(60).collect();
    Error::new(
        ErrorKind::Database,
        format!("event {} has an unreadable content (type \"{kind}\")", event.id),
    )
    .with_detail(why)
    .with_hint("if something else than a PgQ trigger writes into this queue, move it to a queue of its own")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event<'a>(kind: &'a str, data: &'a str) -> RowText<'a> {
        RowText { id: 1, kind, data }
    }

    #[test]
    fn all_three_formats() {
        let url = event("U:id,k", "id=1&k=a+b&v");
        assert_eq!(
            RowChange::decode(url).unwrap(),
            RowChange::Row {
                op: Op::Update,
                key: vec!["id".into(), "k".into()],
                columns: vec![
                    ("id".into(), Some("1".into())),
                    ("k".into(), Some("a b".into())),
                    ("v".into(), None)
                ],
            }
        );
        let json = event(
            r#"{"op":"INSERT","table":["public","t"],"pkey":["id"]}"#,
            r#"{"id":12345678901,"b":true,"n":"1.50","z":null}"#,
        );
        assert_eq!(
            RowChange::decode(json).unwrap(),
            RowChange::Row {
                op: Op::Insert,
                key: vec!["id".into()],
                columns: vec![
                    ("id".into(), Some("12345678901".into())),
                    ("b".into(), Some("true".into())),
                    ("n".into(), Some("1.50".into())),
                    ("z".into(), None)
                ],
            }
        );
        let fragment = event("D", "id='1'");
        assert_eq!(
            RowChange::decode(fragment).unwrap(),
            RowChange::Fragment {
                op: Op::Delete,
                sql: "id='1'"
            }
        );
        assert!(RowChange::decode(event("X:id", "")).is_err());
        assert!(RowChange::decode(event("{\"", "")).is_err());
    }
}
