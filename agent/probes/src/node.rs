//! The node's own files, read below the host root. Reads and never decides; what cannot be read becomes part of the
//! answer.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use pullagent_diagnosis::case::{Network, Node, NodeConfig, NotChecked};
use pullagent_diagnosis::config::files::Files;
use pullagent_diagnosis::config::hosts_file::{MAX_HOSTS_FILE, parse_hosts};
use pullagent_diagnosis::config::resolv_conf::parse_resolv_conf;
use pullagent_diagnosis::platform::Platform;
use pullagent_diagnosis::runtime::{Runtime, RuntimeProcess};

pub use crate::environment::Environment;
use crate::host_root::{below, read_bounded};
use crate::trust::read_trust;

/// Bytes of a small configuration file.
const MAX_FILE: u64 = 1024 * 1024;
/// Bytes of the name of a kernel or an operating system.
const MAX_NAME: usize = 200;

/// Reads the node. Proxies and the variables for trust are those of the runtime's own process, if `runtime` has its
/// environment; else `ours`, this process's, stands in, and that is said. The kubelet's own credentials are not looked for.
pub fn read_node(host_root: &Path, ours: &Environment, runtime: Option<(Runtime, Option<Environment>)>) -> NodeConfig {
    let mut not_checked = Vec::new();
    let (runtime, theirs) = runtime.unzip();
    let theirs = theirs.flatten();
    let counting = theirs.as_ref().unwrap_or(ours);
    if theirs.is_none() {
        not_checked.push(stands_in(runtime.as_ref()));
    }
    let host_name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let name = ours.get("NODE_NAME").filter(|name| !name.is_empty()).map_or_else(|| host_name.clone(), str::to_owned);
    let resolv_conf = read_text(host_root, "etc/resolv.conf", MAX_FILE, &mut not_checked);
    let hosts = read_text(host_root, "etc/hosts", MAX_HOSTS_FILE as u64, &mut not_checked);
    let trust = read_trust(host_root, counting.get("SSL_CERT_FILE"), counting.get("SSL_CERT_DIR"));
    not_checked
        .extend(trust.unreadable.iter().map(|file| NotChecked::new(file.path.display().to_string(), file.why.clone())));
    // A node with a runtime that has none is another matter: there this is what its pulls rest on.
    if runtime.is_none() && trust.sources.is_empty() {
        let why = "no bundle of certificates was found where Go looks for one";
        not_checked.push(NotChecked::new("the node's certificate authorities", why));
    }
    let proxy = counting.proxies();
    not_checked
        .extend(proxy.ignored.iter().map(|p| NotChecked::new(format!("the proxy in {}", p.variable), p.why.clone())));
    let (has_ipv4, has_ipv6) = global_families();
    NodeConfig {
        node: Node {
            name: pullagent_diagnosis::text::clean(&name, 253),
            platform: Platform::new(std::env::consts::OS, std::env::consts::ARCH, ""),
            has_ipv4,
            has_ipv6,
        },
        network: Network {
            proxy,
            resolver: parse_resolv_conf(&resolv_conf, &host_name, interface_index),
            hosts: parse_hosts(&hosts),
            trust,
        },
        runtime,
        files: Files::growing(),
        environment: counting.as_value(theirs.is_some()),
        kubelet: None,
        unread_credentials: Vec::new(),
        not_checked,
    }
}

/// Where kube-proxy in its IPVS mode puts the addresses of all services of the cluster, which are nobody's own
/// (`pkg/proxy/ipvs/proxier.go` `defaultDummyDevice`).
const ADDRESSES_OF_SERVICES: &str = "kube-ipvs0";

/// The addresses of this machine's interfaces, those of loopback among them.
pub fn addresses() -> Vec<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    let interfaces = interfaces.filter(|interface| interface.interface_name != ADDRESSES_OF_SERVICES);
    let interfaces = interfaces.filter_map(|interface| interface.address);
    let address = |address: SockaddrStorage| {
        let four = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        four.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    };
    interfaces.filter_map(address).collect()
}

/// What the operating system below `host_root` calls itself, as a node's object has it; empty where it does not say.
pub fn os_image(host_root: &Path) -> String {
    let files = ["etc/os-release", "usr/lib/os-release"].map(|path| below(host_root, Path::new(path)));
    let texts = files.into_iter().flatten().filter_map(|path| read_bounded(&path, MAX_FILE).ok());
    let name = |text: Vec<u8>| {
        let text = String::from_utf8_lossy(&text).into_owned();
        let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(pullagent_diagnosis::text::clean(name.trim().trim_matches(['"', '\'']), MAX_NAME))
    };
    texts.map(name).next().flatten().unwrap_or_default()
}

/// The version of the kernel, which containers share with their node; empty where it cannot be read.
pub fn kernel() -> String {
    let version = read_bounded(Path::new("/proc/sys/kernel/osrelease"), MAX_FILE).unwrap_or_default();
    pullagent_diagnosis::text::clean(&String::from_utf8_lossy(&version), MAX_NAME)
}

/// That this process's environment counts in the place of the runtime's.
fn stands_in(runtime: Option<&Runtime>) -> NotChecked {
    let why = match runtime.map(|runtime| &runtime.process) {
        None => "no socket of a container runtime was found",
        Some(RuntimeProcess::NotSeen { why }) => why,
        Some(RuntimeProcess::Verified { .. }) => "it was not read",
    };
    NotChecked::new(
        "the runtime's own proxy and CA environment",
        format!("{why}; this process's environment stands in"),
    )
}

