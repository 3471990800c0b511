//! Diagnoses for tests, made the way real ones are: a case is planned, and evidence written by hand is diagnosed.

mod world;

use crate::case::{GivenCredential, NotChecked};
use crate::diagnosis::Diagnosis;
use crate::evidence::{ClockSample, EndpointEvidence, Exchange, Hop, Identity, Question, Role, TagsEvidence};
use crate::layer::dns::{DnsAnswer, DnsEvidence, DnsOutcome};
use crate::layer::proxy::{ProxyEvidence, ProxyOutcome};
use crate::layer::registry::{Answer, Challenge, RateLimit, RegistryError, Response};
use crate::layer::tls::{CertificateFacts, CertificateFault, ChainShape, TlsEvidence, TlsOutcome};
use crate::layer::transport::{AddressEvidence, ConnectEvidence, ConnectOutcome};
use crate::manifest::{Descriptor, Manifest};
use crate::pull::{Brought, PullOutcome};
use crate::runtime::{RuntimeAnswer, SocketFailure};
pub(super) use world::hop;
use world::{
    DIGEST, IMAGE, World, asked, config, connected, descriptor, ip, ok, reached, refusal, resolved, runtime, server,
    token_host, with_http,
};

/// Every fixture with its name.
pub(crate) fn all() -> Vec<(&'static str, Diagnosis)> {
    vec![
        ("missing_tag", missing_tag()),
        ("no_such_host", no_such_host()),
        ("connect_timeout", connect_timeout()),
        ("expired_certificate", expired_certificate()),
        ("private_without_login", private_without_login()),
        ("one_login_rejected", one_login_rejected()),
        ("rate_limited", rate_limited()),
        ("dead_layer_host", dead_layer_host()),
        ("platform_mismatch", platform_mismatch()),
        ("success", success()),
        ("degraded", degraded()),
        ("invalid_reference", invalid_reference()),
        ("inconclusive", inconclusive()),
        ("proxy_denies", proxy_denies()),
        ("runtime_agrees", runtime_agrees()),
        ("runtime_pulls_it", runtime_pulls_it()),
        ("runtime_says_otherwise", runtime_says_otherwise()),
        ("runtime_dead", runtime_dead()),
        ("hostile", hostile()),
    ]
}

/// The words of containerd 1.7 for a missing tag.
const NOT_FOUND: &str = "failed to pull and unpack image \"registry.corp.io/team/api:1.4.2\": failed to resolve reference \
    \"registry.corp.io/team/api:1.4.2\": registry.corp.io/team/api:1.4.2: not found";

fn refused(message: &str) -> PullOutcome {
    PullOutcome::Failed { status: "NotFound".into(), message: message.into() }
}

pub(crate) fn runtime_agrees() -> Diagnosis {
    missing_tag_world().pulled(refused(NOT_FOUND), None).diagnose()
}

pub(crate) fn runtime_pulls_it() -> Diagnosis {
    missing_tag_world().pulled(PullOutcome::Ok, Some(Brought::Removed)).diagnose()
}

pub(crate) fn runtime_says_otherwise() -> Diagnosis {
    let words = "failed to pull and unpack image \"registry.corp.io/team/api:1.4.2\": failed to resolve reference \
        \"registry.corp.io/team/api:1.4.2\": failed to do request: Head \"https://mirror.corp.io/v2/team/api/manifests/\
        1.4.2?ns=registry.corp.io\": dial tcp: lookup mirror.corp.io on 10.0.0.2:53: no such host";
    success_world().pulled(refused(words), None).diagnose()
}

pub(crate) fn runtime_dead() -> Diagnosis {
    World { runtime: Some(runtime(RuntimeAnswer::Broken(SocketFailure::Refused))), ..missing_tag_world() }.diagnose()
}

pub(crate) fn missing_tag() -> Diagnosis {
    missing_tag_world().diagnose()
}

fn missing_tag_world() -> World {
    let hops = vec![with_http(reached(Role::Registry, "registry.corp.io"), 404), with_http(token_host(), 200)];
    let tags = TagsEvidence { nearest: vec!["1.4.1".into(), "1.4.0".into()], read: 61, complete: true };
    let unknown = refusal(404, "MANIFEST_UNKNOWN", "manifest unknown");
    World {
        endpoint: EndpointEvidence {
            exchanges: vec![
                asked(1, Question::Token, ok()),
                asked(0, Question::Manifest, unknown),
                asked(0, Question::Tags, ok()),
            ],
            hops,
            tags: Some(tags),
            ..EndpointEvidence::default()
        },
        ..World::new(IMAGE)
    }
}

pub(crate) fn no_such_host() -> Diagnosis {
    let dns = DnsEvidence {
        outcome: DnsOutcome::NameNotFound,
        ms: 14,
        name: None,
        servers: vec![server(2, DnsAnswer::NoSuchName, 3), server(3, DnsAnswer::NoSuchName, 14)],
        queries: Vec::new(),
    };
    let hop = Hop { dns: Some(dns), ..hop(Role::Registry, "regsitry.corp.io") };
    World::of("regsitry.corp.io/team/api:1.4.2", vec![hop], vec![asked(0, Question::Manifest, Answer::NotReached)])
        .diagnose()
}

