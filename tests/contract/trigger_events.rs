//! The row triggers write, byte for byte, what the ancestor's C triggers write: trigger_events.out is theirs.

use crate::support::ancestor::create_extensions;
use crate::support::{Database, assert_same_text, database, install};

/// Runs trigger_events.sql in a database with schema pgq, and fails unless the events are those of trigger_events.out.
#[track_caller]
pub fn check(db: &Database) {
    db.psql(&format!(
        "alter database \"{0}\" set lc_monetary = 'C'; alter database \"{0}\" set timezone = 'UTC'",
        db.name()
    ));
    db.psql(include_str!("trigger_events.sql"));
    let found = db.psql(
        "select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template order by ev_id",
    );
    assert_same_text(
        &format!("the events in {}", db.name()),
        include_str!("trigger_events.out"),
        &format!("{found}\n"),
    );
}

#[test]
fn ours_are_the_ancestors() {
    let db = database("trigger_events");
    install(&db);
    check(&db);
}

/// The file is what the ancestor writes, not what we would like it to.
#[test]
fn the_ancestors_are_those_of_the_file() {
    let db = database("trigger_events_theirs");
    create_extensions(&db);
    check(&db);
}
