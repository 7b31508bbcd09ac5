//! Events that cannot be applied: the worker stands, or puts them aside; they are applied again, or given up.

use crate::support::cascade::Cascade;

/// A leaf that refuses `bad` in `t`, and knows no other trouble.
fn pair(queue: &str) -> Cascade {
    let mut cascade = Cascade::new(queue);
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all(
        "create table t (id int primary key, v text unique); create table u (id int primary key, v text)",
    );
    cascade["leaf"].psql("alter table t add constraint no_bad check (v not like 'bad%')");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.add_table("u");
    cascade.wait_in_sync();
    cascade
}

/// Inserts one good row, a bad one, and changes both; beside them rows of another table.
fn go_bad(cascade: &Cascade) {
    cascade["root"].psql(
        "insert into u select i, 'x' from generate_series(1, 50) i; insert into t values (1, 'good'), (2, 'bad')",
    );
    cascade["root"].psql("update t set v = v || '!'; update u set v = 'y' where id % 2 = 0");
}

fn parked(cascade: &Cascade) -> String {
    cascade["leaf"].psql(
        "select table_name, row_key, left(ev_type, 1), sqlstate, tries from londiste_rs.parked_event order by park_id",
    )
}

#[test]
fn a_row_that_is_refused_is_put_aside_with_all_its_events() {
    let cascade = pair("parked");
    let leaf = &cascade["leaf"];
    leaf.londiste(&["on-error", "park", "t"]);
    go_bad(&cascade);
    cascade.wait_caught_up();
    cascade.assert_equal("u");
    assert_eq!(leaf.rows("t"), "(1,good!)");
    assert_eq!(
        parked(&cascade),
        "public.t|id=2|I|23514|1\npublic.t|id=2|U||1",
        "the insert, and the update behind it"
    );

    // Nothing was repaired: all stay, and the command says so.
    let ran = leaf.try_londiste(&["parked", "--retry", "t"]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert_eq!(parked(&cascade), "public.t|id=2|I|23514|2\npublic.t|id=2|U||2");
    let listed = leaf.londiste(&["parked", "--full"]);
    for words in ["public.t", "id=2&v=bad", "no_bad", "of the same row"] {
        assert!(listed.contains(words), "{listed}");
    }

    // What comes later goes behind them.
    cascade["root"].psql("update t set v = 'bad again' where id = 2; insert into t values (3, 'three')");
    cascade.wait_caught_up();
    assert_eq!(leaf.rows("t"), "(1,good!)\n(3,three)");

    leaf.psql("alter table t drop constraint no_bad");
    leaf.londiste(&["parked", "--retry", "t"]);
    assert_eq!(parked(&cascade), "");
    cascade.assert_equal("t");
    cascade["root"].psql("update t set v = 'fine' where id = 2");
    cascade.wait_caught_up();
    cascade.assert_equal("t");
}

#[test]
fn the_worker_stands_at_the_event_and_names_it() {
    let cascade = pair("stands");
    let leaf = &cascade["leaf"];
    go_bad(&cascade);
    cascade.wait_until("the worker to name the event", || {
        let log = leaf.log();
        [
            "(I) of table \"public.t\" cannot be applied",
            "no_bad",
            "on-error park",
        ]
        .iter()
        .all(|words| log.contains(words))
    });
    assert_eq!(
        leaf.psql("select count(*) from t"),
        "0",
        "nothing of the batch is there"
    );
    // The policy may be changed while it stands.
    leaf.londiste(&["on-error", "park", "t"]);
    cascade.wait_caught_up();
    assert_eq!(leaf.rows("t"), "(1,good!)");
    let shown = leaf.londiste(&["on-error"]);
    assert!(
        shown.contains("park") && shown.contains("stop (job file)"),
        "{shown}"
    );

    leaf.londiste(&["parked", "--drop", "t"]);
    assert_eq!(parked(&cascade), "");
    leaf.londiste(&["on-error", "default", "t"]);
    let shown = leaf.londiste(&["on-error", "--json"]);
    assert!(!shown.contains("park\""), "{shown}");
}

#[test]
fn a_missing_column_a_missing_table_and_a_missing_right_are_parked_by_the_job_file() {
    let mut cascade = pair("missing");
    cascade["leaf"].stop_worker();
    cascade["leaf"].configure("on_error = park");
    cascade["leaf"].start_worker();
    cascade["root"].psql("alter table t add n int");
    cascade["root"].londiste(&["add-table", "t"]);
    cascade["root"].psql("insert into t values (1, 'one', 1)");
    cascade["leaf"].psql("alter table u rename to u_away");
    cascade["root"].psql("insert into u values (1, 'x')");
    cascade.wait_caught_up();
    let leaf = &cascade["leaf"];
    assert_eq!(
        leaf.psql("select table_name, ev_id > 0 from londiste_rs.parked_event order by park_id"),
        "public.t|t\npublic.u|t"
    );
    leaf.psql("alter table t add n int; alter table u_away rename to u");
    leaf.londiste(&["parked", "--retry", "--all"]);
    cascade.assert_equal("t");
    cascade.assert_equal("u");
}

#[test]
fn a_column_that_was_added_here_before_is_no_error() {
    let cascade = pair("early");
    cascade["root"].psql("insert into t values (1, 'one')");
    cascade.wait_caught_up();
    cascade["leaf"].psql("alter table t add n int");
    cascade["root"].psql("alter table t add n int");
    cascade["root"].londiste(&["add-table", "t"]);
    cascade["root"].psql("insert into t values (2, 'two', 2)");
    cascade.wait_caught_up();
    cascade.assert_equal("t");
    let log = cascade["leaf"].log();
    assert!(!log.contains(" ERROR "), "{log}");
}

#[test]
fn a_value_too_long_for_a_domain_is_not_cut() {
    let cascade = pair("cut");
    let leaf = &cascade["leaf"];
    cascade["root"].psql("insert into u select i, 'abc' from generate_series(1, 2000) i");
    cascade.wait_caught_up();
    leaf.psql("create domain short as varchar(3); alter table u alter v type short");
    cascade["root"].psql("update u set v = 'abcdef'");
    cascade.wait_until("the worker to name the error", || {
        leaf.log().contains("value too long")
    });
    assert_eq!(leaf.psql("select distinct v from u"), "abc");
}

#[test]
fn a_truncate_and_a_new_copy_make_parked_events_pointless() {
    let cascade = pair("pointless");
    let leaf = &cascade["leaf"];
    leaf.londiste(&["on-error", "park", "--all"]);
    go_bad(&cascade);
    cascade.wait_caught_up();
    assert_ne!(parked(&cascade), "");
    cascade["root"].psql("truncate t");
    cascade.wait_caught_up();
    assert_eq!(parked(&cascade), "");
    go_bad_again(&cascade);
    assert_ne!(parked(&cascade), "");
    leaf.psql("alter table t drop constraint no_bad");
    leaf.londiste(&["resync", "t", "--wait-sync"]);
    cascade.wait_caught_up();
    assert_eq!(parked(&cascade), "");
    cascade.assert_equal("t");
}

fn go_bad_again(cascade: &Cascade) {
    cascade["root"].psql("insert into t values (7, 'bad')");
    cascade.wait_caught_up();
}

#[test]
fn rows_that_were_not_found_are_counted_until_the_next_copy() {
    let cascade = pair("drift");
    let leaf = &cascade["leaf"];
    cascade["root"].psql("insert into t select i, i from generate_series(1, 10) i");
    cascade.wait_caught_up();
    leaf.psql("set session_replication_role = replica; delete from t where id <= 3");
    cascade["root"].psql("update t set v = v || 'x' where id <= 2; delete from t where id = 3");
    cascade.wait_caught_up();
    let count = || leaf.psql("select table_name, missed_rows from londiste_rs.table_drift");
    assert_eq!(count(), "public.t|3");
    let shown = leaf.londiste(&["on-error"]);
    assert!(shown.contains("missed_rows"), "{shown}");
    leaf.londiste(&["resync", "t", "--wait-sync"]);
    assert_eq!(count(), "");
    cascade.assert_equal("t");
}

#[test]
fn names_that_are_wrong_are_refused() {
    let cascade = pair("refused");
    let leaf = &cascade["leaf"];
    for (args, words) in [
        (&["on-error", "park", "nothing"][..], "not attached on this node"),
        (
            &["on-error", "perhaps", "t"],
            "[possible values: stop, park, default]",
        ),
        (&["parked", "--retry"], "need tables, --event or --all"),
        (
            &["parked", "--retry", "--event", "77"],
            "event 77 is not parked here",
        ),
    ] {
        let ran = leaf.try_londiste(args);
        assert!(!ran.status.success(), "{args:?}");
        assert!(ran.stderr.contains(words), "{args:?}: {}", ran.stderr);
    }
    let ran = cascade["root"].try_londiste(&["on-error", "park", "t"]);
    assert!(
        ran.stderr.contains("the root applies no events"),
        "{}",
        ran.stderr
    );
}

/// A copy replays what was changed while the rows were brought as the worker does: many changes at once, and what cannot
/// be applied is put aside.
#[test]
fn a_copy_that_catches_up_sums_up_changes_and_puts_aside_what_is_refused() {
    let mut cascade = Cascade::new("parkcopy");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id numeric primary key, v text)");
    cascade["leaf"].psql(
        "alter table t add constraint no_bad check (v not like 'bad%'); \
         create function waits(numeric) returns numeric language plpgsql immutable \
             as 'begin perform pg_advisory_xact_lock_shared(7); return $1; end'; \
         create index on t (waits(id))",
    );
    cascade["root"].psql("insert into t select n, 'x' from generate_series(1, 3000) n");
    cascade["leaf"].configure("on_error = park");
    cascade.start_workers();
    // The rows are in, and their index waits until more was changed.
    let lock = cascade["leaf"].hold("select pg_advisory_xact_lock(7)");
    cascade.add_table("t");
    let leaf = &cascade["leaf"];
    cascade.wait_until("the copy to build the index", || {
        leaf.psql("select count(*) from pg_locks where not granted and locktype = 'advisory'") == "1"
    });
    cascade["root"].psql(
        "update t set v = v || 'y' where id > 10; delete from t where id % 7 = 0; \
         insert into t select n, 'new' from generate_series(4000, 4500) n",
    );
    cascade["root"].psql("insert into t values (5000.0, 'bad')");
    cascade["root"].psql("update t set id = 5000.00, v = 'bad too' where id = 5000");
    cascade["root"].psql("update t set v = 'bad still' where id = 5000");
    lock.commit();
    cascade.wait_in_sync();
    cascade.wait_caught_up();
    let digest = "select count(*) || md5(string_agg(t::text, ',' order by id)) from t where id < 5000";
    assert_eq!(leaf.psql(digest), cascade["root"].psql(digest));
    assert_eq!(leaf.psql("select count(*) from t where id = 5000"), "0");
    let waiting = leaf.psql("select count(*) from londiste_rs.parked_event where table_name = 'public.t'");
    assert_eq!(
        waiting,
        cascade["root"].psql(
            "select count(*) from pgq.event_1 where ev_extra1 = 'public.t' and ev_data like '%5000.0%'"
        )
    );
}
