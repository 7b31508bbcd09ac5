//! drop-node, tag-dead.

use super::Node;

#[test]
fn a_leaf_is_dropped_from_the_root() {
    let mut root = Node::root("node1");
    let leaf = Node::leaf("node2", &root);
    root.knows(&leaf);
    insta::assert_snapshot!(root.run(&["drop-node", "node2"]), @r#"
    [exit 0]
    ! INFO [node1] Ok
    ! INFO [node2] Node dropped: node2
    ! INFO [node1] Node dropped: node2
    ! INFO Node 'node2' removed from queue 'replika'
    "#);
    assert_eq!(
        root.db.psql("select node_name from pgq_node.node_location"),
        "node1"
    );
    assert_eq!(root.db.psql("select count(*) from pgq_node.subscriber_info"), "0");
    assert_eq!(leaf.db.psql("select count(*) from pgq_node.node_info"), "0");
    // It can be made again.
    leaf.must(&[
        "create-leaf",
        "node2",
        &leaf.location(),
        "--provider",
        &root.location(),
    ]);
}

#[test]
fn a_leaf_drops_itself() {
    let root = Node::root("node1");
    let leaf = Node::leaf("node2", &root);
    insta::assert_snapshot!(leaf.run(&["drop-node", "node2"]), @r#"
    [exit 0]
    ! INFO [node1] Ok
    ! INFO [node2] Node dropped: node2
    ! INFO [node1] Node dropped: node2
    ! INFO Node 'node2' removed from queue 'replika'
    "#);
    assert_eq!(root.db.psql("select count(*) from pgq_node.subscriber_info"), "0");
}

#[test]
fn the_last_node_is_the_end_of_the_set() {
    let root = Node::root("node1");
    insta::assert_snapshot!(root.run(&["drop-node", "node1"]), @r#"
    [exit 0]
    ! INFO [node1] Node dropped: node1
    ! INFO Node 'node1' removed from queue 'replika'
    "#);
    assert_eq!(root.db.psql("select count(*) from pgq.queue"), "0");
}

#[test]
fn whoever_feeds_others_stays() {
    let root = Node::root("node1");
    let _leaf = Node::leaf("node2", &root);
    insta::assert_snapshot!(root.run(&["drop-node", "node1"]), @r#"
    [exit 1]
    ! error: node "node1" still has subscribers
    ! detail: subscribers: node2
    ! hint: give each of them another provider first, or drop them
    "#);
}

#[test]
fn a_node_that_cannot_be_reached_is_dropped_elsewhere() {
    let root = Node::root("node1");
    let _leaf = Node::leaf("node2", &root);
    root.db.psql(
        "select pgq_node.register_location('replika', 'node2', 'host=127.0.0.1 port=1 dbname=x user=u', false)",
    );
    insta::assert_snapshot!(root.run(&["drop-node", "node2"]), @r#"
    [exit 0]
    ! WARNING [node2] cannot connect to database "x" at host "127.0.0.1", port 1, as user "u": Connection refused (os error 111); hint: is the server running on that host and accepting TCP/IP connections?
    ! INFO [node1] Ok
    ! INFO [node1] Node dropped: node2
    ! INFO Node 'node2' removed from queue 'replika'
    ! hint: node "node2" itself was not told; if its database comes back, run drop-node node2 with its own job file
    "#);
    assert_eq!(root.db.psql("select count(*) from pgq_node.subscriber_info"), "0");
}

/// C-15: a database without the node loses no queue of that name.
#[test]
fn c15_an_ordinary_queue_of_that_name_survives() {
    let root = Node::root("node1");
    let leaf = Node::leaf("node2", &root);
    leaf.must(&["drop-node", "node2"]);
    leaf.db.psql("select pgq.create_queue('replika')");
    root.db.psql(&format!(
        "select pgq_node.register_location('replika', 'node2', '{}', false)",
        leaf.location().replace('\'', "''")
    ));
    root.run(&["drop-node", "node2"]);
    assert_eq!(leaf.db.psql("select queue_name from pgq.queue"), "replika");
}

#[test]
fn a_queue_that_others_are_merged_into_stays() {
    let root = Node::root("node1");
    root.db.psql(
        "select pgq_node.register_location('part', 'p1', 'dbname=p1', false);\
         select pgq_node.register_location('part', 'm1', 'dbname=m1', false);\
         select pgq_node.create_node('part', 'leaf', 'm1', 'w', 'p1', 1, 'replika')",
    );
    insta::assert_snapshot!(root.run(&["drop-node", "node1"]), @r#"
    [exit 1]
    ! error: other queues are merged into queue "replika" on node "node1"
    ! detail: queues: part
    ! hint: drop the nodes of these queues in this database first
    "#);
}

#[test]
fn c16_refusals_have_their_codes_and_change_nothing() {
    let root = Node::root("node1");
    let leaf = Node::leaf("node2", &root);
    let provider = leaf
        .db
        .psql("select ret_code, ret_note from pgq_node.drop_node('replika', 'node1')");
    assert_eq!(provider, "405|Cannot drop provider node: node1");
    let watermark = root
        .db
        .psql("select ret_code, ret_note from pgq_node.set_subscriber_watermark('replika', 'nobody', 1)");
    assert_eq!(watermark, "404|node nobody not subscribed to queue replika");
    root.db
        .psql("select pgq_node.register_location('other', 'n', 'dbname=n', false)");
    let twig = root
        .db
        .psql("select ret_code from pgq_node.create_node('other', 'twig', 'n', 'w', null, null, null)");
    assert_eq!(twig, "401");
    assert_eq!(root.db.psql("select count(*) from pgq.queue"), "1");
    // The failure of one part is not hidden by the success of the rest.
    let itself = root
        .db
        .psql("select ret_code from pgq_node.unregister_location('replika', 'node1')");
    assert_eq!(itself, "403");
}

#[test]
fn names_are_checked() {
    let root = Node::root("node1");
    insta::assert_snapshot!(root.run(&["drop-node", "node2"]), @r#"
    [exit 1]
    ! error: node "node2" is not a member of the cascade
    ! detail: members: node1
    "#);
    insta::assert_snapshot!(root.run(&["tag-dead", "nood1"]), @r#"
    [exit 1]
    ! error: node "nood1" is not a member of the cascade
    ! detail: members: node1
    "#);
    insta::assert_snapshot!(root.run(&["tag-dead"]), @r#"
    [exit 1]
    ! error: command 'tag-dead' got 0 args, but expects 1: NODE
    ! hint: see "londiste tag-dead --help"
    "#);
    insta::assert_snapshot!(root.run(&["drop-node", "a", "b"]), @r#"
    [exit 1]
    ! error: command 'drop-node' got 2 args, but expects 1: NODE
    ! hint: see "londiste drop-node --help"
    "#);
}

#[test]
fn all_members_learn_of_a_dead_node() {
    let root = Node::root("node1");
    let leaf = Node::leaf("node2", &root);
    let other = Node::leaf("node3", &root);
    insta::assert_snapshot!(root.run(&["tag-dead", "node2"]), @r#"
    [exit 0]
    ! INFO Tagging node 'node2' as dead
    ! INFO [node1] Location registered
    ! INFO [node3] Location registered
    ! INFO Node 'node2' is tagged as dead
    "#);
    for node in [&root, &other] {
        assert_eq!(
            node.db
                .psql("select dead from pgq_node.node_location where node_name = 'node2'"),
            "t"
        );
    }
    assert_eq!(
        leaf.db
            .psql("select dead from pgq_node.node_location where node_name = 'node2'"),
        "f"
    );
}
