//! The pull secrets of a namespace: whether they are there and can be read, and which images each of their keys serves.
//!
//! It is computed from what was read and contacts nothing. No field can hold a password or what one is encoded in.

mod content;
mod findings;
mod given;
mod keys;
mod lookup;
mod reach;
mod rows;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::NotChecked;
use crate::cause::Severity;
use crate::finding::Finding;
use crate::report::schema_of;
use crate::text::clean;

pub use given::{Namespace, ServiceAccount};
pub use keys::{KeyNote, KeyNoteKind, KeyRow};
pub use lookup::{ImageRow, LoginName, NearestKey};
pub use rows::{Names, SecretFault, SecretRow, SecretState};

/// The `schema` of the JSON.
pub const SCHEMA: &str = "pullagent.dev/secrets/v1";

/// Bytes of a name.
const NAME: usize = 253;
/// Findings of one code; what is beyond is counted.
const MOST_FINDINGS: usize = 50;

/// The pull secrets of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullSecrets {
    /// `pullagent.dev/secrets/v1`.
    pub schema: String,
    /// The namespace.
    pub namespace: String,
    /// How many pods were looked at; those that are being deleted are not.
    pub pods: usize,
    /// Every secret that pods or service accounts refer to, and the ones for registries that nobody refers to, by name.
    pub secrets: Vec<SecretRow>,
    /// The images of the pods without tag and digest, with the logins that their pull secrets have for them, by name.
    pub images: Vec<ImageRow>,
    /// What fails, does nothing or serves nothing, the worst first.
    pub findings: Vec<Finding>,
    /// What was not looked at.
    pub not_checked: Vec<NotChecked>,
}

/// What the pull secrets of `namespace` are good for.
///
/// Logins of the node's own file and of credential provider plugins are not known here: an image without a login may
/// have one of those, and may need none.
pub fn pull_secrets(namespace: &Namespace) -> PullSecrets {
    let contents = content::contents(namespace);
    let lookups = lookup::lookups(namespace, &contents);
    let mut findings = findings::findings(namespace, &contents, &lookups);
    findings.extend(reach::findings(namespace, &contents, &lookups));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut not_checked = namespace.not_checked.clone();
    not_checked.extend(content::not_checked(&contents));
    not_checked.extend(lookups.not_checked());
    PullSecrets {
        schema: SCHEMA.to_owned(),
        namespace: clean(&namespace.name, NAME),
        pods: namespace.live_pods().count(),
        secrets: rows::rows(namespace, &contents, &lookups),
        images: lookups.rows(),
        findings: at_most(findings, &mut not_checked),
        not_checked,
    }
}

impl PullSecrets {
    /// Whether anything in it is a warning or worse.
    pub fn warns(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity >= Severity::Warning)
    }

    /// Whether there is nothing to tell: no pull secret, and nobody who refers to one.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.findings.is_empty() && self.not_checked.is_empty()
    }
}

/// The first of the findings of each code; the rest is counted.
fn at_most(findings: Vec<Finding>, not_checked: &mut Vec<NotChecked>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    let mut left_out = 0;
    for finding in findings {
        if kept.iter().filter(|other| other.code == finding.code).count() < MOST_FINDINGS {
            kept.push(finding);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let why = format!("there are more than {MOST_FINDINGS} of one kind");
        not_checked.push(NotChecked::new(format!("{left_out} further findings"), why));
    }
    kept
}

/// The JSON schema of a namespace's pull secrets.
pub fn schema() -> Value {
    schema_of::<PullSecrets>()
}

#[cfg(test)]
mod tests;
