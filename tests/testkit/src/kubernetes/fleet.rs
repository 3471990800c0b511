//! A fleet that is only told of: nodes with their labels, and for each the Lease that its agent would have written. There
//! is neither an agent nor a machine.

use std::io;

use futures_util::stream::{self, StreamExt as _};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::KubeApi;

/// Requests at once.
const AT_ONCE: usize = 8;

/// What a fleet consists of.
#[derive(Clone, Debug)]
pub struct SimulatedFleet {
    /// The namespace of the agents; it is created.
    pub namespace: String,
    /// How many nodes, `node-0000` and so on: in three zones and four pools in turn.
    pub nodes: usize,
    /// How many registries each of them checks, `registry-00.corp.io` and so on.
    pub registries: usize,
    /// The nodes that cannot resolve the first registry: a name server of theirs was changed ten minutes ago.
    pub failing: Vec<usize>,
    /// The nodes whose summary is five hours old.
    pub silent: Vec<usize>,
    /// The nodes that have no Lease.
    pub bare: Vec<usize>,
}

/// One node of it.
#[derive(Clone, Debug)]
pub struct SimulatedNode {
    /// The node.
    pub object: Value,
    /// Its Lease, unless nothing is told of it.
    pub lease: Option<Value>,
}

impl SimulatedFleet {
    /// The node of this number as of `now`.
    pub fn node(&self, number: usize, now: Timestamp) -> SimulatedNode {
        let name = format!("node-{number:04}");
        let zone = ["eu-west-1a", "eu-west-1b", "eu-west-1c"][number % 3];
        let pool = ["web", "batch", "gpu", "system"][number / 3 % 4];
        let object = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": { "name": name, "labels": {
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": zone,
                "eks.amazonaws.com/nodegroup": pool,
            } },
        });
        let lease = (!self.bare.contains(&number)).then(|| {
            let at = if self.silent.contains(&number) { now - SignedDuration::from_hours(5) } else { now };
            json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {
                    "name": name,
                    "namespace": self.namespace,
                    "annotations": { "pullagent.dev/summary": self.summary(number, &name, at).to_string() },
                },
                "spec": { "holderIdentity": name, "renewTime": at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string() },
            })
        });
        SimulatedNode { object, lease }
    }

    fn summary(&self, number: usize, name: &str, at: Timestamp) -> Value {
        let fails = self.failing.contains(&number);
        let ago = |minutes| (at - SignedDuration::from_mins(minutes)).to_string();
        let check = |registry: usize| {
            let host = format!("registry-{registry:02}.corp.io");
            let mut check = json!({
                "name": host, "registry": host, "verdict": "pullable", "since": ago(600), "at": ago(3), "ms": 80,
                "certificateEnds": (at + SignedDuration::from_hours(24 * 90)).to_string(),
            });
            if fails && registry == 0 {
                check["verdict"] = "failing".into();
                check["code"] = "DnsTimeout".into();
                check["since"] = ago(7).into();
            }
            check
        };
        let resolvers = if fails { "10.0.9.9" } else { "10.0.0.2" };
        let mut summary = json!({
            "version": 1,
            "agent": "0.1.0",
            "node": name,
            "at": at.to_string(),
            "checks": (0..self.registries).map(check).collect::<Vec<_>>(),
            "fingerprint": {
                "runtime": "containerd", "runtimeVersion": "2.1.4", "engine": "transfer", "registries": "0f3a55e1c2d4",
                "resolvers": resolvers, "proxy": "http://proxy.corp.io:3128", "trust": "b1946ac92492",
                "kubelet": "v1.33.1", "kernel": format!("6.1.{}", number % 5), "osImage": "Debian GNU/Linux 12",
                "addresses": "IPv4",
            },
        });
        if fails {
            summary["failing"] = json!([{ "code": "DnsTimeout", "host": "registry-00.corp.io", "pods": 2,
                "namespaces": ["shop", format!("team-{}", number % 4)], "since": ago(6) }]);
            summary["changes"] =
                json!([{ "at": ago(10), "attribute": "resolvers", "from": "10.0.0.2", "to": resolvers }]);
        }
        summary
    }
}

impl KubeApi {
    /// Stores the whole fleet as of now.
    pub async fn simulate(&self, fleet: &SimulatedFleet) -> io::Result<()> {
        self.create_namespace(&fleet.namespace).await?;
        let now = Timestamp::now();
        let made = stream::iter(0..fleet.nodes).map(|number| self.store(fleet.node(number, now), &fleet.namespace));
        made.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect()
    }

    async fn store(&self, node: SimulatedNode, namespace: &str) -> io::Result<()> {
        let create = async |path: &str, object: &Value| {
            self.admin().send(Method::POST, path, "application/json", Some(object)).await?.success().map(drop)
        };
        create("/api/v1/nodes", &node.object).await?;
        if let Some(lease) = &node.lease {
            create(&format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"), lease).await?;
        }
        Ok(())
    }
}
