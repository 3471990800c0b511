//! Registry, token service and storage.

use std::{collections::BTreeMap, net::Ipv6Addr, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use pullagent_testkit::{
    ca::{Ca, Chain, Leaf},
    listen,
    registry::{
        Accounts, Answer, Auth, Behaviour, Format, Image, Layer, On, Registry, RegistryHandle, TokenService,
        Unentitled, digest,
    },
    tls::Tls,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::client::{Client, DEADLINE, Seen};

fn basic(login: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(login))
}

async fn start(registry: Registry) -> RegistryHandle {
    registry.start().await.expect("start a registry")
}

async fn get(registry: &RegistryHandle, path: &str) -> Seen {
    Client::plain(registry.addr()).get(path).await.expect("an answer")
}

fn small() -> Registry {
    Registry::new().image("team/api", ["1.4.1", "1.4.2"], &Image::new("linux/amd64"))
}

#[tokio::test]
async fn manifest_and_blobs_hold_what_their_digests_promise() {
    let registry = start(small()).await;
    let manifest = get(&registry, "/v2/team/api/manifests/1.4.2").await;
    assert_eq!(manifest.header("docker-content-digest"), digest(&manifest.body));
    assert_eq!(manifest.header("content-type"), "application/vnd.oci.image.manifest.v1+json");
    let described = manifest.json();
    for descriptor in [&described["config"], &described["layers"][0]] {
        let promised = descriptor["digest"].as_str().expect("a digest");
        let blob = get(&registry, &format!("/v2/team/api/blobs/{promised}")).await;
        assert_eq!(digest(&blob.body), promised);
        assert_eq!(descriptor["size"], blob.body.len());
        assert_eq!(get(&registry, &format!("/storage/{promised}")).await.body, blob.body);
    }
    let head =
        Client::plain(registry.addr()).send("HEAD", "/v2/team/api/manifests/1.4.2", &[], "").await.expect("HEAD");
    assert_eq!(head.header("content-length"), manifest.body.len().to_string());
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn index_names_a_manifest_for_each_platform() {
    let image = Image::index(["linux/amd64", "linux/arm64/v8"]).format(Format::Docker);
    let registry = start(Registry::new().image("app", ["1"], &image)).await;
    let index = get(&registry, "/v2/app/manifests/1").await.json();
    assert_eq!(index["manifests"][1]["platform"]["variant"], "v8");
    let child = index["manifests"][1]["digest"].as_str().expect("a digest");
    let manifest = get(&registry, &format!("/v2/app/manifests/{child}")).await;
    assert_eq!(digest(&manifest.body), child);
}

#[tokio::test]
async fn blobs_are_served_in_ranges() {
    let image = Image::new("linux/amd64").layers([Layer { bytes: 100_000, ..Layer::default() }]);
    let layer = image.store().layer_digests().next().expect("a layer").to_owned();
    let registry = start(Registry::new().image("app", ["1"], &image)).await;
    let path = format!("/v2/app/blobs/{layer}");
    let whole = get(&registry, &path).await;
    for (range, from, to) in [("bytes=0-0", 0, 1), ("bytes=99000-", 99_000, whole.body.len())] {
        let part = Client::plain(registry.addr()).send("GET", &path, &[("range", range)], "").await.expect("a part");
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, whole.body.slice(from..to), "{range}");
    }
    let beyond = Client::plain(registry.addr()).send("GET", &path, &[("range", "bytes=999999-")], "").await;
    assert_eq!(beyond.expect("an answer").status, 416);
}

#[tokio::test]
async fn ten_thousand_tags_come_in_pages() {
    let tags = (0..10_000).map(|number| format!("v{number:05}"));
    let registry = start(Registry::new().image("app", tags, &Image::new("linux/amd64")).tag_page(4000)).await;
    let (mut path, mut seen) = ("/v2/app/tags/list?n=9999".to_owned(), Vec::new());
    loop {
        let page = get(&registry, &path).await;
        seen.push(page.json()["tags"].as_array().expect("tags").len());
        let Some(next) = page.header("link").strip_prefix('<') else { break };
        next.split('>').next().expect("a target").clone_into(&mut path);
    }
    assert_eq!(seen, [4000, 4000, 2000]);
}

#[tokio::test]
async fn errors_name_what_is_unknown() {
    let registry = start(small()).await;
    for (path, code) in [
        ("/v2/team/api/manifests/2", "MANIFEST_UNKNOWN"),
        ("/v2/team/other/manifests/1", "NAME_UNKNOWN"),
        ("/v2/team/api/blobs/sha256:00", "BLOB_UNKNOWN"),
    ] {
        let answer = get(&registry, path).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["errors"][0]["code"]), (404, &code.into()), "{path}");
    }
}

