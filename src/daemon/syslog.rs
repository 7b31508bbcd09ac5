//! Messages to the local syslog socket (RFC 3164, as syslog(3) sends them).
//!
//! A datagram each, without a connection, so a restarted syslog daemon is found by itself. When there is none, messages are
//! dropped, as syslog(3) does: a missing syslog must not stop replication.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use jiff::Zoned;
use tracing::Level;

use crate::config::pgqd::SyslogFacility;

/// How to address syslog.
#[derive(Debug, Clone)]
pub struct SyslogSettings {
    /// Program name.
    pub ident: String,
    /// Facility.
    pub facility: SyslogFacility,
    /// Socket; `/dev/log` unless a test says otherwise.
    pub socket: PathBuf,
}

impl SyslogSettings {
    /// Addresses `/dev/log`.
    pub fn new(ident: impl Into<String>, facility: SyslogFacility) -> Self {
        Self {
            ident: ident.into(),
            facility,
            socket: PathBuf::from("/dev/log"),
        }
    }
}

/// Sends messages.
#[derive(Debug)]
pub struct Syslog {
    settings: SyslogSettings,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// Prepares sending.
    pub fn new(settings: SyslogSettings) -> Self {
        let socket = UnixDatagram::unbound()
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .ok();
        Self { settings, socket }
    }

    /// Sends one message; lost when nobody listens.
    pub fn send(&self, level: Level, fatal: bool, message: &str) {
        let severity = match (fatal, level) {
            (true, _) => 2,
            (_, Level::ERROR) => 3,
            (_, Level::WARN) => 4,
            (_, Level::INFO) => 6,
            _ => 7,
        };
        let priority = u32::from(self.settings.facility.0) * 8 + severity;
        let now = Zoned::now().strftime("%b %e %H:%M:%S").to_string();
        let line = format!(
            "<{priority}>{now} {}[{}]: {message}",
            self.settings.ident,
            std::process::id()
        );
        if let Some(socket) = &self.socket {
            let _ = socket.send_to(line.as_bytes(), &self.settings.socket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_priority_time_name_and_pid() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let server = UnixDatagram::bind(&path).unwrap();
        let mut settings = SyslogSettings::new("pgqd", SyslogFacility::DAEMON);
        settings.socket = path;
        let syslog = Syslog::new(settings);
        syslog.send(Level::WARN, false, "{ticks: 1}");
        let mut buffer = [0u8; 200];
        let length = server.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(text.starts_with("<28>"), "{text}");
        let tail = format!(" pgqd[{}]: {{ticks: 1}}", std::process::id());
        assert!(text.ends_with(&tail), "{text}");
        drop(server);
        syslog.send(Level::INFO, false, "nobody hears this");
    }
}
