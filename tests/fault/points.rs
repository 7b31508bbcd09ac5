//! For each fault point: the worker dies exactly there, is started again, and everything ends as if nothing was.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::cascade::{Cascade, Held, LIMIT, Load};
use crate::support::wait::wait_for;

/// Points of a batch, reached by any replay; the branch makes ticks.
const REPLAY: &[&str] = &[
    "worker.batch.opened",
    "worker.apply.before-commit",
    "worker.apply.committed",
    "worker.tick.created",
    "worker.finish.before",
    "worker.finish.done",
];

/// Points of a batch whose changes are summed up.
const SETS: &[&str] = &["worker.apply.set-statement", "worker.apply.rolled-back"];

/// Points of a leaf behind its combined queue; `replication::merge` ends a worker there.
const BEHIND: &[&str] = &["worker.behind.committed"];

/// Points on a table's way in, up to the rows.
const ROWS: &[&str] = &[
    "table.in-copy.before-commit",
    "table.in-copy.committed",
    "copy.registered",
    "copy.structure.dropped",
    "copy.structure.restored",
    "copy.data.before-commit",
    "copy.data.committed",
];

/// Points of a copy in ranges, in the order in which one copy can die at all of them.
const RANGES: &[&str] = &[
    "copy.ranges.before-commit",
    "copy.ranges.committed",
    "copy.resumed.committed",
    "copy.range.before-commit:3",
    "copy.range.committed:3",
    "copy.delta.before-commit",
    "copy.delta.committed",
    "copy.index.before-commit",
    "copy.index.committed",
    "copy.structure.restored",
    "copy.data.before-commit",
    "copy.data.committed",
];

/// Points between the rows and the end.
const HAND_OVER: &[&str] = &[
    "copy.catch-up.before-commit",
    "copy.catch-up.committed",
    "copy.ok.before-commit",
    "copy.ok.committed",
    "worker.foreign-key.restored",
];

/// The copy is ahead of the worker.
const COPY_AHEAD: &[&str] = &["copy.wanna-sync.committed", "worker.do-sync.committed"];

#[test]
fn every_fault_point_is_run() {
    let mut run: Vec<&str> = [REPLAY, SETS, BEHIND, ROWS, RANGES, HAND_OVER, COPY_AHEAD]
        .concat()
        .iter()
        .map(|point| point.split(':').next().unwrap_or(point))
        .collect();
    let mut all = londiste::service::fault::FAULT_POINTS.to_vec();
    run.sort_unstable();
    run.dedup();
    all.sort_unstable();
    assert_eq!(run, all);
}

#[test]
fn death_in_a_batch() {
    let mut scene = Scene::new("f_replay");
    for point in REPLAY {
        let load = scene.start_load();
        // Not at the first batch: in the middle of the load.
        scene.die_at(&format!("{point}:3"));
        scene.recover(point, Some(load));
    }
}

#[test]
fn death_between_the_statements_of_sets() {
    let mut scene = Scene::new("f_sets");
    scene.cascade["branch"].configure("apply_set_rows = 1");
    let load = scene.start_load();
    scene.die_at("worker.apply.set-statement:9");
    scene.recover("worker.apply.set-statement", Some(load));
}

#[test]
fn death_after_a_set_that_failed() {
    let mut scene = Scene::new("f_back");
    scene.cascade["branch"].configure("apply_set_rows = 2");
    let sql = "create table swap (id int primary key, place int unique)";
    scene.cascade.psql_all(sql);
    scene.cascade["root"].psql("insert into swap values (1, 1), (2, 2)");
    scene.cascade.start_workers();
    scene.cascade.add_table("swap");
    scene.cascade.wait_in_sync();
    scene.stop_branch();
    // One by one nothing collides; both new values together meet the old ones.
    scene.cascade["root"].psql(
        "begin; update swap set place = -1 where id = 1; update swap set place = 1 where id = 2; \
         update swap set place = 2 where id = 1; commit",
    );
    scene.die_at("worker.apply.rolled-back");
    scene.recover("worker.apply.rolled-back", None);
    scene.cascade.assert_equal("swap");
    assert!(
        scene.cascade["branch"]
            .log()
            .contains("public.swap: applying its changes one by one")
    );
}

#[test]
fn death_before_the_rows_are_in() {
    let mut scene = Scene::new("f_rows");
    for point in ROWS {
        let load = scene.start_load();
        scene.resync("parent child");
        scene.die_at(point);
        scene.recover(point, Some(load));
    }
}

