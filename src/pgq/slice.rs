//! Many events in one piece of memory, split into fields but not decoded: what replay works on.
//!
//! The server writes an event as one line of COPY text. A slice keeps the lines as they came and remembers where the fields
//! are, so that an event costs no allocation, and a field without escapes is read in place.

use std::borrow::Cow;

use super::event::{Event, EventStream};
use crate::error::{Error, Result};
use crate::pg::copy_text::decode_field;

/// Fields of an event row: id, time, txid, retry, type, data, extra1 to extra4.
const FIELDS: usize = 10;
const TIME: usize = 1;
const TXID: usize = 2;
const RETRY: usize = 3;
const TYPE: usize = 4;
const DATA: usize = 5;
const EXTRA1: usize = 6;

/// Consecutive events of a batch.
#[derive(Default)]
pub struct EventSlice {
    text: String,
    heads: Vec<Head>,
}

struct Head {
    id: i64,
    txid: i64,
    retried: bool,
    start: u32,
    // Where each field ends; a tab or the end of the line follows.
    ends: [u32; FIELDS],
}

impl EventSlice {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Memory that it holds, about.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.heads.len() * size_of::<Head>()
    }

    /// The lines as they came. Positions in it are what [`EventRef::data_in_place`] returns.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The event at `index`.
    pub fn get(&self, index: usize) -> EventRef<'_> {
        EventRef {
            text: &self.text,
            head: &self.heads[index],
        }
    }

    /// All events, in order.
    pub fn iter(&self) -> impl Iterator<Item = EventRef<'_>> {
        self.heads.iter().map(|head| EventRef {
            text: &self.text,
            head,
        })
    }

    /// Adds one line of COPY text, without its newline.
    ///
    /// # Errors
    /// When it is no event row.
    pub fn push(&mut self, line: &[u8]) -> Result<()> {
        let broken = || Error::internal(format!("cannot read an event row of {} bytes", line.len()));
        let line =
            std::str::from_utf8(line).map_err(|_| Error::internal("an event row is not valid UTF-8"))?;
        let start = u32::try_from(self.text.len()).map_err(|_| broken())?;
        u32::try_from(self.text.len() + line.len()).map_err(|_| broken())?;
        let mut ends = [start + line.len() as u32; FIELDS];
        // A tab inside a value is escaped, so every tab is a separator.
        let mut tabs = memchr::memchr_iter(b'\t', line.as_bytes());
        for end in ends.iter_mut().take(FIELDS - 1) {
            *end = start + tabs.next().ok_or_else(broken)? as u32;
        }
        if let Some(more) = tabs.next() {
            ends[FIELDS - 1] = start + more as u32;
        }
        self.text.push_str(line);
        let mut head = Head {
            id: 0,
            txid: i64::MAX,
            retried: false,
            start,
            ends,
        };
        let event = EventRef {
            text: &self.text,
            head: &head,
        };
        let id = event.raw(0).parse().map_err(|_| broken())?;
        // NULL only for an event whose retry lost it; such an event belongs to no snapshot.
        let txid = event.raw(TXID).parse().unwrap_or(i64::MAX);
        let retried = event.raw(RETRY).parse().is_ok_and(|count: i32| count > 0);
        (head.id, head.txid, head.retried) = (id, txid, retried);
        self.heads.push(head);
        Ok(())
    }
}

/// One event of a slice.
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    text: &'a str,
    head: &'a Head,
}

impl<'a> EventRef<'a> {
    /// Event id, growing within the queue.
    pub fn id(&self) -> i64 {
        self.head.id
    }

    /// Transaction id on the server where it was read.
    pub fn txid(&self) -> i64 {
        self.head.txid
    }

    /// Whether it was given back and came again.
    pub fn is_retried(&self) -> bool {
        self.head.retried
    }

