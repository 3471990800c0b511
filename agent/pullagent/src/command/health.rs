//! `pullagent health`: whether the agent on this node answers on its socket.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::cli::health::HealthArguments;
use crate::terminal;

/// How long the agent may take.
const DEADLINE: Duration = Duration::from_secs(2);
/// It does not answer.
const DEAD: u8 = 1;

/// Asks, and complains if there is no answer.
pub(crate) async fn run(arguments: &HealthArguments) -> anyhow::Result<u8> {
    let answer = timeout(DEADLINE, ask(&arguments.socket)).await;
    let answer = answer.unwrap_or_else(|_| bail!("no answer in {} s", DEADLINE.as_secs()));
    match answer.with_context(|| format!("the agent at {}", arguments.socket.display())) {
        Ok(()) => Ok(0),
        Err(error) => {
            terminal::complain(&format!("{error:#}"));
            Ok(DEAD)
        }
    }
}

async fn ask(socket: &Path) -> anyhow::Result<()> {
    let stream = UnixStream::connect(socket).await?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/healthz").header("host", "localhost").body(Empty::<Bytes>::new())?;
    // The connection ends when nobody can ask on it any more; what was wrong with it, the one who asked is told.
    let asked = async move { requests.send_request(request).await.map(|answer| answer.status()) };
    let (status, _) = tokio::join!(asked, connection);
    let status = status?;
    if status != StatusCode::OK {
        bail!("it answers with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

    /// The exit status where the socket's server says this; `None` says nothing at all.
    async fn status(says: Option<&'static str>) -> u8 {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let Some(says) = says else { return pending().await };
            let mut request = [0; 256];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(says.as_bytes()).await.unwrap();
        });
        run(&HealthArguments { socket }).await.unwrap()
    }

    #[tokio::test]
    async fn an_agent_that_answers_is_alive() {
        assert_eq!(status(Some("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")).await, 0);
    }

    #[tokio::test]
    async fn any_other_answer_or_none_is_not_alive() {
        for says in ["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "garbage\r\n\r\n", ""] {
            assert_eq!(status(Some(says)).await, DEAD, "{says:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_agent_is_not_alive() {
        assert_eq!(status(None).await, DEAD);
    }

    #[tokio::test]
    async fn without_a_socket_there_is_no_agent() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run(&HealthArguments { socket: folder.path().join("none") }).await.unwrap(), DEAD);
    }
}
