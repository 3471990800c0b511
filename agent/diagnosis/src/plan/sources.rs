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
pub(super) fn of(node: &NodeConfig, image: &str, reference: &Reference) -> Sources {
    Settings::of(node).sources(image, reference)
}

/// The runtime's settings as far as they are the same for every image: read once, they answer for many.
pub(crate) struct Settings<'n> {
    node: &'n NodeConfig,
    kind: Option<Kind>,
    containerd: Option<containerd::Loaded<'n>>,
}

impl<'n> Settings<'n> {
    /// Those of a node.
    pub(crate) fn of(node: &'n NodeConfig) -> Self {
        let kind = runtime_kind(node);
        Self { node, kind, containerd: (kind == Some(Kind::Containerd)).then(|| containerd::load(node)) }
    }

    /// Whom the runtime asks for an image.
    pub(crate) fn sources(&self, image: &str, reference: &Reference) -> Sources {
        let node = self.node;
        let mut sources = match (self.kind, &self.containerd) {
            (Some(Kind::Containerd), Some(loaded)) => containerd::sources(node, loaded, reference),
            (Some(Kind::CriO), _) => cri_o::sources(node, image, reference),
            (Some(Kind::Docker), _) => docker::sources(node, reference),
            (Some(Kind::Containerd | Kind::Other) | None, _) => Sources::default(),
        };
        self.fill(&mut sources, reference);
        sources
    }

    /// Whom the runtime asks for two references to one repository; the files are looked through once, where that is
    /// enough for both.
    pub(crate) fn sources_of_both(&self, one: &Reference, other: &Reference) -> [Sources; 2] {
        let Some(loaded) = &self.containerd else {
            return [one, other].map(|reference| self.sources(&reference.to_string(), reference));
        };
        let found = containerd::found(self.node, loaded, one);
        [(one, found.clone()), (other, found)].map(|(reference, found)| {
            let mut sources = containerd::sources_among(self.node, loaded, found, reference);
            self.fill(&mut sources, reference);
            sources
        })
    }

    /// The registry itself, where nothing is configured.
    fn fill(&self, sources: &mut Sources, reference: &Reference) {
        if sources.endpoints.is_empty() && sources.refusal.is_none() {
            let version = self.node.runtime.as_ref().and_then(Runtime::version);
            sources.endpoints.push(Endpoint::of_registry(reference, version));
        }
    }
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
