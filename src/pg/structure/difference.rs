//! What is different between the provider's table and the subscriber's, and how much it matters.

use super::{Column, ConstraintKind, Index, TableStructure};
use crate::pg::quote_ident;

/// How much a difference matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Rows arrive; something is worth knowing (an index is missing).
    Notable,
    /// Some rows may be refused, or a value may be lost.
    Risky,
    /// The first row will fail.
    Blocking,
}

/// One difference, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// How much it matters.
    pub severity: Severity,
    /// What is different, names quoted: `column "x" is missing here`.
    pub text: String,
}

impl Difference {
    fn new(severity: Severity, text: String) -> Self {
        Self { severity, text }
    }
}

impl TableStructure {
    /// Compares this table, on the subscriber, with the `provider`'s: columns and types, then keys, then indexes.
    /// Triggers are left to the caller, who knows which ones belong to which kind of node.
    pub fn differences_from(&self, provider: &TableStructure) -> Vec<Difference> {
        let mut found = Vec::new();
        self.column_differences(provider, &mut found);
        self.key_differences(provider, &mut found);
        self.index_differences(provider, &mut found);
        found
    }

    fn column_differences(&self, provider: &TableStructure, found: &mut Vec<Difference>) {
        for theirs in &provider.columns {
            match self.column(&theirs.name) {
                Some(ours) => column_pair(ours, theirs, found),
                None if theirs.generated.is_some() => found.push(Difference::new(
                    Severity::Notable,
                    format!(
                        "generated column \"{}\" of the provider is missing here",
                        theirs.name
                    ),
                )),
                None => found.push(Difference::new(
                    Severity::Blocking,
                    format!(
                        "column \"{}\" ({}) is missing here",
                        theirs.name, theirs.type_name
                    ),
                )),
            }
        }
        for ours in self.columns.iter().filter(|c| provider.column(&c.name).is_none()) {
            let fills_itself = ours.default.is_some() || ours.identity.is_some() || ours.generated.is_some();
            found.push(if ours.not_null && !fills_itself {
                Difference::new(
                    Severity::Blocking,
                    format!(
                        "column \"{}\" is NOT NULL without a default here and is missing on the provider",
                        ours.name
                    ),
                )
            } else {
                Difference::new(
                    Severity::Notable,
                    format!("column \"{}\" is missing on the provider", ours.name),
                )
            });
        }
    }

    fn key_differences(&self, provider: &TableStructure, found: &mut Vec<Difference>) {
        let (ours, theirs) = (self.primary_key(), provider.primary_key());
        if ours != theirs {
            found.push(Difference::new(
                Severity::Risky,
                format!(
                    "primary key is {} here and {} on the provider",
                    key_words(ours),
                    key_words(theirs)
                ),
            ));
        }
        for constraint in &self.constraints {
            let there = provider
                .constraints
                .iter()
                .any(|c| c.kind == constraint.kind && c.definition == constraint.definition);
            let unique_there = constraint.kind == ConstraintKind::Unique
                && self
                    .indexes
                    .iter()
                    .find(|i| Some(i.oid) == constraint.index)
                    .is_some_and(|index| provider.indexes.iter().any(|i| same_index(i, index)));
            let word = match constraint.kind {
                ConstraintKind::Unique => "unique constraint",
                ConstraintKind::Exclusion => "exclusion constraint",
                ConstraintKind::Check => "check constraint",
                // Foreign keys are taken off and put back by the worker; keys are compared above.
                ConstraintKind::Primary | ConstraintKind::Foreign => continue,
            };
            if !there && !unique_there {
                found.push(Difference::new(
                    Severity::Risky,
                    format!(
                        "{word} \"{}\" is missing on the provider: it may refuse rows here",
                        constraint.name
                    ),
                ));
            }
        }
    }

    fn index_differences(&self, provider: &TableStructure, found: &mut Vec<Difference>) {
        for theirs in provider.indexes.iter().filter(|i| i.is_valid && !i.is_primary) {
            if !self
                .indexes
                .iter()
                .any(|ours| ours.is_valid && same_index(ours, theirs))
            {
                found.push(Difference::new(
                    Severity::Notable,
                    format!("index \"{}\" of the provider is missing here", theirs.name),
                ));
            }
        }
        for ours in self.indexes.iter().filter(|i| i.is_unique && !i.is_primary) {
            let told = self.constraint_of(ours).is_some();
            if !told && !provider.indexes.iter().any(|theirs| same_index(theirs, ours)) {
                found.push(Difference::new(
                    Severity::Risky,
                    format!(
                        "unique index \"{}\" is missing on the provider: it may refuse rows here",
                        ours.name
                    ),
                ));
            }
        }
        for ours in self.indexes.iter().filter(|i| !i.is_valid) {
            found.push(Difference::new(
                Severity::Notable,
                format!("index \"{}\" is not valid here", ours.name),
            ));
        }
    }
}

fn same_index(a: &Index, b: &Index) -> bool {
    a.is_unique == b.is_unique && without_storage(&a.tail) == without_storage(&b.tail)
}

/// An index definition without its storage parameters.
fn without_storage(tail: &str) -> String {
    match tail.find(" WITH (") {
        Some(start) => {
            let end = tail[start..]
                .find(')')
                .map_or(tail.len(), |length| start + length + 1);
            format!("{}{}", &tail[..start], &tail[end..])
        }
        None => tail.to_owned(),
    }
}

fn key_words(columns: &[String]) -> String {
    if columns.is_empty() {
        return "missing".to_owned();
    }
    let quoted: Vec<String> = columns.iter().map(|c| quote_ident(c)).collect();
    format!("({})", quoted.join(", "))
}

