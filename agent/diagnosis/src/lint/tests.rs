//! One setting at a time, and what is said of it.

use super::*;
use crate::case::fixtures::node;
use crate::cause::Severity;

/// The details of what is said, and that nothing of a password is.
#[track_caller]
fn check(environment: &[(&str, &str)], on_node: &[(&str, &str)], want: &[&str]) -> Vec<Finding> {
    let found = lint(&node(environment, on_node), None);
    let details: Vec<&str> = found.iter().filter_map(|finding| finding.detail.as_deref()).collect();
    assert_eq!(details, want, "{found:#?}");
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    for finding in &found {
        let known = finding.code.row().details.iter().any(|row| Some(row.name) == finding.detail.as_deref());
        assert!(known && !finding.remedy.is_empty(), "{finding:?}");
    }
    found
}

const PROXY: (&str, &str) = ("HTTPS_PROXY", "http://p:3128");

#[test]
fn exceptions_that_match_nothing_are_named() {
    let no_proxy = |value: &'static str, want: &[&str]| check(&[PROXY, ("NO_PROXY", value)], &[], want);
    no_proxy("localhost,.corp.io, *.svc ,127.0.0.1,[::1]:5000,*", &[]);
    no_proxy("a.io b.io", &["noProxySpaces"]);
    no_proxy("a.io,https://u:hunter2@b.io", &["noProxyScheme"]);
    no_proxy("10.*,*corp.io,*.a.*", &["noProxyWildcard"]);
    let network = no_proxy("10.0.0.0/8,fd00::/8", &["noProxyNetwork"]);
    assert_eq!(network[0].severity, Severity::Info);
    assert!(network[0].summary.starts_with("NO_PROXY: `10.0.0.0/8`, `fd00::/8` matches"), "{}", network[0].summary);
    check(&[("NO_PROXY", "a b")], &[], &[]);
}

#[test]
fn a_proxy_that_go_cannot_use_is_named_without_its_login() {
    let proxy = |value: &'static str, want: &[&str]| check(&[("HTTPS_PROXY", value)], &[], want);
    for fine in ["http://p:3128", "p:3128", "socks5h://u:hunter2@p", "https://p"] {
        proxy(fine, &[]);
    }
    for odd in
        ["http://u:hunter2\u{7f}@p:1", "ftp://p:1", "http://u:hunter2#x@p:8080", "\"http://p:1\"", "http://p:99999"]
    {
        proxy(odd, &["proxyUrl"]);
    }
    check(&[("ALL_PROXY", "http://u:hunter2@p:1")], &[], &["allProxy"]);
    check(&[PROXY, ("all_proxy", "http://p:1")], &[], &[]);
}

#[test]
fn proxies_for_shells_are_a_hint_where_the_service_has_none() {
    const SHELLS: (&str, &str) = ("/etc/environment", "PATH=/bin\nHTTPS_PROXY=\"http://u:hunter2@p:1\"\n");
    const CONTAINERD: (&str, &str) = ("/etc/containerd/config.toml", "");
    let found = check(&[], &[SHELLS, CONTAINERD], &["etcEnvironment"]);
    assert_eq!(found[0].severity, Severity::Info);
    check(&[PROXY], &[SHELLS, CONTAINERD], &[]);
    check(&[], &[("/etc/environment", "PATH=/bin\n"), CONTAINERD], &[]);
}

#[test]
fn a_directory_without_hosts_toml_hides_the_default() {
    const DEFAULT: (&str, &str) = ("/c/_default/hosts.toml", "[host.\"https://m\"]\n");
    let config = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/c'\n";
    let config = ("/etc/containerd/config.toml", config);
    let found = check(&[], &[config, DEFAULT, ("/c/quay.io/ca.crt", "x")], &["defaultHidden"]);
    assert!(found[0].summary.starts_with("/c/quay.io: "), "{}", found[0].summary);
    check(&[], &[config, DEFAULT, ("/c/quay.io/hosts.toml", "")], &["defaultHidden"]);
    check(&[], &[config, DEFAULT, ("/c/quay.io/hosts.toml", "#")], &[]);
    check(&[], &[config, ("/c/quay.io/ca.crt", "x")], &[]);
    check(&[], &[config, DEFAULT, ("/c/README", "x")], &[]);
}

#[test]
fn tls_settings_that_were_removed_are_named() {
    let tls = "[plugins.'io.containerd.grpc.v1.cri'.registry.configs.\"r.io\".tls]\nca_file = '/ca'\n";
    let text = format!("version = 2\n{tls}");
    let found = check(&[], &[("/etc/containerd/config.toml", &text)], &["tlsRemoved"]);
    assert!(
        found[0].summary.starts_with("/etc/containerd/config.toml:2: `configs.\"r.io\".tls`"),
        "{}",
        found[0].summary
    );
}

#[test]
fn cri_o_needs_its_policy_and_readable_settings() {
    const POLICY: (&str, &str) = ("/etc/containers/policy.json", "{\"default\": [{\"type\": \"reject\"}]}");
    check(&[], &[("/etc/crio/crio.conf", "")], &["policyFile"]);
    check(&[], &[("/etc/crio/crio.conf", ""), POLICY], &[]);
    check(&[], &[("/etc/crio/crio.conf", "[crio.image]\nsignature_policy = '/p'\n"), POLICY], &["policyFile"]);
    check(&[], &[("/etc/crio/crio.conf", "x"), POLICY], &["notStarting"]);
}
