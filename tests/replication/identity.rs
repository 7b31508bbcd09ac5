//! Identity of the stream (invariant 3), with real restores and real standbys: a provider that lost a part of its
//! history is named on the nodes below it by the first tick that differs, and the recipe ends with equal tables.

use std::sync::Arc;

use crate::support::Cluster;
use crate::support::cascade::{Cascade, Ran, Server, TestRole};

const TABLES: &str =
    "create table changed (id int primary key, v text); create table calm (id int primary key, v text)";

fn make_tables(cascade: &mut Cascade) {
    cascade.psql_all(TABLES);
    cascade.start_workers();
    cascade.add_table("changed");
    cascade.add_table("calm");
    cascade.wait_in_sync();
    let root = &cascade.nodes()[0];
    root.psql(
        "insert into changed select i, 'old' from generate_series(1, 20) i; insert into calm values (1, 'x')",
    );
    cascade.wait_caught_up();
}

/// Changes of three ticks, on table "changed" only.
fn change(cascade: &Cascade, word: &str) {
    for sql in [
        format!("insert into changed select i, '{word}' from generate_series(21, 30) i"),
        format!("update changed set v = '{word}' where id <= 5"),
        format!("delete from changed where id in (6, 7); insert into changed values (100, '{word}')"),
    ] {
        cascade.nodes()[0].psql(&sql);
        cascade.wait_caught_up();
    }
}

/// Ids and times of the ticks of a node's queue.
fn ticks(cascade: &Cascade, node: &str) -> Vec<(i64, String)> {
    let sql = "select tick_id, tick_time at time zone 'UTC' from pgq.tick order by 1";
    let rows = cascade[node].psql(sql);
    rows.lines()
        .map(|line| line.split_once('|').expect("two fields"))
        .map(|(id, time)| (id.parse().expect("a number"), time.to_owned()))
        .collect()
}

fn wait_for_log(cascade: &Cascade, node: &str, words: &str) {
    cascade.wait_until(&format!("node {node} to say \"{words}\""), || {
        cascade[node].log().contains(words)
    });
}

fn rewind(cascade: &mut Cascade, node: &str) -> Ran {
    cascade[node].stop_worker();
    let ran = cascade[node].try_londiste(&["worker", "--rewind"]);
    assert!(ran.status.success(), "{ran:?}");
    cascade[node].start_worker();
    ran
}

fn assert_all_equal(cascade: &Cascade) {
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade.assert_equal("changed");
    cascade.assert_equal("calm");
}

/// A root with a standby, reached by one connection string; a branch and a leaf below it, a leaf below the branch.
fn pair(queue: &str, settings: &[&str]) -> (Cascade, Arc<Cluster>, Arc<Cluster>) {
    let first = Arc::new(Cluster::start_with(&[
        "max_wal_senders = 4",
        "wal_level = replica",
    ]));
    let standby = Arc::new(first.start_standby(&["hot_standby = on"]));
    first.configure(settings);
    first.reload();
    let mut cascade = Cascade::new(queue);
    let other = standby.clone();
    cascade.create_at("root", "root", Server::from(&first), None, move |one, db| {
        format!(
            "host={},{} port={},{} dbname={db} user=postgres target_session_attrs=read-write",
            one.socket_dir().display(),
            other.socket_dir().display(),
            one.port(),
            other.port()
        )
    });
    cascade.create_branch("branch", "root");
    cascade.create_leaf("near", "root");
    cascade.create_leaf("far", "branch");
    make_tables(&mut cascade);
    (cascade, first, standby)
}

fn wait_for_standby(first: &Cluster) {
    let here = first.psql("postgres", "select pg_current_wal_lsn()");
    let sql = format!("select count(*) from pg_stat_replication where replay_lsn >= '{here}'");
    crate::support::wait::wait_for("the standby", crate::support::cascade::LIMIT, || {
        (first.psql("postgres", &sql) == "1").then_some(())
    });
}

