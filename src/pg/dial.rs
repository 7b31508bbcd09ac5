//! Finding a server: hosts in order, their addresses in order, the tries that `sslmode` allows, the right kind of server.
//!
//! As in libpq, a server that cannot be reached (or that is starting up) passes the turn to the next one; a server that
//! answers and refuses ends the search.

use std::collections::hash_map::RandomState;
use std::error::Error as StdError;
use std::hash::BuildHasher;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio_postgres::config::{self, SslNegotiation};
use tokio_postgres::{Client, Config, Connection};

use super::AppName;
use super::resolve::{HostEntry, Resolved};
use super::settings::{ChannelBinding, SessionAttrs};
use super::socket::{Address, Socket};
use super::tls::SslMode;
use super::wire::{AuthRefused, Gate, Layer, Ready, Wire};
use crate::error::{Error, ErrorKind, Result};

/// The driver's two halves over our stream.
pub(super) type Driver = Connection<Wire, Wire>;

/// A way to a server that has worked.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub host: HostEntry,
    pub address: Address,
    pub encryption: Encryption,
}

/// Whether to speak TLS in one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    Plain,
    /// TLS, or plain where the server has none.
    IfOffered,
    Tls,
}

/// A server that took the startup message.
pub(super) struct Dialed {
    pub client: Client,
    pub connection: Driver,
    pub route: Route,
}

/// Why one try failed, and what may be tried next.
struct Failure {
    error: Error,
    /// Another server may do better.
    next_host: bool,
    /// The same server may do better with or without TLS.
    other_encryption: bool,
    /// TLS was in use.
    encrypted: bool,
}

impl Failure {
    fn elsewhere(error: Error) -> Failure {
        Failure {
            error,
            next_host: true,
            other_encryption: false,
            encrypted: false,
        }
    }

    fn fatal(error: Error) -> Failure {
        Failure {
            error,
            next_host: false,
            other_encryption: false,
            encrypted: false,
        }
    }
}

/// What has to be true of a fresh session, and what is learnt from it: see [`super::session`].
pub(super) trait Greet {
    type Greeted;

    /// Sets the session up; called once per server that let us in.
    fn greet(&self, dialed: Dialed) -> impl Future<Output = Result<(Self::Greeted, ServerState)>> + Send;
}

/// What decides whether a server is the wanted one.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerState {
    pub in_recovery: bool,
    pub read_only: bool,
}

impl ServerState {
    fn refusal(self, wanted: SessionAttrs) -> Option<&'static str> {
        match wanted {
            SessionAttrs::ReadWrite if self.in_recovery || self.read_only => Some("session is read-only"),
            SessionAttrs::ReadOnly if !self.in_recovery && !self.read_only => {
                Some("session is not read-only")
            }
            SessionAttrs::Primary if self.in_recovery => Some("server is in hot standby mode"),
            SessionAttrs::Standby | SessionAttrs::PreferStandby if !self.in_recovery => {
                Some("server is not in hot standby mode")
            }
            _ => None,
        }
    }
}

/// Connects to the first server that suits.
pub(super) async fn dial<G: Greet>(resolved: &Resolved, app: &AppName, greet: &G) -> Result<G::Greeted> {
    let wanted = resolved.settings.session_attrs;
    let mut errors = Vec::new();
    let rounds: &[SessionAttrs] = match wanted {
        SessionAttrs::PreferStandby => &[SessionAttrs::PreferStandby, SessionAttrs::Any],
        _ => std::slice::from_ref(&wanted),
    };
    for round in rounds {
        errors.clear();
        for host in in_order(resolved) {
            let addresses = match limit(resolved, Address::of(host)).await {
                Ok(addresses) => addresses,
                Err(e) => {
                    let error = Error::new(
                        ErrorKind::Connection,
                        format!("cannot find host \"{}\": {e}", host.host),
                    )
                    .with_hint("is the host name spelled right, and does name resolution work here?");
                    errors.push(error);
                    continue;
                }
            };
            for address in addresses {
                match dial_address(resolved, app, host, &address, *round, greet).await {
                    Ok(greeted) => return Ok(greeted),
                    Err(failure) if failure.next_host => errors.push(failure.error),
                    Err(failure) => return Err(failure.error),
                }
            }
        }
    }
    Err(joined(errors))
}

