//! A root changes place between Debian's program and ours, by a takeover of the one or of the other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Debians, LIMIT, Ours, Stand, Whose};
use crate::support::wait::wait_for;

/// Writes to whoever is the root until told to stop; returns the numbers that were acknowledged.
fn write(stand: &Stand, root: &Mutex<String>, stop: &AtomicBool) -> Vec<i32> {
    let mut written = Vec::new();
    for number in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = root.lock().expect("the root's name").clone();
        let insert = format!("insert into t (v) values ({number})");
        match stand.node(&name).db.try_psql(&insert) {
            Ok(_) => written.push(number),
            Err(error) => assert!(
                ["is closed here", "disallowed", "disabled"]
                    .iter()
                    .any(|words| error.contains(words)),
                "{error}"
            ),
        }
        thread::sleep(Duration::from_millis(30));
    }
    written
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn go_forth_and_back(queue: &str, base_of_a: Whose, base_of_b: Whose) {
    let mut stand = Stand::new(queue);
    stand.create("root", "a", Debians, base_of_a, None);
    stand.start_ticker(Debians);
    stand.start_worker("a", Debians);
    stand.create("branch", "b", Ours, base_of_b, Some("a"));
    stand.start_worker("b", Ours);
    stand.psql_all("create table t (id serial primary key, v int)");
    for (name, program) in [("a", Debians), ("b", Ours)] {
        stand.run(name, program, &["add-table", "t"]);
        stand.run(name, program, &["add-seq", "t_id_seq"]);
        stand.wait_in_sync(name);
    }
    let (stop, root) = (AtomicBool::new(false), Mutex::new("a".to_owned()));
    let written = thread::scope(|scope| {
        let writing = scope.spawn(|| write(&stand, &root, &stop));
        let guard = StopOnDrop(&stop);
        // Either command reads either job file.
        for (old, new, program) in [
            ("a", "b", Ours),
            ("b", "a", Debians),
            ("a", "b", Debians),
            ("b", "a", Ours),
        ] {
            stand.run(new, program, &["takeover", old]);
            *root.lock().expect("the root's name") = new.to_owned();
            let arrived = stand
                .node(new)
                .db
                .psql("insert into t (v) values (0) returning id");
            let arrived = arrived.lines().next().unwrap_or_default().to_owned();
            wait_for(
                &format!("what is written on {new} to come to {old}"),
                LIMIT,
                || {
                    let sql = format!("select count(*) from t where id = {arrived}");
                    (stand.node(old).db.psql(&sql) == "1").then_some(())
                },
            );
        }
        drop(guard);
        writing.join().expect("the writer")
    });
    let kept = |name: &str| {
        let rows = stand.node(name).db.psql("select v from t where v > 0 order by v");
        rows.lines()
            .map(|line| line.parse::<i32>().expect("a number"))
            .collect::<Vec<_>>()
    };
    assert!(written.len() > 20, "only {} rows were written", written.len());
    wait_for("both to be equal", LIMIT, || {
        (kept("a") == kept("b")).then_some(())
    });
    assert_eq!(kept("a"), written);
}

#[test]
fn the_root_changes_between_debians_and_ours() {
    go_forth_and_back("sw_mixed", Debians, Ours);
}

#[test]
fn the_root_changes_on_the_ancestors_database_side() {
    go_forth_and_back("sw_guest", Debians, Debians);
}
