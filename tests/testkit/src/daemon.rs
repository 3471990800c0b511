//! The agent as a process of its own that is looked at from outside: what it serves on its socket, what it takes of the
//! machine. Needs root, or its owner, for its entries below /proc.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// How long is waited for what must come.
const SOON: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(10);
/// Clock ticks a second in /proc: the same on every Linux (`man 5 proc_pid_stat`, `USER_HZ`).
const TICKS: f64 = 100.0;

/// A running agent, killed when dropped.
#[must_use = "the agent is killed when its handle is dropped"]
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    /// Starts `pullagent run` with these settings, which are written to `config.yaml` in `folder`. They are to name
    /// `agent.sock` there as its socket. Its log, of errors only, goes where ours goes.
    pub fn start(program: &Path, folder: &Path, settings: &str) -> io::Result<Self> {
        let file = folder.join("config.yaml");
        fs::write(&file, settings)?;
        let child = Command::new(program)
            .env_clear()
            .args(["run", "--log-level", "error", "--config"])
            .arg(file)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child, socket: folder.join("agent.sock") })
    }

    /// Its metrics as they are now.
    pub async fn metrics(&self) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Waits until its metrics are as wanted, and returns them.
    pub async fn until(&self, wanted: impl Fn(&str) -> bool) -> io::Result<String> {
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < SOON {
            // Its socket may not be there yet.
            last = self.metrics().await.unwrap_or(last);
            if wanted(&last) {
                return Ok(last);
            }
            sleep(PAUSE).await;
        }
        Err(io::Error::other(format!("the metrics were at last:\n{last}")))
    }

    /// The processor's time that it has had, in seconds.
    pub fn processor_seconds(&self) -> io::Result<f64> {
        let stat = fs::read_to_string(self.entry("stat")?)?;
        // The name of the program, in brackets, may hold anything; utime and stime are the 12th and 13th after it.
        let (_, fields) = stat.rsplit_once(')').ok_or_else(|| io::Error::other("a line without a name"))?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>();
        Ok(ticks.map_err(io::Error::other)? / TICKS)
    }

    /// A row of its memory, such as `VmRSS:`, in MiB.
    pub fn memory(&self, row: &str) -> io::Result<f64> {
        memory(self.id()?, row)
    }

    /// How many files it holds open.
    pub fn open_files(&self) -> io::Result<usize> {
        Ok(fs::read_dir(self.entry("fd")?)?.count())
    }

    fn entry(&self, name: &str) -> io::Result<PathBuf> {
        Ok(format!("/proc/{}/{name}", self.id()?).into())
    }

    fn id(&self) -> io::Result<u32> {
        self.child.id().ok_or_else(|| io::Error::other("the agent has ended"))
    }
}

/// A row of a process's memory, such as `VmHWM:`, in MiB.
pub fn memory(id: u32, row: &str) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(row));
    let line = line.ok_or_else(|| io::Error::other(format!("no row {row}")))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().map_err(io::Error::other)?;
    Ok(kib / 1024.0)
}

/// The value of a series of metrics, `name{labels}`; 0 where there is none.
pub fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0.0)
}
