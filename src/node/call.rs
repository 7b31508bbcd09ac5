//! The calling convention of `pgq_node` and `londiste`: rows with `ret_code` and `ret_note` (londiste.md 1.5).
//!
//! The hundreds digit judges: 1xx is quiet success, 2xx success worth a line, 3xx a warning, anything else a refusal.
//! A refusal becomes an [`Error`] that carries the function's own words, the code, and what to do where that is known.

use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Row};
use tracing::{debug, info, warn};

use crate::error::{Error, ErrorKind, Result};

/// What a function answered, when it did not refuse.
#[derive(Debug)]
pub struct CallResult {
    /// The worst code of the rows (the highest).
    pub code: i32,
    /// The words that belong to that code.
    pub note: String,
    /// All rows, for the functions that return more than the two.
    pub rows: Vec<Row>,
}

impl CallResult {
    /// The first row.
    pub fn row(&self) -> Result<&Row> {
        self.rows
            .first()
            .ok_or_else(|| Error::internal("a function with a return code answered without a row"))
    }
}

/// Calls a function of the convention and logs what it says; `node` is named in front of the note when the call goes to
/// another node than the one in hand.
///
/// # Errors
/// [`ErrorKind::NotFound`] for code 404, [`ErrorKind::Refused`] for other refusals, or the server's error.
pub async fn call(
    client: &impl GenericClient,
    node: Option<&str>,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<CallResult> {
    judge(client.query(sql, params).await?, node, sql, false)
}

/// As [`call`], but success is logged at debug level only.
pub async fn call_quietly(
    client: &impl GenericClient,
    node: Option<&str>,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<CallResult> {
    judge(client.query(sql, params).await?, node, sql, true)
}

fn judge(rows: Vec<Row>, node: Option<&str>, sql: &str, quiet: bool) -> Result<CallResult> {
    let mut worst: Option<(i32, String)> = None;
    for row in &rows {
        let code: i32 = row.try_get("ret_code")?;
        let note = row.try_get::<_, Option<String>>("ret_note")?.unwrap_or_default();
        let shown = with_node(node, &note);
        match code / 100 {
            1 => debug!("{code} {shown}"),
            2 if quiet => debug!("{shown}"),
            2 => info!("{shown}"),
            3 => warn!("{shown}"),
            _ => return Err(refusal(code, &shown, sql)),
        }
        if worst.as_ref().is_none_or(|(known, _)| code > *known) {
            worst = Some((code, note));
        }
    }
    let (code, note) = worst.unwrap_or((100, String::new()));
    Ok(CallResult { code, note, rows })
}

fn with_node(node: Option<&str>, note: &str) -> String {
    match node {
        Some(node) => format!("[{node}] {note}"),
        None => note.to_owned(),
    }
}

/// The error for a refusing code.
fn refusal(code: i32, shown: &str, sql: &str) -> Error {
    let function = function_name(sql).unwrap_or("the function");
    let kind = if code == 404 {
        ErrorKind::NotFound
    } else {
        ErrorKind::Refused
    };
    let error = Error::new(kind, shown).with_detail(format!("{function} answered {code}"));
    match hint(function, code) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The function that a statement of the catalogue calls: the first qualified name before a parenthesis.
fn function_name(sql: &str) -> Option<&str> {
    let body = sql.find("\nselect").map_or(sql, |at| &sql[at..]);
    body.match_indices('(').find_map(|(at, _)| {
        let head = &body[..at];
        let start = head
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .map_or(0, |i| i + 1);
        let name = &head[start..];
        (name.contains('.') && !name.starts_with('.')).then_some(name)
    })
}

/// What to do after a refusal, where the function and its code tell the cause.
fn hint(function: &str, code: i32) -> Option<&'static str> {
    Some(match (function, code) {
        ("pgq_node.unregister_location", 403) | ("pgq_node.drop_node", 405) => {
            "move this node to another provider first, then drop the old one"
        }
        ("pgq_node.register_subscriber", 401) => {
            "a leaf cannot feed other nodes: name a root or branch as provider"
        }
        ("pgq_node.create_node", 401) => "\"londiste node-info\" shows what this database is already",
        ("londiste.execute_start", 401) => "run this command with the job file of the root node",
        (function, 404) if function.starts_with("pgq_node.") => {
            "\"londiste members\" lists the nodes that are known here"
        }
        (function, 404) if function.starts_with("londiste.") => {
            "\"londiste tables\" lists the tables that are here"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_called_function_is_found() {
        assert_eq!(
            function_name("-- a (b.c(d))\nselect i.ret_code\n  from pgq_node.get_node_info($1::text) i"),
            Some("pgq_node.get_node_info")
        );
        assert_eq!(
            function_name("select * from londiste.local_add_table($1, $2)"),
            Some("londiste.local_add_table")
        );
        assert_eq!(function_name("select 1"), None);
    }

    #[test]
    fn a_refusal_keeps_the_words_and_the_code() {
        let error = refusal(
            404,
            "[n2] No such node: x",
            "select * from pgq_node.drop_node($1, $2)",
        );
        assert_eq!(
            error.report(),
            "error: [n2] No such node: x\ndetail: pgq_node.drop_node answered 404\n\
             hint: \"londiste members\" lists the nodes that are known here"
        );
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(refusal(500, "x", "select 1").kind(), ErrorKind::Refused);
    }
}
