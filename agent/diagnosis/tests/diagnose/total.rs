//! Whatever evidence is handed in, also one that no examination would write: a diagnosis comes out that makes sense.

use std::net::{Ipv4Addr, SocketAddr};

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use pullagent_diagnosis::case::{GivenCredential, NotChecked};
use pullagent_diagnosis::cause::{Code, Severity};
use pullagent_diagnosis::config::trust::TrustSource;
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::Verdict;
use pullagent_diagnosis::evidence::{
    ClockSample, EndpointEvidence, Evidence, Exchange, Hop, Identity, ImageEvidence, Question, Role, TagsEvidence,
};
use pullagent_diagnosis::layer::dns::{DnsOutcome, ServerFault};
use pullagent_diagnosis::layer::proxy::{
    OtherWay, OtherWayOutcome, ProxyEvidence, ProxyOutcome, SocksLogin, SocksReply,
};
use pullagent_diagnosis::layer::registry::{Answer, Challenge, RateLimit, RegistryError, Response};
use pullagent_diagnosis::layer::tls::{CertificateFacts, CertificateFault, ChainShape, TlsOutcome};
use pullagent_diagnosis::layer::transport::{ConnectOutcome, StreamFailure};
use pullagent_diagnosis::manifest::Manifest;
use pullagent_diagnosis::plan::{Credential, Endpoint, Offer};

use crate::healthy;

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        any::<String>(),
        prop::sample::select(vec![
            "repository x not found",
            "token has expired",
            "client with IP 'x' is not allowed access",
            "incorrect username or password",
            "MANIFEST_UNKNOWN",
            "NAME_UNKNOWN",
            "DENIED",
            "TOOMANYREQUESTS",
        ])
        .prop_map(str::to_owned),
    ]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (-400_i64..400).prop_map(|days| healthy::now() + SignedDuration::from_hours(days * 24))
}

fn stream_failure() -> impl Strategy<Value = StreamFailure> {
    prop_oneof![
        Just(StreamFailure::Reset),
        Just(StreamFailure::Closed),
        Just(StreamFailure::Timeout),
        words().prop_map(|why| StreamFailure::Failed { why }),
    ]
}

fn dns_outcome() -> impl Strategy<Value = DnsOutcome> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
    prop_oneof![
        4 => Just(healthy::hop(Role::Registry, "x").dns.unwrap().outcome),
        1 => Just(DnsOutcome::NameNotFound),
        1 => Just(DnsOutcome::Timeout),
        1 => words().prop_map(move |why| DnsOutcome::ServerFailure { server, fault: ServerFault::Unusable { why } }),
    ]
}

fn connect_outcome() -> impl Strategy<Value = ConnectOutcome> {
    prop_oneof![
        4 => Just(ConnectOutcome::Ok),
        1 => Just(ConnectOutcome::Refused),
        1 => Just(ConnectOutcome::Timeout),
        1 => Just(ConnectOutcome::Reset),
        1 => Just(ConnectOutcome::NotWaitedFor),
        1 => words().prop_map(|why| ConnectOutcome::Unreachable { why }),
        1 => words().prop_map(|why| ConnectOutcome::Failed { why }),
        1 => words().prop_map(|why| ConnectOutcome::NotContacted { why }),
    ]
}

fn fault() -> impl Strategy<Value = CertificateFault> {
    prop_oneof![
        (moment(), moment(), words()).prop_map(|(not_after, now, subject)| CertificateFault::Expired {
            not_after,
            now,
            subject
        }),
        (moment(), moment(), words()).prop_map(|(not_before, now, subject)| CertificateFault::NotYetValid {
            not_before,
            now,
            subject
        }),
        (words(), vec(words(), 0..3)).prop_map(|(wanted, names)| CertificateFault::NameMismatch { wanted, names }),
        words().prop_map(|issuer| CertificateFault::UnknownAuthority { issuer, chain: ChainShape::LeafOnly }),
        words().prop_map(|why| CertificateFault::Unsuitable { why }),
    ]
}

