//! Peers on a unix socket that are no runtime.

use std::io;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{AbortHandle, JoinSet};

/// What a peer does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketPeer {
    /// Accepts and never says a word.
    Silent,
    /// Closes at once.
    Closes,
    /// Says something that is no protocol.
    Garbage,
    /// A web server that knows HTTP/1 only, as Docker's API does.
    Http1,
}

/// A running peer; dropping it closes its socket and every connection.
#[derive(Debug)]
#[must_use = "the peer stops when its handle is dropped"]
pub struct PeerHandle(AbortHandle);

impl Drop for PeerHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a peer at `path`. Errors: the socket cannot be made.
pub fn start_peer(path: &Path, peer: SocketPeer) -> io::Result<PeerHandle> {
    let listener = UnixListener::bind(path)?;
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(talk(stream, peer));
        }
    });
    Ok(PeerHandle(task.abort_handle()))
}

async fn talk(mut stream: UnixStream, peer: SocketPeer) -> io::Result<()> {
    match peer {
        SocketPeer::Closes => return Ok(()),
        SocketPeer::Silent => {}
        SocketPeer::Garbage => stream.write_all(&[0xC5; 64]).await?,
        SocketPeer::Http1 => stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?,
    }
    // Closing with something unread would reset the connection, and the client might not see what was said.
    let mut rest = Vec::new();
    stream.take(1 << 20).read_to_end(&mut rest).await?;
    Ok(())
}
