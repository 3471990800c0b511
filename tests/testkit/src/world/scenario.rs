//! The words of a scenario file: what runs, what is broken, and what must be found out. Data only.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use super::debian::{Dnsmasq, DockerRegistry, Squid};
use crate::{
    ca::Chain,
    dns::Answer,
    listen::LOOPBACK,
    proxy::Decision,
    registry::{Behaviour, Format, Image, Layer, On, TokenService, Uncovered},
    tcp::Peer,
};

/// One broken world. Every table but `expect` may be absent; server ids are unique over all kinds of servers.
///
/// Any string may hold `{ID.port}` and `{ID.addr}` of a server, `{ID.digest}` of a registry's first image, `{ca.pem}`,
/// `{client.certificate}`, `{client.key}` and `{now.date}`, this moment as HTTP writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence for the reader of the file.
    pub about: String,
    /// What is to be pulled.
    pub image: String,
    /// The node's `os/arch[/variant]`.
    #[serde(default = "amd64")]
    pub platform: String,
    /// How far the node's clock is ahead, in days.
    #[serde(default)]
    pub clock_days: i32,
    /// Whether the node's trust bundle holds the world's CA; it holds a stranger's otherwise.
    #[serde(default = "yes")]
    pub trusts_ca: bool,
    /// Registries, token services and blob storages.
    #[serde(default)]
    pub registry: BTreeMap<String, Registry>,
    /// Proxies.
    #[serde(default)]
    pub proxy: BTreeMap<String, Proxy>,
    /// Peers that speak no HTTP.
    #[serde(default)]
    pub peer: BTreeMap<String, RawPeer>,
    /// Ports that refuse connections.
    #[serde(default)]
    pub refused: BTreeMap<String, Place>,
    /// Ports that do not answer SYN.
    #[serde(default)]
    pub blackhole: BTreeMap<String, Place>,
    /// Debian's docker-registry.
    #[serde(default)]
    pub docker_registry: BTreeMap<String, DockerRegistry>,
    /// Debian's squid.
    #[serde(default)]
    pub squid: BTreeMap<String, Squid>,
    /// DNS servers, in the order of resolv.conf. With any of them, servers' names are in DNS and not in the hosts file.
    #[serde(default)]
    pub resolver: Vec<Resolver>,
    /// Lines of the hosts file besides the servers' own.
    #[serde(default)]
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Logins offered, in order.
    #[serde(default)]
    pub login: Vec<Login>,
    /// The runtime's environment (`HTTPS_PROXY`, …).
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The node's runtime as its CRI names it, such as `containerd 2.1.5`; none answers if absent.
    pub runtime: Option<String>,
    /// The configuration file that the runtime was started with, if it was given one.
    pub config: Option<String>,
    /// Files of the node, by path below its root.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// What must be found out.
    pub expect: Expect,
}

/// A registry, and the token service and blob storage that it may be as well.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in a file that people write")]
pub struct Registry {
    /// The name it is known by, on 127.0.0.1 unless `address` says otherwise.
    pub host: Option<String>,
    /// The address it listens on.
    #[serde(default = "loopback")]
    pub address: IpAddr,
    /// Speaks plain HTTP.
    #[serde(default)]
    pub plain: bool,
    /// Offers no HTTP/2.
    #[serde(default)]
    pub http1_only: bool,
    /// Wants a client certificate of the world's CA.
    #[serde(default)]
    pub client_certificates: bool,
    /// Its certificate; a good one for `host` and `address` if absent.
    #[serde(default)]
    pub certificate: Certificate,
    /// Where its API begins.
    pub prefix: Option<String>,
    /// How it authenticates.
    #[serde(default)]
    pub auth: AuthKind,
    /// URL of its token service; its own `/token` if absent.
    pub realm: Option<String>,
    /// What it says to a token that does not cover a repository.
    #[serde(default)]
    pub uncovered: Uncovered,
    /// Users and passwords.
    #[serde(default)]
    pub users: BTreeMap<String, String>,
    /// Users whose right password has expired.
    #[serde(default)]
    pub expired_users: BTreeMap<String, String>,
    /// Treats unknown repositories like private ones.
    #[serde(default)]
    pub hides_unlisted: bool,
    /// How its token service behaves.
    #[serde(default)]
    pub token: TokenService,
    /// Is the token service of the registry with this id, with that one's users.
    pub token_for: Option<String>,
    /// Holds the blobs of the registry with this id.
    pub storage_of: Option<String>,
    /// What it holds.
    #[serde(default)]
    pub repository: Vec<Repository>,
    /// Most tags in one answer.
    pub tag_page: Option<usize>,
    /// What it does wrong.
    #[serde(default)]
    pub behaviour: Vec<Misdeed>,
}

/// How a registry authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthKind {
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic.
    Basic,
    /// A token service.
    Bearer,
}

/// A certificate; days count from now.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// DNS names and IP addresses.
    pub names: Option<Vec<String>>,
    /// First day of the validity.
    pub from_days: i32,
    /// Last day of the validity.
    pub until_days: i32,
    /// Who signs, and what is sent along.
    pub chain: Chain,
    /// Issued by a CA that nobody trusts.
    pub stranger: bool,
}

