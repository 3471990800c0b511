//! What containerd 1.6, 1.7 and 2.x, ctr and nerdctl write.

use super::{all, check};
use crate::cause::Code;

/// As the kubelet shows what containerd says in its resolver.
#[track_caller]
fn resolve(error: &str, code: Code, host: &str) {
    let name = "reg.corp.io:5000/team/app:1.4";
    let inner = format!("failed to pull and unpack image \"{name}\": failed to resolve reference \"{name}\": {error}");
    check(&format!("Failed to pull image \"{name}\": {inner}"), code, host);
    check(&format!("Failed to pull image \"{name}\": rpc error: code = Unknown desc = {inner}"), code, host);
    let quoted = inner.replace('"', "\\\"");
    check(
        &format!(
            "time=\"2025-03-02T11:08:54Z\" level=error msg=\"PullImage \\\"{name}\\\" failed\" error=\"rpc error: code = Unknown desc = {quoted}\""
        ),
        code,
        host,
    );
    let transfer = format!("failed to pull and unpack image \"{name}\": failed to resolve image: {error}");
    check(&format!("Back-off pulling image \"{name}\": ErrImagePull: {transfer}"), code, host);
}

/// The same at a layer or a manifest by digest.
#[track_caller]
fn fetch(error: &str, code: Code, host: &str) {
    let name = "reg.corp.io:5000/team/app:1.4";
    check(&format!("Failed to pull image \"{name}\": failed to pull and unpack image \"{name}\": {error}"), code, host);
}

const HEAD: &str = "failed to do request: Head \"https://reg.corp.io:5000/v2/team/app/manifests/1.4\": ";
const HOST: &str = "reg.corp.io:5000";

#[test]
fn what_happens_before_an_answer() {
    for (error, code) in [
        ("dial tcp: lookup reg.corp.io on 10.96.0.10:53: no such host", Code::DnsNameNotFound),
        ("dial tcp: lookup reg.corp.io: no such host", Code::DnsNameNotFound),
        ("dial tcp: lookup reg.corp.io on 10.96.0.10:53: server misbehaving", Code::DnsServerFailure),
        ("dial tcp: lookup reg.corp.io: Temporary failure in name resolution", Code::DnsServerFailure),
        (
            "dial tcp: lookup reg.corp.io on 10.9.0.1:53: read udp 10.0.0.7:4->10.9.0.1:53: read: connection refused",
            Code::DnsServerFailure,
        ),
        (
            "dial tcp: lookup reg.corp.io on 10.9.0.1:53: dial udp 10.9.0.1:53: connect: network is unreachable",
            Code::DnsServerFailure,
        ),
        (
            "dial tcp: lookup reg.corp.io on 10.9.0.1:53: read udp 10.0.0.7:4->10.9.0.1:53: i/o timeout",
            Code::DnsTimeout,
        ),
        ("dial tcp: lookup reg.corp.io: i/o timeout", Code::DnsTimeout),
        (
            "dial tcp: lookup reg.corp.io on 10.9.0.9:53: write udp 10.9.0.1:4->10.9.0.9:53: write: operation not permitted",
            Code::DnsServerFailure,
        ),
        ("dial tcp: address 70000: invalid port", Code::InvalidReference),
        ("dial tcp 10.0.0.1:5000: connect: connection refused", Code::ConnectionRefused),
        ("dial tcp 10.0.0.1:5000: i/o timeout", Code::ConnectionTimeout),
        ("dial tcp 10.0.0.1:5000: connect: connection timed out", Code::ConnectionTimeout),
        ("dial tcp 10.0.0.1:5000: connect: no route to host", Code::NetworkUnreachable),
        ("dial tcp [fd00::1]:5000: connect: network is unreachable", Code::NetworkUnreachable),
        ("read tcp 10.0.0.7:4444->10.0.0.1:5000: read: connection reset by peer", Code::ConnectionReset),
        ("EOF", Code::ConnectionReset),
        ("net/http: timeout awaiting response headers", Code::ConnectionTimeout),
        ("http2: client connection lost", Code::ConnectionReset),
        ("net/http: TLS handshake timeout", Code::TlsHandshakeTimeout),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", Code::TlsUnknownAuthority),
        (
            "x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"Corp CA\")",
            Code::TlsUnknownAuthority,
        ),
        (
            "tls: failed to verify certificate: x509: certificate is valid for a.b, not reg.corp.io",
            Code::TlsHostnameMismatch,
        ),
        (
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-21T08:05:40Z is after 2026-11-19T08:05:40Z",
            Code::TlsCertificateExpired,
        ),
        (
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-21T08:05:40Z is before 2026-11-23T08:05:40Z",
            Code::TlsNotYetValid,
        ),
        ("remote error: tls: certificate required", Code::TlsHandshakeFailure),
        ("remote error: tls: unrecognized name", Code::TlsHandshakeFailure),
        ("tls: server selected unsupported protocol version 301", Code::TlsHandshakeFailure),
        ("tls: first record does not look like a TLS handshake", Code::TlsHandshakeFailure),
        ("http: server gave HTTP response to HTTPS client", Code::PlaintextRegistry),
        ("context canceled", Code::PullStalled),
        ("context deadline exceeded", Code::PullStalled),
    ] {
        resolve(&format!("{HEAD}{error}"), code, HOST);
        resolve(&format!("{}{error}", HEAD.replace('"', "")), code, HOST);
    }
}

