//! From where a name is pulled, by configuration.

use proptest::prelude::*;

use super::*;
use crate::config::certs_directory::read_certs_directory;
use crate::reference::Reference;

const MAIN: &str = "/r.conf";

fn read(toml: &str) -> Result<RegistriesConf, RegistriesError> {
    read_with(toml, &[])
}

fn read_with(toml: &str, drop_ins: &[&str]) -> Result<RegistriesConf, RegistriesError> {
    let mut files = Files::default();
    files.insert_file(MAIN, toml);
    for (number, drop_in) in drop_ins.iter().enumerate() {
        files.insert_file(&format!("/d/{number}.conf"), *drop_in);
    }
    files.insert_file("/d/9.conf.bak", "[");
    files.insert_file("/d/sub.conf/x.conf", "[");
    RegistriesConf::read(&files, MAIN, "/d")
}

fn sources(conf: &RegistriesConf, reference: &str) -> Result<Vec<String>, RewriteError> {
    let pull = conf.sources(&Reference::parse(reference).unwrap())?;
    let shown = |source: &Source| {
        let words = [(source.is_mirror, " mirror"), (source.skip_verify, " unverified"), (source.blocked, " blocked")];
        let words = words.iter().filter(|(set, _)| *set).map(|(_, word)| *word);
        format!("{}{}", source.reference, words.collect::<String>())
    };
    Ok(pull.sources.iter().map(shown).collect())
}

#[track_caller]
fn check(toml: &str, reference: &str, expected: &[&str]) {
    assert_eq!(sources(&read(toml).unwrap(), reference).unwrap(), expected, "{toml}");
}

#[track_caller]
fn check_refused(toml: &str, line: u32, problem: &ConfProblem) {
    let error = read(toml).unwrap_err();
    assert_eq!((error.line, &error.problem), (Some(line), problem), "{toml}");
}

#[track_caller]
fn check_names(toml: &str, name: &str, expected: Result<&[&str], ShortNameError>) {
    let names = read(toml).unwrap().candidates(name, None);
    let names = names.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(names, expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect()), "{name}");
}

#[test]
fn the_longest_prefix_matches_at_a_border() {
    let conf =
        "[[registry]]\nlocation = \"a.io\"\ninsecure = true\n[[registry]]\nprefix = \"a.io/x\"\nlocation = \"b.io\"\n";
    check(conf, "a.io/x/y:1", &["b.io/y:1"]);
    check(conf, "a.io/xy:1", &["a.io/xy:1 unverified"]);
    check(conf, "a.io:5000/x", &["a.io:5000/x:latest unverified"]);
    check(conf, "a.iox/x:1", &["a.iox/x:1"]);
    check("[[registry]]\nprefix = \"a.io/x/y\"\nlocation = \"b.io/z/\"\n", "a.io/x/y:1", &["b.io/z:1"]);
}

#[test]
fn a_wildcard_matches_subdomains_only() {
    let conf = "[[registry]]\nprefix = \"*.a.io\"\nlocation = \"b.io/x\"\n";
    check(conf, "c.d.a.io/y:1", &["b.io/x/y:1"]);
    assert!(sources(&read(conf).unwrap(), "c.a.io:5000/y:1").is_err());
    check(conf, "a.io/y:1", &["a.io/y:1"]);
    check(conf, "c.a.io.x/y:1", &["c.a.io.x/y:1"]);
    check(conf, "x.io/c.a.io/y:1", &["x.io/c.a.io/y:1"]);
}

#[test]
fn mirrors_come_first_and_may_be_for_some_references_only() {
    let digest = format!("a.io/x@sha256:{}", "0".repeat(64));
    let per_mirror = "[[registry]]\nlocation = \"a.io\"\nmirror = [\n\
        { location = \"all.io/\", insecure = true, pull-from-mirror = \"all\" },\n\
        { location = \"tag.io\", pull-from-mirror = \"tag-only\" },\n\
        { location = \"digest.io\", pull-from-mirror = \"digest-only\" }]\n";
    check(per_mirror, "a.io/x:1", &["all.io/x:1 mirror unverified", "tag.io/x:1 mirror", "a.io/x:1"]);
    let rest = digest.strip_prefix("a.io").unwrap();
    let expected = [format!("all.io{rest} mirror unverified"), format!("digest.io{rest} mirror"), digest.clone()];
    check(per_mirror, &digest, &expected.each_ref().map(String::as_str));
    let all =
        "[[registry]]\nlocation = \"a.io\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"m.io\"\n";
    check(all, "a.io/x:1", &["a.io/x:1"]);
    check(all, &digest, &[&format!("m.io{rest} mirror"), &digest]);
}

