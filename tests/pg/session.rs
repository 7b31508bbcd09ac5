//! A session: its settings, its notifications, its end.

use std::time::{Duration, Instant};

use crate::support::wait::wait_for;
use crate::support::{Cluster, database};
use londiste::error::ErrorKind;
use londiste::pg::{AppName, ConnInfo, Session};

async fn connect(connstr: &str) -> Session {
    super::connect(connstr).await.unwrap()
}

#[tokio::test]
async fn settings_do_not_depend_on_the_defaults_of_the_database() {
    let db = database("session_settings");
    for setting in [
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
        "extra_float_digits = 0",
        "bytea_output = 'escape'",
        "standard_conforming_strings = off",
        "synchronous_commit = off",
        "client_encoding = 'LATIN1'",
        "statement_timeout = '5s'",
        "lock_timeout = '5s'",
        "idle_in_transaction_session_timeout = '5s'",
        "default_transaction_isolation = 'serializable'",
        "xmloption = 'document'",
        "array_nulls = off",
        "TimeZone = 'Asia/Kolkata'",
    ] {
        db.psql(&format!("alter database \"{}\" set {setting}", db.name()));
    }
    // What only newer servers have.
    for newer in ["idle_session_timeout", "transaction_timeout"] {
        if db.psql(&format!("select name from pg_settings where name = '{newer}'")) == newer {
            db.psql(&format!("alter database \"{}\" set {newer} = '5s'", db.name()));
            let session = connect(&db.connstr()).await;
            let row = session
                .query_one("select current_setting($1)", &[&newer])
                .await
                .unwrap();
            assert_eq!(row.get::<_, &str>(0), "0", "{newer}");
        }
    }
    let session = connect(&format!("{} options='-c work_mem=7MB'", db.connstr())).await;
    for (name, value) in [
        ("DateStyle", "ISO, YMD"),
        ("IntervalStyle", "postgres"),
        ("extra_float_digits", "3"),
        ("bytea_output", "hex"),
        ("standard_conforming_strings", "on"),
        ("synchronous_commit", "on"),
        ("client_encoding", "UTF8"),
        ("row_security", "off"),
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
        ("default_transaction_isolation", "read committed"),
        ("xmloption", "content"),
        ("array_nulls", "on"),
        ("TimeZone", "Asia/Kolkata"),
        ("work_mem", "7MB"),
        ("application_name", "londiste:test:node:queue"),
    ] {
        let row = session
            .query_one("select current_setting($1)", &[&name])
            .await
            .unwrap();
        assert_eq!(row.get::<_, String>(0), value, "{name}");
    }
    assert!(session.server_version() >= 90600);
    let row = session.query_one("select pg_backend_pid()", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), session.backend_pid());
    assert!(
        session.target().contains(&format!("dbname={}", db.name())),
        "{}",
        session.target()
    );
}

#[tokio::test]
async fn a_commit_is_at_least_durable_here() {
    let db = database("session_durable");
    for (default, ours) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        db.psql(&format!(
            "alter database \"{}\" set synchronous_commit = {default}",
            db.name()
        ));
        // Also proves that connecting can be handed to another thread.
        let connstr = db.connstr();
        let session = tokio::spawn(async move { connect(&connstr).await })
            .await
            .unwrap();
        let row = session.query_one("show synchronous_commit", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), ours, "{default}");
    }
}

