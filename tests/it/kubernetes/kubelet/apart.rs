//! A test apart from the machine: it runs again as process 1 of namespaces of its own, with its own network, mounts and
//! control groups, so that a kubelet, which believes the whole machine to be its node, changes nothing of it.
//!
//! When the test ends, however that comes about, the kernel ends whatever else runs there. The empty control groups that
//! stay behind are swept up by whoever comes next.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pullagent_testkit::kubernetes;

/// Set where a test runs as process 1.
const AS_FIRST: &str = "PULLAGENT_TEST_AS_FIRST";

/// Removes the control groups of a test that has ended.
const SWEEP: &str = r#"for group in /sys/fs/cgroup/*/pullagent-test; do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \;
done
"#;

/// Enters control groups of its own; the script of process 1 is what is left of the arguments.
const ENTER: &str = r#"set -e
for kind in $KINDS systemd; do
    group=/sys/fs/cgroup/$kind/pullagent-test
    mkdir "$group"
    [ "$kind" != cpuset ] || for file in cpuset.cpus cpuset.mems; do
        cat "/sys/fs/cgroup/cpuset/$file" > "$group/$file"
    done
    echo $$ > "$group/cgroup.procs"
done
exec unshare --net --mount --pid --cgroup --uts --ipc --fork --kill-child --mount-proc sh -c "$@""#;

/// All that is written goes into memory. What a kubelet sets for the whole machine are files of the test's own, and only
/// its own control groups are to be seen.
const BEGIN: &str = r#"set -e
mount -t tmpfs -o mode=755,size=1g node /run
ip link set lo up
for file in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
    kernel/keys/root_maxbytes; do
    mkdir -p "/run/sysctl/${file%/*}"
    cat "/proc/sys/$file" > "/run/sysctl/$file"
    mount --bind "/run/sysctl/$file" "/proc/sys/$file"
done
mount -t tmpfs -o mode=755 groups /sys/fs/cgroup
for kind in $KINDS; do
    mkdir "/sys/fs/cgroup/$kind"
    mount -t cgroup -o "$kind" groups "/sys/fs/cgroup/$kind"
done
mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd groups /sys/fs/cgroup/systemd
exec "$@""#;

/// The control groups of version 1 that a kubelet and runc use.
const KINDS: &str = "cpu cpuacct cpuset memory devices freezer blkio pids";

/// What the kubelet of 1.20 needs of the kernel.
const GROUPS: &str = "control groups of version 1";

/// What the kernel's settings must be again after the test: those that a kubelet sets.
const SETTINGS: [&str; 2] = ["/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/panic"];

/// Runs `test`, whose full name is `name`, apart from the machine; it is given the kubelet's program. Where that cannot be
/// it says that nothing was tested.
#[expect(clippy::print_stderr, reason = "what is not tested is said aloud")]
pub(super) fn apart(name: &str, test: impl AsyncFnOnce(PathBuf)) {
    let kubelet = match possible() {
        Ok(kubelet) => kubelet,
        Err(why) => {
            // What the kernel lacks no set-up brings.
            assert!(why == GROUPS || std::env::var_os("CI").is_none(), "this test needs {why}");
            eprintln!("NOT TESTED: {name} needs {why}");
            return;
        }
    };
    if std::env::var_os(AS_FIRST).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(test(kubelet));
    }
    // One at a time: all of them have the same control groups.
    let lock = File::open(&kubelet).expect("the kubelet");
    lock.lock().expect("the kubelet for us alone");
    let before = SETTINGS.map(|path| std::fs::read_to_string(path).expect("a setting"));
    let sweep = || Command::new("sh").args(["-c", SWEEP]).status().expect("a shell starts");
    assert!(sweep().success(), "another test is in the control groups of this one");
    let ran = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "sh", "-c", ENTER, "sh", BEGIN, "sh"])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .env(AS_FIRST, "1")
        .env("KINDS", KINDS)
        .env("TMPDIR", "/run")
        .stdin(Stdio::null())
        .output()
        .expect("setpriv and unshare start; they are part of util-linux");
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    // What the kernel has not ended yet is swept up the next time.
    sweep();
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(SETTINGS.map(|path| std::fs::read_to_string(path).expect("a setting")), before);
}

/// The kubelet's program, or what is missing.
fn possible() -> Result<PathBuf, &'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Err("root");
    }
    if !KINDS.split(' ').all(|kind| Path::new("/sys/fs/cgroup").join(kind).join("cgroup.procs").exists()) {
        return Err(GROUPS);
    }
    let kubelet = kubernetes::folder().map(|folder| folder.join("kubelet")).ok().filter(|path| path.is_file());
    kubelet.ok_or("the kubelet that `tests/setup test` builds")
}