#[test]
fn an_entry_for_a_mirror_holds_for_the_mirror() {
    let conf = "[[registry]]\nlocation = \"a.io\"\n[[registry.mirror]]\nlocation = \"m.io\"\n\
        [[registry]]\nlocation = \"m.io\"\nblocked = true\ninsecure = true\n";
    check(conf, "a.io/x:1", &["m.io/x:1 mirror unverified blocked", "a.io/x:1"]);
}

#[test]
fn docker_hub_is_asked_at_another_host() {
    let authority = |reference| {
        let pull = read("").unwrap().sources(&Reference::parse(reference).unwrap()).unwrap();
        pull.sources[0].authority().to_owned()
    };
    assert_eq!(authority("redis"), "registry-1.docker.io");
    assert_eq!(authority("a.io:5000/redis"), "a.io:5000");
}

#[test]
fn a_location_must_make_a_canonical_name() {
    for (location, reference) in [("docker.io", "a.io/x:1"), ("mirror", "a.io/x:1"), ("m.io/X", "a.io/x:1")] {
        let conf = read(&format!("[[registry]]\nprefix = \"a.io\"\nlocation = \"{location}\"\n")).unwrap();
        assert!(sources(&conf, reference).is_err(), "{location}");
    }
}

#[test]
fn later_files_replace_entries_and_lists() {
    let main = "unqualified-search-registries = [\"a.io\"]\nshort-name-mode = \"enforcing\"\n[aliases]\nx = \"a.io/x\"\n\
        y = \"a.io/y\"\n[[registry]]\nlocation = \"a.io\"\n[[registry.mirror]]\nlocation = \"m.io\"\n";
    let conf =
        read_with(main, &["[[registry]]\nlocation = \"a.io\"\n[aliases]\nx = \"\"\n", "credential-helpers = [\"h\"]"]);
    let conf = conf.unwrap();
    assert_eq!(sources(&conf, "a.io/x:1").unwrap(), ["a.io/x:1"]);
    assert_eq!((conf.search.len(), conf.short_name_mode), (1, Some(ShortNameMode::Enforcing)));
    assert_eq!((conf.aliases["x"].as_ref(), conf.aliases["y"].as_deref()), (None, Some("a.io/y")));
    assert_eq!(conf.credential_helpers, ["h"]);
    let kind = ConfRemark::Replaced { prefix: "a.io".to_owned(), by: "/d/0.conf".to_owned() };
    assert_eq!(conf.remarks, [RegistriesRemark { file: MAIN.to_owned(), line: 7, kind }]);
    assert_eq!(read_with(main, &["unqualified-search-registries = []"]).unwrap().search, Vec::<String>::new());
}

#[test]
fn one_bad_file_fails_every_pull() {
    let error = read_with("", &["", "\n[[registry]]\n"]).unwrap_err();
    assert_eq!((error.file.as_str(), error.line, error.problem), ("/d/1.conf", Some(2), ConfProblem::NoName));
    let mut files = Files::default();
    assert!(RegistriesConf::read(&files, MAIN, "/d").is_err());
    assert_eq!(RegistriesConf::read_system(&files), Ok(RegistriesConf::default()));
    files.insert_file(RegistriesConf::MAIN_FILES[1], "unqualified-search-registries = [\"a.io\"]\n");
    assert_eq!(RegistriesConf::read_system(&files).unwrap().search, ["a.io"]);
    files.insert_unreadable(RegistriesConf::DROP_INS, "permission denied");
    assert!(RegistriesConf::read_system(&files).is_err());
}

