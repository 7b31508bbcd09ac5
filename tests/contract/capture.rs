//! Capture: the events of random statements, replayed by key, make a copy equal, whichever way they were captured; and
//! they are the bytes of the general row trigger. Statements, triggers and foreign keys are of the kinds that could bring events out of order.

use londiste::install;

use crate::support::cascade::LIMIT;
use crate::support::wait::wait_for_async;
use crate::support::{Cluster, Database, database};

const REPLAY: &str = include_str!("capture_replay.sql");
const TYPES: &str = include_str!("capture_types.sql");
const CHANGE: &str = include_str!("capture_change.sql");

/// A database with our schemas.
fn ours(name: &str) -> Database {
    let db = database(name);
    db.psql(&install::script(&install::select(&[]).unwrap()));
    db
}

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn key(&mut self) -> u64 {
        self.roll(14) + 1
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.roll(among.len() as u64) as usize]
    }
}

/// What makes a table dangerous: its definition and triggers.
const HAZARDS: &[(&str, &str, &str)] = &[
    ("plain", "", ""),
    ("deferrable", "deferrable", ""),
    ("partitions", "", ""),
    (
        "cascade",
        "",
        "alter table t add foreign key (p) references t on delete cascade on update cascade deferrable;",
    ),
    (
        "set_null",
        "",
        "alter table t add foreign key (p) references t on delete set null on update set null;",
    ),
    (
        "early_row_trigger",
        "",
        "create trigger a after insert or update or delete on t for each row execute function change_row();",
    ),
    (
        "late_row_trigger",
        "",
        "create trigger zz after insert or update or delete on t for each row execute function change_row();",
    ),
    (
        "before_row_trigger",
        "",
        "create trigger a before insert or update on t for each row execute function change_before();",
    ),
    (
        "statement_trigger",
        "",
        "create trigger _a after insert or update or delete on t for each statement execute function change_statement();",
    ),
    (
        "reinsert",
        "",
        "create trigger a after delete on t for each row execute function insert_again();",
    ),
    (
        "other_table",
        "",
        "create table s (k int primary key references t on delete cascade on update cascade);
         create trigger a after insert or update or delete on s for each row execute function change_other();",
    ),
];

const FUNCTIONS: &str = r"
create function changer(a int) returns int language plpgsql as $$ begin
    if pg_trigger_depth() > 2 then return a; end if;
    if a % 5 = 0 then update t set n = coalesce(n, 0) + 1 where k = a;
    elsif a % 5 = 1 then delete from t where k = a + 1;
    elsif a % 5 = 2 then update t set k = k + 300 where k = a and k < 200;
    elsif a % 5 = 3 then insert into t values (a + 1000, 'nested') on conflict do nothing;
    else update t set v = 'f' where k % 7 = 1; end if;
    return a;
end $$;
create function change_row() returns trigger language plpgsql as $$ begin
    if pg_trigger_depth() < 3 then perform changer(case when tg_op = 'DELETE' then old.k else new.k end); end if;
    return null;
end $$;
create function change_statement() returns trigger language plpgsql as $$ begin
    if pg_trigger_depth() < 3 then perform changer((select count(*) from t)::int); end if;
    return null;
end $$;
create function change_before() returns trigger language plpgsql as $$ begin
    if pg_trigger_depth() < 3 and new.k % 3 = 0 then
        update t set n = -1 where k = new.k - 1;
        delete from t where k = new.k - 2;
    end if;
    new.v := new.v || 'b';
    return new;
end $$;
create function insert_again() returns trigger language plpgsql as $$ begin
    if old.k % 2 = 0 then insert into t values (old.k, 'again', old.n, null); end if;
    return null;
end $$;
create function change_other() returns trigger language plpgsql as $$ begin
    if pg_trigger_depth() < 3 then
        update t set n = coalesce(n, 0) + 10 where k in (select k from t order by k limit 2);
    end if;
    return null;
end $$;
";

