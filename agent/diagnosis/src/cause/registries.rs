//! What well-known registries answer when a pull fails, and which hosts a pull from them touches.
//!
//! It describes; what an answer means is decided in `layer`, by the answer itself and never by the host's name.

/// How one registry answers.
#[derive(Debug)]
pub struct RegistryHabits {
    /// Its name.
    pub name: &'static str,
    /// Its hosts in an image, where they are known by name; `*` stands for one whole label.
    pub hosts: &'static [&'static str],
    /// Where its tokens come from.
    pub tokens: &'static str,
    /// Where its layers come from.
    pub blobs: &'static str,
    /// What it answers for a repository that does not exist.
    pub missing_repository: &'static str,
    /// For a tag that does not exist.
    pub missing_tag: &'static str,
    /// For a repository that the caller may not see.
    pub no_access: &'static str,
    /// For a wrong login.
    pub bad_login: &'static str,
    /// For too many requests; `None` where none is known.
    pub rate_limit: Option<&'static str>,
    /// What else people get wrong with it.
    pub note: Option<&'static str>,
}

/// The habits of the registry that this host of an image belongs to. A port and a dot at the end are of no account.
pub fn habits_of(host: &str) -> Option<&'static RegistryHabits> {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    REGISTRIES.iter().find(|habits| habits.hosts.iter().any(|pattern| matches(pattern, name)))
}

/// Whether `name` is `pattern`, in any case, where `*` in the pattern stands for one label.
fn matches(pattern: &str, name: &str) -> bool {
    let label =
        |(wanted, is): (&str, &str)| if wanted == "*" { !is.is_empty() } else { wanted.eq_ignore_ascii_case(is) };
    pattern.split('.').count() == name.split('.').count() && pattern.split('.').zip(name.split('.')).all(label)
}

