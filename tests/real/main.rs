//! Real containerds beside pullagent: every scenario that a real runtime can be shown, and worlds of Debian's own
//! servers, each on a node of its own with each containerd. What pullagent finds out is held against its file, and what
//! the runtime says against what pullagent finds out.
//!
//! `cargo test --test real -- TEXT...` runs the rows with one of the texts in their names, as `proxy`, `2.1` or
//! `missing-tag/1.6`. As it is its own world server too, it has a main of its own.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has nothing to go on with")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is for whoever runs it")]

mod answers;
mod expected;
mod row;
mod table;

use std::path::Path;
use std::process::ExitCode;

use futures_util::{StreamExt, stream};
use pullagent_testkit::containerd::{Release, SUITES};
use pullagent_testkit::world::{DnsPorts, serve};

use crate::row::{Outcome, Row};

/// Rows in which nobody waits for a deadline; more would make the two processors of a small machine the slowest peer.
const QUICK_AT_ONCE: usize = 4;
/// Rows in which everybody waits.
const SLOW_AT_ONCE: usize = 16;
/// The first argument that makes this a world server.
const WORLD: &str = "--serve-world";

/// The work is done by other processes; this one waits for them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, file, root] = arguments.as_slice()
        && first == WORLD
    {
        serve(Path::new(file), Path::new(root), DnsPorts::Standard).await.expect("the world of this row");
        return ExitCode::SUCCESS;
    }
    // What cargo test and others add, as `--nocapture`, changes nothing here.
    let filters: Vec<String> = arguments.iter().filter(|a| !a.starts_with('-')).cloned().collect();
    let list = arguments.iter().any(|a| a == "--list");
    let (releases, skipped) = releases().await;
    let (rows, left_out) = table::rows(&releases);
    let chosen = |row: &Row| filters.is_empty() || filters.iter().any(|filter| row.name().contains(filter));
    let rows: Vec<Row> = rows.into_iter().filter(chosen).collect();
    if list {
        for row in &rows {
            println!("{}: test", row.name());
        }
        return ExitCode::SUCCESS;
    }
    let is_good = run(rows).await;
    if filters.is_empty() && !releases.is_empty() {
        for world in left_out {
            println!("left out: {world}");
        }
    }
    for what in &skipped {
        eprintln!("SKIPPED: {what}");
    }
    let may_skip = std::env::var("CI").map_or(true, |ci| ci != "true");
    if is_good && (skipped.is_empty() || may_skip) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The containerds at hand, and what is not and why.
async fn releases() -> (Vec<Release>, Vec<String>) {
    if !nix::unistd::geteuid().is_root() {
        return (Vec::new(), vec!["real containerds: this takes root".to_owned()]);
    }
    if std::env::consts::ARCH != "x86_64" {
        return (Vec::new(), vec!["real containerds: the images of the worlds are for amd64".to_owned()]);
    }
    let (mut releases, mut missing) = (Vec::new(), Vec::new());
    for suite in SUITES {
        match Release::of_suite(suite).await {
            Ok(release) => releases.push(release),
            Err(error) => missing.push(format!("{error}; `tests/setup test` as root on Debian lays it there")),
        }
    }
    (releases, missing)
}

/// Runs the rows and prints what came out; whether all of it is as expected.
async fn run(rows: Vec<Row>) -> bool {
    let (slow, quick): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.slow);
    let slow = stream::iter(slow).map(Row::run).buffer_unordered(SLOW_AT_ONCE);
    let quick = stream::iter(quick).map(Row::run).buffer_unordered(QUICK_AT_ONCE);
    let mut outcomes: Vec<Outcome> = stream::select(slow, quick).collect().await;
    outcomes.sort_by(|a, b| a.name.cmp(&b.name));
    if !outcomes.is_empty() {
        println!("{}", table::print(&outcomes));
    }
    let wrong: Vec<String> = outcomes.iter().filter_map(Outcome::complaint).collect();
    for complaint in &wrong {
        eprintln!("{complaint}\n");
    }
    println!("{} rows, {} wrong", outcomes.len(), wrong.len());
    wrong.is_empty()
}
