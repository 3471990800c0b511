//! The unit file: systemd's own tool finds no fault with it, what it may do is little, and a real systemd runs it.

pub(crate) mod machine;
mod service;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The most that `systemd-analyze security` may say, in tenths; 100 is a service without any protection.
const MAX_EXPOSURE: &str = "--threshold=30";

#[test]
fn systemd_finds_no_fault_with_the_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("pullagent.service");
    // What it starts has to be there.
    let text = fs::read_to_string(source()).expect("the unit is read");
    let text = text.replace("/usr/bin/pullagent", env!("CARGO_BIN_EXE_pullagent"));
    fs::write(&unit, text).expect("the unit is written");
    let said = check(&["verify", "--man=no"], &unit);
    // Of a key that it does not know it only tells.
    assert!(!said.contains("pullagent.service:"), "{said}");
}

#[test]
fn the_unit_may_do_little() {
    check(&["security", "--no-pager", "--offline=true", MAX_EXPOSURE], &source());
}

#[test]
fn each_capability_has_its_reason_beside_it() {
    let unit = fs::read_to_string(source()).expect("the unit is read");
    let held = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("a bound");
    assert_eq!(held, "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH");
    for capability in held.split(' ') {
        assert!(unit.contains(&format!("# {capability}: ")), "no comment says what {capability} is for");
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systemd/pullagent.service")
}

/// What the tool says, which must be content; nothing where it is not there.
#[track_caller]
#[expect(clippy::print_stderr, reason = "what is not tested is said aloud")]
fn check(arguments: &[&str], unit: &Path) -> String {
    let output = match Command::new("systemd-analyze").args(arguments).arg(unit).output() {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "systemd-analyze cannot be run: {error}");
            eprintln!("not tested: systemd-analyze cannot be run: {error}");
            return String::new();
        }
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}
