//! Two workers of one node.

use nix::sys::signal::Signal;

use crate::support::cascade::{Cascade, LIMIT};
use crate::support::process::read_log;
use crate::support::wait::wait_for;

fn pair(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_branch("node", "root");
    cascade.psql_all("create table t (v text)");
    cascade.start_workers();
    cascade.add_table_with("t", &["--trigger-flags=I"]);
    cascade.wait_in_sync();
    cascade
}

/// Ends all sessions of the node's worker, on both sides.
fn terminate_sessions(cascade: &Cascade, queue: &str) {
    for node in cascade.nodes() {
        node.psql(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity \
              where datname = current_database() and application_name like 'londiste:%:node:{queue}'"
        ));
    }
}

#[test]
fn a_second_worker_waits_and_takes_the_place_of_a_frozen_one() {
    let mut cascade = pair("twins");
    let second_pidfile = format!("pidfile={}", cascade.path("second.pid").display());
    let mut second = cascade["node"].spawn_worker(".second", &[], &["--set", &second_pidfile]);
    let second_log = cascade.path("node.log.second");
    wait_for("the second worker to say that it waits", LIMIT, || {
        read_log(&second_log)
            .contains("another worker of node node is connected")
            .then_some(())
    });
    cascade["root"].psql("insert into t select 'with two ' || i from generate_series(1, 100) i");
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    assert!(second.is_running());

    // Frozen in the middle of a batch.
    let held = cascade["node"].hold("lock table t in share mode");
    cascade["root"].psql("insert into t select 'frozen ' || i from generate_series(1, 1000) i");
    cascade["root"].psql("select pgq.force_tick('twins')");
    let node = &cascade["node"];
    cascade.wait_until("the first worker to stand in its batch", || {
        node.psql("select count(*) from pg_locks where not granted and relation = 't'::regclass") == "1"
    });
    cascade["node"].worker().signal(Signal::SIGSTOP);
    terminate_sessions(&cascade, "twins");
    drop(held);
    cascade["root"].psql("insert into t select 'second ' || i from generate_series(1, 1000) i");
    cascade.wait_caught_up();
    cascade.assert_equal("t");

    cascade["node"].worker().signal(Signal::SIGCONT);
    let node = &cascade["node"];
    cascade.wait_until("the thawed worker to see that it lost its place", || {
        node.log().contains("another worker of node node is connected")
    });
    cascade["root"].psql("insert into t select 'thawed ' || i from generate_series(1, 100) i");
    cascade.wait_caught_up();
    cascade.assert_equal("t");

    // And back again.
    second.stop(LIMIT);
    cascade["root"].psql("insert into t select 'first ' || i from generate_series(1, 100) i");
    cascade.wait_caught_up();
    cascade.assert_equal("t");
}

#[test]
fn a_worker_that_is_frozen_again_and_again_loses_nothing() {
    let mut cascade = pair("frozen");
    let second_pidfile = format!("pidfile={}", cascade.path("second.pid").display());
    let second = cascade["node"].spawn_worker(".second", &[], &["--set", &second_pidfile]);
    let script = cascade.path("load.sql");
    std::fs::write(
        &script,
        "insert into t values (md5(random()::text) || :client_id);\n",
    )
    .expect("write");
    let script = script.to_str().expect("a path in UTF-8");
    let load = cascade["root"].start_pgbench(&["-c", "2", "-T", "600", "-R", "200", "-f", script]);
    for round in 0..6 {
        let before = cascade["node"].position();
        let worker: &crate::support::process::Process = if round % 2 == 0 {
            cascade["node"].worker()
        } else {
            &second
        };
        worker.signal(Signal::SIGSTOP);
        terminate_sessions(&cascade, "frozen");
        let node = &cascade["node"];
        cascade.wait_until("the other worker to go on", || node.position() > before + 3);
        let worker: &crate::support::process::Process = if round % 2 == 0 {
            cascade["node"].worker()
        } else {
            &second
        };
        worker.signal(Signal::SIGCONT);
    }
    load.end();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
}
