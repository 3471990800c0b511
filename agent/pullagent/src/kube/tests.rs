//! A real API server, asked as a node, as a pod and as a person; `tests/setup` builds it.

use std::path::PathBuf;

use pullagent_diagnosis::pull_secret::{SecretFound, Usable};
use pullagent_testkit::kubernetes::{KubeApi, Pod, Waiting};

use super::error::KubeError;
use super::identity::PodAccount;
use super::*;

const SECRET: &str = "/api/v1/namespaces/default/secrets/pull";

const MANIFESTS: &str = "---
apiVersion: v1
kind: Secret
metadata: { name: pull }
type: kubernetes.io/dockerconfigjson
stringData: { .dockerconfigjson: '{\"auths\":{\"registry.test\":{\"username\":\"u\",\"password\":\"hunter2\"}}}' }
---
apiVersion: v1
kind: Secret
metadata: { name: other }
stringData: { x: words }
";

pub(super) async fn start() -> KubeApi {
    let api = KubeApi::start().await.expect("an API server; `tests/setup test` builds it");
    api.apply(MANIFESTS).await.unwrap();
    api.create_node("node-1").await.unwrap();
    api
}

pub(super) fn around(host_root: PathBuf) -> Surroundings {
    Surroundings { host_root, pod: None, own: Vec::new(), kubelet: Ok(None), is_root: false }
}

pub(super) async fn as_admin(api: &KubeApi, folder: &std::path::Path) -> Cluster {
    let file = folder.join("config");
    std::fs::write(&file, api.admin().kubeconfig()).unwrap();
    let asked = Asked { kubeconfig: Some(file), ..Asked::default() };
    Cluster::open(choose(&asked, &around(folder.to_owned()))).await.unwrap()
}

/// What became of a secret, in words.
async fn secret(cluster: &Cluster, name: &str) -> String {
    let secret = read_secret(cluster, "default", name).await;
    assert!(!format!("{secret:?}").contains("hunter2"));
    match (&secret.found, secret.usable()) {
        (_, Some(Usable::Logins(logins))) => format!("{} login", logins.len()),
        (SecretFound::Absent { elsewhere }, _) => format!("absent, elsewhere in {elsewhere:?}"),
        (SecretFound::NotRead { why }, _) => why.clone(),
        (found, usable) => format!("{found:?} {usable:?}"),
    }
}

#[tokio::test]
async fn a_node_reads_the_secrets_of_its_own_pods_and_keeps_on_when_its_certificate_is_replaced() {
    let api = start().await;
    let root = tempfile::tempdir().unwrap();
    api.node("node-1").write_kubelet_files(root.path()).unwrap();
    let cluster = Cluster::open(choose(&Asked::default(), &around(root.path().to_owned()))).await.unwrap();
    let who = "the kubelet of this node (/etc/kubernetes/kubelet.conf)";
    assert_eq!(cluster.identity().name, who);
    assert!(unread_events(&cluster).is_some());
    let refused = format!(
        "{who} may not get secret default/pull; a kubelet may only while a pod on its node refers to it: \
         `--kubeconfig` asks as somebody else"
    );
    assert_eq!(secret(&cluster, "pull").await, refused);

    let pod = Pod::new("node-1", "default", "web").container("app", "registry.test/app:1").pull_secret("pull");
    api.create_pod(&pod).await.unwrap();
    api.node("node-1").until(SECRET, |answer| answer.status.is_success()).await.unwrap();
    assert_eq!(secret(&cluster, "pull").await, "1 login");
    let read = get_pod(&cluster, "default", "web").await.unwrap();
    assert_eq!((whereabouts(&read, "node-1", &[]), read.pull_secrets), (Whereabouts::Here, vec!["pull".to_owned()]));
    let refused = list_secrets(&cluster, "default").await.unwrap_err();
    assert!(matches!(refused, KubeError::Forbidden { .. }), "{refused}");

    // Another node's certificate in its place shows that it is read again.
    api.node("node-2").write_kubelet_files(root.path()).unwrap();
    assert!(secret(&cluster, "pull").await.contains("may not get secret"));
    api.node("node-1").write_kubelet_files(root.path()).unwrap();
    assert_eq!(secret(&cluster, "pull").await, "1 login");
}

