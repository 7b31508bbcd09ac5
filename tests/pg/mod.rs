//! Connections against a real server.

mod auth;
mod multi_host;
mod session;
mod structure;
mod text;
mod tls;

use londiste::error::Result;
use londiste::pg::{AppName, ConnInfo, Session};

/// Connects as a test, and makes sure that no error shows a secret (each secret of these tests contains "s3cr").
async fn connect(connstr: &str) -> Result<Session> {
    let info = ConnInfo::parse(connstr)?;
    let result = Session::connect(&info, &AppName::new("test", "node", "queue")).await;
    if let Err(error) = &result {
        for text in [
            error.report(),
            error.line(),
            format!("{error:?}"),
            format!("{info:?}"),
        ] {
            assert!(!text.contains("s3cr"), "a secret shows in: {text}");
        }
    }
    result
}

/// Whether the session uses TLS, as the server sees it.
async fn uses_tls(session: &Session) -> bool {
    let sql = "select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()";
    session.query_one(sql, &[]).await.unwrap().get(0)
}
