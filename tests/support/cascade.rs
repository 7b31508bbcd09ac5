//! A cascade as a user makes it: job files, `londiste create-...`, workers and pgqd as processes.
//!
//! ```ignore
//! let mut cascade = Cascade::new("orders");            // queue "orders", databases on the shared server
//! cascade.create_root("root");
//! cascade.create_leaf("leaf", "root");
//! cascade.psql_all("create table t (id int primary key, v text)");
//! cascade.start_workers();
//! cascade.add_table("t");                              // on each node, from the root down
//! cascade.wait_in_sync();
//! cascade["root"].psql("insert into t values (1, 'x')");
//! cascade.wait_caught_up();
//! cascade.assert_equal("t");
//! ```
//! Nothing of the program's library is used here: what is asked, is asked through psql. When a test fails the end of
//! each process's log is shown.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::{Deref, Index, IndexMut};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::process::{Process, clean_environment, read_log};
use super::{Cluster, cluster};

/// How long anything may take before a test gives up. Generous: it is only waited for when something is broken.
pub const LIMIT: Duration = Duration::from_secs(180);

/// Lines of each log that a failed test shows.
const SHOWN_LINES: usize = 60;

/// The server that a node is on.
#[derive(Clone)]
pub enum Server {
    /// The one that all tests share: its settings are not to be touched, and it is not to be stopped.
    Shared(&'static Cluster),
    /// A test's own.
    Own(Arc<Cluster>),
}

impl Deref for Server {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        match self {
            Server::Shared(cluster) => cluster,
            Server::Own(cluster) => cluster,
        }
    }
}

impl From<&Arc<Cluster>> for Server {
    fn from(cluster: &Arc<Cluster>) -> Server {
        Server::Own(cluster.clone())
    }
}

/// With which rights a cascade is made and run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestRole {
    /// A superuser.
    Super,
    /// Owns its databases, and may set session_replication_role (a superuser's servers before PostgreSQL 15 cannot give that).
    Plain,
    /// Owns its databases, nothing else.
    Bare,
}

impl TestRole {
    /// By `LONDISTE_TEST_ROLE`: `plain`, `bare`, or a superuser.
    fn of_environment() -> TestRole {
        match std::env::var("LONDISTE_TEST_ROLE").as_deref() {
            Ok("plain") => TestRole::Plain,
            Ok("bare") => TestRole::Bare,
            Ok("" | "super") | Err(_) => TestRole::Super,
            Ok(other) => panic!("LONDISTE_TEST_ROLE is plain, bare or super, not {other}"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            TestRole::Super => super::cluster::SUPERUSER,
            TestRole::Plain => "plain",
            TestRole::Bare => "bare",
        }
    }

    /// Lines of a job file.
    fn config(self) -> &'static str {
        match self {
            TestRole::Super => "",
            // Before PostgreSQL 15 nobody can give the right.
            TestRole::Plain | TestRole::Bare => "replay_without_role = 1\n",
        }
    }

    fn create_database(self, server: &Cluster, db: &str) {
        let role = self.name();
        if self != TestRole::Super {
            // Tests run beside each other.
            server.psql(
                "postgres",
                &format!(
                    "begin; select pg_advisory_xact_lock(4711);
                     do $$ begin
                         if to_regrole('{role}') is null then create role {role} login; end if;
                         if '{role}' = 'plain' and current_setting('server_version_num')::int >= 150000 then
                             execute 'grant set on parameter session_replication_role to plain';
                         end if;
                     end $$; commit"
                ),
            );
        }
        server.create_database(db);
        server.psql(
            "postgres",
            &format!("alter database \"{}\" owner to {role}", db.replace('"', "\"\"")),
        );
    }
}

/// What a command of ours printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// Its result.
    pub stdout: String,
    /// Its talk.
    pub stderr: String,
}

