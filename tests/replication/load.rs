//! pgbench writes without a pause while its tables are attached, detached and copied anew.

use std::time::Duration;

use crate::support::cascade::{Cascade, LIMIT, Node};
use crate::support::random::Random;

const TABLES: &[&str] = &[
    "pgbench_branches",
    "pgbench_tellers",
    "pgbench_accounts",
    "pgbench_history",
];

/// pgbench's own tables with keys and foreign keys; `steps` as its option -I takes them.
fn create_pgbench_tables(node: &Node, steps: &str) {
    let mut process = node.start_pgbench(&["-i", "-I", steps, "-q"]).process;
    let status = process.wait_end(LIMIT);
    assert!(status.success(), "pgbench -i failed\n{}", process.log());
}

/// The history has no key, so only its inserts can be replicated; pgbench does nothing else to it.
fn add_table(node: &Node, table: &str) {
    let mut args = vec!["add-table", table];
    if table == "pgbench_history" {
        args.push("--trigger-flags=I");
    }
    node.londiste(&args);
}

#[test]
fn tables_join_leave_and_join_again_under_load() {
    let mut random = Random::seeded();
    let mut cascade = Cascade::new("load");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    create_pgbench_tables(&cascade["root"], "dtgpf");
    create_pgbench_tables(&cascade["leaf"], "dtpf");
    let structures: Vec<String> = TABLES
        .iter()
        .map(|table| cascade["leaf"].structure(table))
        .collect();
    cascade.start_workers();
    let load = cascade["root"].start_pgbench(&["-c", "3", "-T", "600", "-R", "120"]);
    for table in TABLES {
        add_table(&cascade["root"], table);
        cascade["leaf"].londiste(&["wait-root"]);
        add_table(&cascade["leaf"], table);
    }
    for step in 0..24 {
        let table = TABLES[random.below(4) as usize];
        let (root, leaf) = (&cascade["root"], &cascade["leaf"]);
        // The whole way in comes up in each table, with whatever state the step finds.
        match (step, random.below(5)) {
            (7 | 15, _) => {
                // Out of the whole cascade: the worker on the leaf hears of it by an event.
                root.londiste(&["remove-table", table]);
                leaf.londiste(&["wait-root"]);
                add_table(root, table);
                leaf.londiste(&["wait-root"]);
                add_table(leaf, table);
            }
            (_, 0) => {
                leaf.londiste(&["remove-table", table]);
                add_table(leaf, table);
            }
            (_, 1) => {
                leaf.londiste(&["resync", table]);
            }
            (_, 2) => {
                leaf.londiste(&["resync", "--all"]);
            }
            (_, 3) => {
                cascade["leaf"].worker().kill9();
                cascade["leaf"].start_worker();
            }
            _ => cascade.wait_until("the table to be in sync", || leaf.state(table) == "ok"),
        }
        std::thread::sleep(Duration::from_millis(random.below(250)));
    }
    cascade.wait_in_sync();
    load.end();
    cascade.wait_caught_up();
    for (table, structure) in TABLES.iter().zip(&structures) {
        cascade.assert_equal(table);
        let leaf = &cascade["leaf"];
        cascade.wait_until(&format!("all keys of {table} to be back"), || {
            leaf.structure(table) == *structure
        });
    }
    assert_eq!(
        cascade["leaf"].psql("select count(*) from londiste.pending_fkeys"),
        "0"
    );
    cascade.assert_no_stray_consumers();
    assert_eq!(
        cascade["leaf"].psql("select count(*) > 100 from pgbench_history"),
        "t"
    );
    let log = cascade["leaf"].log();
    assert!(!log.contains(" ERROR "), "the leaf's worker met errors\n{log}");
}

