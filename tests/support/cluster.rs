//! A throwaway PostgreSQL server: its own data directory, socket directory and port, nothing synced to disk.
//!
//! Each server has a watcher, a small shell process that reads from a pipe which this process holds. When the pipe
//! closes (the cluster is dropped, or the test process ends in any way, be it by SIGKILL) the watcher stops the
//! server and removes its files. So even the server in a `static` never outlives its tests.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};

use super::wait::wait_for;

/// The superuser of every test server.
pub const SUPERUSER: &str = "postgres";

/// Ports are below the range from which systems give out ports of their own accord.
const PORTS: std::ops::Range<u16> = 20000..32000;

/// A running (or stopped) server.
pub struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    client_bin: PathBuf,
    account: Option<User>,
    port: u16,
    watcher: Option<Child>,
}

impl Cluster {
    /// Makes and starts a server with the usual settings.
    pub fn start() -> Cluster {
        Cluster::start_with(&[])
    }

    /// Makes and starts a server; `settings` are lines for postgresql.conf (`wal_level = logical`) that win.
    pub fn start_with(settings: &[&str]) -> Cluster {
        let bin = find_bin();
        Cluster::start_from(bin.clone(), bin, settings)
    }

    /// Makes and starts a server of another major version, one of those that scripts/servers fetches. They have no
    /// client programs: those are the ones of the usual server.
    pub fn start_version(major: u32) -> Cluster {
        Cluster::start_from(find_version(major), find_bin(), &[])
    }

    /// Makes and starts a standby of this server by pg_basebackup; `settings` are lines for its postgresql.conf. Its changes
    /// come by streaming, asynchronously unless this server's settings ask for more.
    pub fn start_standby(&self, settings: &[&str]) -> Cluster {
        let mut standby = Cluster {
            dir: make_dir(self.account.as_ref()),
            bin: self.bin.clone(),
            client_bin: self.client_bin.clone(),
            account: self.account.clone(),
            port: 0,
            watcher: None,
        };
        standby.watcher = Some(standby.spawn_watcher());
        let output = standby
            .server_command("pg_basebackup")
            .args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-d"])
            .arg(format!("{} application_name=standby", self.connstr("postgres")))
            .arg("-D")
            .arg(standby.data_dir())
            .output()
            .expect("run pg_basebackup");
        assert!(output.status.success(), "pg_basebackup failed\n{}", text(&output));
        standby.port = free_port();
        standby.write_settings(settings);
        standby.start_again();
        standby
    }

    /// Ends a standby's standing by: it takes writes from now on.
    pub fn promote(&self) {
        let output = self.pg_ctl(&["promote", "-w", "-t", "60"]);
        assert!(
            output.status.success(),
            "pg_ctl promote failed\n{}",
            text(&output)
        );
    }

    /// Keeps a copy of the files, as of now, for [`Cluster::restore_files`]; the server is stopped meanwhile.
    pub fn save_files(&self) {
        self.stop();
        self.copy_files("data", "saved");
        self.start_again();
    }

    /// Puts the kept files back and starts the server with them.
    pub fn restore_files(&self) {
        self.stop();
        fs::remove_dir_all(self.data_dir()).expect("remove the files of the server");
        self.copy_files("saved", "data");
        self.start_again();
    }

    fn copy_files(&self, from: &str, to: &str) {
        let output = Command::new("cp")
            .arg("-a")
            .args([self.dir.join(from), self.dir.join(to)])
            .output()
            .expect("run cp");
        assert!(output.status.success(), "cp failed\n{}", text(&output));
    }

