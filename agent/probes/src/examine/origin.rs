//! Where a URL leads: what one connection can serve.

use pullagent_diagnosis::authority::{Scheme, split_authority};
use pullagent_diagnosis::config::proxy_env::{ProxyProtocol, ProxyUrl};

/// Scheme and authority: what one connection serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    /// Host and, unless it is the scheme's own, port.
    pub(super) authority: String,
}

impl Origin {
    /// The origin of a URL; `None` for other schemes than `http` and `https`.
    pub(super) fn of(url: &url::Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return None,
        };
        let host = url.host_str()?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Some(Self { scheme, authority })
    }

    pub(super) fn host(&self) -> &str {
        split_authority(&self.authority).0
    }

    pub(super) fn port(&self) -> u16 {
        split_authority(&self.authority).1.and_then(|p| p.parse().ok()).unwrap_or_else(|| self.scheme.default_port())
    }

    /// Whether requests through this proxy go inside a tunnel: all but plain HTTP through an HTTP proxy (Go net/http
    /// transport.go `dialConn`).
    pub(super) fn is_tunnelled_by(&self, proxy: &ProxyUrl) -> bool {
        self.scheme == Scheme::Https || proxy.protocol() == ProxyProtocol::Socks5
    }

    /// Host and port as CONNECT wants them.
    pub(super) fn target(&self) -> String {
        if split_authority(&self.authority).1.is_some() {
            self.authority.clone()
        } else {
            format!("{}:{}", self.authority, self.scheme.default_port())
        }
    }
}
