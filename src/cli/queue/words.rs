//! Numbers as words.

use crate::error::{Error, Result};
use crate::node::lag::format_lag;

/// A time in seconds, or a dash.
pub fn seconds(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) => format_lag(Some(if value == 0.0 { 0.1 } else { value })),
    }
}

/// Anything, or a dash.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Units of sizes, as the server writes them.
const UNITS: &[(&str, i64)] = &[("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)];

/// A size: `12 MB`, `7 bytes`.
pub fn size(bytes: i64) -> String {
    for (unit, factor) in UNITS {
        if bytes >= *factor {
            let value = bytes as f64 / *factor as f64;
            return if value < 10.0 && bytes % factor != 0 {
                format!("{value:.1} {unit}")
            } else {
                format!("{value:.0} {unit}")
            };
        }
    }
    format!("{bytes} bytes")
}

/// Reads a size: `10GB`, `500 MB`, `4096`.
pub fn parse_size(text: &str) -> std::result::Result<i64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let wrong = || format!("\"{text}\" is no size; write for instance 10GB or 500MB");
    let number: i64 = text[..end].parse().map_err(|_| wrong())?;
    let unit = text[end..].trim();
    let factor = if unit.is_empty() || unit.eq_ignore_ascii_case("B") {
        1
    } else {
        UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, factor)| *factor)
            .ok_or_else(wrong)?
    };
    number
        .checked_mul(factor)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(wrong)
}

/// The first `limit` characters on one line; what was left out is shown by dots.
pub fn cut(text: Option<&str>, limit: usize) -> String {
    let Some(text) = text else { return "-".to_owned() };
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limit + 1)
        .collect();
    if line.chars().count() <= limit {
        return line;
    }
    line.chars().take(limit - 3).chain("...".chars()).collect()
}

/// Refuses an interval that the server cannot read, naming the option.
pub fn bad_interval(error: tokio_postgres::Error, option: &str, text: &str) -> Error {
    let error = Error::from(error);
    match error.sqlstate() {
        Some("22007" | "22008" | "22015") => {
            Error::usage(format!("{option}: \"{text}\" is no length of time"))
                .with_hint("write for instance \"2 hours\" or \"30 min\"")
        }
        _ => error,
    }
}

/// Checks that the server reads `text` as a positive interval.
pub async fn check_interval(client: &tokio_postgres::Client, option: &str, text: &str) -> Result<()> {
    let row = client
        .query_one("select ($1::text)::interval > '0'::interval", &[&text])
        .await
        .map_err(|error| bad_interval(error, option, text))?;
    if row.get(0) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{option}: \"{text}\" is not a positive length of time"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(size(512), "512 bytes");
        assert_eq!(size(1536), "1.5 kB");
        assert_eq!(size(10 << 30), "10 GB");
        assert_eq!(parse_size("10GB"), Ok(10 << 30));
        assert_eq!(parse_size("500 mb"), Ok(500 << 20));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert!(parse_size("ten").is_err() && parse_size("0").is_err() && parse_size("1 XB").is_err());
    }

    #[test]
    fn long_texts_are_cut_on_one_line() {
        assert_eq!(cut(Some("a\nb"), 10), "a b");
        assert_eq!(cut(Some("abcdefghijk"), 10), "abcdefg...");
        assert_eq!(cut(None, 10), "-");
    }
}
