//! hosts.toml and the directories that it is in.

use proptest::prelude::*;

use super::super::hosts::look_up;
use super::super::{ContainerdVersion, Dropped, HostsError, RegistryHosts, RemarkKind};
use super::{V1_6, V1_7, V2_0, V2_1, V2_2, files, shown};
use crate::config::files::Files;
use crate::config::pem::KeyPairError;

fn asked(version: ContainerdVersion, toml: &str) -> RegistryHosts {
    look_up(version, &["/certs.d"], &files([("/certs.d/quay.io/hosts.toml", toml)]), "quay.io")
}

#[track_caller]
fn check(toml: &str, hosts: &[&str]) {
    check_version(V2_2, toml, hosts);
}

#[track_caller]
fn check_version(version: ContainerdVersion, toml: &str, hosts: &[&str]) {
    let found = asked(version, toml);
    assert_eq!(found.error, None, "{toml}");
    assert_eq!(found.hosts.iter().map(shown).collect::<Vec<_>>(), hosts, "{toml}");
}

#[track_caller]
fn check_dropped(version: ContainerdVersion, toml: &str, line: Option<u32>, why: &Dropped) {
    let found = asked(version, toml);
    assert_eq!(found.hosts.iter().map(shown).collect::<Vec<_>>(), [UPSTREAM], "{toml}");
    let [remark] = found.remarks.as_slice() else { panic!("{toml}: {:?}", found.remarks) };
    assert_eq!((remark.line, &remark.kind), (line, &RemarkKind::Dropped(why.clone())), "{toml}");
}

#[track_caller]
fn check_remarks(toml: &str, expected: &[(u32, RemarkKind)]) {
    let remarks = asked(V2_2, toml).remarks;
    let remarks: Vec<_> = remarks.into_iter().map(|remark| (remark.line.unwrap(), remark.kind)).collect();
    assert_eq!(remarks, expected, "{toml}");
}

#[track_caller]
fn check_directory(paths: &[&str], host: &str, dir: Option<&str>) {
    let files = files(paths.iter().map(|path| (*path, "")));
    assert_eq!(look_up(V2_2, &["/a", "/b"], &files, host).dir.as_deref(), dir, "{host} in {paths:?}");
}

const UPSTREAM: &str = "https://quay.io/v2 upstream";

#[test]
fn hosts_come_in_the_order_of_their_headers() {
    let both = "[host.b]\n[host.a]\n";
    check(both, &["https://b/v2", "https://a/v2", UPSTREAM]);
    check_version(V1_7, both, &["https://b/v2", "https://a/v2", UPSTREAM]);
    let interleaved = "[host.a]\n[host.b]\n[host.a.header]\nx = \"y\"\n";
    check(interleaved, &["https://a/v2", "https://b/v2", "https://a/v2", UPSTREAM]);
    check_version(V1_7, interleaved, &["https://a/v2", "https://b/v2", UPSTREAM]);
    check_remarks(interleaved, &[(3, RemarkKind::Repeated { host: "a".to_owned() })]);
    check("[host.a.header]\nx = \"y\"\n[host.a]\n", &["https://a/v2", UPSTREAM]);
    check("[host.\"\"]\n[\"host\".'a']\n[host]\n", &["https://a/v2", UPSTREAM]);
    check("[host.a]\n[host.\"\"]\n", &["https://a/v2", "://", UPSTREAM]);
}

#[test]
fn hosts_without_a_header_have_no_place() {
    for toml in ["host = { a = {} }\n", "host.a.skip_verify = true\n", "[host]\na = { skip_verify = true }\n"] {
        check(toml, &[UPSTREAM]);
        assert!(matches!(asked(V2_2, toml).remarks[0].kind, RemarkKind::Unordered { .. }), "{toml}");
    }
    check_version(V1_7, "[host]\na = { skip_verify = true }\n", &["https://a/v2 unverified", UPSTREAM]);
    check("[host.cache.corp]\n", &["https://cache/v2", UPSTREAM]);
}

#[test]
fn a_name_becomes_a_url() {
    for (name, host) in [
        ("a:5000", "https://a:5000/v2"),
        ("https://a/", "https://a//v2"),
        ("https://a/x/../y/", "https://a/y/v2"),
        ("https://a/x/v2/", "https://a/x/v2"),
        ("https://a/xv2", "https://a/xv2/v2"),
        ("https://u:p@a?q=1#f", "https://a/v2"),
        ("http://a", "http://a/v2"),
        ("HTTPS://a", "https://HTTPS:/a/v2"),
        ("httpd.corp:5000", "httpd.corp:///v2"),
        ("httpd", "://httpd/v2"),
        ("[::1]:5000", "https://[::1]:5000/v2"),
    ] {
        check(&format!("[host.\"{name}\"]\n"), &[host, UPSTREAM]);
    }
    check("[host.\"https://a/x\"]\noverride_path = true\n", &["https://a/x", UPSTREAM]);
    check("[host.\"https://a\"]\noverride_path = true\n", &["https://a", UPSTREAM]);
    check("server = \"http://b:5000/x\"\n[host.a]\n", &["https://a/v2", "http://b:5000/x/v2 upstream"]);
}

