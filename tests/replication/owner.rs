//! Roles that are no superusers: who owns the tables can run a root, and a leaf as far as the server lets him apply rows.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::cascade::LIMIT;
use crate::support::process::{Process, clean_environment};
use crate::support::wait::wait_for;
use crate::support::{Cluster, cluster};

use crate::support::cascade::Cascade;

/// Without a right on the event tables a branch fills its queue through a function; events keep their ids.
#[test]
fn a_branch_whose_role_may_not_write_to_event_tables() {
    let mut cascade = Cascade::new("feeder");
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.create_leaf("leaf", "branch");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["branch"].stop_worker();
    let branch = &mut cascade["branch"];
    branch.psql(
        "create role feeder in role pgq_admin, londiste_reader, londiste_writer; grant all on t to feeder; \
         grant all on all tables in schema londiste_rs to feeder; \
         grant all on all sequences in schema londiste_rs to feeder; \
         grant set on parameter session_replication_role to feeder; \
         revoke insert on pgq.event_1, pgq.event_1_0, pgq.event_1_1, pgq.event_1_2 from pgq_admin",
    );
    let ini = std::fs::read_to_string(branch.ini()).expect("read a job file");
    let db = format!("db = {}", branch.connstr());
    assert!(ini.contains(&db), "{ini}");
    let ini = ini.replace(&db, &format!("{db} options='-c role=feeder'"));
    std::fs::write(branch.ini(), ini).expect("write a job file");
    branch.start_worker();
    cascade["root"].psql("insert into t select n, E'a\tb\\\\c' from generate_series(1, 10) n");
    cascade.wait_caught_up();
    cascade["root"].psql("insert into t select n, null from generate_series(11, 3000) n");
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    let events = "select count(*) || md5(string_agg(concat_ws('|', ev_id, ev_time, ev_type, ev_data, ev_extra1), '' \
                                                    order by ev_id)) from pgq.event_1 where ev_extra1 = 'public.t'";
    assert_eq!(cascade["branch"].psql(events), cascade["root"].psql(events));
    let log = cascade["branch"].log();
    assert!(!log.contains(" ERROR "), "the branch's worker met errors\n{log}");
}

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
