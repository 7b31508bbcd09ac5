//! The six sslmodes with libpq's meaning, against servers with certificates made here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use super::{connect, uses_tls};
use crate::support::authority::{Authority, Issued, Validity};
use crate::support::{Cluster, cluster};
use londiste::error::ErrorKind;

const MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// Servers and files of this module. The server's certificate is made out to "localhost".
struct Scene {
    authority: Authority,
    good: Cluster,
    expired: Cluster,
}

const SERVER_SERIAL: u32 = 7;

/// Databases that only take one kind of connection.
const HBA: [&str; 6] = [
    "local all all trust",
    "hostssl only_tls all 127.0.0.1/32 trust",
    "hostnossl only_plain all 127.0.0.1/32 trust",
    "hostssl by_cert all 127.0.0.1/32 cert",
    "hostssl by_scram all 127.0.0.1/32 scram-sha-256",
    "host postgres all 127.0.0.1/32 trust",
];

fn tls_server(issued: &Issued, authority: &Authority) -> Cluster {
    let cluster = Cluster::start();
    cluster.write_file("server.crt", issued.cert_pem());
    cluster.write_file("server.key", issued.key_pem());
    cluster.write_file("root.crt", authority.pem());
    cluster.configure(&["ssl = on", "ssl_ca_file = 'root.crt'"]);
    cluster.restart();
    cluster
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let authority = Authority::new("Test Authority");
        let namesake = Authority::new("Test Authority");
        let good = tls_server(
            &authority.issue("localhost", SERVER_SERIAL, Validity::Good),
            &authority,
        );
        good.write_file("other.crt", Authority::new("Other Authority").pem());
        good.write_file("clean.crl", authority.revocation_list(&[99]));
        good.write_file("revoked.crl", authority.revocation_list(&[SERVER_SERIAL]));
        good.write_file("other.crl", namesake.revocation_list(&[]));
        for name in ["only_tls", "only_plain", "by_cert", "by_scram"] {
            good.create_database(name);
        }
        good.psql("postgres", "create role anna login password 's3cret'");
        good.set_hba(&HBA);
        let expired = tls_server(&authority.issue("localhost", 8, Validity::Expired), &authority);
        Scene {
            authority,
            good,
            expired,
        }
    })
}

/// What a connection ends in: `Ok(true)` is TLS.
type Outcome = Result<bool, ErrorKind>;

const PLAIN: Outcome = Ok(false);
const TLS: Outcome = Ok(true);
const UNTRUSTED: Outcome = Err(ErrorKind::Authentication);
const NO_ROOT: Outcome = Err(ErrorKind::Config);

async fn outcome(connstr: &str) -> Outcome {
    match connect(connstr).await {
        Ok(session) => Ok(uses_tls(&session).await),
        Err(error) => Err(error.kind()),
    }
}

/// What libpq makes of the same: whether it uses TLS, or nothing where it cannot connect.
fn outcome_of_libpq(connstr: &str) -> Option<bool> {
    let sql = "select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()";
    let output = scene()
        .good
        .client("psql")
        .args(["-XAtq", "-c", sql, "-d", connstr])
        .output()
        .unwrap();
    output.status.success().then(|| output.stdout.starts_with(b"t"))
}

/// A connection string for the server on `cluster` under another name.
fn at(cluster: &Cluster, host: &str, db: &str) -> String {
    format!(
        "host={host} hostaddr=127.0.0.1 port={} dbname={db} user=postgres",
        cluster.port()
    )
}

/// A file that lies beside the good server's own.
fn file(name: &str) -> String {
    scene().good.data_dir().join(name).display().to_string()
}

