//! The accept loop that every TCP server here shares: connections live no longer than their server's handle.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// The loopback address that servers use unless told otherwise.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A running server; dropping it closes its socket and every connection it holds.
#[derive(Debug)]
#[must_use = "the server stops when its handle is dropped"]
pub struct Handle {
    addr: SocketAddr,
    tasks: Vec<AbortHandle>,
}

impl Handle {
    /// The same also ending this task.
    pub(crate) fn and(mut self, task: AbortHandle) -> Self {
        self.tasks.push(task);
        self
    }

    /// Where the server listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Binds a free port of `ip`, so that the port is known before the server that will use it is described.
pub async fn bind(ip: IpAddr) -> io::Result<TcpListener> {
    TcpListener::bind((ip, 0)).await
}

/// Runs `answer` for every connection.
pub(crate) fn serve<F, A>(listener: TcpListener, answer: F) -> io::Result<Handle>
where
    F: Fn(TcpStream) -> A + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let addr = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // Small answers must not wait for the client's delayed acknowledgement.
                        let _ = stream.set_nodelay(true);
                        connections.spawn(answer(stream));
                    }
                    // A peer that went away between SYN and accept is its own affair.
                    Err(_) => tokio::task::yield_now().await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Ok(Handle { addr, tasks: vec![task.abort_handle()] })
}
