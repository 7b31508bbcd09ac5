//! From a row change to the text of a statement with parameters.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::row::Op;
use super::target::{Target, TargetColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::quote_ident;

type Columns<'a> = [(Cow<'a, str>, Option<Cow<'a, str>>)];

/// A statement and the values for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Built {
    /// Text with `$n`.
    pub sql: String,
    /// Values in order, as text.
    pub params: Vec<Option<String>>,
    /// Whether exactly one row should be touched.
    pub expects_row: bool,
}

/// Builds the statements of one row change: none when it changes nothing here, two where there are identity columns
/// that may not be updated: one for the row that has their values already, one for the row that has not.
///
/// # Errors
/// When the event has a column that the table lacks, or no key for an update or delete.
pub fn build(target: &Target, op: Op, key: &[Cow<'_, str>], columns: &Columns<'_>) -> Result<Vec<Built>> {
    let is_key = |name: &str| key.iter().any(|k| k == name);
    for (name, _) in columns {
        column(target, name)?;
    }
    Ok(match op {
        Op::Insert => vec![insert(target, columns)?],
        Op::Delete => vec![delete(target, key, columns)?],
        Op::Update => {
            let (fixed, set): (Vec<_>, Vec<_>) = columns
                .iter()
                .filter(|(name, _)| !is_key(name) && !target.columns[&**name].generated)
                .partition(|(name, _)| target.columns[&**name].identity_always);
            if fixed.is_empty() {
                update(target, key, columns, &set, &[])?.into_iter().collect()
            } else {
                let mut built: Vec<_> = update(target, key, columns, &set, &fixed)?.into_iter().collect();
                built.push(replace(target, key, columns, &fixed)?);
                built
            }
        }
    })
}

type Column<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

/// An update of `set`, of the row whose columns `fixed` have the event's values already; none where nothing is set.
fn update(
    target: &Target,
    key: &[Cow<'_, str>],
    columns: &Columns<'_>,
    set: &[&Column<'_>],
    fixed: &[&Column<'_>],
) -> Result<Option<Built>> {
    if set.is_empty() {
        return Ok(None);
    }
    let mut sql = format!("update {}{} set ", target.only, target.quoted);
    let mut params = Vec::with_capacity(columns.len());
    for (position, (name, value)) in set.iter().enumerate() {
        if position > 0 {
            sql.push_str(", ");
        }
        params.push(value.as_deref().map(str::to_owned));
        write!(sql, "{} = ${}", quote_ident(name), params.len()).expect("a string takes all");
    }
    condition(&mut sql, &mut params, target, key, columns)?;
    for (name, value) in fixed {
        params.push(value.as_deref().map(str::to_owned));
        write!(
            sql,
            " and {} is not distinct from ${}",
            quote_ident(name),
            params.len()
        )
        .expect("a string takes all");
    }
    Ok(Some(Built {
        sql,
        params,
        expects_row: fixed.is_empty(),
    }))
}

/// Puts a new row in the place of one whose columns `fixed`, which no update may set, have other values. Columns that
/// only this node has get their defaults.
fn replace(
    target: &Target,
    key: &[Cow<'_, str>],
    columns: &Columns<'_>,
    fixed: &[&Column<'_>],
) -> Result<Built> {
    let mut params = Vec::new();
    let mut sql = format!("with gone as (delete from {}{}", target.only, target.quoted);
    condition(&mut sql, &mut params, target, key, columns)?;
    for (position, (name, value)) in fixed.iter().enumerate() {
        sql.push_str(if position == 0 { " and (" } else { " or " });
        params.push(value.as_deref().map(str::to_owned));
        write!(sql, "{} is distinct from ${}", quote_ident(name), params.len()).expect("a string takes all");
    }
    sql.push_str(") returning 1) ");
    let (mut names, mut values) = (String::new(), String::new());
    for (name, value) in columns {
        let column = column(target, name)?;
        if column.generated {
            continue;
        }
        if !names.is_empty() {
            names.push_str(", ");
            values.push_str(", ");
        }
        params.push(value.as_deref().map(str::to_owned));
        names.push_str(&quote_ident(name));
        write!(values, "${}::{}", params.len(), column.type_name).expect("a string takes all");
    }
    write!(
        sql,
        "insert into {} ({names}) overriding system value select {values} from gone",
        target.quoted
    )
    .expect("a string takes all");
    Ok(Built {
        sql,
        params,
        expects_row: false,
    })
}

/// The tail of an insert, `(c1,c2) values (...)`, that overrides identity columns.
pub fn overriding(tail: &str) -> String {
    let mut quoted = false;
    let end = tail.char_indices().find_map(|(position, c)| {
        match c {
            '"' => quoted = !quoted,
            ')' if !quoted => return Some(position + 1),
            _ => {}
        }
        None
    });
    match end {
        Some(end) => format!("{} overriding system value{}", &tail[..end], &tail[end..]),
        None => tail.to_owned(),
    }
}

fn column<'t>(target: &'t Target, name: &str) -> Result<&'t TargetColumn> {
    target.columns.get(name).ok_or_else(|| {
        Error::new(
            ErrorKind::Database,
            format!("table \"{}\" has no column \"{name}\"", target.name),
        )
        .with_detail("the event carries a value for it")
        .with_hint("add the column on this node: replay then goes on by itself")
    })
}

fn insert(target: &Target, columns: &Columns<'_>) -> Result<Built> {
    let (mut names, mut values) = (String::new(), String::new());
    let mut params = Vec::with_capacity(columns.len());
    let mut overriding = "";
    for (name, value) in columns {
        let column = column(target, name)?;
        if column.generated {
            continue;
        }
        if column.identity_always {
            overriding = " overriding system value";
        }
        if !params.is_empty() {
            names.push_str(", ");
            values.push_str(", ");
        }
        params.push(value.as_deref().map(str::to_owned));
        names.push_str(&quote_ident(name));
        write!(values, "${}", params.len()).expect("a string takes all");
    }
    let sql = if params.is_empty() {
        format!("insert into {} default values", target.quoted)
    } else {
        format!(
            "insert into {} ({names}){overriding} values ({values})",
            target.quoted
        )
    };
    Ok(Built {
        sql,
        params,
        expects_row: true,
    })
}

fn delete(target: &Target, key: &[Cow<'_, str>], columns: &Columns<'_>) -> Result<Built> {
    let mut sql = format!("delete from {}{}", target.only, target.quoted);
    let mut params = Vec::with_capacity(key.len());
    condition(&mut sql, &mut params, target, key, columns)?;
    Ok(Built {
        sql,
        params,
        expects_row: true,
    })
}

fn condition(
    sql: &mut String,
    params: &mut Vec<Option<String>>,
    target: &Target,
    key: &[Cow<'_, str>],
    columns: &Columns<'_>,
) -> Result<()> {
    if key.is_empty() {
        return Err(Error::new(
            ErrorKind::Database,
            format!("a change of table \"{}\" names no key columns", target.name),
        )
        .with_hint(
            "only inserts can be replicated without a key: give the table a primary key on the root",
        ));
    }
    for (position, name) in key.iter().enumerate() {
        sql.push_str(if position == 0 { " where " } else { " and " });
        let value = columns
            .iter()
            .find(|(column, _)| column == name)
            .map(|(_, value)| value)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Database,
                    format!(
                        "a change of table \"{}\" lacks the key column \"{name}\"",
                        target.name
                    ),
                )
            })?;
        let column = column(target, name)?;
        sql.push_str(&quote_ident(name));
        match value {
            Some(value) => {
                params.push(Some(value.clone().into_owned()));
                write!(sql, " = ${}", params.len()).expect("a string takes all");
                if column.composite {
                    write!(sql, "::{}", column.type_name).expect("a string takes all");
                }
            }
            None => sql.push_str(" is null"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        let plain = TargetColumn {
            generated: false,
            identity_always: false,
            type_name: "integer".to_owned(),
            ..TargetColumn::default()
        };
        Target {
            name: "public.t".to_owned(),
            quoted: "public.t".to_owned(),
            only: "only ",
            columns: [
                ("id".to_owned(), plain.clone()),
                ("k".to_owned(), plain.clone()),
                ("Mixed".to_owned(), plain.clone()),
                (
                    "twice".to_owned(),
                    TargetColumn {
                        generated: true,
                        ..plain.clone()
                    },
                ),
                (
                    "nr".to_owned(),
                    TargetColumn {
                        identity_always: true,
                        ..plain
                    },
                ),
            ]
            .into(),
            ..Target::default()
        }
    }

    fn pairs<'a>(list: &[(&'a str, Option<&'a str>)]) -> Vec<(Cow<'a, str>, Option<Cow<'a, str>>)> {
        list.iter()
            .map(|(k, v)| ((*k).into(), v.map(Into::into)))
            .collect()
    }

    fn sql(op: Op, key: &[&str], columns: &[(&str, Option<&str>)]) -> Vec<String> {
        let key: Vec<Cow<'_, str>> = key.iter().map(|k| (*k).into()).collect();
        build(&target(), op, &key, &pairs(columns))
            .unwrap()
            .into_iter()
            .map(|b| b.sql)
            .collect()
    }

    #[test]
    fn statements_of_each_kind() {
        let row = [
            ("id", Some("1")),
            ("k", None),
            ("Mixed", Some("x")),
            ("twice", Some("2")),
        ];
        assert_eq!(
            sql(Op::Insert, &["id"], &row),
            ["insert into public.t (id, k, \"Mixed\") values ($1, $2, $3)"]
        );
        assert_eq!(
            sql(Op::Update, &["id"], &row),
            ["update only public.t set k = $1, \"Mixed\" = $2 where id = $3"]
        );
        assert_eq!(
            sql(Op::Delete, &["id", "k"], &row),
            ["delete from only public.t where id = $1 and k is null"]
        );
    }

    #[test]
    fn an_update_of_a_key_only_table_does_nothing() {
        assert!(sql(Op::Update, &["id"], &[("id", Some("1"))]).is_empty());
    }

    #[test]
    fn identity_always_is_overridden_and_never_updated() {
        let row = [("id", Some("1")), ("nr", Some("7"))];
        assert_eq!(
            sql(Op::Update, &["id"], &row),
            [
                "with gone as (delete from only public.t where id = $1 and (nr is distinct from $2) returning 1) \
                 insert into public.t (id, nr) overriding system value select $3::integer, $4::integer from gone"
            ]
        );
        let row = [("id", Some("1")), ("k", Some("2")), ("nr", Some("7"))];
        assert_eq!(
            sql(Op::Update, &["id"], &row)[0],
            "update only public.t set k = $1 where id = $2 and nr is not distinct from $3"
        );
        assert_eq!(
            overriding("(a,\"b)\"\")\") values ('x')"),
            "(a,\"b)\"\")\") overriding system value values ('x')"
        );
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = build(&target(), Op::Insert, &[], &pairs(&[("new", Some("1"))])).unwrap_err();
        assert_eq!(error.message(), "table \"public.t\" has no column \"new\"");
    }
}
