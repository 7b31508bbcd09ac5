//! Promises of ticks.

use std::thread;
use std::time::Duration;

use super::{
    LIMIT, Pgqd, assert_snapshot_order, assert_time_order, consume, install_extension, install_ours,
    newest_tick, wait_for_tick_over,
};
use crate::support::wait::wait_for;
use crate::support::{Database, database};
use londiste::pg::{AppName, ConnInfo, Session};
use londiste::sql;

/// Without this, events would be delivered twice or never.
#[test]
fn two_tickers_under_load_deliver_each_event_once() {
    for install in [install_ours as fn(&Database), install_extension] {
        let db = database("tick_two");
        install(&db);
        db.psql("select pgq.create_queue('q'), pgq.create_queue('other')");
        let one = Pgqd::start(&db, "");
        let two = Pgqd::start(&db, "");
        one.wait_for_lines("pgq version ok", 1);
        two.wait_for_lines("pgq version ok", 1);
        let (clients, rounds) = (4, 150);
        thread::scope(|scope| {
            for client in 0..clients {
                let db = &db;
                scope.spawn(move || {
                    // Short transactions, longer ones, and some that roll back.
                    let mut text = String::from("\\o /dev/null\n");
                    for round in 0..rounds {
                        text.push_str(&format!(
                            "begin; select pgq.insert_event('q', 'c{client}', '{round}'); \
                             select pg_sleep({}); select pgq.insert_event('q', 'c{client}', 'b'); commit;\n\
                             begin; select pgq.insert_event('q', 'bad', ''); rollback;\n",
                            if round % 10 == 0 { "0.02" } else { "0" }
                        ));
                    }
                    db.psql(&text);
                });
            }
        });
        wait_for_tick_over(&db, "q");
        assert_snapshot_order(&db, "q");
        assert_time_order(&db, "q");
        let mut got = consume(&db, "q");
        got.sort_unstable();
        let count = got.len();
        got.dedup();
        assert_eq!(count, got.len(), "an event came twice");
        assert_eq!(count, clients * rounds * 2);
        let stored = db.psql("select count(*) from pgq.event_template where ev_type <> 'bad'");
        assert_eq!(stored, count.to_string());
        assert_eq!(one.end(nix::sys::signal::Signal::SIGINT), 0);
        assert_eq!(two.end(nix::sys::signal::Signal::SIGINT), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_ticked_at_once_and_listeners_hear_of_it() {
    let db = database("tick_soon");
    install_ours(&db);
    db.psql("select pgq.create_queue('it''s a queue')");
    let pgqd = Pgqd::start(&db, "ticker_period = 3600");
    pgqd.wait_for_lines("pgq version ok", 1);
    let info = ConnInfo::parse(&db.connstr()).unwrap();
    let mut listener = Session::connect(&info, &AppName::new("test", "listener", ""))
        .await
        .unwrap();
    listener.batch_execute("listen pgq_tick").await.unwrap();
    for _ in 0..5 {
        db.psql("select pgq.insert_event('it''s a queue', 't', '')");
        let heard = tokio::time::timeout(LIMIT, listener.notification()).await;
        assert_eq!(heard.expect("a notification").unwrap().payload(), "it's a queue");
    }
    assert_eq!(consume(&db, "it''s a queue").len(), 5);
}

/// The event is numbered long before its transaction ends, so the sequence does not move any more at the end.
#[test]
fn an_event_that_commits_late_is_ticked_when_it_commits() {
    let db = database("tick_late");
    install_ours(&db);
    // Idle ticks are out of the question within this test.
    db.psql(
        "select pgq.create_queue('q');
         update pgq.queue set queue_ticker_idle_period = '1 day'",
    );
    let pgqd = Pgqd::start(&db, "ticker_period = 3600");
    pgqd.wait_for_lines("pgq version ok", 1);
    db.psql("begin; select pgq.insert_event('q', 'long', ''); select pg_sleep(0.5); commit;");
    wait_for("the late event in a batch", LIMIT, || {
        let seen = db.psql(
            "select count(*) from pgq.event_1 e, (select tick_snapshot s from pgq.tick order by tick_id desc limit 1) t \
              where txid_visible_in_snapshot(e.ev_txid, t.s)",
        );
        (seen == "1").then_some(())
    });
}

#[test]
fn a_database_in_peace_burns_no_transaction_ids() {
    // Not the shared server: other tests' transactions count there, too.
    let cluster = crate::support::Cluster::start_with(&["autovacuum = off"]);
    cluster.create_database("idle");
    super::install_ours_in(&cluster, "idle");
    cluster.psql("idle", "select pgq.create_queue('a'), pgq.create_queue('b')");
    let pgqd = Pgqd::start_on(
        &cluster,
        "database_list = idle\nticker_period = 0.05\nmaint_period = 3600\nretry_period = 3600",
        env!("CARGO_BIN_EXE_pgqd"),
    );
    let facts = || {
        cluster.psql(
            "idle",
            "select txid_snapshot_xmax(txid_current_snapshot()), (select count(*) from pgq.tick)",
        )
    };
    // Idle ticks come at growing distances; between two of them nothing may happen.
    pgqd.wait_for_lines("{ticks:", 1);
    wait_for("two seconds without an idle tick", LIMIT, || {
        let before = facts();
        thread::sleep(Duration::from_secs(2));
        let after = facts();
        let count = |text: &str| text.split('|').nth(1).map(str::to_owned);
        if count(&before) != count(&after) {
            return None;
        }
        assert_eq!(
            before, after,
            "transaction ids were used though nothing was ticked"
        );
        Some(())
    });
    let line = pgqd
        .lines()
        .into_iter()
        .rfind(|line| line.contains("{ticks:"))
        .unwrap();
    assert!(line.starts_with("LOG {ticks: "), "{line}");
    assert!(!line.contains("ticks: 0,"), "{line}");
}

#[test]
fn limits_set_on_purpose_are_kept() {
    let db = database("tick_limit");
    install_ours(&db);
    db.psql(
        "select pgq.create_queue('counted'), pgq.create_queue('free');
         select pgq.set_queue_config('counted', 'ticker_max_count', '10'),
                pgq.set_queue_config('counted', 'ticker_max_lag', '1 hour'),
                pgq.set_queue_config('counted', 'ticker_idle_period', '1 hour')",
    );
    let pgqd = Pgqd::start(&db, "ticker_period = 0.1");
    pgqd.wait_for_lines("pgq version ok", 1);
    // A queue with one tick gets its second one at once.
    wait_for("the second tick", LIMIT, || {
        (newest_tick(&db, "counted") == 2).then_some(())
    });
    db.psql("select pgq.insert_event('counted', 't', '') from generate_series(1, 9)");
    // The other queue shows that the ticker has looked in the meantime.
    for _ in 0..3 {
        db.psql("select pgq.insert_event('free', 't', '')");
        wait_for_tick_over(&db, "free");
    }
    assert_eq!(newest_tick(&db, "counted"), 2);
    db.psql("select pgq.insert_event('counted', 't', '')");
    wait_for("a tick at the tenth event", LIMIT, || {
        (newest_tick(&db, "counted") == 3).then_some(())
    });
}

#[test]
fn paused_and_external_queues_are_left_alone_and_new_ones_found() {
    let db = database("tick_paused");
    install_ours(&db);
    db.psql(
        "select pgq.create_queue('paused'), pgq.create_queue('branch');
         select pgq.set_queue_config('paused', 'ticker_paused', 'true'),
                pgq.set_queue_config('branch', 'external_ticker', 'true')",
    );
    let pgqd = Pgqd::start(&db, "ticker_period = 0.1");
    pgqd.wait_for_lines("pgq version ok", 1);
    db.psql(
        "select pgq.insert_event('paused', 't', ''), pgq.insert_event('branch', 't', '');
         select pgq.create_queue('new')",
    );
    for _ in 0..3 {
        db.psql("select pgq.insert_event('new', 't', '')");
        wait_for_tick_over(&db, "new");
    }
    assert_eq!((newest_tick(&db, "paused"), newest_tick(&db, "branch")), (1, 1));
    // Each of them is served as soon as it is to be, and the drop of another one disturbs nobody.
    db.psql(
        "select pgq.drop_queue('new', true); select pgq.set_queue_config('paused', 'ticker_paused', 'false')",
    );
    wait_for_tick_over(&db, "paused");
    assert_eq!(newest_tick(&db, "branch"), 1);
    assert_eq!(pgqd.log().matches("ERROR").count(), 0, "{}", pgqd.log());
}

/// What keeps dead rows is found, whoever holds it, and one's own session is not.
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_snapshot_is_found() {
    let db = database("tick_horizon");
    let session = |name: &'static str| {
        let info = ConnInfo::parse(&db.connstr()).unwrap();
        async move {
            Session::connect(&info, &AppName::new("test", name, ""))
                .await
                .unwrap()
        }
    };
    let (looker, holder) = (session("looker").await, session("holder").await);
    let look = async || {
        let row = looker.query_one(sql::ticker::FIND_HORIZON, &[]).await.unwrap();
        let pid: Option<i32> = row.get("pid");
        (
            row.get::<_, Option<i64>>("age").unwrap_or(0),
            pid,
            row.get::<_, i64>("next"),
        )
    };
    holder
        .batch_execute("begin isolation level repeatable read; select 1")
        .await
        .unwrap();
    let pid: i32 = holder
        .query_one("select pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    let (_, _, before) = look().await;
    for _ in 0..20 {
        looker.batch_execute("select txid_current()").await.unwrap();
    }
    let (age, held_by, next) = look().await;
    // Other tests on this server number transactions, too.
    assert!(age >= 20 && next - age <= before, "{age} {before} {next}");
    assert_eq!(held_by, Some(pid));
    holder.batch_execute("commit").await.unwrap();
    assert_ne!(look().await.1, Some(pid));
    // A transaction that wrote keeps what ended after it began, snapshot or not.
    holder
        .batch_execute("begin; select txid_current()")
        .await
        .unwrap();
    looker.batch_execute("select txid_current()").await.unwrap();
    assert_eq!(look().await.1, Some(pid));
    holder.batch_execute("commit").await.unwrap();
}

/// Beside a snapshot that is held, ticks go on; the queue's readers are still told within the time that is promised.
#[test]
fn ticks_go_on_beside_a_snapshot_that_is_held() {
    let db = database("tick_held");
    install_ours(&db);
    db.psql("select pgq.create_queue('q')");
    let pgqd = Pgqd::start(&db, "");
    pgqd.wait_for_lines("pgq version ok", 1);
    thread::scope(|scope| {
        scope
            .spawn(|| db.psql("begin isolation level repeatable read; select 1; select pg_sleep(6); commit"));
        for number in 0..150 {
            db.psql(&format!("select pgq.insert_event('q', 't', '{number}')"));
        }
    });
    wait_for_tick_over(&db, "q");
    assert_snapshot_order(&db, "q");
    assert_eq!(consume(&db, "q").len(), 150);
    assert_eq!(pgqd.end(nix::sys::signal::Signal::SIGINT), 0);
}

/// Ticks become few only while nobody waits for them.
#[test]
fn only_the_nearest_consumer_says_whether_ticks_are_waited_for() {
    let db = database("tick_unread");
    install_ours(&db);
    db.psql(
        "select pgq.create_queue('q'), pgq.create_queue('without'), pgq.register_consumer('q', 'near'), \
                pgq.register_consumer('q', 'far')",
    );
    let unread = || {
        db.psql(&format!(
            "select q.queue_name, u.unread_age between 59 and 3600 from (\n{}\n) u join pgq.queue q using (queue_id)",
            sql::ticker::FIND_UNREAD
        ))
    };
    assert_eq!(unread(), "", "there is no other tick");
    for queue in ["q", "without"] {
        db.psql(&format!(
            "select pgq.insert_event('{queue}', 't', ''); select pgq.force_tick('{queue}'); select pgq.ticker('{queue}')"
        ));
    }
    db.psql("update pgq.tick set tick_time = tick_time - interval '1 minute'");
    assert_eq!(unread(), "q|t");
    db.psql("select pgq.next_batch('q', 'near')");
    assert_eq!(unread(), "", "it is being read");
    db.psql("select pgq.finish_batch(sub_batch) from pgq.subscription where sub_batch is not null");
    assert_eq!(unread(), "", "it was read, by one of them");
}
