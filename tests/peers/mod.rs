//! Debian's programs (python3-londiste, pgqd, python3-pgq and their extensions) and ours in one cascade.
//!
//! They are black boxes here: run, and looked at from outside. What they lack is said with the package's name.

mod cascades;
mod handover;
mod names;
mod python_consumer;
mod readers;
mod switchover;
mod tickers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::ancestor::create_extensions;
use crate::support::process::{Process, clean_environment, read_log};
use crate::support::wait::wait_for;
use crate::support::{Database, database, install};

/// How long anything may take. The ancestor needs up to a minute to hand a table over.
const LIMIT: Duration = Duration::from_secs(100);

/// Whose program, or whose database side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whose {
    Ours,
    Debians,
}
use Whose::{Debians, Ours};

/// A program of Debian's; a missing one fails the test.
fn debians(path: &str, package: &str) -> Command {
    assert!(
        Path::new(path).exists(),
        "{path} is missing\nhint: install the package {package}, or run this: scripts/setup"
    );
    Command::new(path)
}

fn londiste(whose: Whose) -> Command {
    match whose {
        Ours => Command::new(env!("CARGO_BIN_EXE_londiste")),
        Debians => debians("/usr/bin/londiste", "python3-londiste"),
    }
}

fn pgqd(whose: Whose) -> Command {
    match whose {
        Ours => Command::new(env!("CARGO_BIN_EXE_pgqd")),
        Debians => debians("/usr/bin/pgqd", "pgqd"),
    }
}

struct Node {
    name: String,
    db: Database,
    ini: PathBuf,
    worker: Option<Process>,
}

/// Nodes of one queue, each run by one program or the other.
struct Stand {
    queue: String,
    nodes: Vec<Node>,
    ticker: Option<Process>,
    copies: Vec<Process>,
    dir: tempfile::TempDir,
}

impl Stand {
    fn new(queue: &str) -> Stand {
        Stand {
            queue: queue.to_owned(),
            nodes: Vec::new(),
            ticker: None,
            copies: Vec::new(),
            dir: tempfile::tempdir().expect("make a directory for job files"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn node(&self, name: &str) -> &Node {
        self.nodes
            .iter()
            .find(|node| node.name == name)
            .unwrap_or_else(|| panic!("no node {name}"))
    }

    /// Makes a node by `program` in a new database that has the database side of `base`.
    fn create(&mut self, kind: &str, name: &str, program: Whose, base: Whose, provider: Option<&str>) {
        let db = database(&format!("{}_{name}", self.queue));
        let ini = self.path(&format!("{name}.ini"));
        let text = format!(
            "[londiste]\njob_name = {0}_{name}\ndb = {1}\nqueue_name = {0}\npidfile = {2}\nlogfile = {3}\n\
             loop_delay = 0.2\nparallel_copies = 4\nexception_sleep = 2\n",
            self.queue,
            db.connstr(),
            self.path(&format!("{name}.pid")).display(),
            self.path(&format!("{name}.log")).display(),
        );
        fs::write(&ini, text).expect("write a job file");
        match base {
            Debians => create_extensions(&db),
            Ours => {
                install(&db);
            }
        }
        let provider = provider.map(|provider| format!("--provider={}", self.node(provider).db.connstr()));
        let connstr = db.connstr();
        self.nodes.push(Node {
            name: name.to_owned(),
            db,
            ini,
            worker: None,
        });
        let command = format!("create-{kind}");
        let mut args = vec![command.as_str(), name, &connstr];
        args.extend(provider.as_deref());
        self.run(name, program, &args);
        if kind == "root" {
            // Idle ticks are what the ancestor's copies wait for.
            self.node(name).db.psql(&format!(
                "select pgq.set_queue_config('{0}', 'ticker_idle_period', '1 second'), \
                        pgq.set_queue_config('{0}', 'ticker_max_lag', '0.3 seconds')",
                self.queue
            ));
        }
    }

    /// Runs a command of one of the programs for a node; returns what it printed.
    #[track_caller]
    fn run(&self, name: &str, program: Whose, args: &[&str]) -> String {
        let output = clean_environment(londiste(program).arg(&self.node(name).ini).args(args))
            .output()
            .expect("run londiste");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            output.status.success(),
            "{program:?} {} on {name}: {text}",
            args.join(" ")
        );
        text
    }

    fn start_worker(&mut self, name: &str, program: Whose) {
        self.start_worker_with(name, program, &[]);
    }

    fn start_worker_with(&mut self, name: &str, program: Whose, env: &[(&str, &str)]) {
        let out = self.path(&format!("{name}.out"));
        let node = self
            .nodes
            .iter_mut()
            .find(|node| node.name == name)
            .expect("the node");
        let mut command = londiste(program);
        command.arg(&node.ini).arg("worker").envs(env.iter().copied());
        node.worker = Some(Process::spawn(
            &format!("{program:?} worker of {name}"),
            command,
            &out,
        ));
    }

    /// Stops a worker gracefully, and the copies that it launched.
    #[track_caller]
    fn stop_worker(&mut self, name: &str) {
        let node = self
            .nodes
            .iter_mut()
            .find(|node| node.name == name)
            .expect("the node");
        let mut worker = node.worker.take().expect("a running worker");
        worker.stop(LIMIT);
        self.end_copies(name, Signal::SIGINT);
    }

    /// Starts a copy of Debian's by hand.
    fn start_copy(&mut self, name: &str, table: &str) {
        let mut command = londiste(Debians);
        command.arg(&self.node(name).ini).arg("copy").arg(table);
        let out = self.path(&format!("{name}.copy.out"));
        self.copies.push(Process::spawn(
            &format!("copy of {table} on {name}"),
            command,
            &out,
        ));
    }

    /// Ends a worker, and the copies that it launched, as a crash would.
    fn kill_worker(&mut self, name: &str) {
        let node = self
            .nodes
            .iter_mut()
            .find(|node| node.name == name)
            .expect("the node");
        node.worker.take().expect("a running worker").kill9();
        self.end_copies(name, Signal::SIGKILL);
    }

    /// Ends the copy processes of a node, which write their process ids beside the worker's.
    fn end_copies(&self, name: &str, signal: Signal) {
        let prefix = format!("{name}.pid.copy.");
        for entry in fs::read_dir(self.dir.path()).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                self.end_daemon(&entry.path(), signal);
            }
        }
    }

