//! A machine with a real systemd, booted by systemd-nspawn from files that are never written to.
//!
//! The test runs again as process 1 of a process namespace: when it ends, however that comes about, the kernel ends the
//! machine with it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

/// Set where a test runs as process 1.
const AS_FIRST: &str = "PULLAGENT_TEST_AS_FIRST";
/// How long booting may take, and one command, and all that is heard of the journal.
const BOOT: Duration = Duration::from_mins(2);
const SECONDS_OF_A_COMMAND: &str = "60";
const SECONDS_OF_THE_JOURNAL: &str = "120";

/// The files that `tests/setup test` lays down.
fn root() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let root = cache.join("pullagent/systemd/bookworm");
    root.join("usr/bin/systemctl").exists().then_some(root)
}

/// Runs `test`, whose full name is `name`, on a machine where these files of ours are at these places. Without root or
/// without a machine's files it says that nothing was tested.
#[expect(clippy::print_stderr, reason = "what is not tested is said aloud")]
pub(crate) fn on_a_machine(name: &str, files: &[(&Path, &str)], test: impl FnOnce(&mut Machine)) {
    let root = root().filter(|_| nix::unistd::geteuid().is_root());
    let Some(root) = root else {
        assert!(
            std::env::var_os("CI").is_none(),
            "this test needs root, and what `tests/setup test` lays down as root"
        );
        eprintln!("NOT TESTED: {name} needs root, and what `tests/setup test` lays down as root");
        return;
    };
    if std::env::var_os(AS_FIRST).is_some() {
        return test(&mut Machine::boot(&root, files));
    }
    let ran = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .env(AS_FIRST, "1")
        .output()
        .expect("setpriv and unshare start; they are part of util-linux");
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

/// A machine that is up. What is written on it is in memory, and gone with it.
pub(crate) struct Machine {
    /// Its process 1, as it is called here.
    leader: String,
    _nspawn: Child,
    /// Where it says that it is up.
    _folder: tempfile::TempDir,
    /// One machine at a time: all of them have the same control groups.
    _lock: File,
    journal: Option<BufReader<ChildStdout>>,
    /// Whoever reads the journal out; it ends with the machine.
    follower: Option<Child>,
}

impl Machine {
    fn boot(root: &Path, files: &[(&Path, &str)]) -> Self {
        let lock = File::open(root).expect("the machine's files");
        lock.lock().expect("the machine's files for us alone");
        let folder = tempfile::tempdir().expect("a folder");
        let (address, log) = (folder.path().join("notify"), folder.path().join("console"));
        let told = UnixDatagram::bind(&address).expect("a socket");
        told.set_read_timeout(Some(BOOT)).expect("a deadline");
        let console = File::create(&log).expect("a file");
        let nspawn = Command::new("systemd-nspawn")
            .args(["--quiet", "--boot", "--register=no", "--keep-unit", "--private-network", "--console=pipe"])
            .args(["--volatile=overlay", "--notify-ready=yes", "--directory"])
            .arg(root)
            .args(files.iter().map(|(from, to)| format!("--bind-ro={}:{to}", from.display())))
            .env("NOTIFY_SOCKET", &address)
            .stdin(Stdio::null())
            .stdout(console.try_clone().expect("a file"))
            .stderr(console)
            .spawn()
            .expect("systemd-nspawn starts; `tests/setup` installs it");
        let (mut leader, mut up) = (None, false);
        while !up || leader.is_none() {
            let mut bytes = [0; 4096];
            let Ok(count) = told.recv(&mut bytes) else {
                panic!("it does not boot: {}", std::fs::read_to_string(&log).unwrap_or_default());
            };
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            up |= text.lines().any(|line| line == "READY=1");
            leader =
                text.lines().find_map(|line| line.strip_prefix("X_NSPAWN_LEADER_PID=").map(str::to_owned)).or(leader);
        }
        let leader = leader.expect("its process 1");
        Self { leader, _nspawn: nspawn, _folder: folder, _lock: lock, journal: None, follower: None }
    }

    fn command(&self, words: &[&str], seconds: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.leader, "-m", "-u", "-i", "-n", "-p", "timeout", seconds]).args(words);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        command
    }

    /// Runs a command there.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words, SECONDS_OF_A_COMMAND).output().expect("nsenter starts; it is part of util-linux")
    }

    /// What a command says there on standard output; it has to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()));
        String::from_utf8(ran.stdout).expect("text").trim_end().to_owned()
    }

    /// A path of the machine as it is seen from outside.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.leader))
    }

    /// A property of a unit.
    #[track_caller]
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.ok(&["systemctl", "show", "--value", "--property", name, unit])
    }

    /// Listens to what is logged of a unit from now on.
    pub(crate) fn listen(&mut self, unit: &str) {
        let follow = ["journalctl", "--follow", "--no-tail", "--output=cat", "--unit", unit];
        let mut child =
            self.command(&follow, SECONDS_OF_THE_JOURNAL).stdout(Stdio::piped()).spawn().expect("nsenter starts");
        self.journal = child.stdout.take().map(BufReader::new);
        self.follower = Some(child);
    }

    /// Waits until all of these are logged, in whatever order, after what was heard before: a line with all words of the
    /// first, and so on. The daemon and systemd write to the journal on ways of their own. Returns the lines.
    #[track_caller]
    pub(crate) fn hear<const N: usize>(&mut self, wanted: [&[&str]; N]) -> [String; N] {
        let journal = self.journal.as_mut().expect("it is listened to");
        let mut found = [const { None }; N];
        let mut heard = String::new();
        while found.iter().any(Option::is_none) {
            let start = heard.len();
            let count = journal.read_line(&mut heard).expect("the journal");
            assert!(count > 0, "of {wanted:?} only {found:?} is said in:\n{heard}");
            let line = &heard[start..];
            let of_line = |&at: &usize| found[at].is_none() && wanted[at].iter().all(|word| line.contains(word));
            if let Some(at) = (0..N).find(of_line) {
                found[at] = Some(line.trim_end().to_owned());
            }
        }
        found.map(Option::unwrap_or_default)
    }
}
