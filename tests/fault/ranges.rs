//! Copies in ranges: killed, resumed with other snapshots, started over, taken away; both ends are equal afterwards.

use std::sync::Arc;

use crate::support::Cluster;
use crate::support::cascade::{Cascade, LIMIT, Server};
use crate::support::random::Random;

const ROWS: u64 = 20_000;

/// A table of about forty ranges, with a second unique index and one that is not.
const BIG: &str = "create table big (id int primary key, u int not null, k text, v text, \
        constraint big_u unique (u) deferrable initially deferred); \
     create index big_k on big (k) where id > 5; \
     comment on index big_k is 'kept'";

const FILL: &str =
    "insert into big select i, i, 'k' || i % 100, repeat('v', 80) || i from generate_series(1, 20000) i";

/// Changes of every kind: rows move between blocks, with and without an event of theirs.
const CHANGES: &str = "update big set v = v || 'x' where id % 7 = 0; \
     delete from big where id % 13 = 0; \
     update big set v = v where id % 11 = 0; \
     update big set id = id + 100000 where id % 1000 = 3; \
     delete from big where id % 500 = 7; \
     insert into big select i, i, 'again', 'same key' from generate_series(7, 20000, 500) i where i % 13 > 0; \
     begin; \
     update big set u = u + 1 where id between 100 and 200; \
     update big set u = 100 where u = 201 and id = 201; \
     commit; \
     insert into big select i, i, 'new', repeat('n', 90) from generate_series(200001, 200500) i; \
     delete from big where id between 200001 and 200100";

fn pair(queue: &str, keys: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade["leaf"].configure(&format!("copy_streams = 2\n{keys}"));
    cascade["root"].start_worker();
    cascade
}

/// Starts the leaf's worker and waits until it has died at `fault`.
fn die_at(cascade: &mut Cascade, fault: &str) {
    let leaf = &mut cascade["leaf"];
    leaf.start_worker_to_die_at(fault);
    leaf.worker().wait_killed(LIMIT);
    let name = fault.split(':').next().unwrap_or(fault);
    assert!(leaf.log().contains(&format!("fault point {name} reached")));
}

/// Rows that the last copy of the log brought in.
fn copied(log: &str) -> u64 {
    let line = log
        .lines()
        .rev()
        .find(|line| line.contains("copy finished:"))
        .expect("a copy has finished");
    let before = line.split(" rows").next().expect("the line has rows");
    before
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no number of rows in {line}"))
}

fn wait_equal(cascade: &mut Cascade, table: &str) {
    cascade.start_workers();
    cascade.wait_in_sync();
    cascade["root"].psql(&format!(
        "delete from {table} where ctid = (select min(ctid) from {table})"
    ));
    cascade.wait_caught_up();
    cascade.assert_equal(table);
    cascade.assert_no_stray_consumers();
    let leaf = &cascade["leaf"];
    for kept in ["copy_run", "copy_range", "copy_object"] {
        assert_eq!(
            leaf.psql(&format!("select count(*) from londiste_rs.{kept}")),
            "0",
            "{kept}"
        );
    }
}

#[test]
fn a_kill_at_seventy_percent_does_not_start_at_zero() {
    let mut cascade = pair("r_resume", "copy_chunk_size = 64 kB");
    cascade.psql_all(BIG);
    cascade["root"].psql(FILL);
    let structure = cascade["root"].structure("big");
    cascade.add_table("big");
    die_at(&mut cascade, "copy.range.committed:28");
    let root = &cascade["root"];
    let here: u64 = cascade["leaf"]
        .psql("select count(*) from big")
        .parse()
        .expect("a number");
    assert!(
        here > ROWS * 6 / 10 && here < ROWS * 9 / 10,
        "{here} rows after 28 ranges"
    );
    root.psql(CHANGES);
    wait_equal(&mut cascade, "big");
    let leaf = &cascade["leaf"];
    let log = leaf.log();
    assert!(
        log.contains(&format!("with {here} rows are here already")),
        "{here}"
    );
    let rest = copied(&log);
    assert!(rest <= ROWS - here, "{rest} rows were copied after {here}");
    assert!(!log.contains("starts over"));
    assert_eq!(leaf.structure("big"), structure);
    assert_eq!(leaf.psql("select obj_description('big_k'::regclass)"), "kept");
}

