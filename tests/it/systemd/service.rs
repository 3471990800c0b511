//! The daemon as a service of a real systemd, from its first start to its end.

use std::path::Path;

use super::machine::{Machine, on_a_machine};

const UNIT: &str = "pullagent.service";
const SOCKET: &str = "/run/pullagent/agent.sock";
const SETTINGS: &str = "/etc/pullagent/config.yaml";
/// `CAP_DAC_READ_SEARCH` and `CAP_SYS_PTRACE`, bits 2 and 19.
const CAPABILITIES: &str = "0000000000080004";

#[test]
fn systemd_starts_reloads_watches_and_stops_the_daemon() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systemd");
    let [unit, users, folders, settings] =
        ["pullagent.service", "pullagent.sysusers", "pullagent.tmpfiles", "config.yaml"].map(|name| ours.join(name));
    let files = [
        (Path::new(env!("CARGO_BIN_EXE_pullagent")), "/usr/bin/pullagent"),
        (&unit, "/usr/lib/systemd/system/pullagent.service"),
        (&users, "/usr/lib/sysusers.d/pullagent.conf"),
        (&folders, "/usr/lib/tmpfiles.d/pullagent.conf"),
        (&settings, "/usr/share/pullagent/config.yaml"),
    ];
    on_a_machine("systemd::service::systemd_starts_reloads_watches_and_stops_the_daemon", &files, |machine| {
        install(machine);
        start(machine);
        ask(machine);
        confine(machine);
        reload(machine);
        stop_and_start(machine);
        hang(machine);
    });
}

/// As a package does after it has brought its files.
fn install(machine: &mut Machine) {
    machine.ok(&["systemd-sysusers", "pullagent.conf"]);
    machine.ok(&["getent", "group", "pullagent"]);
    machine.ok(&["systemd-tmpfiles", "--create", "pullagent.conf"]);
    assert_eq!(machine.ok(&["stat", "-c", "%a %U:%G", "/etc/pullagent"]), "750 root:pullagent");
    machine.ok(&["install", "-m", "0640", "-g", "pullagent", "/usr/share/pullagent/config.yaml", SETTINGS]);
    // What systemd is told is logged from `debug` on.
    machine.ok(&["systemctl", "log-level", "debug"]);
    machine.listen(UNIT);
}

/// On a machine without runtime, kubelet and network, which is told and is no reason to fail.
fn start(machine: &mut Machine) {
    machine.ok(&["systemctl", "enable", "--now", UNIT]);
    // When the command returns it answers already.
    machine.ok(&["pullagent", "health"]);
    assert_eq!(machine.property(UNIT, "ActiveState"), "active");
    let ready = ["Got notification message", "READY=1", "STATUS=0 pods, 0 failing"];
    machine.hear([&["no pod is watched for now: "], &ready]);
    let status = machine.ok(&["systemctl", "status", "--no-pager", UNIT]);
    assert!(status.contains("Status: \"0 pods, 0 failing, 0 examinations"), "{status}");
}

/// Who may ask is decided by the group.
fn ask(machine: &Machine) {
    assert_eq!(machine.ok(&["stat", "-c", "%a %U:%G", SOCKET]), "660 root:pullagent");
    let nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup"];
    machine.ok(&[&nobody[..], &["--groups=pullagent", "pullagent", "health"]].concat());
    let stranger = machine.run(&[&nobody[..], &["--clear-groups", "pullagent", "health"]].concat());
    assert_eq!(stranger.status.code(), Some(1));
    let metrics =
        "exec 3<>/dev/tcp/127.0.0.1/9477; printf 'GET /metrics HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3; cat <&3";
    let metrics = machine.ok(&["bash", "-c", metrics]);
    assert!(metrics.contains("pullagent_kube_connected 0"), "{metrics}");
}

