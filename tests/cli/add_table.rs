//! add-table.

use super::Node;

/// A root and a leaf below it, each knowing the other's name in outputs.
pub fn pair() -> (Node, Node) {
    let mut root = Node::root("node1");
    let leaf = Node::leaf("node2", &root);
    root.knows(&leaf);
    (root, leaf)
}

const ORDERS: &str = "create table orders (id int primary key, note text, amount numeric(10,2))";

#[test]
fn a_root_takes_tables_into_the_queue() {
    let root = Node::root("node1");
    root.db.psql(&format!("{ORDERS}; create table \"Größe.x\" (\"Id\" int primary key); create schema shop; create table shop.item (id int primary key)"));
    insta::assert_snapshot!(root.run(&["add-table", "orders", "Größe.x"]), @r#"
    [exit 1]
    ! error: table "Größe.x" cannot join queue "replika": it does not exist in this database
    ! detail: node "node1", database "node1"
    ! hint: did you mean "public.Größe.x"?
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "orders", "public.Größe.x", "shop.*"]), @r#"
    [exit 0]
    ! INFO Table added: public.orders
    ! INFO Table added: public.Größe.x
    ! INFO Table added: shop.item
    ! hint: changes of 3 tables go into queue "replika" from now on; next: add-table on the subscribers
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "orders"]), @r#"
    [exit 0]
    ! INFO public.orders already processed
    "#);
    insta::assert_snapshot!(root.run(&["tables"]), @r#"
    [exit 0]
    Tables on node
    table_name       merge_state      table_attrs
    ---------------  ---------------  ---------------
    public.Größe.x   ok
    public.orders    ok
    shop.item        ok
    "#);
    assert_eq!(
        root.db.psql(
            "select tgrelid::regclass, string_agg(substr(tgname, 18), ' ' order by tgname) from pg_trigger \
              where tgname like '\\_londiste\\_replika%' group by 1 order by 1"
        ),
        "orders| _b _d _g _truncate _u\n\"Größe.x\"| _b _d _g _truncate _u\nshop.item| _b _d _g _truncate _u"
    );
}

