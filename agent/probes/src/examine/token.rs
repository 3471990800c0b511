//! A token for the repository: the `OAuth2` POST first where there is a login, as containerd's `auth/fetch.go`. Keeps no
//! token and knows no manifest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use pullagent_diagnosis::authority::Scheme;
use pullagent_diagnosis::evidence::{Identity, Question, Role};
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::secret::Secret;
use url::Url;

use super::ask::{Query, Told, ask};
use super::origin::Origin;
use super::site::Site;

/// Bytes of a token service's answer.
const MAX_TOKEN: usize = 1024 * 1024;

/// User and password as `Authorization` carries them.
pub(super) fn basic(user: &str, password: &Secret<String>) -> Secret<String> {
    Secret::from(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose()))))
}

/// A token from `realm` for this identity, as `Authorization` carries it. `Err` means that there is none, and that this
/// is written down.
pub(super) async fn bearer(
    site: &Site<'_>,
    realm: &str,
    service: &str,
    scope: &str,
    identity: Identity,
    login: Option<&(String, Secret<String>)>,
) -> Result<Secret<String>, ()> {
    let default_scope = format!("repository:{}:pull", site.terms.repository());
    let scope = if scope.is_empty() { &default_scope } else { scope };
    let url = url_of(site, realm, identity)?;
    let secret = match (login, carries_headers(site)) {
        (Some(_), _) => Some("the login"),
        (None, true) => Some("what a header says"),
        (None, false) => None,
    };
    if let Some(secret) = secret
        && let Some((why, how)) = unsafe_place(site, &url).await
    {
        let why = format!("{why}: {secret} was not sent{how}");
        site.not_checked(format!("{secret} at {}", super::ask::shown(&url)), why);
        return Err(());
    }
    let told = match login {
        // containerd falls back to GET where the service does not take a POST (`auth/fetch.go`, `fetchToken`).
        Some((user, password)) if !user.is_empty() => {
            match post_token(site, &url, service, scope, user, password).await {
                told if matches!(told.status(), Some(400 | 401 | 404 | 405)) => {
                    get_token(site, &url, service, scope, Some((user, password))).await
                }
                told => told,
            }
        }
        _ => get_token(site, &url, service, scope, None).await,
    };
    take_token(site, told, identity).map(|t| Secret::from(format!("Bearer {}", t.expose()))).ok_or(())
}

/// Asks the token service at `realm` as a stranger for a token that is good for nothing, and writes its answer down.
pub(super) async fn answers(site: &Site<'_>, realm: &str, service: &str) {
    let identity = Identity::Anonymous;
    let Ok(url) = url_of(site, realm, identity) else { return };
    let told = get_token(site, &url, service, "", None).await;
    drop(take_token(site, told, identity));
}

/// A realm as a URL that can be asked; that it is none is written down.
fn url_of(site: &Site<'_>, realm: &str, identity: Identity) -> Result<Url, ()> {
    let url = Url::parse(realm).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.host().is_some());
    url.ok_or_else(|| {
        let why = format!("its realm \"{}\" is no URL", pullagent_diagnosis::text::clean(realm, 100));
        site.record(0, Question::Token, identity, false, Answer::BadRedirect { why }, 0);
    })
}

/// The token of an answer, which is written down either way.
fn take_token(site: &Site<'_>, told: Told, identity: Identity) -> Option<Secret<String>> {
    let token = told.success().and_then(|reply| token_of(&reply.body));
    let mut answer = told.answer;
    if let Answer::Response(response) = &mut answer
        && (200..300).contains(&response.status)
    {
        response.has_token = Some(token.is_some());
    }
    site.record(told.hop, Question::Token, identity, told.authorized, answer, told.ms);
    token
}

/// Whether a question for a token carries the endpoint's own headers.
fn carries_headers(site: &Site<'_>) -> bool {
    site.terms.rules.headers_for_tokens && !site.terms.rules.headers.is_empty()
}

/// Why a token service is no place for a secret, and how it would have gone there.
async fn unsafe_place(site: &Site<'_>, url: &Url) -> Option<(&'static str, &'static str)> {
    let endpoint = site.terms.endpoint;
    if url.scheme() == "http" && endpoint.scheme == Scheme::Https && !endpoint.http_fallback {
        return Some(("the registry is reached over TLS and its token service is not", " in plain text"));
    }
    let host = site.host(&Origin::of(url)?, Role::Token, &super::ask::shown(url)).await;
    host.is_overlooked().then_some(("its certificate is not verified and would be refused", ""))
}

async fn post_token(
    site: &Site<'_>,
    url: &Url,
    service: &str,
    scope: &str,
    user: &str,
    password: &Secret<String>,
) -> Told {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "password")
        .append_pair("service", service)
        .append_pair("client_id", "containerd-client")
        .append_pair("scope", scope)
        .append_pair("username", user)
        .append_pair("password", password.expose())
        .finish();
    let mut query = Query::get(Question::Token, url.clone(), Role::Token, site.terms.deadline);
    query.method = Method::POST;
    query.with_headers = carries_headers(site);
    query.form = Some(Secret::from(form));
    query.max_body = MAX_TOKEN;
    ask(site, query).await
}

async fn get_token(
    site: &Site<'_>,
    url: &Url,
    service: &str,
    scope: &str,
    login: Option<(&String, &Secret<String>)>,
) -> Told {
    let mut url = url.clone();
    {
        let mut pairs = url.query_pairs_mut();
        if !service.is_empty() {
            pairs.append_pair("service", service);
        }
        if !scope.is_empty() {
            pairs.append_pair("scope", scope);
        }
    }
    let authorization = login.map(|(user, password)| basic(user, password));
    let mut query =
        Query::get(Question::Token, url, Role::Token, site.terms.deadline).authorized_by(authorization.as_ref());
    query.with_headers = carries_headers(site);
    query.max_body = MAX_TOKEN;
    ask(site, query).await
}

/// The token in a token service's answer, if there is one.
fn token_of(body: &[u8]) -> Option<Secret<String>> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| json.get(key).and_then(serde_json::Value::as_str).filter(|t| !t.is_empty());
    text("token").or_else(|| text("access_token")).map(|t| Secret::from(t.to_owned()))
}
