//! Where people are heard who ask about a pod of this node: what they ask for runs against hosts that a tenant has named,
//! so the schedule says when it may.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use pullagent_diagnosis::case::{Case, Withheld};
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::pod::Pod;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::schedule::{Grant, Job, Question, Schedule, Skip, Subject};

/// People who wait to be heard; the agent answers no more at once.
const MOST: usize = 4;
/// How long somebody waits for his turn.
const TURN: Duration = Duration::from_secs(20);

/// A way to the desk; clones lead to the same one.
#[derive(Clone, Debug)]
pub(crate) struct Desk(mpsc::Sender<Ask>);

/// The other side of the desk: those who wait there, in their order.
#[derive(Debug)]
pub(crate) struct Asks {
    received: mpsc::Receiver<Ask>,
    waiting: VecDeque<Ask>,
}

/// One question.
#[derive(Debug)]
struct Ask {
    subject: Subject,
    question: Question,
    told: oneshot::Sender<Ruling>,
}

/// What somebody who asks is told.
#[derive(Debug)]
pub(crate) enum Ruling {
    /// He may examine.
    Examine(Permit),
    /// He may not now, because of this.
    HeldBack(String),
}

/// The right to examine one case. Whoever drops it gives the place back.
#[derive(Debug)]
pub(crate) struct Permit {
    job: Job,
    done: oneshot::Sender<Diagnosis>,
}

impl Permit {
    /// `case` without the logins that are not to be offered.
    pub(crate) fn case(&self, case: &Case) -> Case {
        let withheld = self.job.withheld.iter();
        let withheld = withheld.map(|login| Withheld { source: login.source.clone(), key: login.key.clone() });
        Case { withheld: withheld.collect(), ..case.clone() }
    }

    /// Waits until the examination is of no use any more: the pod or its secret is another now.
    pub(crate) async fn is_withdrawn(&mut self) {
        self.done.closed().await;
    }

    /// What it came to, for all that ask the same.
    pub(crate) fn found(self, diagnosis: Diagnosis) {
        // Nobody waits for it if it was withdrawn in this moment.
        let _ = self.done.send(diagnosis);
    }
}

impl Desk {
    /// A desk, and its other side.
    pub(crate) fn new() -> (Self, Asks) {
        let (sender, received) = mpsc::channel(MOST);
        (Self(sender), Asks { received, waiting: VecDeque::new() })
    }

    /// Asks for the examination of a container of `pod`, or of its sandbox where there is no such one; waits for its turn.
    pub(crate) async fn ask(&self, pod: &Pod, container: &str, image: &str) -> Ruling {
        let (told, ruling) = oneshot::channel();
        let (subject, question) = Question::about(pod, container, image);
        let asked = async {
            self.0.send(Ask { subject, question, told }).await.ok()?;
            ruling.await.ok()
        };
        match timeout(TURN, asked).await {
            Ok(Some(ruling)) => ruling,
            Ok(None) => Ruling::HeldBack("the agent is about to stop".to_owned()),
            Err(_) => Ruling::HeldBack(format!("the agent was busy with other images for {} s", TURN.as_secs())),
        }
    }
}

impl Asks {
    /// Waits until somebody comes. Can be dropped and called again without loss.
    pub(crate) async fn next(&mut self) {
        match self.received.recv().await {
            Some(ask) if self.waiting.len() < MOST => self.waiting.push_back(ask),
            // He is told that it is over, which it is for him.
            Some(_) => {}
            None => std::future::pending().await,
        }
    }

    /// Tells whom the schedule has decided on; the jobs that begin with it, and what will come of each.
    pub(crate) fn rule(&mut self, schedule: &mut Schedule, now: Timestamp) -> Vec<(Job, oneshot::Receiver<Diagnosis>)> {
        let mut begun = Vec::new();
        for _ in 0..self.waiting.len() {
            let Some(ask) = self.waiting.pop_front() else { break };
            if ask.told.is_closed() {
                continue;
            }
            match schedule.grant(ask.subject.clone(), ask.question.clone(), now) {
                Grant::Later => self.waiting.push_back(ask),
                Grant::HeldBack(reason, until) => {
                    let why = in_words(reason, &ask.question, &ask.subject, until);
                    let _ = ask.told.send(Ruling::HeldBack(why));
                }
                Grant::Examine(job) => {
                    let (done, found) = oneshot::channel();
                    begun.push((job.clone(), found));
                    // If he has gone, `found` ends at once and gives the place back.
                    let _ = ask.told.send(Ruling::Examine(Permit { job, done }));
                }
            }
        }
        schedule.leave_a_place(!self.waiting.is_empty());
        begun
    }
}

fn in_words(reason: Skip, question: &Question, subject: &Subject, until: Timestamp) -> String {
    let (host, namespace) = (&question.registry, &subject.namespace);
    let why = match reason {
        Skip::HostPaused => format!("{host} asked for rest or is in trouble"),
        Skip::LoginRefused => format!("{host} refused the pod's login, which is not offered again unless it changes"),
        Skip::NamespaceBudget => format!("the namespace {namespace} has had its examinations of this hour"),
        Skip::NodeBudget => "this node has had its examinations of this hour".to_owned(),
        Skip::Capacity => "there is no room for it".to_owned(),
    };
    format!("{why}; nothing is asked there before {} UTC", until.strftime("%H:%M"))
}
