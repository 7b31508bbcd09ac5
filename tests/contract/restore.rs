//! A dump, restored on a server that has counted fewer transactions: noticed, named, and repaired without loss.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::support::Cluster;
use crate::support::cascade::LIMIT;
use crate::support::process::{Process, clean_environment};
use crate::support::random::Random;
use crate::support::wait::wait_for;

/// Which events each tick is the first to see, in the database where both were written.
const BATCHES: &str = "
    select coalesce(min(t.tick_id)::text, 'none') || ' ' || e.ev_id
      from pgq.event_template e
      left join pgq.tick t on t.tick_queue = 1 and txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot)
     group by e.ev_id order by e.ev_id";

/// All that a consumer gets from here on, as `tick event`.
fn read_all(server: &Cluster, consumer: &str) -> Vec<String> {
    let sql = format!(
        "create function pg_temp.read_all() returns setof text language plpgsql as $$
         declare b record;
         begin
             loop
                 select * into b from pgq.next_batch_info('q', '{consumer}');
                 exit when b.batch_id is null;
                 return query select b.cur_tick_id || ' ' || e.ev_id from pgq.get_batch_events(b.batch_id) e;
                 perform pgq.finish_batch(b.batch_id);
             end loop;
         end $$;
         select pg_temp.read_all()"
    );
    server.psql("q", &sql).lines().map(str::to_owned).collect()
}

/// A session that has a transaction id and has written nothing yet.
fn begin(server: &Cluster) -> Child {
    let mut psql = server
        .client("psql")
        .args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &server.connstr("q"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run psql");
    let stdin = psql.stdin.as_mut().expect("a stdin");
    stdin
        .write_all(b"begin; select txid_current();\n")
        .expect("write to psql");
    let mut line = String::new();
    let stdout = psql.stdout.as_mut().expect("a stdout");
    BufReader::new(stdout).read_line(&mut line).expect("an id");
    psql
}

/// Lets that session write an event and end; returns the event's id.
fn end(mut psql: Child) -> String {
    let mut stdin = psql.stdin.take().expect("a stdin");
    stdin
        .write_all(b"select pgq.insert_event('q', 'across', 'x'); commit;\n")
        .expect("write to psql");
    drop(stdin);
    let output = psql.wait_with_output().expect("the end of psql");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("an id").trim().to_owned()
}

fn londiste(server: &Cluster, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
    let output = clean_environment(command.args(args))
        .output()
        .expect("run londiste");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).replace(&*server.socket_dir().to_string_lossy(), "SOCKET");
    (output.status.success(), said)
}

/// Dumps database "q" of one server and restores it on the other, as its manual says.
fn dump_and_restore(from: &Cluster, to: &Cluster, expect_errors: bool) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let dumped = from
        .client("pg_dump")
        .args(["-Fc", "-f"])
        .arg(file.path())
        .arg(from.connstr("q"))
        .output()
        .expect("run pg_dump");
    assert!(
        dumped.status.success(),
        "{}",
        String::from_utf8_lossy(&dumped.stderr)
    );
    to.create_database("q");
    let restored = to
        .client("pg_restore")
        .args(["-d", &to.connstr("q")])
        .arg(file.path())
        .output()
        .expect("run pg_restore");
    let errors = String::from_utf8_lossy(&restored.stderr);
    let errors: Vec<&str> = errors.lines().filter(|line| line.contains("ERROR:")).collect();
    if expect_errors {
        let others: Vec<_> = errors
            .iter()
            .filter(|e| !(e.contains("role") && e.contains("does not exist")))
            .collect();
        assert!(!errors.is_empty() && others.is_empty(), "{others:?}");
    } else {
        assert!(errors.is_empty(), "{errors:?}");
    }
}

fn use_up(server: &Cluster, txids: u32) {
    server.psql(
        "postgres",
        &format!("do $$ begin for i in 1..{txids} loop perform txid_current(); commit; end loop; end $$"),
    );
}

