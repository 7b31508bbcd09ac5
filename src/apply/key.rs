//! When two texts of a key are the same key: decided here as the destination's type decides it, or not at all.
//!
//! Changes of one row may be merged only if it is certain that they are of one row. So a value is brought into a form in
//! which equal values are equal bytes; where the type or the text leaves a doubt there is no such form, and the table is
//! replayed row by row.

/// Types whose equality is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// `int2`, `int4`, `int8`.
    Integer,
    /// `oid`.
    Oid,
    /// `text`, and `varchar` with its length, with a deterministic collation; an enum's labels.
    Text(Option<u32>),
    /// `char(n)`: trailing blanks mean nothing.
    Padded,
    /// `uuid`.
    Uuid,
    /// `bool`.
    Bool,
    /// `date`.
    Date,
    /// `timestamp`, with its digits after the point.
    Timestamp(u32),
    /// `bytea`.
    Bytea,
    /// `numeric`, with its scale.
    Numeric(Option<u32>),
}

impl KeyKind {
    /// The kind of a column's type: its oid and modifier, whether it is an enum, and whether the column's collation
    /// takes different texts for different.
    pub fn of(type_oid: u32, modifier: i32, is_enum: bool, deterministic: bool) -> Option<Self> {
        let positive = u32::try_from(modifier).ok();
        Some(match type_oid {
            _ if is_enum => Self::Text(None),
            20 | 21 | 23 => Self::Integer,
            26 => Self::Oid,
            25 if deterministic => Self::Text(None),
            // A length is stored with four more.
            1043 if deterministic => Self::Text(positive.map(|modifier| modifier.saturating_sub(4))),
            1042 if deterministic => Self::Padded,
            2950 => Self::Uuid,
            16 => Self::Bool,
            1082 => Self::Date,
            1114 => Self::Timestamp(positive.unwrap_or(6)),
            17 => Self::Bytea,
            1700 => match positive {
                None => Self::Numeric(None),
                // Precision in the upper, scale in the lower half; a negative scale, of PostgreSQL 15, has 11 bits.
                Some(modifier) => {
                    let scale = modifier.saturating_sub(4) & 0x7ff;
                    if scale > 1000 {
                        return None;
                    }
                    Self::Numeric(Some(scale))
                }
            },
            _ => return None,
        })
    }

    /// Appends a form of `text` that equal values share, and that sorts about as an index does. False when it is not
    /// certain that there is one.
    pub fn canonical(self, text: &str, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Integer => integer(text, out),
            Self::Oid => match digits(text).then(|| text.parse::<u32>()) {
                Some(Ok(number)) => {
                    out.extend_from_slice(&number.to_be_bytes());
                    true
                }
                _ => false,
            },
            Self::Text(None) => {
                push_text(text, out);
                true
            }
            Self::Text(Some(limit)) => {
                push_text(text, out);
                // A longer one loses its trailing blanks when it is stored.
                text.len() <= limit as usize || text.chars().count() <= limit as usize
            }
            Self::Padded => {
                push_text(text.trim_end_matches(' '), out);
                true
            }
            Self::Uuid => uuid(text, out),
            Self::Bool => match text {
                "t" | "true" => {
                    out.push(1);
                    true
                }
                "f" | "false" => {
                    out.push(0);
                    true
                }
                _ => false,
            },
            Self::Date => {
                out.extend_from_slice(text.as_bytes());
                is_date(text.as_bytes())
            }
            Self::Timestamp(places) => timestamp(text, places as usize, out),
            Self::Bytea => bytea(text, out),
            Self::Numeric(scale) => numeric(text, scale, out),
        }
    }
}

/// Length first would spoil the order; a zero byte cannot occur in a text of the server.
fn push_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn integer(text: &str, out: &mut Vec<u8>) -> bool {
    if !digits(text.strip_prefix('-').unwrap_or(text)) {
        return false;
    }
    let Ok(number) = text.parse::<i64>() else {
        return false;
    };
    out.extend_from_slice(&((number as u64) ^ (1 << 63)).to_be_bytes());
    true
}

fn uuid(text: &str, out: &mut Vec<u8>) -> bool {
    let bytes = text.as_bytes();
    let well_formed = bytes.len() == 36
        && bytes.iter().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    out.extend(bytes.iter().map(u8::to_ascii_lowercase));
    well_formed
}

