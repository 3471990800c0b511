//! The built command, run as a person would: arguments, standard input, output and exit status.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

/// Runs the command with nothing of the caller's environment.
pub(crate) async fn run(arguments: &[&str], stdin: &str) -> Ran {
    run_with(arguments, stdin, &[]).await
}

/// The same with these variables alone.
pub(crate) async fn run_with(arguments: &[&str], stdin: &str, environment: &[(&str, &str)]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pullagent"))
        .env_clear()
        .env("NODE_NAME", "node-1")
        .envs(environment.iter().copied())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut input = child.stdin.take().expect("its standard input");
    // A command that ends without reading closes the pipe, which is its right.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    let output = child.wait_with_output().await.expect("the command ends");
    Ran {
        out: String::from_utf8(output.stdout).expect("text on standard output"),
        err: String::from_utf8(output.stderr).expect("text on standard error"),
        code: output.status.code().expect("an exit status"),
    }
}

/// Probes images on the node whose root is `root`, with these further arguments before the images.
pub(crate) async fn probe(root: &Path, arguments: &[&str], images: &[&str], stdin: &str) -> Ran {
    let root = root.to_str().expect("a path that is text");
    let all: Vec<&str> = ["probe", "--host-root", root].iter().chain(arguments).chain(images).copied().collect();
    run(&all, stdin).await
}

/// The code of each JSON report on standard output, `-` where there is no cause.
pub(crate) fn codes(ran: &Ran) -> Vec<String> {
    let report = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("a JSON report");
    ran.out.lines().map(|line| report(line)["cause"]["code"].as_str().unwrap_or("-").to_owned()).collect()
}
