//! One run of one plugin: bounded in time and in bytes, and ended with all that it has started. Reads no answer.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use pullagent_diagnosis::config::credential_provider::Provider;
use pullagent_diagnosis::plugin::PluginFailure;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::kubelet::KubeletStart;

/// Bytes of an answer; a login is a few KiB.
const MAX_ANSWER: u64 = 1024 * 1024;
/// Bytes that are kept of what a plugin says to its log.
const MAX_SAID: usize = 8 * 1024;
/// How long the end of what was killed is waited for.
const BURIAL: Duration = Duration::from_secs(1);

/// What is run.
pub(super) struct Program<'a> {
    /// The file, without symlinks.
    pub(super) binary: &'a Path,
    /// By what name it is called.
    pub(super) called: &'a Path,
    pub(super) provider: &'a Provider,
    pub(super) kubelet: &'a KubeletStart,
}

/// What it wrote to its standard output when it has ended well; else how it failed, and what it wrote to its standard
/// error.
pub(super) async fn run(
    program: &Program<'_>,
    request: &str,
    limit: Duration,
) -> Result<Vec<u8>, (PluginFailure, Vec<u8>)> {
    let mut command = Command::new(program.binary);
    command.arg0(program.called).args(program.provider.arguments.expose()).current_dir(&program.kubelet.directory);
    // Of a name that occurs twice the last counts, as in Go's `os/exec`.
    command.env_clear().envs(program.kubelet.environment.expose().iter().map(|(name, value)| (name, value)));
    command.envs(program.provider.environment.iter().map(|(name, value)| (name, value.expose())));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, to be ended with whatever it starts.
    command.process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(|error| {
        (PluginFailure::NotStarted { why: format!("{}: {error}", program.called.display()) }, Vec::new())
    })?;
    let mut group = Group(child);
    let mut said = Vec::new();
    let ended = match timeout(limit, converse(&mut group.0, request, &mut said)).await {
        Ok(ended) => ended,
        Err(_) => Err(PluginFailure::TimedOut { seconds: limit.as_secs() + u64::from(limit.subsec_nanos() > 0) }),
    };
    group.end().await;
    ended.map_err(|how| (how, said))
}

/// Asks, listens until both outputs are closed, and waits for the end, as Go's `exec.Cmd.Run` does.
async fn converse(child: &mut Child, request: &str, said: &mut Vec<u8>) -> Result<Vec<u8>, PluginFailure> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ask = async {
        if let Some(mut stdin) = stdin {
            // One that needs no question may close its ears.
            drop(stdin.write_all(request.as_bytes()).await);
        }
        Ok(())
    };
    let listen = async {
        drain(stderr, said).await;
        Ok(())
    };
    let ((), answer, ()) = tokio::try_join!(ask, read_answer(stdout), listen)?;
    let status = child.wait().await.map_err(|error| PluginFailure::NotStarted { why: error.to_string() })?;
    failure(status).map_or(Ok(answer), Err)
}

async fn read_answer(stdout: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, PluginFailure> {
    let mut answer = Vec::new();
    if let Some(stdout) = stdout {
        // What cannot be read is not said.
        drop(stdout.take(MAX_ANSWER + 1).read_to_end(&mut answer).await);
    }
    if answer.len() as u64 > MAX_ANSWER { Err(PluginFailure::TooMuch { bytes: MAX_ANSWER }) } else { Ok(answer) }
}

/// Reads to the end, so that nobody waits for a reader, and keeps the beginning.
async fn drain(stderr: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut piece).await {
        let room = MAX_SAID.saturating_sub(said.len());
        said.extend_from_slice(&piece[..length.min(room)]);
    }
}

fn failure(status: ExitStatus) -> Option<PluginFailure> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(status), _) => Some(PluginFailure::Status { status }),
        (None, signal) => Some(PluginFailure::Signal { signal: signal.unwrap_or_default() }),
    }
}

/// A process with all that it has started. What still runs when this is dropped is killed.
struct Group(Child);

impl Group {
    async fn end(mut self) {
        self.kill();
        // It is collected later if it cannot end now.
        drop(timeout(BURIAL, self.0.wait()).await);
    }

    /// Only while the process is not collected is the group surely its own.
    fn kill(&self) {
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            // One that has just ended needs no killing.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
