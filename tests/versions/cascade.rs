//! A root and a leaf on servers of different versions: copy, replay, truncate, generated columns, changing keys.

use super::{newest, oldest};
use crate::support::cascade::{Cascade, Server, TestRole};
use crate::support::{Cluster, cluster};

const TABLES: &[&str] = &["plain", "several", "generated", "\"Odd, name\"", "emptied"];

const STRUCTURE: &str = "
    create table plain (id int primary key, v text, f float8, n numeric, t timestamptz, j jsonb, x bytea, a text[]);
    create table several (v text, b text, a int, primary key (b, a));
    create table generated (id int generated always as identity primary key, w int, h int,
        area int generated always as (w * h) stored);
    create table \"Odd, name\" (\"Key %\" text primary key, \"select\" text);
    create table emptied (id int primary key, v text);";

const ROWS: &str = "
    insert into plain select i, 'v' || i, i / 3.0, i / 7.0, timestamptz '2024-02-29 12:00+00' + i * interval '1 hour',
        jsonb_build_object('i', i, 'quote', '\"\\'), decode('00ff5c', 'hex'), array['a', null, 'b,c', i::text]
        from generate_series(1, 500) i;
    insert into several select 'v' || i, 'k ' || i, i % 3 from generate_series(1, 50) i;
    insert into generated (w, h) select i, i + 1 from generate_series(1, 50) i;
    insert into \"Odd, name\" select 'key & ' || i, E'tab\\t, \\\\N, 100%' from generate_series(1, 50) i;
    insert into emptied select i, 'old' from generate_series(1, 50) i;";

const CHANGES: &str = "
    insert into plain values (1000, null, 'NaN', 'NaN', 'infinity', 'null', '', '{}'), (1001, '', '-infinity', 0.1::float8,
        '0044-03-15 BC', '[]', null, null);
    update plain set v = v || E'\\n', f = f * 1.1, x = x || x where id % 3 = 0;
    delete from plain where id % 10 = 1;
    update plain set id = -id where id between 20 and 30;
    update several set b = b || ' moved', a = a + 1 where a = 1;
    update several set v = null where a = 0;
    update generated set w = w + 1 where id % 2 = 0;
    insert into generated (w, h) values (7, 8), (null, 1);
    delete from generated where id = 3;
    update \"Odd, name\" set \"Key %\" = 'moved ' || \"Key %\", \"select\" = null where \"Key %\" like '%5';
    truncate emptied;
    insert into emptied values (1, 'new');";

fn replicate(queue: &str, root: &'static Cluster, leaf: &'static Cluster) {
    let mut cascade = Cascade::new(queue);
    cascade.create("root", "root", Server::Shared(root), None);
    cascade.create("leaf", "leaf", Server::Shared(leaf), Some("root"));
    cascade.psql_all(STRUCTURE);
    cascade["root"].psql(ROWS);
    cascade.start_pgqd();
    cascade.start_workers();
    for table in TABLES {
        cascade.add_table(table.trim_matches('"'));
    }
    cascade.wait_in_sync();
    check(&cascade);
    cascade["root"].psql(CHANGES);
    cascade.wait_caught_up();
    check(&cascade);
    assert_eq!(cascade["leaf"].psql("select v from emptied"), "new");
    cascade["leaf"].londiste(&["compare"]);

    // Once more with events of the other triggers, and a copy in place of rows that are there.
    for (table, flags) in [("plain", "--trigger-flags=J"), ("several", "--trigger-flags=Q")] {
        cascade["leaf"].londiste(&["remove-table", table]);
        cascade["root"].londiste(&["remove-table", table]);
        cascade.wait_caught_up();
        cascade["root"].londiste(&["add-table", table, flags]);
        cascade["leaf"].londiste(&["add-table", table]);
    }
    cascade.wait_in_sync();
    cascade["root"].psql("update plain set v = 'again', id = id + 5000; update several set a = a + 7, v = b");
    cascade.wait_caught_up();
    check(&cascade);
    cascade.stop_workers();
}

#[track_caller]
fn check(cascade: &Cascade) {
    for table in TABLES {
        cascade.assert_equal(table);
    }
    cascade.assert_no_stray_consumers();
}

#[test]
fn from_the_oldest_to_the_newest() {
    replicate("upward", oldest(), newest());
}

#[test]
fn from_the_newest_to_the_oldest() {
    replicate("downward", newest(), oldest());
}

/// One cascade over three versions, with every step between them: older below newer and newer below older.
fn mixed(role: TestRole, queue: &str) {
    let mut cascade = Cascade::new_as(role, queue);
    for (kind, name, server, provider) in [
        ("root", "root15", cluster(), None),
        ("branch", "b12", oldest(), Some("root15")),
        ("branch", "b18", newest(), Some("root15")),
        ("leaf", "leaf18", newest(), Some("b12")),
        ("leaf", "leaf15", cluster(), Some("b12")),
        ("branch", "c12", oldest(), Some("b18")),
        ("leaf", "leaf12", oldest(), Some("c12")),
    ] {
        cascade.create(kind, name, Server::Shared(server), provider);
    }
    cascade.psql_all(STRUCTURE);
    cascade["root15"].psql(ROWS);
    cascade.start_workers();
    for table in TABLES {
        cascade.add_table(table.trim_matches('"'));
    }
    cascade.wait_in_sync();
    cascade["b18"].worker().kill9();
    cascade["root15"].psql(CHANGES);
    cascade["root15"].psql("select pgq.force_tick(queue_name), pgq.ticker(queue_name) from pgq.queue");
    cascade["root15"].psql("update plain set v = 'late' where id % 5 = 0");
    cascade["b18"].start_worker();
    cascade.wait_caught_up();
    check(&cascade);
    assert!(cascade.assert_same_ticks() > 5);
    cascade.stop_workers();
}

#[test]
fn three_versions_in_one_cascade() {
    mixed(TestRole::Super, "mixed");
}

#[test]
fn three_versions_in_one_cascade_without_superusers() {
    mixed(TestRole::Plain, "mixed_plain");
}
