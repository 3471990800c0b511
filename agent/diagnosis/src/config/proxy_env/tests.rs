//! Routes by environment and URL, as httpproxy decides them.

use proptest::prelude::*;

use super::{DirectReason, ProxyEnv, ProxyProtocol, ProxyUrl, Route};
use crate::config::go_url::GoUrl;

const PROXY: &str = "http://proxy.corp:8080";

fn route(env: &[(&str, &str)], url: &str) -> Route {
    ProxyEnv::from_env(env.iter().copied()).route_url(&GoUrl::parse(url).unwrap())
}

/// `proxy` for [`PROXY`], else what the route says.
#[track_caller]
fn check(no_proxy: &str, url: &str, expected: &str) {
    let route = route(&[("HTTPS_PROXY", PROXY), ("HTTP_PROXY", PROXY), ("NO_PROXY", no_proxy)], url);
    let got = match &route {
        Route::Proxy { .. } => "proxy".to_owned(),
        Route::Direct { because: DirectReason::Exception { entry, .. } } => entry.clone(),
        other => other.to_string(),
    };
    assert_eq!(got, expected, "NO_PROXY={no_proxy} {url}");
}

/// What Go prints for a proxy value, and what we show of it.
#[track_caller]
fn check_value(value: &str, full: &str, shown: &str) {
    let url = ProxyUrl::parse(value).unwrap();
    assert_eq!((url.full_text().expose().as_str(), url.to_string().as_str()), (full, shown), "{value}");
    assert_eq!(format!("{url:?}"), format!("ProxyUrl({shown})"));
    let replayed: ProxyUrl = serde_json::from_value(serde_json::to_value(&url).unwrap()).unwrap();
    assert_eq!(replayed.to_string(), shown, "{value}");
}

#[test]
fn names_match_themselves_and_what_is_below_unless_they_start_with_a_dot() {
    check("corp", "https://corp/", "corp");
    check("corp", "https://a.b.corp/", "corp");
    check("corp", "https://acorp/", "proxy");
    check(".corp", "https://corp/", "proxy");
    check(".corp", "https://a.corp/", ".corp");
    check("*.corp", "https://corp/", "proxy");
    check("*.corp", "https://a.corp/", "*.corp");
    check("a*.corp", "https://ab.corp/", "proxy");
    check("*corp", "https://acorp/", "proxy");
    check("**.corp", "https://a.corp/", "proxy");
    check("corp.", "https://corp/", "proxy");
    check("corp", "https://corp./", "proxy");
    check(".", "https://corp./", ".");
    check("*.", "https://corp./", "*.");
    check("..corp", "https://a.corp/", "proxy");
}

#[test]
fn entries_are_separated_by_commas_only() {
    check("a.corp b.corp", "https://a.corp/", "proxy");
    check(" , a.corp ,\tb.corp", "https://b.corp/", "b.corp");
    check("a.corp;b.corp", "https://b.corp/", "proxy");
    check("a.corp\u{a0},b.corp", "https://a.corp/", "a.corp");
}

#[test]
fn a_star_counts_as_a_whole_entry_and_hides_the_others() {
    check("a.corp, * ,b.corp", "https://a.corp/", "*");
    check("*", "https://10.0.0.1/", "*");
    check("*:443", "https://a.corp/", "proxy");
    check("**", "https://a.corp/", "proxy");
}

#[test]
fn case_does_not_matter_but_localhost_is_exact() {
    check("A.Corp", "https://a.cORP/", "A.Corp");
    check("", "https://localhost/", "loopback");
    check("", "https://LOCALHOST/", "proxy");
    check("LocalHost", "https://LOCALHOST/", "LocalHost");
    check("", "https://localhost./", "proxy");
    check("", "https://a.localhost/", "proxy");
}

#[test]
fn loopback_addresses_are_direct_in_every_notation() {
    for host in ["127.0.0.1", "127.255.1.2", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::1%25lo]"] {
        check("", &format!("http://{host}:5000/"), "loopback");
    }
    check("", "https://127.1/", "proxy");
    check("", "https://0.0.0.0/", "proxy");
    check("", "https://127.0.0.01/", "proxy");
}

