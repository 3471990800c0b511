//! Texts as people paste them: whole screens, several images, job logs.

use super::{all, classify};
use crate::cause::Code;

#[test]
fn a_pod_with_two_failing_containers_has_two_failures() {
    let text = r#"
Name:             web-0
Containers:
  app:
    Image:          reg.io/team/app:9.9
    State:          Waiting
      Reason:       ImagePullBackOff
    Ready:          False
  sidecar:
    Image:          quay.io/team/side:1
    State:          Waiting
      Reason:       ErrImagePull
Events:
  Type     Reason     Age                From               Message
  ----     ------     ----               ----               -------
  Normal   Scheduled  60s                default-scheduler  Successfully assigned default/web-0 to node-1
  Normal   Pulling    59s                kubelet            Pulling image "reg.io/team/app:9.9"
  Warning  Failed     58s                kubelet            Failed to pull image "reg.io/team/app:9.9": rpc error: code = NotFound desc = failed to pull and unpack image "reg.io/team/app:9.9": failed to resolve reference "reg.io/team/app:9.9": reg.io/team/app:9.9: not found
  Warning  Failed     58s                kubelet            Error: ErrImagePull
  Warning  Failed     57s                kubelet            Failed to pull image "quay.io/team/side:1": failed to pull and unpack image "quay.io/team/side:1": failed to resolve reference "quay.io/team/side:1": unexpected status from HEAD request to https://quay.io/v2/team/side/manifests/1: 502 Bad Gateway
  Warning  Failed     57s                kubelet            Error: ErrImagePull
  Normal   BackOff    20s (x2 over 56s)  kubelet            Back-off pulling image "reg.io/team/app:9.9"
  Warning  Failed     20s (x2 over 56s)  kubelet            Error: ImagePullBackOff
"#;
    assert_eq!(
        all(text),
        [
            (Code::TagNotFound, None, Some("reg.io/team/app:9.9".to_owned())),
            (Code::RegistryUnavailable, None, Some("quay.io/team/side:1".to_owned())),
        ]
    );
}

#[test]
fn the_status_of_a_pod_in_yaml_and_json() {
    let yaml = r#"
  containerStatuses:
  - image: reg.io/team/app:9.9
    imageID: ""
    name: app
    state:
      waiting:
        message: 'Back-off pulling image "reg.io/team/app:9.9": ErrImagePull: failed to
          pull and unpack image "reg.io/team/app:9.9": failed to resolve reference "reg.io/team/app:9.9":
          failed to do request: Head "https://reg.io/v2/team/app/manifests/9.9": dial
          tcp: lookup reg.io on 10.96.0.10:53: no such host'
        reason: ImagePullBackOff
"#;
    let wanted = [(Code::DnsNameNotFound, None, Some("reg.io/team/app:9.9".to_owned()))];
    assert_eq!(all(yaml), wanted);
    let json = r#"{"image": "reg.io/team/app:9.9", "state": {"waiting": {"message": "Back-off pulling image \"reg.io/team/app:9.9\": ErrImagePull: failed to do request: Head \"https://reg.io/v2/team/app/manifests/9.9\": dial tcp: lookup reg.io on 10.96.0.10:53: no such host", "reason": "ImagePullBackOff"}}}"#;
    assert_eq!(all(json), wanted);
}

#[test]
fn the_log_of_a_gitlab_job() {
    let text = "\x1b[0KRunning with gitlab-runner 16.9.0 (656c1943)\x1b[0;m\n\
        \x1b[0Ksection_start:1712000000:prepare_executor\r\x1b[0K\x1b[0K\x1b[36;1mPreparing the \"kubernetes\" executor\x1b[0;m\n\
        \x1b[0KUsing Kubernetes executor with image reg.io/ci/build:1 ...\x1b[0;m\n\
        \x1b[0;33mWARNING: Failed to pull image \"reg.io/ci/build:1\" for container \"build\" with policy \"\": image pull failed: Back-off pulling image \"reg.io/ci/build:1\": ErrImagePull: failed to resolve reference \"reg.io/ci/build:1\": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed\x1b[0;m\n\
        \x1b[31;1mERROR: Job failed: prepare environment: waiting for pod running: pulling image \"reg.io/ci/build:1\": image pull failed: Back-off pulling image \"reg.io/ci/build:1\"\x1b[0;m\n";
    assert_eq!(
        all(text),
        [(Code::CredentialsMissing, Some("notFoundOrPrivate".to_owned()), Some("reg.io/ci/build:1".to_owned()))]
    );
    let explained = &classify(text)[0];
    // Among the two that are shown.
    assert!(explained.remedy.iter().take(2).any(|remedy| remedy.text.contains("image_pull_secrets")));
}

#[test]
fn a_login_in_a_pasted_text_is_never_shown() {
    let text = "$ curl -H 'Authorization: Bearer hunter2' https://user:hunter2@reg.io/v2/\n\
        Failed to pull image \"reg.io/a:1\": Get \"https://user:hunter2@reg.io/v2/a?sig=hunter2\": something odd password=hunter2";
    let json = serde_json::to_string(&classify(text)).unwrap();
    assert!(!json.contains("hunter2"), "{json}");
}

#[test]
fn a_failure_in_a_long_log_is_found_at_its_place() {
    let noise = "2025-03-02T11:08:54Z app[1]: request took 12 ms\n".repeat(25_000);
    let failure = "Failed to pull image \"reg.io/a:1\": manifest unknown";
    let text = format!("{noise}{failure}\n{noise}");
    let explained = classify(&text);
    assert_eq!(explained.len(), 1);
    let span = explained[0].evidence[0];
    assert_eq!(&text[span.start..span.end], failure);
}

#[test]
fn a_binary_has_no_failures() {
    let bytes: Vec<u8> =
        (0..200_000_u32).map(|i| u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap_or(0)).collect();
    assert!(classify(bytes).is_empty());
}

#[test]
fn json_on_one_line_holds_several_failures() {
    let pod = |image: &str| {
        format!(
            r#"{{"image":"{image}","state":{{"waiting":{{"message":"Back-off pulling image \"{image}\": ErrImagePull: reading manifest 1 in x.io/y: manifest unknown","reason":"ImagePullBackOff"}}}}}}"#
        )
    };
    let images: Vec<String> = (0..700).map(|n| format!("reg.io/team/app-{n}:1")).collect();
    let text = format!("[{}]", images.iter().map(|image| pod(image)).collect::<Vec<_>>().join(","));
    let got: Vec<_> = all(&text).into_iter().filter_map(|(_, _, image)| image).collect();
    assert_eq!(got, images);
}

#[test]
fn a_line_without_end_is_read_in_time() {
    for piece in
        ["https://a.b/v2/ 403 ", "Get\"https://x", "unexpected status ", "lookup a: ", ": [rpc error, rpc error"]
    {
        classify(piece.repeat(200_000 / piece.len()));
    }
}

#[test]
fn a_text_that_was_wrapped_at_any_width_is_read() {
    let text = "Failed to pull image \"reg.io/a/b:1\": pinging container registry reg.io: Get \"https://reg.io/v2/\": http: server gave HTTP response to HTTPS client";
    for at in [57, 73, 91, 117, 129] {
        let wrapped = format!("{}\n{}", &text[..at], &text[at..]);
        assert_eq!(all(&wrapped), [(Code::PlaintextRegistry, None, Some("reg.io/a/b:1".to_owned()))], "{wrapped}");
    }
}