/// One node: a database, a job file, perhaps a running worker.
pub struct Node {
    /// Name of the node.
    pub name: String,
    /// Its server.
    pub server: Server,
    /// Its database.
    pub db: String,
    /// The role that owns it, and as which programs and tests connect.
    pub role: &'static str,
    /// Job name, which is the name of the worker's consumer.
    pub job: String,
    /// Its running worker.
    pub worker: Option<Process>,
    queue: String,
    location: String,
    ini: PathBuf,
    log: PathBuf,
}

impl Node {
    /// Runs SQL through psql, see [`Cluster::psql`].
    #[track_caller]
    pub fn psql(&self, sql: &str) -> String {
        self.try_psql(sql)
            .unwrap_or_else(|error| panic!("psql in \"{}\": {error}\nSQL was: {sql}", self.db))
    }

    /// The same, with psql's error text as a value.
    pub fn try_psql(&self, sql: &str) -> Result<String, String> {
        self.server.try_psql_as(self.role, &self.db, sql)
    }

    /// Connection string of the database.
    pub fn connstr(&self) -> String {
        self.location.clone()
    }

    /// The job file.
    pub fn ini(&self) -> &Path {
        &self.ini
    }

    /// Adds lines to the job file (keys of section `[londiste]`).
    pub fn configure(&self, lines: &str) {
        let text = fs::read_to_string(&self.ini).expect("read a job file");
        fs::write(&self.ini, format!("{text}{lines}\n")).expect("write a job file");
    }

    /// Runs `londiste INI args`.
    pub fn try_londiste(&self, args: &[&str]) -> Ran {
        self.try_londiste_with(&[], args)
    }

