//! What the tests stand on: servers of their own, a database per test, waiting for facts.

pub mod ancestor;
pub mod authority;
pub mod cascade;
pub mod cluster;
pub mod process;
pub mod proxy;
pub mod random;
pub mod wait;

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use cluster::Cluster;
use process::clean_environment;

/// A database of its own on the shared server.
pub struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    /// The name that the server knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection string that reaches it over the Unix socket.
    pub fn connstr(&self) -> String {
        self.cluster.connstr(&self.name)
    }

    /// A connection string that reaches it over TCP.
    pub fn tcp_connstr(&self) -> String {
        self.cluster.tcp_connstr(&self.name)
    }

    /// Runs SQL through psql, so by none of our code; see [`Cluster::psql`].
    pub fn psql(&self, sql: &str) -> String {
        self.cluster.psql(&self.name, sql)
    }

    /// The same, with psql's error text as a value.
    pub fn try_psql(&self, sql: &str) -> Result<String, String> {
        self.cluster.try_psql(&self.name, sql)
    }

    /// The server that it is on.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }
}

/// The server that all tests share. Tests must leave its settings and roles alone: who needs others starts a
/// [`Cluster`] of its own.
pub fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}

/// Makes an empty database for one test on the shared server; its name starts with `name`.
pub fn database(name: &str) -> Database {
    database_on(cluster(), name)
}

/// The same on another server that lives as long as the tests.
pub fn database_on(cluster: &'static Cluster, name: &str) -> Database {
    let name = unused_name(name);
    cluster.create_database(&name);
    Database { cluster, name }
}

/// The same with all that is in `template`, to which nobody may be connected.
pub fn database_like(template: &Database, name: &str) -> Database {
    let name = unused_name(name);
    let sql = format!("create database \"{name}\" template \"{}\"", template.name);
    template.cluster.psql("postgres", &sql);
    Database {
        cluster: template.cluster,
        name,
    }
}

fn unused_name(start: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    format!("{start}_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Puts our database side in, as a user does; returns what the program said.
#[track_caller]
pub fn install(db: &Database) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_londiste"));
    let output = clean_environment(command.arg("install").arg(db.connstr()))
        .output()
        .expect("run londiste");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "londiste install failed\n{said}");
    said
}

/// Fails unless the texts are equal; shows the lines that differ, `-` for the expected ones. `what` names the case.
#[track_caller]
pub fn assert_same_text(what: &str, expected: &str, found: &str) {
    if expected == found {
        return;
    }
    let dir = tempfile::tempdir().expect("make a directory");
    let (left, right) = (dir.path().join("expected"), dir.path().join("found"));
    std::fs::write(&left, expected).expect("write a text");
    std::fs::write(&right, found).expect("write a text");
    let output = Command::new("diff")
        .args(["-U2", "--label", "expected", "--label", "found"])
        .args([left, right])
        .output()
        .expect("run diff");
    panic!("{what} differs\n{}", String::from_utf8_lossy(&output.stdout));
}
