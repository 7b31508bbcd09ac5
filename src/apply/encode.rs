//! The changes of a table as what is sent to the server: COPY text for rows to insert, arrays for rows to update or delete.

use std::fmt::Write as _;

use bytes::Bytes;

use super::reduce::Changes;
use super::row::Op;
use super::rows::{Reason, Row, Rows, Text};
use super::target::Target;
use crate::pg::copy_text::encode_field;
use crate::pg::quote_ident;
use crate::pgq::urldict;

/// Rows of one statement at most: its plan is a loop over them, so more would save nothing.
const MOST_ROWS: usize = 8192;
/// Fewer rows are inserted by a statement, which is sent at once, while COPY begins with a question.
const FEW_ROWS: usize = 500;
/// Bytes of one statement's values, about, and of one piece of COPY data.
const MOST_BYTES: usize = 2 << 20;
const COPY_PIECE: usize = 256 << 10;

/// The type `text` and its arrays (pg_type.dat).
const TEXT_OID: u32 = 25;

/// One statement for many rows.
#[derive(Debug, PartialEq, Eq)]
pub enum SetStatement {
    /// `COPY ... FROM STDIN` with its data.
    Copy {
        /// Statement.
        sql: String,
        /// COPY text, in pieces of whole lines.
        data: Vec<Bytes>,
    },
    /// A statement with one array of texts per column.
    Keyed {
        /// What it does.
        op: Op,
        /// Statement.
        sql: String,
        /// Arrays in the binary form of `text[]`.
        params: Vec<Bytes>,
        /// Rows that it should touch.
        rows: u64,
    },
}

/// Writes the statements that bring about `changes`, in the order in which they have to run.
///
/// # Errors
/// Why the events have to be applied one by one.
pub fn encode(target: &Target, changes: &Changes<'_>) -> Result<Vec<SetStatement>, Reason> {
    let rows = &changes.rows;
    let mut statements = Vec::new();
    if !changes.deletes.is_empty() {
        keyed(target, Op::Delete, rows, &changes.deletes, &mut statements)?;
    }
    for group in by_layout(rows, &changes.updates) {
        keyed(target, Op::Update, rows, &group, &mut statements)?;
    }
    for group in by_layout(rows, &changes.inserts) {
        if group.len() < FEW_ROWS && !rows.layout_of(group[0]).own_cast_insert {
            keyed(target, Op::Insert, rows, &group, &mut statements)?;
        } else {
            statements.push(copy(target, rows, &group)?);
        }
    }
    Ok(statements)
}

/// The rows of each layout, which is nearly always one.
fn by_layout(rows: &Rows<'_>, list: &[Row]) -> Vec<Vec<Row>> {
    (0..rows.layouts.len() as u32)
        .map(|layout| {
            list.iter()
                .copied()
                .filter(|row| row.layout == layout)
                .collect::<Vec<_>>()
        })
        .filter(|group| !group.is_empty())
        .collect()
}

fn copy(target: &Target, rows: &Rows<'_>, group: &[Row]) -> Result<SetStatement, Reason> {
    let layout = rows.layout_of(group[0]);
    if layout.insert.is_empty() {
        return Err("an event has no column to insert");
    }
    let names: Vec<String> = layout
        .insert
        .iter()
        .map(|place| quote_ident(&layout.names[*place]))
        .collect();
    let sql = format!("copy {} ({}) from stdin", target.quoted, names.join(", "));
    let mut data = Vec::new();
    let mut piece = Vec::with_capacity(COPY_PIECE + 4096);
    for row in group {
        for (position, place) in layout.insert.iter().enumerate() {
            if position > 0 {
                piece.push(b'\t');
            }
            match rows.value(*row, *place) {
                Text::Null => encode_field(&mut piece, None),
                Text::Plain(text) => encode_field(&mut piece, Some(text.as_bytes())),
                Text::Encoded(text) => {
                    match urldict::unescape(text).map_err(|_| "an event cannot be read")? {
                        // It comes out of COPY text without an escape, so there is nothing to escape in it.
                        std::borrow::Cow::Borrowed(plain) => piece.extend_from_slice(plain.as_bytes()),
                        std::borrow::Cow::Owned(plain) => encode_field(&mut piece, Some(plain.as_bytes())),
                    }
                }
            }
        }
        piece.push(b'\n');
        if piece.len() >= COPY_PIECE {
            data.push(Bytes::from(std::mem::replace(
                &mut piece,
                Vec::with_capacity(COPY_PIECE + 4096),
            )));
        }
    }
    if !piece.is_empty() {
        piece.shrink_to_fit();
        data.push(Bytes::from(piece));
    }
    Ok(SetStatement::Copy { sql, data })
}