#[test]
fn deaths_of_a_copy_in_ranges() {
    let mut scene = Scene::new("f_ranges");
    scene.cascade["branch"].configure("copy_chunk_size = 8 kB\ncopy_streams = 2");
    let load = scene.start_load();
    scene.resync("child");
    for point in RANGES {
        scene.die_at(point);
        scene.change();
    }
    scene.recover("deaths of a copy in ranges", Some(load));
    let log = scene.cascade["branch"].log();
    assert!(!log.contains("starts over"), "the copy was resumed each time");
}

#[test]
fn death_between_rows_and_hand_over() {
    let mut scene = Scene::new("f_hand");
    for point in HAND_OVER {
        // Under load it is often the worker that takes the table over.
        let quiet = point.starts_with("copy.ok.");
        let load = (!quiet).then(|| scene.start_load());
        scene.resync("parent child");
        scene.die_at(point);
        let load = load.unwrap_or_else(|| scene.start_load());
        scene.recover(point, Some(load));
    }
}

#[test]
fn death_of_a_copy_that_waits_for_the_worker() {
    let mut scene = Scene::new("f_ahead");
    let (rows, busy) = scene.arrange_slow_worker("copy.wanna-sync.committed");
    drop(rows);
    scene.wait_killed("copy.wanna-sync.committed");
    drop(busy);
    scene.recover("copy.wanna-sync.committed", None);
}

#[test]
fn death_of_the_worker_that_takes_a_table_over() {
    let mut scene = Scene::new("f_over");
    let (rows, busy) = scene.arrange_slow_worker("worker.do-sync.committed");
    drop(rows);
    let branch = &scene.cascade["branch"];
    scene
        .cascade
        .wait_until("the copy to be ahead of the worker", || {
            branch.state("child").starts_with("wanna-sync:")
        });
    // The copy's session on the source stands still, so that the worker is the first to see that they meet.
    let root = &scene.cascade["root"];
    let frozen: i32 = wait_for("the copy's session to be idle", LIMIT, || {
        root.psql(
            "select pid from pg_stat_activity where datname = current_database() \
                and application_name like '%copy%' and state = 'idle'",
        )
        .parse()
        .ok()
    });
    kill(Pid::from_raw(frozen), Signal::SIGSTOP).expect("freeze a session of the server");
    scene.change();
    scene.cascade["root"].psql("select pgq.force_tick('f_over')");
    drop(busy);
    scene.wait_killed("worker.do-sync.committed");
    kill(Pid::from_raw(frozen), Signal::SIGCONT).expect("thaw it");
    scene.recover("worker.do-sync.committed", None);
}

#[test]
fn a_resync_at_the_moment_of_the_hand_over_is_not_lost() {
    let mut scene = Scene::new("f_resync");
    let (rows, busy) = scene.arrange_slow_worker("nowhere");
    drop(rows);
    let branch = &scene.cascade["branch"];
    scene
        .cascade
        .wait_until("the copy to be ahead of the worker", || {
            branch.state("child").starts_with("wanna-sync:")
        });
    // Only another copy takes this row away again.
    branch.psql("set session_replication_role = replica; insert into child values (-1, -1, 1)");
    let resync = branch.hold(
        "update londiste.table_info set merge_state = null, custom_snapshot = null \
          where table_name = 'public.child'",
    );
    drop(busy);
    scene.cascade.wait_until("the hand-over to meet the resync", || {
        branch.psql(
            "select count(*) > 0 from pg_stat_activity where datname = current_database() \
                    and wait_event_type = 'Lock' and application_name like 'londiste:%'",
        ) == "t"
    });
    resync.commit();
    scene.recover("a resync at the hand-over", None);
}

struct Scene {
    cascade: Cascade,
    structure: Vec<String>,
}

const TABLES: &[&str] = &["parent", "child", "busy"];

impl Scene {
    fn new(queue: &str) -> Scene {
        let mut cascade = Cascade::new(queue);
        cascade.create_root("root");
        cascade.create_branch("branch", "root");
        cascade.psql_all(
            "create table parent (id int primary key, v text, unique (v, id)); \
             create index parent_v on parent (v desc) where id > 5; \
             create table child (id serial primary key, parent int not null, v bigint check (v > 0)); \
             alter table child add foreign key (parent) references parent on delete cascade; \
             create index on child (parent); \
             create table busy (id bigserial primary key, v int)",
        );
        cascade["root"].psql(
            "insert into parent select i, 'p' || i from generate_series(1, 500) i; \
             insert into child (parent, v) select i % 500 + 1, i from generate_series(1, 1500) i",
        );
        cascade.start_workers();
        for table in TABLES {
            cascade.add_table(table);
        }
        cascade.wait_in_sync();
        let mut scene = Scene {
            cascade,
            structure: Vec::new(),
        };
        scene.structure = TABLES
            .iter()
            .map(|table| scene.cascade["root"].structure(table))
            .collect();
        scene.recover("the first copy", None);
        scene.stop_branch();
        scene
    }

