//! The sentences of an explanation: what is the case, what to do, what to run next. Says nothing that the facts do not.

use super::explain::{Facts, from_the_catalogue};
use super::judge::Role;
use crate::cause::{Code, Layer};
use crate::finding::{Finding, Remedy};

/// The cause in one sentence, and what to do about it: first what fits this host and image, then the catalogue's.
pub(super) fn finding(facts: &Facts<'_>) -> Finding {
    let mut finding = Finding::new(facts.code, summary(facts));
    let image = facts.image.as_deref();
    let host = facts.host.as_deref();
    match (facts.code, facts.detail, image, host) {
        (Code::Unknown, ..) => return finding,
        (Code::CredentialsMissing, Some("notFoundOrPrivate"), Some(image), _) => {
            finding = finding.fix(format!(
                "check the spelling of {image}: registries hide what is private and what is missing alike"
            ));
            finding = secret(finding, facts, "if it is private, give the pod a pull secret");
        }
        (Code::CredentialsMissing | Code::SecretNotFound, ..) => {
            finding = secret(
                finding,
                facts,
                "create the pull secret in the pod's namespace, and name it in the pod or its service account",
            );
        }
        (Code::CredentialsRejected, _, _, Some(host)) => {
            finding = finding
                .run("try the login by hand, then write the right one into the secret", &["skopeo", "login", host]);
        }
        (Code::DnsNameNotFound | Code::DnsServerFailure | Code::DnsTimeout, _, _, Some(host)) => {
            finding =
                finding.run("ask the node's own resolver", &["getent", "ahosts", super::endpoint::without_port(host)]);
        }
        (
            Code::ConnectionRefused
            | Code::ConnectionTimeout
            | Code::NetworkUnreachable
            | Code::PlaintextRegistry
            | Code::NotARegistry
            | Code::TlsUnknownAuthority
            | Code::TlsHostnameMismatch
            | Code::TlsCertificateExpired
            | Code::TlsHandshakeTimeout
            | Code::TlsHandshakeFailure
            | Code::ConnectionReset,
            _,
            _,
            Some(host),
        ) if facts.role != Role::Token && facts.role != Role::Storage => {
            finding = finding.run("look from the node", &["curl", "-sv", &format!("https://{host}/v2/")]);
        }
        (Code::TagNotFound, _, Some(image), _) => {
            let repository = format!("docker://{}", super::image::repository(image));
            finding = finding.run("set a tag that exists, or push this one", &["skopeo", "list-tags", &repository]);
        }
        _ => {}
    }
    let is_of_logins = facts.code.row().layer == Some(Layer::Credentials);
    if facts.failure.is_gitlab && is_of_logins {
        // Before the general ways to hand over a login, which a build pod's owner does not have.
        let gitlab = Remedy { text: GITLAB.to_owned(), command: None };
        finding.remedy.insert(finding.remedy.len().min(1), gitlab);
    }
    finding.remedy.extend(from_the_catalogue(facts.code));
    finding
}

const GITLAB: &str = "GitLab runner: pull secrets for build pods are set as `image_pull_secrets` under `[runners.kubernetes]` in \
    config.toml (in the Helm values: `runners.config`), and must exist in the namespace of the build pods";

fn secret(finding: Finding, facts: &Facts<'_>, text: &str) -> Finding {
    let server = match facts.registry.as_deref() {
        Some("docker.io") => "https://index.docker.io/v1/",
        Some(registry) => registry,
        None => "<registry>",
    };
    let server = format!("--docker-server={server}");
    finding.run(
        text,
        &[
            "kubectl",
            "create",
            "secret",
            "docker-registry",
            "<name>",
            &server,
            "--docker-username=<user>",
            "--docker-password=<password>",
        ],
    )
}

