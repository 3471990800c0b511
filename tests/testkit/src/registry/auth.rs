//! Which login a registry asks for, and the token service: GET with Basic and the `OAuth2` POST, as the distribution
//! project's token specification and containerd's authorizer use them.

use http::{HeaderMap, Method, header};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::{
    accounts::{Accounts, Grant, Login},
    behaviour::Answer,
};

/// How a registry authenticates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic with every request.
    Basic,
    /// Tokens of a token service.
    Bearer {
        /// URL of the token service; none: `/token` of this server under the name that the client used.
        realm: Option<String>,
        /// Name of the service in the challenge.
        service: String,
        /// What is said to a token that does not cover the repository.
        uncovered: Uncovered,
    },
}

/// What a registry says to a good token that does not cover the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Uncovered {
    /// 401 with `error="insufficient_scope"` (Docker Hub).
    #[default]
    InsufficientScope,
    /// 403 DENIED.
    Denied,
    /// 404 `NAME_UNKNOWN`.
    NameUnknown,
}

/// How the token service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TokenService {
    /// Refuses requests without a login with 401.
    pub login_required: bool,
    /// The status of the `OAuth2` POST; none: it works.
    pub oauth_status: Option<u16>,
    /// What it says to a login (or nobody) that may not pull from the repository.
    pub unentitled: Unentitled,
}

/// What a token service says to somebody who may not pull from the repository asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unentitled {
    /// A token that covers nothing.
    #[default]
    EmptyToken,
    /// 403 DENIED (GitLab, GHCR).
    Denied,
    /// 401 UNAUTHORIZED.
    Unauthorized,
}

impl Auth {
    /// Tokens from `/token` of this server.
    pub fn bearer() -> Self {
        Self::Bearer { realm: None, service: "registry.test".to_owned(), uncovered: Uncovered::default() }
    }

    /// Tokens from this URL.
    pub fn bearer_at(realm: &str) -> Self {
        Self::Bearer {
            realm: Some(realm.to_owned()),
            service: "registry.test".to_owned(),
            uncovered: Uncovered::default(),
        }
    }

    /// Lets a request pass or says what is answered instead. `base` is this server as the client names it.
    pub(super) fn authenticate(
        &self,
        accounts: &Accounts,
        headers: &HeaderMap,
        repository: Option<&str>,
        base: &str,
    ) -> Result<(), Answer> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match self {
            Self::None => Ok(()),
            Self::Basic => basic(accounts, authorization, repository),
            Self::Bearer { realm, service, uncovered } => {
                let realm = realm.clone().unwrap_or_else(|| format!("{base}/token"));
                let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
                if let Some(name) = repository {
                    challenge.push_str(",scope=\"repository:");
                    challenge.push_str(name);
                    challenge.push_str(":pull\"");
                }
                let token = authorization
                    .and_then(|value| value.split_once(' '))
                    .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                let error = match token.map(|(_, token)| accounts.grant(token.trim(), repository)) {
                    Some(Grant::Covers) => return Ok(()),
                    Some(Grant::Lacks) => match uncovered {
                        Uncovered::InsufficientScope => ",error=\"insufficient_scope\"",
                        Uncovered::Denied => return Err(denied()),
                        Uncovered::NameUnknown => return Err(name_unknown(repository.unwrap_or_default())),
                    },
                    Some(Grant::Unknown) => ",error=\"invalid_token\"",
                    None => "",
                };
                Err(unauthorized("authentication required").header("www-authenticate", &(challenge + error)))
            }
        }
    }
}

fn basic(accounts: &Accounts, authorization: Option<&str>, repository: Option<&str>) -> Result<(), Answer> {
    let login = accounts.login(authorization);
    match login {
        Login::Anonymous | Login::Wrong => Err(unauthorized("authentication required")
            .header("www-authenticate", "Basic realm=\"test registry\",service=\"registry.test\"")),
        Login::Expired => Err(expired()),
        Login::User(_) if repository.is_none_or(|name| accounts.allows(&login, name)) => Ok(()),
        Login::User(_) => Err(denied()),
    }
}

impl TokenService {
    /// Answers a token request.
    pub(super) fn answer(
        self,
        accounts: &Accounts,
        method: &Method,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answer {
        let post = method == Method::POST;
        let (login, form) = if post {
            if let Some(status) = self.oauth_status {
                return Answer::error(status, "UNSUPPORTED", "no OAuth2 here");
            }
            (oauth_login(accounts, body), body)
        } else {
            let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            (accounts.login(authorization), query.as_bytes())
        };
        match login {
            Login::Wrong => return unauthorized("incorrect username or password"),
            Login::Expired => return expired(),
            Login::Anonymous if self.login_required || post => return unauthorized("a login is required"),
            Login::Anonymous | Login::User(_) => {}
        }
        let mut granted = Vec::new();
        for name in scopes(form) {
            if accounts.allows(&login, &name) {
                granted.push(name);
                continue;
            }
            match self.unentitled {
                Unentitled::EmptyToken => {}
                Unentitled::Denied => return denied(),
                Unentitled::Unauthorized => return unauthorized("access to the resource is denied"),
            }
        }
        let scope = granted.join(" ");
        let token = accounts.issue(granted);
        Answer::status(200).json(&if post {
            json!({ "access_token": token, "expires_in": 300, "scope": scope })
        } else {
            json!({ "token": token, "access_token": token, "expires_in": 300 })
        })
    }
}

fn oauth_login(accounts: &Accounts, form: &[u8]) -> Login {
    let field = |wanted: &str| {
        form_urlencoded::parse(form).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    match (field("grant_type").as_deref(), field("username"), field("password")) {
        (Some("password"), Some(name), Some(password)) => accounts.check(&name, &password),
        // Refresh tokens are not issued here, so none can be right.
        (Some(_), ..) => Login::Wrong,
        (None, ..) => Login::Anonymous,
    }
}

/// The repositories that the `scope` fields ask to pull from.
fn scopes(form: &[u8]) -> Vec<String> {
    form_urlencoded::parse(form)
        .filter(|(name, _)| name == "scope")
        .flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|scope| {
            let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
            actions.split(',').any(|action| action == "pull" || action == "*").then(|| name.to_owned())
        })
        .collect()
}

pub(super) fn name_unknown(repository: &str) -> Answer {
    Answer::error(404, "NAME_UNKNOWN", &format!("repository name not known to registry: {repository}"))
}

fn unauthorized(message: &str) -> Answer {
    Answer::error(401, "UNAUTHORIZED", message)
}

fn denied() -> Answer {
    Answer::error(403, "DENIED", "requested access to the resource is denied")
}

/// The words of Amazon ECR.
fn expired() -> Answer {
    Answer::error(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
}
