//! One connection to one database, set up the way all our work needs it.
//!
//! A [`Session`] is the driver's client plus its notifications. The connection behind it runs in a task of its own; when
//! the session is dropped, the statement in flight (if any) is cancelled and the connection closed, so that a future
//! dropped in mid-query never leaves locks behind. If the process dies the server notices the closed socket.
//!
//! A pooler between us and the server must pool whole sessions (pgbouncer: `pool_mode = session`): settings, LISTEN and
//! advisory locks belong to a session.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Notification, SimpleQueryMessage, SimpleQueryRow, Statement,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dial::{self, Dialed, Driver, Greet, Route, ServerState};
use super::quote::quote_literal;
use super::wire::Ready;
use super::{AppName, ConnInfo, Resolved};
use crate::error::{Error, ErrorKind, Result};

/// What values and waiting depend on, whatever the defaults of server, database and role are. `TimeZone` stays: values
/// with a time zone are absolute in text too (ISO style writes the offset), and triggers of the user that ask for the
/// local date must see the zone that the user chose. Sent as one statement after the start, because poolers refuse
/// startup parameters that they do not know.
const SETTINGS: &[(u32, &str)] = &[
    (0, "set client_encoding = 'UTF8'"),
    (0, "set DateStyle = 'ISO, YMD'"),
    (0, "set IntervalStyle = 'postgres'"),
    (0, "set extra_float_digits = 3"),
    (0, "set bytea_output = 'hex'"),
    (0, "set lc_monetary = 'C'"),
    (90100, "set quote_all_identifiers = off"),
    (0, "set xmloption = 'content'"),
    (0, "set array_nulls = on"),
    (0, "set standard_conforming_strings = on"),
    (90500, "set row_security = off"),
    (0, "set default_transaction_isolation = 'read committed'"),
    (0, "set statement_timeout = 0"),
    (90300, "set lock_timeout = 0"),
    (90600, "set idle_in_transaction_session_timeout = 0"),
    (140000, "set idle_session_timeout = 0"),
    (170000, "set transaction_timeout = 0"),
];

/// A commit must be durable when it is answered. `remote_apply`, which promises even more, stays.
const DURABLE: &str = "select pg_catalog.set_config('synchronous_commit', 'on', false) \
                       where pg_catalog.current_setting('synchronous_commit') not in ('on', 'remote_apply'); ";

/// How long a closing connection may take to finish what is in flight by itself.
const GRACE: Duration = Duration::from_millis(200);
/// And how long after a cancel request.
const CANCEL_GRACE: Duration = Duration::from_secs(1);
/// How long a closing connection may take for its cancel request; a stop must not hang on a frozen server.
const CANCEL_LIMIT: Duration = Duration::from_secs(2);

/// The tasks behind all sessions of the process.
static DRIVERS: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Waits at the end of a process until dropped sessions have said goodbye to their servers, `limit` at most: a server
/// whose client just goes away writes a line about it into its log.
pub async fn wait_closed(limit: Duration) {
    DRIVERS.close();
    // After the limit the sockets are closed with the process.
    let _ = tokio::time::timeout(limit, DRIVERS.wait()).await;
}

/// A connection to a database.
pub struct Session {
    client: Client,
    notifications: UnboundedReceiver<Notification>,
    /// Why the connection ended, once it did.
    ended: Arc<OnceLock<String>>,
    /// Tells the driver task that nobody is interested any more.
    leaving: CancellationToken,
    driver: Option<JoinHandle<()>>,
    canceller: Canceller,
    info: ConnInfo,
    target: String,
    server_version: u32,
    backend_pid: i32,
    prepared: Mutex<HashMap<&'static str, Statement>>,
}

impl Session {
    /// Connects and sets the session up.
    pub async fn connect(info: &ConnInfo, app: &AppName) -> Result<Session> {
        let resolved = Arc::new(info.resolve()?);
        dial::dial(
            &resolved,
            app,
            &Opening {
                resolved: resolved.clone(),
                info,
                app,
            },
        )
        .await
    }

