//! What Go prints for a URL, host by host and corner by corner.

use proptest::prelude::*;

use super::{GoUrl, GoUrlError};

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(GoUrl::parse(text).unwrap().full_text().expose(), expected, "{text}");
}

#[track_caller]
fn check_host(text: &str, host: &str, hostname: &str, port: &str) {
    let url = GoUrl::parse(text).unwrap();
    assert_eq!((&*url.host(), &*url.hostname(), &*url.port()), (host, hostname, port), "{text}");
}

#[track_caller]
fn refuse(text: &str, expected: GoUrlError) {
    assert_eq!(GoUrl::parse(text).map(|url| url.full_text().expose().clone()), Err(expected), "{text}");
}

#[test]
fn printing_keeps_what_go_keeps() {
    for text in [
        "",
        "*",
        "http://a",
        "http://a/",
        "http://a:/b%2Fc",
        "http://a?",
        "http://a?x=%zz@",
        "http://u:p@a#f",
        "http://u:@a",
        "http://@a",
        "http://u%3Ap@a",
        "mailto:a@b",
        "file:/etc",
        "file:///etc",
        "//a/b",
        "a/b:c",
        "http://a/[x]",
        "http://[fe80::1%25eth0]:80/",
        "http:",
        "http://",
    ] {
        let expected = if text == "http://" { "http:" } else { text };
        check(text, expected);
    }
}

#[test]
fn printing_normalises_what_go_normalises() {
    check("HTTP://Host", "http://Host");
    check("http://b\u{fc}cher.de:8080", "http://b%C3%BCcher.de:8080");
    check("http://b%c3%bccher.de", "http://b%C3%BCcher.de");
    check("http://a/x y", "http://a/x%20y");
    check("http://a/%7Eb", "http://a/%7Eb");
    check("http://u:p!'()*@a", "http://u:p%21%27%28%29%2A@a");
    check("http://u:p@ss@a", "http://u:p%40ss@a");
    check("http://u:a:b@h", "http://u:a%3Ab@h");
    check("http://a#", "http://a");
    check("http://a#x y\"", "http://a#x%20y%22");
    check("http://a/b c#d'", "http://a/b%20c#d'");
    check("http://h:8080/?", "http://h:8080/?");
    check("http://[::1%2525]", "http://[::1%2525]");
    check("///a", "///a");
}

#[test]
fn hostname_and_port_are_split_at_the_last_valid_port() {
    check_host("http://a:80/x", "a:80", "a", "80");
    check_host("http://a:/x", "a:", "a", "");
    check_host("http://[::1]:05000", "[::1]:05000", "::1", "05000");
    refuse("http://[fe80::1%25en 0]", GoUrlError::HostCharacter);
    check_host("http://[fe80::1%25en%200]", "[fe80::1%en 0]", "fe80::1%en 0", "");
}

#[test]
fn a_colon_too_many_is_refused_for_http_only() {
    refuse("http://a:1:2", GoUrlError::Port);
    refuse("https://::1/", GoUrlError::Port);
    check_host("socks5://a:1:2", "a:1:2", "a:1", "2");
    refuse("socks5://a:1:b", GoUrlError::Port);
}

#[test]
fn hosts_that_go_refuses_are_refused() {
    refuse("http://a b", GoUrlError::HostCharacter);
    refuse("http://a\\b", GoUrlError::HostCharacter);
    refuse("http://a{b}", GoUrlError::HostCharacter);
    refuse("http://a%20b", GoUrlError::Escape);
    refuse("http://a%41", GoUrlError::Escape);
    refuse("http://a%4", GoUrlError::Escape);
    refuse("http://a%", GoUrlError::Escape);
    refuse("http://a:80%zz", GoUrlError::Port);
    refuse("http://[::1", GoUrlError::MissingBracket);
    refuse("http://[1.2.3.4]", GoUrlError::IpLiteral);
    refuse("http://[a]", GoUrlError::IpLiteral);
    refuse("http://[::1%eth0]", GoUrlError::Escape);
    refuse("http://[::1%25]", GoUrlError::IpLiteral);
    refuse("http://a[b]", GoUrlError::IpLiteral);
    refuse("http://[::1]a", GoUrlError::Port);
    check_host("http://a%25b", "a%b", "a%b", "");
    check_host("http://a<>\"b", "a<>\"b", "a<>\"b", "");
}

#[test]
fn the_rest_that_go_refuses_is_refused() {
    refuse(":8080", GoUrlError::MissingScheme);
    refuse("10.0.0.1:8080", GoUrlError::ColonInFirstSegment);
    refuse("a_b:8080", GoUrlError::ColonInFirstSegment);
    refuse("http://a\n", GoUrlError::ControlCharacter);
    refuse("http://a\u{7f}", GoUrlError::ControlCharacter);
    refuse("http://u:p[@a", GoUrlError::UserInfo);
    refuse("http://\u{fc}@a", GoUrlError::UserInfo);
    refuse("http://u:%zz@a", GoUrlError::Escape);
    refuse("http://a/%zz", GoUrlError::Escape);
    refuse("http://a#%zz", GoUrlError::Escape);
    refuse("http://u:p/w@h:8080", GoUrlError::Port);
}

#[test]
fn the_path_is_decoded_and_the_query_is_not() {
    let url = GoUrl::parse("https://quay.io/v1/a%2fb?x=%2f").unwrap();
    assert_eq!((url.scheme(), &*url.path()), ("https", "/v1/a/b"));
}

#[test]
fn debug_shows_no_credentials() {
    let debug = |text: &str| format!("{:?}", GoUrl::parse(text).unwrap());
    assert_eq!(debug("http://u:hunter2@h:80/x?token=y"), "GoUrl(http://h:80)");
    assert_eq!(debug("http://u:1234#w@h:80"), "GoUrl(***)");
}

proptest! {
    #[test]
    fn parsing_never_panics_and_printing_is_stable(text in "(http|socks5|)(://|:|)\\PC*") {
        if let Ok(url) = GoUrl::parse(&text) {
            let printed = url.full_text();
            if let Ok(again) = GoUrl::parse(printed.expose()) {
                prop_assert_eq!(again.full_text(), printed);
            }
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        let _ = GoUrl::parse(&text).map(|url| format!("{url:?}"));
    }
}
