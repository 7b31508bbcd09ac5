//! The ticker: what it promises about ticks, its upkeep, its life as a process.

mod alone;
mod command_line;
mod discovery;
mod limits;
mod peer;
mod process;
mod tick;
mod upkeep;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::wait::wait_for;
use crate::support::{Cluster, Database};

/// Long enough for everything that is waited for here, on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// Installs our schema pgq.
fn install_ours(db: &Database) {
    install_ours_in(db.cluster(), db.name());
}

/// Installs what we add beside the ancestor's extension.
fn install_beside(db: &Database) {
    install_schemas(db.cluster(), db.name(), &["londiste_rs"]);
}

fn install_ours_in(cluster: &Cluster, database: &str) {
    install_schemas(cluster, database, &["londiste_rs", "pgq"]);
}

fn install_schemas(cluster: &Cluster, database: &str, schemas: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/schema");
    let mut text = String::from("set client_min_messages = warning;\n");
    for schema in schemas {
        let mut files = vec![root.join(schema).join("schema.sql")];
        if let Ok(functions) = fs::read_dir(root.join(schema).join("functions")) {
            let mut functions: Vec<PathBuf> = functions.map(|file| file.unwrap().path()).collect();
            functions.sort();
            files.extend(functions);
        }
        files.push(root.join(schema).join("finish.sql"));
        for file in files.iter().filter(|file| file.exists()) {
            text.push_str(&fs::read_to_string(file).unwrap());
            text.push('\n');
        }
    }
    install(cluster, database, &text);
}

/// Installs the ancestor's extension.
fn install_extension(db: &Database) {
    install(db.cluster(), db.name(), "create extension pgq;");
}

/// Installations make roles, which all databases of a server share, so two at once can collide.
fn install(cluster: &Cluster, database: &str, text: &str) {
    wait_for("the installation", LIMIT, || {
        match cluster.try_psql(database, &format!("begin;\n{text}\ncommit;")) {
            Ok(_) => Some(()),
            Err(error) if error.contains("concurrently") || error.contains("already exists") => None,
            Err(error) => panic!("installation: {error}"),
        }
    });
}

/// A running pgqd with its own settings, log and pid file.
struct Pgqd {
    child: Child,
    dir: tempfile::TempDir,
}

impl Pgqd {
    /// Starts one for a single database, with short periods; `lines` are added to its settings.
    fn start(db: &Database, lines: &str) -> Self {
        Self::start_on(
            db.cluster(),
            &format!("database_list = {}\n{lines}", db.name()),
            env!("CARGO_BIN_EXE_pgqd"),
        )
    }

    /// Starts `program` for a server.
    fn start_on(cluster: &Cluster, lines: &str, program: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(cluster, dir.path(), lines);
        let child = cluster
            .client(program)
            .arg("-q")
            .arg(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        Self { child, dir }
    }

    fn settings(&self) -> PathBuf {
        self.dir.path().join("pgqd.ini")
    }

    /// Everything in its log.
    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("pgqd.log")).unwrap_or_default()
    }

    /// The log without times and process ids.
    fn lines(&self) -> Vec<String> {
        self.log().lines().map(without_time).collect()
    }

    /// Waits until a line of the log contains `text`, `count` times in all.
    #[track_caller]
    fn wait_for_lines(&self, text: &str, count: usize) {
        wait_for(&format!("{count} x \"{text}\" in the log of pgqd"), LIMIT, || {
            (self.log().matches(text).count() >= count).then_some(())
        });
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Sends a signal and waits for the end; the exit status.
    #[track_caller]
    fn end(self, signal: Signal) -> i32 {
        self.signal(signal);
        self.end_after_signal()
    }

    /// Waits for the end of a process that was told to end; the exit status.
    #[track_caller]
    fn end_after_signal(mut self) -> i32 {
        let status = wait_for("the end of pgqd", LIMIT, || self.child.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }
}

impl Drop for Pgqd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of pgqd:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes settings with short periods; later lines win.
fn settings(cluster: &Cluster, dir: &Path, lines: &str) -> PathBuf {
    let path = dir.join("pgqd.ini");
    let base = format!(
        "host={} port={} user=postgres",
        cluster.socket_dir().display(),
        cluster.port()
    );
    let text = format!(
        "[pgqd]\nsyslog = 0\nlogfile = {0}/pgqd.log\npidfile = {0}/pgqd.pid\nbase_connstr = {base}\n\
         check_period = 0.3\nmaint_period = 0.3\nretry_period = 0.3\nstats_period = 1\n{lines}\n",
        dir.display()
    );
    fs::write(&path, text).unwrap();
    path
}

/// `LOG text` out of `2026-11-20 06:58:25.122 UTC [18450] LOG text`.
fn without_time(line: &str) -> String {
    match line.split_once("] ") {
        Some((_, rest)) => rest.to_owned(),
        None => line.to_owned(),
    }
}

/// Runs pgqd to its end: standard output, standard error, status.
fn run(args: &[&str], dir: &Path) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_pgqd"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap_or(-1),
    )
}