#[tokio::test]
async fn a_service_account_is_told_the_rule_and_the_rule_is_enough() {
    let api = start().await;
    let root = tempfile::tempdir().unwrap();
    api.write_service_account(root.path(), "default", "default").await.unwrap();
    let folder = root.path().join("var/run/secrets/kubernetes.io/serviceaccount");
    let (host, port) = api.url().strip_prefix("https://").and_then(|at| at.split_once(':')).map(own).unwrap();
    let pod = Some(PodAccount { host, port, folder: folder.clone() });
    let around = Surroundings { pod, ..around(root.path().to_owned()) };
    let cluster = Cluster::open(choose(&Asked::default(), &around)).await.unwrap();
    assert_eq!(cluster.default_namespace().await, "default");
    let refused = "the service account of this pod may not get secret default/pull; a role with this rule allows it: ";
    let said = secret(&cluster, "pull").await;
    let rule = said.strip_prefix(refused).and_then(|rest| rest.strip_suffix(", in namespace default"));
    let rule = rule.unwrap_or_else(|| panic!("{said}"));
    api.apply(&format!(
        "---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{ name: puller }}
rules: [ {{ {rule} }} ]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{ name: puller }}
roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: Role, name: puller }}
subjects: [ {{ kind: ServiceAccount, name: default, namespace: default }} ]
"
    ))
    .await
    .unwrap();
    let token = std::fs::read_to_string(folder.join("token")).unwrap();
    api.bearer(&token).until(SECRET, |answer| answer.status.is_success()).await.unwrap();
    assert_eq!(secret(&cluster, "pull").await, "1 login");
}

fn own((host, port): (&str, &str)) -> (String, String) {
    (host.to_owned(), port.to_owned())
}

#[tokio::test]
async fn a_person_sees_pods_events_and_what_kinds_of_secrets_there_are() {
    let api = start().await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = as_admin(&api, folder.path()).await;
    let image = "registry.test/app:1";
    let pod = Pod::new("node-1", "default", "web").container("app", image);
    api.create_pod(&pod).await.unwrap();
    let failed = Waiting::pull_failed("app", "rpc error: code = NotFound desc = no");
    api.pod_waiting(&pod, &[failed]).await.unwrap();

    let pods = list_pods(&cluster, "default").await.unwrap();
    assert_eq!(pods.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["web"]);
    assert_eq!(unread_events(&cluster), None);
    let events = pod_events(&cluster, "default", &pods[0].uid).await.unwrap();
    let failed = events.iter().find(|event| event.message.ends_with("desc = no")).unwrap();
    let path = pods[0].containers[0].field_path();
    assert_eq!((failed.reason.as_str(), &failed.field_path, failed.count), ("Failed", &path, 1));
    assert!(failed.first.is_some() && failed.last.is_some());
    assert_eq!(pod_events(&cluster, "default", "another").await.unwrap(), []);
    let absent = get_pod(&cluster, "default", "db").await.unwrap_err();
    assert_eq!(absent.to_string(), "there is no pod default/db");

    let listed = list_secrets(&cluster, "default").await.unwrap();
    let mut listed: Vec<(&str, ListedKind)> = listed.iter().map(|one| (one.name.as_str(), one.kind)).collect();
    listed.retain(|(name, _)| ["pull", "other"].contains(name));
    assert_eq!(listed, [("other", ListedKind::Other), ("pull", ListedKind::DockerConfigJson)]);
    api.create_namespace("team").await.unwrap();
    api.apply("---\napiVersion: v1\nkind: Secret\nmetadata: { name: regcred, namespace: team }\n").await.unwrap();
    assert_eq!(secret(&cluster, "regcred").await, "absent, elsewhere in [\"team\"]");
    assert_eq!(secret(&cluster, "nowhere").await, "absent, elsewhere in []");
}
