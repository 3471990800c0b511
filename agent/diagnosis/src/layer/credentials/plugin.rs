//! A credential provider plugin of the kubelet that failed: the cause where its login is missing, else a warning.
//!
//! The kubelet writes such a failure to its log only and goes on without the login.

use crate::cause::{Code, Confidence, Severity};
use crate::finding::Finding;
use crate::plan::{Credential, Offer, Plan};

/// The same refusal where a plugin failed that may have had the login for it: what is wrong is the plugin.
///
/// What a registry surely says of an image that it shows to whoever asked is no matter of a login, and stays.
pub fn plugin_failed(refused: Finding, plan: &Plan) -> Finding {
    let Some(words) = in_words(plan).filter(|_| is_about_the_login(&refused)) else { return refused };
    let finding = advice(format!("{words}; without its login, {}", refused.summary));
    let is_clear =
        refused.code == Code::CredentialsMissing && refused.detail.is_none() && plan.logins().next().is_none();
    let is_in_doubt = failed(plan).any(|(_, _, in_doubt)| in_doubt);
    let finding = if is_clear && !is_in_doubt { finding } else { finding.at_most(Confidence::Likely) };
    let finding = finding.at_most(refused.confidence);
    match &refused.host {
        Some(host) => finding.at(host),
        None => finding,
    }
}

/// Whether another login might have changed this answer of a registry.
pub(super) fn is_about_the_login(refused: &Finding) -> bool {
    match refused.code {
        Code::CredentialsMissing | Code::CredentialsRejected => true,
        Code::AccessDenied => refused.detail.as_deref() != Some("sourceAddress"),
        Code::RepositoryNotFound | Code::TagNotFound | Code::DigestNotFound => refused.confidence < Confidence::Certain,
        _ => false,
    }
}

/// What is worth knowing of plugins that failed where the pull does not hang on their logins.
pub fn warning(plan: &Plan) -> Option<Finding> {
    Some(advice(in_words(plan)?).severity(Severity::Warning))
}

/// Whether there is a plugin that is not asked about this image: of a login the user would be known.
pub(super) fn has_unmatched(plan: &Plan) -> bool {
    plan.credentials.iter().any(|c| matches!(c.offer, Offer::NotMatching { .. }) && c.user.is_none())
}

fn advice(summary: String) -> Finding {
    Finding::new(Code::CredentialProviderFailed, summary)
        .fix("check the node's cloud identity and that the metadata service answers on this node")
        .run("read what the kubelet has logged of it", &["journalctl", "-u", "kubelet"])
}

/// Every plugin that failed, and how.
fn in_words(plan: &Plan) -> Option<String> {
    let failures: Vec<String> = failed(plan)
        .map(|(credential, why, _)| format!("the kubelet's credential {} {why}", credential.source))
        .collect();
    (!failures.is_empty()).then(|| failures.join("; "))
}

fn failed(plan: &Plan) -> impl Iterator<Item = (&Credential, &str, bool)> {
    plan.credentials.iter().filter_map(|credential| match &credential.offer {
        Offer::PluginFailed { why, in_doubt } => Some((credential, why.as_str(), *in_doubt)),
        _ => None,
    })
}
