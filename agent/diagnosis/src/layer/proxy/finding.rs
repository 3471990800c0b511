//! What goes wrong between the node and the proxy, or by the proxy's word.

use super::{OtherWayOutcome, ProxyEvidence, ProxyOutcome, SocksLogin, SocksReply, with_other_way};
use crate::authority::split_authority;
use crate::cause::{Code, Confidence};
use crate::evidence::Hop;
use crate::finding::Finding;
use crate::layer::transport::StreamFailure;
use crate::layer::{dns, tls, transport};

/// The schemes that Go knows; to a proxy of any other it speaks plain HTTP (net/http transport.go `dialConn`).
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// How the name of a proxy ends whose host may be the beginning of its login.
const HIDDEN: &str = "://***";

/// The cause that a failing proxy is; `None` while the tunnel stands or was not tried.
pub fn finding(hop: &Hop) -> Option<Finding> {
    Some(with_other_way(broken(hop)?, hop))
}

fn broken(hop: &Hop) -> Option<Finding> {
    let on_the_way = dns::finding(hop).or_else(|| transport::finding(hop));
    if let Some(broken) = on_the_way {
        let finding = unreachable(hop, &of_the_proxy(hop, &broken.summary));
        return Some(finding.at_most(broken.confidence));
    }
    let proxy = hop.proxy.as_ref()?;
    Some(match &proxy.outcome {
        ProxyOutcome::Ok => return None,
        ProxyOutcome::Denied { reason } => denied(hop, proxy, reason),
        ProxyOutcome::SocksRefused { reply } => socks_refused(hop, *reply),
        ProxyOutcome::SocksLogin { login } => socks_login(hop, *login),
        ProxyOutcome::TlsFailed => {
            let why = proxy.tls.as_ref().and_then(tls::in_words).unwrap_or_default();
            unreachable(hop, &format!("TLS to it fails: {why}"))
        }
        ProxyOutcome::Broken { failure: StreamFailure::Timeout } => {
            unreachable(hop, "it takes CONNECT and does not answer").at_most(Confidence::Likely)
        }
        ProxyOutcome::Broken { failure } => unreachable(
            hop,
            &match failure {
                StreamFailure::Reset => "it resets the connection in place of an answer to CONNECT".to_owned(),
                StreamFailure::Failed { why } => format!("the connection breaks before an answer to CONNECT: {why}"),
                StreamFailure::Closed | StreamFailure::Timeout => {
                    "it closes the connection in place of an answer to CONNECT".to_owned()
                }
            },
        ),
        ProxyOutcome::NotHttp => unreachable(hop, "what answers there does not speak HTTP"),
        ProxyOutcome::NotSocks => unreachable(hop, "what answers there does not speak SOCKS5"),
        ProxyOutcome::NoPort => unreachable(hop, "its URL has no port that could be dialled"),
        ProxyOutcome::CgiRefused => Finding::new(
            Code::RuntimeConfigInvalid,
            format!(
                "the runtime refuses the proxy {} for {}: REQUEST_METHOD is set in its environment, as for a CGI program",
                hop.via,
                hop.name()
            ),
        )
        .at(&hop.host)
        .fix("take REQUEST_METHOD out of the runtime's environment and restart the runtime"),
    })
}

/// A sentence about the host, whose name and connection are the proxy's here, as one about the proxy.
fn of_the_proxy(hop: &Hop, summary: &str) -> String {
    summary.replace(&hop.name(), "it").replace(&hop.name_without_port(), "it")
}

fn unreachable(hop: &Hop, why: &str) -> Finding {
    if hop.via.ends_with(HIDDEN) {
        let summary = format!(
            "the proxy for {} does not work: an unescaped `/`, `?` or `#` before an `@` cuts the URL in {} short",
            hop.name(),
            hop.route
        );
        let finding = Finding::new(Code::ProxyUnreachable, summary).at(&hop.host).at_most(Confidence::Likely);
        return finding.fix(format!("percent-encode the password in {} and restart the runtime", hop.route));
    }
    let scheme = hop.via.split("://").next().unwrap_or_default();
    let spoken = if SCHEMES.contains(&scheme) {
        String::new()
    } else {
        format!("; `{scheme}` is no scheme that the runtime knows, so it speaks plain HTTP to it")
    };
    let summary = format!("the proxy {} for {} does not work: {why}{spoken}", hop.via, hop.name());
    Finding::new(Code::ProxyUnreachable, summary).at(&hop.host).fix(format!(
        "mend the proxy, or correct {}{}; then restart the runtime",
        hop.route,
        past_the_proxy(hop)
    ))
}

