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

/// Builds the statements of one row change: none when it changes nothing here, two when an identity column that may
/// not be updated forces a delete and an insert.
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
            let set: Vec<_> = columns
                .iter()
                .filter(|(name, _)| !is_key(name) && !target.columns[&**name].generated)
                .collect();
            if set.is_empty() {
                vec![]
            } else if set
                .iter()
                .any(|(name, _)| target.columns[&**name].identity_always)
            {
                vec![delete(target, key, columns)?, insert(target, columns)?]
            } else {
                let mut sql = format!("update {}{} set ", target.only, target.quoted);
                let mut params = Vec::with_capacity(columns.len());
                for (position, (name, value)) in set.into_iter().enumerate() {
                    if position > 0 {
                        sql.push_str(", ");
                    }
                    params.push(value.as_deref().map(str::to_owned));
                    write!(sql, "{} = ${}", quote_ident(name), params.len()).expect("a string takes all");
                }
                condition(&mut sql, &mut params, target, key, columns)?;
                vec![Built {
                    sql,
                    params,
                    expects_row: true,
                }]
            }
        }
    })
}

fn column(target: &Target, name: &str) -> Result<TargetColumn> {
    target.columns.get(name).copied().ok_or_else(|| {
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
        column(target, name)?;
        sql.push_str(&quote_ident(name));
        match value {
            Some(value) => {
                params.push(Some(value.clone().into_owned()));
                write!(sql, " = ${}", params.len()).expect("a string takes all");
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
        };
        Target {
            name: "public.t".to_owned(),
            quoted: "public.t".to_owned(),
            only: "only ",
            columns: [
                ("id".to_owned(), plain),
                ("k".to_owned(), plain),
                ("Mixed".to_owned(), plain),
                (
                    "twice".to_owned(),
                    TargetColumn {
                        generated: true,
                        ..plain
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
                "delete from only public.t where id = $1",
                "insert into public.t (id, nr) overriding system value values ($1, $2)"
            ]
        );
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = build(&target(), Op::Insert, &[], &pairs(&[("new", Some("1"))])).unwrap_err();
        assert_eq!(error.message(), "table \"public.t\" has no column \"new\"");
    }
}
