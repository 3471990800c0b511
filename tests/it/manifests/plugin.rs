//! The plugin of kubectl, with a kubectl that only writes down how it was called.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use super::rendered::packaging;

/// Answers as kubectl would: the pod's namespace and node, the agents there, and the status of what is run.
const KUBECTL: &str = r#"#!/bin/sh
printf '[%s]' kubectl "$@" >>"$CALLS"; echo >>"$CALLS"
case " $* " in
*" get pod "*) [ -n "$NODE" ] || exit 1; printf '%s' "$NODE" ;;
*" get pods "*) printf '%s' "$AGENTS" ;;
*" exec "*) echo the answer; exit 1 ;;
esac
"#;
const PULLAGENT: &str = "#!/bin/sh\nprintf '[%s]' pullagent \"$@\" >>\"$CALLS\"; echo >>\"$CALLS\"; exit 3\n";

struct Plugin(TempDir);

/// What came of a call: exit status, standard output and error, and the programs that were called.
struct Called {
    code: Option<i32>,
    out: String,
    err: String,
    calls: String,
}

impl Plugin {
    /// Laid out as krew does it: a link somewhere to the script, the program beside the script.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("bin/kubectl", KUBECTL), ("store/pullagent", PULLAGENT)] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("a mode");
        }
        fs::copy(packaging("krew/kubectl-pullagent"), folder.path().join("store/kubectl-pullagent")).expect("a file");
        let link = folder.path().join("bin/kubectl-pullagent");
        std::os::unix::fs::symlink("../store/kubectl-pullagent", link).expect("a link");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn call(&self, arguments: &[&str], node: &str, agents: &str) -> Called {
        let calls = self.path("calls");
        fs::write(&calls, "").expect("a file");
        let ended = Command::new(self.path("bin/kubectl-pullagent"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .envs([("NODE", node), ("AGENTS", agents)])
            .env("CALLS", &calls)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .await
            .expect("a shell runs it");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let calls = fs::read_to_string(calls).expect("a file");
        Called { code: ended.status.code(), out: text(ended.stdout), err: text(ended.stderr), calls }
    }
}

#[tokio::test]
async fn why_is_asked_of_the_agent_on_the_pods_node() {
    let plugin = Plugin::new();
    let arguments = ["why", "-n", "shop", "pod/web-0", "--context", "my cluster", "-o", "json", "--note=it's $HOME"];
    let called = plugin.call(&arguments, "shop node-1", "pullagent-x7 pullagent-old").await;
    assert_eq!((called.code, called.out.as_str(), called.err.as_str()), (Some(1), "the answer\n", ""));
    let want = "[kubectl][--context][my cluster][get][pod][web-0][--namespace][shop][-o][jsonpath={.metadata.namespace} {.spec.nodeName}]
[kubectl][--context][my cluster][get][pods][--namespace][pullagent][--selector][app.kubernetes.io/name=pullagent,app.kubernetes.io/component=agent][--field-selector][spec.nodeName=node-1,status.phase=Running][-o][jsonpath={.items[*].metadata.name}]
[kubectl][--context][my cluster][exec][--namespace][pullagent][pullagent-x7][--container][pullagent][--][/usr/bin/pullagent][why][pod/web-0][--namespace][shop][-o][json][--note=it's $HOME]
";
    assert_eq!(called.calls, want);
}

#[tokio::test]
async fn every_way_to_write_kubectls_flags_is_understood() {
    let plugin = Plugin::new();
    let arguments =
        ["--kubeconfig=/k c", "why", "po/web", "-nshop", "--as=jane", "--agent-namespace", "agents", "--timeout", "5s"];
    let called = plugin.call(&arguments, "shop node-1", "a").await;
    let last = called.calls.lines().last().expect("calls");
    assert_eq!(
        last,
        "[kubectl][--kubeconfig][/k c][--as][jane][exec][--namespace][agents][a][--container][pullagent][--]\
         [/usr/bin/pullagent][why][pod/web][--namespace][shop][--timeout][5s]"
    );
    // The namespace of the context is known to kubectl alone.
    let called = plugin.call(&["why", "pod/web"], "default node-1", "a").await;
    assert!(called.calls.starts_with("[kubectl][get][pod][web][-o]"), "{}", called.calls);
    assert!(called.calls.ends_with("[why][pod/web][--namespace][default]\n"), "{}", called.calls);
}

#[tokio::test]
async fn a_node_without_an_agent_is_told_with_the_command_for_the_node() {
    let plugin = Plugin::new();
    let called = plugin.call(&["why", "pod/web", "-n", "shop", "-o", "it's"], "shop node-9", "").await;
    assert_eq!((called.code, called.out.as_str()), (Some(2), ""));
    assert_eq!(
        called.err,
        "kubectl pullagent: no agent runs on node node-9 (looked in namespace pullagent). On the node itself:\n  \
         ssh node-9 sudo pullagent why pod/web -n shop -o 'it'\\''s'\n"
    );
}

/// Ends with 2 and this complaint, and nothing is run on any node.
async fn check(arguments: &[&str], node: &str, complaint: &str) {
    let called = Plugin::new().call(arguments, node, "a").await;
    assert_eq!((called.code, called.out.as_str()), (Some(2), ""), "{arguments:?}");
    assert!(called.err.contains(complaint), "{arguments:?}: {}", called.err);
    assert!(!called.calls.contains("[exec]") && !called.calls.contains("[pullagent][why]"), "{}", called.calls);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_before_anything_is_run() {
    check(&["why"], "shop n", "name the pod as pod/NAME").await;
    check(&["why", "web"], "shop n", "name the pod as pod/NAME").await;
    check(&["why", "pod/a;reboot"], "shop n", "name the pod as pod/NAME").await;
    check(&["why", "pod/--all"], "", "").await;
    check(&["why", "pod/a", "pod/b"], "shop n", "one pod at a time").await;
    check(&["why", "pod/a", "-n"], "shop n", "-n needs a value").await;
    check(&["why", "pod/a", "--context="], "shop n", "--context needs a value").await;
    check(&["why", "pod/a"], "shop ", "pod/a has no node yet").await;
    check(&["why", "pod/gone"], "", "").await;
    check(&["-o", "json", "why", "pod/a"], "shop n", "the command comes first").await;
    check(&["fleet", "--as", "jane"], "", "--as is for why only").await;
}

#[tokio::test]
async fn other_commands_are_the_programs_own() {
    let plugin = Plugin::new();
    for (arguments, want) in [
        (&["incidents", "--context", "c"][..], "[pullagent][fleet][incidents][--context][c]\n"),
        (&["secrets", "-n", "shop", "--kubeconfig", "k"], "[pullagent][secrets][--kubeconfig][k][--namespace][shop]\n"),
        (&["explain", "a  b"], "[pullagent][explain][a  b]\n"),
    ] {
        let called = plugin.call(arguments, "", "").await;
        assert_eq!((called.code, called.calls.as_str()), (Some(3), want), "{}", called.err);
    }
    fs::remove_file(plugin.path("store/pullagent")).expect("it was there");
    let called = plugin.call(&["fleet"], "", "").await;
    assert_eq!(called.code, Some(2));
    assert!(called.err.contains("needs the program pullagent beside"), "{}", called.err);
    let called = plugin.call(&[], "", "").await;
    assert!(called.code == Some(0) && called.out.contains("kubectl pullagent why pod/NAME"), "{}", called.out);
}

#[tokio::test]
async fn the_plugins_archive_is_what_its_manifest_says_and_the_same_each_time() {
    let plugin = Plugin::new();
    let pack = async |folder: &str| {
        let out = plugin.path(folder);
        let program = format!("amd64={}", plugin.path("store/pullagent").display());
        let ended =
            Command::new(packaging("krew/pack")).arg("1.2.3").arg(&out).arg(program).output().await.expect("it runs");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let archive = fs::read(out.join("kubectl-pullagent-1.2.3-linux-amd64.tar.gz")).expect("an archive");
        (fs::read_to_string(out.join("pullagent.yaml")).expect("a manifest"), archive, out)
    };
    let (manifest, archive, out) = pack("first").await;
    let (again, same, _) = pack("second").await;
    assert!(manifest == again && archive == same);
    let manifest: serde_json::Value = serde_saphyr::from_str(&manifest).expect("YAML");
    let platform = &manifest["spec"]["platforms"][0];
    assert_eq!((&manifest["spec"]["version"], &platform["bin"]), (&"v1.2.3".into(), &"kubectl-pullagent".into()));
    let sum = Command::new("sha256sum").arg(out.join("kubectl-pullagent-1.2.3-linux-amd64.tar.gz")).output().await;
    let sum = String::from_utf8(sum.expect("it runs").stdout).expect("text");
    assert_eq!(sum.split(' ').next(), platform["sha256"].as_str());
    let listed = Command::new("tar").arg("-tzf").arg(out.join("kubectl-pullagent-1.2.3-linux-amd64.tar.gz")).output();
    let listed = String::from_utf8(listed.await.expect("it runs").stdout).expect("text");
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["./", "./LICENSE", "./kubectl-pullagent", "./pullagent"]);
}
