//! Tables of unusual shapes: wide, of many columns, of other columns or another kind on the other side.

use super::{assert_same, assert_same_queries, pair};

#[test]
fn other_shapes_on_the_other_side() {
    let cascade = pair("shapes");
    let (root, leaf) = (&cascade["root"], &cascade["leaf"]);
    let many: Vec<String> = (0..200)
        .map(|i| format!("c{i} {}", ["int", "text", "numeric", "date"][i % 4]))
        .collect();
    cascade.psql_all(&format!(
        "create table wide (id int primary key, t text, b bytea, j jsonb);
         create table many ({}, id int primary key);
         create table no_columns_but_key (id int primary key);
         create table no_key (a int, b text);
         create table dropped (gone1 int, id int, gone2 text, v text, gone3 int, primary key (id));
         alter table dropped drop gone1; alter table dropped drop gone2; alter table dropped drop gone3;
         create table parted (id int, day date, v text, primary key (id, day)) partition by range (day);
         create table parted_1 partition of parted for values from ('2024-01-01') to ('2024-02-01');
         create table parted_2 partition of parted for values from ('2024-02-01') to ('2024-03-01');
         create table parted_rest (v text, day date not null, id int not null);
         alter table parted attach partition parted_rest default;
         create schema other;",
        many.join(", ")
    ));
    root.psql(
        "create table ordered (id int primary key, a int, b text, c date);
         create table plain (id int primary key, v text);
         create table types_differ (id int primary key, n int, t varchar(20), ts timestamptz, a json);
         create table elsewhere (id int primary key, v text);
         alter table dropped add late text default 'x''y';",
    );
    leaf.psql(
        "create table ordered (c date, extra1 int default 7, b text, id int primary key, extra2 text not null default 'd', a int,
             extra3 timestamptz default now());
         create unlogged table plain (id int primary key, v text);
         create table types_differ (id bigint primary key, n numeric, t text, ts timestamptz, a jsonb);
         create table other.\"Else where\" (id int primary key, v text);
         alter table dropped add late text default 'x''y';",
    );
    let fill = "insert into wide select m + 1, repeat('long \"text\", with \\ and % ', 40000),
                       decode(repeat(md5(m::text), 30000), 'hex'), jsonb_build_object('k', repeat('é', 400000))
                  from (select coalesce(max(id), 0) m from wide) x;
         insert into many (id, c0, c1, c2, c199) select m + 1, m, 'x' || m, m / 3.0, '2024-01-01'
             from (select coalesce(max(id), 0) m from many) x;
         insert into no_columns_but_key select coalesce(max(id), 0) + 1 from no_columns_but_key;
         insert into no_key values (1, 'same'), (1, 'same'), (null, null);
         insert into dropped select coalesce(max(id), 0) + 1, 'v' from dropped;
         insert into ordered select m + i, i, 'b' || i, '2024-01-01' from (select coalesce(max(id), 0) m from ordered) x,
             generate_series(1, 10) i;
         insert into parted select m + i, date '2024-01-01' + i * 9, 'b' || i from (select coalesce(max(id), 0) m from parted) x,
             generate_series(1, 10) i;
         insert into plain select coalesce(max(id), 0) + 1, 'v' from plain;
         insert into types_differ select coalesce(max(id), 0) + 1, 5, 'abc', '2024-01-01', '{\"a\":1}' from types_differ;
         insert into elsewhere select coalesce(max(id), 0) + 1, 'v' from elsewhere;";
    root.psql(fill);
    let same = [
        "wide",
        "many",
        "no_columns_but_key",
        "dropped",
        "ordered",
        "parted_1",
        "parted_2",
        "parted_rest",
        "plain",
        "types_differ",
    ];
    root.londiste(&[&["add-table"], &same[..], &["elsewhere"]].concat());
    leaf.londiste(&[&["add-table", "--force"], &same[..]].concat());
    cascade.add_table_with("no_key", &["--trigger-flags=I"]);
    leaf.londiste(&["add-table", "elsewhere", "--dest-table=other.Else where"]);
    cascade.wait_in_sync();
    root.psql(fill);
    root.psql(
        "update wide set t = t || 'x', j = null where id = 1;
         update wide set b = b || '\\x00'::bytea where id = 2;
         update many set c100 = 5, c3 = 'infinity';
         update ordered set a = -a, c = null where id % 2 = 0;
         delete from ordered where id = 5;
         update parted set day = day + 25 where id % 3 = 0;
         update parted set id = id + 100 where id = 4;
         delete from parted where id = 7;
         delete from no_columns_but_key where id = 1;
         update dropped set v = 'w', late = null where id = 1;
         update plain set v = 'w' where id = 1;
         update types_differ set n = n + 1, t = null;
         update elsewhere set v = 'w' where id = 1; delete from elsewhere where id = 2;",
    );
    cascade.wait_caught_up();
    for table in same {
        let columns = match table {
            "ordered" => "id, a, b, c",
            "types_differ" => "id, n, t, ts, a::jsonb",
            _ => "*",
        };
        assert_same(
            &cascade,
            &format!("select {columns} from public.{table} t order by id"),
        );
    }
    assert_same(&cascade, "select a, b from public.no_key order by 1, 2");
    assert_same_queries(
        &cascade,
        "select * from public.elsewhere order by id",
        "select * from other.\"Else where\" order by id",
    );
    assert_eq!(
        leaf.psql("select count(*) from ordered where extra1 <> 7 or extra2 <> 'd' or extra3 is null"),
        "0"
    );
    root.psql("truncate parted, plain, elsewhere; insert into plain values (77, 'after')");
    cascade.wait_caught_up();
    assert_eq!(leaf.psql("select (select count(*) from parted), (select count(*) from plain), (select count(*) from other.\"Else where\")"), "0|1|0");
}
