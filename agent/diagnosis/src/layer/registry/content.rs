//! What a manifest that was served means: whether it is an image, and one for this node.

use super::finding::not_a_registry;
use crate::cause::{Code, Confidence, Severity};
use crate::evidence::{Hop, ImageEvidence};
use crate::finding::Finding;
use crate::manifest::{Descriptor, Manifest};
use crate::plan::Plan;
use crate::reference::Reference;
use crate::runtime::{self, Runtime, Schema1};

/// What a manifest says against pulling it; `None` when it can be pulled.
pub fn content(hop: &Hop, image: &ImageEvidence, plan: &Plan, reference: &Reference) -> Option<Finding> {
    let of = |manifest: &Manifest| of_manifest(hop, manifest, plan, reference);
    of(&image.manifest).or_else(|| image.chosen.as_ref().and_then(of)).map(|finding| finding.at(&hop.host))
}

fn of_manifest(hop: &Hop, manifest: &Manifest, plan: &Plan, reference: &Reference) -> Option<Finding> {
    let who = hop.name();
    Some(match manifest {
        Manifest::Html => not_a_registry(hop, "answers the request for the manifest with a web page"),
        Manifest::Schema1 => return schema_1(plan, reference),
        Manifest::UnknownType { media_type } => unknown_type(media_type, reference),
        Manifest::Undecodable { why } => {
            Finding::new(Code::ContentCorrupt, format!("{who} serves a manifest that cannot be read: {why}"))
                .detail("remote")
                .fix("push the image anew")
        }
        Manifest::Index { chosen: None, .. } => no_platform(manifest, plan, reference),
        Manifest::Index { .. } => return None,
        Manifest::Image { config, layers } => {
            return artifact(config, reference).or_else(|| encrypted(layers, reference));
        }
    })
}

/// A manifest of the old form, by what this runtime does with it.
fn schema_1(plan: &Plan, reference: &Reference) -> Option<Finding> {
    let version = plan.runtime.as_ref().and_then(Runtime::version);
    let (who, confidence) = match version.map(|version| (version, runtime::schema_1(version))) {
        Some((_, Schema1::Converted)) => return None,
        Some((version, Schema1::Refused)) => (format!("{version} refuses"), Confidence::Certain),
        Some((version, Schema1::Depends)) => (format!("{version} refuses unless told otherwise"), Confidence::Likely),
        None => ("containerd 2.1 and later refuse".to_owned(), Confidence::Likely),
    };
    Some(
        Finding::new(Code::UnsupportedManifest, format!("{reference} has a schema 1 manifest, which {who}"))
            .at_most(confidence)
            .fix("push the image anew with a current builder"),
    )
}

fn unknown_type(media_type: &str, reference: &Reference) -> Finding {
    if matches!(media_type, "application/json" | "application/octet-stream" | "text/plain" | "") {
        return Finding::new(
            Code::UnsupportedManifest,
            format!("the manifest of {reference} is served as \"{media_type}\", which containerd takes for no image"),
        )
        .at_most(Confidence::Likely)
        .fix("let the registry, or the cache before it, serve each manifest with its own Content-Type");
    }
    Finding::new(
        Code::UnsupportedManifest,
        format!("{reference} is no container image: its media type is \"{media_type}\""),
    )
    .fix("name an image; charts and other artifacts cannot be run")
}

/// What an image's configuration is called; none at all in some old images.
const CONFIGS: &[&str] =
    &["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json", ""];

/// A manifest of the right form whose configuration is not that of an image. WebAssembly has runtimes of its own.
fn artifact(config: &Descriptor, reference: &Reference) -> Option<Finding> {
    let kind = config.media_type.as_str();
    if CONFIGS.contains(&kind) || kind.contains("wasm") || kind.contains("octet-stream") {
        return None;
    }
    let (what, sure) = match kind {
        "application/vnd.cncf.helm.config.v1+json" => ("is a Helm chart, not an image".to_owned(), Confidence::Certain),
        "application/vnd.oci.empty.v1+json" => ("is an artifact without an image".to_owned(), Confidence::Likely),
        other => (format!("is an artifact of type \"{other}\", not an image"), Confidence::Likely),
    };
    Some(
        Finding::new(Code::UnsupportedManifest, format!("{reference} {what}"))
            .at_most(sure)
            .fix("name the image; it often has a repository or tag of its own beside the artifact"),
    )
}

fn encrypted(layers: &[Descriptor], reference: &Reference) -> Option<Finding> {
    let count = layers.iter().filter(|layer| layer.media_type.ends_with("+encrypted")).count();
    if count == 0 {
        return None;
    }
    let summary = match count {
        _ if count == layers.len() => format!("the layers of {reference} are encrypted"),
        1 => format!("a layer of {reference} is encrypted"),
        _ => format!("{count} layers of {reference} are encrypted"),
    };
    Some(
        // Whether the node has the keys is the runtime's secret.
        Finding::new(Code::UnsupportedManifest, summary)
            .at_most(Confidence::Likely)
            .fix("give the runtime the keys (ocicrypt), or name an image that is not encrypted"),
    )
}

fn no_platform(manifest: &Manifest, plan: &Plan, reference: &Reference) -> Finding {
    let mut has: Vec<String> = manifest.platforms().iter().map(ToString::to_string).collect();
    has.dedup();
    let has = if has.is_empty() { "none at all".to_owned() } else { has.join(", ") };
    Finding::new(Code::PlatformMismatch, format!("{reference} has nothing for {}; it has {has}", plan.platform))
        .fix(format!("build the image for {} too, or schedule the pod on a node of a platform it has", plan.platform))
}

/// A warning when the image served is for another platform: the pull works, running it does not.
pub fn platform_warning(image: &ImageEvidence, plan: &Plan, reference: &Reference) -> Option<Finding> {
    let platform = image.platform.as_ref().filter(|p| !plan.platform.runs(p))?;
    let summary = format!(
        "{reference} can be pulled but is for {platform}; on {} it ends in \"exec format error\"",
        plan.platform
    );
    Some(
        Finding::new(Code::PlatformMismatch, summary)
            .severity(Severity::Warning)
            .fix(format!("build the image for {}, or schedule the pod on a node of {platform}", plan.platform)),
    )
}