fn denied(hop: &Hop, proxy: &ProxyEvidence, reason: &str) -> Finding {
    let status = proxy.status.unwrap_or_default();
    let detail = match status {
        407 => "authRequired",
        502..=504 => "upstreamFailed",
        _ => "forbidden",
    };
    let reason = crate::message::quote(reason).replace('"', "'");
    let said = if reason.is_empty() { String::new() } else { format!(". The proxy said: \"{reason}\"") };
    refusal(hop, detail, format!("the proxy {} answers {status} to CONNECT {}{said}", hop.via, hop.host))
}

fn socks_refused(hop: &Hop, reply: SocksReply) -> Finding {
    let (detail, words) = match reply {
        SocksReply::NotAllowed => ("forbidden", "that its rules do not allow the connection"),
        SocksReply::CommandNotSupported => ("forbidden", "that it makes no connections"),
        SocksReply::AddressTypeNotSupported => ("forbidden", "that it does not take this kind of address"),
        SocksReply::GeneralFailure => ("upstreamFailed", "that it failed, and not how"),
        SocksReply::NetworkUnreachable => ("upstreamFailed", "that it has no route to the network"),
        SocksReply::HostUnreachable => ("upstreamFailed", "that it cannot reach the host"),
        SocksReply::ConnectionRefused => ("upstreamFailed", "that the host refuses the connection"),
        SocksReply::TtlExpired => ("upstreamFailed", "that the host does not answer in time"),
        SocksReply::Unassigned { number } => {
            let summary =
                format!("the proxy {} answers CONNECT {} with the unknown number {number}", hop.via, hop.host);
            return refusal(hop, "upstreamFailed", summary);
        }
    };
    refusal(hop, detail, format!("the proxy {} says to CONNECT {} {words}", hop.via, hop.host))
}

fn socks_login(hop: &Hop, login: SocksLogin) -> Finding {
    let via = &hop.via;
    let summary = match login {
        SocksLogin::Missing => format!("the proxy {via} wants a login, and {} has none", hop.route),
        SocksLogin::Rejected => format!("the proxy {via} refuses the login in {}", hop.route),
        SocksLogin::NoCommonMethod => format!("the proxy {via} wants another kind of login than user and password"),
        SocksLogin::Unsendable => {
            format!(
                "the proxy {via} wants a login, and that in {} cannot be sent: empty, or more than 255 bytes",
                hop.route
            )
        }
    };
    refusal(hop, "authRequired", summary)
}

fn refusal(hop: &Hop, detail: &'static str, summary: String) -> Finding {
    let finding = Finding::new(Code::ProxyDenied, summary).detail(detail).at(&hop.host);
    match detail {
        "authRequired" => {
            finding.fix(format!("give the runtime a proxy login in {}, percent-encoded, and restart it", hop.route))
        }
        "upstreamFailed" => finding.fix(format!("find out why the proxy cannot reach {}", hop.host)),
        _ => finding.fix(format!("let the proxy allow CONNECT to {}{}", hop.host, past_the_proxy(hop))),
    }
}

/// The end of a remedy: the exception, unless it was tried and leads nowhere, or is advised already.
fn past_the_proxy(hop: &Hop) -> String {
    match hop.other_way.as_ref().map(|way| way.outcome) {
        None | Some(OtherWayOutcome::NotWaitedFor) => {
            format!(", or add {} to NO_PROXY if it is reached directly", split_authority(&hop.host).0)
        }
        Some(OtherWayOutcome::Works) => String::new(),
        Some(_) => " (without the proxy this node does not reach it)".to_owned(),
    }
}
