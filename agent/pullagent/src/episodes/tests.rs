//! What is told, when, and what is not told again.

use proptest::prelude::*;
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::finding::Finding;
use pullagent_diagnosis::pod::{ContainerKind, PullPolicy};

use super::*;

const IMAGE: &str = "r.io/a";
const LIMITS: EventLimits = EventLimits { per_minute: 6, burst: 20 };

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + minute * 60).unwrap()
}

fn pod(namespace: &str, name: &str, state: ContainerState) -> Pod {
    let container = Container {
        name: "main".to_owned(),
        kind: ContainerKind::Regular,
        image: "r.io/a".to_owned(),
        policy: PullPolicy::Always,
        state,
    };
    Pod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: format!("{namespace}-{name}"),
        containers: vec![container],
        ..Pod::default()
    }
}

fn subject(namespace: &str, name: &str) -> Arc<Subject> {
    let pod = pod(namespace, name, ContainerState::Unknown);
    Arc::new(Subject::container(&pod, &pod.containers[0]))
}

fn fails(code: Code, confidence: Confidence) -> Answer {
    let cause = Finding::new(code, "it fails").at_most(confidence).to_cause();
    Answer { verdict: Verdict::Failing, cause: Some(cause), remedy: Vec::new() }
}

fn works() -> Answer {
    Answer { verdict: Verdict::Pullable, cause: None, remedy: Vec::new() }
}

#[track_caller]
fn check(episodes: &mut Episodes, minute: i64, want: &[&str]) {
    let told: Vec<String> = episodes.publish(at(minute)).into_iter().map(|p| p.event.reason).collect();
    assert_eq!(told, want);
}

#[test]
fn a_warning_is_refreshed_while_it_fails_and_never_repeated_before() {
    let mut episodes = Episodes::new("node-1", LIMITS);
    for minute in [0, 1, 29] {
        episodes.answered(&subject("a", "p"), IMAGE, &fails(Code::TagNotFound, Confidence::Certain), None);
        check(&mut episodes, minute, if minute == 0 { &["PullTagNotFound"] } else { &[] });
    }
    assert_eq!(episodes.wake_at(), Some(at(30)));
    check(&mut episodes, 30, &["PullTagNotFound"]);
    check(&mut episodes, 59, &[]);
    check(&mut episodes, 60, &["PullTagNotFound"]);
}

#[track_caller]
fn check_gives_way(passing: Code, told: &str) {
    let mut episodes = Episodes::new("node-1", LIMITS);
    let subject = subject("a", "p");
    episodes.answered(&subject, IMAGE, &fails(passing, Confidence::Certain), None);
    check(&mut episodes, 0, &[told]);
    episodes.answered(&subject, IMAGE, &fails(Code::TagNotFound, Confidence::Likely), None);
    check(&mut episodes, 1, &["PullTagNotFound"]);
    // And not back again, however sure that is.
    episodes.answered(&subject, IMAGE, &fails(passing, Confidence::Certain), None);
    check(&mut episodes, 2, &[]);
    check(&mut episodes, 31, &["PullTagNotFound"]);
}

#[test]
fn a_moment_of_the_node_s_gives_way_to_the_cause_that_it_hid() {
    check_gives_way(Code::KubeletThrottled, "PullKubeletThrottled");
    check_gives_way(Code::RuntimeUnavailable, "PullRuntimeUnavailable");
}

#[test]
fn only_a_surer_cause_takes_the_place_of_one_that_was_told() {
    let mut episodes = Episodes::new("node-1", LIMITS);
    let subject = subject("a", "p");
    episodes.answered(&subject, IMAGE, &fails(Code::DnsTimeout, Confidence::Likely), None);
    check(&mut episodes, 0, &["PullDnsTimeout"]);
    episodes.answered(&subject, IMAGE, &fails(Code::ConnectionTimeout, Confidence::Likely), None);
    check(&mut episodes, 1, &[]);
    episodes.answered(&subject, IMAGE, &fails(Code::TagNotFound, Confidence::Certain), None);
    check(&mut episodes, 2, &["PullTagNotFound"]);
    episodes.answered(&subject, IMAGE, &fails(Code::DnsNameNotFound, Confidence::Certain), None);
    check(&mut episodes, 3, &[]);
    check(&mut episodes, 32, &["PullTagNotFound"]);
}

#[test]
fn another_image_is_another_episode() {
    let mut episodes = Episodes::new("node-1", LIMITS);
    episodes.answered(&subject("a", "p"), IMAGE, &fails(Code::TagNotFound, Confidence::Certain), None);
    check(&mut episodes, 0, &["PullTagNotFound"]);
    episodes.answered(&subject("a", "p"), "r.io/b", &fails(Code::AccessDenied, Confidence::Likely), None);
    check(&mut episodes, 1, &["PullAccessDenied"]);
}