    fn stop_branch(&mut self) {
        let status = self.cascade["branch"].worker().stop(LIMIT);
        assert!(status.success(), "the worker ended with {status}");
    }

    fn start_load(&self) -> Load {
        let script = self.cascade.path("load.sql");
        fs::write(
            &script,
            "\\set id random(1, 500)\n\\set other random(1, 500)\n\\set v random(1, 1000000000)\n\
             begin;\n\
             insert into parent values (:id, 'n' || :v) on conflict (id) do update set v = excluded.v;\n\
             insert into child (parent, v) values (:id, :v), (:id, 7);\n\
             insert into busy (v) values (1);\n\
             end;\n\
             delete from child where id = (select min(id) from child where parent = :other);\n\
             delete from parent where id = :other and :v % 10 = 0;\n",
        )
        .expect("write a script");
        let script = script.to_str().expect("a path in UTF-8");
        self.cascade["root"].start_pgbench(&["-c", "2", "-T", "600", "-R", "30", "-f", script])
    }

    /// One change of each table.
    fn change(&self) {
        self.cascade["root"].psql(
            "update parent set v = v || 'x' where id % 5 = 0; update child set v = v + 1 where id % 3 = 0; \
             insert into busy (v) values (2)",
        );
    }

    fn resync(&self, tables: &str) {
        let mut args = vec!["resync"];
        args.extend(tables.split(' '));
        self.cascade["branch"].londiste(&args);
    }

    fn die_at(&mut self, fault: &str) {
        self.cascade["branch"].start_worker_to_die_at(fault);
        self.wait_killed(fault);
    }

    fn wait_killed(&mut self, fault: &str) {
        let branch = &mut self.cascade["branch"];
        branch.worker().wait_killed(LIMIT);
        let name = fault.split(':').next().unwrap_or(fault);
        assert!(
            branch.log().contains(&format!("fault point {name} reached")),
            "the worker was killed by something else"
        );
    }

    /// Starts a worker that will die at `fault`, with a copy of `child` that stands before its rows (until the first
    /// value is dropped) while the worker stands in the middle of a later batch (until the second one is).
    fn arrange_slow_worker(&mut self, fault: &str) -> (Held, Held) {
        self.resync("child");
        let rows = self.cascade["root"].hold("lock table child in access exclusive mode");
        self.cascade["branch"].start_worker_to_die_at(fault);
        let branch = &self.cascade["branch"];
        self.cascade
            .wait_until("the copy to begin", || branch.state("child") == "in-copy");
        let busy = branch.hold("lock table busy in share mode");
        let root = &self.cascade["root"];
        root.psql("insert into busy (v) values (3)");
        root.psql("select pgq.force_tick(queue_name) from pgq.get_queue_info()");
        self.cascade.wait_until("the worker to stand still", || {
            branch.psql("select count(*) from pg_locks where not granted and relation = 'busy'::regclass")
                == "1"
        });
        root.psql("insert into busy (v) values (4)");
        (rows, busy)
    }

    /// Starts a worker that lives; at the end both sides are equal, and nothing of the fault is left.
    fn recover(&mut self, point: &str, load: Option<Load>) {
        eprintln!("after {point}");
        self.cascade.start_workers();
        self.cascade.wait_in_sync();
        if let Some(load) = load {
            load.end();
        }
        self.change();
        self.cascade.wait_caught_up();
        for (table, expected) in TABLES.iter().zip(&self.structure) {
            self.cascade.assert_equal(table);
            let branch = &self.cascade["branch"];
            // The foreign key waits for the first batch after the hand-over.
            self.cascade
                .wait_until(&format!("all indexes and keys of {table} to be back"), || {
                    &branch.structure(table) == expected
                });
        }
        let branch = &self.cascade["branch"];
        assert_eq!(branch.psql("select count(*) from londiste.pending_fkeys"), "0");
        self.cascade.assert_no_stray_consumers();
        self.stop_branch();
    }
}
