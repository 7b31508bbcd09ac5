//! Row events of one table as rows of values, read in place.
//!
//! A value is a position in the slice's text, url-encoded as the trigger wrote it; only what cannot stay where it is gets
//! decoded. Events of one table have nearly always the same columns, so their names are compared with those of the
//! event before, and looked up only when they differ.

use std::collections::HashSet;

use super::key::KeyKind;
use super::row::{Op, RowChange, RowText};
use super::target::Target;
use crate::pgq::{EventRef, EventSlice, urldict};

/// Why the changes of a table have to be applied one by one.
pub type Reason = &'static str;

/// More kinds of events than this in one slice are no bulk change.
const MOST_LAYOUTS: usize = 64;

/// Columns that an event carries, and what they are in the target.
pub struct Layout {
    /// Their names, decoded.
    pub names: Vec<String>,
    /// Their names as url-encoded events write them.
    raw: Vec<String>,
    /// Places of the key's columns, in the key's order.
    pub key: Vec<usize>,
    /// Places of the columns that an insert writes.
    pub insert: Vec<usize>,
    /// Places of the columns that an update sets.
    pub set: Vec<usize>,
    /// How the key's columns are compared, if that is known of all of them.
    key_kinds: Option<Vec<KeyKind>>,
    /// An update cannot set one of them.
    fixed: bool,
    /// An update of many rows would read one of them otherwise than a single update does.
    own_cast: bool,
    /// The same of an insert.
    pub own_cast_insert: bool,
    /// Without a value for it a column of the target takes the next one of a sequence.
    counts: bool,
}

/// One row: values in the order of its layout.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Index of its layout.
    pub layout: u32,
    /// Where its values begin.
    first: u32,
    /// The event, by its place in the slice.
    pub event: u32,
}

#[derive(Clone, Copy)]
enum Value {
    Null,
    // In the slice's text, url-encoded.
    Encoded { start: u32, len: u32 },
    // In `decoded`.
    Decoded { start: u32, len: u32 },
}

/// A value to write out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'a> {
    /// NULL.
    Null,
    /// Url-encoded.
    Encoded(&'a str),
    /// As it is.
    Plain(&'a str),
}

/// The rows that were read of one table's events.
pub struct Rows<'a> {
    slice: &'a EventSlice,
    target: &'a Target,
    key: Vec<String>,
    key_text: String,
    /// Layouts that occurred.
    pub layouts: Vec<Layout>,
    values: Vec<Value>,
    decoded: String,
    last: usize,
}

impl<'a> Rows<'a> {
    /// Reads events of `slice` for `target`.
    pub fn new(slice: &'a EventSlice, target: &'a Target, capacity: usize) -> Self {
        Self {
            slice,
            target,
            key: Vec::new(),
            key_text: String::new(),
            layouts: Vec::new(),
            values: Vec::with_capacity(capacity.saturating_mul(4)),
            decoded: String::new(),
            last: 0,
        }
    }

    /// The columns by which rows are found.
    pub fn key(&self) -> &[String] {
        &self.key
    }

    /// Reads the event at `index`.
    pub fn read(&mut self, index: u32) -> Result<(Op, Row), Reason> {
        let event = self.slice.get(index as usize);
        let Some((op, key)) = event.kind_in_place().and_then(url_kind) else {
            return self.read_slowly(index, event);
        };
        let Some((at, data)) = event.data_in_place() else {
            return self.read_slowly(index, event);
        };
        if self.layouts.is_empty() {
            self.key_text = key.to_owned();
        } else if self.key_text != key {
            return Err("its key changes");
        }
        let first = self.values.len();
        let layout = match self.read_in_place(at, data) {
            Some(layout) => layout,
            None => {
                self.values.truncate(first);
                let pairs = urldict::decode(data).map_err(|_| "an event cannot be read")?;
                // In the order of the columns that the event names; a part between two & may be empty.
                let raw = data.split('&').filter(|part| !part.is_empty());
                let raw: Vec<String> = raw
                    .map(|part| part.split_once('=').map_or(part, |(name, _)| name).to_owned())
                    .collect();
                let names: Vec<String> = pairs.iter().map(|(name, _)| name.clone().into_owned()).collect();
                self.key_names(key, &names)?;
                let layout = self.layout(names, raw)?;
                self.last = layout;
                self.read_in_place(at, data).ok_or("an event cannot be read")?
            }
        };
        Ok((op, self.row(layout, first, index)))
    }

