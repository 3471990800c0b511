//! The documents for people are true: every command in them is run, or its command line is read by the program, or it
//! stands in a table with the reason why not; every link leads somewhere; the runbooks show what comes out today.
#![expect(clippy::expect_used, reason = "a document that cannot be read fails these tests")]

mod pages;
mod screens;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pages::{Page, pages};

use crate::pullagent::{Ran, run};

/// Commands of documents that are not run here, by the words with which they begin, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("apt install", "installs on this machine; packaging.rs installs the package on a machine of its own"),
    ("cargo test", "a test starts no build: the one that it is part of holds the folder"),
    ("cat", "shows a file of a release, which packaging.rs makes"),
    ("curl", "asks a daemon that runs; kubernetes/run.rs asks the same paths of its socket"),
    ("dnf install", "installs on this machine; packaging.rs reads what the rpm holds"),
    ("git", "checks out a commit that is no part of this tree"),
    ("helm", "Helm is in no package of Debian; manifests.rs renders the chart by Helm's own templates"),
    ("kubectl", "needs a cluster; kubernetes/manifests.rs applies the overlays to an API server"),
    ("skopeo", "needs a registry on the internet"),
    ("systemctl", "needs systemd as process 1; systemd/service.rs starts the unit on a machine of its own"),
    ("systemd-sysusers", "makes a group on this machine; systemd/service.rs has it made on a machine of its own"),
    ("systemd-tmpfiles", "makes folders on this machine; systemd/service.rs has them made on a machine of its own"),
    ("sh install.sh", "installs on this machine; packaging.rs runs it on a machine of its own"),
];

/// Words of commands that would not end, or write into a folder of this machine; the program only reads their command
/// lines.
const ONLY_READ: &[&str] = &["run", "--watch", "man"];

/// What a document pipes into pullagent, in place of what is not run here.
const DESCRIBED: &str = include_str!("docs/disk-full.txt");

/// The folder of the whole.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A node with nothing on it, on which documents' commands are run: no runtime, no cluster, and a name server that refuses,
/// so that nobody is asked. The files that documents name are there.
struct EmptyNode(tempfile::TempDir);

impl EmptyNode {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| fs::write(root.path().join(file), text).expect("a file");
        fs::create_dir(root.path().join("etc")).expect("a folder");
        write("etc/resolv.conf", "nameserver 127.0.0.9\n");
        write("regcred.json", r#"{"auths":{"registry.corp.io":{"username":"ci","password":"right"}}}"#);
        write("job.log", DESCRIBED);
        write("config.yaml", "checks: { registries: [{ host: registry.corp.io }] }\n");
        let other = Command::new(env!("CARGO_BIN_EXE_pullagent"))
            .args(["node", "-o", "json", "--host-root"])
            .arg(root.path())
            .output()
            .expect("pullagent node");
        fs::write(root.path().join("node-1.json"), other.stdout).expect("a file");
        Self(root)
    }

    /// Runs `pullagent` as a document writes it.
    fn run(&self, words: &[String]) -> std::process::Output {
        let input = fs::File::open(top().join("tests/it/docs/disk-full.txt")).expect("what is piped");
        Command::new(env!("CARGO_BIN_EXE_pullagent"))
            .env_clear()
            .env("HOME", self.0.path())
            .env("PULLAGENT_HOST_ROOT", self.0.path())
            .current_dir(self.0.path())
            .args(words)
            .stdin(input)
            .output()
            .expect("pullagent starts")
    }
}

/// Why a command of a document cannot be right. `None` where it was run, or is excused.
fn fault(command: &str, node: &EmptyNode, excused: &mut Vec<&'static str>) -> Option<String> {
    let words = pages::words(command);
    let words = if words.first().is_some_and(|word| word == "sudo") { &words[1..] } else { &words[..] };
    // What a document names of this repository has to be in it.
    let absent = |word: &&String| word.starts_with("packaging/") && !top().join(word).exists();
    if let Some(path) = words.iter().find(absent) {
        return Some(format!("there is no {path}"));
    }
    match words.split_first().map(|(program, rest)| (program.as_str(), rest)) {
        None => Some("it is empty".to_owned()),
        Some(("pullagent", rest)) => pullagent_fault(rest, node),
        Some(("make", rest)) => {
            let ran = Command::new("make").arg("-n").args(rest).current_dir(top()).output().expect("make");
            (!ran.status.success()).then(|| String::from_utf8_lossy(&ran.stderr).into_owned())
        }
        Some(_) => {
            let line = words.join(" ");
            let begins =
                |begin: &str| line.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
            let Some((begin, _)) = NOT_RUN.iter().find(|(begin, _)| begins(begin)) else {
                return Some("it is neither run nor listed with a reason".to_owned());
            };
            excused.push(begin);
            None
        }
    }
}