#[test]
fn a_copy_takes_new_snapshots_under_load() {
    let mut cascade = pair("r_age", "copy_chunk_size = 64 kB\ncopy_snapshot_age = 0.02");
    cascade.psql_all(BIG);
    cascade["root"].psql(FILL);
    let script = cascade.path("load.sql");
    std::fs::write(
        &script,
        "\\set id random(1, 20000)\n\\set other random(1, 20000)\n\
         begin;\n\
         update big set v = v || 'y' where id = :id;\n\
         delete from big where id = :other;\n\
         insert into big select :other, :other, 'k', 'new' where not exists (select 1 from big where id = :other);\n\
         end;\n\
         update big set v = v where id = :other;\n",
    )
    .expect("write a script");
    let script = script.to_str().expect("a path in UTF-8").to_owned();
    let load = cascade["root"].start_pgbench(&["-c", "2", "-T", "600", "-R", "100", "-f", &script]);
    cascade.add_table("big");
    die_at(&mut cascade, "copy.delta.before-commit");
    cascade.start_workers();
    cascade.wait_in_sync();
    load.end();
    wait_equal(&mut cascade, "big");
    assert!(cascade["leaf"].log().contains("older than copy_snapshot_age"));
}

#[test]
fn what_cannot_be_resumed_starts_over() {
    let mut cascade = pair("r_over", "copy_chunk_size = 64 kB");
    cascade.psql_all(&format!("{BIG}; create table keyless (id int, v text)"));
    let root = &cascade["root"];
    root.psql(FILL);
    root.psql("insert into keyless select i, repeat('v', 90) from generate_series(1, 20000) i");
    cascade.add_table_with("keyless", &["--trigger-flags=I"]);
    die_at(&mut cascade, "copy.range.committed:20");
    cascade["root"].psql("insert into keyless values (0, 'late')");
    cascade.start_workers();
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    cascade.assert_equal("keyless");
    assert!(
        cascade["leaf"]
            .log()
            .contains("without the same primary key on both sides can be copied in one go only")
    );

    cascade["leaf"].stop_worker();
    cascade.add_table("big");
    die_at(&mut cascade, "copy.range.committed:20");
    cascade["root"].psql("delete from big where id % 2 = 0");
    cascade["root"].psql("vacuum full big");
    wait_equal(&mut cascade, "big");
    assert!(
        cascade["leaf"]
            .log()
            .contains("was rewritten or emptied on the source")
    );
}

#[test]
fn a_table_that_is_taken_out_of_its_copy_is_whole() {
    let mut cascade = pair("r_out", "copy_chunk_size = 64 kB");
    cascade.psql_all(BIG);
    cascade["root"].psql(FILL);
    let structure = cascade["root"].structure("big");
    cascade.add_table("big");
    for fault in ["copy.range.committed:20", "copy.index.committed"] {
        die_at(&mut cascade, fault);
        let leaf = &cascade["leaf"];
        assert_ne!(leaf.structure("big"), structure, "indexes at {fault}");
        leaf.londiste(&["resync", "big"]);
        assert_eq!(
            leaf.structure("big"),
            structure,
            "indexes after resync at {fault}"
        );
        die_at(&mut cascade, fault);
        let leaf = &cascade["leaf"];
        leaf.londiste(&["remove-table", "big"]);
        assert_eq!(
            leaf.structure("big"),
            structure,
            "indexes after remove-table at {fault}"
        );
        leaf.londiste(&["add-table", "big"]);
    }
    wait_equal(&mut cascade, "big");
    assert_eq!(cascade["leaf"].structure("big"), structure);
}

#[test]
fn types_of_users_are_copied_in_ranges() {
    let mut cascade = pair("r_kinds", "copy_chunk_size = 64 kB");
    cascade.psql_all(
        "create type mood as enum ('sad', 'ok'); create domain small as int check (value < 1000000); \
         create table kinds (id bigint primary key, m mood, s small, c regclass, n numeric, t timestamptz, a int[], j jsonb, \
             g int generated always as (s * 2) stored, i int generated always as identity);",
    );
    cascade["root"].psql(
        "insert into kinds (id, m, s, c, n, t, a, j) select i, 'ok', i, 'kinds', i / 7.0, now(), array[i, null], '{\"a\": 1}' \
           from generate_series(1, 5000) i",
    );
    cascade.add_table("kinds");
    die_at(&mut cascade, "copy.range.committed:5");
    cascade["root"].psql(
        "update kinds set m = 'sad', n = 'NaN' where id % 3 = 0; delete from kinds where id % 5 = 0; \
         update kinds set id = id + 100000 where id % 100 = 1",
    );
    wait_equal(&mut cascade, "kinds");
    assert!(cascade["leaf"].log().contains("rows are here already"));
    assert!(!cascade["leaf"].log().contains("starts over"));
}

#[test]
fn rows_that_do_not_fit_leave_the_definition_whole() {
    let mut cascade = pair("r_unfit", "copy_chunk_size = 64 kB");
    cascade.psql_all("create table big (id int primary key, u int not null, v text)");
    cascade["root"].psql("insert into big select i, i / 2, repeat('v', 80) from generate_series(1, 10000) i");
    cascade["leaf"].psql("alter table big add constraint only_here unique (u)");
    let structure = cascade["leaf"].structure("big");
    cascade.add_table("big");
    cascade.start_workers();
    let leaf = &cascade["leaf"];
    cascade.wait_until("the copy to find that its rows do not fit", || {
        leaf.log()
            .contains("\"only_here\" of table \"public.big\" cannot be put back after the copy")
    });
    leaf.psql("set lock_timeout = '60s'; alter table big drop constraint only_here");
    wait_equal(&mut cascade, "big");
    assert_ne!(cascade["leaf"].structure("big"), structure);
    assert_eq!(cascade["leaf"].structure("big"), cascade["root"].structure("big"));
}

