//! The runtime: who it is, which process, what of it pulls, and what of that could not be seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::in_seconds;
use crate::case::{NodeConfig, NotChecked};
use crate::config::containerd::config_toml::ContainerdConfig;
use crate::config::containerd::engine::{self, Reason};
use crate::config::crio_conf::CrioConf;
use crate::config::files::NotRead;
use crate::config::registries_conf::RegistriesConf;
use crate::plan::sources::containerd::{config_file, version};
use crate::plan::sources::docker::FILE as DAEMON_JSON;
use crate::plan::sources::runtime_kind;
use crate::runtime::{Kind, Runtime, RuntimeAnswer, RuntimeProcess};
use crate::text::clean;

/// Bytes of a value.
const VALUE: usize = 500;

/// The container runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeSettings {
    /// What it is called; absent where it did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version, as it tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its socket as a URL.
    pub endpoint: String,
    /// Who names that socket; absent where it was found where runtimes put theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_by: Option<String>,
    /// The process that listens, if it was found beyond doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
}

/// What of containerd pulls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Engine {
    /// `local` or `transfer`.
    pub name: String,
    /// What decided it.
    pub because: String,
}

/// A process of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Its id, as the node numbers processes.
    pub pid: i32,
    /// When it started, by the node's clock, in UTC.
    pub started_at: String,
}

/// What of containerd pulls, by its files.
pub(super) fn engine(node: &NodeConfig) -> Option<Engine> {
    runtime_kind(node).filter(|kind| *kind == Kind::Containerd)?;
    let version = version(node);
    let config = ContainerdConfig::read(version, &node.files, config_file(node));
    let choice = engine::choose(version, &config);
    let name = match choice.engine {
        engine::Engine::Local => "local",
        engine::Engine::Transfer => "transfer",
    };
    let because = match choice.because {
        Reason::Version => format!("containerd {version} pulls with no other"),
        Reason::Default => format!("it is the default of containerd {version}"),
        Reason::Asked => "`use_local_image_pull` asks for it".to_owned(),
        Reason::Setting(key) => format!("`{key}` is set to what the transfer engine cannot do"),
    };
    Some(Engine { name: name.to_owned(), because })
}

pub(super) fn settings(runtime: &Runtime) -> RuntimeSettings {
    let told = runtime.version();
    let process = match &runtime.process {
        RuntimeProcess::Verified { pid, started_at, .. } => {
            Some(Process { pid: *pid, started_at: in_seconds(*started_at) })
        }
        RuntimeProcess::NotSeen { .. } => None,
    };
    RuntimeSettings {
        name: told.map(|version| clean(&version.name, VALUE)),
        version: told.map(|version| clean(&version.version, VALUE)),
        endpoint: clean(&runtime.endpoint, VALUE),
        named_by: runtime.named_by.as_deref().map(|by| clean(by, VALUE)),
        process,
    }
}

/// What of the runtime was not to be seen, beyond what is said of its environment.
pub(super) fn not_checked(node: &NodeConfig) -> Vec<NotChecked> {
    let mut unseen = Vec::new();
    let answer = node.runtime.as_ref().map(|runtime| &runtime.answer);
    let why = match answer {
        None => Some("no socket of a container runtime was found".to_owned()),
        Some(RuntimeAnswer::Version(_)) => None,
        Some(RuntimeAnswer::Broken(_)) => Some("its socket is of no use".to_owned()),
        Some(RuntimeAnswer::NotAsked { why }) => Some(why.clone()),
    };
    if let Some(why) = why {
        let assumed = match runtime_kind(node) {
            Some(Kind::Containerd) => format!("; its files are read as containerd {} reads them", version(node)),
            Some(Kind::CriO) => "; its files are read as CRI-O reads them".to_owned(),
            Some(Kind::Docker) => "; its files are read as Docker reads them".to_owned(),
            Some(Kind::Other) | None => String::new(),
        };
        unseen.push(NotChecked::new("the runtime's name and version", clean(&format!("{why}{assumed}"), VALUE)));
    }
    let unreadable = paths(node).into_iter().filter_map(|path| match node.files.read(&path) {
        Err(NotRead::Unreadable(why)) => Some(NotChecked::new(path, why)),
        _ => None,
    });
    unseen.extend(unreadable);
    unseen
}

/// The image of every pod's sandbox, if the runtime's files name one.
pub fn sandbox_image(node: &NodeConfig) -> Option<String> {
    match runtime_kind(node)? {
        Kind::Containerd => {
            let config = ContainerdConfig::read(version(node), &node.files, config_file(node));
            config.images.sandbox_image.map(|image| image.value).filter(|image| !image.is_empty())
        }
        Kind::CriO => CrioConf::read(&node.files).get("pause_image").map(str::to_owned),
        Kind::Docker | Kind::Other => None,
    }
}

/// The files that a runtime's configuration begins with.
fn paths(node: &NodeConfig) -> Vec<String> {
    match runtime_kind(node) {
        Some(Kind::Containerd) => vec![config_file(node).to_owned()],
        Some(Kind::CriO) => {
            let policy = crate::config::policy_json::FILE;
            vec!["/etc/crio/crio.conf".to_owned(), RegistriesConf::MAIN_FILES[0].to_owned(), policy.to_owned()]
        }
        Some(Kind::Docker) => vec![DAEMON_JSON.to_owned()],
        Some(Kind::Other) | None => Vec::new(),
    }
}
