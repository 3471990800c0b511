//! One case from its plan to its diagnosis: examined, reproduced where that is worth it, and diagnosed. The same for every
//! command and for the daemon.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use pullagent_diagnosis::case::{Case, Purpose};
use pullagent_diagnosis::denied_addresses::DeniedAddresses;
use pullagent_diagnosis::diagnose::diagnose;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::evidence::Evidence;
use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_diagnosis::on_node::{OnNode, on_node};
use pullagent_diagnosis::plan::{Plan, plan};
use pullagent_diagnosis::pull::PullEvidence;
use pullagent_diagnosis::pull_configuration::sandbox_image;
use pullagent_diagnosis::reproduction::{Order, Policy, decide};
use pullagent_diagnosis::text::size_in_words;
use pullagent_probes::cri::{Progress, holds, pull_records};
use pullagent_probes::{Contents, Limits, Standpoint, examine_from, reproduce};

use crate::kube::Cluster;
use crate::settings::Settings;
use crate::standpoint::Here;

/// What every case of one command is examined with.
pub(crate) struct Examination<'a> {
    /// The node.
    pub(crate) here: &'a Here,
    /// The deadlines of one case.
    pub(crate) limits: &'a Limits,
    /// When the runtime itself is asked to pull.
    pub(crate) policy: Policy,
    /// The kubelet's release as major and minor version, where it is known.
    pub(crate) release: Option<(u32, u32)>,
    /// What is not contacted for the images of pods; `None` where a person asks, who may go anywhere.
    pub(crate) denied: Option<Arc<DeniedAddresses>>,
    /// For checks, which are made again and again: what was fetched before.
    pub(crate) known: Option<&'a Contents>,
}

/// What the daemon does not contact for the images of pods: the built-in ranges, `examine.denyAddresses`, the API server's
/// addresses and those of this node as they are now.
pub(crate) async fn denied_to_pods(settings: &Settings, cluster: Option<&Cluster>) -> Arc<DeniedAddresses> {
    let api_server = match cluster {
        Some(cluster) => cluster.addresses().await,
        None => Vec::new(),
    };
    denied_addresses(settings, api_server)
}

fn denied_addresses(settings: &Settings, api_server: Vec<IpAddr>) -> Arc<DeniedAddresses> {
    let given = settings.examine.deny_addresses.iter().copied();
    Arc::new(DeniedAddresses::new(given, api_server, pullagent_probes::node::addresses()))
}

