//! Many roots below one set: leaves that are merged into a combined queue, on its root and on a branch that may take over.

use std::fmt::Write as _;

use crate::support::cascade::{Cascade, LIMIT, Server};
use crate::support::cluster;
use crate::support::process::Process;

const PARTITIONS: usize = 4;

/// A combined queue with root `c1` and branch `c2`, and a cascade for each partition: a root, and a leaf in each database of
/// the combined queue.
struct Merged {
    combined: Cascade,
    partitions: Vec<Cascade>,
}

impl Merged {
    /// Workers do not run yet, and no table is attached.
    fn new(name: &str, partitions: usize) -> Merged {
        let mut combined = Cascade::new(&format!("{name}_x"));
        combined.create_root("c1");
        combined.create_branch("c2", "c1");
        let merge = format!("--merge={}", combined.queue);
        let partitions = (1..=partitions).map(|number| {
            let mut cascade = Cascade::new(&format!("{name}_p{number}"));
            cascade.create_root("root");
            let provider = format!("--provider={}", cascade["root"].connstr());
            for place in ["c1", "c2"] {
                let database = (
                    Server::Shared(cluster()),
                    combined[place].db.clone(),
                    combined[place].connstr(),
                );
                cascade.create_in("leaf", place, database, &[&provider, &merge]);
                cascade[place].configure("local_wm_publish_period = 1");
            }
            cascade
        });
        let partitions = partitions.collect();
        Merged { combined, partitions }
    }

    fn start_workers(&mut self) {
        self.combined.start_workers();
        for cascade in &mut self.partitions {
            cascade.start_workers();
        }
    }

    /// Makes a table everywhere, with rows on each partition, and attaches it; all is in sync afterwards.
    fn add_table(&self) {
        self.combined
            .psql_all("create table t (part int, id int, v text, primary key (part, id))");
        for (part, cascade) in self.partitions.iter().enumerate() {
            let root = &cascade["root"];
            root.psql(&format!(
                "create table t (part int default {part}, id int, v text, primary key (part, id));
                 insert into t (id, v) select -i, 'copied' from generate_series(1, 100) i"
            ));
            root.londiste(&["add-table", "t"]);
        }
        for place in ["c1", "c2"] {
            let known = |cascade: &Cascade| {
                let sql = format!(
                    "select from londiste.table_info where queue_name = '{}'",
                    cascade.queue
                );
                !cascade[place]
                    .psql(&format!("select exists ({sql})"))
                    .contains('f')
            };
            for cascade in &self.partitions {
                cascade.wait_until("the table to be known on the leaves", || known(cascade));
            }
            if place == "c2" {
                self.combined
                    .wait_until("the table to be known on c2", || known(&self.combined));
            }
            self.partitions[0][place].londiste(&["add-table", "t", "--merge-all"]);
        }
        for cascade in &self.partitions {
            cascade.wait_in_sync();
        }
        self.combined.wait_in_sync();
    }

    /// Waits until all that is on the partitions now is on `place`.
    fn wait_merged(&self, place: &str) {
        for cascade in &self.partitions {
            let tick = cascade.tick();
            cascade.wait_until(
                &format!("{} to reach tick {tick} of {}", place, cascade.queue),
                || cascade[place].position() >= tick,
            );
        }
    }

