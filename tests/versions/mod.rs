//! The oldest and the newest server that is supported, and the one that is installed here: one text of SQL serves all.

mod cascade;
mod prepare;

use std::sync::OnceLock;

use crate::contract::{schema, traps, trigger_events};
use crate::support::{Cluster, Database, cluster, database_on, install};

/// The oldest server that is supported.
const OLDEST: u32 = 12;

/// The newest one.
const NEWEST: u32 = 18;

/// A test per version for each of these functions, which get the server.
macro_rules! on_each_version {
    ($($test:ident),* $(,)?) => {
        $(
            mod $test {
                #[test]
                fn oldest() {
                    super::$test(super::oldest());
                }

                #[test]
                fn usual() {
                    super::$test(super::cluster());
                }

                #[test]
                fn newest() {
                    super::$test(super::newest());
                }
            }
        )*
    };
}
use on_each_version;

on_each_version! {
    definers_are_not_trapped,
    installing_twice_changes_nothing,
    schema_is_the_pinned_one,
    triggers_write_the_ancestors_events,
}

/// The server of the oldest version, shared by all tests.
fn oldest() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| Cluster::start_version(OLDEST))
}

/// The server of the newest version, shared by all tests.
fn newest() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| Cluster::start_version(NEWEST))
}

/// A database with our schemas.
fn installed(server: &'static Cluster, name: &str) -> Database {
    let db = database_on(server, name);
    install(&db);
    db
}

#[test]
fn servers_are_of_the_versions_that_they_should_be() {
    for (server, major) in [(oldest(), OLDEST), (newest(), NEWEST)] {
        let version: u32 = server
            .psql("postgres", "show server_version_num")
            .parse()
            .unwrap();
        assert_eq!(version / 10000, major);
    }
}

fn installing_twice_changes_nothing(server: &'static Cluster) {
    const DIGEST: &str = include_str!("../contract/digest.sql");
    let db = installed(server, "install_twice");
    let digest = db.psql(DIGEST);
    assert!(digest.lines().count() > 300, "little was installed:\n{digest}");
    install(&db);
    crate::support::assert_same_text("what is installed", &digest, &db.psql(DIGEST));
}

fn schema_is_the_pinned_one(server: &'static Cluster) {
    schema::check(&installed(server, "pinned_schema"));
}

fn triggers_write_the_ancestors_events(server: &'static Cluster) {
    trigger_events::check(&installed(server, "version_events"));
}

fn definers_are_not_trapped(server: &'static Cluster) {
    traps::check(&installed(server, "version_traps"));
}
