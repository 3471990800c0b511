//! Peers that stay below HTTP or misuse it: refused, silent and closing ports, other protocols, TLS alerts.

use std::{io, net::SocketAddr};

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
};

use crate::listen::{self, Handle, LOOPBACK};

/// What a peer does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// Accepts and never says a word.
    Silent,
    /// Closes at once.
    Close,
    /// Resets at once.
    Reset,
    /// Closes after the client's first bytes (EOF in mid-handshake).
    CloseAfterHello,
    /// An SSH server's banner.
    Ssh,
    /// A web server without TLS: 400 to whatever comes, a TLS hello too.
    Http,
    /// nginx on a TLS port to a plain HTTP request: "The plain HTTP request was sent to HTTPS port".
    HttpsOnly,
    /// A fatal TLS alert in answer to the client's hello.
    Alert(Alert),
}

/// Fatal TLS alerts (RFC 8446 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alert {
    /// No common cipher or parameter.
    HandshakeFailure = 40,
    /// A server of TLS 1.0 or 1.1.
    ProtocolVersion = 70,
    /// The server ran into trouble of its own.
    InternalError = 80,
    /// No such virtual host.
    UnrecognizedName = 112,
}

/// A port that nobody can bind while this lives and that refuses every connection.
#[derive(Debug)]
pub struct Refused {
    addr: SocketAddr,
    // Bound and not listening: the kernel answers SYN with RST and gives the port to nobody else.
    _socket: TcpSocket,
}

impl Refused {
    /// Takes a free port of 127.0.0.1.
    pub fn start() -> io::Result<Self> {
        Self::on(SocketAddr::new(LOOPBACK, 0))
    }

    /// Takes this address; port 0 for a free one.
    pub fn on(addr: SocketAddr) -> io::Result<Self> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(addr)?;
        Ok(Self { addr: socket.local_addr()?, _socket: socket })
    }

    /// The address that refuses.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// A port that answers no SYN: a firewall that drops. Linux drops SYN packets for a listener whose queue is full
/// (`tcp_conn_request` in `net/ipv4/tcp_input.c`).
#[derive(Debug)]
pub struct BlackHole {
    addr: SocketAddr,
    // Never accepted from, and its queue of one is taken.
    _listener: TcpListener,
    _waiting: TcpStream,
}

impl BlackHole {
    /// Takes a free port of 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        Self::on(SocketAddr::new(LOOPBACK, 0)).await
    }

    /// Takes this address; port 0 for a free one.
    pub async fn on(addr: SocketAddr) -> io::Result<Self> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(addr)?;
        let listener = socket.listen(0)?;
        let addr = listener.local_addr()?;
        let waiting = TcpStream::connect(addr).await?;
        Ok(Self { addr, _listener: listener, _waiting: waiting })
    }

    /// The address that answers nothing.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Peer {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start(self) -> io::Result<Handle> {
        self.start_on(listen::bind(LOOPBACK).await?)
    }

    /// Starts on a socket bound before.
    pub fn start_on(self, listener: TcpListener) -> io::Result<Handle> {
        listen::serve(listener, move |stream| async move {
            // A client that is gone before we are done is not our trouble.
            let _ = self.talk(stream).await;
        })
    }

    async fn talk(self, mut stream: TcpStream) -> io::Result<()> {
        match self {
            Self::Silent => {}
            Self::Close => return Ok(()),
            Self::Reset => return stream.set_zero_linger(),
            Self::CloseAfterHello => {
                read_first(&mut stream).await?;
                return Ok(());
            }
            Self::Ssh => stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n").await?,
            Self::Http => {
                read_first(&mut stream).await?;
                stream.write_all(&bad_request("400 Bad Request")).await?;
                stream.shutdown().await?;
            }
            Self::HttpsOnly => {
                read_first(&mut stream).await?;
                stream.write_all(&bad_request("The plain HTTP request was sent to HTTPS port")).await?;
                stream.shutdown().await?;
            }
            Self::Alert(alert) => {
                read_first(&mut stream).await?;
                // Record type 21, version 1.2, two bytes: fatal and the description.
                stream.write_all(&[21, 3, 3, 0, 2, 2, alert as u8]).await?;
                stream.shutdown().await?;
            }
        }
        drain(&mut stream).await
    }
}

async fn read_first(stream: &mut TcpStream) -> io::Result<()> {
    stream.read(&mut vec![0; 16 * 1024]).await.map(drop)
}

/// Reads until the client closes: closing with unread bytes would turn into a reset.
async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}

fn bad_request(title: &str) -> Vec<u8> {
    let body = format!("<html><head><title>400 {title}</title></head><body>400 {title}<hr>nginx</body></html>");
    format!(
        "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