fn column_pair(ours: &Column, theirs: &Column, found: &mut Vec<Difference>) {
    if ours.type_name != theirs.type_name {
        found.push(Difference::new(
            type_severity(&theirs.type_name, &ours.type_name),
            format!(
                "column \"{}\" is {} here and {} on the provider",
                ours.name, ours.type_name, theirs.type_name
            ),
        ));
    }
    match (ours.generated.is_some(), theirs.generated.is_some()) {
        (true, false) => found.push(Difference::new(
            Severity::Blocking,
            format!(
                "column \"{}\" is generated here but not on the provider",
                ours.name
            ),
        )),
        (false, true) => found.push(Difference::new(
            Severity::Risky,
            format!(
                "column \"{}\" is generated on the provider but not here: the copy leaves it empty",
                ours.name
            ),
        )),
        (true, true) if ours.default != theirs.default => found.push(Difference::new(
            Severity::Risky,
            format!(
                "generated column \"{}\" has another expression than on the provider",
                ours.name
            ),
        )),
        _ => {}
    }
    if ours.not_null && !theirs.not_null {
        found.push(Difference::new(
            Severity::Risky,
            format!(
                "column \"{}\" is NOT NULL here but not on the provider",
                ours.name
            ),
        ));
    }
    if ours.collation != theirs.collation {
        let words = |c: &Column| c.collation.clone().unwrap_or_else(|| "the default".to_owned());
        found.push(Difference::new(
            Severity::Notable,
            format!(
                "collation of column \"{}\" is {} here and {} on the provider",
                ours.name,
                words(ours),
                words(theirs)
            ),
        ));
    }
}

/// Whether values of the provider's type fit into ours: all of them, some, or hardly any.
fn type_severity(from: &str, into: &str) -> Severity {
    let (from_base, from_size) = split_modifier(from);
    let (into_base, into_size) = split_modifier(into);
    if from_base == into_base {
        return match (from_size, into_size) {
            (_, None) => Severity::Notable,
            (Some(from), Some(into)) if sizes_fit(&from, &into) => Severity::Notable,
            _ => Severity::Risky,
        };
    }
    // Any value has a text form.
    let is_text = |base: &str| matches!(base, "text" | "character varying");
    if is_text(&into_base) && !into_base.ends_with("[]") {
        return if into_size.is_none() {
            Severity::Notable
        } else {
            Severity::Risky
        };
    }
    let rank = |base: &str| match base {
        "smallint" => Some(1),
        "integer" => Some(2),
        "bigint" => Some(3),
        "numeric" => Some(4),
        _ => None,
    };
    match (rank(&from_base), rank(&into_base)) {
        (Some(from), Some(into)) if from < into && into_size.is_none() => return Severity::Notable,
        (Some(_), Some(_)) => return Severity::Risky,
        _ => {}
    }
    match (from_base.as_str(), into_base.as_str()) {
        ("real", "double precision") | ("json", "jsonb") | ("jsonb", "json") | ("cidr", "inet") => {
            Severity::Notable
        }
        (f, "double precision" | "real") if rank(f).is_some() => Severity::Risky,
        ("character varying" | "character", "character varying" | "character") => Severity::Risky,
        ("timestamp with time zone", "timestamp without time zone")
        | ("timestamp without time zone", "timestamp with time zone")
        | ("date", "timestamp without time zone" | "timestamp with time zone") => Severity::Risky,
        _ => Severity::Blocking,
    }
}

/// `numeric(10,2)` into `numeric` and its numbers; the modifier may stand in the middle (`timestamp(3) with time zone`).
fn split_modifier(name: &str) -> (String, Option<Vec<i64>>) {
    let Some(open) = name.find('(') else {
        return (name.to_owned(), None);
    };
    let Some(close) = name[open..].find(')').map(|length| open + length) else {
        return (name.to_owned(), None);
    };
    let numbers: Option<Vec<i64>> = name[open + 1..close]
        .split(',')
        .map(|n| n.trim().parse().ok())
        .collect();
    match numbers {
        Some(numbers) => (format!("{}{}", &name[..open], &name[close + 1..]), Some(numbers)),
        None => (name.to_owned(), None),
    }
}

/// Whether the digits or characters of `from` fit into `into`.
fn sizes_fit(from: &[i64], into: &[i64]) -> bool {
    match (from, into) {
        ([from], [into]) => from <= into,
        ([from, from_scale], [into, into_scale]) => {
            from_scale <= into_scale && from - from_scale <= into - into_scale
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_take_every_value_are_only_notable() {
        for (from, into, severity) in [
            ("integer", "bigint", Severity::Notable),
            ("integer", "text", Severity::Notable),
            ("mood", "text", Severity::Notable),
            ("bigint", "integer", Severity::Risky),
            ("numeric(10,2)", "numeric", Severity::Notable),
            ("numeric(10,2)", "numeric(12,2)", Severity::Notable),
            ("numeric(10,2)", "numeric(10,4)", Severity::Risky),
            (
                "character varying(10)",
                "character varying(20)",
                Severity::Notable,
            ),
            ("character varying(20)", "character varying(10)", Severity::Risky),
            (
                "timestamp(3) with time zone",
                "timestamp with time zone",
                Severity::Notable,
            ),
            ("text", "integer", Severity::Blocking),
            ("integer[]", "integer", Severity::Blocking),
        ] {
            assert_eq!(type_severity(from, into), severity, "{from} into {into}");
        }
    }

    #[test]
    fn storage_parameters_do_not_make_an_index_another_one() {
        assert_eq!(
            without_storage("USING btree (a) WITH (fillfactor='50') WHERE (b > 1)"),
            "USING btree (a) WHERE (b > 1)"
        );
    }
}
