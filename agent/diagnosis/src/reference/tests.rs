//! What the kubelet makes of an image text, and what we say about the ones it refuses.

use proptest::prelude::*;

use super::{Quoted, Reference};

const HEX: &str = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";

#[track_caller]
fn check(text: &str, registry: &str, repository: &str, canonical: &str) {
    let reference = Reference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!((reference.registry.as_str(), reference.repository.as_str()), (registry, repository), "{text}");
    assert_eq!(reference.to_string(), canonical, "{text}");
    assert_eq!(Reference::parse(canonical).as_ref(), Ok(&reference), "{text}");
}

#[track_caller]
fn refuse(text: &str, expected: &str) {
    let error = Reference::parse(text).expect_err(text).to_string();
    assert!(error.contains(expected), "{text:?}: {error}");
}

#[test]
fn a_text_without_a_slash_is_a_repository_of_docker_hub() {
    check("busybox", "docker.io", "library/busybox", "docker.io/library/busybox:latest");
    check("localhost", "docker.io", "library/localhost", "docker.io/library/localhost:latest");
    check("docker.io", "docker.io", "library/docker.io", "docker.io/library/docker.io:latest");
    check("example.com:5000", "docker.io", "library/example.com", "docker.io/library/example.com:5000");
    check(&format!("sha256:{HEX}"), "docker.io", "library/sha256", &format!("docker.io/library/sha256:{HEX}"));
    check(&format!("{HEX}:1"), "docker.io", &format!("library/{HEX}"), &format!("docker.io/library/{HEX}:1"));
    check(&format!("x/{HEX}"), "docker.io", &format!("x/{HEX}"), &format!("docker.io/x/{HEX}:latest"));
}

#[test]
fn the_first_segment_is_the_registry_if_it_looks_like_one() {
    check("a/b", "docker.io", "a/b", "docker.io/a/b:latest");
    check("a-b/c/d", "docker.io", "a-b/c/d", "docker.io/a-b/c/d:latest");
    check("localhost/b", "localhost", "b", "localhost/b:latest");
    check("localhost:5000/b", "localhost:5000", "b", "localhost:5000/b:latest");
    check("a.b/c", "a.b", "c", "a.b/c:latest");
    check("a:1/c", "a:1", "c", "a:1/c:latest");
    check("a:0099999999/c", "a:0099999999", "c", "a:0099999999/c:latest");
    check("Foo/bar", "Foo", "bar", "Foo/bar:latest");
    check("LOCALHOST/b", "LOCALHOST", "b", "LOCALHOST/b:latest");
    check("a--b.c/d", "a--b.c", "d", "a--b.c/d:latest");
    check("10.0.0.1/d", "10.0.0.1", "d", "10.0.0.1/d:latest");
    check("999.1/d", "999.1", "d", "999.1/d:latest");
}

#[test]
fn docker_hub_has_one_alias() {
    check("index.docker.io/a", "docker.io", "library/a", "docker.io/library/a:latest");
    check("index.docker.io/a/b", "docker.io", "a/b", "docker.io/a/b:latest");
    check("docker.io/a", "docker.io", "library/a", "docker.io/library/a:latest");
    check("docker.io/library/a", "docker.io", "library/a", "docker.io/library/a:latest");
    check("docker.io:443/a", "docker.io:443", "a", "docker.io:443/a:latest");
    check("registry-1.docker.io/a", "registry-1.docker.io", "a", "registry-1.docker.io/a:latest");
    check("Docker.io/a", "Docker.io", "a", "Docker.io/a:latest");
    check("index.docker.io:443/a", "index.docker.io:443", "a", "index.docker.io:443/a:latest");
    assert!(Reference::parse("index.docker.io/a").unwrap().is_docker_hub());
    assert!(!Reference::parse("registry-1.docker.io/a").unwrap().is_docker_hub());
}

#[test]
fn ipv6_registries_stand_in_brackets() {
    check("[::1]/a", "[::1]", "a", "[::1]/a:latest");
    check("[fd00::A]:5000/a:1", "[fd00::A]:5000", "a", "[fd00::A]:5000/a:1");
    check("[:]/a", "[:]", "a", "[:]/a:latest");
    refuse("[fe80::1%25eth0]/a", "is not a registry");
    refuse("[::ffff:1.2.3.4]/a", "is not a registry");
    refuse("::1/a", "is not a registry");
    refuse("[::1]:/a", "port");
    refuse("[]:5000/a", "is not a registry");
    refuse("[::1/a", "is not a registry");
}

#[test]
fn an_underscore_turns_the_registry_into_a_path() {
    check("foo_bar.com/x", "", "foo_bar.com/x", "foo_bar.com/x:latest");
    check("a__b.c/x/y:1", "", "a__b.c/x/y", "a__b.c/x/y:1");
    assert_eq!(Reference::parse("foo_bar.com/x").unwrap().name(), "foo_bar.com/x");
    refuse("foo_bar.com:5000/x", "is not a registry");
    refuse("Foo_bar.com/x", "is not a registry");
    refuse("foo_.com/x", "is not a registry");
}

#[test]
fn hosts_follow_the_domain_grammar() {
    for host in ["-a.b", "a-.b", ".a", "a.", "a..b", "a:b:5000", "\u{fc}.b", "a*.b"] {
        refuse(&format!("{host}/x"), "is not a registry");
    }
    refuse("a.b:/x", "port");
    refuse("a.b:http/x", "port");
    refuse("a.b:-1/x", "port");
    refuse("a.b//x", "has an empty part");
    refuse("a.b/", "no repository");
    refuse("a.b/:1", "no repository");
}

