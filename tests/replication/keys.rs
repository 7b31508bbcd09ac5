//! Keys: several columns in other than column order, keys that change, keys of types whose comparison is special.

use super::{assert_same, pair};

#[test]
fn keys_of_several_columns_and_changing_keys() {
    let cascade = pair("keys");
    let (root, leaf) = (&cascade["root"], &cascade["leaf"]);
    let common = "
        create type kind as enum ('a,b', 'it''s');
        create type two as (x int, y text);
        create domain code as char(4);
        create domain list as int[];
        create extension citext;
        create table several (v text, b text, \"a,b\" int, a int, primary key (b, a));
        create table chain (id int primary key, v text);
        create table swapped (a int, b int, v text, primary key (a, b));
        create table odd_i (i interval primary key, v text);
        create table odd_types (k kind, w two, c code, l list, n numeric, f float8, x bytea, t timestamptz, o citext,
            nm name, ch \"char\", u uuid, r int4range, j jsonb, v text, primary key (k, w, c, l, n, f, x, t, o, nm, ch, u, r, j));
        create table unique_only (a int not null, b int not null, v text, unique (b, a));
        create table only_key (a int, b text, primary key (b, a));";
    cascade.psql_all(common);
    root.psql(
        "insert into several select 'v' || i, 'k ' || i, i, i % 3 from generate_series(1, 20) i;
         insert into chain select i, 'v' || i from generate_series(1, 20) i;
         insert into swapped select i, i + 1, 'v' from generate_series(1, 20) i;
         insert into unique_only select i, i + 1, 'v' from generate_series(1, 20) i;
         insert into only_key select i, 'v' || i from generate_series(1, 20) i;",
    );
    let tables = ["several", "chain", "swapped", "odd_i", "odd_types", "only_key"];
    for flags in ["", "--trigger-flags=J", "--trigger-flags=Q"] {
        for node in [root, leaf] {
            let mut args = vec!["add-table"];
            args.extend(tables);
            if node.name == "root" && !flags.is_empty() {
                args.push(flags);
            }
            node.londiste(&args);
        }
        if flags.is_empty() {
            // A key of the trigger's own, where the table has none that is primary.
            root.londiste(&["add-table", "unique_only", "--trigger-arg=pkey=a,b"]);
            leaf.londiste(&["add-table", "unique_only", "--trigger-arg=pkey=a,b"]);
        }
        cascade.wait_in_sync();
        root.psql(
            "insert into several values ('x', 'k', 7, 1), ('', '', 0, 0), (null, 'a,b', null, -1);
             update several set v = v || '!', \"a,b\" = -\"a,b\" where a = 1;
             update several set a = a + 10 where b like 'k 1%';
             update several set b = b || ' moved', v = null where a = 2;
             delete from several where a in (0, 12);
             -- A chain of keys in one transaction: each step takes the place that the one before has left.
             begin;
             update chain set id = 1000, v = 'a' where id = 1;
             update chain set id = 1, v = 'b' where id = 2;
             update chain set id = 2, v = 'c' where id = 1000;
             update chain set id = 3 where id = 3;
             update chain set id = -id where id between 5 and 9;
             update chain set id = id - 100 where id < 0;
             delete from chain where id = -105;
             insert into chain values (5, 'new'), (6, 'new');
             update chain set id = 50 where id = 5;
             update chain set v = 'last' where id = 50;
             commit;
             -- Each row moves to the key that the next one has, from the top down.
             update chain set id = id + 100000 where id between 10 and 20;
             begin; update swapped set a = b + 500, b = a + 500; update swapped set a = a - 500, b = b - 500; commit;
             insert into odd_i values ('1 mon -2 days 00:00:03.5', 'x'), ('-1 day', 'y');
             update odd_i set v = v || 'z';
             update odd_i set i = i + '1 sec';
             insert into odd_types values ('a,b', row(1, 'x,\"y'), 'ab', '{1,NULL}', 1.50, 0.1, '\\x00ff5c', '2024-01-01+03', 'MiX',
                 'a b', '\"', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[1,5)', '{\"a\": [1, null]}', 'v'),
                 ('it''s', row(null, ''), '', '{}', 'NaN', '-Infinity', '', 'infinity', '', '', '', 
                 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', 'empty', 'null', 'w');
             update odd_types set v = v || '2';
             update odd_types set n = n * 2, o = upper(o::text), w = row(7, 'x') where k = 'a,b';
             delete from odd_types where k = 'it''s';
             insert into only_key values (100, 'x');
             update only_key set a = a;
             update only_key set a = a + 1000 where b = 'v5';
             delete from only_key where b = 'v6';",
        );
        if flags.is_empty() {
            root.psql(
                "update unique_only set v = 'changed' where a < 5; update unique_only set b = b + 100 where a > 18;
                 delete from unique_only where a = 10;",
            );
        }
        cascade.wait_caught_up();
        for table in tables.iter().chain(flags.is_empty().then_some(&"unique_only")) {
            assert_same(
                &cascade,
                &format!("select * from public.{table} t order by t::text collate \"C\""),
            );
        }
        for node in [leaf, root] {
            let mut args = vec!["remove-table"];
            args.extend(tables);
            node.londiste(&args);
        }
        cascade.wait_caught_up();
        root.psql("truncate odd_i, odd_types; delete from several where a < 1 or b = 'k'; delete from only_key where a = 100; delete from chain where id in (6, 50); ");
    }
}

#[test]
fn generated_and_identity_columns() {
    let cascade = pair("identity");
    let (root, leaf) = (&cascade["root"], &cascade["leaf"]);
    cascade.psql_all(
        "create table always_key (id int generated always as identity primary key, v text);
         create table default_key (id int generated by default as identity primary key, v text);
         create table always_other (k int primary key, nr int generated always as identity, v text);
         create table \"always (odd)\" (k int primary key, \"values (\" int generated always as identity, v text);
         create table default_other (k int primary key, nr int generated by default as identity, v text);
         create table computed (id int primary key, a int, \"Twice\" int generated always as (a * 2) stored, v text);
         create table computed_key (a int, id int generated always as (a * 10) stored primary key, v text);
         create table only_identity (id int generated always as identity primary key);",
    );
    // Computed on one side only.
    root.psql(
        "create table half (id int primary key, a int, b int generated always as (a + 1) stored, c int);",
    );
    leaf.psql(
        "create table half (id int primary key, c int generated always as (a + 2) stored, b int, a int);
         alter table always_other add extra text default 'here';",
    );
    let tables = [
        "always_key",
        "default_key",
        "always_other",
        "always (odd)",
        "default_other",
        "computed",
        "computed_key",
        "only_identity",
        "half",
    ];
    let fill = "insert into always_key (v) select 'v' from generate_series(1, 5);
        insert into default_key (v) select 'v' from generate_series(1, 5);
        insert into always_other (k, v) select coalesce(max(k), 0) + 1, 'v' from always_other;
        insert into always_other (k, v) select coalesce(max(k), 0) + 1, 'v' from always_other;
        insert into \"always (odd)\" (k, v) select coalesce(max(k), 0) + 1, 'v' from \"always (odd)\";
        insert into \"always (odd)\" (k, v) select coalesce(max(k), 0) + 1, 'v' from \"always (odd)\";
        insert into default_other (k, v) select coalesce(max(k), 0) + 1, 'v' from default_other;
        insert into computed select coalesce(max(id), 0) + 1, 5 from computed;
        insert into computed_key select coalesce(max(a), 0) + 1 from computed_key;
        insert into computed_key select coalesce(max(a), 0) + 1 from computed_key;
        insert into only_identity default values;
        insert into only_identity default values;
        insert into half select coalesce(max(id), 0) + 1, 5 from half;";
    root.psql(fill);
    for flags in ["", "--trigger-flags=J", "--trigger-flags=Q"] {
        // Parts of statements cannot leave out the column that the leaf computes.
        let tables = if flags == "--trigger-flags=Q" {
            &tables[..8]
        } else {
            &tables[..]
        };
        for node in [root, leaf] {
            let mut args = vec!["add-table"];
            args.extend(tables);
            if node.name == "root" {
                args.extend((!flags.is_empty()).then_some(flags));
            } else {
                args.push("--force");
            }
            node.londiste(&args);
        }
        cascade.wait_in_sync();
        leaf.psql("set session_replication_role = replica; update always_other set extra = 'kept'");
        root.psql(fill);
        root.psql(
            "update always_key set v = 'w' where id % 2 = 0;
             update always_key set id = default where id = 1;
             update default_key set v = 'w', id = id + 1000 where id = (select min(id) from default_key);
             update always_other set v = v || 'w' where k = 1;
             update \"always (odd)\" set v = v || 'w' where k = 1;
             update always_other set k = k + 1000 where k = 1;
             update default_other set nr = nr + 100, v = 'w';
             update computed set a = a + 1, v = 'w' where id = 1;
             delete from computed where id = 2;
             update computed_key set v = 'w' where a = 1;
             update computed_key set a = -a where a = 2;
             delete from only_identity where id = (select max(id) from only_identity);
             update half set a = a + 1;",
        );
        if flags != "--trigger-flags=Q" {
            // As a part of a statement the change of an identity column says what no update may.
            root.psql("update always_other set nr = default where k = 2; update \"always (odd)\" set \"values (\" = default where k = 2");
        }
        cascade.wait_caught_up();
        for table in &tables[..8] {
            let columns = if *table == "always_other" { "k, nr, v" } else { "*" };
            assert_same(
                &cascade,
                &format!("select {columns} from public.\"{table}\" t order by t::text collate \"C\""),
            );
        }
        if tables.contains(&"half") {
            assert_same(&cascade, "select id, a from public.half order by 1");
        }
        let at = format!("flags \"{flags}\"");
        assert_eq!(
            leaf.psql("select count(*) from half where c is distinct from a + 2"),
            "0",
            "{at}"
        );
        assert_eq!(
            leaf.psql("select extra from always_other where k = 1001"),
            "here",
            "{at}"
        );
        leaf.psql("set session_replication_role = replica; update always_other set extra = 'kept'");
        root.psql("update always_other set v = 'again'");
        cascade.wait_caught_up();
        assert_eq!(
            leaf.psql("select count(*) from always_other where extra <> 'kept' or v <> 'again'"),
            "0",
            "{at}"
        );
        for node in [leaf, root] {
            let mut args = vec!["remove-table"];
            args.extend(tables);
            node.londiste(&args);
        }
        cascade.wait_caught_up();
        root.psql(
            "update always_other set k = k - 1000 where k > 1000; delete from default_key where id > 1000",
        );
    }
}