pub(crate) fn connect_timeout() -> Diagnosis {
    let ips = ["198.51.100.17", "198.51.100.18", "2001:db8:2::17"].map(ip);
    let addresses = ips.map(|ip| AddressEvidence { ip, outcome: ConnectOutcome::Timeout, ms: 3_500 }).to_vec();
    let connect = ConnectEvidence {
        outcome: ConnectOutcome::Timeout,
        ms: 3_500,
        used: None,
        port: 5000,
        source: Some(ip("10.0.3.17")),
        addresses,
    };
    let hop = Hop {
        dns: Some(resolved(&ips, 4)),
        connect: Some(connect),
        ..hop(Role::Registry, "123456789012.dkr.ecr.eu-central-1.amazonaws.com:5000")
    };
    let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com:5000/team/platform/api-gateway:2024.11.03-abcdef1";
    World::of(image, vec![hop], vec![asked(0, Question::Manifest, Answer::NotReached)]).diagnose()
}

pub(crate) fn expired_certificate() -> Diagnosis {
    let now = "2026-07-01T12:00:00Z".parse().unwrap();
    let leaf = CertificateFacts {
        subject: "CN=registry.corp.io,O=Corp".into(),
        issuer: "CN=Corp Issuing CA 2,O=Corp".into(),
        not_before: "2025-06-30T00:00:00Z".parse().unwrap(),
        not_after: "2026-06-30T00:00:00Z".parse().unwrap(),
        names: vec!["registry.corp.io".into(), "*.registry.corp.io".into()],
        sha256: "ab".repeat(32),
    };
    let fault = CertificateFault::Expired { not_after: leaf.not_after, now, subject: leaf.subject.clone() };
    let further =
        vec![CertificateFault::UnknownAuthority { issuer: leaf.issuer.clone(), chain: ChainShape::PrivateAuthority }];
    let mut hop = reached(Role::Registry, "registry.corp.io");
    let outcome = TlsOutcome::CertificateRefused { fault, further };
    hop.tls = Some(TlsEvidence { outcome, ms: 21, chain: vec![leaf] });
    let mut world = World::of(IMAGE, vec![hop], vec![asked(0, Question::Manifest, Answer::NotReached)]);
    world.clocks = vec![ClockSample { host: "proxy.corp.io".into(), theirs: now, ours: now }];
    world.diagnose()
}

pub(crate) fn private_without_login() -> Diagnosis {
    let hops = vec![with_http(reached(Role::Registry, "registry.corp.io"), 401), with_http(token_host(), 401)];
    let challenge = Challenge::Bearer {
        realm: "https://auth.corp.io/token".into(),
        service: String::new(),
        scope: String::new(),
        error: String::new(),
    };
    let refused = Answer::Response(Response { status: 401, challenges: vec![challenge], ..Response::default() });
    World::of(
        IMAGE,
        hops,
        vec![
            asked(0, Question::Manifest, refused),
            asked(1, Question::Token, refusal(401, "UNAUTHORIZED", "authentication required")),
        ],
    )
    .diagnose()
}

pub(crate) fn one_login_rejected() -> Diagnosis {
    let hops = vec![with_http(reached(Role::Registry, "registry.corp.io"), 403), with_http(token_host(), 200)];
    let of = |index, hop, question, answer| Exchange {
        identity: Identity::Credential(index),
        authorized: true,
        ..asked(hop, question, answer)
    };
    let wrong = Answer::Response(Response {
        status: 401,
        text: "incorrect username or password".into(),
        ..Response::default()
    });
    let denied = refusal(403, "DENIED", "requested access to the resource is denied");
    let mut world = World::of(
        IMAGE,
        hops,
        vec![of(0, 1, Question::Token, wrong), of(1, 1, Question::Token, ok()), of(1, 0, Question::Manifest, denied)],
    );
    let secret = |source: &str, key: &str, auth: &str| GivenCredential::DockerConfig {
        source: source.into(),
        text: format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#).into(),
    };
    world.credentials = vec![
        secret("secret prod/regcred", "registry.corp.io", "cm9ib3QkY2k6b2xk"),
        secret("secret prod/deploy", "https://registry.corp.io", "ZGVwbG95OnB3"),
        secret("secret prod/hub", "https://index.docker.io/v1/", "c29tZWJvZHk6cHc="),
    ];
    world.diagnose()
}

pub(crate) fn rate_limited() -> Diagnosis {
    let hops = vec![
        with_http(reached(Role::Registry, "registry-1.docker.io"), 429),
        with_http(reached(Role::Token, "auth.docker.io"), 200),
    ];
    let limit = RateLimit { limit: 100, remaining: 0, window_seconds: 21_600, source: "203.0.113.9".into() };
    let limited = Answer::Response(Response {
        status: 429,
        errors: vec![RegistryError {
            code: "TOOMANYREQUESTS".into(),
            message: "You have reached your pull rate limit.".into(),
        }],
        rate_limit: Some(limit),
        retry_after: Some(3600),
        ..Response::default()
    });
    World::of("nginx:1.27", hops, vec![asked(1, Question::Token, ok()), asked(0, Question::Manifest, limited)])
        .diagnose()
}

