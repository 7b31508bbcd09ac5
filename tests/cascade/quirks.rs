//! Where the ancestor's switchover loses events, hangs, or stops half-way; each test has the name of the quirk.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::NoTls;

use super::writers::{self, Writers, assert_nothing_left, check, shape};
use crate::support::ancestor::create_extensions;
use crate::support::cascade::{Cascade, LIMIT, Server};
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::{Cluster, Database, cluster, database};

/// Root a, branches b and c below it.
fn stand(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("a");
    cascade.create_branch("b", "a");
    cascade.create_branch("c", "a");
    writers::make(&mut cascade);
    cascade
}

/// Starts a command of ours beside the test.
fn spawn(cascade: &Cascade, node: &str, args: &[&str], env: &[(&str, &str)], log: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
    command
        .arg(cascade[node].ini())
        .args(args)
        .envs(env.iter().copied());
    // A pid file of its own: these tests are about what the databases keep out.
    command.arg("--set").arg(format!(
        "pidfile={}",
        cascade.path(log).with_extension("pid").display()
    ));
    Process::spawn(log, command, &cascade.path(&format!("{log}.log")))
}

/// One transaction of each isolation level, begun before the switchover, writes after it: nothing of it may be lost, so
/// each must be refused. `capture` is how the table's changes get into the queue.
fn old_snapshots(cascade: &mut Cascade) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut clients = Vec::new();
        for level in ["repeatable read", "serializable", "read committed"] {
            let (client, connection) = tokio_postgres::connect(&cascade["a"].connstr(), NoTls)
                .await
                .expect("connect");
            tokio::spawn(connection);
            client
                .batch_execute(&format!(
                    "begin isolation level {level}; select count(*) from note"
                ))
                .await
                .expect("begin");
            clients.push(client);
        }
        cascade["b"].londiste(&["takeover", "a", "--timeout=180"]);
        for client in &clients {
            let error = client
                .batch_execute("insert into note (w, n) values (1, 1)")
                .await
                .expect_err("the old root is closed");
            let words = error
                .as_db_error()
                .expect("the server's word")
                .message()
                .to_owned();
            assert!(
                words.contains("is closed here")
                    || words.contains("disallowed")
                    || words.contains("disabled"),
                "{words}"
            );
            client.batch_execute("rollback").await.expect("rollback");
        }
        // Still so when the transaction wrote directly into the queue.
        for client in &clients {
            client
                .batch_execute(
                    "begin isolation level repeatable read; select pgq.insert_event('x', 'y', 'z')",
                )
                .await
                .expect_err("no such queue");
            client.batch_execute("rollback").await.expect("rollback");
        }
    });
    cascade.set_root("b");
    cascade["b"].psql("insert into note (w, n) values (2, 2)");
    check(cascade, &[]);
    // And back: the old root serves writers again, those of our trigger and of the ancestor's.
    cascade["a"].londiste(&["takeover", "b"]);
    cascade.set_root("a");
    cascade["a"].psql("insert into note (w, n) values (3, 3)");
    check(cascade, &[]);
    assert_nothing_left(cascade);
}

#[test]
fn c02_old_snapshots_write_nothing_after_the_last_tick() {
    old_snapshots(&mut stand("c02"));
}

/// The same on the ancestor's database side, whose triggers are in C.
#[test]
fn c02_old_snapshots_with_the_ancestors_trigger() {
    let mut cascade = Cascade::new("c02_c");
    for (kind, name, provider) in [("root", "a", None), ("branch", "b", Some("a"))] {
        let db: Database = database(&format!("c02_c_{name}"));
        create_extensions(&db);
        let place = (Server::Shared(cluster()), db.name().to_owned(), db.connstr());
        let provider = provider.map(|provider: &str| format!("--provider={}", cascade[provider].connstr()));
        let args: Vec<&str> = provider.as_deref().into_iter().collect();
        cascade.create_in(kind, name, place, &args);
    }
    writers::make(&mut cascade);
    let kind = "select l.lanname from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_language l on l.oid = p.prolang \
                 where t.tgrelid = 'note'::regclass and not t.tgisinternal limit 1";
    assert_eq!(cascade["a"].psql(kind), "c", "the ancestor's trigger is in C");
    old_snapshots(&mut cascade);
}

