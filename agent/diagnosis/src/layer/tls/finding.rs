//! What a handshake means.

use jiff::Timestamp;

use super::{CertificateFault, TlsEvidence, TlsOutcome, authority};
use crate::authority::split_authority;
use crate::cause::{Code, Confidence, Severity};
use crate::evidence::{ClockSample, Hop};
use crate::finding::Finding;
use crate::layer::proxy::with_other_way;
use crate::layer::transport;
use crate::plan::TrustPlace;
use crate::text::duration_in_words;

/// How far two clocks may differ before it is worth saying, in seconds.
const CLOCK_TOLERANCE: i64 = 60;

/// The cause that a failed handshake is; `None` while it stands or was not tried. `clocks` tells whether a certificate
/// or this node's clock is to blame, `trusted_by` where this node could be given another authority for the host.
pub fn finding(hop: &Hop, clocks: &[ClockSample], trusted_by: Option<&TrustPlace>) -> Option<Finding> {
    let tls = hop.tls.as_ref()?;
    let who = hop.name();
    let finding = match &tls.outcome {
        TlsOutcome::Ok { .. } => return None,
        TlsOutcome::CertificateRefused { fault, .. } => refused(hop, tls, fault, clocks, trusted_by),
        TlsOutcome::Timeout => Finding::new(
            Code::TlsHandshakeTimeout,
            format!(
                "{who} accepts the connection and never answers the TLS handshake ({:.1} s)",
                f64::from(tls.ms) / 1000.0
            ),
        )
        .at_most(Confidence::Likely)
        .fix("look for a firewall that swallows TLS, or a path with a smaller MTU than the node's interface"),
        TlsOutcome::Broken { failure } => transport::broken(hop, failure, transport::Moment::Handshake),
        TlsOutcome::Alert { name } => alert(hop, name),
        TlsOutcome::Plaintext => {
            Finding::new(Code::PlaintextRegistry, format!("{who} speaks plain HTTP where HTTPS is expected")).fix(
                format!("serve TLS there, or declare `http://{}` in the runtime's registry configuration", hop.host),
            )
        }
        TlsOutcome::NotTls { starts } => Finding::new(
            Code::TlsHandshakeFailure,
            format!("{who} speaks neither TLS nor HTTP; its first bytes are \"{starts}\""),
        )
        .fix("correct the port: another service answers there"),
        TlsOutcome::Failed { why } => {
            Finding::new(Code::TlsHandshakeFailure, format!("no TLS with {who} is possible: {why}"))
                .fix("let the server offer TLS 1.2 or later with a modern cipher")
        }
    };
    Some(with_other_way(finding.at(&hop.host), hop))
}

/// What went wrong in a handshake, in a few words, for a sentence about something else; `None` while it stands.
pub fn in_words(tls: &TlsEvidence) -> Option<String> {
    Some(match &tls.outcome {
        TlsOutcome::Ok { .. } => return None,
        TlsOutcome::CertificateRefused { fault, .. } => fault_in_words(fault),
        TlsOutcome::Timeout => "the handshake never ends".to_owned(),
        TlsOutcome::Broken { .. } => "the connection breaks in the handshake".to_owned(),
        TlsOutcome::Alert { name } => format!("alert {name}"),
        TlsOutcome::Plaintext => "it speaks plain HTTP".to_owned(),
        TlsOutcome::NotTls { .. } => "it does not speak TLS".to_owned(),
        TlsOutcome::Failed { why } => why.clone(),
    })
}

/// The cause that a fatal alert of the peer is.
pub fn alert(hop: &Hop, name: &str) -> Finding {
    let finding =
        Finding::new(Code::TlsHandshakeFailure, format!("{} ends the TLS handshake with the alert {name}", hop.name()));
    match name {
        "certificate_required" | "bad_certificate" | "certificate_unknown" | "access_denied" => {
            finding.fix("give the runtime the client certificate and key that this registry asks for")
        }
        "unrecognized_name" => {
            finding.fix("the server does not know this host name: correct the name, or the server's configuration")
        }
        "protocol_version" => finding.fix("let the server offer TLS 1.2 or later"),
        _ => finding.fix("let the server offer TLS 1.2 or later with a modern cipher, and look at its log"),
    }
}

