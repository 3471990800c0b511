//! Where an examination for somebody else's image does not go: what a pod can name leads to no address of the node, by
//! the connections that a listener there got. The same examinations for a person do go there, so that each can fail.

#![expect(clippy::unwrap_used, reason = "a world that cannot be made fails these tests")]

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use pullagent_diagnosis::authority::Scheme;
use pullagent_diagnosis::case::{Case, PodCase};
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::denied_addresses::DeniedAddresses;
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::evidence::Role;
use pullagent_diagnosis::layer::proxy::OtherWayOutcome;
use pullagent_diagnosis::plan::{Endpoint, plan};
use pullagent_diagnosis::pod::KubeletWords;
use pullagent_probes::node::{Environment, read_node};
use pullagent_probes::{Limits, Standpoint, examine_from};
use pullagent_testkit::dns::{Answer, Dns};
use pullagent_testkit::proxy::{Decision, Proxy, ProxyHandle};
use pullagent_testkit::registry::{Accounts, Auth, Behaviour, Image, Layer, On, Registry, RegistryHandle};

/// A service of the node that takes connections and never answers.
struct Victim(TcpListener);

impl Victim {
    fn on(ip: &str) -> Self {
        let listener = TcpListener::bind((ip.parse::<IpAddr>().unwrap(), 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// How many connections it got since it was asked last; those that are closed already count as well.
    fn connections(&self) -> usize {
        let mut count = 0;
        loop {
            match self.0.accept() {
                Ok(_) => count += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return count,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// An image, where it is asked for, and the node's ways.
#[derive(Clone, Default)]
struct Posed {
    image: String,
    /// Stands for the registry; without one the image's own is asked.
    mirror: Option<String>,
    resolver: Option<SocketAddr>,
    environment: Environment,
    /// What the kubelet said.
    said: &'static str,
}

impl Posed {
    /// Asked for at a mirror of the node, which is contacted wherever it is; what it leads to is not the node's.
    fn at_mirror(registry: &RegistryHandle) -> Self {
        let mirror = Some(registry.addr().to_string());
        Self { image: "registry.test/team/api:1".to_owned(), mirror, ..Self::default() }
    }

    /// At a registry that the image says is local.
    fn at_localhost(registry: &RegistryHandle) -> Self {
        Self { image: format!("{}/team/api:1", registry.addr()), ..Self::default() }
    }

    async fn examine(&self, denied: Option<&Arc<DeniedAddresses>>) -> Diagnosis {
        let root = tempfile::tempdir().unwrap();
        let mut node = read_node(root.path(), &self.environment, None);
        node.network.resolver.servers = self.resolver.into_iter().collect();
        let reason = "ErrImagePull".to_owned();
        let said = KubeletWords { reason, message: self.said.to_owned(), since: Timestamp::UNIX_EPOCH, retry_by: None };
        let pod = PodCase { said: Some(said).filter(|_| !self.said.is_empty()), ..PodCase::default() };
        let case = Case { image: self.image.clone(), pod: Some(pod), ..Case::default() };
        let mut plan = plan(&case, &node);
        if let Some(mirror) = &self.mirror {
            plan.endpoints = vec![Endpoint::plain(Role::Mirror, Scheme::Http, mirror.clone())];
        }
        let here = Standpoint { denied, ..Standpoint::default() };
        // A busy machine, too, comes to the end of a side question.
        let limits = Limits { aside: Limits::default().total, ..Limits::default() };
        let evidence = examine_from(&plan, &limits, &here).await;
        diagnose(&case, &plan, &evidence)
    }

    /// Whether the examination for a person leads to the victim; it need not come to its end.
    async fn leads_to(&self, victim: &Victim) -> bool {
        let listener = tokio::net::TcpListener::from_std(victim.0.try_clone().unwrap()).unwrap();
        tokio::select! {
            accepted = listener.accept() => accepted.is_ok(),
            _ = self.examine(None) => victim.connections() > 0,
        }
    }
}

/// The built-in ranges, and this one.
fn denied(given: &str) -> Arc<DeniedAddresses> {
    Arc::new(DeniedAddresses::new([given.parse::<IpNet>().unwrap()], [], []))
}

/// The victim gets no connection for a pod, and the report accuses nobody; for a person it does.
#[track_caller]
fn check(posed: &Posed, victim: &Victim, given: &str, why: &str) -> impl Future<Output = Diagnosis> {
    let (posed, denied, why) = (posed.clone(), denied(given), why.to_owned());
    let (listener, caller) = (victim.0.try_clone().unwrap(), std::panic::Location::caller());
    async move {
        let victim = Victim(listener);
        let found = posed.examine(Some(&denied)).await;
        assert_eq!(victim.connections(), 0, "{caller}: for a pod");
        assert_eq!(found.verdict, Verdict::Inconclusive, "{caller}: {:#?}", found.findings);
        let ip = victim.addr().ip();
        let told = |word: &str| word.contains(&format!("{ip} is not contacted for a pod's image: {why}"));
        assert!(found.not_checked.iter().any(|unseen| told(&unseen.why)), "{caller}: {:#?}", found.not_checked);
        let cause = found.cause.clone().unwrap();
        assert!(cause.code == Code::Unknown && told(&cause.summary), "{caller}: {cause:#?}");
        assert!(posed.leads_to(&victim).await, "{caller}: for a person");
        found
    }
}

const NOBODY: &str = "192.0.2.0/24";
const LOOPBACK: &str = "it is this node itself, and the image does not say localhost";

fn registry(layers: Vec<Layer>) -> Registry {
    Registry::new().image("team/api", ["1"], &Image::new("linux/amd64").layers(layers))
}

#[tokio::test]
async fn the_registry_of_an_image_is_not_looked_for_at_denied_addresses() {
    let victim = Victim::on("127.0.0.9");
    let port = victim.addr().port();
    let dns = Dns::new().addresses("registry.test", [victim.addr().ip()]).start().await.unwrap();
    let posed =
        Posed { image: format!("registry.test:{port}/team/api:1"), resolver: Some(dns.addr()), ..Posed::default() };
    check(&posed, &victim, NOBODY, LOOPBACK).await;
    // Loopback is denied to an image that says localhost where the settings say so.
    let posed = Posed { image: format!("127.0.0.9:{port}/team/api:1"), ..Posed::default() };
    check(&posed, &victim, "127.0.0.9/32", "the settings deny 127.0.0.9/32").await;
}

#[tokio::test]
async fn a_realm_on_the_node_is_not_asked_for_a_token() {
    let victim = Victim::on("127.0.0.1");
    let realm = format!("http://{}/token", victim.addr());
    let registry = registry(vec![]).auth(Auth::bearer_at(&realm), &Accounts::default()).start().await.unwrap();
    check(&Posed::at_mirror(&registry), &victim, NOBODY, LOOPBACK).await;
}

#[tokio::test]
async fn a_redirect_to_the_node_is_not_followed() {
    let victim = Victim::on("127.0.0.1");
    let url = format!("http://{}/v2/keys", victim.addr());
    for on in [On::Everything, On::Manifest, On::Digest, On::Config, On::Layer] {
        let registry = registry(vec![Layer::default()]).behave(on, Behaviour::Redirect(url.clone()));
        let registry = registry.start().await.unwrap();
        check(&Posed::at_mirror(&registry), &victim, NOBODY, LOOPBACK).await;
    }
}

#[tokio::test]
async fn a_layers_url_on_the_node_is_not_asked() {
    let victim = Victim::on("127.0.0.1");
    let urls = vec![format!("http://{}/layer", victim.addr())];
    let registry = registry(vec![Layer { urls, ..Layer::default() }]).start().await.unwrap();
    check(&Posed::at_mirror(&registry), &victim, NOBODY, LOOPBACK).await;
}

#[tokio::test]
async fn an_answer_that_changes_is_judged_each_time_that_it_is_dialled() {
    let victim = Victim::on("127.0.0.9");
    let turns = ["127.0.0.1", "127.0.0.9"].map(|ip| Answer::Addresses(vec![ip.parse().unwrap()]));
    // The same name at another port is another host: it is resolved anew.
    let dns = || Dns::new().name("rebinding.test", Answer::InTurn(turns.clone().into()));
    let to = |port: u16| Behaviour::Redirect(format!("http://rebinding.test:{port}/x"));
    let second = Registry::new().behave(On::Everything, to(victim.addr().port())).start().await.unwrap();
    let first = registry(vec![]).behave(On::Config, to(second.addr().port())).start().await.unwrap();
    let told = "the settings deny 127.0.0.9/32";

    let for_a_pod = dns().start().await.unwrap();
    let posed = Posed { resolver: Some(for_a_pod.addr()), ..Posed::at_localhost(&first) };
    let found = posed.examine(Some(&denied("127.0.0.9/32"))).await;
    assert_eq!(victim.connections(), 0);
    assert!(!second.requests().is_empty(), "it was led as far as the first answer");
    assert!(found.not_checked.iter().any(|unseen| unseen.why.ends_with(told)), "{:#?}", found.not_checked);
    let asked = for_a_pod.queries().iter().filter(|query| query.record_type == "A").count();
    assert_eq!(asked, 2, "once for each host, not for the check and the connection");

    let for_a_person = dns().start().await.unwrap();
    let posed = Posed { resolver: Some(for_a_person.addr()), ..posed };
    assert!(posed.leads_to(&victim).await);
}

#[tokio::test]
async fn an_ipv4_address_in_the_form_of_ipv6_is_the_same() {
    let victim = Victim::on("127.0.0.1");
    let url = format!("http://[::ffff:127.0.0.1]:{}/v2/keys", victim.addr().port());
    let registry = registry(vec![]).behave(On::Config, Behaviour::Redirect(url)).start().await.unwrap();
    let posed = Posed::at_mirror(&registry);
    let found = posed.examine(Some(&denied(NOBODY))).await;
    assert_eq!((victim.connections(), found.verdict), (0, Verdict::Inconclusive));
    assert!(posed.leads_to(&victim).await);
}

/// The variables of a node that reaches others through this proxy.
fn through(scheme: &str, proxy: &ProxyHandle) -> Environment {
    let variable = |name: &str| (name.to_owned(), format!("{scheme}://{}", proxy.addr()));
    ["HTTP_PROXY", "HTTPS_PROXY"].map(variable).into_iter().collect()
}

#[tokio::test]
async fn a_proxy_is_asked_for_names_and_not_for_a_denied_address() {
    let check = async |scheme: &str, image: &str, is_asked: bool| {
        let refuses = Proxy::new().decide(Decision::Status(403));
        let proxy = if scheme == "socks5" { Proxy::new().decide(Decision::Reply(2)).socks() } else { refuses };
        let proxy = proxy.start().await.unwrap();
        let posed = Posed { image: image.to_owned(), environment: through(scheme, &proxy), ..Posed::default() };
        // The proxy itself is on loopback, and the node's own.
        let found = posed.examine(Some(&denied("198.51.100.0/24"))).await;
        assert_eq!(!proxy.requests().is_empty(), is_asked, "{scheme} {image}");
        assert_eq!(found.verdict == Verdict::Inconclusive, !is_asked, "{:#?}", found.findings);
        posed.examine(None).await;
        assert!(!proxy.requests().is_empty(), "{scheme} {image}, for a person");
    };
    for scheme in ["http", "socks5"] {
        check(scheme, "198.51.100.7:5000/team/api:1", false).await;
        check(scheme, "registry.test:5000/team/api:1", true).await;
    }
}

#[tokio::test]
async fn the_way_past_a_proxy_leads_to_no_denied_address_either() {
    let victim = Victim::on("127.0.0.1");
    let dns = Dns::new().addresses("registry.test", [victim.addr().ip()]).start().await.unwrap();
    let proxy = Proxy::new().decide(Decision::Status(403)).start().await.unwrap();
    let posed = Posed {
        image: format!("registry.test:{}/team/api:1", victim.addr().port()),
        resolver: Some(dns.addr()),
        environment: through("http", &proxy),
        ..Posed::default()
    };
    let found = posed.examine(Some(&denied(NOBODY))).await;
    assert_eq!(victim.connections(), 0);
    let looked = found.hops.iter().find_map(|hop| hop.other_way.as_ref()).map(|way| way.outcome);
    assert_eq!(looked, Some(OtherWayOutcome::NotContacted));
    assert!(posed.leads_to(&victim).await);
}

#[tokio::test]
async fn where_nobody_looked_the_kubelets_words_decide() {
    let victim = Victim::on("127.0.0.1");
    let url = format!("http://{}/", victim.addr());
    let registry = registry(vec![]).behave(On::Config, Behaviour::Redirect(url)).start().await.unwrap();
    let said = "failed to pull and unpack image: dial tcp 127.0.0.1:2379: connect: connection refused";
    let posed = Posed { said, ..Posed::at_mirror(&registry) };
    let found = posed.examine(Some(&denied(NOBODY))).await;
    let code = found.cause.map(|cause| cause.code);
    assert_eq!((victim.connections(), found.verdict, code), (0, Verdict::Failing, Some(Code::ConnectionRefused)));
}

#[tokio::test]
async fn a_local_image_and_a_mirror_of_the_node_are_served_on_loopback() {
    let registry = registry(vec![Layer::default()]).start().await.unwrap();
    for posed in [Posed::at_mirror(&registry), Posed::at_localhost(&registry)] {
        let found = posed.examine(Some(&denied(NOBODY))).await;
        assert!(matches!(found.verdict, Verdict::Pullable | Verdict::Degraded), "{:#?}", found.findings);
    }
}
