//! A node made of a folder: its files, its socket, and the plan of a pull there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pullagent_diagnosis::case::{Case, GivenCredential};
use pullagent_diagnosis::evidence::Identity;
use pullagent_diagnosis::plan::{Plan, plan};
use pullagent_diagnosis::pull::Pull;
use pullagent_probes::node::{Environment, read_node};
use pullagent_probes::reproduce;
use pullagent_testkit::cri::{Cri, CriHandle, CriImage};

/// Longer than any of these pulls takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

pub(crate) struct TestNode(tempfile::TempDir);

impl TestNode {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// A place below the root, in a folder that exists.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        path
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.place(path), text).expect("a file");
    }

    /// Where a runtime of this node listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.place("run/containerd/containerd.sock")
    }

    pub(crate) fn start(&self, runtime: Cri) -> CriHandle {
        runtime.start(&self.socket()).expect("a socket")
    }

    pub(crate) async fn pull(&self, plan: &Plan, time: Duration) -> Pull {
        let logins: Vec<Identity> = plan.logins().map(|(index, _)| Identity::Credential(index)).collect();
        let logins = if logins.is_empty() { vec![Identity::Anonymous] } else { logins };
        reproduce(plan, &logins, &self.socket(), self.root(), time, |_| {}).await
    }
}

/// The plan for an image as nobody, or as these users with these passwords.
pub(crate) fn plan_of(image: &str, logins: &[(&str, &str)]) -> Plan {
    let login = |(user, password): &(&str, &str)| GivenCredential::Login {
        source: "a test".to_owned(),
        user: (*user).to_owned(),
        password: (*password).to_owned().into(),
    };
    let case = Case {
        image: image.to_owned(),
        credentials: logins.iter().map(login).collect(),
        anonymous: logins.is_empty(),
        ..Case::default()
    };
    // An empty folder makes a node without any configuration.
    let empty = tempfile::tempdir().expect("a folder");
    let node = read_node(empty.path(), &Environment::default(), None);
    plan(&case, &node)
}

/// An image with an id, a tag, and a digest under the tag's repository.
pub(crate) fn image(id: &str, tags: &[&str]) -> CriImage {
    let digest = |tag: &&str| format!("{}@sha256:{id}", tag.rsplit_once(':').expect("a tag").0);
    CriImage {
        id: format!("sha256:{id}"),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        digests: tags.iter().take(1).map(digest).collect(),
        size: 1,
    }
}
