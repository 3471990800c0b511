//! What CRI-O, podman and skopeo write.

use super::{check, classify};
use crate::cause::Code;

/// As CRI-O 1.37, an older one, its log and podman show it.
#[track_caller]
fn pull(error: &str, code: Code, host: &str) {
    let name = "reg.corp.io:5000/team/app:1.4";
    let source = format!("initializing source docker://{name}: {error}");
    check(&format!("Failed to pull image \"{name}\": {source}"), code, host);
    check(&format!("Failed to pull image \"{name}\": rpc error: code = Unknown desc = {source}"), code, host);
    check(
        &format!(
            "Failed to pull image \"{name}\": unable to pull image or OCI artifact: pull image err: {source}; artifact err: get manifest: build image source: {error}"
        ),
        code,
        host,
    );
    let quoted = source.replace('"', "\\\"");
    check(
        &format!(
            "Mar 02 11:08:54 n crio[1]: time=\"2025\" level=info msg=\"Failed to pull image: {quoted}\" image=\"{name}\""
        ),
        code,
        host,
    );
    check(&format!("Error: {source}"), code, host);
}

const HOST: &str = "reg.corp.io:5000";

#[test]
fn what_happens_at_the_ping() {
    let ping = "pinging container registry reg.corp.io:5000: Get \"https://reg.corp.io:5000/v2/\": ";
    for (error, code) in [
        ("dial tcp: lookup reg.corp.io on 10.9.0.1:53: no such host", Code::DnsNameNotFound),
        ("dial tcp: lookup reg.corp.io on 10.9.0.1:53: server misbehaving", Code::DnsServerFailure),
        ("dial tcp 10.0.0.1:5000: connect: connection refused", Code::ConnectionRefused),
        ("dial tcp 10.0.0.1:5000: i/o timeout", Code::ConnectionTimeout),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", Code::TlsUnknownAuthority),
        ("net/http: TLS handshake timeout", Code::TlsHandshakeTimeout),
        ("remote error: tls: handshake failure", Code::TlsHandshakeFailure),
        ("http: server gave HTTP response to HTTPS client", Code::PlaintextRegistry),
        ("EOF", Code::ConnectionReset),
        ("context deadline exceeded", Code::PullStalled),
    ] {
        pull(&format!("{ping}{error}"), code, HOST);
    }
    pull(&format!("{ping}Forbidden"), Code::ProxyDenied, "-");
    pull(
        &format!("{ping}proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused"),
        Code::ProxyUnreachable,
        "10.0.0.9:3128",
    );
    let pinging = "pinging container registry reg.corp.io:5000: ";
    pull(
        &format!("{pinging}received unexpected HTTP status: 500 Internal Server Error"),
        Code::RegistryUnavailable,
        HOST,
    );
    pull(&format!("{pinging}StatusCode: 404, \"<html>nope</html>\""), Code::NotARegistry, HOST);
    pull(&format!("{pinging}StatusCode: 403, \"no\""), Code::AccessDenied, HOST);
    pull(&format!("{pinging}invalid character '<' looking for beginning of value"), Code::NotARegistry, HOST);
}

