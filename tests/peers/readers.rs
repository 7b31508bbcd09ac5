//! Every kind of reader of python3-pgq on our schema, killed in the middle of its work.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Debians, LIMIT, Ours, Whose, clean_environment, debians, start_ticker};
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::{Database, database};

/// Queue `q` with a ticker, a second database, and a job file for the reader.
struct Scene {
    source: Database,
    target: Database,
    dir: tempfile::TempDir,
    _ticker: Process,
}

impl Scene {
    fn new(name: &str, ticker: Whose) -> Scene {
        let (source, target) = (database(name), database(&format!("{name}_target")));
        for (db, schemas) in [(&source, "pgq,pgq_coop"), (&target, "pgq_ext")] {
            let mut install = super::londiste(Ours);
            clean_environment(&mut install).args(["install", "-q", "--only", schemas, &db.connstr()]);
            // Roles are shared by all databases of the server: two installations at once can collide.
            wait_for("the installation", LIMIT, || {
                install
                    .output()
                    .expect("run londiste")
                    .status
                    .success()
                    .then_some(())
            });
        }
        source.psql(
            "select pgq.create_queue('q'), pgq.set_queue_config('q', 'ticker_max_lag', '0.3 seconds'), \
                    pgq.set_queue_config('q', 'ticker_idle_period', '1 second')",
        );
        for db in [&source, &target] {
            // No key: what is done twice shows.
            db.psql("create table done (ev_id int8, data text, reader text)");
        }
        let dir = tempfile::tempdir().expect("make a directory");
        fs::write(dir.path().join("readers.py"), include_str!("readers.py")).expect("write the script");
        let _ticker = start_ticker(ticker, &source, dir.path());
        Scene {
            source,
            target,
            dir,
            _ticker,
        }
    }

    /// The command of a reader; `member` is the name of one that shares its work.
    fn reader(&self, kind: &str, fault: &str, member: &str, switches: &[&str]) -> Command {
        let path = |end: &str| self.dir.path().join(format!("reader{member}.{end}"));
        let job = format!(
            "[reader]\njob_name = reader{member}\nconsumer_name = reader\nqueue_name = q\ndb = {}\ndst = {}\n\
             pidfile = {}\nlogfile = {}\nloop_delay = 0.1\noutput = {}\nlocal_tracking_file = {}\n\
             subconsumer_name = {member}\nsubconsumer_timeout = 3 seconds\n",
            self.source.connstr(),
            self.target.connstr(),
            path("pid").display(),
            path("log").display(),
            self.output().display(),
            self.tick_file().display(),
        );
        fs::write(path("ini"), job).expect("write the job file");
        let mut command = debians("/usr/bin/python3", "python3-pgq");
        command
            .arg(self.dir.path().join("readers.py"))
            .args([kind, fault])
            .arg(path("ini"))
            .args(switches);
        command
    }

    fn output(&self) -> PathBuf {
        self.dir.path().join("events")
    }

    fn tick_file(&self) -> PathBuf {
        self.dir.path().join("reader.tick")
    }

    fn start(&self, kind: &str, fault: &str, member: &str) -> Process {
        // The number of a process that died may be in use again, which the next one takes for itself.
        let _ = fs::remove_file(self.dir.path().join(format!("reader{member}.pid")));
        Process::spawn(
            &format!("{kind} reader {member} {fault}"),
            self.reader(kind, fault, member, &[]),
            &self.dir.path().join(format!("reader{member}.out")),
        )
    }

