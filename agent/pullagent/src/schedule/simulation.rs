//! A node in virtual time: pods fail, examinations take their while, events are written, as the daemon would do it.

use super::tests::{at, diagnosis, pod};
use super::*;
use crate::episodes::{Episodes, EventLimits, Publication};

/// Seconds that an examination takes.
const TAKES: i64 = 8;

struct Node {
    schedule: Schedule,
    episodes: Episodes,
    now: i64,
    /// What is being examined, until when.
    running: Vec<(i64, Job)>,
    /// What every examination finds.
    finds: &'static str,
    examined: Vec<(i64, String)>,
    classified: usize,
    written: Vec<(i64, Publication)>,
}

impl Node {
    fn new() -> Self {
        Self {
            schedule: Schedule::new(Limits::default()),
            episodes: Episodes::new("node-1", EventLimits { per_minute: 6, burst: 20 }),
            now: 0,
            running: Vec::new(),
            finds: "TagNotFound",
            examined: Vec::new(),
            classified: 0,
            written: Vec::new(),
        }
    }

    fn put(&mut self, input: Input<'_>) {
        match input {
            Input::Pod(pod) => self.episodes.pod(pod),
            Input::PodGone(uid) => self.episodes.gone(uid),
            _ => {}
        }
        for command in self.schedule.handle(input, at(self.now)) {
            match command {
                Command::Examine(job) => {
                    self.examined.push((self.now, job.question.image.clone()));
                    self.running.push((self.now + TAKES, job));
                }
                Command::Cancel(id) => {
                    self.running.iter_mut().filter(|(_, job)| job.id == id).for_each(|(end, _)| *end = self.now + 1);
                }
                Command::Answer { subjects, question, answer } => {
                    for subject in &subjects {
                        self.episodes.answered(subject, &question.image, &answer, None);
                    }
                }
                Command::Classify { subjects, .. } => self.classified += subjects.len(),
            }
        }
    }

    fn run_until(&mut self, end: i64) {
        while self.now < end {
            self.now += 1;
            let now = self.now;
            let (ended, running) = self.running.drain(..).partition(|(end, _)| *end <= now);
            self.running = running;
            let ended: Vec<(i64, Job)> = ended;
            for (_, job) in ended {
                let found = diagnosis(self.finds, "r.io");
                self.put(Input::Finished(job.id, Some(&found)));
            }
            if self.schedule.wake_at().is_some_and(|wake| wake <= at(now)) {
                self.put(Input::Tick);
            }
            let written = self.episodes.publish(at(now));
            self.written.extend(written.into_iter().map(|publication| (now, publication)));
        }
    }

    fn reasons(&self) -> Vec<(i64, &str)> {
        self.written.iter().map(|(at, publication)| (*at, publication.event.reason.as_str())).collect()
    }
}

#[test]
fn ten_images_of_250_pods_are_examined_ten_times_and_told_within_the_budget() {
    let mut node = Node::new();
    for n in 0..250 {
        node.put(Input::Pod(&pod("a", &n.to_string(), &format!("r.io/{}", n % 10), "ImagePullBackOff")));
    }
    node.run_until(60);
    let first: BTreeSet<&String> = node.examined.iter().map(|(_, image)| image).collect();
    assert_eq!((first.len(), node.examined.len()), (10, 10));
    assert!(node.written.len() <= 20 + 6, "{}", node.written.len());
    // None of the rest is lost: half of the burst, then six a minute.
    node.run_until(42 * 60);
    let told: BTreeSet<&String> = node.written.iter().map(|(_, publication)| &publication.subject.uid).collect();
    assert_eq!(told.len(), 250);
    assert!(node.written.len() <= 20 + 6 * 42);
}

#[test]
fn a_flood_in_one_namespace_does_not_starve_another() {
    let mut node = Node::new();
    for n in 0..1000 {
        node.put(Input::Pod(&pod("a", &n.to_string(), &format!("r.io/a/{n}"), "ImagePullBackOff")));
    }
    node.run_until(100);
    node.put(Input::Pod(&pod("b", "p", "r.io/b", "ErrImagePull")));
    node.run_until(120 + 30);
    assert!(node.written.iter().any(|(_, publication)| publication.subject.namespace == "b"), "{:?}", node.reasons());
    node.run_until(3590);
    let of_a = node.examined.iter().filter(|(_, image)| image.starts_with("r.io/a/")).count();
    assert_eq!((of_a, node.classified), (30, 970));
}

#[test]
fn a_secret_that_is_put_right_ends_in_good_news() {
    let mut node = Node::new();
    let of = |reason| Pod { pull_secrets: vec!["regcred".to_owned()], ..pod("a", "p", "r.io/a", reason) };
    node.finds = "CredentialsRejected";
    node.put(Input::Pod(&of("ImagePullBackOff")));
    node.run_until(3600 * 5);
    assert_eq!(node.examined.len(), 1, "a refused login was offered again");
    node.finds = "Pullable";
    node.put(Input::Secret { namespace: "a", name: "regcred" });
    node.run_until(3600 * 5 + 20);
    node.put(Input::Pod(&of("Running")));
    node.run_until(3600 * 6);
    let reasons: Vec<&str> = node.reasons().into_iter().map(|(_, reason)| reason).collect();
    let (warnings, news): (Vec<&str>, Vec<&str>) = reasons.into_iter().partition(|r| *r == "PullCredentialsRejected");
    assert_eq!((warnings.len(), news), (10, vec!["PullNowPossible", "PullRecovered"]));
}

#[test]
fn a_registry_that_is_mended_ends_in_good_news_before_the_kubelet_comes() {
    let mut node = Node::new();
    node.put(Input::Pod(&pod("a", "p", "r.io/a", "ImagePullBackOff")));
    node.run_until(30);
    node.finds = "Pullable";
    node.run_until(100);
    // After the first examination, the first pause and the second one; once, however long the kubelet takes.
    assert_eq!(node.reasons(), [(TAKES, "PullTagNotFound"), (2 * TAKES + 60, "PullNowPossible")]);
    node.run_until(300);
    assert_eq!(node.written.len(), 2, "{:?}", node.reasons());
    node.put(Input::Pod(&pod("a", "p", "r.io/a", "Running")));
    node.run_until(301);
    assert_eq!(node.reasons().last().map(|(_, reason)| *reason), Some("PullRecovered"));
}

#[test]
fn of_a_pod_that_is_deleted_nothing_more_is_told() {
    let mut node = Node::new();
    node.put(Input::Pod(&pod("a", "p", "r.io/a", "ImagePullBackOff")));
    node.run_until(4);
    node.put(Input::PodGone("a-p"));
    node.run_until(3600);
    assert_eq!((node.examined.len(), node.written.len(), node.running.len()), (1, 0, 0));
}

#[test]
fn a_restarted_agent_tells_the_same_under_the_same_name() {
    let names = || {
        let mut node = Node::new();
        node.put(Input::Pod(&pod("a", "p", "r.io/a", "ImagePullBackOff")));
        node.run_until(60);
        node.written.into_iter().map(|(_, publication)| (publication.name, publication.event.note)).collect::<Vec<_>>()
    };
    assert_eq!(names().len(), 1);
    assert_eq!(names(), names());
}
