//! The node's ways to registries: proxies, trusted certificates, name servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::in_seconds;
use crate::case::NodeConfig;
use crate::config::proxy_env::ProxySetting;
use crate::text::clean;

/// Bytes of a value.
const VALUE: usize = 300;
/// Who is asked for names, in which order.
const NSSWITCH: &str = "/etc/nsswitch.conf";
/// Sources that Go knows itself (`net/conf.go` `lookupOrder`); mdns only for names below `.local`.
const KNOWN_SOURCES: [&str; 3] = ["files", "dns", "myhostname"];

/// The proxies of the environment that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proxies {
    /// `runtime`: its own process's environment. `pullagent`: ours stands in for it.
    pub source: String,
    /// For https URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<ProxyVariable>,
    /// For http URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<ProxyVariable>,
    /// The entries of `NO_PROXY`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_proxy: Vec<String>,
}

/// A proxy and the variable that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyVariable {
    /// As it is spelled.
    pub variable: String,
    /// Without its login.
    pub url: String,
    /// True when there is a login.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub login: bool,
}

/// The certificates that are trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustSettings {
    /// How many there are, without repetition.
    pub certificates: usize,
    /// The files that they come from.
    pub files: Vec<TrustFile>,
    /// The variable `SSL_CERT_FILE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssl_cert_file: Option<String>,
    /// The variable `SSL_CERT_DIR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssl_cert_dir: Option<String>,
}

/// A file of certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustFile {
    /// Its path on the node.
    pub path: String,
    /// How many certificates are in it.
    pub certificates: usize,
    /// When it was last written, by the node's clock, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
}

/// How names are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolverSettings {
    /// The servers in order.
    pub servers: Vec<String>,
    /// The search list.
    pub search: Vec<String>,
    /// The options that count, with their defaults.
    pub options: Vec<String>,
    /// What follows `hosts:` in nsswitch.conf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts_order: Option<String>,
    /// Why a runtime that is built with cgo asks the system's resolver instead; one without cgo never does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub system_resolver: Vec<String>,
}

pub(super) fn proxies(node: &NodeConfig) -> Proxies {
    let proxy = &node.network.proxy;
    let shown = |setting: &ProxySetting| ProxyVariable {
        variable: setting.variable.clone(),
        url: clean(&setting.url.to_string(), VALUE),
        login: setting.url.credentials().is_some(),
    };
    let safe = |entry: &str| if entry.contains('@') { "***".to_owned() } else { clean(entry, VALUE) };
    let source = if node.environment.is_runtimes { "runtime" } else { "pullagent" };
    Proxies {
        source: source.to_owned(),
        https: proxy.https.as_ref().map(shown),
        http: proxy.http.as_ref().map(shown),
        no_proxy: proxy.no_proxy.iter().flat_map(|list| list.entries().map(safe)).collect(),
    }
}

pub(super) fn trust(node: &NodeConfig) -> TrustSettings {
    let trust = &node.network.trust;
    let files = trust.sources.iter().map(|source| TrustFile {
        path: clean(&source.path.display().to_string(), VALUE),
        certificates: source.certificates,
        modified: source.modified.map(in_seconds),
    });
    let variable = |name: &str| node.environment.get(name).map(|value| clean(value, VALUE));
    TrustSettings {
        certificates: trust.roots.len(),
        files: files.collect(),
        ssl_cert_file: variable("SSL_CERT_FILE"),
        ssl_cert_dir: variable("SSL_CERT_DIR"),
    }
}

pub(super) fn resolver(node: &NodeConfig) -> ResolverSettings {
    let resolver = &node.network.resolver;
    let mut options = vec![
        format!("ndots:{}", resolver.ndots),
        format!("timeout:{}", resolver.timeout_seconds),
        format!("attempts:{}", resolver.attempts),
    ];
    let flags =
        [("rotate", resolver.rotate), ("single-request", resolver.single_request), ("use-vc", resolver.use_tcp)];
    options.extend(flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned()));
    let order = hosts_order(node);
    ResolverSettings {
        servers: resolver.servers.iter().map(ToString::to_string).collect(),
        search: resolver.search.iter().map(|name| clean(name, VALUE)).collect(),
        options,
        system_resolver: reasons(node, order.as_deref()),
        hosts_order: order.map(|order| clean(&order, VALUE)),
    }
}

/// The `hosts:` line (`net/nss.go` `parseNSSConf`).
fn hosts_order(node: &NodeConfig) -> Option<String> {
    let text = String::from_utf8_lossy(node.files.read(NSSWITCH).ok()?);
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let order = lines.find_map(|line| line.strip_prefix("hosts:"))?;
    Some(order.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Why Go prefers the C library, where it has it (`net/conf.go` `initConfVal`, `lookupOrder`).
fn reasons(node: &NodeConfig, order: Option<&str>) -> Vec<String> {
    let get = |name: &str| node.environment.get(name);
    let netdns = get("GODEBUG").and_then(|all| all.split(',').rev().find_map(|one| one.strip_prefix("netdns=")));
    match netdns.map(|value| value.split('+').next().unwrap_or_default()) {
        Some("go") => return Vec::new(),
        Some("cgo") => return vec!["GODEBUG has netdns=cgo".to_owned()],
        _ => {}
    }
    let mut reasons = Vec::new();
    for name in ["LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES"] {
        reasons.extend(get(name).map(|_| format!("{name} is set")));
    }
    for option in &node.network.resolver.unknown {
        reasons.push(format!("resolv.conf has `{}`, which Go does not know", clean(option, 60)));
    }
    for source in order.unwrap_or_default().split_whitespace().filter(|word| !word.contains(['[', ']', '='])) {
        if source.starts_with("mdns") {
            reasons.push(format!("nsswitch.conf has `{}`, for names below .local", clean(source, 60)));
        } else if !KNOWN_SOURCES.contains(&source) {
            reasons.push(format!("nsswitch.conf has `{}`, which Go does not know", clean(source, 60)));
        }
    }
    reasons
}
