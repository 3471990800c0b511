//! How Go, Linux and Windows write that a connection did not come about or broke.

use crate::cause::Code::{
    ConnectionRefused, ConnectionReset, ConnectionTimeout, ContentCorrupt, NetworkUnreachable, RegistryUnavailable,
};
use crate::layer::wordings::{BODY, CONTENT, GENERAL, LABEL, WRAPPER, Wording, says};

/// The rows of this layer.
pub(crate) const WORDINGS: &[Wording] = &[
    says(CONTENT + 2, &["connection refused"], ConnectionRefused),
    says(CONTENT + 2, &["actively refused it"], ConnectionRefused),
    // The reason that CRI-O makes of a refused connection, and of nothing else.
    says(WRAPPER, &["registryunavailable"], ConnectionRefused).also(&[RegistryUnavailable]).of_pulls(),
    says(WRAPPER, &["because the registry is unavailable"], ConnectionRefused).also(&[RegistryUnavailable]).of_pulls(),
    says(CONTENT + 2, &["timeout awaiting response headers"], ConnectionTimeout).detail("headers"),
    says(CONTENT + 2, &["connection timed out"], ConnectionTimeout).detail("connect"),
    says(CONTENT + 2, &["did not properly respond after a period"], ConnectionTimeout).detail("connect"),
    says(CONTENT + 1, &["request canceled while waiting for connection"], ConnectionTimeout).detail("connect"),
    says(CONTENT, &["i/o timeout"], ConnectionTimeout),
    says(CONTENT, &["operation timed out"], ConnectionTimeout),
    says(CONTENT - 1, &["client.timeout exceeded"], ConnectionTimeout).detail("headers"),
    says(CONTENT - 1, &["client.timeout or context cancellation"], ConnectionTimeout).detail("headers"),
    says(GENERAL, &["connect: deadline exceeded"], ConnectionTimeout).detail("connect"),
    says(CONTENT + 2, &["network is unreachable"], NetworkUnreachable),
    says(CONTENT + 2, &["no route to host"], NetworkUnreachable),
    says(CONTENT + 2, &["host is unreachable"], NetworkUnreachable),
    says(CONTENT + 2, &["host is down"], NetworkUnreachable),
    says(CONTENT + 2, &["network is down"], NetworkUnreachable),
    says(CONTENT + 2, &["cannot assign requested address"], NetworkUnreachable),
    says(CONTENT + 2, &["address family not supported"], NetworkUnreachable),
    says(CONTENT + 2, &["attempted to an unreachable"], NetworkUnreachable),
    says(CONTENT, &["dial tcp", "connect: permission denied"], NetworkUnreachable).likely(),
    says(CONTENT, &["dial tcp", "connect: operation not permitted"], NetworkUnreachable).likely(),
    says(CONTENT + 2, &["connection reset by peer"], ConnectionReset),
    says(CONTENT + 2, &["forcibly closed by the remote host"], ConnectionReset),
    says(CONTENT + 2, &["broken pipe"], ConnectionReset),
    says(CONTENT + 2, &["software caused connection abort"], ConnectionReset),
    says(CONTENT, &["client connection lost"], ConnectionReset),
    says(CONTENT, &["client connection force closed"], ConnectionReset),
    says(CONTENT, &["server sent goaway"], ConnectionReset),
    says(CONTENT, &["stream error: stream id"], ConnectionReset),
    says(CONTENT, &["server closed idle connection"], ConnectionReset),
    says(CONTENT, &["use of closed network connection"], ConnectionReset),
    says(CONTENT, &["bad record mac"], ConnectionReset).also(&[ContentCorrupt]),
    says(CONTENT, &["unexpected eof"], ConnectionReset).also(&[ContentCorrupt]),
    says(BODY + 6, &[": eof"], ConnectionReset),
    says(BODY + 4, &["server did not process a range"], ConnectionReset).also(&[ContentCorrupt]),
    says(BODY, &["short read"], ConnectionReset).also(&[ContentCorrupt]),
    says(BODY, &["transport connection broken"], ConnectionReset).likely(),
    says(LABEL, &["connection closed"], ConnectionReset).likely(),
];
