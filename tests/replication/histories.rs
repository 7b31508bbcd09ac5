//! Random histories: whatever sessions do to tables of random shapes, after each batch a subscriber has what an audit of
//! the test's own says that the provider had at the batch's tick; and changes summed up and applied as sets end in the
//! same state, byte for byte, as changes applied one by one.
//!
//! `HISTORIES` says how many (make soak: any number), `LONDISTE_SEED` repeats a run.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use crate::support::cascade::{Cascade, LIMIT, Node};
use crate::support::random::Random;

/// Histories of the ordinary suite, and how many tables of one shape see.
const HISTORIES: usize = 300;
const PER_SHAPE: usize = 25;
/// Sessions that write at the same time.
const SESSIONS: usize = 3;

/// Types of key columns with values whose texts are a trap; the last ones have no equality that replay knows.
const KEY_TYPES: &[(&str, &[&str])] = &[
    ("int", &["1", "2", "3", "-4", "50"]),
    ("bigint", &["1", "-2", "9007199254740993", "40"]),
    (
        "text",
        &["'a'", "'A'", "'a '", "''", "'ä%&=+\\'", "'b\tc'", "'\n'"],
    ),
    ("varchar(6)", &["'a'", "'a '", "'b'", "'%41'"]),
    ("char(4)", &["'a'", "'b'", "'a b'", "''"]),
    ("numeric", &["1", "1.50", "-0.001", "10000000000000000000000"]),
    ("numeric(8,2)", &["1", "1.5", "-2.25"]),
    (
        "uuid",
        &[
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            "'00000000-0000-0000-0000-000000000001'",
        ],
    ),
    (
        "date",
        &["'2001-02-03'", "'2001-02-04'", "'infinity'", "'0044-03-15 BC'"],
    ),
    (
        "timestamp",
        &["'2001-02-03 04:05:06'", "'2001-02-03 04:05:06.5'", "'-infinity'"],
    ),
    ("bool", &["true", "false"]),
    ("bytea", &[r"'\x00ff'", r"'\x'"]),
    ("float8", &["0.1", "1e300", "'-0'", "'NaN'"]),
    (
        "timestamptz",
        &["'2001-02-03 04:05:06+00'", "'2001-02-03 05:05:06.5+01'"],
    ),
];

/// The first of them are mostly taken.
const USUAL_KEY_TYPES: usize = 8;

