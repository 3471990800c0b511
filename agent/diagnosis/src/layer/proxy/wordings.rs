//! How Go and tools write that a proxy is in the way.
//!
//! A refusal of CONNECT has no words but the status text behind the URL; `message::judge` knows that shape.

use crate::cause::Code::{ProxyDenied, ProxyUnreachable, RuntimeConfigInvalid};
use crate::layer::wordings::{BODY, CONTENT, DECISIVE, SPECIFIC, Wording, says};

/// The proxy's own answer says more than that the way to it failed.
const SOCKS: u8 = DECISIVE + 2;

/// The rows of this layer.
pub(crate) const WORDINGS: &[Wording] = &[
    // x/net and net/http put these before whatever failed on the way to the proxy.
    says(DECISIVE + 1, &["proxyconnect tcp"], ProxyUnreachable).of_pulls(),
    says(DECISIVE + 1, &["socks connect tcp"], ProxyUnreachable),
    // What a SOCKS5 proxy answers, in the words of Go's net/http socks_bundle.go.
    says(SOCKS, &["socks connect tcp", "connection not allowed by ruleset"], ProxyDenied).detail("forbidden"),
    says(SOCKS, &["socks connect tcp", "unknown error command not supported"], ProxyDenied).detail("forbidden"),
    says(SOCKS, &["socks connect tcp", "unknown error address type not supported"], ProxyDenied).detail("forbidden"),
    says(SOCKS, &["socks connect tcp", "general socks server failure"], ProxyDenied).detail("upstreamFailed"),
    says(SOCKS, &["socks connect tcp", "unknown error network unreachable"], ProxyDenied).detail("upstreamFailed"),
    says(SOCKS, &["socks connect tcp", "unknown error host unreachable"], ProxyDenied).detail("upstreamFailed"),
    says(SOCKS, &["socks connect tcp", "unknown error connection refused"], ProxyDenied).detail("upstreamFailed"),
    says(SOCKS, &["socks connect tcp", "unknown error ttl expired"], ProxyDenied).detail("upstreamFailed"),
    says(SOCKS, &["socks connect tcp", "unknown error unknown code"], ProxyDenied).detail("upstreamFailed"),
    says(SOCKS, &["socks connect tcp", "no acceptable authentication methods"], ProxyDenied).detail("authRequired"),
    says(SOCKS, &["socks connect tcp", "unsupported authentication method"], ProxyDenied).detail("authRequired"),
    says(SOCKS, &["socks connect tcp", "invalid username/password"], ProxyDenied).detail("authRequired"),
    says(SOCKS, &["socks connect tcp", "username/password authentication failed"], ProxyDenied).detail("authRequired"),
    says(DECISIVE, &["invalid proxy address"], ProxyUnreachable),
    says(DECISIVE, &["refusing to use http_proxy value in cgi environment"], RuntimeConfigInvalid),
    says(SPECIFIC, &["unable to connect to proxy"], ProxyUnreachable),
    says(DECISIVE, &["407 proxy authentication required"], ProxyDenied).detail("authRequired"),
    says(SPECIFIC + 4, &["proxy authentication required"], ProxyDenied).detail("authRequired"),
    says(SPECIFIC + 4, &["proxy authorization required"], ProxyDenied).detail("authRequired"),
    says(SPECIFIC, &["from proxy after connect"], ProxyDenied),
    says(SPECIFIC, &["tunnel connection failed"], ProxyDenied),
    says(CONTENT, &["cache access denied"], ProxyDenied).detail("forbidden"),
    says(CONTENT, &["err_access_denied"], ProxyDenied).detail("forbidden"),
    says(BODY, &["requested url could not be retrieved"], ProxyDenied).likely(),
];