#[test]
fn path_parts_allow_only_certain_separators() {
    for path in ["a.b", "a_b", "a__b", "a-b", "a----b", "0", "a-b_c__d.e"] {
        let path = format!("x/{path}");
        check(&path, "docker.io", &path, &format!("docker.io/{path}:latest"));
    }
    for part in ["a..b", "a___b", "a._b", "a-_b", "-a", "a-", ".a", "a.", "_a", "a_", "a+b", "a~b", "\u{e9}", "a%41"] {
        refuse(&format!("x/{part}"), "cannot be part of a repository");
    }
    refuse("x//b", "has an empty part");
    refuse("x/b/", "has an empty part");
    refuse("/b", "has an empty part");
    refuse("x/Web", "must be lowercase: `x/web`");
    refuse("Busybox", "`Busybox` must be lowercase: `busybox`");
}

#[test]
fn the_path_alone_may_have_255_bytes() {
    let path = |length: usize| "a".repeat(length);
    assert!(Reference::parse(&format!("{}.b/{}", path(200), path(255))).is_ok());
    refuse(&format!("a.b/{}", path(256)), "256 bytes");
    assert!(Reference::parse(&path(247)).is_ok());
    refuse(&path(248), "256 bytes");
    assert!(Reference::parse(&format!("a_b.c/{}", path(249))).is_ok());
    refuse(&format!("a_b.c/{}", path(250)), "256 bytes");
}

#[test]
fn tags_are_words_with_dots_and_dashes() {
    for tag in ["1", "_", "_.-", "V1.2-rc.1_x", &"a".repeat(128), HEX] {
        check(&format!("a.b/c:{tag}"), "a.b", "c", &format!("a.b/c:{tag}"));
    }
    for tag in [".1", "-1", "a:b", "a/b", "a+b", "\u{e9}"] {
        refuse(&format!("a.b/c:{tag}"), "is not a tag");
    }
    refuse("a.b/c:", "the tag after `:` is empty");
    refuse("a:", "the tag after `:` is empty");
    refuse("a:@", "the tag after `:` is empty");
    refuse(&format!("a:{}", "a".repeat(129)), "129 characters");
}

#[test]
fn digests_are_sha256_sha384_or_sha512_in_lower_case() {
    for (algorithm, digits) in [("sha256", 64), ("sha384", 96), ("sha512", 128)] {
        let digest = format!("{algorithm}:{}", "0a".repeat(digits / 2));
        check(&format!("a@{digest}"), "docker.io", "library/a", &format!("docker.io/library/a@{digest}"));
        check(&format!("a.b/c:1@{digest}"), "a.b", "c", &format!("a.b/c:1@{digest}"));
        refuse(&format!("a@{digest}0"), &format!("has {} hex digits; it must have {digits}", digits + 1));
    }
    refuse(&format!("a@md5:{}", "0".repeat(32)), "the digest algorithm `md5` is not supported");
    refuse(&format!("a@SHA256:{HEX}"), "algorithm `SHA256`");
    refuse(&format!("a@sha256:{}", HEX.to_uppercase()), "must be lowercase");
    refuse(&format!("a@sha256+b64:{HEX}"), "is not supported");
    refuse(&format!("a@sha256:{HEX}:1"), "is not a digest");
    refuse(&format!("a@sha256:{HEX}@sha256:{HEX}"), "is not a digest");
    refuse(&format!("a@{HEX}"), "is not a digest");
    refuse(&format!("@sha256:{HEX}"), "no name");
    refuse("a@", "the digest after `@` is empty");
    refuse("a@sha256:", "is not a digest");
    let both = Reference::parse(&format!("a:1@sha256:{HEX}")).unwrap();
    assert_eq!((both.tag.as_deref(), both.digest), (Some("1"), Some(format!("sha256:{HEX}"))));
    assert_eq!(Reference::parse(&format!("a@sha256:{HEX}")).unwrap().tag, None);
}

#[test]
fn frequent_mistakes_are_named() {
    refuse("", "no name");
    refuse(":1", "no name");
    refuse(HEX, "image ID");
    refuse("https://a.b/c", "the scheme `https://` does not belong here");
    refuse("docker://a.b/c:1", "the scheme `docker://`");
    refuse("https:/a.b/c", "port");
    refuse(" busybox", "invisible");
    refuse("busybox\n", "invisible");
    refuse("busy\u{a0}box", "invisible");
    refuse("user:hunter2@a.b/c", "use a pull secret");
    assert!(!Reference::parse("user:hunter2@a.b/c").unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn json_leaves_out_what_is_absent() {
    let reference = Reference::parse("a.b/c:1").unwrap();
    let json = serde_json::json!({ "registry": "a.b", "repository": "c", "tag": "1" });
    assert_eq!(serde_json::to_value(reference).unwrap(), json);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_in_printable_words(text in any::<String>()) {
        if let Err(error) = Reference::parse(&text) {
            let error = error.to_string();
            prop_assert!(error.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{error:?}");
            prop_assert!(error.len() < 3 * Quoted::LIMIT + 120);
        }
    }

    #[test]
    fn what_is_parsed_prints_as_itself(text in "([a-zA-Z_.:\\[\\]-]{0,8}/)?[a-z0-9._/-]{1,12}(:[\\w.-]{1,8})?(@sha256:[0-9a-f]{64})?") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
        }
    }
}
