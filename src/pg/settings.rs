//! The options of a connection as values: words and numbers of the parameters, checked.

use std::time::Duration;

use super::resolve::Params;
use crate::error::{Error, Result};

/// When a try to connect is given up, unless `connect_timeout` says otherwise. libpq waits for ever; a worker must not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which server of several is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// How SCRAM is tied to the TLS channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// Probing of an idle TCP connection. The times that are used where none are given are far below the two hours of an
/// operating system, so that a worker notices a dead peer within about five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keepalive {
    pub idle: Duration,
    pub interval: Duration,
    pub count: u32,
}

/// Everything but addresses, names and TLS.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// None waits for ever.
    pub connect_timeout: Option<Duration>,
    pub keepalive: Option<Keepalive>,
    pub tcp_user_timeout: Option<Duration>,
    pub session_attrs: SessionAttrs,
    pub shuffle_hosts: bool,
    pub channel_binding: ChannelBinding,
    pub require_peer: Option<String>,
    pub require_auth: Option<AuthRule>,
    pub options: Option<String>,
}

/// `require_auth`: the methods with which the server may ask for proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthRule {
    methods: Vec<String>,
    /// The list names what is forbidden (`!password`) instead of what is allowed.
    negated: bool,
}

impl AuthRule {
    /// Whether the server may use `method`.
    pub fn allows(&self, method: &str) -> bool {
        self.methods.iter().any(|m| m == method) != self.negated
    }

    fn parse(text: &str) -> Result<AuthRule> {
        let mut rule = AuthRule {
            methods: Vec::new(),
            negated: text.starts_with('!'),
        };
        for word in text.split(',') {
            let (negated, method) = match word.strip_prefix('!') {
                Some(method) => (true, method),
                None => (false, word),
            };
            if negated != rule.negated {
                return Err(Error::config(format!(
                    "require_auth \"{text}\" mixes allowed and forbidden methods"
                )));
            }
            if !["password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"].contains(&method) {
                return Err(invalid(
                    "require_auth",
                    word,
                    "password, md5, scram-sha-256, gss, sspi, oauth, none",
                ));
            }
            rule.methods.push(method.to_owned());
        }
        Ok(rule)
    }
}

impl Settings {
    pub(super) fn new(params: &Params) -> Result<Settings> {
        refuse_unsupported(params)?;
        let encoding = params.get("client_encoding").unwrap_or("");
        if !matches!(
            encoding.to_ascii_lowercase().replace('-', "").as_str(),
            "" | "auto" | "utf8" | "unicode"
        ) {
            tracing::debug!("client_encoding={encoding} is not used: this program always talks UTF-8");
        }
        Ok(Settings {
            connect_timeout: match params.number("connect_timeout")? {
                None => Some(CONNECT_TIMEOUT),
                Some(seconds) if seconds <= 0 => None,
                // As in libpq, one second is too little.
                Some(seconds) => Some(Duration::from_secs(seconds.max(2) as u64)),
            },
            keepalive: match params.number("keepalives")? {
                Some(0) => None,
                _ => Some(Keepalive {
                    idle: params
                        .seconds("keepalives_idle")?
                        .unwrap_or(Duration::from_secs(240)),
                    interval: params
                        .seconds("keepalives_interval")?
                        .unwrap_or(Duration::from_secs(15)),
                    count: params
                        .number("keepalives_count")?
                        .filter(|n| *n > 0)
                        .map_or(4, |n| n as u32),
                }),
            },
            tcp_user_timeout: params
                .number("tcp_user_timeout")?
                .filter(|ms| *ms > 0)
                .map(|ms| Duration::from_millis(ms as u64)),
            session_attrs: params.word(
                "target_session_attrs",
                SessionAttrs::Any,
                &[
                    ("any", SessionAttrs::Any),
                    ("read-write", SessionAttrs::ReadWrite),
                    ("read-only", SessionAttrs::ReadOnly),
                    ("primary", SessionAttrs::Primary),
                    ("standby", SessionAttrs::Standby),
                    ("prefer-standby", SessionAttrs::PreferStandby),
                ],
            )?,
            shuffle_hosts: params.word(
                "load_balance_hosts",
                false,
                &[("disable", false), ("random", true)],
            )?,
            channel_binding: params.word(
                "channel_binding",
                ChannelBinding::Prefer,
                &[
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ],
            )?,
            require_peer: params.text("requirepeer").map(str::to_owned),
            require_auth: params.text("require_auth").map(AuthRule::parse).transpose()?,
            options: params.text("options").map(str::to_owned),
        })
    }
}

