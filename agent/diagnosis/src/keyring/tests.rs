//! Which keys match which images, in which order their logins are offered, and what is said of the others.

use proptest::prelude::*;

use super::glob::is_match;
use super::{Generation, Keyring, Miss, Source, Union, Useless, is_image_allowed, nearest_miss, url_matches, useless};
use crate::config::dockerconfigjson::ConfigEntry;
use crate::config::go_url::GoUrlError;
use crate::reference::Reference;

fn entry(key: &str) -> ConfigEntry {
    ConfigEntry { key: key.to_owned(), ..ConfigEntry::default() }
}

fn keyring(keys: &[&str]) -> Keyring {
    let mut keyring = Keyring::default();
    keyring.add("secret", keys.iter().map(|key| entry(key)).collect());
    keyring
}

/// The keys whose logins are offered, in order.
#[track_caller]
fn check(keys: &[&str], image: &str, expected: &[&str]) {
    let keyring = keyring(keys);
    let offered: Vec<&str> = keyring.lookup(image).iter().map(|login| login.entry.key.as_str()).collect();
    assert_eq!(offered, expected, "{image}");
}

#[track_caller]
fn check_miss(key: &str, image: &str, expected: Miss) {
    let keyring = keyring(&[key]);
    let misses: Vec<Miss> = keyring.misses(image).into_iter().map(|(miss, _)| miss).collect();
    assert_eq!(misses, [expected], "{key} {image}");
}

#[test]
fn a_key_serves_its_host_and_what_its_path_begins() {
    for key in
        ["a.b", "https://a.b", "http://a.b/", "a.b/v1/", "a.b/v2/", "a.b:", "u:p@a.b/app?x#y", "a.b/%61pp", "*.b/a"]
    {
        check(&[key], "a.b/app/web", &[key]);
    }
    for key in
        ["a.b/v1", "a.b/app/web:1", "a.b:443", "A.b", "a.b/*", "*", "*.a.b", "HTTPS://a.b", "ftp://a.b", "a.b/a pp"]
    {
        check(&[key], "a.b/app/web", &[]);
    }
    check(&["a.b/pong"], "a.b/pongz", &["a.b/pong"]);
    // Decoded once for the index and once more for the comparison.
    check(&["a.b/%2561pp", "a.b/%252561pp"], "a.b/app", &["a.b/%2561pp"]);
    check(&["a.b/%ff"], "a.b/%ff", &["a.b/%ff"]);
    check(&["a.b/%ff"], "a.b/%fe", &[]);
}

#[test]
fn an_ipv6_address_matches_itself_with_a_port_only() {
    check(&["[::1]:5000"], "[::1]:5000/x", &["[::1]:5000"]);
    check(&["[::1]"], "[::1]/x", &[]);
}

#[test]
fn logins_are_offered_in_reverse_byte_order_of_their_keys() {
    check(&["*.io", "q.io", "q.*", "*.io/a", "q.io/a"], "q.io/a/b", &["q.io/a", "q.io", "q.*", "*.io/a", "*.io"]);
    check(&["q.io/v2/", "q.io", "https://q.io"], "q.io/a", &["q.io/v2/", "q.io", "https://q.io"]);
}

#[test]
fn the_key_of_docker_hub_is_used_if_no_other_matches() {
    let hub = "https://index.docker.io/v1/";
    for image in ["docker.io/library/busybox", "index.docker.io/x", "localhost/x", "UPPER/x", "busybox"] {
        check(&[hub, "quay.io"], image, &[hub]);
    }
    for image in ["quay.io/x", "builder:5000/x", "/x", ""] {
        check(&[hub], image, &[]);
    }
    check(&[hub, "*.io"], "docker.io/library/busybox", &["*.io"]);
    for key in ["https://index.docker.io/v1", "index.docker.io:443", "index.docker.io/library", "registry-1.docker.io"]
    {
        check(&[key], "docker.io/library/busybox", &[]);
    }
}

#[test]
fn a_miss_says_what_is_the_matter_with_the_key() {
    check_miss("a.b:x", "a.b/app", Miss::NotAUrl(GoUrlError::Port));
    check_miss("a.b:443", "a.b/app", Miss::Port);
    check_miss("A.b/x", "a.b/app", Miss::Case);
    check_miss("a.b/app/web:1", "a.b/app/web", Miss::Path);
    check_miss("a.b/*", "a.b/app", Miss::PathWildcard);
    check_miss("*.b.c", "a.a.b.c/app", Miss::Labels);
    check_miss("*.b.c", "b.c/app", Miss::Labels);
    check_miss("c.d", "a.b/app", Miss::Host);
    let keyring = keyring(&["docker.io", "index.docker.io"]);
    assert_eq!(keyring.misses("docker.io/x").first().map(|(miss, _)| *miss), Some(Miss::Hidden));
}

#[test]
fn match_images_keep_their_scheme_and_have_no_other_name_for_docker_hub() {
    assert!(is_image_allowed(&["c.d", "*.b"], "a.b/app"));
    assert!(!is_image_allowed(&["https://a.b", "a.b/v1/", "index.docker.io"], "a.b/app"));
    assert!(!is_image_allowed(&["index.docker.io"], "docker.io/library/busybox"));
    assert_eq!(nearest_miss(&["c.d", "a.b:443", "x.y"], "a.b/app"), Some(("a.b:443", Miss::Port)));
    assert_eq!(nearest_miss(&["c.d", "a.b"], "a.b/app"), None);
}

