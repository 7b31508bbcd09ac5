//! pause, resume, wait-root, wait-provider.

use std::thread;

use super::Node;

#[test]
fn nobody_answers() {
    let root = Node::root("node1");
    insta::assert_snapshot!(root.run(&["pause", "--timeout=1"]), @r#"
    [exit 1]
    ! INFO [node1] Consumer job_node1 tagged as paused
    ! INFO Waiting for worker to accept
    ! error: worker "job_node1" of node "node1" did not answer within 1 s
    ! detail: it stays marked as paused; resume takes that back
    ! hint: does the worker run? start it with "londiste INI worker -d"; its log tells more
    "#);
    assert_eq!(root.db.psql("select paused from pgq_node.local_state"), "t");
    insta::assert_snapshot!(root.run(&["resume", "--timeout=1"]), @r#"
    [exit 1]
    ! INFO [node1] Consumer job_node1 tagged as resumed
    ! INFO Waiting for worker to accept
    ! error: worker "job_node1" of node "node1" did not answer within 1 s
    ! detail: it is not marked as paused any more and will go on as soon as it runs
    ! hint: does the worker run? start it with "londiste INI worker -d"; its log tells more
    "#);
    assert_eq!(root.db.psql("select paused from pgq_node.local_state"), "f");
}

#[test]
fn the_worker_answers() {
    let root = Node::root("node1");
    // What a worker does: it sees the flag and says so.
    let answer = "do $$ begin loop \
         update pgq_node.local_state set uptodate = true where paused = PAUSED and not uptodate; \
         exit when found; commit; end loop; end $$";
    for (command, flag) in [("pause", "true"), ("resume", "false")] {
        root.db.psql("update pgq_node.local_state set uptodate = true");
        if flag == "false" {
            root.db.psql("update pgq_node.local_state set paused = true");
        }
        let text = thread::scope(|scope| {
            scope.spawn(|| root.db.psql(&answer.replace("PAUSED", flag)));
            root.run(&[command])
        });
        let text: String = text
            .lines()
            .filter(|l| !l.contains("Waiting for worker"))
            .map(|l| format!("{l}\n"))
            .collect();
        if flag == "true" {
            insta::assert_snapshot!(text, @r#"
            [exit 0]
            ! INFO [node1] Consumer job_node1 tagged as paused
            ! INFO Consumer 'job_node1' on node 'node1' paused
            "#);
        } else {
            insta::assert_snapshot!(text, @r#"
            [exit 0]
            ! INFO [node1] Consumer job_node1 tagged as resumed
            ! INFO Consumer 'job_node1' on node 'node1' resumed
            "#);
        }
    }
}

#[test]
fn a_root_need_not_wait() {
    let root = Node::root("node1");
    insta::assert_snapshot!(root.run(&["wait-root"]), @r#"
    [exit 0]
    ! INFO Current node is root, no need to wait
    "#);
    insta::assert_snapshot!(root.run(&["wait-provider"]), @r#"
    [exit 0]
    ! INFO Current node is root, no need to wait
    "#);
}

#[test]
fn a_leaf_waits_until_it_is_past_the_tick() {
    let root = Node::root("node1");
    let leaf = Node::leaf("node2", &root);
    insta::assert_snapshot!(leaf.run(&["wait-root", "--timeout=1"]), @r#"
    [exit 1]
    ! INFO Waiting for node 'node2' to pass tick 1 of 'node1', now at 1
    ! error: node "node2" did not catch up with "node1" within 1 s
    ! detail: it is at tick 1 and must pass 1
    ! hint: does the worker run, is it paused? "londiste status" shows it
    ! hint: does a ticker (pgqd) run on the root?
    "#);
    // The first command made tick 2.
    leaf.db.psql("update pgq_node.local_state set last_tick_id = 3");
    insta::assert_snapshot!(leaf.run(&["wait-provider", "--timeout=20"]), @r#"
    [exit 0]
    ! INFO Node 'node2' has caught up with 'node1' at tick 3
    "#);
}

#[test]
fn without_a_node_there_is_nothing_to_wait_for() {
    let node = Node::new("empty");
    insta::assert_snapshot!(node.run(&["wait-root"]), @r#"
    [exit 1]
    ! error: this database has no node of queue "replika"
    ! detail: job file DIR/empty.ini
    ! hint: make one with create-root, create-branch or create-leaf
    "#);
    insta::assert_snapshot!(node.run(&["pause"]), @r#"
    [exit 1]
    ! error: this database has no node of queue "replika"
    ! detail: job file DIR/empty.ini
    ! hint: make one with create-root, create-branch or create-leaf
    "#);
}
