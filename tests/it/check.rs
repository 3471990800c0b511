//! Checks: what a registry by itself and an image without its layers come to, what is asked for it, and `pullagent check`.

#![expect(clippy::unwrap_used, reason = "a world that cannot be made fails these tests")]

use pullagent_diagnosis::case::Purpose;
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_probes::Contents;
use pullagent_testkit::cri::{Cri, CriImage};
use pullagent_testkit::registry::RegistryHandle;
use pullagent_testkit::world::World;
use serde_json::Value;
use tempfile::TempDir;

use crate::pullagent::{Ran, codes, run};
use crate::scenarios::{examined_for, replays};

/// What every world begins with; a registry's own lines come first.
const REGISTRY: &str = r#"
about = "a registry that is checked"
image = "registry.test:{main.port}/team/api:1"
runtime = "containerd 2.1.5"
expect = { verdict = "pullable" }
"#;

/// A mirror before the registry.
const MIRROR: &str = r#"
[files]
"etc/containerd/config.toml" = '''
version = 3
[plugins."io.containerd.cri.v1.images".registry]
config_path = "/etc/containerd/certs.d"
'''
"etc/containerd/certs.d/registry.test:{main.port}/hosts.toml" = '''
[host."https://mirror.test:{mirror.port}"]
[host."https://mirror.test:{mirror.port}".header]
authorization = "Basic Ym9iOnMzY3JldA=="
'''
"#;

async fn world(rest: &str) -> World {
    World::from_toml("check", &format!("{REGISTRY}{rest}")).await.unwrap()
}

async fn examine(world: &World, purpose: Purpose, known: Option<&Contents>) -> Diagnosis {
    let (case, plan, evidence) = examined_for(world, purpose, known).await;
    let found = diagnose(&case, &plan, &evidence);
    replays(&case, &plan, &evidence, &found).unwrap();
    found
}

/// Checks the registry of a world: the verdict, and its findings in order, each with its severity.
#[track_caller]
fn judged(found: &Diagnosis, verdict: &str, findings: &[&str]) {
    let got: Vec<String> = found.findings.iter().map(|f| format!("{}:{}", f.code, f.severity)).collect();
    assert_eq!(
        (found.verdict.word(), got),
        (verdict, findings.iter().map(|f| (*f).to_owned()).collect()),
        "{found:#?}"
    );
    assert!(found.credentials.is_empty(), "nobody logs in");
    let layer = found.cause.as_ref().and_then(|cause| cause.layer).map(|layer| layer.to_string());
    assert!(!matches!(layer.as_deref(), Some("reference" | "credentials")), "{layer:?}");
}

async fn check(rest: &str, verdict: &str, findings: &[&str]) -> Diagnosis {
    let world = world(rest).await;
    let found = examine(&world, Purpose::CheckRegistry, None).await;
    judged(&found, verdict, findings);
    for id in ["main", "mirror", "auth"] {
        let asked = world.registry(id).map(RegistryHandle::requests).unwrap_or_default();
        assert!(asked.iter().all(|request| request.authorization.is_none()), "a login was sent: {asked:?}");
        assert!(!asked.iter().any(|request| request.query.contains("scope")), "for an image: {asked:?}");
    }
    found
}

fn main_with(lines: &str) -> String {
    format!("[registry.main]\nhost = \"registry.test\"\n{lines}")
}

#[tokio::test]
async fn a_registry_that_answers_is_well_whether_or_not_it_wants_a_login() {
    check(&main_with(""), "pullable", &[]).await;
    check(&main_with("auth = \"basic\"\nusers = { ci = \"x\" }"), "pullable", &[]).await;
    let bearer = "auth = \"bearer\"\nusers = { ci = \"x\" }\n";
    let found = check(&main_with(bearer), "pullable", &[]).await;
    assert_eq!(found.target.registry.as_deref(), Some(found.target.image.as_str()));
    for status in [400, 401, 403] {
        let refuses = format!("behaviour = [{{ on = \"token\", does = {{ answer = {{ status = {status} }} }} }}]");
        check(&main_with(&format!("{bearer}{refuses}")), "pullable", &[]).await;
    }
}

