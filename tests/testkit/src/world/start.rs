//! From a scenario to running servers: bind every port, fill the placeholders, then start.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::TcpListener;

use super::{
    AuthKind, Certificate, DnsPorts, Names, Proxy, Registry, Scenario, ScenarioError, World, placeholder,
    scenario::{Password, Resolver},
};
use crate::{
    ca::{Ca, Identity, Leaf},
    dns::{Answer, Dns, DnsHandle},
    dnsmasq::DnsmasqHandle,
    docker_registry::DockerRegistryHandle,
    listen::{self, Handle},
    proxy::{self, ProxyHandle},
    registry::{self, Access, Accounts, Auth, RegistryHandle},
    squid::SquidHandle,
    tcp::{BlackHole, Refused},
    tls::Tls,
};

/// Port 53 is that of resolv.conf, and the first address is that of systemd's resolver.
const DNS_PORT: u16 = 53;
const FIRST_RESOLVER: u8 = 53;

/// A DNS server of a world.
pub(super) enum RunningResolver {
    Own(DnsHandle),
    Dnsmasq(DnsmasqHandle),
}

impl RunningResolver {
    pub(super) fn addr(&self) -> SocketAddr {
        match self {
            Self::Own(handle) => handle.addr(),
            Self::Dnsmasq(handle) => handle.addr(),
        }
    }
}

/// A server of a world.
pub(super) enum Running {
    Registry(RegistryHandle),
    Proxy(ProxyHandle),
    Peer(Handle),
    Refused(Refused),
    BlackHole(BlackHole),
    DockerRegistry(DockerRegistryHandle),
    Squid(SquidHandle),
}

/// A port taken before its server starts.
enum Bound {
    Listener(TcpListener),
    Refused(Refused),
    BlackHole(BlackHole),
}

impl Running {
    pub(super) fn addr(&self) -> SocketAddr {
        match self {
            Self::Registry(handle) => handle.addr(),
            Self::Proxy(handle) => handle.addr(),
            Self::Peer(handle) => handle.addr(),
            Self::Refused(port) => port.addr(),
            Self::BlackHole(port) => port.addr(),
            Self::DockerRegistry(handle) => handle.addr(),
            Self::Squid(handle) => handle.addr(),
        }
    }
}

pub(super) async fn world(file: &str, text: &str, ports: DnsPorts) -> Result<World, ScenarioError> {
    let unfilled = Scenario::parse(file, text)?;
    let failed = |server: String, source| ScenarioError::Start { file: file.to_owned(), server, source };
    let (ca, stranger) = (Ca::new("pullagent test root"), Ca::new("pullagent stranger root"));
    let client = ca.issue(&Leaf::new(["client.test"]));

    let mut bound = BTreeMap::new();
    for (kind, id) in unfilled.ids() {
        let port = bind(&unfilled, id).await.map_err(|source| failed(format!("{kind}.{id}"), source))?;
        bound.insert(id.clone(), port);
    }
    let text = placeholder::fill(text, |id, what| match (id, what) {
        ("ca", "pem") => Some(ca.pem()),
        ("now", "date") => Some(httpdate::fmt_http_date(std::time::SystemTime::now())),
        ("client", "certificate") => Some(client.certificate_pem().to_owned()),
        ("client", "key") => Some(client.key_pem()),
        (_, "port") => Some(bound.get(id)?.0.port().to_string()),
        (_, "addr") => Some(bound.get(id)?.0.to_string()),
        (_, "digest") => Some(unfilled.registry.get(id)?.repository.first()?.image().store().digest),
        _ => None,
    })
    .map_err(|(line, name)| ScenarioError::Field {
        file: file.to_owned(),
        field: format!("line {line}"),
        problem: format!("unknown placeholder `{name}`"),
    })?;
    let scenario = Scenario::parse(file, &text)?;

    let makers = Makers { scenario: &scenario, ca: &ca, stranger: &stranger, accounts: accounts(&scenario) };
    let mut servers = BTreeMap::new();
    for (id, (_, port)) in bound {
        let running = makers.start(&id, port).await.map_err(|source| failed(id.clone(), source))?;
        servers.insert(id, running);
    }
    let mut resolvers = Vec::new();
    for (number, resolver) in scenario.resolver.iter().enumerate() {
        let started = start_resolver(resolver, resolver_address(resolver, number, ports), &scenario).await;
        resolvers.push(started.map_err(|source| failed(format!("resolver[{number}]"), source))?);
    }
    Ok(World { scenario, ca, stranger, servers, resolvers })
}

