//! Who asks: what a 401 or 403 says of a login, or of the want of one.

pub mod expiry;
pub mod plugin;
pub mod secret;
pub(crate) mod wordings;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cause::{Code, Confidence};
use crate::evidence::{Exchange, Hop, Identity, Question};
use crate::finding::Finding;
use crate::layer::registry::{Challenge, Response, said};
use crate::plan::{Credential, Offer, Plan};
use crate::reference::Reference;
use crate::text::clean;

/// What the registry said to one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CredentialOutcome {
    /// It may pull the image.
    Accepted,
    /// The login itself is wrong or has expired.
    Rejected,
    /// The login is right and may not pull this repository.
    Denied,
    /// It was not offered: an earlier one was accepted, or the examination ended before.
    NotTried,
    /// Its key does not match the image.
    NotMatching,
    /// It cannot be read.
    Unreadable,
}

impl CredentialOutcome {
    /// The outcome in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Denied => "denied",
            Self::NotTried => "not tried",
            Self::NotMatching => "not matching",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The cause that a 401 or 403 to a manifest or a token is.
pub fn finding(hop: &Hop, exchange: &Exchange, response: &Response, reference: &Reference) -> Finding {
    let words = response.all_words();
    let who = hop.name();
    let name = reference.name();
    if names_source_address(&words) {
        return source_address(hop, response);
    }
    let offered = exchange.identity != Identity::Anonymous && exchange.authorized;
    if !offered {
        return missing(hop, exchange, response, reference);
    }
    if is_expired(&words) {
        return Finding::new(
            Code::CredentialsRejected,
            format!("{who} says that the login has expired{}", said(response)),
        )
        .detail("expired")
        .at(&hop.host)
        .fix("renew the login in the pull secret, and let something renew it from now on");
    }
    if is_rejection(exchange, response) {
        return Finding::new(
            Code::CredentialsRejected,
            format!("{who} rejects the login with {}{}", response.status, said(response)),
        )
        .at(&hop.host)
        .run("delete the pull secret and create it anew with a login that works", &create_secret(&reference.registry))
        .fix("a deleted or disabled account reads the same: ask the registry's owner");
    }
    Finding::new(
        Code::AccessDenied,
        format!("{who} accepts the login but does not let it pull {name}{}", said(response)),
    )
    .at(&hop.host)
    .fix(format!("grant that account the right to pull {name}"))
    .fix("check the spelling: registries hide a repository that does not exist from whoever may not see it")
}

/// Whether a 401 or 403 to a login says that the login itself is no good, and not what it may do.
///
/// A token service says so with 401, or with 403 and words; a registry that takes the password itself, with 401.
pub fn is_rejection(exchange: &Exchange, response: &Response) -> bool {
    let words = response.all_words();
    let took_the_password =
        exchange.question == Question::Token || response.challenges.first() == Some(&Challenge::Basic);
    is_expired(&words) || is_bad_login(&words) || response.status == 401 && took_the_password
}

/// The cause that a credential is which cannot be read: the kubelet gives up on the pod's image for it.
pub fn unreadable(plan: &Plan) -> Option<Finding> {
    plan.credentials.iter().find_map(|credential| match &credential.offer {
        Offer::Unreadable { field, why } => Some(
            Finding::new(Code::SecretMalformed, format!("{} cannot be read: {field} {why}", credential.source))
                .run("delete the secret and create it anew", &create_it_anew(&credential.source, plan.reference())),
        ),
        _ => None,
    })
}

fn missing(hop: &Hop, exchange: &Exchange, response: &Response, reference: &Reference) -> Finding {
    let who = hop.name();
    let name = reference.name();
    let says_who = !response.errors.is_empty() || !response.challenges.is_empty();
    if response.status == 403 && exchange.question == Question::Manifest && !says_who {
        return Finding::new(
            Code::AccessDenied,
            format!("{who} answers 403 without asking for a login{}", said(response)),
        )
        .at(&hop.host)
        .fix("ask the registry's owner whether it refuses this network or this country");
    }
    let is_known = |challenge: &Challenge| matches!(challenge, Challenge::Basic | Challenge::Bearer { .. });
    let is_strange = !response.challenges.is_empty() && !response.challenges.iter().any(is_known);
    if exchange.identity != Identity::Anonymous && is_strange {
        return strange_challenge(hop, response);
    }
    let scope_refused =
        response.challenges.iter().any(|c| matches!(c, Challenge::Bearer { error, .. } if !error.is_empty()));
    let ambiguous = exchange.authorized || scope_refused || response.has_code("DENIED");
    let finding = if ambiguous {
        Finding::new(
            Code::CredentialsMissing,
            format!(
                "{who} does not show {name} to a stranger: it does not exist, or is private and no login was offered"
            ),
        )
        .detail("notFoundOrPrivate")
        .fix(format!("check the spelling of {name}; registries hide private and missing repositories alike"))
    } else {
        Finding::new(
            Code::CredentialsMissing,
            format!("{who} wants a login for {name} and none was offered{}", said(response)),
        )
    };
    finding
        .run(
            if ambiguous { "if it is private, give the pod a pull secret" } else { "give the pod a pull secret" },
            &create_secret(&reference.registry),
        )
        .at(&hop.host)
}

/// A login is at hand and cannot be offered: the registry asks for it in no way that a runtime knows.
fn strange_challenge(hop: &Hop, response: &Response) -> Finding {
    let asked: Vec<&str> = response
        .challenges
        .iter()
        .map(|challenge| match challenge {
            Challenge::Basic => "Basic",
            Challenge::Bearer { .. } => "Bearer",
            Challenge::Other { name } => name,
        })
        .collect();
    Finding::new(
        Code::CredentialsMissing,
        format!("{} asks for a login by {}, which no container runtime can give", hop.name(), asked.join(", ")),
    )
    .at(&hop.host)
    .fix("let the registry, or the gateway before it, ask for Basic or Bearer")
}

/// The command that makes a pull secret.
fn create_secret(registry: &str) -> Vec<String> {
    create_this_secret("<namespace>", "<name>", registry)
}

/// The command that makes the secret of this source anew, with a login for the registry of this image. A source that is
/// no secret of the cluster leaves its names open.
pub(crate) fn create_it_anew(source: &str, reference: Option<&Reference>) -> Vec<String> {
    let (namespace, name) = secret_of(source).unwrap_or(("<namespace>", "<name>"));
    create_this_secret(namespace, name, reference.map_or("<registry>", |reference| reference.registry.as_str()))
}

/// Namespace and name of the secret that this source of a credential is.
fn secret_of(source: &str) -> Option<(&str, &str)> {
    source.strip_prefix("secret ")?.split_once('/')
}

/// The same finding with the secret that is meant named in its commands.
pub fn in_its_secret(mut finding: Finding, source: &str) -> Finding {
    if let Some((namespace, name)) = secret_of(source).filter(|_| finding.code == Code::CredentialsRejected) {
        for remedy in &mut finding.remedy {
            remedy.fill("<namespace>", namespace);
            remedy.fill("<name>", name);
        }
    }
    finding
}

/// The command that makes the pull secret of this name.
pub(crate) fn create_this_secret(namespace: &str, name: &str, registry: &str) -> Vec<String> {
    let server = key_for(registry);
    // The API server takes any text for the name of a pull secret in a pod: one with a dash before it would be an option.
    let name = if name.starts_with('-') { "<name>" } else { name };
    let fixed = ["kubectl", "-n", namespace, "create", "secret", "docker-registry", name];
    let mut command: Vec<String> = fixed.map(str::to_owned).to_vec();
    command.push(format!("--docker-server={server}"));
    command.extend(["--docker-username=<user>", "--docker-password=<password>"].map(str::to_owned));
    command
}

/// The same refusal where there are logins, and the key of none of them matches: what is wrong is the key.
pub fn not_matching(refused: Finding, plan: &Plan, reference: &Reference) -> Finding {
    let misses: Vec<String> = plan
        .credentials
        .iter()
        .filter_map(|credential| match &credential.offer {
            Offer::NotMatching { why } => Some(format!("\"{}\" {why}", clean(credential.key.as_ref()?, 80))),
            _ => None,
        })
        .collect();
    if refused.code != Code::CredentialsMissing || misses.is_empty() || plan.logins().next().is_some() {
        return refused;
    }
    let more = misses.len().saturating_sub(3);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let shown = misses.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("; ");
    let what = if plugin::has_unmatched(plan) {
        "key of the logins and no `matchImages` of the plugins at hand"
    } else {
        "key of the logins at hand"
    };
    let finding = Finding::new(
        Code::CredentialsNotMatching,
        format!(
            "{} wants a login for {}, and no {} matches: {shown}{more}",
            reference.registry, reference.repository, what
        ),
    )
    .fix(format!("write the key of the login as the image begins: \"{}\"", key_for(&reference.registry)));
    let finding = if plugin::has_unmatched(plan) {
        finding.fix(format!(
            "or let a credential provider plugin serve it: \"{}\" in its `matchImages`",
            reference.registry
        ))
    } else {
        finding
    };
    let finding = match &refused.host {
        Some(host) => finding.at(host),
        None => finding,
    };
    // A registry that hides what is missing may not have the image at all.
    match refused.detail {
        Some(_) => finding.at_most(Confidence::Likely).fix(format!("check the spelling of {}", reference.name())),
        None => finding,
    }
}

/// The same refusal where the login that was offered has no user: what is missing is the login.
///
/// Such entries are what `docker login` leaves behind that keeps the password in a helper.
pub fn without_user(refused: Finding, last: &Exchange, credential: &Credential, reference: &Reference) -> Finding {
    let is_about_the_login = match refused.code {
        Code::CredentialsMissing | Code::CredentialsRejected => true,
        Code::AccessDenied => last.authorized && refused.detail.is_none(),
        _ => false,
    };
    if !is_about_the_login {
        return refused;
    }
    let entry = credential.key.as_ref().map_or("a login".to_owned(), |key| format!("the entry \"{}\"", clean(key, 80)));
    let finding = Finding::new(
        Code::CredentialsMissing,
        format!(
            "{} wants a login for {}, and {entry} of {} holds no user",
            reference.registry, reference.repository, credential.source
        ),
    )
    .run("give the pod a pull secret that holds user and password", &create_secret(&reference.registry))
    .fix("a file that `docker login` wrote with a `credsStore` holds no passwords: do not make the secret of it");
    let finding = match &refused.host {
        Some(host) => finding.at(host),
        None => finding,
    };
    // Who asks with a stranger's token is refused what does not exist just like what is private.
    if refused.code == Code::AccessDenied || refused.detail.is_some() {
        let spelling = format!("check the spelling of {}", reference.name());
        return finding.detail("notFoundOrPrivate").at_most(Confidence::Likely).fix(spelling);
    }
    finding
}

/// The key under which a secret's login serves the whole registry.
pub(crate) fn key_for(registry: &str) -> &str {
    if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry }
}

