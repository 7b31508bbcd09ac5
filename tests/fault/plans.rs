//! The administrator dies at each step of each plan, under load; then somebody else finishes it, or takes it back.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::cascade::writers::{self, Writers, assert_nothing_left, check, shape};
use crate::support::Cluster;
use crate::support::cascade::{Cascade, LIMIT, Server};
use crate::support::process::Process;
use crate::support::wait::wait_for;

/// The kinds of the steps of a takeover of a root with one other subscriber, up to the point of no return.
const BEFORE: &[&str] = &[
    "catch-up",
    "reserve",
    "pause",
    "subscribe",
    "point",
    "resume",
    "tidy",
    "pause",
    "catch-up",
    "close",
    "last-tick",
    "reach",
    "carry-sequences",
];

/// And from there on.
const AFTER: &[&str] = &[
    "promote",
    "subscribe",
    "demote",
    "resume",
    "unsubscribe",
    "unsubscribe",
    "tidy",
];

/// Steps of a provider change.
const MOVE: &[&str] = &["reserve", "pause", "subscribe", "point", "resume", "unsubscribe"];

/// The fault points of these steps: each after it was done, and those of a kind's first step after it was marked, too.
fn points(kinds: &[&[&str]]) -> Vec<String> {
    let all = kinds.concat();
    let mut points = Vec::new();
    for (place, kind) in all.iter().enumerate() {
        let nr = all[..=place].iter().filter(|known| *known == kind).count();
        points.push(format!("plan.{kind}.done:{nr}"));
        if nr == 1 {
            points.push(format!("plan.{kind}.marked"));
        }
    }
    points
}

#[test]
fn every_fault_point_of_plans_is_run() {
    let mut run: Vec<String> = points(&[BEFORE, AFTER])
        .iter()
        .map(|point| point.split(':').next().unwrap_or(point).to_owned())
        .chain(["plan.recorded", "plan.undo.done", "plan.undo.marked"].map(str::to_owned))
        // By the test of merged queues.
        .chain(["plan.meet-merge.done", "plan.meet-merge.marked"].map(str::to_owned))
        .collect();
    let mut all: Vec<String> = londiste::service::fault::PLAN_FAULT_POINTS
        .iter()
        .map(|point| (*point).to_owned())
        .collect();
    run.sort();
    run.dedup();
    all.sort();
    assert_eq!(run, all);
}

/// Root a, branches b and c below it, leaf d below c; writers.
struct Scene {
    cascade: Cascade,
    writing: Option<Writers>,
}

impl Scene {
    fn new(queue: &str) -> Scene {
        let mut cascade = Cascade::new(queue);
        cascade.create_root("a");
        cascade.create_branch("b", "a");
        cascade.create_branch("c", "a");
        cascade.create_leaf("d", "c");
        writers::make(&mut cascade);
        let writing = Some(Writers::start(&cascade, 4, Duration::from_millis(100)));
        Scene { cascade, writing }
    }

    /// Runs a command that dies at a fault point.
    #[track_caller]
    fn die_at(&self, node: &str, args: &[&str], point: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
        command
            .arg(self.cascade[node].ini())
            .args(args)
            .arg("--timeout=180")
            .env("LONDISTE_FAULT", point);
        let log = self
            .cascade
            .path(&format!("{}.log", point.replace([':', '.'], "_")));
        Process::spawn(point, command, &log).wait_killed(LIMIT);
        // What a dead process leaves is told by the next one.
    }

    #[track_caller]
    fn finish(&self, node: &str, command: &str, point: &str) {
        let ran = self.cascade[node].try_londiste(&[command, "--timeout=180"]);
        assert!(ran.status.success(), "{command} after {point}: {}", ran.stderr);
        assert_nothing_left(&self.cascade);
    }

    fn end(mut self) {
        let writing = self.writing.take().expect("writers");
        check(&self.cascade, &writing.end());
    }
}

fn continue_takeovers(queue: &str, points: &[String]) {
    let mut scene = Scene::new(queue);
    let (mut old, mut new) = ("a", "b");
    for point in points {
        scene.die_at(new, &["takeover", old, "--all"], point);
        // By turns from the home of the plan, from the old root, and from a node that has a mark.
        let from = ["d", new, old][point.len() % 3];
        scene.finish(from, "continue", point);
        // The last step of all may have been done: then nothing was left to go on with.
        scene.cascade.set_root(new);
        let found = shape(&scene.cascade);
        assert!(
            found.contains(&format!("{new}: root|{new}|f|f|f|{old} c"))
                || found.contains(&format!("{new}: root|{new}|f|f|f|c {old}")),
            "{point}: {found}"
        );
        assert!(
            found.contains(&format!("{old}: branch|{new}|f|t|t|\n")),
            "{point}: {found}"
        );
        assert!(
            found.contains(&format!("c: branch|{new}|f|t|t|d")),
            "{point}: {found}"
        );
        (old, new) = (new, old);
        // c goes back below whoever is the root now: it is already.
    }
    scene.end();
}

#[test]
fn takeovers_that_died_before_the_new_root_are_finished() {
    let mut points = points(&[BEFORE]);
    points.push("plan.recorded".to_owned());
    continue_takeovers("p_before", &points);
}