/// A stream to a known server, for a cancel request.
pub(super) async fn redial(resolved: &Resolved, route: &Route) -> Result<Wire> {
    let (layer, _) = open(resolved, &route.host, &route.address, route.encryption)
        .await
        .map_err(|f| f.error)?;
    Ok(Wire::new(layer, None))
}

async fn dial_address<G: Greet>(
    resolved: &Resolved,
    app: &AppName,
    host: &HostEntry,
    address: &Address,
    wanted: SessionAttrs,
    greet: &G,
) -> std::result::Result<G::Greeted, Failure> {
    let mode = resolved.tls.mode;
    let (first, second) = match (address, mode) {
        (Address::Unix(_), _) | (_, SslMode::Disable) => (Encryption::Plain, None),
        (_, SslMode::Allow) => (Encryption::Plain, Some(Encryption::Tls)),
        (_, SslMode::Prefer) => (Encryption::IfOffered, Some(Encryption::Plain)),
        _ => (Encryption::Tls, None),
    };
    let first_try = try_once(resolved, app, host, address, first, wanted, greet).await;
    let failure = match (first_try, second) {
        (Ok(greeted), _) => return Ok(greeted),
        // A second plain try after a plain one would say the same again.
        (Err(f), Some(second)) if f.other_encryption && f.encrypted == (second == Encryption::Plain) => {
            match try_once(resolved, app, host, address, second, wanted, greet).await {
                Ok(greeted) => return Ok(greeted),
                Err(last) => {
                    let (was, is) = if f.encrypted {
                        ("with", "without")
                    } else {
                        ("without", "with")
                    };
                    let earlier = f.error.message().to_owned();
                    Failure {
                        error: if earlier == last.error.message() {
                            last.error
                        } else {
                            last.error
                                .with_detail(format!("that was {is} TLS; {was} TLS: {earlier}"))
                        },
                        ..last
                    }
                }
            }
        }
        (Err(failure), _) => failure,
    };
    Err(failure)
}

async fn try_once<G: Greet>(
    resolved: &Resolved,
    app: &AppName,
    host: &HostEntry,
    address: &Address,
    encryption: Encryption,
    wanted: SessionAttrs,
    greet: &G,
) -> std::result::Result<G::Greeted, Failure> {
    let attempt = async {
        let (layer, encrypted) = open(resolved, host, address, encryption).await?;
        let dialed = start(resolved, app, host, address, layer, encrypted).await?;
        let (greeted, state) = greet.greet(dialed).await.map_err(|e| {
            let lost = e.kind() == ErrorKind::Connection;
            let error = e.context(place(resolved, host));
            if lost {
                Failure::elsewhere(error)
            } else {
                Failure::fatal(error)
            }
        })?;
        match state.refusal(wanted) {
            None => Ok(greeted),
            Some(why) => {
                let error = Error::new(ErrorKind::Connection, format!("{}: {why}", place(resolved, host)))
                    .with_hint(
                        "target_session_attrs in the connection string asks for another kind of server",
                    );
                Err(Failure::elsewhere(error))
            }
        }
    };
    match resolved.settings.connect_timeout {
        None => attempt.await,
        Some(time) => tokio::time::timeout(time, attempt).await.unwrap_or_else(|_| {
            Err(Failure::elsewhere(unreachable(
                resolved,
                host,
                &format!("no answer within {} s (connect_timeout)", time.as_secs()),
            )))
        }),
    }
}

