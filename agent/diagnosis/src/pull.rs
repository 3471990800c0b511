//! The runtime's own pull: whether to ask for it, and what came of it. Decides and describes; asks nobody.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cause::Code;
use crate::diagnosis::{Diagnosis, Verdict};
use crate::evidence::{Evidence, Identity};
use crate::plan::{Plan, Target};
use crate::runtime::{RuntimeAnswer, gives_up_after, requests_of_a_429};
use crate::text::size_in_words;

/// Bytes that a pull may bring without being asked for.
pub const CHEAP: u64 = 64 << 20;

/// When the runtime is asked to pull.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// When it costs next to nothing.
    #[default]
    Auto,
    /// Whatever it costs.
    Always,
    /// Not at all.
    Never,
}

/// What to ask of the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// To pull, as each of these in turn until one succeeds, as the kubelet does
    /// (`pkg/kubelet/kuberuntime/kuberuntime_image.go`).
    Pull(Vec<Identity>),
    /// Nothing.
    Leave {
        /// Why, for a person.
        why: String,
    },
}

/// The runtime's own pull, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PullEvidence {
    /// It was not asked.
    NotMade {
        /// Why, for a person.
        why: String,
    },
    /// It was asked.
    Made(Pull),
}

/// What came of asking the runtime to pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// One for each login that was offered, in order; one of nobody where there was none.
    pub attempts: Vec<Attempt>,
    /// How long all of it took, in milliseconds.
    pub ms: u32,
    /// What the image store was seen to do in the meantime.
    pub growth: Growth,
    /// What became of the image that was brought; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought: Option<Brought>,
}

/// One call of the runtime's `PullImage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Whose login went with it.
    pub identity: Identity,
    /// What came of it.
    pub outcome: PullOutcome,
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PullOutcome {
    /// The image is there.
    Ok,
    /// The runtime refused.
    Failed {
        /// The name of the gRPC status.
        status: String,
        /// The runtime's words, without the logins that were offered.
        message: String,
    },
    /// The runtime went away.
    Lost {
        /// What was seen of it.
        why: String,
    },
    /// It was still at it when the time was over.
    Cancelled,
}

/// What the image store was seen to do during a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Growth {
    /// It was not looked at, or for too short a time.
    NotSeen,
    /// It grew until the end.
    Grew {
        /// By so many bytes.
        bytes: u64,
    },
    /// It did not change for so long before the end.
    Still {
        /// So many seconds.
        seconds: u32,
    },
}

/// How long the store must be still until a pull counts as stalled.
pub const STILL: Duration = Duration::from_secs(5);

/// What became of an image that a pull brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Brought {
    /// It was removed again.
    Removed,
    /// It stays.
    Kept {
        /// Why, for a person.
        why: String,
    },
}

impl Pull {
    /// The outcome that decides: the last attempt's.
    pub fn outcome(&self) -> Option<&PullOutcome> {
        self.attempts.last().map(|attempt| &attempt.outcome)
    }

    /// The words of every attempt that failed, joined as the kubelet joins them: equal ones once, several in brackets
    /// (`k8s.io/apimachinery` `util/errors` `Aggregate`).
    pub fn message(&self) -> Option<String> {
        let mut words: Vec<String> = Vec::new();
        for attempt in &self.attempts {
            let said = match &attempt.outcome {
                PullOutcome::Failed { status, message } if status == "Unknown" => message.clone(),
                PullOutcome::Failed { status, message } => format!("rpc error: code = {status} desc = {message}"),
                PullOutcome::Lost { why } => format!("rpc error: code = Unavailable desc = {why}"),
                PullOutcome::Ok | PullOutcome::Cancelled => continue,
            };
            if !words.contains(&said) {
                words.push(said);
            }
        }
        match words.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(format!("[{}]", several.join(", "))),
        }
    }
}

