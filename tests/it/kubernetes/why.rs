//! `pullagent why`: pods that fail for their pull secrets, as the kubelet and as a service account without rights.

use pullagent_testkit::kubernetes::{Event, Pod, Waiting};
use serde_json::{Value, json};

use super::{Cluster, NODE};
use crate::pullagent::{Ran, run};

const PASSWORDS: [&str; 4] = ["c0rrect-horse", "battery-stapl3", "wr0ng-password", "st4le-password"];
const REFUSED: &str = "failed to pull and unpack image \"IMAGE\": failed to resolve reference \"IMAGE\": pull access \
                       denied, repository does not exist or may require authorization: authorization failed: no basic \
                       auth credentials";

/// A pull secret of the usual type for this registry.
pub(super) fn login(name: &str, key: &str, user: &str, password: &str) -> String {
    let config = json!({ "auths": { key: { "username": user, "password": password } } }).to_string();
    secret(name, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", &config)
}

pub(super) fn secret(name: &str, kind: &str, key: &str, text: &str) -> String {
    let data = json!({ key: text });
    let object = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": "shop" },
        "type": kind, "stringData": data });
    format!("---\n{object}\n")
}

/// A pod that the kubelet has given up on for now.
async fn failing(cluster: &Cluster, name: &str, image: &str, secrets: &[&str], message: &str) {
    let image = cluster.image(image);
    let pod = Pod::new(NODE, "shop", name).container("app", &image).pull_policy("Always");
    let pod = secrets.iter().fold(pod, |pod, secret| pod.pull_secret(secret));
    cluster.api.create_pod(&pod).await.expect("a pod");
    let message = message.replace("IMAGE", &image);
    cluster.api.pod_waiting(&pod, &[Waiting::pull_failed("app", &message)]).await.expect("its status");
}

async fn why(cluster: &Cluster, arguments: &[&str]) -> Ran {
    let root = cluster.root.path().to_str().expect("a path that is text");
    let all: Vec<&str> = ["why", "-n", "shop", "--host-root", root].iter().chain(arguments).copied().collect();
    let ran = run(&all, "").await;
    for password in PASSWORDS {
        assert!(!format!("{}{}", ran.out, ran.err).contains(password), "{}{}", ran.out, ran.err);
    }
    ran
}

/// Code, confidence and the outcome of each credential.
fn told(ran: &Ran) -> (String, String, Vec<String>) {
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("a report: {}{}", ran.out, ran.err));
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let rows = report["credentials"].as_array().expect("its credentials").iter();
    let rows = rows.map(|row| format!("{} {}", word(&row["source"]), word(&row["outcome"])));
    (word(&report["cause"]["code"]), word(&report["cause"]["confidence"]), rows.collect())
}

