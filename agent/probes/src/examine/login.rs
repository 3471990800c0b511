//! From the reference to its manifest: who may ask, by which token, in the order in which containerd offers logins.
//!
//! The sequence is that of containerd's `core/remotes/docker/authorizer.go` and `auth/fetch.go`.

use std::sync::Arc;

use http::Method;
use pullagent_diagnosis::authority::Scheme;
use pullagent_diagnosis::evidence::{Identity, Question};
use pullagent_diagnosis::layer::registry::{Challenge, Response};
use pullagent_diagnosis::manifest::ACCEPT;
use pullagent_diagnosis::secret::Secret;
use url::Url;

use super::ask::{Query, Told, ask, shown};
use super::host::Host;
use super::missing;
use super::origin::Origin;
use super::site::Site;
use super::token::{basic, bearer};

/// How many logins are offered to one registry.
const MAX_LOGINS: usize = 8;

/// A manifest that somebody may have.
pub(super) struct Found {
    pub(super) identity: Identity,
    pub(super) authorization: Option<Secret<String>>,
    /// The digest that the registry names, if it does.
    pub(super) digest: Option<String>,
    /// What the endpoint's URLs begin with: plain HTTP where TLS was not spoken.
    pub(super) base: Url,
}

/// Asks for the manifest as each identity until one may have it. What was said is in the site's ledger. `base` is where
/// the endpoint's URLs begin.
pub(super) async fn find_manifest(site: &Site<'_>, base: Url) -> Option<Found> {
    let mut logins: Vec<Identity> = site.terms.plan.logins().map(|(index, _)| Identity::Credential(index)).collect();
    if logins.len() > MAX_LOGINS {
        site.not_checked(
            format!("{} more logins", logins.len() - MAX_LOGINS),
            "no registry is offered more than eight",
        );
        logins.truncate(MAX_LOGINS);
    }
    let stranger = logins.is_empty();
    if stranger {
        logins.push(Identity::Anonymous);
    }
    let mut challenges: Option<Vec<Challenge>> = None;
    for identity in logins {
        match try_identity(site, &base, identity, &mut challenges).await {
            Tried::Found(found) => return Some(found),
            // Another login does not mend what is broken for all of them.
            Tried::Broken => return None,
            Tried::Refused => {}
        }
    }
    if !stranger {
        // For comparison only: the runtime never asks as a stranger once it has a login.
        try_identity(site, &base, Identity::Anonymous, &mut challenges).await;
    }
    None
}

enum Tried {
    Found(Found),
    Refused,
    Broken,
}

async fn try_identity(
    site: &Site<'_>,
    base: &Url,
    identity: Identity,
    challenges: &mut Option<Vec<Challenge>>,
) -> Tried {
    let mut authorization = None;
    if let Some(known) = challenges.clone() {
        authorization = match authorize(site, base, &known, identity).await {
            Ok(authorization) => authorization,
            Err(()) => return Tried::Refused,
        };
    }
    let mut told = manifest(site, base, authorization.as_ref()).await;
    if told.status() == Some(401) && challenges.is_none() {
        let asked = told.answer.response().map(|r| r.challenges.clone()).unwrap_or_default();
        *challenges = Some(asked.clone());
        let anonymous_basic =
            identity == Identity::Anonymous && !asked.iter().any(|c| matches!(c, Challenge::Bearer { .. }));
        if asked.is_empty() || anonymous_basic {
            record_refusal(site, base, identity, None, told).await;
            return Tried::Refused;
        }
        record(site, identity, told);
        authorization = match authorize(site, base, &asked, identity).await {
            Ok(authorization) => authorization,
            Err(()) => return Tried::Refused,
        };
        told = manifest(site, base, authorization.as_ref()).await;
    }
    if let Some(reply) = told.success() {
        let header = reply.headers.get("docker-content-digest").and_then(|v| v.to_str().ok());
        let digest = header.filter(|d| is_digest(d)).map(str::to_owned);
        record(site, identity, told);
        return Tried::Found(Found { identity, authorization, digest, base: base.clone() });
    }
    let status = told.status();
    let refused = match status {
        Some(400..=499) if status != Some(429) => {
            let response = record_refusal(site, base, identity, authorization.as_ref(), told).await;
            // A tag that is not resolved here is not looked for either.
            if site.resolves() && response.as_ref().is_some_and(|r| r.status == 404) {
                missing::examine(site, base, identity, authorization.as_ref(), response.as_ref()).await;
            }
            matches!(response, Some(Response { status: 401 | 403, .. }))
        }
        _ => {
            record(site, identity, told);
            false
        }
    };
    if refused { Tried::Refused } else { Tried::Broken }
}

