//! The one error type of the product, and what to do with each kind of error.
//!
//! An [`Error`] says what happened, why, and what to do next, in the form that PostgreSQL users know from the server:
//! a primary line, a detail, hints (PostgreSQL manual, "Error Message Style Guide"). Its [`ErrorKind`] answers three
//! questions in one place: whether a running worker tries again, the exit status of a command, and the heading.
//! Errors of the server are classified by SQLSTATE, never by the text of the message.

use std::error::Error as StdError;
use std::fmt;

/// Result of everything that can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What broke, seen from the operator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The command line is wrong: unknown option, wrong number of arguments.
    Usage,
    /// The job file is wrong or missing.
    Config,
    /// A server cannot be reached, or the connection was lost.
    Connection,
    /// The server was reached and refused this role or password, or TLS could not be trusted.
    Authentication,
    /// The server understood a statement and refused it (constraint, permission, missing object).
    Database,
    /// The operation is not allowed in the present state; nothing was changed.
    Refused,
    /// A named thing (node, table, queue, consumer) does not exist.
    NotFound,
    /// The stored position does not fit the stream that the provider offers.
    Position,
    /// Somebody else holds what is needed (second worker, pid file, other admin).
    Busy,
    /// A wait reached its limit.
    Timeout,
    /// The user or the system asked to stop.
    Interrupted,
    /// A file or the operating system refused.
    Io,
    /// A bug of ours.
    Internal,
}

/// Whether a long-running service tries again by itself after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Reconnect and try again with growing pauses, for ever.
    Always,
    /// Try again at long intervals: a person may repair the cause meanwhile.
    Slowly,
    /// Stop the process and tell.
    Never,
}

impl ErrorKind {
    /// How a service goes on after an error of this kind.
    pub fn retry(self) -> Retry {
        match self {
            Self::Connection | Self::Timeout | Self::Busy => Retry::Always,
            Self::Authentication
            | Self::Database
            | Self::Refused
            | Self::NotFound
            | Self::Position
            | Self::Io => Retry::Slowly,
            Self::Usage | Self::Config | Self::Interrupted | Self::Internal => Retry::Never,
        }
    }

    /// Exit status of a command that ended with an error of this kind: 2 for the command line, else 1.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Usage => 2,
            _ => 1,
        }
    }

    /// First word of the printed error.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Internal => "internal error",
            Self::Interrupted => "stopped",
            _ => "error",
        }
    }
}

/// An error with everything that a user needs: what, why, and what to do next.
pub struct Error(Box<Parts>);

