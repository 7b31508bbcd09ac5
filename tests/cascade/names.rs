//! rename-node, change-location, tag-alive, show-consumers, pause of another node: commands that may be run from any node.

use crate::support::cascade::Cascade;

/// Places where a name of a node is kept, one per line, without those of the consumer's own name.
const NAMES: &str = "select 'location ' || node_name from pgq_node.node_location \
     union all select 'node ' || node_name from pgq_node.node_info \
     union all select 'provider ' || provider_node from pgq_node.local_state \
     union all select 'subscriber ' || subscriber_node || ' ' || watermark_name from pgq_node.subscriber_info \
     union all select 'consumer ' || consumer_name from pgq.get_consumer_info() \
     union all select 'stream ' || provider_node from londiste_rs.stream_position order by 1";

fn replicating(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.create_leaf("leaf", "branch");
    cascade.psql_all("create table t (id int primary key)");
    cascade.add_table("t");
    cascade.start_workers();
    cascade.wait_in_sync();
    cascade
}

#[track_caller]
fn still_replicates(cascade: &Cascade, id: i32) {
    cascade["root"].psql(&format!("insert into t values ({id})"));
    cascade.wait_caught_up();
    cascade.assert_equal("t");
}

/// The names on all nodes.
fn names(cascade: &Cascade) -> String {
    cascade
        .nodes()
        .iter()
        .map(|node| format!("{}:\n{}\n", node.name, node.psql(NAMES)))
        .collect()
}

#[track_caller]
fn is_gone(cascade: &Cascade, name: &str) {
    cascade.wait_until(&format!("name {name} to be gone everywhere"), || {
        let text = names(cascade);
        let (word, watermark) = (format!(" {name}"), format!(".{name}."));
        !text.lines().any(|line| {
            line.ends_with(&word) || line.contains(&format!("{word} ")) || line.contains(&watermark)
        })
    });
}

#[test]
fn c10_a_node_is_renamed_while_it_works() {
    let mut cascade = replicating("rename");
    still_replicates(&cascade, 1);
    let plan = cascade["leaf"].londiste(&["rename-node", "branch", "middle", "--dry-run"]);
    assert_eq!(
        plan,
        "1. make the location of 'middle' known on: branch, leaf, root\n\
         2. rename the subscription and its watermark on 'root'\n\
         3. rename the node itself from 'branch' to 'middle'\n\
         4. tell those that read from it: leaf\n\
         5. forget the location of 'branch' on: branch, leaf, root\n"
    );
    // Names in attributes: of a table that is to be copied from there, of a watermark that is agreed on.
    cascade["leaf"].psql(
        "select londiste.local_set_table_attrs('rename', 'public.t', 'copy_node=branch&x=y');\
         select pgq_node.set_node_attrs('rename', 'sync_watermark=root%2cbranch')",
    );
    cascade["leaf"].londiste(&["rename-node", "branch", "middle"]);
    assert_eq!(
        cascade["leaf"].psql("select table_attrs, node_attrs from londiste.table_info, pgq_node.node_info"),
        "copy_node=middle&x=y|sync_watermark=root%2cmiddle"
    );
    cascade["leaf"].psql("select pgq_node.set_node_attrs('rename', null)");
    still_replicates(&cascade, 2);
    is_gone(&cascade, "branch");
    // The root, from a leaf.
    cascade["leaf"].londiste(&["rename-node", "root", "top"]);
    still_replicates(&cascade, 3);
    is_gone(&cascade, "root");
    cascade["leaf"].londiste(&["rename-node", "leaf", "end"]);
    still_replicates(&cascade, 4);
    is_gone(&cascade, "leaf");
    let tree = cascade["branch"].londiste(&["status", "--timeout=60"]);
    for title in ["top (root)", "+--: middle (branch)", "+--: end (leaf)"] {
        assert!(tree.contains(title), "{tree}");
    }
    assert!(!tree.contains("Note:"), "{tree}");
    // Workers that start anew find everything in its place.
    cascade.stop_workers();
    cascade.start_workers();
    still_replicates(&cascade, 5);
}

