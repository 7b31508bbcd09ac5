//! The attribute block of a script: on which nodes it runs (londiste.md 6.5).

use crate::error::{Error, Result};
use crate::pgq::urldict;

/// A condition's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// The table is attached on this node.
    LocalTable,
    /// The sequence is attached on this node.
    LocalSequence,
    /// The table is attached and its local table exists.
    LocalDestination,
    /// The table exists in the database.
    NeedTable,
    /// The sequence exists in the database.
    NeedSequence,
    /// The view exists in the database.
    NeedView,
    /// The function exists: `name(number of arguments)`.
    NeedFunction,
    /// The schema exists.
    NeedSchema,
}

const SPELLINGS: [(&str, Attribute); 8] = [
    ("local-table", Attribute::LocalTable),
    ("local-sequence", Attribute::LocalSequence),
    ("local-destination", Attribute::LocalDestination),
    ("need-table", Attribute::NeedTable),
    ("need-sequence", Attribute::NeedSequence),
    ("need-view", Attribute::NeedView),
    ("need-function", Attribute::NeedFunction),
    ("need-schema", Attribute::NeedSchema),
];

/// A condition that was looked up on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its kind.
    pub attribute: Attribute,
    /// The object it names.
    pub value: String,
    /// Whether it is so here.
    pub holds: bool,
}

/// The conditions of a script, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(Attribute, String)>);

impl Attributes {
    /// Reads the form that travels in the event: `local-table=t1%2ct2&need-function=...`.
    pub fn parse_stored(text: &str) -> Result<Self> {
        let mut list = Vec::new();
        for (key, values) in urldict::decode(text)? {
            let attribute = spelled(&key)?;
            for value in values
                .as_deref()
                .unwrap_or("")
                .split(',')
                .map(str::trim)
                .filter(|v| !v.is_empty())
            {
                list.push((attribute, value.to_owned()));
            }
        }
        Ok(Self(list))
    }

    /// Kind and object of each condition.
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &str)> {
        self.0
            .iter()
            .map(|(attribute, value)| (*attribute, value.as_str()))
    }
}

fn spelled(key: &str) -> Result<Attribute> {
    let key = key.to_ascii_lowercase();
    SPELLINGS
        .iter()
        .find(|(spelling, _)| *spelling == key)
        .map(|(_, attribute)| *attribute)
        .ok_or_else(|| {
            let known: Vec<&str> = SPELLINGS.iter().map(|(spelling, _)| *spelling).collect();
            Error::refused(format!("unknown attribute \"{key}\" of a script"))
                .with_detail(format!("known are {}", known.join(", ")))
        })
}

/// Name and number of arguments of `f(n)`; 0 without parentheses.
pub fn function_signature(text: &str) -> Result<(&str, i32)> {
    match text.split_once('(') {
        None => Ok((text, 0)),
        Some((name, rest)) => {
            let count = rest.trim_end_matches(')').trim();
            let count = if count.is_empty() {
                Some(0)
            } else {
                count.parse().ok()
            };
            count.map(|count| (name.trim(), count)).ok_or_else(|| {
                Error::refused(format!(
                    "\"{text}\" is no function with a number of arguments, as in f(2)"
                ))
            })
        }
    }
}

/// Whether the script runs here: without conditions or when all hold yes, when none holds no.
///
/// # Errors
/// A mixture: the script was written for nodes that have all of its objects or none.
pub fn decide(conditions: &[Condition]) -> Result<bool> {
    let holding = conditions.iter().filter(|condition| condition.holds).count();
    if holding == conditions.len() {
        return Ok(true);
    }
    if holding == 0 {
        return Ok(false);
    }
    let list = |holds: bool| {
        let names: Vec<&str> = conditions
            .iter()
            .filter(|c| c.holds == holds)
            .map(|c| c.value.as_str())
            .collect();
        names.join(", ")
    };
    Err(Error::refused("only a part of the conditions holds on this node")
        .with_detail(format!("here: {}; not here: {}", list(true), list(false)))
        .with_hint("attach or create the missing objects, or insert the script's name into londiste.applied_execute to skip it here"))
}

/// Replaces `@name@` by the local name.
pub fn substitute(script: &str, names: &[(String, String)]) -> String {
    names.iter().fold(script.to_owned(), |text, (name, local)| {
        text.replace(&format!("@{name}@"), local)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_attributes_are_lists() {
        let attributes = Attributes::parse_stored("local-table=t1%2ct2&need-function=f%282%29").unwrap();
        let list: Vec<_> = attributes.iter().collect();
        assert_eq!(
            list,
            [
                (Attribute::LocalTable, "t1"),
                (Attribute::LocalTable, "t2"),
                (Attribute::NeedFunction, "f(2)")
            ]
        );
        assert!(Attributes::parse_stored("local-tabel=x").is_err());
        assert_eq!(function_signature("f(2)").unwrap(), ("f", 2));
        assert_eq!(function_signature("f").unwrap(), ("f", 0));
    }

    #[test]
    fn all_some_or_none() {
        let condition = |holds| Condition {
            attribute: Attribute::NeedTable,
            value: format!("t_{holds}"),
            holds,
        };
        assert!(decide(&[]).unwrap());
        assert!(decide(&[condition(true), condition(true)]).unwrap());
        assert!(!decide(&[condition(false)]).unwrap());
        assert_eq!(
            decide(&[condition(true), condition(false)]).unwrap_err().detail(),
            Some("here: t_true; not here: t_false")
        );
    }

    #[test]
    fn names_are_put_in() {
        assert_eq!(
            substitute(
                "alter table @t@ add x int",
                &[("t".to_owned(), "public.\"T\"".to_owned())]
            ),
            "alter table public.\"T\" add x int"
        );
    }
}