#[test]
fn what_the_proxy_does() {
    for (error, code, host) in [
        (
            "proxyconnect tcp: dial tcp: lookup proxy.corp on 10.9.0.1:53: no such host",
            Code::ProxyUnreachable,
            "proxy.corp",
        ),
        (
            "proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused",
            Code::ProxyUnreachable,
            "10.0.0.9:3128",
        ),
        ("proxyconnect tcp: dial tcp 10.0.0.9:3128: i/o timeout", Code::ProxyUnreachable, "10.0.0.9:3128"),
        (
            "proxyconnect tcp: tls: failed to verify certificate: x509: certificate signed by unknown authority",
            Code::ProxyUnreachable,
            "-",
        ),
        ("proxyconnect tcp: tls: first record does not look like a TLS handshake", Code::ProxyUnreachable, "-"),
        ("proxyconnect tcp: EOF", Code::ProxyUnreachable, "-"),
        (
            "socks connect tcp 10.0.0.9:1080->reg.corp.io:5000: dial tcp 10.0.0.9:1080: connect: connection refused",
            Code::ProxyUnreachable,
            "10.0.0.9:1080",
        ),
        (
            "socks connect tcp 10.0.0.9:1080->reg.corp.io:5000: unexpected protocol version 72",
            Code::ProxyUnreachable,
            "-",
        ),
        (
            "socks connect tcp 10.0.0.9:1080->reg.corp.io:5000: unknown error connection not allowed by ruleset",
            Code::ProxyDenied,
            "-",
        ),
        ("socks connect tcp 10.0.0.9:1080->reg.corp.io:5000: unknown error host unreachable", Code::ProxyDenied, "-"),
        ("socks connect tcp 10.0.0.9:1080->reg.corp.io:5000: unknown error connection refused", Code::ProxyDenied, "-"),
        (
            "socks connect tcp 10.0.0.9:1080->reg.corp.io:5000: username/password authentication failed",
            Code::ProxyDenied,
            "-",
        ),
        (
            "refusing to use HTTP_PROXY value in CGI environment; see golang.org/s/cgihttpproxy",
            Code::RuntimeConfigInvalid,
            HOST,
        ),
        ("malformed HTTP status code \"no\"", Code::ProxyUnreachable, "-"),
        ("unexpected EOF", Code::ProxyUnreachable, "-"),
        (
            "net/http: HTTP/1.x transport connection broken: malformed HTTP version \"\\x00\\xff\\x13\"",
            Code::NotARegistry,
            HOST,
        ),
        ("EOF", Code::ConnectionReset, HOST),
        ("Forbidden", Code::ProxyDenied, "-"),
        ("Proxy Authentication Required", Code::ProxyDenied, "-"),
        ("Bad Gateway", Code::ProxyDenied, "-"),
        ("Service Unavailable", Code::ProxyDenied, "-"),
        ("Gateway Timeout", Code::ProxyDenied, "-"),
    ] {
        resolve(&format!("{HEAD}{error}"), code, host);
    }
}

