//! The same actions through the ancestor's SQL and ours, and what is printed is the same: see README.md here.
//!
//! A case of a new file is one more line below; a test fails for a file that has none.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use crate::support::ancestor::create_extensions;
use crate::support::{Database, assert_same_text, database, database_like, install};

/// A test per case, and the list of their names.
macro_rules! cases {
    ($check:ident, $list:ident: $($case:ident),* $(,)?) => {
        $(
            #[test]
            fn $case() {
                $check(stringify!($case));
            }
        )*

        const $list: &[&str] = &[$(stringify!($case)),*];
    };
}

cases! { check_parity, CASES:
    londiste_execute,
    londiste_fkeys,
    londiste_merge,
    londiste_merge_branch,
    londiste_names,
    londiste_partition,
    londiste_seq,
    londiste_table_branch,
    londiste_table_leaf,
    londiste_table_root,
    londiste_trigger,
    node_consumer,
    node_create,
    node_drop,
    node_location,
    node_merge,
    node_subscriber,
    node_switchover,
    queue_admin,
    queue_read,
}

mod ours {
    use super::check_ours;

    cases! { check_ours, CASES:
        londiste,
        node,
    }

    #[test]
    fn every_file_is_a_case() {
        super::check_listed("ours", CASES);
    }
}

#[test]
fn every_file_is_a_case() {
    check_listed(".", CASES);
}

fn check_parity(case: &str) {
    let theirs = printed(&their_database(case), &path(&format!("{case}.sql")));
    let ours = printed(&our_database(case), &path(&format!("{case}.sql")));
    assert!(!ours.is_empty(), "{case} prints nothing");
    assert_same_text(&format!("{case} (- the ancestor's SQL, + ours)"), &theirs, &ours);
}

fn check_ours(case: &str) {
    let expected = path(&format!("ours/{case}.out"));
    let expected = fs::read_to_string(&expected).unwrap_or_else(|e| panic!("{}: {e}", expected.display()));
    let found = printed(
        &our_database(&format!("ours_{case}")),
        &path(&format!("ours/{case}.sql")),
    );
    assert_same_text(&format!("ours/{case}"), &expected, &found);
}

fn check_listed(folder: &str, cases: &[&str]) {
    let mut files: Vec<String> = fs::read_dir(path(folder))
        .expect("read a folder of cases")
        .filter_map(|entry| {
            let name = entry.expect("read a folder of cases").file_name();
            Some(name.to_str()?.strip_suffix(".sql")?.to_owned())
        })
        .collect();
    files.sort();
    assert_eq!(files, cases, "left: files; right: cases in {}", file!());
}

/// A new database with the ancestor's extensions.
fn their_database(case: &str) -> Database {
    static TEMPLATE: OnceLock<Database> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let db = database("parity_theirs");
        create_extensions(&db);
        db
    });
    database_like(template, &format!("theirs_{case}"))
}

/// A new database with our schemas.
fn our_database(case: &str) -> Database {
    static TEMPLATE: OnceLock<Database> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let db = database("parity_ours");
        install(&db);
        db
    });
    database_like(template, &format!("ours_{case}"))
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/parity")
        .join(name)
}

/// What psql prints for a file, errors in their places but without the file's name and line.
fn printed(db: &Database, script: &Path) -> String {
    let dir = tempfile::tempdir().expect("make a directory");
    let out = dir.path().join("out");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&out)
        .expect("open a file");
    let mut psql = db.cluster().client("psql");
    psql.env("PGTZ", "UTC")
        .env("PGOPTIONS", "-c londiste_rs.capture=ancestor")
        .args(["-X", "-d"])
        .arg(db.connstr())
        .arg("-f")
        .arg(script)
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("clone a file handle"))
        .stderr(file);
    psql.status().expect("run psql");
    let text = String::from_utf8(fs::read(&out).expect("read what psql printed")).expect("psql prints UTF-8");
    text.lines()
        .map(|line| format!("{}\n", without_place(line)))
        .collect()
}

/// The line without the `psql:FILE:LINE: ` of an error or notice.
fn without_place(line: &str) -> &str {
    let place = || {
        let (_file, rest) = line.strip_prefix("psql:")?.split_once(':')?;
        let (number, rest) = rest.split_once(": ")?;
        number.bytes().all(|c| c.is_ascii_digit()).then_some(rest)
    };
    place().unwrap_or(line)
}
