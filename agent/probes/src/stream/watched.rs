//! A stream that remembers how it broke: HTTP/2 hands the kind of an error on and loses what it was.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use pullagent_diagnosis::layer::transport::StreamFailure;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{late_alert, stream_failure};

/// How a stream broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// By a TLS alert of the peer: its name in RFC 8446.
    Alert(String),
    /// In any other way.
    Stream(StreamFailure),
}

/// The place where a stream's first fault is written down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<Option<Fault>>>);

impl Watch {
    /// How the stream broke, if it did.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled {
            let fault = late_alert(error).map_or_else(|| Fault::Stream(stream_failure(error)), Fault::Alert);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        }
        polled
    }
}

/// A stream under watch.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    watch: Watch,
    /// Why a write failed, kept until it is known what the peer said before.
    refused: Option<io::Error>,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, watch: Watch) -> Self {
        Self { stream, watch, refused: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.watch.note(polled)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = match self.refused.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        };
        if let Poll::Ready(Err(error)) = polled {
            // A peer that hangs up says why before, and that may lie unread. On a broken connection no read lasts.
            if self.as_mut().poll_read(cx, &mut ReadBuf::new(&mut [0])).is_pending() {
                self.refused = Some(error);
                return Poll::Pending;
            }
            return self.watch.note(Poll::Ready(Err(error)));
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch.note(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch.note(polled)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn the_first_fault_is_remembered_and_an_orderly_end_is_none() {
        let watch = Watch::default();
        let mut stream = Watched::new(failing(&[]), watch.clone());
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(watch.fault(), None);
        let broken = failing(&[io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof]);
        let mut stream = Watched::new(broken, watch.clone());
        for _ in 0..2 {
            stream.read(&mut [0; 8]).await.unwrap_err();
        }
        assert_eq!(watch.fault(), Some(Fault::Stream(StreamFailure::Reset)));
    }

    #[tokio::test]
    async fn what_a_peer_said_before_it_hung_up_comes_first() {
        use tokio::io::AsyncWriteExt;

        let watch = Watch::default();
        let mut stream = Watched::new(failing(&[io::ErrorKind::UnexpectedEof]), watch.clone());
        stream.write_all(b"x").await.unwrap_err();
        assert_eq!(watch.fault(), Some(Fault::Stream(StreamFailure::Closed)));
    }

    /// Fails in this order, then ends.
    struct Failing(Vec<io::ErrorKind>);

    fn failing(kinds: &[io::ErrorKind]) -> Failing {
        Failing(kinds.iter().rev().copied().collect())
    }

    impl AsyncRead for Failing {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(self.0.pop().map_or(Ok(()), |kind| Err(kind.into())))
        }
    }

    impl AsyncWrite for Failing {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
}
