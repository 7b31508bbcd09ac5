//! remove-table, resync, tables, missing, fkeys, check, wait-sync, add-seq, remove-seq, seqs.

use super::Node;
use super::add_table::pair;

const TABLES: &str = "create table a (id int primary key, b text); create table b (id int primary key); \
    create index a_b on a (b); create sequence s";

#[test]
fn tables_leave_a_leaf_or_the_queue() {
    let (root, leaf) = pair();
    root.db.psql(TABLES);
    leaf.db.psql(TABLES);
    root.must(&["add-table", "a", "b"]);
    leaf.must(&["add-table", "--all"]);
    insta::assert_snapshot!(leaf.run(&["remove-table", "c"]), @r#"
    [exit 1]
    ! error: table "public.c" is not attached on this node
    ! detail: node "node2", queue "replika"
    ! hint: "londiste tables" lists the tables that are attached here
    "#);
    insta::assert_snapshot!(leaf.run(&["remove-table"]), @r#"
    [exit 0]
    ! hint: name tables, or use --all; "londiste tables" lists what is attached here
    "#);
    insta::assert_snapshot!(leaf.run(&["remove-table", "a"]), @r#"
    [exit 0]
    ! INFO Table removed: public.a
    ! hint: 1 table left this node only, the rows stay; add-table brings a table back with a new copy
    "#);
    insta::assert_snapshot!(leaf.run(&["remove-table", "a"]), @r#"
    [exit 0]
    ! INFO public.a already processed
    "#);
    insta::assert_snapshot!(leaf.run(&["missing"]), @r#"
    [exit 0]
    Missing objects on node
    obj_kind         obj_name
    ---------------  ---------------
    r                public.a
    "#);
    insta::assert_snapshot!(leaf.run(&["tables", "--names-only"]), @r#"
    [exit 0]
    public.b
    "#);
    insta::assert_snapshot!(root.run(&["remove-table", "*"]), @r#"
    [exit 0]
    ! INFO Table removed: public.a
    ! INFO Table removed: public.b
    ! hint: 2 tables left queue "replika"; the nodes below follow when they read that, their rows stay
    "#);
    insta::assert_snapshot!(root.run(&["tables"]), @"[exit 0]");
    insta::assert_snapshot!(root.run(&["missing"]), @r#"
    [exit 0]
    Missing objects on node
    obj_kind         obj_name
    ---------------  ---------------
    S                public.s
    r                public.a
    r                public.b
    "#);
    insta::assert_snapshot!(root.run(&["missing", "--json"]), @r#"
    [exit 0]
    [
      {
        "obj_kind": "S",
        "obj_name": "public.s"
      },
      {
        "obj_kind": "r",
        "obj_name": "public.a"
      },
      {
        "obj_kind": "r",
        "obj_name": "public.b"
      }
    ]
    "#);
    assert_eq!(
        root.db
            .psql("select count(*) from pg_trigger where tgname like '_londiste_%'"),
        "0"
    );
}

#[test]
fn a_leaf_learns_what_left_its_provider() {
    let (root, leaf) = pair();
    root.db.psql(TABLES);
    leaf.db.psql(TABLES);
    root.must(&["add-table", "a", "b"]);
    leaf.must(&["add-table", "a"]);
    root.must(&["remove-table", "a"]);
    insta::assert_snapshot!(leaf.run(&["add-table", "b"]), @r#"
    [exit 0]
    ! WARNING Table public.a gone but exists on subscriber, removing
    ! INFO Table removed: public.a
    ! INFO Table added: public.b
    ! hint: the worker copies 1 table now; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    "#);
    insta::assert_snapshot!(leaf.run(&["tables"]), @r#"
    [exit 0]
    Tables on node
    table_name       merge_state      table_attrs
    ---------------  ---------------  ---------------
    public.b         None
    "#);
}

#[test]
fn registration_is_filtered_by_the_job_file() {
    let (root, leaf) = pair();
    root.db.psql(TABLES);
    leaf.db.psql(TABLES);
    root.must(&["add-table", "a", "b"]);
    insta::assert_snapshot!(leaf.run(&["add-table", "a", "--set", "register_skip_tables=public.a"]), @r#"
    [exit 1]
    ! INFO Table public.b info missing from subscriber, adding
    ! INFO Table added: public.b
    ! error: table "public.a" cannot join queue "replika": the job file keeps it out (register_only_tables, register_skip_tables)
    ! detail: node "node2", database "node2"
    "#);
}

#[test]
fn resync_is_for_subscribers() {
    let (root, leaf) = pair();
    root.db.psql(TABLES);
    leaf.db.psql(TABLES);
    root.must(&["add-table", "a", "b"]);
    leaf.must(&["add-table", "a", "b", "--expect-sync"]);
    insta::assert_snapshot!(root.run(&["resync", "a"]), @r#"
    [exit 1]
    ! error: the root's tables cannot be copied anew: the root is where their rows come from
    ! detail: node "node1", queue "replika"
    ! hint: run resync with the job file of the subscriber whose rows are wrong
    "#);
    insta::assert_snapshot!(leaf.run(&["resync", "a", "x"]), @r#"
    [exit 1]
    ! error: table "public.x" is not attached on this node
    ! detail: node "node2", queue "replika"
    ! hint: "londiste tables" lists the tables that are attached here
    "#);
    insta::assert_snapshot!(leaf.run(&["resync"]), @r#"
    [exit 0]
    ! hint: name tables, or use --all; "londiste tables" lists what is attached here
    "#);
    insta::assert_snapshot!(leaf.run(&["resync", "a"]), @r#"
    [exit 0]
    ! INFO Table public.a state set to NULL
    ! hint: the worker copies 1 table anew; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    "#);
    insta::assert_snapshot!(leaf.run(&["resync", "b", "--find-copy-node"]), @r#"
    [exit 0]
    ! INFO Checking if node1 can be used for copy
    ! INFO Node node1 seems good source, using it
    ! INFO public.b: Table attributes stored
    ! INFO Table public.b state set to NULL
    ! hint: the worker copies 1 table anew; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    "#);
    insta::assert_snapshot!(leaf.run(&["tables"]), @r#"
    [exit 0]
    Tables on node
    table_name       merge_state      table_attrs
    ---------------  ---------------  ------------------
    public.a         None
    public.b         None             {'copy_node': '?'}
    "#);
    assert_eq!(
        root.db
            .psql("select string_agg(merge_state, ',') from londiste.table_info"),
        "ok,ok"
    );
}

#[test]
fn waiting_without_worker_says_so() {
    let (root, leaf) = pair();
    root.db.psql(TABLES);
    leaf.db.psql(TABLES);
    root.must(&["add-table", "a"]);
    insta::assert_snapshot!(leaf.run(&["wait-sync"]), @r#"
    [exit 0]
    ! INFO Waiting until all tables are in sync
    ! INFO 0/0 table(s) to copy
    ! WARNING no table is attached on this node
    ! INFO All done
    "#);
    leaf.must(&["add-table", "a"]);
    insta::assert_snapshot!(leaf.run(&["wait-sync", "--timeout", "1"]), @r#"
    [exit 1]
    ! INFO Waiting until all tables are in sync
    ! INFO 1/1 table(s) to copy
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    ! error: 1 of 1 tables are not in sync after 1 s
    ! detail: public.a
    ! hint: no worker of this node is seen here; does it run?
    ! hint: "londiste status" shows errors of the worker, its log tells more
    "#);
}

#[test]
fn check_tells_differences() {
    let (root, leaf) = pair();
    root.db.psql(TABLES);
    leaf.db.psql(TABLES);
    root.must(&["add-table", "a", "b"]);
    leaf.must(&["add-table", "a", "b"]);
    insta::assert_snapshot!(leaf.run(&["check"]), @r#"
    [exit 0]
    public.a: ok
    public.b: ok
    "#);
    leaf.db.psql(
        "drop index a_b; alter table a alter b type varchar(10); alter table a add c int; \
         alter table b drop constraint b_pkey; drop trigger _londiste_replika on b; \
         alter table a disable trigger _londiste_replika_truncate; create unique index u on a (b)",
    );
    insta::assert_snapshot!(leaf.run(&["check"]), @r#"
    [exit 1]
    public.a: warning: column "b" is character varying(10) here and text on the provider
    public.a: note: column "c" is missing on the provider
    public.a: note: index "a_b" of the provider is missing here
    public.a: warning: unique index "u" is missing on the provider: it may refuse rows here
    public.a: warning: trigger "_londiste_replika_truncate" here is disabled
    public.b: warning: primary key is missing here and (id) on the provider
    public.b: warning: no trigger for queue "replika" here
    ! hint: 2 of 2 tables need a look
    "#);
    root.db
        .psql("alter table a add d int; select londiste_rs.capture_drop('replika', 'a'::regclass)");
    insta::assert_snapshot!(leaf.run(&["check", "a"]), @r#"
    [exit 1]
    public.a: warning: column "b" is character varying(10) here and text on the provider
    public.a: error: column "d" (integer) is missing here
    public.a: note: column "c" is missing on the provider
    public.a: note: index "a_b" of the provider is missing here
    public.a: warning: unique index "u" is missing on the provider: it may refuse rows here
    public.a: warning: no trigger for queue "replika" on the provider
    ! hint: 1 of 1 tables need a look
    "#);
    insta::assert_snapshot!(root.run(&["check"]), @r#"
    [exit 1]
    public.a: warning: no trigger for queue "replika" here
    public.b: ok
    ! hint: 1 of 2 tables need a look
    "#);
    root.db.psql("drop table b");
    insta::assert_snapshot!(root.run(&["check", "b"]), @r#"
    [exit 1]
    public.b: error: table public.b does not exist here
    ! hint: 1 of 1 tables need a look
    "#);
    insta::assert_snapshot!(leaf.run(&["check", "b"]), @r#"
    [exit 1]
    public.b: error: it does not exist on provider "node1"
    public.b: warning: no trigger for queue "replika" here
    ! hint: 1 of 1 tables need a look
    "#);
}

#[test]
fn triggers_that_no_longer_fit_are_told_and_made_again() {
    let (root, leaf) = pair();
    root.db.psql(TABLES);
    leaf.db.psql(TABLES);
    root.must(&["add-table", "a", "b"]);
    leaf.must(&["add-table", "a", "b"]);
    root.db.psql(
        "alter table a add c int; drop trigger _londiste_replika_u on b; create table child () inherits (b)",
    );
    insta::assert_snapshot!(root.run(&["check"]), @r#"
    [exit 1]
    public.a: warning: triggers here: the table was changed after they were made, or londiste upgraded: changes are logged completely, perhaps slowly; to put it right: add-table public.a
    public.b: error: triggers here: it must be captured by row, because other tables inherit from it: their rows would be logged as its own; to put it right: add-table public.b
    ! hint: 2 of 2 tables need a look
    "#);
    insta::assert_snapshot!(leaf.run(&["check", "a"]), @r#"
    [exit 1]
    public.a: error: column "c" (integer) is missing here
    public.a: warning: triggers on the provider: the table was changed after they were made, or londiste upgraded: changes are logged completely, perhaps slowly; to put it right: add-table public.a, with the provider's job file
    ! hint: 1 of 1 tables need a look
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "a", "b"]), @r#"
    [exit 0]
    ! INFO public.a already processed
    ! INFO public.b already processed
    ! INFO public.a: made its triggers again, it is captured by statement
    ! INFO public.b: made its triggers again, it is captured by row, with a trigger made for it
    "#);
    insta::assert_snapshot!(root.run(&["check"]), @r#"
    [exit 0]
    public.a: ok
    public.b: ok
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "a", "b"]), @r#"
    [exit 0]
    ! INFO public.a already processed
    ! INFO public.b already processed
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "a", "b", "--capture=statement"]), @r#"
    [exit 0]
    ! INFO public.a already processed
    ! INFO public.b already processed
    ! WARNING public.b: it cannot be captured by statement: other tables inherit from it: their rows would be logged as its own
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "a", "--capture=row"]), @r#"
    [exit 0]
    ! INFO public.a already processed
    ! INFO public.a: made its triggers again, it is captured by row, with a trigger made for it
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "a", "--capture=ancestor"]), @r#"
    [exit 0]
    ! INFO public.a already processed
    ! INFO public.a: made its triggers again, it is captured by row, with the general trigger
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "a", "--capture=auto"]), @r#"
    [exit 0]
    ! INFO public.a already processed
    ! INFO public.a: made its triggers again, it is captured by statement
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "a", "--capture=auto"]), @r#"
    [exit 0]
    ! INFO public.a already processed
    "#);
    let captures = "select string_agg(capture || ' ' || state, ', ' order by t)
        from unnest(array['public.a', 'public.b']) t, londiste_rs.capture_state('replika', t)";
    assert_eq!(root.db.psql(captures), "statement ok, row ok");
    assert_eq!(leaf.db.psql(captures), "deny ok, deny ok");
}

#[test]
fn foreign_keys_are_listed() {
    let root = Node::root("node1");
    root.db.psql(
        "create table p (id int primary key); create table c (id int primary key, p int references p); \
         create table q (id int primary key); alter table c add constraint late foreign key (p) references q not valid",
    );
    insta::assert_snapshot!(root.run(&["fkeys"]), @"[exit 0]");
    root.must(&["add-table", "p", "c"]);
    insta::assert_snapshot!(root.run(&["fkeys"]), @r#"
    [exit 0]
    Foreign keys on node
    from_table       to_table         fkey_name        state
    ---------------  ---------------  ---------------  ---------------
    public.c         public.p         c_p_fkey         active
    public.c         public.q         late             not valid
    "#);
    root.db
        .psql("select londiste.drop_table_fkey('public.c', 'c_p_fkey')");
    insta::assert_snapshot!(root.run(&["fkeys"]), @r#"
    [exit 0]
    Foreign keys on node
    from_table       to_table         fkey_name        state
    ---------------  ---------------  ---------------  ---------------
    public.c         public.p         c_p_fkey         pending
    public.c         public.q         late             not valid
    "#);
    insta::assert_snapshot!(root.run(&["fkeys", "--json"]), @r#"
    [exit 0]
    [
      {
        "from_table": "public.c",
        "to_table": "public.p",
        "fkey_name": "c_p_fkey",
        "state": "pending"
      },
      {
        "from_table": "public.c",
        "to_table": "public.q",
        "fkey_name": "late",
        "state": "not valid"
      }
    ]
    "#);
}

#[test]
fn sequences_come_and_go() {
    let (root, leaf) = pair();
    root.db
        .psql("create sequence s; create sequence small as smallint increment by 2 cycle");
    insta::assert_snapshot!(root.run(&["add-seq", "s", "smal"]), @r#"
    [exit 1]
    ! error: sequence "public.smal" cannot join queue "replika": it does not exist in this database
    ! detail: node "node1"
    ! hint: did you mean "public.small"?
    "#);
    insta::assert_snapshot!(root.run(&["add-seq", "s", "small"]), @r#"
    [exit 0]
    ! INFO Sequence added: public.s
    ! INFO Sequence added: public.small
    "#);
    insta::assert_snapshot!(root.run(&["add-seq", "s"]), @r#"
    [exit 0]
    ! INFO public.s already processed
    "#);
    insta::assert_snapshot!(root.run(&["missing"]), @"[exit 0]");
    insta::assert_snapshot!(leaf.run(&["add-seq", "s"]), @r#"
    [exit 1]
    ! INFO Sequence public.s info missing from subscriber, adding
    ! INFO Sequence updated
    ! INFO Sequence public.small info missing from subscriber, adding
    ! INFO Sequence updated
    ! error: sequence "public.s" cannot join queue "replika": it does not exist in this database
    ! detail: node "node2"
    ! hint: create it first, or let add-seq do it: --create
    "#);
    insta::assert_snapshot!(leaf.run(&["add-seq", "s", "--skip-non-existing"]), @r#"
    [exit 0]
    ! WARNING Sequence public.s does not exist, skipping
    "#);
    insta::assert_snapshot!(leaf.run(&["add-seq", "--all", "--create"]), @r#"
    [exit 0]
    ! INFO Creating public.s
    ! INFO Sequence added: public.s
    ! INFO Creating public.small
    ! INFO Sequence added: public.small
    "#);
    insta::assert_snapshot!(leaf.run(&["seqs"]), @r#"
    [exit 0]
    Sequences on node
    seq_name         local            last_value
    ---------------  ---------------  ---------------
    public.s         True             30001
    public.small     True             30001
    "#);
    assert_eq!(
        leaf.db
            .psql("select seqtypid::regtype, seqincrement, seqcycle from pg_sequence where seqrelid in ('s'::regclass, 'small'::regclass) order by 2"),
        "bigint|1|f\nsmallint|2|t"
    );
    insta::assert_snapshot!(leaf.run(&["add-seq"]), @r#"
    [exit 0]
    ! hint: name sequences, or use --all; "londiste missing" lists what can be added
    "#);
    insta::assert_snapshot!(leaf.run(&["remove-seq", "x"]), @r#"
    [exit 1]
    ! error: sequence "public.x" is not attached on this node
    ! detail: node "node2", queue "replika"
    ! hint: "londiste seqs" lists the sequences that are here
    "#);
    insta::assert_snapshot!(leaf.run(&["remove-seq", "s"]), @r#"
    [exit 0]
    ! INFO Sequence removed: public.s
    "#);
    insta::assert_snapshot!(leaf.run(&["seqs", "--json"]), @r#"
    [exit 0]
    [
      {
        "seq_name": "public.s",
        "local": false,
        "last_value": 30001
      },
      {
        "seq_name": "public.small",
        "local": true,
        "last_value": 30001
      }
    ]
    "#);
    insta::assert_snapshot!(root.run(&["remove-seq", "*"]), @r#"
    [exit 0]
    ! INFO Sequence removed: public.s
    ! INFO Sequence removed: public.small
    "#);
    insta::assert_snapshot!(root.run(&["seqs"]), @"[exit 0]");
}
