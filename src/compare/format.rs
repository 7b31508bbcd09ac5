//! `compare_fmt`: the answer of a side as text, with `%(column)s` and `%(column)d` as in the ancestor's language.

use crate::error::{Error, ErrorKind, Result};

/// A parsed format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column {
        name: String,
        left: bool,
        zero: bool,
        width: usize,
        precision: Option<usize>,
        letter: char,
    },
}

impl Format {
    /// Reads a format.
    pub fn parse(text: &str) -> Result<Self> {
        let broken = |why: &str| {
            Error::new(ErrorKind::Config, format!("compare_fmt is broken: {why}"))
                .with_detail(text.to_owned())
                .with_hint("columns of compare_sql are written as %(name)s or %(name)d, a percent sign as %%")
                .with_hint("in a job file of format 1 each % is doubled")
        };
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                plain.push('%');
                rest = after;
                continue;
            }
            let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) else {
                return Err(broken("% is followed by no column"));
            };
            let flags: String = after.chars().take_while(|c| "-+ 0#".contains(*c)).collect();
            let after = &after[flags.len()..];
            let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
            let width = digits(after);
            let mut after = &after[width.len()..];
            let mut precision = None;
            if let Some(point) = after.strip_prefix('.') {
                let number = digits(point);
                after = &point[number.len()..];
                precision = Some(number.parse().unwrap_or(0));
            }
            let Some(letter) = after.chars().next().filter(|c| "sdif".contains(*c)) else {
                return Err(broken(&format!(
                    "column \"{name}\" is followed by none of the letters s d i f"
                )));
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Column {
                name: name.to_owned(),
                left: flags.contains('-'),
                zero: flags.contains('0'),
                width: width.parse().unwrap_or(0),
                precision,
                letter,
            });
            rest = &after[1..];
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// Fills in the values of `column`: nothing for an unknown column, a NULL is `None`.
    pub fn fill(&self, column: impl Fn(&str) -> Option<Option<String>>) -> Result<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Column {
                    name,
                    left,
                    zero,
                    width,
                    precision,
                    letter,
                } => {
                    let value = column(name).ok_or_else(|| {
                        Error::new(
                            ErrorKind::Config,
                            format!("compare_fmt names column \"{name}\", which compare_sql does not return"),
                        )
                    })?;
                    let is_null = value.is_none();
                    let text = render(value, *letter, *precision);
                    let pad = width.saturating_sub(text.chars().count());
                    match (left, *zero && !is_null && *letter != 's') {
                        (true, _) => out.push_str(&format!("{text}{}", " ".repeat(pad))),
                        (false, true) => match text.strip_prefix('-') {
                            Some(digits) => out.push_str(&format!("-{}{digits}", "0".repeat(pad))),
                            None => out.push_str(&format!("{}{text}", "0".repeat(pad))),
                        },
                        (false, false) => out.push_str(&format!("{}{text}", " ".repeat(pad))),
                    }
                }
            }
        }
        Ok(out)
    }
}

fn render(value: Option<String>, letter: char, precision: Option<usize>) -> String {
    let Some(text) = value else {
        return "None".to_owned();
    };
    match letter {
        's' => match precision {
            Some(limit) => text.chars().take(limit).collect(),
            None => text,
        },
        'd' | 'i' => text.split('.').next().unwrap_or_default().to_owned(),
        _ => match text.parse::<f64>() {
            Ok(number) => format!("{number:.*}", precision.unwrap_or(6)),
            Err(_) => text,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let fill = |format: &str| {
            Format::parse(format).and_then(|f| {
                f.fill(|name| match name {
                    "cnt" => Some(Some("10".to_owned())),
                    "avg" => Some(Some("-2.25".to_owned())),
                    "chksum" => Some(None),
                    _ => None,
                })
            })
        };
        assert_eq!(
            fill("%(cnt)d rows, checksum=%(chksum)s").unwrap(),
            "10 rows, checksum=None"
        );
        assert_eq!(
            fill("100%% %(cnt)5d|%(cnt)-5d|%(cnt)05d").unwrap(),
            "100%    10|10   |00010"
        );
        assert_eq!(fill("%(avg)d %(avg).1f %(avg)08.2f").unwrap(), "-2 -2.2 -0002.25");
        for wrong in ["%", "%(cnt)", "%(cnt)x", "%d", "%(nope)s"] {
            assert!(fill(wrong).is_err(), "{wrong}");
        }
    }
}