#[test]
fn what_the_registry_answers() {
    for (error, code) in [
        ("reg.corp.io:5000/team/app:1.4: not found", Code::TagNotFound),
        (
            "unexpected status from HEAD request to https://reg.corp.io:5000/v2/team/app/manifests/1.4: 403 Forbidden",
            Code::AccessDenied,
        ),
        (
            "unexpected status from HEAD request to https://reg.corp.io:5000/v2/team/app/manifests/1.4: 401 Unauthorized",
            Code::CredentialsRejected,
        ),
        (
            "unexpected status from HEAD request to https://reg.corp.io:5000/v2/team/app/manifests/1.4: 500 Internal Server Error",
            Code::RegistryUnavailable,
        ),
        ("unexpected status code [manifests 1.4]: 403 Forbidden", Code::AccessDenied),
        // localhost on any port but 443, 1.7: HTTPS failed, and plain HTTP is asked.
        (
            "unexpected status from HEAD request to http://reg.corp.io:5000/v2/team/app/manifests/1.4: 400 Bad Request",
            Code::PlaintextRegistry,
        ),
        (
            "failed to authorize: failed to fetch anonymous token: Get \"auth.corp.io/token?scope=%5BREDACTED%5D&service=%5BREDACTED%5D\": unsupported protocol scheme \"\"",
            Code::NotARegistry,
        ),
        (
            "failed to authorize: failed to fetch anonymous token: unable to decode token response: EOF",
            Code::NotARegistry,
        ),
        // 1.6, where the registry asks for a login that nobody has.
        (
            "pulling from host reg.corp.io:5000 failed with status code [manifests 1.4]: 401 Unauthorized",
            Code::CredentialsMissing,
        ),
        ("unexpected status code [manifests 1.4]: 429 Too Many Requests", Code::RateLimited),
        (
            "unexpected status code https://reg.corp.io:5000/v2/team/app/manifests/1.4: 503 Service Unavailable",
            Code::RegistryUnavailable,
        ),
        (
            "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
            Code::CredentialsMissing,
        ),
        (
            "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
            Code::CredentialsMissing,
        ),
    ] {
        resolve(error, code, HOST);
    }
}

#[test]
fn what_the_token_service_answers() {
    for (error, code) in [
        (
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://reg.corp.io:5000/token?scope=a: 401 Unauthorized",
            Code::CredentialsMissing,
        ),
        (
            "failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://reg.corp.io:5000/token: 401 Unauthorized",
            Code::CredentialsRejected,
        ),
        (
            "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://reg.corp.io:5000/token?a=b: 403 Forbidden: denied: requested access to the resource is denied",
            Code::AccessDenied,
        ),
        (
            "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
            Code::CredentialsRejected,
        ),
        (
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://reg.corp.io:5000/token?a: 503 Service Unavailable",
            Code::RegistryUnavailable,
        ),
        (
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://reg.corp.io:5000/token?a: 404 Not Found",
            Code::NotARegistry,
        ),
        ("failed to authorize: authorization server did not include a token in the response", Code::NotARegistry),
        (
            "failed to authorize: failed to fetch anonymous token: unable to decode token response: invalid character '<' looking for beginning of value",
            Code::NotARegistry,
        ),
        (
            "unexpected status from HEAD request to https://reg.corp.io:5000/v2/team/app/manifests/1.4: 400 Bad Request\nClient sent an HTTP request to an HTTPS server.",
            Code::PlaintextRegistry,
        ),
    ] {
        resolve(error, code, HOST);
    }
    resolve(
        "unexpected status from HEAD request to https://mirror.corp:5443/v2/team/app/manifests/1.4?ns=reg.corp.io%3A5000: 503 Service Unavailable",
        Code::RegistryUnavailable,
        "mirror.corp:5443",
    );
    resolve(
        "unexpected status from HEAD request to https://quay.io/v2/team/app/manifests/1.4: 401 UNAUTHORIZED",
        Code::CredentialsMissing,
        "quay.io",
    );
    resolve(
        "unable to read CERT file \"/etc/containerd/certs.d/client.pem\": open /etc/containerd/certs.d/client.pem: no such file or directory",
        Code::RuntimeConfigInvalid,
        HOST,
    );
    resolve(
        "failed to authorize: failed to fetch anonymous token: Get \"https://auth.corp.io/token?scope=a&service=b\": dial tcp: lookup auth.corp.io on 10.9.0.1:53: no such host",
        Code::DnsNameNotFound,
        "auth.corp.io",
    );
    resolve(
        "unable to load CA cert \"/etc/containerd/certs.d/reg.corp.io:5000/ca.crt\"",
        Code::RuntimeConfigInvalid,
        HOST,
    );
    resolve(
        "failed to load X509 key pair: open /x/client.key: no such file or directory",
        Code::RuntimeConfigInvalid,
        HOST,
    );
}

