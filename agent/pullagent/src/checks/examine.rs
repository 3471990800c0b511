//! One check from what it names to its diagnosis: the same for the daemon and for `pullagent check`. Decides no cause, and
//! pulls nothing.

use std::sync::Arc;

use pullagent_diagnosis::case::{Case, GivenCredential, Purpose, Withheld};
use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::denied_addresses::DeniedAddresses;
use pullagent_diagnosis::diagnosis::Diagnosis;
use pullagent_diagnosis::pull_secret::{PullSecret, SecretFound};
use pullagent_diagnosis::reproduction::Policy;
use pullagent_probes::{Contents, Limits};

use super::Check;
use crate::examination::Examination;
use crate::kube::{Cluster, read_secret};
use crate::settings::{SecretName, Settings};
use crate::standpoint::{self, Wanted};

/// What a check is made with.
pub(crate) struct With<'a> {
    /// Where the node is, and who may be asked.
    pub(crate) settings: &'a Settings,
    /// The API server, or why it is not asked. Only secrets are read from it.
    pub(crate) cluster: Result<&'a Cluster, &'a str>,
    /// What earlier checks fetched. Whoever checks again and again keeps it.
    pub(crate) known: &'a Contents,
    /// The deadlines of one check.
    pub(crate) limits: &'a Limits,
    /// Logins that were refused before.
    pub(crate) withheld: Vec<Withheld>,
    /// What is not contacted for what a pod named; `None` for a check of the settings.
    pub(crate) denied: Option<Arc<DeniedAddresses>>,
}

/// Makes a check once, from the node as it is now.
///
/// Errors: the node itself could not be looked at.
pub(crate) async fn run(check: &Check, with: &With<'_>) -> anyhow::Result<Diagnosis> {
    let case = case(check, with).await;
    let here = standpoint::look(with.settings, Wanted::Cases(vec![case.clone()])).await?;
    let (policy, denied) = (Policy::Check, with.denied.clone());
    let examination =
        Examination { here: &here, limits: with.limits, policy, release: None, denied, known: Some(with.known) };
    Ok(examination.answer(case, |_, _| {}).await)
}

/// Whether the registry has said that there is little left of what it allows, or nothing.
pub(crate) fn is_near_its_limit(diagnosis: &Diagnosis) -> bool {
    let is_limit = |code: Code| matches!(code, Code::RateLimitLow | Code::RateLimited);
    diagnosis.findings.iter().any(|finding| is_limit(finding.code))
}

async fn case(check: &Check, with: &With<'_>) -> Case {
    match check {
        Check::Registry { host } => {
            Case { image: host.clone(), purpose: Purpose::CheckRegistry, anonymous: true, ..Case::default() }
        }
        Check::Image { image, secret } => {
            let credentials = match secret {
                Some(name) => vec![GivenCredential::Secret(secret_of(name, with.cluster).await)],
                None => Vec::new(),
            };
            let withheld = with.withheld.clone();
            Case { image: image.clone(), purpose: Purpose::CheckImage, credentials, withheld, ..Case::default() }
        }
    }
}

async fn secret_of(name: &SecretName, cluster: Result<&Cluster, &str>) -> PullSecret {
    let SecretName { namespace, name } = name;
    match cluster {
        Ok(cluster) => read_secret(cluster, namespace, name).await,
        Err(why) => {
            let found = SecretFound::NotRead { why: format!("the API server is not asked: {why}") };
            PullSecret { namespace: namespace.clone(), name: name.clone(), found }
        }
    }
}
