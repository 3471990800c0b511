//! Runs every file of tests/scenarios: its world is started, the image is examined, and what must come out is held
//! against the report. A new case is a new file.

#![expect(clippy::expect_used, reason = "a scenario that cannot be read fails these tests")]
#![expect(clippy::print_stderr, reason = "whoever works on a scenario reads its report there")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::case::{Case, GivenCredential, NodeConfig, Purpose};
use pullagent_diagnosis::cause::{CATALOGUE, Severity};
use pullagent_diagnosis::config::hosts_file::parse_hosts;
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::evidence::Evidence;
use pullagent_diagnosis::finding::Finding;
use pullagent_diagnosis::plan::{Plan, plan};
use pullagent_diagnosis::report::event::{LONGEST_NOTE, pull_failed};
use pullagent_diagnosis::runtime::{Runtime, RuntimeAnswer, RuntimeProcess, RuntimeVersion};
use pullagent_probes::files::read_all;
use pullagent_probes::node::{Environment, read_node};
use pullagent_probes::{Contents, Limits, Standpoint, examine_from};
use pullagent_testkit::world::{Login, Password, World};
use serde_json::Value;

/// Codes, and details of codes, that no network and no registry on loopback can show, and why.
const SHOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("NotPresentNeverPull", "told by the kubelet alone; comes with the message classifier"),
    ("PresentButNotAllowed", "told by the kubelet alone; comes with the message classifier"),
    ("SecretNotFound", "seen in the cluster's API only; comes with `why`"),
    ("CredentialProviderFailed", "needs a kubelet and its plugins; tests/it/kubelet.rs starts them"),
    ("KubeletThrottled", "told by the kubelet alone; comes with the message classifier"),
    ("headers", "told by runtimes alone: to us an open connection without an answer is PullStalled"),
    ("local", "told by the runtime of its own store; comes with the message classifier"),
    ("RuntimeUnavailable", "needs a runtime's socket; comes with the CRI probe"),
    ("tlsFiles", "a detail of RuntimeConfigInvalid"),
    ("mirrorsWithConfigPath", "a detail of RuntimeConfigInvalid"),
    ("registriesConf", "a detail of RuntimeConfigInvalid"),
    ("policyFile", "a detail of RuntimeConfigInvalid"),
    ("notStarting", "a detail of RuntimeConfigInvalid"),
    ("DiskFull", "told by the runtime alone; comes with the message classifier"),
    ("UnpackFailed", "told by the runtime alone; comes with the message classifier"),
    ("signature", "a detail of PolicyRejected"),
    ("admission", "a detail of PolicyRejected"),
];

fn scenario_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("tests/scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no scenario at all");
    files
}

/// Deadlines short enough for a test of silence, long enough for a busy machine to answer in.
fn limits() -> Limits {
    Limits {
        dns: Duration::from_millis(800),
        connect: Duration::from_secs(1),
        handshake: Duration::from_millis(1200),
        unreached: Duration::from_secs(3),
        total: Duration::from_secs(3),
        aside: Duration::from_secs(1),
    }
}

/// The node and the case that a world's scenario describes.
fn posed(world: &World, root: &Path, purpose: Purpose) -> (Case, NodeConfig) {
    world.write_root(root).expect("the node's root");
    let mut env: Vec<(String, String)> = world.env().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    env.push(("NODE_NAME".to_owned(), "node-1".to_owned()));
    let mut node = read_node(root, &env.into_iter().collect::<Environment>(), None);
    // Loopback has both families, whatever the machine that runs the test has.
    (node.node.has_ipv4, node.node.has_ipv6) = (true, true);
    node.node.platform = world.scenario().platform.parse().expect("the scenario's platform");
    node.network.hosts = parse_hosts(&world.hosts_file());
    if !world.resolvers().is_empty() {
        node.network.resolver.servers = world.resolvers();
    }
    let credentials = world.logins().iter().map(|login| match login {
        Login::Password(Password { username, password }) => {
            GivenCredential::Login { source: "test".into(), user: username.clone(), password: password.clone().into() }
        }
        Login::Dockerconfigjson(text) => {
            GivenCredential::DockerConfig { source: "test".into(), text: text.clone().into() }
        }
    });
    let image = match purpose {
        Purpose::CheckRegistry => world.image().split('/').next().unwrap_or_default(),
        Purpose::Pull | Purpose::CheckImage => world.image(),
    };
    let case = Case { image: image.to_owned(), purpose, credentials: credentials.collect(), ..Case::default() };
    node.runtime = runtime(world);
    // What a plan needs is known once it was tried.
    read_all(&mut node, root, |node| &mut node.files, |node| drop(plan(&case, node)));
    (case, node)
}

