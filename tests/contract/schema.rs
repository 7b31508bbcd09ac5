//! What is installed, pinned as text: schema.txt is the answer to schema.sql.

use std::fs;
use std::path::Path;

use londiste::install;

use crate::support::ancestor::create_extensions;
use crate::support::{self, Database, assert_same_text, database};

const QUERY: &str = include_str!("schema.sql");

/// Every table, column, key, sequence, type and function of the database side with who may use it.
#[track_caller]
pub fn text(db: &Database) -> String {
    db.psql(QUERY) + "\n"
}

/// Fails unless the installed schemas are the pinned ones.
#[track_caller]
pub fn check(db: &Database) {
    let found = text(db);
    let pinned = include_str!("schema.txt");
    let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema.txt");
    if pinned != found {
        fs::write(&new, &found).expect("write the schema that was found");
    }
    let hint = format!(
        "hint: if it is meant to be so, cp {} tests/contract/",
        new.display()
    );
    assert_same_text(&format!("the installed schema ({hint})"), pinned, &found);
}

#[test]
fn the_schema_is_the_pinned_one() {
    let db = database("schema");
    support::install(&db);
    check(&db);
}

#[test]
fn the_printed_script_and_an_upgrade_end_in_the_same_schema() {
    let db = database("schema_script");
    // As psql gets it from: londiste install --print
    db.psql(&install::script(&install::select(&[]).expect("all schemas")));
    check(&db);
    db.psql("update londiste_rs.component set version = '0.0.1'");
    assert!(support::install(&db).contains("Upgrading pgq_coop"));
    check(&db);
}

/// What the ancestor's schemas have and ours have otherwise.
const LEFT: &[&str] = &[
    // Left out of the ancestor's grants by a slip; it is as for its siblings.
    "function londiste.local_change_handler(i_queue_name text, i_table_name text, i_trg_args text[], \
     i_table_attrs text, OUT ret_code integer, OUT ret_note text) returns record to public",
    // Null turns rotation off.
    "    queue_rotation_period interval not null default '02:00:00'::interval",
    // With definer's rights, so that who changes rows needs no rights on the queue.
    "function pgq.jsontriga() returns trigger to pgq_writer",
    "function pgq.logutriga() returns trigger to pgq_writer",
    "function pgq.sqltriga() returns trigger to pgq_writer",
];

/// Whatever was written for the ancestor's schemas finds tables, columns, functions and rights as they were.
#[test]
fn what_the_ancestors_schemas_have_is_there() {
    let db = database("schema_theirs");
    create_extensions(&db);
    let theirs = text(&db);
    let mut item = "";
    let mut missing = Vec::new();
    for line in theirs.lines() {
        if !line.starts_with(' ') {
            item = line;
        }
        if !has_line(include_str!("schema.txt"), item, line) {
            missing.push(line);
        }
    }
    assert_eq!(
        missing, LEFT,
        "left: lines that ours lack; right: those left out with a reason"
    );
}

/// Whether `line` is there, below the line `item` when it is indented.
fn has_line(text: &str, item: &str, line: &str) -> bool {
    let mut lines = text.lines().skip_while(|l| *l != item);
    lines.next() == Some(line) || lines.take_while(|l| l.starts_with(' ')).any(|l| l == line)
}
