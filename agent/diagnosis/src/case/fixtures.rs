//! A node for tests: an environment, some files, and nothing else.

use super::{Network, Node, NodeConfig};
use crate::config::files::Files;
use crate::config::hosts_file::parse_hosts;
use crate::config::process_env::ProcessEnv;
use crate::config::proxy_env::ProxyEnv;
use crate::config::resolv_conf::parse_resolv_conf;
use crate::config::trust::Trust;

/// A node whose runtime was started with these variables, and on which these files are.
pub(crate) fn node(environment: &[(&str, &str)], on_node: &[(&str, &str)]) -> NodeConfig {
    let mut files = Files::default();
    for (path, text) in on_node {
        files.insert_file(path, *text);
    }
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into()));
    NodeConfig {
        node: Node { name: "n".into(), platform: "linux/amd64".parse().unwrap(), has_ipv4: true, has_ipv6: false },
        network: Network {
            proxy: ProxyEnv::from_env(environment.iter().copied()),
            resolver: parse_resolv_conf("nameserver 10.0.0.2\n", "n", |_| None),
            hosts: parse_hosts(""),
            trust: Trust::default(),
        },
        runtime: None,
        files,
        environment: ProcessEnv::new(true, variables),
        kubelet: None,
        unread_credentials: Vec::new(),
        not_checked: Vec::new(),
    }
}
