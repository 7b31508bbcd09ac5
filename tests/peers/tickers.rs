//! Each ticker on the other's schema: ticks, retries, rotation.

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
    wait_for("the tables to rotate twice", LIMIT, || {
        // A reader that stands still keeps its table.
        let id = db.psql("select pgq.next_batch('q', 'c')");
        if !id.is_empty() {
            db.psql(&format!("select pgq.finish_batch({id})"));
        }
        let turns = db.psql(
            "select queue_switch_step2 - queue_switch_step1 >= 0 and queue_cur_table = 2 from pgq.queue",
        );
        (turns == "t").then_some(())
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