#[test]
fn what_cannot_be_told_is_no_event() {
    let mut episodes = Episodes::new("node-1", LIMITS);
    episodes.answered(&subject("a", "p"), IMAGE, &fails(Code::Unknown, Confidence::Certain), None);
    let inconclusive = Answer { verdict: Verdict::Inconclusive, ..fails(Code::TagNotFound, Confidence::Possible) };
    episodes.answered(&subject("a", "q"), IMAGE, &inconclusive, None);
    check(&mut episodes, 0, &[]);
    assert_eq!(episodes.wake_at(), None);
}

#[test]
fn good_news_is_told_once_and_stops_the_warning() {
    let mut episodes = Episodes::new("node-1", LIMITS);
    let subject = subject("a", "p");
    episodes.answered(&subject, IMAGE, &fails(Code::TagNotFound, Confidence::Certain), None);
    check(&mut episodes, 0, &["PullTagNotFound"]);
    episodes.answered(&subject, IMAGE, &works(), Some(at(4)));
    check(&mut episodes, 1, &["PullNowPossible"]);
    episodes.answered(&subject, IMAGE, &works(), Some(at(9)));
    check(&mut episodes, 40, &[]);
    episodes.pod(&pod("a", "p", ContainerState::Waiting { reason: "CrashLoopBackOff".into(), message: String::new() }));
    check(&mut episodes, 41, &["PullRecovered"]);
    episodes.pod(&pod("a", "p", ContainerState::Running));
    check(&mut episodes, 42, &[]);
    assert!(episodes.open.is_empty());
}

#[test]
fn a_recovery_of_what_nobody_was_told_is_no_news() {
    let mut episodes = Episodes::new("node-1", LIMITS);
    episodes.answered(&subject("a", "p"), IMAGE, &fails(Code::TagNotFound, Confidence::Certain), None);
    episodes.pod(&pod("a", "p", ContainerState::Running));
    check(&mut episodes, 0, &[]);
}

#[test]
fn what_is_held_back_is_told_later_in_turn_if_it_still_fails() {
    let mut episodes = Episodes::new("node-1", EventLimits { per_minute: 1, burst: 4 });
    for n in 0..6 {
        episodes.answered(&subject("a", &n.to_string()), IMAGE, &fails(Code::TagNotFound, Confidence::Certain), None);
    }
    episodes.answered(&subject("b", "p"), IMAGE, &fails(Code::DnsTimeout, Confidence::Likely), None);
    // The flooded namespace has what is left, and the other one's is not behind it.
    check(&mut episodes, 0, &["PullTagNotFound", "PullDnsTimeout", "PullTagNotFound", "PullTagNotFound"]);
    assert_eq!(episodes.held_back(), (3, 0));
    assert_eq!(episodes.wake_at(), Some(at(1)));
    episodes.gone("a-3");
    check(&mut episodes, 1, &["PullTagNotFound"]);
    // Whoever comes now waits for one token, not for the flood.
    episodes.answered(&subject("c", "p"), IMAGE, &fails(Code::DnsTimeout, Confidence::Likely), None);
    check(&mut episodes, 2, &["PullDnsTimeout"]);
    check(&mut episodes, 3, &["PullTagNotFound"]);
    check(&mut episodes, 4, &[]);
    assert_eq!(episodes.held_back(), (3, 0));
}

proptest! {
    #[test]
    fn no_budget_is_ever_exceeded(
        steps in proptest::collection::vec((0..5u8, 0..3u8, 0..6u8, 0..3i64), 0..300), per_minute in 0..4u32, burst in 0..6u32,
    ) {
        let mut episodes = Episodes::new("node-1", EventLimits { per_minute, burst });
        let mut minute = 0;
        let mut written = 0_u64;
        for (what, namespace, name, waits) in steps {
            minute += waits;
            let (namespace, name) = (namespace.to_string(), name.to_string());
            let subject = subject(&namespace, &name);
            match what {
                0 => episodes.answered(&subject, IMAGE, &fails(Code::TagNotFound, Confidence::Certain), None),
                1 => episodes.answered(&subject, IMAGE, &fails(Code::DnsTimeout, Confidence::Likely), None),
                2 => episodes.answered(&subject, IMAGE, &works(), None),
                3 => episodes.pod(&pod(&namespace, &name, ContainerState::Running)),
                _ => episodes.gone(&subject.uid),
            }
            written += episodes.publish(at(minute)).len() as u64;
            let most = u64::from(burst) + u64::from(per_minute) * u64::try_from(minute).unwrap();
            prop_assert!(written <= most, "{written} of {most}");
            prop_assert!(episodes.open.len() <= 18 && episodes.objects_full.len() <= 18);
            prop_assert!(episodes.wake_at().is_none_or(|wake| wake > at(minute)));
        }
    }
}