#[tokio::test]
async fn the_token_service_that_the_registry_names_has_to_answer() {
    let elsewhere = main_with("auth = \"bearer\"\nrealm = \"https://auth.test:{auth.port}/token\"\n");
    let refused = format!("{elsewhere}[refused.auth]\nhost = \"auth.test\"");
    let dead = check(&refused, "failing", &["ConnectionRefused:error"]).await;
    assert!(dead.cause.unwrap().host.unwrap().starts_with("auth.test:"));
    let auth = |lines: &str| format!("{elsewhere}[registry.auth]\nhost = \"auth.test\"\ntoken_for = \"main\"\n{lines}");
    check(&auth(""), "pullable", &[]).await;
    let expired = "certificate = { from_days = -90, until_days = -1 }";
    check(&auth(expired), "failing", &["TlsCertificateExpired:error"]).await;
    let does = |what: &str| auth(&format!("behaviour = [{{ on = \"token\", does = {what} }}]"));
    check(&does("{ answer = { status = 503 } }"), "failing", &["RegistryUnavailable:error"]).await;
    check(&does("{ answer = { status = 404 } }"), "failing", &["NotARegistry:error"]).await;
    check(&does("\"html-ok\""), "failing", &["NotARegistry:error"]).await;
    check(&does("\"rate-limited\""), "failing", &["RateLimited:error"]).await;
}

#[tokio::test]
async fn what_breaks_every_pull_from_a_registry_is_found_without_an_image() {
    let expired = "certificate = { from_days = -90, until_days = -1 }";
    check(&main_with(expired), "failing", &["TlsCertificateExpired:error"]).await;
    let ends = "certificate = { from_days = -90, until_days = 3 }";
    check(&main_with(ends), "degraded", &["CertificateExpiring:warning"]).await;
    check("[refused.main]\nhost = \"registry.test\"", "failing", &["ConnectionRefused:error"]).await;
    let does = |what: &str| main_with(&format!("behaviour = [{{ on = \"everything\", does = {what} }}]"));
    check(&does("\"rate-limited\""), "failing", &["RateLimited:error"]).await;
    check(&does("{ answer = { status = 404 } }"), "failing", &["NotARegistry:error"]).await;
    check(&does("\"html-ok\""), "failing", &["NotARegistry:error"]).await;
    check(&does("{ answer = { status = 503 } }"), "failing", &["RegistryUnavailable:error"]).await;
    check(&does("{ answer = { status = 403 } }"), "degraded", &["AccessDenied:warning"]).await;
    let low = "{ rate-limit-headers = { limit = 100, remaining = 3 } }";
    check(&does(low), "degraded", &["RateLimitLow:warning"]).await;
}

#[tokio::test]
async fn mirrors_count_as_they_do_in_a_pull_and_get_no_login_of_their_settings() {
    let (alive, dead) = ("[registry.mirror]\nhost = \"mirror.test\"\n", "[refused.mirror]\nhost = \"mirror.test\"\n");
    let (main, gone) = (main_with(""), "[refused.main]\nhost = \"registry.test\"\n");
    check(&format!("{alive}{main}{MIRROR}"), "pullable", &[]).await;
    check(&format!("{dead}{main}{MIRROR}"), "degraded", &["MirrorUnavailable:warning"]).await;
    check(&format!("{alive}{gone}{MIRROR}"), "pullable", &["ConnectionRefused:info"]).await;
    let both = ["ConnectionRefused:error", "MirrorUnavailable:warning"];
    check(&format!("{dead}{gone}{MIRROR}"), "failing", &both).await;
    let wants = "auth = \"basic\"\nusers = { bob = \"s3cret\" }\n";
    check(&format!("{alive}{wants}{main}{MIRROR}"), "pullable", &[]).await;
}

