//! A registry by itself: the beginning of its API, then the token service that it names. Asked as a stranger, for nothing.

use pullagent_diagnosis::evidence::{Identity, Question};
use pullagent_diagnosis::layer::registry::Challenge;

use super::ask::{Query, ask};
use super::login::reachable_base;
use super::site::Site;
use super::token::answers;

/// Asks the endpoint for `/v2/`, and the token service of its challenge for a token that is good for nothing.
pub(super) async fn examine(site: &Site<'_>) {
    let Some(base) = reachable_base(site).await else { return };
    let url = site.terms.below(&base, "");
    let told = ask(site, Query::get(Question::Ping, url, site.terms.endpoint.role, site.terms.deadline)).await;
    let challenges = told.answer.response().filter(|response| response.status == 401);
    let challenges = challenges.map(|response| response.challenges.clone()).unwrap_or_default();
    site.record(told.hop, Question::Ping, Identity::Anonymous, told.authorized, told.answer, told.ms);
    let token_service = challenges.into_iter().find_map(|challenge| match challenge {
        Challenge::Bearer { realm, service, .. } => Some((realm, service)),
        Challenge::Basic | Challenge::Other { .. } => None,
    });
    if let Some((realm, service)) = token_service {
        answers(site, &realm, &service).await;
    }
}
