//! Which logins of its pull secrets the kubelet offers for each image of each pod, and what comes nearest where there
//! are none.
//!
//! Pods with the same list of secrets share a keyring. The work is bounded: what is beyond is named as not looked at.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::content::Content;
use super::given::Namespace;
use super::rows::Names;
use super::{NAME, keys};
use crate::cause::Code;
use crate::config::dockerconfigjson::ConfigEntry;
use crate::keyring::{Keyring, Login, Miss, useless};
use crate::layer::credentials::key_for;
use crate::message;
use crate::not_checked::NotChecked;
use crate::pod::{Container, ContainerState};
use crate::reference::Reference;
use crate::text::clean;

/// Comparisons of a key with an image, in all.
const MOST_COMPARISONS: usize = 300_000;
/// Comparisons that an image costs beside those with the keys.
const OVERHEAD: usize = 20;

/// An image and what its pods' secrets have for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRow {
    /// Registry and repository, as logins are looked up.
    pub image: String,
    /// The pods that have it.
    pub pods: Names,
    /// The pull secrets that these pods name, in their order.
    pub secrets: Names,
    /// The logins that the kubelet offers, in its order, the first ones of them. None of a pull secret that it names,
    /// it may pull with the node's own.
    pub logins: Vec<LoginName>,
    /// The secret that cannot be read, for which no image of these pods is pulled at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// The key that would serve it with a slight change; only where there is no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<NearestKey>,
    /// True when the kubelet says that the registry wants a login for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// A login without what is secret of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginName {
    /// The secret.
    pub secret: String,
    /// Its key, as it may be shown.
    pub key: String,
    /// The user; empty if it has none, and the runtime then asks as a stranger.
    pub user: String,
}

/// A key that is not an image's, but nearly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NearestKey {
    /// The secret.
    pub secret: String,
    /// Its key, as it may be shown.
    pub key: String,
    /// What is the matter with the key; goes on after it.
    pub why: String,
    /// The key to write.
    pub write: String,
    /// False where the key may well be meant as it is: for another path of the same registry.
    pub mistaken: bool,
}

/// What was found for one image of the pods with one list of secrets.
pub(super) struct Lookup<'given> {
    /// The list.
    pub(super) list: &'given [String],
    /// The image.
    pub(super) image: Reference,
    /// The pods.
    pub(super) pods: BTreeSet<&'given str>,
    /// The places of the logins that are offered, in their order: secret and key as written.
    pub(super) offered: Vec<(&'given str, String)>,
    /// The places of the logins of Docker Hub that another key hides.
    pub(super) hidden: Vec<(&'given str, String)>,
    /// The row.
    pub(super) row: ImageRow,
    /// Whether it cannot be told, as a secret of the list was not read.
    pub(super) in_doubt: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Lookups<'given> {
    /// In the order of the lists.
    pub(super) all: Vec<Lookup<'given>>,
    /// The lists of secrets.
    pub(super) lists: Vec<&'given [String]>,
    /// Images that are no references.
    invalid: BTreeSet<String>,
    /// How many were not looked up.
    left_out: usize,
}

/// One list of secrets: by repository the image, its pods, and whether it was refused for want of a login.
type Wanted<'given> = BTreeMap<String, (Reference, BTreeSet<&'given str>, bool)>;

/// What the pull secrets of every pod have for every image of it.
pub(super) fn lookups<'given>(
    namespace: &'given Namespace,
    contents: &BTreeMap<&'given str, Content<'given>>,
) -> Lookups<'given> {
    let mut lookups = Lookups::default();
    let mut lists: BTreeMap<&[String], Wanted<'_>> = BTreeMap::new();
    for pod in namespace.live_pods() {
        let wanted = lists.entry(&pod.pull_secrets).or_default();
        for container in &pod.containers {
            let Ok(image) = Reference::parse(&container.image) else {
                lookups.invalid.insert(clean(&container.image, NAME));
                continue;
            };
            let known = wanted.entry(image.name()).or_insert_with(|| (image, BTreeSet::new(), false));
            known.1.insert(&pod.name);
            known.2 = known.2 || wants_login(container);
        }
    }
    let mut left = MOST_COMPARISONS;
    for (list, wanted) in lists {
        let cost = keys_of(list, contents) + OVERHEAD;
        // The first one is for making the keyring.
        if cost > left {
            lookups.left_out += wanted.len();
            continue;
        }
        left -= cost;
        let keyring = Secrets::new(list, contents);
        lookups.lists.push(list);
        for (image, pods, refused) in wanted.into_values() {
            if cost > left {
                lookups.left_out += 1;
                continue;
            }
            left -= cost;
            lookups.all.push(keyring.look_up(image, pods, refused));
        }
    }
    lookups
}