/// A registry with an image whose layers are at another host.
fn with_storage(lines: &str, storage: &str) -> String {
    let layer = "https://storage.test:{storage.port}/storage/{digest}";
    main_with(&format!(
        "auth = \"bearer\"\nusers = {{ ci = \"x\" }}\n{lines}\n\
         [[registry.main.repository]]\nname = \"team/api\"\ntags = [\"1\"]\nindex = true\n\
         [[registry.main.behaviour]]\non = \"layer\"\ndoes = {{ redirect = \"{layer}\" }}\n{storage}"
    ))
}

const STORAGE: &str = "[registry.storage]\nhost = \"storage.test\"\nstorage_of = \"main\"\n";

/// What a server was asked since it was asked last: method, and the first part of the path that tells what of.
fn asked(world: &World, id: &str, skip: usize) -> Vec<String> {
    let requests = world.registry(id).map(RegistryHandle::requests).unwrap_or_default();
    let what = |path: &str| {
        let parts = ["token", "manifests", "blobs", "storage"];
        parts.into_iter().find(|part| path.contains(part)).unwrap_or("other")
    };
    requests.iter().skip(skip).map(|request| format!("{} {}", request.method, what(&request.path))).collect()
}

#[tokio::test]
async fn an_image_is_checked_without_its_layers_and_what_is_known_is_not_fetched_again() {
    let world = world(&with_storage("", STORAGE)).await;
    let known = Contents::default();
    let first = examine(&world, Purpose::CheckImage, Some(&known)).await;
    assert_eq!((first.verdict.word(), first.findings.len()), ("pullable", 0), "{first:#?}");
    let count = world.registry("main").unwrap().requests().len();
    let gets = |asked: &[String], what: &str| asked.iter().filter(|one| **one == format!("GET {what}")).count();
    let new = asked(&world, "main", 0);
    assert_eq!((gets(&new, "manifests"), gets(&new, "blobs")), (2, 1), "index, manifest and configuration: {new:?}");
    assert_eq!(asked(&world, "storage", 0), ["HEAD storage"]);
    let again = examine(&world, Purpose::CheckImage, Some(&known)).await;
    assert_eq!((again.verdict, &again.image), (first.verdict, &first.image), "{again:#?}");
    let asked_again = asked(&world, "main", count);
    assert_eq!(asked_again, ["HEAD manifests", "GET token", "HEAD manifests", "HEAD blobs"]);
    assert_eq!(asked(&world, "storage", 1), ["HEAD storage"]);
}

#[tokio::test]
async fn a_check_of_an_image_sees_what_stands_between_it_and_its_layers() {
    let check = async |lines: &str, storage: &str, code: &str| {
        let world = world(&with_storage(lines, storage)).await;
        let known = Contents::default();
        for time in ["the first time", "again"] {
            let found = examine(&world, Purpose::CheckImage, Some(&known)).await;
            let got = found.cause.as_ref().map_or("-", |cause| cause.code.name());
            assert_eq!(got, code, "{time}: {found:#?}");
        }
        world
    };
    check("", "[refused.storage]\nhost = \"storage.test\"\n", "ConnectionRefused").await;
    check("", &format!("{STORAGE}certificate = {{ stranger = true }}\n"), "TlsUnknownAuthority").await;
    let gone = "behaviour = [{ on = \"storage\", does = { answer = { status = 404 } } }]\n";
    check("", &format!("{STORAGE}{gone}"), "BlobUnavailable").await;
    // A signed URL may hold for GET alone: then a byte has to do.
    let only_get = "behaviour = [{ on = \"storage\", does = \"no-head\" }]\n";
    let world = check("", &format!("{STORAGE}{only_get}"), "-").await;
    assert_eq!(asked(&world, "storage", 0), ["HEAD storage", "GET storage", "HEAD storage", "GET storage"]);
    let requests = world.registry("storage").unwrap().requests();
    assert!(requests.iter().filter(|one| one.method == "GET").all(|one| one.headers["range"] == "bytes=0-0"));
}

