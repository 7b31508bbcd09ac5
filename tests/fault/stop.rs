//! Stops, deaths and lost servers in the middle of long work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::Cluster;
use crate::support::cascade::{Cascade, LIMIT, Server};

/// What "at once" means to a user, with room for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(4);

fn pair(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade
}

#[track_caller]
fn stop_soon(cascade: &mut Cascade) {
    let start = Instant::now();
    let status = cascade["leaf"].worker().stop(LIMIT);
    let took = start.elapsed();
    assert!(status.success(), "the worker ended with {status}");
    assert!(took < SOON, "the stop took {took:?}");
}

#[test]
fn a_stop_in_a_big_batch_is_quick_and_costs_nothing() {
    let mut cascade = pair("bigbatch");
    cascade.psql_all("create table last (id int primary key)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.add_table("last");
    cascade.wait_in_sync();
    stop_soon(&mut cascade);
    cascade["root"].psql(
        "begin; insert into t select i, repeat('x', 50) || i from generate_series(1, 60000) i; \
         insert into last values (1); commit",
    );
    cascade.tick();
    // The batch cannot end before the stop: its last row waits for a lock.
    let held = cascade["leaf"].hold("lock table last in access exclusive mode");
    cascade["leaf"].start_worker();
    let leaf = &cascade["leaf"];
    let size = || leaf.psql("select pg_relation_size('t') > 500000");
    cascade.wait_until("the worker to be in the middle of the batch", || size() == "t");
    stop_soon(&mut cascade);
    drop(held);
    assert_eq!(cascade["leaf"].psql("select count(*) from t"), "0");
    cascade.start_workers();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    cascade.assert_equal("last");
}

#[test]
fn a_copy_that_is_stopped_or_killed_begins_again() {
    let mut cascade = pair("bigcopy");
    cascade.psql_all("create index on t (v)");
    cascade["root"]
        .psql("insert into t select i, repeat(md5(i::text), 12) from generate_series(1, 150000) i");
    let structure = cascade["leaf"].structure("t");
    cascade.start_workers();
    cascade.add_table("t");
    let in_the_middle = |cascade: &Cascade| {
        let leaf = &cascade["leaf"];
        cascade.wait_until("the copy to be in the middle of its rows", || {
            leaf.psql(
                "select count(*) from pg_stat_progress_copy where relid = 't'::regclass \
                    and bytes_processed > 1000000",
            ) == "1"
        });
    };
    in_the_middle(&cascade);
    stop_soon(&mut cascade);
    assert_eq!(cascade["leaf"].structure("t"), structure);
    for _ in 0..2 {
        cascade["leaf"].start_worker();
        in_the_middle(&cascade);
        cascade["leaf"].worker().kill9();
    }
    cascade["root"].psql("update t set v = 'changed' where id % 1000 = 0");
    cascade.start_workers();
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    assert_eq!(cascade["leaf"].structure("t"), structure);
    cascade.assert_no_stray_consumers();
}

#[test]
fn a_provider_that_is_away_is_one_line_in_the_log() {
    let provider = Arc::new(Cluster::start());
    let mut cascade = Cascade::new("away");
    cascade.create("root", "root", Server::from(&provider), None);
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    let before = cascade["leaf"].log().lines().count();
    provider.stop();
    // The worker notices at once and then tries every second at most; nothing shows its attempts, and that is the point.
    std::thread::sleep(Duration::from_secs(5));
    provider.start_again();
    cascade["root"].psql("insert into t values (1, 'back')");
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    let leaf = &cascade["leaf"];
    cascade.wait_until("the worker to say that it recovered", || {
        leaf.log().contains("recovered after")
    });
    let log = leaf.log();
    let lines: Vec<&str> = log.lines().skip(before).collect();
    let errors = lines.iter().filter(|line| line.contains("ERROR")).count();
    assert!(
        (1..=3).contains(&errors),
        "{errors} error lines\n{}",
        lines.join("\n")
    );
    assert!(lines.len() < 12, "{} lines\n{}", lines.len(), lines.join("\n"));
    let attempts: u32 = log
        .split("recovered after ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .expect("a count");
    assert!(attempts >= 3, "only {attempts} attempts");
}
