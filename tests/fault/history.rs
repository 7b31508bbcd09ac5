//! A node or its provider is set back to an earlier state, as after a restore or a crash that lost commits.

use crate::support::cascade::{Cascade, LIMIT, Node};

fn pair(queue: &str, kind: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    match kind {
        "branch" => cascade.create_branch("node", "root"),
        _ => cascade.create_leaf("node", "root"),
    }
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["root"].psql("insert into t values (1, 'before')");
    cascade.wait_caught_up();
    // The ticker goes first, so that the node stands at the last tick.
    cascade["root"].worker().stop(LIMIT);
    let top = cascade["root"].psql("select max(tick_id) from pgq.tick");
    let node = &cascade["node"];
    cascade.wait_until("the node to be at the last tick", || {
        node.position().to_string() == top
    });
    cascade.stop_workers();
    cascade
}

/// Keeps a copy of a node's database; nobody may be connected.
fn back_up(node: &Node) {
    let db = &node.db;
    node.server
        .psql("postgres", &format!("create database {db}_backup template {db}"));
}

/// Puts the copy in the database's place.
fn restore(node: &Node) {
    let db = &node.db;
    node.server.psql(
        "postgres",
        &format!("alter database {db} rename to {db}_lost; alter database {db}_backup rename to {db}"),
    );
}

#[test]
fn a_node_that_lost_its_last_commits_replays_them_again() {
    for kind in ["leaf", "branch"] {
        let mut cascade = pair(&format!("setback_{kind}"), kind);
        back_up(&cascade["node"]);
        cascade.start_workers();
        for i in 0..5 {
            cascade["root"].psql(&format!(
                "update t set v = v || {i}; insert into t values (10 + {i}, 'lost')"
            ));
            cascade.wait_caught_up();
        }
        cascade.stop_workers();
        restore(&cascade["node"]);
        cascade.start_workers();
        cascade["root"].psql("update t set v = v || 'after'");
        cascade.wait_caught_up();
        cascade.assert_equal("t");
        let log = cascade["node"].log();
        assert!(
            log.contains("reading again from"),
            "the worker did not say so\n{log}"
        );
    }
}

#[test]
fn a_provider_that_was_set_back_by_one_tick_is_noticed() {
    let mut cascade = pair("oneback", "leaf");
    back_up(&cascade["root"]);
    let tick = "select pgq.force_tick('oneback'); select pgq.ticker('oneback')";
    cascade["root"].psql("insert into t values (2, 'of the old history')");
    cascade["root"].psql(tick);
    let before = cascade["node"].position();
    cascade["node"].start_worker();
    let node = &cascade["node"];
    cascade.wait_until("the node to replay one tick", || node.position() == before + 1);
    cascade.stop_workers();
    restore(&cascade["root"]);
    cascade["root"].psql("insert into t values (3, 'of the new history')");
    cascade["root"].psql(tick);
    cascade["node"].start_worker();
    let node = &cascade["node"];
    cascade.wait_until("the worker to name the provider's other history", || {
        node.log().contains("has another history")
    });
    assert_eq!(node.position(), before + 1);
    assert_eq!(
        cascade["root"]
            .psql("select last_tick from pgq.get_consumer_info() where consumer_name = 'oneback_node'"),
        before.to_string(),
        "the batch of the new history must stay open"
    );
}
