//! A running containerd beside files that were changed since it started.

use super::*;
use crate::case::fixtures;
use crate::config::process_env::ProcessEnv;
use crate::config::trust::TrustSource;
use crate::runtime::{Runtime, RuntimeAnswer, RuntimeVersion};

const UNIT: &str = "/usr/lib/systemd/system/containerd.service";
const DROP_IN: &str = "/etc/systemd/system/containerd.service.d/proxy.conf";
const START: &str = "2026-07-01T12:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A node whose containerd was started with these variables.
fn node(environment: &[(&str, &str)], on_node: &[(&str, &str)]) -> NodeConfig {
    let version = RuntimeVersion { name: "containerd".into(), version: "v2.1.5".into() };
    let runtime = Runtime {
        endpoint: "unix:///run/containerd/containerd.sock".into(),
        named_by: None,
        answer: RuntimeAnswer::Version(version),
        process: RuntimeProcess::Verified {
            pid: 812,
            started_at: time(START),
            unit: Some("containerd.service".into()),
            of_this_tree: true,
        },
        config_file: None,
    };
    NodeConfig { runtime: Some(runtime), ..fixtures::node(environment, on_node) }
}

/// What is said of the proxies of a containerd with these variables and this drop-in.
#[track_caller]
fn check(environment: &[(&str, &str)], drop_in: &str, want: Option<&str>) {
    let text = format!("[Service]\n{drop_in}\n");
    let drift = drift(&node(environment, &[(UNIT, "[Service]\n"), (DROP_IN, &text)]));
    let said: Vec<&str> = drift.findings.iter().map(|finding| finding.summary.as_str()).collect();
    let want: Vec<String> = want
        .iter()
        .map(|what| format!("containerd runs with other proxies than containerd.service says now: {what}"))
        .collect();
    assert_eq!(said, want);
    assert!(!format!("{drift:?}").contains("hunter2"), "{drift:?}");
}

#[test]
fn each_variable_is_compared_on_its_own() {
    let proxy = "Environment=HTTPS_PROXY=http://p:3128";
    check(&[("HTTPS_PROXY", "http://p:3128")], proxy, None);
    check(&[], "", None);
    check(&[("HTTPS_PROXY", "")], "Environment=HTTP_PROXY=", None);
    check(
        &[],
        proxy,
        Some(
            "HTTPS_PROXY is http://p:3128 in /etc/systemd/system/containerd.service.d/proxy.conf and unset in the process",
        ),
    );
    check(
        &[("HTTPS_PROXY", "http://old:1"), ("no_proxy", "a,b")],
        "Environment=HTTPS_PROXY=http://new:1 no_proxy=b,c",
        Some(&format!(
            "HTTPS_PROXY is http://new:1 in {DROP_IN} and http://old:1 in the process; of no_proxy in {DROP_IN} the \
             process lacks c, the process alone has a"
        )),
    );
    check(
        &[("http_proxy", "http://p:1")],
        "",
        Some("http_proxy is http://p:1 in the process and is set in no file of the unit"),
    );
}

#[test]
fn a_login_is_not_shown_even_where_it_is_all_that_differs() {
    let same = format!("HTTPS_PROXY is http://p:1 in {DROP_IN} and the same with another login in the process");
    check(&[("HTTPS_PROXY", "http://u:hunter2@p:1")], "Environment=HTTPS_PROXY=http://u:hunter22@p:1", Some(&same));
    let set = "is set in no file of the unit";
    check(
        &[("HTTPS_PROXY", "http://u:hunter2\u{7f}@p:1")],
        "",
        Some(&format!("HTTPS_PROXY is no URL in the process and {set}")),
    );
    check(&[("NO_PROXY", "http://u:hunter2@p:1")], "", Some(&format!("NO_PROXY is *** in the process and {set}")));
}

#[test]
fn nothing_is_compared_with_a_process_in_doubt() {
    let drop_in = [(UNIT, ""), (DROP_IN, "[Service]\nEnvironment=HTTPS_PROXY=http://p:1")];
    let mut other = node(&[], &drop_in);
    other.environment = ProcessEnv::default();
    assert_eq!(drift(&other), Drift::default());
    let mut unseen = node(&[], &drop_in);
    unseen.runtime.as_mut().unwrap().process = RuntimeProcess::NotSeen { why: "-".into() };
    assert_eq!(drift(&unseen), Drift::default());
}

#[test]
fn what_cannot_be_read_of_a_unit_leaves_it_open() {
    let mut node = node(&[], &[(UNIT, "[Service]\nEnvironmentFile=/etc/default/containerd\n")]);
    node.files.insert_unreadable("/etc/default/containerd", "permission denied");
    let drift = drift(&node);
    assert!(drift.findings.is_empty());
    assert_eq!(drift.not_checked[0].why, "/etc/default/containerd: permission denied");
}

#[test]
fn k3s_hands_its_environment_on_and_some_of_it_to_containerd_alone() {
    let unit = "[Service]\nEnvironment=HTTPS_PROXY=http://all:1 CONTAINERD_HTTPS_PROXY=http://own:1 NO_PROXY=a\n";
    let on_node = [("/etc/systemd/system/k3s.service", unit)];
    let mut node = node(&[("HTTPS_PROXY", "http://own:1"), ("NO_PROXY", "b")], &on_node);
    node.runtime.as_mut().unwrap().endpoint = "unix:///run/k3s/containerd/containerd.sock".into();
    let found = drift(&node).findings;
    let commands: Vec<_> = found[0].remedy.iter().filter_map(|remedy| remedy.command.as_deref()).collect();
    assert_eq!(commands, ["systemctl restart k3s"]);
    assert!(!found[0].summary.contains("HTTPS_PROXY"), "{}", found[0].summary);
    node.files.insert_file("/etc/systemd/system/k3s-agent.service", "");
    assert!(drift(&node).findings.is_empty(), "which of the two runs is not known");
}

#[test]
fn certificates_and_settings_younger_than_the_process_are_unknown_to_it() {
    let check = |bundle: &str, config: &str, want: &[(Code, Option<&str>)]| {
        let mut node = node(&[], &[("/etc/containerd/config.toml", "version = 2\n")]);
        node.files.insert_modified("/etc/containerd/config.toml", time(config));
        let source = |path: &str| TrustSource { path: path.into(), certificates: 1, modified: Some(time(bundle)) };
        node.network.trust.sources = vec![source("/etc/ssl/certs/ca-certificates.crt"), source("/etc/ssl/certs/b")];
        let found = drift(&node).findings;
        let found: Vec<_> = found.iter().map(|finding| (finding.code, finding.detail.as_deref())).collect();
        assert_eq!(found, want, "{bundle} {config}");
    };
    let (before, barely, after) = ("2026-07-01T11:00:00Z", "2026-07-01T12:00:01Z", "2026-07-01T12:00:03Z");
    check(before, before, &[]);
    check(barely, barely, &[]);
    check(after, before, &[(Code::TrustDrift, None)]);
    check(before, after, &[(Code::ConfigIgnored, Some("notReloaded"))]);
}

#[test]
fn the_younger_files_are_counted() {
    let mut node = node(&[], &[]);
    let source =
        |path: &str| TrustSource { path: path.into(), certificates: 1, modified: Some(time("2026-07-02T08:30:00Z")) };
    node.network.trust.sources = ["/a", "/b", "/c"].map(source).to_vec();
    assert_eq!(
        drift(&node).findings[0].summary,
        "/a (and 2 files more) was written at 2026-07-02 08:30:00 UTC, after containerd started at 2026-07-01 12:00:00 \
         UTC: containerd trusts what was there at its start"
    );
}
