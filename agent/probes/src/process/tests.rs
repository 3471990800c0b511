//! Real listeners, started as children: the runtime, and all that may not be taken for it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

mod kubelet_start;

/// Listens on its first argument, says so, does the rest of its arguments, and lives until its standard input ends.
const LISTEN: &str = r#"
    use Socket;
    $| = 1;
    my ($path, $rest, $ended, $end) = map { /(.*)/s } @ARGV;
    socket(my $listener, AF_UNIX, SOCK_STREAM, 0) or die;
    bind($listener, sockaddr_un($path)) or die "$path: $!";
    listen($listener, 9) or die;
    chmod 0777, $path;
    if ($rest =~ /hand on/) {
        pipe($ended, $end) or die;
        my $child = fork;
        if (!$child) { close $end; print "$$\n"; <$ended>; exit }
        close $listener if $rest =~ /close/;
    }
    print "$$\n";
    <STDIN>;
"#;

const THEIRS: &str = "http://runtime.test:3128";
const EVIL: &str = "http://evil.test:3128";

/// Set where a test runs as process 1 of its own node.
const ON_A_NODE: &str = "PULLAGENT_TEST_ON_A_NODE";

/// Runs a test as process 1 in a process namespace of its own, with a /proc to it. Only root can do that.
fn on_a_node<Test: Fn()>(test: Test, body: impl FnOnce()) {
    on_a_node_with(&[], test, body);
}

/// The same, with these further namespaces of its own.
fn on_a_node_with<Test: Fn()>(namespaces: &[&str], _: Test, body: impl FnOnce()) {
    if std::env::var_os(ON_A_NODE).is_some() {
        return body();
    }
    let (_, test) = std::any::type_name::<Test>().split_once("::").unwrap();
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        eprintln!("NOT TESTED: {test} needs root, to look into other processes");
        return;
    }
    let ran = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(namespaces)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(ON_A_NODE, "1")
        .output()
        .expect("unshare starts; it is part of util-linux");
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    eprint!("{}", String::from_utf8_lossy(&ran.stderr));
}

