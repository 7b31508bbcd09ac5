//! The stream that is handed to the driver: a socket with or without TLS, and a gate for the server's first answer.
//!
//! The driver's own TLS negotiation knows three of the six modes, so it is done here and the driver gets a finished
//! stream ([`Ready`]). The gate reads along until the server has said which proof of identity it wants: only there can
//! `require_auth` be kept before a password leaves the machine.

use std::future::{Ready as ReadyFuture, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::settings::AuthRule;
use super::socket::Socket;

pub(super) enum Layer {
    Plain(Socket),
    /// Buffered below TLS, which reads each record in two pieces.
    Tls(Box<tokio_native_tls::TlsStream<BufReader<Socket>>>),
}

/// A stream to a server, ready for the startup message.
pub(super) struct Wire {
    layer: Layer,
    gate: Option<Gate>,
}

impl Wire {
    pub fn new(layer: Layer, gate: Option<Gate>) -> Wire {
        Wire { layer, gate }
    }
}

/// What the server may ask for.
pub(super) struct Gate {
    pub rule: Option<AuthRule>,
    pub has_password: bool,
    seen: Vec<u8>,
}

/// Why the gate was shut.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuthRefused {
    #[error("the server asked for a password ({0}) and none was given")]
    NoPassword(&'static str),
    #[error("the server asked for authentication by \"{0}\", which require_auth does not allow")]
    NotAllowed(&'static str),
    #[error("the server asked for authentication by \"{0}\", which is not supported by londiste")]
    Unsupported(&'static str),
}

impl Gate {
    pub fn new(rule: Option<AuthRule>, has_password: bool) -> Gate {
        Gate {
            rule,
            has_password,
            seen: Vec::new(),
        }
    }

    /// Looks at bytes from the server; true when nothing more has to be seen.
    fn check(&mut self, bytes: &[u8]) -> Result<bool, AuthRefused> {
        const HEAD: usize = 9;
        self.seen
            .extend(&bytes[..bytes.len().min(HEAD - self.seen.len())]);
        match self.seen.first() {
            Some(b'R') => {}
            // Anything else is an error report, which the driver reads.
            Some(_) => return Ok(true),
            None => return Ok(false),
        }
        let Some(code) = self.seen.get(5..HEAD) else {
            return Ok(false);
        };
        let code = code.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let (method, wants_password) = match code {
            0 => ("none", false),
            3 => ("password", true),
            5 => ("md5", true),
            10 => ("scram-sha-256", true),
            7 | 8 => ("gss", false),
            9 => ("sspi", false),
            _ => ("unknown", false),
        };
        if self.rule.as_ref().is_some_and(|rule| !rule.allows(method)) {
            return Err(AuthRefused::NotAllowed(method));
        }
        if !wants_password && code != 0 {
            return Err(AuthRefused::Unsupported(method));
        }
        if wants_password && !self.has_password {
            return Err(AuthRefused::NoPassword(method));
        }
        Ok(true)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = match &mut this.layer {
            Layer::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Layer::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        if let (Poll::Ready(Ok(())), Some(gate)) = (&polled, &mut this.gate) {
            match gate.check(&buf.filled()[before..]) {
                Ok(true) => this.gate = None,
                Ok(false) => {}
                Err(refused) => {
                    buf.set_filled(before);
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::PermissionDenied, refused)));
                }
            }
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().layer {
            Layer::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Layer::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Layer::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Layer::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl TlsStream for Wire {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.layer {
            Layer::Plain(_) => ChannelBinding::none(),
            Layer::Tls(stream) => match stream.get_ref().tls_server_end_point() {
                Ok(Some(hash)) => ChannelBinding::tls_server_end_point(hash),
                _ => ChannelBinding::none(),
            },
        }
    }
}

/// A TLS connector that has nothing left to do.
pub(super) struct Ready;

impl TlsConnect<Wire> for Ready {
    type Stream = Wire;
    type Error = io::Error;
    type Future = ReadyFuture<io::Result<Wire>>;

    fn connect(self, stream: Wire) -> Self::Future {
        ready(Ok(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(code: u8) -> Vec<u8> {
        vec![b'R', 0, 0, 0, 8, 0, 0, 0, code]
    }

    #[test]
    fn the_gate_decides_on_the_first_answer() {
        let mut gate = Gate::new(None, true);
        assert!(!gate.check(&ask(10)[..4]).unwrap());
        assert!(gate.check(&ask(10)[4..]).unwrap());
        assert!(Gate::new(None, false).check(b"E....").unwrap());
        assert!(Gate::new(None, false).check(&ask(0)).unwrap());
        assert!(matches!(
            Gate::new(None, false).check(&ask(5)),
            Err(AuthRefused::NoPassword("md5"))
        ));
        assert!(matches!(
            Gate::new(None, true).check(&ask(7)),
            Err(AuthRefused::Unsupported("gss"))
        ));
    }
}