const VALUE_TYPES: &[(&str, &[&str])] = &[
    ("int", &["null", "1", "2", "3", "4", "5"]),
    (
        "text",
        &["null", "''", "'x'", "'a\tb\\n%&=+ ü'", "repeat('long ', 50)"],
    ),
    ("numeric(10,3)", &["null", "1.5", "-7"]),
    ("jsonb", &["null", r#"'{"a": [1, "\\"]}'"#]),
    ("text[]", &["null", "'{}'", r#"array['a,b', null, '"']"#]),
    ("bytea", &["null", r"'\x5c00'"]),
    ("interval", &["null", "'1 day -2 seconds'"]),
    ("char(3)", &["null", "'a'", "'ab'"]),
];

struct Table {
    name: String,
    key: Vec<Column>,
    values: Vec<Column>,
    /// On the leaves a column more takes numbers from a sequence.
    numbered: bool,
}

struct Column {
    name: String,
    values: &'static [&'static str],
    unique: bool,
}

impl Table {
    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().chain(&self.values)
    }

    fn key_of(&self, record: &str) -> String {
        let names: Vec<String> = self
            .key
            .iter()
            .map(|column| format!("{record}.{}", column.name))
            .collect();
        format!("row({})::text", names.join(", "))
    }

    fn row(&self) -> String {
        let names: Vec<&str> = self.columns().map(|column| column.name.as_str()).collect();
        format!("row({})::text", names.join(", "))
    }
}

/// A table of a random shape, as SQL for the provider; it may refer to one of those before it.
fn random_table(random: &mut Random, name: String, before: &[Table]) -> (Table, String) {
    let mut sql = format!("create table {name} (");
    let mut key = Vec::new();
    for number in 0..[1, 1, 1, 2, 3][random.below(5) as usize] {
        let choice = if random.below(5) == 0 {
            KEY_TYPES.len()
        } else {
            USUAL_KEY_TYPES
        };
        let (kind, values) = KEY_TYPES[random.below(choice as u64) as usize];
        let name = format!("k{number}");
        write!(sql, "{name} {kind} not null, ").expect("a string takes all");
        key.push(Column {
            name,
            values,
            unique: false,
        });
    }
    let mut values = Vec::new();
    for number in 0..random.below(5) {
        let other = random.below(3) > 0;
        let kind_number = if other {
            random.below(VALUE_TYPES.len() as u64)
        } else {
            0
        };
        let (kind, choice) = VALUE_TYPES[kind_number as usize];
        let name = if random.below(8) == 0 {
            format!("\"V {number}%=\"")
        } else {
            format!("v{number}")
        };
        // A second unique index, on which sets of changes may collide.
        let is_unique = kind == "int" && random.below(2) == 0;
        let unique = if is_unique { " unique" } else { "" };
        write!(sql, "{name} {kind}{unique}, ").expect("a string takes all");
        values.push(Column {
            name,
            values: choice,
            unique: is_unique,
        });
    }
    if let Some(other) = before.iter().find(|other| other.key.len() == 1)
        && random.below(2) == 0
    {
        let target = &other.key[0];
        let kind = KEY_TYPES
            .iter()
            .find(|(_, values)| std::ptr::eq(*values, target.values));
        let action = ["cascade", "set null", "no action"][random.below(3) as usize];
        write!(
            sql,
            "other {} references {} on delete {action} on update {action}, ",
            kind.expect("a key has one of the types").0,
            other.name
        )
        .expect("a string takes all");
        values.push(Column {
            name: "other".to_owned(),
            values: target.values,
            unique: false,
        });
    }
    let names: Vec<&str> = key.iter().map(|column| column.name.as_str()).collect();
    write!(sql, "primary key ({}));", names.join(", ")).expect("a string takes all");
    let table = Table {
        name,
        key,
        values,
        numbered: false,
    };
    (table, sql)
}

/// Writes into `audit` what changes, as rows that came and rows that went.
fn audit_sql(random: &mut Random, table: &Table) -> String {
    let (name, row) = (&table.name, table.row());
    let of = |alias: &str| {
        let names: Vec<String> = table
            .columns()
            .map(|column| format!("{alias}.{}", column.name))
            .collect();
        format!("row({})::text", names.join(", "))
    };
    let plain = name.replace('.', "_");
    if random.below(2) == 0 {
        let (old, new) = (of("old"), of("new"));
        return format!(
            "create function audit_{plain}() returns trigger language plpgsql as $$ begin \
               if tg_op <> 'INSERT' then insert into audit (tab, sign, line) values ('{name}', -1, {old}); end if; \
               if tg_op <> 'DELETE' then insert into audit (tab, sign, line) values ('{name}', 1, {new}); end if; \
               return null; end $$; \
             create trigger zz_audit after insert or update or delete on {name} \
               for each row execute function audit_{plain}();"
        );
    }
    let mut sql = String::new();
    for (op, tables) in [("insert", "new"), ("delete", "old"), ("update", "old new")] {
        let mut body = String::new();
        let mut referencing = String::new();
        for table in tables.split(' ') {
            let sign = if table == "old" { -1 } else { 1 };
            write!(
                body,
                "insert into audit (tab, sign, line) select '{name}', {sign}, {row} from {table}_rows; "
            )
            .expect("a string takes all");
            write!(referencing, " {table} table as {table}_rows").expect("a string takes all");
        }
        write!(
            sql,
            "create function audit_{plain}_{op}() returns trigger language plpgsql as $$ begin {body} return null; end $$; \
             create trigger zz_audit_{op} after {op} on {name} referencing{referencing} \
               for each statement execute function audit_{plain}_{op}();"
        )
        .expect("a string takes all");
    }
    sql
}

fn pick<'a>(random: &mut Random, list: &[&'a str]) -> &'a str {
    list[random.below(list.len() as u64) as usize]
}

