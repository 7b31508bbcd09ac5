//! takeover of nodes that live: roots under load, forth and back; branches and leaves.

use std::time::Duration;

use super::writers::{self, Writers, assert_nothing_left, check, shape};
use crate::support::cascade::Cascade;

/// Root a, branches b and c below it, leaf d below c.
fn stand(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("a");
    cascade.create_branch("b", "a");
    cascade.create_branch("c", "a");
    cascade.create_leaf("d", "c");
    writers::make(&mut cascade);
    cascade
}

/// How many switchovers; `make soak` does more.
fn count() -> usize {
    std::env::var("SWITCHOVERS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(16)
}

#[test]
fn a_root_under_load_goes_forth_and_back() {
    let mut cascade = stand("to_many");
    let writing = Writers::start(&cascade, 6, Duration::from_millis(20));
    let mut times = Vec::new();
    for round in 0..count() {
        let (old, new) = if round % 2 == 0 { ("a", "b") } else { ("b", "a") };
        let mut args = vec!["takeover", old, "--timeout=180"];
        if round % 4 < 2 {
            args.push("--all");
        }
        let said = cascade[new].londiste(&args);
        let (_, rest) = said
            .split_once("no root could be written for ")
            .expect("the time is printed");
        times.push(rest.split(' ').next().unwrap_or_default().to_owned());
        cascade.set_root(new);
    }
    let acknowledged = writing.end();
    eprintln!(
        "{} rows; without a root: {} s",
        acknowledged.len(),
        times.join(" ")
    );
    check(&cascade, &acknowledged);
    assert_nothing_left(&cascade);
}

#[test]
fn branches_and_leaves_change_places() {
    let cascade = stand("to_branch");
    // c has d below it; b takes c's place.
    cascade["b"].londiste(&["takeover", "c", "--all"]);
    let found = shape(&cascade);
    assert!(found.contains("c: branch|b|"), "{found}");
    assert!(found.contains("d: leaf|b|"), "{found}");
    // Now b is in the way of c: c goes above it.
    cascade["a"].londiste(&["takeover", "b", "--target=c", "--all"]);
    let found = shape(&cascade);
    assert!(found.contains("c: branch|a|"), "{found}");
    assert!(found.contains("b: branch|c|"), "{found}");
    assert!(found.contains("d: leaf|c|"), "{found}");
    // A root is taken over by a node that reads from it through another one.
    let mut cascade = cascade;
    cascade["b"].londiste(&["takeover", "a", "--all"]);
    cascade.set_root("b");
    let found = shape(&cascade);
    assert!(found.contains("b: root|b|"), "{found}");
    assert!(found.contains("a: branch|b|"), "{found}");
    assert!(found.contains("c: branch|b|"), "{found}");
    let ran = cascade["a"].try_londiste(&["takeover", "b", "--target=d"]);
    assert!(ran.stderr.contains("is a leaf"), "{}", ran.stderr);
    let ran = cascade["b"].try_londiste(&["takeover", "b"]);
    assert!(ran.stderr.contains("its own place"), "{}", ran.stderr);
    cascade["b"].psql("insert into note (w, n) values (1, 1)");
    check(&cascade, &[]);
    assert_nothing_left(&cascade);
}

#[test]
fn tables_that_would_be_lost_are_named() {
    let cascade = stand("to_tables");
    cascade.psql_all("create table only_here (id int primary key)");
    cascade["a"].londiste(&["add-table", "only_here"]);
    let ran = cascade["b"].try_londiste(&["takeover", "a"]);
    assert!(
        ran.stderr.contains("are not on node \"b\": public.only_here"),
        "{}",
        ran.stderr
    );
    assert_nothing_left(&cascade);
    cascade["b"].londiste(&["takeover", "a", "--force"]);
    assert_nothing_left(&cascade);
}