/// A listener and what it has said; ended with the test.
struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    /// Starts `wrapper` (`setpriv ...`, `unshare ...`, nothing) with a listener on `path`.
    fn listening(wrapper: &[&str], program: &Path, path: &Path, rest: &str, proxy: &str) -> Self {
        let program = program.to_str().unwrap();
        let words: Vec<&str> = wrapper.iter().copied().chain([program, "-e", LISTEN]).collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args([path.to_str().unwrap(), rest])
            .env("HTTPS_PROXY", proxy)
            .env("UNRELATED_TOKEN", "t0k3n")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; `tests/setup` installs it", words[0]));
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// The process number that the listener, or who it has handed its socket to, says when it is ready.
    fn number(&mut self) -> i32 {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().parse().unwrap_or_else(|_| panic!("the listener did not start"))
    }

    fn end(&mut self) {
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// A folder that everyone may bind sockets in.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

fn perl() -> PathBuf {
    PathBuf::from("/usr/bin/perl")
}

#[track_caller]
fn check_verified(socket: &Path, pid: i32, proxy: &str) {
    let facts = behind(socket, Path::new("/"));
    let RuntimeProcess::Verified { pid: found, started_at, .. } = facts.process else { panic!("{:?}", facts.process) };
    assert_eq!(found, pid);
    assert!(started_at < Timestamp::now() && started_at > Timestamp::now() - std::time::Duration::from_hours(1));
    let environment = facts.environment.unwrap();
    assert_eq!(environment.get("HTTPS_PROXY"), Some(proxy));
    assert_eq!(environment.get("UNRELATED_TOKEN"), None);
}

#[track_caller]
fn check_refused(socket: &Path, host_root: &Path, why: &str) {
    let facts = behind(socket, host_root);
    assert!(facts.environment.is_none());
    let RuntimeProcess::NotSeen { why: said } = facts.process else { panic!("{:?}", facts.process) };
    assert!(said.contains(why), "{said}");
}

/// One listener that is refused because of what it was started with.
#[track_caller]
fn check_refused_in(wrapper: &[&str], why: &str) {
    let folder = folder();
    let socket = folder.path().join("runtime.sock");
    let mut listener = Process::listening(wrapper, &perl(), &socket, "", EVIL);
    listener.number();
    check_refused(&socket, Path::new("/"), why);
}

#[test]
fn the_runtimes_own_environment_is_read() {
    on_a_node(the_runtimes_own_environment_is_read, || {
        let folder = folder();
        let socket = folder.path().join("runtime.sock");
        let mut runtime = Process::listening(&[], &perl(), &socket, "", THEIRS);
        check_verified(&socket, runtime.number(), THEIRS);
    });
}

#[test]
fn a_process_that_only_looks_like_the_runtime_lends_nothing() {
    on_a_node(a_process_that_only_looks_like_the_runtime_lends_nothing, || {
        let folder = folder();
        let [socket, other] = ["containerd.sock", "other.sock"].map(|name| folder.path().join(name));
        let program = folder.path().join("usr/bin/containerd");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::copy(perl(), &program).unwrap();
        // By program, name and command line it is containerd. It listens first on the very path, then the runtime does.
        let mut decoy = Process::listening(&[], &program, &socket, "", EVIL);
        let number = decoy.number();
        assert_eq!(fs::read_to_string(format!("/proc/{number}/comm")).unwrap(), "containerd\n");
        fs::rename(&socket, &other).unwrap();
        let mut runtime = Process::listening(&[], &perl(), &socket, "", THEIRS);
        check_verified(&socket, runtime.number(), THEIRS);
        check_verified(&other, number, EVIL);
        // Once the runtime has ended, nobody steps in for it.
        runtime.end();
        check_refused(&socket, Path::new("/"), "Connection refused");
    });
}

#[test]
fn another_user_is_refused() {
    on_a_node(another_user_is_refused, || {
        check_refused_in(&["setpriv", "--reuid", "65534", "--clear-groups"], "as user 65534, not as root");
        check_refused_in(&["setpriv", "--ruid", "65534"], "as user 65534, not as root");
    });
}

#[test]
fn root_of_another_user_namespace_is_refused() {
    on_a_node(root_of_another_user_namespace_is_refused, || {
        check_refused_in(&["unshare", "--user", "--map-root-user"], "another user namespace");
    });
}

#[test]
fn a_socket_that_was_handed_on_leads_to_who_holds_it() {
    on_a_node(a_socket_that_was_handed_on_leads_to_who_holds_it, || {
        let folder = folder();
        let socket = folder.path().join("runtime.sock");
        let mut activation = Process::listening(&[], &perl(), &socket, "hand on, close", THEIRS);
        let numbers = [activation.number(), activation.number()];
        let own = i32::try_from(activation.child.id()).unwrap();
        let service = numbers.into_iter().find(|number| *number != own).unwrap();
        // The kernel still names the one that set it up.
        assert_eq!(listener::peer(&socket).unwrap(), Some(own));
        check_verified(&socket, service, THEIRS);
    });
}

#[test]
fn a_socket_of_the_service_manager_leads_to_the_service() {
    on_a_node(a_socket_of_the_service_manager_leads_to_the_service, || {
        let folder = folder();
        let socket = folder.path().join("runtime.sock");
        let manager = UnixListener::bind(&socket).unwrap();
        assert_eq!(listener::peer(&socket).unwrap(), Some(INIT));
        check_refused(&socket, Path::new("/"), "no process below /proc besides process 1 holds");
        let mut service = Command::new(perl());
        service.args(["-e", "sleep"]).env("HTTPS_PROXY", THEIRS).stdin(OwnedFd::from(manager.try_clone().unwrap()));
        let mut service = service.spawn().unwrap();
        check_verified(&socket, i32::try_from(service.id()).unwrap(), THEIRS);
        service.kill().unwrap();
        service.wait().unwrap();
        check_refused(&socket, Path::new("/"), "no process below /proc besides process 1 holds");
    });
}

#[test]
fn a_socket_that_its_peer_shares_is_the_peers() {
    on_a_node(a_socket_that_its_peer_shares_is_the_peers, || {
        let folder = folder();
        let socket = folder.path().join("runtime.sock");
        let mut runtime = Process::listening(&[], &perl(), &socket, "hand on", THEIRS);
        let _ = [runtime.number(), runtime.number()];
        check_verified(&socket, i32::try_from(runtime.child.id()).unwrap(), THEIRS);
        let [inode] = listener::bound_to(&socket.metadata().unwrap()).unwrap()[..] else { panic!("not listed") };
        let proc = Proc::of(Path::new("/")).unwrap();
        assert_eq!(only_holder(&proc, inode).unwrap_err().to_string(), Doubt::SeveralHolders(2).to_string());
    });
}

#[test]
fn a_listener_in_another_network_namespace_counts_by_the_kernels_word_while_it_listens() {
    on_a_node(a_listener_in_another_network_namespace_counts_by_the_kernels_word_while_it_listens, || {
        let folder = folder();
        let [here, away] = ["runtime.sock", "away.sock"].map(|name| folder.path().join(name));
        let mut runtime = Process::listening(&["unshare", "--net"], &perl(), &here, "", THEIRS);
        let number = runtime.number();
        assert!(listener::bound_to(&here.metadata().unwrap()).unwrap().is_empty());
        check_verified(&here, number, THEIRS);
        let mut activation = Process::listening(&["unshare", "--net"], &perl(), &away, "hand on, close", THEIRS);
        let _ = [activation.number(), activation.number()];
        check_refused(&away, Path::new("/"), "no longer listens");
    });
}

#[test]
fn another_proc_than_the_kernels_is_refused() {
    on_a_node(another_proc_than_the_kernels_is_refused, || {
        let folder = folder();
        let socket = folder.path().join("runtime.sock");
        let mut runtime = Process::listening(&[], &perl(), &socket, "", THEIRS);
        let number = runtime.number();
        let nodes = tempfile::tempdir().unwrap();
        // A mere copy of a file tree: what runs is what runs here.
        assert!(behind(&socket, nodes.path()).environment.is_some());
        let theirs = nodes.path().join("proc").join(number.to_string());
        fs::create_dir_all(theirs.parent().unwrap()).unwrap();
        check_refused(&socket, nodes.path(), "is another one in");
        fs::create_dir_all(theirs.join("ns")).unwrap();
        let earlier = format!("{number} (perl) S 1{}", " 1".repeat(40));
        fs::write(theirs.join("stat"), earlier).unwrap();
        check_refused(&socket, nodes.path(), "is another one in");
        // Started in the same instant, in another namespace.
        fs::write(theirs.join("stat"), fs::read(format!("/proc/{number}/stat")).unwrap()).unwrap();
        std::os::unix::fs::symlink("pid:[1]", theirs.join("ns/pid")).unwrap();
        check_refused(&socket, nodes.path(), "is another one in");
    });
}

/// A cgroup named like a pod's, in the first hierarchy that takes one; removed with the test.
struct PodsCgroup(PathBuf);

impl PodsCgroup {
    fn holding(pid: i32, name: &Path) -> Option<Self> {
        let folders = ["", "unified", "freezer", "pids", "cpu"].map(|name| Path::new("/sys/fs/cgroup").join(name));
        folders.into_iter().find_map(|folder| {
            let cgroup = Self(folder.join(format!("kubepods{}.slice", name.display())));
            fs::create_dir(&cgroup.0).ok()?;
            // Where no hierarchy is mounted, there is no such file, and none may be made.
            let mut processes = fs::OpenOptions::new().write(true).open(cgroup.0.join("cgroup.procs")).ok()?;
            processes.write_all(pid.to_string().as_bytes()).ok()?;
            Some(cgroup)
        })
    }
}

impl Drop for PodsCgroup {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0));
    }
}

