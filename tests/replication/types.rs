//! Every built-in type with its edge values, through copy and replay, in all three event formats, between servers and
//! sessions whose settings have nothing in common.

use std::fmt::Write as _;

use super::{assert_same, pair};

/// Types and, per type, values as SQL expressions. Read with plain settings.
const VALUES: &[(&str, &[&str])] = &[
    ("bool", &["true", "false"]),
    ("int2", &["-32768", "32767", "0"]),
    ("int4", &["-2147483648", "2147483647"]),
    (
        "int8",
        &["-9223372036854775808", "9223372036854775807", "9007199254740993"],
    ),
    (
        "numeric",
        &[
            "1234567890123456789012345678901234567890",
            "-0.1234567890123456789012345678901234567890",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "1.500",
            "0.00",
            "10::numeric ^ 300",
        ],
    ),
    (
        "numeric(40,10)",
        &["123456789012345678901234567890.0123456789", "'NaN'"],
    ),
    (
        "float4",
        &[
            "'-0'",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "1e-45",
            "3.4028235e38",
            "0.1",
            "16777217",
        ],
    ),
    (
        "float8",
        &[
            "'-0'",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "5e-324",
            "1.7976931348623157e308",
            "0.1::float8 + 0.2::float8",
            "1e22",
        ],
    ),
    ("money", &["-92233720368547758.08", "1234567.89", "0"]),
    (
        "text",
        &[
            "''",
            "' leading and trailing '",
            "'it''s \"quoted\"'",
            r"'back\slash \\ \N \n \t \. \x41'",
            r"'\N'",
            "'%41%zz % %% &a=b + ++ = &'",
            r"e'new\nline\r\ntab\tbell\x07vertical\x0bend\x01\x1f\x7f'",
            "'größe ß 漢字 😀 👩‍👩‍👧 \u{202e}rtl \u{feff}bom'",
            "'{\"json\": [1, null]} (a,b,\"c\") {1,NULL}'",
            "'null'",
            "'$1 $$ $body$ :name %s %1$s'",
            "repeat(',', 50) || repeat('\"', 7) || repeat('\\', 5)",
            "'a,b'",
            "'\"'",
            "','",
            "(select string_agg(chr(i), '' order by i) from generate_series(1, 600) i)",
        ],
    ),
    ("varchar(5)", &["'ab   '", "''", "'äöüß😀'"]),
    ("char(6)", &["'ab'", "''", "'      '", "'ä😀'"]),
    (
        r#""char""#,
        &["'a'", "''", r"'\'", "'\"'", "','", "(-1)::int4::\"char\"", "'+'"],
    ),
    ("name", &["'Some Name'", "''", "repeat('x', 63)"]),
    (
        "bytea",
        &[
            r"'\x'",
            r"'\x00ff5c27222c0a09'",
            "(select decode(string_agg(lpad(to_hex(i), 2, '0'), ''), 'hex') from generate_series(0, 255) i)",
        ],
    ),
    ("bit(10)", &["B'1010101010'", "B'0000000000'"]),
    ("varbit", &["B''", "B'101'"]),
    (
        "date",
        &[
            "'infinity'",
            "'-infinity'",
            "'0044-03-15 BC'",
            "'5874897-12-31'",
            "'2024-02-29'",
            "'0001-01-01'",
            "'2001-02-03'",
        ],
    ),
    ("time", &["'24:00:00'", "'00:00:00.000001'", "'23:59:59.999999'"]),
    ("timetz", &["'24:00:00-15:59'", "'12:00:00.5+05:45'"]),
    (
        "timestamp",
        &[
            "'infinity'",
            "'-infinity'",
            "'4713-01-01 00:00:00 BC'",
            "'294276-12-31 23:59:59.999999'",
            "'2001-02-03 04:05:06.7'",
        ],
    ),
    (
        "timestamptz",
        &[
            "'infinity'",
            "'-infinity'",
            "'4713-01-02 00:00:00+00 BC'",
            "'294276-12-31 00:00:00+00'",
            "'2024-10-27 02:30:00+02'",
            "'2024-10-27 02:30:00+01'",
            "'1850-01-01 00:00:00+00'",
            "'0001-06-01 00:00:00+00 BC'",
        ],
    ),
    (
        "interval",
        &[
            "'1 year -2 months 3 days -04:05:06.789'",
            "'-178000000 years'",
            "'0'",
            "'-1 month +1 day'",
            "'100:00:00'",
            "'-00:00:00.000001'",
            "'1 year 1 day -1 second'",
        ],
    ),
    ("uuid", &["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"]),
    (
        "inet",
        &["'192.168.1.5/24'", "'::1'", "'::ffff:1.2.3.0/120'", "'10.1.2.3'"],
    ),
    ("cidr", &["'10.0.0.0/8'", "'2001:db8::/32'"]),
    ("macaddr", &["'08:00:2b:01:02:03'"]),
    ("macaddr8", &["'08:00:2b:01:02:03:04:05'"]),
    (
        "json",
        &[
            r#"'{"b": 1,  "a":[1.0, null], "b":2, "t": "\u00e4\n\"" }'"#,
            "'null'",
            r#"'"text"'"#,
            "'123456789012345678901234567890.10'",
        ],
    ),
    (
        "jsonb",
        &[
            r#"'{"b": 1,  "a":[1.0, null], "t": "\u00e4\n\"\\ &%+" }'"#,
            "'null'",
            "'1e400'",
            r#"'""'"#,
        ],
    ),
    (
        "xml",
        &[
            "'<a b=\"1\">x &amp; y<c/></a>'",
            "'two <b>pieces</b> of content'",
            "'<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\u{e4}</a>'",
        ],
    ),
    (
        "tsvector",
        &["'a:1A fat:2B,4C ''it''''s'':5 ''back\\\\slash'''", "''"],
    ),
    ("tsquery", &["'fat & (rat | !cat:A*) <2> dog'", "''"]),
    ("point", &["'(1e-300,-0)'", "'(Infinity,NaN)'"]),
    ("line", &["'{1,2,3.3}'"]),
    ("lseg", &["'[(0.1,0.2),(3,4)]'"]),
    ("box", &["'(1,1),(0,0)'"]),
    ("path", &["'[(0,0),(1,1),(2,0)]'", "'((0,0),(1,1))'"]),
    ("polygon", &["'((0,0),(1,1),(2,0.1))'"]),
    ("circle", &["'<(0.1,2),3>'"]),
    ("pg_lsn", &["'FFFFFFFF/FFFFFFFF'", "'0/0'"]),
    ("txid_snapshot", &["'10:20:10,14,15'", "'3:3:'"]),
    ("pg_snapshot", &["'10:20:10,14,15'"]),
    ("xid8", &["'18446744073709551615'"]),
    ("xid", &["'4294967295'"]),
    ("cid", &["'7'"]),
    ("tid", &["'(42,7)'"]),
    ("oid", &["4294967295", "0"]),
    (
        "regclass",
        &["'pg_class'", "'ours.\"Some Table\"'", "'types_u'", "99999999"],
    ),
    (
        "regtype",
        &["'int4'", "'timestamp with time zone'", "'ours.mood'", "'mood2'"],
    ),
    ("regproc", &["'now'"]),
    ("regprocedure", &["'abs(int4)'"]),
    ("regoper", &["'pg_catalog.||/'"]),
    ("regoperator", &["'+(int4,int4)'"]),
    ("regnamespace", &["'ours'"]),
    ("regrole", &["'postgres'"]),
    ("regconfig", &["'english'"]),
    ("regdictionary", &["'simple'"]),
    ("regcollation", &["'\"C\"'"]),
    (
        "int4[]",
        &[
            "'{}'",
            "'{1,NULL,-3}'",
            "'[-1:1]={1,2,3}'",
            "'[2:3][0:1]={{1,2},{3,NULL}}'",
        ],
    ),
    (
        "text[]",
        &[
            r#"array['', 'NULL', null, 'null', 'a"b\c', ' ', '{', ',', e'\n\t', 'ä😀', '%&=+']"#,
            "array[['a','b'],['c',null]]",
        ],
    ),
    (
        "timestamptz[]",
        &["array['infinity', '2024-10-27 02:30:00+02', null]::timestamptz[]"],
    ),
    (
        "interval[]",
        &["array['1 year -2 months 3 days -04:05:06.789', null]::interval[]"],
    ),
    ("bytea[]", &[r"array['\x00ff5c', '\x'::bytea, null]"]),
    ("float8[]", &["array['-0', 'NaN', 5e-324, 0.1]::float8[]"]),
    ("money[]", &["array[1234.5, null]::money[]"]),
    ("json[]", &[r#"array['{"a": [1, "x,y"]}', 'null']::json[]"#]),
    ("int4range", &["'empty'", "'[1,10)'", "'(,)'", "'[5,)'"]),
    ("numrange", &["'(1.10,2.200]'"]),
    (
        "tstzrange",
        &[
            "'[2024-01-01 00:00:00+01,infinity)'",
            "'[2024-01-01 00:00:00+01,)'",
        ],
    ),
    (
        "daterange",
        &["'[2024-01-02,2024-02-03)'", "'[0044-03-15 BC,0001-01-01)'"],
    ),
    ("int4multirange", &["'{}'", "'{[1,3),[5,9)}'"]),
    (
        "tstzmultirange",
        &["'{[2024-01-01 00:00:00+01,2024-02-01 00:00:00+01)}'"],
    ),
    ("ours.mood", &["'so so'", "'it''s, \"great\"'"]),
    (
        "ours.mood[]",
        &["array['so so', 'it''s, \"great\"', null]::ours.mood[]"],
    ),
    (
        "ours.pair",
        &[
            r#"row(1, 'a"b\c,(d)', '2001-02-03')"#,
            "row(null, null, null)",
            "row(null, '', 'infinity')",
        ],
    ),
    (
        "ours.pair[]",
        &[r#"array[row(1, 'a"b\c,(d)', '2001-02-03'), null, row(null, '', null)]::ours.pair[]"#],
    ),
    (
        "ours.nested",
        &[r#"row(array[row(1, 'x"', '2001-02-03')]::ours.pair[], 'so so')"#],
    ),
    ("ours.positive", &["7"]),
    ("ours.texts", &["array['a,b', null]"]),
    ("ours.positive[]", &["array[1, 2]"]),
    ("ours.floats", &["'[0.1,0.30000000000000004)'"]),
    ("ours.daydomain", &["'2001-02-03'"]),
    (
        "public.hstore",
        &[r#"'"a b"=>"x\"y\\z", "n"=>NULL, "e"=>"", "%&=+"=>"ä"'"#],
    ),
    ("public.citext", &["'MiXeD'", "''"]),
    ("public.ltree", &["'top.science'"]),
];

const OBJECTS: &str = r#"
    create schema ours;
    create type ours.mood as enum ('so so', 'it''s, "great"');
    create type public.mood2 as enum ('x');
    create type ours.pair as (a int, b text, "C d" date);
    create type ours.nested as (pairs ours.pair[], m ours.mood);
    create domain ours.positive as int check (value > 0);
    create domain ours.texts as text[];
    create domain ours.daydomain as date not null default '2000-01-01';
    create type ours.floats as range (subtype = float8, subtype_diff = float8mi);
    create table ours."Some Table" (a int);
    create extension hstore;
    create extension citext;
    create extension ltree;
"#;

#[test]
fn every_type_in_every_format_between_different_settings() {
    replicate_every_type("types", 0, VALUES);
}

#[test]
fn every_type_in_every_format_as_sets_of_changes() {
    replicate_every_type("types_sets", 1, VALUES);
    // With a column of such a type updates go one by one.
    let own_cast = ["name", r#""char""#, "xml", "regclass"];
    let others: Vec<_> = VALUES
        .iter()
        .copied()
        .filter(|(kind, _)| !own_cast.contains(kind))
        .collect();
    let log = replicate_every_type("types_updates", 1, &others);
    assert!(
        !log.contains("public.types_u: 15 events one by one"),
        "updates went one by one"
    );
}

type Values = (&'static str, &'static [&'static str]);

fn replicate_every_type(queue: &str, set_rows: u32, kinds: &[Values]) -> String {
    let mut cascade = pair(queue);
    cascade["leaf"].stop_worker();
    cascade["leaf"].configure(&format!("apply_set_rows = {set_rows}"));
    cascade["leaf"].start_worker_with(&[], &["-v"]);
    let (root, leaf) = (&cascade["root"], &cascade["leaf"]);
    cascade.psql_all(OBJECTS);
    let columns: Vec<String> = kinds
        .iter()
        .enumerate()
        .map(|(i, (kind, _))| format!("c{i} {kind}"))
        .collect();
    let tables = ["types_u", "types_j", "types_q"];
    for table in tables {
        // The other side has the columns in the other order.
        root.psql(&format!(
            "create table {table} (id int primary key, {})",
            columns.join(", ")
        ));
        let reversed: Vec<&str> = columns.iter().rev().map(String::as_str).collect();
        leaf.psql(&format!(
            "create table {table} ({}, id int primary key)",
            reversed.join(", ")
        ));
    }
    root.psql("create table source (like types_u)");
    root.psql(&source_rows(kinds));
    // With nothing in common from here on; a session of psql reads the values of the table "source", so no literal.
    for (node, settings) in [
        (
            root,
            [
                "datestyle = 'SQL, DMY'",
                "intervalstyle = 'iso_8601'",
                "timezone = 'America/St_Johns'",
                "extra_float_digits = 0",
                "bytea_output = 'escape'",
                "standard_conforming_strings = off",
                "backslash_quote = off",
                "xmloption = document",
                "search_path = ours, public",
                "quote_all_identifiers = on",
            ],
        ),
        (
            leaf,
            [
                "datestyle = 'German'",
                "intervalstyle = 'sql_standard'",
                "timezone = 'Asia/Kathmandu'",
                "extra_float_digits = -5",
                "bytea_output = 'escape'",
                "standard_conforming_strings = off",
                "backslash_quote = on",
                "array_nulls = off",
                "search_path = pg_catalog",
                "default_transaction_isolation = 'serializable'",
            ],
        ),
    ] {
        for setting in settings {
            node.psql(&format!("alter database \"{}\" set {setting}", node.db));
        }
    }
    for table in tables {
        root.psql(&format!("insert into {table} select * from public.source"));
    }
    for (table, flags) in [("types_u", None), ("types_j", Some("J")), ("types_q", Some("Q"))] {
        let flags = flags.map(|flags| format!("--trigger-flags={flags}"));
        let mut args = vec!["add-table", table];
        args.extend(flags.as_deref());
        root.londiste(&args);
        leaf.londiste(&["add-table", table]);
    }
    cascade.wait_in_sync();
    let list: Vec<String> = (0..kinds.len()).map(|i| format!("c{i}")).collect();
    let (list, from_source) = (
        list.join(", "),
        list.iter()
            .map(|c| format!("s.{c}"))
            .collect::<Vec<_>>()
            .join(", "),
    );
    for table in tables {
        assert_same(
            &cascade,
            &format!("select id, {list} from public.{table} order by id"),
        );
    }

    for table in tables {
        // Inserts by a session with the database's settings, and by one with plain ones.
        root.psql(&format!(
            "insert into {table} select id + 1000, {list} from public.source"
        ));
        root.psql(&format!(
            "reset all; set datestyle = iso; set intervalstyle = postgres; set bytea_output = hex; \
             set extra_float_digits = 1; set search_path = pg_catalog; \
             insert into public.{table} select id + 2000, {list} from public.source"
        ));
        // Updates in both kinds of session that give each row the values of the next one, then one at a time.
        for (settings, offset) in [
            ("", 1000),
            (
                "set datestyle = iso; set intervalstyle = postgres; \
             set bytea_output = hex; set extra_float_digits = 1;",
                2000,
            ),
        ] {
            root.psql(&format!(
                "{settings} update public.{table} t set ({list}) = (select {from_source} from public.source s \
                   where s.id = (t.id + 1) % {ROWS}) where t.id between {offset} and {offset} + {ROWS} - 4"
            ));
        }
        // Nothing changed; only one column changed; keys changed; rows gone.
        root.psql(&format!(
            "update public.{table} set id = id where id = 1000; \
             update public.{table} set c9 = c9 || 'x' where id between 0 and 5; \
             update public.{table} set id = id + 5000 where id between 1010 and 1012; \
             delete from public.{table} where id in (3, 1003, 2003)"
        ));
    }
    cascade.wait_caught_up();
    for table in tables {
        assert_same(
            &cascade,
            &format!("select id, {list} from public.{table} order by id"),
        );
    }
    let log = leaf.log();
    for table in ["types_u", "types_j"] {
        let applied = log.contains(&format!("DEBUG public.{table}: ")) && log.contains("as a set of");
        assert_eq!(applied, set_rows > 0, "{table}");
    }
    assert!(!log.contains("since together they fail"), "a set failed");
    log
}

/// Rows of `source`: the values of all types side by side, the last one all NULL.
const ROWS: usize = 18;

fn source_rows(kinds: &[Values]) -> String {
    let mut sql = "set datestyle = 'ISO, YMD'; set search_path = public;\n".to_owned();
    for row in 0..ROWS {
        let values: Vec<&str> = kinds
            .iter()
            .map(|(kind, values)| match values.get(row) {
                Some(value) => value,
                None if kind.contains("daydomain") => "'2001-02-03'",
                None => "null",
            })
            .collect();
        writeln!(sql, "insert into source values ({row}, {});", values.join(", "))
            .expect("a string takes all");
    }
    sql
}
