//! How Go's resolver, libc and tools write that a name did not become an address.
//!
//! What a socket says behind `lookup NAME` (a timeout, a refusal) is the name server's; `message::judge` knows.

use crate::cause::Code::{DnsNameNotFound, DnsServerFailure, DnsTimeout};
use crate::layer::wordings::{CONTENT, SPECIFIC, Wording, says};

/// The rows of this layer.
pub(crate) const WORDINGS: &[Wording] = &[
    says(SPECIFIC, &["no such host"], DnsNameNotFound),
    says(SPECIFIC, &["name or service not known"], DnsNameNotFound),
    says(SPECIFIC, &["no address associated with"], DnsNameNotFound),
    says(SPECIFIC, &["nodename nor servname"], DnsNameNotFound),
    says(SPECIFIC, &["name does not resolve"], DnsNameNotFound),
    says(SPECIFIC, &["no such host is known"], DnsNameNotFound),
    says(CONTENT, &["could not resolve host"], DnsNameNotFound).likely(),
    says(CONTENT, &["nxdomain"], DnsNameNotFound),
    says(SPECIFIC, &["server misbehaving"], DnsServerFailure),
    says(SPECIFIC, &["temporary failure in name resolution"], DnsServerFailure),
    says(SPECIFIC, &["non-recoverable failure in name resolution"], DnsServerFailure),
    says(SPECIFIC, &["cannot unmarshal dns message"], DnsServerFailure),
    says(SPECIFIC, &["lame referral"], DnsServerFailure),
    says(SPECIFIC, &["invalid dns response"], DnsServerFailure),
    says(SPECIFIC, &["no answer from dns server"], DnsServerFailure),
    says(CONTENT, &["lookup ", ": try again"], DnsServerFailure),
    says(CONTENT, &["servfail"], DnsServerFailure),
    // The node's own packet filter drops what goes to the name server.
    says(CONTENT, &["write udp ", "operation not permitted"], DnsServerFailure),
    says(SPECIFIC, &[":53: i/o timeout"], DnsTimeout),
    says(CONTENT, &["resolving timed out"], DnsTimeout),
];