struct Parts {
    kind: ErrorKind,
    message: String,
    detail: Option<String>,
    hints: Vec<String>,
    sqlstate: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind`; `message` is the fact: lower case, no full stop, the thing named.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            message: message.into(),
            detail: None,
            hints: Vec::new(),
            sqlstate: None,
            source: None,
        }))
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// A wrong job file.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// An operation that the present state forbids; nothing was changed.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// A named thing that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A bug of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
            .with_hint("this is a bug in londiste: please report it with the log lines before it")
    }

    /// Somebody asked the process to stop.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "stop was asked for")
    }

    /// Adds or replaces the detail line.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a hint: one next action, or the question that an expert would put.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Keeps the cause, printed as "caused by".
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Keeps the server's SQLSTATE.
    #[must_use]
    pub fn with_sqlstate(mut self, code: impl Into<String>) -> Self {
        self.0.sqlstate = Some(code.into());
        self
    }

    /// Puts what was being done in front of the message: `copy of "public.t": ...`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }

    /// What broke.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The primary line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The detail line.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The hints.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// The server's SQLSTATE, when the server reported the error.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// Whether the stop signal ended the operation.
    pub fn is_interrupted(&self) -> bool {
        self.0.kind == ErrorKind::Interrupted
    }

    /// All lines for a person: heading and message, detail, causes, hints; no trailing newline.
    pub fn report(&self) -> String {
        let mut text = format!("{}: {}", self.0.kind.heading(), self.0.message);
        if let Some(detail) = &self.0.detail {
            text.push_str(&format!("\ndetail: {detail}"));
        }
        let mut cause = self.0.source.as_ref().map(|s| &**s as &dyn StdError);
        while let Some(error) = cause {
            text.push_str(&format!("\ncaused by: {error}"));
            cause = error.source();
        }
        for hint in &self.0.hints {
            text.push_str(&format!("\nhint: {hint}"));
        }
        text
    }

    /// One line for the log: message, detail, causes and hints joined.
    pub fn line(&self) -> String {
        let mut text = self.0.message.clone();
        if let Some(detail) = &self.0.detail {
            text.push_str(&format!(" [{detail}]"));
        }
        let mut cause = self.0.source.as_ref().map(|s| &**s as &dyn StdError);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        for hint in &self.0.hints {
            text.push_str(&format!("; hint: {hint}"));
        }
        text.replace('\n', " ")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|s| &**s as &(dyn StdError + 'static))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, error.to_string())
    }
}

impl From<tokio_postgres::Error> for Error {
    /// Classifies an error of the driver by SQLSTATE and keeps the server's detail and hint
    /// (PostgreSQL manual, appendix A "PostgreSQL Error Codes").
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // No report of the server: the link failed, or the driver could not make sense of an answer.
            let message = match StdError::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            };
            return if error.is_closed() || is_link_failure(&error) {
                Self::new(
                    ErrorKind::Connection,
                    format!("connection to the server was lost: {message}"),
                )
            } else {
                Self::new(ErrorKind::Database, message)
            };
        };
        let code = db.code().code();
        let mut made = Self::new(kind_of_sqlstate(code), db.message()).with_sqlstate(code);
        if let Some(detail) = db.detail() {
            made = made.with_detail(detail);
        } else if let Some(context) = db.where_() {
            made = made.with_detail(context);
        }
        if let Some(hint) = db.hint() {
            made = made.with_hint(hint);
        }
        made
    }
}

fn is_link_failure(error: &tokio_postgres::Error) -> bool {
    let mut cause = StdError::source(error);
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() || inner.is::<native_tls::Error>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// The kind of a server error, from the class of its SQLSTATE.
fn kind_of_sqlstate(code: &str) -> ErrorKind {
    match code {
        // The server goes away, starts up, or has no free slot: later it will work.
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" => ErrorKind::Connection,
        "28000" | "28P01" => ErrorKind::Authentication,
        // Statement or lock time-out, cancel by a person.
        "57014" | "55P03" | "25P03" | "25P04" => ErrorKind::Timeout,
        // Serialization failure, deadlock: the same work again succeeds.
        "40001" | "40P01" => ErrorKind::Busy,
        "3D000" => ErrorKind::NotFound,
        _ if code.starts_with("08") => ErrorKind::Connection,
        _ => ErrorKind::Database,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_has_what_why_and_what_next() {
        let error =
            Error::refused("table \"public.orders\" cannot join queue \"replika\": it has no primary key")
                .with_detail("node \"leaf1\", database \"shop_copy\"")
                .with_hint("add a primary key on provider and subscriber, then run add-table again");
        assert_eq!(
            error.report(),
            "error: table \"public.orders\" cannot join queue \"replika\": it has no primary key\n\
             detail: node \"leaf1\", database \"shop_copy\"\n\
             hint: add a primary key on provider and subscriber, then run add-table again"
        );
    }

    #[test]
    fn sqlstate_decides_the_kind() {
        assert_eq!(kind_of_sqlstate("08006"), ErrorKind::Connection);
        assert_eq!(kind_of_sqlstate("57P01"), ErrorKind::Connection);
        assert_eq!(kind_of_sqlstate("28P01"), ErrorKind::Authentication);
        assert_eq!(kind_of_sqlstate("23505"), ErrorKind::Database);
        assert_eq!(kind_of_sqlstate("40P01").retry(), Retry::Always);
    }
}
