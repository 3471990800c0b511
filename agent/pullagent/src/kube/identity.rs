//! As whom the API server is asked. Never as somebody stronger because a file happens to be readable: a pod that has the
//! node's file tree is still its own service account.

use std::path::{Path, PathBuf};

use pullagent_diagnosis::not_checked::NotChecked;
use pullagent_probes::host_root::below;
use pullagent_probes::kubelet::{KubeletStart, KubeletUnseen};
use pullagent_probes::process::kubelet_start;

use super::error::KubeError;
use super::kubeconfig::{Plugin, Source};
use crate::settings::IdentityChoice;

/// Where distributions put the kubelet's kubeconfig: kubeadm, k3s, RKE2, the large clouds, Bottlerocket, older eksctl, and
/// three more that have folders of their own.
const USUAL_PLACES: [&str; 9] = [
    "/etc/kubernetes/kubelet.conf",
    "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
    "/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
    "/var/lib/kubelet/kubeconfig",
    "/etc/kubernetes/kubelet/kubeconfig",
    "/etc/eksctl/kubeconfig.yaml",
    "/etc/kubernetes/kubeconfig-kubelet",
    "/var/lib/microshift/resources/kubelet/kubeconfig",
    "/var/snap/microk8s/current/credentials/kubelet.config",
];

/// Where a pod finds the token of its service account (`plugin/pkg/admission/serviceaccount/admission.go`).
const TOKEN_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the notes are about.
const WHAT: &str = "the API server";

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The setting.
    pub(crate) choice: IdentityChoice,
    /// The kubeconfig of the command line. It, or a context, is a person's choice before any other.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the command line.
    pub(crate) context: Option<String>,
    /// Whether a person waits for the answer: then their own kubeconfig will do where the node's cannot be used.
    pub(crate) by_person: bool,
    /// Whether it is about all nodes, which no kubelet may read: then the person's own kubeconfig comes before the node's.
    pub(crate) of_all_nodes: bool,
}

/// What there is to choose from.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// Where the node's file tree is mounted.
    pub(crate) host_root: PathBuf,
    /// The service account of the pod that this process runs in; absent on a host.
    pub(crate) pod: Option<PodAccount>,
    /// The caller's own kubeconfigs, as `kubectl` would take them.
    pub(crate) own: Vec<PathBuf>,
    /// The node's kubelet.
    pub(crate) kubelet: Result<Option<KubeletStart>, KubeletUnseen>,
    /// Whether this process runs as root.
    pub(crate) is_root: bool,
}

/// The service account of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodAccount {
    /// `KUBERNETES_SERVICE_HOST`.
    pub(crate) host: String,
    /// `KUBERNETES_SERVICE_PORT`.
    pub(crate) port: String,
    /// The folder with its token.
    pub(crate) folder: PathBuf,
}

/// As whom the API server is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// For a person: `the kubelet of this node`.
    pub(crate) name: String,
    /// How to become that.
    pub(crate) how: How,
    /// What stood in the way of another choice, or of any.
    pub(crate) notes: Vec<NotChecked>,
}

/// How to become somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By the token that is mounted into this pod.
    ServiceAccount(PodAccount),
    /// By the kubelet's kubeconfig.
    Kubelet(Source),
    /// By the caller's own kubeconfig.
    Kubeconfig(Source),
    /// Not at all: the notes say why.
    Nobody,
}

impl Surroundings {
    /// Of this process, on the node whose file tree is at `host_root`. Blocking: it looks through the node's processes.
    pub(crate) fn of_process(host_root: &Path) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let pod = variable("KUBERNETES_SERVICE_HOST").map(|host| PodAccount {
            host,
            port: variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned()),
            folder: PathBuf::from(TOKEN_FOLDER),
        });
        let named = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
        let usual = || std::env::home_dir().map(|home| home.join(".kube/config")).filter(|path| path.exists());
        let own = named.map_or_else(
            || usual().into_iter().collect(),
            |list| std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        );
        Self {
            host_root: host_root.to_owned(),
            pod,
            own,
            kubelet: kubelet_start(host_root),
            is_root: nix::unistd::geteuid().is_root(),
        }
    }
}