#[test]
fn a_truncate_empties_the_table_everywhere_even_during_a_copy() {
    let mut cascade = Cascade::new("truncate");
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.psql_all(
        "create table parent (id int primary key, v text); \
         create table child (id int primary key, parent int references parent)",
    );
    let fill = "insert into parent select i, 'p' from generate_series(1, 2000) i; \
                insert into child select i, i from generate_series(1, 2000) i";
    cascade["root"].psql(fill);
    cascade.start_workers();
    cascade.add_table("parent");
    cascade.add_table("child");
    cascade.wait_in_sync();
    cascade["root"].psql("truncate parent, child; insert into parent values (1, 'after')");
    cascade.wait_caught_up();
    cascade.assert_equal("parent");
    cascade.assert_equal("child");
    for _ in 0..4 {
        cascade["root"].psql(fill.replace("generate_series(1,", "generate_series(10,").as_str());
        cascade["branch"].londiste(&["resync", "parent", "child"]);
        for round in 0..5 {
            cascade["root"].psql(&format!(
                "update child set parent = null where id % 5 = {round}; \
                 begin; truncate parent, child; insert into parent values ({round}, 'round'); \
                 insert into child values ({round}, {round}); commit; \
                 insert into parent select i, 'r{round}' from generate_series(10, 500) i"
            ));
        }
        cascade["root"].psql("truncate parent cascade");
    }
    cascade["root"].psql("insert into parent values (7, 'last')");
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade.assert_equal("parent");
    cascade.assert_equal("child");
    assert_eq!(cascade["branch"].rows("parent"), "(7,last)");
}

#[test]
fn a_table_that_is_rewritten_before_its_copy_loses_no_row() {
    let mut cascade = Cascade::new("rewrite");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id int primary key, v int)");
    cascade["root"].psql("insert into t select i, i from generate_series(1, 1000) i");
    cascade.start_workers();
    // A reader here makes the copy wait; meanwhile the rows there get a new transaction's mark.
    let reader = cascade["leaf"].hold("select * from t");
    cascade.add_table("t");
    let leaf = &cascade["leaf"];
    cascade.wait_until("the copy to wait for the reader", || {
        leaf.psql("select count(*) from pg_locks where not granted and relation = 't'::regclass") == "1"
    });
    cascade["root"].psql("alter table t alter v type bigint");
    drop(reader);
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    assert_eq!(cascade["leaf"].psql("select count(*) from t"), "1000");
}

#[test]
fn a_branch_has_the_same_ticks_and_events_as_the_root() {
    let mut cascade = Cascade::new("chain");
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.create_leaf("leaf", "branch");
    create_pgbench_tables(&cascade["root"], "dtgpf");
    create_pgbench_tables(&cascade["branch"], "dtpf");
    create_pgbench_tables(&cascade["leaf"], "dtpf");
    cascade.start_pgqd();
    cascade.start_workers();
    let load = cascade["root"].start_pgbench(&["-c", "2", "-T", "600", "-R", "100"]);
    for (number, name) in ["root", "branch", "leaf"].into_iter().enumerate() {
        if number > 0 {
            cascade[name].londiste(&["wait-root"]);
        }
        for table in TABLES {
            add_table(&cascade[name], table);
        }
    }
    for _ in 0..3 {
        let branch = &cascade["branch"];
        let before = branch.position();
        cascade.wait_until("the branch to go on", || branch.position() > before + 5);
        cascade["branch"].worker().kill9();
        cascade["branch"].start_worker();
    }
    cascade.wait_in_sync();
    load.end();
    cascade.wait_caught_up();
    for table in TABLES {
        cascade.assert_equal(table);
    }
    // Each tick with the events that belong to it: those that its snapshot sees and the one before does not.
    let first = cascade["branch"].psql("select min(tick_id) from pgq.tick");
    let last = cascade["branch"].psql("select max(tick_id) from pgq.tick");
    let ticks = format!(
        "with t as (select tick_id, tick_time, tick_event_seq, tick_snapshot, \
                           lag(tick_snapshot) over (order by tick_id) as before from pgq.tick \
                     where tick_id between {first} and {last}), \
              e as (select * from pgq.event_1) \
         select tick_id, tick_time, tick_event_seq, \
                (select count(*) from e where txid_visible_in_snapshot(ev_txid, tick_snapshot) \
                                          and not txid_visible_in_snapshot(ev_txid, before)), \
                (select md5(string_agg(concat_ws('|', ev_id, ev_time, ev_type, ev_data, ev_extra1, ev_extra2, \
                                                 ev_extra3, ev_extra4), '' order by ev_id)) \
                   from e where txid_visible_in_snapshot(ev_txid, tick_snapshot) \
                            and not txid_visible_in_snapshot(ev_txid, before)) \
           from t where before is not null order by tick_id"
    );
    let (root, branch) = (cascade["root"].psql(&ticks), cascade["branch"].psql(&ticks));
    assert!(root.lines().count() > 20, "hardly any ticks:\n{root}");
    for (here, there) in root.lines().zip(branch.lines()) {
        assert_eq!(here, there, "a tick of root and branch");
    }
    assert_eq!(root.lines().count(), branch.lines().count());
}
