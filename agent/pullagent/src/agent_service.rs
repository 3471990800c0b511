//! The agent's gRPC on its unix socket: who asks is known by the kernel's word, and everybody gets as much as he may have.
//!
//! Offers a caller's logins for the caller's image and a pod's for that pod's own images, those of the node for neither.
//! Lets the runtime pull nothing. Logs who asks for what, and nothing that came along.

mod callers;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;
use pullagent_diagnosis::case::Case;
use pullagent_diagnosis::denied_addresses::DeniedAddresses;
use pullagent_diagnosis::diagnosis::{Diagnosis, ExaminedBy, PodReport};
use pullagent_diagnosis::for_others::redact_for_others;
use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_diagnosis::pod::Pod;
use pullagent_diagnosis::report::{self, Format, Style, render_waiting};
use pullagent_diagnosis::reproduction::Policy;
use pullagent_diagnosis::text::clean;
use pullagent_probes::Limits;
use pullagent_proto::v1::agent_server::{Agent, AgentServer};
use pullagent_proto::v1::probe_update::Update;
use pullagent_proto::v1::{ProbeRequest, ProbeUpdate, Progress, ReportsReply, ReportsRequest, WhyReply, WhyRequest};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tonic::{Request, Response, Status};
use tracing::debug;

use crate::daemon::{Desk, Opened, Ruling};
use crate::examination::{Examination, denied_to_pods};
use crate::inquiry::{Failing, Inquiry, inquire, whereabouts_of};
use crate::kube::{Cluster, KubeError, Whereabouts, get_pod};
use crate::memory::{Memory, PodName};
use crate::settings::Settings;
use crate::socket::Peer;
use crate::standpoint::{self, Wanted};
use callers::{Callers, Place};
use request::{Asked, pod_name};

/// Bytes of one request: some pull secrets, as the API server bounds them.
const MAX_REQUEST: usize = 4 << 20;
/// Updates that wait for a caller who does not read.
const UPDATES: usize = 4;
/// How often a caller hears that it lasts.
const TICK: Duration = Duration::from_secs(1);
/// What reading the node, side questions and writing the report may take beyond the time that was asked for.
const GRACE: Duration = Duration::from_secs(3);
/// How long one image of a pod may take.
const WHY: Duration = Duration::from_secs(10);
/// A pod's images altogether.
const WHY_ALL: Duration = Duration::from_mins(1);
/// How a report is laid out; JSON has no layout.
const PLAIN: Style = Style { width: 0, color: false, verbose: 0 };

/// What the answers are made of; clones share it.
#[derive(Clone)]
pub(crate) struct AgentService {
    settings: watch::Receiver<Arc<Settings>>,
    cluster: Opened,
    memory: Memory,
    desk: Desk,
    callers: Callers,
}

impl AgentService {
    /// Answers about the node of `settings` as they are then; about its pods once there is an API server to ask.
    /// Pods are examined as the desk allows it.
    pub(crate) fn new(settings: watch::Receiver<Arc<Settings>>, cluster: Opened, memory: Memory, desk: Desk) -> Self {
        Self { settings, cluster, memory, desk, callers: Callers::default() }
    }

    /// The service as a part of what a socket serves, which must add the [`Peer`] to each request.
    pub(crate) fn router(self) -> Router {
        let server = AgentServer::new(self).max_decoding_message_size(MAX_REQUEST);
        Router::new().route_service("/pullagent.v1.Agent/{call}", server)
    }

    /// Examines, and tells `updates` of it; a caller who is gone ends it at the next word to him, or before.
    async fn examine(self, asked: Asked, peer: Peer, updates: mpsc::Sender<Result<ProbeUpdate, Status>>) {
        let work = timeout(asked.time + GRACE, self.diagnose(&asked));
        tokio::pin!(work);
        let begun = Instant::now();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let last = loop {
            tokio::select! {
                () = updates.closed() => return debug!(peer.uid, "the caller has gone"),
                _ = ticks.tick() => {
                    // Whoever does not read misses some of it.
                    let _ = updates.try_send(Ok(progress(&asked, begun.elapsed())));
                }
                done = &mut work => break match done {
                    Ok(Ok(diagnosis)) => Ok(ProbeUpdate { update: Some(Update::ReportJson(json(diagnosis, peer))) }),
                    Ok(Err(error)) => Err(own_trouble(&error)),
                    Err(_) => Err(Status::deadline_exceeded("the agent did not come to an end in time")),
                },
            }
        };
        // Nobody is there to tell if that fails.
        let _ = updates.send(last).await;
    }

