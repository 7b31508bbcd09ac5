//! A root or branch dies: who takes its place, what is lost, and how it comes back.

use std::sync::Arc;

use crate::support::Cluster;
use crate::support::cascade::{Cascade, Ran, Server};

/// Root a on a server of its own; branches b and c and leaf d below it, leaf e below b.
struct Stand {
    cascade: Cascade,
    server: Arc<Cluster>,
}

const TABLES: &str = "create table t (id int primary key, v text); create table calm (id int primary key)";

impl Stand {
    fn new(queue: &str) -> Stand {
        let server = Arc::new(Cluster::start());
        let mut cascade = Cascade::new(queue);
        cascade.create("root", "a", Server::from(&server), None);
        cascade.create_branch("b", "a");
        cascade.create_branch("c", "a");
        cascade.create_leaf("d", "a");
        cascade.create_leaf("e", "b");
        cascade.psql_all(TABLES);
        cascade.start_workers();
        for table in ["t", "calm"] {
            cascade.add_table(table);
        }
        cascade.wait_in_sync();
        cascade["a"]
            .psql("insert into t select i, 'old' from generate_series(1, 20) i; insert into calm values (1)");
        cascade.wait_caught_up();
        Stand { cascade, server }
    }

    /// Lets only `node` (and whoever is below it) have the newest changes of a.
    fn put_ahead(&mut self, node: &str, sql: &str) {
        for other in ["b", "c", "d"].iter().filter(|other| **other != node) {
            self.cascade[*other].stop_worker();
        }
        self.cascade["a"].psql(sql);
        let tick = self.cascade.tick();
        self.cascade
            .wait_until("the node to be ahead", || self.cascade[node].position() >= tick);
    }

    /// The server of a stops, and everybody else runs.
    fn lose_root(&mut self) {
        self.cascade["a"].stop_worker();
        self.server.kill9();
        for node in ["b", "c", "d", "e"] {
            if !self.cascade[node]
                .worker
                .as_mut()
                .is_some_and(|worker| worker.is_running())
            {
                self.cascade[node].start_worker();
            }
        }
    }

    fn survivors(&self) -> impl Iterator<Item = &crate::support::cascade::Node> {
        self.cascade.nodes().iter().filter(|node| node.name != "a")
    }

    /// One root that everybody follows, which takes writes; nobody is paused, no plan is left.
    fn check(&mut self, root: &str) {
        self.cascade.set_root(root);
        let mut roots = Vec::new();
        for node in self.survivors() {
            let kind = node.psql("select node_type from pgq_node.node_info");
            if kind == "root" {
                roots.push(node.name.clone());
            }
            assert_eq!(
                node.psql("select consumer_name from pgq_node.local_state where paused"),
                "",
                "paused on {}",
                node.name
            );
            assert_eq!(
                node.psql("select count(*) from londiste_rs.plan"),
                "0",
                "{}",
                node.name
            );
            assert_eq!(
                node.psql("select dead from pgq_node.node_location where node_name = 'a'"),
                "t",
                "what {} knows of a",
                node.name
            );
        }
        assert_eq!(roots, [root]);
        self.cascade[root]
            .psql("insert into t values (1000, 'after'); update t set v = 'after' where id = 2");
        self.wait_equal();
    }

    fn wait_equal(&self) {
        let root = self.cascade.root();
        let tick = self.cascade.tick();
        for node in self.survivors().filter(|node| node.name != root.name) {
            let what = format!("node {} to replay tick {tick}", node.name);
            self.cascade.wait_until(&what, || node.position() >= tick);
            self.cascade.wait_until("its tables to be in sync", || {
                node.psql("select count(*) from londiste.table_info where local and merge_state is distinct from 'ok'") == "0"
            });
            for table in ["t", "calm"] {
                assert_eq!(node.digest(table), root.digest(table), "{table} on {}", node.name);
            }
        }
    }
}

fn must(ran: Ran) -> Ran {
    assert!(ran.status.success(), "{}\n{}", ran.stdout, ran.stderr);
    ran
}

fn provider(stand: &Stand, node: &str) -> String {
    stand.cascade[node].psql(
        "select s.provider_node from pgq_node.local_state s join pgq_node.node_info n on n.worker_name = s.consumer_name",
    )
}

const AHEAD: &str = "insert into t values (21, 'ahead'); update t set v = 'ahead' where id = 1";