    fn start_from(bin: PathBuf, client_bin: PathBuf, settings: &[&str]) -> Cluster {
        let account = unprivileged_account();
        let dir = make_dir(account.as_ref());
        let mut cluster = Cluster {
            dir,
            bin,
            client_bin,
            account,
            port: 0,
            watcher: None,
        };
        cluster.watcher = Some(cluster.spawn_watcher());
        cluster.initdb();
        for attempt in 1.. {
            cluster.port = free_port();
            cluster.write_settings(settings);
            let output = cluster.pg_ctl(&["start", "-w", "-t", "60"]);
            if output.status.success() {
                break;
            }
            // Somebody else may have taken the port in the meantime.
            let taken = TcpListener::bind(("127.0.0.1", cluster.port)).is_err();
            assert!(
                taken && attempt < 10,
                "the test server did not start\n{}\nserver log:\n{}",
                text(&output),
                cluster.log()
            );
        }
        cluster
    }

    /// A connection string for `db` over the Unix socket, as superuser.
    pub fn connstr(&self, db: &str) -> String {
        self.connstr_as(SUPERUSER, db)
    }

    /// The same as another role.
    pub fn connstr_as(&self, role: &str, db: &str) -> String {
        let db = db.replace('\\', "\\\\").replace('\'', "\\'");
        format!(
            "host={} port={} dbname='{db}' user={role}",
            self.socket_dir().display(),
            self.port
        )
    }

    /// A connection string for `db` over TCP, as superuser.
    pub fn tcp_connstr(&self, db: &str) -> String {
        let db = db.replace('\\', "\\\\").replace('\'', "\\'");
        format!("host=127.0.0.1 port={} dbname='{db}' user={SUPERUSER}", self.port)
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) {
        self.psql(
            "postgres",
            &format!("create database \"{}\"", name.replace('"', "\"\"")),
        );
    }

    /// Runs SQL through psql, so by none of our code, and returns the rows: fields separated by `|`, no headings, no
    /// newline at the end. Fails the test on any error.
    #[track_caller]
    pub fn psql(&self, db: &str, sql: &str) -> String {
        self.try_psql(db, sql)
            .unwrap_or_else(|error| panic!("psql in \"{db}\": {error}\nSQL was: {sql}"))
    }

    /// The same, with psql's error text as a value.
    pub fn try_psql(&self, db: &str, sql: &str) -> Result<String, String> {
        self.try_psql_as(SUPERUSER, db, sql)
    }