#[test]
fn what_the_registry_answers() {
    let reading = "reading manifest 1.4 in reg.corp.io:5000/team/app: ";
    for (error, code) in [
        ("manifest unknown", Code::TagNotFound),
        ("manifest unknown: manifest unknown", Code::TagNotFound),
        ("name unknown: repository name not known to registry", Code::RepositoryNotFound),
        ("unauthorized: authentication required", Code::CredentialsMissing),
        ("denied: requested access to the resource is denied", Code::CredentialsMissing),
        (
            "toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
            Code::RateLimited,
        ),
        ("received unexpected HTTP status: 503 Service Unavailable", Code::RegistryUnavailable),
        ("StatusCode: 404, \"404 page not found\"", Code::TagNotFound),
        ("unknown: project nosuch not found", Code::RepositoryNotFound),
        ("unknown: artifact team/app:1.4 not found", Code::TagNotFound),
        ("unsupported schema version 3", Code::UnsupportedManifest),
    ] {
        pull(&format!("{reading}{error}"), code, HOST);
    }
    for (error, code) in [
        (
            "unable to retrieve auth token: invalid username/password: unauthorized: authentication required",
            Code::CredentialsRejected,
        ),
        ("Requesting bearer token: invalid status code from registry 403 (Forbidden)", Code::AccessDenied),
        ("Requesting bearer token: invalid status code from registry 404 (Not Found)", Code::NotARegistry),
        (
            "Requesting bearer token: received unexpected HTTP status: 503 Service Unavailable",
            Code::RegistryUnavailable,
        ),
        ("Requesting bearer token: toomanyrequests: slow down", Code::RateLimited),
        (
            "getting username and password: reading JSON file \"/var/lib/kubelet/config.json\": unmarshaling JSON at \"/var/lib/kubelet/config.json\": invalid character 'x' looking for beginning of value",
            Code::SecretMalformed,
        ),
        (
            "loading registries configuration \"/etc/containers/registries.conf\": toml: line 3: expected '.' or '='",
            Code::RuntimeConfigInvalid,
        ),
        (
            "missing key client.key for client certificate client.cert. Note that CA certificates should use the extension .crt",
            Code::RuntimeConfigInvalid,
        ),
    ] {
        pull(error, code, HOST);
    }
}

#[test]
fn what_happens_behind_the_manifest() {
    let image = "Failed to pull image \"reg.corp.io/team/app:1\": ";
    for (error, code, host) in [
        (
            "choosing an image from manifest list docker://reg.corp.io/team/app:1: no image found in image index for architecture \"arm64\", variant \"v8\", OS \"linux\"",
            Code::PlatformMismatch,
            "reg.corp.io",
        ),
        (
            "parsing image configuration: fetching blob: received unexpected HTTP status: 403 Forbidden",
            Code::BlobUnavailable,
            "reg.corp.io",
        ),
        ("parsing image configuration: fetching blob: blob unknown to registry", Code::BlobUnavailable, "reg.corp.io"),
        (
            "reading blob sha256:b4ddc83: fetching blob: StatusCode: 404, \"not here\"",
            Code::BlobUnavailable,
            "reg.corp.io",
        ),
        (
            "reading blob sha256:b4ddc83: fetching blob: unauthorized: authentication required",
            Code::BlobUnavailable,
            "reg.corp.io",
        ),
        (
            "reading blob sha256:b4ddc83: Get \"https://cdn.corp.io/x?sig=1\": dial tcp: lookup cdn.corp.io on 10.9.0.1:53: no such host",
            Code::DnsNameNotFound,
            "cdn.corp.io",
        ),
        (
            "copying system image from manifest list: writing blob: storing blob to file \"/var/tmp/x/1\": write /var/tmp/x/1: no space left on device",
            Code::DiskFull,
            "-",
        ),
        (
            "copying system image from manifest list: writing blob: adding layer with blob \"sha256:0\": processing tar file(potentially insufficient UIDs or GIDs available in user namespace): lchown /x: invalid argument",
            Code::UnpackFailed,
            "-",
        ),
        (
            "copying system image from manifest list: writing blob: storing blob to file \"/var/tmp/x/1\": happened during read: Digest did not match, expected sha256:0, got sha256:1",
            Code::ContentCorrupt,
            "reg.corp.io",
        ),
        (
            "SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists",
            Code::PolicyRejected,
            "reg.corp.io",
        ),
        (
            "Source image rejected: Running image docker://reg.corp.io/team/app:1 is rejected by policy.",
            Code::PolicyRejected,
            "reg.corp.io",
        ),
        ("open /etc/containers/policy.json: no such file or directory", Code::RuntimeConfigInvalid, "reg.corp.io"),
        (
            "RegistryUnavailable: pinging container registry reg.corp.io: Get \"https://reg.corp.io/v2/\": dial tcp 10.0.0.1:443: connect: connection refused",
            Code::ConnectionRefused,
            "reg.corp.io",
        ),
    ] {
        check(&format!("{image}{error}"), code, host);
    }
    check(
        "image pull failed for reg.corp.io/team/app:1 because the registry is unavailable: pinging container registry reg.corp.io: Get \"https://reg.corp.io/v2/\": dial tcp 10.0.0.1:443: connect: connection refused",
        Code::ConnectionRefused,
        "reg.corp.io",
    );
    check(
        "image pull failed for reg.corp.io/team/app:1 because the signature validation failed: Source image rejected: A signature was required, but no signature exists",
        Code::PolicyRejected,
        "reg.corp.io",
    );
}