/// What would have to change the conversation in a way that the driver cannot.
fn refuse_unsupported(params: &Params) -> Result<()> {
    if params.get("gssencmode") == Some("require") {
        return Err(unsupported("gssencmode=require"));
    }
    params.word(
        "gssencmode",
        (),
        &[("disable", ()), ("prefer", ()), ("require", ())],
    )?;
    if params
        .text("replication")
        .is_some_and(|v| !["false", "off", "no", "0"].contains(&v))
    {
        return Err(unsupported("replication"));
    }
    for key in [
        "scram_client_key",
        "scram_server_key",
        "oauth_issuer",
        "oauth_client_id",
        "sslkeylogfile",
    ] {
        if params.text(key).is_some() {
            return Err(unsupported(key));
        }
    }
    if params.text("min_protocol_version").is_some_and(|v| v != "3.0") {
        return Err(unsupported("min_protocol_version above 3.0"));
    }
    // krbsrvname, gsslib and gssdelegation only matter where GSSAPI is used, which ends in an error of its own.
    Ok(())
}

/// A parameter that libpq has and this program has not.
pub(super) fn unsupported(what: &str) -> Error {
    Error::config(format!(
        "connection parameter {what} is not supported by londiste"
    ))
    .with_hint("remove it from the connection string, the service file or the PG* environment variables")
}

/// A value that the parameter does not take.
pub(super) fn invalid(key: &str, value: &str, allowed: &str) -> Error {
    Error::config(format!(
        "invalid value \"{value}\" of connection parameter \"{key}\""
    ))
    .with_hint(format!("allowed: {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::super::resolve::Surroundings;
    use super::super::{ConnInfo, Resolved};
    use super::*;

    fn resolve(text: &str) -> Result<Resolved> {
        ConnInfo::parse(text)
            .unwrap()
            .resolve_in(&Surroundings::fixed(&[], None))
    }

    fn settings(text: &str) -> Settings {
        resolve(text).unwrap().settings
    }

    #[test]
    fn defaults_suit_a_worker() {
        let s = settings("");
        assert_eq!(s.connect_timeout, Some(Duration::from_secs(10)));
        assert_eq!(s.keepalive.unwrap().count, 4);
        assert_eq!(settings("connect_timeout=0").connect_timeout, None);
        assert_eq!(
            settings("connect_timeout=1").connect_timeout,
            Some(Duration::from_secs(2))
        );
        assert_eq!(settings("keepalives=0").keepalive, None);
        assert_eq!(
            settings("keepalives_idle=9").keepalive.unwrap().idle,
            Duration::from_secs(9)
        );
        assert_eq!(
            settings("target_session_attrs=prefer-standby").session_attrs,
            SessionAttrs::PreferStandby
        );
    }

    #[test]
    fn wrong_and_unsupported_values_are_named() {
        for (text, message) in [
            (
                "connect_timeout=soon",
                "invalid value \"soon\" of connection parameter \"connect_timeout\"",
            ),
            (
                "target_session_attrs=master",
                "invalid value \"master\" of connection parameter \"target_session_attrs\"",
            ),
            (
                "gssencmode=require",
                "connection parameter gssencmode=require is not supported by londiste",
            ),
            (
                "replication=database",
                "connection parameter replication is not supported by londiste",
            ),
            (
                "require_auth=md5,!none",
                "require_auth \"md5,!none\" mixes allowed and forbidden methods",
            ),
            (
                "channel_binding=x",
                "invalid value \"x\" of connection parameter \"channel_binding\"",
            ),
            (
                "sslmode=on",
                "invalid value \"on\" of connection parameter \"sslmode\"",
            ),
            ("port=x", "invalid value \"x\" of connection parameter \"port\""),
            (
                "port=70000",
                "invalid value \"70000\" of connection parameter \"port\"",
            ),
            ("host=a,b port=1,2,3", "3 port numbers do not match 2 hosts"),
            (
                "host=a,b hostaddr=1.1.1.1",
                "1 hostaddr value does not match 2 hosts",
            ),
            (
                "hostaddr=nowhere",
                "invalid value \"nowhere\" of connection parameter \"hostaddr\"",
            ),
        ] {
            assert_eq!(resolve(text).unwrap_err().message(), message, "{text}");
        }
    }

    #[test]
    fn auth_rules() {
        let rule = AuthRule::parse("scram-sha-256,md5").unwrap();
        assert!(rule.allows("md5") && !rule.allows("password"));
        let rule = AuthRule::parse("!password").unwrap();
        assert!(rule.allows("md5") && !rule.allows("password"));
    }
}
