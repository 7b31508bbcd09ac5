//! A bare connection to one address: TCP with its options, or a Unix socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::resolve::HostEntry;
use super::settings::Settings;

/// One address of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    /// Path of the socket; a leading zero byte marks the abstract name space.
    Unix(String),
}

impl Address {
    /// All addresses of a server.
    pub async fn of(host: &HostEntry) -> io::Result<Vec<Address>> {
        if host.is_socket() {
            let path = format!("{}/.s.PGSQL.{}", host.host, host.port);
            return Ok(vec![Address::Unix(match path.strip_prefix('@') {
                Some(name) => format!("\0{name}"),
                None => path,
            })]);
        }
        let literal = host.addr.or_else(|| host.host.parse::<IpAddr>().ok());
        if let Some(addr) = literal {
            return Ok(vec![Address::Tcp(SocketAddr::new(addr, host.port))]);
        }
        let found = tokio::net::lookup_host((host.host.as_str(), host.port)).await?;
        let mut addrs: Vec<Address> = Vec::new();
        for addr in found.map(Address::Tcp) {
            if !addrs.contains(&addr) {
                addrs.push(addr);
            }
        }
        Ok(addrs)
    }
}

/// A connected socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Connects and sets the options.
    pub async fn connect(address: &Address, settings: &Settings) -> io::Result<Socket> {
        match address {
            Address::Tcp(addr) => {
                let stream = TcpStream::connect(addr).await?;
                stream.set_nodelay(true)?;
                let socket = SockRef::from(&stream);
                if let Some(keepalive) = settings.keepalive {
                    socket.set_tcp_keepalive(
                        &TcpKeepalive::new()
                            .with_time(keepalive.idle)
                            .with_interval(keepalive.interval)
                            .with_retries(keepalive.count),
                    )?;
                }
                if settings.tcp_user_timeout.is_some() {
                    socket.set_tcp_user_timeout(settings.tcp_user_timeout)?;
                }
                Ok(Socket::Tcp(stream))
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                if let Some(wanted) = &settings.require_peer {
                    check_peer(&stream, wanted)?;
                }
                Ok(Socket::Unix(stream))
            }
        }
    }
}

/// `requirepeer`: the server must run as that operating system user.
fn check_peer(stream: &UnixStream, wanted: &str) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let name = nix::unistd::User::from_uid(uid.into())
        .ok()
        .flatten()
        .map(|user| user.name);
    if name.as_deref() == Some(wanted) {
        return Ok(());
    }
    let found = name.unwrap_or_else(|| format!("number {uid}"));
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("requirepeer is \"{wanted}\", but the server runs as \"{found}\""),
    ))
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Socket::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
