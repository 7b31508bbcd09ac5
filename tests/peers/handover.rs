//! A node that is given from one program to the other and back, with the same job file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use super::{Debians, LIMIT, Ours, Stand, Whose};
use crate::support::Cluster;
use crate::support::process::Process;
use crate::support::wait::wait_for;

const LOAD: &str = "
    insert into t select coalesce(max(id), 0) + 1, 'new' from t;
    insert into t select max(id) + 1, 'newer' from t;
    update t set v = v || '.' where id = (select (random() * max(id))::int from t);
    delete from t where id = (select (random() * max(id))::int from t) and id % 3 = 0;
    insert into log select coalesce(max(id), 0) + 1 from log;";

/// The states in which a table is left by `first` and found by `second`: each on a node of its own.
fn hand_over_in_states(queue: &str, first: Whose, second: Whose, states: &[(&str, &str)]) {
    let mut stand = Stand::new(queue);
    stand.create("root", "root", Ours, Ours, None);
    stand.start_ticker(Debians);
    stand.start_worker("root", Ours);
    for (position, (name, _)) in states.iter().enumerate() {
        // The database side is no matter of the program: take both.
        let base = if position % 2 == 0 { Debians } else { Ours };
        stand.create("leaf", name, first, base, Some("root"));
    }
    stand.psql_all("create table t (id int primary key, v text)");
    stand.root().psql("create table log (id int)");
    for node in &stand.nodes[1..] {
        // The ancestor wants a key; this one tells nothing of whether a row came twice.
        node.db.psql("create table log (id int, nr serial primary key)");
    }
    stand
        .root()
        .psql("insert into t select i, 'v' from generate_series(1, 2000) i; insert into log values (0)");
    stand.run("root", Ours, &["add-table", "t"]);
    stand.run("root", Ours, &["add-table", "log", "--trigger-flags=I"]);
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let root = stand.root().connstr();
        let (cluster, name) = (stand.root().cluster(), stand.root().name().to_owned());
        let stop = &stopped;
        // Ends when the work below ends, well or not.
        let load = scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                cluster.psql(&name, LOAD);
                thread::sleep(std::time::Duration::from_millis(100));
            }
            drop(root);
        });
        let guard = StopOnDrop(stop);
        // The log table is in sync when the other one is left in the middle of its copy.
        for (name, _) in states {
            stand.start_worker(name, first);
            stand.run(name, first, &["add-table", "log", "--trigger-flags=I", "--force"]);
        }
        for (name, _) in states {
            stand.wait_in_sync(name);
        }
        for (name, state) in states {
            let mut rows = None;
            if first == Ours {
                // Dies where the state was committed, for it passes too fast to be caught.
                let fault = match *state {
                    "in-copy" => "copy.structure.dropped",
                    "catching-up" => "copy.data.committed",
                    "wanna-sync" => "copy.wanna-sync.committed",
                    other => panic!("no fault point for {other}"),
                };
                stand.stop_worker(name);
                stand.run(name, first, &["add-table", "t"]);
                rows = (*state == "wanna-sync").then(|| Held::lock(&stand, "root", "t"));
                stand.start_worker_with(name, first, &[("LONDISTE_FAULT", fault)]);
            } else {
                stand.run(name, first, &["add-table", "t"]);
            }
            let seen = || stand.states(name).contains(&format!("public.t={state}"));
            let mut held_log = None;
            if let Some(rows) = rows {
                // The copy stands before its rows, then the worker in its replay: so the copy comes to be ahead.
                wait_for("the copy to start", LIMIT, || {
                    stand.states(name).contains("public.t=in-copy").then_some(())
                });
                held_log = Some(Held::lock(&stand, name, "log"));
                let entry = "insert into log select max(id) + 1 from log";
                stand.root().psql(entry);
                let stands = "select count(*) from pg_locks where not granted and relation = 'log'::regclass";
                wait_for("the worker to stand still", LIMIT, || {
                    (stand.node(name).db.psql(stands) == "1").then_some(())
                });
                stand.root().psql(entry);
                drop(rows);
            }
            wait_for(&format!("table t of {name} to be {state}"), LIMIT, || {
                seen().then_some(())
            });
            if first == Debians {
                // The copy first, or it goes on while the worker ends.
                stand.end_copies(name, Signal::SIGKILL);
                if *state == "do-sync" {
                    // It waits for its copy for ever, deaf to signals.
                    stand.kill_worker(name);
                } else {
                    stand.stop_worker(name);
                }
            } else {
                let node = stand
                    .nodes
                    .iter_mut()
                    .find(|node| node.name == *name)
                    .expect("the node");
                node.worker.as_mut().expect("a worker").wait_killed(LIMIT);
            }
            drop(held_log);
            // Theirs takes the pid file of a dead process for a sign that it runs, if the number is in use.
            let _ = std::fs::remove_file(stand.path(&format!("{name}.pid")));
            stand.start_worker(name, second);
            if second == Debians {
                // Theirs never starts again a copy that has died.
                stand.start_copy(name, "public.t");
            }
        }
        for (name, _) in states {
            stand.wait_in_sync(name);
        }
        // And back, in the middle of replay.
        for (name, _) in states {
            stand.stop_worker(name);
            stand.start_worker(name, first);
        }
        for (name, _) in states {
            let before = stand.position(name);
            wait_for("the worker to replay", LIMIT, || {
                (stand.position(name) > before + 1).then_some(())
            });
            stand.stop_worker(name);
            stand.start_worker(name, second);
        }
        drop(guard);
        load.join().expect("the load");
    });
    stand.wait_caught_up();
    stand.assert_equal(&["t"]);
    let log =
        |db: &crate::support::Database| db.psql("select count(*), count(distinct id), max(id) from log");
    for node in &stand.nodes[1..] {
        assert_eq!(log(&node.db), log(stand.root()), "log of {}", node.name);
        let left = node
            .db
            .psql("select consumer_name from pgq_node.local_state where consumer_name like '%.copy.%'");
        assert_eq!(left, "", "consumers of copies on {}", node.name);
        assert_eq!(
            node.db
                .psql("select indexdef from pg_indexes where tablename = 't'"),
            stand
                .root()
                .psql("select indexdef from pg_indexes where tablename = 't'"),
            "indexes on {}",
            node.name
        );
    }
    let left = stand
        .root()
        .psql("select consumer_name from pgq.get_consumer_info() where consumer_name like '%.copy.%'");
    assert_eq!(left, "", "consumers of copies on the root");
    stand.assert_no_errors();
}