/// Opens the socket and, where asked, TLS over it. The flag says whether TLS is in use.
async fn open(
    resolved: &Resolved,
    host: &HostEntry,
    address: &Address,
    encryption: Encryption,
) -> std::result::Result<(Layer, bool), Failure> {
    let mut socket = Socket::connect(address, &resolved.settings).await.map_err(|e| {
        let error = unreachable(resolved, host, &e.to_string());
        Failure::elsewhere(match (e.kind(), address) {
            (io::ErrorKind::ConnectionRefused, Address::Tcp(_)) => {
                error.with_hint("is the server running on that host and accepting TCP/IP connections?")
            }
            (io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound, Address::Unix(path)) => error
                .with_hint(format!(
                    "is the server running locally and accepting connections on socket \"{}\"?",
                    path.replace('\0', "@")
                )),
            _ => error,
        })
    })?;
    if encryption == Encryption::Plain {
        return Ok((Layer::Plain(socket), false));
    }
    if !resolved.tls.direct {
        match ask_for_tls(&mut socket).await {
            Ok(b'S') => {}
            Ok(b'N') if encryption == Encryption::IfOffered => return Ok((Layer::Plain(socket), false)),
            Ok(b'N') => {
                let error = Error::new(
                    ErrorKind::Authentication,
                    format!(
                        "{}: server does not support TLS, but sslmode asks for it",
                        place(resolved, host)
                    ),
                )
                .with_hint("set ssl = on at the server, or weaken sslmode");
                return Err(Failure::elsewhere(error));
            }
            Ok(other) => {
                let why = format!("unexpected answer {other:#04x} to the request for TLS");
                let error = unreachable(resolved, host, &why)
                    .with_hint("is it a PostgreSQL server that listens there?");
                // An error report ('E') is how a server says that it is too busy, or older than TLS.
                return Err(Failure {
                    encrypted: true,
                    other_encryption: other == b'E',
                    ..Failure::elsewhere(error)
                });
            }
            Err(e) => return Err(Failure::elsewhere(unreachable(resolved, host, &e.to_string()))),
        }
    }
    let connector = resolved.tls.connector(&host.host).map_err(|error| Failure {
        encrypted: true,
        other_encryption: true,
        ..Failure::fatal(error)
    })?;
    let connector = tokio_native_tls::TlsConnector::from(connector);
    let stream = connector
        .connect(&host.host, BufReader::new(socket))
        .await
        .map_err(|e| Failure {
            encrypted: true,
            other_encryption: true,
            ..Failure::elsewhere(handshake_error(resolved, host, &e))
        })?;
    resolved
        .tls
        .check_revocation(stream.get_ref().peer_certificate().ok().flatten())
        .map_err(|e| Failure::elsewhere(e.context(place(resolved, host))))?;
    Ok((Layer::Tls(Box::new(stream)), true))
}

/// Sends SSLRequest and reads the one byte of the answer; not a byte more, so that nothing that was sent before TLS
/// is taken for something sent inside it.
async fn ask_for_tls(socket: &mut Socket) -> io::Result<u8> {
    let mut message = bytes::BytesMut::new();
    postgres_protocol::message::frontend::ssl_request(&mut message);
    socket.write_all(&message).await?;
    socket.flush().await?;
    socket.read_u8().await
}

