//! create-root, create-branch, create-leaf.

use super::Node;

#[test]
fn a_root_is_made_once() {
    let node = Node::new("node1");
    insta::assert_snapshot!(node.run(&["create-root", "node1", &node.location()]), @r#"
    [exit 0]
    ! INFO Installing londiste_rs
    ! INFO Installing pgq
    ! INFO Installing pgq_node
    ! INFO Installing londiste
    ! INFO Initializing node
    ! INFO Location registered
    ! INFO Node "node1" initialized for queue "replika" with type "root"
    ! INFO Done
    ! hint: start its worker: "londiste -d DIR/node1.ini worker"; it also ticks while no pgqd serves this database
    ! hint: then "londiste DIR/node1.ini add-table TABLE" for each table, and create-leaf on other databases
    "#);
    insta::assert_snapshot!(node.run(&["create-root", "node1", &node.location()]), @r#"
    [exit 0]
    ! INFO londiste_rs is installed
    ! INFO pgq is installed
    ! INFO pgq_node is installed
    ! INFO londiste is installed
    ! INFO Node is already initialized as root
    ! INFO Done
    ! hint: nothing was changed; "londiste DIR/node1.ini status" shows the cascade
    "#);
}

#[test]
fn names_and_locations_may_stand_in_the_job_file() {
    let node = Node::new("node1");
    let ini = std::fs::read_to_string(node.ini()).unwrap();
    node.write_ini(&format!(
        "{ini}node_name = node1\npublic_node_location = {}\n",
        node.location()
    ));
    assert!(node.run(&["create-root"]).starts_with("[exit 0]"));
    assert_eq!(
        node.db
            .psql("select node_type, node_name, worker_name from pgq_node.node_info"),
        "root|node1|job_node1"
    );
}

#[test]
fn a_leaf_and_a_branch_are_made_below_a_root() {
    let root = Node::root("node1");
    root.db.psql(
        "create table t1 (id int primary key); select londiste.local_add_table('replika', 'public.t1')",
    );
    let mut branch = Node::new("node2");
    branch.knows(&root);
    insta::assert_snapshot!(
        branch.run(&["create-branch", "node2", &branch.location(), "--provider", &root.location()]), @r#"
    [exit 0]
    ! INFO Installing londiste_rs
    ! INFO Installing pgq
    ! INFO Installing pgq_node
    ! INFO Installing londiste
    ! INFO Initializing node
    ! INFO [node1] Location registered
    ! INFO [node1] Subscriber registered: node2
    ! INFO Location registered
    ! INFO Node "node2" initialized for queue "replika" with type "branch"
    ! INFO Done
    ! hint: start its worker: "londiste -d DIR/node2.ini worker"
    ! hint: 1 table(s) wait to be attached: "londiste DIR/node2.ini add-table --all"
    "#);
    let mut leaf = Node::new("node3");
    leaf.knows(&branch);
    insta::assert_snapshot!(
        leaf.run(&["create-leaf", "node3", &leaf.location(), "--provider", &branch.location()]), @r#"
    [exit 0]
    ! INFO Installing londiste_rs
    ! INFO Installing pgq
    ! INFO Installing pgq_node
    ! INFO Installing londiste
    ! INFO Initializing node
    ! INFO [node1] Location registered
    ! INFO [node2] Location registered
    ! INFO [node2] Subscriber registered: node3
    ! INFO Location registered
    ! INFO Node "node3" initialized for queue "replika" with type "leaf"
    ! INFO Done
    ! hint: start its worker: "londiste -d DIR/node3.ini worker"
    ! hint: 1 table(s) wait to be attached: "londiste DIR/node3.ini add-table --all"
    "#);
    insta::assert_snapshot!(
        leaf.run(&["create-leaf", "node3", &leaf.location(), "--provider", &branch.location()]), @r#"
    [exit 0]
    ! INFO londiste_rs is installed
    ! INFO pgq is installed
    ! INFO pgq_node is installed
    ! INFO londiste is installed
    ! INFO Node is already initialized as leaf
    ! INFO Done
    ! hint: nothing was changed; "londiste DIR/node3.ini status" shows the cascade
    "#);
    // The table is known, not attached.
    assert_eq!(
        leaf.db.psql("select table_name, local from londiste.table_info"),
        "public.t1|f"
    );
    assert_eq!(
        root.db
            .psql("select subscriber_node from pgq_node.subscriber_info"),
        "node2"
    );
    assert_eq!(
        branch
            .db
            .psql("select subscriber_node from pgq_node.subscriber_info"),
        "node3"
    );
}

#[test]
fn register_lists_of_the_job_file_are_heeded() {
    let root = Node::root("node1");
    root.db.psql(
        "create table t1 (id int primary key); create table t2 (id int primary key);\
         select londiste.local_add_table('replika', 'public.t1');\
         select londiste.local_add_table('replika', 'public.t2')",
    );
    let leaf = Node::new("node2");
    let args = [
        "create-leaf",
        "node2",
        &leaf.location(),
        "--provider",
        &root.location(),
    ];
    leaf.must(&[&args[..], &["--set", "register_skip_tables=public.t1"]].concat());
    assert_eq!(
        leaf.db.psql("select table_name from londiste.table_info"),
        "public.t2"
    );
}

#[test]
fn what_is_missing_is_asked_for() {
    let node = Node::new("node1");
    insta::assert_snapshot!(node.run(&["create-root"]), @r#"
    [exit 1]
    ! error: Node name must be given either in command line or config
    ! hint: londiste INI create-root NAME PUBLIC_CONNSTR
    "#);
    insta::assert_snapshot!(node.run(&["create-root", "node1"]), @r#"
    [exit 1]
    ! error: Node public location must be given either in command line or config
    ! hint: it is the connect string that other nodes use to reach this database
    "#);
    insta::assert_snapshot!(node.run(&["create-leaf", "node1", &node.location()]), @r#"
    [exit 1]
    ! error: Please specify --provider
    ! hint: it is the public connect string of the root or of a branch
    "#);
    insta::assert_snapshot!(node.run(&["create-root", "a", "b", "c"]), @r#"
    [exit 1]
    ! error: command 'create-root' got 3 args, but expects 0 to 2: [NAME] [PUBLIC_CONNSTR]
    ! hint: see "londiste create-root --help"
    "#);
    // Nothing was installed by all that.
    assert_eq!(
        node.db
            .psql("select count(*) from pg_namespace where nspname ~ 'pgq|londiste'"),
        "0"
    );
}

#[test]
fn a_location_that_is_another_database_is_refused() {
    let mut node = Node::new("node1");
    let other = Node::new("other");
    node.knows(&other);
    insta::assert_snapshot!(node.run(&["create-root", "node1", &other.location()]), @r#"
    [exit 1]
    ! error: Public connect string points to different database than local connect string (fail=1)
    ! detail: db leads to host=SOCKET port=PORT dbname=node1 user=postgres, the public connect string to host=SOCKET port=PORT dbname=other user=postgres
    ! hint: the public connect string is what other nodes will use to reach this database
    ! hint: if both are right (a pooler or a proxy between), add --nocheck
    "#);
    assert!(
        node.run(&["create-root", "node1", &other.location(), "--nocheck"])
            .starts_with("[exit 0]")
    );
}

#[test]
fn another_server_with_the_same_database_name_is_refused() {
    let node = Node::new("node1");
    let other = crate::support::Cluster::start();
    other.create_database(node.db.name());
    let text = node.run(&["create-root", "node1", &other.connstr(node.db.name())]);
    assert!(
        text.contains("Public connect string points to different database"),
        "{text}"
    );
}

#[test]
fn a_location_without_a_host_is_a_bad_idea() {
    let node = Node::new("node1");
    let location = format!("service=nowhere dbname={}", node.db.name());
    let text = node.run(&["create-root", "node1", &location]);
    assert!(!text.contains("bad idea"), "{text}");
    let text = node.run(&["create-root", "node1", "dbname=x port=1"]);
    assert!(
        text.contains("! WARNING No host= in public connect string, bad idea"),
        "{text}"
    );
}

#[test]
fn a_database_is_one_node_only() {
    let root = Node::root("node1");
    insta::assert_snapshot!(root.run(&["create-root", "node9", &root.location()]), @r#"
    [exit 1]
    ! error: this database is already the root node "node1" of queue "replika", not root "node9"
    ! detail: host=SOCKET port=PORT dbname=node1 user=postgres
    ! hint: one database has one node per queue: is "db" of the job file the right database?
    ! hint: to make it anew, first run "londiste drop-node node1"
    "#);
    insta::assert_snapshot!(
        root.run(&["create-leaf", "node1", &root.location(), "--provider", &root.location()]), @r#"
    [exit 1]
    ! error: this database is already the root node "node1" of queue "replika", not leaf "node1"
    ! detail: host=SOCKET port=PORT dbname=node1 user=postgres
    ! hint: one database has one node per queue: is "db" of the job file the right database?
    ! hint: to make it anew, first run "londiste drop-node node1"
    "#);
}

#[test]
fn a_taken_name_is_refused() {
    let root = Node::root("node1");
    let mut node = Node::new("node2");
    node.knows(&root);
    insta::assert_snapshot!(
        node.run(&["create-leaf", "node1", &node.location(), "--provider", &root.location()]), @r#"
    [exit 1]
    ! INFO Installing londiste_rs
    ! INFO Installing pgq
    ! INFO Installing pgq_node
    ! INFO Installing londiste
    ! INFO Initializing node
    ! error: Node 'node1' already exists
    ! detail: its location is host=SOCKET port=PORT dbname='node1' user=postgres
    ! hint: choose another name
    ! hint: if that node is gone for good, run "londiste drop-node node1" on the root first
    "#);
    assert_eq!(
        root.db.psql("select node_name from pgq_node.node_location"),
        "node1"
    );
}

#[test]
fn a_provider_without_the_queue_is_refused() {
    let mut node = Node::new("node2");
    let empty = Node::new("empty");
    node.knows(&empty);
    insta::assert_snapshot!(
        node.run(&["create-leaf", "node2", &node.location(), "--provider", &empty.location()]), @r#"
    [exit 1]
    ! INFO Installing londiste_rs
    ! INFO Installing pgq
    ! INFO Installing pgq_node
    ! INFO Installing londiste
    ! INFO Initializing node
    ! error: provider: there is no node of queue "replika" at host=SOCKET port=PORT dbname=empty user=postgres
    ! hint: is queue_name the same in the job files of all nodes? was create-root run there?
    "#);
}

#[test]
fn a_leaf_feeds_nobody() {
    let root = Node::root("node1");
    let leaf = Node::leaf("node2", &root);
    let mut node = Node::new("node3");
    node.knows(&leaf);
    insta::assert_snapshot!(
        node.run(&["create-leaf", "node3", &node.location(), "--provider", &leaf.location()]), @r#"
    [exit 1]
    ! INFO Installing londiste_rs
    ! INFO Installing pgq
    ! INFO Installing pgq_node
    ! INFO Installing londiste
    ! INFO Initializing node
    ! error: node "node2" is a leaf: it cannot feed other nodes
    ! hint: name the root or a branch as --provider
    "#);
}

/// C-20: what an interrupted creation left on root and provider is no obstacle.
#[test]
fn c20_an_interrupted_creation_goes_on() {
    let root = Node::root("node1");
    let mut leaf = Node::new("node2");
    leaf.knows(&root);
    let args = [
        "create-leaf",
        "node2",
        &leaf.location(),
        "--provider",
        &root.location(),
    ];
    // Stopped after the root knows of it.
    root.db.psql(&format!(
        "select pgq_node.register_location('replika', 'node2', {}, false)",
        quoted(&leaf.location())
    ));
    insta::assert_snapshot!(leaf.run(&args), @r#"
    [exit 0]
    ! INFO Installing londiste_rs
    ! INFO Installing pgq
    ! INFO Installing pgq_node
    ! INFO Installing londiste
    ! INFO Initializing node
    ! INFO Node 'node2' is known already, going on with an interrupted creation
    ! INFO [node1] Location registered
    ! INFO [node1] Subscriber registered: node2
    ! INFO Location registered
    ! INFO Node "node2" initialized for queue "replika" with type "leaf"
    ! INFO Done
    ! hint: start its worker: "londiste -d DIR/node2.ini worker"
    ! hint: node "node1" has no tables in the queue yet; add-table there first, then here
    "#);
    assert_eq!(
        root.db
            .psql("select subscriber_node from pgq_node.subscriber_info"),
        "node2"
    );

    // Stopped after the provider keeps events for it.
    let third = Node::new("node3");
    root.db.psql(&format!(
        "select pgq_node.register_location('replika', 'node3', {}, false);\
         select pgq_node.register_subscriber('replika', 'node3', 'job_node3', null)",
        quoted(&third.location())
    ));
    third.must(&[
        "create-leaf",
        "node3",
        &third.location(),
        "--provider",
        &root.location(),
    ]);
    assert_eq!(
        third
            .db
            .psql("select node_type, node_name from pgq_node.node_info"),
        "leaf|node3"
    );

    // Stopped before the tables were made known.
    root.db.psql(
        "create table t1 (id int primary key); select londiste.local_add_table('replika', 'public.t1')",
    );
    third.must(&[
        "create-leaf",
        "node3",
        &third.location(),
        "--provider",
        &root.location(),
    ]);
    assert_eq!(
        third.db.psql("select table_name from londiste.table_info"),
        "public.t1"
    );
}

#[test]
fn attributes_of_a_branch() {
    let root = Node::root("node1");
    let branch = Node::new("node2");
    let args = [
        "create-branch",
        "node2",
        &branch.location(),
        "--provider",
        &root.location(),
        "--sync-watermark=node3,node4",
    ];
    branch.must(&args);
    assert_eq!(
        branch.db.psql("select node_attrs from pgq_node.node_info"),
        "sync_watermark=node3%2cnode4"
    );
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
