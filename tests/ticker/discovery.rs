//! Which databases are served.

use nix::sys::signal::Signal;

use super::{LIMIT, Pgqd, install_ours_in};
use crate::support::Cluster;
use crate::support::wait::wait_for;

fn wait_for_tick(cluster: &Cluster, database: &str) {
    cluster.psql(database, "select pgq.insert_event('q', 't', '')");
    wait_for(&format!("a tick in \"{database}\""), LIMIT, || {
        (cluster.psql(database, "select ev_new from pgq.get_queue_info('q')") == "0").then_some(())
    });
}

#[test]
fn databases_come_and_go() {
    let cluster = Cluster::start();
    cluster.create_database("Old One");
    install_ours_in(&cluster, "Old One");
    cluster.psql("Old One", "select pgq.create_queue('q')");
    cluster.create_database("plain");
    let pgqd = Pgqd::start_on(
        &cluster,
        "stats_period = 3600\nretry_period = 3600\nmaint_period = 3600",
        env!("CARGO_BIN_EXE_pgqd"),
    );
    wait_for_tick(&cluster, "Old One");

    // A new database, and the queue in one that was there.
    cluster.create_database("new");
    for database in ["new", "plain"] {
        install_ours_in(&cluster, database);
        cluster.psql(database, "select pgq.create_queue('q')");
        wait_for_tick(&cluster, database);
    }

    cluster.psql("postgres", "drop database new with (force)");
    pgqd.wait_for_lines("LOG Unregister database: [new]", 1);

    // A database whose queue goes away is looked at again later.
    cluster.psql("plain", "drop schema pgq cascade");
    install_ours_in(&cluster, "plain");
    cluster.psql("plain", "select pgq.create_queue('q')");
    wait_for_tick(&cluster, "plain");
    wait_for_tick(&cluster, "Old One");

    let lines = pgqd.lines();
    assert_eq!(
        lines[..3],
        [
            format!("LOG Starting pgqd {}", env!("CARGO_PKG_VERSION")),
            "LOG auto-detecting dbs ...".to_owned(),
            "LOG [Old One]: pgq version ok: 3.5.2".to_owned(),
        ]
    );
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("Old One") && line.starts_with("ERROR")),
        "{lines:#?}"
    );
    assert_eq!(pgqd.end(Signal::SIGINT), 0);
}

#[test]
fn an_old_queue_is_not_touched() {
    let cluster = Cluster::start();
    cluster.create_database("old");
    cluster.psql(
        "old",
        "create schema pgq; create function pgq.version() returns text language sql as $$ select '2.1.8'::text $$",
    );
    let pgqd = Pgqd::start_on(
        &cluster,
        "database_list = old\nstats_period = 3600",
        env!("CARGO_BIN_EXE_pgqd"),
    );
    pgqd.wait_for_lines("WARNING [old]: bad pgq version, ignoring", 1);
    assert_eq!(pgqd.end(Signal::SIGINT), 0);
}