/// Startup message and authentication.
async fn start(
    resolved: &Resolved,
    app: &AppName,
    host: &HostEntry,
    address: &Address,
    layer: Layer,
    encrypted: bool,
) -> std::result::Result<Dialed, Failure> {
    let mut config = Config::new();
    config
        .user(&resolved.user)
        .dbname(&resolved.dbname)
        .application_name(app.as_str())
        // The stream is finished: the driver must not negotiate again.
        .ssl_mode(config::SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct)
        .channel_binding(match resolved.settings.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
    if let Some(password) = &host.password {
        config.password(password);
    }
    if let Some(options) = &resolved.settings.options {
        config.options(options);
    }
    let gate = Gate::new(resolved.settings.require_auth.clone(), host.password.is_some());
    let wire = Wire::new(layer, Some(gate));
    match config.connect_raw(wire, Ready).await {
        Ok((client, connection)) => {
            let encryption = if encrypted {
                Encryption::Tls
            } else {
                Encryption::Plain
            };
            let route = Route {
                host: host.clone(),
                address: address.clone(),
                encryption,
            };
            Ok(Dialed {
                client,
                connection,
                route,
            })
        }
        Err(e) => Err(startup_failure(resolved, host, encrypted, e)),
    }
}

fn startup_failure(
    resolved: &Resolved,
    host: &HostEntry,
    encrypted: bool,
    e: tokio_postgres::Error,
) -> Failure {
    let place = place(resolved, host);
    if let Some(refused) = auth_refused(&e) {
        let error = Error::new(ErrorKind::Authentication, format!("{place}: {refused}"));
        return Failure::fatal(match refused {
            AuthRefused::NoPassword(_) => error.with_hint(
                "add a line for it to ~/.pgpass (host:port:database:user:password, mode 0600), or set PGPASSWORD",
            ),
            _ => error,
        });
    }
    if let Some(db) = e.as_db_error() {
        let code = db.code().code().to_owned();
        let error = Error::from(e).context(place);
        let error = match code.as_str() {
            "3D000" => error.with_hint(format!(
                "is the database name right? To create it: createdb {}",
                resolved.dbname
            )),
            "28P01" => match &host.password_from {
                Some(file) => error.with_detail(format!("the password is from \"{}\"", file.display())),
                None => error.with_hint("is the password in the connection string or PGPASSWORD right?"),
            },
            "28000" => {
                error.with_hint("look at pg_hba.conf and the log of that server; the role may also not exist")
            }
            _ => error,
        };
        return Failure {
            error,
            // Starting up, shutting down: another server may be ready.
            next_host: code == "57P03",
            other_encryption: code.starts_with("28"),
            encrypted,
        };
    }
    if e.is_closed() || has_io_error(&e) {
        let why = StdError::source(&e).map_or_else(|| e.to_string(), |cause| cause.to_string());
        return Failure::elsewhere(unreachable(resolved, host, &why));
    }
    // What is left are the driver's own refusals: channel binding, an unknown method, a server that cannot prove itself.
    let why = StdError::source(&e).map_or_else(|| e.to_string(), |cause| cause.to_string());
    Failure::fatal(Error::new(ErrorKind::Authentication, format!("{place}: {why}")))
}

fn auth_refused(error: &tokio_postgres::Error) -> Option<&AuthRefused> {
    let io = StdError::source(error)?.downcast_ref::<io::Error>()?;
    io.get_ref()?.downcast_ref::<AuthRefused>()
}

fn has_io_error(error: &tokio_postgres::Error) -> bool {
    StdError::source(error).is_some_and(|cause| cause.is::<io::Error>())
}

fn handshake_error(resolved: &Resolved, host: &HostEntry, e: &native_tls::Error) -> Error {
    // A link that breaks is no verdict on a certificate.
    let broken = StdError::source(e).is_some_and(|cause| {
        let ssl = cause.downcast_ref::<openssl::ssl::Error>();
        cause.is::<io::Error>() || ssl.is_some_and(|ssl| ssl.io_error().is_some())
    });
    let kind = if broken {
        ErrorKind::Connection
    } else {
        ErrorKind::Authentication
    };
    let error = Error::new(
        kind,
        format!("{}: TLS handshake failed: {e}", place(resolved, host)),
    );
    match resolved.tls.mode {
        SslMode::VerifyFull => error.with_hint(format!(
            "sslmode=verify-full: the certificate must come from an authority in sslrootcert and be made out to \"{}\"",
            host.host
        )),
        SslMode::VerifyCa | SslMode::Require => {
            error.with_hint("is the authority that signed the server's certificate the one in sslrootcert?")
        }
        _ => error,
    }
}

fn unreachable(resolved: &Resolved, host: &HostEntry, why: &str) -> Error {
    Error::new(ErrorKind::Connection, format!("{}: {why}", place(resolved, host)))
}

/// What is being tried, in every message.
fn place(resolved: &Resolved, host: &HostEntry) -> String {
    let what = if host.is_socket() {
        "socket directory"
    } else {
        "host"
    };
    let name = match host.addr {
        Some(addr) if host.host.is_empty() => format!("\"{addr}\""),
        Some(addr) => format!("\"{}\" ({addr})", host.host),
        None => format!("\"{}\"", host.host),
    };
    format!(
        "cannot connect to database \"{}\" at {what} {name}, port {}, as user \"{}\"",
        resolved.dbname, host.port, resolved.user
    )
}

/// One error out of those of all servers.
fn joined(mut errors: Vec<Error>) -> Error {
    if errors.len() <= 1 {
        return errors
            .pop()
            .unwrap_or_else(|| Error::new(ErrorKind::Connection, "no server address is known"));
    }
    let lines: Vec<&str> = errors.iter().map(Error::message).collect();
    let kind = errors[0].kind();
    let kind = if errors.iter().all(|e| e.kind() == kind) {
        kind
    } else {
        ErrorKind::Connection
    };
    let mut error = Error::new(
        kind,
        format!("none of {} server addresses can be used", errors.len()),
    )
    .with_detail(lines.join("; "));
    let mut hints: Vec<&String> = errors.iter().flat_map(|e| e.hints()).collect();
    hints.dedup();
    for hint in hints {
        error = error.with_hint(hint);
    }
    error
}

/// The servers in the order of this connection.
fn in_order(resolved: &Resolved) -> Vec<&HostEntry> {
    let mut hosts: Vec<&HostEntry> = resolved.hosts.iter().collect();
    if resolved.settings.shuffle_hosts {
        // A hasher with fresh random keys is random enough to spread connections.
        let random = RandomState::new();
        hosts.sort_by_cached_key(|host| random.hash_one((&host.host, host.addr, host.port)));
    }
    hosts
}

async fn limit<T>(resolved: &Resolved, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let time = resolved.settings.connect_timeout.unwrap_or(Duration::MAX);
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "no answer within connect_timeout",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::ConnInfo;
    use super::*;

    #[test]
    fn the_wanted_kind_of_server() {
        let primary = ServerState {
            in_recovery: false,
            read_only: false,
        };
        let guarded = ServerState {
            in_recovery: false,
            read_only: true,
        };
        let standby = ServerState {
            in_recovery: true,
            read_only: false,
        };
        for (wanted, suits) in [
            (SessionAttrs::Any, [true, true, true]),
            (SessionAttrs::ReadWrite, [true, false, false]),
            (SessionAttrs::ReadOnly, [false, true, true]),
            (SessionAttrs::Primary, [true, true, false]),
            (SessionAttrs::Standby, [false, false, true]),
            (SessionAttrs::PreferStandby, [false, false, true]),
        ] {
            let found = [primary, guarded, standby].map(|state| state.refusal(wanted).is_none());
            assert_eq!(found, suits, "{wanted:?}");
        }
    }

    #[test]
    fn hosts_are_spread_but_none_is_lost() {
        let info = ConnInfo::parse("host=a,b,c,d load_balance_hosts=random user=u").unwrap();
        let resolved = info.resolve().unwrap();
        let orders: std::collections::HashSet<String> = (0..50)
            .map(|_| {
                in_order(&resolved)
                    .iter()
                    .map(|h| h.host.as_str())
                    .collect::<Vec<_>>()
                    .join(",")
            })
            .collect();
        assert!(orders.len() > 1);
        assert!(orders.iter().all(|order| order.len() == 7));
    }
}
