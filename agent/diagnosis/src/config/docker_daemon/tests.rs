//! Whom the Docker daemon asks, and what keeps it from starting.

use proptest::prelude::*;

use super::*;

fn daemon() -> DockerDaemon {
    let json = r#"{
        "registry-mirrors": ["https://mirror.corp", "http://10.0.0.7:5000/"],
        "insecure-registries": ["10.0.0.0/24", "lab.corp:5000", "http://old.corp"],
        "proxies": { "http-proxy": "http://u:s3cret@p:8080", "no-proxy": "corp" },
        "log-driver": "json-file"
    }"#;
    DockerDaemon::parse(json.as_bytes()).unwrap()
}

#[track_caller]
fn check(registry: &str, expected: &[&str]) {
    let endpoints = daemon().endpoints(registry);
    let shown = endpoints.iter().map(|endpoint| {
        let (verify, mirror) = (["", " unverified"], ["", " mirror"]);
        let DockerEndpoint { scheme, authority, path, skip_verify, is_mirror } = endpoint;
        let (verify, mirror) = (verify[usize::from(*skip_verify)], mirror[usize::from(*is_mirror)]);
        format!("{}://{authority}{path}{verify}{mirror}", scheme.word())
    });
    assert_eq!(shown.collect::<Vec<_>>(), expected, "{registry}");
}

#[test]
fn mirrors_are_for_docker_hub_only() {
    check(
        "docker.io",
        &["https://mirror.corp mirror", "http://10.0.0.7:5000 unverified mirror", "https://registry-1.docker.io"],
    );
    check("ghcr.io", &["https://ghcr.io"]);
}

#[test]
fn insecure_registries_are_also_asked_in_plain_text() {
    check("lab.corp:5000", &["https://lab.corp:5000 unverified", "http://lab.corp:5000 unverified"]);
    check("old.corp", &["https://old.corp unverified", "http://old.corp unverified"]);
    check("10.0.0.9", &["https://10.0.0.9 unverified", "http://10.0.0.9 unverified"]);
    check("localhost:5000", &["https://localhost:5000 unverified", "http://localhost:5000 unverified"]);
    check("[::1]:5000", &["https://[::1]:5000 unverified", "http://[::1]:5000 unverified"]);
    check("lab.corp", &["https://lab.corp"]);
    check("10.0.1.9", &["https://10.0.1.9"]);
}

#[test]
fn what_keeps_the_daemon_from_starting_is_an_error() {
    let error = |json: &str| DockerDaemon::parse(json.as_bytes()).unwrap_err();
    assert_eq!(error("{\n\"registry-mirrors\": \"x\"}"), DockerDaemonError::Json { line: 2 });
    assert_eq!(error("{ // comment\n}"), DockerDaemonError::Json { line: 1 });
    for mirror in ["mirror.corp", "ftp://m", "https://u:p@m", "https://m?x=y", "https://m/#f", "https://"] {
        let json = format!("{{\"registry-mirrors\": [\"https://ok\", \"{mirror}\"]}}");
        assert_eq!(error(&json), DockerDaemonError::Mirror { number: 2 }, "{mirror}");
    }
    assert_eq!(error("{\"insecure-registries\": [\"ftp://x\"]}"), DockerDaemonError::Insecure { number: 1 });
}

#[test]
fn no_login_of_a_proxy_is_shown() {
    assert!(!format!("{:?}", daemon()).contains("s3cret"));
    assert_eq!(DockerDaemon::parse(b" \n").unwrap().endpoints("docker.io").len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(text in "\\PC*", registry in "\\PC*") {
        let json = serde_json::json!({ "registry-mirrors": [text], "insecure-registries": [text] });
        let _ = DockerDaemon::parse(json.to_string().as_bytes()).map(|daemon| daemon.endpoints(&registry));
        let _ = DockerDaemon::parse(text.as_bytes());
    }
}