    /// The statement, prepared at its first use on this connection: what is run with each batch costs one message there
    /// and back, and is not parsed again.
    pub async fn prepared(&self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.statements().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements().insert(sql, statement.clone());
        Ok(statement)
    }

    fn statements(&self) -> MutexGuard<'_, HashMap<&'static str, Statement>> {
        // Nothing that could panic is done under the lock.
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits for the next notification; an error of kind `Connection` when the connection ends. Cancel safe.
    pub async fn notification(&mut self) -> Result<Notification> {
        match self.notifications.recv().await {
            Some(notification) => Ok(notification),
            None => Err(self.end_error()),
        }
    }

    /// The notifications that are already here.
    pub fn drain_notifications(&mut self) -> Vec<Notification> {
        std::iter::from_fn(|| self.notifications.try_recv().ok()).collect()
    }

    /// The server's `server_version_num`, for instance 150020.
    pub fn server_version(&self) -> u32 {
        self.server_version
    }

    /// Process id of the server's end.
    pub fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    /// The connection string as it was given.
    pub fn info(&self) -> &ConnInfo {
        &self.info
    }

    /// `host=.. port=.. dbname=.. user=..` of the server that was taken, without secrets, for messages.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Asks the server to cancel the statement in flight, over a connection with the same TLS settings. A failure
    /// is only logged: the statement may be over anyway.
    pub async fn cancel(&self) {
        self.canceller.cancel().await;
    }

    /// What is needed to cancel later or from another task, while a statement borrows the session.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Says goodbye to the server and waits until the connection is closed.
    pub async fn close(mut self) {
        let driver = self.driver.take();
        drop(self);
        if let Some(driver) = driver {
            // The driver task ends by itself within its grace times.
            let _ = driver.await;
        }
    }

    fn end_error(&self) -> Error {
        let why = self
            .ended
            .get()
            .map_or("the connection was closed", String::as_str);
        Error::new(
            ErrorKind::Connection,
            format!("connection to {} ended: {why}", self.target),
        )
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leaving.cancel();
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({}, pid {})", self.target, self.backend_pid)
    }
}

/// Cancels the statement that a session runs.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    resolved: Arc<Resolved>,
    route: Route,
}

impl Canceller {
    /// Sends the cancel request; a failure is only logged.
    pub async fn cancel(&self) {
        let work = async {
            let wire = dial::redial(&self.resolved, &self.route).await?;
            self.token
                .cancel_query_raw(wire, Ready)
                .await
                .map_err(Error::from)
        };
        match tokio::time::timeout(Duration::from_secs(10), work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("cancel request failed: {}", error.line()),
            Err(_) => tracing::debug!("cancel request failed: no answer within 10 s"),
        }
    }
}

/// What a connection needs to become a session.
struct Opening<'a> {
    resolved: Arc<Resolved>,
    info: &'a ConnInfo,
    app: &'a AppName,
}

impl Greet for Opening<'_> {
    type Greeted = Session;

    async fn greet(&self, dialed: Dialed) -> Result<(Session, ServerState)> {
        let Dialed {
            client,
            connection,
            route,
        } = dialed;
        let version = connection.parameter("server_version").map_or(0, version_number);
        let canceller = Canceller {
            token: client.cancel_token(),
            resolved: self.resolved.clone(),
            route: route.clone(),
        };
        let (sender, notifications) = mpsc::unbounded_channel();
        let ended = Arc::new(OnceLock::new());
        let leaving = CancellationToken::new();
        let driver = DRIVERS.spawn(drive(
            connection,
            sender,
            ended.clone(),
            leaving.clone(),
            canceller.clone(),
            self.app.role().to_owned(),
        ));
        let mut session = Session {
            client,
            notifications,
            ended,
            leaving,
            driver: Some(driver),
            canceller,
            info: self.info.clone(),
            target: target_text(&self.resolved, &route),
            server_version: version,
            backend_pid: 0,
            prepared: Mutex::default(),
        };
        let messages = session
            .client
            .simple_query(&set_up_text(version, self.resolved.time_zone.as_deref()))
            .await?;
        let row = last_row(&messages)
            .ok_or_else(|| Error::internal("the server did not answer the first statement with a row"))?;
        let value = |column: usize| row.get(column).unwrap_or("");
        session.server_version = value(0).parse().unwrap_or(version);
        session.backend_pid = value(1).parse().unwrap_or(0);
        let state = ServerState {
            in_recovery: value(2) == "t",
            read_only: value(3) == "on",
        };
        Ok((session, state))
    }
}

