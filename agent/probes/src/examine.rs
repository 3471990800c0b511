//! The order in which a plan is examined: what one probe finds and the next one needs is handed on here.
//!
//! Endpoints are examined at the same time, each by itself; those at which the reference is not resolved wait for the
//! digest that another one names. Nothing is decided here but what to ask next.

mod ask;
mod bounds;
mod headers;
mod host;
mod image;
mod login;
mod missing;
mod origin;
mod other_way;
mod registry;
mod rules;
mod sent;
mod site;
mod terms;
mod token;
mod way;
mod witness;

use std::path::Path;
use std::sync::Arc;

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use pullagent_diagnosis::denied_addresses::DeniedAddresses;
use pullagent_diagnosis::evidence::{ClockSample, EndpointEvidence, Evidence};
use pullagent_diagnosis::plan::Plan;
use pullagent_diagnosis::runtime::{Runtime, Store};
use tokio::time::Instant;
use url::Url;

use crate::contents::Contents;
use crate::limits::Limits;
use rules::Rules;
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
    /// What is not contacted for an image that somebody else names; `None` where a person asks, who may go anywhere. Name
    /// servers, proxies and mirrors of the node are contacted in any case.
    pub denied: Option<&'a Arc<DeniedAddresses>>,
    /// What was fetched before. With it the examination is a check, made again and again: what is known by its digest is not
    /// fetched, and of a layer not a byte where its host answers without.
    pub known: Option<&'a Contents>,
}

impl Default for Standpoint<'_> {
    /// On the node itself, without a runtime, for a person.
    fn default() -> Self {
        Self { host_root: Path::new("/"), socket: None, clock: &Timestamp::now, denied: None, known: None }
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
    let (endpoints, store) = match plan.name() {
        Some(reference) => {
            let rules: Vec<Rules> = plan.endpoints.iter().map(|endpoint| Rules::of(plan, endpoint)).collect();
            let terms = plan.endpoints.iter().zip(&rules).map(|(endpoint, rules)| Terms {
                plan,
                reference,
                endpoint,
                rules,
                limits,
                clock,
                deadline,
                denied: here.denied,
                known: here.known,
            });
            let sites: Vec<Site<'_>> = terms.map(Site::new).collect();
            if plan.is_of_registry() {
                (examine_registries(sites).await, None)
            } else {
                tokio::join!(examine_endpoints(sites), look_into_the_store(plan, here, deadline))
            }
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
        on_node: None,
        absent_sandbox_image: None,
        pull: None,
    }
}

/// What the image store of a runtime that answers says.
async fn look_into_the_store(plan: &Plan, here: &Standpoint<'_>, deadline: Instant) -> Option<Store> {
    plan.runtime.as_ref().and_then(Runtime::version)?;
    Some(crate::cri::look(here.socket?, here.host_root, &plan.image, deadline).await)
}

/// Examines the endpoints; then those at which the reference is not resolved are asked for the digest that the first of
/// the others served, as containerd asks them for content (`core/remotes/docker/fetcher.go`).
async fn examine_endpoints(sites: Vec<Site<'_>>) -> Vec<(EndpointEvidence, Vec<ClockSample>)> {
    let (resolving, others): (Vec<_>, Vec<_>) = sites.iter().partition(|site| site.resolves());
    let (_, bases) = join(
        join_all(resolving.iter().map(|site| resolve(site))),
        // They are reached in the meantime.
        join_all(others.iter().map(|site| login::reachable_base(site))),
    )
    .await;
    let digest = resolving.iter().find_map(|site| site.served());
    let asked = others.into_iter().zip(bases).map(|(site, base)| ask_for_content(site, base, digest.clone()));
    join_all(asked).await;
    join_all(sites.into_iter().map(Site::finish)).await
}

/// Examines the endpoints of a registry that is asked about by itself.
async fn examine_registries(sites: Vec<Site<'_>>) -> Vec<(EndpointEvidence, Vec<ClockSample>)> {
    join_all(sites.iter().map(registry::examine)).await;
    join_all(sites.into_iter().map(Site::finish)).await
}

async fn resolve(site: &Site<'_>) {
    if let Some(base) = login::reachable_base(site).await {
        ask_for_image(site, base).await;
    }
}

async fn ask_for_content(site: &Site<'_>, base: Option<Url>, digest: Option<String>) {
    match (base, digest) {
        (None, _) => {}
        (Some(base), Some(digest)) => {
            site.ask_for(digest);
            ask_for_image(site, base).await;
        }
        (Some(_), None) => site.not_checked(
            format!("what {} has", site.terms.endpoint.authority),
            "the runtime resolves no such reference there, and no other endpoint gave a digest to ask for",
        ),
    }
}

async fn ask_for_image(site: &Site<'_>, base: Url) {
    if let Some(manifest) = login::find_manifest(site, base).await {
        image::examine(site, manifest).await;
    }
}