#[tokio::test]
async fn each_pull_secret_has_its_own_verdict() {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let at = cluster.registry();
    let wrong = login("wrong", &at, "ci", "wr0ng-password");
    let secrets = [
        login("good", &at, "ci", "c0rrect-horse"),
        login("denied", &at, "other", "battery-stapl3"),
        wrong.clone(),
        login("elsewhere", "quay.io", "ci", "c0rrect-horse"),
        secret("opaque", "Opaque", ".dockerconfigjson", "{}"),
        secret("broken", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", r#"{"auths":{"a.b":{"auth":"%"}}}"#),
    ];
    cluster.api.apply(&secrets.concat()).await.expect("the secrets");
    let stale = "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized";
    for (name, image, names, message) in [
        ("missing", "team/api:1", &["gone"][..], REFUSED),
        ("opaque", "team/api:1", &["opaque"], REFUSED),
        ("broken", "team/api:1", &["broken"], "illegal base64 data at input byte 0"),
        ("elsewhere", "team/api:1", &["elsewhere"], REFUSED),
        ("wrong", "team/api:1", &["wrong"], stale),
        ("denied", "team/api:1", &["denied"], REFUSED),
        ("stale", "team/public:1", &["wrong"], stale),
        ("two", "team/api:1", &["wrong", "good"], stale),
        ("good", "team/api:1", &["good"], REFUSED),
    ] {
        failing(&cluster, name, image, names, message).await;
    }
    let check = async |pod: &str, code: &str, rows: &[&str], exit: i32| {
        let ran = why(&cluster, &["-o", "json", &format!("pod/{pod}")]).await;
        let (got, confidence, outcomes) = told(&ran);
        assert_eq!((got.as_str(), ran.code), (code, exit), "{pod} {confidence}: {}", ran.out);
        assert_eq!(outcomes, rows, "{pod}");
    };
    check("missing", "SecretNotFound", &["secret shop/gone unreadable", "anonymous denied"], 1).await;
    check("opaque", "SecretMalformed", &["secret shop/opaque unreadable", "anonymous denied"], 1).await;
    check("broken", "SecretMalformed", &["secret shop/broken unreadable", "anonymous denied"], 1).await;
    check("elsewhere", "CredentialsNotMatching", &["secret shop/elsewhere notMatching", "anonymous denied"], 1).await;
    check("wrong", "CredentialsRejected", &["secret shop/wrong rejected", "anonymous denied"], 1).await;
    check("denied", "AccessDenied", &["secret shop/denied denied", "anonymous denied"], 1).await;
    check("stale", "CredentialsRejected", &["secret shop/wrong rejected", "anonymous accepted"], 1).await;
    let both = ["secret shop/wrong rejected", "secret shop/good accepted", "anonymous notTried"];
    check("two", "-", &both, 0).await;
    check("good", "-", &["secret shop/good accepted", "anonymous notTried"], 0).await;
    // On the screen too, with the words of the kubelet and the namespace in the command.
    let ran = why(&cluster, &["-v", "missing"]).await;
    for words in
        ["shop/missing, container app", "[SecretNotFound?]", "kubectl -n shop create secret", "Kubelet", "Since"]
    {
        assert!(ran.out.contains(words), "{words} is missing:\n{}", ran.out);
    }
    for (pod, words) in [("wrong", "docker-registry wrong"), ("broken", "docker-registry broken")] {
        let ran = why(&cluster, &[pod]).await;
        let command = format!("kubectl -n shop create secret {words}");
        assert!(ran.out.contains(&command) && ran.out.lines().count() <= 20, "{command}:\n{}", ran.out);
    }
    let root = cluster.root.path();
    let (good, of_pod) = (cluster.image("team/api:1"), ["-o", "json", "--pod", "shop/two"]);
    let ran = crate::pullagent::probe(root, &of_pod, &[&good], "").await;
    assert_eq!((told(&ran).2.as_slice(), ran.code), (&both.map(str::to_owned)[..], 0), "{}{}", ran.out, ran.err);
    let ran = why(&cluster, &["stale"]).await;
    assert!(ran.out.contains("without any login the image could be pulled"), "{}", ran.out);
}

#[tokio::test]
async fn who_may_read_no_secret_accuses_nobody() {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let rules = "---\n{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"Role\",\"metadata\":{\"name\":\"pods\",\
                 \"namespace\":\"shop\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"pods\",\"events\"],\"verbs\":[\"get\",\
                 \"list\"]}]}\n---\n{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"RoleBinding\",\"metadata\":{\
                 \"name\":\"pods\",\"namespace\":\"shop\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\
                 \"Role\",\"name\":\"pods\"},\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"default\",\"namespace\":\
                 \"shop\"}]}\n";
    cluster.api.apply(rules).await.expect("its role");
    cluster.api.apply(&login("good", &cluster.registry(), "ci", "c0rrect-horse")).await.expect("a secret");
    failing(&cluster, "web", "team/api:1", &["good"], REFUSED).await;
    let token = cluster.api.service_account_token("shop", "default").await.expect("a token");
    let kubeconfig = cluster.root.path().join("kubeconfig");
    std::fs::write(&kubeconfig, cluster.api.bearer(&token).kubeconfig()).expect("a file");
    let kubeconfig = kubeconfig.to_str().expect("a path that is text");
    let ran = why(&cluster, &["-o", "json", "--kubeconfig", kubeconfig, "web"]).await;
    let (code, confidence, rows) = told(&ran);
    assert_eq!((code.as_str(), confidence.as_str(), ran.code), ("CredentialsMissing", "possible", 1), "{}", ran.out);
    assert_eq!(rows, ["secret shop/good unreadable", "anonymous denied"]);
    assert!(ran.out.contains("secret shop/good (") && ran.out.contains("verbs"), "{}", ran.out);
    assert!(!ran.out.contains(&token));
    let ran = why(&cluster, &["--kubeconfig", kubeconfig, "nosuch"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (2, "pullagent: there is no pod shop/nosuch\n"));
}

#[tokio::test]
async fn a_pod_of_which_no_image_failed_is_said_to_wait() {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    let pod = Pod::new(NODE, "shop", "slow").container("app", "r.test/a:1");
    cluster.api.create_pod(&pod).await.expect("a pod");
    cluster.api.pod_waiting(&pod, &[Waiting::creating("app")]).await.expect("its status");
    // A kubelet may read no events: with its rights alone nobody sees that it pulls.
    let ran = why(&cluster, &["slow"]).await;
    assert!(
        ran.out.starts_with(
            "NOT AN IMAGE PROBLEM\nshop/slow waits to be started: no pull of its images was seen\nNot checked"
        ),
        "{}{}",
        ran.out,
        ran.err
    );
    let admin = cluster.root.path().join("admin");
    std::fs::write(&admin, cluster.api.admin().kubeconfig()).expect("a file");
    let admin = admin.to_str().expect("a path that is text");
    let ran = why(&cluster, &["--kubeconfig", admin, "slow"]).await;
    assert!(ran.out.starts_with("STILL PULLING  r.test/a:1 for shop/slow\n"), "{}{}", ran.out, ran.err);
    assert_eq!(ran.code, 0);
    let pod = Pod::new(NODE, "shop", "crashing").container("app", "r.test/a:1");
    cluster.api.create_pod(&pod).await.expect("a pod");
    let waiting = Waiting::new("app", "CrashLoopBackOff", "back-off 5m0s restarting failed container");
    cluster.api.pod_waiting(&pod, &[waiting]).await.expect("its status");
    cluster
        .api
        .event(&pod, Some("app"), &Event::normal("Pulled", "Successfully pulled image"))
        .await
        .expect("an event");
    let ran = why(&cluster, &["-o", "short", "crashing"]).await;
    assert_eq!((ran.out.as_str(), ran.code), ("crashing\tnotAnImageProblem\t-\t-\n", 0), "{}", ran.err);
}
