//! What the page says, and that no foreign text acts in it. `PAGE=FILE` writes it out, to be looked at.

use pullagent_diagnosis::cause::Code;
use pullagent_diagnosis::diagnosis::{PodReport, RuntimeReport};
use pullagent_diagnosis::pod::KubeletWords;

use super::*;
use crate::fixtures::{failing, reports};
use crate::memory::{CheckRun, Memory, PodName};

fn now() -> Timestamp {
    reports()[0].started_at + jiff::SignedDuration::from_mins(5)
}

fn node() -> NodeReport {
    let runtime = RuntimeReport {
        name: "containerd".into(),
        version: "v2.1.4".into(),
        endpoint: "unix:///run/containerd/containerd.sock".into(),
    };
    NodeReport { name: "node-7.corp.io".into(), os: "linux".into(), arch: "amd64".into(), runtime: Some(runtime) }
}

/// Makes a report one of a pod, with the words of its kubelet.
fn of_pod(report: &mut Diagnosis, pod: &PodName) {
    let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
    report.pod = Some(PodReport { namespace, name, uid: "u".into(), container: "api".into() });
    let message = format!(
        "failed to pull and unpack image \"{0}\": failed to resolve reference \"{0}\": {0}: not found",
        report.target.image
    );
    let (since, retry_by) = (now() - jiff::SignedDuration::from_mins(9), now() + jiff::SignedDuration::from_mins(3));
    report.kubelet = Some(KubeletWords { reason: "ImagePullBackOff".into(), message, since, retry_by: Some(retry_by) });
}

/// A node with some of everything.
fn full() -> Memory {
    let memory = Memory::default();
    memory.set_node(node());
    let run = |verdict, cause, summary: Option<&str>| CheckRun {
        verdict,
        cause,
        summary: summary.map(str::to_owned),
        at: now() - jiff::SignedDuration::from_mins(7),
        took_ms: 212,
    };
    let state = |name: &str, host: &str, configured, last| CheckState {
        name: name.into(),
        host: host.into(),
        configured,
        last,
    };
    let expired = "the certificate of registry.corp.io expired on 2026-11-20";
    memory.set_checks([
        state("registry.corp.io/team/app:1.4", "registry.corp.io", true, Some(run(Verdict::Pullable, None, None))),
        state(
            "registry.corp.io",
            "registry.corp.io",
            true,
            Some(run(Verdict::Failing, Some(Code::TlsCertificateExpired), Some(expired))),
        ),
        state("quay.io", "quay.io", false, None),
    ]);
    for (number, mut report) in reports().into_iter().enumerate() {
        let pod = PodName { namespace: "prod".into(), name: format!("api-7c9d8f6b5-x{number}") };
        if number != 4 {
            of_pod(&mut report, &pod);
        }
        memory.remember((number != 4).then_some(&pod), &report);
    }
    memory
}

#[test]
fn the_page_says_what_a_person_needs() {
    let page = render(&full().snapshot(), now());
    if let Some(path) = std::env::var_os("PAGE") {
        std::fs::write(path, &page).unwrap();
    }
    for said in [
        "Image pulls on <bdi>node-7.corp.io</bdi>",
        "<bdi>containerd</bdi> <bdi>2.1.4</bdi>",
        "TlsCertificateExpired",
        "renew the certificate on the server",
        "registry (whoever runs it)",
        "expired",
        "not tried",
        "Not checked, and why",
        "Not run yet",
        "7 minutes ago",
        "Pod <bdi>prod</bdi>/<bdi>api-7c9d8f6b5-x0</bdi>, container <bdi>api</bdi>",
        "ImagePullBackOff: failed to pull and unpack image",
        "Retry by",
    ] {
        assert!(page.contains(said), "{said} is not on the page");
    }
}

#[test]
fn an_empty_node_has_a_page_too() {
    let page = render(&Memory::default().snapshot(), now());
    assert!(page.contains("No check is configured") && page.contains("No image was examined yet"), "{page}");
}