#[test]
fn c10_a_renaming_that_was_killed_goes_on() {
    let cascade = replicating("renamekill");
    // With three members the steps that are done on each are reached three times.
    let deaths = [
        "cascade.rename.known",
        "cascade.rename.known:3",
        "cascade.rename.subscribed",
        "cascade.rename.itself",
        "cascade.rename.told:2",
        "cascade.rename.told:3",
        "cascade.rename.forgotten",
        "cascade.rename.forgotten:2",
    ];
    let mut name = "branch".to_owned();
    for (nth, death) in deaths.iter().enumerate() {
        let next = format!("b{nth}");
        let killed =
            cascade["leaf"].try_londiste_with(&[("LONDISTE_FAULT", death)], &["rename-node", &name, &next]);
        assert!(killed.status.code().is_none(), "{death}: {}", killed.stderr);
        // Half-done it replicates, too.
        still_replicates(&cascade, 10 * nth as i32);
        cascade["root"].londiste(&["rename-node", &name, &next]);
        is_gone(&cascade, &name);
        still_replicates(&cascade, 10 * nth as i32 + 1);
        // Once more is once too often, and no harm.
        cascade["root"].londiste(&["rename-node", &name, &next]);
        name = next;
    }
}

#[test]
fn c10_names_that_are_taken_and_members_that_are_away_refuse_it() {
    let mut cascade = Cascade::new("renameno");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.create_leaf("away", "root");
    let refused = |args: &[&str], why: &str| {
        let ran = cascade["root"].try_londiste(args);
        assert_eq!(ran.status.code(), Some(1), "{args:?}");
        assert!(ran.stderr.contains(why), "{args:?}: {}", ran.stderr);
    };
    refused(&["rename-node", "leaf", "away"], "Node 'away' already exists");
    refused(
        &["rename-node", "nobody", "else"],
        "node \"nobody\" is not a member",
    );
    cascade["root"].psql(
        "select pgq_node.register_location('renameno', 'away', 'host=127.0.0.1 port=1 dbname=x user=u', false)",
    );
    let before = names(&cascade);
    refused(&["rename-node", "leaf", "new"], "not all members can be reached");
    assert_eq!(names(&cascade), before);
    cascade["root"].londiste(&["tag-dead", "away"]);
    refused(&["rename-node", "away", "new"], "node \"away\" is tagged as dead");
    cascade["root"].londiste(&["rename-node", "leaf", "new"]);
    assert_eq!(
        cascade["leaf"].psql("select node_name from pgq_node.node_info"),
        "new"
    );
}

#[test]
fn a_location_is_changed_from_any_node() {
    let cascade = replicating("moved");
    still_replicates(&cascade, 1);
    // The same database by another way.
    let other = format!("{} connect_timeout=30", cascade["branch"].connstr());
    cascade["leaf"].londiste(&["change-location", &other, "--node=branch"]);
    let known = "select node_location from pgq_node.node_location where node_name = 'branch'";
    cascade.wait_until("everybody to know the location", || {
        cascade.nodes().iter().all(|node| node.psql(known) == other)
    });
    still_replicates(&cascade, 2);
    // The old one is gone, and the leaf reads from there: it has to be told directly.
    cascade["leaf"].psql(
        "update pgq_node.node_location set node_location = 'host=127.0.0.1 port=1 dbname=x user=u' \
         where node_name = 'branch'",
    );
    let new = cascade["branch"].connstr();
    cascade["branch"].londiste(&["change-location", &new]);
    assert_eq!(cascade["leaf"].psql(known), new);
    still_replicates(&cascade, 3);

    let wrong = cascade["root"].connstr();
    let ran = cascade["leaf"].try_londiste(&["change-location", &wrong, "--node=branch"]);
    assert!(
        ran.stderr
            .contains("the connect string leads to node \"root\", not to \"branch\""),
        "{}",
        ran.stderr
    );
}