/// What to run to know more than the text tells.
pub(super) fn next(facts: &Facts<'_>) -> Vec<Remedy> {
    let mut next = Finding::new(facts.code, "");
    let is_open = facts.code == Code::Unknown;
    if is_open && facts.failure.is_gitlab {
        next = next.fix(GITLAB);
    }
    if is_open {
        next = next.run(
            "read the event `Failed to pull image` of the pod: it holds the cause",
            &["kubectl", "describe", "pod", "<pod>"],
        );
    }
    let undecided = facts.failure.judgement.as_ref().is_some_and(|j| !j.meaning.also.is_empty());
    if is_open || undecided || facts.role == Role::Mirror || matches!(facts.detail, Some("notFoundOrPrivate")) {
        let image = facts.image.as_deref().unwrap_or("<image>");
        let text = match (is_open, facts.role) {
            (true, _) => "or examine the image on the node",
            (_, Role::Mirror) => "the text names the mirror only: see every endpoint from the node",
            _ => "decide it on the node",
        };
        next = next.run(text, &["pullagent", "probe", image]);
    }
    next.remedy
}

/// What the host is, with its name.
fn who(facts: &Facts<'_>) -> String {
    let host = facts.host.as_deref();
    match (facts.role, host) {
        (Role::Registry, Some(host)) => host.to_owned(),
        (Role::Registry, None) => "the registry".to_owned(),
        (Role::Mirror, Some(host)) => match facts.mirror_of {
            Some(registry) => format!("the mirror {host} of {}", crate::text::clean(registry, 200)),
            None => format!("the mirror {host}"),
        },
        (Role::Mirror, None) => "the mirror".to_owned(),
        (Role::Token, Some(host)) => format!("the token service {host}"),
        (Role::Token, None) => "the registry's token service".to_owned(),
        (Role::Storage, Some(host)) => format!("the storage {host}"),
        (Role::Storage, None) => "the registry's storage".to_owned(),
        (Role::Proxy, Some(host)) => format!("the proxy {host}"),
        (Role::Proxy, None) => "the proxy".to_owned(),
    }
}

