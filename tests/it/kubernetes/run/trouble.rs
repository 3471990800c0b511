//! What stands in the daemon's own way: an API server that dies, rights that are missing, settings that are broken.

use nix::sys::signal::Signal;

use super::super::NODE;
use super::super::why::login;
use super::daemon::{Daemon, Start, settings, told, told_in};
use super::{Cluster, Pod, cluster, fails, fails_as};

#[tokio::test]
async fn the_api_server_may_die_and_nothing_is_lost() {
    let mut cluster = cluster().await;
    let daemon = Daemon::start(&cluster).await;
    daemon.answers("/readyz", |status, _| status == 200).await;
    let (_, before) = fails(&cluster, "before", "team/public:2", "not found").await;
    cluster.api.kill().await.expect("it is killed");
    // What was found out meanwhile is told once somebody listens.
    daemon.answers("/readyz", |status, text| status == 503 && text.contains("pods of this node")).await;
    daemon.counts("pullagent_kube_connected", 0.0).await;
    assert_eq!(daemon.get("/healthz").await.0, 200);
    cluster.api.revive().await.expect("it lives again");
    assert_eq!(told(&cluster, &before, "PullTagNotFound").await.len(), 1);
    let (_, after) = fails(&cluster, "after", "team/public:3", "not found").await;
    told(&cluster, &after, "PullTagNotFound").await;
    daemon.answers("/readyz", |status, _| status == 200).await;
    daemon.counts("pullagent_kube_connected", 1.0).await;
    assert!(daemon.stop().await);
}

/// A kubeconfig of the service account `default`, with these rights for pods and events in the whole cluster.
async fn account(cluster: &Cluster, rules: &str) -> String {
    let kind = |kind: &str, rest: &str| {
        format!(
            "---\n{{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"{kind}\",\"metadata\":{{\"name\":\"agent\"}},{rest}}}\n"
        )
    };
    let binding = "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"agent\"},\
                   \"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"default\",\"namespace\":\"shop\"}]";
    let objects = kind("ClusterRole", &format!("\"rules\":[{rules}]")) + &kind("ClusterRoleBinding", binding);
    cluster.api.apply(&objects).await.expect("its rights");
    let token = cluster.api.service_account_token("shop", "default").await.expect("a token");
    let path = cluster.root.path().join("kubeconfig");
    std::fs::write(&path, cluster.api.bearer(&token).kubeconfig()).expect("a file");
    path.to_str().expect("a path that is text").to_owned()
}

#[tokio::test]
async fn who_may_read_no_secret_accuses_none_in_an_event() {
    let cluster = cluster().await;
    let rules = "{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\",\"list\",\"watch\"]},\
                 {\"apiGroups\":[\"\"],\"resources\":[\"events\"],\"verbs\":[\"list\",\"watch\",\"create\",\"patch\"]}";
    let kubeconfig = account(&cluster, rules).await;
    cluster.api.apply(&login("good", &cluster.registry(), "ci", "c0rrect-horse")).await.expect("a secret");
    let daemon = Daemon::start_with(&cluster, Start { kubeconfig: Some(&kubeconfig), ..Start::default() }).await;
    let pod = Pod::new(NODE, "shop", "web").pull_secret("good");
    let refused = "pull access denied, repository does not exist or may require authorization";
    fails_as(&cluster, pod, &cluster.image("team/api:1"), refused).await;
    let reports = daemon.answers("/reports", |_, reports| reports.contains("team/api:1")).await;
    // Events of one namespace are written in their order: with this one, all that was said before is there.
    let (_, other) = fails(&cluster, "other", "team/public:2", "not found").await;
    told(&cluster, &other, "PullTagNotFound").await;
    assert!(reports.contains("\"outcome\":\"unreadable\""), "{reports}");
    assert!(!reports.contains("\"code\":\"CredentialsRejected\""), "{reports}");
    assert!(!reports.contains("\"code\":\"SecretNotFound\""), "{reports}");
    let list = cluster.api.get("/api/v1/namespaces/shop/events").await.expect("the events");
    // The secret may be the right one: that nothing is known of it is no reason to tell anybody to write another.
    let told: Vec<String> = told_in(&list).into_iter().map(|event| event.reason).collect();
    assert_eq!(told, ["PullTagNotFound"], "{list}");
    assert!(daemon.stop().await);
}

#[tokio::test]
async fn who_may_do_nothing_lives_and_says_so() {
    let cluster = cluster().await;
    let kubeconfig = account(&cluster, "").await;
    let daemon = Daemon::start_with(&cluster, Start { kubeconfig: Some(&kubeconfig), ..Start::default() }).await;
    let why = daemon.answers("/readyz", |status, text| status == 503 && text.contains(" may not watch pods")).await;
    assert!(why.starts_with("not ready: the pods of this node: "), "{why}");
    assert_eq!(daemon.get("/healthz").await, (200, "ok\n".to_owned()));
    daemon.counts("pullagent_kube_connected", 0.0).await;
    // One line of ours says it, and none of the client's that holds the whole answer.
    daemon.until("the log says so", |daemon| daemon.log().contains(" may not watch pods")).await;
    assert!(!daemon.log().contains("\"target\":\"kube_runtime"), "{}", daemon.log());
    // Settings that cannot be read are told of, and the old ones stay.
    daemon.counts("pullagent_config_last_reload_successful", 1.0).await;
    let file = cluster.root.path().join("config.yaml");
    std::fs::write(&file, settings(&cluster, "watsh: 1\n")).expect("a file");
    daemon.signal(Signal::SIGHUP);
    daemon.counts("pullagent_config_last_reload_successful", 0.0).await;
    daemon.until("the log says so", |daemon| daemon.log().contains("the old settings stay")).await;
    std::fs::write(&file, settings(&cluster, "kubernetes: { identity: kubeconfig }\n")).expect("a file");
    daemon.signal(Signal::SIGHUP);
    daemon.counts("pullagent_config_last_reload_successful", 1.0).await;
    assert!(daemon.stop().await);
}

#[tokio::test]
async fn a_node_that_joins_its_cluster_late_is_served_at_once_and_its_pods_from_then_on() {
    let cluster = cluster().await;
    let kubeconfig = cluster.root.path().join("etc/kubernetes/kubelet.conf");
    let text = std::fs::read(&kubeconfig).expect("the kubelet's kubeconfig");
    std::fs::remove_file(&kubeconfig).expect("it is removed");
    let daemon = Daemon::start(&cluster).await;
    daemon.answers("/readyz", |status, text| status == 503 && text.contains("kubeconfig")).await;
    assert_eq!(daemon.get("/healthz").await, (200, "ok\n".to_owned()));
    // The node registers, and nobody has to start anything again.
    std::fs::write(&kubeconfig, text).expect("it is there");
    daemon.answers("/readyz", |status, _| status == 200).await;
    let (_, stored) = fails(&cluster, "web", "team/public:2", "not found").await;
    told(&cluster, &stored, "PullTagNotFound").await;
    assert!(daemon.stop().await);
}
