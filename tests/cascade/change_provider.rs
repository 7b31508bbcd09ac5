//! change-provider: what it does, and what it refuses before it has touched anything.

use crate::support::cascade::Cascade;

/// Root a, branches b and c below it, leaf d below b; a table with rows everywhere.
fn stand(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("a");
    cascade.create_branch("b", "a");
    cascade.create_branch("c", "a");
    cascade.create_leaf("d", "b");
    cascade.psql_all("create table t (id serial primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["a"].psql("insert into t (v) select 'first' from generate_series(1, 100)");
    cascade
}

fn provider(cascade: &Cascade, node: &str) -> String {
    cascade[node].psql(
        "select s.provider_node || coalesce(' paused ' || nullif(s.paused, false)::text, '') from pgq_node.local_state s \
           join pgq_node.node_info n on n.queue_name = s.queue_name and n.worker_name = s.consumer_name",
    )
}

fn subscribers(cascade: &Cascade, node: &str) -> String {
    cascade[node].psql(
        "select string_agg(subscriber_node, ' ' order by subscriber_node) from pgq_node.subscriber_info",
    )
}

/// No plan, mark or closed queue is left anywhere.
fn assert_nothing_left(cascade: &Cascade) {
    for node in cascade.nodes() {
        assert_eq!(
            node.psql("select count(*) from londiste_rs.plan"),
            "0",
            "plans on {}",
            node.name
        );
        let paused = "select consumer_name from pgq_node.local_state where paused";
        assert_eq!(node.psql(paused), "", "paused on {}", node.name);
    }
}

#[test]
fn a_leaf_moves_under_load_and_back() {
    let cascade = stand("cp_leaf");
    let load = cascade.path("load.sql");
    std::fs::write(&load, "insert into t (v) values ('load');\n").expect("write a script");
    let pgbench = cascade["a"].start_pgbench(&["-T", "600", "-c", "2", "-f", &load.display().to_string()]);
    for (node, to, from) in [
        ("d", "c", "b"),
        ("d", "a", "c"),
        ("d", "b", "a"),
        ("c", "b", "a"),
        ("c", "a", "b"),
    ] {
        let ran =
            cascade["a"].try_londiste(&["change-provider", "--node", node, &format!("--provider={to}")]);
        assert!(ran.status.success(), "{}", ran.stderr);
        assert_eq!(provider(&cascade, node), to);
        assert!(
            subscribers(&cascade, to).split(' ').any(|name| name == node),
            "{node} is registered at {to}"
        );
        assert!(
            !subscribers(&cascade, from).split(' ').any(|name| name == node),
            "{node} is forgotten at {from}"
        );
    }
    pgbench.end();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    assert_nothing_left(&cascade);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_touched() {
    let cascade = stand("cp_refuse");
    for (args, words) in [
        (["--node=b", "--provider=b"], "cannot be its own provider"),
        (["--node=b", "--provider=d"], "is a leaf"),
        (["--node=a", "--provider=b"], "is the root"),
        (["--node=b", "--provider=x"], "not a member"),
        (["--node=b", "--consumer=nobody"], "provider"),
    ] {
        let mut all = vec!["change-provider"];
        all.extend(args);
        let ran = cascade["a"].try_londiste(&all);
        assert!(!ran.status.success(), "{args:?}");
        assert!(ran.stderr.contains(words), "{args:?}: {}", ran.stderr);
    }
    cascade["c"].londiste(&["change-provider", "--provider=b"]);
    let ran = cascade["b"].try_londiste(&["change-provider", "--provider=c"]);
    assert!(ran.stderr.contains("form a circle"), "{}", ran.stderr);
    assert_eq!(provider(&cascade, "b"), "a");
    assert_nothing_left(&cascade);
}

#[test]
fn the_plan_is_shown_first() {
    let cascade = stand("cp_show");
    let shown = cascade["d"].londiste(&["change-provider", "--provider=c", "--dry-run"]);
    insta::assert_snapshot!(shown, @r#"
    Plan: change-provider of d to c
       1. let c keep events for the worker of d           waits for c to have the tick of the worker of d
       2. pause the worker of d                           waits for the worker of d to answer
       3. let the worker of d begin at c where it stands  waits for c to have the tick of the worker of d
       4. let the worker of d read from c
       5. resume the worker of d                          waits for the worker of d to answer
       6. let b forget the worker of d
    "#);
    assert_eq!(provider(&cascade, "d"), "b");
    assert_nothing_left(&cascade);
    let shown = cascade["b"].londiste(&["takeover", "a", "--all", "--dry-run"]);
    insta::assert_snapshot!(shown, @r#"
    Plan: takeover of a by b, with all its subscribers
       1. wait until b keeps up with a                    waits for the worker of b
       2. let b keep events for the worker of c           waits for b to have the tick of the worker of c
       3. pause the worker of c                           waits for the worker of c to answer
       4. let the worker of c begin at b where it stands  waits for b to have the tick of the worker of c
       5. let the worker of c read from b
       6. resume the worker of c                          waits for the worker of c to answer
       7. remove what kept writers out of b
       8. pause the worker of a                           waits for the worker of a to answer
       9. wait until b keeps up with a                    waits for the worker of b
      10. close a for writers                             waits for transactions on a that have written
      11. make the last tick of a
      12. wait until b has the last tick                  waits for the worker of b
      13. carry the sequences of a to b
          -- until here "undo" returns to the old state; from here on only "continue" --
      14. make b the root, open for writers
      15. let the worker of a begin at b where it stands  waits for b to have the tick of the worker of a
      16. make a a branch of b
      17. resume the worker of a                          waits for the worker of a to answer
      18. let a forget the worker of c
      19. let a forget the worker of b
      20. remove what kept writers out of a
    "#);
}

/// A consumer that is no worker: a program that reads from the node's chosen provider and answers pauses.
#[test]
fn a_plain_cascaded_consumer_moves_with_its_position() {
    let cascade = stand("cp_plain");
    let tick = cascade.tick();
    cascade.wait_caught_up();
    let (queue, b, c) = ("cp_plain", &cascade["b"], &cascade["c"]);
    b.psql(&format!(
        "select pgq.register_consumer_at('{queue}', 'reader', {tick})"
    ));
    c.psql(&format!(
        "select pgq_node.register_consumer('{queue}', 'reader', 'b', {tick})"
    ));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                c.psql(&format!(
                    "select pgq_node.set_consumer_uptodate('{queue}', 'reader', true)"
                ));
            }
        });
        let ran = cascade["a"].try_londiste(&[
            "change-provider",
            "--consumer=reader",
            "--provider=a",
            "--timeout=180",
        ]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(ran.status.success(), "{}", ran.stderr);
    });
    let at = |node: &str| {
        cascade[node].psql(&format!(
            "select last_tick from pgq.get_consumer_info('{queue}', 'reader')"
        ))
    };
    assert_eq!(at("a"), tick.to_string());
    assert_eq!(at("b"), "");
    let found = c.psql(
        "select provider_node, last_tick_id, paused from pgq_node.local_state where consumer_name = 'reader'",
    );
    assert_eq!(found, format!("a|{tick}|f"));
    assert_nothing_left(&cascade);
}
