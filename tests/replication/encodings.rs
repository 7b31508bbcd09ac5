//! Databases of different encodings, with text that both can hold; and what happens with text that one cannot.

use super::{assert_same, server_with_encoding};
use crate::support::cascade::{Cascade, Server};
use crate::support::{cluster, wait::wait_for};

const TEXT: &str = "großes Ärgernis: ÿ ¿ « » ½ × \\ % & = + 'q' \"d\" é";

fn fill(from: i32) -> String {
    format!(
        "insert into \"Größe é\" select i, 'größe & ' || i, $x${TEXT}$x$, array['ä', null, 'ö\"'], \
            '{{\"ä\": \"é\\u00e9\"}}', 'ö', '<a>ü</a>' from generate_series({from}, {from} + 9) i;"
    )
}

/// The rows go down from `above` to `below` in all three formats.
fn check(queue: &str, above: &str, below: &str) {
    let mut cascade = Cascade::new(queue);
    let server = |encoding: &str| match encoding {
        "UTF8" => Server::Shared(cluster()),
        other => server_with_encoding(other),
    };
    cascade.create("root", "root", server(above), None);
    cascade.create("leaf", "leaf", server(below), Some("root"));
    cascade.start_workers();
    for flags in ["", "--trigger-flags=J", "--trigger-flags=Q"] {
        cascade.psql_all(
            "drop table if exists \"Größe é\"; create table \"Größe é\" (id int, \"Schlüssel\" text, \"Wört\" text, \
             a text[], j json, c char(3), x xml, primary key (\"Schlüssel\", id));",
        );
        cascade["root"].psql(&fill(1));
        let mut args = vec!["add-table", "Größe é"];
        args.extend((!flags.is_empty()).then_some(flags));
        cascade["root"].londiste(&args);
        cascade["leaf"].londiste(&["add-table", "Größe é"]);
        cascade.wait_in_sync();
        cascade["root"].psql(&fill(100));
        cascade["root"].psql(
            "update \"Größe é\" set \"Wört\" = 'ñ' || id, a = null where id % 3 = 0; \
             update \"Größe é\" set \"Schlüssel\" = 'è' || id where id % 3 = 1; delete from \"Größe é\" where id % 5 = 0",
        );
        cascade.wait_caught_up();
        assert_same(&cascade, "select * from public.\"Größe é\" order by id");
        cascade["leaf"].londiste(&["remove-table", "Größe é"]);
        cascade["root"].londiste(&["remove-table", "Größe é"]);
    }
}

#[test]
fn from_latin1_to_utf8() {
    check("latin_utf", "LATIN1", "UTF8");
}

#[test]
fn from_utf8_to_latin1() {
    check("utf_latin", "UTF8", "LATIN1");
}

#[test]
fn a_character_that_the_leaf_lacks_stops_it_with_a_reason() {
    let mut cascade = Cascade::new("lacking");
    cascade.create_root("root");
    cascade.create("leaf", "leaf", server_with_encoding("LATIN1"), Some("root"));
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["root"].psql("insert into t values (1, 'plain'), (2, '漢')");
    wait_for(
        "the leaf to say why it stands",
        crate::support::cascade::LIMIT,
        || {
            cascade["leaf"]
                .log()
                .contains("has no equivalent in encoding \"LATIN1\"")
                .then_some(())
        },
    );
    cascade["leaf"].psql("select 1");
    let error = cascade["leaf"].psql("select cur_error from pgq_node.local_state");
    assert!(error.contains("event ") && error.contains("public.t"), "{error}");
}

#[test]
fn sql_ascii_carries_utf8() {
    let mut cascade = Cascade::new("ascii");
    cascade.create("root", "root", server_with_encoding("SQL_ASCII"), None);
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade["root"].psql("insert into t values (1, 'größe')");
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["root"].psql("insert into t values (2, 'ä%+é 漢'); update t set v = v || 'ß' where id = 1");
    cascade.wait_caught_up();
    assert_same(&cascade, "select * from public.t order by id");
    // Bytes that are no text in any encoding cannot be carried: the node stands and says so.
    cascade["root"].psql(r"insert into t values (3, e'\xff\xfe')");
    wait_for(
        "the leaf to say why it stands",
        crate::support::cascade::LIMIT,
        || {
            (!cascade["leaf"]
                .psql("select cur_error from pgq_node.local_state")
                .is_empty())
            .then_some(())
        },
    );
}
