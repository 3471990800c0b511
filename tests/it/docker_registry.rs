//! The command against Debian's docker-registry, the real one: over TLS, with logins.

use std::path::Path;

use pullagent_testkit::ca::{Ca, Leaf};
use pullagent_testkit::docker_registry::{DockerRegistry, DockerRegistryHandle};
use pullagent_testkit::registry::Image;

use crate::pullagent::{codes, probe};

const NAME: &str = "registry.test";

/// A registry for the user `ci`, and a node that trusts its authority or does not.
async fn registry(trusted: bool) -> (DockerRegistryHandle, tempfile::TempDir) {
    let ca = Ca::new("test authority");
    let stranger = Ca::new("another authority");
    let handle = DockerRegistry::default()
        .image("team/api", "1.4.1", Image::index(["linux/amd64", "linux/arm64"]))
        .image("team/batch", "7", Image::index(["linux/s390x"]))
        .tls(&ca.issue(&Leaf::new([NAME])))
        .login("ci", "correct-horse")
        .start()
        .await
        .expect("docker-registry starts; `tests/setup` installs it");
    let root = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("etc/hosts", &format!("127.0.0.1 {NAME}\n"));
    write("etc/ssl/certs/ca-certificates.crt", &if trusted { ca.pem() } else { stranger.pem() });
    (handle, root)
}

#[tokio::test]
async fn debians_registry_is_told_apart_in_every_state() {
    let (handle, root) = registry(true).await;
    let at = format!("{NAME}:{}", handle.addr().port());
    let check = async |password: Option<&str>, image: &str, code: &str| {
        let login = ["-o", "json", "--platform", "linux/amd64", "--username", "ci", "--password-stdin"];
        let arguments = if password.is_some() { &login[..] } else { &login[..4] };
        let ran = probe(root.path(), arguments, &[&format!("{at}/{image}")], password.unwrap_or_default()).await;
        assert_eq!(codes(&ran), [code], "{image}: {}{}", ran.out, ran.err);
        assert_eq!(ran.code, i32::from(code != "-"));
    };
    let right = Some("correct-horse");
    check(right, "team/api:1.4.1", "-").await;
    check(right, "team/api:1.4.2", "TagNotFound").await;
    check(right, "team/apo:1.4.1", "RepositoryNotFound").await;
    check(right, "team/batch:7", "PlatformMismatch").await;
    let digest = format!("team/api@sha256:{}", "0".repeat(64));
    check(right, &digest, "DigestNotFound").await;
    check(None, "team/api:1.4.1", "CredentialsMissing").await;
    check(Some("battery-staple"), "team/api:1.4.1", "CredentialsRejected").await;
}

#[tokio::test]
async fn a_private_authority_is_named() {
    let (handle, root) = registry(false).await;
    let image = format!("{NAME}:{}/team/api:1.4.1", handle.addr().port());
    let ran = probe(root.path(), &["-o", "json"], &[&image], "").await;
    assert_eq!(codes(&ran), ["TlsUnknownAuthority"], "{}", ran.out);
    assert!(ran.out.contains("test authority"), "{}", ran.out);
}

#[tokio::test]
async fn a_registry_without_tls_is_named() {
    let handle = DockerRegistry::default()
        .image("team/api", "1", Image::new("linux/amd64"))
        .start()
        .await
        .expect("docker-registry starts; `tests/setup` installs it");
    let root = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(root.path().join("etc")).expect("a folder");
    std::fs::write(root.path().join("etc/hosts"), format!("127.0.0.1 {NAME} localhost\n")).expect("a file");
    let port = handle.addr().port();
    let ran = probe(root.path(), &["-o", "json"], &[&format!("{NAME}:{port}/team/api:1")], "").await;
    assert_eq!(codes(&ran), ["PlaintextRegistry"], "{}", ran.out);
    // At localhost containerd falls back to plain HTTP.
    let ran = probe(
        root.path(),
        &["-o", "json", "--platform", "linux/amd64"],
        &[&format!("localhost:{port}/team/api:1")],
        "",
    )
    .await;
    assert_eq!(codes(&ran), ["-"], "{}", ran.out);
}