/// Checks the promise of ticks: in the order of their ids, what one tick's snapshot sees the next one's sees too.
#[track_caller]
fn assert_snapshot_order(db: &Database, queue: &str) {
    let bad = bad_neighbours(
        db,
        queue,
        "txid_snapshot_xmax(next) < txid_snapshot_xmax(tick_snapshot) \
         or exists (select 1 from txid_snapshot_xip(next) open(id) \
                     where txid_visible_in_snapshot(open.id, tick_snapshot))",
    );
    assert_eq!(bad, "", "ticks are not in the order of their snapshots");
}

/// Checks that the times of ticks grow with their ids. (Beside the ancestor's ticker they need not: its ticks have the
/// time at which its call began, which may have waited.)
#[track_caller]
fn assert_time_order(db: &Database, queue: &str) {
    assert_eq!(
        bad_neighbours(db, queue, "next_time < tick_time"),
        "",
        "ticks are not in the order of their times"
    );
}

fn bad_neighbours(db: &Database, queue: &str, condition: &str) -> String {
    db.psql(&format!(
        "select string_agg(concat_ws(' ', tick_id, tick_snapshot, tick_time, '->', next, next_time), ', ') \
           from (select t.tick_id, t.tick_snapshot, t.tick_time, \
                        lead(t.tick_snapshot) over w as next, lead(t.tick_time) over w as next_time \
                   from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue \
                  where q.queue_name = '{queue}' window w as (order by t.tick_id)) x \
          where {condition}"
    ))
}

/// Reads a queue from its first tick as a consumer does, batch by batch; every event id, in the order of delivery.
fn consume(db: &Database, queue: &str) -> Vec<i64> {
    let text = db.psql(&format!(
        "create temp table got (place serial, ev_id int8);
         select pgq.register_consumer_at('{queue}', 'reader', (select min(t.tick_id) from pgq.tick t
                join pgq.queue q on q.queue_id = t.tick_queue where q.queue_name = '{queue}')) \\g /dev/null
         do $$
         declare
             batch int8;
         begin
             loop
                 batch := pgq.next_batch('{queue}', 'reader');
                 exit when batch is null;
                 insert into got (ev_id) select ev_id from pgq.get_batch_events(batch);
                 perform pgq.finish_batch(batch);
             end loop;
         end $$;
         select ev_id from got order by place;"
    ));
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// Newest tick of a queue.
fn newest_tick(db: &Database, queue: &str) -> i64 {
    db.psql(&format!("select last_tick_id from pgq.get_queue_info('{queue}')"))
        .parse()
        .unwrap()
}

/// Waits until the newest tick's snapshot sees all that is committed now.
#[track_caller]
fn wait_for_tick_over(db: &Database, queue: &str) {
    let now = db.psql("select txid_current()");
    wait_for(
        &format!("a tick of queue \"{queue}\" that sees transaction {now}"),
        LIMIT,
        || {
            let seen = db.psql(&format!(
                "select txid_visible_in_snapshot({now}, t.tick_snapshot) \
               from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue \
              where q.queue_name = '{queue}' order by t.tick_id desc limit 1"
            ));
            (seen == "t").then_some(())
        },
    );
}