/// The runtime that a scenario names: it told its version, and its process was not seen.
fn runtime(world: &World) -> Option<Runtime> {
    let (name, version) = world.scenario().runtime.as_ref()?.split_once(' ').expect("a name and a version");
    Some(Runtime {
        endpoint: format!("unix:///run/{name}/{name}.sock"),
        named_by: None,
        answer: RuntimeAnswer::Version(RuntimeVersion { name: name.to_owned(), version: version.to_owned() }),
        process: RuntimeProcess::NotSeen { why: "there is none".to_owned() },
        config_file: world.scenario().config.clone(),
    })
}

pub(super) async fn examined(world: &World) -> (Case, Plan, Evidence) {
    examined_for(world, Purpose::Pull, None).await
}

/// The same for a check, with what earlier ones fetched.
pub(super) async fn examined_for(world: &World, purpose: Purpose, known: Option<&Contents>) -> (Case, Plan, Evidence) {
    let root = tempfile::tempdir().expect("a folder");
    let (case, node) = posed(world, root.path(), purpose);
    let plan = plan(&case, &node);
    let ahead = SignedDuration::from_secs(world.clock_ahead_seconds());
    let here = Standpoint { clock: &|| Timestamp::now() + ahead, known, ..Standpoint::default() };
    let evidence = examine_from(&plan, &limits(), &here).await;
    (case, plan, evidence)
}

/// Everything in which a report differs from what a scenario expects.
fn differences(world: &World, found: &Diagnosis) -> Vec<String> {
    let expect = world.expect();
    let mut wrong = Vec::new();
    let mut compare = |what: &str, want: Option<&str>, got: Option<String>| {
        if want != got.as_deref() {
            wrong.push(format!("{what}: {} in place of {}", got.as_deref().unwrap_or("none"), want.unwrap_or("none")));
        }
    };
    compare("verdict", Some(&expect.verdict), Some(found.verdict.word().to_owned()));
    compare("code", expect.code.as_deref(), found.cause.as_ref().map(|c| c.code.to_string()));
    if expect.detail.is_some() {
        compare("detail", expect.detail.as_deref(), found.cause.as_ref().and_then(|c| c.detail.clone()));
    }
    if expect.host.is_some() {
        compare("host", expect.host.as_deref(), found.cause.as_ref().and_then(|c| c.host.clone()));
    }
    if expect.confidence.is_some() {
        compare("confidence", expect.confidence.as_deref(), found.cause.as_ref().map(|c| c.confidence.to_string()));
    }
    let forms = |f: &Finding| {
        let detail = f.detail.as_ref().map(|detail| format!("{}/{detail}", f.code));
        [f.code.to_string(), format!("{}:{}", f.code, f.severity)].into_iter().chain(detail)
    };
    let codes: Vec<String> = found.findings.iter().flat_map(forms).collect();
    wrong.extend(
        expect.findings.iter().filter(|c| !codes.contains(c)).map(|c| format!("no finding {c} among {codes:?}")),
    );
    wrong.extend(
        expect.absent_findings.iter().filter(|c| codes.contains(c)).map(|c| format!("finding {c} must not be there")),
    );
    let text = format!("{found:#?}");
    wrong.extend(expect.text_contains.iter().filter(|t| !text.contains(*t)).map(|t| format!("the report lacks {t:?}")));
    let advice: Vec<&str> = found.remedy.iter().map(|remedy| remedy.text.as_str()).collect();
    let advised = |text: &String| advice.iter().any(|advice| advice.contains(text.as_str()));
    let lacking = expect.remedy_contains.iter().filter(|t| !advised(t));
    wrong.extend(lacking.map(|t| format!("no remedy says {t:?}: {advice:?}")));
    wrong.extend(expect.remedy_lacks.iter().filter(|t| advised(t)).map(|t| format!("a remedy says {t:?}: {advice:?}")));
    wrong.extend(expect.text_lacks.iter().filter(|t| text.contains(*t)).map(|t| format!("the report contains {t:?}")));
    wrong
}

