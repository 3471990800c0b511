//! HTTP status numbers in texts, and what each means at which stage.

use super::phrases::Stage;
use crate::cause::{Code, Confidence};

/// The status behind a phrase that announces one, and where it ends. The URL between the two is passed over.
pub(super) fn read(rest: &str) -> Option<(u16, usize)> {
    const WORDS: usize = 7;
    let mut end = 0;
    rest.split(' ').take(WORDS).find_map(|word| {
        end += word.len() + 1;
        let digits = word.trim_matches([',', '.', ';', ':', '(', ')', '"', '\'']);
        let status = (digits.len() == 3).then(|| digits.parse().ok()).flatten()?;
        (100..=599).contains(&status).then_some((status, end - 1))
    })
}

/// What it means; `None` where a status does not tell.
pub(super) fn meaning(status: u16, stage: Stage, has_web_page: bool) -> Option<Meaning> {
    let is_token = matches!(stage, Stage::AnonymousToken | Stage::LoginToken | Stage::Token);
    let certain = |code| Some(Meaning { code, detail: None, also: &[], confidence: Confidence::Certain });
    let also = |code, detail, also| Some(Meaning { code, detail, also, confidence: Confidence::Likely });
    match status {
        407 => also(Code::ProxyDenied, Some("authRequired"), &[]),
        429 => certain(Code::RateLimited),
        500..=599 => certain(Code::RegistryUnavailable),
        200..=399 => also(Code::NotARegistry, None, &[]),
        404 if has_web_page => certain(Code::NotARegistry),
        400..=499 if stage == Stage::Blob => also(Code::BlobUnavailable, None, blob_also(status)),
        401 if stage == Stage::LoginToken => certain(Code::CredentialsRejected),
        401 if stage == Stage::Token => also(Code::CredentialsRejected, None, &[Code::CredentialsMissing]),
        401 if is_token => certain(Code::CredentialsMissing),
        401 => {
            const ALSO: &[Code] = &[Code::AccessDenied, Code::CredentialsRejected];
            also(Code::CredentialsMissing, Some("notFoundOrPrivate"), ALSO)
        }
        403 if stage == Stage::LoginToken => also(Code::AccessDenied, None, &[Code::CredentialsRejected]),
        402 | 403 | 412 => also(Code::AccessDenied, None, &[Code::CredentialsMissing]),
        // Google's token service answers so of a repository that is not there.
        404 if is_token => also(Code::NotARegistry, None, &[Code::RepositoryNotFound]),
        404 | 410 if is_token || stage == Stage::Ping => also(Code::NotARegistry, None, &[]),
        404 | 410 => also(Code::TagNotFound, None, &[Code::RepositoryNotFound]),
        451 => also(Code::AccessDenied, Some("sourceAddress"), &[]),
        408 => also(Code::RegistryUnavailable, None, &[Code::ConnectionTimeout]),
        // So an HTTPS port answers plain HTTP too; containerd 1.6 does not tell how it asked.
        _ if status == 400 => also(Code::NotARegistry, None, &[Code::PlaintextRegistry, Code::RegistryUnavailable]),
        400..=499 => also(Code::NotARegistry, None, &[Code::RegistryUnavailable]),
        _ => None,
    }
}

fn blob_also(status: u16) -> &'static [Code] {
    match status {
        401 => &[Code::CredentialsMissing],
        403 => &[Code::AccessDenied],
        _ => &[],
    }
}

/// What a status or a wording means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) code: Code,
    pub(super) detail: Option<&'static str>,
    pub(super) also: &'static [Code],
    pub(super) confidence: Confidence,
}

