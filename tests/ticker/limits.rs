//! Limits of readers: who is beyond one is told of and, if asked for, detached, so that the queue goes on.

use super::{LIMIT, Pgqd, install_extension, install_ours};
use crate::support::wait::{wait_for, wait_for_async};
use crate::support::{Database, cascade::Cascade, database};
use londiste::pg::{AppName, ConnInfo, Session};
use londiste::service::stop::stop_pair;
use londiste::ticker::limits;
use londiste::ticker::maintain;

/// A queue with two readers: `dead` has read nothing, `alive` everything.
fn queue(db: &Database) {
    db.psql(
        "select pgq.create_queue('q'); select pgq.register_consumer('q', 'dead'); \
         select pgq.register_consumer('q', 'alive')",
    );
    write(db);
}

fn write(db: &Database) {
    db.psql("select count(pgq.insert_event('q', 't', repeat('x', 100))) from generate_series(1, 50)");
    db.psql("select pgq.force_tick('q')");
    db.psql("select pgq.ticker('q')");
    db.psql(
        "do $$ declare b int8; begin loop select batch_id into b from pgq.next_batch_info('q', 'alive'); \
         exit when b is null; perform pgq.finish_batch(b); end loop; end $$",
    );
}

async fn session(db: &Database) -> Session {
    let info = ConnInfo::parse(&db.connstr()).unwrap();
    Session::connect(&info, &AppName::new("test", "", ""))
        .await
        .unwrap()
}

fn set_limit(db: &Database, consumer: &str, limit: &str) {
    db.psql(&format!(
        "insert into londiste_rs.queue_limit (queue_name, consumer_name, max_age, max_events, max_bytes, action) \
         values ('q', '{consumer}', {limit})"
    ));
}

#[tokio::test]
async fn the_usual_limit_warns_and_changes_nothing() {
    let db = database("limit_warn");
    install_ours(&db);
    queue(&db);
    let client = session(&db).await;
    assert!(limits::run_once(&client).await.unwrap().excess.is_empty());
    set_limit(&db, "*", "null, 10, null, 'warn'");
    let pass = limits::run_once(&client).await.unwrap();
    let lines: Vec<String> = pass.excess.iter().map(limits::Excess::line).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("queue q: consumer dead is behind its limit: "),
        "{lines:?}"
    );
    assert_eq!(db.psql("select count(*) from pgq.subscription"), "2");
    // A limit of its own goes before that of all.
    set_limit(&db, "dead", "'1 hour', null, null, 'detach'");
    assert!(limits::run_once(&client).await.unwrap().excess.is_empty());
}

#[tokio::test]
async fn a_dead_reader_cannot_fill_the_disk() {
    for install in [install_ours as fn(&Database), install_with_ours_beside] {
        let db = database("limit_detach");
        install(&db);
        queue(&db);
        db.psql("update pgq.queue set queue_rotation_period = '1 microsecond'");
        set_limit(&db, "*", "null, null, 1000, 'detach'");
        let client = session(&db).await;
        let (_stopper, stop) = stop_pair();
        let round = maintain::run_once(&client, &stop).await.unwrap();
        assert!(round.failed.is_empty(), "{:?}", round.failed);
        assert_eq!(round.excess.len(), 1);
        assert!(round.excess[0].detached);
        assert_eq!(
            db.psql("select consumer_name from pgq.get_consumer_info()"),
            "alive"
        );
        assert_eq!(
            db.psql("select consumer_name, last_tick from londiste_rs.detached_consumer"),
            "dead|1"
        );
        // What it had not read goes from the tables; a rotation may have to wait for other transactions.
        let gone = async || {
            write(&db);
            maintain::run_once(&client, &stop).await.unwrap();
            let left = db.psql("select count(*) from pgq.event_template where ev_id <= 50");
            (left == "0").then_some(())
        };
        wait_for_async("the tables to be emptied", LIMIT, gone).await;
    }
}

fn install_with_ours_beside(db: &Database) {
    install_extension(db);
    super::install_beside(db);
}

#[tokio::test]
async fn a_reader_that_moved_meanwhile_is_left_alone() {
    let db = database("limit_moved");
    install_ours(&db);
    queue(&db);
    assert_eq!(
        db.psql("select londiste_rs.detach_consumer('q', 'dead', 'x', 77)"),
        "0"
    );
    assert_eq!(
        db.psql("select londiste_rs.detach_consumer('q', 'nobody', 'x', null)"),
        "0"
    );
    assert_eq!(
        db.psql("select londiste_rs.detach_consumer('q', 'dead', 'x', 1)"),
        "1"
    );
}

#[test]
fn pgqd_tells_once_and_detaches() {
    let db = database("limit_pgqd");
    install_ours(&db);
    queue(&db);
    set_limit(&db, "*", "null, 10, null, 'warn'");
    let pgqd = Pgqd::start(&db, "maint_period = 0.05");
    pgqd.wait_for_lines("consumer dead is behind its limit", 1);
    db.psql("update londiste_rs.queue_limit set action = 'detach'");
    pgqd.wait_for_lines("consumer dead detached: ", 1);
    wait_for("the reader to be detached", LIMIT, || {
        (db.psql("select count(*) from pgq.subscription") == "1").then_some(())
    });
    assert_eq!(pgqd.log().matches("is behind its limit").count(), 1);
}

#[test]
fn the_worker_of_a_detached_node_says_what_to_do_and_goes_on_when_it_is_attached() {
    let mut cascade = Cascade::new("limited");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id int primary key, v text)");
    cascade.start_workers();
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["leaf"].worker().kill9();
    cascade["root"].psql("insert into t select n, 'x' from generate_series(1, 100) n");
    let root = &cascade["root"];
    root.londiste(&["queue", "limit", "limited", "*", "--events=10", "--action=detach"]);
    let job = cascade["leaf"].job.clone();
    wait_for("the node to be detached", LIMIT, || {
        let gone = root.psql("select count(*) from londiste_rs.detached_consumer") == "1";
        // The worker of the root does the maintenance; its period is long.
        if !gone {
            root.psql(
                "select londiste_rs.detach_consumer(queue_name, consumer_name, 'too far behind', last_tick) \
                       from londiste_rs.check_limits() where action = 'detach'",
            );
        }
        gone.then_some(())
    });
    assert_eq!(
        root.psql("select string_agg(consumer_name, ' ') from pgq.get_consumer_info()"),
        ".global_watermark"
    );
    cascade["leaf"].start_worker();
    let leaf = &cascade["leaf"];
    wait_for("the worker to say why it stands still", LIMIT, || {
        leaf.log()
            .contains(&format!("consumer \"{job}\" was detached from queue \"limited\""))
            .then_some(())
    });
    assert!(
        leaf.log()
            .contains(&format!("londiste queue attach limited {job}")),
        "{}",
        leaf.log()
    );
    cascade["root"].londiste(&["queue", "limit", "limited", "*", "--remove"]);
    cascade["root"].londiste(&["queue", "attach", "limited", &job]);
    cascade.wait_caught_up();
    cascade.assert_equal("t");
}