/// A queue with a life: transactions that stay open over ticks, savepoints, rotations, readers at different places.
fn make_history(server: &Cluster, random: &mut Random, steps: u32) {
    server.psql(
        "q",
        "select pgq.create_queue('q'); select pgq.register_consumer('q', c) from unnest(array['all', 'half', 'open']) c;
         update pgq.queue set queue_rotation_period = '0', queue_ticker_max_count = 1, queue_ticker_max_lag = '0'",
    );
    let mut sql = String::new();
    let mut open = Vec::new();
    for step in 0..steps {
        let event = format!("select pgq.insert_event('q', 'before', '{step}');\n");
        match random.below(10) {
            0..=2 => sql += &event,
            3 => sql += &format!("begin; {event} savepoint a; {event} rollback to a; {event} commit;\n"),
            4 | 5 if open.len() < 8 => {
                sql += &format!("begin; {event} prepare transaction 'p{step}';\n");
                open.push(step);
            }
            4..=6 if !open.is_empty() => {
                let at = random.below(open.len() as u64) as usize;
                let how = ["commit", "commit", "rollback"][random.below(3) as usize];
                sql += &format!("{how} prepared 'p{}';\n", open.remove(at));
            }
            7 if step == steps / 2 => {}
            _ => sql += "select pgq.ticker();\n",
        }
        if step == steps / 2 {
            // The readers move on, so one rotation can happen; events of this half are in another table than the rest.
            sql += "select pgq.maint_rotate_tables_step1('q'); select pgq.maint_rotate_tables_step2();\n";
        }
    }
    // Some are open for ever, as far as the dump knows; some ended, and no tick saw it.
    for step in open.iter().skip(2) {
        sql += &format!("commit prepared 'p{step}';\n");
    }
    sql += "select pgq.insert_event('q', 'before', 'last');\n";
    server.psql("q", &sql);
    // One is half-way, one has a batch open.
    for _ in 0..random.below(20) + 1 {
        server.psql(
            "q",
            "select pgq.finish_batch(b) from pgq.next_batch('q', 'half') b where b is not null",
        );
    }
    server.psql(
        "q",
        "select pgq.finish_batch(b) from pgq.next_batch('q', 'open') b where b is not null;
         select pgq.next_batch('q', 'open')",
    );
}

fn positions(server: &Cluster) -> String {
    server.psql(
        "q",
        "select consumer_name, last_tick, current_batch, next_tick from pgq.get_consumer_info('q') order by 1",
    )
}

/// What a consumer has left to read where the history was made, with the tick that brings it; events that no tick has
/// seen come with "none".
fn left(server: &Cluster, consumer: &str) -> Vec<String> {
    let last: i64 = server
        .psql(
            "q",
            &format!("select last_tick from pgq.get_consumer_info('q', '{consumer}')"),
        )
        .parse()
        .expect("a tick");
    let all = server.psql("q", BATCHES);
    let tick = |line: &str| line.split(' ').next().expect("a tick").parse::<i64>().ok();
    all.lines()
        .filter(|line| tick(line).is_none_or(|t| t > last))
        .map(str::to_owned)
        .collect()
}

/// Ticks and events as they are left to be read: those that no tick had seen come in ticks above the last one.
fn compare(got: Vec<String>, expected: Vec<String>, last_tick: i64, new: &[String], who: &str) {
    let plain = |line: &str| {
        let (tick, event) = line.split_once(' ').expect("tick and event");
        let seen = tick.parse::<i64>().is_ok_and(|tick| tick <= last_tick);
        format!("{} {event}", if seen { tick } else { "none" })
    };
    let sorted = |lines: Vec<String>| {
        let mut lines: Vec<(i64, String)> = lines
            .iter()
            .map(|line| (line.split_once(' ').unwrap().1.parse().unwrap(), plain(line)))
            .collect();
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>()
    };
    let mut expected = expected;
    expected.extend(new.iter().map(|event| format!("none {event}")));
    assert_eq!(
        sorted(got),
        sorted(expected),
        "left: what {who} got; right: what was written"
    );
}

