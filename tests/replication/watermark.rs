//! Nobody deletes what somebody still needs, and everybody deletes what nobody needs (cascade.md 6).

use std::cell::Cell;

use crate::support::cascade::{Cascade, Node};

/// How far a reader of the queue is by its provider.
fn reader(node: &Node, queue: &str, name: &str) -> i64 {
    let sql = format!("select last_tick from pgq.get_consumer_info('{queue}', '{name}')");
    node.psql(&sql).parse().unwrap_or(0)
}

fn global(node: &Node, queue: &str) -> i64 {
    reader(node, queue, ".global_watermark")
}

/// Events of table `t` that the queue of a node still has.
fn kept(node: &Node, queue: &str) -> i64 {
    let table = node.psql(&format!(
        "select queue_data_pfx from pgq.queue where queue_name = '{queue}'"
    ));
    let sql = format!("select count(*) from {table} where ev_extra1 = 'public.t'");
    node.psql(&sql).parse().expect("a number")
}

/// Maintains a node's queue twice, as pgqd does now and then.
fn maintain(node: &Node, queue: &str) {
    for _ in 0..2 {
        node.psql(&format!("select pgq.maint_rotate_tables_step1('{queue}')"));
        node.psql("select pgq.maint_rotate_tables_step2()");
    }
}

/// A root, and nodes below it as pairs of name and provider; a name that begins with `l` is a leaf's. Watermarks travel
/// quickly, and rotation waits for nothing else than readers.
fn tree(queue: &str, below: &[(&str, &str)]) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    for (name, provider) in below {
        match name.starts_with('l') {
            true => cascade.create_leaf(name, provider),
            false => cascade.create_branch(name, provider),
        }
    }
    hurry(&cascade);
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade
}

fn hurry(cascade: &Cascade) {
    for node in cascade.nodes() {
        node.configure("global_wm_publish_period = 0.5\nlocal_wm_publish_period = 0.5");
        node.psql("update pgq.queue set queue_rotation_period = '0'");
    }
}

fn insert(cascade: &Cascade, from: i32) {
    cascade["root"].psql(&format!(
        "insert into t select i, 'v' from generate_series({from}, {from} + 99) i"
    ));
}

