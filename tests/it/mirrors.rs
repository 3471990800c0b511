//! What a mirror and the hosts behind it are asked, and with what, by what the servers got.

#![expect(clippy::unwrap_used, reason = "a world that cannot be made fails these tests")]

use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::evidence::Role;
use pullagent_diagnosis::report::{Format, Style, render};
use pullagent_testkit::registry::Recorded;
use pullagent_testkit::world::World;

use crate::scenarios::examined;

/// A registry and a mirror of it, each with the image; `{host}`, `{mirror}` and `{runtime}` are filled.
const WORLD: &str = r#"
about = "a registry with a mirror"
image = "registry.test:{main.port}/team/api:1.4.2"
runtime = "{runtime}"

[expect]
verdict = "pullable"

[registry.main]
host = "registry.test"

[[registry.main.repository]]
name = "team/api"
tags = ["1.4.2"]

[files]
"etc/containerd/config.toml" = '''
version = 3
[plugins."io.containerd.cri.v1.images".registry]
config_path = "/etc/containerd/certs.d"
'''
"etc/containerd/certs.d/registry.test:{main.port}/hosts.toml" = '''
[host."https://mirror.test:{mirror.port}"]
{host}
'''

[[registry.mirror.repository]]
name = "team/api"
tags = ["1.4.2"]

[registry.mirror]
host = "mirror.test"
{mirror}
"#;

/// The runtime, what the mirror's table in hosts.toml says, and what the mirror is.
#[derive(Default)]
struct Posed<'a> {
    runtime: Option<&'a str>,
    host: &'a str,
    mirror: &'a str,
}

impl Posed<'_> {
    async fn examine(&self) -> (World, Diagnosis) {
        let text = WORLD
            .replace("{runtime}", self.runtime.unwrap_or("containerd 2.1.5"))
            .replace("{host}", self.host)
            .replace("{mirror}", self.mirror);

        let world = World::from_toml("inline", &text).await.unwrap();
        let (case, plan, evidence) = examined(&world).await;
        let found = diagnose(&case, &plan, &evidence);
        let style = Style { width: 400, color: false, verbose: 2 };
        let formats = [Format::Text, Format::Short, Format::Json, Format::Markdown, Format::Ticket];
        let mut shown: Vec<String> = formats.map(|format| render(format, &found, &style)).into();
        shown.push(format!("{plan:?} {evidence:?}"));
        shown.push(serde_json::to_string(&(&plan, &evidence)).unwrap());
        let secret = shown.iter().find(|text| text.contains("s3cret") || text.contains(BASIC));
        assert_eq!(secret, None, "a report holds what a header says");
        (world, found)
    }
}

/// `bob:s3cret` as HTTP carries it.
const BASIC: &str = "Ym9iOnMzY3JldA==";
/// A header that is as good as a login, and one that is the login.
const HEADERS: &str = r#"
[host."https://mirror.test:{mirror.port}".header]
authorization = "Basic Ym9iOnMzY3JldA=="
x-key = ["s3cret", "s3cret-too"]
"#;

fn requests(world: &World, id: &str) -> Vec<Recorded> {
    world.registry(id).unwrap().requests()
}

#[track_caller]
fn assert_all(requests: &[Recorded], what: &str, holds: impl Fn(&Recorded) -> bool) {
    let odd = requests.iter().find(|request| !holds(request));
    assert!(!requests.is_empty() && odd.is_none(), "{what}: {odd:?}");
}

#[tokio::test]
async fn every_request_to_a_mirror_names_the_registry_and_none_to_the_registry_does() {
    let (world, found) = Posed::default().examine().await;
    assert_eq!(found.verdict, Verdict::Pullable);
    let namespace = format!("ns=registry.test%3A{}", world.addr("main").unwrap().port());
    assert_all(&requests(&world, "mirror"), "the mirror", |r| r.query == namespace);
    assert_all(&requests(&world, "main"), "the registry", |r| r.query.is_empty());
    let roles: Vec<Role> = found.hops.iter().map(|hop| hop.role).collect();
    assert_eq!(roles, [Role::Mirror, Role::Registry], "in the runtime's order");
}

#[tokio::test]
async fn a_header_goes_to_its_own_endpoint_with_every_request_and_nowhere_else() {
    let mirror = r#"
behaviour = [
    { on = "layer", does = { redirect = "https://registry.test:{main.port}/v2/team/api/blobs/{digest}" } },
]
"#;
    let (world, found) = Posed { host: HEADERS, mirror, ..Posed::default() }.examine().await;
    assert_eq!(found.verdict, Verdict::Pullable);
    assert_all(&requests(&world, "mirror"), "the mirror", |r| {
        let keys: Vec<_> = r.headers.get_all("x-key").iter().collect();
        keys == ["s3cret", "s3cret-too"] && r.authorization.as_deref() == Some("Basic")
    });
    assert_all(&requests(&world, "main"), "the registry", |r| {
        !r.headers.contains_key("x-key") && r.authorization.is_none()
    });
    assert!(requests(&world, "main").iter().any(|r| r.path.contains("/blobs/")), "nothing was redirected");
}

#[tokio::test]
async fn a_token_service_gets_the_headers_from_containerd_2_1_on() {
    for (runtime, gets) in [("containerd 2.1.5", true), ("containerd 2.0.4", false)] {
        let posed = Posed { runtime: Some(runtime), host: HEADERS, mirror: "auth = \"bearer\"" };
        let (world, _) = posed.examine().await;
        let (tokens, others): (Vec<_>, Vec<_>) =
            requests(&world, "mirror").into_iter().partition(|r| r.path == "/token");
        assert_all(&tokens, runtime, |r| r.headers.contains_key("x-key") == gets);
        assert_all(&others, runtime, |r| r.headers.contains_key("x-key"));
    }
}

#[tokio::test]
async fn nothing_secret_goes_to_a_mirror_whose_certificate_is_bad_though_nobody_verifies_it() {
    let host = format!("skip_verify = true\n{HEADERS}");
    let mirror = "certificate = { names = [\"old.test\"] }";
    let (world, found) = Posed { host: &host, mirror, ..Posed::default() }.examine().await;
    assert_eq!(requests(&world, "mirror"), []);
    assert!(found.not_checked.iter().any(|unseen| unseen.why.contains("headers")), "{:#?}", found.not_checked);
    // Without a secret the mirror is asked, as the runtime asks it.
    let (world, found) = Posed { host: "skip_verify = true", mirror, ..Posed::default() }.examine().await;
    assert_eq!(found.verdict, Verdict::Pullable);
    assert!(!requests(&world, "mirror").is_empty());
}

#[tokio::test]
async fn a_mirror_that_resolves_nothing_is_asked_for_the_digest_alone() {
    let (world, found) = Posed { host: "capabilities = [\"pull\"]", ..Posed::default() }.examine().await;
    assert_eq!(found.verdict, Verdict::Pullable);
    let manifests =
        |id| requests(&world, id).into_iter().filter(|r| r.path.contains("/manifests/")).collect::<Vec<_>>();
    assert_all(&manifests("mirror"), "the mirror", |r| r.path.contains("/manifests/sha256:"));
    assert!(manifests("main").iter().any(|r| r.path.ends_with("/manifests/1.4.2")));
}
