//! worker, copy, and the options that talk to a running worker.

use std::time::Duration;

use super::Node;
use crate::support::wait::wait_for;

const LIMIT: Duration = Duration::from_secs(30);

/// The process that the worker's pid file names.
fn pid(node: &Node) -> Option<String> {
    std::fs::read_to_string(node.dir().join("job.pid"))
        .ok()
        .map(|text| text.trim().to_owned())
}

fn log(node: &Node) -> String {
    std::fs::read_to_string(node.dir().join("job.log")).unwrap_or_default()
}

fn with_log(node: &Node) {
    let ini = std::fs::read_to_string(node.ini()).unwrap();
    node.write_ini(&format!("{ini}logfile = {}/job.log\n", node.dir().display()));
}

#[test]
fn a_worker_goes_to_the_background_and_hears_signals() {
    let node = Node::root("node1");
    with_log(&node);
    insta::assert_snapshot!(node.run(&["-d", "worker"]), @r#"[exit 0]"#);
    wait_for("the worker to see its settings", LIMIT, || {
        (node.db.psql("select uptodate from pgq_node.local_state") == "t").then_some(())
    });
    // Only now: before it forks the process that was started holds the file.
    let pid = pid(&node).expect("the worker runs");
    let show = |text: String| text.replace(&pid, "PID");
    insta::assert_snapshot!(show(node.run(&["worker"])), @r#"
    [exit 1]
    ! error: Pidfile exists, another process running?
    ! detail: pid file "DIR/job.pid", process PID
    "#);
    insta::assert_snapshot!(node.run(&["pause"]).replace("! INFO Waiting for worker to accept\n", ""), @r#"
    [exit 0]
    ! INFO [node1] Consumer job_node1 tagged as paused
    ! INFO Consumer 'job_node1' on node 'node1' paused
    "#);
    insta::assert_snapshot!(node.run(&["resume"]).replace("! INFO Waiting for worker to accept\n", ""), @r#"
    [exit 0]
    ! INFO [node1] Consumer job_node1 tagged as resumed
    ! INFO Consumer 'job_node1' on node 'node1' resumed
    "#);
    insta::assert_snapshot!(show(node.run(&["--reload"])), @r#"
    [exit 0]
    ! SIGHUP sent to process PID
    "#);
    wait_for("the reload in the log", LIMIT, || {
        log(&node).contains("Config reloaded").then_some(())
    });
    insta::assert_snapshot!(show(node.run(&["--stop"])), @r#"
    [exit 0]
    ! SIGINT sent to process PID
    "#);
    wait_for("the worker to leave", LIMIT, || {
        (!node.dir().join("job.pid").exists()).then_some(())
    });
    assert!(log(&node).contains("worker stopped"), "{}", log(&node));
}

#[test]
fn the_background_needs_a_pid_file() {
    let node = Node::new("node1");
    node.write_ini(&format!(
        "[londiste]\ndb = {}\nqueue_name = replika\n",
        node.location()
    ));
    insta::assert_snapshot!(node.run(&["worker", "-d"]), @r#"
    [exit 1]
    ! error: DIR/node1.ini: key "pidfile" is missing
    ! hint: a process in the background needs it, so that -s, -k and -r find it
    "#);
}

#[test]
fn a_stale_pid_file_is_taken_over() {
    let node = Node::root("node1");
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let dead = child.id();
    child.wait().unwrap();
    std::fs::write(node.dir().join("job.pid.admin"), format!("{dead}\n")).unwrap();
    insta::assert_snapshot!(node.run(&["resume", "--timeout=1"]), @r#"
    [exit 1]
    ! WARNING Ignoring stale pidfile
    ! INFO [node1] Consumer job_node1 already resumed
    ! INFO Waiting for worker to accept
    ! error: worker "job_node1" of node "node1" did not answer within 1 s
    ! detail: it is not marked as paused any more and will go on as soon as it runs
    ! hint: does the worker run? start it with "londiste INI worker -d"; its log tells more
    "#);
}

#[test]
fn a_copy_needs_a_table_that_waits_for_one() {
    let node = Node::root("node1");
    insta::assert_snapshot!(node.run(&["copy"]), @r#"
    [exit 1]
    ! error: command 'copy' got 0 args, but expects 1: TABLE
    ! hint: see "londiste copy --help"
    "#);
    insta::assert_snapshot!(node.run(&["copy", "t1"]), @r#"
    [exit 1]
    ! error: table "public.t1" is not attached on node "node1"
    ! hint: attach it first: londiste add-table public.t1
    "#);
    let empty = Node::new("empty");
    insta::assert_snapshot!(empty.run(&["copy", "t1"]), @r#"
    [exit 1]
    ! error: this database has no node of queue "replika"
    ! detail: job file DIR/empty.ini
    ! hint: make one with create-root, create-branch or create-leaf
    "#);
}