/// What the proxy says when `rest`, right behind the URL of a request, is a bare status text: Go's transport
/// says no more of an answer to CONNECT (net/http transport.go `dialConn`).
pub(super) fn connect_refusal(rest: &str) -> Option<Meaning> {
    const TEXTS: &[(&str, Option<&str>)] = &[
        ("Proxy Authentication Required", Some("authRequired")),
        ("Proxy Authorization Required", Some("authRequired")),
        ("authenticationrequired", Some("authRequired")),
        ("Forbidden", Some("forbidden")),
        ("Access Denied", Some("forbidden")),
        ("Access denied", Some("forbidden")),
        ("Blocked", Some("forbidden")),
        ("Method Not Allowed", Some("forbidden")),
        ("Not Allowed", Some("forbidden")),
        ("Policy Denied", Some("forbidden")),
        ("Tunnel or SSL Forbidden", Some("forbidden")),
        ("Service Unavailable", Some("upstreamFailed")),
        ("Bad Gateway", Some("upstreamFailed")),
        ("Gateway Timeout", Some("upstreamFailed")),
        ("Gateway Time-out", Some("upstreamFailed")),
        ("Host Not Found", Some("upstreamFailed")),
        ("Internal Server Error", Some("upstreamFailed")),
        ("Bad Request", None),
        ("Not Found", None),
        ("Unauthorized", None),
        ("Too Many Requests", None),
        ("Not Implemented", None),
        ("Moved Permanently", None),
        ("Found", None),
    ];
    let rest = rest.trim_start_matches('"').strip_prefix(':')?.trim_start();
    let (text, detail) = TEXTS.iter().find(|(text, _)| rest.starts_with(text))?;
    let behind = rest[text.len()..].trim_start_matches(['"', '.', '\'']).chars().next();
    matches!(behind, None | Some(' ' | ',' | ')' | ']' | ';' | '}')).then_some(Meaning {
        code: Code::ProxyDenied,
        detail: *detail,
        also: &[],
        confidence: Confidence::Likely,
    })
}

/// What the proxy did to CONNECT when `rest`, right behind the URL of a request, is what Go's HTTP reader says of an
/// answer that is none. Of a registry's answer Go says it behind `HTTP/1.x transport connection broken`, or a bare `EOF`
/// (net/http transport.go `dialConn`, `mapRoundTripError`).
pub(super) fn connect_failure(rest: &str) -> Option<Meaning> {
    let rest = rest.trim_start_matches('"').strip_prefix(':')?.trim_start();
    let also: &[Code] = if rest.starts_with("malformed HTTP ") {
        &[Code::NotARegistry]
    } else if rest.starts_with("unexpected EOF") {
        &[Code::ConnectionReset]
    } else {
        return None;
    };
    Some(Meaning { code: Code::ProxyUnreachable, detail: None, also, confidence: Confidence::Likely })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_behind_a_url() {
        let check = |rest: &str, wanted| assert_eq!(read(rest).map(|(status, _)| status), wanted, "{rest}");
        check(" from HEAD request to https://a.b:443/v2/404/manifests/500: 403 Forbidden", Some(403));
        check(" code [manifests v3]: 502 Bad Gateway", Some(502));
        check("400, \"<?xml", Some(400));
        check(" 429 (Too Many Requests)", Some(429));
        check(": connection refused", None);
    }

    #[test]
    fn a_bare_status_text_behind_a_url_is_the_proxys() {
        let detail = |rest| connect_refusal(rest).and_then(|meaning| meaning.detail);
        assert_eq!(detail("\": Forbidden"), Some("forbidden"));
        assert_eq!(detail(": Proxy Authentication Required\" image=\"x\""), Some("authRequired"));
        assert_eq!(connect_refusal(": 403 Forbidden"), None);
        assert_eq!(connect_refusal(": Unauthorized: x"), None);
    }

    #[test]
    fn what_is_unreadable_right_behind_a_url_came_from_the_proxy() {
        let code = |rest| connect_failure(rest).map(|meaning| meaning.code);
        assert_eq!(code("\": malformed HTTP status code \"no\""), Some(Code::ProxyUnreachable));
        assert_eq!(code("\": unexpected EOF"), Some(Code::ProxyUnreachable));
        assert_eq!(code("\": EOF"), None);
        assert_eq!(code("\": net/http: HTTP/1.x transport connection broken: malformed HTTP version \"\\x00\""), None);
    }
}
