//! Proxies and exceptions that Go reads otherwise than people do.

use crate::case::NodeConfig;
use crate::cause::{Code, Severity};
use crate::config::proxy_env::{NoProxy, ProxySetting};
use crate::config::systemd_unit::parse_environment_file;
use crate::drift::called;
use crate::finding::Finding;
use crate::plan::sources::runtime_kind;
use crate::runtime::Kind;
use crate::text::clean;

/// What login shells read and services do not.
const ETC_ENVIRONMENT: &str = "/etc/environment";
/// The schemes of proxies that Go knows (`net/http` `transport.go` `dialConn`).
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];
/// The proxies of a process, without those of a scheme that images are not pulled over.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
/// As many entries are named.
const MOST: usize = 5;

pub(super) fn lint(node: &NodeConfig) -> Vec<Finding> {
    let proxy = &node.network.proxy;
    let mut findings: Vec<Finding> = proxy.ignored.iter().map(|one| unusable(&one.variable, &one.why)).collect();
    findings.extend(proxy.https.iter().chain(&proxy.http).filter_map(odd_proxy));
    // Without a proxy there is nothing to except anything from.
    if proxy.https.is_some() || proxy.http.is_some() {
        findings.extend(proxy.no_proxy.iter().flat_map(exceptions));
    }
    let has_any = VARIABLES.iter().any(|name| node.environment.get(name).is_some());
    if !has_any {
        findings.extend(all_proxy(node));
        findings.extend(etc_environment(node));
    }
    findings
}

fn ignored(detail: &str, summary: String) -> Finding {
    Finding::new(Code::ConfigIgnored, summary).detail(detail)
}

fn unusable(variable: &str, why: &str) -> Finding {
    let summary = format!("{variable}: Go does not take it for a URL, and goes direct without a word: {why}");
    ignored("proxyUrl", summary).fix("write it as `http://HOST:PORT`, with `%` escapes in a user name and password")
}

/// A proxy that Go accepts and cannot use as it was meant. Its URL is shown by the type that hides logins.
fn odd_proxy(setting: &ProxySetting) -> Option<Finding> {
    let url = &setting.url;
    let variable = &setting.variable;
    let what = if url.is_cut_short() {
        "its password has a `/`, `?` or `#` that is not escaped, so that another host is dialled".to_owned()
    } else if url.host().is_empty() {
        "it names no host, so that this node itself is dialled".to_owned()
    } else if url.port().is_none() {
        "it has no port that could be dialled".to_owned()
    } else if !SCHEMES.contains(&url.scheme()) {
        format!("Go does not know `{}://` and speaks HTTP to the proxy", clean(url.scheme(), 40))
    } else if url.host().contains(['"', '\'']) || matches!(url.host().as_str(), "http" | "https") {
        "it does not parse as it is, and its scheme was taken for the host".to_owned()
    } else {
        return None;
    };
    let fix = "write it as `http://HOST:PORT`, without quotes, and with `%` escapes in a user name and password";
    Some(ignored("proxyUrl", format!("{variable}: {what}")).fix(fix))
}

/// `ALL_PROXY` is curl's.
fn all_proxy(node: &NodeConfig) -> Option<Finding> {
    let name = ["ALL_PROXY", "all_proxy"].into_iter().find(|name| node.environment.get(name).is_some())?;
    let summary = format!("{name} is set and nothing else is: Go does not read it, and goes direct");
    Some(ignored("allProxy", summary).fix("set HTTPS_PROXY, and HTTP_PROXY for registries without TLS"))
}

/// Proxies that somebody set where services do not look. No more than a hint: shells may be all that was meant.
fn etc_environment(node: &NodeConfig) -> Option<Finding> {
    let content = node.files.read(ETC_ENVIRONMENT).ok()?;
    let variables = parse_environment_file(&String::from_utf8_lossy(content));
    let name = variables.iter().map(|(name, _)| name).find(|name| VARIABLES.contains(&name.as_str()))?;
    let runtime = runtime_kind(node).filter(|kind| *kind != Kind::Other)?;
    if !node.environment.is_runtimes {
        return None;
    }
    let summary = format!(
        "{ETC_ENVIRONMENT} sets {name} for login shells only; {} is a service and runs without any proxy",
        called(runtime)
    );
    let fix = "if it should use the proxy, set it in a drop-in of its unit: `systemctl edit`";
    Some(ignored("etcEnvironment", summary).severity(Severity::Info).fix(fix))
}

/// Entries that never match what they are meant for (golang.org/x/net http/httpproxy `init`).
fn exceptions(no_proxy: &NoProxy) -> Vec<Finding> {
    let variable = &no_proxy.variable;
    let mut findings = Vec::new();
    let mut say = |detail: &str, severity: Severity, entries: &[&str], what: &str, fix: &str| {
        if !entries.is_empty() {
            let summary = format!("{variable}: {} {what}", some_of(entries));
            findings.push(ignored(detail, summary).severity(severity).fix(fix));
        }
    };
    let entries: Vec<&str> = no_proxy.entries().collect();
    let of = |test: &dyn Fn(&str) -> bool| -> Vec<&str> { entries.iter().copied().filter(|e| test(e)).collect() };
    let has_blank = |entry: &str| entry.contains(char::is_whitespace);
    let has_scheme = |entry: &str| !has_blank(entry) && entry.contains("://");
    let is_wildcard = |entry: &str| {
        let rest = entry.strip_prefix("*.").unwrap_or(entry);
        !has_blank(entry) && !has_scheme(entry) && entry != "*" && rest.contains('*')
    };
    let is_network = |entry: &str| entry.parse::<ipnet::IpNet>().is_ok();
    say(
        "noProxySpaces",
        Severity::Warning,
        &of(&has_blank),
        "is taken for one name: entries are separated by commas, not by blanks",
        "put commas between the entries",
    );
    say(
        "noProxyScheme",
        Severity::Warning,
        &of(&has_scheme),
        "matches nothing: it has a scheme",
        "write the host alone",
    );
    say(
        "noProxyWildcard",
        Severity::Warning,
        &of(&is_wildcard),
        "matches nothing: `*` is understood alone or as `*.` in front of a domain only",
        "write the domain, or a network such as `10.0.0.0/8`",
    );
    say(
        "noProxyNetwork",
        Severity::Info,
        &of(&is_network),
        "matches registries that are written as an address only: Go resolves no name to compare it",
        "name the registries, or their domain, where they should be reached without the proxy",
    );
    findings
}

/// The first entries. One with an `@` may be a proxy's URL in the wrong place, and is not shown.
fn some_of(entries: &[&str]) -> String {
    let shown = |entry: &&str| if entry.contains('@') { "***".to_owned() } else { format!("`{}`", clean(entry, 120)) };
    let mut some: Vec<String> = entries.iter().take(MOST).map(shown).collect();
    if entries.len() > MOST {
        some.push(format!("{} more", entries.len() - MOST));
    }
    some.join(", ")
}
