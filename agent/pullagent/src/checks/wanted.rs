//! Which checks there are: those of the settings, and those that this node's pods are a reason for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pullagent_diagnosis::pod::{ContainerState, Pod, PullPolicy};

use super::public::is_public;
use super::{Check, configured};
use crate::schedule::{Question, Secrets, after};
use crate::settings::{self, Discover, SecretName};

/// Checks that are discovered at most: what tenants name must not crowd out anything.
const MOST_DISCOVERED: usize = 32;
/// How long a registry is checked that no pod uses any more. A day: that tonight's job will not get its image is to be known
/// before tonight.
const REGISTRY_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// The same for an image. No longer than a pod needs to be replaced: the tags of the last release are swept away, and
/// nobody wants them.
const IMAGE_KEPT: SignedDuration = SignedDuration::from_mins(10);

/// A check and what of it does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// What is checked.
    pub(crate) check: Check,
    /// Its name: no other check has it.
    pub(crate) name: String,
    /// The registry's host as an image's name begins with it.
    pub(crate) host: String,
    /// The time between two runs.
    pub(crate) every: SignedDuration,
    /// Whether the settings name it. A host that they do not name was named by a tenant.
    pub(crate) is_configured: bool,
    /// Whether everybody uses the registry.
    pub(super) is_public: bool,
    /// What it asks, as far as earlier answers forbid it.
    pub(crate) question: Question,
}

impl Wanted {
    fn new(check: Check, every: Duration, is_configured: bool) -> Self {
        let host = check.registry();
        let question = match &check {
            Check::Registry { .. } => Question::of_registry(&host),
            Check::Image { image, secret } => Question::of_image(
                image,
                secret
                    .as_ref()
                    .map(|secret| Secrets { namespace: secret.namespace.clone(), names: vec![secret.name.clone()] }),
            ),
        };
        let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
        let (name, is_public) = (check.name().to_owned(), is_public(&host));
        Self { check, name, host, every, is_configured, is_public, question }
    }
}

/// The checks of `settings` in their order, images first, and then what was discovered: at most `most`.
pub(super) fn wanted(settings: &settings::Checks, discovered: &Discovery, most: usize) -> Vec<Arc<Wanted>> {
    let configured = configured(settings).into_iter();
    let mut all: Vec<Wanted> = configured.map(|(check, every)| Wanted::new(check, every, true)).collect();
    let listed: BTreeSet<String> = all.iter().map(|wanted| wanted.question.registry.clone()).collect();
    for check in discovered.checks() {
        let found = Wanted::new(check, settings.every, false);
        let is_listed = listed.contains(&found.question.registry);
        let is_wanted = match (&found.check, settings.discover) {
            (_, Discover::None) | (Check::Image { .. }, Discover::Registries) => false,
            // What the settings have checked there tells of the registry as well.
            (Check::Registry { .. }, _) => !is_listed && !found.is_public,
            (Check::Image { .. }, Discover::Images) => is_listed || !found.is_public,
        };
        if is_wanted {
            all.push(found);
        }
    }
    let mut names = BTreeSet::new();
    all.retain_mut(|wanted| {
        if let (true, Check::Image { secret: Some(secret), .. }) = (names.contains(&wanted.name), &wanted.check) {
            wanted.name = format!("{} with {}/{}", wanted.name, secret.namespace, secret.name);
        }
        names.insert(wanted.name.clone())
    });
    all.truncate(most);
    all.into_iter().map(Arc::new).collect()
}

/// What this node's pods were seen to use.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    seen: BTreeMap<Key, Seen>,
}

/// Whether it is an image, and its name or the registry's.
type Key = (bool, String);

#[derive(Debug)]
struct Seen {
    check: Check,
    /// Whether a pod uses it now.
    is_used: bool,
    used: Timestamp,
    /// Its place among what a namespace uses: the best of them.
    rank: usize,
}

