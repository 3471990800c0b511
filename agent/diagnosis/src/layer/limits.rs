//! Limits of how often: the registry's, and the kubelet's own.

pub(crate) mod wordings;

use crate::cause::Code;
use crate::evidence::{Exchange, Hop, Identity};
use crate::finding::Finding;
use crate::layer::registry::{RateLimit, Response, said};
use crate::text::duration_in_words;

/// The cause that a 429 is.
pub fn finding(hop: &Hop, exchange: &Exchange, response: &Response) -> Finding {
    let by_account = matches!(exchange.identity, Identity::Credential(_)) && exchange.authorized;
    let whose = if by_account { "this account" } else { "this node's address" };
    let wait = response.retry_after.map(|s| format!("; it asks to wait {}", duration_in_words(s))).unwrap_or_default();
    let finding = Finding::new(
        Code::RateLimited,
        format!("{} limits how often {whose} may ask{wait}{}", hop.name(), said(response)),
    )
    .detail(if by_account { "account" } else { "ip" })
    .at(&hop.host);
    if by_account {
        finding.fix("raise the account's allowance, or pull through a caching mirror")
    } else {
        finding.fix("give the pod a pull secret, so that an account counts in place of the shared address, or pull through a caching mirror")
    }
}

/// A warning when little is left of an allowance: a tenth of it or less.
pub fn low(hop: &Hop, limit: &RateLimit) -> Option<Finding> {
    if limit.limit == 0 || limit.remaining > limit.limit / 10 {
        return None;
    }
    let summary = format!(
        "{} has {} of {} pulls left in {} for {}",
        hop.name(),
        limit.remaining,
        limit.limit,
        duration_in_words(limit.window_seconds),
        if limit.source.is_empty() { "this caller" } else { &limit.source },
    );
    Some(Finding::new(Code::RateLimitLow, summary).at(&hop.host).fix("pull with a login, or through a caching mirror"))
}