    /// The same with these environment variables.
    pub fn try_londiste_with(&self, env: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
        let output = clean_environment(command.arg(&self.ini).args(args))
            .envs(env.iter().copied())
            .output()
            .expect("run londiste");
        Ran {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same for a command that must succeed; returns what it printed.
    #[track_caller]
    pub fn londiste(&self, args: &[&str]) -> String {
        let ran = self.try_londiste(args);
        assert!(
            ran.status.success(),
            "londiste {} on node {} failed: {}\n{}{}",
            args.join(" "),
            self.name,
            ran.status,
            ran.stdout,
            ran.stderr
        );
        ran.stdout
    }

    /// Starts the worker.
    pub fn start_worker(&mut self) {
        self.start_worker_with(&[], &[]);
    }

    /// Starts the worker with these environment variables and arguments.
    pub fn start_worker_with(&mut self, env: &[(&str, &str)], args: &[&str]) {
        self.worker = Some(self.spawn_worker("", env, args));
    }

    /// Starts the worker to die at a fault point (`name` or `name:3`).
    pub fn start_worker_to_die_at(&mut self, fault: &str) {
        self.start_worker_with(&[("LONDISTE_FAULT", fault)], &[]);
    }

    /// Stops the worker, if one runs, as SIGINT does.
    pub fn stop_worker(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.stop(LIMIT);
        }
    }

    /// Starts one more worker of this node; `suffix` makes its log another file.
    pub fn spawn_worker(&self, suffix: &str, env: &[(&str, &str)], args: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
        command.arg(&self.ini).arg("worker").args(args);
        command.envs(env.iter().copied());
        let mut log = self.log.clone();
        log.as_mut_os_string().push(suffix);
        Process::spawn(&format!("worker of node {}", self.name), command, &log)
    }

    /// The running worker.
    #[track_caller]
    pub fn worker(&mut self) -> &mut Process {
        let name = &self.name;
        self.worker
            .as_mut()
            .unwrap_or_else(|| panic!("no worker was started on node {name}"))
    }

    /// All that its workers have logged.
    pub fn log(&self) -> String {
        read_log(&self.log)
    }

    /// Last tick that the worker has replayed.
    #[track_caller]
    pub fn position(&self) -> i64 {
        let sql = format!(
            "select last_tick_id from pgq_node.local_state where queue_name = '{}' and consumer_name = '{}'",
            self.queue, self.job
        );
        self.psql(&sql).parse().expect("the node has a worker")
    }

    /// State of a table as stored, empty when it has none or is not attached here.
    #[track_caller]
    pub fn state(&self, table: &str) -> String {
        self.psql(&format!(
            "select merge_state from londiste.table_info where queue_name = '{}' and local \
                and table_name = londiste.make_fqname('{table}')",
            self.queue
        ))
    }

    /// Consumers of the queue here, without the workers of `subscribers`: those that copies left or still use.
    #[track_caller]
    pub fn copy_consumers(&self) -> String {
        self.psql(&format!(
            "select consumer_name from pgq.get_consumer_info('{}') where consumer_name like '%.copy.%' order by 1",
            self.queue
        ))
    }

    /// The rows of a table as text in a fixed order, read by nothing of ours.
    #[track_caller]
    pub fn rows(&self, table: &str) -> String {
        self.psql(&format!(
            "copy (select t::text from {table} t order by t::text collate \"C\") to stdout"
        ))
    }

    /// Ticks of the queue here, each with its time, its event sequence, and what lies between it and the tick before (that
    /// one's number, how many events, which). The first one, before which there is nothing, is left out, and so is what
    /// tells watermarks, which a node may pass on with another value. Empty on a leaf.
    #[track_caller]
    pub fn ticks(&self) -> BTreeMap<i64, String> {
        let table = self.psql(&format!(
            "select queue_data_pfx from pgq.queue where queue_name = '{}'",
            self.queue
        ));
        if table.is_empty() {
            return BTreeMap::new();
        }
        let text = self.psql(&format!(
            "select t.tick_id, t.tick_time at time zone 'UTC', t.tick_event_seq, t.previous, count(e.ev_id),
                    md5(string_agg(concat_ws(',', e.ev_id, e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3,
                        e.ev_extra4, e.ev_time at time zone 'UTC'), ';' order by e.ev_id))
               from (select t.*, lag(t.tick_snapshot) over w as before, lag(t.tick_id) over w as previous
                       from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue and q.queue_name = '{}'
                     window w as (order by t.tick_id)) t
               left join {table} e on txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot)
                    and not txid_visible_in_snapshot(e.ev_txid, t.before) and e.ev_type <> 'pgq.global-watermark'
              where t.before is not null group by 1, 2, 3, 4 order by 1",
            self.queue
        ));
        let mut ticks: BTreeMap<i64, String> = text
            .lines()
            .map(|line| {
                let (tick, rest) = line.split_once('|').expect("a tick and more");
                (tick.parse().expect("a tick's number"), rest.to_owned())
            })
            .collect();
        // A new queue begins with a tick of its own, and goes on with that of its provider.
        ticks.retain(|_, rest| rest.split('|').nth(2) != Some("1"));
        ticks
    }

    /// Count and digest of the rows of a table.
    #[track_caller]
    pub fn digest(&self, table: &str) -> String {
        self.psql(&format!(
            "select count(*), md5(string_agg(md5(t::text), '' order by t::text collate \"C\")) from {table} t"
        ))
    }