    /// The settings of this moment.
    fn settings(&self) -> Arc<Settings> {
        self.settings.borrow().clone()
    }

    /// The API server, once it is there.
    fn cluster(&self) -> Option<Arc<Cluster>> {
        self.cluster.borrow().clone()
    }

    /// What is not contacted for whoever asks: the agent reaches more than he may.
    async fn denied(&self, settings: &Settings) -> Arc<DeniedAddresses> {
        denied_to_pods(settings, self.cluster().as_deref()).await
    }

    async fn diagnose(&self, asked: &Asked) -> anyhow::Result<Diagnosis> {
        let settings = self.settings();
        let mut here = standpoint::look(&settings, Wanted::Cases(vec![asked.case.clone()])).await?;
        here.withhold_credentials("the agent offers for others only the logins that they bring");
        let limits = limits(asked.time);
        let denied = Some(self.denied(&settings).await);
        let policy = asked.policy;
        let examination = Examination { here: &here, limits: &limits, policy, release: None, denied, known: None };
        Ok(examination.answer(asked.case.clone(), |_, _| {}).await)
    }

    /// What is found out about a pod of this node.
    async fn explain(&self, cluster: &Cluster, namespace: &str, name: &str, peer: Peer) -> Result<WhyReply, Status> {
        // Whether other nodes have such a pod is none of the caller's business.
        let absent = || Status::not_found(format!("this node has no pod {namespace}/{name}"));
        let settings = self.settings();
        let pod = match get_pod(cluster, namespace, name).await {
            Ok(pod) if whereabouts_of(&pod, &settings) == Whereabouts::Here => pod,
            Ok(_) | Err(KubeError::Absent { .. }) => return Err(absent()),
            Err(error) => return Err(Status::unavailable(clean(&error.to_string(), 400))),
        };
        let failing = match inquire(cluster, &settings, &pod).await.map_err(|error| own_trouble(&error))? {
            Inquiry::Failing(failing) => failing,
            Inquiry::Waiting(report) => {
                let waiting_json = render_waiting(Format::Json, &report, &PLAIN).unwrap_or_default();
                return Ok(WhyReply { report_json: Vec::new(), waiting_json });
            }
        };
        let (limits, denied) = (limits(WHY), self.denied(&settings).await);
        let mut report_json = Vec::new();
        for case in &failing.cases {
            let container = case.pod.as_ref().map(|of| of.container.as_str()).unwrap_or_default();
            let diagnosis = match self.desk.ask(&pod, container, &case.image).await {
                Ruling::HeldBack(why) => self.remembered(&pod, &failing, case, why),
                Ruling::Examine(mut permit) => {
                    let case = permit.case(case);
                    let work = failing.diagnose(&case, &limits, Policy::ForOthers, Some(denied.clone()), |_, _| {});
                    let diagnosis = tokio::select! {
                        diagnosis = work => diagnosis,
                        () = permit.is_withdrawn() => {
                            return Err(Status::aborted("the pod or one of its secrets has just changed: ask again"));
                        }
                    };
                    permit.found(diagnosis.clone());
                    diagnosis
                }
            };
            report_json.push(json(diagnosis, peer));
        }
        Ok(WhyReply { report_json, waiting_json: String::new() })
    }

    /// What is known of a case that may not be examined now because of `why`: what was found out before, or what the
    /// kubelet's words mean.
    fn remembered(&self, pod: &Pod, failing: &Failing, case: &Case, why: String) -> Diagnosis {
        let name = PodName { namespace: pod.namespace.clone(), name: pod.name.clone() };
        let before = self.memory.find(&name, &case.image);
        let is_of_pod = |of: &PodReport| of.uid == pod.uid;
        let Some(mut before) = before.filter(|found| found.pod.as_ref().is_some_and(is_of_pod)) else {
            return failing.by_words(case, NotChecked::new("everything but the kubelet's words", why));
        };
        let at = before.started_at.strftime("%H:%M");
        let note = NotChecked::new("anything since then", format!("this was found out at {at} UTC; {why}"));
        before.not_checked.insert(0, note);
        before
    }
}

