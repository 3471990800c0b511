//! What each secret of a namespace is to the kubelet, by name.
//!
//! How one is read is the business of `pull_secret`; here stands also what was not read.

use std::collections::BTreeMap;

use super::NAME;
use super::given::Namespace;
use crate::config::dockerconfigjson::{ConfigEntry, Fault, MalformedConfig};
use crate::not_checked::NotChecked;
use crate::pull_secret::{PullSecret, SecretFound, Usable};
use crate::text::clean;

/// Bytes of words from elsewhere.
const WORDS: usize = 300;

/// What the kubelet makes of a secret.
#[derive(Clone, Debug)]
pub(super) enum Content<'given> {
    /// These logins, perhaps none.
    Logins { kind: &'given str, entries: Vec<ConfigEntry> },
    /// It passes it over without a word.
    Skipped { kind: &'given str, field: String, why: String },
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
        contents.entry(&secret.name).or_insert_with(|| content(secret));
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

fn content(secret: &PullSecret) -> Content<'_> {
    match &secret.found {
        SecretFound::Secret { kind, .. } => match secret.usable() {
            Some(Usable::Logins(entries)) => Content::Logins { kind, entries },
            Some(Usable::PassedOver { field, why }) => Content::Skipped { kind, field, why },
            Some(Usable::Broken(error)) => Content::Malformed { kind, error },
            None => Content::Unread { why: "it was not read".to_owned() },
        },
        SecretFound::Absent { elsewhere } => Content::Absent { elsewhere },
        SecretFound::NotRead { why } => Content::Unread { why: clean(why, WORDS) },
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
