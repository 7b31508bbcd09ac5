//! The url-encoded dictionary in which events and table attributes are written: `k=v&k2=v2`, a key without `=` is NULL
//! (londiste.md 1.7, pgq.md 9.4).

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::error::{Error, Result};

/// Names and values in the order written; `None` is NULL.
pub type Pairs<'a> = Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>;

/// Splits `text` into names and values in the order written; `None` is NULL.
///
/// # Errors
/// When an escape is broken or the bytes are no UTF-8.
pub fn decode(text: &str) -> Result<Pairs<'_>> {
    let mut pairs = Vec::with_capacity(8);
    for part in text.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((name, value)) => pairs.push((unescape(name)?, Some(unescape(value)?))),
            None => pairs.push((unescape(part)?, None)),
        }
    }
    Ok(pairs)
}

/// Reads the escapes of one name or value.
pub fn unescape(text: &str) -> Result<Cow<'_, str>> {
    if memchr::memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(position) = memchr::memchr2(b'%', b'+', rest) {
        bytes.extend_from_slice(&rest[..position]);
        if rest[position] == b'+' {
            bytes.push(b' ');
            rest = &rest[position + 1..];
            continue;
        }
        let code = rest
            .get(position + 1..position + 3)
            .and_then(|hex| Some((hex_digit(hex[0])? << 4) | hex_digit(hex[1])?));
        let Some(code) = code else {
            return Err(broken(text, "a % must be followed by two hex digits"));
        };
        bytes.push(code);
        rest = &rest[position + 3..];
    }
    bytes.extend_from_slice(rest);
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| {
            broken(text, "the bytes are not valid UTF-8")
                .with_hint("the trigger of the ancestor writes the bytes of its database's encoding: install pgq of londiste on the root, or convert that database to UTF-8")
        })
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

fn broken(text: &str, why: &str) -> Error {
    let start: String = text.chars().take(40).collect();
    Error::new(
        crate::error::ErrorKind::Database,
        format!("broken url-encoded text \"{start}\""),
    )
    .with_detail(why)
}

/// Writes names and values as `k=v&k2=v2`; NULL as the name alone.
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        escape_into(&mut text, name);
        if let Some(value) = value {
            text.push('=');
            escape_into(&mut text, value);
        }
    }
    text
}

fn escape_into(text: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' => text.push(byte as char),
            b' ' => text.push('+'),
            _ => write!(text, "%{byte:02x}").expect("writing to a string cannot fail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_of_the_ancestor() {
        let pairs = decode("id=1&txt=a+b%26c%3d%25%2f%2a-_.%c3%a9&val&empty=").unwrap();
        let plain: Vec<(&str, Option<&str>)> = pairs.iter().map(|(k, v)| (&**k, v.as_deref())).collect();
        assert_eq!(
            plain,
            [
                ("id", Some("1")),
                ("txt", Some("a b&c=%/*-_.é")),
                ("val", None),
                ("empty", Some(""))
            ]
        );
        assert_eq!(
            encode([("id", Some("6")), ("data", Some("a b&c")), ("Weird Col", None)]),
            "id=6&data=a+b%26c&Weird+Col"
        );
        assert!(decode("a=%4").is_err());
        assert!(decode("a=%zz").is_err());
        assert!(decode("a=%ff").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(pairs in proptest::collection::vec((".+", proptest::option::of(".*")), 0..5)) {
            let text = encode(pairs.iter().map(|(k, v)| (k.as_str(), v.as_deref())));
            let back: Vec<(String, Option<String>)> = decode(&text)
                .unwrap()
                .into_iter()
                .map(|(k, v)| (k.into_owned(), v.map(Cow::into_owned)))
                .collect();
            prop_assert_eq!(back, pairs);
        }
    }
}