#[tokio::test]
async fn both_http_versions_work_over_tls_and_the_requests_are_remembered() {
    let ca = Ca::new("test root");
    let tls = Tls::new(&ca.issue(&Leaf::new(["registry.test"]).chain(Chain::Intermediate)));
    let registry = start(small().tls(tls)).await;
    for alpn in [b"http/1.1".as_slice(), b"h2"] {
        let client = Client { alpn, ..Client::tls(registry.addr(), &ca, "registry.test") };
        let answer = client.send("GET", "/v2/?ns=docker.io", &[("authorization", "Basic secret")], "").await;
        assert_eq!(answer.expect("an answer").status, 200);
        let seen = registry.requests().pop().expect("a request");
        assert_eq!((seen.host.as_str(), seen.query.as_str()), ("registry.test", "ns=docker.io"));
        assert_eq!(seen.authorization.as_deref(), Some("Basic"));
        assert!(!format!("{seen:?}").contains("secret"));
    }
}

#[tokio::test]
async fn bad_certificates_are_refused_by_a_verifying_client() {
    let (ca, stranger) = (Ca::new("test root"), Ca::new("stranger"));
    let good = || Leaf::new(["registry.test", "127.0.0.1"]);
    for (what, identity) in [
        ("expired", ca.issue(&good().expired())),
        ("not yet valid", ca.issue(&good().not_yet_valid())),
        ("other name", ca.issue(&Leaf::new(["other.test"]))),
        ("self signed", ca.issue(&good().chain(Chain::SelfSigned))),
        ("missing intermediate", ca.issue(&good().chain(Chain::IntermediateMissing))),
        ("stranger", stranger.issue(&good())),
    ] {
        let registry = start(small().tls(Tls::new(&identity))).await;
        let refused = Client::tls(registry.addr(), &ca, "registry.test").get("/v2/").await;
        assert!(refused.is_err(), "{what}");
        assert!(registry.requests().is_empty(), "{what}");
    }
}

/// The status of a manifest request with the token that this login gets, and of the token request.
async fn pull(registry: &RegistryHandle, repository: &str, login: Option<&str>) -> (u16, Option<u16>) {
    let client = Client::plain(registry.addr());
    let path = format!("/v2/{repository}/manifests/1.4.2");
    let challenged = client.get(&path).await.expect("a challenge");
    assert_eq!(challenged.status, 401);
    assert!(challenged.header("www-authenticate").contains(&format!("realm=\"http://{}/token\"", registry.addr())));
    let token_path = format!("/token?service=registry.test&scope=repository:{repository}:pull");
    let authorization = login.map(basic);
    let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
    let token = client.send("GET", &token_path, &headers, "").await.expect("a token answer");
    if token.status != 200 {
        return (token.status.as_u16(), None);
    }
    let bearer = format!("Bearer {}", token.json()["token"].as_str().expect("a token"));
    let manifest = client.send("GET", &path, &[("authorization", &bearer)], "").await.expect("an answer");
    (200, Some(manifest.status.as_u16()))
}

#[tokio::test]
async fn token_service_and_registry_agree_on_who_may_pull() {
    let accounts = Accounts::new().user("bob", "right").user("eve", "right").expired_user("old", "right");
    let private = accounts.private("team/api", ["bob"]);
    let registry = start(small().auth(Auth::bearer(), &private).token_service(TokenService::default(), &private)).await;
    assert_eq!(pull(&registry, "team/api", Some("bob:right")).await, (200, Some(200)));
    assert_eq!(pull(&registry, "team/api", Some("eve:right")).await, (200, Some(401)));
    assert_eq!(pull(&registry, "team/api", None).await, (200, Some(401)));
    assert_eq!(pull(&registry, "team/absent", None).await, (200, Some(404)));
    assert_eq!(pull(&registry, "team/api", Some("bob:wrong")).await, (401, None));
    assert_eq!(pull(&registry, "team/api", Some("old:right")).await, (403, None));

    let strict = TokenService { login_required: true, unentitled: Unentitled::Denied, oauth_status: None };
    let hiding = private.hides_unlisted();
    let registry = start(small().auth(Auth::bearer(), &hiding).token_service(strict, &hiding)).await;
    assert_eq!(pull(&registry, "team/api", None).await, (401, None));
    assert_eq!(pull(&registry, "team/absent", Some("bob:right")).await, (403, None));
}

