//! Several servers in one connection string, dead and wrong ones among them.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::connect;
use crate::support::{Cluster, cluster, database};
use londiste::error::ErrorKind;

/// A port on which nobody listens: reserved below the range of ports that systems give out, never opened.
const DEAD: u16 = 1;

#[tokio::test]
async fn a_dead_first_host_is_skipped() {
    let port = cluster().port();
    let session = connect(&format!(
        "host=127.0.0.1,127.0.0.1 port={DEAD},{port} dbname=postgres user=postgres sslmode=disable"
    ))
    .await
    .unwrap();
    assert_eq!(
        session.target(),
        format!("host=127.0.0.1 port={port} dbname=postgres user=postgres")
    );
    let uri = format!("postgresql://postgres@nohost.invalid,127.0.0.1:{port}/postgres");
    connect(&uri).await.unwrap();
}

#[tokio::test]
async fn all_dead_is_one_error() {
    let one = connect(&format!("host=127.0.0.1 port={DEAD} dbname=d user=u"))
        .await
        .unwrap_err();
    assert_eq!(one.kind(), ErrorKind::Connection);
    assert!(
        one.message().starts_with(
            "cannot connect to database \"d\" at host \"127.0.0.1\", port 1, as user \"u\": Connection refused"
        ),
        "{one:?}"
    );
    let all = connect(&format!(
        "host=127.0.0.1,127.0.0.1 port={DEAD} dbname=d user=u password=s3cret"
    ))
    .await
    .unwrap_err();
    assert_eq!(all.kind(), ErrorKind::Connection);
    assert_eq!(all.message(), "none of 2 server addresses can be used");
    assert_eq!(all.hints().len(), 1);
}

#[tokio::test]
async fn a_silent_server_has_a_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let start = Instant::now();
    let error = connect(&format!(
        "host=127.0.0.1 port={port} dbname=d user=u connect_timeout=2"
    ))
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(
        error
            .message()
            .ends_with("no answer within 2 s (connect_timeout)"),
        "{error:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn another_kind_of_server_is_recognised() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = connect(&format!("host=127.0.0.1 port={port} dbname=d user=u"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.hints(), ["is it a PostgreSQL server that listens there?"]);
}

#[tokio::test]
async fn the_wanted_kind_of_server_is_found() {
    let standby = Cluster::start();
    standby.stop();
    fs::write(standby.data_dir().join("standby.signal"), "").unwrap();
    standby.start_again();
    let ports = [cluster().port(), standby.port()];
    let guarded = database("attrs_guarded");
    guarded.psql(&format!(
        "alter database \"{}\" set default_transaction_read_only = on",
        guarded.name()
    ));

    for (attrs, expected) in [
        ("any", Some(0)),
        ("read-write", Some(0)),
        ("primary", Some(0)),
        ("read-only", Some(1)),
        ("standby", Some(1)),
        ("prefer-standby", Some(1)),
    ] {
        let session = connect(&format!(
            "host=127.0.0.1,127.0.0.1 port={},{} dbname=postgres user=postgres target_session_attrs={attrs}",
            ports[0], ports[1]
        ))
        .await
        .unwrap();
        let found = ports
            .iter()
            .position(|port| session.target().contains(&format!("port={port} ")));
        assert_eq!(found, expected, "{attrs}");
    }
    let alone = |attrs: &str, db: &str| {
        format!(
            "host=127.0.0.1 port={} dbname={db} user=postgres target_session_attrs={attrs}",
            ports[0]
        )
    };
    connect(&alone("prefer-standby", "postgres")).await.unwrap();
    let error = connect(&alone("standby", "postgres")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(
        error.message().ends_with("server is not in hot standby mode"),
        "{error:?}"
    );
    let error = connect(&alone("read-write", guarded.name())).await.unwrap_err();
    assert!(error.message().ends_with("session is read-only"), "{error:?}");
}