#[test]
fn a_process_in_a_pods_cgroup_is_refused() {
    on_a_node(a_process_in_a_pods_cgroup_is_refused, || {
        let folder = folder();
        let socket = folder.path().join("runtime.sock");
        // Ended after the process, which is made later.
        let cgroup;
        let mut runtime = Process::listening(&[], &perl(), &socket, "", EVIL);
        let number = runtime.number();
        check_verified(&socket, number, EVIL);
        cgroup = PodsCgroup::holding(number, Path::new(folder.path().file_name().unwrap()));
        if cgroup.is_none() {
            eprintln!("NOT TESTED: no cgroup can be made here; the tables in cgroup.rs hold the rule");
            return;
        }
        check_refused(&socket, Path::new("/"), "runs in a pod");
    });
}

#[test]
fn a_socket_out_of_sight_is_only_believed_where_it_has_to_be() {
    let proc = Proc::of(Path::new("/")).unwrap();
    let ours = i32::try_from(std::process::id()).ok();
    let check = |listed: io::Result<Vec<u64>>, peer: Option<i32>, want: &str| {
        let got = match listener(&listed, &proc, &proc, peer) {
            Ok(Listener::Socket(inode)) => format!("socket {inode}"),
            Ok(Listener::OfPeer) => "of the peer".to_owned(),
            Err(doubt) => format!("{doubt:?}"),
        };
        assert_eq!(got, want);
    };
    check(Ok(vec![5]), ours, "socket 5");
    check(Ok(vec![5]), None, "socket 5");
    check(Ok(vec![5, 6]), ours, "SeveralSockets");
    check(Ok(vec![]), None, "OutOfSight");
    // The peer is in our network namespace: its socket would be listed if it were bound to the file.
    check(Ok(vec![]), ours, "NotTheFile");
    check(Err(io::Error::other("no such list")), ours, "of the peer");
    check(Err(io::Error::other("no such list")), None, "OutOfSight");
}