#[test]
fn rotation_waits_for_the_slowest_node_until_it_is_dropped() {
    let queue = "wm_rotate";
    let mut cascade = tree(
        queue,
        &[("branch", "root"), ("leaf", "branch"), ("lslow", "branch")],
    );
    cascade["lslow"].stop_worker();
    let slow_at = cascade["lslow"].position();
    insert(&cascade, 1);
    cascade.wait_until("the others to replay", || {
        cascade["leaf"].psql("select count(*) from t") == "100"
    });
    let passed = cascade["leaf"].position();
    cascade.wait_until("the others to be seen", || {
        reader(&cascade["branch"], queue, ".leaf.watermark") >= passed
    });
    for _ in 0..5 {
        for node in ["root", "branch"] {
            maintain(&cascade[node], queue);
            assert_eq!(kept(&cascade[node], queue), 100, "events on {node}");
            assert!(global(&cascade[node], queue) <= slow_at);
        }
    }

    // A new node begins where the slowest one is.
    cascade.create_leaf("late", "branch");
    assert!(
        cascade["late"].position() <= slow_at,
        "{}",
        cascade["late"].position()
    );
    cascade["late"].psql("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade["late"].londiste(&["add-table", "t"]);
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    cascade["late"].londiste(&["drop-node", "late"]);
    let all_gone = |cascade: &Cascade| {
        ["root", "branch"].iter().all(|node| {
            maintain(&cascade[node], queue);
            kept(&cascade[node], queue) == 0
        })
    };
    cascade.wait_until("rotation after the slow node came", || all_gone(&cascade));

    // A dead one is dropped instead.
    cascade["lslow"].worker().kill9();
    insert(&cascade, 1001);
    cascade.wait_until("the other to replay", || {
        cascade["leaf"].psql("select count(*) from t") == "200"
    });
    for node in ["root", "branch"] {
        maintain(&cascade[node], queue);
        assert_eq!(kept(&cascade[node], queue), 100, "events on {node}");
    }
    cascade["root"].londiste(&["tag-dead", "lslow"]);
    cascade["root"].londiste(&["drop-node", "lslow"]);
    cascade.wait_until("rotation without the dead node", || all_gone(&cascade));
}

#[test]
fn c18_local_watermarks_are_published_while_no_ticks_arrive() {
    let queue = "wm_idle";
    let mut cascade = tree(queue, &[("branch", "root"), ("leaf", "branch")]);
    cascade["leaf"].stop_worker();
    insert(&cascade, 1);
    let tick = cascade.tick();
    cascade["root"].psql(&format!(
        "select pgq.set_queue_config('{queue}', 'ticker_paused', 'true')"
    ));
    cascade.wait_until("the branch to replay", || cascade["branch"].position() >= tick);
    assert!(reader(&cascade["root"], queue, ".branch.watermark") < tick);
    cascade["leaf"].start_worker();
    let top = Cell::new(0);
    cascade.wait_until("the root to hear of the leaf's last batch", || {
        let sql = format!("select last_tick_id from pgq.get_queue_info('{queue}')");
        top.set(cascade["root"].psql(&sql).parse().expect("a tick"));
        reader(&cascade["root"], queue, ".branch.watermark") == top.get()
    });
    assert!(top.get() >= tick && cascade["leaf"].position() == top.get());
}

#[test]
fn a_group_of_branches_keeps_what_its_own_nodes_need() {
    let queue = "wm_group";
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    for (name, others) in [("a", "b,gone"), ("b", "a")] {
        cascade.create_with("branch", name, "root", &[&format!("--sync-watermark={others}")]);
    }
    cascade.create_branch("c", "a");
    cascade.create_leaf("slow", "c");
    hurry(&cascade);
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();

    // Nobody knows one of the nodes: the group waits, and says why.
    cascade.wait_until("a to name the unknown node", || {
        cascade["a"]
            .log()
            .contains("node \"gone\" of this node's sync_watermark is no member")
    });
    let location = |node: &str, port: &str, dead: bool| {
        cascade["root"].psql(&format!(
            "select pgq_node.register_location('{queue}', '{node}', 'host=127.0.0.1 port={port} connect_timeout=2', {dead})"
        ))
    };
    location("gone", "1", false);
    cascade.wait_until("a to name the node that it cannot reach", || {
        cascade["a"].log().contains("node \"gone\": ")
    });
    let before = global(&cascade["a"], queue);
    location("gone", "1", true);
    cascade.wait_until("a to go on without the dead node", || {
        global(&cascade["a"], queue) > before
    });

    cascade["slow"].stop_worker();
    let slow_at = cascade["slow"].position();
    insert(&cascade, 1);
    let tick = cascade.tick();
    // The root and whoever follows it does not wait for what is below the group.
    cascade.wait_until("the root's watermark to pass", || {
        global(&cascade["root"], queue) > tick
    });
    cascade.wait_until("the root to remove the events", || {
        maintain(&cascade["root"], queue);
        kept(&cascade["root"], queue) == 0
    });
    for node in ["a", "b", "c"] {
        cascade.wait_until("the group to stand at the slow node", || {
            global(&cascade[node], queue) == slow_at
        });
        maintain(&cascade[node], queue);
        assert_eq!(kept(&cascade[node], queue), 100, "events on {node}");
    }
    cascade["slow"].start_worker();
    for node in ["a", "b", "c"] {
        cascade.wait_until("the group to pass", || {
            maintain(&cascade[node], queue);
            global(&cascade[node], queue) > tick && kept(&cascade[node], queue) == 0
        });
    }
}

#[test]
fn pgqd_publishes_the_watermark_of_a_root_without_a_worker() {
    let queue = "wm_pgqd";
    let mut cascade = tree(queue, &[("leaf", "root")]);
    cascade["root"].stop_worker();
    insert(&cascade, 1);
    cascade.start_pgqd_with("maint_period = 1");
    let tick = cascade.tick();
    cascade.wait_until("the leaf to tell where it is", || {
        reader(&cascade["root"], queue, ".leaf.watermark") >= tick
    });
    assert!(global(&cascade["root"], queue) < tick);
    cascade["root"].psql("update pgq.tick set tick_time = tick_time - interval '6 minutes'");
    cascade.wait_until("pgqd to publish it", || global(&cascade["root"], queue) >= tick);
}

#[test]
fn c19_a_node_restored_to_what_its_provider_has_removed_is_told_so() {
    let queue = "wm_lost";
    let mut cascade = tree(queue, &[("leaf", "root")]);
    let old = cascade["leaf"].position();
    insert(&cascade, 1);
    cascade.wait_caught_up();
    cascade.wait_until("the root to remove the events", || {
        maintain(&cascade["root"], queue);
        let sql = format!("select count(*) from pgq.tick where tick_id <= {old}");
        cascade["root"].psql(&sql) == "0"
    });
    cascade["leaf"].stop_worker();
    // As after a restore: the rows and the position are those of an earlier time.
    cascade["leaf"].psql(&format!(
        "set session_replication_role = replica; delete from t; \
         update pgq_node.local_state set last_tick_id = {old}; delete from londiste_rs.stream_position; \
         delete from londiste_rs.stream_trail"
    ));
    cascade["leaf"].start_worker();
    cascade.wait_until("the worker to say so", || {
        let log = cascade["leaf"].log();
        log.contains("Lost position: batch")
            && log
                .contains("the provider has removed the events in between: drop this node and create it anew")
    });
    // The recipe works.
    cascade["leaf"].stop_worker();
    cascade["root"].londiste(&["drop-node", "leaf"]);
    let provider = format!("--provider={}", cascade["root"].connstr());
    let location = cascade["leaf"].connstr();
    cascade["leaf"].londiste(&["create-leaf", "leaf", &location, &provider]);
    cascade["leaf"].start_worker();
    cascade["leaf"].londiste(&["add-table", "t"]);
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
}

#[test]
fn c13_ticks_are_the_same_on_every_node() {
    let queue = "wm_ticks";
    let mut cascade = tree(queue, &[("b1", "root"), ("b2", "b1"), ("leaf", "b2")]);
    cascade["root"].psql("update pgq.queue set queue_rotation_period = '2 hours'");
    for (number, fault) in [
        "worker.apply.committed",
        "worker.tick.created",
        "worker.finish.before",
    ]
    .iter()
    .enumerate()
    {
        for node in ["b1", "b2"] {
            insert(
                &cascade,
                1000 * (number as i32 + 1) + if node == "b1" { 0 } else { 500 },
            );
            cascade[node].stop_worker();
            cascade[node].start_worker_to_die_at(fault);
            // The batch at which it dies may be an empty one: where the ancestor counts from nothing again.
            cascade.tick();
            cascade[node].worker().wait_killed(crate::support::cascade::LIMIT);
            cascade[node].start_worker();
            cascade.wait_caught_up();
        }
    }
    // Behind, with batches of many ticks.
    cascade["b1"].stop_worker();
    for round in 0..10 {
        insert(&cascade, 10_000 + round * 200);
        cascade.tick();
    }
    cascade["b1"].start_worker();
    cascade.wait_caught_up();
    let compared = cascade.assert_same_ticks();
    assert!(compared > 40, "{compared} ticks only");
    // A new branch begins with its provider's tick, and a leaf that moves there finds it.
    cascade.create_branch("b3", "b1");
    cascade["b3"].start_worker();
    cascade.wait_caught_up();
    assert!(cascade.assert_same_ticks() > compared);
    let ticks = |node: &str| {
        cascade[node].psql(&format!(
            "select tick_id, tick_time at time zone 'UTC', tick_event_seq from pgq.tick join pgq.queue on queue_id = tick_queue \
              where queue_name = '{queue}' and tick_id > 1 order by 1"
        ))
    };
    let (root, new) = (ticks("root"), ticks("b3"));
    let first = new.lines().next().expect("a tick");
    assert!(
        root.lines().any(|line| line == first),
        "the first tick of b3 is {first}, of root:\n{root}"
    );
    cascade.assert_equal_on("t", &["b1", "b2", "leaf"]);
}