/// Worlds examined at the same time; most of an examination is waiting.
const AT_ONCE: usize = 8;

/// `SCENARIO=name` runs the files with that in their name only, and prints what comes out.
#[tokio::test]
async fn every_scenario_comes_out_as_its_file_says() {
    let only = std::env::var("SCENARIO").ok();
    let files = scenario_files().into_iter().filter(|f| only.as_ref().is_none_or(|o| f.to_string_lossy().contains(o)));
    let mut failures: Vec<String> = stream::iter(files)
        .map(|file| failures(file, only.is_some()))
        .buffer_unordered(AT_ONCE)
        .flat_map(stream::iter)
        .collect()
        .await;
    failures.sort();
    assert!(failures.is_empty(), "{} scenarios fail:\n{}", failures.len(), failures.join("\n"));
}

/// In what the report of one world differs from what its file says.
async fn failures(file: PathBuf, shown: bool) -> Vec<String> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let world = match World::load(&file).await {
        Ok(world) => world,
        Err(error) => return vec![format!("{error}")],
    };
    let (case, plan, evidence) = examined(&world).await;
    let found = diagnose(&case, &plan, &evidence);
    if shown {
        eprintln!("{}", in_short(&name, &found));
    }
    let mut failures = Vec::new();
    let wrong = differences(&world, &found);
    if !wrong.is_empty() {
        failures.push(format!(
            "{name} ({}): {}\n    {}",
            world.scenario().about,
            wrong.join("; "),
            in_short(&name, &found)
        ));
    }
    failures.extend(replays(&case, &plan, &evidence, &found).err().map(|why| format!("{name}: {why}")));
    failures.extend(told_in_sentences(&found).err().map(|why| format!("{name}: {why}")));
    failures.extend(told_alike_when_slower(&case, &plan, &evidence, &found).err().map(|why| format!("{name}: {why}")));
    failures
}

/// The event of a failure must be whole: a sentence and a deed, neither of them cut.
fn told_in_sentences(found: &Diagnosis) -> Result<(), String> {
    let Some(event) = pull_failed(found, None) else { return Ok(()) };
    let note = &event.note;
    let parts = note.split_once(". Fix: ").and_then(|(own, rest)| Some((own, rest.split_once(". Owner: ")?.0)));
    let (own, fix) = parts.ok_or_else(|| format!("its event has no fix or no owner: {note}"))?;
    let own = own.split_once(" said: \"").map_or(own, |(own, _)| own);
    let row = found.cause.as_ref().map(|cause| cause.code.row());
    let advice = found.remedy.iter().map(|remedy| remedy.text.as_str());
    let is_said =
        advice.chain(row.into_iter().flat_map(|row| row.remedy.iter().copied())).any(|text| text.contains(fix));
    let is_cut = |text: &str| text.is_empty() || text.ends_with(['…', ':', ',', ';', '(']);
    if note.len() > LONGEST_NOTE || is_cut(own) || is_cut(fix) || !is_said {
        return Err(format!("its event is not whole, {} bytes: {note}", note.len()));
    }
    Ok(())
}