#[tokio::test]
async fn six_modes_by_kind_of_server() {
    let scene = scene();
    let (root, other, none) = (file("root.crt"), file("other.crt"), file("missing.crt"));
    let good = &scene.good;
    #[rustfmt::skip]
    let table: [(&str, String, &str, [Outcome; 6]); 10] = [
        // server, connection, trusted authority             disable    allow  prefer require    verify-ca  verify-full
        ("right host",      at(good, "localhost", "postgres"), &root,  [PLAIN, PLAIN, TLS, TLS, TLS, TLS]),
        ("wrong host",      at(good, "wrong.test", "postgres"), &root, [PLAIN, PLAIN, TLS, TLS, TLS, UNTRUSTED]),
        ("unknown CA",      at(good, "localhost", "postgres"), &other, [PLAIN, PLAIN, PLAIN, UNTRUSTED, UNTRUSTED, UNTRUSTED]),
        ("no CA",           at(good, "localhost", "postgres"), &none,  [PLAIN, PLAIN, TLS, TLS, NO_ROOT, NO_ROOT]),
        ("expired",         at(&scene.expired, "localhost", "postgres"), &root, [PLAIN, PLAIN, PLAIN, UNTRUSTED, UNTRUSTED, UNTRUSTED]),
        ("expired, no CA",  at(&scene.expired, "localhost", "postgres"), &none, [PLAIN, PLAIN, TLS, TLS, NO_ROOT, NO_ROOT]),
        ("plain server",    at(cluster(), "localhost", "postgres"), &root, [PLAIN, PLAIN, PLAIN, UNTRUSTED, UNTRUSTED, UNTRUSTED]),
        ("only TLS",        at(good, "localhost", "only_tls"), &root,  [UNTRUSTED, TLS, TLS, TLS, TLS, TLS]),
        ("only plain",      at(good, "localhost", "only_plain"), &root, [PLAIN, PLAIN, PLAIN, UNTRUSTED, UNTRUSTED, UNTRUSTED]),
        ("Unix socket",     good.connstr("postgres"), &root, [PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN]),
    ];
    for (server, connstr, trusted, expected) in table {
        for (mode, expected) in MODES.iter().zip(expected) {
            let found = outcome(&format!("{connstr} sslmode={mode} sslrootcert={trusted}")).await;
            assert_eq!(found, expected, "{server}, sslmode={mode}");
            let theirs = outcome_of_libpq(&format!("{connstr} sslmode={mode} sslrootcert={trusted}"));
            assert_eq!(
                found.ok(),
                theirs,
                "{server}, sslmode={mode}: libpq decides differently"
            );
        }
    }
}

#[tokio::test]
async fn a_refused_certificate_is_explained() {
    let root = file("root.crt");
    let wrong_host = at(&scene().good, "wrong.test", "postgres");
    let error = connect(&format!("{wrong_host} sslmode=verify-full sslrootcert={root}"))
        .await
        .unwrap_err();
    assert!(
        error
            .message()
            .contains("at host \"wrong.test\" (127.0.0.1), port"),
        "{error:?}"
    );
    assert!(
        error.message().to_lowercase().contains("hostname mismatch"),
        "{error:?}"
    );
    assert!(
        error.hints()[0].contains("made out to \"wrong.test\""),
        "{error:?}"
    );

    let no_name = format!(
        "hostaddr=127.0.0.1 port={} user=postgres dbname=postgres",
        scene().good.port()
    );
    let error = connect(&format!("{no_name} sslmode=verify-full sslrootcert={root}"))
        .await
        .unwrap_err();
    assert_eq!(error.message(), "sslmode=verify-full needs a host name");

    let error = connect(&format!("{no_name} sslrootcert=system sslmode=require"))
        .await
        .unwrap_err();
    assert_eq!(error.message(), "sslrootcert=system needs sslmode=verify-full");
    let error = connect(&format!("{wrong_host} sslrootcert=system"))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Authentication,
        "no public authority has signed it: {error:?}"
    );
    let error = connect(&format!("{wrong_host} sslmode=require sslnegotiation=direct"))
        .await
        .unwrap_err();
    assert_ne!(
        error.kind(),
        ErrorKind::Config,
        "a server before version 17 does not answer: {error:?}"
    );
}

