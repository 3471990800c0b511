//! What the Docker daemon, its client, `BuildKit` and registries themselves write.

use super::check;
use crate::cause::Code;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn the_daemon() {
    for (text, code, host) in [
        (
            "Error response from daemon: pull access denied for nginxx, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            Code::CredentialsMissing,
            "docker.io",
        ),
        (
            "Error response from daemon: manifest for nginx:9.99 not found: manifest unknown: manifest unknown",
            Code::TagNotFound,
            "docker.io",
        ),
        (
            "Error response from daemon: Get \"https://registry-1.docker.io/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
            Code::ConnectionTimeout,
            "registry-1.docker.io",
        ),
        (
            "Error response from daemon: Get \"https://reg.io/v2/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            Code::ConnectionTimeout,
            "reg.io",
        ),
        (
            "Error response from daemon: Get \"https://reg.io/v2/\": dial tcp: lookup reg.io: no such host",
            Code::DnsNameNotFound,
            "reg.io",
        ),
        (
            "Error response from daemon: Head \"https://reg.io/v2/a/b/manifests/1\": unauthorized: authentication required",
            Code::CredentialsMissing,
            "reg.io",
        ),
        (
            "Error response from daemon: Head \"https://reg.io/v2/a/b/manifests/1\": no basic auth credentials",
            Code::CredentialsMissing,
            "reg.io",
        ),
        (
            "Error response from daemon: Head \"https://ghcr.io/v2/a/b/manifests/1\": denied",
            Code::CredentialsMissing,
            "ghcr.io",
        ),
        (
            "Error response from daemon: Head \"https://reg.io/v2/a/b/manifests/1\": unauthorized: incorrect username or password",
            Code::CredentialsRejected,
            "reg.io",
        ),
        (
            "Error response from daemon: unauthorized: your account must log in with a Personal Access Token (PAT)",
            Code::CredentialsRejected,
            "-",
        ),
        (
            "Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries",
            Code::PlatformMismatch,
            "-",
        ),
        (
            "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable",
            Code::RegistryUnavailable,
            "-",
        ),
        (
            "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.",
            Code::RateLimited,
            "-",
        ),
        (
            "Error response from daemon: [DEPRECATION NOTICE] Docker Image Format v1, and Docker Image manifest version 2, schema 1 support is disabled by default",
            Code::UnsupportedManifest,
            "-",
        ),
        (
            "failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device",
            Code::DiskFull,
            "-",
        ),
        (
            "docker: Error response from daemon: invalid reference format: repository name must be lowercase.",
            Code::InvalidReference,
            "-",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            Code::RuntimeUnavailable,
            "-",
        ),
        ("repository nginx not found: does not exist or no pull access", Code::CredentialsMissing, "docker.io"),
        (
            "failed to solve: node:18: failed to resolve source metadata for docker.io/library/node:18: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/node/manifests/18: 429 Too Many Requests",
            Code::RateLimited,
            "registry-1.docker.io",
        ),
        (
            "download failed after attempts=6: dial tcp 10.0.0.1:443: i/o timeout",
            Code::ConnectionTimeout,
            "10.0.0.1:443",
        ),
        ("error pulling image configuration: Get \"https://s3.io/x?sig=1\": EOF", Code::ConnectionReset, "s3.io"),
        (
            "error pulling image configuration: download failed after attempts=6: tls: failed to verify certificate: x509: certificate is valid for portal.corp, not production.cloudflare.docker.com",
            Code::TlsHostnameMismatch,
            "-",
        ),
    ] {
        check(text, code, host);
    }
}

#[test]
fn registries_in_their_own_words() {
    for (text, code) in [
        (
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"9"}}]}"#,
            Code::TagNotFound,
        ),
        (
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#,
            Code::RepositoryNotFound,
        ),
        (
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[]}]}"#,
            Code::CredentialsMissing,
        ),
        (
            r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#,
            Code::CredentialsMissing,
        ),
        (
            r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#,
            Code::RateLimited,
        ),
        (
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository with name 'x' does not exist in the registry with id '1'"}]}"#,
            Code::RepositoryNotFound,
        ),
        (r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#, Code::BlobUnavailable),
        (r#"{"errors":[{"code":"NOT_FOUND","message":"artifact library/app:9 not found"}]}"#, Code::TagNotFound),
        (
            r#"{"errors":[{"code":"DENIED","message":"client with IP '1.2.3.4' is not allowed access. Refer https://aka.ms/acr/firewall"}]}"#,
            Code::AccessDenied,
        ),
    ] {
        check(text, code, "-");
    }
}
