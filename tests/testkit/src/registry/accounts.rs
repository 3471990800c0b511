//! Who may pull what: users, private repositories, and the tokens issued so far. Shared by a registry and the token
//! service that it trusts, which may be another server.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Users, access rules and issued tokens.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    users: BTreeMap<String, User>,
    access: BTreeMap<String, Access>,
    hides_unlisted: bool,
    tokens: Arc<Mutex<Vec<Token>>>,
}

#[derive(Debug, Clone)]
struct User {
    password: String,
    expired: bool,
}

/// Who may pull from a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Access {
    /// Anyone.
    #[default]
    Public,
    /// These users; an empty set is nobody.
    Private(BTreeSet<String>),
}

/// What became of the login in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// None was offered.
    Anonymous,
    /// This user, with the right password.
    User(String),
    /// The right password of a login that has expired.
    Expired,
    /// Unknown user, wrong password or unreadable.
    Wrong,
}

#[derive(Debug)]
struct Token {
    value: String,
    repositories: Vec<String>,
}

/// What a bearer token is good for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// It names this repository.
    Covers,
    /// It was issued here and does not name it.
    Lacks,
    /// It was never issued here.
    Unknown,
}

impl Accounts {
    /// No users; every repository is public.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a user.
    #[must_use]
    pub fn user(self, name: &str, password: &str) -> Self {
        self.with_user(name, password, false)
    }

    /// The same with a user whose password was right until it expired (ECR's 12 hours).
    #[must_use]
    pub fn expired_user(self, name: &str, password: &str) -> Self {
        self.with_user(name, password, true)
    }

    /// The same with this rule for a repository.
    #[must_use]
    pub fn access(mut self, repository: &str, access: Access) -> Self {
        self.access.insert(repository.to_owned(), access);
        self
    }

    /// The same with a repository that only these users may pull from; none of them: nobody.
    #[must_use]
    pub fn private<S: Into<String>>(self, repository: &str, users: impl IntoIterator<Item = S>) -> Self {
        self.access(repository, Access::Private(users.into_iter().map(Into::into).collect()))
    }

    /// The same, treating a repository without a rule like one that the asker may not see, as Docker Hub treats those
    /// that do not exist.
    #[must_use]
    pub fn hides_unlisted(mut self) -> Self {
        self.hides_unlisted = true;
        self
    }

    fn with_user(mut self, name: &str, password: &str, expired: bool) -> Self {
        self.users.insert(name.to_owned(), User { password: password.to_owned(), expired });
        self
    }

    /// Whether `login` may pull from `repository`.
    pub(super) fn allows(&self, login: &Login, repository: &str) -> bool {
        match (self.access.get(repository), login) {
            (Some(Access::Private(users)), Login::User(name)) => users.contains(name),
            (Some(Access::Private(_)), _) => false,
            (Some(Access::Public), _) => true,
            (None, _) => !self.hides_unlisted,
        }
    }

    /// Reads an Authorization header of the Basic scheme.
    pub(super) fn login(&self, authorization: Option<&str>) -> Login {
        let Some(authorization) = authorization else { return Login::Anonymous };
        let decoded = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, value)| BASE64_STANDARD.decode(value.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((name, password)) => self.check(name, password),
            None => Login::Wrong,
        }
    }

    pub(super) fn check(&self, name: &str, password: &str) -> Login {
        match self.users.get(name) {
            Some(user) if user.password == password && user.expired => Login::Expired,
            Some(user) if user.password == password => Login::User(name.to_owned()),
            _ => Login::Wrong,
        }
    }

    /// Issues a token for these repositories.
    pub(super) fn issue(&self, repositories: Vec<String>) -> String {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let value = format!("test-token-{}", tokens.len() + 1);
        tokens.push(Token { value: value.clone(), repositories });
        value
    }

    /// What a token says about a repository; about none (the ping), being issued here is enough.
    pub(super) fn grant(&self, token: &str, repository: Option<&str>) -> Grant {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match tokens.iter().find(|known| known.value == token) {
            None => Grant::Unknown,
            Some(known) => match repository {
                Some(name) if !known.repositories.iter().any(|granted| granted == name) => Grant::Lacks,
                _ => Grant::Covers,
            },
        }
    }
}