#[test]
fn no_foreign_text_acts_on_the_page() {
    const HOSTILE: &str = "<script>alert(1)</script>\" onload='x' \u{202e}gpj.exe\u{200b}&lt;<img src=//evil.io/a>";
    let mut report = failing(HOSTILE);
    HOSTILE.clone_into(&mut report.node.name);
    report.hops.iter_mut().for_each(|hop| HOSTILE.clone_into(&mut hop.host));
    report.hops.iter_mut().for_each(|hop| HOSTILE.clone_into(&mut hop.via));
    report.credentials.iter_mut().for_each(|row| HOSTILE.clone_into(&mut row.source));
    report.remedy.iter_mut().for_each(|remedy| remedy.command = Some(HOSTILE.to_owned()));
    report.findings.iter_mut().for_each(|finding| HOSTILE.clone_into(&mut finding.summary));
    if let Some(cause) = &mut report.cause {
        HOSTILE.clone_into(&mut cause.summary);
        cause.detail = Some(HOSTILE.to_owned());
    }
    report.not_checked.iter_mut().for_each(|one| HOSTILE.clone_into(&mut one.why));
    of_pod(&mut report, &PodName { namespace: HOSTILE.into(), name: HOSTILE.into() });
    report.pod.as_mut().unwrap().container = HOSTILE.into();
    report.kubelet.as_mut().unwrap().reason = HOSTILE.into();
    let memory = Memory::default();
    memory.set_node(NodeReport { name: HOSTILE.into(), ..node() });
    memory.remember(Some(&PodName { namespace: HOSTILE.into(), name: HOSTILE.into() }), &report);
    memory.set_checks([CheckState { name: HOSTILE.into(), host: HOSTILE.into(), configured: true, last: None }]);
    let page = render(&memory.snapshot(), now());
    let (tags, text) = taken_apart(&page);
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "it is shown as what it is");
    for tag in &tags {
        let name = tag.trim_start_matches('/').split_ascii_whitespace().next().unwrap_or_default();
        assert!(!["script", "img", "iframe", "object", "link", "form", "svg"].contains(&name), "<{tag}>");
        assert!(!tag.contains(" on") && !tag.contains("evil") && !tag.contains("src="), "<{tag}>");
    }
    assert!(!page.contains(['\u{202e}', '\u{200b}']), "nothing hidden is left");
}

#[test]
fn every_tag_that_is_opened_is_closed() {
    let (tags, _) = taken_apart(&render(&full().snapshot(), now()));
    let mut open: Vec<&str> = Vec::new();
    for tag in &tags {
        let name = tag.split_ascii_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None if ["!DOCTYPE", "meta"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_policy_names_the_style_that_is_on_the_page() {
    let page = render(&full().snapshot(), now());
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(CONTENT_SECURITY_POLICY.contains(&format!("style-src 'sha256-{hash}'")));
    assert!(
        !page.contains(" style=") && !page.contains("src=") && !page.contains("href=\"http") && !style.contains("url(")
    );
}

#[test]
fn every_colour_of_text_can_be_read_on_its_ground() {
    let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
    for scheme in [light, dark] {
        for (text, grounds) in [
            ("text", &["ground", "card", "code"][..]),
            ("quiet", &["ground", "card"]),
            ("bad", &["card", "bad-ground"]),
            ("warn", &["warn-ground"]),
            ("good", &["good-ground"]),
        ] {
            for ground in grounds {
                let contrast = contrast(luminance(scheme, text), luminance(scheme, ground));
                assert!(contrast >= 4.5, "--{text} on --{ground}: {contrast}");
            }
        }
    }
}

/// The contrast of WCAG 2.
fn contrast(one: f64, other: f64) -> f64 {
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The relative luminance of WCAG 2 of the colour with this name.
fn luminance(scheme: &str, name: &str) -> f64 {
    let hex = scheme.split_once(&format!("--{name}: #")).unwrap().1.split_once(';').unwrap().0;
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

/// The tags of a page without their angle brackets, and the text between them.
fn taken_apart(page: &str) -> (Vec<String>, String) {
    let mut tags = Vec::new();
    let mut text = String::new();
    for piece in page.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap();
        tags.push(tag.to_owned());
        text.push_str(after);
    }
    (tags, text)
}
