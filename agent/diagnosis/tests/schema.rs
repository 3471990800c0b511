//! The schemas in docs are those of the types, and hold for what they print.
#![expect(clippy::unwrap_used, reason = "a value written out in a test parses")]
#![expect(clippy::disallowed_methods, reason = "the documents are files")]

use std::path::PathBuf;

use pullagent_diagnosis::case::{Case, Network, Node, NodeConfig};
use pullagent_diagnosis::config::{hosts_file, proxy_env, resolv_conf, trust};
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{
    CredentialReport, Diagnosis, ImageReport, OnNodeReport, PullReport, PullVerdict, RuntimeReport,
};
use pullagent_diagnosis::evidence::{Evidence, Hop, Role};
use pullagent_diagnosis::fleet;
use pullagent_diagnosis::layer::credentials::CredentialOutcome;
use pullagent_diagnosis::layer::dns::{
    DnsAnswer, DnsEvidence, DnsOutcome, DnsQuery, DnsServer, Family, NameSource, ServerFault,
};
use pullagent_diagnosis::layer::proxy::{OtherWay, OtherWayOutcome, ProxyEvidence, ProxyOutcome};
use pullagent_diagnosis::layer::registry::{HttpEvidence, HttpOutcome, RateLimit};
use pullagent_diagnosis::layer::tls::{CertificateFacts, CertificateFault, TlsEvidence, TlsOutcome};
use pullagent_diagnosis::layer::transport::{AddressEvidence, ConnectEvidence, ConnectOutcome, StreamFailure};
use pullagent_diagnosis::message;
use pullagent_diagnosis::plan::plan;
use pullagent_diagnosis::platform::Platform;
use pullagent_diagnosis::pull_configuration;
use pullagent_diagnosis::pull_secrets;
use pullagent_diagnosis::report;
use serde_json::Value;

/// An image that cannot be parsed, and everything else that a report can hold.
fn full() -> Diagnosis {
    let platform: Platform = "linux/arm64".parse().unwrap();
    let case = Case { image: "Reg/x".into(), ..Case::default() };
    let node = node(platform.clone());
    let now: jiff::Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
    let evidence = Evidence {
        started_at: now,
        took_ms: 1,
        endpoints: Vec::new(),
        clocks: Vec::new(),
        cut_short: true,
        store: None,
        on_node: None,
        absent_sandbox_image: None,
        pull: None,
    };
    let mut diagnosis = diagnose(&case, &plan(&case, &node), &evidence);

    let ip = "2001:db8::1".parse().unwrap();
    let server = "[2001:db8::53]:53".parse().unwrap();
    let refused = TlsOutcome::CertificateRefused {
        fault: CertificateFault::Expired { not_after: now, now, subject: "CN=a".into() },
        further: vec![CertificateFault::NameMismatch { wanted: "a".into(), names: vec!["b".into()] }],
    };
    let certificate = CertificateFacts {
        subject: "CN=a".into(),
        issuer: "CN=b".into(),
        not_before: now,
        not_after: now,
        names: vec!["b".into()],
        sha256: "00".into(),
    };
    let tls = TlsEvidence { outcome: refused, ms: 1, chain: vec![certificate] };
    let answer = DnsAnswer::Ok { addresses: vec![ip] };
    let query = DnsQuery { name: "a.".into(), server, family: Family::Ipv6, answer: answer.clone(), ms: 1, tcp: true };
    let hop = Hop {
        role: Role::Mirror,
        host: "a:5000".into(),
        url: "https://a:5000/v2/".into(),
        via: "http://proxy:3128".into(),
        route: "HTTPS_PROXY".into(),
        dns: Some(DnsEvidence {
            outcome: DnsOutcome::Ok { addresses: vec![ip], source: NameSource::Dns },
            ms: 1,
            name: Some("a.corp.".into()),
            servers: vec![DnsServer { server, answer, ms: 1 }],
            queries: vec![query],
        }),
        connect: Some(ConnectEvidence {
            outcome: ConnectOutcome::Unreachable { why: "no route".into() },
            ms: 1,
            used: Some(ip),
            port: 3128,
            source: Some(ip),
            addresses: vec![AddressEvidence { ip, outcome: ConnectOutcome::Ok, ms: 1 }],
        }),
        proxy: Some(ProxyEvidence {
            outcome: ProxyOutcome::Broken { failure: StreamFailure::Failed { why: "x".into() } },
            ms: 1,
            status: Some(407),
            date: Some(now),
            tls: Some(tls.clone()),
        }),
        tls: Some(tls),
        http: Some(HttpEvidence { outcome: HttpOutcome::Ok, ms: 1, status: Some(200) }),
        other_way: Some(OtherWay {
            via: "direct".into(),
            variable: "NO_PROXY".into(),
            entries: vec!["a".into()],
            outcome: OtherWayOutcome::Works,
            ms: 1,
        }),
    };
    let mut unresolved = hop.clone();
    unresolved.dns.as_mut().unwrap().outcome = DnsOutcome::ServerFailure { server, fault: ServerFault::ServFail };
    diagnosis.hops = vec![hop, unresolved];
    diagnosis.credentials.push(CredentialReport {
        source: "secret a/b".into(),
        key: Some("a".into()),
        user: Some("u".into()),
        outcome: CredentialOutcome::NotMatching,
        expires_at: Some(diagnosis.started_at),
    });
    diagnosis.image = Some(ImageReport {
        on_node: Some(OnNodeReport { digest: "sha256:ab".into(), bytes: 1 }),
        digest: Some("sha256:0".into()),
        media_type: Some("m".into()),
        platforms: vec![platform],
        bytes: Some(1),
    });
    diagnosis.rate_limit = Some(RateLimit { limit: 1, remaining: 0, window_seconds: 1, source: String::new() });
    pulled(&mut diagnosis);
    diagnosis
}

