//! Positions and the identity of the stream (invariants 2 and 3): what happens when one side is set back.

use crate::support::cascade::Cascade;

const TABLE: &str = "create table t (id int primary key)";

fn in_sync() -> Cascade {
    let mut cascade = Cascade::new("position");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all(TABLE);
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade
}

fn insert(cascade: &Cascade, id: i32) {
    cascade["root"].psql(&format!("insert into t values ({id})"));
    cascade.wait_caught_up();
}

fn worker_log_says(cascade: &Cascade, words: &str) {
    cascade.wait_until(&format!("the leaf's worker to say \"{words}\""), || {
        cascade["leaf"].log().contains(words)
    });
}

#[test]
fn a_node_that_lost_its_last_commits_reads_them_again() {
    let mut cascade = in_sync();
    insert(&cascade, 1);
    let before = cascade["leaf"].position();
    insert(&cascade, 2);
    cascade["leaf"].stop_worker();
    // As after a crash of a server without durable commits: the row and the position are those of an earlier moment.
    cascade["leaf"].psql(&format!(
        "set session_replication_role = replica; delete from t where id = 2; \
         update pgq_node.local_state set last_tick_id = {before}; delete from londiste_rs.stream_position"
    ));
    cascade["leaf"].start_worker();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    worker_log_says(&cascade, &format!("reading again from {before}"));
}

#[test]
fn a_provider_with_another_history_is_named() {
    let mut cascade = in_sync();
    insert(&cascade, 1);
    cascade["leaf"].stop_worker();
    let position = cascade["leaf"].position();
    // As after a restore of the provider: a tick of the same number that was made at another time.
    let shift = |sign: char| {
        format!(
            "update pgq.tick set tick_time = tick_time {sign} interval '1 hour' where tick_id = {position}"
        )
    };
    cascade["root"].psql(&shift('+'));
    cascade["root"].psql("insert into t values (2)");
    cascade["leaf"].start_worker();
    worker_log_says(
        &cascade,
        &format!("has another history: its tick {position} is not the one replayed here"),
    );
    assert_eq!(cascade["leaf"].psql("select count(*) from t where id = 2"), "0");
    let stored = "select cur_error like '%another history%' from pgq_node.local_state";
    cascade.wait_until("the error to be stored", || cascade["leaf"].psql(stored) == "t");
    cascade["leaf"].stop_worker();
    cascade["root"].psql(&shift('-'));
    cascade["leaf"].start_worker();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    cascade.wait_until("the error to be cleared", || {
        cascade["leaf"].psql("select cur_error is null from pgq_node.local_state") == "t"
    });
}

#[test]
fn a_node_ahead_of_its_provider_waits_for_a_decision() {
    let mut cascade = in_sync();
    insert(&cascade, 1);
    cascade["leaf"].stop_worker();
    cascade["leaf"].psql("update pgq_node.local_state set last_tick_id = last_tick_id + 1000");
    cascade["root"].psql("insert into t values (2)");
    cascade["leaf"].start_worker();
    worker_log_says(&cascade, "Lost position: batch");
    let refused = cascade["leaf"].try_londiste(&["worker", "--reset"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    cascade["leaf"].stop_worker();
    let reset = cascade["leaf"].try_londiste(&["worker", "--reset"]);
    assert!(
        reset.status.success() && reset.stderr.contains("compare its tables"),
        "{reset:?}"
    );
    cascade["leaf"].start_worker();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
}

#[test]
fn rewind_puts_the_provider_where_the_node_is() {
    let mut cascade = in_sync();
    insert(&cascade, 1);
    let before = cascade["leaf"].position();
    insert(&cascade, 2);
    cascade["leaf"].stop_worker();
    cascade["leaf"].psql(&format!(
        "set session_replication_role = replica; delete from t where id = 2; \
         update pgq_node.local_state set last_tick_id = {before}"
    ));
    cascade["leaf"].londiste(&["worker", "--rewind"]);
    let at_provider = "select last_tick from pgq.get_consumer_info() where consumer_name like '%leaf' and consumer_name not like '.%'";
    assert_eq!(cascade["root"].psql(at_provider), before.to_string());
    cascade["leaf"].start_worker();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    let root = cascade["root"].try_londiste(&["worker", "--rewind"]);
    assert_eq!(root.status.code(), Some(1), "{root:?}");
}

#[test]
fn connections_are_renewed_at_the_end_of_their_life() {
    let mut cascade = in_sync();
    cascade["leaf"].stop_worker();
    cascade["leaf"].configure("connection_lifetime = 1");
    cascade["leaf"].start_worker();
    let backend = "select pid from pg_stat_activity where datname = current_database() \
                   and application_name like 'londiste:worker:leaf:%'";
    let mut first = String::new();
    cascade.wait_until("the worker to connect", || {
        first = cascade["leaf"].psql(backend);
        !first.is_empty()
    });
    cascade.wait_until("the worker to connect anew", || {
        let now = cascade["leaf"].psql(backend);
        !now.is_empty() && now != first
    });
    insert(&cascade, 1);
    cascade.assert_equal("t");
    assert!(
        !cascade["leaf"].log().contains("ERROR"),
        "{}",
        cascade["leaf"].log()
    );
}

#[test]
fn a_provider_that_lost_this_nodes_position_is_told_it() {
    let mut cascade = in_sync();
    insert(&cascade, 1);
    let before = cascade["leaf"].position();
    insert(&cascade, 2);
    insert(&cascade, 3);
    cascade["leaf"].stop_worker();
    // As a branch that was restored and has caught up again: the ticks are the same, the reader's position is old.
    cascade["root"].psql(&format!(
        "select pgq.register_consumer_at(queue_name, consumer_name, {before}) from pgq.get_consumer_info() \
         where consumer_name like '%leaf' and consumer_name not like '.%'"
    ));
    cascade["leaf"].start_worker();
    insert(&cascade, 4);
    cascade.assert_equal("t");
    worker_log_says(&cascade, "which is the same tick there");
}
