//! The commands that ask an API server, against a real one.

mod attacks;
mod check;
mod fleet;
mod kubelet;
mod manifests;
mod rbac;
mod run;
mod said;
mod secrets;
mod summary;
mod three_nodes;
mod why;

use pullagent_testkit::kubernetes::KubeApi;
use pullagent_testkit::world::World;
use tempfile::TempDir;

/// A registry with a token service, one private repository and public ones, and hosts that are in trouble.
pub(crate) const WORLD: &str = r#"
about = "a private repository for one user, public ones, and hosts in trouble"
image = "localhost:{main.port}/team/api:1"

[registry.main]
host = "localhost"
auth = "bearer"
users = { ci = "c0rrect-horse", other = "battery-stapl3" }

[[registry.main.repository]]
name = "team/api"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]
private_to = ["ci"]

[[registry.main.repository]]
name = "team/public"
tags = ["1"]
platforms = ["linux/amd64", "linux/arm64"]

[[registry.main.repository]]
name = "team/mainframe"
tags = ["1"]
platforms = ["linux/s390x"]
index = true

[registry.stranger]
host = "localhost"
certificate = { stranger = true }

[registry.down]
host = "localhost"
behaviour = [{ on = "everything", does = { answer = { status = 503 } } }]

[refused.refused]
host = "localhost"

[peer.silent]
host = "localhost"
does = "silent"

[expect]
verdict = "pullable"
"#;

/// The node that the pods are on.
pub(crate) const NODE: &str = "node-1";

/// An API server, a registry, and a node's root with the kubelet's kubeconfig, which trusts both.
pub(crate) struct Cluster {
    pub(crate) api: KubeApi,
    pub(crate) world: World,
    pub(crate) root: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::with(WORLD).await
    }

    /// With another world than the usual one.
    pub(crate) async fn with(world: &str) -> Self {
        Self::around(World::from_toml("kubernetes", world).await.expect("the registry starts")).await
    }

    /// With a world that runs.
    pub(crate) async fn around(world: World) -> Self {
        let api = KubeApi::start().await.expect("the API server starts; `tests/setup` builds it");
        let root = tempfile::tempdir().expect("a folder");
        world.write_root(root.path()).expect("the node's root");
        api.create_node(NODE).await.expect("a node");
        api.node(NODE).write_kubelet_files(root.path()).expect("the kubelet's files");
        Self { api, world, root }
    }

    /// An image of the registry.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.registry())
    }

    pub(crate) fn registry(&self) -> String {
        self.host("main")
    }

    /// The host of any server of the world.
    pub(crate) fn host(&self, id: &str) -> String {
        format!("localhost:{}", self.world.addr(id).expect("a server of the world").port())
    }
}