    /// Runs `sql` in a transaction that stays open, with its locks, until the returned value is dropped.
    #[track_caller]
    pub fn hold(&self, sql: &str) -> Held {
        let mut child = self
            .server
            .client("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
            .arg(self.connstr())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start psql");
        let mut input = child.stdin.take().expect("psql has a stdin");
        writeln!(input, "begin;\n{sql};\nselect 'held';").expect("write to psql");
        let output = child.stdout.take().expect("psql has a stdout");
        let held = BufReader::new(output)
            .lines()
            .any(|line| line.is_ok_and(|line| line == "held"));
        assert!(held, "psql on node {} ended at: {sql}", self.name);
        Held {
            child,
            input: Some(input),
        }
    }

    /// Starts pgbench on this database; `args` beside connection and `-n`. It runs until dropped or ended.
    pub fn start_pgbench(&self, args: &[&str]) -> Load {
        let log = self.log.with_extension("pgbench.log");
        let mut command = self.server.client("pgbench");
        command
            .args(["-n", "-h"])
            .arg(self.server.socket_dir())
            .args(["-p", &self.server.port().to_string(), "-U", self.role])
            .args(args)
            .arg(&self.db);
        let count_sql = format!(
            "select count(*) from pg_stat_activity where datname = '{}' and application_name = 'pgbench'",
            self.db
        );
        Load {
            server: self.server.clone(),
            process: Process::spawn("pgbench", command, &log),
            count_sql,
        }
    }

    /// Keys, constraints, indexes and triggers of a table as definitions, one per line.
    #[track_caller]
    pub fn structure(&self, table: &str) -> String {
        let table = table.replace('\'', "''");
        self.psql(&format!(
            "select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated \
               from pg_constraint where conrelid = '{table}'::regclass \
             union all select indexdef || ' ' || i.indisvalid from pg_indexes x \
               join pg_index i on i.indexrelid = format('%I.%I', x.schemaname, x.indexname)::regclass \
              where i.indrelid = '{table}'::regclass order by 1"
        ))
    }
}

/// An open transaction of psql; rolled back when dropped.
pub struct Held {
    child: Child,
    input: Option<ChildStdin>,
}

impl Held {
    /// Commits it instead.
    pub fn commit(mut self) {
        let input = self.input.as_mut().expect("psql has a stdin until the end");
        writeln!(input, "commit;").expect("write to psql");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // At the end of its input psql leaves, and the server rolls back.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// A running pgbench.
pub struct Load {
    /// The program.
    pub process: Process,
    server: Server,
    count_sql: String,
}

impl Load {
    /// Ends it in the middle of its work; returns when the server has ended its transactions too.
    #[track_caller]
    pub fn end(mut self) {
        assert!(
            self.process.is_running(),
            "pgbench ended before its time:\n{}",
            self.process.log()
        );
        self.process.kill9();
        super::wait::wait_for("the sessions of pgbench to end", LIMIT, || {
            (self.server.psql("postgres", &self.count_sql) == "0").then_some(())
        });
    }
}

/// Nodes of one queue and their ticker.
pub struct Cascade {
    /// Name of the queue.
    pub queue: String,
    /// The ticker, when one was started; without it the root's worker ticks.
    pub pgqd: Option<Process>,
    nodes: Vec<Node>,
    root: usize,
    role: TestRole,
    dir: tempfile::TempDir,
}

impl Cascade {
    /// An empty cascade for `queue`.
    pub fn new(queue: &str) -> Cascade {
        Cascade {
            queue: queue.to_owned(),
            pgqd: None,
            nodes: Vec::new(),
            root: 0,
            role: TestRole::of_environment(),
            dir: tempfile::tempdir().expect("make a directory for job files"),
        }
    }

    /// An empty cascade whose databases belong to a role with few rights.
    pub fn new_as(role: TestRole, queue: &str) -> Cascade {
        let mut cascade = Cascade::new(queue);
        cascade.role = role;
        cascade
    }

    /// Makes the root in a new database of the shared server.
    pub fn create_root(&mut self, name: &str) {
        self.create("root", name, Server::Shared(cluster()), None);
    }

    /// Makes a branch below `provider` in a new database of the shared server.
    pub fn create_branch(&mut self, name: &str, provider: &str) {
        self.create("branch", name, Server::Shared(cluster()), Some(provider));
    }

    /// Makes a leaf below `provider` in a new database of the shared server.
    pub fn create_leaf(&mut self, name: &str, provider: &str) {
        self.create("leaf", name, Server::Shared(cluster()), Some(provider));
    }

    /// Makes a node (`root`, `branch`, `leaf`) in a new database of any server.
    #[track_caller]
    pub fn create(&mut self, kind: &str, name: &str, server: Server, provider: Option<&str>) {
        let role = self.role.name();
        self.create_as_told(kind, name, server, provider, |server, db| {
            server.connstr_as(role, db)
        });
    }

    /// The same with a connection string of its own, made of the server and the database's name; a superuser's, whatever
    /// role the other nodes belong to.
    #[track_caller]
    pub fn create_at(
        &mut self,
        kind: &str,
        name: &str,
        server: Server,
        provider: Option<&str>,
        connstr: impl Fn(&Cluster, &str) -> String,
    ) {
        let role = std::mem::replace(&mut self.role, TestRole::Super);
        self.create_as_told(kind, name, server, provider, connstr);
        self.role = role;
    }

    #[track_caller]
    fn create_as_told(
        &mut self,
        kind: &str,
        name: &str,
        server: Server,
        provider: Option<&str>,
        connstr: impl Fn(&Cluster, &str) -> String,
    ) {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let db = format!("{}_{name}_{}", self.queue, COUNT.fetch_add(1, Ordering::Relaxed));
        self.role.create_database(&server, &db);
        let provider = provider.map(|provider| format!("--provider={}", self[provider].connstr()));
        let args: Vec<&str> = provider.as_deref().into_iter().collect();
        let location = connstr(&server, &db);
        self.create_in(kind, name, (server, db, location), &args);
    }

    /// Makes a node below `provider` in a new database of the shared server, with more arguments.
    #[track_caller]
    pub fn create_with(&mut self, kind: &str, name: &str, provider: &str, more: &[&str]) {
        let server = Server::Shared(cluster());
        let db = format!("{}_{name}", self.queue);
        self.role.create_database(&server, &db);
        let provider = format!("--provider={}", self[provider].connstr());
        let args = [&[provider.as_str()], more].concat();
        let location = server.connstr_as(self.role.name(), &db);
        self.create_in(kind, name, (server, db, location), &args);
    }

    /// Makes a node in a database that is there (its server, name and connection string); `more` are arguments for the
    /// command.
    #[track_caller]
    pub fn create_in(
        &mut self,
        kind: &str,
        name: &str,
        (server, db, location): (Server, String, String),
        more: &[&str],
    ) {
        let job = format!("{}_{name}", self.queue);
        let node = Node {
            name: name.to_owned(),
            worker: None,
            queue: self.queue.clone(),
            ini: self.path(&format!("{name}.ini")),
            log: self.path(&format!("{name}.log")),
            job,
            location,
            role: self.role.name(),
            db,
            server,
        };
        let text = format!(
            "[londiste]\njob_name = {}\ndb = {}\nqueue_name = {}\npidfile = {}\nparallel_copies = 4\n\
             exception_sleep = 1\nlock_timeout = 60\n",
            node.job,
            node.connstr(),
            self.queue,
            self.path(&format!("{name}.pid")).display()
        ) + self.role.config();
        fs::write(&node.ini, text).expect("write a job file");
        let (command, location) = (format!("create-{kind}"), node.connstr());
        let mut args = vec![command.as_str(), name, &location];
        args.extend(more);
        node.londiste(&args);
        self.nodes.push(node);
    }

    /// The root: the first node, unless [`Cascade::set_root`] says otherwise.
    pub fn root(&self) -> &Node {
        &self.nodes[self.root]
    }

    fn others(&self) -> impl Iterator<Item = &Node> {
        let root = self.root;
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(at, _)| *at != root)
            .map(|(_, node)| node)
    }

    /// Another node has become the root.
    #[track_caller]
    pub fn set_root(&mut self, name: &str) {
        self.root = self
            .nodes
            .iter()
            .position(|node| node.name == name)
            .unwrap_or_else(|| panic!("no node {name}"));
    }

    /// The nodes, in the order in which they were made.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A path in the cascade's own directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs SQL on every node.
    #[track_caller]
    pub fn psql_all(&self, sql: &str) {
        for node in &self.nodes {
            node.psql(sql);
        }
    }

    /// Starts the worker of every node that has none running.
    pub fn start_workers(&mut self) {
        for node in &mut self.nodes {
            if !node.worker.as_mut().is_some_and(Process::is_running) {
                node.start_worker();
            }
        }
    }

    /// Stops all workers gracefully.
    #[track_caller]
    pub fn stop_workers(&mut self) {
        for node in &mut self.nodes {
            node.stop_worker();
        }
    }

    /// Starts a pgqd for the root's database.
    pub fn start_pgqd(&mut self) {
        self.start_pgqd_with("");
    }

    /// The same with more lines in its file.
    pub fn start_pgqd_with(&mut self, lines: &str) {
        let root = &self.nodes[0];
        let ini = self.path("pgqd.ini");
        let text = format!(
            "[pgqd]\nbase_connstr = host={} port={} user=postgres\ninitial_database = postgres\n\
             database_list = {}\npidfile = {}\nsyslog = 0\n{lines}\n",
            root.server.socket_dir().display(),
            root.server.port(),
            root.db,
            self.path("pgqd.pid").display()
        );
        fs::write(&ini, text).expect("write pgqd's file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgqd"));
        command.arg(&ini);
        self.pgqd = Some(Process::spawn("pgqd", command, &self.path("pgqd.log")));
    }

