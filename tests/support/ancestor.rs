//! The ancestor's database side, from its Debian packages.

use super::Database;
use super::cascade::LIMIT;
use super::wait::wait_for;

/// Installs the ancestor's extensions; fails with a hint when the packages are missing.
#[track_caller]
pub fn create_extensions(db: &Database) {
    let create = "create extension pgq; create extension pgq_node; create extension londiste";
    // Roles belong to the server: one that is made by two tests at once fails in one of them.
    wait_for("the ancestor's extensions", LIMIT, || match db.try_psql(create) {
        Ok(_) => Some(()),
        Err(error) if error.contains("pg_authid_rolname_index") || error.contains("pg_auth_members") => None,
        Err(error) => panic!(
            "{error}hint: install the packages postgresql-15-pgq3, postgresql-15-pgq-node and \
             postgresql-15-londiste-sql, or run this: scripts/setup"
        ),
    });
}
