//! What to do about an error of a copy, by SQLSTATE (PostgreSQL manual, appendix A).

use crate::error::{Error, ErrorKind};

/// The end of a copy where an error came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// Reading on this node.
    Source(&'a str),
    /// Writing on our node.
    Here,
}

/// Names the operation and adds hints; `table` is the table's name at that end.
pub fn explain(error: impl Into<Error>, end: End<'_>, table: &str) -> Error {
    let error = error.into();
    let hint = match error.sqlstate() {
        Some(code) => advice(code, end, table),
        None => None,
    };
    let error = match end {
        End::Source(node) => error.context(format!(
            "rows of table \"{table}\" cannot be read on node \"{node}\""
        )),
        End::Here => error.context(format!(
            "rows of table \"{table}\" cannot be written on this node"
        )),
    };
    match hint {
        Some(hint) if error.kind() != ErrorKind::Internal => error.with_hint(hint),
        _ => error,
    }
}

fn advice(code: &str, end: End<'_>, table: &str) -> Option<String> {
    let place = match end {
        End::Source(node) => format!("on node \"{node}\""),
        End::Here => "on this node".to_owned(),
    };
    let text = match (code, end) {
        ("42501", End::Source(_)) => format!(
            "grant the role of that node's location the right to read: grant select on {table} to ROLE, and usage on its schema"
        ),
        ("42501", End::Here) => format!(
            "the worker's role must own the table, to empty it and to put its indexes back: alter table {table} owner to ROLE"
        ),
        ("42P01" | "3F000", _) => {
            format!(
                "the table is gone {place}: create it again, or take it out of the set with londiste remove-table"
            )
        }
        ("42703", _) => {
            format!("a column was removed {place} just now; the copy is tried again with those that are left")
        }
        ("53100", _) => {
            format!(
                "the disk is full {place}: make room; the copy goes on by itself, ranges that are in are not copied again"
            )
        }
        ("53200", _) => format!("memory is short {place}; the copy is tried again"),
        ("53300", _) => format!(
            "no connection is free {place}: raise max_connections, or lower copy_streams, copy_index_jobs or parallel_copies"
        ),
        ("57014", _) => format!("it was cancelled {place}; the copy is tried again"),
        ("25006", End::Here) => {
            "this database accepts no writes: is it a standby, or default_transaction_read_only on?"
                .to_owned()
        }
        (code, End::Here) if code.starts_with("23") => {
            "a constraint of this node refuses rows of the provider: compare the definitions of both tables"
                .to_owned()
        }
        (code, End::Here) if code.starts_with("22") => {
            "a value does not fit its column on this node: compare the column types of both tables".to_owned()
        }
        ("54000" | "54011", End::Here) => {
            "a row does not fit into this table: compare the definitions of both tables".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str) -> Error {
        Error::new(ErrorKind::Database, "it failed").with_sqlstate(code)
    }

    #[test]
    fn each_end_has_its_own_advice() {
        let source = explain(error("42501"), End::Source("root"), "public.t");
        assert!(
            source.report().contains("cannot be read on node \"root\""),
            "{}",
            source.report()
        );
        assert!(source.hints()[0].contains("grant select on public.t"));
        let here = explain(error("42501"), End::Here, "public.t");
        assert!(here.hints()[0].contains("owner to"));
        assert!(explain(error("53100"), End::Here, "t").hints()[0].contains("make room"));
        assert!(explain(error("22P02"), End::Here, "t").hints()[0].contains("column types"));
        assert!(
            explain(error("22P02"), End::Source("root"), "t")
                .hints()
                .is_empty()
        );
    }
}
