//! What goes into the schedule and what comes out of it.

use std::sync::Arc;

use jiff::SignedDuration;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::pod::Pod;

use super::answer::Answer;
use super::failure::{Question, Subject};
use super::holds::RefusedLogin;

/// The bounds of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a failure lasts before it counts, where the kubelet does not back off yet.
    pub(crate) settle: SignedDuration,
    /// Examinations at once.
    pub(crate) at_once: usize,
    /// Examinations an hour for one namespace.
    pub(crate) per_namespace: usize,
    /// Examinations an hour on the node.
    pub(crate) per_node: usize,
    /// Failing images of pods that are kept in mind.
    pub(crate) most_subjects: usize,
    /// Questions that are kept in mind.
    pub(crate) most_questions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            settle: SignedDuration::from_secs(20),
            at_once: 2,
            per_namespace: 30,
            per_node: 120,
            most_subjects: 4096,
            most_questions: 1024,
        }
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// A pod is there, or is another now.
    Pod(&'a Pod),
    /// The pod with this uid is gone.
    PodGone(&'a str),
    /// The runtime could not pull the image of a pod's sandbox.
    Sandbox {
        /// The pod.
        pod: &'a Pod,
        /// The sandbox's image.
        image: &'a str,
        /// The runtime's words.
        message: &'a str,
    },
    /// The kubelet has told in an event why an image of a pod fails.
    Words {
        /// The image.
        subject: &'a Subject,
        /// The runtime's words.
        message: &'a str,
    },
    /// A pull secret has other content now, came or went.
    Secret {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// An examination has ended, or was cancelled; without a diagnosis if it came to none.
    Finished(JobId, Option<&'a Diagnosis>),
    /// The time asked for has come.
    Tick,
}

/// Names an examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobId(pub(super) u64);

/// An examination to be made.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Its name.
    pub(crate) id: JobId,
    /// What is asked.
    pub(crate) question: Arc<Question>,
    /// One of those who ask.
    pub(crate) subject: Arc<Subject>,
    /// Logins that were refused and are not to be offered.
    pub(crate) withheld: Vec<RefusedLogin>,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Examine, and tell of the end with [`Input::Finished`].
    Examine(Job),
    /// Stop examining; the end is told in the same way.
    Cancel(JobId),
    /// Tell these what the examination found.
    Answer {
        /// Who asks.
        subjects: Vec<Arc<Subject>>,
        /// What they ask.
        question: Arc<Question>,
        /// What was found.
        answer: Arc<Answer>,
    },
    /// Nothing is examined for now: tell these what the kubelet's words mean.
    Classify {
        /// Who asks.
        subjects: Vec<Arc<Subject>>,
        /// What they ask.
        question: Arc<Question>,
        /// The kubelet's words; empty where it said none.
        message: String,
    },
}

/// Why something was not examined: the label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Skip {
    /// The namespace has had its examinations of this hour.
    NamespaceBudget,
    /// The node has had its examinations of this hour.
    NodeBudget,
    /// The host has asked for rest, or is in trouble.
    HostPaused,
    /// The login was refused before.
    LoginRefused,
    /// There is no room to remember it.
    Capacity,
}

impl Skip {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::NamespaceBudget, Self::NodeBudget, Self::HostPaused, Self::LoginRefused, Self::Capacity];

    /// The metric's label.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NamespaceBudget => "namespace_budget",
            Self::NodeBudget => "node_budget",
            Self::HostPaused => "host_paused",
            Self::LoginRefused => "login_refused",
            Self::Capacity => "capacity",
        }
    }
}