fn restored_and_repaired(from: &Cluster, to: &Cluster, random: &mut Random, overlap: bool) {
    let expected: Vec<_> = ["all", "half", "open"]
        .iter()
        .map(|c| (*c, left(from, c)))
        .collect();
    let last_tick: i64 = from
        .psql("q", "select max(tick_id) from pgq.tick")
        .parse()
        .unwrap();
    let stood = positions(from);
    dump_and_restore(from, to, false);
    assert_eq!(positions(to), stood);

    // Everything says what is wrong, and names the repair. Where ids overlap, the first batches are as good as ever.
    let calls = [
        "pgq.ticker('q')",
        "pgq.next_batch('q', 'all')",
        "pgq.next_batch('q', 'open')",
    ];
    for call in &calls[..if overlap { 1 } else { 3 }] {
        let error = to.try_psql("q", &format!("select {call}")).expect_err(call);
        assert!(
            error.contains("Invalid PgQ state") && error.contains("londiste queue repair \"q\""),
            "{call}: {error}"
        );
    }
    assert_eq!(to.psql("q", "select pgq.ticker()"), "0");
    let db = to.connstr("q");
    let (ok, said) = londiste(to, &["queue", "repair", "--check", "--db", &db]);
    assert!(
        !ok && said.contains("queue q was restored from another server"),
        "{said}"
    );
    let (_, said) = londiste(to, &["queue", "list", "--db", &db]);
    assert!(said.contains("needs repair"), "{said}");

    // Life goes on meanwhile; one writer has his id before the repair, and writes after it.
    let mut new = Vec::new();
    for _ in 0..random.below(5) + 1 {
        let id = to.psql(
            "q",
            "begin; savepoint a; select pgq.insert_event('q', 'between', 'x'); release a; commit",
        );
        new.push(id);
    }
    let writer = begin(to);
    let (ok, said) = londiste(to, &["queue", "repair", "--db", &db]);
    assert!(ok && said.contains("Queue q repaired"), "{said}");
    let (ok, said) = londiste(to, &["queue", "repair", "--db", &db]);
    assert!(ok && said.contains("Nothing to repair"), "{said}");
    new.push(to.psql("q", "select pgq.insert_event('q', 'after', 'x')"));
    assert_eq!(positions(to), stood, "the repair moves nobody");
    to.psql("q", "select pgq.ticker(), pgq.maint_rotate_tables_step2()");
    new.push(to.psql("q", "select pgq.insert_event('q', 'after', 'y')"));
    to.psql("q", "select pgq.ticker()");
    new.push(end(writer));
    to.psql("q", "select pgq.ticker()");

    for (consumer, expected) in expected {
        compare(read_all(to, consumer), expected, last_tick, &new, consumer);
    }
    // Rotation goes on: what everybody has read goes, what comes later is read.
    for round in 0..5 {
        let id = to.psql("q", &format!("select pgq.insert_event('q', 'later', '{round}')"));
        to.psql("q", "select pgq.ticker()");
        to.psql("q", "select pgq.maint_rotate_tables_step1('q')");
        to.psql("q", "select pgq.maint_rotate_tables_step2()");
        for consumer in ["all", "half", "open"] {
            let got = read_all(to, consumer);
            assert!(
                got.len() == 1 && got[0].ends_with(&format!(" {id}")),
                "{consumer}: {got:?}"
            );
        }
    }
    assert_eq!(
        to.psql(
            "q",
            "select count(*) from pgq.event_template where ev_type <> 'later'"
        ),
        "0"
    );
}

fn roles(server: &Cluster) {
    server.psql(
        "postgres",
        "create role pgq_reader; create role pgq_writer; create role pgq_admin in role pgq_reader, pgq_writer;
         create role londiste_reader; create role londiste_writer in role londiste_reader",
    );
}

fn source() -> Cluster {
    let server = Cluster::start_with(&["max_prepared_transactions = 20"]);
    server.create_database("q");
    let (ok, said) = londiste(&server, &["install", &server.connstr("q")]);
    assert!(ok, "{said}");
    server
}

/// All ids of the dump lie above those of the new server.
#[test]
fn every_event_comes_once_after_a_restore_on_a_fresh_server() {
    let mut random = Random::seeded();
    let (from, to) = (source(), Cluster::start());
    roles(&to);
    use_up(&from, 6000);
    make_history(&from, &mut random, 300);
    restored_and_repaired(&from, &to, &mut random, false);
}

