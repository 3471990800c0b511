//! The house's rules about who may know whom, read from the manifests and the sources of the whole workspace.
//!
//! It judges names only; what the code does is for the other tests.

#![expect(clippy::disallowed_methods, reason = "these rules are about files; the crate itself never reads one")]
#![expect(clippy::unwrap_used, reason = "a workspace that cannot be read fails these tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

const DIAGNOSIS: &str = "pullagent-diagnosis";
const PROBES: &str = "pullagent-probes";
const BINARY: &str = "pullagent";
const PROTO: &str = "pullagent-proto";
const TESTKIT: &str = "pullagent-testkit";

/// Where our crates are.
const FOLDERS: [&str; 3] = ["agent", "proto", "tests"];

/// What a crate that only thinks has no use for.
const TOUCHES_THE_WORLD: &[&str] = &[
    "async-std",
    "aws-lc-rs",
    "hickory-proto",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "k8s-cri",
    "libc",
    "mio",
    "netlink-packet-sock-diag",
    "nix",
    "reqwest",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-rustls",
    "tokio-util",
    "tonic",
];

/// Modules of the probes crate that know the order of the probes.
const CONDUCTORS: &[&str] = &["lib", "examine", "kubelet_credentials"];

/// Modules of the probes crate that hold values which every probe may use.
const SHARED: &[&str] =
    &["environment", "limits", "kubelet", "stream", "wire", "host_root", "outstanding", "route", "trust"];

#[test]
fn diagnosis_depends_on_nothing_that_touches_the_world() {
    let krate = the_crate(DIAGNOSIS);
    let ours: Vec<String> = krate.uses(Kind::Any).intersection(&workspace_crates()).cloned().collect();
    assert!(
        ours.is_empty(),
        "{}: {DIAGNOSIS} depends on {ours:?}. The core knows no other crate of ours, so that a saved report can be \
         diagnosed anywhere",
        krate.path
    );
    let shipped = krate.uses(Kind::Shipped);
    let looking: Vec<&&str> = TOUCHES_THE_WORLD.iter().filter(|name| shipped.contains(**name)).collect();
    assert!(
        looking.is_empty(),
        "{}: {DIAGNOSIS} depends on {looking:?}. What the core needs to know is handed to it as a value; looking is the \
         business of {PROBES}",
        krate.path
    );
}

#[test]
fn probes_depend_on_the_core_only() {
    check_dependencies(PROBES, &[DIAGNOSIS], &[TESTKIT], "probes are told what to look at and return what they saw");
}

#[test]
fn the_test_kit_depends_on_no_crate_of_ours() {
    check_dependencies(TESTKIT, &[], &[], "its servers are an opinion of their own; they must not share our mistakes");
}

#[test]
fn only_the_binary_knows_what_the_agent_answers() {
    check_dependencies(PROTO, &[], &[], "it is types that a program wrote from a definition, and nothing else");
    for krate in crates().iter().filter(|krate| krate.name != BINARY) {
        assert!(
            !krate.uses(Kind::Any).contains(PROTO),
            "{}: {} depends on {PROTO}. What is known of a node has no need to know how it is asked for",
            krate.path,
            krate.name
        );
    }
}

#[test]
fn nothing_depends_on_the_binary() {
    for krate in crates() {
        assert!(
            !krate.uses(Kind::Any).contains(BINARY),
            "{}: {} depends on {BINARY}. The binary carries results out; what others need belongs below it",
            krate.path,
            krate.name
        );
    }
}

#[test]
fn probes_never_name_each_other() {
    let sources = root().join("agent/probes/src");
    let probes: BTreeSet<String> = fs::read_dir(&sources)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|module| !CONDUCTORS.contains(&module.as_str()) && !SHARED.contains(&module.as_str()))
        .collect();
    for file in sources_below(&sources) {
        let inside = file.strip_prefix(&sources).unwrap();
        let module = inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        if CONDUCTORS.contains(&module) {
            continue;
        }
        for named in modules_named(&fs::read_to_string(&file).unwrap()) {
            assert!(
                named == module || !probes.contains(&named),
                "{} names `crate::{named}`. Probes never call each other: what one finds and the next one needs (an \
                 address, a stream) is handed on by lib.rs or examine, the only ones that know the order",
                shown(&file)
            );
        }
    }
}

