//! The two programs of a control plane as processes: what they are started with, and the port that one of them keeps.
//! Asks them for nothing.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::process::Command;

use super::audit;
use crate::listen::LOOPBACK;
use crate::program::Program;

/// The socket between the two, in the folder that both work in: a relative name is never too long for a socket.
const SOCKET: &str = "unix://etcd.sock:0";
const PEERS: &str = "unix://peer.sock:0";

/// A running etcd of one member.
pub(super) struct Etcd {
    _program: Program,
    folder: TempDir,
}

/// An API server that runs, unless it was killed.
pub(super) struct Server {
    path: PathBuf,
    program: Option<Program>,
    addr: SocketAddr,
    /// Bound and never listened on, so that nobody else is given the port, before the start as between two.
    _port: TcpSocket,
}

impl Etcd {
    /// Starts it in a temporary folder.
    pub(super) async fn start(path: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(path);
        command
            .current_dir(folder.path())
            .args(["--data-dir", "etcd", "--logger", "zap", "--log-outputs", "stderr"])
            .args(["--listen-client-urls", SOCKET, "--advertise-client-urls", SOCKET])
            .args(["--listen-peer-urls", PEERS, "--initial-advertise-peer-urls", PEERS])
            .arg(format!("--initial-cluster=default={PEERS}"));
        let serves = |line: &str| line.contains("serving client traffic").then_some(());
        let (program, ()) = Program::start(&mut command, serves).await?;
        Ok(Self { _program: program, folder })
    }

    /// The folder of both programs.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Server {
    /// Starts it on a free port, with the files of [`super::pki::Pki`] in `folder`.
    pub(super) async fn start(path: &Path, folder: &Path) -> io::Result<Self> {
        let port = TcpSocket::new_v4()?;
        port.set_reuseport(true)?;
        port.bind(SocketAddr::new(LOOPBACK, 0))?;
        let addr = port.local_addr()?;
        audit::write_policy(folder)?;
        let program = Some(run(path, folder, addr).await?);
        Ok(Self { path: path.to_owned(), program, addr, _port: port })
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn kill(&mut self) -> io::Result<()> {
        match self.program.take() {
            Some(program) => program.kill().await,
            None => Ok(()),
        }
    }

    /// Starts it again where it was.
    pub(super) async fn revive(&mut self, folder: &Path) -> io::Result<()> {
        self.program = Some(run(&self.path, folder, self.addr).await?);
        Ok(())
    }
}

async fn run(path: &Path, folder: &Path, addr: SocketAddr) -> io::Result<Program> {
    let mut command = Command::new(path);
    command
        .current_dir(folder)
        .args(["--etcd-servers", SOCKET, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"])
        .arg(format!("--secure-port={}", addr.port()))
        // The port is held by us as well.
        .args(["--permit-port-sharing=true", "--endpoint-reconciler-type=none"])
        .args(["--service-cluster-ip-range=10.96.0.0/24", "--cert-dir=.", "--client-ca-file=ca.crt"])
        .args(["--tls-cert-file=apiserver.crt", "--tls-private-key-file=apiserver.key"])
        .args(["--service-account-key-file=sa.crt", "--service-account-signing-key-file=sa.key"])
        .args([format!("--audit-policy-file={}", audit::POLICY), format!("--audit-log-path={}", audit::LOG)])
        .arg("--service-account-issuer=https://kubernetes.default.svc.cluster.local")
        .args(["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"]);
    let serves = |line: &str| line.contains("Serving securely on").then_some(());
    Ok(Program::start(&mut command, serves).await?.0)
}