#[test]
fn a_standby_promoted_without_the_last_ticks_is_named_on_every_node_below() {
    let (mut cascade, first, standby) = pair("async", &[]);
    wait_for_standby(&first);
    standby.stop();
    change(&cascade, "lost");
    let old = ticks(&cascade, "branch");
    first.stop();
    standby.start_again();
    standby.promote();
    cascade["root"].server = Server::from(&standby);

    for node in ["branch", "near"] {
        wait_for_log(&cascade, node, "has another history");
    }
    let new = ticks(&cascade, "root");
    let common = old
        .iter()
        .rev()
        .find(|tick| new.contains(tick))
        .expect("a common tick")
        .0;
    let lost = old
        .iter()
        .find(|tick| tick.0 > common)
        .expect("a tick that was lost")
        .0;
    // A leaf may have taken several ticks as one, and names the first one that it knows.
    let log = cascade["branch"].log();
    assert!(
        log.contains(&format!("tick {lost} was replayed here, and it does not have it"))
            || log.contains(&format!("its tick {lost} is not the one replayed here")),
        "the branch does not name tick {lost}"
    );
    assert!(log.contains(&format!("the last tick that both have is {common}")));
    // Other changes under the same keys.
    cascade["root"].psql(
        "insert into changed values (21, 'new'), (200, 'new'); update changed set v = 'new' where id = 6",
    );
    assert_eq!(
        cascade["near"].psql("select v from changed where id = 21"),
        "lost",
        "nothing was applied"
    );

    for node in ["branch", "near"] {
        let said = rewind(&mut cascade, node).stderr;
        assert!(
            node == "near" || said.contains(&format!("both sides are at tick {common}")),
            "{said}"
        );
        assert!(said.contains("to be copied anew: public.changed\n"), "{said}");
    }
    // The branch follows the new history, and what is below it finds out the same way.
    wait_for_log(&cascade, "far", "provider \"branch\" has another history");
    rewind(&mut cascade, "far");
    assert_all_equal(&cascade);
    cascade["root"].psql("insert into calm values (2, 'y'); delete from changed where id = 200");
    assert_all_equal(&cascade);
}

#[test]
fn a_failover_that_loses_nothing_goes_on_by_itself() {
    let settings = ["synchronous_standby_names = 'standby'", "synchronous_commit = on"];
    let (mut cascade, first, standby) = pair("sync", &settings);
    change(&cascade, "kept");
    cascade["root"].psql("insert into calm values (2, 'y')");
    first.kill9();
    standby.promote();
    cascade["root"].server = Server::from(&standby);
    cascade["root"].psql("insert into calm values (3, 'z'); update changed set v = 'new' where id <= 3");
    assert_all_equal(&cascade);
    for node in ["branch", "near", "far"] {
        assert!(!cascade[node].log().contains("another history"), "{node}");
    }
}

#[test]
fn a_root_restored_from_its_files_is_named() {
    let server = Arc::new(Cluster::start());
    let mut cascade = Cascade::new("files");
    cascade.create("root", "root", Server::from(&server), None);
    cascade.create_leaf("leaf", "root");
    make_tables(&mut cascade);
    server.save_files();
    change(&cascade, "lost");
    server.restore_files();
    // No change comes: the root is older than this node, and says so by itself.
    wait_for_log(&cascade, "leaf", "provider \"root\" has another history");
    cascade["root"].psql("insert into changed values (21, 'new')");
    let said = rewind(&mut cascade, "leaf").stderr;
    assert!(said.contains("to be copied anew: public.changed\n"), "{said}");
    assert_all_equal(&cascade);
}

#[test]
fn a_branch_restored_from_its_files_catches_up_and_stops_nobody() {
    let server = Arc::new(Cluster::start());
    let mut cascade = Cascade::new("branchfiles");
    cascade.create_root("root");
    cascade.create("branch", "branch", Server::from(&server), Some("root"));
    cascade.create_leaf("leaf", "branch");
    make_tables(&mut cascade);
    // A reader that keeps what the branch will read again.
    cascade["root"].psql("select pgq.register_consumer('branchfiles', 'slow')");
    server.save_files();
    change(&cascade, "kept");
    server.restore_files();
    cascade["root"].psql("update changed set v = 'new' where id = 1");
    assert_all_equal(&cascade);
    assert!(!cascade["leaf"].log().contains("another history"));
}

#[test]
fn a_root_restored_from_a_dump_is_named() {
    let mut cascade = Cascade::new_as(TestRole::Super, "dump");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    make_tables(&mut cascade);
    let file = cascade.path("dump");
    let root = &cascade["root"];
    let run = |program: &str, args: &[&str]| {
        let output = root
            .server
            .client(program)
            .args(args)
            .arg(&file)
            .output()
            .expect("run it");
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run("pg_dump", &["-d", &root.connstr(), "-Fc", "-f"]);
    change(&cascade, "lost");
    let db = &root.db;
    root.server
        .psql("postgres", &format!("drop database {db} with (force)"));
    root.server.create_database(db);
    run("pg_restore", &["-d", &root.connstr()]);
    cascade["root"].psql("insert into changed values (21, 'new')");
    wait_for_log(&cascade, "leaf", "provider \"root\" has another history");
    let said = rewind(&mut cascade, "leaf").stderr;
    assert!(said.contains("to be copied anew: public.changed\n"), "{said}");
    assert_all_equal(&cascade);
}
