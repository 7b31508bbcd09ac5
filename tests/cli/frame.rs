//! What is common to all commands: finding job file and command, versions, help, refusals before anything happens.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Node, londiste, show};
use crate::support::cascade::LIMIT;
use crate::support::wait::wait_for;

fn run(args: &[&str]) -> String {
    show(&londiste(args).output().unwrap())
}

#[test]
fn without_arguments_a_command_is_asked_for() {
    insta::assert_snapshot!(run(&[]), @r#"
    [exit 1]
    ! error: need command
    ! hint: "londiste -h" lists the commands
    "#);
}

#[test]
fn the_version_can_be_read_by_scripts_of_the_ancestor() {
    insta::assert_snapshot!(run(&["-V"]), @r#"
    [exit 0]
    londiste, Skytools version 3.11 (londiste 0.1.0)
    "#);
    assert_eq!(run(&["x.ini", "status", "--version"]), run(&["-V"]));
}

#[test]
fn short_help() {
    insta::assert_snapshot!(run(&["-h"]), @r#"
    [exit 0]
    Replicates tables between PostgreSQL databases through PgQ.

    Usage: londiste [OPTIONS] [INI] COMMAND [ARGS]

    Node initialization:    create-root create-branch create-leaf
    Node administration:    status node-status node-info members show-consumers
                            pause resume wait-root wait-provider
    Tables and sequences:   add-table remove-table tables missing resync wait-sync
                            parked on-error check fkeys add-seq remove-seq seqs
    Comparing rows:         compare
    Queues:                 queue
    Cascade layout:         change-provider takeover resurrect continue undo
                            drop-node tag-dead tag-alive rename-node
                            change-location
    Replication daemon:     worker copy
    Set-up:                 install completion

      --config FILE   job file (INI)           -d, --daemon   go to the background
      --ini           print a sample of one    -r, --reload   re-read the job file
      --set KEY=VAL   override a key           -s, --stop     stop after the batch
      -q, --quiet     log less                 -k, --kill     stop at once
      -v, --verbose   log more                 -V, --version  print the version

    "londiste COMMAND -h" tells about one command, "londiste --help" everything.
    "#);
}

#[test]
fn long_help_names_every_option() {
    let text = run(&["--help"]);
    assert!(text.starts_with("[exit 0]\n"), "{text}");
    for option in [
        "--config",
        "--set",
        "--quiet",
        "--verbose",
        "--daemon",
        "--reload",
        "--stop",
        "--kill",
        "--ini",
    ] {
        assert!(text.contains(option), "{option}\n{text}");
    }
}

#[test]
fn an_unknown_command_names_the_nearest() {
    insta::assert_snapshot!(run(&["x.ini", "statsu"]), @r#"
    [exit 1]
    ! error: unknown command 'statsu'
    ! hint: did you mean "status"?
    "#);
    insta::assert_snapshot!(run(&["creat-leaf", "n1"]), @r#"
    [exit 1]
    ! error: unknown command 'creat-leaf'
    ! hint: did you mean "create-leaf"?
    "#);
    insta::assert_snapshot!(run(&["statsu"]), @r#"
    [exit 1]
    ! error: unknown command 'statsu'
    ! hint: did you mean "status"?
    "#);
}

#[test]
fn an_unknown_option_exits_2() {
    insta::assert_snapshot!(run(&["x.ini", "status", "--bogus"]), @r#"
    [exit 2]
    ! error: unexpected argument '--bogus' found
    !
    ! Usage: londiste status --config <FILE>
    !
    ! For more information, try '--help'.
    "#);
}

#[test]
fn a_missing_job_file_is_named() {
    insta::assert_snapshot!(run(&["no/such.ini", "status"]), @r#"
    [exit 1]
    ! error: config file "no/such.ini" cannot be read: No such file or directory (os error 2)
    "#);
    insta::assert_snapshot!(run(&["status"]), @r#"
    [exit 1]
    ! error: no job file: no-such-directory has no londiste.ini and no other ini file with a section [londiste]
    ! hint: name one with --config FILE or in LONDISTE_CONFIG; "londiste --ini" prints a sample
    "#);
}

#[test]
fn a_job_file_without_the_section_is_refused() {
    let node = Node::new("section");
    node.write_ini("[londiste3]\ndb = x\nqueue_name = q\n");
    insta::assert_snapshot!(node.run(&["status"]), @r#"
    [exit 1]
    ! error: DIR/section.ini: there is no section [londiste]
    ! detail: line 1 has [londiste3], the name of SkyTools 3
    ! hint: change line 1 from [londiste3] to [londiste]; the keys stay as they are
    "#);
}

#[test]
fn set_wins_over_the_file() {
    let node = Node::new("override");
    insta::assert_snapshot!(node.run(&["status", "--set", "queue_name=other"]), @r#"
    [exit 0]
    Queue: other   Local node: None

    ! hint: make a node with create-root, create-branch or create-leaf
    "#);
    insta::assert_snapshot!(node.run(&["status", "--set", "nonsense"]), @r#"
    [exit 2]
    ! error: invalid value 'nonsense' for '--set <KEY=VAL>': expected KEY=VAL
    !
    ! For more information, try '--help'.
    "#);
}

#[test]
fn the_job_file_may_come_from_the_environment_or_an_option() {
    let node = Node::new("places");
    let want = node.run(&["status"]);
    let ini = node.ini();
    let by_option = londiste(&["status", "--config", ini.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(node.show(&by_option), want);
    let by_variable = londiste(&["status"])
        .env("LONDISTE_CONFIG", &ini)
        .output()
        .unwrap();
    assert_eq!(node.show(&by_variable), want);
    std::fs::copy(&ini, node.dir().join("londiste.ini")).unwrap();
    let by_folder = londiste(&["status"])
        .env("LONDISTE_CONFIG_DIR", node.dir())
        .output()
        .unwrap();
    assert_eq!(node.show(&by_folder), want);
}

#[test]
fn a_dead_server_is_named() {
    let node = Node::new("dead");
    node.write_ini(
        "[londiste]\ndb = host=127.0.0.1 port=1 dbname=x user=u password=geheim\nqueue_name = replika\n",
    );
    insta::assert_snapshot!(node.run(&["status"]), @r#"
    [exit 1]
    ! error: DIR/dead.ini: key "db": cannot connect to database "x" at host "127.0.0.1", port 1, as user "u": Connection refused (os error 111)
    ! hint: is the server running on that host and accepting TCP/IP connections?
    "#);
}

#[test]
fn a_missing_database_is_named() {
    let node = Node::new("missing");
    node.write_ini(&format!(
        "[londiste]\ndb = {}\nqueue_name = replika\n",
        node.db.connstr().replace(node.db.name(), "no_such_db")
    ));
    insta::assert_snapshot!(node.run(&["status"]), @r#"
    [exit 1]
    ! error: DIR/missing.ini: key "db": cannot connect to database "no_such_db" at socket directory "SOCKET", port PORT, as user "postgres": database "no_such_db" does not exist
    ! hint: is the database name right? To create it: createdb no_such_db
    "#);
}

#[test]
fn only_services_go_to_the_background() {
    let node = Node::new("background");
    insta::assert_snapshot!(node.run(&["-d", "status"]), @r#"
    [exit 2]
    ! error: only worker and copy can go to the background (-d)
    "#);
}

#[test]
fn signals_need_no_command_and_a_dead_worker_is_a_warning() {
    let node = Node::new("signals");
    for option in ["-s", "--stop", "-k", "-r", "--reload"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(node.run(&[option]), @r#"
            [exit 0]
            ! warning: pidfile DIR/job.pid does not exist, nothing is running
            "#);
        }
    }
    let node = Node::new("nopid");
    node.write_ini("[londiste]\ndb = dbname=x\nqueue_name = replika\n");
    insta::assert_snapshot!(node.run(&["-s"]), @r#"
    [exit 0]
    ! warning: no pidfile in DIR/nopid.ini
    "#);
}

#[test]
fn the_sample_job_file_is_one() {
    let node = Node::new("sample");
    let output = londiste(&["--ini", "--set", "queue_name=shop"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nqueue_name = shop\n"), "{text}");
    node.write_ini(&text);
    let again = node.run(&["-s"]);
    assert!(again.starts_with("[exit 0]"), "{again}");
}

#[test]
fn one_changing_command_at_a_time() {
    let node = Node::root("locked");
    std::fs::write(
        node.dir().join("job.pid.admin"),
        format!("{}\n", std::process::id()),
    )
    .unwrap();
    let mut text = node.run(&["resume"]);
    text = text.replace(&std::process::id().to_string(), "PID");
    insta::assert_snapshot!(text, @r#"
    [exit 1]
    ! error: Pidfile exists, another process running?
    ! detail: pid file "DIR/job.pid.admin", process PID
    "#);
    // Looking is free.
    assert!(node.run(&["status"]).starts_with("[exit 0]"));
}

#[test]
fn a_wrong_password_is_told_from_a_dead_server() {
    let cluster = crate::support::Cluster::start();
    cluster.create_database("shop");
    cluster.psql("shop", "create role u login password 'right'");
    cluster.set_hba(&["local all all trust", "host all all all scram-sha-256"]);
    let node = Node::new("password");
    node.write_ini(&format!(
        "[londiste]\ndb = host=127.0.0.1 port={} dbname=shop user=u password=wrong-secret\nqueue_name = replika\n",
        cluster.port()
    ));
    let text = node.run(&["status"]).replace(&cluster.port().to_string(), "PORT");
    insta::assert_snapshot!(text, @r#"
    [exit 1]
    ! error: DIR/password.ini: key "db": cannot connect to database "shop" at host "127.0.0.1", port PORT, as user "u": password authentication failed for user "u"
    ! hint: is the password in the connection string or PGPASSWORD right?
    "#);
    assert!(!text.contains("wrong-secret"));
}

#[tokio::test]
async fn a_stopped_command_leaves_no_statement_behind() {
    let root = Node::root("node1");
    root.db.psql("create table orders (id int primary key)");
    let (holder, connection) = tokio_postgres::connect(&root.db.connstr(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    holder.batch_execute("begin; lock table orders").await.unwrap();
    let waiting = format!(
        "select count(*) from pg_stat_activity where datname = '{}' and wait_event_type = 'Lock'",
        root.db.name()
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let ini = root.ini();
        let mut command = londiste(&[
            ini.to_str().unwrap(),
            "--set",
            "lock_timeout=0",
            "add-table",
            "orders",
        ]);
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        wait_for("the command to wait for the lock", LIMIT, || {
            (root.db.psql(&waiting) == "1").then_some(())
        });
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = root.show(&output);
        assert!(
            text.starts_with("[exit 1]\n") && text.ends_with("! stopped: stop was asked for\n"),
            "{text}"
        );
        assert_eq!(root.db.psql(&waiting), "0");
    }
    drop(holder);
}

#[test]
fn commands_of_the_ancestor_that_are_still_to_come_are_named_as_such() {
    insta::assert_snapshot!(run(&["x.ini", "repair"]), @r#"
    [exit 1]
    ! error: command 'repair' of Londiste 3 is not in this version yet
    ! hint: "londiste -h" lists the commands
    "#);
}
