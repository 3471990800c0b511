//! A chain that ends in nobody whom this node trusts: whose authority that is, and where the node would be given it.

use super::ChainShape;
use super::finding::with_port;
use crate::authority::split_authority;
use crate::cause::{Code, Confidence, habits_of};
use crate::evidence::Hop;
use crate::finding::Finding;
use crate::plan::TrustPlace;
use crate::text::clean;

/// Bytes of a path from a configuration.
const PATH: usize = 300;

/// Names, besides those of the registries themselves, at which public registries serve tokens and layers; each with
/// everything below it.
const PUBLIC_HOSTS: &[&str] = &[
    "docker.io",
    "docker.com",
    "r2.cloudflarestorage.com",
    "quay.io",
    "githubusercontent.com",
    "gcr.io",
    "pkg.dev",
    "googleapis.com",
    "k8s.io",
    "amazonaws.com",
    "cloudfront.net",
    "ecr.aws",
    "mcr.microsoft.com",
    "azurecr.io",
    "blob.core.windows.net",
    "gitlab.com",
];

/// Words in the names of the authorities that public registries have their certificates from. Where one of these is not
/// trusted, the node's own bundle is the trouble and nobody stands in between.
const PUBLIC_AUTHORITIES: &[&str] = &[
    "amazon",
    "baltimore",
    "comodo",
    "digicert",
    "entrust",
    "geotrust",
    "globalsign",
    "go daddy",
    "godaddy",
    "google trust services",
    "gts ",
    "identrust",
    "isrg",
    "let's encrypt",
    "microsoft",
    "sectigo",
    "ssl.com",
    "starfield",
    "usertrust",
];

/// The cause that an unknown authority is.
pub(super) fn unknown(hop: &Hop, issuer: &str, chain: ChainShape, trusted_by: Option<&TrustPlace>) -> Finding {
    let who = hop.name();
    let (host, _) = split_authority(&hop.host);
    let intercepted = chain != ChainShape::MissingIntermediate && is_public(host) && !is_public_authority(issuer);
    let finding = if intercepted {
        let summary = format!(
            "the certificate shown for {who} is issued by \"{issuer}\", which is no public authority: something in \
             between reads this connection"
        );
        Finding::new(Code::TlsUnknownAuthority, summary)
            .detail("interception")
            .fix(format!("have {host} left out of the inspection by the firewall or proxy in between"))
            .fix(format!(
                "or give the node the authority of that device: into the system's bundle \
                 (`update-ca-certificates` or `update-ca-trust`), then restart {}",
                runtime(trusted_by)
            ))
    } else {
        match chain {
            ChainShape::MissingIntermediate => missing_intermediate(&who, issuer, trusted_by),
            ChainShape::SelfSigned => {
                private(format!("the certificate of {who} is self-signed and this node does not trust it"))
                    .fix(place(hop, trusted_by))
            }
            ChainShape::LeafOnly | ChainShape::PrivateAuthority => {
                private(format!("the certificate of {who} is issued by \"{issuer}\", which this node does not trust"))
                    .fix(place(hop, trusted_by))
            }
        }
    };
    finding
        .run("see who signed", &["openssl", "s_client", "-connect", &with_port(hop), "-servername", host, "-showcerts"])
}

fn private(summary: String) -> Finding {
    Finding::new(Code::TlsUnknownAuthority, summary).detail("privateAuthority")
}

/// A private root can look the same: the leaf alone does not tell.
fn missing_intermediate(who: &str, issuer: &str, trusted_by: Option<&TrustPlace>) -> Finding {
    let summary =
        format!("{who} does not send the certificate of the issuer \"{issuer}\", which this node does not have");
    let finding = Finding::new(Code::TlsUnknownAuthority, summary).detail("missingIntermediate");
    let finding = finding.at_most(Confidence::Likely).fix("let the server send its whole chain, the leaf first");
    let own = trusted_by.map_or_else(|| "`ca` in its hosts.toml for containerd".to_owned(), short);
    finding.fix(format!("if \"{issuer}\" is a private root, give it to the node: {own}"))
}

