//! Foreign servers as child processes: waited for until they say that they listen, killed when dropped. Knows none of
//! them by name.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// How long a server may take until it listens, on a busy machine.
const START: Duration = Duration::from_mins(1);

/// A running server.
#[must_use = "the server is killed when its handle is dropped"]
pub struct Program {
    /// It, or what started it and ends with it.
    child: Child,
}

impl Program {
    /// Starts a server and waits for the line of its log, on standard error, out of which `ready` reads what is wanted of
    /// it. Fails when the program is not there, ends before it is ready or takes too long.
    pub async fn start<T>(command: &mut Command, ready: impl Fn(&str) -> Option<T>) -> io::Result<(Self, T)> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        let mut log = BufReader::new(child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?).lines();
        let said = timeout(START, wait(&mut log, ready))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, format!("{name} does not start to listen")))?
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        // It must not block on a full pipe later.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Ok((Self { child }, said))
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> io::Result<()> {
        self.child.wait().await.map(drop)
    }
}

/// The first thing that `ready` reads out of a line; the last line is the error if there is none.
async fn wait<T>(log: &mut Lines<BufReader<ChildStderr>>, ready: impl Fn(&str) -> Option<T>) -> io::Result<T> {
    let mut last = "no word of it".to_owned();
    while let Some(line) = log.next_line().await? {
        if let Some(said) = ready(&line) {
            return Ok(said);
        }
        last = line;
    }
    Err(io::Error::other(format!("it ended before it listened: {last}")))
}
