//! The rules one by one, and the bounds under any sequence of inputs.

use proptest::prelude::*;
use pullagent_diagnosis::pod::{ContainerKind, ContainerState, PullPolicy};
use serde_json::json;

use super::*;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// A pod of one container in that state; a message of its own follows the reason and a `|`.
pub(super) fn pod(namespace: &str, name: &str, image: &str, reason: &str) -> Pod {
    let (reason, message) = reason.split_once('|').unwrap_or((reason, "it fails"));
    let state = match reason {
        "Running" => ContainerState::Running,
        _ => ContainerState::Waiting { reason: reason.to_owned(), message: message.to_owned() },
    };
    let container = pullagent_diagnosis::pod::Container {
        name: "main".to_owned(),
        kind: ContainerKind::Regular,
        image: image.to_owned(),
        policy: PullPolicy::IfNotPresent,
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

fn with_secret(pod: Pod, secret: &str) -> Pod {
    Pod { pull_secrets: vec![secret.to_owned()], ..pod }
}

/// A diagnosis that fails by this code at this host; `Pullable` for one that does not.
pub(crate) fn diagnosis(code: &str, host: &str) -> Diagnosis {
    let fails = code != "Pullable";
    let finding = json!({ "code": code, "severity": "error", "host": host, "summary": "it fails", "remedy": [] });
    let rejected = json!({ "source": "secret a/regcred", "key": host, "outcome": "rejected" });
    serde_json::from_value(json!({
        "schema": "", "id": "", "fingerprint": "", "examinedBy": "self", "remedy": [], "target": { "image": "" },
        "verdict": if fails { "failing" } else { "pullable" },
        "cause": fails.then(|| json!({ "code": code, "layer": "reference", "owner": "image", "host": host,
            "summary": "it fails", "confidence": "certain" })),
        "findings": if fails { vec![finding] } else { Vec::new() },
        "node": { "name": "node-1", "os": "linux", "arch": "amd64" }, "hops": [],
        "credentials": if matches!(code, "CredentialsRejected" | "AccessDenied") { vec![rejected] } else { Vec::new() },
        "pull": { "attempted": false }, "notChecked": [], "startedAt": "2026-11-21T00:00:00Z", "tookMs": 1
    }))
    .unwrap()
}

/// Commands in short: `examine IMAGE NAMESPACE`, `cancel`, `answer N`, `classify N IMAGE TEXT`.
fn in_short(commands: &[Command]) -> Vec<String> {
    let of = |command: &Command| match command {
        Command::Examine(job) if !job.withheld.is_empty() => {
            let withheld: Vec<&str> = job.withheld.iter().map(|login| login.source.as_str()).collect();
            format!("examine {} {} without {}", job.question.image, job.subject.namespace, withheld.join(", "))
        }
        Command::Examine(job) => format!("examine {} {}", job.question.image, job.subject.namespace),
        Command::Cancel(_) => "cancel".to_owned(),
        Command::Answer { subjects, .. } => format!("answer {}", subjects.len()),
        Command::Classify { subjects, question, message } => {
            format!("classify {} {} {message:?}", subjects.len(), question.image)
        }
    };
    commands.iter().map(of).collect()
}

struct Run {
    schedule: Schedule,
    jobs: Vec<Job>,
}

impl Run {
    fn new() -> Self {
        Self { schedule: Schedule::new(Limits::default()), jobs: Vec::new() }
    }

    #[track_caller]
    fn check(&mut self, second: i64, input: Input<'_>, want: &[&str]) {
        let commands = self.schedule.handle(input, at(second));
        assert_eq!(in_short(&commands), want);
        let jobs = commands.into_iter().filter_map(|command| match command {
            Command::Examine(job) => Some(job),
            _ => None,
        });
        self.jobs.extend(jobs);
    }

    #[track_caller]
    fn finish(&mut self, second: i64, diagnosis: Option<&Diagnosis>, want: &[&str]) {
        let job = self.jobs.remove(0).id;
        self.check(second, Input::Finished(job, diagnosis), want);
    }

    fn skipped(&self) -> Vec<(&'static str, u64)> {
        self.schedule.skipped().map(|(reason, count)| (reason.word(), count)).collect()
    }
}

const IMAGE: &str = "r.io/a:1";

#[test]
fn a_back_off_counts_at_once_and_anything_else_once_it_lasts() {
    let mut run = Run::new();
    run.check(0, Input::Pod(&pod("a", "p", IMAGE, "ContainerCreating")), &[]);
    run.check(1, Input::Pod(&pod("a", "p", IMAGE, "ErrImagePull")), &[]);
    assert_eq!(run.schedule.wake_at(), Some(at(21)));
    run.check(20, Input::Tick, &[]);
    run.check(21, Input::Tick, &["examine r.io/a:1 a"]);
    run.check(22, Input::Pod(&pod("a", "q", "r.io/b", "ImagePullBackOff")), &["examine r.io/b a"]);

    let mut healed = Run::new();
    healed.check(0, Input::Pod(&pod("a", "p", IMAGE, "ErrImagePull")), &[]);
    healed.check(19, Input::Pod(&pod("a", "p", IMAGE, "Running")), &[]);
    healed.check(40, Input::Tick, &[]);
    assert_eq!(healed.schedule.wake_at(), None);
}

#[test]
fn what_waits_for_another_reason_is_never_examined() {
    let mut run = Run::new();
    for reason in ["CrashLoopBackOff", "PodInitializing", "CreateContainerConfigError"] {
        run.check(0, Input::Pod(&pod("a", reason, IMAGE, reason)), &[]);
    }
    run.check(3600, Input::Tick, &[]);
}

#[test]
fn the_same_question_is_examined_once_and_all_are_answered() {
    let mut run = Run::new();
    run.check(0, Input::Pod(&pod("a", "p", IMAGE, "ImagePullBackOff")), &["examine r.io/a:1 a"]);
    run.check(1, Input::Pod(&pod("b", "q", IMAGE, "ImagePullBackOff")), &[]);
    run.finish(5, Some(&diagnosis("TagNotFound", "r.io")), &["answer 2"]);
    run.check(6, Input::Pod(&pod("c", "late", IMAGE, "ImagePullBackOff")), &["answer 1"]);
}

#[test]
fn namespaces_with_pull_secrets_never_share_an_answer() {
    let mut run = Run::new();
    let of = |namespace, name| with_secret(pod(namespace, name, IMAGE, "ImagePullBackOff"), "regcred");
    run.check(0, Input::Pod(&of("a", "p")), &["examine r.io/a:1 a"]);
    run.check(0, Input::Pod(&of("a", "q")), &[]);
    run.check(0, Input::Pod(&of("b", "p")), &["examine r.io/a:1 b"]);
}

#[test]
fn a_failure_that_stays_is_examined_after_longer_and_longer_pauses_and_then_no_more() {
    let mut run = Run::new();
    let mut second = 0;
    run.check(second, Input::Pod(&pod("a", "p", IMAGE, "ImagePullBackOff")), &["examine r.io/a:1 a"]);
    for minutes in [1, 2, 5, 10, 30] {
        run.finish(second, Some(&diagnosis("TagNotFound", "r.io")), &["answer 1"]);
        second += minutes * 60;
        assert_eq!(run.schedule.wake_at(), Some(at(second)));
        run.check(second - 1, Input::Tick, &[]);
        run.check(second, Input::Tick, &["examine r.io/a:1 a"]);
    }
    run.finish(second, Some(&diagnosis("TagNotFound", "r.io")), &["answer 1"]);
    assert_eq!(run.schedule.wake_at(), None);
    run.check(second + 60, Input::Pod(&pod("a", "q", IMAGE, "ImagePullBackOff")), &["answer 1"]);
    run.check(second + 1900, Input::Pod(&pod("a", "r", IMAGE, "ImagePullBackOff")), &["examine r.io/a:1 a"]);
}

#[test]
fn a_new_image_or_secret_is_examined_at_once() {
    let mut run = Run::new();
    let before = with_secret(pod("a", "p", IMAGE, "ImagePullBackOff"), "regcred");
    run.check(0, Input::Pod(&before), &["examine r.io/a:1 a"]);
    run.finish(5, Some(&diagnosis("TagNotFound", "r.io")), &["answer 1"]);
    run.check(6, Input::Secret { namespace: "b", name: "regcred" }, &[]);
    run.check(7, Input::Secret { namespace: "a", name: "regcred" }, &["examine r.io/a:1 a"]);
    let corrected = with_secret(pod("a", "p", "r.io/a:2", "ImagePullBackOff"), "regcred");
    run.check(8, Input::Pod(&corrected), &["cancel", "examine r.io/a:2 a"]);
}

#[test]
fn an_examination_is_cancelled_with_the_last_pod_and_keeps_its_place_until_it_has_ended() {
    let mut run = Run::new();
    run.check(0, Input::Pod(&pod("a", "p", IMAGE, "ImagePullBackOff")), &["examine r.io/a:1 a"]);
    run.check(0, Input::Pod(&pod("a", "q", IMAGE, "ImagePullBackOff")), &[]);
    run.check(0, Input::Pod(&pod("a", "r", "r.io/b", "ImagePullBackOff")), &["examine r.io/b a"]);
    run.check(1, Input::PodGone("a-p"), &[]);
    run.check(1, Input::PodGone("a-q"), &["cancel"]);
    run.check(2, Input::Pod(&pod("a", "s", "r.io/c", "ImagePullBackOff")), &[]);
    run.finish(3, None, &["examine r.io/c a"]);
}

#[test]
fn a_sandbox_fails_until_its_pod_goes_on() {
    let mut run = Run::new();
    let waiting = pod("a", "p", IMAGE, "ContainerCreating");
    let failed = Input::Sandbox { pod: &waiting, image: "registry.k8s.io/pause:3.10", message: "no such host" };
    run.check(0, failed, &["examine registry.k8s.io/pause:3.10 a"]);
    run.check(1, Input::Pod(&waiting), &[]);
    run.check(2, Input::Pod(&pod("a", "p", IMAGE, "Running")), &["cancel"]);
}

#[test]
fn a_host_that_is_in_trouble_has_rest() {
    for code in ["RateLimited", "RegistryUnavailable"] {
        let mut run = Run::new();
        run.check(0, Input::Pod(&pod("a", "p", IMAGE, "ImagePullBackOff")), &["examine r.io/a:1 a"]);
        run.finish(0, Some(&diagnosis(code, "token.io")), &["answer 1"]);
        for other in ["r.io/b", "token.io/c"] {
            run.check(
                1,
                Input::Pod(&pod("a", other, other, "ImagePullBackOff|words")),
                &[&format!("classify 1 {other} \"words\"")],
            );
        }
        run.check(60, Input::Tick, &[]);
        assert_eq!(run.skipped(), [("host_paused", 3)]);
        assert_eq!(run.schedule.wake_at(), Some(at(900)));
        run.check(2, Input::Pod(&pod("a", "other", "s.io/a", "ImagePullBackOff")), &["examine s.io/a a"]);
        run.check(900, Input::Tick, &["examine r.io/b a"]);
    }
}

#[test]
fn a_refused_login_is_not_offered_again_until_it_changes_or_six_hours_pass() {
    let mut run = Run::new();
    let of = |name, image| with_secret(pod("a", name, image, "ImagePullBackOff"), "regcred");
    run.check(0, Input::Pod(&of("p", IMAGE)), &["examine r.io/a:1 a"]);
    run.finish(0, Some(&diagnosis("CredentialsRejected", "r.io")), &["answer 1"]);
    run.check(1, Input::Pod(&of("q", "r.io/b")), &["classify 1 r.io/b \"it fails\""]);
    run.check(60, Input::Tick, &[]);
    assert_eq!(run.schedule.wake_at(), Some(at(6 * 3600)));
    run.check(61, Input::Pod(&of("r", "s.io/b")), &["examine s.io/b a"]);
    run.finish(62, None, &[]);
    run.check(63, Input::Secret { namespace: "a", name: "regcred" }, &["examine r.io/a:1 a", "examine r.io/b a"]);
}

#[test]
fn a_login_that_was_refused_beside_another_one_is_left_out_the_next_time() {
    let mut run = Run::new();
    let of = |name, image| with_secret(pod("a", name, image, "ImagePullBackOff"), "regcred");
    run.check(0, Input::Pod(&of("p", IMAGE)), &["examine r.io/a:1 a"]);
    run.finish(0, Some(&diagnosis("AccessDenied", "r.io")), &["answer 1"]);
    run.check(1, Input::Pod(&of("q", "r.io/b")), &["examine r.io/b a without secret a/regcred"]);
}

#[test]
fn beyond_the_budget_the_text_alone_is_read() {
    let mut run = Run::new();
    for n in 0..30 {
        let name = format!("p{n}");
        let image = format!("r.io/{n}");
        run.check(n, Input::Pod(&pod("a", &name, &image, "ImagePullBackOff")), &[&format!("examine {image} a")]);
        run.finish(n, Some(&diagnosis("TagNotFound", "r.io")), &["answer 1"]);
        run.check(n, Input::PodGone(&format!("a-{name}")), &[]);
    }
    run.check(40, Input::Pod(&pod("a", "p", "r.io/z", "ImagePullBackOff|x")), &["classify 1 r.io/z \"x\""]);
    run.check(41, Input::Pod(&pod("b", "p", "r.io/y", "ImagePullBackOff")), &["examine r.io/y b"]);
    run.check(3600, Input::Tick, &["examine r.io/z a"]);
    assert_eq!(run.skipped(), [("namespace_budget", 1)]);
}

#[test]
fn what_only_an_event_tells_is_waited_for_until_it_is_there_or_the_failure_lasts() {
    let bare = format!("ImagePullBackOff|Back-off pulling image \"{IMAGE}\"");
    let web = pod("a", "web", IMAGE, &bare);
    let subject = Subject::container(&web, &web.containers[0]);
    let words = Input::Words { subject: &subject, message: "not found" };
    let mut run = Run::new();
    run.check(0, Input::Pod(&web), &[]);
    run.check(3, words, &["examine r.io/a:1 a"]);
    let mut run = Run::new();
    run.check(0, Input::Pod(&web), &[]);
    run.check(20, Input::Tick, &["examine r.io/a:1 a"]);
    // What the status told before it backed off is not forgotten.
    let mut run = Run::new();
    run.check(0, Input::Pod(&pod("a", "web", IMAGE, "ErrImagePull|not found")), &[]);
    run.check(1, Input::Pod(&web), &["examine r.io/a:1 a"]);
}

#[test]
fn beyond_the_budget_the_words_of_an_event_are_read() {
    let mut run = Run::new();
    for n in 0..30 {
        let image = format!("r.io/{n}");
        run.check(n, Input::Pod(&pod("a", "p", &image, "ImagePullBackOff")), &[&format!("examine {image} a")]);
        run.finish(n, Some(&diagnosis("TagNotFound", "r.io")), &["answer 1"]);
        run.check(n, Input::PodGone("a-p"), &[]);
    }
    let web = pod("a", "web", IMAGE, "ImagePullBackOff|");
    let subject = Subject::container(&web, &web.containers[0]);
    run.check(40, Input::Pod(&web), &[]);
    run.check(60, Input::Tick, &[]);
    run.check(61, Input::Words { subject: &subject, message: "x" }, &["classify 1 r.io/a:1 \"x\""]);
    run.check(62, Input::Words { subject: &subject, message: "y" }, &[]);
}

#[derive(Clone, Debug)]
enum Step {
    Pod { namespace: u8, name: u8, image: u8, reason: u8, secret: bool },
    Gone { namespace: u8, name: u8 },
    Sandbox { name: u8 },
    Secret { namespace: u8 },
    Finish { which: u8, code: u8 },
    Wait { seconds: u16 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4u8, 0..12u8, 0..8u8, 0..6u8, any::<bool>()).prop_map(|(namespace, name, image, reason, secret)| {
            Step::Pod { namespace, name, image, reason, secret }
        }),
        1 => (0..4u8, 0..12u8).prop_map(|(namespace, name)| Step::Gone { namespace, name }),
        1 => (0..12u8).prop_map(|name| Step::Sandbox { name }),
        1 => (0..4u8).prop_map(|namespace| Step::Secret { namespace }),
        3 => (any::<u8>(), 0..6u8).prop_map(|(which, code)| Step::Finish { which, code }),
        3 => (0..4000u16).prop_map(|seconds| Step::Wait { seconds }),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn the_bounds_hold_whatever_happens(steps in steps()) {
        let limits = Limits { per_namespace: 5, per_node: 9, most_subjects: 16, most_questions: 6, ..Limits::default() };
        let mut schedule = Schedule::new(limits);
        let mut running: Vec<JobId> = Vec::new();
        let mut begun: Vec<(i64, String)> = Vec::new();
        let mut second = 0;
        for step in steps {
            let reasons = ["ErrImagePull", "ImagePullBackOff", "Running", "bad key: x", "CrashLoopBackOff", "InvalidImageName"];
            let codes = ["TagNotFound", "Pullable", "RateLimited", "CredentialsRejected", "Unknown", ""];
            let found;
            let subject;
            let uid;
            let namespace_name;
            let input = match step {
                Step::Pod { namespace, name, image, reason, secret } => {
                    let made = pod(&format!("n{namespace}"), &name.to_string(), &format!("h{}/i{image}", image % 3), reasons[usize::from(reason)]);
                    subject = if secret { with_secret(made, "regcred") } else { made };
                    Input::Pod(&subject)
                }
                Step::Gone { namespace, name } => {
                    uid = format!("n{namespace}-{name}");
                    Input::PodGone(&uid)
                }
                Step::Sandbox { name } => {
                    subject = pod("n0", &name.to_string(), "x", "ContainerCreating");
                    Input::Sandbox { pod: &subject, image: "pause", message: "" }
                }
                Step::Secret { namespace } => {
                    namespace_name = format!("n{namespace}");
                    Input::Secret { namespace: &namespace_name, name: "regcred" }
                }
                Step::Finish { which, code } => {
                    if running.is_empty() { continue }
                    let job = running.remove(usize::from(which) % running.len());
                    let code = codes[usize::from(code)];
                    found = (!code.is_empty()).then(|| diagnosis(code, "h0"));
                    Input::Finished(job, found.as_ref())
                }
                Step::Wait { seconds } => {
                    second += i64::from(seconds);
                    Input::Tick
                }
            };
            for command in schedule.handle(input, at(second)) {
                if let Command::Examine(job) = command {
                    running.push(job.id);
                    begun.push((second, job.subject.namespace.clone()));
                }
            }
            prop_assert!(running.len() <= limits.at_once);
            prop_assert!(schedule.failing.len() <= limits.most_subjects);
            prop_assert!(schedule.questions.len() <= limits.most_questions);
            prop_assert!(schedule.holds.len() <= Holds::MOST);
            let recent: Vec<&String> = begun.iter().filter(|(at, _)| at + 3600 > second).map(|(_, n)| n).collect();
            prop_assert!(recent.len() <= limits.per_node);
            for namespace in &recent {
                prop_assert!(recent.iter().filter(|other| other == &namespace).count() <= limits.per_namespace);
            }
            prop_assert!(schedule.wake_at().is_none_or(|wake| wake > at(second)));
        }
    }
}

/// What a person is granted who asks about a pod.
#[track_caller]
fn asks(run: &mut Run, second: i64, pod: &Pod, want: &str) -> Option<Job> {
    let (subject, question) = Question::about(pod, "main", "");
    let grant = run.schedule.grant(subject, question, at(second));
    let (got, job) = match grant {
        Grant::Examine(job) => ("examine".to_owned(), Some(job)),
        Grant::Later => ("later".to_owned(), None),
        Grant::HeldBack(reason, until) => {
            (format!("{} until {}", reason.word(), until.duration_since(at(0)).as_secs()), None)
        }
    };
    assert_eq!(got, want);
    job
}

#[test]
fn who_asks_is_held_back_by_what_holds_back_all() {
    let mut run = Run::new();
    let (one, other) = (pod("a", "p", IMAGE, "ErrImagePull"), pod("a", "q", "r.io/b", "ErrImagePull"));
    let job = asks(&mut run, 0, &one, "examine").unwrap();
    run.check(1, Input::Finished(job.id, Some(&diagnosis("RateLimited", "r.io"))), &[]);
    asks(&mut run, 2, &other, "host_paused until 901");
    let elsewhere = with_secret(pod("a", "p", "s.io/a", "ErrImagePull"), "regcred");
    let job = asks(&mut run, 2, &elsewhere, "examine").unwrap();
    run.check(3, Input::Finished(job.id, Some(&diagnosis("CredentialsRejected", "s.io"))), &[]);
    asks(&mut run, 4, &elsewhere, "login_refused until 21603");
    // Twenty an hour: the others are for failures that nobody has examined yet.
    for number in 2..20 {
        let pod = pod("a", "p", &format!("h{number}.io/a"), "ErrImagePull");
        let job = asks(&mut run, 5, &pod, "examine").unwrap();
        run.check(5, Input::Finished(job.id, None), &[]);
    }
    asks(&mut run, 6, &pod("a", "p", "t.io/a", "ErrImagePull"), "namespace_budget until 3600");
    run.check(7, Input::Pod(&pod("a", "new", "t.io/a", "ImagePullBackOff")), &["examine t.io/a a"]);
}

#[test]
fn what_somebody_asked_for_serves_all_that_ask_the_same() {
    let mut run = Run::new();
    let failing = pod("a", "p", IMAGE, "ErrImagePull");
    run.check(0, Input::Pod(&failing), &[]);
    let job = asks(&mut run, 1, &failing, "examine").unwrap();
    asks(&mut run, 2, &failing, "later");
    run.check(21, Input::Tick, &[]);
    run.check(22, Input::Finished(job.id, Some(&diagnosis("TagNotFound", "r.io"))), &["answer 1"]);
    // Whoever goes before it has ended leaves it to the schedule.
    let other = pod("a", "q", "r.io/b", "ErrImagePull");
    let job = asks(&mut run, 23, &other, "examine").unwrap();
    run.check(24, Input::Pod(&pod("a", "q", "r.io/b", "ImagePullBackOff")), &[]);
    run.check(25, Input::Finished(job.id, None), &["examine r.io/b a"]);
}

#[test]
fn a_place_is_left_to_who_waits() {
    let mut run = Run::new();
    run.schedule.leave_a_place(true);
    run.check(0, Input::Pod(&pod("a", "p", IMAGE, "ImagePullBackOff")), &["examine r.io/a:1 a"]);
    run.check(0, Input::Pod(&pod("a", "q", "r.io/b", "ImagePullBackOff")), &[]);
    asks(&mut run, 1, &pod("a", "r", "r.io/c", "ErrImagePull"), "examine");
    asks(&mut run, 1, &pod("a", "s", "r.io/d", "ErrImagePull"), "later");
}

/// The failing images that are kept in mind, and the questions, of each namespace.
fn kept(schedule: &Schedule) -> String {
    let of = |namespace: &str| {
        let subjects = schedule.failing.keys().filter(|subject| subject.namespace == namespace).count();
        let asks = |asked: &&Asked| asked.subjects.iter().any(|subject| subject.namespace == namespace);
        format!("{namespace} {subjects}/{}", schedule.questions.values().filter(asks).count())
    };
    ["a", "b", "c"].map(of).join(", ")
}

#[test]
fn a_namespace_that_floods_the_schedule_gives_way_to_the_others() {
    let limits = Limits { most_subjects: 9, most_questions: 6, ..Limits::default() };
    let mut schedule = Schedule::new(limits);
    let mut fails = |namespace: &str, count: usize| {
        for number in 0..count {
            let failing =
                pod(namespace, &format!("p{number:02}"), &format!("r.io/{namespace}{number}"), "ImagePullBackOff");
            schedule.handle(Input::Pod(&failing), at(0));
        }
        kept(&schedule)
    };
    assert_eq!(fails("a", 40), "a 9/6, b 0/0, c 0/0");
    assert_eq!(fails("b", 2), "a 7/4, b 2/2, c 0/0");
    assert_eq!(fails("c", 40), "a 4/2, b 2/2, c 3/2");
    // Nobody drives out those who have no more than he has.
    assert_eq!(fails("a", 40), "a 4/2, b 2/2, c 3/2");
    assert_eq!(fails("b", 40), "a 3/2, b 3/2, c 3/2");
    assert!(schedule.skipped().any(|(reason, count)| reason == Skip::Capacity && count > 30));
}

#[test]
fn a_question_that_gives_way_ends_and_is_asked_again_once_there_is_room() {
    let mut schedule = Schedule::new(Limits { most_questions: 2, ..Limits::default() });
    let put = |schedule: &mut Schedule, namespace: &str, name: &str, reason: &str| {
        let failing = pod(namespace, name, &format!("r.io/{name}"), reason);
        in_short(&schedule.handle(Input::Pod(&failing), at(0)))
    };
    assert_eq!(put(&mut schedule, "a", "p", "ImagePullBackOff"), ["examine r.io/p a"]);
    assert_eq!(put(&mut schedule, "a", "q", "ImagePullBackOff"), ["examine r.io/q a"]);
    assert_eq!(put(&mut schedule, "b", "r", "ImagePullBackOff"), ["cancel"]);
    let ended = schedule.running.iter().find(|(_, question)| question.is_none()).map(|(id, _)| *id).unwrap();
    assert_eq!(in_short(&schedule.handle(Input::Finished(ended, None), at(1))), ["examine r.io/r b"]);
    assert_eq!(put(&mut schedule, "b", "r", "Running"), ["cancel"]);
    // The one that nobody asks gives way to the one that had to.
    assert_eq!(kept(&schedule), "a 2/2, b 0/0, c 0/0");
}