/// The registries that most images come from.
pub static REGISTRIES: &[RegistryHabits] = &[
    RegistryHabits {
        name: "Docker Hub",
        hosts: &["docker.io", "index.docker.io", "registry-1.docker.io"],
        tokens: "`auth.docker.io`; the registry itself is `registry-1.docker.io`.",
        blobs: "`production.cloudflare.docker.com` and names below `r2.cloudflarestorage.com`.",
        missing_repository: "401 `insufficient_scope`, as for a private one; Docker words it `pull access denied`.",
        missing_tag: "404 `MANIFEST_UNKNOWN`.",
        no_access: "401 `insufficient_scope`: private and missing cannot be told apart without a login.",
        bad_login: "The token service says 401: `incorrect username or password`, or `personal access token is \
            expired`.",
        rate_limit: Some(
            "429 `You have reached your unauthenticated pull rate limit`, counted over six hours by address, or by \
             account with a login; a plain `Too Many Requests` is the separate limit against abuse.",
        ),
        note: Some(
            "The key in a pull secret is `https://index.docker.io/v1/`. A GET of a manifest counts against the limit, \
             a HEAD does not.",
        ),
    },
    RegistryHabits {
        name: "Amazon ECR",
        hosts: &[
            "*.dkr.ecr.*.amazonaws.com",
            "*.dkr.ecr.*.amazonaws.com.cn",
            "*.dkr.ecr-fips.*.amazonaws.com",
            "*.dkr-ecr.*.on.aws",
        ],
        tokens: "None: it wants Basic, with a password from `api.ecr.REGION.amazonaws.com` that lives 12 hours.",
        blobs: "S3: `prod-REGION-starport-layer-bucket.s3.REGION.amazonaws.com`.",
        missing_repository: "404 `The repository with name … does not exist in the registry with id …`.",
        missing_tag: "404 `Requested image not found`.",
        no_access: "403 `… is not authorized to perform: ecr:BatchGetImage`. Without a login 401, which containerd \
            words `no basic auth credentials`.",
        bad_login: "403 `Your authorization token has expired. Reauthenticate and try again.`, or 401 `Not \
            Authorized`.",
        rate_limit: Some("429 `toomanyrequests: Rate exceeded`, counted by the second."),
        note: Some(
            "A private network needs three endpoints: `ecr.api`, `ecr.dkr` and S3. A missing one shows as \
             `ConnectionTimeout` of a different host each.",
        ),
    },
    RegistryHabits {
        name: "Amazon ECR Public",
        hosts: &["public.ecr.aws"],
        tokens: "`public.ecr.aws/token/`.",
        blobs: "A CloudFront name that the redirect gives.",
        missing_repository: "404 `The repository with name … does not exist in the registry with id …`.",
        missing_tag: "404 `Requested image not found`.",
        no_access: "It is public: a refusal is a login that has expired.",
        bad_login: "403 `Your authorization token has expired. Reauthenticate and try again.`",
        rate_limit: Some("429 `toomanyrequests: Data limit exceeded` or `Rate exceeded`, by address."),
        note: Some("It is reached over the internet: the endpoints of a private network do not serve it."),
    },
    RegistryHabits {
        name: "Google Artifact Registry and Container Registry",
        hosts: &["*.pkg.dev", "gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"],
        tokens: "The host itself, `/v2/token`.",
        blobs: "The host itself, or `storage.googleapis.com`.",
        missing_repository: "404 `Repository \"…\" not found` or `Project … not found or deleted`; 403 to whoever may \
            not know.",
        missing_tag: "404 `Failed to fetch \"TAG\"`, or `manifest unknown`.",
        no_access: "403 `Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource … (or it \
            may not exist)`; without a login `Unauthenticated request`, with 401 or 403.",
        bad_login: "401 `UNAUTHENTICATED: authentication failed`.",
        rate_limit: Some("429 `Quota exceeded for quota metric …`."),
        note: None,
    },
    RegistryHabits {
        name: "Azure Container Registry",
        hosts: &["*.azurecr.io", "*.azurecr.cn", "*.azurecr.us"],
        tokens: "The host itself, `/oauth2/token`.",
        blobs: "Names below `blob.core.windows.net`, or `REGISTRY.REGION.data.azurecr.io` with data endpoints.",
        missing_repository: "404 `repository name not known to registry`.",
        missing_tag: "404 `manifest tagged by \"TAG\" is not found`.",
        no_access: "Without a login the token service says 401 `authentication required, visit \
            https://aka.ms/acr/authorization`. Its firewall says 403 `client with IP … is not allowed access`.",
        bad_login: "The token service says 401.",
        rate_limit: Some("429 `TOOMANYREQUESTS`, with `Retry-After`."),
        note: None,
    },
    RegistryHabits {
        name: "GitHub Container Registry",
        hosts: &["ghcr.io"],
        tokens: "The host itself, `/token`.",
        blobs: "`pkg-containers.githubusercontent.com`.",
        missing_repository: "Without a login the token service says 403 `denied`, as for a private one; with one 404 \
            `NAME_UNKNOWN`.",
        missing_tag: "404 `MANIFEST_UNKNOWN`.",
        no_access: "401 or 403 `denied`, with a login also `denied: permission_denied: …`.",
        bad_login: "The token service says 403 `denied: denied`, which looks like a private package.",
        rate_limit: Some("429 `retry-after: …, allowed: 44000/minute`."),
        note: Some("A token needs the scope `read:packages`; a new package is private, whatever its repository is."),
    },
    RegistryHabits {
        name: "Quay",
        hosts: &["quay.io"],
        tokens: "The host itself, `/v2/auth`.",
        blobs: "`cdn.quay.io`, `cdn01.quay.io` and so on.",
        missing_repository: "401 `access to the requested resource is not authorized`, as for a private one.",
        missing_tag: "404 `manifest unknown`; of a removed tag `Tag … was deleted or has expired`.",
        no_access: "401 `access to the requested resource is not authorized`.",
        bad_login: "The token service says 401 `Could not find robot …` or `Invalid username or password`.",
        rate_limit: Some("429, with a web page as its body."),
        note: None,
    },
    RegistryHabits {
        name: "Harbor",
        hosts: &[],
        tokens: "The host itself, `/service/token`.",
        blobs: "The host itself, or the object store behind it if redirects are on.",
        missing_repository: "404 `project … not found` or `repository … not found`; 401 to a stranger.",
        missing_tag: "404 `artifact … not found`.",
        no_access: "401 `unauthorized to access repository: …, action: pull`.",
        bad_login: "The token service says 401, in plain text.",
        rate_limit: Some("A proxy project hands on the 429 of its upstream."),
        note: Some("A proxy project wants its own name before the image: `HARBOR/PROJECT/library/nginx`."),
    },
    RegistryHabits {
        name: "GitLab",
        hosts: &["registry.gitlab.com"],
        tokens: "GitLab itself, `/jwt/auth`: another host than the registry (`gitlab.com`).",
        blobs: "The registry itself, or its object store.",
        missing_repository: "401 or 403 `insufficient_scope`.",
        missing_tag: "404 `manifest unknown`.",
        no_access: "The token service says 403 `denied: access forbidden`.",
        bad_login: "The token service says 401 or 403 `HTTP Basic: Access denied`.",
        rate_limit: Some("429."),
        note: Some("A job's own token lives as long as the job: pods that outlive it need a deploy token."),
    },
    RegistryHabits {
        name: "JFrog Artifactory",
        hosts: &["*.jfrog.io"],
        tokens: "The host itself, below `/artifactory/api/docker/` or `/v2/token`.",
        blobs: "The host itself, or its object store if redirects are on.",
        missing_repository: "404 `NAME_UNKNOWN`, or `The named manifest is not known to the registry.`",
        missing_tag: "404 `The named manifest is not known to the registry.`",
        no_access: "403 `The client does not have permission for manifest`; 401 to a stranger.",
        bad_login: "401 `Bad props auth token` or `Wrong username was used`; after many of them 403, while it locks \
            the user out.",
        rate_limit: None,
        note: None,
    },
    RegistryHabits {
        name: "Sonatype Nexus",
        hosts: &[],
        tokens: "None: it wants Basic (`Sonatype Nexus Repository Manager`).",
        blobs: "The host itself.",
        missing_repository: "404 `repository name not known` or `MANIFEST_UNKNOWN`.",
        missing_tag: "404 `MANIFEST_UNKNOWN`.",
        no_access: "401, which containerd words `no basic auth credentials`.",
        bad_login: "401.",
        rate_limit: None,
        note: Some(
            "Each repository has a port of its own: on a wrong one a web page or 400 answers, see `NotARegistry`.",
        ),
    },
    RegistryHabits {
        name: "registry.k8s.io",
        hosts: &["registry.k8s.io", "k8s.gcr.io"],
        tokens: "The `pkg.dev` host that it redirects to.",
        blobs: "It redirects to a regional `pkg.dev` host, and for layers to S3, `prod-registry-k8s-io-REGION`: a list \
            of allowed hosts must hold all of them.",
        missing_repository: "404, from the `pkg.dev` host.",
        missing_tag: "404, from the `pkg.dev` host.",
        no_access: "It is public; addresses in blocked countries get 403 with a web page.",
        bad_login: "It wants none; a login that matches by mistake can break it.",
        rate_limit: None,
        note: Some("`k8s.gcr.io` is its former name and is frozen."),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, wanted: Option<&str>) {
        assert_eq!(habits_of(host).map(|habits| habits.name), wanted, "{host}");
    }

    #[test]
    fn a_registry_is_known_by_the_host_of_an_image() {
        check("docker.io", Some("Docker Hub"));
        check("registry-1.docker.io:443", Some("Docker Hub"));
        check("123456789012.dkr.ecr.eu-west-1.amazonaws.com", Some("Amazon ECR"));
        check("public.ecr.aws", Some("Amazon ECR Public"));
        check("europe-west3-docker.pkg.dev", Some("Google Artifact Registry and Container Registry"));
        check("PRODACR.azurecr.io", Some("Azure Container Registry"));
        check("ghcr.io.", Some("GitHub Container Registry"));
        check("registry.k8s.io", Some("registry.k8s.io"));
    }

    #[test]
    fn a_host_that_only_resembles_one_is_unknown() {
        check("docker.io.example.com", None);
        check("example-ghcr.io", None);
        check("a.b.azurecr.io", None);
        check(".azurecr.io", None);
        check("mirror.gcr.io", None);
        check("harbor.corp.example", None);
        check("[::1]:5000", None);
        check("", None);
    }
}