/// A node whose settings have these checks; `{at}` is the registry's authority.
struct Node {
    world: World,
    root: TempDir,
    at: String,
}

impl Node {
    async fn with(rest: &str, checks: &str) -> Self {
        let world = world(rest).await;
        let root = tempfile::tempdir().unwrap();
        world.write_root(root.path()).unwrap();
        let at = world.image().split('/').next().unwrap().to_owned();
        let checks = checks.replace("{at}", &at);
        let settings = format!("apiVersion: pullagent.dev/v1\nkubernetes: {{ identity: none }}\nchecks:\n{checks}\n");
        std::fs::write(root.path().join("config.yaml"), settings).unwrap();
        Self { world, root, at }
    }

    async fn check(&self, arguments: &[&str]) -> Ran {
        let config = self.root.path().join("config.yaml");
        let all = ["check", "--config", config.to_str().unwrap(), "--host-root", self.root.path().to_str().unwrap()];
        run(&all.iter().chain(arguments).copied().collect::<Vec<_>>(), "").await
    }
}

const IMAGES: &str = "[[registry.main.repository]]\nname = \"team/api\"\ntags = [\"1\"]\n";

#[tokio::test]
async fn a_line_a_check_and_the_whole_report_of_what_does_not_pass() {
    let checks = "  images: [ { image: \"{at}/team/api:1\" }, { image: \"{at}/team/api:2\" } ]\n  registries: [ { host: \"{at}\" } ]";
    let node = Node::with(&format!("{}{IMAGES}", main_with("")), checks).await;
    let at = &node.at;
    let ran = node.check(&[]).await;
    let lines: Vec<Vec<&str>> = ran.out.lines().take(3).map(|line| line.split_whitespace().collect()).collect();
    let (good, missing) = (format!("{at}/team/api:1"), format!("{at}/team/api:2"));
    assert_eq!(lines[0][..5], ["pullable", "image", good.as_str(), "-", "-"], "{}{}", ran.out, ran.err);
    assert_eq!(lines[1][..5], ["failing", "image", missing.as_str(), "TagNotFound", at.as_str()]);
    assert_eq!(lines[2][..5], ["pullable", "registry", at.as_str(), "-", "-"]);
    assert_eq!(ran.out.matches("WOULD FAIL").count(), 1, "{}", ran.out);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let ran = node.check(&["-o", "json"]).await;
    assert_eq!((codes(&ran), ran.code), (vec!["-".to_owned(), "TagNotFound".to_owned(), "-".to_owned()], 1));
    let ran = node.check(&["-o", "short"]).await;
    let want = format!("{good}\tpullable\t-\t-\n{missing}\tfailing\tTagNotFound\t{at}\n{at}\tpullable\t-\t-\n");
    assert_eq!(ran.out, want);
    assert!(!node.check(&["-o", "markdown"]).await.out.is_empty());
}

#[tokio::test]
async fn a_degraded_check_fails_only_where_it_is_asked_to() {
    let checks = "  registries: [ { host: \"{at}\" } ]";
    let node = Node::with(&main_with("certificate = { from_days = -90, until_days = 3 }"), checks).await;
    let ran = node.check(&[]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("degraded ") && ran.out.contains("Warning"), "{}", ran.out);
    assert_eq!(node.check(&["--fail-on", "degraded"]).await.code, 1);
}

