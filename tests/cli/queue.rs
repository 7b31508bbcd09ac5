//! queue: create, drop, list, set, consumers, register, unregister, peek, retry, dead, limit, detach, attach.

use std::time::Duration;

use super::{Node, londiste};
use crate::support::wait::wait_for;

/// Times and sizes depend on clock and server.
const FILTERS: &[(&str, &str)] = &[
    (r#"_seconds": -?[0-9.e-]+"#, "_seconds\": SECONDS"),
    (r#""events_per_second": [0-9.]+"#, "\"events_per_second\": RATE"),
    (r#""bytes": [0-9]+"#, "\"bytes\": BYTES"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d", "TIME"),
    (r"\b(\d+m)?\d+s\b", "Ns"),
    (r"\b\d+(\.\d)? kB\b", "N kB"),
    (r"line \d+ at RAISE", "line N at RAISE"),
    (r"(Ns +)\d+\.\d( +\d)", "${1}N.N${2}"),
];

macro_rules! shows {
    ($text:expr, @$shown:literal) => {
        insta::with_settings!({filters => FILTERS.to_vec()}, { insta::assert_snapshot!($text, @$shown) })
    };
}

/// A database with the queue's schemas, ours.
fn ours(name: &str) -> Node {
    let node = Node::new(name);
    node.must(&["install", "--only=pgq,pgq_coop"]);
    node
}

/// A database with the ancestor's extension and nothing of ours.
fn ancestors(name: &str) -> Node {
    let node = Node::new(name);
    // Roles are shared by all databases of the server: two installations at once can collide.
    wait_for("the extension", Duration::from_secs(20), || {
        node.db.try_psql("create extension pgq").ok()
    });
    node
}

/// Puts `count` events into queue `q` and ticks.
fn events(node: &Node, count: u32) {
    node.db.psql(&format!(
        "select count(pgq.insert_event('q', 'kind' || n, 'data ' || n)) from generate_series(1, {count}) n"
    ));
    node.db.psql("select pgq.force_tick('q')");
    node.db.psql("select pgq.ticker('q')");
}

#[test]
fn queues_come_and_go() {
    let node = ours("queue_go");
    shows!(node.run(&["queue", "list"]), @r#"
    [exit 0]
    No queues in database queue_go
    "#);
    shows!(node.run(&["queue", "create", "q", "other"]), @r#"
    [exit 0]
    ! INFO Queue q created
    ! INFO Queue other created
    "#);
    shows!(node.run(&["queue", "create", "q", "--json"]), @r#"
    [exit 0]
    [
      {
        "queue_name": "q",
        "created": false
      }
    ]
    ! INFO Queue q exists already
    "#);
    shows!(node.run(&["queue", "list"]), @r#"
    [exit 0]
    Queues in database queue_go
    queue            consumers        tick             tick_age         events/s         new_events       size             rotation         state
    ---------------  ---------------  ---------------  ---------------  ---------------  ---------------  ---------------  ---------------  ---------------
    other            0                1                Ns               -                0                N kB            3/2h0s           ok
    q                0                1                Ns               -                0                N kB            3/2h0s           ok
    "#);
    shows!(node.run(&["queue", "list", "q", "--json"]), @r#"
    [exit 0]
    [
      {
        "queue_name": "q",
        "consumers": 0,
        "last_tick": 1,
        "ticker_lag_seconds": SECONDS,
        "not_ticked": false,
        "events_per_second": null,
        "new_events": 0,
        "bytes": BYTES,
        "tables": 3,
        "current_table": 0,
        "rotated_seconds": SECONDS,
        "rotation_period": "02:00:00",
        "ticker_max_count": 500,
        "ticker_max_lag": "00:00:03",
        "ticker_idle_period": "00:01:00",
        "ticker_paused": false,
        "external_ticker": false,
        "disable_insert": false,
        "foreign_txids": false,
        "per_tx_limit": null,
        "extra_maint": []
      }
    ]
    "#);
    shows!(node.run(&["queue", "list", "--names-only"]), @r#"
    [exit 0]
    other
    q
    "#);
    shows!(node.run(&["queue", "register", "q", "reader"]), @r#"
    [exit 0]
    ! INFO Consumer reader registered on queue q at tick 1
    "#);
    shows!(node.run(&["queue", "drop", "q"]), @r#"
    [exit 1]
    ! error: queue "q" cannot be dropped: it has 1 consumer(s)
    ! detail: reader
    ! hint: unregister them, or use --force
    "#);
    shows!(node.run(&["queue", "drop", "q", "--force", "--json"]), @r#"
    [exit 0]
    {
      "queue_name": "q",
      "dropped": true,
      "unregistered": [
        "reader"
      ]
    }
    ! INFO Queue q dropped
    "#);
    // Nothing of it is found again by another queue of that name.
    node.must(&["queue", "create", "again"]);
    node.must(&["queue", "register", "again", "reader"]);
    node.must(&["queue", "limit", "again", "*", "--age=1h"]);
    node.must(&["queue", "detach", "again", "reader"]);
    node.db.psql(
        "insert into londiste_rs.dead_event (queue_name, consumer_name, ev_id, ev_time, reason) \
         values ('again', 'reader', 1, now(), 'bad')",
    );
    shows!(node.run(&["queue", "drop", "again"]), @r#"
    [exit 1]
    ! error: queue "again" cannot be dropped: it has 1 consumer(s)
    ! detail: reader (detached)
    ! hint: unregister them, or use --force
    "#);
    node.must(&["queue", "drop", "again", "--force"]);
    assert_eq!(
        node.db.psql(
            "select (select count(*) from londiste_rs.queue_limit), (select count(*) from londiste_rs.dead_event), \
                    (select count(*) from londiste_rs.detached_consumer)"
        ),
        "0|0|0"
    );
    shows!(node.run(&["queue", "drop", "othr"]), @r#"
    [exit 1]
    ! error: queue "othr" does not exist
    ! detail: database "queue_go"
    ! hint: did you mean "other"?
    "#);
}

#[test]
fn settings_are_changed_by_name() {
    insta::allow_duplicates! {
        for node in [ours("queue_set"), ancestors("queue_set")] {
            node.must(&["queue", "create", "q"]);
            shows!(node.run(&["queue", "set", "q", "ticker_max_lag=1 s", "per_tx_limit=5", "ticker_paused=on"]), @r#"
            [exit 0]
            ! INFO Queue q: ticker_max_lag changed from 00:00:03 to 00:00:01
            ! INFO Queue q: per_tx_limit changed from (none) to 5
            ! INFO Queue q: ticker_paused changed from false to true
            "#);
            shows!(node.run(&["queue", "set", "q", "per_tx_limit=", "ticker_max_lag=1 second", "--json"]), @r#"
            [exit 0]
            [
              {
                "queue_name": "q",
                "setting": "per_tx_limit",
                "old": "5",
                "new": null
              },
              {
                "queue_name": "q",
                "setting": "ticker_max_lag",
                "old": "00:00:01",
                "new": "00:00:01"
              }
            ]
            ! INFO Queue q: per_tx_limit changed from 5 to (none)
            ! INFO Queue q: ticker_max_lag is 00:00:01 already
            "#);
            shows!(node.run(&["queue", "set", "q", "ticker_max_lg=1"]), @r#"
            [exit 2]
            ! error: a queue has no setting "ticker_max_lg"
            ! hint: did you mean "ticker_max_lag"?
            "#);
            shows!(node.run(&["queue", "set", "q", "ticker_paused=perhaps"]), @r#"
            [exit 1]
            ! error: setting ticker_paused of queue "q" cannot be changed: invalid input syntax for type boolean: "perhaps"
            "#);
            shows!(node.run(&["queue", "set", "q", "ticker_paused"]), @r#"
            [exit 2]
            ! error: "ticker_paused" is no setting: expected KEY=VALUE
            "#);
            assert_eq!(node.db.psql("select queue_ticker_paused from pgq.queue"), "t");
        }
    }
}

#[test]
fn readers_are_seen_and_moved() {
    insta::allow_duplicates! {
        for node in [ours("queue_read"), ancestors("queue_read")] {
            node.must(&["queue", "create", "q"]);
            // The ancestor does not count the first event of a queue.
            events(&node, 1);
            shows!(node.run(&["queue", "register", "q", "reader"]), @r#"
            [exit 0]
            ! INFO Consumer reader registered on queue q at tick 2
            "#);
            shows!(node.run(&["queue", "register", "q", "reader"]), @r#"
            [exit 0]
            ! INFO Consumer reader is on queue q already at tick 2
            "#);
            events(&node, 3);
            shows!(node.run(&["queue", "register", "q", "late"]), @r#"
            [exit 0]
            ! INFO Consumer late registered on queue q at tick 3
            "#);
            shows!(node.run(&["queue", "register", "q", "late", "--copy=reader", "--json"]), @r#"
            [exit 0]
            {
              "queue_name": "q",
              "consumer_name": "late",
              "new": false,
              "last_tick": 2
            }
            ! INFO Consumer late of queue q moved to tick 2
            "#);
            shows!(node.run(&["queue", "register", "q", "late", "--at=77"]), @r#"
            [exit 1]
            ! error: queue "q" has no tick 77
            ! detail: it has ticks from 1 to 3
            "#);
            node.db.psql("select pgq.next_batch('q', 'late')");
            shows!(node.run(&["queue", "consumers"]), @r#"
            [exit 0]
            Consumers in database queue_read
            queue            consumer         lag              last_seen        pending          tick             state
            ---------------  ---------------  ---------------  ---------------  ---------------  ---------------  ---------------
            q                late             Ns               Ns               2004             2                in batch 1
            q                reader           Ns               Ns               2004             2                between batches
            "#);
            shows!(node.run(&["queue", "consumers", "q", "reader", "--json"]), @r#"
            [exit 0]
            [
              {
                "queue_name": "q",
                "consumer_name": "reader",
                "member_of": null,
                "lag_seconds": SECONDS,
                "last_seen_seconds": SECONDS,
                "last_tick": 2,
                "current_batch": null,
                "next_tick": null,
                "pending_events": 2004,
                "detached": null
              }
            ]
            "#);
            shows!(node.run(&["queue", "consumers", "q", "raeder"]), @r#"
            [exit 1]
            ! error: consumer "raeder" is not subscribed to queue "q"
            ! detail: database "queue_read"
            ! hint: did you mean "reader"?
            "#);
            shows!(node.run(&["queue", "unregister", "q", "late"]), @r#"
            [exit 0]
            ! INFO Consumer late unregistered from queue q
            "#);
            shows!(node.run(&["queue", "unregister", "q", "late"]), @r#"
            [exit 1]
            ! error: consumer "late" is not subscribed to queue "q"
            ! detail: database "queue_read"
            ! hint: "londiste queue consumers q" lists those that are
            "#);
        }
    }
}

#[test]
fn members_share_a_consumer() {
    let node = ours("queue_coop");
    node.must(&["queue", "create", "q"]);
    shows!(node.run(&["queue", "register", "q", "team", "--member=a"]), @r#"
    [exit 0]
    ! INFO Consumer team.a registered on queue q at tick 1
    "#);
    node.must(&["queue", "register", "q", "team", "--member=b"]);
    events(&node, 3);
    node.db.psql("select pgq_coop.next_batch('q', 'team', 'a')");
    shows!(node.run(&["queue", "consumers"]), @r#"
    [exit 0]
    Consumers in database queue_coop
    queue            consumer         lag              last_seen        pending          tick             state
    ---------------  ---------------  ---------------  ---------------  ---------------  ---------------  ---------------
    q                team             Ns               Ns               0                2                between batches
    q                team.a           Ns               Ns               2004             1                in batch 1
    q                team.b           -                Ns               -                -                idle member
    "#);
    shows!(node.run(&["queue", "unregister", "q", "team", "--member=a"]), @r#"
    [exit 1]
    ! error: consumer "team.a" of queue "q" cannot be unregistered: subconsumer has active batch
    ! detail: PL/pgSQL function pgq_coop.unregister_subconsumer(text,text,text,integer) line N at RAISE
    ! hint: with --drop-batch it goes, and the events of that batch are lost
    "#);
    shows!(node.run(&["queue", "unregister", "q", "team", "--member=a", "--drop-batch"]), @r#"
    [exit 0]
    ! INFO Consumer team.a unregistered from queue q
    "#);
    shows!(node.run(&["queue", "peek", "q", "team.b"]), @r#"
    [exit 1]
    ! error: member "team.b" has no batch open
    ! hint: the next batch is that of "team": londiste queue peek q team
    "#);
    shows!(node.run(&["queue", "unregister", "q", "team"]), @r#"
    [exit 0]
    ! INFO Consumer team unregistered from queue q with 1 member(s)
    "#);
    let old = ancestors("queue_nocoop");
    old.must(&["queue", "create", "q"]);
    shows!(old.run(&["queue", "register", "q", "team", "--member=a"]), @r#"
    [exit 1]
    ! error: database "queue_nocoop" has no schema pgq_coop
    ! hint: install it with "londiste install --only=pgq_coop CONNSTR"
    "#);
}

#[test]
fn peeking_consumes_nothing() {
    insta::allow_duplicates! {
        for node in [ours("queue_peek"), ancestors("queue_peek")] {
            node.must(&["queue", "create", "q"]);
            node.must(&["queue", "register", "q", "reader"]);
            shows!(node.run(&["queue", "peek", "q", "reader"]), @r#"
            [exit 0]
            Consumer reader of queue q has read everything up to the newest tick
            "#);
            events(&node, 3);
            let state = "select sub_last_tick, sub_batch, sub_next_tick from pgq.subscription";
            let before = node.db.psql(state);
            shows!(node.run(&["queue", "peek", "q", "reader", "--limit", "2"]), @r#"
            [exit 0]
            Next batch of consumer reader of queue q: ticks 1 to 2, 3 event(s), 2 shown
            Events
            ev_id            retry            ev_type          ev_extra1        ev_data
            ---------------  ---------------  ---------------  ---------------  ---------------
            1                -                kind1            -                data 1
            2                -                kind2            -                data 2
            "#);
            shows!(node.run(&["queue", "peek", "q", "reader", "--limit", "1", "--json"]), @r#"
            [exit 0]
            {
              "queue_name": "q",
              "consumer_name": "reader",
              "open": false,
              "prev_tick": 1,
              "tick": 2,
              "lag_seconds": SECONDS,
              "events": 3,
              "shown": [
                {
                  "ev_id": 1,
                  "ev_time": "TIME",
                  "ev_retry": null,
                  "ev_type": "kind1",
                  "ev_data": "data 1",
                  "ev_extra1": null,
                  "ev_extra2": null,
                  "ev_extra3": null,
                  "ev_extra4": null
                }
              ]
            }
            "#);
            assert_eq!(node.db.psql(state), before);
            node.db.psql("select pgq.next_batch('q', 'reader')");
            let before = node.db.psql(state);
            assert!(
                node.run(&["queue", "peek", "q", "reader"])
                    .contains("Open batch of consumer reader")
            );
            assert_eq!(node.db.psql(state), before);
        }
    }
}

#[test]
fn events_wait_die_and_come_back() {
    let node = ours("queue_dead");
    node.must(&["queue", "create", "q"]);
    node.must(&["queue", "register", "q", "reader"]);
    events(&node, 3);
    node.db.psql("select pgq.next_batch('q', 'reader')");
    node.db
        .psql("select pgq.event_retry(1, 1, 100), londiste_rs.bury_event(1, 2, 'no such customer')");
    shows!(node.run(&["queue", "retry"]), @r#"
    [exit 0]
    Events that wait to be delivered again
    queue            consumer         due_in           ev_id            retry            ev_type          ev_extra1        ev_data
    ---------------  ---------------  ---------------  ---------------  ---------------  ---------------  ---------------  ---------------
    q                reader           Ns            1                1                kind1            -                data 1
    "#);
    shows!(node.run(&["queue", "retry", "q", "reader", "--json"]), @r#"
    [exit 0]
    [
      {
        "queue_name": "q",
        "consumer_name": "reader",
        "due_seconds": SECONDS,
        "ev_id": 1,
        "ev_time": "TIME",
        "ev_retry": 1,
        "ev_type": "kind1",
        "ev_data": "data 1",
        "ev_extra1": null,
        "ev_extra2": null,
        "ev_extra3": null,
        "ev_extra4": null
      }
    ]
    "#);
    shows!(node.run(&["queue", "dead", "q"]), @r#"
    [exit 0]
    Dead events
    queue            consumer         dead_for         reason            ev_id            retry            ev_type          ev_extra1        ev_data
    ---------------  ---------------  ---------------  ----------------  ---------------  ---------------  ---------------  ---------------  ---------------
    q                reader           Ns               no such customer  2                -                kind2            -                data 2
    "#);
    shows!(node.run(&["queue", "dead", "q", "reader", "--json"]), @r#"
    [exit 0]
    [
      {
        "queue_name": "q",
        "consumer_name": "reader",
        "died_seconds": SECONDS,
        "reason": "no such customer",
        "reader_detached": false,
        "ev_id": 2,
        "ev_time": "TIME",
        "ev_retry": null,
        "ev_type": "kind2",
        "ev_data": "data 2",
        "ev_extra1": null,
        "ev_extra2": null,
        "ev_extra3": null,
        "ev_extra4": null
      }
    ]
    "#);
    shows!(node.run(&["queue", "dead", "q", "reader", "--revive", "--event=3"]), @r#"
    [exit 1]
    ! error: event 3 is not among the dead events of consumer "reader" of queue "q"
    ! hint: "londiste queue dead q reader" lists them
    "#);
    shows!(node.run(&["queue", "dead", "q", "reader", "--revive"]), @r#"
    [exit 0]
    ! INFO 1 event(s) go back to consumer reader of queue q
    "#);
    assert_eq!(
        node.db
            .psql("select ev_id, ev_retry, ev_data from pgq.retry_queue order by 1"),
        "1|1|data 1\n2|0|data 2"
    );
    node.db.psql("select londiste_rs.bury_event(1, 3, 'again')");
    shows!(node.run(&["queue", "dead", "q", "reader", "--delete", "--event=3", "--json"]), @r#"
    [exit 0]
    {
      "queue_name": "q",
      "consumer_name": "reader",
      "revived": 0,
      "deleted": 1
    }
    ! INFO 1 event(s) of consumer reader of queue q deleted
    "#);
    shows!(node.run(&["queue", "dead", "--delete"]), @r#"
    [exit 2]
    ! error: --revive and --delete need QUEUE and CONSUMER
    "#);
    let old = ancestors("queue_nodead");
    shows!(old.run(&["queue", "dead"]), @r#"
    [exit 1]
    ! error: database "queue_nodead" has no dead events
    ! detail: there is no schema londiste_rs, or it is of an older version
    ! hint: install it with "londiste install --only=londiste_rs CONNSTR"
    "#);
}

#[test]
fn limits_are_set_and_listed() {
    insta::allow_duplicates! {
        for node in [ours("queue_limit"), ancestors("queue_limit")] {
            node.must(&["queue", "create", "q"]);
            node.must(&["queue", "register", "q", "reader"]);
            let first = node.run(&["queue", "limit", "q", "reader", "--age=2 days", "--bytes=10GB"]);
            assert!(
                first.ends_with("! INFO Limit for consumer reader of queue q: age 2 days, 10 GB, then warn\n"),
                "{first}"
            );
            shows!(node.run(&["queue", "limit", "q", "reader", "--action=detach", "--events=1000"]), @r#"
            [exit 0]
            ! INFO Limit for consumer reader of queue q: age 2 days, 1000 events, 10 GB, then detach
            "#);
            shows!(node.run(&["queue", "limit", "q", "*", "--events=5"]), @r#"
            [exit 0]
            ! INFO Limit for readers without a limit of their own of queue q: 5 events, then warn
            "#);
            shows!(node.run(&["queue", "limit"]), @r#"
            [exit 0]
            Limits in database queue_limit
            queue            consumer         age              events           size             action
            ---------------  ---------------  ---------------  ---------------  ---------------  ---------------
            q                *                -                5                -                warn
            q                reader           2 days           1000             10 GB            detach
            "#);
            shows!(node.run(&["queue", "limit", "q", "reader", "--json"]), @r#"
            [exit 0]
            [
              {
                "queue_name": "q",
                "consumer_name": "reader",
                "max_age": "2 days",
                "max_events": 1000,
                "max_bytes": 10737418240,
                "action": "detach"
              }
            ]
            "#);
            shows!(node.run(&["queue", "limit", "q", "reader", "--age=soon"]), @r#"
            [exit 2]
            ! error: --age: "soon" is no length of time
            ! hint: write for instance "2 hours" or "30 min"
            "#);
            shows!(node.run(&["queue", "limit", "q", "reader", "--bytes=much"]), @r#"
            [exit 2]
            ! error: invalid value 'much' for '--bytes <SIZE>': "much" is no size; write for instance 10GB or 500MB
            !
            ! For more information, try '--help'.
            "#);
            shows!(node.run(&["queue", "limit", "q", "reader", "--remove"]), @r#"
            [exit 0]
            ! INFO Limit for consumer reader of queue q removed
            "#);
            shows!(node.run(&["queue", "limit", "q", "reader", "--remove"]), @r#"
            [exit 1]
            ! error: consumer "reader" of queue "q" has no limit
            ! hint: "londiste queue limit" lists the limits
            "#);
            shows!(node.run(&["queue", "limit", "q", "reader", "--action=detach"]), @r#"
            [exit 2]
            ! error: an action needs a limit
            ! hint: give at least one of --age, --events and --bytes
            "#);
            shows!(node.run(&["queue", "limit", "--events=5"]), @r#"
            [exit 2]
            ! error: a limit needs QUEUE and CONSUMER
            ! hint: the consumer '*' stands for all readers of the queue that have no limit of their own
            "#);
        }
    }
}

#[test]
fn a_detached_reader_comes_back_without_loss() {
    insta::allow_duplicates! {
        for node in [ours("queue_attach"), ancestors("queue_attach")] {
            node.must(&["install", "--only=pgq"]);
            node.must(&["queue", "create", "q"]);
            node.must(&["queue", "register", "q", "reader"]);
            events(&node, 3);
            // One event that was retried already, and one that waits.
            node.db.psql("select pgq.next_batch('q', 'reader')");
            node.db
                .psql("select pgq.event_retry(1, 1, 0), pgq.event_retry(1, 2, 1000)");
            node.db.psql("select pgq.finish_batch(1)");
            node.db.psql("select pgq.maint_retry_events()");
            events(&node, 1);
            shows!(node.run(&["queue", "detach", "q", "reader"]), @r#"
            [exit 0]
            ! INFO Consumer reader detached from queue q at tick 2
            ! hint: "londiste queue attach q reader" puts it back
            "#);
            shows!(node.run(&["queue", "consumers"]), @r#"
            [exit 0]
            Consumers in database queue_attach
            queue            consumer         lag              last_seen        pending          tick             state
            ---------------  ---------------  ---------------  ---------------  ---------------  ---------------  -----------------
            q                reader           -                -                -                2                detached: by hand
            "#);
            shows!(node.run(&["queue", "register", "q", "reader"]), @r#"
            [exit 1]
            ! error: consumer "reader" was detached from queue "q"
            ! detail: TIME: by hand, at tick 2
            ! hint: "londiste queue attach q reader" on the queue's database puts it back and tells what it lost
            ! hint: "londiste queue unregister q reader" forgets it
            "#);
            assert_eq!(node.db.psql("select count(*) from pgq.subscription"), "0");
            shows!(node.run(&["queue", "attach", "q", "reader"]), @r#"
            [exit 0]
            ! INFO Consumer reader attached to queue q at tick 2
            ! INFO Nothing is lost
            ! INFO 1 event(s) go back to be retried
            "#);
            assert_eq!(node.db.psql("select ev_id from pgq.retry_queue"), "2");
            node.db.psql("select pgq.next_batch('q', 'reader')");
            assert_eq!(
                node.db.psql(
                    "select e.ev_id from pgq.subscription, pgq.get_batch_events(sub_batch) e where e.ev_id < 3"
                ),
                "1"
            );
            shows!(node.run(&["queue", "attach", "q", "reader"]), @r#"
            [exit 1]
            ! error: consumer "reader" of queue "q" is not detached
            "#);
        }
    }
}

#[test]
fn what_is_lost_is_told_exactly() {
    let node = ours("queue_lost");
    node.must(&["queue", "create", "q"]);
    node.must(&["queue", "register", "q", "reader"]);
    node.must(&["queue", "detach", "q", "reader", "--reason=nobody needs it", "-q"]);
    node.must(&["queue", "set", "q", "rotation_period=1 microsecond"]);
    for _ in 0..3 {
        events(&node, 10);
        node.db.psql("select pgq.maint_rotate_tables_step1('q')");
        node.db.psql("select pgq.maint_rotate_tables_step2()");
    }
    shows!(node.run(&["queue", "attach", "q", "reader"]), @r#"
    [exit 1]
    ! error: consumer "reader" cannot be attached to queue "q": events are gone
    ! detail: lost: ticks 1 to 4, TIME to TIME: events 1 to 6033, 6033 at most
    ! hint: with --accept-loss it goes on without them
    "#);
    assert_eq!(node.db.psql("select count(*) from pgq.subscription"), "0");
    shows!(node.run(&["queue", "attach", "q", "reader", "--accept-loss", "--json"]), @r#"
    [exit 0]
    {
      "queue_name": "q",
      "consumer_name": "reader",
      "attached": true,
      "reason": "nobody needs it",
      "from_tick": 1,
      "from_time": "TIME",
      "at_tick": 4,
      "at_time": "TIME",
      "lost": {
        "first_tick": 1,
        "last_tick": 4,
        "from_time": "TIME",
        "to_time": "TIME",
        "first_event": 1,
        "last_event": 6033,
        "events_at_most": 6033
      },
      "retry_events": 0
    }
    ! INFO Consumer reader attached to queue q at tick 4
    ! WARNING Lost: ticks 1 to 4, TIME to TIME: events 1 to 6033, 6033 at most
    "#);
    assert_eq!(
        node.db
            .psql("select sub_last_tick = (select min(tick_id) from pgq.tick) from pgq.subscription"),
        "t"
    );
    node.must(&["queue", "detach", "q", "reader"]);
    shows!(node.run(&["queue", "unregister", "q", "reader"]), @r#"
    [exit 0]
    ! INFO Consumer reader of queue q was detached, its position is forgotten
    "#);
    assert_eq!(
        node.db.psql("select count(*) from londiste_rs.detached_consumer"),
        "0"
    );
}

#[test]
fn the_queue_of_a_cascade_is_not_broken_by_accident() {
    let root = Node::root("queue_casc");
    let _leaf = Node::leaf("queue_leaf", &root);
    shows!(root.run(&["queue", "drop", "replika", "--force"]), @r#"
    [exit 1]
    ! error: queue "replika" cannot be dropped: it is the queue of root node "queue_casc" of a cascade
    ! hint: "londiste drop-node queue_casc" with its job file removes the node
    "#);
    shows!(root.run(&["queue", "unregister", "replika", "job_queue_leaf"]), @r#"
    [exit 1]
    ! error: consumer "job_queue_leaf" of queue "replika" is not to be touched
    ! detail: node "queue_leaf" of the cascade reads with it
    ! hint: "londiste drop-node" removes a node, "londiste queue detach" lets the queue go on without it
    ! hint: or use --force
    "#);
    shows!(root.run(&["queue", "limit", "replika", ".global_watermark", "--events=1", "--action=detach"]), @r#"
    [exit 1]
    ! error: consumer ".global_watermark" of queue "replika" cannot be detached
    ! detail: it is a watermark of the cascade: it says how far the nodes below have come
    ! hint: detach the worker of the node that is behind, on the node that it reads from
    "#);
    shows!(root.run(&["queue", "detach", "replika", ".queue_leaf.watermark"]), @r#"
    [exit 1]
    ! error: consumer ".queue_leaf.watermark" of queue "replika" cannot be detached
    ! detail: it is a watermark of the cascade: it says how far the nodes below have come
    ! hint: detach the worker of the node that is behind, on the node that it reads from
    "#);
    // The worker's watermark goes with it, and comes back with it.
    root.must(&["queue", "detach", "replika", "job_queue_leaf"]);
    assert_eq!(
        root.run(&["queue", "consumers", "replika"])
            .matches(".watermark")
            .count(),
        0
    );
    root.must(&["queue", "attach", "replika", "job_queue_leaf"]);
    assert_eq!(
        root.run(&["queue", "consumers", "replika"])
            .matches(".watermark")
            .count(),
        1
    );
}

#[test]
fn neither_a_job_file_nor_a_queue_is_needed_to_ask() {
    let node = Node::new("queue_none");
    let output = londiste(&["queue", "list", "--db", &node.location()])
        .output()
        .unwrap();
    shows!(node.show(&output), @r#"
    [exit 1]
    ! error: database "queue_none" has no queues
    ! detail: there is no schema pgq (host=SOCKET port=PORT dbname=queue_none user=postgres)
    ! hint: install it with "londiste install --only=pgq,pgq_coop CONNSTR"
    "#);
    node.must(&["install", "--only=pgq"]);
    let cluster = node.db.cluster();
    let output = londiste(&["queue", "list", "--names-only"])
        .env("PGHOST", cluster.socket_dir())
        .env("PGPORT", cluster.port().to_string())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", node.db.name())
        .output()
        .unwrap();
    assert_eq!(node.show(&output), "[exit 0]\n");
    shows!(node.run(&["queue"]), @r#"
    [exit 1]
    ! error: need a command of the group: queue create|drop|list|set|consumers|register|unregister|peek|retry|dead|limit|detach|attach|repair
    ! hint: see "londiste queue -h"
    "#);
    shows!(node.run(&["queue", "lst"]), @r#"
    [exit 1]
    ! error: unknown command 'queue lst'
    ! hint: did you mean "queue list"?
    "#);
    shows!(node.run(&["queue", "peek", "q"]), @r#"
    [exit 1]
    ! error: command 'queue peek' got 1 args, but expects 2: QUEUE CONSUMER
    ! hint: see "londiste queue peek --help"
    "#);
    shows!(node.run(&["queue", "peek", "q", "c"]), @r#"
    [exit 1]
    ! error: queue "q" does not exist
    ! detail: database "queue_none"
    ! hint: "londiste queue list" lists the queues
    "#);
}

#[test]
fn nothing_is_a_line_and_a_wrong_name_names_the_nearest() {
    let node = ours("queue_names");
    node.must(&["queue", "create", "orders"]);
    node.must(&["queue", "register", "orders", "mailer"]);
    let said = |args: &[&str]| {
        let said = node.run(&[&["queue"], args].concat());
        said.lines().map(str::trim).collect::<Vec<_>>().join("\n")
    };
    for (command, nothing) in [
        ("retry", "No event waits to be delivered again"),
        ("dead", "No dead events"),
        ("limit", "No limits in database queue_names"),
    ] {
        assert_eq!(said(&[command]), format!("[exit 0]\n{nothing}"));
        assert_eq!(
            said(&[command, "orders", "mailer"]),
            format!("[exit 0]\n{nothing}")
        );
        assert_eq!(said(&[command, "--json"]), "[exit 0]\n[]");
    }
    let commands: &[&[&str]] = &[
        &["consumers"],
        &["unregister"],
        &["peek"],
        &["retry"],
        &["dead"],
        &["dead", "--delete"],
        &["dead", "--revive"],
        &["limit"],
        &["limit", "--age=1h"],
        &["limit", "--remove"],
        &["detach"],
        &["attach"],
    ];
    for command in commands {
        let run = |names: &[&str]| said(&[&command[..1], names, &command[1..]].concat());
        let of_queue = run(&["ordres", "mailer"]);
        assert!(
            of_queue.contains("error: queue \"ordres\" does not exist")
                && of_queue.contains("did you mean \"orders\"?"),
            "{command:?}: {of_queue}"
        );
        let of_consumer = run(&["orders", "mialer"]);
        assert!(
            of_consumer.contains("did you mean \"mailer\"?"),
            "{command:?}: {of_consumer}"
        );
    }
}

#[test]
fn rights_are_asked_for_in_words() {
    let node = ours("queue_rights");
    node.must(&["queue", "create", "q"]);
    let other = format!("{} options='-c role=pgq_reader'", node.location());
    let output = londiste(&["queue", "create", "x", "--db", &other])
        .output()
        .unwrap();
    shows!(node.show(&output), @r#"
    [exit 1]
    ! error: queue "x" cannot be created: permission denied for function create_queue
    ! hint: managing queues takes the rights of role pgq_admin
    "#);
    let output = londiste(&["queue", "limit", "q", "*", "--events=1", "--db", &other])
        .output()
        .unwrap();
    shows!(node.show(&output), @r#"
    [exit 1]
    ! error: the limit cannot be stored: permission denied for table queue_limit
    ! hint: managing queues takes the rights of role pgq_admin
    "#);
}
