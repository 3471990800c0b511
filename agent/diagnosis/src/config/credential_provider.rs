//! The kubelet's `CredentialProviderConfig`: which plugins it runs for which images, and how.
//!
//! Text in, value out; running them is for others. Copied rules: Kubernetes 1.36 pkg/credentialprovider/plugin/config.go.

mod answer;

use std::collections::BTreeSet;

use serde::Deserialize;

use super::go_duration::GoDuration;
use super::go_url::GoUrl;
use crate::secret::Secret;
use crate::text::clean;

pub use self::answer::{Answer, AnswerFault, BadAnswer, CacheKey, parse_answer, request};

/// Bytes of a foreign name in a message.
const NAME: usize = 100;

/// One plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name of its binary in the folder of binaries.
    pub name: String,
    /// The images that it is asked about; see [`crate::keyring::is_image_allowed`].
    pub match_images: Vec<String>,
    /// The version in which it is spoken to and has to answer: `credentialprovider.kubelet.k8s.io/v1`.
    pub api_version: String,
    /// Its arguments.
    pub arguments: Secret<Vec<String>>,
    /// What is added to the kubelet's own environment for it.
    pub environment: Vec<(String, Secret<String>)>,
    /// Whether the kubelet hands it a token of the pod's service account (`tokenAttributes`).
    pub wants_token: bool,
}

/// Why a kubelet would not start with a configuration. Names the place and never quotes what stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {fault}")]
pub struct InvalidProviders {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub fault: ProviderFault,
}

/// What can be wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFault {
    /// It is no YAML, has a field that does not exist, or one of a wrong type.
    #[error("does not decode (line {line}, column {column})")]
    Undecodable {
        /// Counted from 1; 0 if unknown.
        line: u64,
        /// Counted from 1; 0 if unknown.
        column: u64,
    },
    /// It is another kind of document, or of an unknown version.
    #[error("is no CredentialProviderConfig of kubelet.config.k8s.io/v1, v1beta1 or v1alpha1")]
    Kind,
    /// It has no plugin.
    #[error("lists no provider")]
    Empty,
    /// A plugin has a name that can be no file's in the folder of binaries.
    #[error("`providers[{0}].name` is no file name")]
    Name(usize),
    /// Two plugins have one name, perhaps in two files.
    #[error("`providers[{place}].name`: there is another provider `{name}`")]
    Twice {
        /// The second one.
        place: usize,
        /// The name of both.
        name: String,
    },
    /// A plugin is spoken to in a version that does not exist.
    #[error("`providers[{0}].apiVersion` is none that a kubelet knows")]
    ApiVersion(usize),
    /// A plugin is asked about no image, or a pattern is no URL.
    #[error("`providers[{0}].matchImages` is empty or holds what is no URL")]
    MatchImages(usize),
    /// A plugin has no duration, a negative one, or what is none.
    #[error("`providers[{0}].defaultCacheDuration` is absent or no duration")]
    CacheDuration(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    providers: Option<Vec<RawProvider>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawProvider {
    name: Option<String>,
    match_images: Option<Vec<String>>,
    default_cache_duration: Option<String>,
    api_version: Option<String>,
    args: Option<Vec<String>>,
    env: Option<Vec<RawVariable>>,
    token_attributes: Option<RawTokenAttributes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariable {
    name: Option<String>,
    value: Option<String>,
}

/// Only whether they are there decides here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "a name that is not among them has to fail the document")]
struct RawTokenAttributes {
    service_account_token_audience: Option<String>,
    cache_type: Option<String>,
    require_service_account: Option<bool>,
    required_service_account_annotation_keys: Option<Vec<String>>,
    optional_service_account_annotation_keys: Option<Vec<String>>,
}

/// Whether a file of a configuration folder is read (since Kubernetes 1.34), by its name.
pub fn is_provider_file(name: &str) -> bool {
    [".json", ".yaml", ".yml"].iter().any(|extension| name.ends_with(extension))
}

/// The plugins of all `files`, each a name and its text, which the caller has put in byte order of their names.
pub fn parse_providers<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Provider>, InvalidProviders> {
    let mut providers = Vec::new();
    let mut names = BTreeSet::new();
    for (file, text) in files {
        let invalid = |fault| InvalidProviders { file: file.to_owned(), fault };
        for (place, raw) in parse_file(text).map_err(invalid)?.into_iter().enumerate() {
            let provider = raw.checked(place).map_err(invalid)?;
            if !names.insert(provider.name.clone()) {
                return Err(invalid(ProviderFault::Twice { place, name: clean(&provider.name, NAME) }));
            }
            providers.push(provider);
        }
    }
    Ok(providers)
}

fn parse_file(text: &str) -> Result<Vec<RawProvider>, ProviderFault> {
    let document: Document = serde_saphyr::from_str(text).map_err(|error| {
        let location = error.location();
        ProviderFault::Undecodable {
            line: location.as_ref().map_or(0, serde_saphyr::Location::line),
            column: location.as_ref().map_or(0, serde_saphyr::Location::column),
        }
    })?;
    let version = document.api_version.strip_prefix("kubelet.config.k8s.io/").unwrap_or_default();
    if document.kind != "CredentialProviderConfig" || !is_version(version) {
        return Err(ProviderFault::Kind);
    }
    let providers = document.providers.unwrap_or_default();
    // The older versions do not have the field, and decoding is strict.
    if version != "v1" && providers.iter().any(|provider| provider.token_attributes.is_some()) {
        return Err(ProviderFault::Undecodable { line: 0, column: 0 });
    }
    if providers.is_empty() { Err(ProviderFault::Empty) } else { Ok(providers) }
}

fn is_version(version: &str) -> bool {
    matches!(version, "v1" | "v1beta1" | "v1alpha1")
}

impl RawProvider {
    /// `validateCredentialProviderConfig`.
    fn checked(self, place: usize) -> Result<Provider, ProviderFault> {
        let name = self.name.unwrap_or_default();
        if matches!(name.as_str(), "" | "." | "..") || name.contains(['/', ' ', '\0']) {
            return Err(ProviderFault::Name(place));
        }
        let api_version = self.api_version.unwrap_or_default();
        if !api_version.strip_prefix("credentialprovider.kubelet.k8s.io/").is_some_and(is_version) {
            return Err(ProviderFault::ApiVersion(place));
        }
        let match_images = self.match_images.unwrap_or_default();
        let is_url = |pattern: &String| GoUrl::parse(&format!("https://{pattern}")).is_ok();
        if match_images.is_empty() || !match_images.iter().all(is_url) {
            return Err(ProviderFault::MatchImages(place));
        }
        let duration = self.default_cache_duration.as_deref().and_then(GoDuration::parse);
        if duration.is_none_or(|duration| duration < GoDuration::from_seconds(0)) {
            return Err(ProviderFault::CacheDuration(place));
        }
        let variable = |raw: RawVariable| (raw.name.unwrap_or_default(), raw.value.unwrap_or_default().into());
        Ok(Provider {
            name,
            match_images,
            api_version,
            arguments: self.args.unwrap_or_default().into(),
            environment: self.env.unwrap_or_default().into_iter().map(variable).collect(),
            wants_token: self.token_attributes.is_some(),
        })
    }
}

#[cfg(test)]
mod tests;
