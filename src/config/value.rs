//! Typed readings of one value's text, as the ancestor reads them.

use std::path::PathBuf;

/// `1/yes/true/on` and `0/no/false/off`, in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// Whole number; Python's `1_000` is accepted too.
pub fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.contains('_') {
        let digits = text.trim_start_matches(['+', '-']);
        let placed = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
        return placed.then(|| text.replace('_', "").parse().ok()).flatten();
    }
    text.parse().ok()
}

/// Finite decimal number.
pub fn parse_float(text: &str) -> Option<f64> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
}

/// Comma separated list: parts are trimmed, the empty text is the empty list, empty parts stay.
pub fn parse_list(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split(',').map(|part| part.trim().to_owned()).collect()
}

/// Comma separated pairs: `a:b, c` is a to b and c to c.
pub fn parse_dict(text: &str) -> Vec<(String, String)> {
    parse_list(text)
        .into_iter()
        .map(|part| match part.split_once(':') {
            Some((key, value)) => (key.trim().to_owned(), value.trim().to_owned()),
            None => (part.clone(), part),
        })
        .collect()
}

/// Path: a leading `~` is the home directory; empty and `-` stay as they are.
pub fn parse_file(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix('~') else {
        return PathBuf::from(text);
    };
    let (user, tail) = rest.split_once('/').unwrap_or((rest, ""));
    let home = if user.is_empty() {
        std::env::var_os("HOME").map(PathBuf::from).or_else(|| {
            let me = nix::unistd::User::from_uid(nix::unistd::getuid()).ok()??;
            Some(me.dir)
        })
    } else {
        nix::unistd::User::from_name(user)
            .ok()
            .flatten()
            .map(|user| user.dir)
    };
    match home {
        Some(home) if tail.is_empty() => home,
        Some(home) => home.join(tail.trim_start_matches('/')),
        None => PathBuf::from(text),
    }
}

/// Bytes: a number with an optional unit `B`, `kB`, `MB`, `GB`, `TB`, `PB` (or its first letter), powers of 1024.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let number = parse_float(&text[..split])?;
    let power = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" => 1,
        "m" | "mb" => 2,
        "g" | "gb" => 3,
        "t" | "tb" => 4,
        "p" | "pb" => 5,
        _ => return None,
    };
    let bytes = number * 1024f64.powi(power);
    // Larger than any disk; the cast of a larger number would saturate.
    (bytes < 9.0e18).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_and_numbers() {
        assert_eq!(parse_bool("YES"), Some(true));
        assert_eq!(parse_bool("Off"), Some(false));
        assert_eq!(parse_bool("y"), None);
        assert_eq!(parse_int(" -12 "), Some(-12));
        assert_eq!(parse_int("1_000"), Some(1000));
        assert_eq!(parse_int("_1"), None);
        assert_eq!(parse_int("1.0"), None);
        assert_eq!(parse_float("-1.5"), Some(-1.5));
        assert_eq!(parse_float("nan"), None);
    }

    #[test]
    fn lists_and_dicts() {
        assert_eq!(parse_list("  "), Vec::<String>::new());
        assert_eq!(parse_list("a, ,b\n c"), ["a", "", "b\n c"]);
        assert_eq!(
            parse_dict("a:b, c"),
            [("a".into(), "b".into()), ("c".into(), "c".into())]
        );
    }

    #[test]
    fn sizes_and_files() {
        assert_eq!(parse_size("10485760"), Some(10_485_760));
        assert_eq!(parse_size("4 MB"), Some(4 << 20));
        assert_eq!(parse_size("1.5k"), Some(1536));
        assert_eq!(parse_size("4 apples"), None);
        assert_eq!(parse_file("-"), PathBuf::from("-"));
        assert_eq!(parse_file("a/~/b"), PathBuf::from("a/~/b"));
        let home = std::env::var("HOME").unwrap_or_default();
        if !home.is_empty() {
            assert_eq!(parse_file("~/log/x.log"), PathBuf::from(home).join("log/x.log"));
        }
    }
}
