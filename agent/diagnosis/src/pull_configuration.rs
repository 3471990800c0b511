//! A node's pull configuration as its runtime sees it: the engine, files, registries, proxies, trust, resolver and the
//! kubelet's image settings, as one value to print, keep and compare.
//!
//! It is computed from what was read and contacts nothing. No field can hold a password, and of headers there are names
//! only.

mod difference;
mod files;
mod kubelet;
mod network;
mod registries;
mod runtime;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{NodeConfig, NotChecked};
use crate::cause::Severity;
use crate::drift::drift;
use crate::finding::Finding;
use crate::layer;
use crate::layer::node::sandbox_image_missing;
use crate::lint::lint;
use crate::reference::Reference;
use crate::report::schema_of;
use crate::text::clean;

pub use difference::{COMPARISON_SCHEMA, Comparison, Difference, OtherNode, OtherNodeError, compare, parse_other};
pub use files::{ConfigFile, Setting};
pub use kubelet::{KubeletSetting, KubeletSettings, verification_settings};
pub use network::{Proxies, ProxyVariable, ResolverSettings, TrustFile, TrustSettings};
pub use registries::{EndpointSettings, RegistrySettings};
pub use runtime::{Engine, Process, RuntimeSettings, sandbox_image};

/// The `schema` of the JSON.
pub const SCHEMA: &str = "pullagent.dev/node/v1";

/// Bytes of a name.
const NAME: usize = 300;

/// A node's pull configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullConfiguration {
    /// `pullagent.dev/node/v1`.
    pub schema: String,
    /// Which node it is.
    pub node: NodeName,
    /// Its container runtime; absent where no socket of one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeSettings>,
    /// What of containerd pulls; absent with other runtimes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// The registry that was asked for, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The runtime's files in the order in which they are merged, each with what it sets; a later one wins.
    pub files: Vec<ConfigFile>,
    /// The registries that have settings of their own, or the one that was asked for.
    pub registries: Vec<RegistrySettings>,
    /// The proxies.
    pub proxies: Proxies,
    /// The certificates that are trusted.
    pub trust: TrustSettings,
    /// How names are resolved.
    pub resolver: ResolverSettings,
    /// The kubelet's settings for images; absent where it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<KubeletSettings>,
    /// What is ignored, invalid or has come apart.
    pub findings: Vec<Finding>,
    /// What was not looked at.
    pub not_checked: Vec<NotChecked>,
}

/// Which node it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeName {
    /// Its name.
    pub name: String,
    /// Its operating system, in Go's words.
    pub os: String,
    /// Its architecture, in Go's words.
    pub arch: String,
}

/// The text names no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no registry: write it as in an image's name, such as docker.io or registry.corp.io:5000")]
pub struct NoRegistry(String);

/// A registry as an image's name begins with it: `docker.io`, `registry.corp.io:5000`.
pub fn parse_registry(text: &str) -> Result<String, NoRegistry> {
    let no_registry = || NoRegistry(clean(text, 80));
    let reference = Reference::parse(&format!("{text}/x")).map_err(|_| no_registry())?;
    let is_whole = reference.registry == text && !text.is_empty();
    is_whole.then_some(reference.registry).ok_or_else(no_registry)
}

/// What `node` pulls with; only what concerns one registry, with `registry`.
pub fn pull_configuration(node: &NodeConfig, registry: Option<&str>) -> PullConfiguration {
    let mut findings: Vec<Finding> = node.runtime.as_ref().and_then(layer::node::unavailable).into_iter().collect();
    findings.extend(lint(node, registry));
    let (registries, about_them) = registries::registries(node, registry);
    findings.extend(about_them);
    let drift = drift(node);
    findings.extend(drift.findings);
    let mut known: Vec<Finding> = Vec::new();
    for finding in findings {
        if !known.contains(&finding) {
            known.push(finding);
        }
    }
    known.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let (kubelet, kubelet_unseen) = kubelet::settings(node);
    let unseen = node.not_checked.iter().cloned().chain(drift.not_checked).chain(runtime::not_checked(node));
    let unseen = unseen.chain(registries::not_checked(node));
    PullConfiguration {
        schema: SCHEMA.to_owned(),
        node: NodeName {
            name: node.node.name.clone(),
            os: node.node.platform.os.clone(),
            arch: node.node.platform.arch.clone(),
        },
        runtime: node.runtime.as_ref().map(runtime::settings),
        engine: runtime::engine(node),
        host: registry.map(str::to_owned),
        files: files::files(node),
        registries,
        proxies: network::proxies(node),
        trust: network::trust(node),
        resolver: network::resolver(node),
        kubelet,
        findings: known,
        not_checked: unseen.chain(kubelet_unseen).collect(),
    }
}

impl PullConfiguration {
    /// Whether anything in it is a warning or worse.
    pub fn warns(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity >= Severity::Warning)
    }

    /// Adds whether the runtime holds the image of every pod's sandbox, or why it did not say.
    pub fn add_sandbox_image(&mut self, image: &str, held: Result<bool, String>) {
        let image = clean(image, NAME);
        match held {
            Ok(true) => {}
            Ok(false) => self.findings.push(sandbox_image_missing(&image)),
            Err(why) => {
                let what = format!("whether the node holds {image}, the image of every pod's sandbox");
                self.not_checked.push(NotChecked::new(what, clean(&why, NAME)));
            }
        }
    }
}

/// The JSON schema of a configuration.
pub fn schema() -> Value {
    schema_of::<PullConfiguration>()
}

/// The JSON schema of a comparison.
pub fn comparison_schema() -> Value {
    schema_of::<Comparison>()
}

/// A moment as it is printed: whole seconds.
fn in_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