/// `2001-02-03`: four digits for the year, no era.
fn is_date(bytes: &[u8]) -> bool {
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(position, byte)| match position {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// `2001-02-03 04:05:06.789`, or with a T as JSON has it.
fn timestamp(text: &str, places: usize, out: &mut Vec<u8>) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 19 || !is_date(&bytes[..10]) || !matches!(bytes[10], b' ' | b'T') {
        return false;
    }
    let time_fits = bytes[11..19]
        .iter()
        .enumerate()
        .all(|(position, byte)| match position {
            2 | 5 => *byte == b':',
            _ => byte.is_ascii_digit(),
        });
    // 24:00 and a leap second are other texts for another moment.
    let usual = &bytes[11..13] < b"24".as_slice() && &bytes[17..19] < b"60".as_slice();
    let fraction_fits = match &bytes[19..] {
        [] => true,
        [b'.', fraction @ ..] => {
            !fraction.is_empty()
                && fraction.len() <= places
                && fraction.iter().all(u8::is_ascii_digit)
                && !fraction.ends_with(b"0")
        }
        _ => false,
    };
    out.extend_from_slice(&bytes[..10]);
    out.push(b' ');
    out.extend_from_slice(&bytes[11..]);
    out.push(0);
    time_fits && usual && fraction_fits
}

fn bytea(text: &str, out: &mut Vec<u8>) -> bool {
    let Some(hex) = text.strip_prefix("\\x") else {
        return false;
    };
    out.extend(hex.bytes().map(|byte| byte.to_ascii_lowercase()));
    out.push(0);
    hex.len() % 2 == 0 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn numeric(text: &str, scale: Option<u32>, out: &mut Vec<u8>) -> bool {
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", text),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if digits(fraction) => (whole, fraction),
        Some(_) => return false,
        None => (number, ""),
    };
    if !digits(whole) {
        return false;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    // More digits than the column keeps would be rounded.
    if scale.is_some_and(|scale| fraction.len() > scale as usize) {
        return false;
    }
    if !(whole.is_empty() && fraction.is_empty()) {
        out.extend_from_slice(sign.as_bytes());
    }
    out.extend_from_slice(whole.as_bytes());
    out.push(b'.');
    out.extend_from_slice(fraction.as_bytes());
    out.push(0);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(kind: KeyKind, text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        kind.canonical(text, &mut out).then_some(out)
    }

    #[test]
    fn equal_values_have_one_form() {
        use KeyKind::*;
        let same: &[(KeyKind, &[&str])] = &[
            (Integer, &["7", "007"]),
            (Integer, &["0", "-0"]),
            (Padded, &["ab", "ab  "]),
            (Bool, &["t", "true"]),
            (
                Uuid,
                &[
                    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                    "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                ],
            ),
            (Timestamp(6), &["2001-02-03 04:05:06.7", "2001-02-03T04:05:06.7"]),
            (Bytea, &["\\xab", "\\xAB"]),
            (Numeric(None), &["1.5", "1.500", "001.5"]),
            (Numeric(Some(2)), &["0", "-0", "0.00", "00"]),
        ];
        for (kind, texts) in same {
            let first = form(*kind, texts[0]).unwrap();
            for text in *texts {
                assert_eq!(form(*kind, text).as_ref(), Some(&first), "{text}");
            }
        }
    }

    #[test]
    fn other_values_have_another() {
        use KeyKind::*;
        for (kind, texts) in [
            (Integer, ["7", "-7"]),
            (Text(None), ["a", "a "]),
            (Numeric(None), ["1.5", "-1.5"]),
            (Numeric(None), ["15", "1.5"]),
            (Date, ["2001-02-03", "2001-02-04"]),
            (Timestamp(6), ["2001-02-03 04:05:06", "2001-02-03 04:05:06.1"]),
        ] {
            assert_ne!(form(kind, texts[0]).unwrap(), form(kind, texts[1]).unwrap());
        }
    }

    #[test]
    fn doubt_is_no_form() {
        use KeyKind::*;
        for (kind, text) in [
            (Integer, ""),
            (Integer, " 7"),
            (Integer, "+7"),
            (Integer, "0x7"),
            (Integer, "99999999999999999999"),
            (Oid, "-1"),
            (Text(Some(2)), "ab "),
            (Bool, "yes"),
            (Uuid, "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"),
            (Date, "infinity"),
            (Date, "0044-03-15 BC"),
            (Timestamp(6), "2001-02-03 24:00:00"),
            (Timestamp(6), "2001-02-03 04:05:06.10"),
            (Timestamp(0), "2001-02-03 04:05:06.1"),
            (Timestamp(6), "2001-02-03"),
            (Bytea, "ab"),
            (Bytea, "\\xa"),
            (Numeric(None), "NaN"),
            (Numeric(None), "1e5"),
            (Numeric(None), "."),
            (Numeric(Some(1)), "1.25"),
        ] {
            assert_eq!(form(kind, text), None, "{text}");
        }
    }

    #[test]
    fn types_whose_equality_is_not_known() {
        assert_eq!(KeyKind::of(25, -1, false, true), Some(KeyKind::Text(None)));
        assert_eq!(KeyKind::of(1043, 24, false, true), Some(KeyKind::Text(Some(20))));
        assert_eq!(
            KeyKind::of(1700, (10 << 16 | 2) + 4, false, true),
            Some(KeyKind::Numeric(Some(2)))
        );
        // Nondeterministic collation, float8, timestamptz.
        for (oid, deterministic) in [(25, false), (701, true), (1184, true)] {
            assert_eq!(KeyKind::of(oid, -1, false, deterministic), None);
        }
    }

    #[test]
    fn numbers_sort_as_numbers() {
        let mut forms: Vec<_> = ["-20", "-3", "0", "5", "40"]
            .map(|text| form(KeyKind::Integer, text))
            .into();
        let sorted = forms.clone();
        forms.reverse();
        forms.sort();
        assert_eq!(forms, sorted);
    }
}