fn fault_in_words(fault: &CertificateFault) -> String {
    match fault {
        CertificateFault::Expired { not_after, .. } => format!("its certificate expired on {}", day(*not_after)),
        CertificateFault::NotYetValid { not_before, .. } => format!("its certificate is not valid before {not_before}"),
        CertificateFault::NameMismatch { wanted, .. } => format!("its certificate is not for {wanted}"),
        CertificateFault::UnknownAuthority { issuer, .. } => {
            format!("its certificate is issued by \"{issuer}\", which this node does not trust")
        }
        CertificateFault::Unsuitable { why } => format!("its certificate is refused: {why}"),
    }
}

fn refused(
    hop: &Hop,
    tls: &TlsEvidence,
    fault: &CertificateFault,
    clocks: &[ClockSample],
    trusted_by: Option<&TrustPlace>,
) -> Finding {
    let who = hop.name();
    match fault {
        CertificateFault::Expired { not_after, now, .. } => match right_clock(tls, fault, clocks) {
            Some(clock) => node_clock(&who, clock, *now),
            None => Finding::new(
                Code::TlsCertificateExpired,
                format!("the certificate of {who} expired on {}", day(*not_after)),
            )
            .fix("renew the certificate on the server")
            .run(
                "see it",
                &["openssl", "s_client", "-connect", &with_port(hop), "-servername", split_authority(&hop.host).0],
            ),
        },
        CertificateFault::NotYetValid { not_before, now, .. } => match right_clock(tls, fault, clocks) {
            Some(clock) => node_clock(&who, clock, *now),
            None => Finding::new(
                Code::TlsNotYetValid,
                format!("the certificate of {who} is not valid before {not_before}"),
            )
            .at_most(certainty(clocks))
            .fix(
                "compare this node's clock with others; if it is right, let the registry's certificate be issued anew",
            ),
        },
        CertificateFault::NameMismatch { wanted, names } => {
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            Finding::new(
                Code::TlsHostnameMismatch,
                format!("the certificate of {who} is for {names}, not for {wanted}"),
            )
            .fix(format!("let the server's certificate name {wanted}, or use a name that it has"))
        }
        CertificateFault::UnknownAuthority { issuer, chain } => authority::unknown(hop, issuer, *chain, trusted_by),
        CertificateFault::Unsuitable { why } => {
            Finding::new(Code::TlsUnknownAuthority, format!("the certificate of {who} is refused: {why}")).fix(
                "let the registry's certificate be issued anew, for server authentication and with a strong signature",
            )
        }
    }
}

fn node_clock(who: &str, clock: &ClockSample, now: Timestamp) -> Finding {
    let apart = span_in_words(now.as_second() - clock.theirs.as_second());
    Finding::new(
        Code::NodeClockWrong,
        format!(
            "this node's clock is {apart}: by it the certificate of {who} is not valid, by the clock of {} it is",
            clock.host
        ),
    )
    .run("set the clock, and let it be kept", &["timedatectl", "set-ntp", "true"])
}

/// A clock by which the certificate is valid, if it differs from ours.
fn right_clock<'a>(tls: &TlsEvidence, fault: &CertificateFault, clocks: &'a [ClockSample]) -> Option<&'a ClockSample> {
    let (CertificateFault::Expired { subject, .. } | CertificateFault::NotYetValid { subject, .. }) = fault else {
        return None;
    };
    let facts = tls.chain.iter().find(|c| &c.subject == subject).or(tls.chain.first())?;
    clocks.iter().filter(|c| is_apart(c)).find(|c| facts.not_before <= c.theirs && c.theirs <= facts.not_after)
}