#[test]
fn what_happens_behind_the_manifest() {
    let layer = "sha256:b4ddc83129e07b5db5ba86eee8eb7117a1abab59f0ea380e2c0794c22608b1de";
    for (error, code, host) in [
        ("no match for platform in manifest: not found".to_owned(), Code::PlatformMismatch, HOST),
        (format!("failed to copy: httpReadSeeker: failed open: could not fetch content descriptor {layer} (application/vnd.oci.image.layer.v1.tar+gzip) from remote: not found"), Code::BlobUnavailable, HOST),
        (format!("failed to copy: httpReadSeeker: failed open: could not fetch content descriptor {layer} (application/vnd.oci.image.manifest.v1+json) from remote: not found"), Code::DigestNotFound, HOST),
        (format!("failed to copy: httpReadSeeker: failed open: could not fetch content descriptor {layer} (application/vnd.docker.container.image.v1+json) from remote: not found"), Code::BlobUnavailable, HOST),
        (format!("failed to copy: httpReadSeeker: failed open: could not fetch content descriptor {layer} (application/vnd.cncf.helm.config.v1+json) from remote: not found"), Code::UnsupportedManifest, HOST),
        (format!("failed to copy: httpReadSeeker: failed open: could not fetch content descriptor {layer} (application/octet-stream) from remote: not found"), Code::UnsupportedManifest, HOST),
        ("no signatures".to_owned(), Code::UnsupportedManifest, HOST),
        (format!("failed to copy: httpReadSeeker: failed open: unexpected status from GET request to https://reg.corp.io:5000/v2/team/app/blobs/{layer}: 500 Internal Server Error"), Code::RegistryUnavailable, HOST),
        (format!("failed to copy: httpReadSeeker: failed open: unexpected status code https://reg.corp.io:5000/v2/team/app/blobs/{layer}: 404 Not Found"), Code::BlobUnavailable, HOST),
        (format!("failed to copy: httpReadSeeker: failed open: failed to do request: Get \"https://s3.corp/a/{layer}?X-Amz-Signature=x\": net/http: TLS handshake timeout"), Code::TlsHandshakeTimeout, "s3.corp"),
        (format!("failed to copy: httpReadSeeker: failed open: failed to do request: Get \"https://s3.corp/a/{layer}?X-Amz-Signature=x\": Forbidden"), Code::ProxyDenied, "-"),
        ("failed to copy: read tcp 10.0.0.7:4->10.0.0.1:443: read: connection timed out".to_owned(), Code::ConnectionTimeout, HOST),
        (format!("failed commit on ref \"layer-{layer}\": unexpected commit digest {layer}, expected {layer}: failed precondition"), Code::ContentCorrupt, HOST),
        (format!("failed commit on ref \"layer-{layer}\": \"layer-{layer}\" failed size validation: 10 != 48: failed precondition"), Code::ContentCorrupt, HOST),
        (format!("failed to extract layer {layer}: wrong diff id calculated on extraction \"sha256:0\""), Code::ContentCorrupt, HOST),
        (format!("failed to extract layer {layer}: failed to get reader from content store: content digest {layer}: not found"), Code::ContentCorrupt, HOST),
        (format!("failed to extract layer {layer}: write /var/lib/containerd/x: no space left on device: unknown"), Code::DiskFull, "-"),
        (format!("failed to extract layer {layer}: mount callback failed on /x: failed to Lchown \"/x\": lchown /x: invalid argument: unknown"), Code::UnpackFailed, "-"),
        ("failed to prepare extraction snapshot \"extract-1 sha256:0\": parent snapshot sha256:0 does not exist: not found".to_owned(), Code::UnpackFailed, "-"),
        (format!("failed to unpack image on snapshotter overlayfs: unexpected media type text/html for {layer}: not found"), Code::NotARegistry, HOST),
        ("media type \"application/vnd.docker.distribution.manifest.v1+prettyjws\" is no longer supported since containerd v2.1, please rebuild the image".to_owned(), Code::UnsupportedManifest, HOST),
        ("schema 1 image manifests are no longer supported: invalid argument".to_owned(), Code::UnsupportedManifest, HOST),
        ("failed to extract layer sha256:aa: failed to get stream processor for application/vnd.oci.image.layer.v1.tar+gzip+encrypted: exec: \"ctd-decoder\": executable file not found in $PATH: unknown".to_owned(), Code::UnsupportedManifest, HOST),
        (format!("ref layer-{layer} locked for 30.1s (since 2025-01-01): unavailable"), Code::PullStalled, HOST),
        ("rejecting 5242881 byte manifest: size too large".to_owned(), Code::UnsupportedManifest, HOST),
        ("image verifier bindir blocked pull of reg.corp.io:5000/team/app:1.4 with digest sha256:0 for reason: no".to_owned(), Code::PolicyRejected, HOST),
    ] {
        fetch(&error, code, host);
    }
}