/// A few random changes of a table with a second unique column.
fn random_change(random: &mut Random) -> String {
    let id = random.below(4000);
    let (step, rest) = (random.below(40) + 1, random.below(40));
    match random.below(9) {
        0 => format!("update big set v = v || 'x' where id % {step} = {rest} % {step}"),
        1 => format!("update big set v = v where id % {step} = {rest} % {step}"),
        2 => format!("delete from big where id % {step} = {rest} % {step} and id > {id}"),
        3 => format!(
            "insert into big select i, i, 'k', repeat('n', 70) from generate_series({id}, {id} + 300) i \
              where not exists (select 1 from big where id = i or u = i)"
        ),
        4 => format!(
            "update big set id = -id where id between {id} and {id} + 50 \
                      and not exists (select 1 from big o where o.id = -big.id)"
        ),
        5 => format!(
            "begin; delete from big where id = {id}; \
                      insert into big select {id}, {id}, 'back', 'again' where not exists (select 1 from big where u = {id}); end"
        ),
        6 => format!("begin; update big set u = u + 1 where u >= {id}; end"),
        7 => "vacuum big".to_owned(),
        _ => format!(
            "begin; update big set v = 'undone' where id > {id}; delete from big where id % 3 = 0; rollback"
        ),
    }
}

#[test]
fn random_deaths_and_changes_end_equal() {
    let mut random = Random::seeded();
    let mut cascade = pair("r_random", "copy_chunk_size = 16 kB");
    cascade.psql_all(BIG);
    cascade["root"]
        .psql("insert into big select i, i, 'k' || i % 100, repeat('v', 60) from generate_series(1, 3000) i");
    cascade.add_table("big");
    let points = [
        "copy.range.committed",
        "copy.range.before-commit",
        "copy.delta.before-commit",
        "copy.index.committed",
    ];
    for round in 0..5 {
        if round > 0 {
            cascade["leaf"].stop_worker();
            cascade["leaf"].londiste(&["resync", "big"]);
        }
        die_at(
            &mut cascade,
            &format!("copy.range.committed:{}", random.below(10) + 1),
        );
        for _ in 0..random.below(3) {
            for _ in 0..random.below(6) {
                cascade["root"].psql(&random_change(&mut random));
            }
            // Where it is too late for that point the worker lives, and comes to the end.
            let point = points[random.below(points.len() as u64) as usize];
            let leaf = &mut cascade["leaf"];
            leaf.start_worker_to_die_at(point);
            crate::support::wait::wait_for("the copy to end in one way or the other", LIMIT, || {
                (!leaf.worker().is_running() || leaf.state("big") == "ok").then_some(())
            });
            if leaf.worker().is_running() {
                leaf.stop_worker();
            }
        }
        for _ in 0..random.below(4) {
            cascade["root"].psql(&random_change(&mut random));
        }
        wait_equal(&mut cascade, "big");
    }
}

#[test]
fn servers_that_die_in_the_middle_cost_ranges_only() {
    let (above, below) = (Arc::new(Cluster::start()), Arc::new(Cluster::start()));
    let mut cascade = Cascade::new("r_server");
    cascade.create("root", "root", Server::from(&above), None);
    cascade.create("leaf", "leaf", Server::from(&below), Some("root"));
    cascade["leaf"].configure("copy_streams = 2\ncopy_chunk_size = 64 kB");
    cascade.psql_all(BIG);
    cascade["root"].psql(
        "insert into big select i, i, 'k' || i % 100, repeat('v', 80) || i from generate_series(1, 200000) i",
    );
    cascade.start_workers();
    cascade.add_table("big");
    let mut before = 0;
    for server in [&below, &above, &below] {
        cascade.wait_until("some more ranges to be in", || {
            let leaf = &cascade["leaf"];
            let done = "select count(row_count) from londiste_rs.copy_range";
            leaf.try_psql(done)
                .is_ok_and(|text| text.parse::<u64>().is_ok_and(|count| count >= before + 10))
        });
        server.kill9();
        server.start_again();
        before = cascade["leaf"]
            .psql("select count(row_count) from londiste_rs.copy_range")
            .parse()
            .expect("a number");
        cascade["root"]
            .psql("update big set v = 'late' where id % 1000 = 1; delete from big where id % 1000 = 2");
    }
    wait_equal(&mut cascade, "big");
    let log = cascade["leaf"].log();
    assert!(log.contains("rows are here already"), "the copy went on");
    assert!(!log.contains("starts over"));
}
