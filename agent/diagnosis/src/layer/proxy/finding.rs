//! What goes wrong between the node and the proxy, or by the proxy's word.

use super::{ProxyEvidence, ProxyOutcome};
use crate::authority::split_authority;
use crate::cause::{Code, Confidence};
use crate::evidence::Hop;
use crate::finding::Finding;
use crate::layer::transport::StreamFailure;
use crate::layer::{dns, tls, transport};

/// The cause that a failing proxy is; `None` while the tunnel stands or was not tried.
pub fn finding(hop: &Hop) -> Option<Finding> {
    let on_the_way = dns::finding(hop).or_else(|| transport::finding(hop));
    if let Some(broken) = on_the_way {
        let finding = unreachable(hop, &of_the_proxy(hop, &broken.summary));
        return Some(finding.at_most(broken.confidence));
    }
    let proxy = hop.proxy.as_ref()?;
    match &proxy.outcome {
        ProxyOutcome::Ok | ProxyOutcome::Unsupported { .. } => None,
        ProxyOutcome::Denied { reason } => Some(denied(hop, proxy, reason)),
        ProxyOutcome::TlsFailed => {
            let why = proxy.tls.as_ref().and_then(tls::in_words).unwrap_or_default();
            Some(unreachable(hop, &format!("TLS to it fails: {why}")))
        }
        ProxyOutcome::Broken { failure: StreamFailure::Timeout } => {
            Some(unreachable(hop, "it takes CONNECT and does not answer").at_most(Confidence::Likely))
        }
        ProxyOutcome::Broken { failure } => Some(unreachable(
            hop,
            &match failure {
                StreamFailure::Reset => "it resets the connection in place of an answer to CONNECT".to_owned(),
                StreamFailure::Failed { why } => format!("the connection breaks before an answer to CONNECT: {why}"),
                StreamFailure::Closed | StreamFailure::Timeout => {
                    "it closes the connection in place of an answer to CONNECT".to_owned()
                }
            },
        )),
        ProxyOutcome::NotHttp => Some(unreachable(hop, "what answers there does not speak HTTP")),
    }
}

/// A sentence about the host, whose name and connection are the proxy's here, as one about the proxy.
fn of_the_proxy(hop: &Hop, summary: &str) -> String {
    summary.replace(&hop.name(), "it").replace(&hop.name_without_port(), "it")
}

fn unreachable(hop: &Hop, why: &str) -> Finding {
    Finding::new(Code::ProxyUnreachable, format!("the proxy {} for {} does not work: {why}", hop.via, hop.name()))
        .at(&hop.host)
        .fix(format!(
            "mend the proxy, correct {}, or add {} to NO_PROXY if it is reached directly; then restart the runtime",
            hop.route,
            split_authority(&hop.host).0
        ))
}

fn denied(hop: &Hop, proxy: &ProxyEvidence, reason: &str) -> Finding {
    let status = proxy.status.unwrap_or_default();
    let detail = match status {
        407 => "authRequired",
        502..=504 => "upstreamFailed",
        _ => "forbidden",
    };
    let said = if reason.is_empty() { String::new() } else { format!(". The proxy said: \"{reason}\"") };
    let finding = Finding::new(
        Code::ProxyDenied,
        format!("the proxy {} answers {status} to CONNECT {}{said}", hop.via, hop.host),
    )
    .detail(detail)
    .at(&hop.host);
    match detail {
        "authRequired" => {
            finding.fix(format!("give the runtime a proxy login in {}, percent-encoded, and restart it", hop.route))
        }
        "upstreamFailed" => finding.fix(format!("find out why the proxy cannot reach {}", hop.host)),
        _ => finding.fix(format!(
            "let the proxy allow CONNECT to {}, or add it to NO_PROXY if it is reached directly",
            hop.host
        )),
    }
}
