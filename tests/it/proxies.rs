//! Which way each host is reached and what decided it, by every kind of proxy; and that no output holds a proxy's login.

#![expect(clippy::unwrap_used, reason = "a world that cannot be made fails these tests")]

use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::report::{Format, Style, render};
use pullagent_testkit::world::World;

use crate::scenarios::examined;

/// A registry whose layers are at a host of plain HTTP, and a proxy that wants a login.
const WORLD: &str = r#"
about = "two schemes and a proxy"
image = "registry.test:{main.port}/team/api:1.4.2"

[[registry.main.repository]]
name = "team/api"
tags = ["1.4.2"]

[registry.main]
host = "registry.test"
behaviour = [
    { on = "layer", does = { redirect = "http://storage.test:{storage.port}/storage/{digest}" } },
]

[registry.storage]
host = "storage.test"
storage_of = "main"
plain = true

[expect]
verdict = "pullable"

[hosts]
node = ["127.0.0.1"]

[proxy.proxy]
host = "proxy.test"
login = { username = "node", password = "pr0xy/secret" }
"#;

/// The login as it goes into a URL.
const LOGIN: &str = "node:pr0xy%2Fsecret";
/// How HTTP proxies get it.
const BASIC: &str = "bm9kZTpwcjB4eS9zZWNyZXQ=";

/// The world of a proxy and an environment, examined and diagnosed; nothing that comes out holds the login.
async fn examine(proxy: &str, env: &[(&str, &str)]) -> (World, Diagnosis) {
    let env: Vec<String> = env.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect();
    let text = format!("{WORLD}{proxy}\n[env]\n{}", env.join("\n"));
    let world = World::from_toml("inline", &text).await.unwrap();
    let (case, plan, evidence) = examined(&world).await;
    let found = diagnose(&case, &plan, &evidence);
    let mut shown = vec![
        format!("{case:?} {plan:?} {evidence:?} {found:?}"),
        serde_json::to_string(&(&case, &plan, &evidence, &found)).unwrap(),
    ];
    let style = Style { width: 400, color: false, verbose: 2 };
    let formats = [Format::Text, Format::Short, Format::Json, Format::Markdown, Format::Ticket];
    shown.extend(formats.map(|format| render(format, &found, &style)));
    for text in shown {
        assert!(!text.contains("pr0xy") && !text.contains(BASIC), "{text}");
    }
    (world, found)
}

/// `via`, the proxy's port left out, and `route` of each hop.
fn ways(found: &Diagnosis) -> Vec<(String, &str)> {
    let via = |via: &str| via.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    found.hops.iter().map(|hop| (via(&hop.via), hop.route.as_str())).collect()
}

#[track_caller]
fn assert_ways(found: &Diagnosis, verdict: Verdict, expected: &[(&str, &str)]) {
    let expected: Vec<(String, &str)> = expected.iter().map(|(via, route)| ((*via).to_owned(), *route)).collect();
    assert_eq!((found.verdict, ways(found)), (verdict, expected), "{found:#?}");
}

/// Method of every request at the proxy; each carried the login.
fn methods(world: &World) -> Vec<String> {
    let requests = world.proxy("proxy").unwrap().requests();
    assert!(requests.iter().all(|request| request.authorized), "{requests:?}");
    requests.into_iter().map(|request| request.method).collect()
}

#[tokio::test]
async fn each_scheme_goes_through_the_proxy_of_its_own_variable() {
    for (kind, scheme) in [("", "http"), ("tls = true", "https")] {
        let url = format!("{scheme}://{LOGIN}@proxy.test:{{proxy.port}}");
        let (world, found) = examine(kind, &[("HTTPS_PROXY", &url), ("http_proxy", &url)]).await;
        let via = format!("{scheme}://proxy.test:");
        assert_ways(&found, Verdict::Pullable, &[(&via, "HTTPS_PROXY"), (&via, "http_proxy")]);
        let methods = methods(&world);
        assert!(methods.contains(&"CONNECT".to_owned()) && methods.contains(&"GET".to_owned()), "{methods:?}");
    }
}

#[tokio::test]
async fn a_socks_proxy_tunnels_plain_http_too() {
    let url = format!("socks5://{LOGIN}@proxy.test:{{proxy.port}}");
    let (world, found) = examine("socks = true", &[("HTTPS_PROXY", &url), ("HTTP_PROXY", &url)]).await;
    let via = "socks5://proxy.test:";
    assert_ways(&found, Verdict::Pullable, &[(via, "HTTPS_PROXY"), (via, "HTTP_PROXY")]);
    assert!(found.hops.iter().all(|hop| hop.proxy.is_some()), "{found:#?}");
    let methods = methods(&world);
    assert!(methods.len() >= 2 && methods.iter().all(|method| method == "CONNECT"), "{methods:?}");
}

#[tokio::test]
async fn an_exception_is_named_as_it_is_written() {
    let url = format!("http://{LOGIN}@proxy.test:{{proxy.port}}");
    let env = [("HTTPS_PROXY", url.as_str()), ("HTTP_PROXY", &url), ("NO_PROXY", "*.corp, Registry.test")];
    let (_, found) = examine("", &env).await;
    let expected = [("direct", "NO_PROXY Registry.test"), ("http://proxy.test:", "HTTP_PROXY")];
    assert_ways(&found, Verdict::Pullable, &expected);
}

#[tokio::test]
async fn a_refused_login_is_not_shown_either() {
    for (kind, scheme) in [("", "http"), ("tls = true", "https"), ("socks = true", "socks5")] {
        let url = format!("{scheme}://{LOGIN}-of-yesterday@proxy.test:{{proxy.port}}");
        let (_, found) = examine(kind, &[("HTTPS_PROXY", &url)]).await;
        assert_ways(&found, Verdict::Failing, &[(&format!("{scheme}://proxy.test:"), "HTTPS_PROXY")]);
        assert_eq!(found.cause.unwrap().code, Code::ProxyDenied);
    }
}

#[tokio::test]
async fn a_login_that_cuts_its_url_short_is_dialled_and_not_shown() {
    // To Go this is port 61 of the host `node`.
    let (_, found) = examine("", &[("HTTPS_PROXY", "http://node:61/pr0xy@proxy.test:{proxy.port}")]).await;
    assert_ways(&found, Verdict::Failing, &[("http://***", "HTTPS_PROXY")]);
    let (dns, connect) = (found.hops[0].dns.as_ref().unwrap(), found.hops[0].connect.as_ref().unwrap());
    assert_eq!((dns.queries.len(), &dns.name, connect.port), (0, &None, 0));
    let cause = found.cause.unwrap();
    assert_eq!(cause.code, Code::ProxyUnreachable);
    assert!(cause.summary.contains("HTTPS_PROXY") && !cause.summary.contains("node"), "{}", cause.summary);
}

#[tokio::test]
async fn a_cgi_program_asks_nobody_in_plain_http() {
    let url = format!("http://{LOGIN}@proxy.test:{{proxy.port}}");
    let (world, found) = examine("", &[("HTTP_PROXY", &url), ("REQUEST_METHOD", "GET")]).await;
    let expected = [("direct", "no proxy set"), ("http://proxy.test:", "HTTP_PROXY refused, REQUEST_METHOD is set")];
    assert_ways(&found, Verdict::Failing, &expected);
    assert_eq!(found.cause.unwrap().code, Code::RuntimeConfigInvalid);
    assert_eq!(methods(&world), [""; 0]);
    assert_eq!(world.registry("storage").unwrap().requests(), []);
}
