//! Measures `pullagent fleet` over 5,000 nodes with 20 registries each: `pullagent-bench-fleet PULLAGENT` starts an API
//! server, stores the nodes and what their agents would have written, and prints one row a figure, as `tests/bench/run`
//! does. The page is opened with chromium where there is one.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use pullagent_testkit::daemon::memory;
use pullagent_testkit::kubernetes::{KubeApi, SimulatedFleet};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

type Outcome<T> = Result<T, Box<dyn Error>>;

const NODES: usize = 5_000;
const REGISTRIES: usize = 20;
const RUNS: usize = 3;
/// What was promised.
const SECONDS: f64 = 3.0;
const MEBIBYTES: f64 = 200.0;
const PAGE_SECONDS: f64 = 2.0;
/// How often the memory of a run is looked at.
const LOOK: Duration = Duration::from_millis(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pullagent-bench-fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [binary] = arguments.as_slice() else { return Err("usage: pullagent-bench-fleet PULLAGENT".into()) };
    let api = KubeApi::start().await?;
    let before = api.stored_bytes()?;
    let fleet = SimulatedFleet {
        namespace: "pullagent".to_owned(),
        nodes: NODES,
        registries: REGISTRIES,
        failing: (0..30).map(|number| number * 160 + 3).collect(),
        silent: vec![100, 200],
        bare: vec![300],
    };
    api.simulate(&fleet).await?;
    let stored = mebibytes(api.stored_bytes()?.saturating_sub(before));
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, api.admin().kubeconfig())?;
    let page = folder.path().join("fleet.html");
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(one(binary, &kubeconfig, &page).await?);
    }
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (seconds, memory) = (runs[RUNS / 2].0, runs.iter().map(|run| run.1).fold(0.0, f64::max));
    let mut out = io::stdout();
    let of = format!("fleet, {NODES} nodes x {REGISTRIES} registries");
    writeln!(out, "{of} | {seconds:.3} s | {:.2} x {SECONDS} s | at most 1 x", seconds / SECONDS)?;
    writeln!(out, "{of}, peak | {memory:.1} MiB | {:.2} x {MEBIBYTES} MiB | at most 1 x", memory / MEBIBYTES)?;
    writeln!(
        out,
        "{of}, in etcd | {stored:.1} MiB | {:.1} KiB a node | -",
        stored * 1024.0 / f64::from(u32::try_from(NODES)?)
    )?;
    writeln!(out, "{}", opened(&page, folder.path()).await?)?;
    Ok(())
}

/// Seconds and the most memory, in MiB, of one run that writes the page as well.
async fn one(binary: &Path, kubeconfig: &Path, page: &Path) -> Outcome<(f64, f64)> {
    let begun = Instant::now();
    let mut child = Command::new(binary)
        .env_clear()
        .arg("fleet")
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .arg("--html")
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let id = child.id().ok_or("pullagent fleet has ended at once")?;
    let mut peak = 0.0_f64;
    let code = loop {
        // It counts the peak itself; the last look misses the last milliseconds only.
        peak = peak.max(memory(id, "VmHWM:").unwrap_or(0.0));
        tokio::select! {
            code = child.wait() => break code?,
            () = sleep(LOOK) => {}
        }
    };
    // Some of its checks fail, which is what it has to say.
    if code.code() != Some(1) {
        return Err(format!("pullagent fleet ended with {code}").into());
    }
    Ok((begun.elapsed().as_secs_f64(), peak))
}

/// How long a browser takes for the page, beyond what it takes for an empty one.
async fn opened(page: &Path, folder: &Path) -> Outcome<String> {
    let empty = folder.join("empty.html");
    std::fs::write(&empty, "<!DOCTYPE html><title>empty</title>")?;
    let bytes = std::fs::metadata(page)?.len();
    let (Some(nothing), Some(all)) = (browser(&empty, folder).await?, browser(page, folder).await?) else {
        return Ok(format!("the page, {bytes} bytes | not opened: chromium was not found | - | -"));
    };
    let seconds = (all - nothing).max(0.0);
    let share = seconds / PAGE_SECONDS;
    Ok(format!("the page, {bytes} bytes, laid out | {seconds:.3} s | {share:.2} x {PAGE_SECONDS} s | at most 1 x"))
}

/// The shortest of some runs in seconds; none where there is no chromium.
async fn browser(page: &Path, folder: &Path) -> Outcome<Option<f64>> {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let begun = Instant::now();
        let child = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"])
            .arg(format!("--user-data-dir={}", folder.join("chromium").display()))
            .arg(format!("--screenshot={}", folder.join("page.png").display()))
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut child = match child {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let code = timeout(Duration::from_mins(1), child.wait()).await??;
        if !code.success() {
            return Err(format!("chromium ended with {code}").into());
        }
        best = best.min(begun.elapsed().as_secs_f64());
    }
    Ok(Some(best))
}

/// Bytes as MiB, exact for what fits a disk.
fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}
