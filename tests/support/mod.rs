//! What the tests stand on: servers of their own, a database per test, waiting for facts.

pub mod authority;
pub mod cascade;
pub mod cluster;
pub mod process;
pub mod random;
pub mod wait;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use cluster::Cluster;

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
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    let name = format!("{name}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    cluster().create_database(&name);
    Database {
        cluster: cluster(),
        name,
    }
}
