//! Which addresses are not contacted for an image that a tenant of the cluster names: whoever may create a pod must not
//! make the node's agent ask the node's own services. Judges addresses; resolves and dials none.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::plan::Endpoint;
use crate::reference::Reference;

/// Services of a cloud for the machine that asks, outside the link-local ranges: logins are to be had there.
const METADATA: [IpAddr; 4] = [
    // Alibaba Cloud.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure's wire server.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Oracle Cloud.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Google Cloud.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Where every cloud has its metadata service over IPv4.
const METADATA_LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Who decided that a host is contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// A tenant: by the image's name, or by what stands behind it (a realm, a redirect, a layer's URL).
    Tenant,
    /// The same, for an image that itself says localhost: loopback is where the runtime looks for it, too.
    LocalImage,
    /// Whoever configures the node: it is one of its mirrors.
    Node,
}

impl NamedBy {
    /// Who named a host that is met at an endpoint. `is_endpoint` tells whether it is the endpoint itself.
    ///
    /// A mirror's redirects, realms and layer URLs are a tenant's: it may only pass them on.
    pub fn of(reference: &Reference, endpoint: &Endpoint, is_endpoint: bool) -> Self {
        if is_endpoint && !endpoint.is_named_by(reference) {
            Self::Node
        } else if reference.says_localhost() {
            Self::LocalImage
        } else {
            Self::Tenant
        }
    }
}

/// The addresses that are not contacted for what a tenant names: built-in ranges, and those of this node and cluster.
///
/// An IPv4 address counts in every IPv6 form that may lead to it: mapped, compatible, translated (RFC 2765), 6to4
/// (RFC 3056) and behind NAT64 (RFC 6052, RFC 8215 with a prefix of 96 bits).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeniedAddresses {
    given: Vec<IpNet>,
    api_server: BTreeSet<IpAddr>,
    own: BTreeSet<IpAddr>,
}

/// Why an address is not contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The operator's own range.
    Given(IpNet),
    /// A cloud's metadata service.
    Metadata,
    /// This node, without a network in between.
    Loopback,
    /// Known to this link only: 169.254.0.0/16, `fe80::/10`.
    LinkLocal,
    /// No single host: unspecified (Linux connects to itself then), multicast or broadcast.
    NoHost,
    /// One of this node's addresses.
    OwnAddress,
    /// The Kubernetes API server.
    ApiServer,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(range) => write!(f, "the settings deny {range}"),
            Self::Metadata => f.write_str("it is a cloud's metadata service"),
            Self::Loopback => f.write_str("it is this node itself, and the image does not say localhost"),
            Self::LinkLocal => f.write_str("it is a link-local address"),
            Self::NoHost => f.write_str("it is no address of a single host"),
            Self::OwnAddress => f.write_str("it is one of this node's addresses"),
            Self::ApiServer => f.write_str("it is the API server's"),
        }
    }
}

impl DeniedAddresses {
    /// The built-in ranges, and besides them what the operator gave, the API server's addresses and this node's own.
    ///
    /// Loopback addresses among the last two are loopback and nothing else.
    pub fn new(
        given: impl IntoIterator<Item = IpNet>,
        api_server: impl IntoIterator<Item = IpAddr>,
        own: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        let canonical = |ip: IpAddr| ip.to_canonical();
        Self {
            given: given.into_iter().collect(),
            api_server: api_server.into_iter().map(canonical).collect(),
            own: own.into_iter().map(canonical).collect(),
        }
    }

    /// Why this address is not contacted; `None` if it may be.
    ///
    /// A range of the operator's counts for an image that says localhost as well, and for no mirror of the node.
    pub fn denies(&self, ip: IpAddr, named_by: NamedBy) -> Option<Reason> {
        let is_local = ip.to_canonical().is_loopback();
        match named_by {
            NamedBy::Node => None,
            NamedBy::LocalImage if is_local => forms(ip).find_map(|form| self.given(form)),
            NamedBy::LocalImage | NamedBy::Tenant => forms(ip).find_map(|form| self.reason(form)),
        }
    }

    fn reason(&self, ip: IpAddr) -> Option<Reason> {
        self.given(ip).or_else(|| built_in(ip)).or_else(|| {
            let is_own = self.own.contains(&ip).then_some(Reason::OwnAddress);
            is_own.or_else(|| self.api_server.contains(&ip).then_some(Reason::ApiServer))
        })
    }

    fn given(&self, ip: IpAddr) -> Option<Reason> {
        self.given.iter().find(|range| range.contains(&ip)).copied().map(Reason::Given)
    }
}

fn built_in(ip: IpAddr) -> Option<Reason> {
    let (is_metadata, is_link_local, is_no_host) = match ip {
        IpAddr::V4(ip) => (
            ip == METADATA_LINK_LOCAL,
            ip.is_link_local(),
            // Linux takes 0.0.0.0 for itself; the rest of 0.0.0.0/8 is nobody's.
            ip.octets()[0] == 0 || ip.is_multicast() || ip.is_broadcast(),
        ),
        // AWS has all of its services for the machine that asks below this prefix.
        IpAddr::V6(ip) => (
            ip.segments()[..2] == [0xfd00, 0xec2],
            ip.is_unicast_link_local(),
            ip.is_unspecified() || ip.is_multicast(),
        ),
    };
    if is_metadata || METADATA.contains(&ip) {
        Some(Reason::Metadata)
    } else if ip.is_loopback() {
        Some(Reason::Loopback)
    } else if is_link_local {
        Some(Reason::LinkLocal)
    } else {
        is_no_host.then_some(Reason::NoHost)
    }
}

/// An address as it is dialled, and every other that it may lead to.
fn forms(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let canonical = ip.to_canonical();
    let mapped = (canonical != ip).then_some(canonical);
    [Some(ip), mapped, embedded(ip).map(IpAddr::V4)].into_iter().flatten()
}

/// The IPv4 address that a translator or a tunnel may make of an IPv6 one.
fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let from = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    let ip = match ip.segments() {
        // Compatible and translated, NAT64 by either prefix, 6to4.
        [0, 0, 0, 0, 0 | 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => from(high, low),
        _ => return None,
    };
    // What begins with a zero stands for nobody: the IPv6 address is none of these forms.
    (ip.octets()[0] != 0).then_some(ip)
}

#[cfg(test)]
mod tests;