fn tls_outcome() -> impl Strategy<Value = TlsOutcome> {
    prop_oneof![
        4 => vec(fault(), 0..3).prop_map(|overlooked| TlsOutcome::Ok {
            version: "TLS 1.3".to_owned(),
            protocol: None,
            verified: overlooked.is_empty(),
            overlooked,
        }),
        2 => (fault(), vec(fault(), 0..2))
            .prop_map(|(fault, further)| TlsOutcome::CertificateRefused { fault, further }),
        1 => Just(TlsOutcome::Timeout),
        1 => Just(TlsOutcome::Plaintext),
        1 => stream_failure().prop_map(|failure| TlsOutcome::Broken { failure }),
        1 => words().prop_map(|name| TlsOutcome::Alert { name }),
        1 => words().prop_map(|starts| TlsOutcome::NotTls { starts }),
        1 => words().prop_map(|why| TlsOutcome::Failed { why }),
    ]
}

fn proxy() -> impl Strategy<Value = ProxyEvidence> {
    let outcome = prop_oneof![
        3 => Just(ProxyOutcome::Ok),
        1 => Just(ProxyOutcome::TlsFailed),
        1 => Just(ProxyOutcome::NotHttp),
        1 => words().prop_map(|reason| ProxyOutcome::Denied { reason }),
        1 => any::<u8>().prop_map(|number| ProxyOutcome::SocksRefused { reply: SocksReply::Unassigned { number } }),
        1 => Just(ProxyOutcome::SocksRefused { reply: SocksReply::NotAllowed }),
        1 => Just(ProxyOutcome::SocksLogin { login: SocksLogin::Missing }),
        1 => Just(ProxyOutcome::NotSocks),
        1 => Just(ProxyOutcome::NoPort),
        1 => Just(ProxyOutcome::CgiRefused),
        1 => stream_failure().prop_map(|failure| ProxyOutcome::Broken { failure }),
    ];
    (outcome, option::of(any::<u16>()), option::of(moment())).prop_map(|(outcome, status, date)| ProxyEvidence {
        outcome,
        ms: 1,
        status,
        date,
        tls: None,
    })
}

fn other_way() -> impl Strategy<Value = OtherWay> {
    let outcome =
        prop::sample::select(vec![OtherWayOutcome::Works, OtherWayOutcome::ProxyFails, OtherWayOutcome::NotWaitedFor]);
    let via = prop_oneof![Just("direct".to_owned()), words()];
    (via, words(), vec(words(), 0..3), outcome).prop_map(|(via, variable, entries, outcome)| OtherWay {
        via,
        variable,
        entries,
        outcome,
        ms: 1,
    })
}

fn hop() -> impl Strategy<Value = Hop> {
    let role = prop::sample::select(vec![Role::Mirror, Role::Registry, Role::Token, Role::Blob]);
    let facts = (moment(), moment(), words()).prop_map(|(not_before, not_after, subject)| CertificateFacts {
        subject,
        issuer: String::new(),
        not_before,
        not_after,
        names: Vec::new(),
        sha256: String::new(),
    });
    let outcomes = (dns_outcome(), connect_outcome(), tls_outcome());
    let ways = (option::of(proxy()), option::of(other_way()));
    (role, words(), outcomes, ways, vec(facts, 0..2), any::<[bool; 3]>()).prop_map(
        |(role, host, (dns, connect, tls), (proxy, other_way), chain, there)| {
            let mut hop = healthy::hop(role, &host);
            hop.dns.as_mut().unwrap().outcome = dns;
            hop.connect.as_mut().unwrap().outcome = connect;
            let handshake = hop.tls.as_mut().unwrap();
            (handshake.outcome, handshake.chain) = (tls, chain);
            if proxy.is_some() {
                "http://proxy.test:3128".clone_into(&mut hop.via);
            }
            (hop.proxy, hop.other_way) = (proxy, other_way);
            hop.dns.take_if(|_| !there[0]);
            hop.connect.take_if(|_| !there[1]);
            hop.tls.take_if(|_| !there[2]);
            hop
        },
    )
}

