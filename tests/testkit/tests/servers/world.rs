//! Scenario files become worlds, and mistakes in them are named.

use std::path::Path;

use pullagent_testkit::world::{Scenario, World};

use crate::client::{Client, DEADLINE};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

#[tokio::test]
async fn every_scenario_file_makes_a_world() {
    let mut count = 0;
    for entry in std::fs::read_dir(SCENARIOS).expect("the scenarios") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let world = World::load(&path).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(!world.image().contains(['{', '}']), "{}", path.display());
        count += 1;
    }
    assert!(count >= 6);
}

#[tokio::test]
async fn node_root_leads_to_the_servers() {
    let text = r#"
        about = "a node with files"
        image = "registry.test:{main.port}/app@{main.digest}"
        platform = "linux/arm64"
        clock_days = 400
        [registry.main]
        host = "registry.test"
        repository = [{ name = "app" }]
        [hosts]
        "other.test" = ["::1"]
        [files]
        "etc/containerd/certs.d/registry.test:{main.port}/hosts.toml" = """
        [host."https://{main.addr}"]
        """
        [[login]]
        password = { username = "bob", password = "right" }
        [expect]
        verdict = "pullable"
    "#;
    let world = World::from_toml("node.toml", text).await.expect("a world");
    let root = tempfile::tempdir().expect("a folder");
    world.write_root(root.path()).expect("write");
    let read = |path: &str| std::fs::read_to_string(root.path().join(path)).expect("a file");
    assert!(read("etc/hosts").contains("127.0.0.1 registry.test\n") && read("etc/hosts").contains("::1 other.test\n"));
    assert_eq!(read("etc/ssl/certs/ca-certificates.crt"), world.ca_pem());
    let addr = world.addr("main").expect("a server");
    let hosts_toml = format!("etc/containerd/certs.d/registry.test:{}/hosts.toml", addr.port());
    assert!(read(&hosts_toml).contains(&addr.to_string()));
    assert!(!Path::new(root.path()).join("etc/resolv.conf").exists());
    assert_eq!((world.clock_ahead_seconds(), world.logins().len()), (400 * 86_400, 1));
    assert!(world.image().contains("/app@sha256:"));
    assert!(world.registry("main").is_some() && world.proxy("main").is_none());
}

#[tokio::test]
async fn token_service_and_storage_may_be_servers_of_their_own() {
    let text = r#"
        about = "three hosts"
        image = "registry.test:{main.port}/app:1"
        [registry.main]
        plain = true
        auth = "bearer"
        realm = "http://auth.test:{auth.port}/token"
        users = { bob = "right" }
        repository = [{ name = "app", tags = ["1"], private_to = ["bob"] }]
        behaviour = [{ on = "blob", does = { redirect = "http://{storage.addr}/storage/{digest}" } }]
        [registry.auth]
        plain = true
        token_for = "main"
        [registry.storage]
        plain = true
        storage_of = "main"
        [expect]
        verdict = "pullable"
    "#;
    let world = World::from_toml("three.toml", text).await.expect("a world");
    let client = |id| Client::plain(world.addr(id).expect("a server"));
    let challenge = client("main").get("/v2/app/manifests/1").await.expect("a challenge");
    let realm = format!("realm=\"http://auth.test:{}/token\"", world.addr("auth").expect("a server").port());
    assert!(challenge.header("www-authenticate").contains(&realm));
    let login = [("authorization", "Basic Ym9iOnJpZ2h0")];
    let token = client("auth").send("GET", "/token?scope=repository:app:pull", &login, "").await.expect("a token");
    let bearer = format!("Bearer {}", token.json()["token"].as_str().expect("a token"));
    let login = [("authorization", bearer.as_str())];
    let manifest = client("main").send("GET", "/v2/app/manifests/1", &login, "").await.expect("a manifest").json();
    let layer = manifest["layers"][0]["digest"].as_str().expect("a layer").to_owned();
    let redirect = client("main").send("GET", &format!("/v2/app/blobs/{layer}"), &login, "").await.expect("a redirect");
    assert!(redirect.header("location").ends_with(&format!("/storage/{layer}")));
    assert_eq!(client("storage").get(&format!("/storage/{layer}")).await.expect("a blob").status, 200);
}

#[tokio::test]
async fn resolvers_know_the_servers_and_the_hosts_file_does_not() {
    let text = r#"
        about = "two resolvers"
        image = "registry.test:{main.port}/app:1"
        [refused.main]
        host = "registry.test"
        [[resolver]]
        everything = "servfail"
        [[resolver]]
        names = { "gone.test" = "nxdomain", "late.test" = { late = { ms = 5, answer = "empty" } } }
        [expect]
        verdict = "failing"
    "#;
    let world = World::from_toml("resolvers.toml", text).await.expect("a world");
    assert!(world.hosts().is_empty());
    assert_eq!(world.resolvers().len(), 2);
    let connecting = tokio::net::TcpStream::connect(world.addr("main").expect("a port"));
    assert!(tokio::time::timeout(DEADLINE, connecting).await.expect("an end").is_err());
}

#[track_caller]
fn check_mistake(table: &str, wanted: &[&str]) {
    let text = format!("about = \"a\"\nimage = \"b/c:1\"\n{table}\n[expect]\nverdict = \"failing\"\n");
    let error = Scenario::parse("wrong.toml", &text).expect_err(table).to_string();
    for part in wanted.iter().chain(&["wrong.toml"]) {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn mistakes_are_named_by_file_and_field() {
    check_mistake("[registry.main]\nhots = \"a\"", &["hots", "line 4"]);
    check_mistake("[registry.main]\nauth = \"bearrer\"", &["bearrer", "line 4", "basic"]);
    check_mistake("[registry.main]\ntoken_for = \"other\"", &["registry.main.token_for"]);
    check_mistake("[registry.a]\n[proxy.a]", &["proxy.a", "taken"]);
    check_mistake(
        "[[registry.main.behaviour]]\non = \"tag\"\ndoes = { answer = { status = 42 } }",
        &["registry.main.behaviour[0].does"],
    );
    check_mistake("[registry.main.certificate]\nnames = [\"bücher.test\"]", &["registry.main.certificate.names"]);
    check_mistake("[files]\n\"../etc/passwd\" = \"x\"", &["../etc/passwd"]);
}

#[tokio::test]
async fn unknown_placeholder_is_named_by_line() {
    let text = "about = \"a\"\nimage = \"r:{main.prot}/a\"\n[registry.main]\n[expect]\nverdict = \"failing\"\n";
    let error = World::from_toml("wrong.toml", text).await.err().expect("an error").to_string();
    assert!(error.contains("wrong.toml") && error.contains("line 2") && error.contains("{main.prot}"), "{error}");
}
