//! A worker that ticks while nobody else does.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::task::JoinHandle;

use super::{LIMIT, Pgqd, install_ours, newest_tick, wait_for_tick_over};
use crate::support::wait::wait_for;
use crate::support::{Database, database};
use londiste::error::Result;
use londiste::pg::{AppName, ConnInfo};
use londiste::service::stop::{StopLevel, Stopper, stop_pair};
use londiste::ticker::run_when_alone;

struct Worker {
    stopper: Stopper,
    work: JoinHandle<Result<()>>,
}

impl Worker {
    fn start(db: &Database, name: &str) -> Self {
        let (stopper, stop) = stop_pair();
        let info = ConnInfo::parse(&db.connstr()).unwrap();
        let app = AppName::new("ticker", name, "q");
        Self {
            stopper,
            work: tokio::spawn(run_when_alone(info, app, stop)),
        }
    }

    async fn stop(self) {
        self.stopper.stop(StopLevel::Graceful);
        tokio::time::timeout(LIMIT, self.work)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

/// How many sessions hold the mark of pgqd (1) or the place of the ticking worker (2).
fn holders(db: &Database, key: i32) -> String {
    db.psql(&format!(
        "select count(*) from pg_locks where locktype = 'advisory' and classid = 1348948324 and objid = {key} \
            and objsubid = 2 and granted and database = (select oid from pg_database where datname = current_database())"
    ))
}

fn wait_for_holders(db: &Database, key: i32, count: &str) {
    wait_for(&format!("{count} holders of lock {key}"), LIMIT, || {
        (holders(db, key) == count).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_workers_ticks_and_steps_back_for_pgqd() {
    let db = database("alone_steps_back");
    install_ours(&db);
    db.psql("select pgq.create_queue('q')");
    let one = Worker::start(&db, "one");
    let two = Worker::start(&db, "two");
    db.psql("select pgq.insert_event('q', 't', '')");
    wait_for_tick_over(&db, "q");
    assert_eq!(holders(&db, 2), "1");

    let pgqd = Pgqd::start(&db, "");
    wait_for_holders(&db, 1, "1");
    wait_for_holders(&db, 2, "0");
    db.psql("select pgq.insert_event('q', 't', '')");
    wait_for_tick_over(&db, "q");
    assert_eq!(pgqd.end(Signal::SIGTERM), 1);

    wait_for_holders(&db, 2, "1");
    db.psql("select pgq.insert_event('q', 't', '')");
    wait_for_tick_over(&db, "q");

    // The one that ticks goes; the other one takes its place.
    let ticking = db.psql(
        "select a.application_name from pg_locks l join pg_stat_activity a using (pid) \
          where l.locktype = 'advisory' and l.classid = 1348948324 and l.objid = 2 \
            and l.database = (select oid from pg_database where datname = current_database())",
    );
    let (first, second) = if ticking.contains(":one:") {
        (one, two)
    } else {
        (two, one)
    };
    first.stop().await;
    db.psql("select pgq.insert_event('q', 't', '')");
    wait_for_tick_over(&db, "q");
    second.stop().await;
    wait_for_holders(&db, 2, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_a_ticker_is_ticked_within_a_moment_and_maintained() {
    let db = database("alone_start");
    install_ours(&db);
    let started = std::time::Instant::now();
    let worker = Worker::start(&db, "one");
    db.psql(
        "select pgq.create_queue('q');
         select pgq.set_queue_config('q', 'rotation_period', '0 seconds')",
    );
    db.psql("select pgq.insert_event('q', 't', '')");
    wait_for("a tick", LIMIT, || (newest_tick(&db, "q") > 1).then_some(()));
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
    wait_for("a connection for the upkeep", LIMIT, || {
        let count = db.psql(
            "select count(*) from pg_stat_activity \
              where datname = current_database() and application_name like 'londiste:upkeep:%'",
        );
        (count == "1").then_some(())
    });
    worker.stop().await;
    let left = db.psql(
        "select count(*) from pg_stat_activity \
          where datname = current_database() and application_name like 'londiste:%'",
    );
    assert_eq!(left, "0");
}