fn keyed(
    target: &Target,
    op: Op,
    rows: &Rows<'_>,
    group: &[Row],
    statements: &mut Vec<SetStatement>,
) -> Result<(), Reason> {
    let layout = rows.layout_of(group[0]);
    let names = |places: &[usize]| places.iter().map(|place| layout.names[*place].as_str()).collect();
    let (key, set): (Vec<&str>, Vec<&str>) = match op {
        Op::Insert => (Vec::new(), names(&layout.insert)),
        Op::Update => (names(&layout.key), names(&layout.set)),
        Op::Delete => (names(&layout.key), Vec::new()),
    };
    if op == Op::Insert && set.is_empty() {
        return Err("an event has no column to insert");
    }
    let sql = keyed_sql(target, op, &key, &set);
    let mut arrays: Vec<TextArray> = Vec::new();
    let mut rows_in = 0;
    let mut bytes = 0;
    for (position, row) in group.iter().enumerate() {
        if arrays.is_empty() {
            arrays.resize_with(key.len() + set.len(), TextArray::new);
        }
        // Rows to delete may have several layouts; they all have the key.
        let layout = rows.layout_of(*row);
        let (of_key, of_set) = match op {
            Op::Insert => (&[][..], &layout.insert[..]),
            Op::Update => (&layout.key[..], &layout.set[..]),
            Op::Delete => (&layout.key[..], &[][..]),
        };
        for (array, place) in arrays.iter_mut().zip(of_key.iter().chain(of_set)) {
            bytes += array.push(rows.value(*row, *place))?;
        }
        rows_in += 1;
        if rows_in == MOST_ROWS || bytes >= MOST_BYTES || position + 1 == group.len() {
            statements.push(SetStatement::Keyed {
                op,
                sql: sql.clone(),
                params: std::mem::take(&mut arrays)
                    .into_iter()
                    .map(TextArray::finish)
                    .collect(),
                rows: rows_in as u64,
            });
            (rows_in, bytes) = (0, 0);
        }
    }
    Ok(())
}

/// The statement that takes its rows from one array per column, the key's first (an insert looks for none).
fn keyed_sql(target: &Target, op: Op, key: &[&str], set: &[&str]) -> String {
    let cast =
        |position: usize, name: &str| format!("s.c{}::{}", position + 1, target.columns[name].type_name);
    let mut sql = match op {
        Op::Insert => format!("insert into {} (", target.quoted),
        Op::Update => format!("update {}{} as t set ", target.only, target.quoted),
        Op::Delete => format!("delete from {}{} as t using ", target.only, target.quoted),
    };
    for (position, name) in set.iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        write!(sql, "{comma}{}", quote_ident(name)).expect("a string takes all");
        if op == Op::Update {
            write!(sql, " = {}", cast(key.len() + position, name)).expect("a string takes all");
        }
    }
    match op {
        Op::Insert => {
            let overriding = match target.has_identity_always() {
                true => " overriding system value",
                false => "",
            };
            let values: Vec<String> = set.iter().enumerate().map(|(at, name)| cast(at, name)).collect();
            write!(sql, "){overriding} select {} from ", values.join(", ")).expect("a string takes all");
        }
        Op::Update => sql.push_str(" from "),
        Op::Delete => {}
    }
    let count = key.len() + set.len();
    let list = |part: &dyn Fn(usize) -> String| (1..=count).map(part).collect::<Vec<_>>().join(", ");
    write!(
        sql,
        "rows from ({}) as s({})",
        list(&|n| format!("pg_catalog.unnest(${n}::pg_catalog.text[])")),
        list(&|n| format!("c{n}"))
    )
    .expect("a string takes all");
    for (position, name) in key.iter().enumerate() {
        let and = if position == 0 { "where" } else { "and" };
        write!(sql, " {and} t.{} = {}", quote_ident(name), cast(position, name)).expect("a string takes all");
    }
    sql
}

/// An array of texts in the binary form of the wire.
struct TextArray {
    bytes: Vec<u8>,
    count: u32,
    has_null: bool,
}

/// Dimensions, whether there are NULLs, element type, elements, lower bound.
const ARRAY_HEADER: usize = 20;

impl TextArray {
    fn new() -> Self {
        Self {
            bytes: vec![0; ARRAY_HEADER],
            count: 0,
            has_null: false,
        }
    }

    /// Appends an element and returns its bytes.
    fn push(&mut self, value: Text<'_>) -> Result<usize, Reason> {
        let plain = match value {
            Text::Null => None,
            Text::Plain(text) => Some(std::borrow::Cow::Borrowed(text)),
            Text::Encoded(text) => Some(urldict::unescape(text).map_err(|_| "an event cannot be read")?),
        };
        self.count += 1;
        match &plain {
            None => {
                self.has_null = true;
                self.bytes.extend_from_slice(&(-1i32).to_be_bytes());
            }
            Some(text) => {
                let len = i32::try_from(text.len()).map_err(|_| "a value is too long")?;
                self.bytes.extend_from_slice(&len.to_be_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
            }
        }
        Ok(4 + plain.map_or(0, |text| text.len()))
    }

    fn finish(mut self) -> Bytes {
        let header = [1, u32::from(self.has_null), TEXT_OID, self.count, 1];
        for (place, number) in self.bytes.chunks_exact_mut(4).zip(header) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        Bytes::from(self.bytes)
    }
}
