//! A branch that is behind: it opens one batch over many ticks, and keeps every one of them.

use nix::sys::signal::Signal;

use crate::support::cascade::{Cascade, LIMIT};

const QUEUE: &str = "ticks";

/// Every tick since `first`, with the ids of the table's events that lie between it and the one before.
fn ticks(cascade: &Cascade, node: &str, first: i64) -> String {
    cascade[node].psql(&format!(
        "select t.tick_id, t.tick_time at time zone 'UTC', t.tick_event_seq, count(e.ev_id), md5(string_agg(e.ev_id::text, ',' order by e.ev_id))
           from (select *, lag(tick_snapshot) over (order by tick_id) as before from pgq.tick where tick_id >= {first}) t
           left join pgq.event_1 e on e.ev_extra1 = 'public.t' and txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot)
                and not txid_visible_in_snapshot(e.ev_txid, t.before)
          where t.before is not null
          group by 1, 2, 3 order by 1"
    ))
}

#[test]
fn a_branch_that_is_behind_keeps_every_tick_wherever_it_dies() {
    let mut cascade = Cascade::new(QUEUE);
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.create_leaf("leaf", "branch");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade["branch"].stop_worker();
    let first = cascade["branch"].position();

    let root = &cascade["root"];
    let tick = || {
        root.psql(&format!(
            "select pgq.force_tick('{QUEUE}'); select pgq.ticker('{QUEUE}')"
        ))
    };
    // Its events have low ids, and belong to a late tick.
    let long = root.hold("insert into t select -i, 'long' from generate_series(1, 50) i");
    for round in 0..45 {
        root.psql(&format!(
            "insert into t select {round} * 100 + i, 'new' from generate_series(1, 20) i;
             update t set v = v || '{round}' where id % 7 = {round} % 7 and id between 0 and 9999;
             delete from t where id = {round} * 50 + 3"
        ));
        tick();
        if round == 20 {
            // More than is read ahead, by number and by size.
            root.psql("insert into t select 100000 + i, 'many' from generate_series(1, 25000) i");
            tick();
            root.psql("insert into t select 200000 + i, repeat('x', 1000000) from generate_series(1, 40) i");
            tick();
        }
        if round == 40 {
            root.psql("delete from t where id >= 100000");
        }
    }
    long.commit();
    tick();

    for fault in [
        "worker.apply.before-commit:4",
        "worker.apply.committed:5",
        "worker.tick.created:6",
        "worker.finish.before:1",
        "worker.finish.done:2",
        "worker.apply.committed:2",
    ] {
        let branch = &mut cascade["branch"];
        branch.start_worker_to_die_at(fault);
        branch.worker().wait_killed(LIMIT);
        let at = branch.position();
        eprintln!("died at {fault}, tick {at}");
    }
    cascade["branch"].start_worker_with(&[], &["-v"]);
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    let (expected, found) = (ticks(&cascade, "root", first), ticks(&cascade, "branch", first));
    let common = found.lines().count();
    assert!(common > 45, "{common} ticks only");
    let expected: Vec<&str> = expected.lines().take(common).collect();
    assert_eq!(expected, found.lines().collect::<Vec<_>>());
    let log = cascade["branch"].log();
    assert!(log.contains("tick by tick"), "no batch was joined\n{log}");
    assert!(!log.contains("Lost position"), "{log}");
}

#[test]
fn a_branch_that_stops_in_the_middle_of_a_joined_batch_leaves_its_position_at_the_provider() {
    let queue = "ticks_stop";
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade["branch"].stop_worker();
    let root = &cascade["root"];
    for round in 0..20 {
        root.psql(&format!("insert into t values ({round}, 'new'); select pgq.force_tick('{queue}'); select pgq.ticker('{queue}')"));
    }
    // It stands still in the middle.
    let held = cascade["branch"]
        .hold("set local session_replication_role = replica; insert into t values (10, 'in the way')");
    cascade["branch"].start_worker();
    let branch = &cascade["branch"];
    cascade.wait_until("the branch to stand still", || {
        branch.psql("select count(*) from pg_locks where not granted") == "1"
    });
    // It ends when the tick in hand is done.
    cascade["branch"].worker().signal(Signal::SIGINT);
    drop(held);
    let status = cascade["branch"].worker().wait_end(LIMIT);
    assert!(status.success(), "the worker ended with {status}");
    assert!(
        cascade["branch"].position() < cascade.tick(),
        "nothing was left to do"
    );
    let at_provider = cascade["root"].psql(&format!(
        "select last_tick from pgq.get_consumer_info('{queue}') where consumer_name like '%branch'"
    ));
    assert_eq!(at_provider, cascade["branch"].position().to_string());
    cascade["branch"].start_worker();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
}