#[test]
fn ports_are_compared_as_text_with_the_default_filled_in() {
    check("a.corp:443", "https://a.corp/", "a.corp:443");
    check("a.corp:443", "https://a.corp:/", "a.corp:443");
    check("a.corp:443", "http://a.corp/", "proxy");
    check("a.corp:80", "http://a.corp/", "a.corp:80");
    check("a.corp:5000", "https://a.corp:05000/", "proxy");
    check("a.corp:", "https://a.corp:5000/", "a.corp:");
    check(".corp:5000", "https://a.corp:5000/", ".corp:5000");
    check(":443", "https://a.corp/", "proxy");
    check("a.corp:http", "http://a.corp/", "proxy");
}

#[test]
fn addresses_match_exactly_and_never_as_names() {
    check("10.0.0.1", "https://10.0.0.1/", "10.0.0.1");
    check("10.0.0.1", "https://10.0.0.10/", "proxy");
    check("0.0.1", "https://10.0.0.1/", "proxy");
    check(".0.0.1", "https://10.0.0.1/", "proxy");
    check("10.0.0.1:5000", "https://10.0.0.1:5000/", "10.0.0.1:5000");
    check("10.0.0.1:5000", "https://10.0.0.1/", "proxy");
    check("10.0.0.1", "https://[::ffff:10.0.0.1]/", "10.0.0.1");
    check("::ffff:10.0.0.1", "https://10.0.0.1/", "::ffff:10.0.0.1");
    check("10.0.0.01", "https://10.0.0.1/", "proxy");
    check("10.0.0.1", "https://a.10.0.0.1/", "proxy");
    check("fd00::1", "https://[fd00:0::1]/", "fd00::1");
    check("FD00::A", "https://[fd00::a]/", "FD00::A");
    check("[fd00::1]", "https://[fd00::1]/", "proxy");
    check("[fd00::1]:443", "https://[fd00::1]/", "[fd00::1]:443");
    check("[fd00::1]:", "https://[fd00::1]:5000/", "[fd00::1]:");
    check("[10.0.0.1]:443", "https://10.0.0.1/", "[10.0.0.1]:443");
    check("fe80::1", "https://[fe80::1%25eth0]/", "fe80::1");
    check("fe80::1%eth0", "https://[fe80::1%25eth0]/", "proxy");
    check(".example.com", "https://[fd00::1%25.example.com]/", "proxy");
}

#[test]
fn networks_match_literal_addresses_only() {
    check("10.0.0.0/8", "https://10.9.9.9:5000/", "10.0.0.0/8");
    check("10.1.2.3/8", "https://10.9.9.9/", "10.1.2.3/8");
    check("10.0.0.0/08", "https://10.9.9.9/", "10.0.0.0/08");
    check("10.0.0.0/33", "https://10.0.0.0/", "proxy");
    check("10.0.0.0/", "https://10.0.0.0/", "proxy");
    check("10.0.0/8", "https://10.0.0.1/", "proxy");
    check("10.0.0.0/+8", "https://10.0.0.1/", "proxy");
    check("10.0.0.0/8:443", "https://10.0.0.1/", "proxy");
    check("0.0.0.0/0", "https://a.corp/", "proxy");
    check("0.0.0.0/0", "https://[fd00::1]/", "proxy");
    check("::/0", "https://10.0.0.1/", "proxy");
    check("::/0", "https://[fd00::1]/", "::/0");
    check("fd00::/8", "https://[fdab::1]/", "fd00::/8");
    check("10.0.0.0/8", "https://[::ffff:10.0.0.1]/", "10.0.0.0/8");
    check("::ffff:10.0.0.0/104", "https://10.1.2.3/", "::ffff:10.0.0.0/104");
    check("::ffff:10.0.0.0/95", "https://10.1.2.3/", "proxy");
    check("fe80::%eth0/64", "https://[fe80::1]/", "proxy");
}

#[test]
fn an_entry_with_a_scheme_is_useless() {
    check("https://a.corp", "https://a.corp/", "proxy");
    check("https://a.corp:443", "https://a.corp/", "proxy");
    check("a.corp/", "https://a.corp/", "proxy");
}

#[test]
fn both_sides_are_compared_in_punycode() {
    check("b\u{fc}cher.de", "https://www.xn--bcher-kva.de/", "b\u{fc}cher.de");
    check("xn--bcher-kva.de", "https://b\u{fc}cher.de/", "xn--bcher-kva.de");
    check(".B\u{dc}CHER.de", "https://a.b\u{fc}cher.de/", ".B\u{dc}CHER.de");
    check("*.b\u{fc}cher.de:443", "https://a.b\u{fc}cher.de/", "*.b\u{fc}cher.de:443");
    check("fa\u{df}.de", "https://xn--fa-hia.de/", "fa\u{df}.de");
    check("b\u{fc}_.de", "https://b\u{fc}_.de/", "b\u{fc}_.de");
    check("", "https://\u{ff4c}ocalhost/", "loopback");
    check("10.0.0.1", "https://\u{ff11}0.0.0.1/", "10.0.0.1");
}