#[test]
fn the_next_host_is_another_attempt_of_one_pull() {
    let text = "level=info msg=\"trying next host\" error=\"failed to do request: Head \\\"https://m.corp/v2/team/app/manifests/1?ns=reg.io\\\": dial tcp 10.0.0.1:443: connect: connection refused\" host=m.corp\n\
        level=error msg=\"PullImage \\\"reg.io/team/app:1\\\" failed\" error=\"rpc error: code = NotFound desc = failed to pull and unpack image \\\"reg.io/team/app:1\\\": failed to resolve reference \\\"reg.io/team/app:1\\\": reg.io/team/app:1: not found\"";
    assert_eq!(all(text), [(Code::TagNotFound, None, Some("reg.io/team/app:1".to_owned()))]);
    assert_eq!(super::classify(text)[0].findings[0].code, Code::MirrorUnavailable);
}

#[test]
fn ghcr_gives_strangers_no_token_for_what_it_hides() {
    check(
        "failed to resolve reference \"ghcr.io/a/b:1\": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=x&service=ghcr.io: 403 Forbidden",
        Code::CredentialsMissing,
        "ghcr.io",
    );
}

#[test]
fn a_runtime_that_is_not_there() {
    for text in [
        "Failed to pull image \"nginx\": rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: no such file or directory\"",
        "Failed to pull image \"nginx\": rpc error: code = Unavailable desc = error reading from server: EOF",
        "FATA[0002] unable to determine image API version: rpc error: code = DeadlineExceeded desc = context deadline exceeded",
        "Failed to pull image \"nginx\": rpc error: code = Unimplemented desc = unknown service runtime.v1.ImageService",
        "Failed to inspect image \"\": rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused\"",
    ] {
        check(text, Code::RuntimeUnavailable, "-");
    }
}

/// From 2.1 on containerd blots out the values of queries, `ns` too.
#[test]
fn a_mirror_is_known_by_a_query_that_is_blotted_out() {
    let text = "Failed to pull image \"reg.corp.io/a:1\": failed to pull and unpack image \"reg.corp.io/a:1\": failed to \
        resolve image: failed to do request: Head \"https://m.corp.io/v2/a/manifests/1?ns=%5BREDACTED%5D\": dial tcp \
        10.0.0.1:443: connect: connection refused";
    check(text, Code::ConnectionRefused, "m.corp.io");
    let summary = crate::message::classify(text).remove(0).cause.expect("a cause").summary;
    assert_eq!(summary, "the mirror m.corp.io refuses the connection");
}
