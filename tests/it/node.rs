//! `pullagent node` on the file trees that distributions make: what is read of them, what is said of it, and in what two
//! of them differ. There is no runtime's socket in them, so which runtime it is is told by its files.

use std::path::Path;

use pullagent_testkit::cri::{Cri, CriImage};
use serde_json::Value;

use crate::pullagent::{Ran, run};

/// The settings of containerd that pull, by the name that version 3 of its file has for them.
const IMAGES: &str = "plugins.'io.containerd.cri.v1.images'";
const RESOLV_CONF: (&str, &str) = ("etc/resolv.conf", "nameserver 10.0.0.2\nsearch corp.io\n");
const NSSWITCH: (&str, &str) =
    ("etc/nsswitch.conf", "passwd: files\nhosts: files mdns4_minimal [NOTFOUND=return] dns\n");

/// A node's file tree.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(root.path().join("proc")).expect("a folder");
    for (path, text) in [RESOLV_CONF, NSSWITCH].iter().chain(files) {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    root
}

async fn node(root: &Path, arguments: &[&str]) -> Ran {
    let root = root.to_str().expect("a path that is text");
    run(&[&["node", "--host-root", root], arguments].concat(), "").await
}

/// As kubeadm leaves a node on which somebody has set up mirrors.
fn kubeadm() -> tempfile::TempDir {
    tree(&[
        (
            "etc/containerd/config.toml",
            &format!(
                "version = 3\n[{IMAGES}.pinned_images]\nsandbox = 'registry.k8s.io/pause:3.10'\n[{IMAGES}.registry]\n\
                 config_path = '/etc/containerd/certs.d'\n"
            ),
        ),
        (
            "etc/containerd/certs.d/docker.io/hosts.toml",
            "server = 'https://docker.io'\n[host.'https://mirror.corp.io']\ncapabilities = ['pull', 'resolve']\n\
             [host.'https://mirror.corp.io'.header]\nAuthorization = 'Basic aHVudGVyMg=='\n",
        ),
        ("etc/containerd/certs.d/quay.io/ca.crt", ""),
        (
            "etc/containerd/certs.d/_default/hosts.toml",
            "[host.'https://mirror.corp.io/all']\ncapabilities = ['pull']\nskip_verify = true\n",
        ),
        ("etc/containerd/certs.d/registry.corp.io_5000_/hosts.toml", "ca = '/etc/corp.pem'\n"),
    ])
}

/// As the agent of k3s writes it from its registries.yaml.
fn k3s() -> tempfile::TempDir {
    let folder = "var/lib/rancher/k3s/agent/etc/containerd";
    tree(&[
        (
            &format!("{folder}/config.toml"),
            &format!(
                "version = 3\n[{IMAGES}]\nuse_local_image_pull = true\n[{IMAGES}.pinned_images]\n\
                 sandbox = 'rancher/mirrored-pause:3.6'\n[{IMAGES}.registry]\nconfig_path = '/{folder}/certs.d'\n"
            ),
        ),
        (
            &format!("{folder}/certs.d/docker.io/hosts.toml"),
            "server = 'https://registry-1.docker.io/v2'\n[host]\n[host.'https://mirror.corp.io/v2']\n\
             capabilities = ['pull', 'resolve']\n",
        ),
    ])
}

/// As EKS ships it: a `config_path` that one engine cannot read, and a setting that takes the other.
fn eks(discards: bool) -> tempfile::TempDir {
    tree(&[
        (
            "etc/containerd/config.toml",
            &format!(
                "version = 3\nimports = ['/etc/containerd/config.d/*.toml']\n[{IMAGES}]\n\
                 discard_unpacked_layers = {discards}\n[{IMAGES}.pinned_images]\nsandbox = 'localhost/kubernetes/pause'\n\
                 [{IMAGES}.registry]\nconfig_path = '/etc/containerd/certs.d:/etc/docker/certs.d'\n"
            ),
        ),
        (
            "etc/containerd/config.d/user.toml",
            &format!("version = 3\n[{IMAGES}]\nimage_pull_progress_timeout = '2m'\n"),
        ),
        ("etc/docker/certs.d/docker.io/hosts.toml", "[host.'https://mirror.corp.io']\n"),
    ])
}