#[test]
fn what_is_refused_is_named_with_its_line() {
    let text = str::to_owned;
    let wrong = |key, expected| ConfProblem::WrongType { key, expected };
    let in_registry = |line: &str| format!("[[registry]]\nlocation = \"a.io\"\n{line}\n");
    check_refused("[registry]\nlocation = \"a.io\"\n", 1, &wrong("registry", "tables like [[registry]]"));
    check_refused("registry = [1]\n", 1, &wrong("registry", "tables like [[registry]]"));
    check_refused(&in_registry("insecure = \"true\""), 3, &wrong("insecure", "true or false"));
    check_refused(&in_registry("blocked = 1"), 3, &wrong("blocked", "true or false"));
    check_refused(&in_registry("[registry.mirror]"), 3, &wrong("mirror", "tables like [[registry.mirror]]"));
    check_refused(&in_registry("[[registry.mirror]]"), 2, &ConfProblem::NoMirrorLocation);
    check_refused(
        &in_registry("pull-from-mirror = \"all\""),
        2,
        &ConfProblem::UsageOfRegistry { prefix: text("a.io") },
    );
    let usage = |value| format!("[[registry.mirror]]\nlocation = \"m.io\"\npull-from-mirror = \"{value}\"");
    check_refused(&in_registry(&usage("tags")), 2, &ConfProblem::Usage { value: text("tags") });
    let twice = format!("mirror-by-digest-only = true\n{}", usage("all"));
    check_refused(&in_registry(&twice), 2, &ConfProblem::UsageTwice { prefix: text("a.io") });
    check_refused("[[registry]]\nprefix = \"a.io\"\n", 2, &ConfProblem::NoLocation);
    check_refused(
        "[[registry]]\nprefix = \"https://a.io\"\nlocation = \"a.io\"\n",
        2,
        &ConfProblem::Scheme { location: text("https://a.io") },
    );
    check_refused("[[registry]]\nprefix = \"*.a.io/x\"\n", 2, &ConfProblem::Wildcard { prefix: text("*.a.io/x") });
    let second = "[[registry]]\nprefix = \"b.io\"\nlocation = \"a.io\"\n";
    for setting in ["insecure", "blocked"] {
        let conflict = ConfProblem::Conflict { location: text("a.io"), setting };
        check_refused(&(in_registry(&format!("{setting} = true")) + second), 5, &conflict);
    }
    check_refused(
        "unqualified-search-registries = \"a.io\"\n",
        1,
        &wrong("unqualified-search-registries", "a list of texts"),
    );
    for entry in ["", "a.io/x", "a_b"] {
        let toml = format!("unqualified-search-registries = [\"{entry}\"]\n");
        check_refused(&toml, 1, &ConfProblem::Search { entry: text(entry) });
    }
    check_refused("short-name-mode = \"off\"\n", 1, &ConfProblem::Mode { value: text("off") });
    check_refused("[aliases]\n\"a.io/x\" = \"b.io/x\"\n", 2, &ConfProblem::AliasName { name: text("a.io/x") });
    for value in ["x", "b.io/x:1", "b.io", "B/x"] {
        let problem = ConfProblem::AliasValue { name: text("x"), value: text(value) };
        check_refused(&format!("[aliases]\nx = \"{value}\"\n"), 2, &problem);
    }
    check_refused("[aliases]\nx.y = \"b.io/x\"\n", 2, &wrong("aliases", "texts"));
}

#[test]
fn the_old_format_is_read_in_the_main_file_alone() {
    let old = "[registries.search]\nregistries = [\"a.io\", \"b.io\"]\n[registries.block]\nregistries = [\"c.io/\"]\n\
        [registries.insecure]\nregistries = [\"c.io\", \"d.io:5000\"]\n";
    let conf = read(old).unwrap();
    assert_eq!(conf.search, ["a.io", "b.io"]);
    assert_eq!(sources(&conf, "c.io/x:1").unwrap(), ["c.io/x:1 unverified blocked"]);
    assert_eq!(sources(&conf, "d.io:5000/x:1").unwrap(), ["d.io:5000/x:1 unverified"]);
    assert_eq!(conf.remarks[0].kind, ConfRemark::OldFormat);
    assert_eq!(read_with("", &[old]).unwrap_err().problem, ConfProblem::OldFormatInDropIn);
    for new in [
        "unqualified-search-registries = []\n",
        "registry = []\n",
        "aliases = {}\n",
        "short-name-mode = \"disabled\"\n",
    ] {
        check_refused(&format!("{new}{old}"), 2, &ConfProblem::Mixed);
        assert!(read(&format!("{new}[registries.search]\n")).is_ok());
    }
    assert!(read(&format!("short-name-mode = \"\"\n{old}")).is_ok());
}

