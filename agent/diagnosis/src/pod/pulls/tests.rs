//! What statuses and events of real kubelets are read as.

use super::*;
use crate::pod::PullPolicy;

fn at(time: &str) -> Timestamp {
    format!("2026-07-01T{time}Z").parse().unwrap()
}

fn container(name: &str, kind: ContainerKind, image: &str, state: ContainerState) -> Container {
    Container { name: name.into(), kind, image: image.into(), policy: PullPolicy::Always, state }
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    ContainerState::Waiting { reason: reason.into(), message: message.into() }
}

fn pod(containers: Vec<Container>) -> Pod {
    Pod { created: Some(at("03:00:00")), containers, ..Pod::default() }
}

fn event(reason: &str, message: &str, path: Option<&str>, first: &str, last: &str, count: u32) -> PodEvent {
    let (first, last) = (Some(at(first)), Some(at(last)));
    PodEvent { reason: reason.into(), message: message.into(), field_path: path.map(str::to_owned), first, last, count }
}

#[track_caller]
fn check(pod: &Pod, events: &[PodEvent], want: &[&str]) {
    let in_words = |state: &PullState| match state {
        PullState::Failing(words) => {
            let retry = words.retry_by.map(|time| time.to_string()).unwrap_or_default();
            format!(
                "{} since {} retry {} | {}",
                words.reason,
                &words.since.to_string()[11..],
                &retry[11..],
                words.message
            )
        }
        PullState::Pulling { since } => format!("pulling since {}", &since.unwrap().to_string()[11..]),
        PullState::NotYet => "not yet".to_owned(),
        PullState::Had { word } => format!("has it: {word}"),
    };
    let states = pull_states(pod, events, at("03:10:00"));
    assert_eq!(states.iter().map(in_words).collect::<Vec<_>>(), want);
}

const GONE: &str = "rpc error: code = NotFound desc = r.test/a:1: not found";

#[test]
fn the_status_tells_first_and_events_what_it_leaves_out() {
    let app = |state| container("app", ContainerKind::Regular, "r.test/a:1", state);
    let path = Some("spec.containers{app}");
    let failed = |first, last, count| {
        event("Failed", &format!("Failed to pull image \"r.test/a:1\": {GONE}"), path, first, last, count)
    };
    let full = format!("Back-off pulling image \"r.test/a:1\": ErrImagePull: {GONE}");
    check(
        &pod(vec![app(waiting("ImagePullBackOff", &full))]),
        &[],
        &[&format!("ImagePullBackOff since 03:00:00Z retry 03:15:15Z | {full}")],
    );
    // Up to 1.31, after three attempts of which the events tell everything.
    check(
        &pod(vec![app(waiting("ImagePullBackOff", "Back-off pulling image \"r.test/a:1\""))]),
        &[
            failed("03:00:05", "03:01:00", 3),
            event("BackOff", "Back-off pulling image \"r.test/a:1\"", path, "03:01:10", "03:02:00", 4),
        ],
        &[&format!("ImagePullBackOff since 03:00:05Z retry 03:01:55Z | {GONE}")],
    );
    // An old pod: earlier events are gone, so that the longest back-off is possible.
    check(
        &pod(vec![app(waiting("ErrImagePull", GONE))]),
        &[failed("03:08:00", "03:08:00", 1)],
        &[&format!("ErrImagePull since 03:08:00Z retry 03:13:15Z | {GONE}")],
    );
    check(
        &pod(vec![app(waiting("illegal base64 data at input byte 4", "illegal base64 data at input byte 4"))]),
        &[],
        &["illegal base64 data at input byte 4 since 03:00:00Z retry 03:10:15Z | illegal base64 data at input byte 4"],
    );
}

#[test]
fn what_is_no_failure_of_an_image_is_none() {
    let app = |state| pod(vec![container("app", ContainerKind::Regular, "r.test/a:1", state)]);
    let path = Some("spec.containers{app}");
    let pulling = event("Pulling", "Pulling image \"r.test/a:1\"", path, "03:01:00", "03:01:00", 1);
    let creating = || waiting("ContainerCreating", "");
    check(&app(waiting("CrashLoopBackOff", "back-off 5m0s restarting")), &[], &["has it: CrashLoopBackOff"]);
    check(&app(ContainerState::Running), std::slice::from_ref(&pulling), &["has it: Running"]);
    check(&app(creating()), &[], &["not yet"]);
    check(&app(creating()), std::slice::from_ref(&pulling), &["pulling since 03:01:00Z"]);
    let pulled = event("Pulled", "Successfully pulled image", path, "03:02:00", "03:02:00", 1);
    check(&app(creating()), &[pulling.clone(), pulled], &["not yet"]);
    let other = event("Pulled", "Successfully pulled image", Some("spec.containers{b}"), "03:02:00", "03:02:00", 1);
    check(&app(creating()), &[pulling, other], &["pulling since 03:01:00Z"]);
}

#[test]
fn a_volumes_failure_is_the_volumes() {
    let message = "Back-off pulling image \"r.test/data:1\": ErrImagePull: no such host";
    let pod = pod(vec![
        container("app", ContainerKind::Regular, "r.test/a:1", waiting("ImagePullBackOff", message)),
        container("data", ContainerKind::Volume, "r.test/data:1", ContainerState::Unknown),
    ]);
    check(&pod, &[], &["not yet", &format!("ImagePullBackOff since 03:00:00Z retry 03:15:15Z | {message}")]);
}

#[test]
fn the_sandbox_image_has_its_own_failure() {
    let message = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image \
                   \"registry.k8s.io/pause:3.8\": failed to pull image \"registry.k8s.io/pause:3.8\": failed to pull and \
                   unpack image \"registry.k8s.io/pause:3.8\": failed to resolve reference \"registry.k8s.io/pause:3.8\": \
                   failed to do request: Head \"https://registry.k8s.io/v2/pause/manifests/3.8\": dial tcp: lookup \
                   registry.k8s.io: no such host";
    let pod = pod(vec![container("app", ContainerKind::Regular, "r.test/a:1", waiting("ContainerCreating", ""))]);
    let failed = event("FailedCreatePodSandBox", message, None, "03:01:00", "03:09:00", 9);
    let sandbox = sandbox_failure(&pod, &[failed], at("03:10:00")).unwrap();
    assert_eq!((sandbox.image.as_str(), sandbox.words.since), ("registry.k8s.io/pause:3.8", at("03:01:00")));
    let network =
        event("FailedCreatePodSandBox", "plugin type=\"calico\" failed (add)", None, "03:01:00", "03:09:00", 9);
    assert_eq!(sandbox_failure(&pod, &[network], at("03:10:00")), None);
}