/// As the operator of `OpenShift` writes it.
fn openshift() -> tempfile::TempDir {
    tree(&[
        ("etc/crio/crio.conf.d/00-default", "[crio.image]\npause_image = \"quay.io/ocp/pause:4\"\n"),
        (
            "etc/containers/registries.conf",
            "unqualified-search-registries = ['registry.access.redhat.com', 'docker.io']\n[[registry]]\n\
             prefix = ''\nlocation = 'quay.io/ocp'\n[[registry.mirror]]\nlocation = 'mirror.corp.io:5000/ocp'\n\
             pull-from-mirror = 'digest-only'\n[[registry]]\nprefix = '*.evil.io'\nblocked = true\n",
        ),
        (
            "etc/containers/registries.conf.d/99-site.conf",
            "[[registry]]\nlocation = 'registry.corp.io'\ninsecure = true\n",
        ),
        (
            "etc/containers/policy.json",
            r#"{"default": [{"type": "insecureAcceptAnything"}],
                "transports": {"docker": {"registry.corp.io": [{"type": "reject"}]}}}"#,
        ),
    ])
}

/// Holds what is shown against a file beside the other snapshots, in text and in JSON. The machine's architecture is
/// left out.
async fn check(name: &str, root: &tempfile::TempDir) {
    let text = node(root.path(), &[]).await;
    let json = node(root.path(), &["-o", "json"]).await;
    assert_eq!((text.code, text.err.as_str(), json.code), (0, "", 0));
    assert_eq!(json.out.matches('\n').count(), 1, "JSON is one line");
    for out in [&text.out, &json.out] {
        assert!(!out.contains("aHVudGVyMg"), "a header's value is shown: {out}");
    }
    let mut value: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(value["schema"], "pullagent.dev/node/v1");
    let arch = value["node"]["arch"].as_str().expect("an architecture").to_owned();
    value["node"]["arch"] = "ARCH".into();
    let text = text.out.replacen(&format!("linux/{arch}"), "linux/ARCH", 1);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        insta::assert_snapshot!(format!("node-{name}"), text);
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        insta::assert_snapshot!(format!("node-{name}-json"), pretty);
    });
}

#[tokio::test]
async fn a_node_of_kubeadm_is_shown() {
    check("kubeadm", &kubeadm()).await;
}

#[tokio::test]
async fn a_node_of_k3s_is_shown() {
    check("k3s", &k3s()).await;
}

#[tokio::test]
async fn a_node_of_eks_is_shown() {
    check("eks", &eks(true)).await;
}

#[tokio::test]
async fn a_node_of_openshift_is_shown() {
    check("openshift", &openshift()).await;
}

