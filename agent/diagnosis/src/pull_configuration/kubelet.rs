//! The kubelet's settings for images: its flags, its configuration file and the drop-ins, as the last of them counts.
//!
//! Copied rules: Kubernetes `cmd/kubelet/app/server.go` `loadConfigFile`, `mergeKubeletConfigurations`: flags come before
//! drop-ins, and those before the file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{Kubelet, NodeConfig, NotChecked};
use crate::config::files::{Files, join};
use crate::config::pull_records::VerificationSettings;
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

/// Whether and how the kubelet verifies who may use an image that is on the node, by its flags and files; `None` where it
/// was not seen. `version` is its release, as major and minor version, where that is known.
pub fn verification_settings(node: &NodeConfig, version: Option<(u32, u32)>) -> Option<VerificationSettings> {
    const GATE: &str = "KubeletEnsureSecretPulledImages";
    let Some(Kubelet::Running { arguments, .. }) = &node.kubelet else { return None };
    let documents: Vec<Value> =
        config_files(&node.files, arguments).iter().filter_map(|path| read(&node.files, path).ok()).collect();
    let last = |field: &str| documents.iter().rev().find_map(|document| document.get(field).filter(|v| !v.is_null()));
    // Gates of several files and of the flag add up, the last word on one counting.
    let in_files = || documents.iter().rev().find_map(|document| document.get("featureGates")?.get(GATE)?.as_bool());
    let by_flag = flag(arguments, "--feature-gates").and_then(|gates| {
        let mut values =
            gates.split(',').filter_map(|gate| gate.trim().split_once('=')).filter(|(name, _)| *name == GATE);
        values.next_back()?.1.parse().ok()
    });
    let texts =
        |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    Some(VerificationSettings {
        version,
        gate: by_flag.or_else(in_files),
        policy: last("imagePullCredentialsVerificationPolicy").and_then(Value::as_str).map(str::to_owned),
        allow_list: last("preloadedImagesVerificationAllowlist").map(texts).unwrap_or_default(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::fixtures;

    #[track_caller]
    fn check(arguments: &[&str], files: &[(&str, &str)], want: &VerificationSettings) {
        let mut node = fixtures::node(&[], files);
        let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        node.kubelet = Some(Kubelet::Running { pid: 7, arguments });
        assert_eq!(verification_settings(&node, want.version).as_ref(), Some(want));
    }

    #[test]
    fn how_the_kubelet_verifies_is_read_from_its_flags_and_files() {
        check(&["kubelet"], &[], &VerificationSettings::default());
        let file = "featureGates: {KubeletEnsureSecretPulledImages: true}\n\
                    imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages\n\
                    preloadedImagesVerificationAllowlist: [r.test/a, r.test/b/*]\n";
        let set = VerificationSettings {
            version: Some((1, 35)),
            gate: Some(true),
            policy: Some("NeverVerifyAllowlistedImages".into()),
            allow_list: vec!["r.test/a".into(), "r.test/b/*".into()],
        };
        check(&["kubelet", "--config=/k.yaml"], &[("/k.yaml", file)], &set);
        let off = VerificationSettings { gate: Some(false), ..set };
        let gates = "--feature-gates=A=true,KubeletEnsureSecretPulledImages=false";
        check(&["kubelet", "--config=/k.yaml", gates], &[("/k.yaml", file)], &off);
    }

    #[test]
    fn of_a_kubelet_that_was_not_seen_nothing_is_told() {
        assert_eq!(verification_settings(&fixtures::node(&[], &[]), None), None);
    }
}
