//! Real processes named kubelet: one that is, and all that may not be taken for it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pullagent_diagnosis::case::GivenCredential;
use pullagent_diagnosis::plugin::PluginOutcome;

use super::super::kubelet_start;
use super::*;
use crate::kubelet_credentials::{self, KubeletCredentials};

/// Listens on a kubelet's port as others may too, does its first argument, says so, and lives until its standard input
/// ends.
const LIVE: &str = r#"
    use Socket;
    $| = 1;
    socket(my $listener, AF_INET, SOCK_STREAM, 0) or die;
    setsockopt($listener, SOL_SOCKET, SO_REUSEPORT, 1) or die;
    bind($listener, sockaddr_in($ENV{PORT}, INADDR_ANY)) or die;
    listen($listener, 9) or die;
    eval shift or die $@;
    print "up\n";
    <STDIN>;
"#;

/// A folder with a kubelet's binary, its logins and its plugin, which leaves a file behind.
fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("/usr/bin/perl", path("kubelet")).unwrap();
    symlink("/bin/sh", path("plugin")).unwrap();
    fs::write(path("config.json"), r#"{"auths":{"a.b":{"username":"file","password":"s3cret"}}}"#).unwrap();
    let answer = r#"{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1","cacheKeyType":"Image","auth":{"a.b":{"username":"'$WHO'","password":"s3cret"}}}"#;
    let script = format!("> {}; echo '{answer}'", path("ran").display());
    let provider = serde_json::json!({
        "name": "plugin", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "matchImages": ["a.b"],
        "defaultCacheDuration": "1m", "args": ["-c", script],
    });
    let config = serde_json::json!({
        "apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": [provider],
    });
    fs::write(path("plugins.json"), config.to_string()).unwrap();
    folder
}

/// A process named kubelet; ended with the test.
struct Named(Child);

impl Named {
    /// Started by `wrapper` (`setpriv ...`, nothing), doing `deed` first.
    fn kubelet(wrapper: &[&str], deed: &str, folder: &Path) -> Self {
        Self::on("10248", wrapper, deed, folder)
    }

    /// The same on this port.
    fn on(port: &str, wrapper: &[&str], deed: &str, folder: &Path) -> Self {
        let place = folder.display();
        let program = format!("{place}/kubelet");
        let words: Vec<&str> = wrapper.iter().copied().chain([program.as_str(), "-e", LIVE, "--", deed]).collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .arg(format!("--root-dir={place}"))
            .arg(format!("--image-credential-provider-config={place}/plugins.json"))
            .args(["--image-credential-provider-bin-dir", &place.to_string()])
            .env("WHO", "kubelet")
            .env("PORT", port)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; `tests/setup` installs it", words[0]));
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "up\n");
        Self(child)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn offered(credentials: &KubeletCredentials) -> Vec<GivenCredential> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(credentials.offered("a.b/c:1", Duration::from_secs(50)))
}

/// The sources of the logins that the kubelet offers.
#[track_caller]
fn check_offered(want: &[&str]) {
    let credentials = kubelet_credentials::read(Path::new("/"));
    let in_words = |given: GivenCredential| match given {
        GivenCredential::NodeFile { path, .. } => path,
        GivenCredential::Plugin { name, outcome: PluginOutcome::Answered { logins } } => {
            format!("{name} {}", logins[0].username)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(offered(&credentials).into_iter().map(in_words).collect::<Vec<_>>(), want);
    assert_eq!(credentials.unread, [""; 0]);
}

#[test]
fn the_nodes_own_kubelet_says_what_it_would_offer() {
    on_a_node_with(&["--net"], the_nodes_own_kubelet_says_what_it_would_offer, || {
        let folder = installation();
        let kubelet = Named::kubelet(&[], "1", folder.path());
        let found = kubelet_start(Path::new("/")).unwrap().unwrap();
        assert_eq!(Some(found.pid), i32::try_from(kubelet.0.id()).ok());
        assert_eq!(found.variable("WHO"), Some("kubelet".as_ref()));
        let file = folder.path().join("config.json").display().to_string();
        check_offered(&[&file, "plugin kubelet"]);
        assert!(folder.path().join("ran").exists());
    });
}

/// What is said of a process named kubelet that is not the node's; its plugin is never run.
#[track_caller]
fn check_refused(port: &str, wrapper: &[&str], deed: &str, why: &str) {
    let (folder, real) = (installation(), installation());
    let _decoy = Named::on(port, wrapper, deed, folder.path());
    let credentials = kubelet_credentials::read(Path::new("/"));
    assert!(offered(&credentials).iter().all(|given| matches!(given, GivenCredential::NodeFile { .. })));
    let said = credentials.unread.join("\n");
    assert!(said.contains("the kubelet's credential provider plugins (") && said.contains(why), "{said}");
    // Beside the real one it counts as little as if it were not there.
    let _kubelet = Named::kubelet(&[], "1", real.path());
    check_offered(&[&real.path().join("config.json").display().to_string(), "plugin kubelet"]);
    assert!(!folder.path().join("ran").exists() && real.path().join("ran").exists());
}

#[test]
fn a_process_that_only_has_the_kubelets_name_is_asked_for_nothing() {
    on_a_node_with(&["--net"], a_process_that_only_has_the_kubelets_name_is_asked_for_nothing, || {
        // Whoever shares a port has to be of the same user.
        check_refused("10250", &["setpriv", "--reuid", "65534", "--clear-groups"], "1", "as user 65534, not as root");
        check_refused("10250", &["unshare", "--user", "--map-root-user"], "1", "another user namespace");
        check_refused("10248", &[], "chroot '/tmp'", "has another file tree than this node's");
        check_refused("10249", &[], "1", "listens on none of the kubelet's ports");
    });
}

#[test]
fn of_two_kubelets_neither_counts() {
    on_a_node_with(&["--net"], of_two_kubelets_neither_counts, || {
        let folder = installation();
        let _both = [Named::kubelet(&[], "1", folder.path()), Named::kubelet(&[], "1", folder.path())];
        let unseen = kubelet_start(Path::new("/")).unwrap_err();
        assert_eq!((unseen.why.as_str(), unseen.uses_plugins), ("2 kubelets run on this node", true));
    });
}

#[test]
fn a_file_tree_without_processes_has_no_kubelet() {
    let tree = tempfile::tempdir().unwrap();
    assert!(kubelet_start(tree.path()).unwrap().is_none());
}
