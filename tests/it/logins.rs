//! Where a login goes, and where it never goes, by what the servers got.

#![expect(clippy::unwrap_used, reason = "a world that cannot be made fails these tests")]

use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::Verdict;
use pullagent_testkit::registry::Recorded;
use pullagent_testkit::world::World;

use crate::scenarios::examined;

/// An image that bob alone may pull, and bob's login.
const PRIVATE: &str = r#"
about = "bob's image"
image = "registry.test:{main.port}/team/api:1.4.2"

[[login]]
password = { username = "bob", password = "s3cret" }

[[registry.main.repository]]
name = "team/api"
tags = ["1.4.2"]
private_to = ["bob"]

[expect]
verdict = "pullable"

[registry.main]
host = "registry.test"
users = { bob = "s3cret" }
"#;

/// The world of bob's image and `more`, examined and diagnosed.
async fn examine(more: &str) -> (World, Verdict) {
    let world = World::from_toml("inline", &format!("{PRIVATE}{more}")).await.unwrap();
    let (case, plan, evidence) = examined(&world).await;
    let saved = serde_json::to_string(&(&case, &plan, &evidence)).unwrap();
    assert!(!saved.contains("s3cret") && !saved.contains("test-token"), "{saved}");
    let verdict = diagnose(&case, &plan, &evidence).verdict;
    (world, verdict)
}

fn requests(world: &World, id: &str) -> Vec<Recorded> {
    world.registry(id).unwrap().requests()
}

#[track_caller]
fn assert_no_login(requests: &[Recorded]) {
    let given = requests.iter().find(|r| r.authorization.is_some() || r.method == "POST");
    assert!(given.is_none(), "{given:?}");
}