#[tokio::test]
async fn oauth_post_works_or_is_refused_as_asked() {
    let accounts = Accounts::new().user("bob", "right");
    let form = "grant_type=password&service=s&client_id=c&username=bob&password=right&scope=repository:team/api:pull";
    for (oauth_status, expected) in [(None, 200), (Some(405), 405), (Some(404), 404)] {
        let service = TokenService { oauth_status, ..TokenService::default() };
        let registry = start(small().token_service(service, &accounts)).await;
        let answer = Client::plain(registry.addr()).send("POST", "/token", &[], form).await.expect("an answer");
        assert_eq!(answer.status, expected);
        assert_eq!(answer.json().get("access_token").is_some(), expected == 200);
    }
}

#[tokio::test]
async fn basic_login_is_judged_with_every_request() {
    let accounts = Accounts::new().user("bob", "right").user("eve", "right").expired_user("old", "right");
    let registry = start(small().auth(Auth::Basic, &accounts.private("team/api", ["bob"]))).await;
    for (login, expected) in [
        (None, 401),
        (Some("bob:right"), 200),
        (Some("bob:wrong"), 401),
        (Some("old:right"), 403),
        (Some("eve:right"), 403),
    ] {
        let authorization = login.map(basic);
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let answer = Client::plain(registry.addr()).send("GET", "/v2/team/api/manifests/1.4.2", &headers, "").await;
        assert_eq!(answer.expect("an answer").status, expected, "{login:?}");
    }
}

/// What a client sees of the manifest: the status and length of the body, or a failure.
async fn seen_with(behaviour: Behaviour, tls: Option<(&Ca, &[u8])>) -> Result<Seen, String> {
    let mut registry = small().behave(On::Tag, behaviour);
    if let Some((ca, _)) = tls {
        registry = registry.tls(Tls::new(&ca.issue(&Leaf::new(["registry.test"]))));
    }
    let registry = start(registry).await;
    let client = match tls {
        None => Client::plain(registry.addr()),
        Some((ca, alpn)) => Client { alpn, ..Client::tls(registry.addr(), ca, "registry.test") },
    };
    assert_eq!(client.get("/v2/").await.expect("the ping is left alone").status, 200);
    client.get("/v2/team/api/manifests/1.4.2").await.map_err(|error| format!("{error:?}"))
}

#[tokio::test]
async fn broken_exchanges_fail_on_every_transport() {
    let ca = Ca::new("test root");
    for tls in [None, Some((&ca, b"http/1.1".as_slice())), Some((&ca, b"h2"))] {
        for behaviour in [
            Behaviour::Garbage,
            Behaviour::Close,
            Behaviour::Reset,
            Behaviour::Truncated,
            Behaviour::LengthOff { by: 10 },
            Behaviour::Endless { claimed: None },
            Behaviour::Endless { claimed: Some(1 << 40) },
            Behaviour::Nested { bytes: 100_000_000 },
        ] {
            let seen = seen_with(behaviour.clone(), tls).await;
            assert!(seen.is_err(), "{behaviour:?} over {tls:?}: {seen:?}", tls = tls.map(|(_, alpn)| alpn));
        }
    }
    let reset = seen_with(Behaviour::Reset, None).await.expect_err("a reset");
    assert!(reset.contains("ConnectionReset"), "{reset}");
}