#[test]
fn a_socket_that_nobody_listens_on_is_refused() {
    let folder = folder();
    let socket = folder.path().join("runtime.sock");
    check_refused(&socket, Path::new("/"), "No such file");
    fs::write(&socket, "").unwrap();
    check_refused(&socket, Path::new("/"), "Connection refused");
    check_refused(folder.path(), Path::new("/"), "Connection refused");
    check_refused(&folder.path().join("x".repeat(200)), Path::new("/"), "could not be connected to");
}

/// Takes a name, listens on a port of every address, says so, and lives until its standard input ends.
const LISTEN_ON_A_PORT: &str = r#"
    use Socket;
    $| = 1;
    my ($name, $port) = @ARGV;
    $0 = $name;
    socket(my $listener, AF_INET, SOCK_STREAM, 0) or die;
    bind($listener, sockaddr_in($port, INADDR_ANY)) or die "$port: $!";
    listen($listener, 9) or die;
    print "$$\n";
    <STDIN>;
"#;

/// What is taken for the kubelet while a process of this name listens on this port.
fn kubelet_beside(wrapper: &[&str], name: &str, port: &str) -> (i32, pullagent_diagnosis::case::Kubelet) {
    let perl = perl();
    let words: Vec<&str> = wrapper.iter().copied().chain([perl.to_str().unwrap(), "-e", LISTEN_ON_A_PORT]).collect();
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .args([name, port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; `tests/setup` installs it", words[0]));
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut process = Process { child, said };
    let number = process.number();
    (number, kubelet(Path::new("/")))
}

#[test]
fn the_kubelet_is_who_has_its_name_and_its_port_as_the_nodes_root() {
    on_a_node_with(&["--net"], the_kubelet_is_who_has_its_name_and_its_port_as_the_nodes_root, || {
        use pullagent_diagnosis::case::Kubelet;
        for port in ["10250", "10248"] {
            let (number, found) = kubelet_beside(&[], "kubelet", port);
            assert!(matches!(&found, Kubelet::Running { pid, .. } if *pid == number), "{found:?}");
        }
        let refused = |wrapper: &[&str], name: &str, port: &str, want: &str| {
            let (_, found) = kubelet_beside(wrapper, name, port);
            assert!(matches!(&found, Kubelet::NotSeen { why } if why.contains(want)), "{found:?} in place of {want}");
        };
        refused(&[], "kubelet", "10251", "listens on none of the kubelet's ports");
        refused(&[], "kubelets", "10250", "no process called `kubelet`");
        refused(&["setpriv", "--reuid=1"], "kubelet", "10250", "as user 1");
    });
}