#[tokio::test]
async fn warnings_fail_only_where_they_are_asked_to() {
    let root = kubeadm();
    assert_eq!(node(root.path(), &[]).await.code, 0);
    assert_eq!(node(root.path(), &["--fail-on", "warning"]).await.code, 1);
    let quiet = tree(&[("etc/containerd/config.toml", "version = 3\n")]);
    let ran = node(quiet.path(), &["--fail-on", "warning"]).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[tokio::test]
async fn one_registry_is_shown_alone_whether_it_has_settings_or_not() {
    let root = kubeadm();
    let ran = node(root.path(), &["--host", "docker.io"]).await;
    assert!(
        ran.out.contains("1. mirror https://mirror.corp.io/v2") && ran.out.contains("dockerHubWebSite"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("quay.io") && !ran.out.contains("registry.corp.io"), "{}", ran.out);
    let ran = node(root.path(), &["--host", "ghcr.io", "-o", "json"]).await;
    let value: Value = serde_json::from_str(&ran.out).expect("JSON");
    let urls: Vec<&str> = value["registries"][0]["endpoints"]
        .as_array()
        .expect("endpoints")
        .iter()
        .filter_map(|endpoint| endpoint["url"].as_str())
        .collect();
    assert_eq!(urls, ["https://mirror.corp.io/all/v2", "https://ghcr.io/v2"]);
    let ran = node(root.path(), &["--host", "not/a/host"]).await;
    assert!(ran.code == 2 && ran.out.is_empty() && ran.err.contains("`not/a/host` is no registry"), "{}", ran.err);
}

#[tokio::test]
async fn what_differs_from_another_node_is_told_field_by_field() {
    let (here, there) = (eks(false), eks(true));
    let other = there.path().join("other.json");
    let json = node(there.path(), &["-o", "json"]).await.out;
    std::fs::write(&other, json.replace("\"name\":\"node-1\"", "\"name\":\"node-2\"")).expect("a file");
    let other = other.to_str().expect("a path that is text");
    let same = node(there.path(), &["--diff", other]).await;
    assert_eq!((same.code, same.out.as_str()), (0, "node-1 and node-2: nothing differs\n"), "{}", same.err);
    let ran = node(here.path(), &["--diff", other]).await;
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("engine.name\n  here       transfer\n  there      local\n"), "{}", ran.out);
    let ran = node(here.path(), &["--diff", other, "-o", "json"]).await;
    let value: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(value["schema"], "pullagent.dev/node-diff/v1");
    let changed = value["differences"].as_array().expect("differences");
    let lost = changed.iter().find(|one| one["field"] == "registries[docker.io]").expect("the lost registry");
    assert_eq!((lost.get("here"), &lost["there"]), (None, &Value::from("present")));
}

#[tokio::test]
async fn another_nodes_file_that_is_none_is_wrong_usage_and_named() {
    let root = kubeadm();
    let file = root.path().join("other.json");
    let path = file.to_str().expect("a path that is text");
    let check = async |content: Option<&str>, why: &str| {
        match content {
            Some(content) => std::fs::write(&file, content).expect("a file"),
            None => drop(std::fs::remove_file(&file)),
        }
        let ran = node(root.path(), &["--diff", path]).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
        assert!(ran.err.contains(&format!("cannot read --diff `{path}`: ")) && ran.err.contains(why), "{}", ran.err);
    };
    check(None, "No such file").await;
    check(Some("kubelet: 1"), "it is not JSON (line 1)").await;
    check(Some("{\"schema\": \"pullagent.dev/report/v1\"}"), "its schema is `pullagent.dev/report/v1`").await;
    check(Some("[]"), "its schema is `none`").await;
    check(Some("{\"schema\": \"pullagent.dev/node/v1\"}"), "it is not what `pullagent node -o json` prints").await;
}

#[tokio::test]
async fn a_missing_sandbox_image_is_told_by_the_runtime_itself() {
    let root = kubeadm();
    let pause = CriImage {
        id: "sha256:a1".to_owned(),
        tags: vec!["registry.k8s.io/pause:3.10".to_owned()],
        ..CriImage::default()
    };
    let containerd = || Cri::default().version("containerd", "v2.1.5");
    for (runtime, missing) in [(containerd(), true), (containerd().image(pause), false)] {
        let folder = root.path().join("run/containerd");
        std::fs::create_dir_all(&folder).expect("a folder");
        let socket = folder.join("containerd.sock");
        let runtime = runtime.start(&socket).expect("a socket");
        let ran = node(root.path(), &["-o", "json"]).await;
        drop(runtime);
        std::fs::remove_file(socket).expect("the socket's file");
        let value: Value = serde_json::from_str(&ran.out).expect("JSON");
        assert_eq!(value["runtime"]["version"], "v2.1.5", "{}", ran.err);
        assert_eq!(ran.out.contains("SandboxImageMissing"), missing, "{}", ran.out);
    }
}