#[test]
fn mirrors_are_findings_of_one_failure() {
    let text = "Failed to pull image \"reg.io/a/b:1\": unable to pull image or OCI artifact: pull image err: initializing source docker://reg.io/a/b:1: (Mirrors also failed: [m1.corp/a/b:1: pinging container registry m1.corp: Get \"https://m1.corp/v2/\": dial tcp 10.0.0.1:443: connect: connection refused]\n[m2.corp/a/b:1: reading manifest 1 in m2.corp/a/b: received unexpected HTTP status: 503 Service Unavailable]): reg.io/a/b:1: reading manifest 1 in reg.io/a/b: manifest unknown; artifact err: provided artifact is a container image";
    check(text, Code::TagNotFound, "reg.io");
    let findings: Vec<_> = classify(text)[0].findings.iter().map(|f| f.host.clone().unwrap_or_default()).collect();
    assert_eq!(findings, ["m1.corp", "m2.corp"]);
}

#[test]
fn short_names() {
    check(
        "Failed to pull image \"app\": short-name \"app\" did not resolve to an alias and no unqualified-search registries are defined in \"/etc/containers/registries.conf\"",
        Code::InvalidReference,
        "-",
    );
    check(
        "Failed to pull image \"app\": short name mode is enforcing, but image name app:latest returns ambiguous list",
        Code::InvalidReference,
        "-",
    );
}

#[test]
fn what_its_index_and_configuration_promise() {
    let digest = "sha256:b4ddc83129e07b5db5ba86eee8eb7117a1abab59f0ea380e2c0794c22608b1de";
    pull(
        &format!("reading manifest {digest} in reg.corp.io:5000/team/app: manifest unknown"),
        Code::DigestNotFound,
        HOST,
    );
    let text = format!(
        "Failed to pull image \"reg.corp.io:5000/team/app:1.4\": unable to pull image or OCI artifact: pull image err: \
         parsing image configuration: Download config.json digest {digest} does not match expected sha256:0; artifact err: \
         provided artifact is a container image"
    );
    check(&text, Code::ContentCorrupt, HOST);
}

#[test]
fn each_login_tells_of_the_mirrors_again() {
    let one = "(Mirrors also failed: [m.b/a:1: pinging container registry m.b: Get \"https://m.b/v2/\": dial tcp \
        10.0.0.8:443: connect: connection refused]): r.b/a:1: reading manifest 1 in r.b/a: manifest unknown";
    check(&format!("Failed to pull image \"r.b/a:1\": [{one}, {one}]"), Code::TagNotFound, "r.b");
}

#[test]
fn a_proxy_that_closes_is_no_registry_that_does() {
    let ping = "pinging container registry reg.corp.io:5000: Get \"https://reg.corp.io:5000/v2/\": ";
    let name = "reg.corp.io:5000/team/app:1.4";
    let text = |error| format!("Failed to pull image \"{name}\": initializing source docker://{name}: {ping}{error}");
    check(&text("unexpected EOF"), Code::ProxyUnreachable, "-");
    check(&text("EOF"), Code::ConnectionReset, HOST);
}