fn pullagent_fault(words: &[String], node: &EmptyNode) -> Option<String> {
    let mut words = words.to_vec();
    // A node's settings lie where this machine's are; the same command reads those of the empty node.
    if words.first().is_some_and(|word| word == "check") {
        words.extend(["--config".to_owned(), "config.yaml".to_owned()]);
    }
    let only_read = words.iter().any(|word| ONLY_READ.contains(&word.as_str()) || word.starts_with("--watch="));
    if only_read && !words.iter().any(|word| word == "--check-config") {
        words.push("--help".to_owned());
    }
    let ran = node.run(&words);
    let said = String::from_utf8_lossy(&ran.stderr);
    // 2 is a wrong command line, or what an empty node lacks: a cluster.
    let lacks_a_cluster = said.contains("the API server is not asked");
    match ran.status.code() {
        Some(0 | 1 | 3) => None,
        Some(2) if lacks_a_cluster => None,
        status => Some(format!("it ends with {status:?}: {said}")),
    }
}

#[test]
fn every_command_in_a_document_is_run_or_excused() {
    let node = EmptyNode::new();
    let (mut faults, mut excused, mut seen) = (Vec::new(), Vec::new(), 0);
    for page in pages() {
        for (line, command) in page.commands() {
            seen += 1;
            if let Some(fault) = fault(&command, &node, &mut excused) {
                faults.push(format!("{}:{line}: {command}\n    {fault}", page.name));
            }
        }
    }
    assert!(faults.is_empty(), "{} of {seen} commands:\n{}", faults.len(), faults.join("\n"));
    assert!(seen > 40, "only {seen} commands were found: are they still written as they are looked for?");
    let idle: Vec<&str> = NOT_RUN.iter().map(|(begin, _)| *begin).filter(|begin| !excused.contains(begin)).collect();
    assert!(idle.is_empty(), "excused, though no document has them: {idle:?}");
}

/// The words of sentences name commands too: `pullagent fleet --registry HOST`. Their command lines are read.
#[tokio::test]
async fn every_command_line_in_a_sentence_is_one() {
    let mut wrong = Vec::new();
    for page in pages() {
        for (line, span) in page.spans() {
            let words = pages::words(&span);
            let ran = match words.iter().map(String::as_str).collect::<Vec<_>>().split_first() {
                Some((&"pullagent", rest)) if !rest.is_empty() => run(&[rest, &["--help"]].concat(), "").await,
                Some((&"make", rest)) if !rest.is_empty() => make(rest),
                _ => continue,
            };
            if ran.code != 0 {
                wrong.push(format!("{}:{line}: {span}: {}", page.name, ran.err.lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn make(rest: &[&str]) -> Ran {
    let ran = Command::new("make").arg("-n").args(rest).current_dir(top()).output().expect("make");
    Ran {
        out: String::new(),
        err: String::from_utf8_lossy(&ran.stderr).into_owned(),
        code: ran.status.code().expect("an exit status"),
    }
}

/// What the help shows as an example is run like what documents show.
#[tokio::test]
async fn every_example_in_the_help_runs() {
    let node = EmptyNode::new();
    let commands = run(&["--help"], "").await.out;
    let names = commands.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let (mut faults, mut seen) = (Vec::new(), 0);
    for name in names.map(|name| vec![name]).chain([vec!["fleet", "incidents"]]) {
        let help = run(&[name.as_slice(), &["--help"]].concat(), "").await.out;
        let examples = help.lines().skip_while(|line| *line != "Examples:").skip(1);
        for example in examples.flat_map(pages::example) {
            seen += 1;
            let words = pages::words(&example);
            if let Some(fault) = words.split_first().and_then(|(_, rest)| pullagent_fault(rest, &node)) {
                faults.push(format!("pullagent {}: {example}\n    {fault}", name.join(" ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(seen > 30, "only {seen} examples were found: are they still written as they are looked for?");
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut dead = Vec::new();
    for page in pages() {
        for (line, link) in page.links() {
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let file = if path.is_empty() { page.path.clone() } else { page.path.with_file_name("").join(path) };
            let has = |anchor: &str| Page::read(&file).anchors().iter().any(|heading| heading == anchor);
            if !file.exists() || anchor.is_some_and(|anchor| !has(anchor)) {
                dead.push(format!("{}:{line}: {link}", page.name));
            }
        }
    }
    assert!(dead.is_empty(), "links that lead nowhere:\n{}", dead.join("\n"));
}
