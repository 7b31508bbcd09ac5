//! Passwords, and what an error about them says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use super::connect;
use crate::support::{Cluster, cluster};
use londiste::error::ErrorKind;
use londiste::pg::ConnInfo;

/// A server whose databases are named for their ways of authentication.
fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| {
        let cluster = Cluster::start();
        for name in ["scram", "md5", "password", "trust"] {
            cluster.create_database(name);
        }
        cluster.psql(
            "postgres",
            "create role anna login password 's3cret';
             set password_encryption = md5;
             create role olga login password 's3cret';",
        );
        cluster.set_hba(&[
            "local all all trust",
            "host scram all 127.0.0.1/32 scram-sha-256",
            "host md5 all 127.0.0.1/32 md5",
            "host password all 127.0.0.1/32 password",
            "host trust all 127.0.0.1/32 trust",
            "host nowhere all 127.0.0.1/32 trust",
        ]);
        cluster
    })
}

fn anna(db: &str) -> String {
    format!(
        "host=127.0.0.1 port={} dbname={db} user=anna passfile=/nonexistent",
        server().port()
    )
}

#[tokio::test]
async fn right_and_wrong_password() {
    for db in ["scram", "md5", "password"] {
        let session = connect(&format!("{} password=s3cret", anna(db))).await.unwrap();
        assert!(!format!("{session:?} {}", session.target()).contains("s3cr"));
        let error = connect(&format!("{} password=s3cr_wrong", anna(db)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication);
        assert_eq!(error.sqlstate(), Some("28P01"));
        assert_eq!(
            error.message(),
            format!(
                "cannot connect to database \"{db}\" at host \"127.0.0.1\", port {}, as user \"anna\": \
                 password authentication failed for user \"anna\"",
                server().port()
            )
        );
        let error = connect(&anna(db)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication);
        assert!(error.message().ends_with("and none was given"), "{error:?}");
        assert!(error.hints()[0].contains(".pgpass"), "{error:?}");
    }
    connect(&format!("{} user=olga password=s3cret", anna("md5")))
        .await
        .unwrap();
}

#[tokio::test]
async fn password_from_the_passfile() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pass");
    let write = |password: &str, mode: u32| {
        fs::write(
            &path,
            format!("# ours\n127.0.0.1:{}:scram:*:{password}\n", server().port()),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let connstr = format!("{} passfile={}", anna("scram"), path.display());
    write("s3cret", 0o600);
    connect(&connstr).await.unwrap();
    write("s3cret", 0o644);
    assert!(
        connect(&connstr)
            .await
            .unwrap_err()
            .message()
            .ends_with("and none was given")
    );
    write("s3cr_wrong", 0o600);
    let error = connect(&connstr).await.unwrap_err();
    assert_eq!(
        error.detail(),
        Some(format!("the password is from \"{}\"", path.display()).as_str())
    );
}

#[tokio::test]
async fn ways_of_authentication_can_be_required() {
    for (db, rule, allowed) in [
        ("scram", "scram-sha-256", true),
        ("scram", "md5,password", false),
        ("scram", "!password,!none", true),
        ("password", "!password", false),
        ("password", "password", true),
        ("trust", "none", true),
        ("trust", "scram-sha-256", false),
    ] {
        let result = connect(&format!("{} password=s3cret require_auth={rule}", anna(db))).await;
        match result {
            Ok(_) => assert!(allowed, "{db} {rule}"),
            Err(error) => {
                assert!(!allowed, "{db} {rule}: {error:?}");
                assert_eq!(error.kind(), ErrorKind::Authentication);
                assert!(
                    error.message().ends_with("which require_auth does not allow"),
                    "{error:?}"
                );
            }
        }
    }
    let error = connect(&format!(
        "{} password=s3cret channel_binding=require",
        anna("scram")
    ))
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
}

#[tokio::test]
async fn refusals_have_their_kinds() {
    let error = connect(&anna("nowhere")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.sqlstate()),
        (ErrorKind::NotFound, Some("3D000"))
    );
    assert!(error.hints()[0].contains("createdb nowhere"), "{error:?}");
    let error = connect(&anna("postgres")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.sqlstate()),
        (ErrorKind::Authentication, Some("28000"))
    );
    let error = connect("host=a hsot=b").await.unwrap_err();
    assert_eq!(
        error.report(),
        "error: unknown connection parameter \"hsot\"\nhint: did you mean \"host\"?"
    );
}

#[tokio::test]
async fn the_server_behind_a_socket_is_checked() {
    let base = cluster().connstr("postgres");
    connect(&format!("{base} requirepeer={}", cluster().account()))
        .await
        .unwrap();
    let error = connect(&format!("{base} requirepeer=nobody_at_all"))
        .await
        .unwrap_err();
    assert!(
        error
            .message()
            .contains("requirepeer is \"nobody_at_all\", but the server runs as"),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_uri_connects_too() {
    let socket = cluster().socket_dir().display().to_string().replace('/', "%2F");
    let uri = format!(
        "postgresql://postgres@{socket}:{}/postgres?options=-c%20work_mem%3D9MB",
        cluster().port()
    );
    let session = connect(&uri).await.unwrap();
    assert_eq!(
        session
            .query_one("show work_mem", &[])
            .await
            .unwrap()
            .get::<_, &str>(0),
        "9MB"
    );
    assert_eq!(session.info(), &ConnInfo::parse(&uri).unwrap());
}

/// Set in a child process that plays the user who relies on the environment.
const CHILD: &str = "LONDISTE_TEST_CONNSTR";

#[tokio::test]
async fn the_environment_is_enough() {
    if let Ok(connstr) = std::env::var(CHILD) {
        let session = connect(&connstr).await.unwrap();
        assert_eq!(
            session
                .query_one("select current_user::text", &[])
                .await
                .unwrap()
                .get::<_, &str>(0),
            "anna"
        );
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let port = server().port();
    write(".pgpass", format!("127.0.0.1:{port}:scram:anna:s3cret\n"));
    write(
        ".pg_service.conf",
        format!("[shop]\nhost=127.0.0.1\nport={port}\nuser=anna\ndbname=scram\n"),
    );
    let port = port.to_string();
    let all = [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", port.as_str()),
        ("PGUSER", "anna"),
        ("PGDATABASE", "scram"),
    ];
    let password = ("PGPASSWORD", "s3cret");
    let wrong = ("PGPASSWORD", "s3cr_wrong");
    for (connstr, vars, works) in [
        ("", all.to_vec(), true),
        ("", [&all[..], &[wrong]].concat(), false),
        ("password=s3cret", [&all[..], &[wrong]].concat(), true),
        ("postgresql:///?service=shop", vec![], true),
        ("", vec![("PGSERVICE", "shop"), password], true),
        ("service=none", all.to_vec(), false),
    ] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            child.env_remove(name);
        }
        let output = child
            .args(["--exact", "pg::auth::the_environment_is_enough"])
            .env(CHILD, connstr)
            .env("HOME", home.path())
            .envs(vars.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("running 1 test"), "{text}");
        assert_eq!(output.status.success(), works, "\"{connstr}\" {vars:?}\n{text}");
    }
}