async fn bind(scenario: &Scenario, id: &str) -> io::Result<(SocketAddr, Bound)> {
    if let Some(place) = scenario.refused.get(id) {
        let port = Refused::on(SocketAddr::new(place.address, 0))?;
        return Ok((port.addr(), Bound::Refused(port)));
    }
    if let Some(place) = scenario.blackhole.get(id) {
        let port = BlackHole::on(SocketAddr::new(place.address, 0)).await?;
        return Ok((port.addr(), Bound::BlackHole(port)));
    }
    let listener = listen::bind(scenario.place(id).map_or(listen::LOOPBACK, |(_, ip)| ip)).await?;
    Ok((listener.local_addr()?, Bound::Listener(listener)))
}

impl Scenario {
    /// Name and address of a server.
    fn place(&self, id: &str) -> Option<(Option<&str>, IpAddr)> {
        let registry = self.registry.get(id).map(|server| (&server.host, server.address));
        let proxy = || self.proxy.get(id).map(|server| (&server.host, server.address));
        let peer = || self.peer.get(id).map(|server| (&server.host, server.address));
        let refused = || self.refused.get(id).map(|server| (&server.host, server.address));
        let blackhole = || self.blackhole.get(id).map(|server| (&server.host, server.address));
        let docker_registry = || self.docker_registry.get(id).map(|server| (&server.host, listen::LOOPBACK));
        let squid = || self.squid.get(id).map(|server| (&server.host, listen::LOOPBACK));
        let own = registry.or_else(proxy).or_else(peer).or_else(refused).or_else(blackhole);
        let (host, address) = own.or_else(docker_registry).or_else(squid)?;
        Some((host.as_deref(), address))
    }