#[tokio::test]
async fn notifications_arrive_and_the_end_is_told() {
    let db = database("session_notify");
    let mut session = connect(&db.connstr()).await;
    session.batch_execute("listen a").await.unwrap();
    db.psql("notify a, 'one'; notify a, 'two'");
    assert_eq!(session.notification().await.unwrap().payload(), "one");
    assert_eq!(session.notification().await.unwrap().payload(), "two");
    session.batch_execute("notify a, 'three'").await.unwrap();
    assert_eq!(
        session
            .drain_notifications()
            .iter()
            .map(|n| n.payload())
            .collect::<Vec<_>>(),
        ["three"]
    );

    db.psql(&format!("select pg_terminate_backend({})", session.backend_pid()));
    let error = session.notification().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.message().contains("administrator command"), "{error:?}");
    assert!(session.is_closed());
    let error = londiste::error::Error::from(session.batch_execute("select 1").await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn a_dropped_session_leaves_no_statement_behind() {
    let db = database("session_drop");
    let busy = |pid: i32| {
        db.psql(&format!(
            "select count(*) from pg_stat_activity where pid = {pid}"
        )) == "1"
    };

    let session = connect(&db.connstr()).await;
    let pid = session.backend_pid();
    assert!(busy(pid));
    session.close().await;
    wait_for(
        "the closed session's backend to go",
        Duration::from_secs(10),
        || (!busy(pid)).then_some(()),
    );

    let session = connect(&db.connstr()).await;
    let pid = session.backend_pid();
    let start = Instant::now();
    let sleep = session.batch_execute("begin; select pg_sleep(600)");
    assert!(
        tokio::time::timeout(Duration::from_millis(100), sleep)
            .await
            .is_err()
    );
    session.close().await;
    tokio::task::spawn_blocking({
        let count = format!("select count(*) from pg_stat_activity where pid = {pid}");
        let (cluster, name) = (db.cluster(), db.name().to_owned());
        move || {
            wait_for(
                "the busy session's backend to go",
                Duration::from_secs(10),
                || (cluster.psql(&name, &count) == "0").then_some(()),
            );
        }
    })
    .await
    .unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_statement_is_cancelled() {
    let db = database("session_cancel");
    for connstr in [db.connstr(), db.cluster().tcp_connstr(db.name())] {
        let session = connect(&connstr).await;
        let canceller = session.canceller();
        let work = session.batch_execute("select pg_sleep(600)");
        let (result, ()) = tokio::join!(work, async {
            let asleep = format!(
                "select 1 from pg_stat_activity where pid = {} and wait_event = 'PgSleep'",
                session.backend_pid()
            );
            let (cluster, name) = (db.cluster(), db.name().to_owned());
            tokio::task::spawn_blocking(move || {
                wait_for("the statement to run", Duration::from_secs(10), || {
                    (cluster.psql(&name, &asleep) == "1").then_some(())
                });
            })
            .await
            .unwrap();
            canceller.cancel().await;
        });
        assert_eq!(
            londiste::error::Error::from(result.unwrap_err()).sqlstate(),
            Some("57014")
        );
        session.batch_execute("select 1").await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_server_comes_back() {
    let cluster = Cluster::start();
    cluster.psql("postgres", "create table t as select 1 as x; checkpoint");
    let mut session = connect(&cluster.connstr("postgres")).await;
    cluster.kill9();
    assert_eq!(
        session.notification().await.unwrap_err().kind(),
        ErrorKind::Connection
    );
    let info = ConnInfo::parse(&cluster.connstr("postgres")).unwrap();
    let error = Session::connect(&info, &AppName::new("test", "n", "q"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(
        error.hints()[0].contains("accepting connections on socket"),
        "{error:?}"
    );
    cluster.start_again();
    let session = connect(&cluster.connstr("postgres")).await;
    assert_eq!(
        session
            .query_one("select x from t", &[])
            .await
            .unwrap()
            .get::<_, i32>(0),
        1
    );
    cluster.restart();
    assert_eq!(cluster.psql("postgres", "select x, 'a' from t"), "1|a");
}

#[tokio::test]
async fn a_frozen_server_does_not_hold_up_a_stop() {
    use nix::sys::signal::{Signal, kill};
    let cluster = Cluster::start();
    let session = connect(&cluster.connstr("postgres")).await;
    let backend = nix::unistd::Pid::from_raw(session.backend_pid());
    let work = session.batch_execute("select pg_sleep(600)");
    assert!(
        tokio::time::timeout(Duration::from_millis(100), work)
            .await
            .is_err()
    );
    kill(backend, Signal::SIGSTOP).unwrap();
    let start = Instant::now();
    session.close().await;
    assert!(start.elapsed() < Duration::from_secs(5));
    kill(backend, Signal::SIGCONT).unwrap();
}

#[tokio::test]
async fn warnings_of_the_server_are_logged() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer({
            let lines = lines.clone();
            move || lines.clone()
        })
        .finish();
    // The test's runtime has one thread, so the connection's task logs here too.
    let _guard = tracing::subscriber::set_default(subscriber);
    let session = connect(&database("session_notices").connstr()).await;
    session
        .batch_execute("do $$ begin raise warning 'loud'; raise notice 'soft'; end $$; set lc_messages = 'C'")
        .await
        .unwrap();
    let text = lines.text();
    let has = |level: &str, message: &str| text.lines().any(|l| l.contains(level) && l.contains(message));
    assert!(has("WARN", "server: loud role=\"test\""), "{text}");
    assert!(has("DEBUG", "server: soft role=\"test\""), "{text}");
}

/// A log in memory.
#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
