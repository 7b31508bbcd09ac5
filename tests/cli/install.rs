//! install, completion.

use std::io::Write as _;
use std::process::Stdio;

use super::{Node, londiste};

const SCHEMAS: &str = "select string_agg(nspname, ' ' order by nspname) from pg_namespace \
                       where nspname ~ '^(pgq|londiste)'";

/// Everything that installation may change, as one digest.
const STATE: &str = "select md5(string_agg(line, '|' order by line)) from (\
     select 'f' || p.oid || p.xmin::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
     where n.nspname ~ '^(pgq|londiste)' \
     union all select 'r' || c.oid || c.xmin::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where n.nspname ~ '^(pgq|londiste)' \
     union all select 'c' || schema_name || version || xmin::text from londiste_rs.component) as s (line)";

#[test]
fn everything_and_then_nothing() {
    let node = Node::new("install");
    insta::assert_snapshot!(node.run(&["install", &node.location()]), @r#"
    [exit 0]
    ! INFO Installing londiste_rs
    ! INFO Installing pgq
    ! INFO Installing pgq_ext
    ! INFO Installing pgq_coop
    ! INFO Installing pgq_node
    ! INFO Installing londiste
    ! INFO Installing logtriga
    ! INFO 7 schema(s) installed or upgraded (host=SOCKET port=PORT dbname=install user=postgres)
    "#);
    let state = node.db.psql(STATE);
    insta::assert_snapshot!(node.run(&["install"]), @r#"
    [exit 0]
    ! INFO londiste_rs is installed
    ! INFO pgq is installed
    ! INFO pgq_ext is installed
    ! INFO pgq_coop is installed
    ! INFO pgq_node is installed
    ! INFO londiste is installed
    ! INFO logtriga is installed
    ! INFO Nothing to do: all schemas are there (host=SOCKET port=PORT dbname=install user=postgres)
    "#);
    assert_eq!(node.db.psql(STATE), state);
}

#[test]
fn a_schema_comes_with_what_it_needs_and_no_more() {
    let node = Node::new("only");
    node.must(&["install", "--only", "pgq"]);
    assert_eq!(node.db.psql(SCHEMAS), "londiste_rs pgq");
    node.must(&["install", "--only=pgq_node,pgq"]);
    assert_eq!(node.db.psql(SCHEMAS), "londiste_rs pgq pgq_node");
    insta::assert_snapshot!(node.run(&["install", "--only=pgk"]), @r#"
    [exit 2]
    ! error: there is no schema "pgk" to install
    ! hint: known are londiste_rs, pgq, pgq_ext, pgq_coop, pgq_node, londiste, logtriga
    "#);
}

#[test]
fn no_job_file_is_needed() {
    let node = Node::new("nofile");
    let output = londiste(&["install", &node.location()]).output().unwrap();
    assert!(output.status.success(), "{}", node.show(&output));
    let node = Node::new("pgenv");
    let cluster = node.db.cluster();
    let output = londiste(&["install", "-q"])
        .env("PGHOST", cluster.socket_dir())
        .env("PGPORT", cluster.port().to_string())
        .env("PGUSER", node.db.psql("select current_user"))
        .env("PGDATABASE", node.db.name())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", node.show(&output));
    assert_eq!(node.show(&output), "[exit 0]\n");
}

#[test]
fn printed_sql_does_the_same_and_may_run_again() {
    let node = Node::new("print");
    let printed = node.output(&["install", "--print"]).stdout;
    let pipe = || {
        let mut psql = node.db.cluster().client("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &node.location()]);
        let mut child = psql
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&printed).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    };
    pipe();
    let state = node.db.psql(STATE);
    pipe();
    assert_eq!(node.db.psql(STATE), state);
    // The other way finds everything done.
    let text = node.run(&["install"]);
    assert!(text.contains("Nothing to do"), "{text}");
    assert_eq!(node.db.psql(STATE), state);
}

#[test]
fn what_is_not_ours_stays_untouched() {
    let node = Node::new("foreign");
    node.db.psql("create schema pgq; create table pgq.mine (id int)");
    insta::assert_snapshot!(node.run(&["install", "--only=pgq"]), @r#"
    [exit 0]
    ! INFO Installing londiste_rs
    ! INFO pgq is installed
    ! INFO 1 schema(s) installed or upgraded (host=SOCKET port=PORT dbname=foreign user=postgres)
    "#);
    assert_eq!(
        node.db
            .psql("select count(*) from pg_class where relnamespace = 'pgq'::regnamespace"),
        "1"
    );
}

#[test]
fn an_older_text_of_ours_is_upgraded() {
    let node = Node::new("older");
    node.must(&["install"]);
    node.db.psql(
        "update londiste_rs.component set version = '0.0.1-12345678' where schema_name = 'pgq_node';\
         drop function pgq_node.version()",
    );
    insta::assert_snapshot!(node.run(&["install"]), @r#"
    [exit 0]
    ! INFO londiste_rs is installed
    ! INFO pgq is installed
    ! INFO pgq_ext is installed
    ! INFO pgq_coop is installed
    ! INFO Upgrading pgq_node
    ! INFO londiste is installed
    ! INFO logtriga is installed
    ! INFO 1 schema(s) installed or upgraded (host=SOCKET port=PORT dbname=older user=postgres)
    "#);
    assert_eq!(node.db.psql("select pgq_node.version() is not null"), "t");
    node.db
        .psql("update londiste_rs.component set version = '999.0.0-12345678' where schema_name = 'pgq_node'");
    insta::assert_snapshot!(node.run(&["install", "--only=pgq_node"]), @r#"
    [exit 0]
    ! INFO londiste_rs is installed
    ! INFO pgq is installed
    ! WARNING pgq_node is installed by a newer londiste, left as it is
    ! INFO Nothing to do: all schemas are there (host=SOCKET port=PORT dbname=older user=postgres)
    "#);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let node = Node::new("halfway");
    // A table in the way of one schema: none of the others stays.
    node.db
        .psql("create schema londiste_rs; create view londiste_rs.component as select 1 as schema_name");
    let text = node.run(&["install"]);
    assert!(text.starts_with("[exit 1]"), "{text}");
    assert_eq!(node.db.psql(SCHEMAS), "londiste_rs");
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = londiste(&["completion", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("create-leaf") && text.contains("sync-watermark"),
            "{shell}"
        );
    }
    insta::assert_snapshot!(super::show(&londiste(&["completion", "csh"]).output().unwrap()), @r#"
    [exit 2]
    ! error: invalid value 'csh' for '<SHELL>'
    !   [possible values: bash, zsh, fish]
    !
    !   tip: a similar value exists: 'zsh'
    !
    ! For more information, try '--help'.
    "#);
}
