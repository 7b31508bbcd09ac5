//! Copies in ranges: killed, resumed with other snapshots, started over, taken away; both ends are equal afterwards.

use crate::support::cascade::{Cascade, LIMIT};

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
    cascade["leaf"].configure(&format!("copy_chunk_size = 64 kB\n{keys}"));
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
    let mut cascade = pair("r_resume", "copy_streams = 3");
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
    let mut cascade = pair("r_age", "copy_streams = 2\ncopy_snapshot_age = 0.02");
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
    let mut cascade = pair("r_over", "copy_streams = 2");
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
            .contains("without a primary key can be copied in one go only")
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
    let mut cascade = pair("r_out", "copy_streams = 2");
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
    let mut cascade = pair("r_kinds", "copy_streams = 2");
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
    let mut cascade = pair("r_unfit", "copy_streams = 2");
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
