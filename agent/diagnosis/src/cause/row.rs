//! What a row of the catalogue consists of. It holds no row and lays nothing out.

use std::fmt;

use super::{Code, Layer, Owner, Severity};

/// Everything that is said of a code.
#[derive(Debug)]
pub struct Row {
    /// The code.
    pub code: Code,
    /// Its stable name.
    pub name: &'static str,
    /// The layer it belongs to; `None` for `Unknown`.
    pub layer: Option<Layer>,
    /// Who can mend it.
    pub owner: Option<Owner>,
    /// A cause fails the pull; anything else is worth knowing.
    pub severity: Severity,
    /// What is the case when it holds, in one or two sentences.
    pub meaning: &'static str,
    /// Stable sub-codes that split owners or remedies.
    pub details: &'static [DetailRow],
    /// What people read when they meet it: the texts of all `sayings`.
    pub wordings: &'static [&'static str],
    /// The same by who says it. The words are pieces of a message, as they stand in it.
    pub sayings: &'static [Saying],
    /// Plain truths that people who meet it get wrong.
    pub mistakes: &'static [&'static str],
    /// How to see it by hand.
    pub confirm: &'static [Check],
    /// What to do, most likely first.
    pub remedy: &'static [&'static str],
    /// What that means on a runtime or a distribution, where it differs.
    pub places: &'static [PlaceRemedy],
    /// Codes that look alike.
    pub confused_with: &'static [Lookalike],
    /// What to know about the next attempt; `None` where the kubelet's usual back-off is all there is to say.
    pub after: Option<&'static str>,
}

/// A stable sub-code.
#[derive(Debug)]
pub struct DetailRow {
    /// Its name.
    pub name: &'static str,
    /// Who can mend it, where that differs from the code's owner.
    pub owner: Option<Owner>,
    /// What is the case when it holds.
    pub meaning: &'static str,
}

/// Words and who says them.
#[derive(Debug)]
pub struct Saying {
    /// Who says it.
    pub by: Speaker,
    /// The words.
    pub texts: &'static [&'static str],
}

/// A command that shows whether a cause holds.
#[derive(Debug)]
pub struct Check {
    /// The command, with placeholders in capitals.
    pub command: &'static str,
    /// What it shows, and what it cannot show.
    pub shows: &'static str,
}

/// What to do in one place.
#[derive(Debug)]
pub struct PlaceRemedy {
    /// Where.
    pub place: Place,
    /// What to do there.
    pub text: &'static str,
}

/// A code that is easily taken for another.
#[derive(Debug)]
pub struct Lookalike {
    /// The other code.
    pub code: Code,
    /// How to tell the two apart.
    pub difference: &'static str,
}

/// Declares an enum whose values are shown by a name.
macro_rules! names {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }
    };
}

names! {
    /// Whose words these are.
    Speaker {
        /// The kubelet: an event, or the reason and message of a waiting container.
        Kubelet "kubelet",
        /// containerd.
        Containerd "containerd",
        /// CRI-O.
        CriO "CRI-O",
        /// The Docker daemon, also behind cri-dockerd.
        Docker "Docker",
        /// Go's standard library, so every runtime alike.
        Runtimes "all runtimes",
        /// The registry or its token service, as a runtime quotes it.
        Registry "registry",
    }
}

names! {
    /// Where a remedy looks different from elsewhere.
    Place {
        /// containerd, as kubeadm and most distributions set it up.
        Containerd "containerd",
        /// CRI-O.
        CriO "CRI-O",
        /// The Docker daemon.
        Docker "Docker",
        /// k3s and RKE2, which write containerd's files themselves.
        K3s "k3s, RKE2",
        /// Amazon EKS.
        Eks "EKS",
        /// Google GKE.
        Gke "GKE",
        /// Azure AKS.
        Aks "AKS",
        /// `OpenShift`.
        OpenShift "OpenShift",
        /// Talos Linux.
        Talos "Talos",
        /// Bottlerocket.
        Bottlerocket "Bottlerocket",
        /// `MicroK8s`.
        MicroK8s "MicroK8s",
        /// kind.
        Kind "kind",
        /// minikube.
        Minikube "minikube",
    }
}