#[tokio::test]
async fn a_login_does_not_follow_a_redirect_to_another_host() {
    let (world, verdict) = examine(
        r#"
auth = "basic"
behaviour = [
    { on = "layer", does = { redirect = "https://storage.test:{storage.port}/storage/{digest}" } },
]

[registry.storage]
host = "storage.test"
storage_of = "main"
"#,
    )
    .await;
    assert_eq!(verdict, Verdict::Pullable);
    assert!(requests(&world, "main").iter().any(|r| r.authorization.as_deref() == Some("Basic")));
    assert!(!requests(&world, "storage").is_empty());
    assert_no_login(&requests(&world, "storage"));
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirect_to_another_port() {
    let (world, verdict) = examine(
        r#"
auth = "bearer"
behaviour = [
    { on = "blob", does = { redirect = "https://registry.test:{storage.port}/storage/{digest}" } },
]

[registry.storage]
host = "registry.test"
storage_of = "main"
"#,
    )
    .await;
    assert_eq!(verdict, Verdict::Pullable);
    assert!(!requests(&world, "storage").is_empty());
    assert_no_login(&requests(&world, "storage"));
}

#[tokio::test]
async fn nothing_is_sent_after_a_refused_certificate() {
    let (world, verdict) = examine("auth = \"basic\"\ncertificate = { names = [\"old.test\"] }\n").await;
    assert_eq!(verdict, Verdict::Failing);
    assert_eq!(requests(&world, "main"), []);
}

#[tokio::test]
async fn a_login_costs_one_token_and_one_plain_question() {
    let (world, verdict) = examine("auth = \"bearer\"\n").await;
    assert_eq!(verdict, Verdict::Pullable);
    let asked = requests(&world, "main");
    let count = |path: &str| asked.iter().filter(|r| r.path.starts_with(path)).count();
    assert_eq!(count("/token"), 1, "{asked:#?}");
    // One without and one with the token, then the manifest itself: no `/v2/` and no list of tags.
    assert_eq!((count("/v2/team/api/manifests/"), count("/v2/team/api/tags/")), (3, 0), "{asked:#?}");
    assert!(!asked.iter().any(|r| r.path == "/v2/"), "{asked:#?}");
}

#[tokio::test]
async fn a_wrong_login_is_offered_once_in_each_form() {
    let (world, verdict) = examine("auth = \"bearer\"\nexpired_users = { bob = \"s3cret\" }\n".trim_start()).await;
    assert_eq!(verdict, Verdict::Failing);
    let asked = requests(&world, "main");
    let with_login = |r: &&Recorded| r.path == "/token" && (r.method == "POST" || r.authorization.is_some());
    assert!((1..=2).contains(&asked.iter().filter(with_login).count()), "{asked:#?}");
}

#[tokio::test]
async fn a_token_service_in_plain_text_gets_no_login() {
    let (world, verdict) = examine(
        r#"
auth = "bearer"
realm = "http://auth.test:{auth.port}/token"

[registry.auth]
host = "auth.test"
plain = true
token_for = "main"
"#,
    )
    .await;
    assert_eq!(verdict, Verdict::Inconclusive);
    assert_no_login(&requests(&world, "auth"));
}

#[tokio::test]
async fn the_login_of_a_proxy_stays_with_the_proxy_and_the_registrys_with_the_registry() {
    let (world, verdict) = examine(
        r#"
auth = "basic"

[proxy.corp]
host = "proxy.test"
login = { username = "node", password = "pr0xy" }

[env]
HTTPS_PROXY = "http://node:pr0xy@proxy.test:{corp.port}"
"#,
    )
    .await;
    assert_eq!(verdict, Verdict::Pullable);
    let tunnels = world.proxy("corp").unwrap().requests();
    assert!(!tunnels.is_empty() && tunnels.iter().all(|r| r.method == "CONNECT" && r.authorized), "{tunnels:?}");
    let asked = requests(&world, "main");
    assert!(asked.iter().all(|r| !r.headers.contains_key("proxy-authorization")), "{asked:?}");
}

#[tokio::test]
async fn a_stranger_gives_nobody_anything() {
    let public =
        PRIVATE.replace("private_to = [\"bob\"]", "").replace("[[login]]", "[env]").replace("password = {", "# {");
    let world = World::from_toml("inline", &format!("{public}auth = \"bearer\"\n")).await.unwrap();
    let (case, plan, evidence) = examined(&world).await;
    assert_eq!(diagnose(&case, &plan, &evidence).verdict, Verdict::Pullable);
    let asked = requests(&world, "main");
    assert!(asked.iter().all(|r| r.method != "POST" && r.authorization.as_deref() != Some("Basic")), "{asked:#?}");
}

#[tokio::test]
async fn a_login_goes_to_no_host_whose_certificate_would_be_refused_though_nobody_verifies_it() {
    for auth in ["basic", "bearer"] {
        let local = PRIVATE.replace("image = \"registry.test:", "image = \"localhost:");
        let text = format!("{local}auth = \"{auth}\"\ncertificate = {{ names = [\"old.test\"] }}\n");
        let world = World::from_toml("inline", &text).await.unwrap();
        let (case, plan, evidence) = examined(&world).await;
        assert_eq!(diagnose(&case, &plan, &evidence).verdict, Verdict::Inconclusive, "{auth}");
        // A stranger's token is no login.
        let asked = requests(&world, "main");
        let given = asked.iter().find(|r| r.authorization.as_deref() == Some("Basic") || r.method == "POST");
        assert!(!asked.is_empty() && given.is_none(), "{auth}: {given:?}");
    }
}

#[tokio::test]
async fn a_login_that_is_posted_does_not_follow_a_redirect_to_another_host() {
    let (world, _) = examine(
        r#"
auth = "bearer"
behaviour = [
    { on = "token", does = { redirect = "https://auth.test:{auth.port}/token" } },
]

[registry.auth]
host = "auth.test"
token_for = "main"
"#,
    )
    .await;
    assert!(!requests(&world, "auth").is_empty());
    assert_no_login(&requests(&world, "auth"));
}
