//! Who is asked for an image, by the node's own configuration: one file a runtime.

pub(crate) mod containerd;
mod cri_o;
pub(crate) mod docker;
pub(crate) mod said;

use super::endpoint::Endpoint;
use crate::case::NodeConfig;
use crate::finding::Finding;
use crate::reference::Reference;
use crate::runtime::{Kind, Runtime};

/// Who is asked for an image, and what is to be said of the configuration that decides it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// In the runtime's order, the registry itself last. None where the pull fails before anybody is asked.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Why the pull fails before anybody is asked.
    pub(crate) refusal: Option<Finding>,
    /// What is ignored in the files, or read otherwise than it looks.
    pub(crate) findings: Vec<Finding>,
    /// What the short name stands for, where the runtime takes it for another image than the kubelet's grammar says.
    pub(crate) reference: Option<Reference>,
}

impl Sources {
    fn refused(refusal: Finding) -> Self {
        Self { refusal: Some(refusal), ..Self::default() }
    }
}

/// Whom the node's runtime asks for `reference`, which `image` names as the kubelet hands it on.
pub(crate) fn of(node: &NodeConfig, image: &str, reference: &Reference) -> Sources {
    let runtime = node.runtime.as_ref();
    let version = runtime.and_then(Runtime::version);
    let mut sources = match runtime_kind(node) {
        Some(Kind::Containerd) => containerd::sources(node, reference),
        Some(Kind::CriO) => cri_o::sources(node, image, reference),
        Some(Kind::Docker) => docker::sources(node, reference),
        Some(Kind::Other) | None => Sources::default(),
    };
    if sources.endpoints.is_empty() && sources.refusal.is_none() {
        sources.endpoints.push(Endpoint::of_registry(reference, version));
    }
    sources
}

/// Which runtime's files count: the one that answered; else the one whose socket it is; else the one that has files.
pub(crate) fn runtime_kind(node: &NodeConfig) -> Option<Kind> {
    let runtime = node.runtime.as_ref();
    if let Some(version) = runtime.and_then(Runtime::version) {
        return Some(version.kind());
    }
    let endpoint = runtime.map_or("", |runtime| runtime.endpoint.as_str());
    let by_socket = [("crio", Kind::CriO), ("docker", Kind::Docker), ("containerd", Kind::Containerd)];
    if let Some((_, kind)) = by_socket.into_iter().find(|(word, _)| endpoint.contains(word)) {
        return Some(kind);
    }
    let is_there = |path: &str| node.files.is_dir(path).is_ok();
    let is_containerd = containerd::CONFIG_FILES.iter().any(|path| is_there(path)) || is_there("/etc/containerd");
    if is_containerd {
        return Some(Kind::Containerd);
    }
    is_there("/etc/crio").then_some(Kind::CriO)
}