/// HEAD of the manifest; GET where the registry does not know HEAD.
async fn manifest(site: &Site<'_>, base: &Url, authorization: Option<&Secret<String>>) -> Told {
    let told = ask(site, manifest_query(site, base, Method::HEAD).authorized_by(authorization)).await;
    if told.status() == Some(405) {
        return ask(site, manifest_query(site, base, Method::GET).authorized_by(authorization)).await;
    }
    told
}

fn manifest_query<'q>(site: &Site<'_>, base: &Url, method: Method) -> Query<'q> {
    let url = site.terms.in_repository(base, &format!("manifests/{}", site.wanted()));
    let mut query = Query::get(Question::Manifest, url, site.terms.endpoint.role, site.terms.deadline);
    query.method = method;
    query.accept = Some(ACCEPT);
    query
}

/// A refused HEAD has no body: the GET after it quotes the registry's reason. Hands back what was written down.
async fn record_refusal(
    site: &Site<'_>,
    base: &Url,
    identity: Identity,
    authorization: Option<&Secret<String>>,
    refused: Told,
) -> Option<Response> {
    let get = ask(site, manifest_query(site, base, Method::GET).authorized_by(authorization)).await;
    // A GET that breaks or differs says less than the HEAD that the runtime would have gone by.
    let told = if get.status() == refused.status() { get } else { refused };
    let response = told.answer.response().cloned();
    record(site, identity, told);
    response
}

fn record(site: &Site<'_>, identity: Identity, told: Told) {
    site.record(told.hop, Question::Manifest, identity, told.authorized, told.answer, told.ms);
}

/// The value of `Authorization` that answers a challenge. `Ok(None)` asks on without one; `Err` means that the token
/// service refused, which is written down.
async fn authorize(
    site: &Site<'_>,
    base: &Url,
    challenges: &[Challenge],
    identity: Identity,
) -> Result<Option<Secret<String>>, ()> {
    let login = match identity {
        Identity::Credential(index) => {
            site.terms.plan.credentials.get(index).map(|c| (c.user.clone().unwrap_or_default(), c.password.clone()))
        }
        Identity::Anonymous => None,
    };
    for challenge in challenges {
        if let Challenge::Bearer { realm, service, scope, .. } = challenge {
            return bearer(site, realm, service, scope, identity, login.as_ref()).await.map(Some);
        }
    }
    let takes_basic = challenges.contains(&Challenge::Basic);
    if takes_basic && login.is_some() && host_of(site, base).await.is_some_and(|host| host.is_overlooked()) {
        site.not_checked(
            format!("the login at {}", site.terms.endpoint.authority),
            "the certificate there is not verified, and would be refused: not sent",
        );
        return Err(());
    }
    Ok(login.filter(|_| takes_basic).map(|(user, password)| basic(&user, &password)))
}

/// Where the endpoint's URLs begin, once it was reached; `None` when it was not.
///
/// An endpoint that may fall back is asked in plain HTTP when its peer does not speak TLS.
pub(super) async fn reachable_base(site: &Site<'_>) -> Option<Url> {
    let endpoint = site.terms.endpoint;
    if !site.terms.rules.unusable.is_empty() {
        // It would answer us otherwise than it answers the runtime.
        for unusable in &site.terms.rules.unusable {
            site.not_checked(&unusable.what, &unusable.why);
        }
        return None;
    }
    let (base, origin, host) = reach(site, endpoint.scheme).await?;
    let (base, host) = if host.is_reached() {
        (base, host)
    } else if endpoint.http_fallback && site.fall_back_to_http(&origin).await {
        let (base, _, host) = reach(site, Scheme::Http).await?;
        (base, host)
    } else {
        return None;
    };
    if host.is_overlooked() && !site.terms.rules.headers.is_empty() {
        site.not_checked(
            format!("what {} has", host.origin.authority),
            "its certificate is not verified and would be refused, so its headers, which may hold a login, are not sent",
        );
        return None;
    }
    host.is_reached().then_some(base)
}

/// Where the endpoint's URLs begin under a scheme, and its host there.
async fn reach(site: &Site<'_>, scheme: Scheme) -> Option<(Url, Origin, Arc<Host>)> {
    let endpoint = site.terms.endpoint;
    let base = Url::parse(&format!("{}://{}/", scheme.word(), endpoint.authority)).ok()?;
    let origin = Origin::of(&base)?;
    let host = host_of(site, &base).await?;
    Some((base, origin, host))
}

/// The endpoint's own host, under the scheme of `base`.
async fn host_of(site: &Site<'_>, base: &Url) -> Option<Arc<Host>> {
    let shown = shown(&site.terms.in_repository(base, ""));
    Some(site.host(&Origin::of(base)?, site.terms.endpoint.role, &shown).await)
}

/// Whether a text has the form of a digest that can stand in a URL.
pub(super) fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || b"+._-".contains(&b))
            && hex.len() >= 32
            && hex.len() <= 128
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}
