//! The table: which worlds there are, and what came out in lines. One row is one world with one containerd.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pullagent_testkit::containerd::Release;
use pullagent_testkit::world::Scenario;

use crate::answers::Agreement;
use crate::expected::{self, is_slow, unknown};
use crate::row::{Outcome, Row};

/// Every world with every release, the scenarios of tests/scenarios and the worlds of tests/real/worlds; and the worlds
/// that were left out, each with the reason.
pub(crate) fn rows(releases: &[Release]) -> (Vec<Row>, Vec<String>) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let mut files = [files(&tests.join("scenarios")), files(&tests.join("real/worlds"))].concat();
    files.sort();
    let name = |file: &PathBuf| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let unknown = unknown(&files.iter().map(name).collect::<Vec<_>>());
    assert!(unknown.is_empty(), "listed, though there is no such world: {unknown:?}");
    let (mut rows, mut left_out) = (Vec::new(), Vec::new());
    for file in files {
        let world = name(&file);
        let text = std::fs::read_to_string(&file).expect("a scenario");
        let scenario = Scenario::parse(&world, &text).expect("a scenario that can be read");
        if let Some(why) = expected::left_out(&world, &scenario) {
            left_out.push(format!("{world}: {why}"));
            continue;
        }
        let slow = is_slow(&world, &scenario.expect);
        let fitting = releases.iter().filter(|release| expected::is_for(&scenario, &release.version));
        rows.extend(fitting.map(|release| Row {
            world: world.clone(),
            file: file.clone(),
            release: release.clone(),
            slow,
        }));
    }
    (rows, left_out)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of worlds");
    entries.map(|e| e.expect("an entry").path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).collect()
}

/// What came out, a line a row, and how often both said the same.
pub(crate) fn print(outcomes: &[Outcome]) -> String {
    let mut text =
        format!("{:<40} {:<22} {:<22} {:<7} {:>5} {:>5}\n", "world", "pullagent", "runtime", "agree", "s", "s");
    for outcome in outcomes {
        let agree = match outcome.agreement() {
            Agreement::Same => "yes",
            Agreement::Allowed => "allowed",
            Agreement::Differs => "no",
            Agreement::Untold => "-",
        };
        let (ours, runtime) = (&outcome.ours, &outcome.runtime);
        let _ = writeln!(
            text,
            "{:<40} {:<22} {:<22} {agree:<7} {:>5.1} {:>5.1}",
            outcome.name,
            ours.word(),
            runtime.word(),
            ours.seconds,
            runtime.seconds,
        );
    }
    let count = |agreement| outcomes.iter().filter(|outcome| outcome.agreement() == agreement).count();
    let _ = writeln!(
        text,
        "\n{} say the same, {} allow it, {} differ, {} did not answer",
        count(Agreement::Same),
        count(Agreement::Allowed),
        count(Agreement::Differs),
        count(Agreement::Untold),
    );
    text
}