#[test]
fn c08_a_dead_node_is_tagged_as_alive_again() {
    let mut cascade = Cascade::new("alive");
    cascade.create_root("root");
    cascade.create_leaf("one", "root");
    cascade.create_leaf("two", "root");
    // Brings the map of members to all.
    cascade.start_workers();
    let known = "select count(*) from pgq_node.node_location";
    cascade.wait_until("everybody to know everybody", || {
        cascade.nodes().iter().all(|node| node.psql(known) == "3")
    });
    let dead = "select node_name from pgq_node.node_location where dead";
    cascade["one"].londiste(&["tag-dead", "two"]);
    assert_eq!(cascade["root"].psql(dead), "two");
    assert_eq!(cascade["one"].psql(dead), "two");
    cascade["one"].londiste(&["tag-alive", "two"]);
    cascade.wait_until("nobody to be dead", || {
        cascade.nodes().iter().all(|node| node.psql(dead).is_empty())
    });
    let itself = cascade["one"].try_londiste(&["tag-dead", "one"]);
    assert!(itself.stderr.contains("is the local node"), "{}", itself.stderr);
}

#[test]
fn a_node_that_only_the_root_knows_is_tagged_and_dropped() {
    let mut cascade = Cascade::new("unheard");
    cascade.create_root("root");
    cascade.create_leaf("one", "root");
    cascade.create_leaf("two", "root");
    // No worker has brought the news.
    assert_eq!(
        cascade["one"].psql("select count(*) from pgq_node.node_location where node_name = 'two'"),
        "0"
    );
    cascade["one"].londiste(&["tag-dead", "two"]);
    let dead = "select node_name from pgq_node.node_location where dead";
    assert_eq!(cascade["root"].psql(dead), "two");
    cascade["one"].londiste(&["tag-alive", "two"]);
    cascade["one"].londiste(&["drop-node", "two"]);
    assert_eq!(
        cascade["two"].psql("select count(*) from pgq_node.node_info"),
        "0"
    );
    let nobody = cascade["one"].try_londiste(&["drop-node", "three"]);
    assert!(
        nobody.stderr.contains("node \"three\" is not a member"),
        "{}",
        nobody.stderr
    );
}

#[test]
fn a_wait_says_that_the_worker_does_not_run() {
    let mut cascade = replicating("idlewait");
    cascade["leaf"].stop_worker();
    let ran = cascade["leaf"].try_londiste(&["wait-root", "--timeout=1"]);
    assert!(ran.stderr.contains("; its worker does not run"), "{}", ran.stderr);
    let ran = cascade["root"].try_londiste(&["pause", "--node=leaf", "--timeout=1"]);
    assert!(ran.stderr.contains("; it does not run"), "{}", ran.stderr);
}

#[test]
fn c14_a_tag_travels_with_the_location() {
    let mut cascade = Cascade::new("tagged");
    cascade.create_root("root");
    cascade.create_branch("branch", "root");
    cascade.create_leaf("leaf", "branch");
    let location = cascade["leaf"].connstr();
    cascade["root"].londiste(&["tag-dead", "branch"]);
    let sent = "select ev_extra2 is not null and ev_extra3 = 'true' from pgq.event_template \
                where ev_type = 'pgq.location-info' and ev_data = 'branch' order by ev_id desc limit 1";
    assert_eq!(cascade["root"].psql(sent), "t");
    assert_eq!(
        cascade["root"].psql("select node_location from pgq_node.node_location where node_name = 'leaf'"),
        location
    );
}

