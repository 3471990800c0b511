//! What the running kubelet says of its runtime: its flags and its configuration file, read below the host root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::host_root::{below, read_bounded};
use crate::kubelet::flag;

/// Bytes of a command line, as Linux bounds one argument.
const MAX_COMMAND: u64 = 128 * 1024;
/// Bytes of a configuration file.
const MAX_FILE: u64 = 1024 * 1024;
/// Where kubelets keep what they know when no flag says otherwise: the usual place, microk8s and k0s.
const ROOT_DIRS: [&str; 3] = ["var/lib/kubelet", "var/snap/microk8s/common/var/lib/kubelet", "var/lib/k0s/kubelet"];

/// The endpoint that somebody names, and who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Naming {
    /// As it is written there.
    pub(super) endpoint: String,
    /// Who, for a person.
    pub(super) by: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KubeletConfiguration {
    container_runtime_endpoint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CrictlConfiguration {
    runtime_endpoint: Option<String>,
    image_endpoint: Option<String>,
}

/// The runtime of the kubelet that runs here, if it runs, may be looked at and names one. Its flag beats its file.
pub(super) fn named_by_kubelet(host_root: &Path) -> Option<Naming> {
    let command = command(host_root)?;
    if let Some(endpoint) = flag(&command, "--container-runtime-endpoint") {
        let by = "the kubelet's `--container-runtime-endpoint`".to_owned();
        return Some(Naming { endpoint: endpoint.to_owned(), by });
    }
    let path = flag(&command, "--config")?;
    let file: KubeletConfiguration = yaml(host_root, Path::new(path))?;
    let endpoint = file.container_runtime_endpoint.filter(|endpoint| !endpoint.is_empty())?;
    Some(Naming { endpoint, by: format!("the kubelet's configuration {path}") })
}

/// The runtime that crictl talks to.
pub(super) fn named_by_crictl(host_root: &Path) -> Option<Naming> {
    let file: CrictlConfiguration = yaml(host_root, Path::new("etc/crictl.yaml"))?;
    let endpoints = [file.runtime_endpoint, file.image_endpoint];
    let endpoint = endpoints.into_iter().flatten().find(|endpoint| !endpoint.is_empty())?;
    Some(Naming { endpoint, by: "/etc/crictl.yaml".to_owned() })
}

/// The folders in which a kubelet here may keep its records.
pub(super) fn root_dirs(host_root: &Path) -> Vec<PathBuf> {
    let told = command(host_root).and_then(|command| flag(&command, "--root-dir").map(PathBuf::from));
    told.into_iter().chain(ROOT_DIRS.map(PathBuf::from)).collect()
}

/// The arguments of the kubelet on this node: root's, and with the node's own file tree, for a test cluster in
/// containers shows its kubelets here too.
fn command(host_root: &Path) -> Option<Vec<String>> {
    let proc = below(host_root, Path::new("proc")).ok()?;
    let root = fs::metadata(host_root).ok()?;
    let mut pids: Vec<u32> =
        fs::read_dir(&proc).ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids.into_iter().map(|pid| proc.join(pid.to_string())).find_map(|process| {
        if read_bounded(&process.join("comm"), 64).ok()?.trim_ascii() != b"kubelet" {
            return None;
        }
        let elsewhere = fs::metadata(process.join("root"))
            .is_ok_and(|theirs| (theirs.dev(), theirs.ino()) != (root.dev(), root.ino()));
        if elsewhere || fs::metadata(&process).ok()?.uid() != 0 {
            return None;
        }
        let line = read_bounded(&process.join("cmdline"), MAX_COMMAND).ok()?;
        Some(line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    })
}

/// What a YAML file says, if it can be read and is one.
fn yaml<T: for<'a> Deserialize<'a>>(host_root: &Path, path: &Path) -> Option<T> {
    let file = below(host_root, path).ok()?;
    let text = String::from_utf8(read_bounded(&file, MAX_FILE).ok()?).ok()?;
    serde_saphyr::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[track_caller]
    fn check(command: &str, config: &str, want: Option<(&str, &str)>) {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "proc/7/comm", "kubelet\n");
        write(root.path(), "proc/7/cmdline", &command.replace(' ', "\0"));
        write(root.path(), "var/lib/kubelet/config.yaml", config);
        symlink(root.path(), root.path().join("proc/7/root")).unwrap();
        let named = named_by_kubelet(root.path());
        // Another user's process may call itself kubelet.
        let want = want.filter(|_| nix::unistd::geteuid().is_root());
        assert_eq!(named.as_ref().map(|n| (n.endpoint.as_str(), n.by.as_str())), want, "{command}");
    }

    #[test]
    fn the_kubelets_flag_beats_its_file() {
        const FILE: &str = "kind: KubeletConfiguration\ncontainerRuntimeEndpoint: unix:///run/file.sock\n";
        let by = "the kubelet's `--container-runtime-endpoint`";
        check("kubelet --container-runtime-endpoint=unix:///run/a.sock -v 2", "", Some(("unix:///run/a.sock", by)));
        check("kubelet --container-runtime-endpoint /run/a.sock", "", Some(("/run/a.sock", by)));
        check("kubelet --container-runtime-endpoint-x=/run/a.sock", "", None);
        let file = "the kubelet's configuration /var/lib/kubelet/config.yaml";
        check("kubelet --config=/var/lib/kubelet/config.yaml", FILE, Some(("unix:///run/file.sock", file)));
        let both = "kubelet --config=/var/lib/kubelet/config.yaml --container-runtime-endpoint=/run/flag.sock";
        check(both, FILE, Some(("/run/flag.sock", by)));
        check("kubelet --config=/var/lib/kubelet/config.yaml", "containerRuntimeEndpoint: \"\"", None);
        check("kubelet --config=/var/lib/kubelet/config.yaml", "a: [", None);
        check(
            "kubelet --config=/var/lib/kubelet/config.yaml",
            "{\"containerRuntimeEndpoint\": \"/j\"}",
            Some(("/j", file)),
        );
        check("kubelet", FILE, None);
    }

    #[test]
    fn a_kubelet_with_another_file_tree_is_not_this_nodes() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "proc/7/comm", "kubelet\n");
        write(root.path(), "proc/7/cmdline", "kubelet\0--container-runtime-endpoint=/run/a.sock\0");
        symlink("/proc", root.path().join("proc/7/root")).unwrap();
        assert_eq!(named_by_kubelet(root.path()), None);
    }

    #[test]
    fn crictl_names_its_runtime_or_its_image_service() {
        let root = tempfile::tempdir().unwrap();
        let by = "/etc/crictl.yaml".to_owned();
        assert_eq!(named_by_crictl(root.path()), None);
        write(root.path(), "etc/crictl.yaml", "image-endpoint: unix:///i.sock\ntimeout: 2\n");
        let image = Naming { endpoint: "unix:///i.sock".to_owned(), by: by.clone() };
        assert_eq!(named_by_crictl(root.path()), Some(image));
        write(root.path(), "etc/crictl.yaml", "runtime-endpoint: unix:///r.sock\nimage-endpoint: unix:///i.sock\n");
        assert_eq!(named_by_crictl(root.path()), Some(Naming { endpoint: "unix:///r.sock".to_owned(), by }));
    }
}
