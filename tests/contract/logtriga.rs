//! logtriga(column_types, query): row changes as parts of statements, handed to any query.

use crate::support::cascade::Cascade;
use crate::support::random::Random;
use crate::support::{Database, database, install};

/// A table of every kind of value, and another system's log.
const SETUP: &str = r#"
    create table parts (
        id int, "Sub Part" text, v text, n numeric, b bytea, ts timestamptz, m money, c char(5), l text[],
        gone int, note text, twice int generated always as (id * 2) stored);
    alter table parts drop column gone;
    create table sl_log (log_actionseq serial, log_cmdtype char(1), log_cmddata text);
    create trigger log after insert or update or delete on parts for each row
        execute procedure logtriga('kkvvvvvvviv', 'insert into sl_log (log_cmdtype, log_cmddata) values ($1, $2)');
"#;

fn log(db: &Database) -> String {
    db.psql("select log_cmdtype, log_cmddata from sl_log order by log_actionseq; truncate sl_log")
}

fn prepared(name: &str) -> Database {
    let db = database(name);
    install(&db);
    db.psql(SETUP);
    db
}

#[test]
fn each_kind_of_change_is_a_part_of_a_statement() {
    let db = prepared("logtriga");
    let sql = r#"
        set datestyle = 'German'; set timezone = 'UTC'; set bytea_output = 'escape'; set extra_float_digits = 0;
        insert into parts values (1, 'a''b', E'x\\y', 1.50, '\x00ff', '2024-05-06 07:08:09+00', 12.5, 'ab', '{1,NULL}', 'n');
        insert into parts (id) values (2);
        update parts set v = null, n = 1.500 where id = 1;
        update parts set "Sub Part" = 'k', id = 3 where id = 2;
        update parts set note = 'other' where id = 1;
        update parts set note = note where id = 1;
        delete from parts;"#;
    db.psql(sql);
    let expected = r#"
I|(id,"Sub Part",v,n,b,ts,m,c,l) values ('1','a''b',E'x\\y','1.50',E'\\x00ff','2024-05-06 07:08:09+00','$12.50','ab   ','{1,NULL}')
I|(id,"Sub Part",v,n,b,ts,m,c,l) values ('2',null,null,null,null,null,null,null,null)
U|v=NULL,n='1.500' where id='1' and "Sub Part"='a''b'
U|id='3',"Sub Part"='k' where id='2' and "Sub Part" is null
U|id='1' where id='1' and "Sub Part"='a''b'
D|id='3' and "Sub Part"='k'
D|id='1' and "Sub Part"='a''b'"#;
    assert_eq!(log(&db), expected.trim_start());
}