/// The index of a network interface, for the zone of an IPv6 name server.
fn interface_index(name: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(name).ok()
}

/// A file's text; an absent one is empty, as it is to Go, and one that cannot be read is said.
fn read_text(host_root: &Path, path: &str, max: u64, not_checked: &mut Vec<NotChecked>) -> String {
    match below(host_root, Path::new(path)).and_then(|file| read_bounded(&file, max)) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                not_checked.push(NotChecked::new(format!("/{path}"), error.to_string()));
            }
            String::new()
        }
    }
}

/// Whether this node has addresses of each family by which others could be reached.
fn global_families() -> (bool, bool) {
    let (mut ipv4, mut ipv6) = (false, false);
    for interface in getifaddrs().into_iter().flatten() {
        let Some(address) = interface.address else { continue };
        if let Some(v4) = address.as_sockaddr_in() {
            ipv4 |= is_global_v4(v4.ip());
        } else if let Some(v6) = address.as_sockaddr_in6() {
            ipv6 |= is_global_v6(v6.ip());
        }
    }
    (ipv4, ipv6)
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified()
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use pullagent_diagnosis::runtime::RuntimeAnswer;

    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_node_is_read_from_its_own_files() {
        let root = root(&[("etc/resolv.conf", "nameserver 127.0.0.9\n"), ("etc/hosts", "127.0.0.7 registry.test\n")]);
        let ours = environment(&[("NODE_NAME", "n1"), ("HTTPS_PROXY", "http://u:p@p:1")]);
        let node = read_node(root.path(), &ours, None);
        assert_eq!(node.node.name, "n1");
        assert_eq!(node.network.resolver.servers[0].to_string(), "127.0.0.9:53");
        assert_eq!(node.network.hosts.lookup("registry.test").len(), 1);
        assert!(node.network.proxy.https.is_some() && !format!("{node:?}").contains("u:p"));
    }

    #[test]
    fn the_operating_system_says_what_it_is_called() {
        let check = |files: &[(&str, &str)], want: &str| assert_eq!(os_image(root(files).path()), want);
        check(&[("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n")], "Debian GNU/Linux 12");
        check(&[("usr/lib/os-release", "PRETTY_NAME='Flatcar'\n")], "Flatcar");
        check(&[("etc/os-release", "NAME=x\n")], "");
        check(&[], "");
        assert!(kernel().contains('.'), "{}", kernel());
    }

    #[test]
    fn where_no_authority_is_seen_that_is_said_unless_a_runtime_has_none() {
        let root = root(&[]);
        let says = |runtime| {
            let node = read_node(root.path(), &Environment::default(), runtime);
            node.not_checked.iter().any(|unseen| unseen.what == "the node's certificate authorities")
        };
        assert!(says(None));
        assert!(!says(Some((runtime(RuntimeProcess::NotSeen { why: "-".to_owned() }), None))));
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn runtime(process: RuntimeProcess) -> Runtime {
        let answer = RuntimeAnswer::NotAsked { why: "-".to_owned() };
        Runtime { endpoint: "unix:///run/runtime.sock".to_owned(), named_by: None, answer, process, config_file: None }
    }

    /// What a node with `runtime` takes for its proxy, and what it says about that.
    #[track_caller]
    fn check(runtime: Option<(Runtime, Option<Environment>)>, proxy: &str, said: Option<&str>) {
        let root = root(&[("ours.pem", ""), ("theirs.pem", "")]);
        let ours = environment(&[("NODE_NAME", "n1"), ("HTTPS_PROXY", "http://ours:1"), ("SSL_CERT_FILE", "/ours")]);
        let node = read_node(root.path(), &ours, runtime.clone());
        assert_eq!((node.node.name.as_str(), &node.runtime), ("n1", &runtime.map(|(runtime, _)| runtime)));
        assert_eq!(node.network.proxy.https.map(|proxy| proxy.url.to_string()).unwrap_or_default(), proxy);
        let about = |unseen: &&NotChecked| unseen.what == "the runtime's own proxy and CA environment";
        assert_eq!(node.not_checked.iter().find(about).map(|unseen| unseen.why.as_str()), said);
    }

    #[test]
    fn the_runtimes_own_environment_counts_and_else_ours_stands_in_which_is_said() {
        let verified = runtime(RuntimeProcess::Verified {
            pid: 7,
            started_at: jiff::Timestamp::UNIX_EPOCH,
            unit: None,
            of_this_tree: true,
        });
        let theirs = environment(&[("NODE_NAME", "odd"), ("HTTPS_PROXY", "http://theirs:1")]);
        check(Some((verified.clone(), Some(theirs))), "http://theirs:1", None);
        check(Some((verified, Some(Environment::default()))), "", None);
        let unseen = runtime(RuntimeProcess::NotSeen { why: "it is shy".to_owned() });
        check(Some((unseen, None)), "http://ours:1", Some("it is shy; this process's environment stands in"));
        let none = "no socket of a container runtime was found; this process's environment stands in";
        check(None, "http://ours:1", Some(none));
    }
}