impl Examination<'_> {
    /// The examination, then the runtime's own pull where that is worth it, then one diagnosis of both. While the runtime
    /// pulls, `show` is told of the examination's verdict and how far the pull is.
    pub(crate) async fn answer(&self, mut case: Case, show: impl Fn(&Diagnosis, Progress) + Sync) -> Diagnosis {
        let begun = Instant::now();
        if !case.anonymous {
            // A plugin that hangs must leave time for the registry.
            let limit = self.limits.total / 2;
            case.credentials.extend(self.here.credentials.offered(&case.image, limit).await);
        }
        let limits = Limits { total: self.limits.total.saturating_sub(begun.elapsed()), ..*self.limits };
        let plan = plan(&case, &self.here.node);
        let standpoint = Standpoint {
            host_root: &self.here.host_root,
            socket: self.here.socket.as_deref(),
            denied: self.denied.as_ref(),
            known: self.known,
            ..Standpoint::default()
        };
        let mut evidence = examine_from(&plan, &limits, &standpoint).await;
        evidence.on_node = self.on_node(&case, &plan, &evidence).await;
        evidence.absent_sandbox_image = self.absent_sandbox_image(&case).await;
        let found = diagnose(&case, &plan, &evidence);
        if case.pod.as_ref().and_then(|pod| pod.said.as_ref()).is_some_and(|said| !said.message.is_empty()) {
            // The kubelet's last attempt was such a pull already.
            return found;
        }
        let left = self.limits.total.saturating_sub(begun.elapsed());
        let order = decide(self.policy, &plan, &evidence, &found, left);
        evidence.pull = Some(match (order, &self.here.socket) {
            (Order::Leave { why }, _) => PullEvidence::NotMade { why },
            (Order::Pull(_), None) => PullEvidence::NotMade { why: "its socket was not found".to_owned() },
            (Order::Pull(logins), Some(socket)) => {
                let shown = |progress: Progress| show(&found, progress);
                PullEvidence::Made(reproduce(&plan, &logins, socket, &self.here.host_root, left, shown).await)
            }
        });
        evidence.took_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        diagnose(&case, &plan, &evidence)
    }

    /// What a pod's kubelet said is all that is known of it, on its `node`; `unseen` says why.
    pub(crate) fn by_words(&self, case: &Case, node: &str, unseen: NotChecked) -> Diagnosis {
        let mut plan = plan(case, &self.here.node);
        node.clone_into(&mut plan.node.name);
        plan.endpoints.clear();
        plan.findings.clear();
        plan.refusal = None;
        plan.runtime = None;
        plan.not_checked = vec![unseen];
        let evidence = Evidence {
            started_at: Timestamp::now(),
            took_ms: 0,
            endpoints: Vec::new(),
            clocks: Vec::new(),
            cut_short: false,
            store: None,
            on_node: None,
            absent_sandbox_image: None,
            pull: None,
        };
        diagnose(case, &plan, &evidence)
    }

    /// For a check of an image: the image of every pod's sandbox, if the runtime says that it does not hold it.
    async fn absent_sandbox_image(&self, case: &Case) -> Option<String> {
        let socket = self.here.socket.as_ref().filter(|_| case.purpose == Purpose::CheckImage)?;
        let image = sandbox_image(&self.here.node)?;
        (holds(socket, &image).await == Ok(false)).then_some(image)
    }

    /// What the kubelet makes of the image being on the node.
    async fn on_node(&self, case: &Case, plan: &Plan, evidence: &Evidence) -> Option<OnNode> {
        case.pod.as_ref()?;
        let held = evidence.store.as_ref()?.held.as_ref()?;
        let (root, image, id) = (self.here.host_root.clone(), plan.image.clone(), held.id.clone());
        let records = tokio::task::spawn_blocking(move || pull_records(&root, &image, &id)).await.ok()?;
        on_node(case, plan, &self.here.node, &records, self.release)
    }
}

/// What a person reads while the runtime pulls: the examination's verdict, and how far the pull is.
pub(crate) fn waiting(found: &Diagnosis, progress: Progress) -> String {
    let code = found.cause.as_ref().map(|cause| format!(" [{}]", cause.code)).unwrap_or_default();
    let runtime = found.node.runtime.as_ref().map_or("the runtime", |runtime| runtime.name.as_str());
    let brought = match progress.brought {
        0 => String::new(),
        bytes => format!(", {}", size_in_words(bytes)),
    };
    let seconds = progress.elapsed.as_secs();
    format!("{} is {}{code}; {runtime} pulls it: {seconds} s{brought}", found.target.image, found.verdict.word())
}

#[cfg(test)]
mod tests {
    use pullagent_diagnosis::denied_addresses::{NamedBy, Reason};

    use super::*;

    #[test]
    fn the_settings_the_api_server_and_this_node_are_denied_to_pods() {
        let mut settings = Settings::default();
        settings.examine.deny_addresses = vec!["198.51.100.0/24".parse().unwrap()];
        let denied = denied_addresses(&settings, vec!["203.0.113.1".parse().unwrap()]);
        let check = |ip: &str, want: Option<Reason>| {
            assert_eq!(denied.denies(ip.parse().unwrap(), NamedBy::Tenant), want, "{ip}");
        };
        check("198.51.100.7", Some(Reason::Given("198.51.100.0/24".parse().unwrap())));
        check("203.0.113.1", Some(Reason::ApiServer));
        check("203.0.113.2", None);
        check("169.254.169.254", Some(Reason::Metadata));
        for own in pullagent_probes::node::addresses() {
            assert!(denied.denies(own, NamedBy::Tenant).is_some(), "{own}");
        }
    }
}
