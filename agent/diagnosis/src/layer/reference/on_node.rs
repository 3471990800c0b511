//! Images that the kubelet looks for on the node and does not ask a registry for: absent, or not for this pod.

use crate::cause::{Code, Place};
use crate::config::pull_records::ProvenCredentials;
use crate::finding::Finding;
use crate::pod::PullPolicy;
use crate::reference::Reference;
use crate::runtime::{Kind, RuntimeVersion};
use crate::text::clean;

/// Bytes of a foreign name.
const NAME: usize = 100;
/// Credentials that are named.
const NAMED: usize = 3;

/// The cause where the policy is `Never` and the image is not on the node. With a runtime that is known, only what brings
/// an image to such a one is said.
pub fn not_present_never_pull(reference: &Reference, runtime: Option<&RuntimeVersion>) -> Finding {
    let summary = format!("{reference} is not on this node, and the pull policy Never forbids to pull it");
    let finding = Finding::new(Code::NotPresentNeverPull, summary)
        .fix("if a registry has the image, set `imagePullPolicy: IfNotPresent`");
    let places = Code::NotPresentNeverPull.row().places.iter().filter(|remedy| may_be(remedy.place, runtime));
    places.fold(finding, |finding, remedy| finding.fix(format!("on {}: {}", remedy.place, remedy.text)))
}

/// Whether a node with this runtime may be such a place. kind, minikube, k3s and `MicroK8s` all come with containerd, and
/// only k3s says so.
fn may_be(place: Place, runtime: Option<&RuntimeVersion>) -> bool {
    let Some(runtime) = runtime else { return true };
    let of_k3s = ["k3s", "rke2"].iter().any(|name| runtime.version.contains(name));
    match runtime.kind() {
        Kind::Containerd if of_k3s => place == Place::K3s,
        Kind::Containerd => matches!(place, Place::Containerd | Place::MicroK8s | Place::Kind | Place::Minikube),
        Kind::CriO => matches!(place, Place::CriO | Place::Minikube),
        Kind::Docker => matches!(place, Place::Docker | Place::Minikube),
        Kind::Other => true,
    }
}

/// The cause where the image is on the node and the kubelet does not let the pod have it: with `Never` at once, else
/// because the pull that it makes instead fails for want of credentials.
///
/// `proven` is what the kubelet's record says for this image's name; `None` where it says nothing.
pub fn present_but_not_allowed(
    reference: &Reference,
    policy: PullPolicy,
    proven: Option<&ProvenCredentials>,
) -> Finding {
    let has = match proven.map(in_words).filter(|names| !names.is_empty()) {
        Some(names) => format!("it was pulled with {names}, which the pod does not bring"),
        None => "it has no record of credentials that were proven for it".to_owned(),
    };
    let then = match policy {
        PullPolicy::Never => "and with the pull policy Never it calls it not present",
        PullPolicy::IfNotPresent | PullPolicy::Always => "and the pull that it asks for instead fails",
    };
    let summary = format!("{reference} is on this node, but the kubelet does not let this pod use it: {has}, {then}");
    let finding = Finding::new(Code::PresentButNotAllowed, summary).fix(format!(
        "give the pod a pull secret for {}, by `imagePullSecrets` in its template or its service account",
        reference.registry
    ));
    let finding = match policy {
        PullPolicy::Never => finding.fix("and let it pull: `imagePullPolicy: IfNotPresent`"),
        PullPolicy::IfNotPresent | PullPolicy::Always => finding,
    };
    finding.fix(format!(
        "for an image that every pod may use: \"{}\" under `preloadedImagesVerificationAllowlist`, and \
         `imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages`, in the kubelet's configuration",
        reference.name()
    ))
}

