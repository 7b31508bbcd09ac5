//! The `keyword = value` form: values in single quotes may hold blanks, a backslash takes the next character as it is.

use super::keyword::{self, Keyword};
use super::refuse_nul;
use crate::error::{Error, Result};

/// Reads all pairs.
pub(super) fn parse(text: &str) -> Result<Vec<(&'static Keyword, String)>> {
    let mut pairs: Vec<(&'static Keyword, String)> = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || is_blank(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let previous = pairs.last().map(|(k, _)| *k);
        let Some(after) = after.trim_start_matches(is_blank).strip_prefix('=') else {
            return Err(not_a_pair(name, previous));
        };
        let keyword = match keyword::find(name) {
            // The name may be the second word of an unquoted password, or a mistyped URI: it must not be printed.
            Err(_) if previous.is_some_and(|k| k.secret) || !keyword::is_word(name) => {
                return Err(not_a_pair(name, previous));
            }
            found => found?,
        };
        let (value, left) = read_value(keyword, after.trim_start_matches(is_blank))?;
        refuse_nul(keyword.name, &value)?;
        pairs.push((keyword, value));
        rest = left.trim_start_matches(is_blank);
    }
    Ok(pairs)
}

/// Quotes a value where this form needs it.
pub(super) fn quote_value(value: &str) -> String {
    let bare = !value.is_empty() && !value.contains(|c: char| is_blank(c) || matches!(c, '\'' | '\\' | '='));
    if bare {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

/// What C's `isspace` takes for a blank, as libpq asks it.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

const FORMS: &str =
    "write it as keyword=value pairs (host=db1 dbname=shop) or as postgresql://user@host/dbname";

fn not_a_pair(name: &str, previous: Option<&'static Keyword>) -> Error {
    match previous {
        Some(k) if k.secret => Error::config(format!(
            "connection string: the text after the value of \"{}\" is no known parameter",
            k.name
        ))
        .with_hint("put a password with blanks in single quotes: password='two words'"),
        _ if keyword::is_word(name) => {
            Error::config(format!("connection string: missing \"=\" after \"{name}\"")).with_hint(FORMS)
        }
        _ => Error::config("this is no connection string").with_hint(FORMS),
    }
}

fn read_value<'a>(keyword: &Keyword, text: &'a str) -> Result<(String, &'a str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c if !quoted && is_blank(c) => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted {
        return Err(Error::config(format!(
            "connection string: the quoted value of \"{}\" has no end",
            keyword.name
        ))
        .with_hint("inside single quotes write \\' for a quote and \\\\ for a backslash"));
    }
    Ok((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(&'static str, String)> {
        parse(text)
            .unwrap()
            .into_iter()
            .map(|(k, v)| (k.name, v))
            .collect()
    }

    #[test]
    fn quotes_blanks_and_escapes() {
        assert_eq!(
            pairs(" host = db1\tdbname='a b' user='it\\'s' password=x\\ y\\\\z port='' "),
            [
                ("host", "db1".to_owned()),
                ("dbname", "a b".to_owned()),
                ("user", "it's".to_owned()),
                ("password", "x y\\z".to_owned()),
                ("port", String::new()),
            ]
        );
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("user="), [("user", String::new())]);
        assert_eq!(pairs("dbname=größe"), [("dbname", "größe".to_owned())]);
        assert_eq!(pairs("host='a'port=1").len(), 2);
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(
            parse("host db").unwrap_err().message(),
            "connection string: missing \"=\" after \"host\""
        );
        assert_eq!(
            parse("dbname='x").unwrap_err().message(),
            "connection string: the quoted value of \"dbname\" has no end"
        );
        assert_eq!(
            parse("hsot=x").unwrap_err().message(),
            "unknown connection parameter \"hsot\""
        );
        assert!(parse("host=a\0b").unwrap_err().message().contains("zero byte"));
    }

    #[test]
    fn pieces_of_a_password_are_not_printed() {
        for text in [
            "password=my s3cret",
            "password=my s3cret=x host=a",
            "password='my s3cret",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.report().contains("s3cret"), "{error:?}");
        }
    }

    proptest! {
        #[test]
        fn values_round_trip(value in "[^\\x00]*") {
            let text = format!("user={} port=1", quote_value(&value));
            prop_assert_eq!(pairs(&text), [("user", value), ("port", "1".to_owned())]);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