#[test]
fn a_root_refuses_what_cannot_be_replicated() {
    let root = Node::root("node1");
    root.db.psql(&format!(
        "{ORDERS}; create table nokey (a int); create view v as select 1 as a; create table parted (a int) \
         partition by range (a); create table \"comma\" (\"x,y\" int primary key); create table orphan (id int)"
    ));
    insta::assert_snapshot!(root.run(&["add-table", "nokey"]), @r#"
    [exit 1]
    ! error: table "public.nokey" cannot join queue "replika": it has no primary key
    ! detail: node "node1", database "node1"
    ! hint: add a primary key on provider and subscriber, then run add-table again
    ! hint: or replicate its inserts only, with --trigger-flags=I on root and subscribers
    ! hint: or name columns that tell its rows apart: --trigger-arg=pkey=col1,col2
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "ordres", "v", "parted"]), @r#"
    [exit 1]
    ! error: table "public.ordres" cannot join queue "replika": it does not exist in this database
    ! detail: node "node1", database "node1"
    ! hint: did you mean "public.orders"?
    ! error: table "public.v" cannot join queue "replika": it is a view
    ! detail: node "node1", database "node1"
    ! hint: only ordinary tables and partitions can be replicated: add the tables that it reads
    ! error: table "public.parted" cannot join queue "replika": it is a partitioned table, which has no rows of its own
    ! detail: node "node1", database "node1"
    ! hint: add its partitions, on provider and subscriber, instead; names may be patterns such as 'part_*'
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "comma"]), @r#"
    [exit 1]
    ! error: table "public.comma" cannot join queue "replika": key column "x,y" has a comma in its name
    ! detail: events write the key as a list of names with commas between them
    ! hint: rename the column on provider and subscriber
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "nokey", "--trigger-arg=pkey=b"]), @r#"
    [exit 1]
    ! error: table "public.nokey" cannot join queue "replika": pkey= names column "b", which it does not have
    ! detail: node "node1", database "node1"
    ! hint: did you mean "a"?
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "orders", "--dest-table=other"]), @r#"
    [exit 1]
    ! error: table "public.other" cannot join queue "replika": it does not exist in this database
    ! detail: node "node1", database "node1"
    ! hint: create it first, or let add-table do it: --create or --create-full
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "\"orders\""]), @r#"
    [exit 1]
    ! error: table "public."orders"" cannot join queue "replika": it does not exist in this database
    ! detail: node "node1", database "node1"
    ! hint: did you mean "public.orders"?
    ! hint: names are written without SQL quotes: public.orders
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "orders", "--handler=qtable"]), @r#"
    [exit 1]
    ! error: handler "qtable" is not available in this version
    ! detail: available: londiste
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "orders", "--handler-arg=ignore_trunc=1"]), @r#"
    [exit 1]
    ! error: invalid handler argument "ignore_trunc"
    ! detail: handler "londiste" takes: ignore_truncate, encoding
    ! hint: did you mean "ignore_truncate"?
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "orders", "--merge-all", "--no-merge"]), @r#"
    [exit 2]
    ! error: the argument '--merge-all' cannot be used with '--no-merge'
    !
    ! Usage: londiste add-table --config <FILE> --merge-all <TABLE>...
    !
    ! For more information, try '--help'.
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "orders", "orphan"]), @r#"
    [exit 1]
    ! error: table "public.orphan" cannot join queue "replika": it has no primary key
    ! detail: node "node1", database "node1"
    ! hint: add a primary key on provider and subscriber, then run add-table again
    ! hint: or replicate its inserts only, with --trigger-flags=I on root and subscribers
    ! hint: or name columns that tell its rows apart: --trigger-arg=pkey=col1,col2
    "#);
    // One refusal keeps all out.
    assert_eq!(root.db.psql("select count(*) from londiste.table_info"), "0");
}

#[test]
fn nothing_to_do_is_said() {
    let root = Node::root("node1");
    insta::assert_snapshot!(root.run(&["add-table"]), @r#"
    [exit 0]
    ! hint: name tables, or use --all; "londiste missing" lists what can be added
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "x*"]), @r#"
    [exit 0]
    ! INFO no table that could be added is like x*
    "#);
    insta::assert_snapshot!(root.run(&["add-table", "nope", "--skip-non-existing"]), @r#"
    [exit 0]
    ! WARNING Table public.nope does not exist, skipping
    "#);
}

#[test]
fn a_database_without_node_is_refused() {
    let node = Node::new("node1");
    insta::assert_snapshot!(node.run(&["add-table", "orders"]), @r#"
    [exit 1]
    ! error: this database has no node of queue "replika"
    ! detail: job file DIR/node1.ini
    ! hint: make one with create-root, create-branch or create-leaf
    "#);
}

#[test]
fn options_are_stored_as_the_ancestor_stores_them() {
    let root = Node::root("node1");
    root.db.psql(ORDERS);
    root.must(&[
        "add-table",
        "orders",
        "--handler-arg=ignore_truncate=1",
        "--trigger-flags=IU",
        "--trigger-arg=ignore=note",
        "--trigger-arg=backup",
        "--max-parallel-copy=3",
        "--skip-truncate",
    ]);
    assert_eq!(
        root.db.psql("select table_attrs from londiste.table_info"),
        "handler=londiste%28ignore_truncate%3d1%29&skip_truncate=1&max_parallel_copy=3"
    );
    assert_eq!(
        root.db
            .psql("select pg_get_triggerdef(oid) from pg_trigger where tgname = '_londiste_replika'"),
        "CREATE TRIGGER _londiste_replika AFTER INSERT OR UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION \
         pgq.logutriga('replika', 'ignore=note', 'backup')"
    );
}

#[test]
fn a_leaf_attaches_what_its_provider_has() {
    let (root, leaf) = pair();
    root.db.psql(ORDERS);
    leaf.db.psql(ORDERS);
    root.must(&["add-table", "orders"]);
    insta::assert_snapshot!(leaf.run(&["add-table", "orders"]), @r#"
    [exit 0]
    ! INFO Table public.orders info missing from subscriber, adding
    ! INFO Table added: public.orders
    ! INFO Table added: public.orders
    ! hint: the worker copies 1 table now; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "orders"]), @r#"
    [exit 0]
    ! INFO public.orders already processed
    "#);
    insta::assert_snapshot!(leaf.run(&["tables"]), @r#"
    [exit 0]
    Tables on node
    table_name       merge_state      table_attrs
    ---------------  ---------------  ---------------
    public.orders    None
    "#);
    insta::assert_snapshot!(leaf.run(&["tables", "--json"]), @r#"
    [exit 0]
    [
      {
        "table_name": "public.orders",
        "dest_table": "public.orders",
        "merge_state": null,
        "table_attrs": {}
      }
    ]
    "#);
    insta::assert_snapshot!(leaf.run(&["remove-table", "orders"]), @r#"
    [exit 0]
    ! INFO Table removed: public.orders
    ! hint: 1 table left this node only, the rows stay; add-table brings a table back with a new copy
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "orders", "--expect-sync", "-q"]), @"[exit 0]");
    assert_eq!(leaf.db.psql("select merge_state from londiste.table_info"), "ok");
}

