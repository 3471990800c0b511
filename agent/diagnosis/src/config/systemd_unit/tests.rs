//! Units, drop-ins and environment files as people write them.

use proptest::prelude::*;

use super::*;

fn variables(units: &[&str], files: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let units: Vec<(String, UnitEnvironment)> =
        units.iter().enumerate().map(|(index, text)| (format!("{index}.conf"), parse_unit(text))).collect();
    let read = |file: &EnvironmentFile| {
        let found = files.iter().filter(|(path, _)| *path == file.path);
        found.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    };
    service_environment(units.iter().map(|(path, unit)| (path.as_str(), unit)), read)
        .into_iter()
        .map(|(name, variable)| (name, variable.value.expose().clone(), variable.set_in))
        .collect()
}

#[track_caller]
fn check(units: &[&str], files: &[(&str, &str)], want: &[(&str, &str, &str)]) {
    let found = variables(units, files);
    let found: Vec<(&str, &str, &str)> = found.iter().map(|(n, v, p)| (n.as_str(), v.as_str(), p.as_str())).collect();
    assert_eq!(found, want);
}

#[test]
fn assignments_are_words_with_quotes() {
    check(
        &["[Service]\nEnvironment=\"HTTPS_PROXY=http://p:3128\" 'NO_PROXY=a, b' X=1\n"],
        &[],
        &[("HTTPS_PROXY", "http://p:3128", "0.conf"), ("NO_PROXY", "a, b", "0.conf"), ("X", "1", "0.conf")],
    );
    check(
        &["[Service]\nEnvironment=A=100%%25 \\\n  # no comment here\n  B=\\x41\\n"],
        &[],
        &[("A", "100%25", "0.conf"), ("B", "A\n", "0.conf")],
    );
    check(&["[Service]\nEnvironment=A=1 \"B=2\nEnvironment=1A=3 NOTHING"], &[], &[("A", "1", "0.conf")]);
}

#[test]
fn only_the_service_section_counts() {
    check(&["Environment=A=1\n[Unit]\nEnvironment=A=2\n[Service]\n;Environment=A=3\nExecStart=/x A=4\n"], &[], &[]);
}

#[test]
fn a_later_drop_in_wins_and_an_empty_line_forgets() {
    check(
        &["[Service]\nEnvironment=A=1 B=1", "[Service]\nEnvironment=A=2"],
        &[],
        &[("A", "2", "1.conf"), ("B", "1", "0.conf")],
    );
    check(&["[Service]\nEnvironment=A=1", "[Service]\nEnvironment=\nEnvironment=B=2"], &[], &[("B", "2", "1.conf")]);
}

#[test]
fn an_environment_file_wins_over_every_unit() {
    let unit = "[Service]\nEnvironmentFile=-/etc/default/containerd\nEnvironmentFile=relative\nEnvironment=A=unit";
    let file = "# comment\\\nstill=comment\nA=\"file\" \nexport X=1\nB= two words  \nC='a\\b'\nD=a\\ \\\nb\n\nE";
    check(
        &[unit],
        &[("/etc/default/containerd", file)],
        &[
            ("A", "file", "/etc/default/containerd"),
            ("B", "two words", "/etc/default/containerd"),
            ("C", "a\\b", "/etc/default/containerd"),
            ("D", "a b", "/etc/default/containerd"),
        ],
    );
    check(&[unit, "[Service]\nEnvironmentFile=\n"], &[("/etc/default/containerd", file)], &[("A", "unit", "0.conf")]);
}

#[test]
fn what_is_unset_is_gone() {
    check(&["[Service]\nEnvironment=A=1 B=2 C=3\nUnsetEnvironment=A B=9 C=3"], &[], &[("B", "2", "0.conf")]);
}

#[test]
fn a_password_is_not_shown() {
    let unit = parse_unit("[Service]\nEnvironment=HTTPS_PROXY=http://u:hunter2@p:3128");
    assert!(!format!("{unit:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let units = [format!("[Service]\nEnvironment={text}"), format!("[Service]\n{text}")];
        let units: Vec<&str> = units.iter().map(String::as_str).collect();
        let found = variables(&units, &[]);
        prop_assert!(found.iter().all(|(name, ..)| is_name(name)));
        prop_assert!(parse_environment_file(&text).len() <= MAX_VARIABLES);
    }
}
