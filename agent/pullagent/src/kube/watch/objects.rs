//! What is taken of a watched object, at the moment it is read; which objects are watched, and what is told of them.

use std::borrow::Cow;
use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1 as core;
use kube::Resource;
use kube::api::ObjectMeta;
use kube::runtime::watcher::{Config, Event};
use pullagent_diagnosis::pod::Pod;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::super::error::Rule;
use super::super::pods::pod_from;
use super::{PodChange, Sight};

/// Pods of one node; more than any can run.
const MOST_PODS: usize = 4096;

/// What is taken of an object.
pub(super) trait Part: Clone + Debug + Send + 'static {
    /// The object.
    type Whole: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned;

    /// Takes it.
    fn of(whole: &Self::Whole) -> Self;
}

/// An object of which all but a part was dropped when it was read.
#[derive(Clone, Debug)]
pub(super) struct Trimmed<P> {
    /// What the watch itself goes by.
    metadata: ObjectMeta,
    /// The part.
    pub(super) part: P,
}

impl<'de, P: Part> Deserialize<'de> for Trimmed<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = P::Whole::deserialize(deserializer)?;
        let metadata = ObjectMeta { resource_version: whole.meta().resource_version.clone(), ..ObjectMeta::default() };
        Ok(Self { metadata, part: P::of(&whole) })
    }
}

impl<P: Part> Resource for Trimmed<P> {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        P::Whole::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        P::Whole::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        P::Whole::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        P::Whole::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Part for Pod {
    type Whole = core::Pod;

    fn of(whole: &core::Pod) -> Self {
        pod_from(whole)
    }
}

/// The pods that are bound to a node.
#[derive(Debug)]
pub(super) struct PodsOfNode {
    node: String,
    /// Those that are there, until all were told.
    begun: Vec<Pod>,
}

impl PodsOfNode {
    pub(super) fn new(node: &str) -> Self {
        Self { node: node.to_owned(), begun: Vec::new() }
    }
}

impl Sight for PodsOfNode {
    type Part = Pod;
    type Change = PodChange;

    fn rule(&self) -> Rule {
        Rule { verb: "watch", resource: "pods", name: None, namespace: None }
    }

    fn config(&self) -> Config {
        // The API server has an index of this field in its memory; a newer state would come from its database, by a look
        // at every pod of the cluster.
        let config = Config::default().any_semantic().fields(&format!("spec.nodeName={}", self.node));
        Config { page_size: None, ..config }
    }

    fn change(&mut self, event: Event<Trimmed<Pod>>) -> Option<PodChange> {
        match event {
            Event::Init => {
                self.begun.clear();
                None
            }
            Event::InitApply(pod) => {
                if self.begun.len() < MOST_PODS {
                    self.begun.push(pod.part);
                }
                None
            }
            Event::InitDone => Some(PodChange::Restarted(std::mem::take(&mut self.begun))),
            Event::Apply(pod) => Some(PodChange::Applied(pod.part)),
            Event::Delete(pod) => {
                let Pod { uid, namespace, name, .. } = pod.part;
                Some(PodChange::Deleted { uid, namespace, name })
            }
        }
    }
}
