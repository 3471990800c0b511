//! The connection below HTTP: shared between hyper and whoever wants to end it in a way that HTTP has no word for.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    sync::mpsc,
};
use tokio_rustls::server::TlsStream;

/// How a connection ends when HTTP is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// These bytes, then a close.
    Bytes(&'static [u8]),
    /// A close; over TLS without its farewell.
    Close,
    /// A TCP reset.
    Reset,
}

/// Ends the connection that a request came in on.
#[derive(Debug, Clone)]
pub(super) struct Cut(pub(super) mpsc::Sender<Ending>);

impl Cut {
    /// Asks for the end; what was handed to HTTP before still goes out.
    pub(super) fn end(&self, ending: Ending) {
        // One ending is enough: a full queue has one.
        let _ = self.0.try_send(ending);
    }
}

#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<Connection>>);

enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self(Arc::new(Mutex::new(Connection::Plain(stream))))
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self(Arc::new(Mutex::new(Connection::Tls(Box::new(stream)))))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection; the last owner's drop closes the socket.
    pub(super) async fn end(mut self, ending: Ending) {
        match ending {
            Ending::Close => {}
            Ending::Bytes(bytes) => {
                // A peer that is gone already needs no garbage.
                let _ = self.write_all(bytes).await;
                let _ = self.flush().await;
            }
            Ending::Reset => {
                let _ = match &*self.lock() {
                    Connection::Plain(stream) => stream.set_zero_linger(),
                    Connection::Tls(stream) => stream.get_ref().0.set_zero_linger(),
                };
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self.lock() {
            Connection::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Connection::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self.lock() {
            Connection::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Connection::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.lock() {
            Connection::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Connection::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.lock() {
            Connection::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Connection::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
