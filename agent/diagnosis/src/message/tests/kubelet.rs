//! The kubelet's own states and words.

use super::{all, check, classify};
use crate::cause::Code;

#[test]
fn states_that_no_registry_was_asked_for() {
    for (text, code) in [
        ("Failed to pull image \"nginx\": pull QPS exceeded", Code::KubeletThrottled),
        ("Back-off pulling image \"nginx\": ErrImagePull: pull QPS exceeded", Code::KubeletThrottled),
        ("Container image \"nginx\" is not present with pull policy of Never", Code::NotPresentNeverPull),
        ("Error: ErrImageNeverPull", Code::NotPresentNeverPull),
        (
            "Failed to apply default image tag \"a/B:1\": couldn't parse image name \"a/B:1\": invalid reference format: repository name (a/B) must be lowercase",
            Code::InvalidReference,
        ),
        ("Error: InvalidImageName", Code::InvalidReference),
    ] {
        check(text, code, "-");
    }
}

#[test]
fn secrets_that_do_not_decode() {
    for text in [
        "Error: illegal base64 data at input byte 4",
        "Error: unable to parse auth field, must be formatted as base64(username:password)",
        "Error: json: cannot unmarshal number into Go struct field DockerConfigEntry.auths of type string",
        "Failed to pull image \"reg.io/a:1\": illegal base64 data at input byte 4",
        "Failed to pull image \"reg.io/a:1\": rpc error: code = InvalidArgument desc = failed to pull: invalid decoded auth: \"hunter2\"",
    ] {
        let explained = classify(text);
        assert_eq!(explained[0].cause.as_ref().unwrap().code, Code::SecretMalformed, "{text}");
        assert!(!serde_json::to_string(&explained).unwrap().contains("hunter2"));
    }
}

#[test]
fn a_bare_state_says_where_the_cause_stands() {
    for text in ["Error: ErrImagePull", "ImagePullBackOff", "web-0   0/1   ImagePullBackOff   0   5m"] {
        let explained = classify(text);
        let cause = explained[0].cause.as_ref().unwrap();
        assert_eq!((explained.len(), cause.code), (1, Code::Unknown));
        assert!(cause.summary.contains("Failed to pull image"), "{}", cause.summary);
        assert!(explained[0].next.iter().any(|next| next.command.as_deref() == Some("kubectl describe pod <pod>")));
    }
}

#[test]
fn a_missing_secret_beside_a_refusal_is_its_cause() {
    let text = "Warning  FailedToRetrieveImagePullSecret  12s  kubelet  Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.\n\
        Warning  Failed  10s  kubelet  Failed to pull image \"reg.io/a/b:1\": failed to pull and unpack image \"reg.io/a/b:1\": failed to resolve reference \"reg.io/a/b:1\": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed";
    assert_eq!(all(text), [(Code::SecretNotFound, None, Some("reg.io/a/b:1".to_owned()))]);
    assert_eq!(
        classify(text)[0].also,
        [Code::CredentialsMissing, Code::AccessDenied]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    let other = text.replace("pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", "reg.io/a/b:1: not found");
    let explained = classify(other);
    assert_eq!(explained[0].cause.as_ref().unwrap().code, Code::TagNotFound);
    assert_eq!(explained[0].findings[0].code, Code::SecretNotFound);
}

#[test]
fn the_pause_image_has_its_true_cause() {
    let text = "Warning  FailedCreatePodSandBox  3s  kubelet  Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image \"registry.k8s.io/pause:3.9\": failed to pull image \"registry.k8s.io/pause:3.9\": failed to pull and unpack image \"registry.k8s.io/pause:3.9\": failed to resolve reference \"registry.k8s.io/pause:3.9\": failed to do request: Head \"https://registry.k8s.io/v2/pause/manifests/3.9\": dial tcp 34.96.108.209:443: i/o timeout";
    check(text, Code::ConnectionTimeout, "registry.k8s.io");
    assert_eq!(classify(text)[0].findings[0].code, Code::SandboxImageMissing);
    assert!(classify("Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"x\": plugin type=\"calico\" failed").is_empty());
}

#[test]
fn what_is_no_pull_is_not_found() {
    for text in [
        "",
        "hello world",
        "Normal  Pulled  3s  kubelet  Successfully pulled image \"nginx\" in 1.2s (3.4s including waiting). Image size: 1 bytes.",
        "Normal  Pulling  3s  kubelet  Pulling image \"nginx\"",
        "Warning  FailedMount  3s  kubelet  MountVolume.SetUp failed for volume \"x\" : secret \"y\" not found",
        "Readiness probe failed: Get \"http://10.0.0.1:8080/\": dial tcp 10.0.0.1:8080: connect: connection refused",
        "Container image \"nginx\" already present on machine",
    ] {
        assert_eq!(all(text), [], "{text}");
    }
}

#[test]
fn the_container_in_the_journal_names_the_image() {
    let text = "E1121 11:44:52.123456    1234 kuberuntime_manager.go:1256] container &Container{Name:c,Image:reg.io/a/b:1,\
        Command:[],ImagePullPolicy:IfNotPresent,} start failed in pod x_default(1c0e7c86): ErrImagePull: rpc error: code = \
        NotFound desc = get image config descriptor: unexpected media type text/html for sha256:a6aafde0: not found";
    assert_eq!(all(text), [(Code::NotARegistry, None, Some("reg.io/a/b:1".to_owned()))]);
}