/// The event of a failure must be the same when everything took longer: it is written once and then counted.
fn told_alike_when_slower(case: &Case, plan: &Plan, evidence: &Evidence, found: &Diagnosis) -> Result<(), String> {
    let mut slower = serde_json::to_value(evidence).map_err(|e| format!("cannot be saved: {e}"))?;
    take_longer(&mut slower);
    let slower: Evidence = serde_json::from_value(slower).map_err(|e| format!("slower, it cannot be read: {e}"))?;
    let note = |diagnosis| pull_failed(diagnosis, None).map(|event| event.note);
    let (now, later) = (note(found), note(&diagnose(case, plan, &slower)));
    if now == later { Ok(()) } else { Err(format!("slower, its event {now:?} becomes {later:?}")) }
}

fn take_longer(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_u64().filter(|_| matches!(key.as_str(), "ms" | "retryAfter")) {
                    Some(number) => *value = (number + 1234).into(),
                    None => take_longer(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(take_longer),
        _ => {}
    }
}

/// The sentences of a report, for whoever works on them.
fn in_short(name: &str, found: &Diagnosis) -> String {
    let mut text = format!("{name}: {} in {} ms", found.verdict.word(), found.took_ms);
    for finding in &found.findings {
        let detail = finding.detail.as_ref().map(|d| format!("({d})")).unwrap_or_default();
        let _ = write!(text, "\n    {}{detail} {}", finding.code, finding.summary);
        for remedy in &finding.remedy {
            let _ = write!(text, "\n        - {} {}", remedy.text, remedy.command.as_deref().unwrap_or_default());
        }
    }
    if let Some(event) = pull_failed(found, None) {
        let _ = write!(text, "\n    event {}: {}", event.reason, event.note);
    }
    for row in &found.credentials {
        let _ = write!(text, "\n    login {} {:?}", row.source, row.outcome);
    }
    for unseen in &found.not_checked {
        let _ = write!(text, "\n    not checked: {}: {}", unseen.what, unseen.why);
    }
    text
}

/// A saved examination must lead to the same diagnosis, and must not hold a secret.
pub(super) fn replays(case: &Case, plan: &Plan, evidence: &Evidence, found: &Diagnosis) -> Result<(), String> {
    let saved = serde_json::to_string(&(case, plan, evidence)).map_err(|e| format!("cannot be saved: {e}"))?;
    let (case, plan, evidence): (Case, Plan, Evidence) =
        serde_json::from_str(&saved).map_err(|e| format!("cannot be read again: {e}"))?;
    let again = diagnose(&case, &plan, &evidence);
    if again == *found { Ok(()) } else { Err(format!("replayed, it becomes {again:#?}")) }
}

#[test]
fn every_cause_and_detail_has_a_scenario_or_a_reason_to_have_none() {
    let texts: Vec<String> = scenario_files().iter().map(|f| std::fs::read_to_string(f).expect("a scenario")).collect();
    let shown = |name: &str| texts.iter().any(|text| text.contains(&format!("\"{name}\"")));
    let excused = |name: &str| SHOWN_ELSEWHERE.iter().any(|(code, _)| *code == name);
    let errors = CATALOGUE.iter().filter(|row| row.severity == Severity::Error);
    let names: Vec<&str> =
        errors.flat_map(|row| std::iter::once(row.name).chain(row.details.iter().map(|detail| detail.name))).collect();
    let missing: Vec<&&str> = names.iter().filter(|name| !shown(name) && !excused(name)).collect();
    assert!(missing.is_empty(), "no scenario and no reason: {missing:?}");
    let needless: Vec<&str> =
        SHOWN_ELSEWHERE.iter().map(|(name, _)| *name).filter(|name| shown(name) || !names.contains(name)).collect();
    assert!(needless.is_empty(), "excused, though a scenario shows them or nobody knows them: {needless:?}");
}
