//! The registries that everybody uses. Asks nobody.
//!
//! They limit how often one address may ask, and a fleet behind one address is one asker to them. So no node begins to ask
//! them unasked: they are checked only where the settings name them, and then by the share of nodes that `checks.sample`
//! says. Registries of one customer at a cloud, such as `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, are not among them.

/// Hosts as an image's name begins with them.
const HOSTS: [&str; 24] = [
    "cgr.dev",
    "container-registry.oracle.com",
    "docker.elastic.co",
    "docker.io",
    "gcr.io",
    "ghcr.io",
    "index.docker.io",
    "k8s.gcr.io",
    "lscr.io",
    "mcr.microsoft.com",
    "mirror.gcr.io",
    "nvcr.io",
    "public.ecr.aws",
    "quay.io",
    "registry-1.docker.io",
    "registry.access.redhat.com",
    "registry.connect.redhat.com",
    "registry.gitlab.com",
    "registry.hub.docker.com",
    "registry.k8s.io",
    "registry.opensource.zalan.do",
    "registry.redhat.io",
    "registry.suse.com",
    "xpkg.upbound.io",
];

/// Whether this is a registry that everybody uses: a host in small letters, with its port if it has one.
pub(super) fn is_public(registry: &str) -> bool {
    let host = registry.strip_suffix(":443").unwrap_or(registry);
    // `us.gcr.io`, `eu.gcr.io` and `asia.gcr.io` are the same registry from elsewhere.
    HOSTS.binary_search(&host).is_ok() || host.ends_with(".gcr.io")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_customer_has_at_a_cloud_is_not_public() {
        assert!(HOSTS.is_sorted());
        for public in ["docker.io", "ghcr.io:443", "eu.gcr.io", "public.ecr.aws", "registry.k8s.io"] {
            assert!(is_public(public), "{public}");
        }
        for own in [
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
            "europe-docker.pkg.dev",
            "corp.azurecr.io",
            "docker.io.corp.io",
            "gcr.io.corp.io",
            "docker.io:5000",
            "",
        ] {
            assert!(!is_public(own), "{own}");
        }
    }
}
