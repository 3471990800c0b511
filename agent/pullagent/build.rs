//! Tells the program which source it was built from: `PULLAGENT_REVISION`, else git's word for it, else nothing.
//!
//! Only a release asks git. A build for development would have to be made again after each commit to be right.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=PULLAGENT_REVISION");
    let given = env::var("PULLAGENT_REVISION").ok();
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let revision = given.or_else(|| is_release.then(revision_in_git).flatten()).unwrap_or_default();
    let package = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = if revision.is_empty() { package } else { format!("{package} ({revision})") };
    println!("cargo::rustc-env=PULLAGENT_REVISION={revision}");
    println!("cargo::rustc-env=PULLAGENT_VERSION={version}");
}

/// The commit, marked if files differ from it. `None` without git, and where the checkout is part of another one.
fn revision_in_git() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok()?;
    if Path::new(&git(&["rev-parse", "--show-toplevel"])?) != root {
        return None;
    }
    // Each commit and each checkout is written there.
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let differs = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if differs { commit + "-dirty" } else { commit })
}

/// What git says, if it can say anything.
fn git(arguments: &[&str]) -> Option<String> {
    let said = Command::new("git").args(arguments).output().ok().filter(|said| said.status.success())?;
    Some(String::from_utf8(said.stdout).ok()?.trim_end().to_owned())
}