fn summary(facts: &Facts<'_>) -> String {
    let who = who(facts);
    let image = facts.image.as_deref().unwrap_or("the image");
    let repository = facts.image.as_deref().map_or_else(|| "the repository".to_owned(), super::image::repository);
    match facts.code {
        Code::InvalidReference if facts.detail == Some("shortName") => {
            format!("{image} is a short name, and the runtime's configuration does not settle which registry it means")
        }
        Code::InvalidReference => format!("{image} cannot be parsed as an image reference"),
        Code::RepositoryNotFound => format!("{who} has no repository {repository}"),
        Code::TagNotFound => format!("{who} has no tag of that name: {image}"),
        Code::DigestNotFound => format!("{who} has no manifest with that digest: {image}"),
        Code::PlatformMismatch => format!("{image} has nothing for this node's platform; the tag itself is there"),
        Code::UnsupportedManifest => format!("{image} is of a kind that this runtime does not take"),
        Code::NotPresentNeverPull => format!("{image} is not on the node, and its imagePullPolicy is Never"),
        Code::PresentButNotAllowed => format!("{image} is on the node, but this pod has not proven that it may use it"),
        Code::CredentialsMissing if facts.detail.is_some() => format!(
            "{who} does not show {repository} to this caller: it does not exist, or is private and no valid login was offered; \
             the text cannot tell which"
        ),
        Code::CredentialsMissing => format!("{who} wants a login for {repository}, and none was offered"),
        Code::CredentialsRejected if facts.detail == Some("expired") => {
            format!("{who} says that the login has expired")
        }
        Code::CredentialsRejected => format!("{who} rejects the login that was offered"),
        Code::AccessDenied if facts.detail == Some("sourceAddress") => {
            format!("{who} refuses the address that the node comes from")
        }
        Code::AccessDenied => format!("{who} does not let this identity pull {repository}"),
        Code::SecretNotFound => "a pull secret that the pod names could not be read in its namespace".to_owned(),
        Code::SecretMalformed => "a pull secret holds a login that cannot be decoded".to_owned(),
        Code::CredentialsNotMatching => format!("no login that exists matches {image}"),
        Code::CredentialProviderFailed => "the program that should have brought a login failed".to_owned(),
        Code::RateLimited => match facts.detail {
            Some("ip") => format!("{who} limits how often this address may pull without a login"),
            Some("account") => format!("{who} limits how often this account may pull"),
            _ => format!("{who} refuses more requests for now"),
        },
        Code::KubeletThrottled => {
            "the kubelet's own limit of pulls a second was reached; no registry was asked".to_owned()
        }
        Code::DnsNameNotFound => format!("the node's name server says that {who} does not exist"),
        Code::DnsServerFailure => format!("the node's name servers fail to resolve {who}"),
        Code::DnsTimeout => format!("no name server answered when the node looked up {who}"),
        Code::ConnectionRefused => format!("{who} refuses the connection"),
        Code::ConnectionTimeout if facts.detail == Some("headers") => {
            format!("{who} took the connection and did not answer")
        }
        Code::ConnectionTimeout => format!("{who} does not answer: something on the way drops the packets"),
        Code::NetworkUnreachable => format!("the node has no route to {who}"),
        Code::ConnectionReset => format!("the connection to {who} broke in mid-exchange"),
        Code::ProxyUnreachable => format!("the node cannot use {who}; the registry was never reached"),
        Code::ProxyDenied => match facts.detail {
            Some("authRequired") => "the proxy wants a login from the node; the registry was never reached".to_owned(),
            Some("upstreamFailed") => "the proxy itself cannot reach the registry".to_owned(),
            _ => "the proxy does not let the node through to the registry".to_owned(),
        },
        Code::TlsUnknownAuthority => {
            format!("the certificate of {who} is signed by an authority that the runtime does not trust")
        }
        Code::TlsHostnameMismatch => format!("the certificate that was presented is not for {who}"),
        Code::TlsCertificateExpired => {
            format!("the certificate of {who} has expired by the node's clock; compare the clock first")
        }
        Code::TlsNotYetValid => {
            format!("the certificate of {who} is not valid yet by the node's clock, which may be wrong")
        }
        Code::NodeClockWrong => "the node's clock is wrong".to_owned(),
        Code::TlsHandshakeTimeout => format!("{who} takes the connection, and the TLS handshake never ends"),
        Code::TlsHandshakeFailure => format!("the node and {who} do not agree on TLS"),
        Code::PlaintextRegistry => format!("{who} speaks plain HTTP where the node expects HTTPS, or the reverse"),
        Code::RegistryUnavailable => format!("{who} answers with a server error"),
        Code::NotARegistry => format!("{who} answers, but not as a registry does"),
        Code::BlobUnavailable => format!("the manifest is served, but {who} refuses a layer or the configuration"),
        Code::ContentCorrupt => format!("what {who} delivered is not what the manifest promised"),
        Code::RuntimeUnavailable => {
            "the container runtime does not answer on its socket; no image can be pulled".to_owned()
        }
        Code::RuntimeConfigInvalid => {
            "the runtime cannot use its own pull configuration; no registry was asked".to_owned()
        }
        Code::DiskFull => "the node's filesystem for images is full".to_owned(),
        Code::UnpackFailed => "the content arrived, and the node cannot unpack it".to_owned(),
        Code::PullStalled => {
            format!("the pull from {who} was cancelled before it ended; the text does not tell what it waited for")
        }
        Code::PolicyRejected => match facts.detail {
            Some("blocked") => format!("the node's configuration blocks the registry of {image}"),
            Some("admission") => format!("a plugin or webhook forbids {image}"),
            _ => format!("the signature policy of the node rejects {image}"),
        },
        _ => unknown(facts),
    }
}

fn unknown(facts: &Facts<'_>) -> String {
    let words = &facts.failure.words;
    let is_bare =
        ["ErrImagePull", "ImagePullBackOff", "Back-off pulling image"].iter().any(|known| words.contains(known));
    if is_bare {
        return format!(
            "this says that a pull failed, not why: the cause stands in the event `Failed to pull image`. Text: \"{words}\""
        );
    }
    format!("the cause cannot be told from this text: \"{words}\"")
}
