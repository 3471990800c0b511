//! Whether the kubelet verifies that a pod may have an image that is on the node, and for which images.
//!
//! Copied rules: Kubernetes 1.36 `pkg/kubelet/images/pullmanager/image_pull_policies.go`, `pkg/features/kube_features.go`
//! (`KubeletEnsureSecretPulledImages`: 1.33 alpha and off, 1.35 beta and on).

use super::PullRecords;
use crate::reference::Reference;

/// The minor release of Kubernetes 1 that knows verification.
const FIRST: u32 = 33;
/// The minor release of Kubernetes 1 that verifies unless told otherwise.
const ON_SINCE: u32 = 35;

/// The kubelet's settings, as far as they decide over images that are on the node. The default is that nothing is set and
/// its release is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerificationSettings {
    /// Its release as major and minor version; `None` if it is not known.
    pub version: Option<(u32, u32)>,
    /// What the feature gate `KubeletEnsureSecretPulledImages` is set to; `None` if it is not set.
    pub gate: Option<bool>,
    /// What `imagePullCredentialsVerificationPolicy` says; `None` if it is not set.
    pub policy: Option<String>,
    /// The entries of `preloadedImagesVerificationAllowlist`.
    pub allow_list: Vec<String>,
}

/// Which images the kubelet verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerificationPolicy {
    /// None.
    NeverVerify,
    /// Those that it has pulled itself.
    NeverVerifyPreloadedImages,
    /// All but these, whoever brought them.
    NeverVerifyAllowlistedImages(Vec<String>),
    /// All.
    AlwaysVerify,
}

/// Whether something holds, or why that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Yes,
    No(String),
    NotKnown(String),
}

impl VerificationSettings {
    /// Whether the kubelet verifies at all.
    pub(super) fn is_on(&self, records: &PullRecords) -> Told {
        match (self.gate, self.version) {
            (_, Some(version)) if version < (1, FIRST) => {
                Told::No(format!("a kubelet of {} lets every pod use what is on its node", release(version)))
            }
            (Some(true), _) => Told::Yes,
            (Some(false), _) => Told::No("KubeletEnsureSecretPulledImages is off in the kubelet".to_owned()),
            (None, Some(version)) if version >= (1, ON_SINCE) => Told::Yes,
            (None, Some(version)) => {
                Told::No(format!("KubeletEnsureSecretPulledImages is off by default in {}", release(version)))
            }
            // It refuses to start with a policy that it is not to use (`apis/config/validation`).
            (None, None) if self.policy.is_some() => Told::Yes,
            (None, None) if !records.kept && records.unreadable.is_none() => {
                Told::No("the kubelet keeps no records of its pulls, which it does when it verifies".to_owned())
            }
            (None, None) => {
                Told::NotKnown("which release the kubelet is, is not known, and so not whether it verifies".to_owned())
            }
        }
    }

    /// Its policy; `Err` names one that is not known.
    pub fn policy(&self) -> Result<VerificationPolicy, String> {
        match self.policy.as_deref() {
            Some("NeverVerify") => Ok(VerificationPolicy::NeverVerify),
            // Set by default (`pkg/kubelet/apis/config/v1beta1/defaults.go`).
            None | Some("" | "NeverVerifyPreloadedImages") => Ok(VerificationPolicy::NeverVerifyPreloadedImages),
            Some("NeverVerifyAllowlistedImages") => {
                Ok(VerificationPolicy::NeverVerifyAllowlistedImages(self.allow_list.clone()))
            }
            Some("AlwaysVerify") => Ok(VerificationPolicy::AlwaysVerify),
            Some(other) => Err(format!("the kubelet's policy \"{}\" is not known here", crate::text::clean(other, 60))),
        }
    }
}

impl VerificationPolicy {
    /// Whether the image is verified. `image` is the text of the pod.
    pub(super) fn verifies(&self, image: &str, records: &PullRecords) -> Told {
        match self {
            Self::NeverVerify => Told::No("the kubelet's policy is NeverVerify".to_owned()),
            Self::AlwaysVerify => Told::Yes,
            Self::NeverVerifyPreloadedImages if records.pulled.is_some() || records.intent => Told::Yes,
            Self::NeverVerifyPreloadedImages => {
                Told::No("the kubelet has not pulled it itself, and does not verify such images".to_owned())
            }
            Self::NeverVerifyAllowlistedImages(list) => listed(image, list),
        }
    }
}

/// Whether the image is not on the list. Which text of the image is compared depends on the release: up to 1.36 the pod's
/// without tag and digest, later the full name.
fn listed(image: &str, list: &[String]) -> Told {
    let is_listed = |name: &str| {
        list.iter().any(|entry| match entry.strip_suffix('*') {
            Some(prefix) if prefix.ends_with('/') => name.starts_with(prefix),
            _ => entry == name,
        })
    };
    let full = Reference::parse(image).map(|reference| reference.name());
    match (is_listed(without_suffixes(image)), full.is_ok_and(|name| is_listed(&name))) {
        (true, true) => Told::No("it is on the kubelet's list of images that it does not verify".to_owned()),
        (false, false) => Told::Yes,
        (true, false) | (false, true) => Told::NotKnown(
            "whether the kubelet's list of images that it does not verify has it depends on the kubelet's release; write \
             the image in full"
                .to_owned(),
        ),
    }
}

/// The text of an image without tag and digest.
fn without_suffixes(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

fn release((major, minor): (u32, u32)) -> String {
    format!("Kubernetes {major}.{minor}")
}