/// What the process may do, by the kernel's word.
fn confine(machine: &Machine) {
    let pid = machine.property(UNIT, "MainPID");
    let status = machine.ok(&["cat", &format!("/proc/{pid}/status")]);
    for (name, value) in [
        ("CapInh", "0000000000000000"),
        ("CapPrm", CAPABILITIES),
        ("CapEff", CAPABILITIES),
        ("CapBnd", CAPABILITIES),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        assert!(status.contains(&format!("\n{name}:\t{value}\n")), "{name} is not {value}: {status}");
    }
    let limits = machine.ok(&["cat", &format!("/proc/{pid}/limits")]);
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"]);
    let touch = |path: &str| machine.run(&["nsenter", "-t", &pid, "-m", "touch", path]);
    for path in ["/run/pullagent/new", "/tmp/new"] {
        assert!(touch(path).status.success(), "{path} cannot be written");
    }
    for path in ["/etc/pullagent/new", "/usr/new", "/var/lib/new", "/root/new", "/run/new", "/proc/sys/kernel/hostname"]
    {
        let said = touch(path).stderr;
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("Read-only file system"), "{path}: {said}");
    }
}

/// What cannot be read leaves everything as it was.
fn reload(machine: &mut Machine) {
    let pid = machine.property(UNIT, "MainPID");
    let said = format!("Got notification message from PID {pid} ");
    let write = |machine: &Machine, line: &str| machine.ok(&["sh", "-c", &format!("echo '{line}' >>{SETTINGS}")]);
    write(machine, "nonsense: true");
    machine.ok(&["systemctl", "reload", UNIT]);
    let begun = [said.as_str(), "RELOADING=1", "MONOTONIC_USEC="];
    let ready = [said.as_str(), "READY=1"];
    let [_, told, _] = machine.hear([&begun, &["the old settings stay"], &ready]);
    assert!(told.contains(SETTINGS) && told.contains("nonsense"), "{told}");
    assert_eq!(machine.property(UNIT, "ActiveState"), "active");
    machine.ok(&["sed", "-i", "/nonsense/d", SETTINGS]);
    machine.ok(&["systemctl", "reload", UNIT]);
    machine.hear([&begun, &["the settings were read again"], &ready]);
    assert_eq!(machine.property(UNIT, "MainPID"), pid);
}

/// It ends by itself within the 5 s that are promised; systemd would say `timeout`.
fn stop_and_start(machine: &mut Machine) {
    amend(machine, "TimeoutStopSec=5");
    machine.ok(&["systemctl", "stop", UNIT]);
    machine.hear([&["Got notification message", "STOPPING=1"]]);
    assert_eq!(machine.property(UNIT, "Result"), "success");
    assert_eq!(machine.property(UNIT, "ExecMainStatus"), "0");
    assert!(!machine.run(&["test", "-e", SOCKET]).status.success(), "the socket is left behind");
    machine.ok(&["systemctl", "start", UNIT]);
    machine.ok(&["systemctl", "restart", UNIT]);
    machine.ok(&["pullagent", "health"]);
}

/// One that hangs is ended and started again.
fn hang(machine: &mut Machine) {
    amend(machine, "WatchdogSec=2\nRestartSec=0");
    machine.ok(&["systemctl", "restart", UNIT]);
    let pid = machine.property(UNIT, "MainPID");
    let said = format!("Got notification message from PID {pid} ");
    machine.hear([&[&said, "READY=1"], &[&said, "WATCHDOG=1"]]);
    machine.ok(&["sh", "-c", &format!("kill -STOP {pid}")]);
    machine.hear([&["Watchdog timeout"], &["Failed with result 'watchdog'"], &["Got notification message", "READY=1"]]);
    assert_ne!(machine.property(UNIT, "MainPID"), pid);
    assert_eq!(machine.property(UNIT, "NRestarts"), "1");
    machine.ok(&["pullagent", "health"]);
}

/// Other settings for the unit, as an admin gives them.
fn amend(machine: &Machine, settings: &str) {
    let folder = format!("/run/systemd/system/{UNIT}.d");
    machine.ok(&["sh", "-c", &format!("mkdir -p {folder} && printf '[Service]\\n{settings}\\n' >{folder}/test.conf")]);
    machine.ok(&["systemctl", "daemon-reload"]);
}
