//! status, node-status, node-info, members.

use super::Node;

/// Lags depend on the clock: shown as a word.
fn still(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        match line.split_once("Lag: ") {
            Some((head, tail)) if !tail.starts_with("(n/a)") => {
                let rest = tail.find(',').map_or("", |at| &tail[at..]);
                out.push_str(&format!("{head}Lag: LAG{rest}\n"));
            }
            _ => out.push_str(&format!("{line}\n")),
        }
    }
    out
}

/// The dashes below a heading are as long as the longest connect string, which depends on the numbers in it.
fn short_dashes(text: &str) -> String {
    text.lines()
        .map(|line| if line.starts_with("---") { "---" } else { line })
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_database_without_the_queue() {
    let node = Node::new("empty");
    insta::assert_snapshot!(node.run(&["status"]), @r#"
    [exit 0]
    Queue: replika   Local node: None

    ! hint: make a node with create-root, create-branch or create-leaf
    "#);
    insta::assert_snapshot!(node.run(&["status", "--json"]), @r#"
    [exit 0]
    {
      "queue": "replika",
      "local_node": null,
      "nodes": [],
      "notes": [],
      "plan": null
    }
    "#);
    insta::assert_snapshot!(node.run(&["node-status"]), @r#"
    [exit 1]
    ! error: this database has no node of queue "replika"
    ! detail: job file DIR/empty.ini
    ! hint: make one with create-root, create-branch or create-leaf
    "#);
    insta::assert_snapshot!(node.run(&["node-info"]), @r#"
    [exit 1]
    ! error: this database has no node of queue "replika"
    ! detail: job file DIR/empty.ini
    ! hint: make one with create-root, create-branch or create-leaf
    "#);
    insta::assert_snapshot!(node.run(&["members"]), @r#"
    [exit 1]
    ! error: this database has no node of queue "replika"
    ! detail: job file DIR/empty.ini
    ! hint: make one with create-root, create-branch or create-leaf
    "#);
}

#[test]
fn a_cascade_is_shown_as_a_tree() {
    let mut root = Node::root("node1");
    let branch = Node::branch("node2", &root);
    let leaf = Node::leaf("node3", &branch);
    root.knows(&branch);
    root.knows(&leaf);
    root.db.psql(
        "create table t1 (id int primary key); create table t2 (id int primary key);\
         select londiste.local_add_table('replika', 'public.t1');\
         select londiste.local_add_table('replika', 'public.t2')",
    );
    leaf.db.psql(
        "select pgq_node.set_consumer_error('replika', 'job_node3', E'first line\nsecond line');\
         select pgq_node.set_consumer_paused('replika', 'job_node3', true)",
    );
    insta::assert_snapshot!(still(&root.run(&["status"])), @r#"
    [exit 0]
    Queue: replika   Local node: node1

    node1 (root)
      |                           Tables: 2/0/0
      |                           Lag: LAG, Tick: 1, NOT UPTODATE
      |                           Watermark: 1
      |                           Worker: NOT RUNNING
      +--: node2 (branch)
         |                        Tables: 0/0/0
         |                        Lag: LAG, Tick: 1, NOT UPTODATE
         |                        Watermark: 1
         |                        Worker: NOT RUNNING
         +--: node3 (leaf)
                                  Tables: 0/0/0
                                  Lag: LAG, Tick: 1, PAUSED, NOT UPTODATE
                                  Watermark: 1
                                  Worker: NOT RUNNING
                                  ERR: job_node3: first line
    "#);
    insta::assert_snapshot!(still(&root.run(&["status", "--compact"])), @r#"
    [exit 0]
    Queue: replika   Local node: node1

    node1 (root)                                                Tables: 2/0/0                 Lag: LAG, Tick: 1, NOT UPTODATE Watermark: 1                  Worker: NOT RUNNING
       node2 (branch)                                           Tables: 0/0/0                 Lag: LAG, Tick: 1, NOT UPTODATE Watermark: 1                  Worker: NOT RUNNING
          node3 (leaf)                                          Tables: 0/0/0                 Lag: LAG, Tick: 1, PAUSED, NOT UPTODATE Watermark: 1                  Worker: NOT RUNNING           ERR: job_node3: first line
    "#);
    insta::assert_snapshot!(still(&leaf.run(&["node-status"])), @r#"
    [exit 0]
    node3 (leaf)
        Provider: node2
        Subscribers:
        Tables: 0/0/0
        Lag: (n/a), Tick: 1, PAUSED, NOT UPTODATE
        Watermark: 1
        Worker: NOT RUNNING
        ERR: job_node3: first line
    "#);
    insta::assert_snapshot!(still(&branch.run(&["node-status"])), @r#"
    [exit 0]
    node2 (branch)
        Provider: node1
        Subscribers: node3
        Tables: 0/0/0
        Lag: (n/a), Tick: 1, NOT UPTODATE
        Watermark: 1
        Worker: NOT RUNNING
    "#);
    insta::assert_snapshot!(still(&root.run(&["node-status"])), @r#"
    [exit 0]
    node1 (root)
        Provider: node1
        Subscribers: node2
        Tables: 2/0/0
        Lag: LAG, Tick: 1, NOT UPTODATE
        Watermark: 1
        Worker: NOT RUNNING
    "#);
    insta::assert_snapshot!(leaf.run(&["node-info"]), @r#"
    [exit 0]
    Node: node3  Type: leaf  Queue: replika
    Status: PAUSED, NON-UP-TO-DATE
    Provider: node2
    Connect strings:
      Local   : host=SOCKET port=PORT dbname='node3' user=postgres
      Public  : host=SOCKET port=PORT dbname='node3' user=postgres
      Provider: host=SOCKET port=PORT dbname='node2' user=postgres
    "#);
    insta::assert_snapshot!(root.run(&["node-info"]), @r#"
    [exit 0]
    Node: node1  Type: root  Queue: replika
    Status: NON-UP-TO-DATE
    Provider: --
    Connect strings:
      Local   : host=SOCKET port=PORT dbname='node1' user=postgres
      Public  : host=SOCKET port=PORT dbname='node1' user=postgres
    "#);
    insta::assert_snapshot!(short_dashes(&root.run(&["members"])), @r#"
    [exit 0]
    Member info on node1@replika:
    node_name        dead             node_location
    ---
    node1            False            host=SOCKET port=PORT dbname='node1' user=postgres
    node2            False            host=SOCKET port=PORT dbname='node2' user=postgres
    node3            False            host=SOCKET port=PORT dbname='node3' user=postgres
    "#);
    insta::assert_snapshot!(leaf.run(&["node-info", "--json"]), @r#"
    [exit 0]
    {
      "node": "node3",
      "type": "leaf",
      "queue": "replika",
      "status": [
        "PAUSED",
        "NON-UP-TO-DATE"
      ],
      "provider": "node2",
      "worker": "job_node3",
      "local_location": "host=SOCKET port=PORT dbname='node3' user=postgres",
      "public_location": "host=SOCKET port=PORT dbname='node3' user=postgres",
      "provider_location": "host=SOCKET port=PORT dbname='node2' user=postgres",
      "combined_queue": null,
      "combined_type": null
    }
    "#);
    insta::assert_snapshot!(root.run(&["members", "--json"]), @r#"
    [exit 0]
    [
      {
        "node_name": "node1",
        "dead": false,
        "node_location": "host=SOCKET port=PORT dbname='node1' user=postgres"
      },
      {
        "node_name": "node2",
        "dead": false,
        "node_location": "host=SOCKET port=PORT dbname='node2' user=postgres"
      },
      {
        "node_name": "node3",
        "dead": false,
        "node_location": "host=SOCKET port=PORT dbname='node3' user=postgres"
      }
    ]
    "#);

    let json: serde_json::Value = serde_json::from_slice(&root.output(&["status", "--json"]).stdout).unwrap();
    assert_eq!(json["local_node"], "node1");
    assert_eq!(json["nodes"][2]["errors"][0][1], "first line\nsecond line");
}

#[test]
fn a_node_that_cannot_be_reached_is_shown_as_dead() {
    let root = Node::root("node1");
    let _leaf = Node::leaf("node2", &root);
    root.db.psql(
        "select pgq_node.register_location('replika', 'node2', 'host=127.0.0.1 port=1 dbname=x user=u', false)",
    );
    insta::assert_snapshot!(still(&root.run(&["status"])), @r#"
    [exit 0]
    Queue: replika   Local node: node1

    node1 (root)
      |                           Tables: 0/0/0
      |                           Lag: LAG, Tick: 1, NOT UPTODATE
      |                           Watermark: 1
      |                           Worker: NOT RUNNING
      +--: node2 (dead)
                                  Lag: LAG, Tick: 1
                                  ERR: cannot connect to database "x" at host "127.0.0.1", port 1, as user "u": Connection refused (os error 111)
    ! WARNING Node 'node2' failure: cannot connect to database "x" at host "127.0.0.1", port 1, as user "u": Connection refused (os error 111)
    "#);
    insta::assert_snapshot!(still(&root.run(&["status", "--dead", "node2"])), @r#"
    [exit 0]
    Queue: replika   Local node: node1

    node1 (root)
      |                           Tables: 0/0/0
      |                           Lag: LAG, Tick: 1, NOT UPTODATE
      |                           Watermark: 1
      |                           Worker: NOT RUNNING
      +--: node2 (dead)
                                  Lag: LAG, Tick: 1
    ! INFO Assuming node 'node2' as dead
    "#);
    insta::assert_snapshot!(root.run(&["status", "--dead=node3"]), @r#"
    [exit 1]
    ! error: node "node3" is not a member of the cascade
    ! detail: members: node1, node2
    "#);
}

#[test]
fn passwords_are_never_shown() {
    let root = Node::root("node1");
    let with_password = format!("{} password=geheim", root.location());
    root.db.psql(&format!(
        "select pgq_node.register_location('replika', 'node1', '{}', false)",
        with_password.replace('\'', "''")
    ));
    for args in [
        &["members"][..],
        &["members", "--json"],
        &["node-info"],
        &["node-info", "--json"],
        &["status"],
    ] {
        let text = root.run(args);
        assert!(text.starts_with("[exit 0]") && !text.contains("geheim"), "{text}");
    }
}
