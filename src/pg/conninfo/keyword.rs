//! The keywords of libpq 9.6 to 18 (PostgreSQL manual, "Parameter Key Words" and "Environment Variables").

use crate::error::{Error, Result};

/// One parameter of a connection string.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Keyword {
    /// Its name in a connection string.
    pub name: &'static str,
    /// The environment variable that stands in for it.
    pub env: Option<&'static str>,
    /// Whether its value must never be shown.
    pub secret: bool,
}

const fn plain(name: &'static str) -> Keyword {
    Keyword {
        name,
        env: None,
        secret: false,
    }
}

const fn env(name: &'static str, env: &'static str) -> Keyword {
    Keyword {
        name,
        env: Some(env),
        secret: false,
    }
}

const fn secret(name: &'static str, env: Option<&'static str>) -> Keyword {
    Keyword {
        name,
        env,
        secret: true,
    }
}

/// All of them.
pub(crate) const KEYWORDS: &[Keyword] = &[
    env("service", "PGSERVICE"),
    env("servicefile", "PGSERVICEFILE"),
    env("user", "PGUSER"),
    secret("password", Some("PGPASSWORD")),
    env("passfile", "PGPASSFILE"),
    env("dbname", "PGDATABASE"),
    env("host", "PGHOST"),
    env("hostaddr", "PGHOSTADDR"),
    env("port", "PGPORT"),
    env("connect_timeout", "PGCONNECT_TIMEOUT"),
    env("client_encoding", "PGCLIENTENCODING"),
    env("options", "PGOPTIONS"),
    env("application_name", "PGAPPNAME"),
    plain("fallback_application_name"),
    plain("keepalives"),
    plain("keepalives_idle"),
    plain("keepalives_interval"),
    plain("keepalives_count"),
    plain("tcp_user_timeout"),
    env("sslmode", "PGSSLMODE"),
    env("requiressl", "PGREQUIRESSL"),
    env("sslnegotiation", "PGSSLNEGOTIATION"),
    env("sslcompression", "PGSSLCOMPRESSION"),
    env("sslcert", "PGSSLCERT"),
    env("sslkey", "PGSSLKEY"),
    env("sslcertmode", "PGSSLCERTMODE"),
    secret("sslpassword", None),
    env("sslrootcert", "PGSSLROOTCERT"),
    env("sslcrl", "PGSSLCRL"),
    env("sslcrldir", "PGSSLCRLDIR"),
    env("sslsni", "PGSSLSNI"),
    env("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    env("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    plain("sslkeylogfile"),
    env("min_protocol_version", "PGMINPROTOCOLVERSION"),
    env("max_protocol_version", "PGMAXPROTOCOLVERSION"),
    env("requirepeer", "PGREQUIREPEER"),
    env("require_auth", "PGREQUIREAUTH"),
    env("channel_binding", "PGCHANNELBINDING"),
    env("gssencmode", "PGGSSENCMODE"),
    env("krbsrvname", "PGKRBSRVNAME"),
    env("gsslib", "PGGSSLIB"),
    env("gssdelegation", "PGGSSDELEGATION"),
    plain("replication"),
    env("target_session_attrs", "PGTARGETSESSIONATTRS"),
    env("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    secret("scram_client_key", None),
    secret("scram_server_key", None),
    plain("oauth_issuer"),
    plain("oauth_client_id"),
    secret("oauth_client_secret", None),
    plain("oauth_scope"),
];

/// The keyword of that name, or an error that names the nearest one.
pub(crate) fn find(name: &str) -> Result<&'static Keyword> {
    KEYWORDS
        .iter()
        .find(|k| k.name == name)
        .ok_or_else(|| unknown(name))
}

/// Whether `name` looks like a keyword, so that it can be printed.
pub(crate) fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn unknown(name: &str) -> Error {
    if !is_word(name) {
        return Error::config("unknown connection parameter: its name has characters that no keyword has");
    }
    let error = Error::config(format!("unknown connection parameter \"{name}\""));
    match nearest(name) {
        Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
        None => error.with_hint("the known ones are libpq's, for instance host, port, dbname, user, sslmode"),
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let alias = match lower.as_str() {
        "database" | "db" => Some("dbname"),
        "username" => Some("user"),
        "hostname" | "server" => Some("host"),
        "pass" | "passwd" | "pwd" => Some("password"),
        _ => None,
    };
    alias.or_else(|| {
        KEYWORDS
            .iter()
            .map(|k| (strsim::jaro_winkler(&lower, k.name), k.name))
            .filter(|(score, _)| *score > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_named() {
        for (typed, meant) in [
            ("hots", "host"),
            ("dbnam", "dbname"),
            ("database", "dbname"),
            ("SSLMode", "sslmode"),
        ] {
            assert_eq!(
                find(typed).unwrap_err().hints(),
                [format!("did you mean \"{meant}\"?")]
            );
        }
        assert!(find("zzz").unwrap_err().hints()[0].starts_with("the known ones"));
    }
}