/// What to do with the authority's certificate on this node.
fn place(hop: &Hop, trusted_by: Option<&TrustPlace>) -> String {
    match trusted_by {
        Some(TrustPlace::System { runtime }) => format!(
            "give the node that authority: into the system's bundle (`update-ca-certificates` or `update-ca-trust`), \
             then restart {runtime}, which reads it only when it starts"
        ),
        Some(own) => format!("give the node that authority: {}; no restart is needed", short(own)),
        None => format!(
            "give the node that authority: `ca` in /etc/containerd/certs.d/{}/hosts.toml for containerd, or the \
             system's bundle and a restart of the runtime",
            hop.host
        ),
    }
}

fn short(place: &TrustPlace) -> String {
    match place {
        TrustPlace::HostsToml { file, table: None } => {
            format!("`ca = \"/path/to/ca.crt\"` at the top of {}", clean(file, PATH))
        }
        TrustPlace::HostsToml { file, table: Some(table) } => {
            format!("`ca = \"/path/to/ca.crt\"` below `{}` in {}", clean(table, PATH), clean(file, PATH))
        }
        TrustPlace::Directory { path } => format!("its certificate as {}/ca.crt", clean(path, PATH)),
        TrustPlace::System { runtime } => format!("the system's bundle, and a restart of {runtime}"),
    }
}

fn runtime(trusted_by: Option<&TrustPlace>) -> &str {
    match trusted_by {
        Some(TrustPlace::HostsToml { .. }) => "containerd",
        Some(TrustPlace::System { runtime }) => runtime,
        Some(TrustPlace::Directory { .. }) | None => "the runtime",
    }
}

/// Whether a host belongs to a registry whose certificate is from a public authority everywhere.
fn is_public(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let below = |name: &str| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    habits_of(&host).is_some() || PUBLIC_HOSTS.iter().any(|name| below(name))
}

fn is_public_authority(issuer: &str) -> bool {
    let issuer = issuer.to_lowercase();
    PUBLIC_AUTHORITIES.iter().any(|word| issuer.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Role;

    /// The detail of a chain of this form, and whether a remedy says this.
    #[track_caller]
    fn check(host: &str, issuer: &str, chain: ChainShape, place: Option<&TrustPlace>, detail: &str, says: &str) {
        let hop = Hop::new(Role::Registry, host, "https://host/v2/");
        let found = unknown(&hop, issuer, chain, place);
        assert_eq!(found.detail.as_deref(), Some(detail), "{}", found.summary);
        assert!(found.remedy.iter().any(|remedy| remedy.text.contains(says)), "{:#?}", found.remedy);
    }

    #[test]
    fn a_private_authority_for_a_public_name_is_interception() {
        use ChainShape::{LeafOnly, MissingIntermediate, PrivateAuthority, SelfSigned};
        let (corp, restart) = ("CN=Corp Inspection CA", "restart the runtime");
        for host in ["ghcr.io", "registry-1.docker.io", "production.cloudflare.docker.com", "cdn03.quay.io", "GCR.io."]
        {
            check(host, corp, PrivateAuthority, None, "interception", restart);
        }
        check("ghcr.io", corp, LeafOnly, None, "interception", "left out of the inspection");
        check("ghcr.io", corp, SelfSigned, None, "interception", restart);
        check("ghcr.io", corp, MissingIntermediate, None, "missingIntermediate", "whole chain");
        check("ghcr.io", "CN=USERTrust ECC", PrivateAuthority, None, "privateAuthority", "a restart of the runtime");
        for host in ["registry.corp.io", "notdocker.io", "docker.io.corp.io"] {
            check(host, corp, PrivateAuthority, None, "privateAuthority", "hosts.toml");
        }
    }

    #[test]
    fn the_remedy_names_the_place_of_this_runtime() {
        let check = |place: &TrustPlace, says: &str| {
            check("r.corp.io", "CN=x", ChainShape::LeafOnly, Some(place), "privateAuthority", says);
        };
        let file = "/etc/containerd/certs.d/r.corp.io/hosts.toml".to_owned();
        let toml = |table| TrustPlace::HostsToml { file: file.clone(), table };
        check(&toml(None), "at the top of /etc/containerd/certs.d/r.corp.io/hosts.toml; no restart");
        check(&toml(Some("[host.\"https://m\"]".to_owned())), "below `[host.\"https://m\"]` in /etc");
        let directory = TrustPlace::Directory { path: "/etc/docker/certs.d/r.corp.io".to_owned() };
        check(&directory, "r.corp.io/ca.crt; no restart");
        check(&TrustPlace::System { runtime: "containerd".to_owned() }, "restart containerd");
    }
}