#[test]
fn every_source_file_says_what_it_owns() {
    for folder in FOLDERS {
        for file in sources_below(&root().join(folder)) {
            assert!(
                fs::read_to_string(&file).unwrap().starts_with("//!"),
                "{} does not begin with `//!`. A file's first lines say what it owns and what it must not do",
                shown(&file)
            );
        }
    }
}

#[test]
fn names_are_found_behind_single_and_grouped_paths() {
    let source =
        "use crate::dns::Answer;\nuse crate::{tcp, tls::{self, Chain}, Limits};\n// crate::proxy\ncrate::cri::x()";
    assert_eq!(modules_named(source), ["dns", "tcp", "tls", "Limits", "cri"].map(str::to_owned).into());
}

#[track_caller]
fn check_dependencies(name: &str, shipped: &[&str], in_tests: &[&str], why: &str) {
    let krate = the_crate(name);
    let allowed = |kind: Kind| if kind == Kind::Shipped { shipped.to_vec() } else { [shipped, in_tests].concat() };
    for kind in [Kind::Shipped, Kind::Any] {
        for other in krate.uses(kind).intersection(&workspace_crates()) {
            assert!(allowed(kind).contains(&other.as_str()), "{}: {name} depends on {other}; {why}", krate.path);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What reaches the binary.
    Shipped,
    /// Also what only tests and build scripts use.
    Any,
}

struct Crate {
    name: String,
    path: String,
    manifest: Table,
}

impl Crate {
    /// The names of the crates that this one depends on, for every target.
    fn uses(&self, kind: Kind) -> BTreeSet<String> {
        let tables: &[&str] = match kind {
            Kind::Shipped => &["dependencies"],
            Kind::Any => &["dependencies", "dev-dependencies", "build-dependencies"],
        };
        let targets = self.manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
        let places = targets.filter_map(Value::as_table).chain([&self.manifest]);
        places
            .flat_map(|place| tables.iter().filter_map(|table| place.get(*table)?.as_table()))
            .flatten()
            .map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned())
            .collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn crates() -> Vec<Crate> {
    let manifests = FOLDERS.iter().flat_map(|folder| files_below(&root().join(folder)));
    let manifests = manifests.filter(|path| path.file_name().is_some_and(|name| name == "Cargo.toml"));
    let read = |path: PathBuf| {
        let manifest: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        Crate { name: manifest["package"]["name"].as_str().unwrap().to_owned(), path: shown(&path), manifest }
    };
    manifests.map(read).collect()
}

fn workspace_crates() -> BTreeSet<String> {
    crates().into_iter().map(|krate| krate.name).collect()
}

#[track_caller]
fn the_crate(name: &str) -> Crate {
    let found = crates().into_iter().find(|krate| krate.name == name);
    found.unwrap_or_else(|| panic!("no Cargo.toml names {name}; if it was renamed, rename it in this test"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let below = |entry: fs::DirEntry| match entry.file_type().unwrap() {
        kind if kind.is_dir() && entry.file_name() != "target" => files_below(&entry.path()),
        kind if kind.is_file() => vec![entry.path()],
        _ => Vec::new(),
    };
    entries.flat_map(below).collect()
}

fn sources_below(folder: &Path) -> impl Iterator<Item = PathBuf> {
    files_below(folder).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
}

/// What follows `crate::` in the source, also within braces; comments aside.
fn modules_named(source: &str) -> BTreeSet<String> {
    let code: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut names = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => names.extend(first_segments(group)),
            None => names.extend(identifier(after)),
        }
    }
    names
}

/// The first segment of each path of a brace group that begins before `group`.
fn first_segments(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut paths = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => paths.push(String::new()),
            _ if depth == 0 => paths.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    paths.iter().filter_map(|path| identifier(path.trim_start())).collect()
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}