#[test]
fn wrong_arguments_are_refused_with_a_reason() {
    let db = prepared("logtriga_wrong");
    let cases = [
        (
            "'kv', 'select 1'",
            "insert into t values (1, 'a', 'b')",
            "table public.t has 3 columns, but the column types \"kv\" stand for 2",
        ),
        (
            "'kvvv', 'select 1'",
            "insert into t values (1, 'a', 'b')",
            "table public.t has 3 columns, but the column types \"kvvv\" stand for 4",
        ),
        (
            "'', 'select 1'",
            "insert into t values (1, 'a', 'b')",
            "table public.t has 3 columns, but the column types \"\" stand for 0",
        ),
        (
            "'kvx', 'select 1'",
            "insert into t values (1, 'a', 'b')",
            "unknown column type \"x\" in \"kvx\"",
        ),
        (
            "'kVv', 'select 1'",
            "insert into t values (1, 'a', 'b')",
            "unknown column type \"V\" in \"kVv\"",
        ),
        (
            "'vvi', 'select 1'",
            "insert into t values (1, 'a', 'b'); delete from t",
            "DELETE on table public.t: none of its columns is a key",
        ),
        (
            "'vvi', 'select 1'",
            "insert into t values (1, 'a', 'b'); update t set a = 2",
            "UPDATE on table public.t: none of its columns is a key",
        ),
        (
            "",
            "insert into t values (1, 'a', 'b')",
            "logtriga must be used as: logtriga(column_types, query)",
        ),
        (
            "'kvv'",
            "insert into t values (1, 'a', 'b')",
            "logtriga must be used as: logtriga(column_types, query)",
        ),
        (
            "'kvv', 'select 1', 'x'",
            "insert into t values (1, 'a', 'b')",
            "logtriga must be used as: logtriga(column_types, query)",
        ),
        (
            "'kvv', 'select wrong'",
            "insert into t values (1, 'a', 'b')",
            "column \"wrong\" does not exist",
        ),
    ];
    for (args, change, error) in cases {
        db.psql("drop table if exists t; create table t (a int, b text, c text)");
        db.psql(&format!(
            "create trigger log after insert or update or delete on t for each row execute procedure logtriga({args})"
        ));
        let said = db.try_psql(change).expect_err(args);
        assert!(said.contains(error), "logtriga({args}): {said}");
    }
    db.psql(
        "drop table t; create table t (a int); create trigger log after insert or truncate on t \
         execute procedure logtriga('k', 'select 1')",
    );
    for change in ["insert into t values (1)", "truncate t"] {
        let said = db.try_psql(change).expect_err(change);
        assert!(said.contains("logtriga must be fired FOR EACH ROW"), "{said}");
    }
}

/// What the log says, put behind the heads of statements, makes a copy of the table: whatever the values, whatever the
/// settings of those who write and of the one who plays back.
#[test]
fn the_log_plays_the_changes_back() {
    let mut random = Random::seeded();
    let db = prepared("logtriga_back");
    db.psql("create table copy (like parts including generated)");
    let texts = [
        "null",
        "''",
        "'a'",
        "E'it''s\\\\ \\n\\t'",
        "'\"q\"'",
        "'(a,b)'",
        "'%s $1 öé€😀'",
        "' '",
        "'NULL'",
        "E'\\\\'",
    ];
    let mut changes = String::new();
    for _ in 0..300 {
        let mut text = || texts[random.below(texts.len() as u64) as usize];
        let (k, v, c) = (text(), text(), text());
        let l = format!("array[{}, {}]::text[]", text(), text());
        let id = random.below(12);
        let on = ["on", "off"][random.below(2) as usize];
        changes += &format!("set standard_conforming_strings = {on};\n");
        changes += &match random.below(5) {
            0 | 1 => format!(
                "insert into parts values ({id}, {k}, {v}, 'NaN', convert_to({c}, 'utf8'), now(), 1.5, left({c}, 5), {l}, {c});\n"
            ),
            2 => {
                format!("update parts set v = {v}, l = {l}, c = left({c}, 5), note = {k} where id = {id};\n")
            }
            3 => format!(
                "update parts set id = {}, \"Sub Part\" = {k} where id = {id};\n",
                random.below(12)
            ),
            _ => format!("delete from parts where id = {id} and \"Sub Part\" is not distinct from {k};\n"),
        };
    }
    db.psql(&format!("set escape_string_warning = off; {changes}"));
    db.psql(
        "set standard_conforming_strings = off; set escape_string_warning = off;
         do $$
         declare r record;
         begin
             for r in select * from sl_log order by log_actionseq loop
                 execute case r.log_cmdtype when 'I' then 'insert into copy '
                                            when 'U' then 'update copy set '
                                            else 'delete from copy where ' end || r.log_cmddata;
             end loop;
         end $$",
    );
    let rows = |table: &str| {
        db.psql(&format!(
            "select md5(string_agg(t::text, E'\\n' order by t::text)), count(*) from \
             (select id, \"Sub Part\", v, n, b, ts, m, c, l, twice from {table}) t"
        ))
    };
    assert_eq!(rows("copy"), rows("parts"));
    assert_ne!(db.psql("select count(*) from sl_log"), "0");
}

