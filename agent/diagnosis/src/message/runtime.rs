//! Whose words a text is made of.

/// The families of wordings. Tools that share a library share its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    /// containerd, ctr, nerdctl, `BuildKit`.
    Containerd,
    /// CRI-O, podman, skopeo, buildah.
    CriO,
    /// The Docker daemon, also behind cri-dockerd.
    Docker,
}

impl Runtime {
    /// Its name in JSON and on the screen.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Docker => "docker",
        }
    }
}