/// A node of which little is known.
fn node(platform: Platform) -> NodeConfig {
    NodeConfig {
        runtime: None,
        files: pullagent_diagnosis::config::files::Files::default(),
        environment: pullagent_diagnosis::config::process_env::ProcessEnv::default(),
        kubelet: None,
        node: Node { name: "n".into(), platform, has_ipv4: true, has_ipv6: true },
        network: Network {
            proxy: proxy_env::ProxyEnv::default(),
            resolver: resolv_conf::parse_resolv_conf("", "n", |_| None),
            hosts: hosts_file::parse_hosts(""),
            trust: trust::Trust::default(),
        },
        unread_credentials: vec!["/var/lib/kubelet/config.json".into()],
        not_checked: Vec::new(),
    }
}

/// Everything that is said of the runtime.
fn pulled(diagnosis: &mut Diagnosis) {
    diagnosis.node.runtime =
        Some(RuntimeReport { name: "r".into(), version: "1".into(), endpoint: "unix:///r".into() });
    diagnosis.pull = PullReport {
        attempted: true,
        outcome: Some(PullVerdict::Failed),
        message: Some("m".into()),
        ms: Some(1),
        agrees: Some(true),
        kept: Some(false),
    };
}

#[test]
fn the_schemas_in_docs_are_those_of_the_types() {
    check_schema("report.schema.json", &report::schema());
    check_schema("reports.schema.json", &report::reports_schema());
    check_schema("explain.schema.json", &message::schema());
    check_schema("node.schema.json", &pull_configuration::schema());
    check_schema("node-diff.schema.json", &pull_configuration::comparison_schema());
    check_schema("waiting.schema.json", &report::waiting_schema());
    check_schema("secrets.schema.json", &pull_secrets::schema());
    check_schema("fleet.schema.json", &fleet::schema());
    check_schema("incidents.schema.json", &fleet::incidents_schema());
}

#[track_caller]
fn check_schema(name: &str, schema: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    let schema = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &schema).unwrap();
    }
    let in_docs = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        in_docs == schema,
        "docs/{name} is not that of the types; write it anew with\n    \
         UPDATE_DOCS=1 cargo test -p pullagent-diagnosis --test schema"
    );
}

#[test]
fn a_full_report_reads_back_as_it_was() {
    let diagnosis = full();
    let line = serde_json::to_string(&diagnosis).unwrap();
    assert_eq!(serde_json::from_str::<Diagnosis>(&line).unwrap(), diagnosis);
}

#[test]
fn nothing_is_null_but_the_cause() {
    let mut diagnosis = full();
    assert!(nulls(&serde_json::to_value(&diagnosis).unwrap(), "").is_empty());
    diagnosis.cause = None;
    diagnosis.hops[0] = Hop { route: "NO_PROXY a".into(), ..Hop::new(Role::Mirror, "a:5000", "https://a:5000/v2/") };
    diagnosis.image = Some(ImageReport::default());
    diagnosis.rate_limit = None;
    assert_eq!(nulls(&serde_json::to_value(&diagnosis).unwrap(), ""), ["/cause"]);
}

#[test]
fn every_key_is_in_camel_case_and_in_the_schema() {
    let schema = report::schema();
    let mut keys = Vec::new();
    collect_keys(&serde_json::to_value(full()).unwrap(), &mut keys);
    let mut known = Vec::new();
    collect_keys(&schema, &mut known);
    for key in keys {
        let camel = key.starts_with(|c: char| c.is_ascii_lowercase()) && key.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(camel, "{key}");
        assert!(known.contains(&key), "{key} is not in the schema");
    }
}

#[test]
fn an_explanation_reads_back_and_has_no_null_but_the_cause() {
    let text = "Failed to pull image \"a.b/c:1\": initializing source docker://a.b/c:1: (Mirrors also failed: [m.b/c:1: \
        pinging container registry m.b: EOF]): a.b/c:1: reading manifest 1 in a.b/c: denied: requested access to the \
        resource is denied";
    let explained = message::classify(text).remove(0);
    let line = serde_json::to_string(&explained).unwrap();
    assert_eq!(serde_json::from_str::<message::Explained>(&line).unwrap(), explained);
    assert!(nulls(&serde_json::to_value(&explained).unwrap(), "").is_empty());
    assert_eq!(nulls(&serde_json::to_value(message::nothing_found()).unwrap(), ""), ["/cause"]);
    let mut keys = Vec::new();
    let mut known = Vec::new();
    collect_keys(&serde_json::to_value(&explained).unwrap(), &mut keys);
    collect_keys(&message::schema(), &mut known);
    assert!(keys.iter().all(|key| known.contains(key)), "{keys:?}");
}

/// The paths of every null.
fn nulls(value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::Null => vec![at.to_owned()],
        Value::Array(list) => list.iter().enumerate().flat_map(|(i, v)| nulls(v, &format!("{at}/{i}"))).collect(),
        Value::Object(object) => object.iter().flat_map(|(k, v)| nulls(v, &format!("{at}/{k}"))).collect(),
        _ => Vec::new(),
    }
}

fn collect_keys(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|v| collect_keys(v, keys)),
        Value::Object(object) => {
            for (key, value) in object {
                keys.push(key.clone());
                collect_keys(value, keys);
            }
        }
        _ => {}
    }
}
