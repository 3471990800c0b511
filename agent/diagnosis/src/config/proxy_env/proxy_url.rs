//! The URL of a proxy: what is dialled, and the login that must not be shown.
//!
//! Copied rules: golang.org/x/net http/httpproxy/proxy.go `parseProxy`; Go's net/http transport.go `canonicalAddr`,
//! `dialConn`, `proxyAuth`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::no_proxy::ascii_host;
use crate::config::go_url::{GoUrl, GoUrlError, UserInfo};
use crate::secret::Secret;

/// A proxy. Display, Debug and serde show `scheme://host:port` only.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Box<GoUrl>);

/// The login for a proxy, decoded; a missing password is an empty one.
pub type ProxyCredentials = UserInfo;

/// How Go's transport talks to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// Plain HTTP: CONNECT for https URLs. Also what Go does with a scheme it does not know.
    Http,
    /// The same inside TLS to the proxy.
    Https,
    /// SOCKS5; the proxy resolves the name, for `socks5` and `socks5h` alike.
    Socks5,
}

impl ProxyUrl {
    /// `parseProxy`: a value without scheme or host is tried once more behind `http://`.
    pub fn parse(value: &str) -> Result<Self, GoUrlError> {
        let first = GoUrl::parse(value);
        match &first {
            Ok(url) if !url.scheme().is_empty() && !url.host().is_empty() => {}
            _ => {
                if let Ok(url) = GoUrl::parse(&format!("http://{value}")) {
                    return Ok(Self(url.into()));
                }
            }
        }
        first.map(Box::new).map(Self)
    }

    /// The scheme in lower case; may be one that Go does not know.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// How the proxy is spoken to.
    pub fn protocol(&self) -> ProxyProtocol {
        match self.0.scheme() {
            "https" => ProxyProtocol::Https,
            "socks5" | "socks5h" => ProxyProtocol::Socks5,
            _ => ProxyProtocol::Http,
        }
    }

    /// The name or address that is dialled, IPv6 without brackets. Empty for a broken value, where Go dials this node.
    ///
    /// Show it only if [`Self::is_hidden`] is false.
    pub fn host(&self) -> String {
        ascii_host(&self.0.hostname()).into_owned()
    }

    /// The port that is dialled; `None` where Go has none to dial: no port and an unknown scheme, or above 65535.
    pub fn port(&self) -> Option<u16> {
        match (&*self.0.port(), self.0.scheme()) {
            ("", "http") => Some(80),
            ("", "https") => Some(443),
            ("", "socks5" | "socks5h") => Some(1080),
            ("", _) => None,
            (digits, _) => digits.parse().ok(),
        }
    }

    /// An unescaped `/`, `?` or `#` in the password has cut the value: host and port are really the user name and the
    /// beginning of the password, and are not shown.
    pub fn is_cut_short(&self) -> bool {
        self.0.has_at_sign_after_host()
    }

    /// Host and port are not shown, and nobody may show them: they may be the user name and the beginning of the
    /// password.
    pub fn is_hidden(&self) -> bool {
        // After a second try the host is the value's scheme, which is no secret and tells what happened.
        self.is_cut_short() && !matches!(&*self.0.host(), "" | "http:" | "https:" | "socks5:" | "socks5h:")
    }

    /// User name and password, for SOCKS5.
    pub fn credentials(&self) -> Option<&Secret<ProxyCredentials>> {
        self.0.user()
    }

    /// The value of the Proxy-Authorization header; Go sends it whenever the URL has user info, even if that is empty.
    pub fn authorization(&self) -> Option<Secret<String>> {
        let user = self.0.user()?.expose();
        let login = [&user.username, b":".as_slice(), user.password.as_deref().unwrap_or_default()].concat();
        Some(format!("Basic {}", STANDARD.encode(login)).into())
    }

    /// Everything, as Go's `URL.String` prints it.
    pub fn full_text(&self) -> Secret<String> {
        self.0.full_text()
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a host (`user:password/more@host`) even the scheme may be the user name: say what Go makes of it.
        let scheme = match self.protocol() {
            _ if !self.0.host().is_empty() => self.0.scheme(),
            ProxyProtocol::Http => "http",
            ProxyProtocol::Https => "https",
            ProxyProtocol::Socks5 => "socks5",
        };
        if self.is_hidden() {
            return write!(f, "{scheme}://***");
        }
        write!(f, "{scheme}://{}", self.0.escaped_host())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

impl Serialize for ProxyUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads what Serialize wrote; that is a URL already, so there is no second try.
impl<'de> Deserialize<'de> for ProxyUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        GoUrl::parse(&String::deserialize(deserializer)?).map(Box::new).map(Self).map_err(serde::de::Error::custom)
    }
}
