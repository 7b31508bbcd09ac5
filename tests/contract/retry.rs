//! Events that are to come again.

use crate::support::{cluster, database, install};

#[test]
fn c25_retry_on_a_closed_queue_waits_alone_and_says_so() {
    let db = database("retry_closed");
    install(&db);
    db.psql(
        "select pgq.create_queue('open'), pgq.create_queue('closed');
         select pgq.register_consumer('open', 'c'), pgq.register_consumer('closed', 'c');
         select pgq.insert_event('open', 't', 'd'), pgq.insert_event('closed', 't', 'd')",
    );
    db.psql("select pgq.force_tick('open'), pgq.force_tick('closed')");
    db.psql("select pgq.ticker()");
    db.psql("update pgq.queue set queue_disable_insert = true where queue_name = 'closed'");
    let retry = |queue: &str| {
        db.psql(&format!(
            "do $$ declare b bigint; begin
                 b := pgq.next_batch('{queue}', 'c');
                 perform pgq.event_retry(b, (select ev_id from pgq.get_batch_events(b) where ev_type = 't'), 0);
                 perform pgq.finish_batch(b);
             end $$"
        ))
    };
    retry("closed");
    retry("open");
    let log = cluster().log();
    assert!(
        log.contains("queue \"closed\" is closed for inserts: the event waits until it is opened"),
        "no warning"
    );
    let waiting = "select queue_name from pgq.retry_queue join pgq.queue on queue_id = ev_queue order by 1";
    assert_eq!(db.psql("select pgq.maint_retry_events()"), "1");
    assert_eq!(db.psql(waiting), "closed");
    assert_eq!(db.psql("select pgq.maint_retry_events()"), "0");
    db.psql("update pgq.queue set queue_disable_insert = false");
    assert_eq!(db.psql("select pgq.maint_retry_events()"), "1");
    assert_eq!(db.psql(waiting), "");
}