    /// Attaches a table on every node, from the root down.
    #[track_caller]
    pub fn add_table(&self, table: &str) {
        self.add_table_with(table, &[]);
    }

    /// The same, with more arguments for `add-table`.
    #[track_caller]
    pub fn add_table_with(&self, table: &str, args: &[&str]) {
        for node in &self.nodes {
            let mut all = vec!["add-table", table];
            all.extend(args);
            node.londiste(&all);
        }
    }

    /// Asks until the answer is true; panics with what never came. The logs are shown when the cascade is dropped.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut ask: impl FnMut() -> bool) {
        super::wait::wait_for(what, LIMIT, || ask().then_some(()));
    }

    /// Waits until every attached table of every node is `ok`, and no copy's consumer is left anywhere.
    #[track_caller]
    pub fn wait_in_sync(&self) {
        let start = Instant::now();
        loop {
            let waiting = self.not_in_sync();
            if waiting.is_empty() {
                return;
            }
            assert!(
                start.elapsed() < LIMIT,
                "waited {LIMIT:?} for all tables to be in sync, but: {waiting}"
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Tables that are not `ok` and consumers of copies, in words.
    pub fn not_in_sync(&self) -> String {
        let mut found = Vec::new();
        for node in &self.nodes {
            let sql = format!(
                "select table_name || ' ' || coalesce(merge_state, '(no state)') from londiste.table_info \
                  where queue_name = '{0}' and local and merge_state is distinct from 'ok' \
                 union all select 'position of ' || consumer_name from pgq_node.local_state \
                  where queue_name = '{0}' and consumer_name like '%.copy.%'",
                self.queue
            );
            match node.try_psql(&sql) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => found.push(format!("{}: {}", node.name, text.replace('\n', ", "))),
                Err(error) => found.push(format!("{}: {error}", node.name)),
            }
        }
        found.join("; ")
    }

    /// Waits until every node has replayed all that is committed on the root now.
    #[track_caller]
    pub fn wait_caught_up(&self) {
        let tick = self.tick();
        for node in self.others() {
            let what = format!("node {} to replay tick {tick}", node.name);
            self.wait_until(&what, || node.position() >= tick);
        }
    }

    /// Waits for a tick of the root that has seen all that is committed now.
    #[track_caller]
    pub fn tick(&self) -> i64 {
        let (root, queue) = (self.root(), &self.queue);
        let now = root.psql("select txid_current()");
        root.psql(&format!("select pgq.force_tick('{queue}')"));
        let sql = format!(
            "select min(tick_id) from pgq.tick join pgq.queue on queue_id = tick_queue \
              where queue_name = '{queue}' and txid_visible_in_snapshot({now}, tick_snapshot)"
        );
        super::wait::wait_for("a tick of the root", LIMIT, || root.psql(&sql).parse().ok())
    }

    /// Fails unless the table has the same rows on every node; shows the first that differ.
    #[track_caller]
    pub fn assert_equal(&self, table: &str) {
        let names: Vec<&str> = self.others().map(|node| node.name.as_str()).collect();
        self.assert_equal_on(table, &names);
    }

    /// The same for some nodes only.
    #[track_caller]
    pub fn assert_equal_on(&self, table: &str, names: &[&str]) {
        let root = self.root();
        let expected = root.digest(table);
        for node in names.iter().map(|name| &self[name]) {
            if node.digest(table) == expected {
                continue;
            }
            let (here, there) = (root.rows(table), node.rows(table));
            let (here, there): (Vec<_>, Vec<_>) = (here.lines().collect(), there.lines().collect());
            let lacking: Vec<_> = difference(&here, &there);
            let surplus: Vec<_> = difference(&there, &here);
            panic!(
                "table {table} differs: {} rows on {}, {} on {}\nlacking: {lacking:?}\nsurplus: {surplus:?}",
                here.len(),
                root.name,
                there.len(),
                node.name
            );
        }
    }

    /// Fails unless every tick that two nodes have is the same on both: its time, its value of the event sequence, and the
    /// events between it and the tick before. Returns how many ticks were compared.
    #[track_caller]
    pub fn assert_same_ticks(&self) -> usize {
        let nodes: Vec<(&Node, BTreeMap<i64, String>)> =
            self.nodes.iter().map(|node| (node, node.ticks())).collect();
        let mut compared = 0;
        for (place, (node, ticks)) in nodes.iter().enumerate() {
            for (other, others) in &nodes[place + 1..] {
                for (tick, here) in ticks {
                    if let Some(there) = others.get(tick) {
                        let snapshots = |node: &Node| {
                            node.psql(&format!(
                                "select string_agg(concat_ws(' ', tick_id, tick_snapshot, tick_event_seq), '; ' order by tick_id) \
                                   from pgq.tick where tick_id between {tick} - 3 and {tick} + 1"
                            ))
                        };
                        assert!(
                            here == there,
                            "tick {tick} on {} and on {}:\n{here}\n{there}\n{}\n{}",
                            node.name,
                            other.name,
                            snapshots(node),
                            snapshots(other)
                        );
                        compared += 1;
                    }
                }
            }
        }
        compared
    }

    /// Fails if a copy left a consumer on any node.
    #[track_caller]
    pub fn assert_no_stray_consumers(&self) {
        for node in &self.nodes {
            assert_eq!(node.copy_consumers(), "", "consumers of copies on {}", node.name);
        }
    }
}

impl Index<&str> for Cascade {
    type Output = Node;

    #[track_caller]
    fn index(&self, name: &str) -> &Node {
        self.nodes
            .iter()
            .find(|node| node.name == name)
            .unwrap_or_else(|| panic!("no node {name}"))
    }
}

impl IndexMut<&str> for Cascade {
    #[track_caller]
    fn index_mut(&mut self, name: &str) -> &mut Node {
        self.nodes
            .iter_mut()
            .find(|node| node.name == name)
            .unwrap_or_else(|| panic!("no node {name}"))
    }
}

impl Drop for Cascade {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut logs: Vec<PathBuf> = fs::read_dir(self.dir.path())
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.to_string_lossy().contains(".log"))
                .collect();
            logs.sort();
            for log in logs {
                eprintln!("---- {}", log.display());
                let text = read_log(&log);
                let lines: Vec<&str> = text.lines().collect();
                for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
                    eprintln!("  {line}");
                }
            }
        }
    }
}

/// The first few lines of `a` that `b` has less often.
fn difference<'a>(a: &[&'a str], b: &[&str]) -> Vec<&'a str> {
    let mut counts = std::collections::HashMap::new();
    for line in b {
        *counts.entry(*line).or_insert(0_i64) += 1;
    }
    a.iter()
        .filter(|line| {
            let count = counts.entry(**line).or_insert(0);
            *count -= 1;
            *count < 0
        })
        .take(5)
        .copied()
        .collect()
}
