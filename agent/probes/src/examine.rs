//! The order in which a plan is examined: what one probe finds and the next one needs is handed on here.
//!
//! Endpoints are examined at the same time, each by itself. Nothing is decided here but what to ask next.

mod ask;
mod host;
mod image;
mod login;
mod missing;
mod origin;
mod other_way;
mod site;
mod terms;
mod token;
mod way;
mod witness;

use std::path::Path;

use futures_util::future::join_all;
use jiff::Timestamp;
use pullagent_diagnosis::evidence::{ClockSample, EndpointEvidence, Evidence};
use pullagent_diagnosis::plan::Plan;
use pullagent_diagnosis::runtime::{Runtime, Store};
use tokio::time::Instant;

use crate::limits::Limits;
use site::Site;
use terms::Terms;

/// Tells this node's time.
pub type Clock<'a> = &'a (dyn Fn() -> Timestamp + Sync);

/// From where an examination looks.
#[derive(Clone, Copy)]
pub struct Standpoint<'a> {
    /// The node's file tree as this process sees it.
    pub host_root: &'a Path,
    /// The runtime's socket as this process sees it; without one, its image store is not asked.
    pub socket: Option<&'a Path>,
    /// This node's time: certificates are judged by it.
    pub clock: Clock<'a>,
}

impl Default for Standpoint<'_> {
    /// On the node itself, without a runtime.
    fn default() -> Self {
        Self { host_root: Path::new("/"), socket: None, clock: &Timestamp::now }
    }
}

/// Examines a plan from the default standpoint.
pub async fn examine(plan: &Plan, limits: &Limits) -> Evidence {
    examine_from(plan, limits, &Standpoint::default()).await
}

/// Examines a plan. Ends at the latest when `limits.total` and then `limits.aside` have passed.
pub async fn examine_from(plan: &Plan, limits: &Limits, here: &Standpoint<'_>) -> Evidence {
    let clock = here.clock;
    let started_at = clock();
    let started = Instant::now();
    let deadline = started + limits.total;
    let (endpoints, store) = match plan.reference() {
        Some(reference) => {
            let endpoints = join_all(plan.endpoints.iter().map(|endpoint| {
                examine_endpoint(Site::new(Terms { plan, reference, endpoint, limits, clock, deadline }))
            }));
            tokio::join!(endpoints, look_into_the_store(plan, here, deadline))
        }
        None => (Vec::new(), None),
    };
    let (endpoints, clocks): (Vec<EndpointEvidence>, Vec<_>) = endpoints.into_iter().unzip();
    Evidence {
        started_at,
        took_ms: crate::limits::ms_since(started),
        endpoints,
        clocks: clocks.into_iter().flatten().collect(),
        cut_short: started.elapsed() >= limits.total,
        store,
        pull: None,
    }
}

/// What the image store of a runtime that answers says.
async fn look_into_the_store(plan: &Plan, here: &Standpoint<'_>, deadline: Instant) -> Option<Store> {
    plan.runtime.as_ref().and_then(Runtime::version)?;
    Some(crate::cri::look(here.socket?, here.host_root, &plan.image, deadline).await)
}

async fn examine_endpoint(site: Site<'_>) -> (EndpointEvidence, Vec<ClockSample>) {
    if let Some(manifest) = login::find_manifest(&site).await {
        image::examine(&site, manifest).await;
    }
    site.finish().await
}
