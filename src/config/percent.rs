//! Python's `%(name)s` templates: log line formats, the output of compare.
//!
//! A template is checked when it is parsed, so that a wrong field is an error at start and not in the middle of a line.

use std::fmt::Write as _;

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: String,
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

impl Template {
    /// Parses `text`: `%(name)s`, `%(name)-8s`, `%(name)05d`, `%(name).3f`, and `%%`. Says what is wrong otherwise.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut plain = String::new();
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(tail) = rest.strip_prefix('%') {
                plain.push('%');
                rest = tail;
                continue;
            }
            let Some((name, tail)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) else {
                return Err("a single \"%\" must start a field \"%(name)s\"".to_owned());
            };
            let (field, tail) = Field::parse(name, tail)?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Field(field));
            rest = tail;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// Names of the fields, in order of appearance.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field.name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Fills the template; `value` gives the text of a field. A number conversion takes a text that is no number
    /// as it is.
    pub fn render(&self, mut value: impl FnMut(&str) -> String) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(field) => field.render(&value(&field.name), &mut out),
            }
        }
        out
    }
}

impl Field {
    fn parse<'a>(name: &str, spec: &'a str) -> Result<(Self, &'a str), String> {
        let mut field = Self {
            name: name.to_owned(),
            left: false,
            zero: false,
            plus: false,
            space: false,
            width: 0,
            precision: None,
            conversion: 's',
        };
        let mut rest = spec;
        while let Some(flag) = rest.chars().next().filter(|c| "-0+ #".contains(*c)) {
            match flag {
                '-' => field.left = true,
                '0' => field.zero = true,
                '+' => field.plus = true,
                ' ' => field.space = true,
                _ => {}
            }
            rest = &rest[1..];
        }
        let (width, tail) = digits(rest);
        field.width = width.unwrap_or(0);
        rest = tail;
        if let Some(tail) = rest.strip_prefix('.') {
            let (precision, tail) = digits(tail);
            field.precision = Some(precision.unwrap_or(0));
            rest = tail;
        }
        let Some(conversion) = rest.chars().next().filter(|c| "sdifr".contains(*c)) else {
            return Err(format!(
                "field \"%({name})\" has no conversion letter (s, d or f)"
            ));
        };
        field.conversion = conversion;
        Ok((field, &rest[1..]))
    }

    fn render(&self, value: &str, out: &mut String) {
        let number = value.trim().parse::<f64>().ok();
        let mut text = match (self.conversion, number) {
            // A whole number is kept as text: it may be longer than any number type.
            ('d' | 'i', Some(number)) if value.contains('.') => format!("{number:.0}"),
            ('d' | 'i', Some(_)) => value.trim().to_owned(),
            ('f', Some(number)) => format!("{number:.*}", self.precision.unwrap_or(6)),
            (_, _) => match self.precision {
                Some(limit) => value.chars().take(limit).collect(),
                None => value.to_owned(),
            },
        };
        let numeric = number.is_some() && !matches!(self.conversion, 's' | 'r');
        if numeric && !text.starts_with('-') {
            if self.plus {
                text.insert(0, '+');
            } else if self.space {
                text.insert(0, ' ');
            }
        }
        let width = self.width;
        if self.left {
            let _ = write!(out, "{text:<width$}");
        } else if self.zero && numeric {
            let (sign, digits) = match text.strip_prefix(['-', '+', ' ']) {
                Some(digits) => (&text[..1], digits),
                None => ("", text.as_str()),
            };
            let width = width.saturating_sub(sign.len());
            let _ = write!(out, "{sign}{digits:0>width$}");
        } else {
            let _ = write!(out, "{text:>width$}");
        }
    }
}

fn digits(text: &str) -> (Option<usize>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    // A width beyond a page is a slip; it would only fill memory.
    let number = text[..end].parse::<usize>().ok().map(|width| width.min(4096));
    (number, &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, value: &str) -> String {
        Template::parse(template).unwrap().render(|_| value.to_owned())
    }

    #[test]
    fn fields_are_filled_as_in_python() {
        assert_eq!(render("%(cnt)d rows, 100%%", "17"), "17 rows, 100%");
        assert_eq!(render("[%(x)-6s]", "INFO"), "[INFO  ]");
        assert_eq!(render("[%(x)6s]", "INFO"), "[  INFO]");
        assert_eq!(render("%(x)05d", "-42"), "-0042");
        assert_eq!(render("%(x)+d", "42"), "+42");
        assert_eq!(render("%(x).2f", "1.005"), "1.00");
        assert_eq!(render("%(x)08.3f", "3.14159"), "0003.142");
        assert_eq!(render("%(x).3s", "abcdef"), "abc");
        assert_eq!(
            render("%(x)d", "12345678901234567890123"),
            "12345678901234567890123"
        );
        assert_eq!(render("%(x)d", "None"), "None");
        let template = Template::parse("%(a)s %(b)s").unwrap();
        assert_eq!(template.fields().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn wrong_templates_are_explained() {
        assert_eq!(
            Template::parse("50%").unwrap_err(),
            "a single \"%\" must start a field \"%(name)s\""
        );
        assert_eq!(
            Template::parse("%(cnt)q").unwrap_err(),
            "field \"%(cnt)\" has no conversion letter (s, d or f)"
        );
    }
}
