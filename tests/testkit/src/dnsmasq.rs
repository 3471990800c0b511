//! Debian's dnsmasq, the real DNS server: knows the names it is told, and nobody to ask for others.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::process::Command;

use crate::listen;
use crate::program::Program;

/// A server to be started.
#[derive(Debug, Clone, Default)]
pub struct Dnsmasq {
    names: Vec<(String, IpAddr)>,
    domains: Vec<String>,
}

/// A running server.
pub struct DnsmasqHandle {
    addr: SocketAddr,
    _program: Program,
}

impl Dnsmasq {
    /// The same knowing the address of this name.
    #[must_use]
    pub fn name(mut self, name: &str, ip: IpAddr) -> Self {
        self.names.push((name.to_owned(), ip));
        self
    }

    /// The same answering for this domain alone: what it does not know there does not exist. Other names are refused,
    /// as nobody is there to be asked.
    #[must_use]
    pub fn domain(mut self, domain: &str) -> Self {
        self.domains.push(domain.to_owned());
        self
    }

    /// Starts it on this address, port 0 for one that is free; `NotFound` when the machine has no `dnsmasq`.
    pub async fn start_on(self, addr: SocketAddr) -> io::Result<DnsmasqHandle> {
        // To it, port 0 means that it should not serve names at all.
        let addr = if addr.port() == 0 { listen::bind(addr.ip()).await?.local_addr()? } else { addr };
        let mut command = Command::new("dnsmasq");
        command
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"])
            .args(["--user=root", "--pid-file=", "--log-facility=-"])
            .arg(format!("--listen-address={}", addr.ip()))
            .arg(format!("--port={}", addr.port()))
            .args(self.names.iter().map(|(name, ip)| format!("--host-record={name},{ip}")))
            .args(self.domains.iter().map(|domain| format!("--local=/{domain}/")));
        let listens = |line: &str| line.contains("started, version").then_some(());
        let (program, ()) = Program::start(&mut command, listens).await?;
        Ok(DnsmasqHandle { addr, _program: program })
    }
}

impl DnsmasqHandle {
    /// Where it listens, for both protocols.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