#[test]
fn a_host_that_go_cannot_split_goes_direct() {
    check("", "https://a]b/", "host not understood");
    check("", "https:///v2/", "proxy");
    check("", "https://a%25b/", "proxy");
}

#[test]
fn each_scheme_has_its_variables_and_upper_case_comes_first() {
    let lower = ("https_proxy", "http://lower:1");
    let variable = |env: &[(&str, &str)], url| route(env, url).to_string();
    assert_eq!(variable(&[lower], "https://a/"), "https_proxy");
    assert_eq!(variable(&[lower, ("HTTPS_PROXY", "upper:1")], "https://a/"), "HTTPS_PROXY");
    assert_eq!(variable(&[("HTTPS_PROXY", ""), lower], "https://a/"), "https_proxy");
    assert_eq!(variable(&[("HTTPS_PROXY", ""), ("HTTPS_PROXY", PROXY)], "https://a/"), "no proxy set");
    assert_eq!(variable(&[lower], "http://a/"), "no proxy set");
    assert_eq!(variable(&[("HTTP_PROXY", PROXY)], "https://a/"), "no proxy set");
    assert_eq!(variable(&[("ALL_PROXY", PROXY)], "https://a/"), "no proxy set");
    assert_eq!(variable(&[("Https_Proxy", PROXY)], "https://a/"), "no proxy set");
    assert_eq!(variable(&[lower], "ftp://a/"), "no proxy set");
    assert_eq!(variable(&[lower, ("no_proxy", "a"), ("NO_PROXY", "")], "https://a/"), "no_proxy a");
    assert_eq!(variable(&[lower, ("no_proxy", "a"), ("NO_PROXY", "b")], "https://a/"), "https_proxy");
    assert_eq!(variable(&[("HTTPS_PROXY", "%"), lower], "https://a/"), "HTTPS_PROXY ignored, not a URL");
}

#[test]
fn a_cgi_program_is_refused_the_proxy_for_http() {
    let refused = "HTTP_PROXY refused, REQUEST_METHOD is set";
    let env = [("HTTP_PROXY", PROXY), ("HTTPS_PROXY", PROXY), ("REQUEST_METHOD", "GET"), ("NO_PROXY", "*")];
    assert_eq!(route(&env, "http://a/").to_string(), refused);
    assert_eq!(route(&env, "http://localhost/").to_string(), refused);
    assert_eq!(route(&env, "https://a/").to_string(), "NO_PROXY *");
    let lower = [("http_proxy", PROXY), ("REQUEST_METHOD", "GET")];
    assert_eq!(route(&lower, "http://a/").to_string(), "http_proxy refused, REQUEST_METHOD is set");
    assert_eq!(route(&[("HTTP_PROXY", PROXY), ("REQUEST_METHOD", "")], "http://a/").to_string(), "HTTP_PROXY");
    assert_eq!(
        route(&[("HTTP_PROXY", "%"), ("REQUEST_METHOD", "GET")], "http://a/").to_string(),
        "HTTP_PROXY ignored, not a URL"
    );
}

