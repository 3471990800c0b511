//! Nodes that pull alike, and nodes that do not.

use proptest::prelude::*;

use super::*;
use crate::case::{NodeConfig, fixtures};
use crate::config::resolv_conf::parse_resolv_conf;
use crate::pull_configuration::pull_configuration;
use crate::runtime::{Runtime, RuntimeAnswer, RuntimeProcess, RuntimeVersion};

const CONFIG: &str = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/c'\n";

/// A node whose containerd has these variables and this `hosts.toml` for r.io.
fn node(environment: &[(&str, &str)], hosts: &str) -> NodeConfig {
    let version = RuntimeVersion { name: "containerd".into(), version: "v2.1.5".into() };
    let runtime = Runtime {
        endpoint: "unix:///run/containerd/containerd.sock".into(),
        named_by: None,
        answer: RuntimeAnswer::Version(version),
        process: RuntimeProcess::NotSeen { why: "-".into() },
        config_file: None,
    };
    let files = [("/etc/containerd/config.toml", CONFIG), ("/c/r.io/hosts.toml", hosts), ("/c/s.io/hosts.toml", "")];
    NodeConfig { runtime: Some(runtime), ..fixtures::node(environment, &files) }
}

fn of(node: &NodeConfig) -> BTreeMap<String, String> {
    fingerprint(&pull_configuration(node, None), &Facts::default())
}

/// The attributes in which two nodes differ.
#[track_caller]
fn check(here: &NodeConfig, there: &NodeConfig, want: &[&str]) {
    let (here, there) = (of(here), of(there));
    let names: std::collections::BTreeSet<&String> = here.keys().chain(there.keys()).collect();
    let differ: Vec<&str> =
        names.into_iter().filter(|name| here.get(*name) != there.get(*name)).map(String::as_str).collect();
    assert_eq!(differ, want, "{here:?}\n{there:?}");
}

#[test]
fn everything_that_is_known_is_told() {
    let mut node = node(&[("HTTPS_PROXY", "http://u:hunter2@p:1"), ("NO_PROXY", "b,a")], "server = 'https://r.io'\n");
    node.network.resolver = parse_resolv_conf("nameserver 10.0.0.2\nnameserver fd00::53\n", "n", |_| None);
    let labels = [("karpenter.sh/nodepool", "spot"), ("topology.kubernetes.io/zone", "eu-1a"), ("x", "y")];
    let facts = Facts {
        trust: trust_hash(&[b"a".to_vec()]),
        kernel: "6.1.0-18-amd64".into(),
        os_image: "Debian GNU/Linux 12 (bookworm)".into(),
        has_ipv4: true,
        has_ipv6: true,
        kubelet: "v1.33.1".into(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    };
    insta::assert_debug_snapshot!(fingerprint(&pull_configuration(&node, None), &facts));
}

#[test]
fn a_part_that_differs_differs_alone() {
    let plain = node(&[], "server = 'https://r.io'\n");
    check(&plain, &node(&[], "# a comment\n\nserver = \"https://r.io\"\n"), &[]);
    check(&plain, &node(&[], "server = 'https://m.io'\n"), &["registries", "registries/r.io"]);
    // The way there is the proxy's part, and how it is spelled nobody's.
    let proxy = node(&[("HTTPS_PROXY", "http://p:1")], "server = 'https://r.io'\n");
    check(&plain, &proxy, &["proxy"]);
    check(&proxy, &node(&[("https_proxy", "http://p:1")], "server = 'https://r.io'\n"), &[]);
    let except = |list: &str| node(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", list)], "server = 'https://r.io'\n");
    check(&except("a,b"), &except("b,a,b"), &[]);
    check(&except("a,b"), &except("a"), &["proxy"]);
    let mut other = plain.clone();
    other.network.resolver = parse_resolv_conf("nameserver 10.0.0.3\n", "n", |_| None);
    check(&plain, &other, &["resolvers"]);
}

#[test]
fn another_password_is_no_other_fingerprint() {
    let with = |password: &str| node(&[("HTTPS_PROXY", &format!("http://u:{password}@p:1"))], "");
    check(&with("hunter2"), &with("hunter3"), &[]);
    assert!(!format!("{:?}", of(&with("hunter2"))).contains("hunter2"));
    let header =
        |value: &str| node(&[], &format!("[host.'https://m.io']\n[host.'https://m.io'.header]\nX = '{value}'\n"));
    check(&header("hunter2"), &header("hunter3"), &[]);
}

#[test]
fn trust_is_a_set() {
    let (a, b) = (b"a".to_vec(), b"b".to_vec());
    assert_eq!(trust_hash(&[a.clone(), b.clone()]), trust_hash(&[b.clone(), a.clone(), b.clone()]));
    assert_ne!(trust_hash(&[a.clone(), b]), trust_hash(&[a]));
    assert_eq!(trust_hash(&[]).len(), DIGITS);
}

#[test]
fn a_release_is_read_off_what_a_kubelet_calls_itself() {
    let check = |text: &str, want: Option<(u32, u32)>| assert_eq!(release(text), want, "{text}");
    check("v1.33.1", Some((1, 33)));
    check("v1.32.3-eks-473151a", Some((1, 32)));
    check("v1.20.15+k3s1", Some((1, 20)));
    check("v1.34+", Some((1, 34)));
    check("1.33.1", None);
    check("v1", None);
    check("v1.x", None);
    check("", None);
}

proptest! {
    #[test]
    fn any_files_have_a_fingerprint_that_fits(hosts in any::<String>(), proxy in any::<String>(), label in any::<String>()) {
        let node = node(&[("HTTPS_PROXY", &proxy), ("NO_PROXY", &hosts)], &hosts);
        let facts = Facts { kubelet: label.clone(), labels: [(ZONES[0].to_owned(), label.clone())].into(), ..Facts::default() };
        for (name, value) in fingerprint(&pull_configuration(&node, None), &facts) {
            prop_assert!(name.len() <= VALUE && value.len() <= VALUE && !value.is_empty());
        }
        let _ = release(&label);
    }
}