impl Discovery {
    /// Takes note of the pods that there are at `now`.
    ///
    /// Only what a pod has got counts as used. A pod that waits for its image is examined anyway, and whoever writes a host
    /// that does not exist into a pod must not make it a trouble of the node.
    pub(super) fn observe<'a>(&mut self, pods: impl Iterator<Item = &'a Pod>, discover: Discover, now: Timestamp) {
        let mut by_namespace: BTreeMap<&str, BTreeMap<Key, Check>> = BTreeMap::new();
        if discover != Discover::None {
            for pod in pods.filter(|pod| !pod.is_deleted) {
                by_namespace.entry(&pod.namespace).or_default().extend(uses(pod, discover));
            }
        }
        self.seen.values_mut().for_each(|seen| (seen.is_used, seen.rank) = (false, usize::MAX));
        for used in by_namespace.into_values() {
            for (rank, (key, check)) in used.into_iter().enumerate() {
                let new = || Seen { check, is_used: true, used: now, rank };
                let seen = self.seen.entry(key).or_insert_with(new);
                (seen.is_used, seen.used, seen.rank) = (true, now, seen.rank.min(rank));
            }
        }
        self.seen.retain(|(is_image, _), seen| {
            let kept = if *is_image { IMAGE_KEPT } else { REGISTRY_KEPT };
            discover != Discover::None && after(seen.used, kept) > now
        });
        let mut keys: Vec<Key> = self.seen.keys().cloned().collect();
        keys.sort_by_key(|key| self.order(key));
        for key in keys.split_off(MOST_DISCOVERED.min(keys.len())) {
            self.seen.remove(&key);
        }
    }

    /// The first ones stay: registries, what is used, and the namespaces in turn, however many each of them names.
    fn order(&self, key: &Key) -> (bool, bool, usize, Key) {
        let seen = self.seen.get(key);
        (key.0, !seen.is_some_and(|seen| seen.is_used), seen.map_or(usize::MAX, |seen| seen.rank), key.clone())
    }

    fn checks(&self) -> impl Iterator<Item = Check> {
        self.seen.values().map(|seen| seen.check.clone())
    }
}

/// What a pod has got from registries.
fn uses(pod: &Pod, discover: Discover) -> Vec<(Key, Check)> {
    let mut uses = Vec::new();
    let got = pod.containers.iter().filter(|container| {
        let is_got = matches!(container.state, ContainerState::Running | ContainerState::Ended { .. });
        is_got && container.policy != PullPolicy::Never
    });
    for container in got {
        let secret = match pod.pull_secrets.as_slice() {
            [] => None,
            [name, ..] => Some(SecretName { namespace: pod.namespace.clone(), name: name.clone() }),
        };
        let image = Check::Image { image: container.image.clone(), secret };
        let host = image.registry();
        if host.is_empty() {
            continue;
        }
        uses.push(((false, host.clone()), Check::Registry { host }));
        // A check offers one secret; with fewer logins than the kubelet has it would find fault with what is well.
        if discover == Discover::Images && pod.pull_secrets.len() <= 1 {
            uses.push(((true, container.image.clone()), image));
        }
    }
    uses
}

#[cfg(test)]
mod tests {
    use pullagent_diagnosis::pod::{Container, ContainerKind};