#[test]
fn a_server_without_a_host_is_the_upstream_only_if_no_host_is_meant() {
    check("server = \"httpd.corp:5000\"\n", &[UPSTREAM]);
    check("server = \"\"\ncapabilities = [\"push\"]\n", &[UPSTREAM]);
    check(
        "server = \"https://quay.io\"\ncapabilities = [\"push\"]\n",
        &["https://quay.io/v2 upstream no-tags no-digests"],
    );
}

#[test]
fn plain_http_with_any_tls_key_is_tried_as_https_first() {
    for key in ["skip_verify = false", "ca = []"] {
        check(&format!("[host.\"http://a\"]\n{key}\n"), &["https://a/v2 fallback", UPSTREAM]);
        check(&format!("[host.\"http://a:80\"]\n{key}\n"), &["http://a:80/v2", UPSTREAM]);
    }
    for key in ["client = []", "dial_timeout = \"1s\"", "header = { x = \"y\" }"] {
        check(&format!("[host.\"http://a\"]\n{key}\n"), &["http://a/v2", UPSTREAM]);
    }
}

#[test]
fn this_machine_is_not_verified() {
    for (host, expected) in [
        ("localhost", "https://localhost/v2 unverified upstream"),
        ("localhost:443", "https://localhost:443/v2 unverified upstream"),
        ("localhost:80", "http://localhost:80/v2 upstream"),
        ("127.9.9.9:5000", "https://127.9.9.9:5000/v2 unverified fallback upstream"),
        ("[::1]:5000", "https://[::1]:5000/v2 unverified fallback upstream"),
        ("[::1]", "https://[::1]/v2 upstream"),
        ("LOCALHOST:5000", "https://LOCALHOST:5000/v2 upstream"),
        ("128.0.0.1:5000", "https://128.0.0.1:5000/v2 upstream"),
    ] {
        let found = look_up(V2_2, &["/certs.d"], &Files::default(), host);
        assert_eq!(found.hosts.iter().map(shown).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn one_bad_value_drops_the_file() {
    let wrong = |key, expected| Dropped::WrongType { key, expected };
    for (value, why) in [
        ("capabilities = \"pull\"", wrong("capabilities", "a list of texts")),
        ("capabilities = [\"get\"]", Dropped::UnknownCapability { word: "get".to_owned() }),
        ("skip_verify = \"true\"", wrong("skip_verify", "true or false")),
        ("override_path = 1", wrong("override_path", "true or false")),
        ("ca = 1", wrong("ca", "text or a list of texts")),
        ("ca = [[\"a\"]]", wrong("ca", "text or a list of texts")),
        ("client = [[\"a\"]]", wrong("client", "text, texts, or pairs of texts")),
        ("client = [[\"a\", \"b\", \"c\"]]", wrong("client", "text, texts, or pairs of texts")),
        ("header = \"x\"", wrong("header", "a table")),
        ("header = { x = 1 }", wrong("header", "text or a list of texts")),
        ("dial_timeout = 30", wrong("dial_timeout", "text")),
        ("dial_timeout = \"30\"", Dropped::DialTimeout),
    ] {
        check_dropped(V2_2, &format!("[host.a]\n{value}\n"), Some(2), &why);
        check_dropped(V2_2, &format!("server = \"b\"\n{value}\n"), Some(2), &why);
    }
    check_dropped(V2_2, "server = 1\n", Some(1), &wrong("server", "text"));
    check_dropped(V2_2, "\n[[host.a]]\n", Some(2), &wrong("host", "a table of tables"));
    let why = crate::config::go_url::GoUrlError::Port;
    check_dropped(V2_2, "[host.\"https://a:port\"]\n", Some(1), &Dropped::Url { why });
    check("CAPABILITIES = [\"PULL\"]\nServer = \"https://b\"\n", &["https://b/v2 upstream no-tags"]);
}

#[test]
fn older_versions_know_less() {
    let referrers = "server = \"https://b\"\ncapabilities = [\"pull\", \"Referrers\"]\n[host.a]\n";
    check(referrers, &["https://a/v2", "https://b/v2 upstream no-tags"]);
    let why = Dropped::UnknownCapability { word: "Referrers".to_owned() };
    check_dropped(V2_1, referrers, Some(2), &why);
    let timeout = "[host.a]\ndial_timeout = 30\n";
    check_version(V1_6, timeout, &["https://a/v2", UPSTREAM]);
    check_dropped(V2_0, timeout, Some(2), &Dropped::WrongType { key: "dial_timeout", expected: "text" });
    check_version(V2_0, "server = \"http://b\"\n", &["http://b/v2 upstream"]);
    check_dropped(V1_7, "server = \"http://b\"\n", Some(1), &Dropped::NoHostTable);
}

#[test]
fn what_is_likely_not_meant_is_remarked() {
    check_remarks("server = \"https://docker.io\"\n", &[(1, RemarkKind::DockerHubWebSite)]);
    check_remarks("capabilities = [\"pull\"]\n", &[(1, RemarkKind::RootCapabilities)]);
    let host = || "a".to_owned();
    check_remarks("[host.a]\nserver = \"x\"\n", &[(2, RemarkKind::ServerInHost { host: host() })]);
    let key = "skip-verify".to_owned();
    check_remarks("[host.a]\nskip-verify = true\n", &[(2, RemarkKind::UnknownKey { host: Some(host()), key })]);
    check_remarks("[host.httpd]\n", &[(1, RemarkKind::NoHost { name: "httpd".to_owned() })]);
    let shown = format!("{:?}", asked(V2_2, "host.\"https://u:s3cret@a\" = {}\n"));
    assert!(shown.contains("***@a") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn the_first_directory_hides_the_others() {
    check_directory(&["/a/h_5000_/x", "/a/h:5000/x", "/a/_default/x"], "h:5000", Some("/a/h_5000_"));
    check_directory(&["/a/h:5000/x", "/a/_default/x", "/a/h/x"], "h:5000", Some("/a/h:5000"));
    check_directory(&["/a/_default/x", "/b/h:5000/x"], "h:5000", Some("/a/_default"));
    check_directory(&["/b/h/x"], "h", Some("/b/h"));
    check_directory(&["/a/H/x", "/a/h_443_/x"], "h", None);
}

#[test]
fn what_cannot_be_looked_at_fails_the_pull() {
    let mut files = files([("/a/h", ""), ("/certs.d", "")]);
    files.insert_unreadable("/b/h", "permission denied");
    let error = |root| look_up(V2_2, &[root], &files, "h").error;
    let failed = |path: &str, why: &str| Some(HostsError::Directory { path: path.to_owned(), why: why.to_owned() });
    assert_eq!(error("/a"), failed("/a/h/hosts.toml", "not a directory"));
    assert_eq!(error("/certs.d"), failed("/certs.d/h", "not a directory"));
    assert_eq!(error("/b"), failed("/b/h", "permission denied"));
    assert_eq!(error("/c"), None);
}

#[test]
fn files_of_one_host_fail_the_pull_from_all() {
    let error = |toml: &str| {
        let files = files([("/certs.d/quay.io/hosts.toml", toml), ("/certs.d/quay.io/empty.pem", "")]);
        let found = look_up(V2_2, &["/certs.d"], &files, "quay.io");
        assert!(found.hosts.is_empty());
        found.error.unwrap()
    };
    let path = || "/certs.d/quay.io/empty.pem".to_owned();
    let why = || "open /x.pem: no such file or directory".to_owned();
    assert_eq!(error("[host.a]\nca = \"/x.pem\"\n"), HostsError::ReadCa { path: "/x.pem".to_owned(), why: why() });
    assert_eq!(error("ca = [\"empty.pem\"]\n"), HostsError::LoadCa { path: path() });
    assert_eq!(error("client = \"/x.pem\"\n"), HostsError::ReadClient { path: "/x.pem".to_owned(), why: why() });
    let why = KeyPairError::NoCertificate;
    assert_eq!(error("client = [\"./empty.pem\", \"b\"]\n"), HostsError::KeyPair { certificate: path(), why });
    assert!(matches!(error("ca = \"\"\n"), HostsError::ReadCa { why, .. } if why.ends_with("is a directory")));
}

#[test]
fn certificates_count_only_without_a_hosts_toml() {
    let crt = "/certs.d/quay.io/ca.crt";
    let found =
        |toml| look_up(V2_2, &["/certs.d"], &files([("/certs.d/quay.io/hosts.toml", toml), (crt, "")]), "quay.io");
    let bad = Some(HostsError::LoadCa { path: crt.to_owned() });
    assert_eq!(found("").error, bad);
    assert_eq!(found("[").error, bad);
    let commented = found("# nothing\n");
    assert_eq!((commented.error, commented.remarks[0].kind.clone()), (None, RemarkKind::CertificatesUnused));
}

proptest! {
    #[test]
    fn any_file_gives_hosts_or_an_error(
        toml in "(\\[host\\.\"?[a-z:/.%@0-9]*\"?\\]\n|server = \"[a-z:/.%@0-9]*\"\n|[a-z_]+ = \\[?\"?[a-z]*\"?\\]?\n)*",
        host in "\\PC*",
    ) {
        let files = files([("/certs.d/_default/hosts.toml", toml.as_str())]);
        for version in [V1_7, V2_2] {
            let found = look_up(version, &["/certs.d", ""], &files, &host);
            prop_assert_eq!(found.hosts.is_empty(), found.error.is_some());
        }
    }
}
