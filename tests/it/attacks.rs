//! What somebody may do who owns a registry, a file of the node or a process on it, and what comes of it. The table of
//! docs/security.md names the tests here and elsewhere.

mod files;
pub(crate) mod registries;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::pullagent::Ran;

/// What is waited for on a busy machine before a command counts as hanging.
const HANGS: Duration = Duration::from_mins(3);
/// What a command may have in memory at its most, in KiB: 35 MiB of it are the program itself as the tests build it.
const MOST_MEMORY: u64 = 96 << 10;

/// Runs a program and writes the most that it had in memory, in KiB, to a file.
const MEASURE: &str = "
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], 'w') as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code if code >= 0 else 99)
";

/// Runs the command, which has to end and to stay within its memory.
async fn measured(arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("memory");
    let child = Command::new("python3")
        .env_clear()
        .envs([("NODE_NAME", "node-1"), ("PATH", "/usr/local/bin:/usr/bin:/bin")])
        .args(["-c", MEASURE])
        .arg(&kept)
        .arg(env!("CARGO_BIN_EXE_pullagent"))
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(HANGS, child).await.unwrap_or_else(|_| panic!("{arguments:?} hangs")).expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let ran = Ran { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap_or(-1) };
    let memory: u64 = std::fs::read_to_string(&kept).expect("a number").parse().expect("a number");
    assert!(memory < MOST_MEMORY, "{arguments:?} took {memory} KiB: {}", ran.err);
    assert!((0..=3).contains(&ran.code), "{arguments:?}: {}{}", ran.out, ran.err);
    ran
}

/// The sources that tests are in, with their texts.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&entry).expect("a source");
            found.push((entry, text));
        }
    }
}

/// Whether a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_it = |line: &str| line.starts_with(&format!("fn {name}(")) || line.starts_with(&format!("async fn {name}("));
    let at = lines.iter().position(|line| is_it(line));
    at.is_some_and(|at| {
        let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        // Within `proptest!` the attribute is the same.
        above.into_iter().any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_attack_of_the_table_names_tests_that_exist() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = std::fs::read_to_string(repository.join("docs/security.md")).expect("the document");
    let (_, table) = document.split_once("| attack | what happens | test |").expect("the table");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "{rows:?}");
    let mut found = Vec::new();
    for folder in ["agent", "tests"] {
        sources(&repository.join(folder), &mut found);
    }
    for row in rows {
        let cell = row.trim_end_matches([' ', '|']).rsplit('|').next().expect("a cell");
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            let (path, name) = name.split_once("::").unwrap_or_else(|| panic!("FILE::TEST, not {name}: {row}"));
            let is_there = |(of, text): &(PathBuf, String)| of.ends_with(path) && has_test(text, name);
            assert!(found.iter().any(is_there), "no test {path}::{name}: {row}");
        }
    }
}