    /// The type, or an empty text where it is NULL.
    pub fn kind(&self) -> Cow<'a, str> {
        self.field(TYPE).unwrap_or_default()
    }

    /// The content.
    pub fn data(&self) -> Option<Cow<'a, str>> {
        self.field(DATA)
    }

    /// The first extra field: for row events the table's name.
    pub fn extra1(&self) -> Option<Cow<'a, str>> {
        self.field(EXTRA1)
    }

    /// The type where it stands, if nothing is escaped in it.
    pub fn kind_in_place(&self) -> Option<&'a str> {
        let raw = self.raw(TYPE);
        (!raw.contains('\\')).then_some(raw)
    }

    /// The table's name as it was written, escapes and all.
    pub fn raw_extra1(&self) -> &'a str {
        self.raw(EXTRA1)
    }

    /// The content where it stands: its first position in the slice's text, and itself; nothing when it is NULL or
    /// has escapes.
    pub fn data_in_place(&self) -> Option<(usize, &'a str)> {
        let raw = self.raw(DATA);
        memchr::memchr(b'\\', raw.as_bytes())
            .is_none()
            .then(|| (self.head.ends[TYPE] as usize + 1, raw))
    }

    /// The time, and all fields from the type on, as lines of COPY have them.
    pub fn raw_time_and_tail(&self) -> (&'a str, &'a str) {
        let tail = self.head.ends[RETRY] as usize + 1..self.head.ends[FIELDS - 1] as usize;
        (self.raw(TIME), &self.text[tail])
    }

    /// The time, and all fields from the type on.
    pub fn time_and_tail(&self) -> [Option<Cow<'a, str>>; 7] {
        [TIME, TYPE, DATA, EXTRA1, EXTRA1 + 1, EXTRA1 + 2, EXTRA1 + 3].map(|index| self.field(index))
    }

    /// The event by itself.
    pub fn to_event(&self) -> Event {
        let text = |index| self.field(index).map(Cow::into_owned);
        Event {
            id: self.head.id,
            time: text(TIME).unwrap_or_default(),
            txid: self.head.txid,
            retry: self.raw(RETRY).parse().ok(),
            ev_type: text(TYPE),
            data: text(DATA),
            extra1: text(EXTRA1),
            extra2: text(EXTRA1 + 1),
            extra3: text(EXTRA1 + 2),
            extra4: text(EXTRA1 + 3),
        }
    }

    fn raw(&self, index: usize) -> &'a str {
        let start = match index {
            0 => self.head.start,
            _ => self.head.ends[index - 1] + 1,
        };
        &self.text[start as usize..self.head.ends[index] as usize]
    }

    fn field(&self, index: usize) -> Option<Cow<'a, str>> {
        let raw = self.raw(index);
        match decode_field(raw.as_bytes())? {
            Cow::Borrowed(_) => Some(Cow::Borrowed(raw)),
            // Escapes stand for single bytes that the server wrote; it writes valid UTF-8.
            Cow::Owned(bytes) => {
                Some(Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| {
                    String::from_utf8_lossy(error.as_bytes()).into_owned()
                })))
            }
        }
    }
}

impl EventStream {
    /// The next events, up to about `bytes` of memory; nothing after the last one.
    pub async fn next_slice(&mut self, bytes: usize) -> Result<Option<EventSlice>> {
        let mut slice = EventSlice::default();
        while slice.bytes() < bytes {
            let Some(line) = self.next_line().await? else {
                break;
            };
            slice.push(&line)?;
        }
        Ok((!slice.is_empty()).then_some(slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_where_they_stand() {
        let mut slice = EventSlice::default();
        let lines = [
            "7\t2026-01-01 00:00:00+00\t99\t\\N\tI:id\tid=1&t=a\tpublic.t\t\\N\t\\N\tx\\ty",
            "8\t2026-01-01 00:00:00+00\t\\N\t2\t\\N\tid=1&t=a\\\\b\t\\N\t\\N\t\\N\t\\N",
        ];
        for line in lines {
            slice.push(line.as_bytes()).unwrap();
        }
        assert!(slice.push(b"9\tx").is_err());
        let (first, second) = (slice.get(0), slice.get(1));
        assert_eq!((first.id(), first.txid(), first.is_retried()), (7, 99, false));
        assert_eq!(first.kind_in_place(), Some("I:id"));
        let (at, data) = first.data_in_place().unwrap();
        assert_eq!(data, "id=1&t=a");
        assert!(slice.text()[at..].starts_with(data));
        assert_eq!(first.to_event().extra4.as_deref(), Some("x\ty"));
        assert_eq!(
            first.raw_time_and_tail(),
            (
                "2026-01-01 00:00:00+00",
                "I:id\tid=1&t=a\tpublic.t\t\\N\t\\N\tx\\ty"
            )
        );
        assert_eq!((second.txid(), second.is_retried()), (i64::MAX, true));
        assert_eq!(second.data_in_place(), None);
        assert_eq!(second.data().as_deref(), Some("id=1&t=a\\b"));
        assert_eq!((second.kind(), second.extra1()), ("".into(), None));
    }
}
