//! What the kubelet's own words mean: the reasons of waiting containers and of events, which are no codes of ours.
//!
//! A reason says how far the kubelet came, not why the pull failed; each of these says where the cause stands.

use super::Code;

/// After a cause is mended the kubelet still waits, 10 s doubling to 300: client-go `util/flowcontrol/backoff.go`.
pub(super) const BACK_OFF: &str = "The kubelet tries again by itself, but its back-off goes on for up to five minutes \
     after the fix. To cut it short: `kubectl -n NAMESPACE delete pod POD`, or `kubectl -n NAMESPACE rollout restart \
     deployment/NAME`.";

/// A reason that the kubelet gives.
#[derive(Debug)]
pub struct KubeletState {
    /// The reason as the kubelet writes it.
    pub name: &'static str,
    /// What it says, and what it does not say.
    pub meaning: &'static str,
    /// Where the cause stands.
    pub look: &'static str,
    /// Codes that it stands for, or that most often lie behind it; empty where any may, or none does.
    pub codes: &'static [Code],
    /// Whether the kubelet then waits before the next attempt, up to five minutes.
    pub backs_off: bool,
}

/// All reasons of the kubelet that have to do with images.
pub fn kubelet_states() -> &'static [KubeletState] {
    STATES
}

/// The reason with this name, in any case.
pub fn kubelet_state(name: &str) -> Option<&'static KubeletState> {
    STATES.iter().find(|state| state.name.eq_ignore_ascii_case(name))
}

/// Kubernetes 1.36, `pkg/kubelet/images/types.go` and `pkg/kubelet/events/event.go`.
static STATES: &[KubeletState] = &[
    KubeletState {
        name: "ErrImagePull",
        meaning: "A pull was tried just now and failed. The word itself names no cause.",
        look: "The event `Failed to pull image` of the same pod, and the message of the waiting container; the event \
            `Error: ErrImagePull` beside it says nothing more.",
        codes: &[],
        backs_off: true,
    },
    KubeletState {
        name: "ImagePullBackOff",
        meaning: "It is no cause: an earlier pull failed, and the kubelet waits before the next one, 10 seconds at \
            first and doubling to five minutes. The wait goes on after the cause is mended.",
        look: "The event `Failed to pull image` of the same pod: it is the same failure, older. From 1.32 on the waiting container's message \
            repeats it; events live for an hour only.",
        codes: &[],
        backs_off: true,
    },
    KubeletState {
        name: "InvalidImageName",
        meaning: "The image string cannot be parsed. No registry was asked, and there is no back-off: it stays until \
            the pod's image is changed.",
        look: "The event `InspectFailed` quotes the string and what is wrong with it.",
        codes: &[Code::InvalidReference],
        backs_off: false,
    },
    KubeletState {
        name: "ErrImageNeverPull",
        meaning: "`imagePullPolicy: Never`, and the image is not on this node, or it is and this pod may not use it: \
            the kubelet says the same of both on purpose.",
        look: "`crictl images` on the node tells which of the two.",
        codes: &[Code::NotPresentNeverPull, Code::PresentButNotAllowed],
        backs_off: false,
    },
    KubeletState {
        name: "ImageInspectError",
        meaning: "The kubelet asked the runtime whether the image is on the node, and the runtime failed to answer. \
            Nothing was pulled.",
        look: "The event `InspectFailed`; from 1.32 on the image's name in it is empty. Then the runtime's log.",
        codes: &[Code::RuntimeUnavailable, Code::UnpackFailed],
        backs_off: false,
    },
    KubeletState {
        name: "RegistryUnavailable",
        meaning: "From 1.28 on, with CRI-O only: the connection to the registry was refused. That is \
            `ConnectionRefused` here; our own code of this name means that a registry answers with 5xx.",
        look: "The text after `because the registry is unavailable` names the address.",
        codes: &[Code::ConnectionRefused],
        backs_off: true,
    },
    KubeletState {
        name: "SignatureValidationFailed",
        meaning: "From 1.28 on, with CRI-O only: the image's signature does not satisfy the node's policy.",
        look: "The text after `because the signature validation failed`, and /etc/containers/policy.json on the node.",
        codes: &[Code::PolicyRejected],
        backs_off: true,
    },
    KubeletState {
        name: "FailedToRetrieveImagePullSecret",
        meaning: "A pull secret that the pod names could not be read; the kubelet goes on without it. By itself it \
            fails nothing: running pods show it too.",
        look: "The event lists the names, not why. `kubectl -n NAMESPACE get secrets` shows which are there.",
        codes: &[Code::SecretNotFound],
        backs_off: false,
    },
    KubeletState {
        name: "FailedCreatePodSandBox",
        meaning: "The pod's sandbox could not be made; none of its own images was asked for yet. Only where the text \
            speaks of a sandbox or pause image is it a pull.",
        look: "The event's own text; mostly it is the network plugin. The pause image is the runtime's to pull, \
            without any secret of the pod.",
        codes: &[Code::SandboxImageMissing],
        backs_off: false,
    },
    KubeletState {
        name: "CreateContainerError",
        meaning: "The image was pulled; the container could not be made from it. It is no pull failure, unless the \
            image has been removed or damaged in between.",
        look: "The waiting container's message: a command that does not exist, a mount, a name in use.",
        codes: &[Code::UnpackFailed],
        backs_off: false,
    },
    KubeletState {
        name: "CreateContainerConfigError",
        meaning: "The image is there; a ConfigMap, Secret or key that the container's environment refers to is not. \
            It is no pull failure, and pull secrets have no part in it.",
        look: "The waiting container's message names the object.",
        codes: &[],
        backs_off: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_in_any_case_and_a_code_is_none() {
        assert_eq!(kubelet_state("errimagepull").map(|state| state.name), Some("ErrImagePull"));
        assert!(kubelet_state("TagNotFound").is_none());
        assert!(kubelet_state("").is_none());
    }

    #[test]
    fn the_refused_connection_of_cri_o_is_not_our_code_of_that_name() {
        let state = kubelet_state("RegistryUnavailable").unwrap();
        assert_eq!(state.codes, [Code::ConnectionRefused]);
    }
}
