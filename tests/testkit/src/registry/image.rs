//! Images as a registry stores them: layers, configs, manifests and indexes of the OCI and the docker kinds, with true
//! digests. The same description gives the same bytes, so digests can be asked for before a server runs.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::archive::{Compression, tar};

/// The family of media types a manifest is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `application/vnd.oci.image.*`.
    #[default]
    Oci,
    /// `application/vnd.docker.distribution.manifest.v2+json` and its list.
    Docker,
    /// The signed manifest of 2015, which runtimes refuse today.
    Schema1,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layer {
    /// Bytes of the one file inside.
    pub bytes: usize,
    /// How the archive is packed.
    pub compression: Compression,
    /// Where a foreign layer lives; its blob is then not in the registry. Empty for an ordinary layer.
    pub urls: Vec<String>,
    /// Marked as encrypted (`+encrypted`).
    pub encrypted: bool,
}

impl Default for Layer {
    fn default() -> Self {
        Self { bytes: 1024, compression: Compression::Gzip, urls: Vec::new(), encrypted: false }
    }
}

/// An image to put into a registry; an index when it has several platforms or [`Image::index`] asks for one.
#[derive(Debug, Clone)]
pub struct Image {
    platforms: Vec<String>,
    format: Format,
    layers: Vec<Layer>,
    index: bool,
    media_type: Option<String>,
    label: String,
}

/// What an image is once stored: its own digest and everything below it.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The digest that a tag points to.
    pub digest: String,
    pub(super) manifests: BTreeMap<String, Manifest>,
    pub(super) blobs: BTreeMap<String, Blob>,
}

#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) bytes: Bytes,
    pub(super) is_config: bool,
}

impl Image {
    /// An image of one manifest for `platform` (`os/architecture[/variant]`) with one small layer.
    pub fn new(platform: &str) -> Self {
        Self {
            platforms: vec![platform.to_owned()],
            format: Format::default(),
            layers: vec![Layer::default()],
            index: false,
            media_type: None,
            label: String::new(),
        }
    }

    /// An index with a manifest for each platform.
    pub fn index<S: Into<String>>(platforms: impl IntoIterator<Item = S>) -> Self {
        let mut image = Self::new("");
        image.platforms = platforms.into_iter().map(Into::into).collect();
        image.index = true;
        image
    }

    /// The same with media types of this family.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// The same with these layers.
    #[must_use]
    pub fn layers(mut self, layers: impl IntoIterator<Item = Layer>) -> Self {
        self.layers = layers.into_iter().collect();
        self
    }

    /// The same, its top manifest served and marked with this media type.
    #[must_use]
    pub fn media_type(mut self, media_type: &str) -> Self {
        self.media_type = Some(media_type.to_owned());
        self
    }

    /// The same with a label in its config: two labels make two digests.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// The bytes and digests of all of it.
    pub fn store(&self) -> Stored {
        let mut stored = Stored::default();
        let children: Vec<Value> = self.platforms.iter().map(|platform| self.child(platform, &mut stored)).collect();
        if self.index || children.len() > 1 {
            let media_type = self.media_type.clone().unwrap_or_else(|| {
                match self.format {
                    Format::Oci => "application/vnd.oci.image.index.v1+json",
                    Format::Docker | Format::Schema1 => "application/vnd.docker.distribution.manifest.list.v2+json",
                }
                .to_owned()
            });
            let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": children });
            stored.put_manifest(media_type, &index);
        }
        stored
    }