/// Decides whether the runtime is asked, after the examination came to `found`, with so much time `left`.
pub fn decide(policy: Policy, plan: &Plan, evidence: &Evidence, found: &Diagnosis, left: Duration) -> Order {
    if let Some(why) = reason_to_leave(policy, plan, evidence, found, left) {
        return Order::Leave { why };
    }
    let mut logins: Vec<Identity> = plan.logins().map(|(index, _)| Identity::Credential(index)).collect();
    if logins.is_empty() {
        logins.push(Identity::Anonymous);
    }
    Order::Pull(logins)
}

fn reason_to_leave(
    policy: Policy,
    plan: &Plan,
    evidence: &Evidence,
    found: &Diagnosis,
    left: Duration,
) -> Option<String> {
    let runtime = plan.runtime.as_ref().filter(|runtime| matches!(runtime.answer, RuntimeAnswer::Version(_)));
    let Some(runtime) = runtime else { return Some("no runtime answers".to_owned()) };
    let (name, cause) = (runtime.called(), found.cause.as_ref());
    match cause.map(|cause| cause.code) {
        // The kubelet itself gives up before it asks.
        _ if matches!(plan.target, Target::Invalid { .. }) => {
            return Some("the kubelet refuses such a name by itself".to_owned());
        }
        Some(Code::SecretMalformed) => return Some("the kubelet does not pull with a malformed secret".to_owned()),
        _ => {}
    }
    match policy {
        Policy::Never => return Some("`--pull never`".to_owned()),
        Policy::Always => return None,
        Policy::Auto => {}
    }
    if let Some(cause) = cause {
        match cause.code {
            Code::RateLimited => {
                let requests = runtime.version().and_then(requests_of_a_429);
                let cost = requests.map(|count| format!(", by up to {count} requests")).unwrap_or_default();
                return Some(format!("{name} would only use up more of the registry's limit{cost}"));
            }
            Code::DiskFull => return Some("it would fill the disk".to_owned()),
            _ => {}
        }
        if let Some(patience) = gives_up_after(cause).filter(|patience| *patience > left) {
            let (patience, left) = (patience.as_secs(), left.as_secs());
            return Some(format!(
                "{name} waits {patience} s before it gives up, and {left} s are left: a longer `--timeout` waits for it"
            ));
        }
    }
    expensive(evidence, found)
}

/// Why a pull that would bring something is not made unasked.
fn expensive(evidence: &Evidence, found: &Diagnosis) -> Option<String> {
    let served = found.image.as_ref().and_then(|image| image.digest.as_deref());
    let held = evidence.store.as_ref().and_then(|store| store.held.as_ref());
    if let (Some(served), Some(held)) = (served, held) {
        let is_same = held.is_served_at(served);
        return (!is_same && found.target.digest.is_none()).then(|| {
            "the node holds another image under this tag, and a pull would move the tag: `--pull always` does"
                .to_owned()
        });
    }
    if evidence.store.as_ref().is_some_and(|store| store.held_unknown) {
        return Some(
            "it is not known whether a pull would move a tag that the node holds: `--pull always` does".to_owned(),
        );
    }
    // What failed before any layer brings nothing; a held image that is not served any more stays where it is.
    let before_any_layer = found.verdict == Verdict::Failing && !evidence.endpoints.iter().any(reached_a_layer);
    if before_any_layer {
        return None;
    }
    match found.image.as_ref().and_then(|image| image.bytes) {
        Some(bytes) if bytes <= CHEAP => None,
        Some(bytes) => Some(format!("it would bring {}: `--pull always` does", size_in_words(bytes))),
        None => Some("it is not known how much it would bring: `--pull always` does".to_owned()),
    }
}

/// Whether an endpoint's image was well until its layers were asked for.
fn reached_a_layer(endpoint: &crate::evidence::EndpointEvidence) -> bool {
    use crate::evidence::Question;
    endpoint.exchanges.iter().any(|exchange| matches!(exchange.question, Question::Blob { .. }))
}

#[cfg(test)]
mod tests;
