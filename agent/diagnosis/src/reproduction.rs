//! Whether the runtime is asked to pull as well, and as whom. Decides; asks nobody.

use std::time::Duration;

use crate::cause::Code;
use crate::diagnosis::{Diagnosis, Verdict};
use crate::evidence::{EndpointEvidence, Evidence, Hop, Identity, Question, Role};
use crate::layer::transport::ConnectOutcome;
use crate::plan::{Plan, Target};
use crate::runtime::{CONNECTS_FOR, RuntimeAnswer, gives_up_after, requests_of_a_429};
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
    /// As `Auto` where nobody's login would be offered, else not at all: a pod's logins are for its kubelet to pull with.
    Stranger,
    /// Not at all: a check is made again and again.
    Check,
    /// Not at all: an agent that is asked by others pulls nothing for them.
    ForOthers,
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
    if let Some(why) = evidence.endpoints.iter().flat_map(|endpoint| &endpoint.hops).find_map(Hop::not_contacted) {
        // A pull for us would send the runtime where we do not go.
        return Some(why.to_owned());
    }
    match policy {
        Policy::Never => return Some("`--pull never`".to_owned()),
        Policy::Check => return Some("a check pulls nothing".to_owned()),
        Policy::ForOthers => return Some("the agent pulls nothing for those who ask it".to_owned()),
        Policy::Always => return None,
        Policy::Stranger if plan.logins().next().is_some() => {
            return Some("a pod's logins are for its kubelet to pull with".to_owned());
        }
        Policy::Auto | Policy::Stranger => {}
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
    }
    let on_the_way = || silent_mirror(evidence).then_some(CONNECTS_FOR);
    let patience = cause.map_or_else(on_the_way, gives_up_after);
    if let Some(patience) = patience.filter(|patience| *patience > left) {
        let (patience, left) = (patience.as_secs(), left.as_secs());
        let over = if cause.is_some() { "before it gives up" } else { "for a mirror that does not answer" };
        return Some(format!(
            "{name} waits {patience} s {over}, and {left} s are left: a longer `--timeout` waits for it"
        ));
    }
    expensive(evidence, found)
}

/// Whether a mirror that is asked first does not answer.
fn silent_mirror(evidence: &Evidence) -> bool {
    let first = |endpoint: &EndpointEvidence| endpoint.hops.first().cloned();
    evidence.endpoints.iter().filter_map(first).any(|hop| {
        let connect = hop.connect.as_ref().map(|connect| &connect.outcome);
        hop.role == Role::Mirror && connect == Some(&ConnectOutcome::Timeout)
    })
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
fn reached_a_layer(endpoint: &EndpointEvidence) -> bool {
    endpoint.exchanges.iter().any(|exchange| matches!(exchange.question, Question::Blob { .. }))
}
