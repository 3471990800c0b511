//! Manifests and indexes, read leniently: only what a pull needs, and every oddity a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::platform::Platform;

/// The largest manifest that containerd reads, in bytes (`core/images/image.go` and its resolver).
pub const MAX_MANIFEST_BYTES: usize = 4 * 1_048 * 1_048;

/// What is asked for, most wanted first, as containerd's resolver asks (`core/remotes/docker/resolver.go`).
pub const ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, */*";

/// The media types of images and of indexes of them.
const IMAGE_TYPES: &[&str] = &[
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// How many entries of an index, or layers of a manifest, are kept.
const MAX_ENTRIES: usize = 512;

/// How many further places of a layer are kept, and how long each may be, in bytes.
const MAX_URLS: usize = 4;
const MAX_URL: usize = 2048;

/// What the bytes of a manifest say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Manifest {
    /// Several images, one a platform.
    Index {
        /// Its entries, in their order.
        entries: Vec<Descriptor>,
        /// Which of them this platform takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chosen: Option<usize>,
    },
    /// One image.
    Image {
        /// Its configuration.
        config: Descriptor,
        /// Its layers, base first.
        layers: Vec<Descriptor>,
    },
    /// Schema 1, which new runtimes refuse.
    Schema1,
    /// JSON, or said to be, of a media type that is neither.
    UnknownType {
        /// The media type.
        media_type: String,
    },
    /// A web page where a manifest should be.
    Html,
    /// Bytes that cannot be read as what they are said to be.
    Undecodable {
        /// What went wrong.
        why: String,
    },
}

/// A pointer to content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the content.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its size in bytes.
    #[serde(default)]
    pub size: u64,
    /// Its platform, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Where else it is held; containerd asks there first. They may be signed, so they are not part of a saved report.
    #[serde(skip)]
    pub urls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: Option<i64>,
    media_type: Option<String>,
    config: Option<WireDescriptor>,
    layers: Option<Vec<WireDescriptor>>,
    manifests: Option<Vec<WireDescriptor>>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDescriptor {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    size: u64,
    platform: Option<WirePlatform>,
    urls: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WirePlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

impl From<WireDescriptor> for Descriptor {
    fn from(wire: WireDescriptor) -> Self {
        let short = |text: &str| crate::text::clean(text, 160);
        Self {
            urls: wire.urls.unwrap_or_default().into_iter().filter(|url| url.len() <= MAX_URL).take(MAX_URLS).collect(),
            media_type: short(&wire.media_type),
            digest: short(&wire.digest),
            size: wire.size,
            platform: wire.platform.map(|p| Platform::new(&short(&p.os), &short(&p.architecture), &short(&p.variant))),
        }
    }
}

/// Reads a manifest. `media_type` is the `Content-Type` it was served with; `node` chooses from an index.
pub fn parse_manifest(bytes: &[u8], media_type: &str, node: &Platform) -> Manifest {
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type == "text/html" || looks_like_html(bytes) {
        return Manifest::Html;
    }
    let wire: Wire = match serde_json::from_slice(bytes) {
        Ok(wire) => wire,
        Err(error) => return Manifest::Undecodable { why: crate::text::clean(&error.to_string(), 160) },
    };
    // containerd goes by the type that the server says, and by nothing else (`core/remotes/docker/resolver.go`).
    let is_image = media_type.is_empty() || IMAGE_TYPES.contains(&media_type.as_str());
    let named = if media_type.is_empty() { wire.media_type.unwrap_or_default() } else { media_type };
    if wire.schema_version == Some(1) || wire.fs_layers.is_some() || named.contains("docker.distribution.manifest.v1+")
    {
        return Manifest::Schema1;
    }
    let list = |entries: Vec<WireDescriptor>| entries.into_iter().take(MAX_ENTRIES).map(Descriptor::from).collect();
    match (wire.manifests, wire.config, wire.layers) {
        _ if !is_image => Manifest::UnknownType { media_type: crate::text::clean(&named, 160) },
        (Some(entries), None, _) => {
            let entries: Vec<Descriptor> = list(entries);
            // Entries without a platform are taken for whatever their configuration says; containerd tries them last.
            let chosen = node
                .choose(entries.iter().map(|e| e.platform.as_ref()))
                .or_else(|| entries.iter().position(|e| e.platform.is_none()));
            Manifest::Index { entries, chosen }
        }
        (None, Some(config), layers) => {
            Manifest::Image { config: config.into(), layers: list(layers.unwrap_or_default()) }
        }
        _ => Manifest::UnknownType { media_type: crate::text::clean(&named, 160) },
    }
}

/// Whether a body is a web page, whatever its headers say.
pub fn looks_like_html(bytes: &[u8]) -> bool {
    let start: Vec<u8> = bytes.trim_ascii_start().iter().take(15).map(u8::to_ascii_lowercase).collect();
    [b"<!doctype html".as_slice(), b"<html", b"<head", b"<body", b"<title"].iter().any(|tag| start.starts_with(tag))
}

#[derive(Deserialize)]
struct WireConfig {
    architecture: Option<String>,
    os: Option<String>,
    variant: Option<String>,
}

/// The platform that an image's configuration names; `None` where it names none, or is no JSON object.
pub fn parse_config_platform(bytes: &[u8]) -> Option<Platform> {
    let wire: WireConfig = serde_json::from_slice(bytes).ok()?;
    let architecture = wire.architecture.filter(|a| !a.is_empty())?;
    Some(Platform::new(&wire.os.unwrap_or_else(|| "linux".into()), &architecture, &wire.variant.unwrap_or_default()))
}

impl Manifest {
    /// The sum of the sizes that a pull of this manifest brings, in bytes.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Image { config, layers } => {
                Some(layers.iter().fold(config.size, |sum, layer| sum.saturating_add(layer.size)))
            }
            _ => None,
        }
    }

    /// The platforms of an index, without attestations.
    pub fn platforms(&self) -> Vec<Platform> {
        match self {
            Self::Index { entries, .. } => {
                entries.iter().filter_map(|e| e.platform.clone()).filter(|p| p.os != "unknown").collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node() -> Platform {
        "linux/amd64".parse().unwrap()
    }

    #[track_caller]
    fn check(body: &str, media_type: &str, want: &Manifest) {
        assert_eq!(&parse_manifest(body.as_bytes(), media_type, &node()), want);
    }

    #[test]
    fn a_web_page_is_no_manifest_whatever_its_type() {
        check("<html>login</html>", "application/json", &Manifest::Html);
        check("  <!DOCTYPE HTML>", "", &Manifest::Html);
        check("{}", "text/html; charset=utf-8", &Manifest::Html);
    }

    #[test]
    fn schema_1_is_known_by_its_version_and_by_its_type() {
        check(r#"{"schemaVersion":1,"fsLayers":[]}"#, "", &Manifest::Schema1);
        check("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", &Manifest::Schema1);
    }

    #[test]
    fn what_is_neither_index_nor_image_names_its_type() {
        check("{}", "application/json", &Manifest::UnknownType { media_type: "application/json".into() });
        assert!(matches!(parse_manifest(b"{", "", &node()), Manifest::Undecodable { .. }));
        let deep = "[".repeat(100_000);
        assert!(matches!(parse_manifest(deep.as_bytes(), "", &node()), Manifest::Undecodable { .. }));
    }

    #[test]
    fn an_index_chooses_for_the_node() {
        let body = r#"{"schemaVersion":2,"manifests":[
            {"digest":"sha256:a","size":1,"platform":{"os":"linux","architecture":"arm64"}},
            {"digest":"sha256:b","size":1,"platform":{"os":"linux","architecture":"amd64"}},
            {"digest":"sha256:c","size":1,"platform":{"os":"unknown","architecture":"unknown"}}]}"#;
        let manifest = parse_manifest(body.as_bytes(), "", &node());
        let Manifest::Index { entries, chosen } = &manifest else { panic!("{manifest:?}") };
        assert_eq!((entries.len(), *chosen), (3, Some(1)));
        assert_eq!(
            manifest.platforms().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["linux/arm64", "linux/amd64"]
        );
    }

    #[test]
    fn a_layer_that_is_held_elsewhere_says_where() {
        let body = r#"{"config":{"digest":"sha256:a","size":2},"layers":[{"digest":"sha256:b","size":3,"urls":["https://x/"]}]}"#;
        let manifest = parse_manifest(body.as_bytes(), "", &node());
        let Manifest::Image { layers, .. } = &manifest else { panic!("{manifest:?}") };
        assert_eq!(layers[0].urls, ["https://x/"]);
        assert_eq!(manifest.bytes(), Some(5));
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), media_type in any::<String>()) {
            let _ = parse_manifest(&bytes, &media_type, &node());
            let _ = parse_config_platform(&bytes);
        }
    }
}
