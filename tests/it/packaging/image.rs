//! The container image, made without network and daemon, imported and run by real containerds.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pullagent_testkit::containerd::{Release, SUITES};

use super::{EPOCH, done, has, source, staged};

/// Starts a containerd whose files are in memory, imports the image and runs it. The binary under test is not static, as
/// that of a release is: this machine's libraries are lent to it.
const IMPORT_AND_RUN: &str = r#"
set -e
bin=${1%/*} image=$2
mount -t tmpfs -o mode=755,size=512m node /run
PATH=$bin:$PATH
mkfifo /run/log
"$1" --root /run/images --state /run/state --address /run/containerd.sock 2>/run/log &
exec 3</run/log
while read -r line <&3; do
    case $line in *'containerd successfully booted'*) break ;; esac
done
cat <&3 >/dev/null &
own() {
    timeout 120 "$bin/ctr" --address /run/containerd.sock --namespace k8s.io "$@"
}
own images import "$image" >&2
own images ls -q name==ghcr.io/pullagent/pullagent:0.1.0
lent() {
    own run --rm --mount type=bind,src=/usr/lib,dst=/lib,options=rbind:ro \
        --mount type=bind,src=/usr/lib64,dst=/lib64,options=rbind:ro ghcr.io/pullagent/pullagent:0.1.0 "$@"
}
lent version /usr/bin/pullagent --version
lent health /usr/bin/pullagent health || echo "health: $?"
! own run --rm ghcr.io/pullagent/pullagent:0.1.0 shell /bin/sh -c true 2>/dev/null || echo 'there is a shell'
"#;

/// An image's archive, of the words `amd64`.
fn archive(folder: &Path, root: &Path, name: &str) -> PathBuf {
    let file = folder.join(name);
    let words = ["amd64", "0.1.0", "abc"].map(OsStr::new);
    done(source("packaging/image/build"), [&[root.as_os_str()][..], &words, &[file.as_os_str()]].concat());
    file
}

#[tokio::test]
async fn containerd_imports_the_image_and_runs_it() {
    if !has("buildah") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let root = staged(folder.path());
    let [file, again] = ["1.tar", "2.tar"].map(|name| archive(folder.path(), &root, name));
    assert!(fs::read(&file).expect("an image") == fs::read(again).expect("an image"), "two images differ");
    check_configuration(&file);
    for suite in SUITES {
        let release = match Release::of_suite(suite).await {
            Ok(release) if nix::unistd::geteuid().is_root() => release,
            other => {
                assert!(std::env::var_os("CI").is_none(), "no containerd of {suite} can be run as root");
                eprintln!("NOT TESTED: the image with the containerd of {suite}: {:?}", other.err());
                continue;
            }
        };
        let ran = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--cgroup", "--fork", "--kill-child"])
            .args(["--mount-proc", "sh", "-c", IMPORT_AND_RUN, "sh"])
            .args([&release.program, &file])
            .output()
            .expect("setpriv and unshare start; they are part of util-linux");
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        let version = env!("CARGO_PKG_VERSION");
        let says = format!("ghcr.io/pullagent/pullagent:0.1.0\npullagent {version}\nhealth: 1\n");
        assert_eq!(out, says, "{suite}: {err}");
    }
}

/// As whom it runs, and what it says of itself.
#[track_caller]
fn check_configuration(file: &Path) {
    let read = |path: &str| {
        let text = done("tar", [OsStr::new("-xOf"), file.as_os_str(), OsStr::new(path)]);
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")
    };
    let blob = |of: &serde_json::Value| {
        let digest = of["digest"].as_str().expect("a digest");
        read(&format!("./blobs/{}", digest.replace(':', "/")))
    };
    let manifest = blob(&read("./index.json")["manifests"][0]);
    let image = blob(&manifest["config"]);
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1));
    let config = &image["config"];
    assert_eq!((config["User"].as_str(), image["architecture"].as_str()), (Some("65534:65534"), Some("amd64")));
    assert_eq!(config["Entrypoint"], serde_json::json!(["/usr/bin/pullagent"]));
    assert_eq!(config["Labels"]["org.opencontainers.image.revision"], "abc");
    let at = done("date", ["-u", "-d", &format!("@{EPOCH}"), "+%Y-%m-%dT%H:%M:%SZ"]);
    assert_eq!(image["created"].as_str(), Some(at.trim_end()));
}