    use super::*;
    use crate::settings::{ImageCheck, RegistryCheck, Settings};

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 3600 * hour).unwrap()
    }

    fn pod(namespace: &str, image: &str, state: ContainerState) -> Pod {
        let container = Container {
            name: "app".to_owned(),
            kind: ContainerKind::Regular,
            image: image.to_owned(),
            policy: PullPolicy::IfNotPresent,
            state,
        };
        let namespace = namespace.to_owned();
        Pod { namespace, uid: image.to_owned(), containers: vec![container], ..Pod::default() }
    }

    fn runs(namespace: &str, image: &str) -> Pod {
        pod(namespace, image, ContainerState::Running)
    }

    fn settings(discover: Discover, images: &[&str], registries: &[&str]) -> settings::Checks {
        let image = |image: &&str| ImageCheck { image: (*image).to_owned(), every: None, secret: None };
        let registry = |host: &&str| RegistryCheck { host: (*host).to_owned(), every: None };
        settings::Checks {
            discover,
            images: images.iter().map(image).collect(),
            registries: registries.iter().map(registry).collect(),
            ..Settings::default().checks
        }
    }

    fn names(settings: &settings::Checks, pods: &[Pod]) -> Vec<String> {
        let mut discovery = Discovery::default();
        discovery.observe(pods.iter(), settings.discover, at(0));
        let all = wanted(settings, &discovery, 64);
        all.iter().map(|one| format!("{}{}", one.name, if one.is_configured { "" } else { "*" })).collect()
    }

    #[test]
    fn what_the_settings_name_comes_first_and_public_registries_only_so() {
        let pods = [
            runs("a", "nginx:1"),
            runs("a", "r.corp.io/app:1"),
            runs("a", "s.corp.io:5000/app:1"),
            runs("b", "ghcr.io/x/y:1"),
            pod("b", "typo.corp.io/app:1", ContainerState::Unknown),
        ];
        let check = |settings: &settings::Checks, want: &[&str]| assert_eq!(names(settings, &pods), want);
        check(&settings(Discover::None, &["r.corp.io/x:1"], &["q.io"]), &["r.corp.io/x:1", "q.io"]);
        check(&settings(Discover::Registries, &[], &[]), &["r.corp.io*", "s.corp.io:5000*"]);
        check(&settings(Discover::Registries, &["r.corp.io/x:1"], &[]), &["r.corp.io/x:1", "s.corp.io:5000*"]);
        check(
            &settings(Discover::Images, &[], &["docker.io", "S.corp.io:5000"]),
            &["docker.io", "S.corp.io:5000", "r.corp.io*", "nginx:1*", "r.corp.io/app:1*", "s.corp.io:5000/app:1*"],
        );
    }

    #[test]
    fn one_image_with_two_secrets_is_two_checks_and_with_none_twice_is_one() {
        let mut settings = settings(Discover::None, &["r.io/a:1", "r.io/a:1", "r.io/a:1"], &[]);
        settings.images[2].secret = Some(SecretName { namespace: "prod".to_owned(), name: "regcred".to_owned() });
        assert_eq!(names(&settings, &[]), ["r.io/a:1", "r.io/a:1 with prod/regcred"]);
    }

    #[test]
    fn an_image_is_checked_with_its_pods_secret_where_it_has_just_one() {
        let discover = settings(Discover::Images, &[], &[]);
        let with = |secrets: &[&str]| {
            let mut pod = runs("shop", "r.io/a:1");
            pod.pull_secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
            names(&discover, &[pod])
        };
        assert_eq!(with(&["one"]), ["r.io*", "r.io/a:1*"]);
        assert_eq!(with(&["one", "two"]), ["r.io*"]);
    }

    #[test]
    fn a_registry_is_checked_for_a_day_after_its_last_pod_and_an_image_for_minutes() {
        let settings = settings(Discover::Images, &[], &[]);
        let mut discovery = Discovery::default();
        let mut check = |pods: &[Pod], hour: i64, want: &[&str]| {
            discovery.observe(pods.iter(), Discover::Images, at(hour));
            let all = wanted(&settings, &discovery, 64);
            assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), want, "{hour}");
        };
        check(&[runs("a", "r.io/a:1")], 0, &["r.io", "r.io/a:1"]);
        check(&[], 1, &["r.io"]);
        check(&[], 23, &["r.io"]);
        check(&[], 24, &[]);
    }

    #[test]
    fn a_namespace_with_many_registries_leaves_room_for_the_others() {
        let mut pods: Vec<Pod> = (0..500).map(|n| runs("a", &format!("r{n:03}.io/x:1"))).collect();
        pods.push(runs("b", "zz.io/x:1"));
        let found = names(&settings(Discover::Registries, &[], &[]), &pods);
        assert_eq!(found.len(), MOST_DISCOVERED);
        assert_eq!(found.last().unwrap(), "zz.io*");
        let many: Vec<String> = (0..100).map(|n| format!("q{n}.io")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let configured = settings(Discover::Registries, &[], &many);
        assert!(names(&configured, &pods).iter().all(|name| !name.ends_with('*')));
    }
}