#[test]
fn a_leaf_refuses_what_would_fail_later() {
    let (root, leaf) = pair();
    root.db.psql(&format!(
        "{ORDERS}; create table nowhere (id int primary key); create table gen (id int primary key, a int)"
    ));
    leaf.db.psql(
        "create table orders (id text primary key, amount date, extra int not null); create table local_only (id int primary key); \
         create table gen (id bigint primary key, a int generated always as (1) stored)",
    );
    root.must(&["add-table", "orders", "nowhere", "gen"]);
    insta::assert_snapshot!(leaf.run(&["add-table", "orders"]), @r#"
    [exit 1]
    ! INFO Table public.orders info missing from subscriber, adding
    ! INFO Table added: public.orders
    ! INFO Table public.nowhere info missing from subscriber, adding
    ! INFO Table added: public.nowhere
    ! INFO Table public.gen info missing from subscriber, adding
    ! INFO Table added: public.gen
    ! error: table "public.orders" cannot join queue "replika": its columns do not fit those on provider "node1"
    ! detail: column "note" (text) is missing here; column "amount" is date here and numeric(10,2) on the provider; column "extra" is NOT NULL without a default here and is missing on the provider; node "node2", database "node2"
    ! hint: change the table here, or create it anew with --create
    ! hint: if you know that the rows fit: --force
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "gen"]), @r#"
    [exit 1]
    ! error: table "public.gen" cannot join queue "replika": its columns do not fit those on provider "node1"
    ! detail: column "a" is generated here but not on the provider; node "node2", database "node2"
    ! hint: change the table here, or create it anew with --create
    ! hint: if you know that the rows fit: --force
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "local_only", "order"]), @r#"
    [exit 1]
    ! error: table "public.local_only" cannot join queue "replika": provider "node1" does not have it in the queue
    ! detail: node "node2", database "node2"
    ! hint: run add-table with the root's job file first
    ! error: table "public.order" cannot join queue "replika": provider "node1" does not have it in the queue
    ! detail: node "node2", database "node2"
    ! hint: did you mean "public.orders"?
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "nowhere"]), @r#"
    [exit 1]
    ! error: table "public.nowhere" cannot join queue "replika": it does not exist in this database
    ! detail: node "node2", database "node2"
    ! hint: create it first, or let add-table do it: --create or --create-full
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "nowhere", "--skip-non-existing"]), @r#"
    [exit 0]
    ! WARNING Table public.nowhere does not exist, skipping
    "#);
    assert_eq!(
        leaf.db
            .psql("select count(*) from londiste.table_info where local"),
        "0"
    );
    insta::assert_snapshot!(leaf.run(&["add-table", "gen", "--force"]), @r#"
    [exit 0]
    ! WARNING public.gen: column "a" is generated here but not on the provider
    ! INFO Table added: public.gen
    ! hint: the worker copies 1 table now; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    "#);
}