#[test]
fn odd_values_become_what_go_makes_of_them() {
    check_value("proxy:8080", "http://proxy:8080", "http://proxy:8080");
    check_value("10.0.0.1:8080", "http://10.0.0.1:8080", "http://10.0.0.1:8080");
    check_value("proxy", "http://proxy", "http://proxy");
    check_value("//proxy:1", "http:////proxy:1", "http://");
    check_value("u:p@proxy:1", "http://u:p@proxy:1", "http://proxy:1");
    check_value("HTTP://Proxy:1/x?y", "http://Proxy:1/x?y", "http://Proxy:1");
    check_value("http://u:p%23w@h:1", "http://u:p%23w@h:1", "http://h:1");
    check_value("http://u:p#w@h:8080", "http://http://u:p#w@h:8080", "http://http:");
    check_value("http://u:12#w@h:8080", "http://u:12#w@h:8080", "http://***");
    check_value("http://u:p w@h:8080", "http://http://u:p%20w@h:8080", "http://http:");
    check_value("\"http://h:1\"", "http://\"http://h:1%22", "http://\"http:");
    check_value("socks5h://h", "socks5h://h", "socks5h://h");
    check_value("ftp://h:21", "ftp://h:21", "ftp://h:21");
    check_value("a:b:c", "a:b:c", "http://");
    check_value("http://h:x", "http://http://h:x", "http://http:");
    check_value("http:h", "http:h", "http://");
    check_value("u:p/w@h:8080", "u:p/w@h:8080", "http://");
    check_value("b\u{fc}cher.de:1", "http://b%C3%BCcher.de:1", "http://b%C3%BCcher.de:1");
    check_value("http://[fd00::1]:1", "http://[fd00::1]:1", "http://[fd00::1]:1");
    for broken in ["http://h:80%zz", "http://h:1\n", "%", ":1:2", " http://h:1"] {
        assert!(ProxyUrl::parse(broken).is_err(), "{broken:?} {:?}", ProxyUrl::parse(broken));
    }
}

#[test]
fn go_dials_the_default_port_of_the_schemes_it_knows() {
    let dialled = |value| {
        let url = ProxyUrl::parse(value).unwrap();
        (url.protocol(), url.host(), url.port())
    };
    assert_eq!(dialled("h"), (ProxyProtocol::Http, "h".to_owned(), Some(80)));
    assert_eq!(dialled("https://h:"), (ProxyProtocol::Https, "h".to_owned(), Some(443)));
    assert_eq!(dialled("socks5h://h"), (ProxyProtocol::Socks5, "h".to_owned(), Some(1080)));
    assert_eq!(dialled("http://[fd00::1]:08080"), (ProxyProtocol::Http, "fd00::1".to_owned(), Some(8080)));
    assert_eq!(dialled("ftp://h"), (ProxyProtocol::Http, "h".to_owned(), None));
    assert_eq!(dialled("http://h:99999").2, None);
    assert_eq!(dialled("http://b\u{fc}cher.de").1, "xn--bcher-kva.de");
}

#[test]
fn credentials_are_there_for_the_asking_only() {
    let authorization = |value| ProxyUrl::parse(value).unwrap().authorization().map(|text| text.expose().clone());
    assert_eq!(authorization("http://u:p%40@h").as_deref(), Some("Basic dTpwQA=="));
    assert_eq!(authorization("http://u@h").as_deref(), Some("Basic dTo="));
    assert_eq!(authorization("http://h"), None);

    let env = ProxyEnv::from_env([("HTTPS_PROXY", "http://u:hunter2@h:1"), ("HTTP_PROXY", "http://u:hunter2@h:%zz")]);
    let json = serde_json::to_string(&env).unwrap();
    assert!(!json.contains("hunter2") && !format!("{env:?}").contains("hunter2"), "{json} {env:?}");
    assert_eq!(env.ignored[0].variable, "HTTP_PROXY");
    let replayed: ProxyEnv = serde_json::from_str(&json).unwrap();
    assert_eq!(replayed.route("https", "a", None).to_string(), "HTTPS_PROXY");
    assert_eq!(replayed.route("http", "a", Some(5000)).to_string(), "HTTP_PROXY ignored, not a URL");
}

proptest! {
    #[test]
    fn every_environment_gives_a_route(proxy in "\\PC{0,40}", no_proxy in "[]\\[a.:*/%0-9é,f]{0,40}", host in "[]\\[a.:*%0-9éf]{0,20}") {
        let env = ProxyEnv::from_env([("HTTPS_PROXY", &proxy), ("NO_PROXY", &no_proxy)]);
        let route = env.route("https", &host, None);
        let json = serde_json::to_string(&(&env, &route)).unwrap();
        let replayed: (ProxyEnv, Route) = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(serde_json::to_string(&replayed).unwrap(), json);
    }

    #[test]
    fn no_password_is_ever_shown(user in "[a-z]{1,4}", mark in "[-#/?@: %\\\\\\[]{0,2}", scheme in "(http|socks5|)(://)?") {
        let value = format!("{scheme}{user}:77{mark}hunter2@proxy:8080");
        if let Ok(url) = ProxyUrl::parse(&value) {
            let shown = url.to_string();
            prop_assert!(!shown.contains("77") && !shown.contains("hunter2"), "{value} {shown}");
        }
    }
}