/// The cause when the registry refuses where the node comes from.
pub fn source_address(hop: &Hop, response: &Response) -> Finding {
    Finding::new(
        Code::AccessDenied,
        format!("{} refuses the address this node comes from{}", hop.name(), said(response)),
    )
    .detail("sourceAddress")
    .at(&hop.host)
    .fix("let the registry's firewall allow the address that this node has on the internet, or use a private endpoint")
}

/// Registry firewalls and geographic blocks (Azure, Google, AWS, Docker Hub).
pub(super) fn names_source_address(words: &str) -> bool {
    [
        "client with ip",
        "firewall",
        "is not allowed access",
        "your country",
        "your region",
        "your location",
        "geographic",
        "ip address",
        "embargo",
    ]
    .iter()
    .any(|known| words.contains(known))
}

fn is_expired(words: &str) -> bool {
    (words.contains("token") || words.contains("password") || words.contains("credential") || words.contains("login"))
        && words.contains("expired")
}

fn is_bad_login(words: &str) -> bool {
    [
        "incorrect username or password",
        "invalid username",
        "invalid credentials",
        "bad credentials",
        "wrong username",
        "wrong password",
        "invalid password",
        "incorrect password",
        "bad props auth token",
        "could not find robot",
        "authentication failed",
        "http basic: access denied",
        "unknown user",
        "login failed",
        "invalid user",
    ]
    .iter()
    .any(|known| words.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_called_like_an_option_is_not_named_in_a_command() {
        let command = |source: &str| create_it_anew(source, None).join(" ");
        let named = command("secret shop/regcred");
        assert!(named.starts_with("kubectl -n shop create secret docker-registry regcred --docker-server="), "{named}");
        assert_eq!(command("secret shop/--from-file=/etc/shadow"), named.replace("regcred", "<name>"));
    }
}
