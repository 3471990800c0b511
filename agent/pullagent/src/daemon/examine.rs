//! One job of the schedule: a pod's image, examined from this node as it is now.

use std::sync::Arc;

use pullagent_diagnosis::case::{Case, GivenCredential, PodCase, Withheld};
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::pod::{KubeletWords, Pod};
use pullagent_diagnosis::pull_secret::{PullSecret, SecretFound};
use pullagent_diagnosis::reproduction::Policy;
use pullagent_probes::Limits;
use tracing::warn;

use crate::examination::{Examination, denied_to_pods};
use crate::kube::{Cluster, kubelet_release, pull_secrets};
use crate::schedule::Job;
use crate::settings::{Settings, WatchPull};
use crate::standpoint::{self, Wanted};

/// Examines; `None` where the node itself could not be looked at.
pub(super) async fn examine(
    settings: Arc<Settings>,
    cluster: Option<Arc<Cluster>>,
    pod: Pod,
    job: Job,
    words: Option<KubeletWords>,
) -> Option<Diagnosis> {
    let is_sandbox = job.subject.is_sandbox();
    let credentials = match &cluster {
        _ if is_sandbox => Vec::new(),
        Some(cluster) => pull_secrets(cluster, &pod).await,
        None => unread(&pod),
    };
    let container = pod.containers.iter().find(|container| container.name == job.subject.container);
    let of = match container {
        Some(container) => PodCase::of(&pod, container, words),
        None if is_sandbox => PodCase::sandbox(&pod, words),
        // It went since the job was given out.
        None => PodCase { container: job.subject.container.clone(), ..PodCase::sandbox(&pod, words) },
    };
    let withheld = job.withheld.iter().map(|login| Withheld { source: login.source.clone(), key: login.key.clone() });
    let case = Case {
        image: job.question.image.clone(),
        credentials,
        anonymous: is_sandbox,
        withheld: withheld.collect(),
        pod: Some(of),
        ..Case::default()
    };
    let here = match standpoint::look(&settings, Wanted::Cases(vec![case.clone()])).await {
        Ok(here) => here,
        Err(error) => {
            warn!(error = format!("{error:#}"), "cannot look at the node");
            return None;
        }
    };
    let policy = if settings.watch.pull == WatchPull::Auto { Policy::Stranger } else { Policy::Never };
    let release = match &cluster {
        Some(cluster) => kubelet_release(cluster, &settings.node.name).await,
        None => None,
    };
    let denied = Some(denied_to_pods(&settings, cluster.as_deref()).await);
    let examination = Examination { here: &here, limits: &Limits::default(), policy, release, denied, known: None };
    Some(examination.answer(case, |_, _| {}).await)
}

/// The pod's secrets where nobody can be asked for them.
fn unread(pod: &Pod) -> Vec<GivenCredential> {
    let secret = |name: &String| {
        let found = SecretFound::NotRead { why: "the API server is not asked".to_owned() };
        GivenCredential::Secret(PullSecret { namespace: pod.namespace.clone(), name: name.clone(), found })
    };
    pod.pull_secrets.iter().map(secret).collect()
}
