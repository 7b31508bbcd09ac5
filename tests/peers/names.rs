//! Our commands on nodes that Debian's programs run, with Debian's database side.

use super::{Debians, Ours, Stand};

const PATIENT: &str = "--timeout=60";

#[test]
fn debians_nodes_are_seen_held_and_renamed() {
    let mut stand = Stand::new("names");
    stand.create("root", "root", Ours, Ours, None);
    stand.start_ticker(Ours);
    stand.start_worker("root", Ours);
    stand.create("branch", "branch", Debians, Debians, Some("root"));
    stand.create("leaf", "leaf", Debians, Debians, Some("branch"));
    stand.psql_all("create table t (id int primary key, v text)");
    for name in ["root", "branch", "leaf"] {
        let program = if name == "root" { Ours } else { Debians };
        stand.run(name, program, &["add-table", "t", "--expect-sync"]);
    }
    stand.start_worker("branch", Debians);
    stand.start_worker("leaf", Debians);
    stand.root().psql("insert into t values (1, 'a')");
    stand.wait_caught_up();
    stand.assert_equal(&["t"]);

    let text = stand.run("leaf", Ours, &["status", PATIENT]);
    assert_eq!(
        text.matches("Worker: of Londiste 3, last read ").count(),
        2,
        "{text}"
    );
    assert_eq!(text.matches("Worker: running").count(), 1, "{text}");
    assert!(text.contains("Database: pgq 3."), "{text}");

    stand.run("root", Ours, &["pause", "--node=leaf", "--timeout=90"]);
    stand.run("root", Ours, &["resume", "--node=leaf", "--timeout=90"]);

    stand.run("root", Ours, &["rename-node", "branch", "middle"]);
    stand.root().psql("insert into t values (2, 'b')");
    stand.wait_caught_up();
    stand.assert_equal(&["t"]);
    stand.run("root", Ours, &["rename-node", "leaf", "end"]);
    stand.run("root", Ours, &["rename-node", "root", "top"]);
    stand.root().psql("insert into t values (3, 'c')");
    stand.wait_caught_up();
    stand.assert_equal(&["t"]);
    let text = stand.run("leaf", Debians, &["status"]);
    for title in ["top (root)", "+--: middle (branch)", "+--: end (leaf)"] {
        assert!(text.contains(title), "{title}\n{text}");
    }
}