#[tonic::async_trait]
impl Agent for AgentService {
    type ProbeStream = BoxStream<'static, Result<ProbeUpdate, Status>>;

    async fn probe(&self, request: Request<ProbeRequest>) -> Result<Response<Self::ProbeStream>, Status> {
        let peer = peer_of(&request)?;
        let asked = Asked::try_from(request.into_inner())?;
        debug!(peer.uid, peer.gid, peer.pid, image = clean(&asked.case.image, 200), "asked to probe");
        let place = self.callers.admit(peer.uid)?;
        let (updates, received) = mpsc::channel(UPDATES);
        let work = self.clone().examine(asked, peer, updates);
        tokio::spawn(holding(place, work));
        let next = |mut received: mpsc::Receiver<_>| async move { Some((received.recv().await?, received)) };
        Ok(Response::new(stream::unfold(received, next).boxed()))
    }

    async fn why(&self, request: Request<WhyRequest>) -> Result<Response<WhyReply>, Status> {
        let peer = peer_of(&request)?;
        let WhyRequest { namespace, pod } = request.into_inner();
        let (namespace, pod) = (pod_name(&namespace, "namespace")?, pod_name(&pod, "pod")?);
        debug!(peer.uid, peer.gid, peer.pid, namespace, pod, "asked why");
        let Some(cluster) = self.cluster() else {
            return Err(Status::failed_precondition("this agent does not ask the API server, at least not yet"));
        };
        let _place = self.callers.admit(peer.uid)?;
        let answer = timeout(WHY_ALL, self.explain(&cluster, namespace, pod, peer)).await;
        let late = |_| Status::deadline_exceeded("the agent did not come to an end in time");
        answer.map_err(late)?.map(Response::new)
    }

    async fn reports(&self, request: Request<ReportsRequest>) -> Result<Response<ReportsReply>, Status> {
        let peer = peer_of(&request)?;
        debug!(peer.uid, peer.gid, peer.pid, "asked for the reports");
        let memory = &self.memory;
        let reports_json = if peer.is_root() { memory.reports_json() } else { memory.reports_json_for_others() };
        Ok(Response::new(ReportsReply { reports_json }))
    }
}

/// The deadlines of an examination for somebody else.
fn limits(time: Duration) -> Limits {
    Limits { total: time, ..Limits::default() }
}

async fn holding(place: Place, work: impl Future<Output = ()>) {
    work.await;
    drop(place);
}

/// Who asks. Without the kernel's word nobody is answered.
fn peer_of<T>(request: &Request<T>) -> Result<Peer, Status> {
    let unknown = || Status::unauthenticated("nobody knows who asks");
    request.extensions().get::<Peer>().copied().ok_or_else(unknown)
}

fn progress(asked: &Asked, elapsed: Duration) -> ProbeUpdate {
    let elapsed_ms = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
    let text = format!("the agent examines {}: {} s", clean(&asked.case.image, 200), elapsed.as_secs());
    let progress = Progress { text, elapsed_ms, bytes: 0, verdict: String::new() };
    ProbeUpdate { update: Some(Update::Progress(progress)) }
}

/// The report as `peer` may read it.
fn json(mut diagnosis: Diagnosis, peer: Peer) -> String {
    diagnosis.examined_by = ExaminedBy::Agent;
    if !peer.is_root() {
        redact_for_others(&mut diagnosis);
    }
    report::render(Format::Json, &diagnosis, &PLAIN)
}

/// The agent's own trouble, of which the caller hears no more than that: it may name what is root's alone.
fn own_trouble(error: &anyhow::Error) -> Status {
    debug!(at = %Timestamp::now(), "cannot answer: {error:#}");
    Status::internal("the agent cannot look at its node; its log says why")
}