pub(crate) fn dead_layer_host() -> Diagnosis {
    let mut blob = reached(Role::Blob, "corp-registry-layers.s3.eu-central-1.amazonaws.com");
    blob.tls = None;
    blob.connect = Some(ConnectEvidence {
        outcome: ConnectOutcome::Refused,
        addresses: vec![AddressEvidence { ip: ip("198.51.100.30"), outcome: ConnectOutcome::Refused, ms: 2 }],
        ..connected()
    });
    let mut world =
        World::served(vec![blob], vec![asked(2, Question::Blob { digest: DIGEST.into() }, Answer::NotReached)]);
    world.not_checked = vec![
        NotChecked::new("/etc/containerd/certs.d", "permission denied: mirrors and private authorities are not known"),
        NotChecked::new("the runtime's environment", "not root: the proxies of this shell count in its place"),
        NotChecked::new("/var/lib/kubelet/config.json", "permission denied"),
        NotChecked::new("IPv6", "this node has no IPv6 address"),
    ];
    world.diagnose()
}

pub(crate) fn platform_mismatch() -> Diagnosis {
    let mut world = World::served(Vec::new(), Vec::new());
    let entries = ["linux/arm64", "linux/arm/v7"].map(|p| Descriptor { platform: p.parse().ok(), ..descriptor(7) });
    world.image(Manifest::Index { entries: entries.to_vec(), chosen: None }, "linux/arm64");
    world.diagnose()
}

pub(crate) fn success() -> Diagnosis {
    success_world().diagnose()
}

fn success_world() -> World {
    let blob = with_http(reached(Role::Blob, "layers.corp.io"), 206);
    World::served(vec![blob], vec![asked(2, Question::Blob { digest: DIGEST.into() }, ok())])
}

pub(crate) fn degraded() -> Diagnosis {
    let mut world = success_world();
    world.image(Manifest::Image { config: config(), layers: vec![descriptor(31_000_000)] }, "linux/arm64");
    for hop in &mut world.endpoint.hops {
        let dns = hop.dns.as_mut().unwrap();
        dns.servers[1] = server(3, DnsAnswer::Timeout, 2_000);
    }
    world.diagnose()
}

pub(crate) fn invalid_reference() -> Diagnosis {
    World::of("registry.corp.io/Team/API:1.4.2", Vec::new(), Vec::new()).diagnose()
}

pub(crate) fn inconclusive() -> Diagnosis {
    let hop = reached(Role::Registry, "registry.corp.io");
    let mut world = World::of(IMAGE, vec![hop], Vec::new());
    world.cut_short = true;
    world.diagnose()
}

pub(crate) fn proxy_denies() -> Diagnosis {
    let denied = ProxyOutcome::Denied { reason: "access to this category is blocked".into() };
    let mut hop = Hop {
        via: "http://proxy.corp.io:3128".into(),
        route: "HTTPS_PROXY".into(),
        proxy: Some(ProxyEvidence { outcome: denied, ms: 8, status: Some(403), date: None, tls: None }),
        tls: None,
        ..reached(Role::Registry, "ghcr.io")
    };
    hop.connect.as_mut().unwrap().port = 3128;
    World::of("ghcr.io/org/app:2", vec![hop], vec![asked(0, Question::Manifest, Answer::NotReached)]).diagnose()
}

/// What a registry, or whoever writes an image's name, may try on the terminal and on the layout.
fn hostile() -> Diagnosis {
    let mut world = World::served(Vec::new(), Vec::new());
    world.case_image = format!("reg.io/{}\u{1b}[2J\u{202e}|`@root`<b>:{}", "a".repeat(180), "v".repeat(100));
    world.credentials = (0..9)
        .map(|n| GivenCredential::Login {
            source: format!("secret {n}\u{1b}]0;x\u{7}"),
            user: "日本".repeat(20),
            password: String::new().into(),
        })
        .collect();
    world.not_checked = (0..9).map(|n| NotChecked::new(format!("{n}\n{n}"), "x".repeat(300))).collect();
    let mut diagnosis = world.diagnose();
    let mut of_others = dead_layer_host();
    for (n, hop) in of_others.hops.iter_mut().enumerate() {
        hop.http = None;
        hop.host = format!("{}.{n}\u{9b}1m.日本語.example:{n}", "long-".repeat(30));
        hop.via = format!("http://proxy\u{7}.{}:3128", "p".repeat(80));
    }
    diagnosis.hops = of_others.hops.iter().cycle().take(12).cloned().collect();
    let cause = diagnosis.cause.as_mut().unwrap();
    cause.summary = format!("{} @root <b> | {}", "word ".repeat(90), "w".repeat(500));
    cause.host = Some(diagnosis.hops[1].host.clone());
    diagnosis.findings.extend(one_login_rejected().findings.iter().cycle().take(9).cloned());
    diagnosis.credentials = (0..9).flat_map(|_| one_login_rejected().credentials).collect();
    diagnosis
}
