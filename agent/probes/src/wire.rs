//! The stream that one hop hands to the next, whatever it is made of: TCP, a tunnel through a proxy, TLS.

use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream whose making is of no interest any more.
pub type BoxedStream = Box<dyn Stream>;
