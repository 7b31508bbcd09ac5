//! Connections that end where it hurts: behind a COMMIT and before its answer, and anywhere in a switchover.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use crate::support::cascade::{Cascade, LIMIT, Node, Server};
use crate::support::process::read_log;
use crate::support::proxy::Proxy;
use crate::support::random::Random;
use crate::support::wait::wait_for;

/// A root, and a node below it that reaches its own database through a proxy.
fn pair(queue: &str, kind: &str) -> (Cascade, Proxy) {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    let proxy = Proxy::start(crate::support::cluster());
    let server = Server::Shared(crate::support::cluster());
    cascade.create_at(kind, "node", server, Some("root"), |_, db| proxy.connstr(db));
    cascade.psql_all("create table token (v text not null)");
    cascade.start_workers();
    (cascade, proxy)
}

/// For `--set`: the node's database without the proxy.
fn direct(node: &Node) -> String {
    format!("db={}", node.server.connstr(&node.db))
}

/// Each token is on the node once.
#[track_caller]
fn assert_exact(cascade: &Cascade, node: &str, count: usize) {
    let rows = cascade[node].psql("select v from token");
    let mut there = HashSet::new();
    for token in rows.lines() {
        assert!(there.insert(token), "token {token} is on node {node} twice");
    }
    assert_eq!(there.len(), count, "tokens on node {node}");
}

#[test]
fn a_commit_without_an_answer_is_neither_repeated_nor_lost() {
    for kind in ["leaf", "branch"] {
        let (cascade, proxy) = pair(&format!("unheard_{kind}"), kind);
        cascade["root"].psql("insert into token select 'first ' || i from generate_series(1, 100) i");
        cascade.add_table_with("token", &["--trigger-flags=I"]);
        cascade.wait_in_sync();
        // The copy commits as well; the command, which would be cut first, does not go through the proxy.
        proxy.cut_answers(3);
        cascade["node"].londiste(&["--set", &direct(&cascade["node"]), "resync", "token"]);
        wait_for("three answers to be lost", LIMIT, || {
            (proxy.cuts() == 3).then_some(())
        });
        cascade.wait_in_sync();
        let mut count = 100;
        for round in 0..6 {
            let cuts = proxy.cuts();
            proxy.cut_answers(1);
            for i in 0..3 {
                cascade["root"].psql(&format!("insert into token values ('{round} {i}')"));
                count += 1;
            }
            wait_for("an answer to be lost", LIMIT, || {
                (proxy.cuts() > cuts).then_some(())
            });
        }
        cascade.wait_caught_up();
        assert_exact(&cascade, "node", count);
        cascade.assert_equal("token");
        if kind == "branch" {
            cascade.assert_same_ticks();
        }
    }
}

#[test]
fn a_worker_that_waits_for_an_answer_is_replaced_when_its_session_ends() {
    let (mut cascade, proxy) = pair("held", "branch");
    cascade.add_table_with("token", &["--trigger-flags=I"]);
    cascade.wait_in_sync();
    proxy.hold_answer();
    cascade["root"].psql("insert into token values ('one')");
    proxy.wait_holding();
    // The machine of the first worker is gone; its server has not noticed.
    cascade["node"].worker().kill9();
    let mut second = cascade["node"].spawn_worker(".second", &[], &["--set", &direct(&cascade["node"])]);
    let log = cascade.path("node.log.second");
    wait_for("the second worker to say that it waits", LIMIT, || {
        read_log(&log)
            .contains("another worker of node node is connected")
            .then_some(())
    });
    cascade["root"].psql("insert into token values ('two')");
    proxy.cut();
    cascade.wait_caught_up();
    assert_exact(&cascade, "node", 2);
    cascade.assert_same_ticks();
    assert!(second.stop(LIMIT).success());
}

#[test]
fn switchovers_go_on_after_cut_connections() {
    let mut random = Random::seeded();
    let mut cascade = Cascade::new("cut");
    let proxy = Proxy::start(crate::support::cluster());
    let server = || Server::Shared(crate::support::cluster());
    for (kind, name, provider) in [
        ("root", "a", None),
        ("branch", "b", Some("a")),
        ("leaf", "c", Some("b")),
    ] {
        cascade.create_at(kind, name, server(), provider, |_, db| proxy.connstr(db));
    }
    cascade.psql_all("create table token (v text not null)");
    cascade.start_workers();
    cascade.add_table_with("token", &["--trigger-flags=I"]);
    cascade.wait_in_sync();
    let (mut old, mut new) = ("a", "b");
    let mut count = 0;
    for round in 0..6 {
        for i in 0..5 {
            cascade[old].psql(&format!("insert into token values ('{round} {i}')"));
            count += 1;
        }
        // The command itself and the workers talk through the proxy; whose connection it is, is left to chance.
        let messages = 100 + random.below(1500);
        proxy.cut_after(messages);
        let mut ran = cascade[new].try_londiste(&["takeover", old]);
        let mut tries = 0;
        while !ran.status.success() {
            println!("after {messages} messages: {}", ran.stderr);
            tries += 1;
            assert!(tries < 10, "the takeover does not come to an end");
            thread::sleep(Duration::from_millis(200));
            // What was not begun is begun again.
            let is_recorded = cascade[new].psql("select count(*) from londiste_rs.plan") != "0";
            let command: &[&str] = if is_recorded {
                &["continue"]
            } else {
                &["takeover", old]
            };
            ran = cascade[new].try_londiste(command);
            if cascade[new].psql("select node_type from pgq_node.node_info") == "root" && ran.status.success()
            {
                break;
            }
        }
        let kinds: Vec<String> = ["a", "b"]
            .map(|node| cascade[node].psql("select node_type from pgq_node.node_info"))
            .into();
        assert_eq!(
            kinds.iter().filter(|kind| *kind == "root").count(),
            1,
            "{kinds:?}"
        );
        (old, new) = (new, old);
        cascade.set_root(old);
        assert_eq!(
            cascade[old].psql("select node_type from pgq_node.node_info"),
            "root"
        );
    }
    proxy.pass();
    cascade[old].psql("insert into token values ('last')");
    cascade.wait_caught_up();
    for node in ["a", "b", "c"] {
        assert_exact(&cascade, node, count + 1);
    }
    cascade.assert_same_ticks();
}
