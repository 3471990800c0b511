//! A node as one text: which runtime it has, which image is asked for, and what stands in its files.
//!
//! The first line has the runtime, its version and the image. Sections follow, each begun by a line `=== NAME`: `environ`
//! is the environment that the runtime was started with, `kubelet` the kubelet's arguments, anything else a file's path.

use pullagent_diagnosis::case::{Kubelet, Network, Node, NodeConfig};
use pullagent_diagnosis::config::files::Files;
use pullagent_diagnosis::config::hosts_file::parse_hosts;
use pullagent_diagnosis::config::resolv_conf::parse_resolv_conf;
use pullagent_diagnosis::config::trust::Trust;
use pullagent_diagnosis::platform::Platform;
use pullagent_diagnosis::runtime::{Runtime, RuntimeAnswer, RuntimeProcess, RuntimeVersion};
use pullagent_probes::environment::Environment;

/// More files than this tell nothing new.
const MOST_FILES: usize = 16;

/// The node that a text describes, and the image that is asked for there.
pub fn read(text: &str) -> (NodeConfig, String) {
    let mut sections = text.split("\n=== ");
    let mut words = sections.next().unwrap_or_default().split(' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    let (version, image) = (RuntimeVersion { name: word(), version: word() }, word());
    let (mut files, mut environment, mut kubelet) = (Files::default(), Environment::default(), None);
    for section in sections.take(MOST_FILES) {
        let (name, content) = super::first_line(section);
        match name {
            "environ" => environment = Environment::from_environ(content.replace('\n', "\0").as_bytes()),
            "kubelet" => {
                let arguments = content.split_whitespace().map(str::to_owned).collect();
                kubelet = Some(Kubelet::Running { pid: 7, arguments });
            }
            path => files.insert_file(path, content),
        }
    }
    let of = |path: &str| files.read(path).map(|content| super::text(content).into_owned()).unwrap_or_default();
    let node = NodeConfig {
        node: Node {
            name: "node-7".to_owned(),
            platform: Platform::new("linux", "amd64", ""),
            has_ipv4: true,
            has_ipv6: false,
        },
        network: Network {
            proxy: environment.proxies(),
            resolver: parse_resolv_conf(&of("/etc/resolv.conf"), "node-7.corp.io", |_| Some(2)),
            hosts: parse_hosts(&of("/etc/hosts")),
            trust: Trust::default(),
        },
        runtime: Some(Runtime {
            endpoint: "unix:///run/containerd/containerd.sock".to_owned(),
            named_by: None,
            answer: RuntimeAnswer::Version(version),
            process: RuntimeProcess::NotSeen { why: "it is made up".to_owned() },
            config_file: None,
        }),
        environment: environment.as_value(true),
        files,
        kubelet,
        unread_credentials: Vec::new(),
        not_checked: Vec::new(),
    };
    (node, image)
}
