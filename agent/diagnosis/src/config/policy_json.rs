//! policy.json: which images containers-image lets in, by the name that they are pulled under.
//!
//! Only what is decided before anything is fetched is told: a refusal. What signatures a registry must have is not
//! checked. Copied rules: go.podman.io/image/v5 `signature/policy_config.go`, `signature/policy_eval.go`
//! `requirementsForImageRef`, `docker/policyconfiguration/naming.go`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::files::{Files, NotRead};
use crate::reference::Reference;

/// The file of a system service.
pub const FILE: &str = "/etc/containers/policy.json";
/// Where newer distributions keep the one that holds until somebody writes their own.
const SHIPPED: &str = "/usr/share/containers/policy.json";

/// The requirements by scope. All requirements of a scope must be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    default: Vec<Requirement>,
    /// Those of `transports.docker`.
    docker: BTreeMap<String, Vec<Requirement>>,
}

/// One requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Requirement {
    /// `insecureAcceptAnything`
    Accept,
    /// `reject`
    Reject,
    /// `signedBy`, `signedBaseLayer`, `sigstoreSigned`
    Signed,
}

/// Why no image at all can be pulled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read; also if it is absent.
    #[error("open {path}: {why}")]
    Read {
        /// The file.
        path: String,
        /// In the words of the operating system.
        why: NotRead,
    },
    /// It is no JSON, or not of this form.
    #[error("{path} is no valid policy (line {line})")]
    Json {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
    },
    /// Without any requirement.
    #[error("{path}: {place} has no requirement; there must be at least one")]
    Empty {
        /// The file.
        path: String,
        /// `default`, or a scope.
        place: String,
    },
    /// A requirement of a kind that is not known.
    #[error("{path}: {place} has a requirement of an unknown type")]
    UnknownType {
        /// The file.
        path: String,
        /// `default`, or a scope.
        place: String,
    },
}

impl PolicyError {
    /// Whether the file is there and we could not read it, of which the runtime may think otherwise.
    pub fn is_closed_to_us(&self) -> bool {
        matches!(self, Self::Read { why: NotRead::Unreadable(_), .. })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    default: Vec<JsonRequirement>,
    #[serde(default)]
    transports: BTreeMap<String, BTreeMap<String, Vec<JsonRequirement>>>,
}

/// The keys beside the type depend on it, and do not matter here.
#[derive(Deserialize)]
struct JsonRequirement {
    r#type: String,
}

impl Policy {
    /// Reads the system's file.
    pub fn read_system(files: &Files) -> Result<Self, PolicyError> {
        let path = if files.read(FILE) == Err(NotRead::Absent) && files.read(SHIPPED).is_ok() { SHIPPED } else { FILE };
        Self::read(files, path)
    }

    /// Reads the file at a path.
    pub fn read(files: &Files, path: &str) -> Result<Self, PolicyError> {
        let content = files.read(path).map_err(|why| PolicyError::Read { path: path.to_owned(), why })?;
        let json: Json = serde_json::from_slice(content)
            .map_err(|error| PolicyError::Json { path: path.to_owned(), line: error.line() })?;
        let mut docker = BTreeMap::new();
        for (transport, scopes) in &json.transports {
            for (scope, requirements) in scopes {
                let place = format!("transports.{transport}.\"{}\"", crate::text::clean(scope, 120));
                let read = requirements_of(path, &place, requirements)?;
                if transport == "docker" {
                    docker.insert(scope.clone(), read);
                }
            }
        }
        Ok(Self { default: requirements_of(path, "default", &json.default)?, docker })
    }

    /// The scope that rejects every image of this name, `default` among them; `None` if none does. `reference` is as the
    /// image is pulled, mirrors aside: they do not change which policy holds.
    pub fn rejects(&self, reference: &Reference) -> Option<String> {
        let scope = scopes(reference).into_iter().find(|scope| self.docker.contains_key(scope));
        let requirements = scope.as_ref().and_then(|scope| self.docker.get(scope)).unwrap_or(&self.default);
        let scope = scope.unwrap_or_else(|| "default".to_owned());
        requirements.contains(&Requirement::Reject).then(|| if scope.is_empty() { "docker".to_owned() } else { scope })
    }
}

fn requirements_of(path: &str, place: &str, written: &[JsonRequirement]) -> Result<Vec<Requirement>, PolicyError> {
    let (path, place) = (path.to_owned(), place.to_owned());
    if written.is_empty() {
        return Err(PolicyError::Empty { path, place });
    }
    let kind = |requirement: &JsonRequirement| match requirement.r#type.as_str() {
        "insecureAcceptAnything" => Some(Requirement::Accept),
        "reject" => Some(Requirement::Reject),
        "signedBy" | "signedBaseLayer" | "sigstoreSigned" => Some(Requirement::Signed),
        _ => None,
    };
    let known: Option<Vec<Requirement>> = written.iter().map(kind).collect();
    known.ok_or(PolicyError::UnknownType { path, place })
}