    /// Ends the process of a pid file, if it is one of this test, and waits until it is gone.
    fn end_daemon(&self, pidfile: &Path, signal: Signal) {
        let Some(pid) = fs::read_to_string(pidfile)
            .ok()
            .and_then(|text| text.trim().parse::<i32>().ok())
        else {
            return;
        };
        let command = |pid: i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mine = self.dir.path().to_string_lossy().into_owned();
        let is_mine = move || String::from_utf8_lossy(&command(pid)).contains(&mine);
        if is_mine() {
            let _ = kill(Pid::from_raw(pid), signal);
            wait_for("a copy process to end", LIMIT, || (!is_mine()).then_some(()));
        }
    }

    /// Starts a ticker for the root.
    fn start_ticker(&mut self, whose: Whose) {
        let root = &self.nodes[0].db;
        self.ticker = Some(start_ticker(whose, root, self.dir.path()));
    }

    #[track_caller]
    fn psql_all(&self, sql: &str) {
        for node in &self.nodes {
            node.db.psql(sql);
        }
    }

    fn root(&self) -> &Database {
        &self.nodes[0].db
    }

    /// States of all attached tables of a node.
    fn states(&self, name: &str) -> String {
        self.node(name).db.psql(
            "select coalesce(string_agg(table_name || '=' || coalesce(merge_state, '-'), e'\\n' order by 1), '') \
               from londiste.table_info where local",
        )
    }

    /// Last tick that a node has replayed.
    fn position(&self, name: &str) -> i64 {
        let sql = format!(
            "select last_tick_id from pgq_node.local_state where queue_name = '{0}' and consumer_name = '{0}_{name}'",
            self.queue
        );
        self.node(name)
            .db
            .psql(&sql)
            .parse()
            .expect("the node has a worker")
    }

