//! What a node pulls with, as a few short texts: equal where two nodes would pull alike, whatever their files are called
//! and whenever they were written. Nothing secret goes in, not even into a hash.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::pull_configuration::{Proxies, ProxyVariable, PullConfiguration, RegistrySettings};
use crate::summary::attribute;
use crate::text::clean;

/// Bytes of a value.
const VALUE: usize = 256;
/// Hexadecimal digits of a hash: enough to tell the configurations of a fleet apart.
const DIGITS: usize = 12;
/// As many registries have a part of their own, the first ones by name.
const MOST_PARTS: usize = 32;
/// How a registry is reached is the proxy's part, and where it is written nobody's.
const NOT_ITS_OWN: [&str; 3] = ["via", "route", "setIn"];

/// The labels of a node for its zone, the present one first.
const ZONES: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];
/// The labels of a node for its pool: EKS, GKE, AKS, Karpenter, eksctl.
const POOLS: [&str; 6] = [
    "eks.amazonaws.com/nodegroup",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "karpenter.sh/nodepool",
    "alpha.eksctl.io/nodegroup-name",
];

/// What is known of a node besides its pull configuration. What is empty is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The hash of the trusted authorities, see [`trust_hash`].
    pub trust: String,
    /// The kernel's version.
    pub kernel: String,
    /// What the operating system's image is called.
    pub os_image: String,
    /// Whether the node has an address of IPv4 by which others could be reached.
    pub has_ipv4: bool,
    /// The same of IPv6.
    pub has_ipv6: bool,
    /// The kubelet's version.
    pub kubelet: String,
    /// The labels of the node's object.
    pub labels: BTreeMap<String, String>,
}

/// The fingerprint, by [`attribute`].
pub fn fingerprint(configuration: &PullConfiguration, facts: &Facts) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut put = |name: &str, value: &str| {
        let value = clean(value, VALUE);
        if !value.is_empty() {
            found.insert(name.to_owned(), value);
        }
    };
    if let Some(runtime) = &configuration.runtime {
        put(attribute::RUNTIME, runtime.name.as_deref().unwrap_or_default());
        put(attribute::RUNTIME_VERSION, runtime.version.as_deref().unwrap_or_default());
        let mut parts: Vec<(&str, String)> =
            configuration.registries.iter().map(|one| (one.registry.as_str(), canonical(one))).collect();
        parts.sort();
        put(attribute::REGISTRIES, &hash(parts.iter().map(|(_, text)| text.as_str())));
        for (name, text) in parts.iter().take(MOST_PARTS) {
            put(&clean(&format!("{}{name}", attribute::REGISTRY), VALUE), &hash([text.as_str()]));
        }
    }
    if let Some(engine) = &configuration.engine {
        put(attribute::ENGINE, &engine.name);
    }
    let servers: Vec<&str> = configuration.resolver.servers.iter().map(|server| bare(server)).collect();
    let servers = if servers.is_empty() { "none".to_owned() } else { servers.join(" ") };
    put(attribute::RESOLVERS, &servers);
    put(attribute::PROXY, &proxies(&configuration.proxies));
    put(attribute::TRUST, &facts.trust);
    put(attribute::KUBELET, &facts.kubelet);
    put(attribute::KERNEL, &facts.kernel);
    put(attribute::OS_IMAGE, &facts.os_image);
    put(attribute::ZONE, zone(&facts.labels).unwrap_or_default());
    put(attribute::POOL, pool(&facts.labels).unwrap_or_default());
    let families = [(facts.has_ipv4, "IPv4"), (facts.has_ipv6, "IPv6")];
    let families: Vec<&str> = families.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
    put(attribute::ADDRESSES, &families.join(" "));
    found
}

/// The zone of a node with these labels.
pub fn zone(labels: &BTreeMap<String, String>) -> Option<&str> {
    first(labels, &ZONES)
}

/// The pool of a node with these labels.
pub fn pool(labels: &BTreeMap<String, String>) -> Option<&str> {
    first(labels, &POOLS)
}

fn first<'a>(labels: &'a BTreeMap<String, String>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| labels.get(*name)).map(String::as_str)
}

/// A hash of trusted certificates in DER form, whatever their order.
pub fn trust_hash(certificates: &[Vec<u8>]) -> String {
    let mut each: Vec<[u8; 32]> = certificates.iter().map(|certificate| Sha256::digest(certificate).into()).collect();
    each.sort_unstable();
    each.dedup();
    first_digits(&Sha256::digest(each.concat()))
}

/// The major and minor version of a kubelet that calls itself `v1.33.1` or `v1.32.3-eks-473151a`.
pub fn release(kubelet: &str) -> Option<(u32, u32)> {
    let mut numbers = kubelet.strip_prefix('v')?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?;
    let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
    Some((major, minor.get(..digits)?.parse().ok()?))
}

/// What a registry is asked by, in one form.
fn canonical(registry: &RegistrySettings) -> String {
    let Ok(mut value) = serde_json::to_value(registry) else { return String::new() };
    let endpoints = value.get_mut("endpoints").and_then(Value::as_array_mut);
    let objects = endpoints.into_iter().flatten().filter_map(Value::as_object_mut);
    objects.for_each(|object| object.retain(|key, _| !NOT_ITS_OWN.contains(&key.as_str())));
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| !NOT_ITS_OWN.contains(&key.as_str()));
    }
    value.to_string()
}

/// The hash of some texts, told apart by their lengths.
fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
    }
    first_digits(&hash.finalize())
}

fn first_digits(hash: &[u8]) -> String {
    let digit = |number: u8| char::from_digit(u32::from(number), 16).unwrap_or('0');
    hash.iter().take(DIGITS / 2).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A name server without the port that all have.
fn bare(server: &str) -> &str {
    let address = server.strip_suffix(":53").unwrap_or(server);
    let inner = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(address)
}

/// The proxies in words. Of their exceptions, which can be many, a hash; their order does not matter.
fn proxies(proxies: &Proxies) -> String {
    let shown = |name: &str, variable: &ProxyVariable| {
        format!("{name} {}{}", variable.url, if variable.login { " with a login" } else { "" })
    };
    let mut words = Vec::new();
    words.extend(proxies.https.as_ref().map(|variable| shown("https", variable)));
    words.extend(proxies.http.as_ref().map(|variable| shown("http", variable)));
    if words.is_empty() {
        return "none".to_owned();
    }
    if !proxies.no_proxy.is_empty() {
        let mut entries: Vec<&str> = proxies.no_proxy.iter().map(String::as_str).collect();
        entries.sort_unstable();
        entries.dedup();
        words.push(format!("except {}", hash(entries)));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests;
