//! `pullagent why pod/NAME`: the pod from the API server, its failing images examined from this node, and what its
//! kubelet said beside that.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use pullagent_diagnosis::case::{Case, GivenCredential, PodCase};
use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_diagnosis::pod::{Container, KubeletWords, Outlook, Pod, SandboxFailure, Waiting, outlook};
use pullagent_diagnosis::report::{self, Format, Movement, WaitingReport, render_waiting};
use pullagent_diagnosis::reproduction::Policy;
use pullagent_probes::Limits;
use pullagent_probes::cri::growth_during;

use crate::cli::FailOn;
use crate::cli::why::WhyArguments;
use crate::examination::{Examination, waiting};
use crate::kube::{Whereabouts, get_pod, open, pod_events, pull_secrets, whereabouts};
use crate::settings::Settings;
use crate::standpoint::{self, Wanted};
use crate::terminal::{self, StatusLine};

/// How long the image store is looked at, to see whether it grows.
const LOOKED_AT: Duration = Duration::from_secs(3);

/// Examines and reports; the worst verdict decides the exit status.
pub(crate) async fn run(arguments: WhyArguments) -> anyhow::Result<u8> {
    let settings = Settings::of_command(&arguments.standpoint)?;
    let status = StatusLine::new(arguments.output == Format::Text);
    status.show("asking the API server");
    let cluster = open(&arguments.kube, &settings).await?;
    let namespace = match &arguments.kube.namespace {
        Some(namespace) => namespace.clone(),
        None => cluster.default_namespace().await,
    };
    let pod = get_pod(&cluster, &namespace, &arguments.pod).await?;
    let mut notes = cluster.identity().notes.clone();
    let events = pod_events(&cluster, &pod).await.unwrap_or_else(|error| {
        notes.push(NotChecked::new("the kubelet's events", error.to_string()));
        Vec::new()
    });
    let now = Timestamp::now();
    let style = terminal::style(arguments.verbose);
    let cases = match outlook(&pod, &events, now) {
        Outlook::Failing(failing) => {
            let secrets = pull_secrets(&cluster, &pod).await;
            failing.into_iter().map(|(container, words)| case(&pod, container, words, &secrets)).collect()
        }
        Outlook::Sandbox(failure) => vec![sandbox_case(&pod, failure)],
        Outlook::Waiting(waiting) => {
            status.show("looking at the image store");
            let mut report = WaitingReport::new(&pod, &waiting, movement(&settings, &waiting).await?, now);
            report.not_checked = notes;
            let text = render_waiting(arguments.output, &report, &style)
                .with_context(|| format!("`{}` is for images that failed only", arguments.output))?;
            status.clear();
            terminal::print(&format!("{text}\n"))?;
            return Ok(0);
        }
    };
    let elsewhere = match whereabouts(&pod, &settings.node.name, &pullagent_probes::node::addresses()) {
        Whereabouts::Elsewhere(node) => Some(node),
        Whereabouts::Here | Whereabouts::Nowhere => None,
    };
    let mut here = standpoint::look(&settings, Wanted::Cases(cases.clone())).await?;
    here.node.not_checked.extend(notes);
    let limits = Limits { total: arguments.timeout, ..Limits::default() };
    let examination =
        Examination { here: &here, limits: &limits, policy: Policy::Stranger, release: None, denied: None };
    let show = |found: &_, progress| status.show(&waiting(found, progress));
    let mut verdicts = Vec::new();
    for case in cases {
        status.show(&format!("examining {}", case.image));
        let diagnosis = match &elsewhere {
            Some(node) => examination.by_words(&case, node),
            None => examination.answer(case, &show).await,
        };
        let gap =
            if verdicts.is_empty() || matches!(arguments.output, Format::Short | Format::Json) { "" } else { "\n" };
        verdicts.push(diagnosis.verdict);
        let text = report::render(arguments.output, &diagnosis, &style);
        status.clear();
        terminal::print(&format!("{gap}{text}\n"))?;
    }
    Ok(report::exit_code(verdicts, arguments.fail_on == Some(FailOn::Degraded)))
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
    let of = PodCase {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        container: container.name.clone(),
        policy: container.policy,
        said: Some(words),
    };
    Case { image: container.image.clone(), credentials: secrets.to_vec(), pod: Some(of), ..Case::default() }
}

/// The runtime pulls it by itself: no login of the pod or the kubelet is offered for it.
fn sandbox_case(pod: &Pod, failure: SandboxFailure) -> Case {
    let of = PodCase {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        container: "(sandbox)".to_owned(),
        said: Some(failure.words),
        ..PodCase::default()
    };
    Case { image: failure.image, anonymous: true, pod: Some(of), ..Case::default() }
}
