//! Which proxy a Go process uses for a URL, by its environment.
//!
//! A value made from name and value pairs; whose environment it is, and whether it could be read, is the caller's
//! business. Copied rules: golang.org/x/net http/httpproxy/proxy.go and Go's net/http transport.go.

mod no_proxy;
mod other_route;
mod proxy_url;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::no_proxy::NoProxy;
pub use self::other_route::OtherRoute;
pub use self::proxy_url::{ProxyCredentials, ProxyProtocol, ProxyUrl};
use crate::config::go_url::{GoUrl, parse_ip};

const VARIABLES: [&str; 7] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"];

/// The proxy settings of one process, as it read them at its first request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyEnv {
    /// For https URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<ProxySetting>,
    /// For http URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<ProxySetting>,
    /// The exceptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<NoProxy>,
    /// `REQUEST_METHOD` is set, so that Go takes itself for a CGI program and refuses the proxy for http URLs.
    #[serde(default)]
    pub cgi: bool,
    /// Variables that Go drops without a word, so that every request of that scheme goes direct.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<IgnoredProxy>,
}

/// A proxy and the variable it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxySetting {
    /// As it is spelled in the environment: `HTTPS_PROXY` or `https_proxy`.
    pub variable: String,
    /// The proxy; serialised without credentials.
    pub url: ProxyUrl,
}

/// A variable whose value is no URL. The value itself is not kept: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IgnoredProxy {
    /// As it is spelled in the environment.
    pub variable: String,
    /// What is wrong with the value, without any of its text.
    pub why: String,
}

/// The way that a request takes, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "via")]
pub enum Route {
    /// To the host itself.
    Direct {
        /// What decided it.
        because: DirectReason,
    },
    /// Through a proxy; the node does not resolve the host's name then.
    Proxy {
        /// The proxy.
        url: ProxyUrl,
        /// The variable that names it.
        variable: String,
    },
    /// No request is made at all: the process takes itself for a CGI program.
    CgiRefused {
        /// The proxy.
        url: ProxyUrl,
        /// The variable whose proxy is refused.
        variable: String,
    },
}

/// Why a request goes direct.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "rule")]
pub enum DirectReason {
    /// Neither spelling of the scheme's variable is set.
    NoProxySet,
    /// The scheme's variable is set, and no URL.
    ProxyIgnored {
        /// The variable as spelled.
        variable: String,
    },
    /// The host is `localhost` or a loopback address, for which Go never asks a proxy.
    Loopback,
    /// An entry of the exceptions matches.
    Exception {
        /// `NO_PROXY` or `no_proxy`.
        variable: String,
        /// The entry as written, without surrounding blanks.
        entry: String,
    },
    /// The host has brackets inside, so that Go fails to split off its port and gives up on the proxy.
    OddHost,
}

impl fmt::Display for DirectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProxySet => f.write_str("no proxy set"),
            Self::ProxyIgnored { variable } => write!(f, "{variable} ignored, not a URL"),
            Self::Loopback => f.write_str("loopback"),
            Self::Exception { variable, entry } => write!(f, "{variable} {entry}"),
            Self::OddHost => f.write_str("host not understood"),
        }
    }
}

/// The entry or variable that decided.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct { because } => because.fmt(f),
            Self::Proxy { variable, .. } => f.write_str(variable),
            Self::CgiRefused { variable, .. } => write!(f, "{variable} refused, REQUEST_METHOD is set"),
        }
    }
}

impl ProxyEnv {
    /// Reads the six variables and `REQUEST_METHOD` out of an environment; of a name that occurs twice the first counts,
    /// as in Go's syscall package.
    pub fn from_env<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in pairs {
            if let Some(name) = VARIABLES.into_iter().find(|known| *known == name.as_ref()) {
                values.entry(name).or_insert_with(|| value.as_ref().to_owned());
            }
        }
        // An empty upper-case variable does not hide the lower-case one.
        values.retain(|_, value| !value.is_empty());
        let mut take = |names: [&'static str; 2]| names.into_iter().find_map(|name| values.remove_entry(name));
        let mut ignored = Vec::new();
        let mut setting = |set: Option<(&str, String)>| {
            let (variable, value) = set?;
            let variable = variable.to_owned();
            match ProxyUrl::parse(&value) {
                Ok(url) => Some(ProxySetting { variable, url }),
                Err(error) => {
                    ignored.push(IgnoredProxy { variable, why: error.to_string() });
                    None
                }
            }
        };
        let https = setting(take(["HTTPS_PROXY", "https_proxy"]));
        let http = setting(take(["HTTP_PROXY", "http_proxy"]));
        let no_proxy = take(["NO_PROXY", "no_proxy"]);
        let no_proxy = no_proxy.map(|(variable, value)| NoProxy { variable: variable.to_owned(), value });
        let cgi = values.contains_key("REQUEST_METHOD");
        Self { https, http, no_proxy, cgi, ignored }
    }

    /// The route of a request to `host` (a name or an address, IPv6 without brackets); `port` `None` is the scheme's
    /// default.
    pub fn route(&self, scheme: &str, host: &str, port: Option<u16>) -> Route {
        self.decide(scheme, host, &port.map(|port| port.to_string()).unwrap_or_default())
    }

    /// The route of a request to `url`.
    pub fn route_url(&self, url: &GoUrl) -> Route {
        self.decide(url.scheme(), &url.hostname(), &url.port())
    }

    fn decide(&self, scheme: &str, host: &str, port: &str) -> Route {
        let (setting, default_port) = match scheme {
            "https" => (self.https.as_ref(), "443"),
            "http" => (self.http.as_ref(), "80"),
            _ => (None, ""),
        };
        let Some(setting) = setting else {
            let ignored = self.ignored.iter().find(|ignored| is_variable_of(&ignored.variable, scheme));
            let because = ignored.map_or(DirectReason::NoProxySet, |ignored| DirectReason::ProxyIgnored {
                variable: ignored.variable.clone(),
            });
            return Route::Direct { because };
        };
        if self.cgi && scheme == "http" {
            return Route::CgiRefused { url: setting.url.clone(), variable: setting.variable.clone() };
        }
        let host = no_proxy::ascii_host(host);
        let port = if port.is_empty() { default_port } else { port };
        match self.exception(&host, port) {
            Some(because) => Route::Direct { because },
            None => Route::Proxy { url: setting.url.clone(), variable: setting.variable.clone() },
        }
    }

    /// `useProxy`, turned round.
    fn exception(&self, host: &str, port: &str) -> Option<DirectReason> {
        if host.contains(['[', ']']) {
            return Some(DirectReason::OddHost);
        }
        let ip = parse_ip(host).map(|(ip, _)| ip.to_canonical());
        if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
            return Some(DirectReason::Loopback);
        }
        let no_proxy = self.no_proxy.as_ref()?;
        let entry = no_proxy.deciding_entry(host, ip, port)?;
        Some(DirectReason::Exception { variable: no_proxy.variable.clone(), entry: entry.to_owned() })
    }
}

fn is_variable_of(variable: &str, scheme: &str) -> bool {
    variable.len() == scheme.len() + "_PROXY".len()
        && variable.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests;