/// A statement that may well fail.
fn random_statement(random: &mut Random, tables: &[Table]) -> String {
    let table = &tables[random.below(tables.len() as u64) as usize];
    let name = &table.name;
    let key_is = |random: &mut Random| {
        let parts: Vec<String> = table
            .key
            .iter()
            .map(|column| format!("{} = {}", column.name, pick(random, column.values)))
            .collect();
        parts.join(" and ")
    };
    let assign = |random: &mut Random, columns: &[Column]| {
        let column = &columns[random.below(columns.len() as u64) as usize];
        format!("{} = {}", column.name, pick(random, column.values))
    };
    // Two rows exchange a value that only one of them may have: nothing collides on the way.
    let unique = table.values.iter().find(|column| column.unique);
    if let (Some(column), 0..2) = (unique, random.below(10)) {
        let set =
            |to: i32, from: i32| format!("update {name} set {0} = {to} where {0} = {from}", column.name);
        let (one, other) = (1 + random.below(2) as i32, 3 + random.below(3) as i32);
        return format!("{}; {}; {}", set(-1, one), set(one, other), set(other, -1));
    }
    let some_key = |random: &mut Random| {
        let column = &table.key[random.below(table.key.len() as u64) as usize];
        format!("{} = {}", column.name, pick(random, column.values))
    };
    match random.below(14) {
        kind @ 0..6 => {
            let names: Vec<&str> = table.columns().map(|column| column.name.as_str()).collect();
            let values: Vec<&str> = table
                .columns()
                .map(|column| pick(random, column.values))
                .collect();
            let mut sql = format!(
                "insert into {name} ({}) values ({})",
                names.join(", "),
                values.join(", ")
            );
            if kind > 2
                && let Some(column) = table.values.first()
            {
                let key: Vec<&str> = table.key.iter().map(|column| column.name.as_str()).collect();
                let value = pick(random, column.values);
                write!(
                    sql,
                    " on conflict ({}) do update set {} = {value}",
                    key.join(", "),
                    column.name
                )
                .expect("a string takes all");
            }
            sql
        }
        6..9 if !table.values.is_empty() => {
            format!(
                "update {name} set {} where {}",
                assign(random, &table.values),
                some_key(random)
            )
        }
        9 if !table.values.is_empty() => format!("update {name} set {}", assign(random, &table.values)),
        10 => format!(
            "update {name} set {} where {}",
            assign(random, &table.key),
            key_is(random)
        ),
        11 if random.below(8) == 0 => format!("delete from {name}"),
        12 if random.below(20) == 0 => format!("truncate {name} cascade"),
        13 => format!("delete from {name} where {}", some_key(random)),
        _ => format!("delete from {name} where {}", key_is(random)),
    }
}

async fn connect(node: &Node) -> Client {
    let (client, connection) = tokio_postgres::connect(&node.connstr(), NoTls)
        .await
        .unwrap_or_else(|error| panic!("node {}: {error}", node.name));
    tokio::spawn(connection);
    client
        .batch_execute("set lock_timeout = '5ms'; set deadlock_timeout = '1s'; set client_min_messages = error; set timezone = 'UTC'")
        .await
        .expect("set up a session");
    client
}

/// The provider's rows at the last tick, by the audit alone.
#[derive(Default)]
struct Audited {
    applied: HashSet<i64>,
    rows: BTreeMap<String, BTreeMap<String, i64>>,
}

impl Audited {
    async fn advance(&mut self, root: &Client, tick: i64) {
        let sql = "select seq, tab, sign, line from audit \
                    where txid_visible_in_snapshot(txid, (select tick_snapshot from pgq.tick where tick_id = $1)) \
                    order by seq";
        for row in root.query(sql, &[&tick]).await.expect("read the audit") {
            if self.applied.insert(row.get(0)) {
                let (table, sign, line): (String, i32, String) = (row.get(1), row.get(2), row.get(3));
                let rows = self.rows.entry(table).or_default();
                if line == "truncate" {
                    rows.clear();
                    continue;
                }
                let count = rows.entry(line.clone()).or_default();
                *count += i64::from(sign);
                if *count == 0 {
                    rows.remove(&line);
                }
            }
        }
    }

    fn rows(&self, table: &Table) -> Vec<String> {
        let rows = self.rows.get(&table.name);
        rows.into_iter()
            .flatten()
            .flat_map(|(line, count)| {
                vec![line.clone(); usize::try_from(*count).expect("no row went before it came")]
            })
            .collect()
    }
}

async fn rows_of(client: &Client, table: &Table, expression: &str) -> Vec<String> {
    let sql = format!("select {expression} from {} t order by 1", table.name);
    let rows = client.query(&sql, &[]).await.expect("read a table");
    let mut rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    rows.sort();
    rows
}

