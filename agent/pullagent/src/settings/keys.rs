//! The names of all settings and how each is read. What they mean is for `settings`.

use super::document::Node;
use super::problem::Problem;
use super::section::{Reading, Section, read_section};
use super::values::{
    address, address_range, choice, count, endpoint, flag, folder, group, host, image, interval, node_name,
    secret_name, settle, share, socket_path,
};
use super::{Discover, IdentityChoice, ImageCheck, Plugins, RegistryCheck, SecretName, Settings, WatchPull};

/// The version of the settings that this program reads.
const API_VERSION: &str = "pullagent.dev/v1";

/// The words of `kubernetes.identity`.
const IDENTITIES: &[(&str, IdentityChoice)] = &[
    ("auto", IdentityChoice::Auto),
    ("kubelet", IdentityChoice::Kubelet),
    ("serviceAccount", IdentityChoice::ServiceAccount),
    ("kubeconfig", IdentityChoice::Kubeconfig),
    ("none", IdentityChoice::None),
];

/// The words of `credentials.plugins`.
const PLUGINS: &[(&str, Plugins)] = &[("auto", Plugins::Auto), ("always", Plugins::Always), ("never", Plugins::Never)];

/// The words of `watch.pull`.
const PULLS: &[(&str, WatchPull)] = &[("auto", WatchPull::Auto), ("never", WatchPull::Never)];

/// The words of `checks.discover`.
const DISCOVER: &[(&str, Discover)] =
    &[("registries", Discover::Registries), ("images", Discover::Images), ("none", Discover::None)];

/// Puts what `document` gives into `settings`, and what is wrong with it into `problems`.
pub(super) fn apply(document: &Node, settings: &mut Settings, problems: &mut Vec<Problem>) {
    let mut reading = Reading::default();
    read_section(Some(document), "", &mut reading, |root| read_all(root, settings));
    problems.append(&mut reading.problems);
}

/// The keys that have one value each.
pub(super) fn scalars() -> Vec<String> {
    let mut reading = Reading::default();
    read_section(None, "", &mut reading, |root| read_all(root, &mut Settings::default()));
    reading.scalars.retain(|key| key != "apiVersion");
    reading.scalars
}

fn read_all(root: &mut Section<'_>, settings: &mut Settings) {
    let Settings {
        node,
        host_root,
        runtime,
        kubernetes,
        credentials,
        watch,
        checks,
        examine,
        events,
        http,
        metrics,
        socket,
    } = settings;
    root.value("apiVersion", &mut (), |node| choice(node, &[(API_VERSION, ())]));
    root.section("node", |section| section.value("name", &mut node.name, node_name));
    root.value("hostRoot", host_root, folder);
    root.section("runtime", |section| section.value("endpoint", &mut runtime.endpoint, endpoint));
    root.section("kubernetes", |section| {
        section.value("identity", &mut kubernetes.identity, |node| choice(node, IDENTITIES));
    });
    root.section("credentials", |section| {
        section.value("plugins", &mut credentials.plugins, |node| choice(node, PLUGINS));
    });
    root.section("watch", |section| {
        section.value("pods", &mut watch.pods, flag);
        section.value("settle", &mut watch.settle, settle);
        section.value("pull", &mut watch.pull, |node| choice(node, PULLS));
    });
    root.section("checks", |section| {
        section.value("discover", &mut checks.discover, |node| choice(node, DISCOVER));
        section.value("every", &mut checks.every, interval);
        section.value("sample", &mut checks.sample, share);
        section.list("images", &mut checks.images, image_check);
        section.list("registries", &mut checks.registries, registry_check);
    });
    root.section("examine", |section| {
        section.list("denyAddresses", &mut examine.deny_addresses, |node, key, reading| {
            let range = address_range(node);
            range.map_err(|what| reading.problems.push(Problem::new(node.place.clone(), key, what))).ok()
        });
    });
    root.section("events", |section| {
        section.value("pods", &mut events.pods, flag);
        section.value("node", &mut events.node, flag);
        section.value("perMinute", &mut events.per_minute, count);
        section.value("burst", &mut events.burst, count);
    });
    root.section("http", |section| {
        section.value("listen", &mut http.listen, address);
        section.value("reports", &mut http.reports, flag);
    });
    root.section("metrics", |section| section.value("listen", &mut metrics.listen, address));
    root.section("socket", |section| {
        section.value("path", &mut socket.path, socket_path);
        section.value("group", &mut socket.group, group);
    });
}

fn image_check(node: &Node, key: &str, reading: &mut Reading) -> Option<ImageCheck> {
    let mut check = ImageCheck { image: String::new(), every: None, secret: None };
    let before = reading.problems.len();
    read_section(Some(node), key, reading, |section| {
        section.value("image", &mut check.image, image);
        section.value("every", &mut check.every, |node| interval(node).map(Some));
        section.value("secret", &mut check.secret, |node| secret_name(node).map(Option::<SecretName>::Some));
    });
    complete(check, |check| &check.image, "image", (node, key, before), reading)
}

fn registry_check(node: &Node, key: &str, reading: &mut Reading) -> Option<RegistryCheck> {
    let mut check = RegistryCheck { host: String::new(), every: None };
    let before = reading.problems.len();
    read_section(Some(node), key, reading, |section| {
        section.value("host", &mut check.host, host);
        section.value("every", &mut check.every, |node| interval(node).map(Some));
    });
    complete(check, |check| &check.host, "host", (node, key, before), reading)
}

/// An item, if nothing is wrong with it and it has the one `field` that it cannot do without.
fn complete<T>(
    item: T,
    required: fn(&T) -> &String,
    field: &str,
    (node, key, before): (&Node, &str, usize),
    reading: &mut Reading,
) -> Option<T> {
    if reading.problems.len() > before {
        return None;
    }
    if required(&item).is_empty() {
        reading.problems.push(Problem::new(node.place.clone(), key, format!("it must have the key `{field}`")));
        return None;
    }
    Some(item)
}