    /// Reads `data`, which begins at `at`, if its columns are those of the last layout.
    fn read_in_place(&mut self, at: usize, data: &str) -> Option<usize> {
        let raw = &self.layouts.get(self.last)?.raw;
        let mut names = raw.iter();
        let mut start = 0;
        while start < data.len() {
            let end = memchr::memchr(b'&', &data.as_bytes()[start..]).map_or(data.len(), |end| start + end);
            let part = &data[start..end];
            if !part.is_empty() {
                let name = names.next()?.as_str();
                let rest = part.strip_prefix(name)?;
                self.values.push(if rest.is_empty() {
                    Value::Null
                } else {
                    Value::Encoded {
                        start: (at + end - rest.strip_prefix('=')?.len()) as u32,
                        len: rest.len() as u32 - 1,
                    }
                });
            }
            start = end + 1;
        }
        names.next().is_none().then_some(self.last)
    }

    /// Any other form of event.
    fn read_slowly(&mut self, index: u32, event: EventRef<'_>) -> Result<(Op, Row), Reason> {
        let (kind, data) = (event.kind(), event.data().unwrap_or_default());
        let text = RowText {
            id: event.id(),
            kind: &kind,
            data: &data,
        };
        let Ok(RowChange::Row { op, key, columns }) = RowChange::decode(text) else {
            return Err("an event is a piece of SQL, or cannot be read");
        };
        let names: Vec<String> = columns
            .iter()
            .map(|(name, _)| name.clone().into_owned())
            .collect();
        if self.layouts.is_empty() {
            self.key = key.iter().map(|name| name.clone().into_owned()).collect();
            // What no url-encoded event of the same key would have: one form of events in a slice, not two.
            self.key_text = format!("\n{}", self.key.join("\n"));
        } else if self.key_text != format!("\n{}", key.join("\n")) {
            return Err("its key changes");
        }
        let layout = self.layout(names, Vec::new())?;
        let first = self.values.len();
        for (_, value) in columns {
            let value = match value {
                None => Value::Null,
                Some(value) => {
                    let start = self.decoded.len() as u32;
                    self.decoded.push_str(&value);
                    Value::Decoded {
                        start,
                        len: value.len() as u32,
                    }
                }
            };
            self.values.push(value);
        }
        Ok((op, self.row(layout, first, index)))
    }

    fn row(&self, layout: usize, first: usize, event: u32) -> Row {
        Row {
            layout: layout as u32,
            first: first as u32,
            event,
        }
    }