/// Who changes the table needs rights on what the query uses, and on nothing else.
#[test]
fn the_query_has_the_rights_of_whoever_changes_the_row() {
    let db = prepared("logtriga_rights");
    db.psql("grant insert, update, select, delete on parts to pgq_reader");
    let said = db
        .try_psql("set role pgq_reader; insert into parts (id) values (1)")
        .expect_err("no right on the log");
    assert!(said.contains("permission denied for table sl_log"), "{said}");
    db.psql("grant insert on sl_log to pgq_reader; grant usage on sequence sl_log_log_actionseq_seq to pgq_reader");
    db.psql("set role pgq_reader; insert into parts (id) values (1); delete from parts");
    assert_eq!(db.psql("select count(*) from sl_log"), "2");
}

/// A function of that name that somebody else put there stays; without the right to create, everything else is installed.
#[test]
fn installation_leaves_alone_what_is_there() {
    let db = database("logtriga_theirs");
    db.psql("create function public.logtriga() returns trigger language plpgsql as 'begin return null; end'");
    install(&db);
    let source = "select length(prosrc) < 100 from pg_proc where proname = 'logtriga'";
    assert_eq!(db.psql(source), "t");
    assert_eq!(
        db.psql("select count(*) from londiste_rs.component where schema_name = 'logtriga'"),
        "0"
    );

    let db = database("logtriga_nowhere");
    db.psql("drop schema public");
    let said = install(&db);
    assert!(said.contains("logtriga is left as it is"), "{said}");
    assert_eq!(db.psql("select pgq.version()"), "3.5.2");
}

/// The manual's example, to the letter: one change is a row of another system's log and an event that a worker replays.
#[test]
fn the_worked_example_logs_and_replays() {
    let mut cascade = Cascade::new("shop_queue");
    cascade.create_root("shop");
    cascade.create_leaf("reports", "shop");
    let (root, leaf) = (&cascade["shop"], &cascade["reports"]);
    root.londiste(&["install"]);
    let example = include_str!("../../examples/logtriga.sql");
    root.psql(example);
    leaf.psql("create table orders (id int primary key, customer text not null, total numeric, last_seen timestamptz)");
    root.psql(
        "insert into orders values (1, 'first', 1, now()), (2, 'second', 2, now()), (3, 'third', 3, now())",
    );
    root.londiste(&["add-table", "public.orders", "--no-triggers"]);
    leaf.londiste(&["add-table", "public.orders"]);
    cascade.start_workers();
    cascade.wait_in_sync();

    let (root, leaf) = (&cascade["shop"], &cascade["reports"]);
    root.psql(
        "truncate change_log restart identity;
         insert into orders values (10, E'O''Neill \\\\ co', null, now());
         update orders set total = 12.50, last_seen = now() where id = 10;
         update orders set last_seen = now();
         update orders set id = 20, total = null where id = 2;
         update orders set customer = customer where id = 1;
         delete from orders where id = 3",
    );
    let log =
        root.psql("select log_actionseq, log_table, log_cmdtype, log_cmddata from change_log order by 1");
    let expected = "\
1|public.orders|I|(id,customer,total) values ('10',E'O''Neill \\\\ co',null)
2|public.orders|U|total='12.50' where id='10'
3|public.orders|U|id='20',total=NULL where id='2'
4|public.orders|U|id='1' where id='1'
5|public.orders|D|id='3'";
    assert_eq!(log, expected);
    cascade.wait_caught_up();
    let rows = "select id, customer, total from orders order by id";
    assert_eq!(leaf.psql(rows), root.psql(rows));
    assert_eq!(
        leaf.psql("select count(*) from orders where last_seen is null"),
        "1"
    );

    // The manual shows the statements of the file, and no others.
    let words = |text: &str| -> String {
        let code = text.lines().filter(|line| !line.starts_with("--"));
        code.flat_map(str::split_whitespace).collect()
    };
    let manual = words(include_str!("../../man/text/londiste-triggers.7.md"));
    for statement in words(example).split_inclusive(';') {
        assert!(manual.contains(statement), "{statement}");
    }
}
