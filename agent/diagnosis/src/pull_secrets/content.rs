//! What the kubelet makes of each secret: logins, nothing, or an error that fails the pod's image.
//!
//! Copied rules: Kubernetes 1.36 pkg/credentialprovider/secrets/secrets.go `MakeDockerKeyring`.

use std::collections::BTreeMap;

use super::NAME;
use super::given::{FoundSecret, Namespace};
use crate::config::dockerconfigjson::{ConfigEntry, Fault, MalformedConfig, parse_dockercfg, parse_dockerconfigjson};
use crate::not_checked::NotChecked;
use crate::secret::Secret;
use crate::text::clean;

/// The type whose key is [`CONFIG_KEY`].
const CONFIG_TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The older type, whose key is [`OLD_KEY`].
const OLD_TYPE: &str = "kubernetes.io/dockercfg";
const CONFIG_KEY: &str = ".dockerconfigjson";
const OLD_KEY: &str = ".dockercfg";
/// Bytes of words from elsewhere.
const WORDS: usize = 300;

/// What the kubelet makes of a secret.
#[derive(Clone, Debug)]
pub(super) enum Content<'given> {
    /// These logins, perhaps none.
    Logins { kind: &'given str, entries: Vec<ConfigEntry> },
    /// It passes it over without a word.
    Skipped { kind: &'given str, why: String },
    /// It fails every look-up of logins in which the secret takes part.
    Malformed { kind: &'given str, error: MalformedConfig },
    /// There is none.
    Absent { elsewhere: &'given [String] },
    /// Nobody knows.
    Unread { why: String },
}

/// What the kubelet makes of each secret that is referred to or was found, by name.
pub(super) fn contents(namespace: &Namespace) -> BTreeMap<&str, Content<'_>> {
    let mut contents: BTreeMap<&str, Content<'_>> = BTreeMap::new();
    for secret in &namespace.secrets {
        contents.entry(&secret.name).or_insert_with(|| content(&secret.found));
    }
    let of_pods = namespace.live_pods().flat_map(|pod| &pod.pull_secrets);
    let of_accounts = namespace.service_accounts.iter().flat_map(|account| &account.pull_secrets);
    for name in of_pods.chain(of_accounts) {
        contents.entry(name).or_insert_with(|| Content::Unread { why: "it was not asked for".to_owned() });
    }
    contents
}

/// The secrets of which nobody knows.
pub(super) fn not_checked(contents: &BTreeMap<&str, Content<'_>>) -> Vec<NotChecked> {
    let unread = contents.iter().filter_map(|(name, content)| match content {
        Content::Unread { why } => Some(NotChecked::new(format!("secret {}", clean(name, NAME)), why)),
        _ => None,
    });
    unread.collect()
}

fn content(found: &FoundSecret) -> Content<'_> {
    match found {
        FoundSecret::Read { kind, dockerconfigjson, dockercfg } => match kind.as_str() {
            CONFIG_TYPE => read(kind, dockerconfigjson.as_ref(), dockercfg.as_ref(), CONFIG_KEY, OLD_KEY),
            OLD_TYPE => read(kind, dockercfg.as_ref(), dockerconfigjson.as_ref(), OLD_KEY, CONFIG_KEY),
            _ => Content::Skipped {
                kind,
                why: format!("its type is `{}` instead of `{CONFIG_TYPE}`", clean(kind, WORDS)),
            },
        },
        FoundSecret::Absent { elsewhere } => Content::Absent { elsewhere },
        FoundSecret::Unreadable { why } => Content::Unread { why: clean(why, WORDS) },
    }
}

/// A secret of one of the two types: `wanted` is what stands under its `key`, `other` what stands under the other type's.
fn read<'given>(
    kind: &'given str,
    wanted: Option<&Secret<String>>,
    other: Option<&Secret<String>>,
    key: &str,
    other_key: &str,
) -> Content<'given> {
    let text = wanted.map(|text| text.expose().as_str()).unwrap_or_default();
    if text.is_empty() {
        let instead = match (wanted, other) {
            (_, Some(_)) => format!("it has `{other_key}`, which belongs to the other type, and no `{key}`"),
            (Some(_), None) => format!("its `{key}` is empty"),
            (None, None) => format!("it has no `{key}`"),
        };
        return Content::Skipped { kind, why: instead };
    }
    let entries = if key == CONFIG_KEY { parse_dockerconfigjson(text) } else { parse_dockercfg(text) };
    match entries {
        Ok(entries) => Content::Logins { kind, entries },
        Err(error) => Content::Malformed { kind, error },
    }
}

/// How the kubelet's error begins, or what is in it, for one of ours.
pub(super) fn kubelet_words(fault: Fault) -> &'static str {
    match fault {
        // The only fault that ends behind the last byte.
        Fault::NotJson { column: 0, .. } => "unexpected end of JSON input",
        Fault::NotJson { .. } | Fault::ByteOrderMark | Fault::EncodedTwice => "invalid character",
        Fault::TooDeep => "exceeded max depth",
        Fault::NotAnObject | Fault::NotAString => "json: cannot unmarshal",
        Fault::NotBase64 => "illegal base64 data at input byte",
        Fault::NoColon => "unable to parse auth field, must be formatted as base64(username:password)",
    }
}