/// The secrets and service accounts of a record.
fn in_words(proven: &ProvenCredentials) -> String {
    let secrets = proven.kubernetes_secrets.iter().map(|secret| ("the pull secret", &secret.secret));
    let accounts = proven.kubernetes_service_accounts.iter().map(|account| ("the service account", account));
    let mut names: Vec<String> = Vec::new();
    for (what, object) in secrets.chain(accounts) {
        let name = format!("{what} {}/{}", clean(&object.namespace, NAME), clean(&object.name, NAME));
        // One that was created anew is named once.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more > 0 { format!(" or {more} more") } else { String::new() };
    names.join(" or ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pull_records::{ObjectIdentity, ProvenSecret};

    fn reference() -> Reference {
        Reference::parse("r.test/team/api:1").unwrap()
    }

    fn object(name: &str) -> ObjectIdentity {
        ObjectIdentity { uid: "u".into(), namespace: "prod".into(), name: name.into() }
    }

    fn proven(secrets: &[&str], accounts: &[&str]) -> ProvenCredentials {
        let secret = |name: &&str| ProvenSecret { secret: object(name), credential_hash: "h".to_owned().into() };
        ProvenCredentials {
            node_pods_accessible: false,
            kubernetes_secrets: secrets.iter().map(secret).collect(),
            kubernetes_service_accounts: accounts.iter().map(|name| object(name)).collect(),
        }
    }

    #[track_caller]
    fn check(policy: PullPolicy, proven: Option<&ProvenCredentials>, words: &[&str]) {
        let finding = present_but_not_allowed(&reference(), policy, proven);
        for word in words {
            assert!(finding.summary.contains(word), "{} lacks `{word}`", finding.summary);
        }
        assert!(!finding.summary.contains("\"h\"") && finding.remedy[0].text.contains("r.test"));
        let lets_pull = finding.remedy.iter().any(|remedy| remedy.text.contains("IfNotPresent"));
        assert_eq!(lets_pull, policy == PullPolicy::Never);
    }

    #[test]
    fn the_credentials_that_were_proven_are_named() {
        let both = proven(&["regcred", "regcred"], &["builder"]);
        let words = "it was pulled with the pull secret prod/regcred or the service account prod/builder, which";
        check(PullPolicy::IfNotPresent, Some(&both), &[words, "the pull that it asks for instead fails"]);
        check(PullPolicy::Never, Some(&both), &["r.test/team/api:1 is on this node", "calls it not present"]);
        check(PullPolicy::Never, Some(&proven(&["a", "b", "c", "d", "e"], &[])), &["prod/c or 2 more, which"]);
        check(PullPolicy::Never, Some(&proven(&["a\u{202e}\nb"], &[])), &["prod/a b, which"]);
        check(PullPolicy::Never, Some(&proven(&[], &[])), &["no record of credentials"]);
        check(PullPolicy::Never, None, &["no record of credentials"]);
    }

    #[track_caller]
    fn check_places(runtime: Option<(&str, &str)>, want: &[&str]) {
        let version = runtime.map(|(name, version)| RuntimeVersion { name: name.into(), version: version.into() });
        let finding = not_present_never_pull(&reference(), version.as_ref());
        let places: Vec<&str> = finding
            .remedy
            .iter()
            .filter_map(|remedy| Some(remedy.text.strip_prefix("on ")?.split_once(": ")?.0))
            .collect();
        assert_eq!(places, want, "{runtime:?}");
        assert_eq!(
            finding.summary,
            "r.test/team/api:1 is not on this node, and the pull policy Never forbids to pull it"
        );
    }

    #[test]
    fn an_image_is_brought_as_this_runtime_takes_it() {
        check_places(Some(("containerd", "v2.1.5")), &["containerd", "MicroK8s", "kind", "minikube"]);
        check_places(Some(("containerd", "2.1.5-k3s1")), &["k3s, RKE2"]);
        check_places(Some(("cri-o", "1.33.0")), &["CRI-O", "minikube"]);
        check_places(Some(("docker", "28.0.0")), &["Docker", "minikube"]);
        let all = ["containerd", "CRI-O", "Docker", "k3s, RKE2", "MicroK8s", "kind", "minikube"];
        check_places(Some(("frakti", "1")), &all);
        check_places(None, &all);
    }
}
