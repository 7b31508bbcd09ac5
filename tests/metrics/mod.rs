//! Metrics over HTTP, scraped as Prometheus does.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::support::cascade::{Cascade, LIMIT};
use crate::support::process::Process;
use crate::support::wait::wait_for;
use crate::support::{database, install};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .expect("bind a port")
        .local_addr()
        .expect("its address")
        .port()
}

fn scrape(port: u16) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return String::new();
    };
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("ask for metrics");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("read metrics");
    text
}

#[test]
fn worker_and_ticker_publish_their_numbers() {
    let mut cascade = Cascade::new("metrics");
    cascade.create_root("root");
    cascade.create_leaf("leaf", "root");
    cascade.psql_all("create table t (id int primary key)");
    let (root, leaf) = (free_port(), free_port());
    cascade["root"].start_worker_with(&[], &["--metrics-listen", &root.to_string()]);
    cascade["leaf"].start_worker_with(&[], &["--metrics-listen", &format!("127.0.0.1:{leaf}")]);
    cascade.add_table("t");
    cascade.wait_in_sync();
    cascade["root"].psql("insert into t select generate_series(1, 10)");
    cascade.wait_caught_up();
    cascade.wait_until("the leaf's numbers", || {
        let text = scrape(leaf);
        let value = |name: &str, end: &str| {
            text.lines().any(|line| {
                line.starts_with(&format!("{name}{{queue=\"metrics\",job=")) && line.ends_with(end)
            })
        };
        value("londiste_up", "\"} 1")
            && value("londiste_tables", ",state=\"ok\"} 1")
            && text.contains("# TYPE londiste_batch_seconds histogram")
            && text.contains("# HELP londiste_events_total events read")
    });
    cascade.wait_until("the queue's numbers from the worker that ticks", || {
        let text = scrape(root);
        text.contains("pgq_consumer_lag_seconds{database=")
            && text.contains("consumer=\".leaf.watermark\"")
            && text.contains("pgq_queue_bytes{database=")
            && text.contains("pgq_queue_event{database=")
    });
    let taken = cascade["leaf"].try_londiste(&[
        "--set",
        "pidfile=",
        "worker",
        "--metrics-listen",
        &leaf.to_string(),
    ]);
    assert_eq!(taken.status.code(), Some(1), "{taken:?}");
    assert!(
        taken
            .stderr
            .contains("error: metrics cannot be served at 127.0.0.1:"),
        "{taken:?}"
    );
}

#[test]
fn pgqd_publishes_errors_and_detached_readers() {
    let db = database("metrics_pgqd");
    install(&db);
    db.psql(
        "select pgq.create_queue('q'), pgq.register_consumer('q', 'here'), pgq.register_consumer('q', 'gone');
         update pgq.queue set queue_extra_maint = '{no.such_function}';
         select londiste_rs.detach_consumer('q', 'gone', 'too late', null)",
    );
    let dir = tempfile::tempdir().expect("make a directory");
    let (ini, port) = (dir.path().join("pgqd.ini"), free_port());
    let settings = format!(
        "[pgqd]\nbase_connstr = host={} port={} user=postgres\ndatabase_list = {}\nsyslog = 0\nmaint_period = 1\n",
        db.cluster().socket_dir().display(),
        db.cluster().port(),
        db.name()
    );
    std::fs::write(&ini, settings).expect("write pgqd's file");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgqd"));
    command.arg(&ini).args(["--metrics-listen", &port.to_string()]);
    let pgqd = Process::spawn("pgqd", command, &dir.path().join("log"));
    let name = db.name();
    let expected = [
        format!("pgq_consumer_detached{{database=\"{name}\",queue=\"q\",consumer=\"here\"}} 0"),
        format!("pgq_consumer_detached{{database=\"{name}\",queue=\"q\",consumer=\"gone\"}} 1"),
        format!("pgq_errors_total{{database=\"{name}\"}} "),
    ];
    let mut text = String::new();
    wait_for("the numbers", LIMIT, || {
        text = scrape(port);
        expected.iter().all(|line| text.contains(line)).then_some(())
    });
    assert!(pgqd.log().contains("no.such_function"), "{}", pgqd.log());
}
