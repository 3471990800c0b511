//! What a runtime does by itself, by its version: how often it asks, how long it waits, what it still reads.

use std::time::Duration;

use super::version::{Kind, RuntimeVersion};
use crate::cause::{Code, Confidence};
use crate::finding::Cause;

/// What a runtime does with a schema 1 manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema1 {
    /// It converts it, though it is deprecated.
    Converted,
    /// It refuses it.
    Refused,
    /// Its settings decide, or it is not known.
    Depends,
}

/// containerd converts until 1.7, wants a variable set in 2.0 and has no such code from 2.1 on (`core/remotes/docker`,
/// `client/pull.go`); CRI-O converts (`containers/image`).
pub fn schema_1(runtime: &RuntimeVersion) -> Schema1 {
    match (runtime.kind(), runtime.numbers()) {
        (Kind::Containerd, Some((1, _))) | (Kind::CriO, _) => Schema1::Converted,
        (Kind::Containerd, Some((2, 0))) => Schema1::Depends,
        (Kind::Containerd, Some(_)) => Schema1::Refused,
        _ => Schema1::Depends,
    }
}

/// How many requests one pull makes of a registry that answers 429: both ask five times, containerd without any pause
/// (`core/remotes/docker/resolver.go` `retryRequest`; `containers/image` `docker_client.go`).
pub fn requests_of_a_429(runtime: &RuntimeVersion) -> Option<u32> {
    matches!(runtime.kind(), Kind::Containerd | Kind::CriO).then_some(5)
}

/// How long containerd and CRI-O wait for a connection (`core/remotes/docker/registry.go`; `containers/image`
/// `docker_client.go`).
pub const CONNECTS_FOR: Duration = Duration::from_secs(30);

/// How long a runtime waits at least before it gives up on a pull that fails in this way; `None` where it says so at
/// once.
///
/// A connection has 30 s and a TLS handshake 10 s in containerd (`core/remotes/docker/registry.go`) and CRI-O
/// (`containers/image` `docker_client.go`); names have what resolv.conf gives them, twice 5 s if it says nothing.
pub fn gives_up_after(cause: &Cause) -> Option<Duration> {
    let seconds = match cause.code {
        Code::ConnectionTimeout => return Some(CONNECTS_FOR),
        // What was seen at once is seen by the runtime at once; the rest is silence.
        Code::ProxyUnreachable if cause.confidence < Confidence::Certain => return Some(CONNECTS_FOR),
        Code::TlsHandshakeTimeout | Code::DnsTimeout => 10,
        // An accepted request that is never answered has no deadline in most versions.
        Code::PullStalled => 300,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}
