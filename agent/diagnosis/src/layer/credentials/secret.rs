//! A pull secret that gives the kubelet nothing: the cause where its login is missing, else a warning.
//!
//! The kubelet goes on without a secret that is absent or that it passes over. One that does not decode is another matter:
//! it gives up on the pod's image.

use super::create_it_anew;
use super::plugin::is_about_the_login;
use crate::cause::{Code, Confidence, Severity};
use crate::finding::Finding;
use crate::plan::{Credential, Offer, Plan};
use crate::reference::Reference;
use crate::text::clean;

/// Namespaces that are named.
const MOST: usize = 3;
/// Bytes of a namespace's name.
const NAME: usize = 63;

/// The same refusal where a secret of the pod gives nothing that may have had the login for it: what is wrong is the
/// secret.
pub fn secret_lost(refused: Finding, plan: &Plan) -> Finding {
    let in_its_place = refused.code == Code::CredentialProviderFailed || is_about_the_login(&refused);
    let lost = plan.credentials.iter().find_map(|credential| finding(credential, plan.reference()));
    let Some(mut lost) = lost.filter(|_| in_its_place) else { return refused };
    let is_clear =
        refused.code == Code::CredentialsMissing && refused.detail.is_none() && plan.logins().next().is_none();
    lost.summary = format!("{}; without it, {}", lost.summary, refused.summary);
    let lost = if is_clear { lost } else { lost.at_most(Confidence::Likely) };
    let lost = lost.at_most(refused.confidence);
    match &refused.host {
        Some(host) => lost.at(host),
        None => lost,
    }
}

/// What is worth knowing of such secrets where the pull does not hang on their logins.
pub fn warnings(plan: &Plan) -> impl Iterator<Item = Finding> {
    let found = plan.credentials.iter().filter_map(|credential| finding(credential, plan.reference()));
    found.map(|finding| finding.severity(Severity::Warning))
}

fn finding(credential: &Credential, reference: Option<&Reference>) -> Option<Finding> {
    let source = &credential.source;
    let create = create_it_anew(source, reference);
    match &credential.offer {
        Offer::Absent { elsewhere } => {
            let finding = Finding::new(Code::SecretNotFound, format!("the pod's pull {source} does not exist"));
            let finding = if elsewhere.is_empty() {
                finding
            } else {
                let shown: Vec<String> = elsewhere.iter().take(MOST).map(|name| clean(name, NAME)).collect();
                let shown = shown.join(", ");
                finding.fix(format!("copy it into this namespace, or run the pod in one that has it: {shown}"))
            };
            Some(finding.run("create it, or take its name out of the pod's imagePullSecrets", &create))
        }
        Offer::PassedOver { field, why } => {
            let summary = format!("the kubelet passes over the pod's pull {source}: {field} {why}");
            Some(Finding::new(Code::SecretMalformed, summary).run("delete it and create it anew", &create))
        }
        _ => None,
    }
}