#[test]
fn short_names_are_aliases_or_searched() {
    let conf = "unqualified-search-registries = [\"a.io\", \"docker.io\"]\n[aliases]\nx = \"docker.io/x\"\n\"y/z\" = \"b.io/y\"\n";
    let digest = format!("sha256:{}", "0".repeat(64));
    check_names(conf, "x", Ok(&["docker.io/library/x:latest"]));
    check_names(conf, &format!("y/z:1@{digest}"), Ok(&[&format!("b.io/y:1@{digest}")]));
    check_names(conf, "w:1", Ok(&["a.io/w:1", "docker.io/library/w:1"]));
    check_names(conf, "host/w", Ok(&["a.io/host/w:latest", "docker.io/host/w:latest"]));
    check_names(conf, "localhost/w", Ok(&["localhost/w:latest"]));
    check_names(conf, "docker.io/w", Ok(&["docker.io/library/w:latest"]));
    check_names(conf, "localhost:5000", Ok(&["a.io/localhost:5000", "docker.io/library/localhost:5000"]));
    check_names(conf, "W", Err(ShortNameError::Invalid));
    check_names("", "w", Err(ShortNameError::Unresolved));
    check_names("[aliases]\nw = \"\"\n", "w", Err(ShortNameError::Unresolved));
    let enforcing = format!("short-name-mode = \"enforcing\"\n{conf}");
    check_names(&enforcing, "w", Err(ShortNameError::Ambiguous));
    check_names(&enforcing, "x", Ok(&["docker.io/library/x:latest"]));
    check_names(
        "short-name-mode = \"enforcing\"\nunqualified-search-registries = [\"a.io\"]\n",
        "w",
        Ok(&["a.io/w:latest"]),
    );
    let overruled = read(&enforcing).unwrap().candidates("w", Some(ShortNameMode::Disabled));
    assert_eq!(overruled.map(|names| names.len()), Ok(2));
}

#[test]
fn what_is_passed_over_is_remarked() {
    let conf = "unknown = 1\n[[registry]]\nlocation = \"a.io\"\nmirrors = []\n[[registry]]\nlocation = \"a.io\"\n\
        [[registry.mirror]]\nlocation = \"m.io\"\nblocked = true\n[aliases]\n";
    let remarks: Vec<_> = read(conf).unwrap().remarks.into_iter().map(|remark| (remark.line, remark.kind)).collect();
    let unknown = |key: &str| ConfRemark::UnknownKey { key: key.to_owned() };
    assert_eq!(
        remarks,
        [
            (1, unknown("unknown")),
            (4, unknown("registry.mirrors")),
            (9, unknown("registry.mirror.blocked")),
            (6, ConfRemark::SecondEntry { prefix: "a.io".to_owned() }),
        ]
    );
    assert_eq!(read("aliases = { x = \"a.io/x\", }\n").unwrap().remarks[0].kind, ConfRemark::NewToml);
}

proptest! {
    #[test]
    fn any_file_and_name_have_an_outcome(
        toml in "(\\[\\[registry(\\.mirror)?\\]\\]\n|(location|prefix|x) = \"(\\*\\.)?[a-c.:/@]*\"\n|insecure = true\n)*",
        name in "[a-c.:/@]{1,12}|\\PC*",
    ) {
        if let Ok(conf) = read(&toml) {
            for candidate in conf.candidates(&name, None).unwrap_or_default() {
                let _ = conf.sources(&candidate);
            }
        }
    }

    #[test]
    fn any_host_has_certificates_or_none(host in "\\PC*") {
        let mut files = Files::default();
        files.insert_file("/certs.d/h/ca.crt", "");
        let _ = read_certs_directory(&files, &["/certs.d"], &host);
    }
}
