//! A node that is one: a real containerd and a real kubelet on the root of a cluster, in a network of their own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pullagent_testkit::containerd::Release;
use pullagent_testkit::cri_client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::super::{Cluster, NODE};
use super::sandbox;

/// The socket below the node's root, where an agent with another root looks for it.
const SOCKET: &str = "run/containerd/containerd.sock";

/// The node's files are laid over the machine's; what is written beside them is in memory.
const LAY: &str = r#"set -e
[ -e "$1/etc/nsswitch.conf" ] || echo 'hosts: files dns' > "$1/etc/nsswitch.conf"
mkdir -p /run/over/etc /run/over/var /run/over/work-etc /run/over/work-var
for folder in etc var; do
    mount -t overlay -o "lowerdir=$1/$folder:/$folder,upperdir=/run/over/$folder,workdir=/run/over/work-$folder" \
        "$folder" "/$folder"
done"#;

/// The kubelet leaves the machine's packet filter and the control groups of pods alone, opens no port but its own, and
/// pulls as many images at once as it is told to.
const KUBELET: &str = r"apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failSwapOn: false
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
authentication: { anonymous: { enabled: false }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
healthzPort: 0
address: 127.0.0.1
oomScoreAdj: 0
registryPullQPS: 0
nodeStatusUpdateFrequency: 5s
";

/// A node whose runtime and kubelet run until it is dropped.
pub(super) struct Machine {
    release: Release,
    root: PathBuf,
    containerd: Child,
    kubelet: Option<Child>,
    /// The sandbox's image, and the program that pods of it run.
    pub(super) files: TempDir,
}

impl Machine {
    /// Lays the cluster's root over the machine and starts the runtime there, which holds the image of sandboxes.
    pub(super) async fn start(cluster: &Cluster) -> Self {
        let root = cluster.root.path().to_owned();
        let files = tempfile::tempdir().expect("a folder");
        let image = sandbox::write(files.path());
        let release = Release::of_suite("bookworm").await.expect("the oldest containerd; `tests/setup` lays it down");
        let config = format!(
            "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"{}\"\n  \
             restrict_oom_score_adj = true\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  \
             config_path = \"/etc/containerd/certs.d\"\n",
            sandbox::IMAGE
        );
        std::fs::create_dir_all(root.join("etc/containerd")).expect("a folder");
        std::fs::write(root.join("etc/containerd/config.toml"), config).expect("a file");
        std::fs::write(root.join("var/lib/kubelet/config.yaml"), KUBELET).expect("a file");
        done(Command::new("sh").args(["-c", LAY, "sh"]).arg(&root)).await;
        let containerd = containerd(&release, &root).await;
        let ctr = release.program.with_file_name("ctr");
        done(Command::new(ctr).arg("-a").arg(root.join(SOCKET)).args(["-n", "k8s.io", "images", "import"]).arg(image))
            .await;
        Self { release, root, containerd, kubelet: None, files }
    }

    /// Starts the kubelet and waits until it has registered its node and takes pods.
    pub(super) async fn start_kubelet(&mut self, cluster: &Cluster, program: &Path) {
        // One that it did not register itself makes this kubelet stumble.
        let node = format!("/api/v1/nodes/{NODE}");
        cluster.api.admin().delete(&node).await.expect("an answer").success().expect("the node is gone");
        let log = std::fs::File::create("/run/kubelet.log").expect("a file");
        let kubelet = Command::new(program)
            .args(["--config=/var/lib/kubelet/config.yaml", "--kubeconfig=/etc/kubernetes/kubelet.conf"])
            .arg(format!("--hostname-override={NODE}"))
            .arg("--container-runtime=remote")
            .arg(format!("--container-runtime-endpoint=unix://{}", self.root.join(SOCKET).display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the kubelet starts");
        self.kubelet = Some(kubelet);
        let takes = |node: &Value| node["status"]["allocatable"]["pods"].is_string();
        let registered = cluster.api.admin().until(&node, |answer| takes(&answer.body)).await;
        registered.unwrap_or_else(|error| panic!("the kubelet takes no pods: {error}\n{}", Self::log("kubelet")));
    }

    /// The end of what the kubelet or containerd has logged.
    pub(super) fn log(program: &str) -> String {
        let text = std::fs::read_to_string(format!("/run/{program}.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Makes the runtime deaf: it takes calls and answers none.
    pub(super) fn freeze_runtime(&self) {
        let id = self.containerd.id().and_then(|id| i32::try_from(id).ok()).expect("it runs");
        kill(Pid::from_raw(id), Signal::SIGSTOP).expect("a signal");
    }

    /// Kills the runtime, as the kernel does when memory runs out; its socket stays behind.
    pub(super) async fn kill_runtime(&mut self) {
        self.containerd.kill().await.expect("it ends");
    }

    /// Starts the runtime once more.
    pub(super) async fn start_runtime(&mut self) {
        self.containerd = containerd(&self.release, &self.root).await;
    }
}

async fn containerd(release: &Release, root: &Path) -> Child {
    let folder = release.program.parent().expect("it is in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let socket = root.join(SOCKET);
    std::fs::create_dir_all(socket.parent().expect("a folder")).expect("a folder");
    let _ = std::fs::remove_file(&socket);
    let log = std::fs::File::create("/run/containerd.log").expect("a file");
    let child = Command::new(&release.program)
        .args(["--config", "/etc/containerd/config.toml", "--root", "/run/images", "--state", "/run/containerd/state"])
        .arg("--address")
        .arg(&socket)
        .env_clear()
        // Its shim is beside it.
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        .env("SSL_CERT_DIR", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("containerd starts");
    let up = async {
        while !socket.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        cri_client::ready(&socket).await
    };
    let up = tokio::time::timeout(std::time::Duration::from_mins(1), up).await;
    up.expect("containerd listens").expect("its CRI service comes up");
    child
}

async fn done(command: &mut Command) {
    let ran = command.output().await.expect("it starts");
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}
