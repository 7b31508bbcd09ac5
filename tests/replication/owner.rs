//! Roles that are no superusers: who owns the tables can run a root, and a leaf as far as the server lets him apply rows.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::cascade::LIMIT;
use crate::support::process::{Process, clean_environment};
use crate::support::wait::wait_for;
use crate::support::{Cluster, cluster};

fn job(dir: &Path, server: &Cluster, db: &str, role: &str) -> (PathBuf, String) {
    let location = format!(
        "host={} port={} dbname={db} user={role}",
        server.socket_dir().display(),
        server.port()
    );
    let ini = dir.join(format!("{db}.ini"));
    let text =
        format!("[londiste]\ndb = {location}\nqueue_name = owned\nloop_delay = 0.2\nexception_sleep = 1\n");
    std::fs::write(&ini, text).expect("write a job file");
    (ini, location)
}

fn run(ini: &Path, args: &[&str]) -> (bool, String) {
    let output = clean_environment(Command::new(env!("CARGO_BIN_EXE_londiste")).arg(ini).args(args))
        .output()
        .expect("run londiste");
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), talk)
}

#[track_caller]
fn londiste(ini: &Path, args: &[&str]) {
    let (done, talk) = run(ini, args);
    assert!(done, "londiste {args:?}: {talk}");
}

#[track_caller]
fn refused(ini: &Path, args: &[&str]) -> String {
    let (done, talk) = run(ini, args);
    assert!(!done, "londiste {args:?} was not refused: {talk}");
    talk
}

fn worker(ini: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
    command.arg(ini).arg("worker");
    Process::spawn("worker", command, &ini.with_extension("log"))
}

#[test]
fn owner_runs_a_root_and_a_leaf_after_one_grant() {
    let server = cluster();
    let dir = tempfile::tempdir().expect("make a directory for job files");
    server.psql(
        "postgres",
        "create role owned_root login; create role owned_leaf login; \
         create database owned_root owner owned_root; create database owned_leaf owner owned_leaf",
    );
    let (root, provider) = job(dir.path(), server, "owned_root", "owned_root");
    let (leaf, location) = job(dir.path(), server, "owned_leaf", "owned_leaf");
    server.psql(
        "owned_root",
        "set role owned_root; create table t (id int primary key, v text); insert into t values (1, 'copied')",
    );
    londiste(&root, &["create-root", "root", &provider]);
    londiste(&root, &["add-table", "t"]);
    londiste(
        &leaf,
        &["create-leaf", "leaf", &location, "--provider", &provider],
    );
    let talk = refused(&leaf, &["add-table", "t", "--create-full"]);
    assert!(
        talk.contains("--create makes the table without its owner"),
        "{talk}"
    );
    londiste(&leaf, &["add-table", "t", "--create"]);
    let _root = worker(&root);
    let _leaf = worker(&leaf);

    let error = wait_for("the leaf's error", LIMIT, || {
        let error = server.psql(
            "owned_leaf",
            "select cur_error from pgq_node.local_state where cur_error is not null",
        );
        (!error.is_empty()).then_some(error)
    });
    assert!(
        error.contains("grant set on parameter session_replication_role"),
        "{error}"
    );
    wait_for("the root's worker to be up to date", LIMIT, || {
        let state = server.psql(
            "owned_root",
            "select uptodate, cur_error from pgq_node.local_state where consumer_name = 'owned_root'",
        );
        (state == "t|").then_some(())
    });

    if server.psql(
        "postgres",
        "select current_setting('server_version_num')::int >= 150000",
    ) == "f"
    {
        return;
    }
    server.psql(
        "postgres",
        "grant set on parameter session_replication_role to owned_leaf",
    );
    londiste(&leaf, &["wait-sync"]);
    server.psql(
        "owned_root",
        "set role owned_root; insert into t values (2, 'replayed'); truncate t; insert into t values (3, 'z')",
    );
    wait_for("the rows to arrive", LIMIT, || {
        let rows = server.psql("owned_leaf", "select * from t order by 1");
        (rows == "3|z").then_some(())
    });
}
