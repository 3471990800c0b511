//! No secret is ever printed: every format and level of detail, against registries that give back what they are sent.

#![expect(clippy::unwrap_used, reason = "a world that cannot be made fails these tests")]

mod cluster;

use std::path::Path;
use std::process::Stdio;

use pullagent_testkit::registry::{Answer, Behaviour, On};
use pullagent_testkit::world::World;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A password that every encoding writes otherwise.
const PASSWORD: &str = "c0rrect horse/battery+staple";
/// The forms of it, and of what is gained by it, that are looked for. `ci:PASSWORD` is what Basic carries.
const SECRETS: [&str; 7] = [
    PASSWORD,
    "c0rrect+horse%2Fbattery%2Bstaple",
    "c0rrect%20horse%2Fbattery%2Bstaple",
    "YzBycmVjdCBob3JzZS9iYXR0ZXJ5K3N0YXBsZQ",
    "Y2k6YzBycmVjdCBob3JzZS9iYXR0ZXJ5K3N0YXBsZQ",
    "test-token",
    "r3fresh",
];

const WORLD: &str = r#"
about = "an image for ci alone"
image = "registry.test:{main.port}/private/app:1"

[[registry.main.repository]]
name = "private/app"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]
private_to = ["ci"]

[expect]
verdict = "pullable"

[registry.main]
host = "registry.test"
users = { ci = "c0rrect horse/battery+staple" }
"#;

/// The login in every form, as an answer might repeat it. Tokens are numbered, and not known beforehand.
fn echo() -> String {
    SECRETS[..5].join(" ")
}

/// What a registry does with what it got.
fn answers() -> Vec<(On, Behaviour)> {
    let said = |status: u16| Behaviour::Answer(Answer::error(status, "DENIED", &format!("no: {}", echo())));
    let written = |status: u16| Behaviour::Answer(Answer::status(status).body("text/plain", &echo()));
    let page = format!("<html><title>{}</title></html>", echo());
    let header = |name: &str, value: &str| Behaviour::Answer(Answer::status(401).header(name, value));
    let query = format!("https://registry.test/v2/x?password={}&token=test-token-1", SECRETS[1]);
    let path = format!("https://registry.test:1/{}/{}", SECRETS[3], SECRETS[4]);
    vec![
        (On::Manifest, said(403)),
        (On::Manifest, said(404)),
        (On::Manifest, written(500)),
        (On::Manifest, Behaviour::Answer(Answer::status(404).body("text/html", &page))),
        (On::Manifest, Behaviour::Answer(Answer::status(200).body(SECRETS[3], &echo()))),
        (On::Manifest, header("www-authenticate", SECRETS[4])),
        (On::Manifest, header("www-authenticate", &format!("Basic realm=\"{}\"", echo()))),
        (On::Manifest, Behaviour::Redirect(query.clone())),
        (On::Manifest, Behaviour::Redirect(path.clone())),
        (On::Token, said(401)),
        (On::Token, said(403)),
        (On::Token, written(429)),
        (
            On::Token,
            Behaviour::Answer(Answer::status(200).body("application/json", &format!("{{\"x\":\"{}\"}}", echo()))),
        ),
        (On::Token, Behaviour::Redirect(query)),
        (On::Token, Behaviour::Redirect(path)),
        (On::Blob, said(403)),
        (On::Blob, written(502)),
    ]
}

/// Runs the command with as much to say as it can be made to.
async fn run(arguments: &[&str], stdin: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pullagent"))
        .env_clear()
        .envs([("NODE_NAME", "node-1"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // A command that reads nothing closes the pipe.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.code().is_some_and(|code| code < 4), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[track_caller]
fn assert_secret(text: &str, of: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "`{secret}` is shown, {of}:\n{text}");
    }
}

/// Probes the image in every format, with the login by flag or from a secret.
async fn probe_all(root: &Path, image: &str, of: &str) {
    let secret = root.join("secret.json");
    let login = serde_json::json!({ "username": "ci", "password": PASSWORD, "identitytoken": "r3fresh" });
    let host = image.split('/').next().unwrap();
    std::fs::write(&secret, serde_json::json!({ "auths": { host: login } }).to_string()).unwrap();
    let (root, secret) = (root.to_str().unwrap(), secret.to_str().unwrap());
    let by_flag = ["--username", "ci", "--password-stdin"];
    let by_file = ["--secret", secret];
    for (format, detail, login) in [
        ("text", "-vv", &by_flag[..]),
        ("text", "-v", &by_file),
        ("json", "-vv", &by_flag),
        ("json", "-v", &by_file),
        ("short", "-vv", &by_file),
        ("markdown", "-vv", &by_flag),
        ("ticket", "-vv", &by_file),
    ] {
        let given = ["probe", "--host-root", root, "-o", format, detail, "--timeout", "4s"];
        let arguments: Vec<&str> = given.iter().chain(login).copied().chain([image]).collect();
        let shown = run(&arguments, PASSWORD).await;
        assert!(!shown.is_empty(), "{arguments:?}");
        assert_secret(&shown, &format!("{of}, -o {format}"));
    }
    let hosts = run(&["probe", "--host-root", root, "--list-hosts", "--secret", secret, image], "").await;
    assert_secret(&hosts, &format!("{of}, --list-hosts"));
}

#[tokio::test]
async fn nothing_that_was_sent_is_shown_whatever_a_registry_does_with_it() {
    for auth in ["basic", "bearer"] {
        let world = World::from_toml("secrecy", &format!("{WORLD}auth = \"{auth}\"\n")).await.unwrap();
        let root = tempfile::tempdir().unwrap();
        world.write_root(root.path()).unwrap();
        let image = format!("registry.test:{}/private/app:1", world.addr("main").unwrap().port());
        probe_all(root.path(), &image, &format!("{auth}, a registry that works")).await;
        let registry = world.registry("main").unwrap();
        for (on, behaviour) in answers() {
            registry.behave_well();
            let of = format!("{auth}, {on:?} {behaviour:?}");
            registry.behave(on, behaviour);
            probe_all(root.path(), &image, &of.chars().take(60).collect::<String>()).await;
        }
    }
}

#[tokio::test]
async fn a_login_that_is_refused_or_malformed_is_not_shown() {
    let world =
        World::from_toml("secrecy", &format!("{WORLD}auth = \"bearer\"\n").replace("ci = \"", "ci = \"no ")).await;
    let world = world.unwrap();
    let root = tempfile::tempdir().unwrap();
    world.write_root(root.path()).unwrap();
    let image = format!("registry.test:{}/private/app:1", world.addr("main").unwrap().port());
    probe_all(root.path(), &image, "a login that is wrong").await;
    let broken = root.path().join("broken.json");
    for text in [format!("{{\"auths\":{{\"a\":{{\"auth\":\"{}\"}}}}}}", SECRETS[3]), format!("{{\"auths\": {PASSWORD}")]
    {
        std::fs::write(&broken, text).unwrap();
        for format in ["text", "json", "short", "markdown", "ticket"] {
            let (root, broken) = (root.path().to_str().unwrap(), broken.to_str().unwrap());
            let shown = run(&["probe", "--host-root", root, "-vv", "-o", format, "--secret", broken, &image], "").await;
            assert_secret(&shown, "a malformed secret");
        }
    }
}
