//! Beside the ancestor's pgqd, and as a role with the rights of pgq_admin only.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::task::JoinHandle;

use super::{
    LIMIT, Pgqd, assert_snapshot_order, consume, install_extension, install_ours, wait_for_tick_over,
};
use crate::support::wait::wait_for;
use crate::support::{Cluster, Database, database};
use londiste::error::Result;
use londiste::pg::{AppName, ConnInfo};
use londiste::service::stop::{StopLevel, stop_pair};
use londiste::ticker::run_when_alone;

/// The ancestor's program, as Debian installs it.
const ANCESTOR: &str = "/usr/bin/pgqd";

fn start_ancestor(db: &Database, lines: &str) -> Pgqd {
    assert!(
        std::path::Path::new(ANCESTOR).exists(),
        "the ancestor's pgqd is not installed here\nhint: install the package pgqd"
    );
    Pgqd::start_on(
        db.cluster(),
        &format!("database_list = {}\nticker_period = 0.02\n{lines}", db.name()),
        ANCESTOR,
    )
}

#[test]
fn beside_the_ancestors_ticker_each_event_comes_once() {
    for install in [install_ours as fn(&Database), install_extension] {
        let db = database("peer_beside");
        install(&db);
        // Low limits, so that the ancestor's ticker finds something to do beside ours.
        db.psql(
            "select pgq.create_queue('q'), pgq.create_queue('limited');
             select pgq.set_queue_config('limited', 'ticker_max_count', '1'),
                    pgq.set_queue_config('limited', 'ticker_max_lag', '0')",
        );
        let ours = Pgqd::start(&db, "");
        let theirs = start_ancestor(&db, "");
        ours.wait_for_lines("pgq version ok", 1);
        theirs.wait_for_lines("pgq version ok", 1);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let one = "begin; select pgq.insert_event('q', 't', ''); select pgq.insert_event('limited', 't', ''); \
                               select pg_sleep(0.002); commit;\n";
                    db.psql(&format!("\\o /dev/null\n{}", one.repeat(300)));
                });
            }
        });
        for queue in ["q", "limited"] {
            wait_for_tick_over(&db, queue);
            assert_snapshot_order(&db, queue);
            let mut got = consume(&db, queue);
            got.sort_unstable();
            assert_eq!(got.len(), 900);
            got.dedup();
            assert_eq!(got.len(), 900);
        }
        for pgqd in [&ours, &theirs] {
            assert_eq!(pgqd.log().matches("ERROR").count(), 0, "{}", pgqd.log());
        }
        assert_eq!(ours.end(Signal::SIGINT), 0);
        assert_eq!(theirs.end(Signal::SIGINT), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_leaves_the_ticking_to_the_ancestor_until_it_is_gone() {
    let db = database("peer_alone");
    install_extension(&db);
    db.psql("select pgq.create_queue('q')");
    let theirs = start_ancestor(&db, "ticker_period = 0.5");
    theirs.wait_for_lines("pgq version ok", 1);
    wait_for("the ancestor's call", LIMIT, || {
        let calls = db.psql("select count(*) from pg_stat_activity where query = 'select pgq.ticker()'");
        (calls != "0").then_some(())
    });
    let (stopper, stop) = stop_pair();
    let info = ConnInfo::parse(&db.connstr()).unwrap();
    let work: JoinHandle<Result<()>> =
        tokio::spawn(run_when_alone(info, AppName::new("ticker", "n", "q"), stop));
    let place = || {
        db.psql(
            "select count(*) from pg_locks where locktype = 'advisory' and classid = 1348948324 and objid = 2 \
                and database = (select oid from pg_database where datname = current_database())",
        )
    };
    // The worker has looked around at least once when its session is there and idle for a while.
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(place(), "0");
    }
    assert_eq!(theirs.end(Signal::SIGINT), 0);
    db.psql("select pgq.insert_event('q', 't', '')");
    wait_for("the worker to take over", LIMIT, || {
        (place() == "1").then_some(())
    });
    wait_for_tick_over(&db, "q");
    // It comes back: its calls are seen, though it finds nothing to tick any more.
    let theirs = start_ancestor(&db, "ticker_period = 0.5");
    wait_for("the worker to step back", LIMIT, || {
        (place() == "0").then_some(())
    });
    assert_eq!(theirs.end(Signal::SIGINT), 0);
    stopper.stop(StopLevel::Graceful);
    work.await.unwrap().unwrap();
}

/// The ancestor grants its admin role no use of the tick sequence.
#[test]
fn a_role_that_may_not_write_ticks_calls_the_function() {
    let cluster = Cluster::start();
    cluster.create_database("shop");
    cluster.psql(
        "shop",
        "create extension pgq; select pgq.create_queue('q'); create role ticker login in role pgq_admin;",
    );
    let pgqd = Pgqd::start_on(
        &cluster,
        &format!(
            "database_list = shop\nticker_period = 0.1\nstats_period = 3600\nbase_connstr = host={} port={} user=ticker",
            cluster.socket_dir().display(),
            cluster.port()
        ),
        env!("CARGO_BIN_EXE_pgqd"),
    );
    pgqd.wait_for_lines("pgq version ok", 1);
    cluster.psql(
        "shop",
        "select pgq.set_queue_config('q', 'ticker_max_lag', '0.2 seconds');
         select pgq.insert_event('q', 't', '') from generate_series(1, 3)",
    );
    wait_for("a tick by the function", LIMIT, || {
        (cluster.psql("shop", "select ev_new from pgq.get_queue_info('q')") == "0").then_some(())
    });
    assert_eq!(
        pgqd.lines()
            .iter()
            .filter(|line| !line.contains("pgqd") || line.contains("role"))
            .map(String::as_str)
            .collect::<Vec<_>>(),
        [
            "LOG [shop]: pgq version ok: 3.5",
            "WARNING [shop]: this role may not write ticks of \"q\" itself and calls pgq.ticker() instead, at its pace; \
             for low lag grant insert and update on pgq.tick and usage on the tick sequences",
        ]
    );
    assert_eq!(pgqd.end(Signal::SIGINT), 0);
}
