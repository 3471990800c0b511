//! `pullagent run` tells the fleet of its node: in a Lease, or, with a kubelet's rights, in an event.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pullagent_testkit::kubernetes::{Answer, Pod, Waiting};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Cluster, NODE};

/// How long is waited for a line of the log: some attempts and their pauses.
const SOON: Duration = Duration::from_mins(2);
/// The pause between two looks at the log.
const PAUSE: Duration = Duration::from_millis(50);
/// Where the Leases are.
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/pullagent/leases/node-1";

/// What an agent needs to tell of its node, and no more.
const RIGHTS: &str = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: summary, namespace: pullagent }
rules:
  - { apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, patch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: summary, namespace: pullagent }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: summary }
subjects: [{ kind: ServiceAccount, name: agent, namespace: pullagent }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: agent }
rules:
  - { apiGroups: [''], resources: [nodes], verbs: [get] }
  - { apiGroups: [''], resources: [pods], verbs: [get, list, watch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: agent }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: agent }
subjects: [{ kind: ServiceAccount, name: agent, namespace: pullagent }]
";

/// A cluster with the agents' namespace and service account, which has these rights.
async fn cluster(rights: &str) -> Cluster {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("pullagent").await.expect("a namespace");
    let account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: { name: agent, namespace: pullagent }\n";
    cluster.api.apply(&format!("{account}{rights}")).await.expect("an account and its rights");
    let token = cluster.api.service_account_token("pullagent", "agent").await.expect("a token");
    std::fs::write(cluster.root.path().join("account"), cluster.api.bearer(&token).kubeconfig()).expect("a file");
    cluster
}