/// How the table of a hazard is made, where that is not an ordinary one.
fn table_of(hazard: &str) -> (&'static str, &'static [&'static str]) {
    match hazard {
        // Rows move between them when their key changes.
        "partitions" => (
            " partition by hash (k); create table t_0 partition of t for values with (modulus 2, remainder 0);
             create table t_1 partition of t for values with (modulus 2, remainder 1)",
            &["t_0", "t_1"],
        ),
        _ => ("", &["t"]),
    }
}

/// The ways of capture, and the hazards under which each is right. A row trigger logs nested changes of rows that the
/// outer statement has changed before the outer ones, and cannot order the events of swapped keys.
const WAYS: &[(&str, &[&str])] = &[
    ("statement", &[]),
    ("row", &["plain", "cascade", "set_null", "partitions"]),
    ("ancestor", &["plain", "cascade", "set_null", "partitions"]),
];

fn statement(dice: &mut Dice, deferrable: bool, inner: bool) -> String {
    let (a, b, n) = (dice.key(), dice.key(), dice.roll(10));
    let on_conflict = dice.pick(&["", " on conflict do nothing"]);
    match dice.roll(27) {
        0..4 => {
            format!("insert into t select g, 'r {n}&%', g % 3 from generate_series({a}, {b}) g{on_conflict}")
        }
        4 if !deferrable => format!(
            "insert into t (k, v) values ({a}, null), ({b}, 'x,\"y') on conflict (k) do update set v = 'up', n = 3"
        ),
        5..7 => {
            let value = dice.pick(&["v", "null", "'a b'"]);
            format!("update t set n = {n}, v = {value} where k between {a} and {b}")
        }
        7 => format!("update t set k = k + 1 where k >= {a}"),
        8 => "update t set k = 15 - k where k < 15".to_owned(),
        9 => format!("update t set k = {a} where k = {b}"),
        10 => format!("update t set k = k - 1, n = k where k between 2 and {a}"),
        11 => format!("delete from t where k between {a} and {b}"),
        12 => format!("delete from t where k % 3 = {}", n % 3),
        13 => format!(
            "with d as (delete from t where k <= {a} returning *) insert into t select k, v || 'c', n, null from d"
        ),
        14 => format!(
            "with d as (delete from t where k = {a} returning k)
             update t set k = {a} where k = {b} and k <> {a} and exists (select 1 from d)"
        ),
        15 => format!(
            "with u as (update t set k = k + 100 where k <= {a} returning *)
             insert into t select k - 100, 'w', n, null from u"
        ),
        16 => {
            format!("with u as (update t set k = {a} where k = {b} returning k) delete from t where k = {a}")
        }
        17 => format!(
            "with a as (insert into t values ({b} + 20, 'new') on conflict do nothing),
                  b as (update t set n = 7 where k < {a}), c as (update t set n = 8 where k > {a})
             delete from t where k = {a}"
        ),
        18 => {
            let step = dice.pick(&["0", "40"]);
            format!(
                "merge into t using (select g as k from generate_series({a}, {b}) g) s on t.k = s.k
                 when matched and s.k % 3 = 0 then delete
                 when matched then update set n = {n}, k = t.k + {step}
                 when not matched then insert values (s.k, 'm')"
            )
        }
        19 => format!("update t set n = changer(k) where k < {a}"),
        20 => format!(
            "insert into t select changer(g) + 50, 'f' from generate_series({a}, {b}) g on conflict do nothing"
        ),
        21 => dice
            .pick(&[
                "truncate t cascade",
                "update t set p = (select min(k) from t)",
                "update t set p = null",
                "update t set n = n",
            ])
            .to_owned(),
        22 if !inner => {
            let count = dice.roll(4) + 2;
            let parts: Vec<_> = (0..count).map(|_| statement(dice, deferrable, true)).collect();
            format!("do $$ begin {}; end $$", parts.join("; "))
        }
        23 if !inner => format!(
            "do $$ begin begin {}; raise exception 'x'; exception when others then null; end; {}; end $$",
            statement(dice, deferrable, true),
            statement(dice, deferrable, true)
        ),
        24 if !inner => {
            let target = dice.pick(&["t (k, v)", "t (v, k)"]);
            let row = |key| match target {
                "t (k, v)" => format!("{key}\tc o&p\\\\y"),
                _ => format!("\\N\t{key}"),
            };
            format!("copy {target} from stdin;\n{}\n{}\n\\.", row(a), row(b + 30))
        }
        25 if !deferrable => format!(
            "insert into t select g, 'x', {n} from generate_series({a}, {b}) g
             on conflict (k) do update set k = t.k + 60, v = excluded.v where t.k % 2 = 0"
        ),
        _ => format!("delete from t where k > {a} + 20"),
    }
}

/// A statement of which the way of capture can make events in the right order.
fn fitting(dice: &mut Dice, way: &str, deferrable: &str) -> String {
    loop {
        let one = statement(dice, !deferrable.is_empty(), false);
        if way == "statement" || !one.contains("changer(") {
            return one;
        }
    }
}

/// A statement as psql reads it. A semicolon after the data of a COPY would make it read on for data.
fn ended(statement: &str) -> String {
    let end = if statement.contains(" from stdin;") {
        ""
    } else {
        ";"
    };
    format!("{statement}{end}\n")
}

/// A statement as a message shows it: psql would take the end of a COPY for its own.
fn told(statement: String) -> String {
    match statement.split_once(" from stdin;") {
        Some((copy, _)) => format!("{copy} ..."),
        None => statement,
    }
}

/// A psql script of random transactions, each followed by a comparison.
fn script(dice: &mut Dice, way: &str, hazard: &(&str, &str, &str), steps: usize) -> String {
    let (name, deferrable, extras) = hazard;
    let seed = dice.0;
    let (partitions, captured) = table_of(name);
    let mut triggers = String::new();
    for table in captured {
        triggers += &match way {
            "ancestor" => format!(
                "create trigger _londiste_q after insert or update or delete on {table}
                     for each row execute function pgq.logutriga('q');\n"
            ),
            _ => format!(
                "select londiste_rs.capture_create('q', '{table}'::regclass, '{{INSERT,UPDATE,DELETE}}', null, '{way}');\n"
            ),
        };
    }
    let mut text = format!(
        "set client_min_messages = error;
         create table t (k int primary key {deferrable}, v text, n int, p int){partitions};
         create table t_copy (k int primary key, v text, n int, p int);
         {triggers}
         create trigger _londiste_q_truncate after truncate on t for each statement execute function pgq.sqltriga('q');
         {FUNCTIONS}{extras}\n"
    );
    for step in 0..steps {
        // Statements may fail, for instance because of a key that is there; what they did is not captured then.
        text.push_str("\\set ON_ERROR_STOP 0\n");
        let mut done = Vec::new();
        if dice.roll(4) == 0 {
            text.push_str(dice.pick(&["begin;\n", "begin isolation level repeatable read;\n"]));
            for _ in 0..3 {
                let one = fitting(dice, way, deferrable);
                text.push_str(&format!(
                    "savepoint x;\n{}\\if :ERROR\nrollback to x;\n\\endif\n",
                    ended(&one)
                ));
                done.push(told(one));
            }
            text.push_str("commit;\n");
        } else {
            let one = fitting(dice, way, deferrable);
            text += &ended(&one);
            done.push(told(one));
        }
        let done = done.join("; ");
        text.push_str(&format!(
            "\\set ON_ERROR_STOP 1\nselect verify($what${way} {name}, seed {seed}, step {step}: {done}$what$);\n"
        ));
    }
    text
}

#[test]
fn events_of_random_statements_replay_to_the_same_rows() {
    // Another one by LONDISTE_SEED.
    let seed = std::env::var("LONDISTE_SEED").map_or(0x9e37_79b9_7f4a_7c15, |text| text.parse().unwrap());
    let mut dice = Dice(seed);
    for (way, hazards) in WAYS {
        for hazard in HAZARDS {
            let is_partitioned = !table_of(hazard.0).0.is_empty();
            if !hazards.is_empty() && !hazards.contains(&hazard.0) || hazards.is_empty() && is_partitioned {
                continue;
            }
            let db = ours(&format!("capture_{way}_{}", hazard.0));
            db.psql(REPLAY);
            db.psql(&script(&mut dice, way, hazard, 50));
            // The test is worth something only when much happened.
            let events: u64 = db
                .psql("select count(*) from pgq.event_template")
                .parse()
                .unwrap();
            assert!(events > 40, "{way} {}: only {events} events", hazard.0);
        }
    }
}

#[test]
fn events_of_generated_triggers_are_the_general_trigger_s_bytes() {
    let db = ours("capture_types");
    let difference = db.psql(TYPES);
    let (count, difference) = difference.split_once('\n').unwrap_or((&difference, ""));
    assert!(count.parse::<u64>().unwrap() > 50, "only {count} events");
    assert_eq!(difference, "");
}

#[test]
fn capture_survives_changes_of_table_and_queue() {
    // It makes a role.
    let cluster = Cluster::start();
    for way in ["statement", "row"] {
        cluster.create_database(way);
        cluster.psql(way, &install::script(&install::select(&[]).unwrap()));
        cluster.psql(way, REPLAY);
        // Only statement triggers keep a table from becoming a partition or an heir.
        let change: String = CHANGE
            .lines()
            .filter(|line| way == "statement" || !line.contains("prevents table"))
            .map(|line| line.replace("<way>", way) + "\n")
            .collect();
        let output = cluster.psql(way, &change);
        let lines: Vec<&str> = output.lines().filter(|l| !l.is_empty()).collect();
        assert_eq!(
            lines,
            [
                "stale",
                way,
                "ok",
                "public.t9",
                "o.t",
                "o.t",
                "oo.t",
                way,
                "1",
                "0",
                "1",
                if way == "statement" {
                    "pgq.event_1_0|52"
                } else {
                    "pgq.event_1_0|44"
                },
                "pgq.event_1_1|5",
                &format!("{way}|ok"),
                if way == "statement" { "5" } else { "1" },
                "0"
            ],
            "{way}"
        );
    }
}

#[tokio::test]
async fn a_session_notices_what_another_does_to_the_table() {
    let db = ours("capture_sessions");
    let connect = async || {
        let (client, connection) = tokio_postgres::connect(&db.connstr(), tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    };
    let other = connect().await;
    other
        .batch_execute("select pgq.create_queue('q'); create table unrelated (i int)")
        .await
        .unwrap();
    for way in ["statement", "row"] {
        other
            .batch_execute(&format!(
                "drop table if exists x; create table x (id int primary key, a text, b int);
                 select londiste_rs.capture_create('q', 'x'::regclass, '{{INSERT,UPDATE,DELETE}}', null, '{way}')"
            ))
            .await
            .unwrap();
        let writer = connect().await;
        let last = async || {
            let sql = "select ev_data from pgq.event_template order by ev_id desc limit 1";
            writer.query_one(sql, &[]).await.unwrap().get::<_, String>(0)
        };
        let prepared = writer.prepare("update x set b = b + 1").await.unwrap();
        for step in 0..7 {
            let sql = format!("insert into x (id) values ({step})");
            writer.batch_execute(&sql).await.unwrap();
            writer.execute(&prepared, &[]).await.unwrap();
        }
        assert_eq!(last().await, "id=6&a&b", "{way}");
        for (change, found) in [
            ("add c int default 7", "id=6&a&b&c=7"),
            ("rename a to d", "id=6&d&b&c=7"),
            ("drop d", "id=6&b&c=7"),
            ("alter c type text using c || '+'", "id=6&b&c=7%2b"),
        ] {
            other
                .batch_execute(&format!("alter table x {change}"))
                .await
                .unwrap();
            writer.execute(&prepared, &[]).await.unwrap();
            assert_eq!(last().await, found, "{way} {change}");
            writer.batch_execute("update x set b = b").await.unwrap();
            assert_eq!(last().await, found, "{way} {change}");
        }
        // A transaction that does not see the change in the catalogue says so, and leaves nothing wrong behind.
        for (change, found) in [
            ("add e int default 8", "b&c=7%2b&e=8"),
            ("rename e to f", "b&c=7%2b&f=8"),
        ] {
            writer
                .batch_execute("begin isolation level repeatable read; select from unrelated")
                .await
                .unwrap();
            other
                .batch_execute(&format!("alter table x {change}"))
                .await
                .unwrap();
            let error = writer
                .batch_execute("insert into x (id) values (20)")
                .await
                .expect_err("refused");
            let message = error.as_db_error().unwrap().message().to_owned();
            assert!(
                message.ends_with(" was changed after this transaction began"),
                "{way}: {message}"
            );
            writer.batch_execute("rollback").await.unwrap();
            for level in ["read committed", "repeatable read", "read committed"] {
                let sql = format!("begin isolation level {level}; update x set b = b where id = 6; commit");
                writer.batch_execute(&sql).await.unwrap();
                assert_eq!(last().await, format!("id=6&{found}"), "{way} {change} {level}");
            }
        }
    }
}

#[tokio::test]
async fn a_copy_that_waited_for_a_change_of_the_table_has_the_new_column() {
    let db = ours("capture_copy_waits");
    let connect = async || {
        let (client, connection) = tokio_postgres::connect(&db.connstr(), tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    };
    let (other, observer) = (connect().await, connect().await);
    for way in ["statement", "row"] {
        other
            .batch_execute(&format!(
                "select pgq.create_queue('{way}'); create table by_{way} (id int primary key, a text);
                 select londiste_rs.capture_create('{way}', 'by_{way}'::regclass, '{{INSERT,UPDATE,DELETE}}', null, '{way}')"
            ))
            .await
            .unwrap();
        let writer = connect().await;
        writer
            .batch_execute(&format!("insert into by_{way} (id) values (1)"))
            .await
            .unwrap();
        other
            .batch_execute(&format!("begin; alter table by_{way} add b int default 7"))
            .await
            .unwrap();
        // Its snapshot is older than its lock.
        let copy = async {
            let sql = format!("copy by_{way} (id) from program 'echo 2'");
            writer.batch_execute(&sql).await.unwrap();
        };
        let change = async {
            wait_for_async("the copy to wait", LIMIT, async || {
                let sql = "select count(*) from pg_locks where not granted and relation = ('by_' || $1::text)::regclass";
                let waiting: i64 = observer.query_one(sql, &[&way]).await.unwrap().get(0);
                (waiting == 1).then_some(())
            })
            .await;
            other.batch_execute("commit").await.unwrap();
        };
        tokio::join!(copy, change);
        writer
            .batch_execute(&format!("insert into by_{way} (id) values (3)"))
            .await
            .unwrap();
        let sql =
            "select string_agg(ev_data, ' ' order by ev_id) from pgq.event_template where ev_extra1 = $1";
        let found: String = observer
            .query_one(sql, &[&format!("public.by_{way}")])
            .await
            .unwrap()
            .get(0);
        assert_eq!(found, "id=1&a id=2&a&b=7 id=3&a&b=7");
    }
}

#[test]
fn a_queue_that_was_dropped_and_created_again_gets_events() {
    let db = ours("capture_queue_anew");
    for way in ["statement", "row"] {
        let output = db.psql(&format!(
            "select pgq.create_queue('{way}');
             create table by_{way} (id int primary key, a text);
             select londiste_rs.capture_create('{way}', 'by_{way}'::regclass, '{{INSERT,UPDATE,DELETE}}', null, '{way}');
             insert into by_{way} values (1);
             select pgq.drop_queue('{way}');
             do $$
             begin
                 insert into by_{way} values (2);
             exception
                 when raise_exception then null;
             end $$;
             select pgq.create_queue('{way}');
             insert into by_{way} values (3);
             update by_{way} set a = 'x';
             delete from by_{way} where id = 1;
             select state from londiste_rs.capture_state('{way}', 'public.by_{way}');
             select changed from londiste_rs.capture_refresh('{way}', 'public.by_{way}');
             insert into by_{way} values (4);
             select state from londiste_rs.capture_state('{way}', 'public.by_{way}');
             select string_agg(left(ev_type, 1) || ev_data, ' ' order by ev_id)
               from pgq.event_template where ev_extra1 = 'public.by_{way}'"
        ));
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(
            lines[lines.len() - 4..],
            [
                "stale",
                "t",
                "ok",
                "Iid=3&a Uid=1&a=x Uid=3&a=x Did=1&a=x Iid=4&a"
            ],
            "{output}"
        );
    }
}

#[test]
fn capture_is_by_row_where_statements_would_not_do() {
    let db = ours("capture_choice");
    db.psql("select pgq.create_queue('q')");
    let choice = |setup: &str, args: &str| {
        db.psql(&format!(
            "begin; set client_min_messages = error; create table x (id int primary key, p int); {setup};
             select choice || coalesce(': ' || reason, '') from londiste_rs.capture_choice('q', 'x'::regclass, {args});
             rollback"
        ))
    };
    assert_eq!(choice("", "null"), "statement");
    assert_eq!(
        choice("", "'{tgflags=IU,keys=refuse,\"ev_extra1=''public.y''\"}'"),
        "statement"
    );
    for setup in [
        "alter table x add foreign key (p) references x on delete cascade",
        "create function f() returns trigger language plpgsql as 'begin return null; end';
         create trigger u after update on x for each row execute function f()",
    ] {
        assert_eq!(choice(setup, "null"), "statement", "{setup}");
    }
    for (way, setup, args, reason) in [
        ("ancestor", "", "'{tgflags=J}'", "flags J"),
        ("ancestor", "", "'{tgflags=BI}'", "flags BI"),
        ("ancestor", "", "'{tgflags=Q}'", "flags Q"),
        ("ancestor", "", "'{backup}'", "'backup'"),
        ("ancestor", "", "'{when=id>1}'", "when="),
        ("ancestor", "", "'{ignore=p}'", "ignore="),
        ("ancestor", "", "'{pkey=p}'", "pkey="),
        ("ancestor", "", "'{SKIP}'", "SKIP"),
        ("ancestor", "", "'{ev_extra1=p}'", "ev_extra1=p"),
        (
            "ancestor",
            "alter table x add _pgq_ev_type text",
            "null",
            "_pgq_ev_",
        ),
        (
            "row",
            "alter table x drop constraint x_pkey",
            "null",
            "no primary key",
        ),
        ("row", "create table y () inherits (x)", "null", "inherit from it"),
        (
            "row",
            "create table y (id int, p int); alter table x inherit y",
            "null",
            "it inherits",
        ),
        (
            "row",
            "create table y (id int not null, p int) partition by list (id); alter table y attach partition x default",
            "null",
            "a partition",
        ),
        (
            "ancestor",
            "create table y (id int not null, p int) partition by list (id); drop table x; alter table y rename to x",
            "null",
            "no plain table",
        ),
    ] {
        let answer = choice(setup, args);
        assert!(
            answer.starts_with(&format!("{way}: ")) && answer.contains(reason),
            "{setup} {args}: {answer}"
        );
    }
}

#[test]
fn add_table_captures_as_told_and_denies_on_a_leaf() {
    let db = ours("capture_add");
    db.psql("select pgq.create_queue('q')");
    // The answer's code, how the table is captured, and how many triggers it has.
    let made = |args: &str, node_type: &str| {
        db.psql(&format!(
            "begin; create table x (id int primary key, p int);
             select ret_code from londiste.create_trigger('q', 'public.x', '{args}', 'public.x', '{node_type}');
             select concat_ws(' ', capture, state,
                              (select count(*) from pg_trigger where tgrelid = 'x'::regclass))
               from londiste_rs.capture_state('q', 'public.x');
             rollback"
        ))
    };
    for (args, node_type, answer) in [
        ("{}", "root", "200 statement ok 6"),
        ("{capture=auto}", "root", "200 statement ok 6"),
        ("{capture=auto,backup}", "root", "200 ancestor ok 2"),
        ("{capture=row}", "root", "200 row ok 2"),
        ("{capture=row,keys=refuse,tgflags=ID}", "root", "200 row ok 2"),
        ("{capture=row,backup}", "root", "200 ancestor ok 2"),
        ("{capture=ancestor}", "root", "200 ancestor ok 2"),
        ("{capture=statement}", "branch", "200 statement ok 6"),
        (
            "{capture=statement,keys=refuse,tgflags=U}",
            "branch",
            "200 statement ok 4",
        ),
        ("{capture=statement,backup}", "root", "405 none none 0"),
        ("{capture=statement}", "leaf", "200 deny ok 2"),
        ("{capture=row}", "leaf", "200 deny ok 2"),
        ("{capture=never}", "root", "405 none none 0"),
    ] {
        assert_eq!(
            made(args, node_type).replace('\n', " "),
            answer,
            "{args} on a {node_type}"
        );
    }
}

#[test]
fn one_way_of_capture_replaces_another_and_leaves_nothing_behind() {
    let db = ours("capture_switch");
    db.psql("select pgq.create_queue('q'); create table x (id int primary key, p int)");
    for way in [
        "statement",
        "row",
        "statement",
        "ancestor",
        "row",
        "ancestor",
        "statement",
    ] {
        let found = db.psql(&format!(
            "select ret_code from londiste.create_trigger('q', 'public.x', '{{capture={way}}}', 'public.x', 'root');
             select capture, state, (select count(*) from pg_trigger where tgrelid = 'x'::regclass),
                    (select count(*) from pg_proc where proname like 'capture\\_x\\_%')
               from londiste_rs.capture_state('q', 'public.x');
             select ret_code from londiste.create_trigger('q', 'public.x', '{{capture={way}}}', 'public.x', 'root');
             insert into x values (1, 1); update x set p = 2; update x set id = 2; delete from x;
             select count(*) from pgq.event_template"
        ));
        let (triggers, functions) = match way {
            "statement" => (6, 3),
            "row" => (2, 1),
            _ => (2, 0),
        };
        let events = found.lines().last().unwrap().parse::<u32>().unwrap();
        assert_eq!(events % 5, 0, "{way}: {found}");
        assert!(
            found.starts_with(&format!("200\n{way}|ok|{triggers}|{functions}\n200\n")),
            "{way}: {found}"
        );
    }
    let events = db.psql("select ev_type, ev_data from pgq.event_template order by ev_id");
    let one = "I:id|id=1&p=1\nU:id|id=1&p=2\nD:id|id=1&p=2\nI:id|id=2&p=2\nD:id|id=2&p=2\n";
    assert_eq!(events + "\n", one.repeat(7));
}

#[test]
fn a_changed_key_is_refused_where_that_is_wished() {
    let db = ours("capture_keys");
    db.psql("select pgq.create_queue('q'); create table x (id int primary key deferrable, p int)");
    for (args, trigger) in [
        ("capture=statement", ""),
        ("capture=row", ""),
        ("capture=ancestor", ""),
        ("tgflags=Q", ""),
        ("tgflags=J", ""),
        ("tgflags=B", "before"),
    ] {
        let found = db.psql(&format!(
            "truncate x;
             select ret_code from londiste.create_trigger('q', 'public.x', '{{{args},keys=refuse}}', 'public.x', 'root');
             insert into x values (1, 1), (2, 2);
             update x set id = id, p = 3;
             update x set id = 1 where id = 1;
             create or replace function attempt(sql text) returns text language plpgsql as $$ begin
                 execute sql; return 'done'; exception when others then return sqlerrm; end $$;
             select attempt('update x set id = 3 where id = 1');
             select attempt('update x set id = 3 - id');
             with d as (delete from x where id = 1 returning *) insert into x select id + 10, p from d;
             select string_agg(concat(id, ':', p), ' ' order by id) from x"
        ));
        assert_eq!(
            found, "200\nprimary key update not allowed\nprimary key update not allowed\n2:3 11:3",
            "{args} {trigger}"
        );
    }
}

#[test]
fn row_triggers_refuse_changed_keys_where_rows_may_exchange_them() {
    let db = ours("capture_exchanged_keys");
    db.psql(
        "select pgq.create_queue('q');
         create table x (id int primary key deferrable, p int);
         create table plain (id int primary key, p int unique deferrable);
         create function attempt(sql text) returns text language plpgsql as $$ begin
             execute sql; return 'done'; exception when others then return sqlerrm; end $$",
    );
    for (args, answer) in [
        ("capture=statement", "done"),
        ("capture=row", "primary key update not allowed"),
        ("capture=ancestor", "primary key update not allowed"),
        ("tgflags=Q", "primary key update not allowed"),
        ("tgflags=J", "primary key update not allowed"),
    ] {
        let found = db.psql(&format!(
            "truncate x, plain;
             select ret_code from londiste.create_trigger('q', 'public.x', '{{{args}}}', 'public.x', 'root');
             select ret_code from londiste.create_trigger('q', 'public.plain', '{{{args}}}', 'public.plain', 'root');
             insert into x values (1, 1), (2, 2);
             insert into plain values (1, 1), (2, 2);
             update x set p = 3;
             select attempt('update x set id = 3 - id');
             select attempt('update plain set id = id + 2')"
        ));
        assert_eq!(found, format!("200\n200\n{answer}\ndone"), "{args}");
    }
}