    /// The value at one place of a row's layout.
    pub fn value(&self, row: Row, place: usize) -> Text<'_> {
        match self.values[row.first as usize + place] {
            Value::Null => Text::Null,
            Value::Encoded { start, len } => {
                Text::Encoded(&self.slice.text()[start as usize..(start + len) as usize])
            }
            Value::Decoded { start, len } => {
                Text::Plain(&self.decoded[start as usize..(start + len) as usize])
            }
        }
    }

    /// The layout of a row.
    pub fn layout_of(&self, row: Row) -> &Layout {
        &self.layouts[row.layout as usize]
    }

    /// Appends the canonical form of the row's key.
    pub fn canonical_key(&self, row: Row, out: &mut Vec<u8>) -> Result<(), Reason> {
        let layout = self.layout_of(row);
        let kinds = layout
            .key_kinds
            .as_ref()
            .ok_or("the type of its key has no form in which equal values are equal texts")?;
        for (place, kind) in layout.key.iter().zip(kinds) {
            let certain = match self.value(row, *place) {
                Text::Null => return Err("a key is NULL"),
                Text::Plain(text) => kind.canonical(text, out),
                Text::Encoded(text) => {
                    let text = urldict::unescape(text).map_err(|_| "an event cannot be read")?;
                    kind.canonical(&text, out)
                }
            };
            if !certain {
                return Err("a key has a text that is not the usual one of its type");
            }
        }
        Ok(())
    }

    /// Whether an insert of this row leaves nothing to the order of inserts.
    pub fn check_insert(&self, row: Row) -> Result<(), Reason> {
        if self.layout_of(row).counts {
            return Err("a column of this node alone is numbered by a sequence");
        }
        Ok(())
    }

    /// Whether one statement can update many rows like this.
    pub fn check_update(&self, row: Row) -> Result<(), Reason> {
        if self.layout_of(row).fixed {
            return Err("an identity column would have to be updated");
        }
        if self.layout_of(row).own_cast {
            return Err("the type of a column casts text in a way of its own");
        }
        Ok(())
    }

    /// The old row with the columns of the new one over it; in the order of events it stands where the old one stood.
    pub fn merge(&mut self, old: Row, new: Row) -> Result<Row, Reason> {
        if old.layout == new.layout {
            return Ok(Row {
                event: old.event,
                ..new
            });
        }
        let mut names = self.layout_of(old).names.clone();
        let mut values: Vec<Value> = (0..names.len())
            .map(|place| self.values[old.first as usize + place])
            .collect();
        for (place, name) in self.layout_of(new).names.iter().enumerate() {
            let value = self.values[new.first as usize + place];
            match names.iter().position(|known| known == name) {
                Some(known) => values[known] = value,
                None => {
                    names.push(name.clone());
                    values.push(value);
                }
            }
        }
        let layout = self.layout(names, Vec::new())?;
        let first = self.values.len();
        self.values.extend(values);
        Ok(self.row(layout, first, old.event))
    }

    /// The layout with these names; `raw` are the names as an url-encoded event writes them, if it is one.
    fn layout(&mut self, names: Vec<String>, raw: Vec<String>) -> Result<usize, Reason> {
        let found = self
            .layouts
            .iter()
            .position(|known| known.names == names && known.raw == raw);
        if let Some(found) = found {
            return Ok(found);
        }
        if self.layouts.len() >= MOST_LAYOUTS {
            return Err("its events have many different sets of columns");
        }
        if names.iter().collect::<HashSet<_>>().len() < names.len() {
            return Err("an event names a column twice");
        }
        let columns = names
            .iter()
            .map(|name| self.target.columns.get(name))
            .collect::<Option<Vec<_>>>()
            .ok_or("an event has a column that this node lacks")?;
        let key: Option<Vec<usize>> = self
            .key
            .iter()
            .map(|key| names.iter().position(|name| name == key))
            .collect();
        let key = key.ok_or("an event lacks a column of its key")?;
        let insert: Vec<usize> = (0..names.len())
            .filter(|place| !columns[*place].generated)
            .collect();
        let set: Vec<usize> = insert
            .iter()
            .copied()
            .filter(|place| !key.contains(place))
            .collect();
        self.layouts.push(Layout {
            key_kinds: key.iter().map(|place| columns[*place].key).collect(),
            own_cast: set.iter().any(|place| columns[*place].own_cast),
            own_cast_insert: insert.iter().any(|place| columns[*place].own_cast),
            fixed: set.iter().any(|place| columns[*place].identity_always),
            counts: self
                .target
                .columns
                .iter()
                .any(|(name, column)| column.counts && !names.contains(name)),
            names,
            raw,
            key,
            insert,
            set,
        });
        Ok(self.layouts.len() - 1)
    }

    /// Remembers the key's columns when they are met first. The list stands as the trigger's argument gave it, perhaps
    /// with blanks; a column's name may have some too.
    fn key_names(&mut self, key: &str, names: &[String]) -> Result<(), Reason> {
        let list: Vec<String> = key
            .split(',')
            .map(|name| {
                if names.iter().any(|known| known == name) {
                    name
                } else {
                    name.trim()
                }
            })
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if self.layouts.is_empty() {
            self.key = list;
        } else if self.key != list {
            return Err("its key changes");
        }
        Ok(())
    }
}

/// Operation and key list of an url-encoded event's type.
fn url_kind(kind: &str) -> Option<(Op, &str)> {
    let op = match kind.as_bytes() {
        [b'I', b':', ..] => Op::Insert,
        [b'U', b':', ..] => Op::Update,
        [b'D', b':', ..] => Op::Delete,
        _ => return None,
    };
    Some((op, &kind[2..]))
}
