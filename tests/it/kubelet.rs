//! The built command on a node of its own, with a kubelet and its plugin: whose logins are offered, and that none is shown.
//!
//! Needs root: looking into another process does, and running its plugins.

#![expect(clippy::print_stderr, reason = "whoever runs the tests reads there what was not tested")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use pullagent_testkit::world::World;
use tokio::process::Command;

use crate::pullagent::{Ran, codes};

const WORLD: &str = r#"
about = "an image for the node alone"
image = "registry.test:{main.port}/team/api:1"

[registry.main]
host = "registry.test"
auth = "bearer"
users = { node = "s3cret" }

[[registry.main.repository]]
name = "team/api"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]
private_to = ["node"]

[expect]
verdict = "pullable"
"#;

/// Starts what passes for the node's kubelet, waits until it lives, and goes on as the command.
const NODE: &str = r#"
set -e
mount --bind "$1/etc/hosts" /etc/hosts
mkfifo "$1/up"
"$1/kubelet" -e "$LISTEN" -- "--root-dir=$1" \
    "--image-credential-provider-config=$1/plugins.json" "--image-credential-provider-bin-dir=$1" > "$1/up" &
read up < "$1/up"
shift
exec "$@"
"#;

/// Listens on a kubelet's port, which the tests beside this one share, says so, and lives.
const LISTEN: &str = r#"
    use Socket;
    $| = 1;
    socket(my $listener, AF_INET, SOCK_STREAM, 0) or die;
    setsockopt($listener, SOL_SOCKET, SO_REUSEPORT, 1) or die;
    bind($listener, sockaddr_in(10248, INADDR_LOOPBACK)) or die;
    listen($listener, 9) or die;
    print "up\n";
    sleep;
"#;

/// What the command says on a node whose plugin does `script` and whose kubelet has `config` for a docker configuration.
/// `None` where nobody can make such a node.
async fn probed(script: &str, config: Option<&str>, arguments: &[&str]) -> Option<Ran> {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        eprintln!("NOT TESTED: a kubelet's plugins are run by root alone");
        return None;
    }
    let world = World::from_toml("kubelet", WORLD).await.expect("the world starts");
    let at = format!("registry.test:{}", world.addr("main").expect("its registry").port());
    let root = tempfile::tempdir().expect("a folder");
    world.write_root(root.path()).expect("the node's root");
    install(root.path(), &script.replace("REGISTRY", &at), &at);
    if let Some(config) = config {
        std::fs::write(root.path().join("config.json"), config.replace("REGISTRY", &at)).expect("a file");
    }
    let output = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", NODE, "sh"])
        .arg(root.path())
        .args([env!("CARGO_BIN_EXE_pullagent"), "probe", "--pull", "never"])
        .args(arguments)
        .arg(format!("{at}/team/api:1"))
        .env("LISTEN", LISTEN)
        .env("SSL_CERT_FILE", root.path().join("etc/ssl/certs/ca-certificates.crt"))
        .output()
        .await
        .expect("unshare starts; it is part of util-linux");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let ran = Ran { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap_or(-1) };
    assert!(!format!("{}{}", ran.out, ran.err).contains("s3cret"), "{}{}", ran.out, ran.err);
    Some(ran)
}

/// A kubelet's binary, its plugin, and the configuration for it.
fn install(root: &Path, script: &str, at: &str) {
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    symlink("/usr/bin/perl", root.join("kubelet")).expect("a link");
    symlink("/bin/sh", root.join("cloud")).expect("a link");
    let provider = serde_json::json!({
        "name": "cloud", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "matchImages": [at],
        "defaultCacheDuration": "1m", "args": ["-c", script],
    });
    let config = serde_json::json!({
        "apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": [provider],
    });
    std::fs::write(root.join("plugins.json"), config.to_string()).expect("a file");
}

const ANSWERS: &str = r#"echo '{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1",
    "cacheKeyType":"Image","auth":{"REGISTRY":{"username":"node","password":"s3cret"}}}'"#;
const FAILS: &str = "echo 'no role attached' >&2; exit 1";
const LOGIN: &str = r#"{"auths":{"REGISTRY":{"username":"node","password":"s3cret"}}}"#;

fn sources(ran: &Ran) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("a JSON report");
    let rows = report["credentials"].as_array().expect("its credentials");
    rows.iter().map(|row| format!("{} {}", row["source"], row["outcome"]).replace('"', "")).collect()
}

#[tokio::test]
async fn a_plugins_login_is_offered_and_shown_nowhere() {
    for format in ["json", "text", "short", "markdown", "ticket"] {
        let Some(ran) = probed(ANSWERS, None, &["-v", "-o", format]).await else { return };
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        if format == "json" {
            assert_eq!(sources(&ran), ["plugin cloud accepted", "anonymous notTried"]);
        }
    }
}

#[tokio::test]
async fn a_plugin_that_fails_is_the_cause_of_the_refusal() {
    let Some(ran) = probed(FAILS, None, &["-o", "json"]).await else { return };
    assert_eq!((codes(&ran), ran.code), (vec!["CredentialProviderFailed".to_owned()], 1), "{}", ran.out);
    assert!(ran.out.contains("no role attached"), "{}", ran.out);
    assert_eq!(sources(&ran)[0], "plugin cloud unreadable");
}

#[tokio::test]
async fn a_plugin_that_prints_garbage_or_hangs_is_told_apart() {
    let check = async |script: &str, words: &str, confidence: &str| {
        let Some(ran) = probed(script, None, &["-o", "json", "--timeout", "4s"]).await else { return };
        assert_eq!((codes(&ran), ran.code), (vec!["CredentialProviderFailed".to_owned()], 1), "{}", ran.out);
        assert!(ran.out.contains(words), "{}", ran.out);
        assert!(ran.out.contains(&format!("\"confidence\":\"{confidence}\"")), "{}", ran.out);
        assert_eq!(sources(&ran)[0], "plugin cloud unreadable");
    };
    check("echo so sorry", "answered what the kubelet does not take", "likely").await;
    // A kubelet waits for a minute.
    check("sleep 30", "did not answer within 2 s", "likely").await;
}

#[tokio::test]
async fn the_nodes_own_file_is_offered_before_the_plugin() {
    let Some(ran) = probed(ANSWERS, Some(LOGIN), &["-o", "json"]).await else { return };
    let rows = sources(&ran);
    assert!(rows[0].starts_with("node /") && rows[0].ends_with("/config.json accepted"), "{rows:?}");
    assert_eq!(rows[1], "plugin cloud notTried");
    // With the file's login the pull works all the same, and that the plugin fails is a warning.
    let Some(ran) = probed(FAILS, Some(LOGIN), &["-o", "json"]).await else { return };
    assert!(ran.code == 0 && ran.out.contains(r#""verdict":"degraded""#), "{}", ran.out);
}

#[tokio::test]
async fn anonymously_nothing_of_the_kubelets_is_offered_or_run() {
    let Some(ran) = probed(FAILS, Some(LOGIN), &["--anonymous", "-o", "json"]).await else { return };
    assert_eq!(codes(&ran), ["CredentialsMissing"], "{}", ran.out);
    assert_eq!(sources(&ran), ["anonymous denied"]);
}