    /// Stores the manifest of one platform and returns its descriptor.
    fn child(&self, platform: &str, stored: &mut Stored) -> Value {
        let mut parts = platform.split('/');
        let mut described = json!({ "os": parts.next(), "architecture": parts.next() });
        if let Some(variant) = parts.next() {
            described["variant"] = variant.into();
        }
        let mut diff_ids = Vec::new();
        let mut layers = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let archive = tar(&format!("layer-{number}"), &content(layer.bytes, platform, number));
            diff_ids.push(digest(&archive));
            layers.push(self.layer(layer, &archive, stored));
        }
        let mut config = described.clone();
        config["config"] = json!({ "Cmd": ["/layer-0"], "Labels": { "test": self.label } });
        config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
        let config = stored.put_blob(self.config_type(), to_bytes(&config), true);
        let (media_type, manifest) = match self.format {
            Format::Schema1 => (
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                json!({
                    "schemaVersion": 1, "name": "test", "tag": "test", "architecture": described["architecture"],
                    "fsLayers": layers.iter().map(|layer| json!({ "blobSum": layer["digest"] })).collect::<Vec<_>>(),
                    "history": [{ "v1Compatibility": "{}" }], "signatures": [],
                }),
            ),
            Format::Oci | Format::Docker => {
                let media_type = if self.format == Format::Oci {
                    "application/vnd.oci.image.manifest.v1+json"
                } else {
                    "application/vnd.docker.distribution.manifest.v2+json"
                };
                let body = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers });
                (media_type, body)
            }
        };
        let served_as = self.media_type.clone().filter(|_| !self.index).unwrap_or_else(|| media_type.to_owned());
        let mut manifest = manifest;
        if manifest.get("mediaType").is_some() {
            manifest["mediaType"] = served_as.clone().into();
        }
        let mut descriptor = stored.put_manifest(served_as, &manifest);
        descriptor["platform"] = described;
        descriptor
    }

    fn layer(&self, layer: &Layer, archive: &[u8], stored: &mut Stored) -> Value {
        let foreign = !layer.urls.is_empty();
        let mut media_type = match (self.format, foreign) {
            (Format::Oci, false) => "application/vnd.oci.image.layer.v1.tar",
            (Format::Oci, true) => "application/vnd.oci.image.layer.nondistributable.v1.tar",
            (Format::Docker | Format::Schema1, false) => "application/vnd.docker.image.rootfs.diff.tar",
            (Format::Docker | Format::Schema1, true) => "application/vnd.docker.image.rootfs.foreign.diff.tar",
        }
        .to_owned();
        media_type.push_str(match (layer.compression, self.format) {
            (Compression::None, _) => "",
            (Compression::Gzip, Format::Oci) => "+gzip",
            (Compression::Gzip, _) => ".gzip",
            (Compression::Zstd, Format::Oci) => "+zstd",
            (Compression::Zstd, _) => ".zstd",
        });
        if layer.encrypted {
            media_type.push_str("+encrypted");
        }
        let bytes = layer.compression.pack(archive);
        if foreign {
            let mut descriptor = descriptor(&media_type, &bytes);
            descriptor["urls"] = layer.urls.clone().into();
            return descriptor;
        }
        stored.put_blob(&media_type, bytes, false)
    }

    fn config_type(&self) -> &'static str {
        match self.format {
            Format::Oci => "application/vnd.oci.image.config.v1+json",
            Format::Docker | Format::Schema1 => "application/vnd.docker.container.image.v1+json",
        }
    }
}

impl Stored {
    /// Digests of the layers, without those of configs.
    pub fn layer_digests(&self) -> impl Iterator<Item = &str> {
        self.blobs.iter().filter(|(_, blob)| !blob.is_config).map(|(digest, _)| digest.as_str())
    }

    /// The digest and bytes of every blob, layers and configs alike.
    pub fn blobs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.blobs.iter().map(|(digest, blob)| (digest.as_str(), blob.bytes.as_ref()))
    }

    /// The digest and bytes of every manifest and index.
    pub fn manifests(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.manifests.iter().map(|(digest, manifest)| (digest.as_str(), manifest.bytes.as_ref()))
    }

    fn put_blob(&mut self, media_type: &str, bytes: Vec<u8>, is_config: bool) -> Value {
        let descriptor = descriptor(media_type, &bytes);
        self.blobs.insert(digest(&bytes), Blob { bytes: bytes.into(), is_config });
        descriptor
    }

    /// The manifest stored last is the one on top.
    fn put_manifest(&mut self, media_type: String, manifest: &Value) -> Value {
        let bytes = to_bytes(manifest);
        let descriptor = descriptor(&media_type, &bytes);
        self.digest = digest(&bytes);
        self.manifests.insert(self.digest.clone(), Manifest { media_type, bytes: bytes.into() });
        descriptor
    }
}

/// `sha256:` and the lower-case hex digest of these bytes.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::from("sha256:"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

fn to_bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Bytes that do not repeat and differ between layers and platforms (xorshift).
fn content(length: usize, platform: &str, layer: usize) -> Vec<u8> {
    let seed = platform.bytes().fold(layer as u64 + 1, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte));
    let mut state = seed | 1 << 63;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