/// A worker that has handled the event of a location and then meets that of a table, beside add-table on the same node,
/// was a deadlock.
#[test]
fn whoever_changes_the_map_of_nodes_keeps_no_table_from_being_added() {
    let mut cascade = Cascade::new("maplock");
    cascade.create_root("root");
    let root = &cascade["root"];
    let held = root.hold(
        "select pgq_node.register_location('maplock', 'new', 'dbname=new', false);\
         select pgq_node.set_global_watermark('maplock', null);\
         select pgq_node.unregister_location('maplock', 'new')",
    );
    root.psql("set lock_timeout = '20s'; select londiste.global_add_table('maplock', 'public.t')");
    held.commit();
}

#[test]
fn consumers_are_shown_and_held_from_anywhere() {
    let cascade = replicating("held");
    let text = cascade["leaf"].londiste(&["show-consumers", "--node=branch"]);
    for words in [
        "Consumers that write into branch@held:",
        "held_branch      root ",
        "Consumers that read from branch@held:",
        ".leaf.watermark    leaf ",
        "held_leaf          leaf ",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let json = cascade["root"].londiste(&["show-consumers", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["node_consumers"][0]["consumer_name"], "held_root");

    let paused = "select paused from pgq_node.local_state where consumer_name = 'held_leaf'";
    cascade["root"].londiste(&["pause", "--node=leaf", "--timeout=120"]);
    assert_eq!(cascade["leaf"].psql(paused), "t");
    cascade["root"].londiste(&["resume", "--consumer=held_leaf", "--timeout=120"]);
    assert_eq!(cascade["leaf"].psql(paused), "f");
    let ran = cascade["root"].try_londiste(&["pause", "--consumer=nobody"]);
    assert!(
        ran.stderr
            .contains("no node that can be reached has a consumer \"nobody\""),
        "{}",
        ran.stderr
    );
}

#[test]
fn c12_a_paused_worker_ends_on_the_first_signal() {
    let mut cascade = replicating("pausedstop");
    cascade["leaf"].londiste(&["pause", "--timeout=120"]);
    // Returns when the process has ended, and fails when that needed more than SIGINT.
    cascade["leaf"].stop_worker();
    assert_eq!(
        cascade["leaf"].psql("select paused from pgq_node.local_state"),
        "t"
    );
}

#[test]
fn c04_waiting_behind_a_branch_needs_no_ticker() {
    let cascade = replicating("waits");
    cascade["root"].psql("insert into t values (1)");
    cascade["leaf"].londiste(&["wait-provider", "--timeout=120"]);
    cascade["leaf"].londiste(&["wait-root", "--timeout=120"]);
    assert_eq!(cascade["leaf"].psql("select count(*) from t"), "1");
}

#[test]
fn c11_every_node_tells_what_it_is() {
    let mut cascade = Cascade::new("whatis");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    for (node, provider) in [("root", "Provider: --"), ("leaf", "Provider: root")] {
        let text = cascade[node].londiste(&["node-info"]);
        assert!(text.starts_with(&format!("Node: {node}  Type: ")), "{text}");
        assert!(text.contains(provider), "{text}");
    }
}

#[test]
fn c23_a_consumer_is_not_moved_silently() {
    let mut cascade = Cascade::new("c23");
    cascade.create_root("root");
    let root = &cascade["root"];
    root.psql("select pgq_node.register_consumer('c23', 'reader', 'root', 1)");
    let said = |tick: i64| {
        let output = root
            .server
            .client("psql")
            .args(["-X", "-q", "-A", "-t", "-d"])
            .arg(root.connstr())
            .args([
                "-c",
                &format!("select * from pgq_node.register_consumer('c23', 'reader', 'root', {tick})"),
            ])
            .output()
            .unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (answer, notice) = said(1);
    assert_eq!(
        (answer.trim(), notice.as_str()),
        ("201|Consumer already registered: c23/reader", "")
    );
    let (answer, notice) = said(7);
    assert_eq!(answer.trim(), "201|Consumer already registered: c23/reader");
    assert!(
        notice.contains(
            "consumer reader of queue c23 was at tick 1 of node root and is put to tick 7 of node root"
        ),
        "{notice}"
    );
}
