//! status: what it tells of workers, of nodes that are away, and of cascades that do not fit together.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::ancestor::create_extensions;
use crate::support::cascade::{Cascade, LIMIT, Node};
use crate::support::database;
use crate::support::process::Process;

/// A machine that is busy with other tests may take its time.
const PATIENT: &str = "--timeout=60";

fn chain(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.create_leaf("leaf", "branch");
    cascade
}

#[track_caller]
fn status(node: &Node) -> Value {
    serde_json::from_str(&node.londiste(&["status", "--json", PATIENT])).expect("status prints JSON")
}

#[track_caller]
fn of<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["nodes"]
        .as_array()
        .and_then(|nodes| nodes.iter().find(|n| n["name"] == name))
        .unwrap_or_else(|| panic!("no node {name} in {status:#}"))
}

fn notes(status: &Value) -> Vec<&str> {
    status["notes"]
        .as_array()
        .expect("status has notes")
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

/// Waits until the worker of `name`, seen from `from`, is in this state.
#[track_caller]
fn wait_worker(cascade: &Cascade, from: &str, name: &str, state: &str) {
    cascade.wait_until(&format!("the worker of {name} to be {state}"), || {
        of(&status(&cascade[from]), name)["worker"]["state"] == state
    });
}

#[test]
fn a_worker_is_seen_to_run_to_try_again_and_to_be_gone() {
    let mut cascade = chain("seen");
    assert_eq!(of(&status(&cascade["leaf"]), "root")["worker"]["state"], "never");
    cascade.start_workers();
    for name in ["root", "branch", "leaf"] {
        wait_worker(&cascade, "leaf", name, "running");
    }
    cascade.wait_caught_up();
    let well = status(&cascade["root"]);
    let leaf = of(&well, "leaf");
    assert_eq!(leaf["worker"]["version"], env!("CARGO_PKG_VERSION"), "{well:#}");
    assert!(leaf["worker"]["since_seconds"].is_number(), "{well:#}");
    assert!(leaf["database"]["differs"].is_null(), "{well:#}");
    assert_eq!(notes(&well), [""; 0]);
    cascade.wait_until("status --check to find nothing", || {
        cascade["root"]
            .try_londiste(&["status", "--check", PATIENT])
            .status
            .success()
    });

    // Its provider is away: the worker lives, and says why it does nothing.
    let location =
        cascade["leaf"].psql("select node_location from pgq_node.node_location where node_name = 'branch'");
    let away = "update pgq_node.node_location set node_location = 'host=127.0.0.1 port=1 dbname=x user=u' \
                where node_name = 'branch'";
    cascade["leaf"].psql(away);
    wait_worker(&cascade, "root", "leaf", "retrying");
    // While it tries it is simply running; the error stays.
    cascade.wait_until("status to tell of the attempts and the error", || {
        let text = cascade["root"].londiste(&["status", PATIENT]);
        text.contains("tries again after an error") && text.contains("ERR: seen_leaf: ")
    });
    cascade["leaf"].psql(&format!(
        "update pgq_node.node_location set node_location = '{}' where node_name = 'branch'",
        location.replace('\'', "''")
    ));
    wait_worker(&cascade, "root", "leaf", "running");

    cascade["leaf"].stop_worker();
    wait_worker(&cascade, "root", "leaf", "stopped");
    let check = cascade["root"].try_londiste(&["status", "--check", PATIENT]);
    assert_eq!(check.status.code(), Some(1));
    assert!(
        check.stdout.contains("Worker: NOT RUNNING, last seen "),
        "{}",
        check.stdout
    );
    cascade["root"].londiste(&["status", PATIENT]);
}

#[test]
fn what_a_node_lacks_is_counted_up_to_the_root() {
    let mut cascade = chain("behind");
    cascade.psql_all("create table t (id int primary key)");
    cascade["root"].start_worker();
    cascade["root"].londiste(&["add-table", "t"]);
    let before = of(&status(&cascade["root"]), "root")["tick"].as_i64().unwrap();
    cascade["root"].psql("insert into t select generate_series(1, 500)");
    cascade.tick();
    let now = status(&cascade["leaf"]);
    let branch = of(&now, "branch");
    assert!(branch["lag_events"].as_i64().unwrap() > 0, "{now:#}");
    assert!(
        branch["lag_ticks"].as_i64().unwrap() >= 1 && of(&now, "root")["tick"].as_i64().unwrap() > before,
        "{now:#}"
    );
    // The leaf lacks what its provider lacks.
    assert_eq!(of(&now, "leaf")["lag_events"], branch["lag_events"], "{now:#}");
    cascade["leaf"].psql(
        "insert into londiste_rs.parked_event (queue_name, table_name, tick_id, ev_id, ev_time, ev_txid, reason) \
         values ('behind', 'public.t', 1, 1, now(), 1, 'x')",
    );
    assert_eq!(of(&status(&cascade["root"]), "leaf")["parked_events"], 1);
    assert!(
        cascade["leaf"]
            .londiste(&["status", PATIENT])
            .contains("behind by ")
    );
}

#[test]
fn c21_a_node_that_is_behind_shows_the_tree_of_the_root() {
    let mut cascade = chain("stale");
    cascade.create_leaf("other", "root");
    // No worker has brought the news: the leaf knows nothing of the new node.
    let known = "select count(*) from pgq_node.node_location where node_name = 'other'";
    assert_eq!(cascade["leaf"].psql(known), "0");
    let seen = status(&cascade["leaf"]);
    assert_eq!(of(&seen, "other")["provider"], "root", "{seen:#}");
    cascade["root"].londiste(&["drop-node", "other"]);
    cascade["leaf"].psql(
        "select pgq_node.register_location('stale', 'other', 'host=127.0.0.1 port=1 dbname=x user=u', false)",
    );
    let seen = status(&cascade["leaf"]);
    assert_eq!(seen["nodes"].as_array().unwrap().len(), 3, "{seen:#}");
    assert_eq!(
        notes(&seen),
        ["node \"other\" was dropped; this node has not heard of it yet"]
    );
}

#[test]
fn a_server_that_accepts_and_never_answers_costs_the_limit_only() {
    let cascade = chain("frozen");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!(
        "host=127.0.0.1 port={} dbname=x user=u sslmode=disable",
        listener.local_addr().unwrap().port()
    );
    // Everybody knows this place only; where another member knows a better one, that is tried as well.
    cascade.psql_all(&format!(
        "update pgq_node.node_location set node_location = '{location}' where node_name = 'branch'"
    ));
    let start = Instant::now();
    let text = cascade["root"].londiste(&["status", "--timeout=2"]);
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    assert!(text.contains("+--: branch (dead)"), "{text}");
    assert!(text.contains("ERR: no answer within 2 s"), "{text}");
    // The frozen node is the provider of a live one.
    assert!(text.contains("leaf (leaf)"), "{text}");
}

#[test]
fn the_root_may_be_away() {
    let cascade = chain("rootless");
    for name in ["branch", "leaf"] {
        cascade[name].psql(
            "update pgq_node.node_location set node_location = 'host=127.0.0.1 port=1 dbname=x user=u' \
             where node_name = 'root'",
        );
    }
    let seen = status(&cascade["leaf"]);
    assert_eq!(of(&seen, "root")["type"], "dead");
    assert_eq!(of(&seen, "leaf")["provider"], "branch");
    assert_eq!(notes(&seen), ["no root has answered: lags are not known"]);
    // Tagged as dead, it is not tried.
    cascade["branch"].londiste(&["tag-dead", "root"]);
    let seen = status(&cascade["leaf"]);
    let root = of(&seen, "root");
    assert!(root["dead"] == true && root["failure"].is_null(), "{seen:#}");
}

#[test]
fn two_roots_are_noted() {
    let cascade = chain("tworoots");
    cascade["branch"].psql("select pgq_node.promote_branch('tworoots')");
    let text = cascade["leaf"].londiste(&["status", PATIENT]);
    assert!(
        text.contains("Note: there are 2 roots (branch, root): a switchover is not finished"),
        "{text}"
    );
    assert!(
        text.contains("Note: node \"root\" keeps events for \"branch\", which reads from \"branch\""),
        "{text}"
    );
}

#[test]
fn a_change_that_was_not_finished_is_noted() {
    let cascade = chain("planned");
    cascade["branch"].psql(
        "insert into londiste_rs.plan (queue_name, plan_id, home_node, command, admin, since) \
         values ('planned', 'p1', 'root', 'takeover root', 'ann@desk (pid 7)', '2026-01-31 12:00:00+00')",
    );
    let seen = status(&cascade["leaf"]);
    assert_eq!(seen["plan"]["command"], "takeover root", "{seen:#}");
    let note = notes(&seen)[0];
    assert!(
        note.starts_with("\"takeover root\" of ann@desk (pid 7), begun 2026-01-31 ")
            && note.contains("londiste undo"),
        "{note}"
    );
    let refused = cascade["leaf"].try_londiste(&["rename-node", "branch", "other"]);
    assert!(
        refused.stderr.contains("has begun to change this cascade"),
        "{}",
        refused.stderr
    );
}

#[test]
fn it_is_drawn_again_until_it_is_stopped() {
    let mut cascade = Cascade::new("watch");
    cascade.create_root("root");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_londiste"));
    command
        .arg("--watch")
        .arg(cascade["root"].ini())
        .args(["status", "--set", "loop_delay=1"]);
    let mut process = Process::spawn("status --watch", command, &cascade.path("watch.log"));
    cascade.wait_until("a second picture", || {
        process.log().matches("root (root)").count() >= 2
    });
    process.signal(Signal::SIGINT);
    assert!(process.wait_end(LIMIT).success());
    let refused = cascade["root"].try_londiste(&["status", "--watch=0"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn without_rights_it_says_which_role_is_needed() {
    let mut cascade = Cascade::new("norights");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    let root = &cascade["root"];
    root.psql("create role norights_user login");
    let with_user = format!(
        "{} user=norights_user",
        root.connstr().replace("user=postgres", "")
    );
    let ran = root.try_londiste(&["status", "--set", &format!("db={with_user}"), PATIENT]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(
        ran.stderr.contains("error: permission denied")
            && ran
                .stderr
                .contains("hint: this needs a role of its own: pgq_reader"),
        "{}",
        ran.stderr
    );
    // Elsewhere the reason stands beside the node.
    cascade["root"].psql(&format!(
        "select pgq_node.register_location('norights', 'leaf', '{}', false)",
        cascade["leaf"]
            .connstr()
            .replace("user=postgres", "user=norights_user")
            .replace('\'', "''")
    ));
    let text = cascade["root"].londiste(&["status", PATIENT]);
    assert!(
        text.contains(
            "ERR: role \"norights_user\" may not look at it (grant it pgq_reader): permission denied"
        ),
        "{text}"
    );
    // With the role it may.
    root.psql("grant pgq_reader to norights_user");
    let text = root.londiste(&["status", "--set", &format!("db={with_user}"), PATIENT]);
    assert!(
        text.contains("root (root)") && text.contains("leaf (leaf)"),
        "{text}"
    );
    assert!(!text.contains("ERR"), "{text}");
}

#[test]
fn a_database_of_the_ancestor_is_told_apart() {
    let db = database("peer");
    create_extensions(&db);
    let mut cascade = Cascade::new("peer");
    cascade.create_root("root");
    let root = &cascade["root"];
    let args = ["--set", &format!("db={}", db.connstr()), "--set", "job_name=peer"];
    let run = |words: &[&str]| root.londiste(&[words, &args[..]].concat());
    run(&["create-root", "peer_root", &db.connstr()]);
    // What its worker leaves: it has seen the settings of the node.
    db.psql("select pgq_node.set_consumer_uptodate('peer', 'peer', true)");
    let text = run(&["status", PATIENT]);
    assert!(text.contains("Worker: of Londiste 3"), "{text}");
    assert!(
        text.contains("Database: pgq 3.") && text.contains("of Londiste 3"),
        "{text}"
    );
}