impl Lookups<'_> {
    /// A row for every image and what is said of it, by name.
    pub(super) fn rows(&self) -> Vec<ImageRow> {
        let mut rows: Vec<ImageRow> = self.all.iter().map(|lookup| lookup.row.clone()).collect();
        rows.sort_by(|one, other| one.image.cmp(&other.image));
        rows
    }

    /// Whether there are images that were not looked up.
    pub(super) fn has_left_out(&self) -> bool {
        self.left_out > 0
    }

    /// What was not looked up.
    pub(super) fn not_checked(&self) -> Vec<NotChecked> {
        let mut unseen = Vec::new();
        if self.left_out > 0 {
            let what = format!("the logins for {} further images", self.left_out);
            unseen.push(NotChecked::new(what, format!("at most {MOST_COMPARISONS} keys are compared with images")));
        }
        if !self.invalid.is_empty() {
            let what = format!("the logins for {}", Names::of(self.invalid.iter()));
            unseen.push(NotChecked::new(what, "that is no image's name, and nothing is pulled for it"));
        }
        if self.all.iter().any(|lookup| lookup.offered.is_empty()) {
            let what = "the nodes' own logins and credential provider plugins, which may serve images too";
            unseen.push(NotChecked::new(what, "they are not in the cluster; `pullagent node` shows a node's settings"));
        }
        unseen
    }
}

/// How many keys a list of secrets has.
fn keys_of(list: &[String], contents: &BTreeMap<&str, Content<'_>>) -> usize {
    let entries = list.iter().map(|name| match contents.get(name.as_str()) {
        Some(Content::Logins { entries, .. }) => entries.len(),
        _ => 0,
    });
    entries.sum()
}

/// The keyring that a list of secrets makes.
struct Secrets<'given> {
    list: &'given [String],
    keyring: Keyring,
    blocked_by: Option<&'given str>,
    in_doubt: bool,
}

impl<'given> Secrets<'given> {
    fn new(list: &'given [String], contents: &BTreeMap<&str, Content<'_>>) -> Self {
        let mut secrets = Self { list, keyring: Keyring::default(), blocked_by: None, in_doubt: false };
        for name in list {
            match contents.get(name.as_str()) {
                Some(Content::Logins { entries, .. }) => {
                    secrets.keyring.add(name, entries.clone());
                }
                Some(Content::Malformed { .. }) => secrets.blocked_by = secrets.blocked_by.or(Some(name)),
                Some(Content::Unread { .. }) | None => secrets.in_doubt = true,
                Some(Content::Skipped { .. } | Content::Absent { .. }) => {}
            }
        }
        secrets
    }