    #[track_caller]
    fn wait_in_sync(&self, name: &str) {
        let mut states = String::new();
        let start = std::time::Instant::now();
        loop {
            let all_ok = |states: &str| states.lines().all(|state| state.ends_with("=ok"));
            states.replace_range(.., &self.states(name));
            if all_ok(&states) {
                return;
            }
            assert!(start.elapsed() < LIMIT, "node {name} is not in sync: {states}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until every node below the root has replayed what is committed there now.
    #[track_caller]
    fn wait_caught_up(&self) {
        let now = self.root().psql("select txid_current()");
        let queue = &self.queue;
        let sql = format!(
            "select min(tick_id) from pgq.tick join pgq.queue on queue_id = tick_queue \
              where queue_name = '{queue}' and txid_visible_in_snapshot({now}, tick_snapshot)"
        );
        let tick: i64 = wait_for("a tick of the root", LIMIT, || {
            self.root().psql(&sql).parse().ok()
        });
        for node in &self.nodes[1..] {
            let what = format!("node {} to replay tick {tick}", node.name);
            wait_for(&what, LIMIT, || (self.position(&node.name) >= tick).then_some(()));
        }
    }

    /// Fails unless the tables have the same rows everywhere.
    #[track_caller]
    fn assert_equal(&self, tables: &[&str]) {
        for table in tables {
            let rows =
                |db: &Database| db.psql(&format!("copy (select * from {table} order by 1, 2) to stdout"));
            let expected = rows(self.root());
            assert_ne!(expected, "", "table {table} is empty");
            for node in &self.nodes[1..] {
                let found = rows(&node.db);
                let differing: Vec<_> = expected
                    .lines()
                    .zip(found.lines())
                    .filter(|(a, b)| a != b)
                    .take(3)
                    .collect();
                assert!(
                    found == expected,
                    "table {table} of {} differs: {} rows, root has {}; {differing:?}",
                    node.name,
                    found.lines().count(),
                    expected.lines().count()
                );
            }
        }
    }

    /// Fails if a program has logged an error.
    #[track_caller]
    fn assert_no_errors(&self) {
        let mut found = String::new();
        for path in self.logs() {
            for line in read_log(&path).lines() {
                if ["ERROR", "CRITICAL", "FATAL", "Traceback", "panicked"]
                    .iter()
                    .any(|word| line.contains(word))
                {
                    found.push_str(&format!(
                        "{}: {line}\n",
                        path.file_name().unwrap_or_default().to_string_lossy()
                    ));
                }
            }
        }
        assert_eq!(found, "", "errors in the logs");
    }

    fn logs(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.dir.path())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "log" || end == "out"))
            .collect();
        paths.sort();
        paths
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            drop(node.worker.take());
        }
        self.copies.clear();
        for name in self
            .nodes
            .iter()
            .map(|node| node.name.clone())
            .collect::<Vec<_>>()
        {
            self.end_copies(&name, Signal::SIGKILL);
        }
        if std::thread::panicking() {
            for path in self.logs() {
                eprintln!("---- {}", path.display());
                let text = read_log(&path);
                let lines: Vec<&str> = text.lines().collect();
                for line in &lines[lines.len().saturating_sub(60)..] {
                    eprintln!("  {line}");
                }
            }
        }
    }
}

/// Starts a ticker in the foreground for one database.
fn start_ticker(whose: Whose, db: &Database, dir: &Path) -> Process {
    let ini = dir.join("pgqd.ini");
    let text = format!(
        "[pgqd]\nbase_connstr = host={} port={} user=postgres\ninitial_database = postgres\ndatabase_list = {}\n\
         pidfile = {}\nlogfile = {}\nsyslog = 0\nticker_period = 0.1\ncheck_period = 1\nretry_period = 1\nmaint_period = 1\n",
        db.cluster().socket_dir().display(),
        db.cluster().port(),
        db.name(),
        dir.join("pgqd.pid").display(),
        dir.join("pgqd.log").display(),
    );
    fs::write(&ini, text).expect("write pgqd's file");
    let mut command = pgqd(whose);
    command.arg(&ini);
    Process::spawn(&format!("{whose:?} pgqd"), command, &dir.join("pgqd.out"))
}