    /// Runs a reader with a switch that makes it end.
    #[track_caller]
    fn switch(&self, kind: &str, switch: &str) {
        let output = clean_environment(&mut self.reader(kind, "-", "", &[switch]))
            .output()
            .expect("run python3");
        assert!(
            output.status.success(),
            "{kind} {switch}: {}\nhint: install the package python3-pgq",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Writes events `from` to `to`, each by a transaction of its own; every seventh is of type `again`.
    fn write(&self, from: i32, to: i32) {
        let mut sql = String::new();
        for number in from..=to {
            let kind = if number % 7 == 0 { "again" } else { "once" };
            sql.push_str(&format!(
                "select pgq.insert_event('q', '{kind}', 'event {number}');\n"
            ));
        }
        self.source.psql(&sql);
    }

    /// Waits until nothing is left to read or to retry.
    fn wait_done(&self) {
        wait_for("everything to be read", LIMIT, || {
            let left = self.source.psql(
                "begin isolation level repeatable read; \
                 select (select count(*) from pgq.retry_queue), (select sum(ev_new) from pgq.get_queue_info()), \
                        (select sum(pending_events) from pgq.get_consumer_info()), \
                        (select count(current_batch) from pgq.get_consumer_info()), \
                        (select count(*) from pgq.tick, pgq.subscription \
                          where sub_last_tick is not null and tick_id > sub_last_tick); \
                 commit",
            );
            left.starts_with("0|0|0|0|").then_some(())
        });
    }

    /// Fails unless the events 1 to `count` are there, once each.
    #[track_caller]
    fn assert_once(&self, db: &Database, count: i32, what: &str) {
        let found = db.psql("select count(*), count(distinct data), count(distinct ev_id) from done");
        let reader = crate::support::process::read_log(&self.dir.path().join("reader.out"));
        assert_eq!(found, format!("{count}|{count}|{count}"), "{what}\n{reader}");
    }

    /// Fails unless events went through the retry queue, twice.
    #[track_caller]
    fn assert_retried(&self) {
        let most = self.source.psql("select max(ev_retry) from pgq.event_template");
        assert_eq!(most, "2", "most retries of an event");
    }
}

/// Lets a reader die at each point and go on, with events written meanwhile.
fn die_and_go_on(scene: &Scene, kind: &str) -> i32 {
    let mut written = 0;
    for fault in ["event:1", "event:5", "batch:1", "event:12", "batch:2"] {
        let mut reader = scene.start(kind, fault, "");
        // More than a batch: the ticker makes one from each part.
        while reader.is_running() {
            scene.write(written + 1, written + 10);
            written += 10;
            let tick = scene.source.psql("select max(tick_id) from pgq.tick");
            wait_for("a tick or an end", LIMIT, || {
                let now = scene.source.psql("select max(tick_id) from pgq.tick");
                (now != tick || !reader.is_running()).then_some(())
            });
        }
        reader.wait_killed(LIMIT);
    }
    written
}

#[test]
fn consumer_does_each_event_once() {
    let scene = Scene::new("peer_consumer", Ours);
    scene.switch("Local", "--register");
    let written = die_and_go_on(&scene, "Local");
    let mut reader = scene.start("Local", "-", "");
    scene.wait_done();
    scene.assert_once(&scene.source, written, "Consumer");
    scene.assert_retried();
    reader.stop(LIMIT);
    scene.switch("Local", "--unregister");
    assert_eq!(scene.source.psql("select * from pgq.subscription"), "");
}

#[test]
fn remote_consumer_does_each_event_once() {
    let scene = Scene::new("peer_remote", Debians);
    scene.switch("Remote", "--register");
    let written = die_and_go_on(&scene, "Remote");
    // Without crashes the events that are asked for again come again, and are done once, too.
    let mut reader = scene.start("Remote", "-", "");
    scene.wait_done();
    scene.assert_once(&scene.target, written, "RemoteConsumer");
    scene.write(written + 1, written + 30);
    scene.wait_done();
    scene.assert_once(&scene.target, written + 30, "RemoteConsumer with retries");
    scene.assert_retried();
    reader.stop(LIMIT);
}

#[test]
fn serial_consumer_does_each_event_once_and_follows_the_target() {
    let scene = Scene::new("peer_serial", Ours);
    scene.switch("Serial", "--register");
    let written = die_and_go_on(&scene, "Serial");
    let mut reader = scene.start("Serial", "-", "");
    scene.wait_done();
    scene.assert_once(&scene.target, written, "SerialConsumer");
    reader.stop(LIMIT);
    // The target comes back as it was earlier: --rewind moves the reader to where the target stands.
    let stands = |db: &Database| db.psql("select last_tick_id from pgq_ext.completed_tick");
    let before = stands(&scene.target);
    scene.target.psql("create table kept as select * from done");
    scene.write(written + 1, written + 10);
    let mut reader = scene.start("Serial", "-", "");
    scene.wait_done();
    scene.assert_once(&scene.target, written + 10, "SerialConsumer");
    reader.stop(LIMIT);
    scene.target.psql(&format!(
        "truncate done; insert into done select * from kept; update pgq_ext.completed_tick set last_tick_id = {before}"
    ));
    scene.switch("Serial", "--rewind");
    let mut reader = scene.start("Serial", "-", "");
    scene.wait_done();
    scene.assert_once(&scene.target, written + 10, "SerialConsumer after --rewind");
    reader.stop(LIMIT);
    // --reset forgets the target's position: what comes now is taken as the first batch.
    scene.switch("Serial", "--reset");
    assert_eq!(stands(&scene.target), "");
}

#[test]
fn cooperative_consumers_do_each_event_once() {
    let scene = Scene::new("peer_coop", Ours);
    scene
        .source
        .psql("select pgq_coop.register_subconsumer('q', 'reader', 'a')");
    let mut b = scene.start("Coop", "-", "b");
    let mut written = 0;
    for fault in ["event:1", "event:5", "batch:1", "event:12", "batch:2"] {
        let mut a = scene.start("Coop", fault, "a");
        while a.is_running() {
            scene.write(written + 1, written + 10);
            written += 10;
            let tick = scene.source.psql("select max(tick_id) from pgq.tick");
            wait_for("a tick or an end", LIMIT, || {
                let now = scene.source.psql("select max(tick_id) from pgq.tick");
                (now != tick || !a.is_running()).then_some(())
            });
        }
        a.wait_killed(LIMIT);
    }
    // Nobody starts it again: the other one takes its batch over.
    scene.wait_done();
    scene.assert_once(&scene.source, written, "CoopConsumer");
    scene.assert_retried();
    let members = "select consumer_name from pgq.get_consumer_info() where consumer_name like 'reader.%'";
    assert_eq!(scene.source.psql(members), "reader.b");
    b.stop(LIMIT);
}

#[test]
fn local_consumer_loses_nothing_and_follows_its_file() {
    let scene = Scene::new("peer_local", Debians);
    scene.switch("File", "--register");
    let written = die_and_go_on(&scene, "File");
    let mut reader = scene.start("File", "-", "");
    scene.wait_done();
    reader.stop(LIMIT);
    // At least once: a batch that was not finished comes again as a whole.
    let numbers = || -> Vec<i32> {
        let text = fs::read_to_string(scene.output()).expect("the file of events");
        let number = |line: &str| line.rsplit(' ').next().and_then(|number| number.parse().ok());
        text.lines().map(|line| number(line).expect("a number")).collect()
    };
    let mut seen = numbers();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (1..=written).collect::<Vec<_>>());
    // An older file takes the queue back to its tick.
    let tick = fs::read_to_string(scene.tick_file()).expect("the file with the tick");
    fs::write(scene.output(), "").expect("empty the file of events");
    scene.write(written + 1, written + 10);
    let mut reader = scene.start("File", "-", "");
    scene.wait_done();
    reader.stop(LIMIT);
    fs::write(scene.tick_file(), tick).expect("write the file with the tick");
    let mut reader = scene.start("File", "-", "");
    let twice: Vec<i32> = (written + 1..=written + 10)
        .chain(written + 1..=written + 10)
        .collect();
    wait_for("the events to come again", LIMIT, || {
        (numbers() == twice).then_some(())
    });
    reader.stop(LIMIT);
}

/// What the producer's and the status display's functions need of the schema.
const TOOLS: &str = "
import datetime, sys
import psycopg2
import pgq

db = psycopg2.connect(sys.argv[2])
curs = db.cursor()
print(pgq.insert_event(curs, 'q', 'kind', 'data', 'e1', 'e2', extra4='e4'))
now = datetime.datetime.now(datetime.timezone.utc).isoformat()
rows = [(now, 'bulk', 'line\\n%d\\t\\\\' % i) for i in range(1000)]
pgq.bulk_insert_events(curs, rows, ['time', 'type', 'data'], 'q')
pgq.bulk_insert_events(curs, rows, ['ev_time', 'ev_type', 'ev_extra1'], 'q')
db.commit()
pgq.PGQStatus([sys.argv[1]])
";

#[test]
fn producer_and_status() {
    let scene = Scene::new("peer_tools", Ours);
    scene.switch("Local", "--register");
    let (script, ini) = (
        scene.dir.path().join("tools.py"),
        scene.dir.path().join("tools.ini"),
    );
    fs::write(&script, TOOLS).expect("write the script");
    fs::write(
        &ini,
        format!("[pgqadm]\njob_name = tools\ndb = {}\n", scene.source.connstr()),
    )
    .expect("write the job file");
    let mut python = debians("/usr/bin/python3", "python3-pgq");
    python.arg(&script).arg(&ini).arg(scene.source.connstr());
    let output = clean_environment(&mut python).output().expect("run python3");
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{errors}");
    assert_eq!(
        scene.source.psql(
            "select ev_type, count(*), count(distinct ev_id), count(ev_time), min(ev_data), min(ev_extra1), \
                    min(ev_extra2), min(ev_extra3), min(ev_extra4) \
               from pgq.event_template group by 1 order by 1"
        ),
        "bulk|2000|2000|2000|line\n0\t\\|line\n0\t\\|||\nkind|1|1|1|data|e1|e2||e4"
    );
    for word in ["q ", "reader", "3/7200s", "500/0s/1s"] {
        assert!(said.contains(word), "\"{word}\" is not shown\n{said}{errors}");
    }
}