#[tokio::test]
async fn a_revoked_certificate_is_refused() {
    let base = format!(
        "{} sslmode=verify-full sslrootcert={}",
        at(&scene().good, "localhost", "postgres"),
        file("root.crt")
    );
    assert_eq!(
        outcome(&format!("{base} sslcrl={}", file("clean.crl"))).await,
        TLS
    );
    for (list, why) in [
        ("revoked.crl", "it was revoked"),
        ("other.crl", "no revocation list of its issuer"),
        ("missing.crl", "cannot read the revocation list"),
    ] {
        let error = connect(&format!("{base} sslcrl={}", file(list)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication);
        assert!(error.message().contains(why), "{error:?}");
    }
}

#[tokio::test]
async fn protocol_versions_are_kept() {
    let base = format!("{} sslmode=require", at(&scene().good, "localhost", "postgres"));
    for version in ["TLSv1.2", "TLSv1.3"] {
        let both = format!("{base} ssl_min_protocol_version={version} ssl_max_protocol_version={version}");
        let session = connect(&both).await.unwrap();
        let sql = "select version from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()";
        assert_eq!(
            session.query_one(sql, &[]).await.unwrap().get::<_, &str>(0),
            version
        );
    }
}

#[tokio::test]
async fn client_certificates() {
    let scene = scene();
    let anna = scene.authority.issue("anna", 20, Validity::Good);
    let dir = tempfile::tempdir().unwrap();
    anna.write(dir.path(), "anna");
    let base = format!(
        "{} user=anna sslmode=verify-full sslrootcert={} sslcert={}",
        at(&scene.good, "localhost", "by_cert"),
        file("root.crt"),
        dir.path().join("anna.crt").display()
    );
    let with_key = |name: &str| format!("{base} sslkey={}", dir.path().join(name).display());
    assert_eq!(outcome(&with_key("anna.key")).await, TLS);
    assert_eq!(
        outcome(&format!("{} sslcertmode=disable", with_key("anna.key"))).await,
        UNTRUSTED
    );

    let error = connect(&with_key("missing.key")).await.unwrap_err();
    assert!(error.message().contains("missing.key"), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Config);

    let locked = dir.path().join("locked.key");
    fs::write(&locked, anna.encrypted_key_pem("s3cret words")).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(
        outcome(&format!("{} sslpassword='s3cret words'", with_key("locked.key"))).await,
        TLS
    );
    for wrong in ["sslpassword=s3cr_wrong", ""] {
        let error = connect(&format!("{} {wrong}", with_key("locked.key")))
            .await
            .unwrap_err();
        assert_eq!(error.hints(), ["give the passphrase by sslpassword"]);
    }

    fs::set_permissions(dir.path().join("anna.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = connect(&with_key("anna.key")).await.unwrap_err();
    assert!(error.message().contains("group or world access"), "{error:?}");
}

#[tokio::test]
async fn channel_binding_and_cancel_over_tls() {
    let scene = scene();
    let base = format!(
        "{} user=anna password=s3cret",
        at(&scene.good, "localhost", "by_scram")
    );
    for binding in ["disable", "prefer", "require"] {
        assert_eq!(
            outcome(&format!("{base} sslmode=require channel_binding={binding}")).await,
            TLS,
            "{binding}"
        );
    }
    // Trust is no proof of the channel.
    let trust = at(&scene.good, "localhost", "postgres");
    let error = connect(&format!("{trust} sslmode=require channel_binding=require"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(error.message().contains("channel binding"), "{error:?}");

    let session = connect(&format!("{base} sslmode=require")).await.unwrap();
    let work = session.batch_execute("select pg_catalog.pg_sleep(600)");
    let cancel = async {
        // A cancel request that comes before the statement does nothing, so it is repeated.
        loop {
            session.cancel().await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let result = tokio::select! {
        result = work => result,
        () = cancel => unreachable!(),
    };
    assert_eq!(
        londiste::error::Error::from(result.unwrap_err()).sqlstate(),
        Some("57014")
    );
}
