//! How Go and tools write that a proxy is in the way.
//!
//! A refusal of CONNECT has no words but the status text behind the URL; `message::judge` knows that shape.

use crate::cause::Code::{ProxyDenied, ProxyUnreachable};
use crate::layer::wordings::{BODY, CONTENT, DECISIVE, SPECIFIC, Wording, says};

/// The rows of this layer.
pub(crate) const WORDINGS: &[Wording] = &[
    // x/net and net/http put these before whatever failed on the way to the proxy.
    says(DECISIVE + 1, &["proxyconnect tcp"], ProxyUnreachable).of_pulls(),
    says(DECISIVE + 1, &["socks connect tcp"], ProxyUnreachable),
    says(DECISIVE, &["invalid proxy address"], ProxyUnreachable),
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
