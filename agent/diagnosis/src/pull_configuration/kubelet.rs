//! The kubelet's settings for images: its flags, its configuration file and the drop-ins, as the last of them counts.
//!
//! Copied rules: Kubernetes `cmd/kubelet/app/server.go` `loadConfigFile`, `mergeKubeletConfigurations`: flags come before
//! drop-ins, and those before the file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{Kubelet, NodeConfig, NotChecked};
use crate::config::files::{Files, join};
use crate::text::clean;

/// Bytes of a value.
const VALUE: usize = 300;
/// Where the kubelet keeps its state unless told otherwise.
const ROOT_DIR: &str = "/var/lib/kubelet";

/// A setting: its flag, if it has one, and its field of the configuration file, if it has one.
type Known = (Option<&'static str>, Option<&'static str>);

const SETTINGS: [Known; 13] = [
    (Some("--container-runtime-endpoint"), Some("containerRuntimeEndpoint")),
    (Some("--image-service-endpoint"), Some("imageServiceEndpoint")),
    (Some("--image-credential-provider-config"), None),
    (Some("--image-credential-provider-bin-dir"), None),
    (Some("--serialize-image-pulls"), Some("serializeImagePulls")),
    (None, Some("maxParallelImagePulls")),
    (Some("--registry-qps"), Some("registryPullQPS")),
    (Some("--registry-burst"), Some("registryBurst")),
    (None, Some("imagePullCredentialsVerificationPolicy")),
    (None, Some("preloadedImagesVerificationAllowlist")),
    (None, Some("imageMaximumGCAge")),
    (None, Some("imageGCHighThresholdPercent")),
    (Some("--pod-infra-container-image"), None),
];

/// The kubelet's settings for images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeletSettings {
    /// The id of its process, as the node numbers processes.
    pub pid: i32,
    /// Where it keeps its state, its records of pulls among it.
    pub root_dir: String,
    /// The files that it reads its configuration from, in the order in which they are merged.
    pub files: Vec<String>,
    /// What is set; whatever is absent has the kubelet's default.
    pub settings: Vec<KubeletSetting>,
}

/// One setting of the kubelet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeletSetting {
    /// The field of its configuration, or the flag where there is none.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The flag or file that says so.
    pub set_in: String,
}

/// The settings, where the kubelet was seen, and what could not be read.
pub(super) fn settings(node: &NodeConfig) -> (Option<KubeletSettings>, Vec<NotChecked>) {
    let (pid, arguments) = match &node.kubelet {
        Some(Kubelet::Running { pid, arguments }) => (*pid, arguments),
        Some(Kubelet::NotSeen { why }) => {
            return (None, vec![NotChecked::new("the kubelet's settings for images", clean(why, VALUE))]);
        }
        None => return (None, Vec::new()),
    };
    let mut unread = Vec::new();
    let mut documents: Vec<(String, Value)> = Vec::new();
    for path in config_files(&node.files, arguments) {
        match read(&node.files, &path) {
            Ok(document) => documents.push((path, document)),
            Err(why) => unread.push(NotChecked::new(clean(&path, VALUE), clean(&why, VALUE))),
        }
    }
    let found = SETTINGS.iter().filter_map(|known| setting(*known, arguments, &documents));
    let settings = KubeletSettings {
        pid,
        root_dir: clean(&flag(arguments, "--root-dir").unwrap_or_else(|| ROOT_DIR.to_owned()), VALUE),
        settings: found.collect(),
        files: documents.iter().map(|(path, _)| clean(path, VALUE)).collect(),
    };
    (Some(settings), unread)
}

fn setting((name, field): Known, arguments: &[String], documents: &[(String, Value)]) -> Option<KubeletSetting> {
    let key = field.or(name)?.to_owned();
    if let Some((name, value)) = name.and_then(|name| Some((name, flag(arguments, name)?))) {
        return Some(KubeletSetting { key, value: clean(&value, VALUE), set_in: name.to_owned() });
    }
    let (path, value) = documents.iter().rev().find_map(|(path, document)| {
        let value = document.get(field?)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (!value.is_null() && !text.is_empty()).then_some((path, text))
    })?;
    Some(KubeletSetting { key, value: clean(&value, VALUE), set_in: clean(path, VALUE) })
}

/// The file of `--config`, then the `*.conf` below `--config-dir` in the order of names.
fn config_files(files: &Files, arguments: &[String]) -> Vec<String> {
    let mut paths: Vec<String> = flag(arguments, "--config").into_iter().collect();
    if let Some(folder) = flag(arguments, "--config-dir") {
        let names = files.list(&folder).unwrap_or_default();
        paths.extend(names.into_iter().filter(|name| name.strip_suffix(".conf").is_some()).map(|n| join(&folder, n)));
    }
    paths
}

fn read(files: &Files, path: &str) -> Result<Value, String> {
    let content = files.read(path).map_err(|why| why.to_string())?;
    let text = str::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())?;
    // Its error quotes the text, which is nobody's business.
    serde_saphyr::from_str(text).map_err(|_| "it is no YAML".to_owned())
}

/// The value of a flag; the last one counts (`github.com/spf13/pflag`).
fn flag(arguments: &[String], name: &str) -> Option<String> {
    let mut values = arguments.iter().enumerate().filter_map(|(at, word)| match word.strip_prefix(name)? {
        "" => arguments.get(at + 1).map(String::as_str),
        rest => rest.strip_prefix('='),
    });
    values.next_back().filter(|value| !value.is_empty()).map(str::to_owned)
}