async fn wait_for_tick(node: &Node, client: &Client, tick: i64) {
    let started = Instant::now();
    let sql = "select last_tick_id from pgq_node.local_state where consumer_name = $1";
    loop {
        let position: i64 = client
            .query_one(sql, &[&node.job])
            .await
            .expect("read the position")
            .get(0);
        if position >= tick {
            return;
        }
        assert!(
            started.elapsed() < LIMIT,
            "node {} did not come to tick {tick}, it is at {position}",
            node.name
        );
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

#[test]
fn random_histories_arrive_whatever_they_are() {
    let count =
        std::env::var("HISTORIES").map_or(HISTORIES, |text| text.parse().expect("HISTORIES is a number"));
    let mut random = Random::seeded();
    let mut cascade = Cascade::new("histories");
    cascade.create_root("root");
    cascade.create_leaf("sets", "root");
    cascade.create_leaf("rows", "root");
    // Sometimes so little memory that a batch comes in several slices.
    let memory = ["64 kB", "400 kB", "256 MB"][random.below(3) as usize];
    cascade["sets"].configure(&format!(
        "apply_set_rows = 1\napply_memory = {memory}\nloop_delay = 0.02"
    ));
    cascade["rows"].configure("apply_set_rows = 0\nloop_delay = 0.02");
    // A tick whenever one is asked for and there is an event, without the jump in the events' numbers that force_tick
    // makes.
    cascade["root"].psql(
        "update pgq.queue set queue_ticker_max_lag = '0', queue_ticker_max_count = 1; \
         create table audit (seq bigserial primary key, txid bigint default txid_current(), tab text, sign int, line text); \
         create function audit_truncate() returns trigger language plpgsql as $$ begin \
           insert into audit (tab, sign, line) values (tg_argv[0], 0, 'truncate'); return null; end $$",
    );
    for leaf in ["sets", "rows"] {
        cascade[leaf]
            .psql("create table fired (nr serial primary key, tab text, key text, op text, line text)");
        cascade[leaf].start_worker_with(&[], &["-v"]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut done = 0;
    for shape in 0.. {
        if done >= count {
            break;
        }
        let histories = PER_SHAPE.min(count - done);
        let tables = make_tables(&cascade, &mut random, shape);
        runtime.block_on(run_histories(&cascade, &mut random, &tables, histories));
        done += histories;
    }
    let log = cascade["sets"].log();
    assert!(
        !log.contains(" ERROR "),
        "the worker that applies sets had an error"
    );
    let sets = log.matches("as a set of").count();
    println!(
        "{done} histories, {sets} sets, {} tables one by one after a set failed",
        log.matches("applying its changes one by one").count()
    );
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log.lines() {
        if let Some((_, why)) = line.split_once("events one by one: ") {
            *reasons.entry(why).or_default() += 1;
        }
    }
    println!("one by one: {reasons:?}");
    assert!(sets >= done / 2, "histories without sets show nothing");
}

/// Tables of random shapes on all three nodes, in sync from the beginning.
fn make_tables(cascade: &Cascade, random: &mut Random, shape: usize) -> Vec<Table> {
    let mut tables = Vec::new();
    let (mut everywhere, mut root, mut leaves) = (String::new(), String::new(), String::new());
    for number in 0..=random.below(4) {
        let name = format!("public.t{shape}_{number}");
        let (mut table, sql) = random_table(random, name.clone(), &tables);
        everywhere.push_str(&sql);
        root.push_str(&audit_sql(random, &table));
        write!(
            root,
            "create trigger zz_audit_truncate after truncate on {name} for each statement execute function audit_truncate('{name}');"
        )
        .expect("a string takes all");
        match random.below(6) {
            0 => write!(leaves, "alter table {name} add column here int default 7;"),
            1 => {
                table.numbered = true;
                write!(leaves, "alter table {name} add column here serial;")
            }
            // A trigger that sees each change.
            2 => write!(
                leaves,
                "create function fire_{shape}_{number}() returns trigger language plpgsql as $$ \
                   declare it record := coalesce(new, old); \
                 begin \
                   insert into fired (tab, key, op, line) values (tg_table_name, {}, tg_op, it::text); \
                   return null; end $$; \
                 create trigger fire after insert or update or delete on {name} \
                   for each row execute function fire_{shape}_{number}(); \
                 alter table {name} enable replica trigger fire;",
                table.key_of("it")
            ),
            _ => Ok(()),
        }
        .expect("a string takes all");
        tables.push(table);
    }
    cascade.psql_all(&everywhere);
    let mut args = vec!["add-table", "--expect-sync"];
    args.extend(tables.iter().map(|table| table.name.as_str()));
    for node in cascade.nodes() {
        node.psql(if node.name == "root" { &root } else { &leaves });
        if node.name != "root" {
            // The worker has to know the tables before it can attach them.
            let names: Vec<String> = tables.iter().map(|table| format!("'{}'", table.name)).collect();
            cascade.wait_until("the tables to be known", || {
                let sql = format!(
                    "select count(*) from londiste.table_info where table_name in ({})",
                    names.join(", ")
                );
                node.psql(&sql) == tables.len().to_string()
            });
        }
        node.londiste(&args);
        if node.name == "root" {
            node.psql("select pgq.force_tick('histories'); select pgq.ticker('histories')");
        }
    }
    tables
}

async fn run_histories(cascade: &Cascade, random: &mut Random, tables: &[Table], histories: usize) {
    let root = connect(&cascade["root"]).await;
    let leaves = [
        (&cascade["sets"], connect(&cascade["sets"]).await),
        (&cascade["rows"], connect(&cascade["rows"]).await),
    ];
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push((connect(&cascade["root"]).await, false));
    }
    let mut audited = Audited::default();
    for history in 0..histories {
        let mut said: Vec<String> = Vec::new();
        // One batch of one tick, or several ticks that arrive together.
        let ticks = 1 + random.below(3);
        root.batch_execute("begin").await.expect("begin");
        for _ in 0..ticks {
            for _ in 0..random.below(90) {
                let number = random.below(SESSIONS as u64) as usize;
                step(random, number, &mut sessions[number], tables, &mut said).await;
            }
            root.batch_execute("select pgq.ticker('histories')")
                .await
                .expect("tick");
        }
        root.batch_execute("commit").await.expect("commit");
        let tick: i64 = root
            .query_one("select max(tick_id) from pgq.tick", &[])
            .await
            .expect("the tick")
            .get(0);
        audited.advance(&root, tick).await;
        for (node, client) in &leaves {
            wait_for_tick(node, client, tick).await;
            for table in tables {
                let mut expected = audited.rows(table);
                expected.sort();
                let found = rows_of(client, table, &table.row()).await;
                assert_eq!(
                    found,
                    expected,
                    "{} on node {} in history {history} at tick {tick} after\n{}",
                    table.name,
                    node.name,
                    said.join("\n")
                );
            }
        }
        for table in tables {
            let whole = if table.numbered {
                // A transaction that was rolled back leaves a hole in the numbers; what counts is their order.
                format!("({}, rank() over (order by here))::text", table.row())
            } else {
                "t::text".to_owned()
            };
            let [one, other] = [&leaves[0].1, &leaves[1].1].map(|client| rows_of(client, table, &whole));
            assert_eq!(
                one.await,
                other.await,
                "{} of both nodes after\n{}",
                table.name,
                said.join("\n")
            );
        }
        // How many ticks a leaf takes as one batch is its own affair, and within a batch changes come in the order in which
        // they were made, so only the changes of one row have one order.
        let fired = "select coalesce(string_agg(tab || op || line, ';' order by tab, key collate \"C\", nr), '') from fired";
        let mut seen = Vec::new();
        for (_, client) in &leaves {
            seen.push(
                client
                    .query_one(fired, &[])
                    .await
                    .expect("what fired")
                    .get::<_, String>(0),
            );
        }
        assert_eq!(seen[0], seen[1], "triggers saw other changes");
    }
    for (client, open) in &sessions {
        if *open {
            client.batch_execute("rollback").await.expect("rollback");
        }
    }
}

/// One session goes one step: a statement in a savepoint of its own, an end, a change of its mind.
async fn step(
    random: &mut Random,
    number: usize,
    (client, open): &mut (Client, bool),
    tables: &[Table],
    said: &mut Vec<String>,
) {
    if !*open {
        client
            .batch_execute("begin; savepoint before")
            .await
            .expect("begin");
        *open = true;
    }
    match random.below(16) {
        0 => {
            client.batch_execute("rollback").await.expect("rollback");
            *open = false;
            said.push(format!("{number}: rollback"));
        }
        1..3 => {
            client.batch_execute("commit").await.expect("commit");
            *open = false;
            said.push(format!("{number}: commit"));
        }
        3 => {
            client
                .batch_execute("rollback to before")
                .await
                .expect("rollback to a savepoint");
            said.push(format!("{number}: rollback to savepoint"));
        }
        _ => {
            let sql = random_statement(random, tables);
            client.batch_execute("savepoint before").await.expect("savepoint");
            match client.batch_execute(&sql).await {
                Ok(()) => said.push(format!("{number}: {sql}")),
                Err(_) => client
                    .batch_execute("rollback to before")
                    .await
                    .expect("rollback to a savepoint"),
            }
        }
    }
}