/// The scopes of a reference, the narrowest first: itself, its repository, every path above, its host, and its host's
/// domains with `*.` in front; last the whole transport.
fn scopes(reference: &Reference) -> Vec<String> {
    let name = reference.name();
    let mut scopes = vec![reference.to_string(), name.clone()];
    let mut rest = name.as_str();
    while let Some((above, _)) = rest.rsplit_once('/') {
        scopes.push(above.to_owned());
        rest = above;
    }
    // What is left is the host, whose port belongs to every wildcard as well.
    let mut domain = rest;
    while let Some((_, above)) = domain.split_once('.') {
        scopes.push(format!("*.{above}"));
        domain = above;
    }
    scopes.push(String::new());
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Policy, PolicyError> {
        let mut files = Files::default();
        files.insert_file(FILE, text);
        Policy::read_system(&files)
    }

    const SCOPES: &str = r#"{
        "default": [{"type": "reject"}],
        "transports": {
            "docker": {
                "": [{"type": "insecureAcceptAnything"}],
                "docker.io": [{"type": "reject"}],
                "docker.io/library": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}],
                "docker.io/library/busybox:1": [{"type": "insecureAcceptAnything"}, {"type": "reject"}],
                "*.corp.io": [{"type": "reject"}],
                "ok.corp.io": [{"type": "insecureAcceptAnything"}],
                "corp.io:5000": [{"type": "reject"}]
            },
            "docker-daemon": {"": [{"type": "insecureAcceptAnything"}]}
        }
    }"#;

    #[track_caller]
    fn check(image: &str, want: Option<&str>) {
        let reference = Reference::parse(image).unwrap();
        assert_eq!(read(SCOPES).unwrap().rejects(&reference).as_deref(), want, "{image}");
    }

    #[test]
    fn the_narrowest_scope_decides_alone() {
        check("quay.io/a/b", None);
        check("docker.io/grafana/loki", Some("docker.io"));
        check("nginx", None);
        check("busybox:1", Some("docker.io/library/busybox:1"));
        check("busybox:2", None);
        check("a.corp.io/x", Some("*.corp.io"));
        check("a.b.corp.io/x", Some("*.corp.io"));
        check("ok.corp.io/x/y/z", None);
        check("corp.io/x", None);
        check("corp.io:5000/x", Some("corp.io:5000"));
        let all = read(r#"{"default": [{"type": "reject"}]}"#).unwrap();
        assert_eq!(all.rejects(&Reference::parse("nginx").unwrap()).as_deref(), Some("default"));
    }

    #[test]
    fn a_missing_or_broken_file_is_an_error_that_names_it() {
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(
            Policy::read_system(&Files::default()).unwrap_err().to_string(),
            "open /etc/containers/policy.json: no such file or directory"
        );
        assert_eq!(error("{\n\"default\": x}"), "/etc/containers/policy.json is no valid policy (line 2)");
        assert!(error("{}").contains("no valid policy"));
        assert!(error(r#"{"default": [{"type": "reject"}], "extra": 1}"#).contains("no valid policy"));
        assert!(error(r#"{"default": []}"#).contains("default has no requirement"));
        assert!(error(r#"{"default": [{"type": "hope"}]}"#).contains("default has a requirement of an unknown type"));
    }

    #[test]
    fn the_shipped_file_holds_where_there_is_no_other() {
        let mut files = Files::default();
        files.insert_file(SHIPPED, r#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
        assert!(Policy::read_system(&files).is_ok());
        files.insert_file(FILE, "");
        assert!(Policy::read_system(&files).is_err());
    }
}
