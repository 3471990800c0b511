//! A small fleet that is real: three daemons with a node root each, one API server, one registry. What breaks on two of them
//! is named by `pullagent fleet`, and the pods that wait there are counted by `pullagent fleet incidents`.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use pullagent_testkit::kubernetes::{Pod, Waiting};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use super::Cluster;
use super::run::daemon::{Daemon, Place, Start};
use crate::pullagent::{Ran, run};

/// A registry that two name servers know, and one that does not answer for it.
const WORLD: &str = r#"
about = "a registry, two name servers that know it and one that fails"
image = "registry.test:{main.port}/team/public:1"

[registry.main]
host = "registry.test"

[[registry.main.repository]]
name = "team/public"
tags = ["1"]

[[resolver]]
address = "127.77.0.1:53"

[[resolver]]
address = "127.77.0.2:53"

[[resolver]]
address = "127.77.0.3:53"
everything = "servfail"

[expect]
verdict = "pullable"
"#;

const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
/// As long as a first check may take, its jitter of a minute and the summary's pause included, on a busy machine.
const SOON: Duration = Duration::from_mins(4);
/// The pause between two looks at the fleet.
const PAUSE: Duration = Duration::from_secs(1);

/// A node's root that resolves by this server, with something of its own besides.
fn root(cluster: &Cluster, number: u8) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    cluster.world.write_root(folder.path()).expect("the node's root");
    resolve_by(folder.path(), 1 + number % 2);
    let certs = folder.path().join(format!("etc/containerd/certs.d/other-{number}.test"));
    std::fs::create_dir_all(&certs).expect("a folder");
    std::fs::write(certs.join("hosts.toml"), format!("server = \"https://mirror-{number}.test\"\n")).expect("a file");
    let config =
        "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/etc/containerd/certs.d'\n";
    std::fs::write(folder.path().join("etc/containerd/config.toml"), config).expect("a file");
    folder
}

fn resolve_by(root: &Path, server: u8) {
    std::fs::write(root.join("etc/resolv.conf"), format!("nameserver 127.77.0.{server}\n")).expect("a file");
}

/// Asks until the answer is as wanted.
async fn until(kubeconfig: &str, command: &[&str], wanted: impl Fn(&Ran, &Value) -> bool) -> (Ran, Value) {
    let looking = async {
        loop {
            let all = [command, &["-o", "json", "--kubeconfig", kubeconfig]].concat();
            let ran = run(&all, "").await;
            let json = serde_json::from_str(&ran.out).unwrap_or_default();
            if wanted(&ran, &json) {
                return (ran, json);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    if let Ok(found) = timeout(SOON, looking).await {
        return found;
    }
    panic!("{command:?}: {}", run(&[command, &["--kubeconfig", kubeconfig]].concat(), "").await.out)
}

#[tokio::test]
async fn what_breaks_on_two_of_three_nodes_is_named_and_counted() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "name servers on port 53 need root");
        eprintln!("NOT TESTED: name servers on port 53 need root");
        return;
    }
    let cluster = Cluster::with(WORLD).await;
    for namespace in ["pullagent", "shop", "bank"] {
        cluster.api.create_namespace(namespace).await.expect("a namespace");
    }
    let kubeconfig = cluster.root.path().join("admin");
    std::fs::write(&kubeconfig, cluster.api.admin().kubeconfig()).expect("a file");
    let kubeconfig = kubeconfig.to_str().expect("text");
    let registry = cluster.world.image().split('/').next().expect("a host").to_owned();
    let checks = format!(
        "checks: {{ discover: none, every: 30s, registries: [{{ host: \"{registry}\" }}] }}\nevents: {{ node: false }}\n"
    );
    let roots: Vec<TempDir> = (0..3).map(|number| root(&cluster, number)).collect();
    let mut daemons = Vec::new();
    for (node, root) in NODES.into_iter().zip(&roots) {
        if node != super::NODE {
            cluster.api.create_node(node).await.expect("a node");
        }
        let at = Some(Place { node, root: root.path() });
        let start = Start { settings: &checks, kubeconfig: Some(kubeconfig), at };
        daemons.push(Daemon::start_with(&cluster, start).await);
    }
    until(kubeconfig, &["fleet"], |ran, fleet| ran.code == 0 && fleet["nodes"]["reporting"] == 3).await;

    for (daemon, root) in daemons.iter().zip(&roots).skip(1) {
        resolve_by(root.path(), 3);
        daemon.signal(Signal::SIGHUP);
    }
    let (_, fleet) = until(kubeconfig, &["fleet"], |_, fleet| {
        let apart = &fleet["registries"][0]["groups"][0]["apart"];
        fleet["nodes"]["failing"] == 2 && apart["healthy"] == 1 && apart["common"][0]["changed"]["nodes"] == 2
    })
    .await;
    let group = &fleet["registries"][0]["groups"][0];
    assert_eq!(
        (&group["code"], &group["nodes"]),
        (&"DnsServerFailure".into(), &json!(["node-2", "node-3"])),
        "{fleet}"
    );
    let text = run(&["fleet", "--kubeconfig", kubeconfig], "").await;
    assert_eq!(text.code, 1, "{}", text.out);
    let said = text.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("{registry} 1 ok; 2 fail [DnsServerFailure]")), "{}", text.out);
    assert!(said.contains("all 2 failing, 0 of 1 healthy: resolver 127.77.0.3; changed "), "{}", text.out);

    // Each of the two has a pod that waits for an image of that registry.
    for (node, namespace) in [("node-2", "shop"), ("node-3", "bank")] {
        let image = cluster.world.image();
        let pod = Pod::new(node, namespace, "web").container("app", image);
        cluster.api.create_pod(&pod).await.expect("a pod");
        let text = format!("failed to do request: Head: dial tcp: lookup {registry}: server misbehaving");
        cluster.api.pod_waiting(&pod, &[Waiting::pull_failed("app", &text)]).await.expect("its status");
    }
    let (ran, incidents) = until(kubeconfig, &["fleet", "incidents"], |_, incidents| {
        incidents["incidents"][0]["pods"] == 2 && incidents["incidents"][0]["nodes"] == 2
    })
    .await;
    assert_eq!(ran.code, 1);
    assert_eq!(incidents["incidents"][0]["code"], "DnsServerFailure", "{incidents}");
    let text = run(&["fleet", "incidents", "--kubeconfig", kubeconfig], "").await.out;
    assert!(text.contains("2 pods, 2 nodes, 2 namespaces since ") && text.contains("owner network"), "{text}");
    for daemon in daemons {
        assert!(daemon.stop().await);
    }
}