/// A daemon that is killed when dropped.
struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Asks as this identity: `kubelet`, or `kubeconfig` for the service account.
    fn start(cluster: &Cluster, identity: &str) -> Self {
        Self::start_with(cluster, identity, "")
    }

    /// The same with more settings.
    fn start_with(cluster: &Cluster, identity: &str, more: &str) -> Self {
        let path = |name: &str| cluster.root.path().join(name);
        let settings = format!(
            "apiVersion: pullagent.dev/v1\nnode: {{ name: {NODE} }}\nhostRoot: {}\nhttp: {{ listen: \"\" }}\n\
             watch: {{ settle: 1s }}\nkubernetes: {{ identity: {identity} }}\nsocket: {{ path: {}, group: root }}\n{more}",
            cluster.root.path().display(),
            path("agent.sock").display()
        );
        std::fs::write(path("config.yaml"), settings).expect("a file");
        let log = path("log");
        let child = Command::new(env!("CARGO_BIN_EXE_pullagent"))
            .env_clear()
            .env("KUBECONFIG", path("account"))
            .args(["run", "--log-level", "debug", "--log-format", "json", "--config"])
            .arg(path("config.yaml"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a file"))
            .kill_on_drop(true)
            .spawn()
            .expect("the daemon starts");
        Self { child, log }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).expect("it runs");
        kill(Pid::from_raw(pid), signal).expect("a signal");
    }

    async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        assert!(self.child.wait().await.expect("it ends").success());
    }

    /// How often the log has these words.
    fn said(&self, words: &str) -> usize {
        std::fs::read_to_string(&self.log).expect("its log").matches(words).count()
    }

    /// Waits until the log has these words so often.
    async fn says(&self, words: &str, times: usize) {
        let looking = async {
            while self.said(words) < times {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let is_so = timeout(SOON, looking).await.is_ok();
        assert!(is_so, "{words}: in vain\n{}", std::fs::read_to_string(&self.log).expect("its log"));
    }
}

/// The summary in the annotation of an object.
fn summary_in(object: &Value) -> Option<Value> {
    serde_json::from_str(object["metadata"]["annotations"]["pullagent.dev/summary"].as_str()?).ok()
}

/// Waits until the Lease holds a summary as wanted, and returns the Lease and the summary.
async fn told(cluster: &Cluster, daemon: &Daemon, wanted: impl Fn(&Value, &Value) -> bool) -> (Value, Value) {
    let is_so = |answer: &Answer| summary_in(&answer.body).is_some_and(|summary| wanted(&answer.body, &summary));
    let answer = cluster.api.admin().until(LEASE, is_so).await;
    let log = || std::fs::read_to_string(&daemon.log).expect("its log");
    let lease = answer.unwrap_or_else(|error| panic!("it is not told: {error}\n{}", log())).body;
    let summary = summary_in(&lease).expect("a summary");
    (lease, summary)
}

#[tokio::test]
async fn a_node_tells_of_itself_in_its_lease_and_of_what_has_changed() {
    let cluster = cluster(RIGHTS).await;
    let labels = json!({ "metadata": { "labels": { "topology.kubernetes.io/zone": "eu-1a" } } });
    let node = format!("/api/v1/nodes/{NODE}");
    let node = cluster.api.admin().patch(&node, &labels).await.expect("an answer").success().expect("labels");
    let daemon = Daemon::start(&cluster, "kubeconfig");
    let (lease, first) = told(&cluster, &daemon, |_, _| true).await;
    let owner = &lease["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["uid"]), (&json!("Node"), &node["metadata"]["uid"]));
    assert_eq!(lease["spec"]["holderIdentity"], NODE);
    assert!(lease["spec"]["renewTime"].is_string());
    let fingerprint = &first["fingerprint"];
    assert_eq!((&first["version"], &first["node"]), (&json!(1), &json!(NODE)));
    assert_eq!((&fingerprint["zone"], &fingerprint["proxy"]), (&json!("eu-1a"), &json!("none")));
    assert!(first.get("changes").is_none(), "{first}");

    let before = fingerprint["resolvers"].clone();
    std::fs::write(cluster.root.path().join("etc/resolv.conf"), "nameserver 127.0.0.99\n").expect("a file");
    daemon.signal(Signal::SIGHUP);
    let (_, second) = told(&cluster, &daemon, |_, summary| summary.get("changes").is_some()).await;
    let change = &second["changes"][0];
    assert_eq!(
        (&change["attribute"], &change["from"], &change["to"]),
        (&json!("resolvers"), &before, &json!("127.0.0.99"))
    );
    let time = |value: &Value| -> jiff::Timestamp { value.as_str().expect("a time").parse().expect("a time") };
    assert!(time(&change["at"]) > time(&first["at"]) && time(&change["at"]) <= time(&second["at"]), "{second}");
    daemon.stop().await;

    // It has changed once more while nobody looked.
    std::fs::write(cluster.root.path().join("etc/resolv.conf"), "nameserver 127.0.0.98\n").expect("a file");
    let daemon = Daemon::start(&cluster, "kubeconfig");
    let (_, third) = told(&cluster, &daemon, |_, summary| summary["at"] != second["at"]).await;
    let to: Vec<&Value> = third["changes"].as_array().expect("changes").iter().map(|change| &change["to"]).collect();
    assert_eq!(to, [&json!("127.0.0.98"), &json!("127.0.0.99")]);
    assert_eq!(third["changes"][1], *change);
}

#[tokio::test]
async fn pods_that_fail_are_told_with_their_cause_and_namespace() {
    let cluster = cluster(RIGHTS).await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let image = cluster.image("team/public:2");
    let pod = Pod::new(NODE, "shop", "web").container("app", &image).pull_policy("Always");
    cluster.api.create_pod(&pod).await.expect("a pod");
    let text = format!("failed to resolve reference \"{image}\": {image}: not found");
    cluster.api.pod_waiting(&pod, &[Waiting::pull_failed("app", &text)]).await.expect("its status");
    let daemon = Daemon::start(&cluster, "kubeconfig");
    let (_, summary) = told(&cluster, &daemon, |_, summary| summary.get("failing").is_some()).await;
    let failing = &summary["failing"][0];
    assert_eq!((&failing["code"], &failing["pods"]), (&json!("TagNotFound"), &json!(1)), "{summary}");
    assert_eq!((&failing["namespaces"], &failing["host"]), (&json!(["shop"]), &json!(cluster.registry())));
}

#[tokio::test]
async fn checks_are_told_with_their_cause() {
    let cluster = cluster(RIGHTS).await;
    let (good, bad) = (cluster.registry(), cluster.host("refused"));
    let checks = format!(
        "checks: {{ discover: none, every: 30s, registries: [{{ host: \"{good}\" }}, {{ host: \"{bad}\" }}] }}\n"
    );
    let daemon = Daemon::start_with(&cluster, "kubeconfig", &checks);
    // Each has its own delay of up to a minute, and so has what is written of it.
    daemon.says("\"checked\"", 2).await;
    let all = |summary: &Value| summary["checks"].as_array().map_or(0, Vec::len) == 2;
    let (_, summary) = told(&cluster, &daemon, |_, summary| all(summary)).await;
    let stands = |number: usize| {
        let check = &summary["checks"][number];
        assert!(check["since"].is_string() && check["at"].is_string() && check["ms"].is_number(), "{check}");
        (check["name"].clone(), check["verdict"].clone(), check["code"].clone())
    };
    assert_eq!(stands(0), (json!(good), json!("pullable"), Value::Null));
    assert_eq!(stands(1), (json!(bad), json!("failing"), json!("ConnectionRefused")));
}

#[tokio::test]
async fn a_kubelet_tells_of_its_node_in_an_event() {
    let cluster = Cluster::start().await;
    let daemon = Daemon::start(&cluster, "kubelet");
    let path = "/api/v1/namespaces/default/events/node-1.pullagent-summary";
    let told = async |times: u64| {
        let is_so = |answer: &Answer| answer.body["count"].as_u64() >= Some(times);
        cluster.api.admin().until(path, is_so).await.expect("an event").body
    };
    let event = told(1).await;
    assert_eq!((&event["reason"], &event["type"]), (&json!("ChecksSummary"), &json!("Normal")));
    assert_eq!((&event["involvedObject"]["kind"], &event["involvedObject"]["name"]), (&json!("Node"), &json!(NODE)));
    assert_eq!(event["message"], "checks: 0, failing: 0; pods that fail for their images: 0");
    let summary = summary_in(&event).expect("a summary");
    assert_eq!(summary["node"], NODE);
    daemon.stop().await;
    std::fs::write(cluster.root.path().join("etc/resolv.conf"), "nameserver 127.0.0.99\n").expect("a file");
    let _daemon = Daemon::start(&cluster, "kubelet");
    let event = told(2).await;
    assert_eq!(summary_in(&event).expect("a summary")["changes"][0]["to"], "127.0.0.99");
}

#[tokio::test]
async fn what_may_not_be_written_is_said_once_and_the_daemon_goes_on() {
    let cluster = cluster("").await;
    let daemon = Daemon::start(&cluster, "kubeconfig");
    daemon.says("summary is tried again later", 2).await;
    assert_eq!(daemon.said("summary is not written"), 1);
    assert_eq!(daemon.said("verbs: [\\\"create\\\", \\\"patch\\\"], in namespace pullagent"), 1);
    assert_eq!(daemon.said("not read: the node's zone"), 1);
    daemon.stop().await;
}