fn response() -> impl Strategy<Value = Response> {
    let status = prop_oneof![
        prop::sample::select(vec![200, 206, 302, 400, 401, 403, 404, 416, 429, 451, 500, 503]),
        any::<u16>()
    ];
    let challenge = prop_oneof![
        Just(Challenge::Basic),
        words().prop_map(|name| Challenge::Other { name }),
        (words(), words()).prop_map(|(realm, error)| Challenge::Bearer {
            realm,
            service: String::new(),
            scope: String::new(),
            error
        }),
    ];
    let error = (words(), words()).prop_map(|(code, message)| RegistryError { code, message });
    let rate_limit = (any::<u64>(), any::<u64>(), any::<u64>(), words())
        .prop_map(|(limit, remaining, window_seconds, source)| RateLimit { limit, remaining, window_seconds, source });
    let flags = (any::<[bool; 2]>(), option::of(any::<bool>()), option::of(any::<u64>()));
    (status, flags, vec(challenge, 0..2), vec(error, 0..2), option::of(rate_limit), words()).prop_map(
        |(status, ([html, speaks_distribution], has_token, retry_after), challenges, errors, rate_limit, text)| {
            Response {
                status,
                html,
                speaks_distribution,
                has_token,
                retry_after,
                challenges,
                errors,
                rate_limit,
                text,
                ..Response::default()
            }
        },
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        8 => response().prop_map(Answer::Response),
        1 => (stream_failure(), any::<bool>()).prop_map(|(failure, started)| Answer::Broken { failure, started }),
        1 => words().prop_map(|name| Answer::TlsAlert { name }),
        1 => words().prop_map(|why| Answer::NotHttp { why }),
        1 => words().prop_map(|why| Answer::BadRedirect { why }),
        1 => words().prop_map(|why| Answer::Corrupt { why }),
        1 => Just(Answer::NotReached),
    ]
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let question = prop_oneof![
        Just(Question::Manifest),
        Just(Question::Token),
        Just(Question::PlatformManifest),
        Just(Question::Config),
        Just(Question::Tags),
        Just(Question::Ping),
        words().prop_map(|digest| Question::Blob { digest }),
    ];
    let identity = prop_oneof![Just(Identity::Anonymous), (0_usize..4).prop_map(Identity::Credential)];
    (0_usize..4, question, identity, any::<bool>(), answer(), any::<u32>()).prop_map(
        |(hop, question, identity, authorized, answer, ms)| Exchange {
            hop,
            question,
            identity,
            authorized,
            answer,
            ms,
        },
    )
}

fn image() -> impl Strategy<Value = ImageEvidence> {
    let manifest = || {
        prop_oneof![
            Just(healthy::evidence().endpoints[0].image.clone().unwrap().manifest),
            Just(Manifest::Schema1),
            Just(Manifest::Html),
            Just(Manifest::Index { entries: Vec::new(), chosen: None }),
            // An index into nothing.
            Just(Manifest::Index { entries: Vec::new(), chosen: Some(7) }),
            words().prop_map(|why| Manifest::Undecodable { why }),
            words().prop_map(|media_type| Manifest::UnknownType { media_type }),
            words().prop_map(|kind| Manifest::Image {
                config: healthy::descriptor(&kind, &kind),
                layers: vec![healthy::descriptor("x+encrypted", &kind)],
            }),
        ]
    };
    let platform = prop::sample::select(vec!["linux/amd64", "linux/arm64", "windows/amd64"]);
    (manifest(), option::of(manifest()), option::of(platform), words()).prop_map(
        |(manifest, chosen, platform, text)| ImageEvidence {
            digest: text.clone(),
            media_type: text,
            manifest,
            chosen,
            platform: platform.and_then(|platform| platform.parse().ok()),
        },
    )
}

