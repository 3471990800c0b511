//! A failure as a person and a program read it.

use super::attempts::Kind;
use super::failures::Failure;
use super::image;
use super::judge::{Judgement, Role};
use super::sentence;
use super::{Explained, SCHEMA, Span};
use crate::cause::{Code, Confidence, Severity};
use crate::finding::{Finding, Remedy};
use crate::text::clean;

/// As many bytes of a name are shown.
const NAME: usize = 300;

/// What is known of a failure when it is put into words.
pub(super) struct Facts<'failure> {
    pub(super) code: Code,
    pub(super) detail: Option<&'static str>,
    pub(super) host: Option<String>,
    pub(super) role: Role,
    pub(super) mirror_of: Option<&'failure str>,
    pub(super) image: Option<String>,
    /// The image's registry.
    pub(super) registry: Option<String>,
    pub(super) failure: &'failure Failure,
}

pub(super) fn explain(failure: &Failure) -> Explained {
    let code = failure.code();
    let image = failure.image.as_ref().map(|image| clean(&image.text, NAME)).filter(|image| is_a_name(image));
    let registry = image.as_deref().and_then(image::registry);
    let judgement = failure.judgement.as_ref();
    let facts = Facts {
        code,
        detail: judgement
            .and_then(|j| j.meaning.detail)
            .filter(|detail| code.row().details.iter().any(|row| row.name == *detail)),
        host: host(judgement, code, registry.as_deref()),
        role: judgement.map_or(Role::Registry, |j| j.role),
        mirror_of: judgement.and_then(|j| j.mirror_of.as_deref()),
        image: image.clone(),
        registry,
        failure,
    };
    let mut finding = sentence::finding(&facts);
    finding.confidence = judgement.map_or(Confidence::Possible, |j| j.meaning.confidence);
    finding.detail = facts.detail.map(str::to_owned);
    finding.host.clone_from(&facts.host);
    Explained {
        schema: SCHEMA.to_owned(),
        cause: Some(finding.to_cause()),
        also: also(failure, code),
        image,
        runtime: failure.runtime.map(|runtime| runtime.name().to_owned()),
        evidence: failure.places.iter().map(|place| Span { start: place.start, end: place.end }).collect(),
        findings: findings(&facts),
        remedy: finding.remedy,
        next: sentence::next(&facts),
    }
}

/// What a code alone says: the catalogue's words, of no image and no host.
pub(super) fn of_code(code: Code) -> Explained {
    Explained {
        cause: Some(Finding::new(code, code.row().meaning).to_cause()),
        remedy: from_the_catalogue(code),
        next: Vec::new(),
        ..nothing_found()
    }
}

pub(super) fn nothing_found() -> Explained {
    let tell = |text: &str, command: &[&str]| Finding::new(Code::Unknown, "").run(text, command).remedy;
    Explained {
        schema: SCHEMA.to_owned(),
        cause: None,
        also: Vec::new(),
        image: None,
        runtime: None,
        evidence: Vec::new(),
        findings: Vec::new(),
        remedy: Vec::new(),
        next: [
            tell(
                "paste what names the failure: the event `Failed to pull image` of the pod",
                &["kubectl", "describe", "pod", "<pod>"],
            ),
            tell("or examine the image on the node", &["pullagent", "probe", "<image>"]),
        ]
        .concat(),
    }
}

/// Whether it can name a host or an image at all: no name begins with a dash, and in a command it would be an option.
fn is_a_name(text: &str) -> bool {
    !text.starts_with('-')
}

/// The host that failed: as named, else the image's registry where a registry can have been it at all.
fn host(judgement: Option<&Judgement>, code: Code, registry: Option<&str>) -> Option<String> {
    let judgement = judgement?;
    let is_asked = !matches!(
        code,
        Code::ProxyDenied
            | Code::ProxyUnreachable
            | Code::RuntimeUnavailable
            | Code::DiskFull
            | Code::UnpackFailed
            | Code::KubeletThrottled
            | Code::NotPresentNeverPull
            | Code::InvalidReference
    );
    let fallback = || registry.map(str::to_owned).or_else(|| judgement.address.clone()).filter(|_| is_asked);
    judgement.host.clone().or_else(fallback).map(|host| clean(&host, NAME)).filter(|host| is_a_name(host))
}

/// What the text would allow as well.
fn also(failure: &Failure, code: Code) -> Vec<Code> {
    let told = failure.judgement.as_ref();
    let mut also: Vec<Code> = told.map_or(&[] as &[Code], |j| j.meaning.also).to_vec();
    if failure.lacks_secret {
        also.extend(told.map(|j| j.meaning.code));
    }
    also.retain(|other| *other != code);
    also.sort_unstable();
    also.dedup();
    also
}

/// The other attempts, and what else the text tells.
fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let failure = facts.failure;
    let mut findings = Vec::new();
    if failure.lacks_secret && facts.code != Code::SecretNotFound {
        let summary = "the kubelet could not read some of the pod's pull secrets; it goes on without them";
        findings.push(Finding::new(Code::SecretNotFound, summary).severity(Severity::Warning));
    }
    if failure.is_sandbox {
        let summary =
            "it is the pause image, which every pod on this node needs and which is pulled without pull secrets";
        findings.push(Finding::new(Code::SandboxImageMissing, summary));
    }
    findings.extend(failure.others.iter().map(|(kind, other)| {
        let meaning = other.meaning;
        let at = other.host.as_deref().map(|host| format!(" {}", clean(host, NAME))).unwrap_or_default();
        let (code, summary) = match kind {
            Kind::Mirror => (Code::MirrorUnavailable, format!("the mirror{at} fails as well: {}", meaning.code)),
            Kind::Upstream => (meaning.code, format!("the registry{at} itself fails as well: {}", meaning.code)),
            Kind::Login => (meaning.code, format!("with another login of the pod or node: {}{at}", meaning.code)),
        };
        let finding = Finding::new(code, summary).severity(Severity::Warning);
        other.host.as_deref().map_or(finding.clone(), |host| finding.at(&clean(host, NAME)))
    }));
    findings
}

/// The catalogue's words on what to do.
pub(super) fn from_the_catalogue(code: Code) -> Vec<Remedy> {
    code.row().remedy.iter().map(|text| Remedy { text: (*text).to_owned(), command: None }).collect()
}
