//! One hop in short words: what each phase came to, and whether it is well.

use crate::evidence::Hop;
use crate::layer::dns::{DnsAnswer, DnsOutcome, ServerFault};
use crate::layer::proxy::{ProxyEvidence, ProxyOutcome, SocksReply};
use crate::layer::registry::{HttpEvidence, HttpOutcome};
use crate::layer::tls::{CertificateFault, TlsOutcome};
use crate::layer::transport::{ConnectOutcome, StreamFailure};

/// One phase of talking to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// `DNS`, `TCP`, `Proxy`, `TLS` or `HTTP`.
    pub name: &'static str,
    /// What it came to.
    pub word: String,
    /// Whether that is as it should be.
    pub state: State,
    /// How long it took, in milliseconds.
    pub ms: u32,
}

/// How a phase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Well,
    /// Not so.
    Broken,
    /// Not looked at, or there is no such phase on this way.
    Absent,
}

/// The phases of a hop in their order. All five are always there.
pub fn phases(hop: &Hop) -> [Phase; 5] {
    let plain = hop.tls.is_none() && hop.http.is_some() && hop.url.starts_with("http://");
    [
        phase("DNS", hop.dns.as_ref().map(|d| (resolution(&d.outcome), d.ms))),
        phase("TCP", hop.connect.as_ref().map(|c| (connection(&c.outcome), c.ms))),
        phase("Proxy", hop.proxy.as_ref().map(|p| (tunnel(p), p.ms))),
        match &hop.tls {
            None if plain => Phase { name: "TLS", word: "plain".to_owned(), state: State::Absent, ms: 0 },
            tls => phase("TLS", tls.as_ref().map(|t| (handshake(&t.outcome), t.ms))),
        },
        phase("HTTP", hop.http.as_ref().map(|h| (exchange(h), h.ms))),
    ]
}

/// The first phase that is not as it should be.
pub fn broken(hop: &Hop) -> Option<Phase> {
    phases(hop).into_iter().find(|phase| phase.state == State::Broken)
}

/// Whether the host was reached and nothing was wrong with it.
pub fn is_well(hop: &Hop) -> bool {
    hop.http.is_some() && broken(hop).is_none()
}

/// Milliseconds spent on the host, one phase after the other.
pub fn total_ms(hop: &Hop) -> u32 {
    phases(hop).iter().fold(0, |sum, phase| sum.saturating_add(phase.ms))
}

type Seen = (String, State);

fn phase(name: &'static str, seen: Option<(Seen, u32)>) -> Phase {
    let ((word, state), ms) = seen.unwrap_or_else(|| (absent(), 0));
    Phase { name, word, state, ms }
}

fn well() -> Seen {
    ("ok".to_owned(), State::Well)
}

fn absent() -> Seen {
    ("-".to_owned(), State::Absent)
}

fn bad(word: &str) -> Seen {
    (word.to_owned(), State::Broken)
}

fn resolution(outcome: &DnsOutcome) -> Seen {
    match outcome {
        DnsOutcome::Ok { .. } => well(),
        DnsOutcome::NameNotFound => bad("no such host"),
        DnsOutcome::ServerFailure { fault, .. } => bad(match fault {
            ServerFault::ServFail => "SERVFAIL",
            ServerFault::Refused => "REFUSED",
            ServerFault::Unusable { .. } => "unusable",
            ServerFault::Unreachable { .. } => "unreachable",
        }),
        DnsOutcome::Timeout => bad("timeout"),
    }
}

/// What one name server said.
pub(super) fn name_server(answer: &DnsAnswer) -> &'static str {
    match answer {
        DnsAnswer::Ok { .. } => "ok",
        DnsAnswer::NoSuchName => "no such host",
        DnsAnswer::NoAddress => "no address",
        DnsAnswer::ServFail => "SERVFAIL",
        DnsAnswer::Refused => "REFUSED",
        DnsAnswer::Unusable { .. } => "unusable",
        DnsAnswer::Unreachable { .. } => "unreachable",
        DnsAnswer::Timeout => "timeout",
        DnsAnswer::NotWaitedFor => "not waited for",
    }
}