/// Chooses. `auto` is, in this order: the kubeconfig of the command line; in a pod its service account; on a host the
/// kubelet, if its kubeconfig can be read; for a person, their own kubeconfig, which about all nodes comes before the
/// kubelet.
///
/// Blocking: it reads the kubeconfig that it chooses.
pub(crate) fn choose(asked: &Asked, around: &Surroundings) -> Identity {
    if asked.kubeconfig.is_some() || asked.context.is_some() {
        return own_kubeconfig(asked, around, Vec::new());
    }
    match asked.choice {
        IdentityChoice::None => nobody("the setting kubernetes.identity is none"),
        IdentityChoice::Kubeconfig => own_kubeconfig(asked, around, Vec::new()),
        IdentityChoice::ServiceAccount => service_account(around),
        IdentityChoice::Kubelet => kubelet(around).unwrap_or_else(|why| nobody(&why)),
        IdentityChoice::Auto if around.pod.is_some() => service_account(around),
        IdentityChoice::Auto if asked.of_all_nodes && !around.own.is_empty() => {
            own_kubeconfig(asked, around, Vec::new())
        }
        IdentityChoice::Auto => match kubelet(around) {
            Ok(identity) => identity,
            Err(why) if asked.by_person && !around.own.is_empty() => {
                own_kubeconfig(asked, around, vec![NotChecked::new("the kubelet's rights", why)])
            }
            Err(why) => nobody(&why),
        },
    }
}

fn nobody(why: &str) -> Identity {
    Identity { name: "nobody".to_owned(), how: How::Nobody, notes: vec![NotChecked::new(WHAT, why)] }
}

fn service_account(around: &Surroundings) -> Identity {
    let Some(pod) = &around.pod else {
        return nobody("this is no pod: the variable KUBERNETES_SERVICE_HOST is not set");
    };
    if !pod.folder.join("token").exists() {
        let why = format!("no token of a service account is mounted at {}", pod.folder.display());
        return nobody(&why);
    }
    let name = "the service account of this pod".to_owned();
    Identity { name, how: How::ServiceAccount(pod.clone()), notes: Vec::new() }
}

/// The caller's own kubeconfig, or the one of the command line.
fn own_kubeconfig(asked: &Asked, around: &Surroundings, notes: Vec<NotChecked>) -> Identity {
    let files: Vec<PathBuf> = match &asked.kubeconfig {
        Some(path) => vec![path.clone()],
        None => around.own.clone(),
    };
    if files.is_empty() {
        return nobody("there is no kubeconfig: neither KUBECONFIG nor ~/.kube/config");
    }
    // A path that cannot be made absolute is not found either.
    let files = files.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)).collect();
    let source = Source { files, root: PathBuf::from("/"), context: asked.context.clone(), plugin: Plugin::Own };
    match source.read() {
        Ok(read) => {
            let name = format!("context {}", pullagent_diagnosis::text::clean(&read.context, 100));
            Identity { name, how: How::Kubeconfig(source), notes }
        }
        Err(error) => {
            let mut identity = nobody(&error.to_string());
            identity.notes.extend(notes);
            identity
        }
    }
}

/// The kubelet of this node, or why not.
fn kubelet(around: &Surroundings) -> Result<Identity, String> {
    let path = kubelets_kubeconfig(around)?;
    let plugin = match () {
        () if around.pod.is_some() => Plugin::Not("the node's plugins are not run in a pod; use the service account"),
        () if around.host_root != Path::new("/") => Plugin::Not("the node's plugins are run on the node itself only"),
        () if !around.is_root => Plugin::Not("the node's plugins are run by root only"),
        () => Plugin::OfRoot,
    };
    let source = Source { files: vec![path.clone()], root: around.host_root.clone(), context: None, plugin };
    source.read().map_err(|error: KubeError| error.to_string())?;
    let name = format!("the kubelet of this node ({})", path.display());
    Ok(Identity { name, how: How::Kubelet(source), notes: Vec::new() })
}

/// Where the kubelet's kubeconfig is, as the node names it: on the command line of the kubelet that runs, else at the
/// first of the usual places where there is something.
fn kubelets_kubeconfig(around: &Surroundings) -> Result<PathBuf, String> {
    if let Ok(Some(kubelet)) = &around.kubelet
        && let Some(path) = kubelet.flag("--kubeconfig")
    {
        return Ok(kubelet.absolute(Path::new(path)));
    }
    for place in USUAL_PLACES {
        match below(&around.host_root, Path::new(place)) {
            Ok(_) => return Ok(PathBuf::from(place)),
            // It may be there, and another place would be a guess: the one that may not be seen is named.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(format!("cannot look for the kubelet's kubeconfig: {place}: permission denied"));
            }
            Err(_) => {}
        }
    }
    Err(match &around.kubelet {
        Err(unseen) => format!("no kubeconfig of the kubelet was found at the usual places, and {}", unseen.why),
        Ok(Some(_)) => "the kubelet runs without --kubeconfig, and none was found at the usual places".to_owned(),
        Ok(None) => "no kubelet runs here, and no kubeconfig of one was found at the usual places".to_owned(),
    })
}

#[cfg(test)]
mod tests;
