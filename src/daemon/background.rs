//! Background mode.

use crate::error::{Error, ErrorKind, Result};

/// Puts the process into the background: the parent exits 0, the child gets its own session and has standard input,
/// output and error on the null device. Working directory and umask stay.
///
/// Only the calling thread goes on in the child, so this comes before any thread or runtime is started. The process id
/// changes: call [`crate::daemon::pidfile::PidFile::refresh`] next. What would be printed later goes nowhere, so
/// everything that can be refused (settings, log file, pid file) is checked before.
pub fn daemonize() -> Result<()> {
    nix::unistd::daemon(true, false).map_err(|error| {
        Error::new(
            ErrorKind::Io,
            format!("the process cannot go into the background: {error}"),
        )
    })
}