    /// Where the servers' names lead.
    pub(super) fn server_names(&self) -> Names {
        let mut names = Names::new();
        for (_, id) in self.ids() {
            if let Some((Some(host), address)) = self.place(id) {
                let addresses = names.entry(host.to_owned()).or_default();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        names
    }
}

/// The accounts of each registry, by its id.
fn accounts(scenario: &Scenario) -> BTreeMap<&str, Accounts> {
    let of = |registry: &Registry| {
        let mut accounts = Accounts::new();
        for (name, password) in &registry.users {
            accounts = accounts.user(name, password);
        }
        for (name, password) in &registry.expired_users {
            accounts = accounts.expired_user(name, password);
        }
        for repository in &registry.repository {
            let access = repository.private_to.as_ref();
            let access = access.map_or(Access::Public, |users| Access::Private(users.iter().cloned().collect()));
            accounts = accounts.access(&repository.name, access);
        }
        if registry.hides_unlisted { accounts.hides_unlisted() } else { accounts }
    };
    scenario.registry.iter().map(|(id, registry)| (id.as_str(), of(registry))).collect()
}

struct Makers<'a> {
    scenario: &'a Scenario,
    ca: &'a Ca,
    stranger: &'a Ca,
    accounts: BTreeMap<&'a str, Accounts>,
}

impl Makers<'_> {
    async fn start(&self, id: &str, port: Bound) -> io::Result<Running> {
        let listener = match port {
            Bound::Refused(port) => return Ok(Running::Refused(port)),
            Bound::BlackHole(port) => return Ok(Running::BlackHole(port)),
            Bound::Listener(listener) => listener,
        };
        if let Some(registry) = self.scenario.registry.get(id) {
            return self.registry(id, registry).start_on(listener).map(Running::Registry);
        }
        if let Some(proxy) = self.scenario.proxy.get(id) {
            return self.proxy(proxy).start_on(listener).map(Running::Proxy);
        }
        if let Some(peer) = self.scenario.peer.get(id) {
            return peer.does.start_on(listener).map(Running::Peer);
        }
        // The others bind the port themselves.
        let addr = listener.local_addr()?;
        drop(listener);
        if let Some(registry) = self.scenario.docker_registry.get(id) {
            let identity = self.identity(&registry.certificate, registry.host.as_deref(), addr.ip());
            return registry.start(addr, &identity).await.map(Running::DockerRegistry);
        }
        match self.scenario.squid.get(id) {
            Some(squid) => squid.start(addr, &self.scenario.server_names()).await.map(Running::Squid),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn registry(&self, id: &str, described: &Registry) -> registry::Registry {
        let accounts = self.accounts.get(described.token_for.as_deref().unwrap_or(id)).cloned().unwrap_or_default();
        let auth = match described.auth {
            AuthKind::None => Auth::None,
            AuthKind::Basic => Auth::Basic,
            AuthKind::Bearer => Auth::Bearer {
                realm: described.realm.clone(),
                service: described.host.clone().unwrap_or_default(),
                uncovered: described.uncovered,
            },
        };
        let serves_tokens =
            described.token_for.is_some() || (described.auth == AuthKind::Bearer && described.realm.is_none());
        let mut registry = registry::Registry::new().auth(auth, &accounts);
        if serves_tokens {
            registry = registry.token_service(described.token, &accounts);
        }
        let stored = described.storage_of.as_ref().and_then(|other| self.scenario.registry.get(other));
        for repository in described.repository.iter().chain(stored.iter().flat_map(|other| &other.repository)) {
            registry = registry.image(&repository.name, repository.all_tags(), &repository.image());
        }
        if let Some(prefix) = &described.prefix {
            registry = registry.prefix(prefix);
        }
        if let Some(tags) = described.tag_page {
            registry = registry.tag_page(tags);
        }
        for misdeed in &described.behaviour {
            registry = registry.behave(misdeed.on, misdeed.does.clone());
        }
        if described.plain {
            return registry;
        }
        let identity = self.identity(&described.certificate, described.host.as_deref(), described.address);
        let tls = if described.client_certificates {
            Tls::with_client_certificates(&identity, self.ca)
        } else {
            Tls::new(&identity)
        };
        registry.tls(if described.http1_only { tls.http1_only() } else { tls })
    }

    fn proxy(&self, described: &Proxy) -> proxy::Proxy {
        let mut proxy = proxy::Proxy::new().decide(described.does.clone());
        let names = self.scenario.server_names();
        for (name, addresses) in names.iter().chain(&self.scenario.hosts) {
            if let Some(ip) = addresses.first() {
                proxy = proxy.name(name, *ip);
            }
        }
        if let Some(Password { username, password }) = &described.login {
            proxy = proxy.login(username, password);
        }
        if let Some(date) = &described.date {
            proxy = proxy.date(date);
        }
        if described.socks {
            proxy = proxy.socks();
        }
        if described.inspects {
            proxy = proxy.inspects(Tls::new(&self.stranger.issue(&Leaf::new(names.keys().cloned()))));
        }
        if !described.tls {
            return proxy;
        }
        let identity = self.identity(&described.certificate, described.host.as_deref(), described.address);
        proxy.tls(Tls::new(&identity))
    }

    fn identity(&self, described: &Certificate, host: Option<&str>, address: IpAddr) -> Identity {
        let own_names = || host.map(str::to_owned).into_iter().chain([address.to_string()]).collect();
        let names: Vec<String> = described.names.clone().unwrap_or_else(own_names);
        let leaf = Leaf::new(names).chain(described.chain).valid_days(described.from_days, described.until_days);
        if described.stranger { self.stranger.issue(&leaf) } else { self.ca.issue(&leaf) }
    }
}

/// Where a resolver listens.
fn resolver_address(described: &Resolver, number: usize, ports: DnsPorts) -> SocketAddr {
    let last = u8::try_from(number).ok().and_then(|number| FIRST_RESOLVER.checked_add(number));
    match (ports, last) {
        (DnsPorts::Standard, Some(last)) if described.address.port() == 0 => {
            SocketAddr::from(([127, 0, 0, last], DNS_PORT))
        }
        _ => described.address,
    }
}

async fn start_resolver(described: &Resolver, addr: SocketAddr, scenario: &Scenario) -> io::Result<RunningResolver> {
    let names = scenario.server_names();
    if let Some(dnsmasq) = &described.dnsmasq {
        return dnsmasq.start(addr, &names).await.map(RunningResolver::Dnsmasq);
    }
    let mut dns = Dns::new();
    if let Some(answer) = &described.everything {
        return dns.otherwise(answer.clone()).start_on(addr).await.map(RunningResolver::Own);
    }
    for (name, addresses) in names {
        dns = dns.name(&name, Answer::Addresses(addresses));
    }
    for (name, answer) in &described.names {
        dns = dns.name(name, answer.clone());
    }
    dns.start_on(addr).await.map(RunningResolver::Own)
}
