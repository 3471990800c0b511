//! A check whose own pull secret could not be read: what it hangs on was not seen, so nothing is said for certain.

use super::end::End;
use super::link::Outcome;
use crate::case::{Case, Purpose};
use crate::cause::{Code, Layer};
use crate::finding::Finding;
use crate::plan::{Offer, Plan};

/// Why a check of an image cannot be told: its secret could not be read, and no failure stands in the way before a login
/// would count. `None` for everything else.
pub(super) fn judge(case: &Case, plan: &Plan, outcomes: &[Outcome], end: End) -> Option<Finding> {
    if case.purpose != Purpose::CheckImage || end == End::Open {
        return None;
    }
    let (source, why) = plan.credentials.iter().find_map(|credential| match &credential.offer {
        Offer::NotRead { why } => Some((&credential.source, why)),
        _ => None,
    })?;
    if let End::Failed(index) = end {
        let layer = outcomes.get(index)?.failure()?.finding.code.row().layer;
        if !matches!(layer, Some(Layer::Reference | Layer::Credentials)) {
            return None;
        }
    }
    let summary = format!("the check's {source} cannot be read: {why}");
    let fix = "let this agent read that one secret, or take it out of the check";
    Some(Finding::new(Code::Unknown, summary).fix(fix))
}