#[test]
fn a_provider_that_only_knows_the_table_is_refused() {
    let mut root = Node::root("node1");
    let mut branch = Node::branch("node2", &root);
    let leaf = Node::leaf("node3", &branch);
    root.knows(&branch);
    branch.knows(&leaf);
    for node in [&root, &branch, &leaf] {
        node.db.psql(ORDERS);
    }
    root.must(&["add-table", "orders"]);
    branch
        .db
        .psql("select londiste.global_add_table('replika', 'public.orders')");
    insta::assert_snapshot!(leaf.run(&["add-table", "orders"]), @r#"
    [exit 1]
    ! INFO Table public.orders info missing from subscriber, adding
    ! INFO Table added: public.orders
    ! error: table "public.orders" cannot join queue "replika": provider "node2" does not have it
    ! detail: node "node3", database "node3"
    ! hint: add it on node "node2" first
    ! hint: or copy it from another node: --find-copy-node or --copy-node=NODE
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "orders", "--find-copy-node"]), @r#"
    [exit 0]
    ! INFO Checking if node2 can be used for copy
    ! INFO Node node2 does not have all tables
    ! INFO Checking if node1 can be used for copy
    ! INFO Node node1 seems good source, using it
    ! INFO Table added: public.orders
    ! hint: the worker copies 1 table now; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node3" is seen here; start it with: londiste DIR/node3.ini worker -d
    "#);
    insta::assert_snapshot!(leaf.run(&["tables"]), @r#"
    [exit 0]
    Tables on node
    table_name       merge_state      table_attrs
    ---------------  ---------------  ------------------
    public.orders    None             {'copy_node': '?'}
    "#);
    insta::assert_snapshot!(leaf.run(&["resync", "orders"]), @r#"
    [exit 1]
    ! error: node "node2" does not have: public.orders
    ! detail: node "node3", database "node3"
    ! hint: copy from another node: --find-copy-node or --copy-node=NODE
    "#);
    insta::assert_snapshot!(leaf.run(&["resync", "orders", "--copy-node=node1"]), @r#"
    [exit 0]
    ! INFO public.orders: Table attributes stored
    ! INFO Table public.orders state set to NULL
    ! hint: the worker copies 1 table anew; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node3" is seen here; start it with: londiste DIR/node3.ini worker -d
    "#);
    insta::assert_snapshot!(leaf.run(&["resync", "orders", "--copy-node=nood1"]), @r#"
    [exit 1]
    ! error: node "nood1" is not a member of the cascade
    ! detail: members: node1, node2, node3
    "#);
}

#[test]
fn missing_tables_are_created() {
    let (root, leaf) = pair();
    root.db.psql(
        "create schema shop; create type shop.mood as enum ('sad', 'ok'); \
         create table shop.\"Item\" (no int generated always as identity, \"Größe\" text collate \"C\" not null, \
         mood shop.mood default 'ok', twice int generated always as (no * 2) stored, nr serial, \
         primary key (\"Größe\", no)); create index on shop.\"Item\" (mood); \
         comment on table shop.\"Item\" is 'it''s'; grant select on shop.\"Item\" to public",
    );
    root.must(&["add-table", "shop.Item"]);
    insta::assert_snapshot!(leaf.run(&["add-table", "shop.Item", "--create"]), @r#"
    [exit 1]
    ! INFO Table shop.Item info missing from subscriber, adding
    ! INFO Table added: shop.Item
    ! INFO Creating shop.Item
    ! error: creating table "shop.Item": type "shop.mood" does not exist
    ! hint: types, roles and functions that the table uses must be here first
    "#);
    leaf.db
        .psql("create schema shop; create type shop.mood as enum ('sad', 'ok')");
    insta::assert_snapshot!(leaf.run(&["add-table", "shop.Item", "--create"]), @r#"
    [exit 0]
    ! INFO Creating shop.Item
    ! INFO Table added: shop.Item
    ! hint: the worker copies 1 table now; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    "#);
    insta::assert_snapshot!(leaf.run(&["check"]), @r#"
    [exit 1]
    shop.Item: note: index "Item_mood_idx" of the provider is missing here
    ! hint: 1 of 1 tables need a look
    "#);
    leaf.must(&["remove-table", "shop.Item"]);
    leaf.db.psql("drop table shop.\"Item\"");
    insta::assert_snapshot!(leaf.run(&["add-table", "shop.Item", "--create-full"]), @r#"
    [exit 0]
    ! INFO Creating shop.Item
    ! INFO Table added: shop.Item
    ! hint: the worker copies 1 table now; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    "#);
    insta::assert_snapshot!(leaf.run(&["check"]), @r#"
    [exit 0]
    shop.Item: ok
    "#);
    assert_eq!(
        leaf.db.psql("select obj_description('shop.\"Item\"'::regclass), relacl::text from pg_class where relname = 'Item'"),
        root.db.psql("select obj_description('shop.\"Item\"'::regclass), relacl::text from pg_class where relname = 'Item'"),
    );
    leaf.must(&["remove-table", "shop.Item"]);
    leaf.must(&[
        "add-table",
        "shop.Item",
        "--create-full",
        "--dest-table=shop.item2",
    ]);
    assert_eq!(
        leaf.db
            .psql("select indexname from pg_indexes where tablename = 'item2' order by 1"),
        "Item_mood_idx_1\nItem_pkey_1"
    );
    insta::assert_snapshot!(leaf.run(&["check"]), @r#"
    [exit 0]
    shop.Item: ok
    "#);
}

#[test]
fn insert_only_tables_need_no_key() {
    let (root, leaf) = pair();
    root.db.psql("create table log (a int)");
    leaf.db.psql("create table log (a int)");
    insta::assert_snapshot!(root.run(&["add-table", "log", "--trigger-flags=I"]), @r#"
    [exit 0]
    ! INFO Table added: public.log
    ! hint: changes of 1 table go into queue "replika" from now on; next: add-table on the subscribers
    "#);
    insta::assert_snapshot!(leaf.run(&["add-table", "log"]), @r#"
    [exit 0]
    ! INFO Table public.log info missing from subscriber, adding
    ! INFO Table added: public.log
    ! INFO public.log has no primary key and the provider logs its inserts only: using --trigger-flags=I
    ! INFO Table added: public.log
    ! hint: the worker copies 1 table now; "londiste wait-sync" waits until all are in sync
    ! hint: no worker of node "node2" is seen here; start it with: londiste DIR/node2.ini worker -d
    "#);
    assert_eq!(
        leaf.db
            .psql("select pg_get_triggerdef(oid) from pg_trigger where tgname = '_londiste_replika'"),
        "CREATE TRIGGER _londiste_replika AFTER INSERT ON public.log FOR EACH ROW EXECUTE FUNCTION \
         pgq.logutriga('replika', 'deny')"
    );
}

#[tokio::test]
async fn a_locked_table_is_named() {
    let root = Node::root("node1");
    root.db.psql(ORDERS);
    let (holder, connection) = tokio_postgres::connect(&root.db.connstr(), tokio_postgres::NoTls)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    holder.batch_execute("begin; lock table orders").await.unwrap();
    insta::assert_snapshot!(root.run(&["add-table", "orders", "--set", "lock_timeout=0.2"]), @r#"
    [exit 1]
    ! error: reading the structure of table "public.orders": canceling statement due to lock timeout
    ! hint: another session holds the table, for longer than lock_timeout = 0.2 s; try again, or raise it
    "#);
    drop(holder);
    connection.await.unwrap().unwrap();
    root.must(&["add-table", "orders"]);
}