#[test]
fn takeovers_that_died_after_the_new_root_are_finished() {
    let kinds = [BEFORE, AFTER];
    let points: Vec<String> = points(&kinds)
        .into_iter()
        .skip(self::points(&[BEFORE]).len())
        .collect();
    continue_takeovers("p_after", &points);
}

#[test]
fn takeovers_that_died_before_the_new_root_are_taken_back() {
    let scene = Scene::new("p_undo");
    let before = shape(&scene.cascade);
    let mut points = points(&[BEFORE]);
    points.push("plan.recorded".to_owned());
    for point in &points {
        scene.die_at("b", &["takeover", "a", "--all"], point);
        let from = ["d", "b", "a"][point.len() % 3];
        scene.finish(from, "undo", point);
        assert_eq!(shape(&scene.cascade), before, "{point}");
    }
    // Who takes it back dies, too.
    for (nr, undone) in ["plan.undo.done:2", "plan.undo.marked:4", "plan.undo.done:9"]
        .iter()
        .enumerate()
    {
        scene.die_at("b", &["takeover", "a", "--all"], "plan.reach.done");
        scene.die_at("c", &["undo"], undone);
        let ran = scene.cascade["a"].try_londiste(&["continue"]);
        assert!(ran.stderr.contains("is being taken back"), "{}", ran.stderr);
        scene.finish(["a", "b", "d"][nr], "undo", undone);
        assert_eq!(shape(&scene.cascade), before, "{undone}");
    }
    // Past the point of no return there is only one way, marked or not.
    for point in ["plan.promote.done", "plan.promote.marked"] {
        let (old, new) = match point {
            "plan.promote.done" => ("a", "b"),
            _ => ("b", "a"),
        };
        scene.die_at(new, &["takeover", old, "--all"], point);
        let ran = scene.cascade["d"].try_londiste(&["undo"]);
        assert!(
            ran.stderr.contains("there is no way back any more"),
            "{}",
            ran.stderr
        );
        scene.finish("d", "continue", point);
    }
    scene.end();
}

#[test]
fn provider_changes_that_died_are_finished_or_taken_back() {
    let scene = Scene::new("p_move");
    let before = shape(&scene.cascade);
    for point in points(&[MOVE]) {
        // d from c to b, and back.
        scene.die_at("d", &["change-provider", "--provider=b"], &point);
        scene.finish("a", "continue", &point);
        assert!(shape(&scene.cascade).contains("d: leaf|b|"), "{point}");
        scene.cascade["d"].londiste(&["change-provider", "--provider=c"]);
        assert_eq!(shape(&scene.cascade), before, "{point}");
        scene.die_at("d", &["change-provider", "--provider=b"], &point);
        scene.finish("c", "undo", &point);
        assert_eq!(shape(&scene.cascade), before, "{point}");
    }
    scene.end();
}

/// Servers and workers die while a root changes place: between closing and opening, when the administrator has died as
/// well, and at any time, while he is at work.
#[test]
fn servers_and_workers_that_die_meanwhile() {
    let servers: Vec<Arc<Cluster>> = (0..3).map(|_| Arc::new(Cluster::start())).collect();
    let mut cascade = Cascade::new("p_dead");
    cascade.create("root", "a", Server::from(&servers[0]), None);
    cascade.create("branch", "b", Server::from(&servers[1]), Some("a"));
    cascade.create("branch", "c", Server::from(&servers[2]), Some("a"));
    writers::make(&mut cascade);
    let writing = Writers::start(&cascade, 2, Duration::from_millis(100));
    let mut scene = Scene {
        cascade,
        writing: Some(writing),
    };
    let (mut old, mut new) = ("a", "b");
    let args = |old| ["takeover", old, "--all", "--timeout=180"];
    for (round, victim) in ["a", "b", "c", "a", "b", "c"].into_iter().enumerate() {
        let is_server = round < 3;
        scene.die_at(new, &["takeover", old, "--all"], "plan.last-tick.marked");
        kill(&mut scene.cascade, victim, is_server);
        scene.finish("c", "continue", victim);
        scene.cascade.set_root(new);
        (old, new) = (new, old);

        let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
        command.arg(scene.cascade[new].ini()).args(args(old));
        let log = scene.cascade.path(&format!("alive{round}.log"));
        let mut admin = Process::spawn("takeover", command, &log);
        wait_for("the takeover to begin", LIMIT, || {
            admin.log().contains("] ").then_some(())
        });
        kill(&mut scene.cascade, victim, is_server);
        if !admin.wait_end(LIMIT).success() {
            let said = admin.log();
            let after = scene.cascade["c"].try_londiste(&["continue", "--timeout=180"]);
            assert!(after.status.success(), "{said}\n{}", after.stderr);
            if after.stderr.contains("No interrupted change") {
                // It had changed nothing, and has left nothing.
                assert_nothing_left(&scene.cascade);
                scene.cascade[new].londiste(&args(old));
            }
        }
        assert_nothing_left(&scene.cascade);
        scene.cascade.set_root(new);
        (old, new) = (new, old);
    }
    scene.end();
}

/// Ends a node's server, or its worker, as a crash does, and starts it again.
fn kill(cascade: &mut Cascade, name: &str, is_server: bool) {
    if is_server {
        cascade[name].server.kill9();
        cascade[name].server.start_again();
    } else {
        cascade[name].worker().kill9();
        cascade[name].start_worker();
    }
}
