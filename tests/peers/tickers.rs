//! Each ticker on the other's schema: ticks, retries, rotation, operations of maintenance.

use std::time::Duration;

use super::{Debians, Ours, Whose, create_extensions, start_ticker};
use crate::support::process::read_log;
use crate::support::wait::wait_for;
use crate::support::{database, install};

const LIMIT: Duration = Duration::from_secs(60);

fn serve(ticker: Whose, base: Whose) {
    let dir = tempfile::tempdir().expect("make a directory");
    let db = database("ticker_peer");
    match base {
        Debians => create_extensions(&db),
        Ours => {
            install(&db);
        }
    }
    db.psql(
        "select pgq.create_queue('q'), pgq.register_consumer('q', 'c'), \
                pgq.set_queue_config('q', 'rotation_period', '1 second'), \
                pgq.set_queue_config('q', 'ticker_max_lag', '0.2 seconds')",
    );
    let _ticker = start_ticker(ticker, &db, dir.path());
    db.psql("select pgq.insert_event('q', 'kind', 'data')");
    let batch = || {
        wait_for("a batch", LIMIT, || {
            let id = db.psql("select pgq.next_batch('q', 'c')");
            (!id.is_empty()).then_some(id)
        })
    };
    // The event comes, goes to the retry queue, and comes again.
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let id = batch();
        let events = db.psql(&format!("select ev_id, ev_retry from pgq.get_batch_events({id})"));
        for event in events.lines() {
            let (event_id, _) = event.split_once('|').expect("two columns");
            if seen.is_empty() {
                db.psql(&format!("select pgq.event_retry({id}, {event_id}, 1)"));
            }
            seen.push(event.to_owned());
        }
        db.psql(&format!("select pgq.finish_batch({id})"));
    }
    assert_eq!(seen[0].split('|').next(), seen[1].split('|').next());
    assert!(seen[0].ends_with('|') && seen[1].ends_with("|1"), "{seen:?}");
    // More events to be retried than are moved at a time, of a queue without new events.
    db.psql("select count(pgq.insert_event('q', 'many', g::text)) from generate_series(1, 35) g");
    let mut retried = 0;
    while retried == 0 {
        let id = batch();
        retried = db
            .psql(&format!("select pgq.batch_retry({id}, 1)"))
            .parse()
            .expect("a number");
        db.psql(&format!("select pgq.finish_batch({id})"));
    }
    let mut seen = Vec::new();
    while seen.len() < 35 {
        let id = batch();
        let events = db.psql(&format!(
            "select ev_retry from pgq.get_batch_events({id}) where ev_type = 'many'"
        ));
        seen.extend(events.lines().map(ToOwned::to_owned));
        db.psql(&format!("select pgq.finish_batch({id})"));
    }
    assert_eq!(seen, vec!["1"; 35]);
    assert_eq!(db.psql("select count(*) from pgq.retry_queue"), "0");
    // Operations that a user has added, one of which wants to be called again until it is through.
    db.psql(
        "create schema \"My Ops\"; create table called (name text, arg text);
         create function \"My Ops\".again(text) returns int4 language sql as $$
             insert into called values ('again', $1);
             select (count(*) < 3)::int4 from called where name = 'again' $$;
         create function plain(text) returns int4 language sql as $$ insert into called values ('plain', $1); select 0 $$;
         update pgq.queue set queue_extra_maint = array['My Ops.again', 'public.plain']",
    );
    wait_for("the added operations to be called", LIMIT, || {
        let called = db.psql(
            "select count(*) filter (where name = 'again') >= 3, bool_or(name = 'plain'), \
                                     min(arg), max(arg) from called",
        );
        (called == "t|t|q|q").then_some(())
    });
    // A queue that is ticked from outside and one that is paused are left alone, and rotated all the same.
    let others = db.psql(
        "select pgq.create_queue('outside'), pgq.create_queue('paused'), \
                pgq.set_queue_config('outside', 'external_ticker', 'true'), \
                pgq.set_queue_config('paused', 'ticker_paused', 'true'), \
                pgq.set_queue_config('outside', 'rotation_period', '1 second')",
    );
    assert_eq!(others, "1|1|1|1|1");
    db.psql("select pgq.insert_event(q, 'kind', 'data') from unnest('{outside,paused}'::text[]) q");
    wait_for("the tables to rotate twice", LIMIT, || {
        // A reader that stands still keeps its table.
        let id = db.psql("select pgq.next_batch('q', 'c')");
        if !id.is_empty() {
            db.psql(&format!("select pgq.finish_batch({id})"));
        }
        let turns = db.psql(
            "select bool_and(queue_switch_step2 - queue_switch_step1 >= 0 and queue_cur_table = 2) \
               from pgq.queue where queue_name <> 'paused'",
        );
        (turns == "t").then_some(())
    });
    let ticks =
        "select count(*) from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name <> 'q'";
    assert!(
        ["1", "2"].contains(&db.psql(ticks).as_str()),
        "ticks of queues that have none"
    );
    // What was read is gone: the tables were emptied, not only changed.
    wait_for("the first table to be emptied", LIMIT, || {
        let id = db.psql("select pgq.next_batch('q', 'c')");
        if !id.is_empty() {
            db.psql(&format!("select pgq.finish_batch({id})"));
        }
        let left = db.psql("select count(*) from pgq.event_1");
        (left == "0").then_some(())
    });
    for name in ["pgqd.log", "pgqd.out"] {
        let log = read_log(&dir.path().join(name));
        assert!(!log.contains("ERROR") && !log.contains("FATAL"), "{log}");
    }
}

#[test]
fn debians_pgqd_on_our_schema() {
    serve(Debians, Ours);
}

#[test]
fn our_pgqd_on_the_ancestors_schema() {
    serve(Ours, Debians);
}