    fn look_up(&self, image: Reference, pods: BTreeSet<&'given str>, refused: bool) -> Lookup<'given> {
        let name = image.name();
        let logins = if self.blocked_by.is_some() { Vec::new() } else { self.keyring.lookup(&name) };
        let misses = self.keyring.misses(&name);
        let place = |login: &Login| {
            let secret = self.list.iter().find(|secret| **secret == login.source);
            secret.map(|secret| (secret.as_str(), login.entry.key.clone()))
        };
        let hidden = misses.iter().filter(|(miss, _)| *miss == Miss::Hidden).filter_map(|(_, login)| place(login));
        let is_alone = logins.is_empty() && self.blocked_by.is_none();
        let nearest = if is_alone { nearest(&image, &misses) } else { None };
        let row = ImageRow {
            image: clean(&name, NAME),
            pods: Names::of(pods.iter()),
            secrets: Names::of(self.list.iter()),
            logins: logins.iter().take(Names::MOST).map(|login| login_name(&login.source, &login.entry)).collect(),
            blocked_by: self.blocked_by.map(|name| clean(name, NAME)),
            nearest,
            refused,
        };
        let hidden = hidden.collect();
        let offered = logins.iter().filter_map(|login| place(login)).collect();
        Lookup { list: self.list, image, pods, offered, hidden, row, in_doubt: self.in_doubt }
    }
}

/// A login without what is secret of it.
fn login_name(secret: &str, entry: &ConfigEntry) -> LoginName {
    LoginName { secret: clean(secret, NAME), key: entry.shown_key(), user: keys::shown_user(entry) }
}

/// The key that was most likely meant for `image`.
fn nearest(image: &Reference, misses: &[(Miss, &Login)]) -> Option<NearestKey> {
    if image.registry.is_empty() {
        return None;
    }
    let nearness = |(miss, login): &(Miss, &Login)| {
        let useless = useless(&login.entry.key);
        let is_near = match (miss, useless) {
            // Several keys for several paths of one registry are nothing unusual.
            (Miss::Path | Miss::PathWildcard, Some(_)) => is_path_meant(&login.entry.key, image),
            (Miss::Case | Miss::Port | Miss::Path | Miss::PathWildcard | Miss::Labels, _) => true,
            (Miss::Host | Miss::NotAUrl(_), Some(_)) => is_registry_meant(&login.entry.key, image),
            (Miss::Host, None) => image.is_docker_hub() && is_address_of_hub(&login.entry.key),
            (Miss::Hidden | Miss::NotAUrl(_), _) => false,
        };
        is_near.then(|| (*miss == Miss::Path && useless.is_none(), *miss, useless))
    };
    let ranked = misses.iter().filter_map(|found| Some((nearness(found)?, found.1)));
    let ((is_other_path, miss, useless), login) = ranked.min_by_key(|((other, miss, _), _)| (*other, *miss))?;
    Some(NearestKey {
        secret: clean(&login.source, NAME),
        key: login.entry.shown_key(),
        why: match useless {
            Some(why) => why.to_string(),
            None if miss == Miss::Host => "is not what images of Docker Hub are looked up by".to_owned(),
            None => miss.to_string(),
        },
        write: key_for(&image.registry).to_owned(),
        mistaken: !is_other_path,
    })
}

/// Whether a key that matches nothing has the image's registry in it.
fn is_registry_meant(key: &str, image: &Reference) -> bool {
    let registry = image.registry.to_ascii_lowercase();
    key.to_ascii_lowercase().contains(&registry)
}

/// Whether the path of a key that matches nothing begins as the image's repository, but for what makes it useless.
fn is_path_meant(key: &str, image: &Reference) -> bool {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    let path = key.split_once('/').map_or("", |(_, path)| path);
    let path = path.split([':', '@', '*']).next().unwrap_or_default();
    image.repository.starts_with(&path.to_ascii_lowercase())
}

/// Whether it is one of Docker Hub's addresses that logins are not looked up by.
fn is_address_of_hub(key: &str) -> bool {
    let host = key.split_once("://").map_or(key, |(_, rest)| rest).split('/').next().unwrap_or_default();
    ["registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com", "docker.com"].contains(&host)
}

/// Whether the kubelet says of a container that the registry wants a login for its image.
fn wants_login(container: &Container) -> bool {
    let ContainerState::Waiting { reason, message } = &container.state else { return false };
    matches!(reason.as_str(), "ErrImagePull" | "ImagePullBackOff")
        && message::classify(message).iter().filter_map(|explained| explained.cause.as_ref()).any(|cause| {
            matches!(cause.code, Code::CredentialsMissing | Code::CredentialsNotMatching | Code::SecretNotFound)
        })
}