#[tokio::test]
async fn a_check_whose_secret_is_not_read_cannot_be_told_unless_something_else_is_broken() {
    let private = "auth = \"bearer\"\nusers = { ci = \"x\" }\n";
    let checks = "  images: [ { image: \"{at}/team/api:1\", secret: prod/regcred }, { image: \"{at}/gone/api:1\", secret: prod/regcred } ]";
    let node = Node::with(&format!("{}{IMAGES}", main_with(private)), checks).await;
    let ran = node.check(&["-o", "json"]).await;
    assert_eq!((codes(&ran), ran.code), (vec!["Unknown".to_owned(); 2], 3), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("secret prod/regcred cannot be read: the API server is not asked"), "{}", ran.out);
    let node = Node::with("[refused.main]\nhost = \"registry.test\"", checks).await;
    let ran = node.check(&["-o", "json"]).await;
    assert_eq!((codes(&ran), ran.code), (vec!["ConnectionRefused".to_owned(); 2], 1), "{}", ran.out);
}

#[tokio::test]
async fn without_a_check_a_sample_is_shown() {
    let node = Node::with(&main_with(""), "  every: 5m").await;
    for arguments in [&[][..], &["--explain-cost", "5"]] {
        let ran = node.check(arguments).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains("no check is configured") && ran.err.contains("  registries:\n"), "{}", ran.err);
    }
}

#[tokio::test]
async fn the_cost_is_told_and_nobody_is_contacted() {
    let checks =
        "  images: [ { image: \"{at}/team/api:1\", every: 5m } ]\n  registries: [ { host: docker.io } ]\n  sample: 0.1";
    let node = Node::with(&main_with(""), checks).await;
    let ran = node.check(&["--explain-cost", "1000", "-o", "json"]).await;
    let cost: Value = serde_json::from_str(&ran.out).unwrap();
    let days: Vec<u64> =
        cost["checks"].as_array().unwrap().iter().map(|one| one["requestsADay"].as_u64().unwrap()).collect();
    assert_eq!((days, ran.code), (vec![1_152_000, 4800], 0), "{}", ran.out);
    let ran = node.check(&["--explain-cost", "1000"]).await;
    assert!(ran.out.contains("docker.io (public): 4,800 requests a day"), "{}", ran.out);
    assert!(node.world.registry("main").unwrap().requests().is_empty());
    assert_eq!(node.check(&["--explain-cost", "0"]).await.code, 2);
}

#[tokio::test]
async fn a_check_tells_of_the_image_that_the_node_holds_and_of_the_sandbox_that_it_does_not() {
    let checks = "  images: [ { image: \"{at}/team/api:1\" } ]\n  registries: [ { host: \"{at}\" } ]";
    let node = Node::with(&format!("{}{IMAGES}", main_with("")), checks).await;
    let write = |path: &str, text: &str| {
        let path = node.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let sandbox =
        "version = 3\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = 'pause.test/pause:3'\n";
    write("etc/containerd/config.toml", sandbox);
    write("run/containerd/x", "");
    let old = format!("{}/team/api@sha256:{}", node.at, "0".repeat(64));
    let held = CriImage {
        id: "sha256:a1".to_owned(),
        tags: vec![format!("{}/team/api:1", node.at)],
        digests: vec![old],
        ..CriImage::default()
    };
    let socket = node.root.path().join("run/containerd/containerd.sock");
    let runtime = Cri::default().version("containerd", "v2.1.5").image(held).start(&socket).unwrap();
    let ran = node.check(&["-o", "json"]).await;
    let codes_of = |line: &str| {
        let report: Value = serde_json::from_str(line).unwrap();
        let findings = report["findings"].as_array().unwrap().clone();
        let codes = findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
        (report["verdict"].as_str().unwrap().to_owned(), codes.collect::<Vec<_>>())
    };
    let lines: Vec<_> = ran.out.lines().map(codes_of).collect();
    let image = vec!["SandboxImageMissing".to_owned(), "StaleImage".to_owned()];
    assert_eq!(lines, [("degraded".to_owned(), image), ("pullable".to_owned(), vec![])], "{}", ran.out);
    let pulls = runtime.calls().iter().any(|call| format!("{call:?}").contains("Pull"));
    assert!(!pulls, "a check pulls nothing: {:?}", runtime.calls());
}