#[test]
fn c04_waits_end_and_say_why() {
    let mut cascade = stand("c04");
    let before = shape(&cascade);
    // Nobody replays on b: refused before anything is touched.
    cascade["b"].stop_worker();
    cascade["a"].psql("insert into note (w, n) values (1, 1)");
    let ran = cascade["c"].try_londiste(&["takeover", "a", "--target=b", "--timeout=2"]);
    assert!(!ran.status.success());
    assert!(ran.stderr.contains("took longer than 2 s"), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing has been changed"), "{}", ran.stderr);
    assert_eq!(shape(&cascade), before);
    assert_nothing_left(&cascade);
    // A provider change puts back what it has done.
    let ran = cascade["c"].try_londiste(&["change-provider", "--node=b", "--provider=c", "--timeout=2"]);
    assert!(!ran.status.success());
    assert!(ran.stderr.contains("everything is as it was"), "{}", ran.stderr);
    assert_nothing_left(&cascade);
    assert_eq!(shape(&cascade), before);
    cascade["b"].start_worker();
    // The old root's worker does not answer: what stands still is told, and both ways out work.
    cascade["a"].stop_worker();
    let ran = cascade["b"].try_londiste(&["takeover", "a", "--timeout=2"]);
    assert!(!ran.status.success());
    for words in ["the worker of a is paused", "londiste continue", "londiste undo"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    cascade["a"].start_worker();
    // From a node that has only the mark.
    let ran = cascade["c"].try_londiste(&["undo"]);
    assert!(ran.status.success(), "{}", ran.stderr);
    assert_nothing_left(&cascade);
    assert_eq!(shape(&cascade), before);
    let ran = cascade["c"].try_londiste(&["undo"]);
    assert!(ran.stderr.contains("No interrupted change"), "{}", ran.stderr);
}

#[test]
fn c05_a_second_administrator_is_refused_by_name() {
    let mut cascade = stand("c05");
    cascade["b"].stop_worker();
    cascade["a"].psql("insert into note (w, n) values (1, 1)");
    let mut first = spawn(&cascade, "b", &["takeover", "a", "--timeout=180"], &[], "first");
    wait_for("the plan to be recorded", LIMIT, || {
        (cascade["c"].psql("select count(*) from londiste_rs.plan") == "1").then_some(())
    });
    for (node, args) in [
        ("c", vec!["change-provider", "--provider=b"]),
        ("a", vec!["takeover", "a", "--target=c"]),
        ("c", vec!["continue"]),
        ("a", vec!["undo"]),
    ] {
        let ran = cascade[node].try_londiste(&args);
        assert!(!ran.status.success(), "{args:?} on {node}");
        let pid = format!("(pid {})", first.pid());
        assert!(
            ran.stderr
                .contains("is changing this cascade: takeover of a by b")
                && ran.stderr.contains(&pid),
            "{args:?} on {node}: {}",
            ran.stderr
        );
    }
    cascade["b"].start_worker();
    assert!(first.wait_end(LIMIT).success(), "{}", first.log());
    cascade.set_root("b");
    check(&cascade, &[]);
    assert_nothing_left(&cascade);
}

#[test]
fn c06_a_sibling_that_is_ahead_is_no_obstacle() {
    let mut cascade = stand("c06");
    let writing = Writers::start(&cascade, 2, Duration::from_millis(20));
    cascade["b"].londiste(&["pause"]);
    let tick = cascade.tick();
    cascade.wait_until("c to be ahead of b", || cascade["c"].position() > tick);
    assert!(cascade["b"].position() < cascade["c"].position());
    cascade["b"].londiste(&["takeover", "a", "--all", "--timeout=180"]);
    cascade.set_root("b");
    check(&cascade, &writing.end());
    let found = shape(&cascade);
    assert!(found.contains("c: branch|b|"), "{found}");
    assert_nothing_left(&cascade);
}

#[test]
fn c14_a_provider_change_leaves_what_is_known_of_nodes() {
    let cascade = stand("c14");
    let known = "select node_name, node_location, dead from pgq_node.node_location order by 1";
    let before: Vec<String> = cascade.nodes().iter().map(|node| node.psql(known)).collect();
    cascade["c"].londiste(&["change-provider", "--provider=b"]);
    cascade["c"].londiste(&["change-provider", "--provider=a"]);
    cascade.wait_caught_up();
    let after: Vec<String> = cascade.nodes().iter().map(|node| node.psql(known)).collect();
    assert_eq!(before, after);
}

#[test]
fn c24_a_node_without_the_last_tick_is_not_promoted() {
    let mut cascade = stand("c24");
    let mut admin = spawn(
        &cascade,
        "b",
        &["takeover", "a", "--timeout=180"],
        &[("LONDISTE_FAULT", "plan.close.marked")],
        "admin",
    );
    admin.wait_killed(LIMIT);
    // The closed root's last tick comes only with the next step, so this worker dies in its batch, before the tick.
    cascade["b"].stop_worker();
    cascade["b"].start_worker_to_die_at("worker.apply.committed");
    let mut going_on = spawn(&cascade, "c", &["continue"], &[], "going_on");
    cascade["b"].worker().wait_killed(LIMIT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(going_on.is_running(), "{}", going_on.log());
    assert!(shape(&cascade).contains("b: branch|"), "{}", shape(&cascade));
    cascade["b"].start_worker();
    assert!(going_on.wait_end(LIMIT).success(), "{}", going_on.log());
    cascade.set_root("b");
    cascade["b"].psql("insert into note (w, n) values (2, 2)");
    check(&cascade, &[]);
    assert_nothing_left(&cascade);
}

#[test]
fn c04_who_does_not_let_the_root_be_closed_is_named() {
    let cascade = stand("c04_lock");
    let before = shape(&cascade);
    let held = cascade["a"].hold("insert into note (w, n) values (1, 1)");
    let ran = cascade["b"].try_londiste(&["takeover", "a", "--timeout=4"]);
    assert!(!ran.status.success());
    assert!(
        ran.stderr.contains("transactions that write did not end"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("pid ") && ran.stderr.contains("psql"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("is closed for writers"), "{}", ran.stderr);
    // Meanwhile others could write, and can.
    cascade["a"].psql("insert into note (w, n) values (2, 2)");
    held.commit();
    let ran = cascade["c"].try_londiste(&["undo", "--timeout=180"]);
    assert!(ran.status.success(), "{}", ran.stderr);
    assert_eq!(shape(&cascade), before);
    check(&cascade, &[]);
    assert_nothing_left(&cascade);
}

/// Who may not make triggers on the event tables waits for old snapshots instead.
#[test]
fn c02_without_the_right_to_make_triggers() {
    let server = Arc::new(Cluster::start());
    let mut cascade = Cascade::new("c02_role");
    cascade.create("root", "a", Server::from(&server), None);
    cascade.create("branch", "b", Server::from(&server), Some("a"));
    writers::make(&mut cascade);
    server.psql(
        "postgres",
        "create role clerk login in role pgq_admin, pg_read_all_stats",
    );
    for node in ["a", "b"] {
        cascade[node].configure("remote_extra_connstr = user=clerk");
        cascade[node].psql(
            "grant select, update on sequence note_id_seq to clerk; \
             grant execute on all functions in schema londiste to clerk; \
             grant select, update on londiste.seq_info, londiste.table_info to clerk",
        );
    }
    let before = shape(&cascade);
    let held =
        cascade["a"].hold("set transaction isolation level repeatable read; select count(*) from note");
    let ran = cascade["b"].try_londiste(&["takeover", "a", "--timeout=4"]);
    assert!(!ran.status.success());
    for words in [
        "transactions from before the closing did not end",
        "pid ",
        "root a is closed for writers",
        "londiste undo",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    let ran = cascade["b"].try_londiste(&["undo", "--timeout=180"]);
    assert!(ran.status.success(), "{}", ran.stderr);
    assert_eq!(shape(&cascade), before);
    cascade["a"].psql("insert into note (w, n) values (1, 1)");
    drop(held);
    let ran = cascade["b"].try_londiste(&["takeover", "a", "--timeout=180"]);
    assert!(ran.status.success(), "{}", ran.stderr);
    let barriers = "select count(*) from pg_trigger where tgname like 'londiste_closed%'";
    assert_eq!(cascade["a"].psql(barriers), "0");
    cascade.set_root("b");
    check(&cascade, &[]);
    assert_nothing_left(&cascade);
}
