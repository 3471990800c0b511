//! What service accounts ask an API server for, by its own audit log. Judges no request.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::Value;

/// The policy's file, in the folder that the API server works in.
pub(super) const POLICY: &str = "audit-policy.yaml";
/// The log, there too.
pub(super) const LOG: &str = "audit.log";

/// Everything else is asked by the tests themselves.
const RULES: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n\
                     - { level: Metadata, userGroups: ['system:serviceaccounts'] }\n- { level: None }\n";

/// A kind of request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// As in a rule of RBAC.
    pub verb: String,
    /// The group; empty for the core.
    pub group: String,
    /// The resource, with its subresource: `pods/exec`.
    pub resource: String,
    /// Whether the API server allowed it.
    pub is_allowed: bool,
}

pub(super) fn write_policy(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join(POLICY), RULES)
}

pub(super) fn read(folder: &Path, user: &str) -> io::Result<BTreeSet<Call>> {
    let text = std::fs::read_to_string(folder.join(LOG))?;
    // The last line may be half written.
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(events.filter(|event| event["user"]["username"] == user).filter_map(|event| call(&event)).collect())
}

/// None for what is no resource, such as `/version`.
fn call(event: &Value) -> Option<Call> {
    let object = event.get("objectRef")?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let resource = match object["subresource"].as_str() {
        Some(sub) => format!("{}/{sub}", word(&object["resource"])),
        None => word(&object["resource"]),
    };
    Some(Call {
        verb: word(&event["verb"]),
        group: word(&object["apiGroup"]),
        resource,
        is_allowed: event["responseStatus"]["code"] != 403,
    })
}
