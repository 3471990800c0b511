//! What an examination saw. Serialisable, so that a saved report can be diagnosed again and becomes a test.
//!
//! An absent field was not looked at; that is never the same as "no".

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::NotChecked;
use crate::layer::dns::DnsEvidence;
use crate::layer::proxy::{OtherWay, ProxyEvidence};
use crate::layer::registry::{Answer, HttpEvidence};
use crate::layer::tls::TlsEvidence;
use crate::layer::transport::{ConnectEvidence, ConnectOutcome};
use crate::manifest::Manifest;
use crate::on_node::OnNode;
use crate::platform::Platform;
use crate::pull::PullEvidence;
use crate::runtime::Store;

pub use crate::identity::Identity;

/// What `via` says where no proxy is on the way.
pub const DIRECT: &str = "direct";

/// Everything that one examination saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    /// When it began, by this node's clock.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// One for each endpoint of the plan, in its order.
    pub endpoints: Vec<EndpointEvidence>,
    /// Clocks met on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<ClockSample>,
    /// True when the deadline of the whole examination ended it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_short: bool,
    /// What the runtime's image store says; absent where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Store>,
    /// What the kubelet makes of the image being on the node; absent where it is not, or the case is of no pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_node: Option<OnNode>,
    /// The image of every pod's sandbox, where the runtime was asked for it and does not hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_sandbox_image: Option<String>,
    /// The runtime's own pull; absent where nobody thought of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullEvidence>,
}

/// Everything that was seen at one endpoint, its token service and its storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointEvidence {
    /// The hosts met: first the endpoint itself, then others in the order in which they were met.
    pub hops: Vec<Hop>,
    /// The questions asked, in the order of their answers.
    pub exchanges: Vec<Exchange>,
    /// What the manifest says, once one was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageEvidence>,
    /// The tags of the repository, asked for when the tag was missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<TagsEvidence>,
    /// What was not asked here, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<NotChecked>,
}

/// What a host is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Stands in for the registry.
    Mirror,
    /// The registry that the image names.
    Registry,
    /// Gives tokens for it.
    Token,
    /// Holds its blobs.
    Blob,
}

impl Role {
    /// The word for a person and for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Registry => "registry",
            Self::Token => "token",
            Self::Blob => "blob",
        }
    }
}

/// One host on the way of the pull, with what each layer said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// What it is asked for.
    pub role: Role,
    /// The authority as contacted; the port is left out where it is the scheme's default.
    pub host: String,
    /// Where the first question goes, without user and query.
    pub url: String,
    /// `direct`, or the proxy without its login.
    pub via: String,
    /// The variable or `NO_PROXY` entry that decided on `via`.
    pub route: String,
    /// The resolution of the host's name; through a proxy, of the proxy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsEvidence>,
    /// The connection to the host; through a proxy, to the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<ConnectEvidence>,
    /// The tunnel through the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyEvidence>,
    /// The handshake with the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsEvidence>,
    /// The last answer of the host that mattered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpEvidence>,
    /// The way that the runtime does not take, past the proxy or through it; looked at where its own way failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_way: Option<OtherWay>,
}

impl Hop {
    /// A host on the direct way, at which nothing was looked at yet.
    pub fn new(role: Role, host: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            role,
            host: host.into(),
            url: url.into(),
            via: DIRECT.to_owned(),
            route: String::new(),
            dns: None,
            connect: None,
            proxy: None,
            tls: None,
            http: None,
            other_way: None,
        }
    }

    /// The host with what it is, for a sentence: `registry.corp.io`, `the token service auth.corp.io`.
    pub fn name(&self) -> String {
        self.called(&self.host)
    }

    /// The same without the port, where a name is meant and not a service.
    pub fn name_without_port(&self) -> String {
        self.called(crate::authority::split_authority(&self.host).0)
    }

    fn called(&self, host: &str) -> String {
        match self.role {
            Role::Registry => host.to_owned(),
            Role::Mirror => format!("the mirror {host}"),
            Role::Token => format!("the token service {host}"),
            Role::Blob => format!("the layer host {host}"),
        }
    }

    /// The beginning of its URLs: what a person can ask by hand.
    pub fn origin(&self) -> String {
        let scheme = self.url.split("://").next().unwrap_or("https");
        let path = if matches!(self.role, Role::Registry | Role::Mirror) { "/v2/" } else { "/" };
        format!("{scheme}://{}{path}", self.host)
    }

    /// Why nothing was asked here, where a tenant of the cluster named the host and its address is not contacted for one.
    pub fn not_contacted(&self) -> Option<&str> {
        match &self.connect.as_ref()?.outcome {
            ConnectOutcome::NotContacted { why } => Some(why),
            _ => None,
        }
    }

    /// Whether a proxy stands between the node and the host.
    pub fn is_proxied(&self) -> bool {
        self.via != DIRECT
    }
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// The manifest or index that the reference names.
    Manifest,
    /// A token for the repository.
    Token,
    /// The manifest that the index has for this platform.
    PlatformManifest,
    /// The image's configuration.
    Config,
    /// The first byte of a blob.
    Blob {
        /// The blob's digest.
        digest: String,
    },
    /// The tags of the repository.
    Tags,
    /// Whether the host speaks the distribution API at all.
    Ping,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// The index of the hop that was asked, after redirects.
    pub hop: usize,
    /// What was asked.
    pub question: Question,
    /// Who asked.
    pub identity: Identity,
    /// True when a login or a token went with the question.
    pub authorized: bool,
    /// What came back.
    pub answer: Answer,
    /// Milliseconds from the question to the end of the answer.
    pub ms: u32,
}

/// What the manifest, and the configuration it names, say of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageEvidence {
    /// The digest of the bytes served for the reference.
    pub digest: String,
    /// Their media type as served.
    pub media_type: String,
    /// What they say.
    pub manifest: Manifest,
    /// What the manifest chosen from an index says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<Manifest>,
    /// The platform that the configuration names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// The tags of a repository, as far as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagsEvidence {
    /// The tags nearest to the missing one, nearest first, at most five.
    pub nearest: Vec<String>,
    /// How many tags were read.
    pub read: usize,
    /// False when pages were left unread.
    pub complete: bool,
}

/// Another clock beside ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockSample {
    /// The host whose answer carried a `Date`.
    pub host: String,
    /// Its clock.
    pub theirs: Timestamp,
    /// Ours at that moment.
    pub ours: Timestamp,
}
