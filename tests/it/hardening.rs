//! The built command while it holds a password: nobody but root may look into it, and it leaves no core dump.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

/// Kills the command with `signal` while a registry keeps it waiting with a password in hand. `before` is what it is
/// started through.
async fn killed(before: &[&str], signal: Signal) {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let image = format!("localhost:{}/a:1", silent.local_addr().expect("its address").port());
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("its mode");
    let command = [env!("CARGO_BIN_EXE_pullagent"), "probe", "--pull", "never", "--username", "u", "--password-stdin"];
    let line: Vec<&str> = before.iter().chain(&command).copied().chain([image.as_str()]).collect();
    let mut child = Command::new(line[0])
        .args(&line[1..])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the command starts");
    let mut input = child.stdin.take().expect("its standard input");
    input.write_all(b"hunter2\n").await.expect("it reads the password");
    drop(input);
    let (_held, _) = silent.accept().await.expect("it connects");
    let pid = child.id().expect("it lives");
    let send = |signal| kill(Pid::from_raw(i32::try_from(pid).expect("a process number")), signal);
    // Its deadlines pass on a busy machine.
    send(Signal::SIGSTOP).expect("it may be stopped");
    let of = |name: &str| format!("/proc/{pid}/{name}");
    assert_eq!(fs::metadata(of("environ")).expect("its environment").uid(), 0, "{before:?}");
    let limits = fs::read_to_string(of("limits")).expect("its limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("the limit of core dumps");
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"], "{core}");
    send(signal).expect("it may be killed");
    send(Signal::SIGCONT).expect("it may go on to its end");
    let status = child.wait().await.expect("it ends");
    assert_eq!((status.signal(), status.core_dumped()), (Some(signal as i32), false), "{before:?}");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0, "{before:?} left a file behind");
}

/// `SIGSEGV` would do the same, but the standard library lets the first one pass that nothing in the process has caused.
#[tokio::test]
async fn a_process_with_a_password_is_closed_to_others_and_leaves_no_dump() {
    // Not SIGQUIT: what a shell starts in the background ignores it, and all that comes of that too.
    for signal in [Signal::SIGABRT, Signal::SIGXCPU] {
        killed(&["sh", "-c", "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$@\"", "sh"], signal).await;
    }
}

/// Whoever is not root owns his processes' files, unless these are closed to him.
#[tokio::test]
async fn it_is_closed_to_the_user_who_runs_it_too() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        eprintln!("NOT TESTED: only root can run the command as somebody else");
        return;
    }
    killed(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"], Signal::SIGABRT).await;
}
