//! The way to a host that the runtime does not take: what was met there, and what to change if it leads to the host.
//!
//! Only looked at after the runtime's own way failed; it never decides which cause that failure is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::authority::split_authority;
use crate::evidence::{DIRECT, Hop};
use crate::finding::{Finding, Remedy};

/// How far the other way leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OtherWayOutcome {
    /// To the host, whose certificate is verified where it speaks TLS. It was not asked anything.
    Works,
    /// The name that is dialled on it does not resolve.
    NotResolved,
    /// No connection.
    NotConnected,
    /// The proxy on it makes no tunnel.
    ProxyFails,
    /// The handshake with the host fails.
    TlsFails,
    /// Still outstanding when the verdict no longer waited for it.
    NotWaitedFor,
    /// Not dialled: a tenant of the cluster named the host, and the node's agent contacts no such address for one.
    NotContacted,
}

/// A look at a host past the proxy, or through the proxy that an exception keeps it from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtherWay {
    /// `direct`, or the proxy without its login.
    pub via: String,
    /// `NO_PROXY` or `no_proxy`: the spelling that the runtime reads.
    pub variable: String,
    /// The entries of that variable which would have to be added for `direct`, or taken out for a proxy.
    pub entries: Vec<String>,
    /// How far it leads.
    pub outcome: OtherWayOutcome,
    /// Milliseconds until that was known.
    pub ms: u32,
}

impl OtherWay {
    fn remedy(&self, hop: &Hop) -> String {
        let (who, entries, variable) = (hop.name(), self.entries.join(" and "), &self.variable);
        if self.via == DIRECT {
            return format!("without the proxy {who} answers: add {entries} to {variable} of the runtime");
        }
        let host = split_authority(&hop.host).0;
        let others = if self.entries.iter().all(|entry| entry == host || *entry == hop.host) {
            ""
        } else {
            "; that may concern other hosts as well"
        };
        format!("through the proxy {} {who} answers: take {entries} out of {variable} of the runtime{others}", self.via)
    }
}

/// The finding with the other way as its first remedy, if that leads to the host.
pub(crate) fn with_other_way(mut finding: Finding, hop: &Hop) -> Finding {
    let works = |way: &&OtherWay| way.outcome == OtherWayOutcome::Works && !way.entries.is_empty();
    if let Some(way) = hop.other_way.as_ref().filter(works) {
        finding.remedy.insert(0, Remedy { text: way.remedy(hop), command: None });
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Code;
    use crate::evidence::Role;

    #[track_caller]
    fn check(via: &str, entries: &[&str], outcome: OtherWayOutcome, expected: &[&str]) {
        let mut hop = Hop::new(Role::Registry, "registry.corp.io", "https://registry.corp.io/v2/");
        hop.other_way = Some(OtherWay {
            via: via.to_owned(),
            variable: "NO_PROXY".to_owned(),
            entries: entries.iter().map(|&entry| entry.to_owned()).collect(),
            outcome,
            ms: 1,
        });
        let found = with_other_way(Finding::new(Code::ProxyDenied, "x").fix("ask"), &hop);
        let texts: Vec<&str> = found.remedy.iter().map(|remedy| remedy.text.as_str()).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn the_other_way_is_advised_first_and_only_if_it_works() {
        use OtherWayOutcome::{NotWaitedFor, TlsFails, Works};
        let add = "without the proxy registry.corp.io answers: add registry.corp.io to NO_PROXY of the runtime";
        check("direct", &["registry.corp.io"], Works, &[add, "ask"]);
        check("direct", &["registry.corp.io"], TlsFails, &["ask"]);
        check("direct", &["registry.corp.io"], NotWaitedFor, &["ask"]);
        check("direct", &[], Works, &["ask"]);
        let through = "through the proxy http://proxy:3128 registry.corp.io answers: take ";
        let own = format!("{through}registry.corp.io out of NO_PROXY of the runtime");
        check("http://proxy:3128", &["registry.corp.io"], Works, &[&own, "ask"]);
        let wide =
            format!("{through}.io and corp.io out of NO_PROXY of the runtime; that may concern other hosts as well");
        check("http://proxy:3128", &[".io", "corp.io"], Works, &[&wide, "ask"]);
    }
}