/// A lock on a table of a node, given back when dropped.
struct Held {
    session: Process,
    server: &'static Cluster,
    application: String,
}

impl Held {
    fn lock(stand: &Stand, name: &str, table: &str) -> Held {
        let db = &stand.node(name).db;
        let application = format!("holds {table} of {name} of {}", stand.queue);
        let mut command = db.cluster().client("psql");
        command
            .env("PGAPPNAME", &application)
            .args(["-X", "-d"])
            .arg(db.connstr())
            .args(["-c", &format!("begin; lock table {table}; select pg_sleep(300)")]);
        let session = Process::spawn(
            &application,
            command,
            &stand.path(&format!("{name}.{table}.psql")),
        );
        let granted = format!(
            "select 1 from pg_locks where relation = '{table}'::regclass and granted and mode = 'AccessExclusiveLock'"
        );
        wait_for("a lock", LIMIT, || (db.psql(&granted) == "1").then_some(()));
        Held {
            session,
            server: db.cluster(),
            application,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let end = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{}'",
            self.application
        );
        let _ = self.server.try_psql("postgres", &end);
        let _ = self.session.wait_end(LIMIT);
    }
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn from_debians_to_ours_in_every_state() {
    hand_over_in_states(
        "to_ours",
        Debians,
        Ours,
        &[
            ("a", "in-copy"),
            ("b", "catching-up"),
            ("c", "wanna-sync"),
            ("d", "do-sync"),
        ],
    );
}

#[test]
fn from_ours_to_debians_in_the_states_of_a_copy() {
    hand_over_in_states(
        "to_debians",
        Ours,
        Debians,
        &[("a", "in-copy"), ("b", "catching-up"), ("c", "wanna-sync")],
    );
}
