//! One row a secret: whether it is there, what the kubelet makes of it, and who refers to it.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NAME;
use super::content::{Content, kubelet_words};
use super::given::Namespace;
use super::keys::{KeyRow, Uses};
use super::lookup::Lookups;
use crate::text::clean;

/// Keys of a secret that are shown.
const MOST_KEYS: usize = 100;

/// Names, of which only the first are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub names: Vec<String>,
}

/// A pull secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// What the kubelet makes of it.
    pub state: SecretState,
    /// Its type; absent where it was not read.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is wrong with it, or why it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<SecretFault>,
    /// Other namespaces that have one of its name, where it is absent and they were looked at.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub elsewhere: Names,
    /// The pods that name it.
    pub pods: Names,
    /// The service accounts that list it.
    pub service_accounts: Names,
    /// The images for which a login of it is offered, of the pods that name it.
    pub images: Names,
    /// Its keys, in the order of the document.
    pub keys: Vec<KeyRow>,
    /// How many keys are not shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub further_keys: usize,
}

/// What the kubelet makes of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretState {
    /// It reads its logins.
    Usable,
    /// It passes it over without a word: the wrong type or key, or nothing in it.
    Skipped,
    /// It cannot read it and pulls no image of the pods that name it.
    Malformed,
    /// There is none.
    Absent,
    /// It was not read by us, so that nobody knows.
    NotRead,
}

/// What is wrong with a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretFault {
    /// The field, such as `auths["quay.io"].auth`, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong; goes on after the field if there is one.
    pub why: String,
    /// What is in the kubelet's message then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<String>,
}

impl Names {
    /// As many are told.
    pub(super) const MOST: usize = 10;

    /// The first of `names`, and how many there are.
    pub(super) fn of(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut all = Self::default();
        for name in names {
            all.count += 1;
            if all.names.len() < Self::MOST {
                all.names.push(clean(name.as_ref(), NAME));
            }
        }
        all
    }

    /// The names after what they are, which is one or several of `what`; `None` if there are none.
    pub fn counted(&self, what: &str) -> Option<String> {
        match self.count {
            0 => None,
            1 => Some(format!("{what} {self}")),
            _ => Some(format!("{what}s {self}")),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for Names {
    /// `a`, `a and b`, `a, b, c and 9 more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let shown = &self.names[..self.names.len().min(SHOWN)];
        if self.count > shown.len() {
            return write!(f, "{} and {} more", shown.join(", "), self.count - shown.len());
        }
        match shown.split_last() {
            Some((last, [])) => f.write_str(last),
            Some((last, before)) => write!(f, "{} and {last}", before.join(", ")),
            None => f.write_str("none"),
        }
    }
}

impl SecretState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Skipped => "skipped",
            Self::Malformed => "malformed",
            Self::Absent => "absent",
            Self::NotRead => "not read",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Who refers to each secret: the pods and the service accounts, by its name.
pub(super) struct References<'given> {
    pods: BTreeMap<&'given str, Vec<&'given str>>,
    accounts: BTreeMap<&'given str, Vec<&'given str>>,
}

impl<'given> References<'given> {
    pub(super) fn new(namespace: &'given Namespace) -> Self {
        let mut references = Self { pods: BTreeMap::new(), accounts: BTreeMap::new() };
        let of_pods = namespace.live_pods().map(|pod| (&pod.name, &pod.pull_secrets));
        let of_accounts = namespace.service_accounts.iter().map(|account| (&account.name, &account.pull_secrets));
        for (name, secrets) in of_pods {
            add(&mut references.pods, name, secrets);
        }
        for (name, secrets) in of_accounts {
            add(&mut references.accounts, name, secrets);
        }
        references
    }

    /// The pods that name `secret`.
    pub(super) fn pods(&self, secret: &str) -> Names {
        Names::of(self.pods.get(secret).into_iter().flatten())
    }

    /// The service accounts that list `secret`.
    pub(super) fn accounts(&self, secret: &str) -> Names {
        Names::of(self.accounts.get(secret).into_iter().flatten())
    }
}

/// A name may be in a list twice.
fn add<'given>(to: &mut BTreeMap<&'given str, Vec<&'given str>>, name: &'given str, secrets: &'given [String]) {
    for secret in secrets {
        let names = to.entry(secret).or_default();
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
}

/// A row for every secret, by name.
pub(super) fn rows(
    namespace: &Namespace,
    contents: &BTreeMap<&str, Content<'_>>,
    lookups: &Lookups<'_>,
) -> Vec<SecretRow> {
    let references = References::new(namespace);
    let uses = Uses::new(contents, lookups);
    contents
        .iter()
        .map(|(name, content)| {
            let mut row = SecretRow {
                name: clean(name, NAME),
                state: SecretState::Usable,
                kind: None,
                fault: None,
                elsewhere: Names::default(),
                pods: references.pods(name),
                service_accounts: references.accounts(name),
                images: uses.images(name),
                keys: Vec::new(),
                further_keys: 0,
            };
            let fault = |field: Option<&str>, why: &str, kubelet: Option<&str>| {
                let owned = |text: Option<&str>| text.map(str::to_owned);
                Some(SecretFault { field: owned(field), why: why.to_owned(), kubelet: owned(kubelet) })
            };
            match content {
                Content::Logins { kind, entries } => {
                    row.kind = Some(clean(kind, NAME));
                    row.keys = entries.iter().take(MOST_KEYS).map(|entry| uses.row(name, entry)).collect();
                    row.further_keys = entries.len().saturating_sub(MOST_KEYS);
                }
                Content::Skipped { kind, field, why } => {
                    row.state = SecretState::Skipped;
                    row.kind = Some(clean(kind, NAME));
                    row.fault = fault(Some(field), why, None);
                }
                Content::Malformed { kind, error } => {
                    row.state = SecretState::Malformed;
                    row.kind = Some(clean(kind, NAME));
                    let why = error.fault.to_string();
                    row.fault = fault(Some(&error.field), &why, Some(kubelet_words(error.fault)));
                }
                Content::Absent { elsewhere } => {
                    row.state = SecretState::Absent;
                    row.elsewhere = Names::of(*elsewhere);
                }
                Content::Unread { why } => {
                    row.state = SecretState::NotRead;
                    row.fault = fault(None, why, None);
                }
            }
            row
        })
        .collect()
}