    /// The same as another role.
    pub fn try_psql_as(&self, role: &str, db: &str, sql: &str) -> Result<String, String> {
        let mut child = self
            .client("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d"])
            .arg(self.connstr_as(role, db))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start psql");
        // Written from a thread of its own: psql may fill its output before it has read all input.
        let mut stdin = child.stdin.take().expect("psql has a stdin");
        let sql = sql.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(sql.as_bytes()));
        let output = child.wait_with_output().expect("wait for psql");
        let _ = writer.join();
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end_matches('\n')
                .to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// A client program (`psql`, `pgbench`, `pg_dump`) of the server's version, or of the usual server's where this one
    /// comes without; it does not see the caller's PG* variables.
    pub fn client(&self, program: &str) -> Command {
        plain_command(&self.client_bin.join(program))
    }

    /// Stops the server, politely to its clients.
    pub fn stop(&self) {
        let output = self.pg_ctl(&["stop", "-m", "fast", "-w"]);
        assert!(output.status.success(), "pg_ctl stop failed\n{}", text(&output));
    }

    /// Starts the server again after [`Cluster::stop`] or [`Cluster::kill9`].
    pub fn start_again(&self) {
        let output = self.pg_ctl(&["start", "-w", "-t", "60"]);
        assert!(
            output.status.success(),
            "pg_ctl start failed\n{}\nserver log:\n{}",
            text(&output),
            self.log()
        );
    }

    /// Stops (fast) and starts.
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Makes the server read its files again.
    pub fn reload(&self) {
        let output = self.pg_ctl(&["reload"]);
        assert!(output.status.success(), "pg_ctl reload failed\n{}", text(&output));
    }

    /// Ends every process of the server by SIGKILL, as a power cut would; returns when all are gone.
    pub fn kill9(&self) {
        let pid_file = fs::read_to_string(self.data_dir().join("postmaster.pid")).expect("server is running");
        let postmaster: i32 = pid_file
            .lines()
            .next()
            .and_then(|line| line.parse().ok())
            .expect("pid of the server");
        // Stopped first, so that it starts no new child and makes no cleanup between the kills.
        let _ = kill(Pid::from_raw(postmaster), Signal::SIGSTOP);
        let mut pids = children_of(postmaster);
        pids.push(postmaster);
        for pid in &pids {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        wait_for(
            "the killed server's processes to go",
            Duration::from_secs(20),
            || pids.iter().all(|pid| parent_of(*pid).is_none()).then_some(()),
        );
        // Until somebody buries the dead process, its number looks alive to the next server.
        let _ = fs::remove_file(self.data_dir().join("postmaster.pid"));
        let _ = fs::remove_file(self.socket_dir().join(format!(".s.PGSQL.{}.lock", self.port)));
    }

    /// Adds lines to postgresql.conf; takes effect after [`Cluster::reload`] or [`Cluster::restart`].
    pub fn configure(&self, settings: &[&str]) {
        let path = self.data_dir().join("postgresql.conf");
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(path)
            .expect("open postgresql.conf");
        for line in settings {
            writeln!(file, "{line}").expect("write postgresql.conf");
        }
    }

    /// Replaces pg_hba.conf and reloads.
    pub fn set_hba(&self, lines: &[&str]) {
        fs::write(self.data_dir().join("pg_hba.conf"), lines.join("\n") + "\n").expect("write pg_hba.conf");
        self.reload();
    }

    /// Writes a file into the data directory that only the server's account can read, and returns its path.
    pub fn write_file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.data_dir().join(name);
        fs::write(&path, contents).expect("write a file for the server");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        self.give(&path);
        path
    }

    /// TCP port on 127.0.0.1, and number of the socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Directory of the Unix socket.
    pub fn socket_dir(&self) -> PathBuf {
        self.dir.join("s")
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Everything that the server has logged.
    pub fn log(&self) -> String {
        fs::read(self.dir.join("log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Name of the operating system user that the server runs as.
    pub fn account(&self) -> String {
        match &self.account {
            Some(user) => user.name.clone(),
            None => User::from_uid(nix::unistd::geteuid())
                .ok()
                .flatten()
                .map(|u| u.name)
                .unwrap_or_default(),
        }
    }

    fn initdb(&self) {
        let output = self
            .server_command("initdb")
            .args([
                "-U",
                SUPERUSER,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .arg(self.data_dir())
            .output()
            .expect("run initdb");
        assert!(output.status.success(), "initdb failed\n{}", text(&output));
    }

    fn write_settings(&self, settings: &[&str]) {
        let mut lines = vec![
            format!("port = {}", self.port),
            "listen_addresses = '127.0.0.1'".to_owned(),
            format!("unix_socket_directories = '{}'", self.socket_dir().display()),
        ];
        lines.extend(
            [
                "fsync = off",
                "full_page_writes = off",
                "max_connections = 200",
                "shared_buffers = 64MB",
                "log_line_prefix = '%m [%p] %q%a '",
                "lc_messages = 'C'",
            ]
            .map(str::to_owned),
        );
        lines.extend(settings.iter().map(|line| (*line).to_owned()));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.configure(&lines);
    }

    fn pg_ctl(&self, args: &[&str]) -> Output {
        self.server_command("pg_ctl")
            .arg("-D")
            .arg(self.data_dir())
            .arg("-l")
            .arg(self.dir.join("log"))
            .args(args)
            .output()
            .expect("run pg_ctl")
    }

    /// A program that must not run as root.
    fn server_command(&self, program: &str) -> Command {
        let mut command = plain_command(&self.bin.join(program));
        self.drop_rights(&mut command);
        // The caller's directory may be closed to that account.
        command.current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    fn drop_rights(&self, command: &mut Command) {
        if let Some(user) = &self.account {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
    }

    fn spawn_watcher(&self) -> Child {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("read _; \"$1\" stop -D \"$2/data\" -m immediate -w -t 20 >/dev/null 2>&1; rm -rf \"$2\"")
            .arg("watcher")
            .arg(self.bin.join("pg_ctl"))
            .arg(&self.dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal must not end it before its work.
            .process_group(0);
        self.drop_rights(&mut command);
        command.spawn().expect("start the watcher of the test server")
    }

    fn give(&self, path: &Path) {
        if let Some(user) = &self.account {
            std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("chown");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("last lines of the server's log:");
            for line in tail.iter().rev() {
                eprintln!("  {line}");
            }
        }
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            let _ = watcher.wait();
        }
    }
}

/// The directory of the server programs: `PG_BIN`, else what pg_config says, else the newest that Debian has.
fn find_bin() -> PathBuf {
    let mut candidates: Vec<PathBuf> = Vec::new();
    if let Some(bin) = std::env::var_os("PG_BIN") {
        candidates.push(bin.into());
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        candidates.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort();
    candidates.extend(versions.into_iter().rev().map(|(_, path)| path));
    candidates
        .into_iter()
        .find(|bin| bin.join("initdb").is_file() && bin.join("pg_ctl").is_file())
        .unwrap_or_else(|| {
            panic!(
                "no PostgreSQL server is installed here (looked for initdb and pg_ctl)\n\
                 hint: install the package postgresql, or set PG_BIN to the directory of its programs"
            )
        })
}

/// The programs of a server that scripts/servers has fetched.
fn find_version(major: u32) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let bin = target.join(format!("servers/{major}/bin"));
    assert!(
        bin.join("initdb").is_file(),
        "there is no PostgreSQL {major} server in {}\nhint: fetch it by this: make servers",
        target.join("servers").display()
    );
    // The folder may be a link to where the server's account can go, which it cannot follow itself.
    fs::canonicalize(bin).expect("the folder of a server")
}

/// A program that does not see the caller's PG* variables.
fn plain_command(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("PGCLIENTENCODING", "UTF8").env("LC_MESSAGES", "C");
    command
}

/// The account for the server when the tests run as root, which the server refuses to do.
fn unprivileged_account() -> Option<User> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let find = |name| User::from_name(name).ok().flatten();
    Some(
        find("postgres")
            .or_else(|| find("nobody"))
            .expect("an account \"postgres\" or \"nobody\" for the server"),
    )
}

/// A directory with a short path (a socket's path has 107 bytes at most), removed by the watcher.
fn make_dir(account: Option<&User>) -> PathBuf {
    let temp = std::env::temp_dir();
    let base = if temp.as_os_str().len() > 60 {
        PathBuf::from("/tmp")
    } else {
        temp
    };
    let dir = tempfile::Builder::new()
        .prefix("pgtest-")
        .tempdir_in(base)
        .expect("make a directory")
        .keep();
    fs::create_dir(dir.join("s")).expect("make the socket directory");
    for path in [dir.as_path(), &dir.join("s")] {
        if let Some(user) = account {
            std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("chown");
        }
    }
    dir
}

/// A port that is free now. Each process starts at another place, so that two rarely meet.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = PORTS.end - PORTS.start;
    let start = (std::process::id() % u32::from(width)) as u16;
    (0..width)
        .map(|_| PORTS.start + start.wrapping_add(NEXT.fetch_add(7, Ordering::Relaxed)) % width)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free TCP port")
}

fn children_of(parent: i32) -> Vec<i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// The parent of a living process; none for one that is gone or only waits to be buried.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = stat[stat.rfind(')')? + 1..].split_whitespace();
    match words.next()? {
        "Z" | "X" => None,
        _ => words.next()?.parse().ok(),
    }
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