/// What became of one connection attempt.
pub(super) fn connection(outcome: &ConnectOutcome) -> Seen {
    match outcome {
        ConnectOutcome::Ok => well(),
        ConnectOutcome::Refused => bad("refused"),
        ConnectOutcome::Timeout => bad("timeout"),
        ConnectOutcome::Unreachable { .. } => bad("unreachable"),
        ConnectOutcome::Reset => bad("reset"),
        ConnectOutcome::Failed { .. } => bad("failed"),
        ConnectOutcome::NotWaitedFor => absent(),
        ConnectOutcome::NotContacted { .. } => ("not contacted".to_owned(), State::Absent),
    }
}

fn tunnel(proxy: &ProxyEvidence) -> Seen {
    match &proxy.outcome {
        ProxyOutcome::Ok => well(),
        ProxyOutcome::TlsFailed => bad("TLS"),
        ProxyOutcome::Denied { .. } => {
            proxy.status.map_or_else(|| bad("denied"), |status| (status.to_string(), State::Broken))
        }
        ProxyOutcome::Broken { failure } => bad(stream(failure)),
        ProxyOutcome::NotHttp => bad("not HTTP"),
        ProxyOutcome::SocksRefused { reply } => bad(match reply {
            SocksReply::NotAllowed => "not allowed",
            SocksReply::NetworkUnreachable | SocksReply::HostUnreachable => "unreachable",
            SocksReply::ConnectionRefused => "refused",
            SocksReply::TtlExpired => "timeout",
            SocksReply::GeneralFailure
            | SocksReply::CommandNotSupported
            | SocksReply::AddressTypeNotSupported
            | SocksReply::Unassigned { .. } => "denied",
        }),
        ProxyOutcome::SocksLogin { .. } => bad("login"),
        ProxyOutcome::NotSocks => bad("not SOCKS"),
        ProxyOutcome::NoPort => bad("no port"),
        ProxyOutcome::CgiRefused => bad("not used"),
    }
}

/// How a handshake ended.
pub(super) fn handshake(outcome: &TlsOutcome) -> Seen {
    match outcome {
        TlsOutcome::Ok { verified: true, .. } => well(),
        TlsOutcome::Ok { verified: false, .. } => ("unverified".to_owned(), State::Well),
        TlsOutcome::CertificateRefused { fault, .. } => bad(match fault {
            CertificateFault::Expired { .. } => "expired",
            CertificateFault::NotYetValid { .. } => "not yet valid",
            CertificateFault::NameMismatch { .. } => "wrong name",
            CertificateFault::UnknownAuthority { .. } => "untrusted",
            CertificateFault::Unsuitable { .. } => "unsuitable",
        }),
        TlsOutcome::Timeout => bad("timeout"),
        TlsOutcome::Broken { failure } => bad(stream(failure)),
        TlsOutcome::Alert { .. } => bad("alert"),
        TlsOutcome::Plaintext => bad("plain HTTP"),
        TlsOutcome::NotTls { .. } => bad("not TLS"),
        TlsOutcome::Failed { .. } => bad("failed"),
    }
}

fn exchange(http: &HttpEvidence) -> Seen {
    match (http.outcome, http.status) {
        (HttpOutcome::Ok, Some(status)) => {
            (status.to_string(), if (200..400).contains(&status) { State::Well } else { State::Broken })
        }
        // A redirect that leads nowhere leaves no status of its own.
        (HttpOutcome::Ok, None) => bad("redirect"),
        (HttpOutcome::Broken, _) => bad("broken"),
        (HttpOutcome::Timeout, _) => bad("timeout"),
        (HttpOutcome::TlsAlert, _) => bad("TLS alert"),
        (HttpOutcome::NotHttp, _) => bad("not HTTP"),
        (HttpOutcome::Corrupt, _) => bad("corrupt"),
    }
}

fn stream(failure: &StreamFailure) -> &'static str {
    match failure {
        StreamFailure::Reset => "reset",
        StreamFailure::Closed => "closed",
        StreamFailure::Timeout => "timeout",
        StreamFailure::Failed { .. } => "failed",
    }
}
