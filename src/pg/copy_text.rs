//! The text format of COPY, field by field, on bytes (PostgreSQL manual, COPY, "Text Format").

use std::borrow::Cow;

/// Appends one field to a line of COPY text; `None` is `\N`. Tabs between fields and the newline are the caller's.
pub fn encode_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    let Some(mut rest) = field else {
        out.extend_from_slice(b"\\N");
        return;
    };
    while let Some(at) = find_special(rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        out.push(match rest[at] {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            other => other,
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends a whole line, newline included.
pub fn encode_line<'a>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = Option<&'a [u8]>>) {
    for (i, field) in fields.into_iter().enumerate() {
        if i > 0 {
            out.push(b'\t');
        }
        encode_field(out, field);
    }
    out.push(b'\n');
}

/// Splits a line (with or without its newline) into fields; `None` is `\N`. A field without escapes is borrowed.
pub fn decode_line(line: &[u8]) -> Vec<Option<Cow<'_, [u8]>>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut fields = Vec::new();
    let mut start = 0;
    // A tab inside a value is always escaped as `\t`, or as a backslash before the real tab (an old writer's form).
    let mut from = 0;
    loop {
        match memchr::memchr2(b'\t', b'\\', &line[from..]) {
            Some(at) if line[from + at] == b'\\' => from = (from + at + 2).min(line.len()),
            Some(at) => {
                fields.push(decode_field(&line[start..from + at]));
                start = from + at + 1;
                from = start;
            }
            None => {
                fields.push(decode_field(&line[start..]));
                return fields;
            }
        }
    }
}

/// Decodes one field; `None` is `\N`.
pub fn decode_field(field: &[u8]) -> Option<Cow<'_, [u8]>> {
    if field == b"\\N" {
        return None;
    }
    let Some(mut at) = memchr::memchr(b'\\', field) else {
        return Some(Cow::Borrowed(field));
    };
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    loop {
        out.extend_from_slice(&rest[..at]);
        rest = decode_escape(&rest[at + 1..], &mut out);
        match memchr::memchr(b'\\', rest) {
            Some(next) => at = next,
            None => {
                out.extend_from_slice(rest);
                return Some(Cow::Owned(out));
            }
        }
    }
}

/// Decodes what follows a backslash and returns what is left.
fn decode_escape<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some(&first) = rest.first() else {
        out.push(b'\\');
        return rest;
    };
    let mut used = 1;
    out.push(match first {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'0'..=b'7' => {
            let mut value = u32::from(first - b'0');
            while used < 3 && rest.get(used).is_some_and(|b| matches!(b, b'0'..=b'7')) {
                value = value * 8 + u32::from(rest[used] - b'0');
                used += 1;
            }
            (value & 0xff) as u8
        }
        b'x' if rest.get(1).is_some_and(u8::is_ascii_hexdigit) => {
            let mut value = 0;
            while used < 3 && rest.get(used).is_some_and(u8::is_ascii_hexdigit) {
                value = value * 16 + (rest[used] as char).to_digit(16).unwrap_or(0);
                used += 1;
            }
            value as u8
        }
        other => other,
    });
    &rest[used..]
}

fn find_special(bytes: &[u8]) -> Option<usize> {
    let first = memchr::memchr3(b'\\', b'\t', b'\n', bytes);
    let until = first.unwrap_or(bytes.len());
    memchr::memchr(b'\r', &bytes[..until]).or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(field: Option<&[u8]>) -> String {
        let mut out = Vec::new();
        encode_field(&mut out, field);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn specials_are_escaped() {
        assert_eq!(encoded(None), "\\N");
        assert_eq!(encoded(Some(b"")), "");
        assert_eq!(encoded(Some(b"a\\b\tc\nd\re")), "a\\\\b\\tc\\nd\\re");
        assert_eq!(encoded(Some(b"\\N")), "\\\\N");
    }

    #[test]
    fn server_escapes_are_understood() {
        let fields = decode_line(b"a\\\\N\t\\N\t\\b\\f\\v\\x41\\101\\q\t\n");
        assert_eq!(fields.len(), 4);
        assert_eq!(fields[0].as_deref(), Some(&b"a\\N"[..]));
        assert_eq!(fields[1], None);
        assert_eq!(fields[2].as_deref(), Some(&b"\x08\x0c\x0bAAq"[..]));
        assert_eq!(fields[3].as_deref(), Some(&b""[..]));
    }

    proptest! {
        #[test]
        fn lines_round_trip(fields in proptest::collection::vec(
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)), 1..6)) {
            let mut line = Vec::new();
            encode_line(&mut line, fields.iter().map(|f| f.as_deref()));
            prop_assert_eq!(memchr::memchr_iter(b'\n', &line).count(), 1);
            let back: Vec<_> = decode_line(&line).into_iter().map(|f| f.map(Cow::into_owned)).collect();
            prop_assert_eq!(back, fields);
        }
    }
}