    /// The rows of all partitions.
    fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = self
            .partitions
            .iter()
            .flat_map(|cascade| {
                cascade["root"]
                    .rows("t")
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect();
        rows.sort();
        rows
    }

    #[track_caller]
    fn assert_merged(&self, place: &str) {
        let found: Vec<String> = self.combined[place]
            .rows("t")
            .lines()
            .map(str::to_owned)
            .collect();
        let expected = self.rows();
        assert_eq!(found.len(), expected.len(), "rows on {place}");
        assert!(found == expected, "the rows on {place} differ");
    }

    /// Each change that a partition's queue has is in the combined queue of `place` once.
    #[track_caller]
    fn assert_each_event_once(&self, place: &str) {
        let events = |node: &crate::support::cascade::Node, queue: &str| {
            let table = node.psql(&format!(
                "select queue_data_pfx from pgq.queue where queue_name = '{queue}'"
            ));
            let text = node.psql(&format!(
                "select ev_type, ev_data, count(*) from {table} where ev_type ~ '^(I|U|D)' \
                   and ev_data like '%v=new%' group by 1, 2"
            ));
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let mut expected: Vec<String> = self
            .partitions
            .iter()
            .flat_map(|cascade| events(&cascade["root"], &cascade.queue))
            .collect();
        expected.sort();
        let mut found = events(&self.combined[place], &self.combined.queue);
        found.sort();
        assert!(expected.len() > PARTITIONS, "no changes");
        assert_eq!(
            found.len(),
            expected.len(),
            "events in the combined queue of {place}"
        );
        assert!(
            found == expected,
            "the combined queue of {place} has other events"
        );
    }

    /// Writes on every partition until dropped.
    fn start_load(&self) -> Vec<crate::support::cascade::Load> {
        self.partitions
            .iter()
            .map(|cascade| {
                let script = cascade.path("load.sql");
                let mut text = String::new();
                for _ in 0..3 {
                    let _ = writeln!(
                        text,
                        "insert into t (id, v) values (nextval('ids'), 'new' || txid_current());"
                    );
                }
                text.push_str("update t set v = 'changed' where id = -1 - (random() * 90)::int;\n");
                std::fs::write(&script, text).expect("write a script");
                cascade["root"].psql("create sequence if not exists ids");
                let script = script.display().to_string();
                cascade["root"].start_pgbench(&["-c1", "-T600", "--rate=8", "-f", &script])
            })
            .collect()
    }
}

#[test]
fn four_roots_become_one_set_and_its_branch_takes_over() {
    let mut merged = Merged::new("m4", PARTITIONS);
    merged.start_workers();
    merged.add_table();
    for place in ["c1", "c2"] {
        merged.assert_merged(place);
    }

    // Killed in the middle of load, at each step of a batch.
    let load = merged.start_load();
    for (number, fault) in [
        "worker.apply.before-commit:9",
        "worker.apply.committed:9",
        "worker.finish.before:9",
        "worker.finish.done:9",
    ]
    .iter()
    .enumerate()
    {
        let leaf = &mut merged.partitions[number]["c1"];
        leaf.worker().kill9();
        leaf.start_worker_to_die_at(fault);
        leaf.worker().wait_killed(LIMIT);
        leaf.start_worker();
    }
    let behind = &mut merged.partitions[0]["c2"];
    behind.worker().kill9();
    behind.start_worker();
    for place in ["c1", "c2"] {
        merged.wait_merged(place);
    }

    // The combined root dies with all that runs there; its branch becomes the root.
    let killed = |cascade: &mut Cascade| cascade["c1"].worker().kill9();
    killed(&mut merged.combined);
    merged.partitions.iter_mut().for_each(killed);
    merged.combined["c2"].stop_worker();
    let queue = merged.combined.queue.clone();
    assert_eq!(
        merged.combined["c2"].psql(&format!(
            "select ret_code from pgq_node.promote_branch('{queue}')"
        )),
        "200"
    );
    merged.combined["c2"].start_worker();
    for part in load {
        part.end();
    }
    merged.wait_merged("c2");
    merged.assert_merged("c2");
    merged.assert_each_event_once("c2");
    for cascade in &merged.partitions {
        let log = cascade["c2"].log();
        assert!(!log.contains("ERROR"), "{log}");
    }
    // What the dead root had not passed on is nowhere else now, and its position says so; below, all is as it was.
    for cascade in &merged.partitions {
        assert!(cascade["c1"].position() <= cascade["c2"].position());
    }
}

#[test]
fn c17_wait_behind_leafs_keep_location_changes_wherever_they_die() {
    let mut merged = Merged::new("m17", 1);
    merged.start_workers();
    merged.add_table();
    let part = merged.partitions[0].queue.clone();
    let set_location = |merged: &Merged, location: &str| {
        merged.partitions[0]["root"].psql(&format!(
            "select pgq_node.register_location('{part}', 'other', '{location}', false)"
        ));
        merged.partitions[0].tick();
    };
    let location = |merged: &Merged, place: &str| {
        merged.combined[place].psql(&format!(
            "select node_location from pgq_node.node_location where queue_name = '{part}' and node_name = 'other'"
        ))
    };
    set_location(&merged, "host=first");
    merged.wait_merged("c2");
    merged
        .combined
        .wait_until("the first location", || location(&merged, "c2") == "host=first");

    // While the combined queue brings nothing, the leaf behind it does nothing either.
    merged.combined["c2"].stop_worker();
    set_location(&merged, "host=second");
    merged.partitions[0]["root"].psql("insert into t values (0, 1, 'new')");
    set_location(&merged, "host=third");
    merged.wait_merged("c1");
    assert_eq!(location(&merged, "c1"), "host=third");
    assert_eq!(location(&merged, "c2"), "host=first");
    let behind = &mut merged.partitions[0]["c2"];
    behind.stop_worker();
    behind.start_worker_to_die_at("worker.behind.committed:1");
    merged.combined["c2"].start_worker();
    merged.partitions[0]["c2"].worker().wait_killed(LIMIT);
    // It died before it told its provider; what it did is kept, and comes again without harm.
    assert_ne!(location(&merged, "c2"), "");
    merged.partitions[0]["c2"].start_worker();
    merged
        .combined
        .wait_until("the last location", || location(&merged, "c2") == "host=third");
    merged.wait_merged("c2");
    merged.assert_merged("c2");
}

#[test]
fn the_root_of_a_combined_queue_changes_under_load() {
    let mut merged = Merged::new("msw", 2);
    merged.start_workers();
    merged.add_table();
    let load = merged.start_load();
    let queue = merged.combined.queue.clone();
    let call = |merged: &Merged, place: &str, call: &str| {
        let row = merged.combined[place].psql(&format!("select * from pgq_node.{call}"));
        assert!(row.starts_with('2'), "{call}: {row}");
        row
    };
    merged.wait_merged("c1");
    call(&merged, "c1", &format!("demote_root('{queue}', 1, 'c2')"));
    // Nothing enters a queue that is being closed, though its workers may write into closed ones.
    for cascade in &merged.partitions {
        cascade.wait_until("the worker to wait for the combined queue", || {
            cascade["c1"]
                .log()
                .contains("waiting until the combined queue is open")
        });
    }
    let last = call(&merged, "c1", &format!("demote_root('{queue}', 2, 'c2')"));
    let last: i64 = last
        .rsplit('|')
        .next()
        .expect("columns")
        .parse()
        .expect("the last tick");
    merged.combined.wait_until("c2 to have the last tick", || {
        merged.combined["c2"].position() >= last
    });
    merged.combined["c2"].stop_worker();
    call(&merged, "c2", &format!("promote_branch('{queue}')"));
    let job = merged.combined["c1"].job.clone();
    call(
        &merged,
        "c2",
        &format!("register_subscriber('{queue}', 'c1', '{job}', {last})"),
    );
    call(&merged, "c1", &format!("unregister_subscriber('{queue}', 'c2')"));
    merged.combined["c2"].start_worker();
    call(&merged, "c1", &format!("demote_root('{queue}', 3, 'c2')"));
    merged.wait_merged("c2");
    for part in load {
        part.end();
    }
    for place in ["c2", "c1"] {
        merged.wait_merged(place);
        merged.assert_merged(place);
        merged.assert_each_event_once(place);
    }
    assert!(merged.combined.assert_same_ticks() > 20);
    for cascade in &merged.partitions {
        let log = cascade["c1"].log();
        assert!(!log.contains("ERROR"), "{log}");
    }
}

#[test]
fn a_merged_table_is_not_copied_anew_from_one_of_its_sources() {
    let mut merged = Merged::new("mre", 2);
    merged.start_workers();
    merged.add_table();
    let alone = merged.partitions[0]["c1"].try_londiste(&["resync", "t"]);
    assert_eq!(alone.status.code(), Some(1), "{alone:?}");
    assert!(
        alone.stderr.contains("has rows of other queues, too"),
        "{}",
        alone.stderr
    );
    let behind = merged.partitions[0]["c2"].try_londiste(&["resync", "t"]);
    assert!(
        behind
            .stderr
            .contains("come to this node through queue \"mre_x\""),
        "{}",
        behind.stderr
    );
    merged.assert_merged("c1");
    // Through the combined queue it is.
    merged.combined["c2"].psql("set session_replication_role = replica; delete from t where id < -50");
    merged.combined["c2"].londiste(&["resync", "t"]);
    merged.combined.wait_in_sync();
    merged.assert_merged("c2");
    // From all sources together it is.
    for cascade in &merged.partitions {
        cascade["c1"].londiste(&["remove-table", "t"]);
    }
    merged.combined["c1"].psql("set session_replication_role = replica; delete from t where id < -50");
    merged.partitions[1]["c1"].londiste(&["add-table", "t", "--merge-all"]);
    for cascade in &merged.partitions {
        cascade.wait_in_sync();
    }
    merged.assert_merged("c1");
    // One of them may stay away.
    merged.partitions[0]["c1"].londiste(&["remove-table", "t"]);
    merged.partitions[0]["root"].psql("insert into t values (0, 5, 'new')");
    merged.partitions[1]["root"].psql("insert into t values (1, 5, 'new')");
    merged.wait_merged("c1");
    assert_eq!(merged.combined["c1"].psql("select part from t where id = 5"), "1");
}

/// The administrator dies where the merged queues meet; somebody else finishes. Then the same command leads back.
#[test]
fn a_combined_root_is_taken_over_and_back() {
    let mut merged = Merged::new("mto", 2);
    merged.start_workers();
    merged.add_table();
    let load = merged.start_load();
    for (old, new, point) in [
        ("c1", "c2", "plan.meet-merge.done"),
        ("c2", "c1", "plan.meet-merge.marked:2"),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_londiste"));
        command
            .arg(merged.combined[new].ini())
            .args(["takeover", old, "--timeout=180"])
            .env("LONDISTE_FAULT", point);
        let log = merged.combined.path(&format!("{new}.admin.log"));
        Process::spawn("takeover", command, &log).wait_killed(LIMIT);
        merged.combined[old].londiste(&["continue", "--timeout=180"]);
        merged.wait_merged(new);
        merged.combined.set_root(new);
    }
    for part in load {
        part.end();
    }
    for place in ["c1", "c2"] {
        merged.wait_merged(place);
        merged.assert_merged(place);
        merged.assert_each_event_once(place);
    }
    merged.combined.wait_caught_up();
    merged.combined.assert_same_ticks();
    for place in ["c1", "c2"] {
        let paused = "select consumer_name from pgq_node.local_state where paused";
        assert_eq!(merged.combined[place].psql(paused), "", "paused on {place}");
    }
}