#[tokio::test]
async fn answers_are_shaped_as_asked() {
    let status = |behaviour| async { seen_with(behaviour, None).await.expect("an answer") };
    let limited = status(Behaviour::RateLimited).await;
    assert_eq!((limited.status.as_u16(), limited.header("ratelimit-remaining")), (429, "0;w=21600"));
    assert_eq!(limited.json()["errors"][0]["code"], "TOOMANYREQUESTS");
    let portal = status(Behaviour::HtmlOk).await;
    assert_eq!((portal.status.as_u16(), portal.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(
        status(Behaviour::HostileMessage(403)).await.json()["errors"][0]["message"]
            .as_str()
            .expect("text")
            .contains('\u{1b}')
    );
    assert_eq!(status(Behaviour::Answer(Answer::status(503))).await.status, 503);
    assert!(status(Behaviour::NoDigestHeader).await.headers.get("docker-content-digest").is_none());
    let wrong = status(Behaviour::WrongContent).await;
    assert_ne!(wrong.header("docker-content-digest"), digest(&wrong.body));
    let loop_ = status(Behaviour::RedirectLoop).await;
    assert_eq!((loop_.status.as_u16(), loop_.header("location")), (307, "/v2/team/api/manifests/1.4.2"));
    let dated = BTreeMap::from([("date".to_owned(), "Thu, 01 Jan 2015 00:00:00 GMT".to_owned())]);
    assert!(status(Behaviour::Headers(dated)).await.header("date").contains("2015"));
    let dripped = status(Behaviour::Drip { bytes: 100, every_ms: 1 }).await;
    assert_eq!(dripped.header("docker-content-digest"), digest(&dripped.body));
    assert!(status(Behaviour::HtmlNotFound).await.text().contains("nginx"));
}

#[tokio::test]
async fn silent_server_never_answers_and_recovers_when_told() {
    let registry = start(small().behave(On::Manifest, Behaviour::Hang)).await;
    let (addr, path) = (registry.addr(), "/v2/team/api/manifests/1.4.2");
    let asked = tokio::spawn(async move { Client::plain(addr).get(path).await.is_ok() });
    // The request has arrived, and no answer to it can come any more.
    while registry.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!asked.is_finished());
    asked.abort();
    registry.behave_well();
    assert_eq!(get(&registry, path).await.status, 200);
}

#[tokio::test]
async fn stalled_body_keeps_its_connection_open() {
    let registry = start(small().behave(On::Tag, Behaviour::Stall)).await;
    let whole = Image::new("linux/amd64").store().digest;
    let length = get(&registry, &format!("/v2/team/api/manifests/{whole}")).await.body.len();
    let mut stream = tokio::net::TcpStream::connect(registry.addr()).await.expect("connect");
    let request = b"GET /v2/team/api/manifests/1.4.2 HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request).await.expect("send");
    let mut seen = Vec::new();
    while seen.windows(4).position(|window| window == b"\r\n\r\n").is_none_or(|at| seen.len() < at + 4 + length / 2) {
        assert_ne!(timeout(DEADLINE, stream.read_buf(&mut seen)).await.expect("half a body").expect("no end"), 0);
    }
    assert!(timeout(Duration::from_millis(100), stream.read_buf(&mut seen)).await.is_err());
}

#[tokio::test]
async fn servers_listen_on_ipv6_too() {
    let listener = listen::bind(Ipv6Addr::LOCALHOST.into()).await.expect("an IPv6 loopback");
    let registry = small().start_on(listener).expect("start");
    assert!(registry.addr().is_ipv6());
    assert_eq!(get(&registry, "/v2/").await.status, 200);
}

#[tokio::test]
async fn blobs_are_redirected_to_their_digest_elsewhere() {
    let storage = start(small()).await;
    let target = format!("http://{}/storage/{{digest}}?X-Amz-Signature=secret", storage.addr());
    let registry = start(small().behave(On::Layer, Behaviour::Redirect(target))).await;
    let layer = Image::new("linux/amd64").store().layer_digests().next().expect("a layer").to_owned();
    let redirect = get(&registry, &format!("/v2/team/api/blobs/{layer}")).await;
    let location = redirect.header("location").strip_prefix(&format!("http://{}", storage.addr())).expect("storage");
    assert_eq!(digest(&get(&storage, location).await.body), layer);
}

#[tokio::test]
async fn dropping_the_handle_closes_the_port() {
    let registry = start(small()).await;
    let addr = registry.addr();
    assert_eq!(get(&registry, "/v2/").await.status, 200);
    drop(registry);
    // The accept loop ends at its next turn.
    while tokio::net::TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
