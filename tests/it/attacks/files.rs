//! A node whose files are links, FIFOs, devices and floods: nothing is read beside its root, waited for, or kept.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::measured;

/// Files that a node may have, all of which are looked for.
const FILES: [&str; 9] = [
    "etc/hosts",
    "etc/resolv.conf",
    "etc/nsswitch.conf",
    "etc/containerd/config.toml",
    "etc/containerd/certs.d/registry.test/hosts.toml",
    "etc/containerd/certs.d/registry.test/ca.crt",
    "etc/docker/daemon.json",
    "etc/ssl/certs/ca-certificates.crt",
    "var/lib/kubelet/config.json",
];
const CONFIG: &str = "version = 3\nimports = ['/etc/containerd/conf.d/*.toml']\n\
                      [plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/etc/containerd/certs.d'\n";
const MIB: usize = 1 << 20;

/// A node with containerd's own file and nothing else.
fn node() -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir(root.path().join("proc")).expect("a folder");
    write(root.path(), "etc/containerd/config.toml", CONFIG);
    write(root.path(), "etc/resolv.conf", "nameserver 127.0.0.9\n");
    root
}

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    fs::write(place(root, path), text).expect("a file");
}

/// The path below the root, with the folders above it.
fn place(root: &Path, path: &str) -> PathBuf {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    path
}

/// A file of this many zeros that takes no room on the disk.
fn sparse(root: &Path, path: &str, bytes: u64) {
    File::create(place(root, path)).and_then(|file| file.set_len(bytes)).expect("a file");
}

/// What `node` says of it, and `probe` of an image.
async fn shown(root: &Path) -> String {
    let root = root.to_str().expect("a path that is text");
    let node = measured(&["node", "-o", "json", "--host-root", root]).await;
    assert_eq!(node.code, 0, "{}{}", node.out, node.err);
    let probe = ["probe", "-o", "json", "-v", "--pull", "never", "--timeout", "2s", "--host-root", root];
    let probe = measured(&[&probe[..], &["registry.test/team/api:1"]].concat()).await;
    assert_eq!(probe.out.lines().count(), 1, "{}{}", probe.out, probe.err);
    node.out + &node.err + &probe.out + &probe.err
}

#[tokio::test]
async fn a_link_leads_to_where_it_leads_on_the_node_and_never_past_its_root() {
    let hosts = "server = 'https://MARKER.test'\n[host.'https://MARKER.test']\n";
    for (link, file, text) in [
        ("etc/containerd/certs.d/registry.test/hosts.toml", "", hosts),
        ("etc/containerd/certs.d", "registry.test/hosts.toml", hosts),
        (
            "etc/containerd/config.toml",
            "",
            "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\n\
            config_path = '/MARKER'\n",
        ),
        (
            "etc/containerd",
            "config.toml",
            "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\n\
            config_path = '/MARKER'\n",
        ),
        ("var/lib/kubelet/config.json", "", "{\"auths\":{\"MARKER.test\":{\"auth\":\"dTpw\"}}}"),
        ("var/lib/kubelet", "config.json", "{\"auths\":{\"MARKER.test\":{\"auth\":\"dTpw\"}}}"),
        ("etc/resolv.conf", "", "nameserver 127.0.0.9\nsearch MARKER.test\n"),
    ] {
        for relative in [false, true] {
            let (outside, root) = (tempfile::tempdir().expect("a folder"), node());
            let secret = outside.path().join("secret");
            let target = if relative {
                Path::new("../../../../../../../..").join(secret.strip_prefix("/").expect("its path"))
            } else {
                secret.clone()
            };
            let put = |at: &Path, marker: &str| {
                let at = if file.is_empty() { at.to_owned() } else { at.join(file) };
                fs::create_dir_all(at.parent().expect("a folder")).expect("a folder");
                fs::write(at, text.replace("MARKER", marker)).expect("a file");
            };
            put(&secret, "outside");
            let link = place(root.path(), link);
            if link.is_dir() {
                fs::remove_dir_all(&link).expect("it goes");
            } else {
                let _ = fs::remove_file(&link);
            }
            symlink(&target, &link).expect("a link");
            let said = shown(root.path()).await;
            assert!(!said.contains("outside"), "{link:?} {relative}: {said}");
            // What the link leads to on the node itself is read, so that this can fail.
            put(&root.path().join(secret.strip_prefix("/").expect("its path")), "inside");
            let said = shown(root.path()).await;
            assert!(said.contains("inside") && !said.contains("outside"), "{link:?} {relative}: {said}");
        }
    }
}

#[tokio::test]
async fn a_pipe_a_device_or_a_folder_in_a_files_place_is_not_waited_for() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        eprintln!("NOT TESTED: only root can make a device");
        return;
    }
    for kind in ["pipe", "device", "folder"] {
        let root = node();
        for file in FILES {
            let at = place(root.path(), file);
            let _ = fs::remove_file(&at);
            let made = match kind {
                "pipe" => Command::new("mkfifo").arg(&at).status(),
                "device" => Command::new("mknod").arg(&at).args(["c", "1", "5"]).status(),
                _ => Command::new("mkdir").arg(&at).status(),
            };
            assert!(made.is_ok_and(|made| made.success()), "{kind} {file}");
        }
        let said = shown(root.path()).await;
        assert!(said.contains("not a regular file"), "{kind}: {said}");
    }
}

/// A node that `make` has made says `words`, and keeps little of it.
async fn floods(make: impl FnOnce(&Path), words: &str) {
    let root = node();
    make(root.path());
    let said = shown(root.path()).await;
    assert!(said.contains(words), "{words}: {said}");
}

#[tokio::test]
async fn a_file_beyond_its_bound_is_named_and_not_kept() {
    const HUGE: u64 = 1 << 30;
    for file in FILES {
        let words = match file {
            "etc/hosts" | "etc/ssl/certs/ca-certificates.crt" => "larger than 16777216 bytes",
            // Neither decides over a pull by containerd.
            "etc/nsswitch.conf" | "etc/docker/daemon.json" => "",
            _ => "larger than 1048576 bytes",
        };
        floods(|root| sparse(root, file, HUGE), words).await;
    }
}

#[tokio::test]
async fn many_files_within_their_bounds_are_bounded_together() {
    let comment = vec![b'#'; MIB];
    floods(
        |root| (0..200).for_each(|n| write(root, &format!("etc/containerd/conf.d/{n}.toml"), &comment)),
        "not looked at: the files before it leave",
    )
    .await;
    let hosts = |root: &Path| {
        (0..200).for_each(|n| write(root, &format!("etc/containerd/certs.d/r{n}.test/hosts.toml"), &comment));
    };
    floods(hosts, "not looked at: the files before it leave").await;
}

#[tokio::test]
async fn more_registries_than_are_looked_at_are_told_of() {
    let folders = |root: &Path| {
        for number in 0..20_000 {
            write(root, &format!("etc/containerd/certs.d/r{number}.test/hosts.toml"), "server = 'https://r.test'\n");
        }
    };
    floods(folders, "there are more than 8192 files").await;
}