/// C-06: the ancestor moves siblings to the new root before that has their tick, and stops half-way.
#[test]
fn c06_a_sibling_ahead_brings_the_new_root_up_first() {
    let mut stand = Stand::new("fo_behind");
    stand.put_ahead("c", AHEAD);
    stand.lose_root();
    let tick = stand.cascade["c"].position();
    let ran = must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root", "--target", "b"]));
    assert!(ran.stdout.contains("b is the root"), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains(&format!("the last tick of a that b has is {tick} of ")),
        "{}",
        ran.stdout
    );
    assert_eq!(stand.cascade["b"].psql("select v from t where id = 1"), "ahead");
    for node in ["c", "d"] {
        assert_eq!(provider(&stand, node), "b");
    }
    stand.check("b");
}

#[test]
fn the_node_that_has_come_furthest_becomes_the_root() {
    let mut stand = Stand::new("fo_choose");
    stand.put_ahead("c", AHEAD);
    stand.lose_root();
    let shown = must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root", "--dry-run"])).stdout;
    assert!(shown.contains("make c the root"), "{shown}");
    let ran = must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root"]));
    assert!(ran.stdout.contains("c is the root"), "{}", ran.stdout);
    assert_eq!(provider(&stand, "b"), "c");
    stand.check("c");
}

#[test]
fn equal_nodes_and_a_sibling_whose_worker_is_down() {
    let mut stand = Stand::new("fo_equal");
    stand.lose_root();
    stand.cascade["c"].stop_worker();
    must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root"]));
    assert_eq!(provider(&stand, "c"), "b");
    stand.cascade["c"].start_worker();
    stand.check("b");
}

/// No branch has what a leaf had got: it goes back, and the tables that were touched are copied anew.
#[test]
fn a_leaf_ahead_of_all_branches_goes_back() {
    let mut stand = Stand::new("fo_leaf");
    stand.put_ahead("d", AHEAD);
    let lost = stand.cascade["d"].position();
    stand.lose_root();
    let ran = must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root"]));
    assert!(
        ran.stdout.contains(&format!("tick {lost} of ")) && ran.stdout.contains("had reached d only"),
        "{}",
        ran.stdout
    );
    stand.check("b");
    assert_eq!(
        stand.cascade["d"].psql("select count(*) from t where v = 'ahead'"),
        "0"
    );
}

