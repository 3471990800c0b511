//! An examination in which everything is well: a registry, its token service and its storage.

use jiff::Timestamp;
use pullagent_diagnosis::case::{Case, Network, Node, NodeConfig};
use pullagent_diagnosis::config::hosts_file::parse_hosts;
use pullagent_diagnosis::config::proxy_env::ProxyEnv;
use pullagent_diagnosis::config::resolv_conf::parse_resolv_conf;
use pullagent_diagnosis::config::trust::Trust;
use pullagent_diagnosis::evidence::{
    EndpointEvidence, Evidence, Exchange, Hop, Identity, ImageEvidence, Question, Role,
};
use pullagent_diagnosis::layer::dns::{DnsEvidence, DnsOutcome, NameSource};
use pullagent_diagnosis::layer::registry::{Answer, Challenge, Response};
use pullagent_diagnosis::layer::tls::{TlsEvidence, TlsOutcome};
use pullagent_diagnosis::layer::transport::{AddressEvidence, ConnectEvidence, ConnectOutcome};
use pullagent_diagnosis::manifest::{Descriptor, Manifest};
use pullagent_diagnosis::plan::{Plan, plan};

const LAYER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const REGISTRY: usize = 0;
const TOKEN: usize = 1;
const STORAGE: usize = 2;

pub(crate) fn now() -> Timestamp {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn config() -> NodeConfig {
    let node =
        Node { name: "node-1".to_owned(), platform: "linux/amd64".parse().unwrap(), has_ipv4: true, has_ipv6: true };
    NodeConfig {
        runtime: None,
        files: pullagent_diagnosis::config::files::Files::default(),
        environment: pullagent_diagnosis::config::process_env::ProcessEnv::default(),
        kubelet: None,
        node,
        network: Network {
            proxy: ProxyEnv::default(),
            resolver: parse_resolv_conf("", "", |_| None),
            hosts: parse_hosts(""),
            trust: Trust::default(),
        },
        unread_credentials: Vec::new(),
        not_checked: Vec::new(),
    }
}

pub(crate) fn posed() -> (Case, Plan) {
    let case = Case { image: "registry.test/team/api:1.4.2".to_owned(), ..Case::default() };
    let plan = plan(&case, &config());
    (case, plan)
}

pub(crate) fn hop(role: Role, host: &str) -> Hop {
    let ip = "192.0.2.1".parse().unwrap();
    let dns = DnsEvidence {
        outcome: DnsOutcome::Ok { addresses: vec![ip], source: NameSource::Dns },
        ms: 1,
        name: None,
        servers: Vec::new(),
        queries: Vec::new(),
    };
    let connect = ConnectEvidence {
        outcome: ConnectOutcome::Ok,
        ms: 1,
        used: Some(ip),
        port: 443,
        source: None,
        addresses: vec![AddressEvidence { ip, outcome: ConnectOutcome::Ok, ms: 1 }],
    };
    let verified = TlsOutcome::Ok { version: "TLS 1.3".to_owned(), protocol: None, verified: true, overlooked: vec![] };
    Hop {
        dns: Some(dns),
        connect: Some(connect),
        tls: Some(TlsEvidence { outcome: verified, ms: 1, chain: Vec::new() }),
        ..Hop::new(role, host, format!("https://{host}/v2/"))
    }
}

pub(crate) fn answered(status: u16) -> Response {
    Response { status, speaks_distribution: true, ..Response::default() }
}

fn asked(hop: usize, question: Question, authorized: bool, response: Response) -> Exchange {
    Exchange { hop, question, identity: Identity::Anonymous, authorized, answer: Answer::Response(response), ms: 1 }
}

pub(crate) fn descriptor(media_type: &str, digest: &str) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_owned(),
        size: 1,
        platform: None,
        urls: Vec::new(),
    }
}

pub(crate) fn evidence() -> Evidence {
    let realm = "https://auth.test/token".to_owned();
    let wish = Challenge::Bearer { realm, service: String::new(), scope: String::new(), error: String::new() };
    let config = descriptor("application/vnd.oci.image.config.v1+json", LAYER);
    let manifest =
        Manifest::Image { config, layers: vec![descriptor("application/vnd.oci.image.layer.v1.tar", LAYER)] };
    let blob = || Question::Blob { digest: LAYER.to_owned() };
    let endpoint = EndpointEvidence {
        hops: vec![
            hop(Role::Registry, "registry.test"),
            hop(Role::Token, "auth.test"),
            hop(Role::Blob, "storage.test"),
        ],
        exchanges: vec![
            asked(REGISTRY, Question::Manifest, false, Response { challenges: vec![wish], ..answered(401) }),
            asked(TOKEN, Question::Token, false, Response { has_token: Some(true), ..answered(200) }),
            asked(REGISTRY, Question::Manifest, true, answered(200)),
            asked(REGISTRY, Question::Config, true, answered(200)),
            asked(STORAGE, blob(), false, answered(206)),
        ],
        image: Some(ImageEvidence {
            digest: LAYER.to_owned(),
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            manifest,
            chosen: None,
            platform: "linux/amd64".parse().ok(),
        }),
        tags: None,
        not_checked: Vec::new(),
    };
    Evidence {
        started_at: now(),
        took_ms: 1,
        endpoints: vec![endpoint],
        clocks: Vec::new(),
        cut_short: false,
        store: None,
        on_node: None,
        absent_sandbox_image: None,
        pull: None,
    }
}