fn endpoint() -> impl Strategy<Value = EndpointEvidence> {
    let tags = (vec(words(), 0..3), 0_usize..3, any::<bool>()).prop_map(|(nearest, read, complete)| TagsEvidence {
        nearest,
        read,
        complete,
    });
    let unseen = (words(), words()).prop_map(|(what, why)| NotChecked { what, why });
    (vec(hop(), 0..4), vec(exchange(), 0..6), option::of(image()), option::of(tags), vec(unseen, 0..2)).prop_map(
        |(hops, exchanges, image, tags, not_checked)| EndpointEvidence { hops, exchanges, image, tags, not_checked },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let clock = (words(), moment(), moment()).prop_map(|(host, theirs, ours)| ClockSample { host, theirs, ours });
    (vec(endpoint(), 0..3), vec(clock, 0..3), any::<bool>()).prop_map(|(endpoints, clocks, cut_short)| Evidence {
        started_at: healthy::now(),
        took_ms: 1,
        endpoints,
        clocks,
        cut_short,
        store: None,
        on_node: None,
        absent_sandbox_image: None,
        pull: None,
    })
}

fn credential() -> impl Strategy<Value = Credential> {
    let offer = prop_oneof![
        4 => Just(Offer::Yes),
        2 => words().prop_map(|why| Offer::NotMatching { why }),
        1 => (words(), words()).prop_map(|(field, why)| Offer::Unreadable { field, why }),
        1 => (words(), any::<bool>()).prop_map(|(why, in_doubt)| Offer::PluginFailed { why, in_doubt }),
    ];
    (words(), option::of(words()), offer).prop_map(|(source, key, offer)| Credential {
        source,
        key,
        user: None,
        password: String::new().into(),
        offer,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_evidence_has_a_diagnosis(
        evidence in evidence(),
        credentials in vec(credential(), 0..3),
        unread in vec(words(), 0..2),
        mirrors in vec(any::<bool>(), 0..3),
        sees_authorities in any::<bool>(),
    ) {
        let (case, mut plan) = healthy::posed();
        for resolves in mirrors {
            let mirror = Endpoint { role: Role::Mirror, resolves, ..plan.endpoints[0].clone() };
            plan.endpoints.insert(0, mirror);
        }
        (plan.credentials, plan.unread_credentials) = (credentials, unread);
        if sees_authorities {
            let bundle = TrustSource { path: "/etc/ssl/ca.pem".into(), certificates: 1, modified: None };
            plan.network.trust.sources.push(bundle);
        }
        let found = diagnose(&case, &plan, &evidence);
        let fails = matches!(found.verdict, Verdict::Failing | Verdict::Inconclusive);
        prop_assert_eq!(fails, found.cause.is_some());
        prop_assert!(found.findings.is_sorted_by_key(|f| std::cmp::Reverse(f.severity)));
        let worst = found.findings.first().map(|f| f.severity);
        if let Some(cause) = &found.cause {
            prop_assert_eq!((cause.code, worst), (found.findings[0].code, Some(Severity::Error)));
            // Of authorities that were not seen none can be told to be lacking.
            let is_unseen = cause.code == Code::TlsUnknownAuthority && !sees_authorities;
            prop_assert_eq!(cause.code == Code::Unknown || is_unseen, found.verdict == Verdict::Inconclusive);
            prop_assert!(!cause.summary.is_empty());
        } else {
            prop_assert_eq!(worst >= Some(Severity::Warning), found.verdict == Verdict::Degraded);
        }
        prop_assert_eq!(&diagnose(&case, &plan, &evidence), &found);
    }

    #[test]
    fn every_image_and_secret_has_a_plan_and_a_diagnosis(image in any::<String>(), secret in any::<String>()) {
        let (mut case, _) = healthy::posed();
        case.image = image;
        case.credentials = vec![GivenCredential::DockerConfig { source: "test".into(), text: secret.into() }];
        let plan = pullagent_diagnosis::plan::plan(&case, &healthy::config());
        let nothing = Evidence { endpoints: Vec::new(), ..healthy::evidence() };
        prop_assert!(diagnose(&case, &plan, &nothing).cause.is_some());
    }
}
