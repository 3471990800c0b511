//! `pullagent check` with the pull secret of a check: read by whoever may, and said which right is lacking to whoever may not.

use super::Cluster;
use super::why::login;
use crate::pullagent::{Ran, codes, run_with};

const ROLE: &str = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: check, namespace: shop }
rules: [{ apiGroups: [''], resources: [secrets], resourceNames: [regcred], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: check, namespace: shop }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: check }
subjects: [{ kind: ServiceAccount, name: default, namespace: shop }]
";

#[tokio::test]
async fn a_check_is_made_with_its_secret_and_says_which_right_to_it_is_lacking() {
    let cluster = Cluster::start().await;
    cluster.api.create_namespace("shop").await.expect("a namespace");
    cluster.api.apply(&login("regcred", &cluster.registry(), "ci", "c0rrect-horse")).await.expect("a secret");
    let token = cluster.api.service_account_token("shop", "default").await.expect("a token");
    let path = |name: &str| cluster.root.path().join(name).to_str().expect("a path that is text").to_owned();
    std::fs::write(path("kubeconfig"), cluster.api.bearer(&token).kubeconfig()).expect("a kubeconfig");
    let secret = "secret: shop/regcred";
    let images =
        ["team/api:1", "team/public:1"].map(|image| format!("{{ image: \"{}\", {secret} }}", cluster.image(image)));
    let settings = format!(
        "apiVersion: pullagent.dev/v1\nkubernetes: {{ identity: kubeconfig }}\nchecks:\n  images: [ {} ]\n",
        images.join(", ")
    );
    std::fs::write(path("config.yaml"), settings).expect("the settings");
    let check = async || -> Ran {
        let arguments = ["check", "-o", "json", "--config", &path("config.yaml"), "--host-root", &path("")];
        let ran = run_with(&arguments, "", &[("KUBECONFIG", &path("kubeconfig"))]).await;
        assert!(!format!("{}{}", ran.out, ran.err).contains("c0rrect-horse"), "{}", ran.out);
        ran
    };
    let ran = check().await;
    assert_eq!((codes(&ran), ran.code), (vec!["Unknown".to_owned(); 2], 3), "{}{}", ran.out, ran.err);
    for words in ["secret shop/regcred cannot be read", "secrets", "verbs", "resourceNames"] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    cluster.api.apply(ROLE).await.expect("its role");
    let ran = check().await;
    assert_eq!((codes(&ran), ran.code), (vec!["-".to_owned(); 2], 0), "{}{}", ran.out, ran.err);
}