/// An image in a repository; several tables of one name fill one repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// Tags of this image.
    #[serde(default)]
    pub tags: Vec<String>,
    /// So many tags more: `n00000`, `n00001`, …
    #[serde(default)]
    pub numbered_tags: usize,
    /// Platforms; more than one makes an index.
    #[serde(default = "one_platform")]
    pub platforms: Vec<String>,
    /// An index even of one platform.
    #[serde(default)]
    pub index: bool,
    /// The family of media types.
    #[serde(default)]
    pub format: Format,
    /// The media type of the top manifest, if not that of its format.
    pub media_type: Option<String>,
    /// Layers; a small one if absent.
    pub layers: Option<Vec<Layer>>,
    /// The users who may pull; everyone if absent, nobody if empty.
    pub private_to: Option<Vec<String>>,
}

/// A behaviour and where it shows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Misdeed {
    /// The requests meant.
    pub on: On,
    /// What happens to them.
    pub does: Behaviour,
}

/// A proxy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// The name it is known by.
    pub host: Option<String>,
    /// The address it listens on.
    #[serde(default = "loopback")]
    pub address: IpAddr,
    /// Speaks SOCKS5 in place of HTTP.
    #[serde(default)]
    pub socks: bool,
    /// Spoken to over TLS.
    #[serde(default)]
    pub tls: bool,
    /// Ends the TLS of every tunnel itself, with a certificate of its own for every name.
    #[serde(default)]
    pub inspects: bool,
    /// Its certificate with `tls`.
    #[serde(default)]
    pub certificate: Certificate,
    /// What it does.
    #[serde(default)]
    pub does: Decision,
    /// The login it asks for.
    pub login: Option<Password>,
    /// `Date` of its answers.
    pub date: Option<String>,
}

/// A peer that speaks no HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPeer {
    /// The name it is known by.
    pub host: Option<String>,
    /// The address it listens on.
    #[serde(default = "loopback")]
    pub address: IpAddr,
    /// What it does.
    pub does: Peer,
}

/// A name and an address.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The name it is known by.
    pub host: Option<String>,
    /// The address it is on.
    #[serde(default = "loopback")]
    pub address: IpAddr,
}

/// A DNS server that knows the names of all servers, and what is said here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolver {
    /// Where it listens; port 0 for a free one.
    #[serde(default = "any_port")]
    pub address: SocketAddr,
    /// Answers for single names, before those of the servers.
    #[serde(default)]
    pub names: BTreeMap<String, Answer>,
    /// The answer to everything, servers' names included.
    pub everything: Option<Answer>,
    /// Debian's dnsmasq in place of our own server.
    pub dnsmasq: Option<Dnsmasq>,
}

/// A login as a pod's secret or a node's file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Login {
    /// A user and a password for the image's registry.
    Password(Password),
    /// The content of a dockerconfigjson.
    Dockerconfigjson(String),
}

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

/// What must be found out, in the words of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `pullable`, `degraded`, `failing` or `inconclusive`.
    pub verdict: String,
    /// The cause's code; none for no cause.
    pub code: Option<String>,
    /// The cause's detail.
    pub detail: Option<String>,
    /// The cause's host.
    pub host: Option<String>,
    /// The cause's confidence.
    pub confidence: Option<String>,
    /// What must be among the findings, each a code, or `Code/detail`, or `Code:severity`.
    #[serde(default)]
    pub findings: Vec<String>,
    /// What must not be among them, in the same form.
    #[serde(default)]
    pub absent_findings: Vec<String>,
    /// What the text report must contain.
    #[serde(default)]
    pub text_contains: Vec<String>,
    /// What it must not contain.
    #[serde(default)]
    pub text_lacks: Vec<String>,
    /// What the cause's remedies must say.
    #[serde(default)]
    pub remedy_contains: Vec<String>,
    /// What they must not say.
    #[serde(default)]
    pub remedy_lacks: Vec<String>,
}

impl Default for Certificate {
    fn default() -> Self {
        Self { names: None, from_days: -30, until_days: 60, chain: Chain::Root, stranger: false }
    }
}

impl Repository {
    /// The image described.
    pub fn image(&self) -> Image {
        let mut image = match self.platforms.as_slice() {
            [platform] if !self.index => Image::new(platform),
            platforms => Image::index(platforms),
        }
        .format(self.format);
        if let Some(layers) = &self.layers {
            image = image.layers(layers.iter().cloned());
        }
        match &self.media_type {
            Some(media_type) => image.media_type(media_type),
            None => image,
        }
    }

    /// All its tags.
    pub fn all_tags(&self) -> impl Iterator<Item = String> {
        self.tags.iter().cloned().chain((0..self.numbered_tags).map(|number| format!("n{number:05}")))
    }
}

fn amd64() -> String {
    "linux/amd64".to_owned()
}

fn one_platform() -> Vec<String> {
    vec![amd64()]
}

fn yes() -> bool {
    true
}

fn loopback() -> IpAddr {
    LOOPBACK
}

fn any_port() -> SocketAddr {
    SocketAddr::new(LOOPBACK, 0)
}
