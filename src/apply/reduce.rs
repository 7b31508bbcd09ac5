//! The changes of one table in one slice, summed up per key.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::net::Net;
use super::row::Op;
use super::rows::{Reason, Row, Rows};
use super::target::Target;
use crate::pgq::EventSlice;

/// What is left to do for a table: in this order deletes, updates, inserts.
pub struct Changes<'a> {
    /// The rows that the lists below point to.
    pub rows: Rows<'a>,
    /// Rows to delete, found by their key; sorted by it.
    pub deletes: Vec<Row>,
    /// Rows to update; sorted by their key.
    pub updates: Vec<Row>,
    /// Rows to insert, in the order of the events.
    pub inserts: Vec<Row>,
}

struct Entry {
    key_start: u32,
    key_end: u32,
    net: Net<Row>,
}

/// Sums up the row events at `events` of `slice`.
///
/// # Errors
/// Why the events have to be applied one by one: because it is not certain which of them are of one row, or because they
/// do not fit together.
pub fn reduce<'a>(slice: &'a EventSlice, target: &'a Target, events: &[u32]) -> Result<Changes<'a>, Reason> {
    let mut rows = Rows::new(slice, target, events.len());
    let mut read = Vec::with_capacity(events.len());
    let mut inserts_only = true;
    for event in events {
        let (op, row) = rows.read(*event)?;
        match op {
            Op::Insert => rows.check_insert(row)?,
            Op::Update => rows.check_update(row)?,
            Op::Delete => {}
        }
        inserts_only &= op == Op::Insert;
        read.push((op, row));
    }
    if inserts_only {
        // Whatever the key is, nothing can be summed up.
        return Ok(Changes {
            rows,
            deletes: Vec::new(),
            updates: Vec::new(),
            inserts: read.into_iter().map(|(_, row)| row).collect(),
        });
    }
    let key: Vec<&str> = rows.key().iter().map(String::as_str).collect();
    if key.is_empty() || !target.is_unique(&key) {
        return Err("no unique index of this node says that its key names one row");
    }
    let hasher = DefaultHashBuilder::default();
    let mut keys: Vec<u8> = Vec::with_capacity(events.len() * 8);
    let mut entries: Vec<Entry> = Vec::with_capacity(events.len());
    let mut table: HashTable<u32> = HashTable::with_capacity(events.len());
    for (op, row) in read {
        let start = keys.len();
        rows.canonical_key(row, &mut keys)?;
        let key = &keys[start..];
        let hash = hasher.hash_one(key);
        let bytes = |entry: &Entry| &keys[entry.key_start as usize..entry.key_end as usize];
        let found = table.find(hash, |index| bytes(&entries[*index as usize]) == key);
        match found {
            None => {
                table.insert_unique(hash, entries.len() as u32, |index| {
                    hasher.hash_one(bytes(&entries[*index as usize]))
                });
                entries.push(Entry {
                    key_start: start as u32,
                    key_end: keys.len() as u32,
                    net: Net::first(op, row),
                });
            }
            Some(index) => {
                keys.truncate(start);
                let entry = &mut entries[*index as usize];
                let mut merged = Ok(());
                let merge = |old, new| {
                    rows.merge(old, new).unwrap_or_else(|why| {
                        merged = Err(why);
                        new
                    })
                };
                entry.net = entry
                    .net
                    .then(op, row, merge)
                    .ok_or("its events are not those of a table with this key")?;
                merged?;
            }
        }
    }
    // Neighbours in the index are changed one after the other.
    let key_of = |entry: &Entry| &keys[entry.key_start as usize..entry.key_end as usize];
    entries.sort_unstable_by(|a, b| key_of(a).cmp(key_of(b)));
    let (mut deletes, mut updates, mut inserts) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        match entry.net {
            Net::Insert(row) => inserts.push(row),
            // A row of nothing but its key has nothing to update.
            Net::Update(row) if rows.layout_of(row).set.is_empty() => {}
            Net::Update(row) => updates.push(row),
            Net::Delete(row) => deletes.push(row),
            Net::Replace(row) => {
                deletes.push(row);
                inserts.push(row);
            }
            Net::Nothing => {}
        }
    }
    inserts.sort_unstable_by_key(|row| row.event);
    Ok(Changes {
        rows,
        deletes,
        updates,
        inserts,
    })
}