#[test]
fn a_label_is_matched_as_go_matches_file_names() {
    for (pattern, name) in [
        ("*", ""),
        ("a*c", "abbc"),
        ("*a*b", "xaab"),
        ("?", "é"),
        ("[a-c]x", "bx"),
        ("[^a]", "b"),
        (r"\*", "*"),
        (r"[\]]", "]"),
    ] {
        assert!(is_match(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
    }
    for (pattern, name) in
        [("a*c", "abbcd"), ("?", ""), ("[", "["), ("[]", "]"), ("[a", "a"), ("[-]", "-"), (r"\", r"\"), ("[^a]", "a")]
    {
        assert!(!is_match(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
    }
    assert!(is_match(b"[\xef\xbf\xbd]", b"\xff") && !is_match(b"[\xff]", b"\xff"));
}

/// The sources whose logins are offered, in order.
fn offered(generation: Generation) -> Vec<String> {
    let source = |name: &str, keys: &[&str]| Source {
        name: name.to_owned(),
        entries: keys.iter().map(|key| entry(key)).collect(),
    };
    let secrets = vec![source("one", &["a.b"]), source("two", &["a.b", "a.b/app"])];
    let node = Some(source("node", &["a.b"]));
    let plugins = vec![source("z", &["a.b/app"]), source("y", &["a.b"]), source("x", &["a.b", "c.d"])];
    let union = Union::new(secrets, node, plugins, generation);
    assert_eq!(union.misses("a.b/app").len(), 1);
    union.lookup("a.b/app").into_iter().map(|login| login.source.clone()).collect()
}

#[test]
fn secrets_come_first_and_the_node_and_its_plugins_by_the_release() {
    assert_eq!(offered(Generation::Apart), ["two", "one", "two", "node", "z", "y", "x"]);
    assert_eq!(offered(Generation::Merged), ["two", "one", "two", "z", "node", "x", "y"]);
}

#[test]
fn a_key_that_can_match_no_image_is_known_by_itself() {
    for (key, why) in [
        ("reg.io/team/app:1.4", Useless::Tag),
        ("reg.io/team@sha256:ab", Useless::Tag),
        ("reg.io/team/*", Useless::PathWildcard),
        ("reg.io/Team", Useless::Path),
        ("reg.io//team", Useless::Path),
        ("https://https://reg.io", Useless::Path),
        ("reg.io/a%20b", Useless::Path),
        ("HTTPS://reg.io", Useless::Scheme),
        ("oci://reg.io/x", Useless::Scheme),
        ("https://index.docker.io/v1", Useless::Hub),
        ("index.docker.io/library", Useless::Hub),
        ("index.docker.io:", Useless::Hub),
        ("", Useless::NoHost),
        ("/team", Useless::NoHost),
        ("[::1]", Useless::Ipv6),
        ("reg.io:port", Useless::NotAUrl(GoUrlError::Port)),
        ("reg io", Useless::NotAUrl(GoUrlError::HostCharacter)),
    ] {
        assert_eq!(useless(key), Some(why), "{key}");
    }
    for key in
        ["reg.io", "REG.io", "*.io", "reg.io/v1", "https://index.docker.io/v1/", "docker.io", "[::1]:5000", "u:p@a.b"]
    {
        assert_eq!(useless(key), None, "{key}");
    }
}

proptest! {
    #[test]
    fn a_useless_key_is_offered_for_no_image(
        key in "(https?://|HTTPS://)?[a*.1:\\[\\]-]{0,8}(/[a*A:@%/._v12-]{0,8})?|(https://)?index.docker.io:?(/v?1?/?a?)?",
        image in "([a1]{1,3}(\\.[a1]{1,3}){0,2}(:1{1,2})?/|index.docker.io/|\\[::1\\](:1)?/|)[a1]{1,3}(/[a1]{1,3}([._-]a)?){0,2}(:A)?",
    ) {
        if let Ok(reference) = Reference::parse(&image) {
            let offered = keyring(&[&key]).lookup(&reference.name()).len();
            prop_assert!(useless(&key).is_none() || offered == 0, "{} {}", key, image);
        }
    }

    #[test]
    fn every_login_is_offered_or_missed(keys in proptest::collection::vec("\\PC{0,12}|[a*?\\[\\].:/%1f@-]{0,12}", 0..6), image in "[a.:/%\\[\\]1]{0,12}") {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let keyring = keyring(&keys);
        prop_assert_eq!(keyring.lookup(&image).len() + keyring.misses(&image).len(), keys.len());
    }

    #[test]
    fn any_pattern_matches_any_name_or_not(pattern in any::<Vec<u8>>(), name in any::<Vec<u8>>()) {
        let _ = is_match(&pattern, &name);
    }

    #[test]
    fn an_image_is_matched_by_its_own_name(image in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}(:[0-9]{1,4})?(/[a-z0-9._-]{1,6}){0,3}") {
        prop_assert!(url_matches(&image, &image));
    }
}
