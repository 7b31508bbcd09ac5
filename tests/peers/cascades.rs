//! Mixed cascades: initial copies, load while they run, changes of all kinds.

use super::{Debians, Ours, Stand, Whose};

const TABLES: &[&str] = &["orders", "\"Mixed Case\""];

const CREATE: &str = "
    create table orders (id int primary key, v text, n numeric, t timestamptz, b bytea, a text[]);
    create table \"Mixed Case\" (\"Key B\" text, \"key a\" int, \"Wert & %\" text, primary key (\"key a\", \"Key B\"));";

/// All kinds of changes; `step` makes each call different.
fn changes(step: i32) -> String {
    format!(
        "insert into orders select i, 'v' || i, i / 7.0, '2024-01-01'::timestamptz + i * interval '1 hour',
                decode(lpad(to_hex(i), 8, '0'), 'hex'), array['a' || i, null, 'b,\"\\']
           from generate_series({0} * 100, {0} * 100 + 99) i;
         insert into \"Mixed Case\" select 'k ' || i, i, 'w&%=+ ' || chr(228) || e'\\n\\t\\\\N' || i
           from generate_series({0} * 100, {0} * 100 + 49) i;
         update orders set v = v || '!', n = null where id % 10 = {0};
         update \"Mixed Case\" set \"Wert & %\" = null where \"key a\" % 7 = {0};
         delete from orders where id % 17 = {0};
         delete from \"Mixed Case\" where \"key a\" % 13 = {0};",
        step
    )
}

/// Builds, loads and compares. The root has the program `root` and the database side `base`; `below` has name, provider, program and database side of each node below the root.
fn run(queue: &str, root: Whose, base: Whose, ticker: Whose, below: &[(&str, &str, &str, Whose, Whose)]) {
    let mut stand = Stand::new(queue);
    stand.create("root", "root", root, base, None);
    stand.start_ticker(ticker);
    stand.start_worker("root", root);
    for (kind, name, provider, program, base) in below {
        stand.create(kind, name, *program, *base, Some(provider));
        stand.start_worker(name, *program);
    }
    stand.psql_all(CREATE);
    stand.root().psql(&changes(0));
    stand.run("root", root, &["add-table", "orders", "Mixed Case"]);
    // One level after the other is in sync: the ancestor refuses to copy from a node that is not.
    for (_, name, _, program, _) in below {
        stand.run(name, *program, &["add-table", "orders", "Mixed Case"]);
    }
    stand.root().psql(&changes(1));
    let programs: Vec<Whose> = below.iter().map(|(_, _, _, program, _)| *program).collect();
    for (step, (_, name, _, _, _)) in below.iter().enumerate() {
        stand.wait_in_sync(name);
        stand.root().psql(&changes(step as i32 + 2));
    }
    stand.wait_caught_up();
    stand.assert_equal(TABLES);
    // Keys that change are refused by the ancestor's trigger; truncate is known to both.
    if base == Ours {
        stand.root().psql(
            "update orders set id = id + 100000 where id % 3 = 0; update \"Mixed Case\" set \"Key B\" = \"Key B\" || 'x'",
        );
    }
    stand.root().psql("create temp table kept as select * from orders; truncate orders; insert into orders select * from kept where id % 2 = 0");
    stand.wait_caught_up();
    stand.assert_equal(TABLES);
    // A table that is copied anew, one that leaves, while the other goes on.
    for ((_, name, _, _, _), program) in below.iter().zip(&programs) {
        stand.run(name, *program, &["remove-table", "Mixed Case"]);
    }
    stand.root().psql("update orders set v = 'after'");
    stand.wait_caught_up();
    stand.assert_equal(&TABLES[..1]);
    for (_, name, _, program, _) in below {
        stand.run(name, *program, &["status"]);
        stand.run(name, *program, &["tables"]);
    }
    stand.assert_no_errors();
}

#[test]
fn below_debians_root() {
    run(
        "their_root",
        Debians,
        Debians,
        Debians,
        &[
            ("leaf", "leaf", "root", Ours, Ours),
            ("leaf", "leaf_extended", "root", Ours, Debians),
            ("branch", "branch", "root", Ours, Ours),
            ("leaf", "below_branch", "branch", Debians, Debians),
        ],
    );
}

#[test]
fn below_our_root() {
    run(
        "our_root",
        Ours,
        Ours,
        Ours,
        &[
            ("leaf", "leaf", "root", Debians, Debians),
            ("leaf", "leaf_ours", "root", Debians, Ours),
            ("branch", "branch", "root", Debians, Debians),
            ("leaf", "below_branch", "branch", Ours, Ours),
        ],
    );
}

#[test]
fn debians_programs_alone_on_our_database_side() {
    run(
        "our_side",
        Debians,
        Ours,
        Debians,
        &[
            ("branch", "branch", "root", Debians, Ours),
            ("leaf", "below_branch", "branch", Debians, Ours),
            ("leaf", "leaf_extended", "root", Debians, Debians),
        ],
    );
}