/// The new server has come half as far, so the same ids mean one thing in the dump and another one here.
#[test]
fn every_event_comes_once_where_ids_overlap() {
    let mut random = Random::seeded();
    let (from, to) = (source(), Cluster::start());
    roles(&to);
    make_history(&from, &mut random, 900);
    let first: i64 = from
        .psql("q", "select min(ev_txid) from pgq.event_template")
        .parse()
        .expect("an id");
    restored_and_repaired(&from, &to, &mut random, true);
    let now: i64 = to.psql("q", "select txid_current()").parse().expect("an id");
    assert!(first + 200 < now, "ids {first} and {now} do not overlap");
}

/// More ticks that brought events than the new server has counted transactions.
#[test]
fn many_ticks_make_the_repair_use_up_transaction_ids() {
    let (from, to) = (source(), Cluster::start());
    roles(&to);
    from.psql(
        "q",
        "select pgq.create_queue('q'); select pgq.register_consumer('q', 'all');
         update pgq.queue set queue_ticker_max_count = 1;
         do $$ begin for i in 1..3000 loop
             perform pgq.insert_event('q', 'before', i::text); commit;
             perform pgq.ticker('q'); commit;
         end loop; end $$",
    );
    let ticks = from.psql("q", "select count(*) from pgq.tick");
    let batches = from.psql("q", BATCHES);
    dump_and_restore(&from, &to, false);
    let (ok, said) = londiste(&to, &["queue", "repair", "q", "--db", &to.connstr("q")]);
    assert!(ok && said.contains("transaction ids are used up first"), "{said}");
    assert_eq!(to.psql("q", "select count(*) from pgq.tick"), ticks);
    assert_eq!(to.psql("q", BATCHES), batches);
}

/// Roles are no part of a dump: after a restore without them, installation brings roles and grants back, and pgqd
/// tells what else is to be done.
#[test]
fn roles_and_grants_come_back_and_pgqd_names_the_repair() {
    let (from, to) = (source(), Arc::new(Cluster::start()));
    use_up(&from, 5000);
    from.psql(
        "q",
        "select pgq.create_queue('q'); select pgq.insert_event('q', 'a', 'b'); select pgq.ticker()",
    );
    dump_and_restore(&from, &to, true);
    let (ok, said) = londiste(&to, &["install", &to.connstr("q")]);
    assert!(ok && said.contains("Restoring roles and grants of pgq"), "{said}");
    let schema = include_str!("schema.sql");
    let without_queue = |server: &Cluster| -> String {
        let text = server.psql("q", schema);
        text.lines().collect::<Vec<_>>().join("\n")
    };
    assert_eq!(without_queue(&to), without_queue(&from));
    let (ok, said) = londiste(&to, &["install", &to.connstr("q")]);
    assert!(ok && said.contains("Nothing to do"), "{said}");

    let dir = tempfile::tempdir().expect("a directory");
    let ini = dir.path().join("pgqd.ini");
    let base = format!(
        "host={} port={} user=postgres",
        to.socket_dir().display(),
        to.port()
    );
    std::fs::write(
        &ini,
        format!("[pgqd]\nbase_connstr = {base}\ndatabase_list = q\nmaint_period = 1\nsyslog = 0\n"),
    )
    .expect("write a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgqd"));
    command.arg(&ini);
    let log = dir.path().join("log");
    let mut pgqd = Process::spawn("pgqd", command, &log);
    wait_for("pgqd to name the repair", LIMIT, || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        said.contains("\"londiste queue repair q\" is run").then_some(())
    });
    let (ok, said) = londiste(&to, &["queue", "repair", "--db", &to.connstr("q")]);
    assert!(ok, "{said}");
    to.psql("q", "select pgq.insert_event('q', 'a', 'c')");
    wait_for("pgqd to tick again", LIMIT, || {
        (to.psql("q", "select max(tick_event_seq) >= 2 from pgq.tick") == "t").then_some(())
    });
    pgqd.stop(LIMIT);
}