#[test]
fn a_root_that_answers_is_not_dead() {
    let stand = Stand::new("fo_alive");
    for args in [
        &["takeover", "a", "--dead-root"][..],
        &["takeover", "b", "--dead-branch"],
    ] {
        let ran = stand.cascade["c"].try_londiste(args);
        assert!(
            !ran.status.success() && ran.stderr.contains("it answers"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(
        stand.cascade["c"].psql("select count(*) from pgq_node.node_location where dead"),
        "0"
    );
}

/// C-07: the ancestor asks the dead node for its info, and fails.
#[test]
fn c07_the_nodes_below_a_dead_branch_go_on() {
    let server = Arc::new(Cluster::start());
    let mut cascade = Cascade::new("fo_branch");
    cascade.create_root("a");
    cascade.create("branch", "b", Server::from(&server), Some("a"));
    cascade.create_branch("c", "a");
    cascade.create_leaf("d", "b");
    cascade.create_branch("e", "b");
    cascade.psql_all(TABLES);
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["b"].stop_worker();
    server.kill9();
    cascade["a"].psql("insert into t values (1, 'x')");
    let ran = cascade["c"].try_londiste(&["takeover", "b", "--dead-branch", "--node", "e"]);
    assert!(ran.status.success(), "{}", ran.stderr);
    let position = "select s.provider_node from pgq_node.local_state s join pgq_node.node_info n \
                    on n.worker_name = s.consumer_name";
    assert_eq!(cascade["d"].psql(position), "e");
    assert_eq!(cascade["e"].psql(position), "a");
    let ran = cascade["a"].try_londiste(&["drop-node", "b"]);
    assert!(ran.status.success(), "{}", ran.stderr);
    cascade["a"].psql("insert into t values (2, 'y')");
    let tick = cascade.tick();
    for node in ["c", "d", "e"] {
        cascade.wait_until("the node to catch up", || cascade[node].position() >= tick);
        assert_eq!(cascade[node].digest("t"), cascade["a"].digest("t"), "{node}");
        cascade.wait_until("the member to be gone", || {
            cascade[node].psql("select count(*) from pgq_node.node_location where node_name = 'b'") == "0"
        });
    }
}

/// Changes that nobody but a has: of rows, of keys, and by an application while another root is at work already.
fn lose_changes(stand: &mut Stand, sql: &str) {
    for node in ["b", "c", "d", "e"] {
        stand.cascade[node].stop_worker();
    }
    stand.cascade["a"].psql(sql);
    stand.cascade.tick();
    stand.lose_root();
}

fn return_of_a(stand: &mut Stand, dir: &std::path::Path) -> Ran {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_londiste"));
    let command =
        crate::support::process::clean_environment(command.arg(stand.cascade["a"].ini()).arg("resurrect"));
    let output = command.current_dir(dir).output().expect("run londiste");
    Ran {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// a is a branch again, equal to the others, and feeds nobody it should not.
fn check_return(stand: &mut Stand, root: &str) {
    let a = &stand.cascade["a"];
    assert_eq!(a.psql("select node_type from pgq_node.node_info"), "branch");
    assert_eq!(
        a.psql("select count(*) from pgq_node.local_state where paused"),
        "0"
    );
    stand.cascade[root].psql("insert into t values (2000, 'returned'); delete from t where id = 3");
    stand.wait_equal();
    let tick = stand.cascade.tick();
    stand
        .cascade
        .wait_until("a to catch up", || stand.cascade["a"].position() >= tick);
    stand.cascade.wait_until("a to be in sync", || {
        stand.cascade["a"].psql(
            "select count(*) from londiste.table_info where local and merge_state is distinct from 'ok'",
        ) == "0"
    });
    for table in ["t", "calm"] {
        assert_eq!(
            stand.cascade["a"].rows(table),
            stand.cascade[root].rows(table),
            "{table} on a"
        );
    }
    for node in stand.cascade.nodes() {
        stand
            .cascade
            .wait_until(&format!("{} to know that a lives", node.name), || {
                node.psql("select dead from pgq_node.node_location where node_name = 'a'") == "f"
            });
        assert_eq!(
            node.psql("select count(*) from pgq.get_consumer_info() where consumer_name like '%.gravestone'"),
            "0"
        );
    }
}

/// C-09: the ancestor fails where ordinary consumers read the queue, and takes ticks of other queues.
#[test]
fn c09_a_former_root_comes_back_with_other_readers_and_queues() {
    let mut stand = Stand::new("fo_return");
    stand.cascade["a"].psql(
        "select pgq.create_queue('another'), pgq.register_consumer('another', 'reader'), \
                pgq.register_consumer('fo_return', 'reader'), pgq.register_consumer('fo_return', 'idle')",
    );
    lose_changes(
        &mut stand,
        "insert into t values (21, 'it''s lost'), (22, 'lost'); update t set v = 'lost' where id in (1, 2); \
         delete from t where id in (5, 6); update t set id = 107 where id = 7; delete from t where id = 21; \
         insert into t values (21, 'lost again')",
    );
    must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root"]));
    stand.check("b");
    // The same keys go their own way on the new root.
    stand.cascade["b"].psql(
        "insert into t values (22, 'new'); update t set v = 'new' where id in (1, 5); delete from t where id = 6; \
         insert into t values (6, 'new'); update t set v = 'new' where id = 107; delete from t where id = 2",
    );
    // The old root comes back by itself, its applications go on, and nobody listens to it.
    stand.server.start_again();
    stand.cascade["a"].start_worker();
    stand.cascade["a"].psql(
        "insert into t values (300, 'nobody hears'); select pgq.insert_event('another', 'x', 'y'); \
         do $$ begin while pgq.finish_batch(pgq.next_batch('fo_return', 'reader')) = 1 loop null; end loop; end $$",
    );
    let top = "select max(tick_id) from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'fo_return'";
    let before: i64 = stand.cascade["a"].psql(top).parse().expect("a tick");
    stand.cascade.wait_until("the old root to tick", || {
        stand.cascade["a"].psql(top).parse::<i64>().expect("a tick") > before
    });
    stand.wait_equal();
    assert_eq!(
        stand.cascade["b"].psql("select count(*) from t where id = 300"),
        "0"
    );

    let dir = tempfile::tempdir().expect("a directory");
    let ran = must(return_of_a(&mut stand, dir.path()));
    assert!(ran.stdout.contains("ticks that only a had: "), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("table public.t: 5 inserted, 2 updated, 4 deleted"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("table public.t: 9 rows put right"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("copied anew"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("reader \"reader\" was at tick"),
        "{}",
        ran.stderr
    );

    let json = std::fs::read_to_string(dir.path().join("resurrect-lost-events.json")).expect("a report");
    assert!(json.starts_with("[\n{") && json.ends_with("}\n]\n"), "{json}");
    for part in ["\"ev_type\":\"I:id\"", "\"prev_tick_id\":", "nobody+hears"] {
        assert!(json.contains(part), "{part} in {json}");
    }
    let sql = std::fs::read_to_string(dir.path().join("resurrect-lost-events.sql")).expect("statements");
    assert!(
        sql.contains("insert into public.t (id, v) values ('21', 'it''s lost');"),
        "{sql}"
    );
    // They can be run; here on what the table was.
    let scratch = format!(
        "begin; delete from t; insert into t select i, 'old' from generate_series(1, 20) i; {sql}; \
         select string_agg(id || v, ' ' order by id) from t where v <> 'old'; rollback"
    );
    assert_eq!(
        stand.cascade["b"].psql(&scratch),
        "1lost 2lost 21lost again 22lost 300nobody hears"
    );
    check_return(&mut stand, "b");
    // A second time there is nothing to do, and the report is safe.
    let again = return_of_a(&mut stand, dir.path());
    assert!(
        !again.status.success() && again.stderr.contains("is there already"),
        "{}",
        again.stderr
    );
    // Its readers get what the new root does.
    let a = &stand.cascade["a"];
    let read = "select count(*) from (select pgq.next_batch('fo_return', 'reader') b) x \
                 where b is not null";
    assert_eq!(a.psql(read), "1");
    assert_eq!(
        a.psql("select ev_data from pgq.event_template where ev_type = 'x'"),
        "y"
    );
    // And the way back is open.
    must(stand.cascade["a"].try_londiste(&["takeover", "b", "--all"]));
    stand.cascade.set_root("a");
    stand.cascade["a"].psql("insert into t values (3000, 'home')");
    stand.wait_equal();
}

#[test]
fn what_cannot_be_put_right_is_copied_anew() {
    let mut stand = Stand::new("fo_anew");
    lose_changes(
        &mut stand,
        "truncate t; insert into t values (1, 'lost'); insert into calm values (50)",
    );
    must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root"]));
    stand.check("b");
    stand.server.start_again();
    stand.cascade["a"].start_worker();
    let dir = tempfile::tempdir().expect("a directory");
    let ran = must(return_of_a(&mut stand, dir.path()));
    assert!(
        ran.stdout
            .contains("table public.t: is copied anew, for it was truncated"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("table public.calm: 1 rows put right (0 of them"),
        "{}",
        ran.stdout
    );
    check_return(&mut stand, "b");
}

#[test]
fn a_root_that_lost_nothing_comes_back_without_a_report() {
    let mut stand = Stand::new("fo_nothing");
    stand.lose_root();
    must(stand.cascade["c"].try_londiste(&["takeover", "a", "--dead-root"]));
    stand.check("c");
    stand.server.start_again();
    stand.cascade["a"].start_worker();
    let dir = tempfile::tempdir().expect("a directory");
    let ran = must(return_of_a(&mut stand, dir.path()));
    assert!(
        ran.stdout.contains("no events that the others lack"),
        "{}",
        ran.stdout
    );
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 0);
    check_return(&mut stand, "c");
}

#[test]
fn a_dead_root_can_be_dropped_instead() {
    let mut stand = Stand::new("fo_drop");
    stand.lose_root();
    must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root"]));
    stand.check("b");
    must(stand.cascade["b"].try_londiste(&["drop-node", "a"]));
    for node in stand.survivors() {
        stand.cascade.wait_until("a to be forgotten", || {
            node.psql("select count(*) from pgq_node.node_location where node_name = 'a'") == "0"
        });
        assert_eq!(
            node.psql("select count(*) from pgq.get_consumer_info() where consumer_name like '%gravestone%'"),
            "0"
        );
    }
    stand.wait_equal();
}

/// Runs a command of a node in a directory; it dies at a fault point if one is named.
fn run_at(stand: &Stand, node: &str, args: &[&str], dir: &std::path::Path, fault: Option<&str>) -> Ran {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_londiste"));
    let command =
        crate::support::process::clean_environment(command.arg(stand.cascade[node].ini()).args(args));
    if let Some(fault) = fault {
        command.env("LONDISTE_FAULT", fault);
    }
    let output = command.current_dir(dir).output().expect("run londiste");
    Ran {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The command dies at each of these points, one after the other: itself at the first, `continue` at the others.
fn die_at_all(stand: &Stand, node: &str, args: &[&str], other: &str, dir: &std::path::Path, points: &[&str]) {
    for (nr, point) in points.iter().enumerate() {
        let ran = match nr {
            0 => run_at(stand, node, args, dir, Some(point)),
            _ => run_at(stand, other, &["continue"], dir, Some(point)),
        };
        assert!(
            ran.stderr.contains(&format!("fault point {point} reached")),
            "{point} was not reached: {}",
            ran.stderr
        );
    }
    must(run_at(stand, other, &["continue"], dir, None));
}

const UNDONE: &[&str] = &[
    "plan.recorded",
    "plan.tag.done",
    "plan.halt.marked",
    "plan.point.done",
    "plan.lead.done",
    "plan.gravestone.done",
];

const TAKEN_OVER: &[&str] = &[
    "plan.tag.done",
    "plan.tag.marked",
    "plan.halt.done",
    "plan.halt.marked",
    "plan.lead.done",
    "plan.lead.marked",
    "plan.gravestone.done",
    "plan.gravestone.marked",
    "plan.promote.done",
    "plan.promote.marked",
    "plan.go-back.done",
    "plan.go-back.marked",
    "plan.subscribe.done",
    "plan.point.done",
    "plan.resume.done",
];

const CAME_BACK: &[&str] = &[
    "plan.halt.done",
    "plan.close.done",
    "plan.last-tick.done",
    "plan.report.done",
    "plan.report.marked",
    "plan.rejoin.done",
    "plan.rejoin.marked",
    "plan.admit.done",
    "plan.admit.marked",
    "plan.tag.done",
    "plan.resume.done",
    "plan.tidy.done",
];

#[test]
fn every_fault_point_of_failovers_is_run() {
    for point in londiste::service::fault::FAILOVER_FAULT_POINTS {
        assert!(TAKEN_OVER.contains(point) || CAME_BACK.contains(point), "{point}");
    }
}

/// C-05, C-06: whoever dies in the middle is followed by one who goes on, or back.
#[test]
fn c05_the_administrator_dies_at_each_step_of_a_failover() {
    let mut stand = Stand::new("fo_die");
    stand.put_ahead("c", AHEAD);
    stand.lose_root();
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["takeover", "a", "--dead-root", "--target", "b"];
    for point in UNDONE {
        let died = run_at(&stand, "b", &args, dir.path(), Some(point));
        assert!(
            died.stderr.contains("reached: ending"),
            "{point}: {}",
            died.stderr
        );
        must(run_at(&stand, "c", &["undo"], dir.path(), None));
        assert_eq!(provider(&stand, "b"), "a", "after {point}");
        for node in stand.survivors() {
            let left = "select (select count(*) from pgq_node.local_state where paused) || ' ' || \
                        (select count(*) from pgq_node.node_location where dead) || ' ' || \
                        (select count(*) from londiste_rs.plan) || ' ' || \
                        (select count(*) from pgq.get_consumer_info() where consumer_name like '%gravestone')";
            assert_eq!(node.psql(left), "0 0 0 0", "{} after {point}", node.name);
        }
    }
    die_at_all(&stand, "b", &args, "c", dir.path(), TAKEN_OVER);
    stand.check("b");
}

#[test]
fn c05_the_administrator_dies_at_each_step_of_a_return() {
    let mut stand = Stand::new("fo_die_back");
    lose_changes(
        &mut stand,
        "insert into t values (21, 'lost'); update t set v = 'lost' where id = 1; delete from t where id = 5",
    );
    must(stand.cascade["b"].try_londiste(&["takeover", "a", "--dead-root"]));
    stand.check("b");
    stand.server.start_again();
    stand.cascade["a"].start_worker();
    let dir = tempfile::tempdir().expect("a directory");
    die_at_all(&stand, "a", &["resurrect"], "a", dir.path(), CAME_BACK);
    let json = std::fs::read_to_string(dir.path().join("resurrect-lost-events.json")).expect("a report");
    assert_eq!(json.matches("\"ev_id\"").count(), 3, "{json}");
    check_return(&mut stand, "b");
}
