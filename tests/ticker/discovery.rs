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
            format!("LOG Starting pgqd 3.5 (londiste {})", env!("CARGO_PKG_VERSION")),
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

/// With several databases the idle ones are not looked at until something is written; that must not make them deaf.
#[test]
fn many_idle_databases_wake_up_and_connections_are_renewed() {
    let cluster = Cluster::start();
    let names: Vec<String> = (1..=6).map(|number| format!("db{number}")).collect();
    for name in &names {
        cluster.create_database(name);
        install_ours_in(&cluster, name);
        cluster.psql(name, "select pgq.create_queue('q')");
    }
    let pgqd = Pgqd::start_on(
        &cluster,
        "stats_period = 3600\nretry_period = 3600\nmaint_period = 3600\nconnection_lifetime = 1",
        env!("CARGO_BIN_EXE_pgqd"),
    );
    pgqd.wait_for_lines("pgq version ok", names.len());
    wait_for("the look at the log of changes", LIMIT, || {
        let watching = cluster.psql(
            "postgres",
            "select count(*) from pg_stat_activity where application_name = 'londiste:pgqd:watch:'",
        );
        (watching == "1").then_some(())
    });
    let session = |name: &str| {
        cluster.psql(
            "postgres",
            &format!("select pid from pg_stat_activity where application_name = 'londiste:pgqd:tick:{name}'"),
        )
    };
    let before = session("db1");
    for name in &names {
        wait_for_tick(&cluster, name);
    }
    wait_for("another connection", LIMIT, || {
        let now = session("db1");
        (!now.is_empty() && now != before).then_some(())
    });
    for name in &names {
        wait_for_tick(&cluster, name);
    }
    assert_eq!(pgqd.log().matches("ERROR").count(), 0, "{}", pgqd.log());
    assert_eq!(pgqd.end(Signal::SIGINT), 0);
}

#[test]
fn a_changed_connect_string_takes_effect_at_reload() {
    let (one, two) = (Cluster::start(), Cluster::start());
    for cluster in [&one, &two] {
        cluster.create_database("shop");
        install_ours_in(cluster, "shop");
        cluster.psql("shop", "select pgq.create_queue('q')");
    }
    let pgqd = Pgqd::start_on(
        &one,
        "database_list = shop\nstats_period = 3600",
        env!("CARGO_BIN_EXE_pgqd"),
    );
    wait_for_tick(&one, "shop");
    let text = std::fs::read_to_string(pgqd.settings()).unwrap();
    let moved = text.replace(
        &format!("host={} port={}", one.socket_dir().display(), one.port()),
        &format!("host={} port={}", two.socket_dir().display(), two.port()),
    );
    assert_ne!(text, moved);
    std::fs::write(pgqd.settings(), moved).unwrap();
    pgqd.signal(Signal::SIGHUP);
    wait_for_tick(&two, "shop");
    wait_for("the end of the old connections", LIMIT, || {
        let left = one.psql(
            "postgres",
            "select count(*) from pg_stat_activity where application_name like 'londiste:%'",
        );
        (left == "0").then_some(())
    });
    assert_eq!(pgqd.end(Signal::SIGINT), 0);
}
