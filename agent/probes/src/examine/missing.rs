//! A manifest is not there: what else the registry says of the repository and of itself.

use http::header::LINK;
use pullagent_diagnosis::evidence::{Identity, Question, TagsEvidence};
use pullagent_diagnosis::layer::reference::nearest_tags;
use pullagent_diagnosis::layer::registry::Response;
use pullagent_diagnosis::secret::Secret;
use tokio::time::Instant;
use url::Url;

use super::ask::{Query, ask};
use super::headers::next_page;
use super::site::Site;

/// Pages of a list of tags that are read.
const MAX_PAGES: usize = 12;
/// Tags asked for at once.
const PAGE: usize = 1000;
/// Bytes of a page.
const MAX_PAGE: usize = 1024 * 1024;

/// Asks for the tags, and where the answer did not look like a registry's, whether it is one.
pub(super) async fn examine(
    site: &Site<'_>,
    base: &Url,
    identity: Identity,
    authorization: Option<&Secret<String>>,
    refused: Option<&Response>,
) {
    if refused.is_some_and(|r| !r.speaks_distribution) && !ping(site, base, identity).await {
        return;
    }
    list_tags(site, base, identity, authorization).await;
}

/// Whether the host speaks the distribution API, by its answer to `/v2/`.
async fn ping(site: &Site<'_>, base: &Url, identity: Identity) -> bool {
    let url = site.terms.below(base, "");
    let told = ask(site, Query::get(Question::Ping, url, site.terms.endpoint.role, site.terms.deadline)).await;
    let speaks =
        told.answer.response().is_some_and(|r| r.speaks_distribution || matches!(r.status, 200 | 401) && !r.html);
    site.record(told.hop, Question::Ping, identity, told.authorized, told.answer, told.ms);
    speaks
}

/// Reads the list of tags page by page; the pages after the first may only take the time of side questions.
async fn list_tags(site: &Site<'_>, base: &Url, identity: Identity, authorization: Option<&Secret<String>>) {
    let mut url = site.terms.in_repository(base, "tags/list");
    url.query_pairs_mut().append_pair("n", &PAGE.to_string());
    let mut evidence = TagsEvidence::default();
    let mut tags: Vec<String> = Vec::new();
    let mut until = site.terms.deadline;
    for page in 0..MAX_PAGES {
        let mut query =
            Query::get(Question::Tags, url.clone(), site.terms.endpoint.role, until).authorized_by(authorization);
        query.max_body = MAX_PAGE;
        let told = ask(site, query).await;
        let (listed, next) = match told.success() {
            Some(reply) => {
                let next = reply.headers.get(LINK).and_then(|v| v.to_str().ok()).and_then(|l| next_page(l, &url));
                (tags_of(&reply.body), next)
            }
            None => (None, None),
        };
        if page == 0 {
            site.record(told.hop, Question::Tags, identity, told.authorized, told.answer, told.ms);
            until = site.terms.deadline.min(Instant::now() + site.terms.limits.aside);
        }
        let Some(listed) = listed else { break };
        tags.extend(listed);
        let Some(mut next) = next else {
            evidence.complete = true;
            break;
        };
        site.terms.in_namespace(&mut next);
        url = next;
    }
    evidence.read = tags.len();
    evidence.nearest = nearest_tags(site.terms.reference.tag.as_deref().unwrap_or_default(), &tags);
    if evidence.complete || evidence.read > 0 {
        site.record_tags(evidence);
    }
}

/// The tags of a page; `None` when it is no such page. `null` stands for none.
fn tags_of(body: &[u8]) -> Option<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Page {
        tags: Option<Vec<String>>,
    }
    serde_json::from_slice::<Page>(body).ok().map(|page| page.tags.unwrap_or_default())
}