/// A certificate from the future is blamed for certain only when another clock agreed with ours: clocks that were lost
/// start in the past.
fn certainty(clocks: &[ClockSample]) -> Confidence {
    if clocks.iter().any(|c| !is_apart(c)) { Confidence::Certain } else { Confidence::Likely }
}

fn is_apart(clock: &ClockSample) -> bool {
    (clock.ours.as_second() - clock.theirs.as_second()).abs() > CLOCK_TOLERANCE
}

/// A warning when this node's clock differs from those of others.
pub fn clock_skew(clocks: &[ClockSample]) -> Option<Finding> {
    let clock = clocks.iter().find(|c| is_apart(c))?;
    // One clock that agrees with ours is enough to suspect the other one.
    if clocks.iter().any(|c| !is_apart(c)) {
        return None;
    }
    let apart = span_in_words(clock.ours.as_second() - clock.theirs.as_second());
    Some(
        Finding::new(Code::ClockSkew, format!("this node's clock is {apart} by the clock of {}", clock.host))
            .run("set the clock, and let it be kept", &["timedatectl", "set-ntp", "true"]),
    )
}

/// A warning when a certificate of the chain ends soon: within 14 days, or the last fifth of its lifetime if that is less.
pub fn expiring(hop: &Hop, now: Timestamp) -> Option<Finding> {
    let tls = hop.tls.as_ref().filter(|tls| matches!(tls.outcome, TlsOutcome::Ok { .. }))?;
    let leaf = tls.chain.first()?;
    let lifetime = leaf.not_after.as_second() - leaf.not_before.as_second();
    let left = leaf.not_after.as_second() - now.as_second();
    if left < 0 || left > (14 * 86_400).min(lifetime / 5) {
        return None;
    }
    let summary = format!(
        "the certificate of {} expires on {}, in {}",
        hop.name(),
        day(leaf.not_after),
        duration_in_words(left.unsigned_abs())
    );
    Some(Finding::new(Code::CertificateExpiring, summary).at(&hop.host).fix("renew the certificate on the server"))
}

/// What else is wrong with a certificate that was refused, or would be with one that is not verified; as one note.
pub fn further(hop: &Hop) -> Option<Finding> {
    let (faults, severity) = match &hop.tls.as_ref()?.outcome {
        TlsOutcome::CertificateRefused { further, .. } => (further, Severity::Warning),
        TlsOutcome::Ok { overlooked, .. } => (overlooked, Severity::Info),
        _ => return None,
    };
    let words = faults.iter().map(fault_in_words).collect::<Vec<_>>().join("; ");
    let first = faults.first()?;
    let code = match first {
        CertificateFault::Expired { .. } => Code::TlsCertificateExpired,
        CertificateFault::NotYetValid { .. } => Code::TlsNotYetValid,
        CertificateFault::NameMismatch { .. } => Code::TlsHostnameMismatch,
        CertificateFault::UnknownAuthority { .. } | CertificateFault::Unsuitable { .. } => Code::TlsUnknownAuthority,
    };
    let (summary, fix) = if severity == Severity::Info {
        let summary =
            format!("{} is not verified by this node's configuration, and would be refused: {words}", hop.name());
        (summary, "give it a certificate that can be verified before another node has to")
    } else {
        (format!("there is more to mend at {}: {words}", hop.name()), "mend it together with the cause")
    };
    Some(Finding::new(code, summary).at(&hop.host).severity(severity).fix(fix))
}

fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// `ahead` and `behind` are ours against theirs.
fn span_in_words(seconds: i64) -> String {
    format!("{} {}", duration_in_words(seconds.unsigned_abs()), if seconds > 0 { "ahead" } else { "behind" })
}

/// Host and port, as `openssl` wants them.
pub(super) fn with_port(hop: &Hop) -> String {
    let port = hop.connect.as_ref().filter(|_| hop.via == "direct").map_or(443, |c| c.port);
    if split_authority(&hop.host).1.is_some() { hop.host.clone() } else { format!("{}:{port}", hop.host) }
}