/// All settings and the questions about the server, in one round trip.
fn set_up_text(version: u32, time_zone: Option<&str>) -> String {
    let mut text = String::new();
    for (_, statement) in SETTINGS.iter().filter(|(since, _)| version >= *since) {
        text.push_str(statement);
        text.push_str("; ");
    }
    text.push_str(DURABLE);
    if let Some(zone) = time_zone {
        text.push_str(&format!("set TimeZone = {}; ", quote_literal(zone)));
    }
    text.push_str(
        "select pg_catalog.current_setting('server_version_num'), pg_catalog.pg_backend_pid(), \
         pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')",
    );
    text
}

fn last_row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

/// `server_version` ("15.2 (Debian ...)", "9.6.24", "17beta1") as a number like `server_version_num`.
fn version_number(text: &str) -> u32 {
    let parts: Vec<u32> = text
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse().ok())
        .take(3)
        .collect();
    let part = |i: usize| parts.get(i).copied().unwrap_or(0);
    if part(0) >= 10 {
        part(0) * 10_000 + part(1)
    } else {
        part(0) * 10_000 + part(1) * 100 + part(2)
    }
}

fn target_text(resolved: &Resolved, route: &Route) -> String {
    let host = match (&route.host.host, route.host.addr) {
        (name, Some(addr)) if name.is_empty() => addr.to_string(),
        (name, _) => name.clone(),
    };
    let mut info = ConnInfo::default();
    for (key, value) in [
        ("host", &host),
        ("port", &route.host.port.to_string()),
        ("dbname", &resolved.dbname),
        ("user", &resolved.user),
    ] {
        info = info.with(key, value).unwrap_or(info);
    }
    info.masked()
}

/// Runs the connection until it ends or the session is gone.
async fn drive(
    mut connection: Driver,
    sender: UnboundedSender<Notification>,
    ended: Arc<OnceLock<String>>,
    leaving: CancellationToken,
    canceller: Canceller,
    role: String,
) {
    let mut run = std::pin::pin!(async {
        loop {
            match poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    // The session may be gone already; then nobody waits for it.
                    let _ = sender.send(notification);
                }
                Some(Ok(AsyncMessage::Notice(notice))) => log_notice(&role, &notice),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    let _ = ended.set(Error::from(error).line());
                    return;
                }
                None => return,
            }
        }
    });
    tokio::select! {
        () = &mut run => return,
        () = leaving.cancelled() => {}
    }
    if tokio::time::timeout(GRACE, &mut run).await.is_ok() {
        return;
    }
    // A statement is still in flight: its locks must not outlive the session.
    let _ = tokio::time::timeout(CANCEL_LIMIT, canceller.cancel()).await;
    let _ = tokio::time::timeout(CANCEL_GRACE, &mut run).await;
}

fn log_notice(role: &str, notice: &DbError) {
    let detail = notice.detail().map(|d| format!(" [{d}]")).unwrap_or_default();
    if notice.parsed_severity() == Some(Severity::Warning) {
        tracing::warn!(role, "server: {}{detail}", notice.message());
    } else {
        tracing::debug!(role, "server: {}{detail}", notice.message());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_texts() {
        for (text, number) in [
            ("15.2 (Debian 15.2-1.pgdg110+1)", 150002),
            ("9.6.24", 90624),
            ("17beta1", 170000),
            ("18", 180000),
            ("nonsense", 0),
        ] {
            assert_eq!(version_number(text), number, "{text}");
        }
    }

    #[test]
    fn old_servers_get_no_unknown_settings() {
        assert!(!set_up_text(90100, None).contains("lock_timeout"));
        assert!(set_up_text(170000, Some("UTC")).contains("transaction_timeout = 0; select"));
    }
}
