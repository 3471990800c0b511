//! Why a pod cannot get its images: what the API server has of it, made into cases that are examined on this node. The same
//! for `why` and for the agent.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pullagent_diagnosis::case::{Case, GivenCredential, PodCase};
use pullagent_diagnosis::denied_addresses::DeniedAddresses;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_diagnosis::pod::{Container, KubeletWords, Outlook, Pod, SandboxFailure, Waiting, outlook};
use pullagent_diagnosis::report::{Movement, WaitingReport};
use pullagent_diagnosis::reproduction::Policy;
use pullagent_probes::Limits;
use pullagent_probes::cri::{Progress, growth_during};

use crate::examination::Examination;
use crate::kube::{Cluster, Whereabouts, kubelet_release, pod_events, pull_secrets, whereabouts};
use crate::settings::Settings;
use crate::standpoint::{self, Here, Wanted};

/// How long the image store is looked at, to see whether it grows.
const LOOKED_AT: Duration = Duration::from_secs(3);

/// What is to be said of a pod.
pub(crate) enum Inquiry {
    /// Its images fail.
    Failing(Box<Failing>),
    /// None does.
    Waiting(Box<WaitingReport>),
}

/// A pod's failing images, and the node that they are examined on.
pub(crate) struct Failing {
    /// One for each image.
    pub(crate) cases: Vec<Case>,
    here: Here,
    /// The release of the node's kubelet, where it is known.
    release: Option<(u32, u32)>,
    /// The pod's node, where that is not this one.
    elsewhere: Option<String>,
}

/// Where `pod` is, seen from this node.
pub(crate) fn whereabouts_of(pod: &Pod, settings: &Settings) -> Whereabouts {
    whereabouts(pod, &settings.node.name, &pullagent_probes::node::addresses())
}

/// Reads what there is to know of `pod` beside itself: its events, its pull secrets, and this node.
///
/// Errors: the node cannot be read. What the API server does not tell is named in the reports.
pub(crate) async fn inquire(cluster: &Cluster, settings: &Settings, pod: &Pod) -> anyhow::Result<Inquiry> {
    let mut notes = cluster.identity().notes.clone();
    let events = pod_events(cluster, &pod.namespace, &pod.uid).await.unwrap_or_else(|error| {
        notes.push(NotChecked::new("the kubelet's events", error.to_string()));
        Vec::new()
    });
    let now = Timestamp::now();
    let cases = match outlook(pod, &events, now) {
        Outlook::Failing(failing) => {
            let secrets = pull_secrets(cluster, pod).await;
            failing.into_iter().map(|(container, words)| case(pod, container, words, &secrets)).collect()
        }
        Outlook::Sandbox(failure) => vec![sandbox_case(pod, failure)],
        Outlook::Waiting(waiting) => {
            let mut report = WaitingReport::new(pod, &waiting, movement(settings, &waiting).await?, now);
            report.not_checked = notes;
            return Ok(Inquiry::Waiting(Box::new(report)));
        }
    };
    let elsewhere = match whereabouts_of(pod, settings) {
        Whereabouts::Elsewhere(node) => Some(node),
        Whereabouts::Here | Whereabouts::Nowhere => None,
    };
    let mut here = standpoint::look(settings, Wanted::Cases(cases.clone())).await?;
    here.node.not_checked.extend(notes);
    let release = match &elsewhere {
        None => kubelet_release(cluster, &settings.node.name).await,
        // What is on that node's disk is not seen either.
        Some(_) => None,
    };
    Ok(Inquiry::Failing(Box::new(Failing { cases, here, release, elsewhere })))
}

impl Failing {
    /// The diagnosis of one of the cases; `denied` is what is not contacted for it.
    pub(crate) async fn diagnose(
        &self,
        case: &Case,
        limits: &Limits,
        policy: Policy,
        denied: Option<Arc<DeniedAddresses>>,
        show: impl Fn(&Diagnosis, Progress) + Sync,
    ) -> Diagnosis {
        let examination = Examination { here: &self.here, limits, policy, release: self.release, denied, known: None };
        match &self.elsewhere {
            Some(node) => examination.by_words(case, node, elsewhere(node, &self.here.node.node.name)),
            None => examination.answer(case.clone(), show).await,
        }
    }

    /// The diagnosis of one of the cases by what its kubelet said alone, where nobody may be asked, as `unseen` says.
    pub(crate) fn by_words(&self, case: &Case, unseen: NotChecked) -> Diagnosis {
        let limits = Limits::default();
        let here = Examination {
            here: &self.here,
            limits: &limits,
            policy: Policy::Never,
            release: None,
            denied: None,
            known: None,
        };
        here.by_words(case, self.elsewhere.as_ref().unwrap_or(&self.here.node.node.name), unseen)
    }
}

fn elsewhere(node: &str, here: &str) -> NotChecked {
    let why = format!("this is {here}: run `pullagent why` on {node}, over SSH or in the agent's pod there");
    NotChecked::new(format!("everything that only {node} sees"), why)
}

/// What moves while the kubelet pulls.
async fn movement(settings: &Settings, waiting: &Waiting<'_>) -> anyhow::Result<Movement> {
    let Waiting::StillPulling { .. } = waiting else { return Ok(Movement::default()) };
    let here = standpoint::look(settings, Wanted::Cases(Vec::new())).await?;
    let Some(socket) = &here.socket else { return Ok(Movement::default()) };
    let grown = growth_during(LOOKED_AT, socket, &here.host_root).await;
    let seconds = u32::try_from(LOOKED_AT.as_secs()).unwrap_or(u32::MAX);
    Ok(Movement { grew: grown.map(|bytes| (bytes, seconds)), ahead: None })
}

fn case(pod: &Pod, container: &Container, words: KubeletWords, secrets: &[GivenCredential]) -> Case {
    let of = PodCase::of(pod, container, Some(words));
    Case { image: container.image.clone(), credentials: secrets.to_vec(), pod: Some(of), ..Case::default() }
}

fn sandbox_case(pod: &Pod, failure: SandboxFailure) -> Case {
    let of = PodCase::sandbox(pod, Some(failure.words));
    Case { image: failure.image, anonymous: true, pod: Some(of), ..Case::default() }
}
