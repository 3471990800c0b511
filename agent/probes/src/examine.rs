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

use futures_util::future::join_all;
use jiff::Timestamp;
use pullagent_diagnosis::evidence::{ClockSample, EndpointEvidence, Evidence};
use pullagent_diagnosis::plan::Plan;
use tokio::time::Instant;

use crate::limits::Limits;
use site::Site;
use terms::Terms;

/// Tells this node's time.
pub type Clock<'a> = &'a (dyn Fn() -> Timestamp + Sync);

/// Examines a plan. Ends at the latest when `limits.total` and then `limits.aside` have passed.
pub async fn examine(plan: &Plan, limits: &Limits) -> Evidence {
    examine_by(plan, limits, &Timestamp::now).await
}

/// Examines a plan by a given clock: certificates are judged by it.
pub async fn examine_by(plan: &Plan, limits: &Limits, clock: Clock<'_>) -> Evidence {
    let started_at = clock();
    let started = Instant::now();
    let deadline = started + limits.total;
    let endpoints = match plan.reference() {
        Some(reference) => {
            join_all(plan.endpoints.iter().map(|endpoint| {
                examine_endpoint(Site::new(Terms { plan, reference, endpoint, limits, clock, deadline }))
            }))
            .await
        }
        None => Vec::new(),
    };
    let (endpoints, clocks): (Vec<EndpointEvidence>, Vec<_>) = endpoints.into_iter().unzip();
    Evidence {
        started_at,
        took_ms: crate::limits::ms_since(started),
        endpoints,
        clocks: clocks.into_iter().flatten().collect(),
        cut_short: started.elapsed() >= limits.total,
        store: None,
        pull: None,
    }
}

async fn examine_endpoint(site: Site<'_>) -> (EndpointEvidence, Vec<ClockSample>) {
    if let Some(manifest) = login::find_manifest(&site).await {
        image::examine(&site, manifest).await;
    }
    site.finish().await
}
