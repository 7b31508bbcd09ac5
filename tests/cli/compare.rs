//! compare. Positions are moved by SQL where no worker is needed; end to end tests run real workers.

use super::add_table::pair;
use crate::support::cascade::Cascade;

const TABLE: &str = "create table t (id int primary key, at timestamptz, note text)";

#[test]
fn refusals() {
    let (root, leaf) = pair();
    root.db.psql(TABLE);
    leaf.db.psql(TABLE);
    root.must(&["add-table", "t"]);
    insta::assert_snapshot!(root.run(&["compare"]), @r#"
    [exit 0]
    ! INFO Node node1 is the root: there is nothing above it to compare with
    ! hint: run compare with the job file of a subscriber
    "#);
    insta::assert_snapshot!(leaf.run(&["compare"]), @"[exit 0]");
    insta::assert_snapshot!(leaf.run(&["compare", "t"]), @r#"
    [exit 1]
    ! error: table "public.t" is not attached on this node
    ! detail: node "node2", queue "replika"
    ! hint: "londiste tables" lists the tables that are attached here
    "#);
    leaf.must(&["add-table", "t"]);
    insta::assert_snapshot!(leaf.run(&["compare", "t"]), @r#"
    [exit 0]
    Compared tables
    table_name       srcdb            dstdb            result
    ---------------  ---------------  ---------------  ------------------------------
    public.t                                           skipped: table not in sync yet


    ! WARNING public.t: table not in sync yet, skipping
    "#);
    insta::assert_snapshot!(leaf.run(&["compare", "tt"]), @r#"
    [exit 1]
    ! error: table "public.tt" is not attached on this node
    ! detail: node "node2", queue "replika"
    ! hint: "londiste tables" lists the tables that are attached here
    "#);
    leaf.must(&["remove-table", "t"]);
    leaf.must(&["add-table", "t", "--expect-sync"]);
    insta::assert_snapshot!(leaf.run(&["compare", "--set", "compare_fmt=%%(cnt)x"]), @r#"
    [exit 1]
    ! INFO Checking if node1 can be used for copy
    ! INFO Node node1 seems good source, using it
    ! INFO public.t: Using node node1 as provider
    ! INFO Provider: node1 (root)
    ! error: compare_fmt is broken: column "cnt" is followed by none of the letters s d i f
    ! detail: %(cnt)x
    ! hint: columns of compare_sql are written as %(name)s or %(name)d, a percent sign as %%
    ! hint: in a job file of format 1 each % is doubled
    "#);
}

#[test]
fn a_node_that_lags_too_much_lets_writers_go() {
    let (root, leaf) = pair();
    root.db.psql(TABLE);
    leaf.db.psql(TABLE);
    root.must(&["add-table", "t"]);
    leaf.must(&["add-table", "t", "--expect-sync"]);
    let text = leaf.run(&["compare", "t", "--set", "lock_timeout=0.3"]);
    assert!(text.starts_with("[exit 1]\n"), "{text}");
    assert!(
        text.contains("! error: public.t: Consumer lagging too much: node \"node2\" is at tick "),
        "{text}"
    );
    assert!(
        text.contains("! detail: writing to the table was held up for 0.3 s, lock_timeout is the limit"),
        "{text}"
    );
    assert_eq!(
        root.db
            .psql("select count(*) from pg_locks where relation = 't'::regclass"),
        "0"
    );
}

fn compare(node: &crate::support::cascade::Node, args: &[&str]) -> (i32, String) {
    let mut all = vec!["compare"];
    all.extend(args);
    let ran = node.try_londiste(&all);
    (ran.status.code().unwrap_or(-1), ran.stdout + &ran.stderr)
}

/// Values whose text depends on settings of server or role; the sums are equal all the same.
#[test]
fn equal_rows_are_equal_whatever_the_settings() {
    let mut cascade = Cascade::new("compare");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all(TABLE);
    for (name, zone) in [("root", "Asia/Tokyo"), ("leaf", "America/Lima")] {
        let node = &cascade[name];
        node.psql(&format!(
            "alter database \"{0}\" set TimeZone = '{zone}'; alter database \"{0}\" set DateStyle = 'German'",
            node.db
        ));
    }
    cascade["root"].psql(
        "insert into t select i, now() - i * interval '1 day', 'ö' || i from generate_series(1, 500) i",
    );
    cascade.start_workers();
    cascade.add_table("t");
    cascade["leaf"].londiste(&["wait-sync", "--timeout", "60"]);
    assert_eq!(cascade["leaf"].state("t"), "ok");
    let (status, text) = compare(&cascade["leaf"], &[]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("srcdb: 500 rows, checksum="), "{text}");
    cascade["leaf"].psql("set session_replication_role = replica; update t set note = 'x' where id = 7");
    let (status, text) = compare(&cascade["leaf"], &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("WARNING public.t: Results do not match!"), "{text}");
    let (status, text) = compare(&cascade["leaf"], &["t", "--count-only"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("dstdb: 500 rows\n"), "{text}");
}

/// Q34: the position is reached, not passed; the branch's worker goes on afterwards, whatever happened.
#[test]
fn q34_a_branch_can_be_compared_with() {
    let mut cascade = Cascade::new("compare");
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.create_leaf("leaf", "branch");
    cascade.psql_all(TABLE);
    cascade["root"].psql("insert into t select i from generate_series(1, 100) i");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    let (status, text) = compare(&cascade["leaf"], &["t"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("Using node branch as provider"), "{text}");
    assert!(text.contains("dstdb: 100 rows, checksum="), "{text}");
    let paused = "select paused, uptodate from pgq_node.local_state";
    assert_eq!(cascade["branch"].psql(paused), "f|t");
}

/// Q36: the search for a source starts anew for each table, at the provider.
#[test]
fn q36_each_table_is_compared_with_the_nearest_node_that_has_it() {
    let mut cascade = Cascade::new("compare");
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.create_leaf("leaf", "branch");
    cascade.psql_all("create table only_root (id int primary key); create table t (id int primary key)");
    cascade.start_workers();
    cascade["root"].londiste(&["add-table", "only_root", "t"]);
    cascade.wait_until("the branch to know the tables", || {
        cascade["branch"].psql("select count(*) from londiste.table_info") == "2"
    });
    cascade["branch"].londiste(&["add-table", "t"]);
    cascade.wait_until("the branch to be in sync", || {
        cascade["branch"].state("t") == "ok"
    });
    cascade["leaf"].londiste(&["add-table", "only_root", "t", "--find-copy-node"]);
    cascade.wait_until("the leaf to be in sync", || {
        cascade["leaf"].state("t") == "ok" && cascade["leaf"].state("only_root") == "ok"
    });
    let (status, text) = compare(&cascade["leaf"], &[]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("public.only_root: Using node root as provider"),
        "{text}"
    );
    assert!(text.contains("public.t: Using node branch as provider"), "{text}");
}
