//! Debian's squid, the real proxy: lets some hosts through, or wants a login, and says no in its own pages.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tempfile::TempDir;
use tokio::process::Command;

use crate::program::Program;

/// A proxy to be started.
#[derive(Debug, Clone, Default)]
pub struct Squid {
    allowed: Vec<String>,
    names: Vec<(String, IpAddr)>,
}

/// A running proxy.
pub struct SquidHandle {
    addr: SocketAddr,
    _program: Program,
    _folder: TempDir,
}

impl Squid {
    /// The same letting this host through; none is if none was named.
    #[must_use]
    pub fn allow(mut self, host: &str) -> Self {
        self.allowed.push(host.to_owned());
        self
    }

    /// The same knowing the address of this name.
    #[must_use]
    pub fn name(mut self, name: &str, ip: IpAddr) -> Self {
        self.names.push((name.to_owned(), ip));
        self
    }

    /// Starts it on this address; `NotFound` when the machine has no `squid`.
    pub async fn start_on(self, addr: SocketAddr) -> io::Result<SquidHandle> {
        let folder = tempfile::tempdir()?;
        let (config, hosts) = (folder.path().join("squid.conf"), folder.path().join("hosts"));
        let mut names = String::new();
        for (name, ip) in &self.names {
            let _ = writeln!(names, "{ip} {name}");
        }
        std::fs::write(&hosts, names)?;
        // Without a bound on files squid takes memory for as many as the machine allows.
        let mut text = format!(
            "http_port {addr}\nhosts_file {}\nvisible_hostname proxy.test\npid_filename none\ncache deny all\n\
             access_log none\ncache_log /dev/null\nmax_filedescriptors 1024\ncache_mem 1 MB\npinger_enable off\n\
             acl CONNECT method CONNECT\n",
            hosts.display()
        );
        for host in &self.allowed {
            let _ = writeln!(text, "acl allowed dstdomain {host}");
        }
        text.push_str(if self.allowed.is_empty() { "" } else { "http_access allow allowed\n" });
        text.push_str("http_access deny all\n");
        std::fs::write(&config, text)?;
        let mut command = Command::new("squid");
        // -N: stays in the foreground; -d 1: says on standard error that it listens.
        command.args(["-N", "-d", "1", "-f"]).arg(&config);
        let listens = |line: &str| line.contains("Accepting HTTP Socket connections").then_some(());
        let (program, ()) = Program::start(&mut command, listens).await?;
        Ok(SquidHandle { addr, _program: program, _folder: folder })
    }
}

impl SquidHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
