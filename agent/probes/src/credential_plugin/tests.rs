//! Plugins that are shell scripts: what becomes of one that works, and of all that do not.

use std::fs;
use std::os::unix::fs::symlink;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::*;

const V1: &str = "credentialprovider.kubelet.k8s.io/v1";
const ANSWER: &str = r#"{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1","cacheKeyType":"Image","auth":{"a.b":{"username":"'$WHO'","password":"s3cret"}}}"#;

/// A folder with a kubelet's configuration of one plugin, which is a shell that does `script`.
struct Node {
    folder: tempfile::TempDir,
    kubelet: KubeletStart,
}

impl Node {
    fn new(script: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(path("bin")).unwrap();
        symlink("/bin/sh", path("bin/plugin")).unwrap();
        let arguments = serde_json::to_string(&["-c", script]).unwrap();
        let config = format!(
            "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n- name: plugin\n  \
             apiVersion: {V1}\n  matchImages: ['*.b']\n  defaultCacheDuration: 1m\n  args: {arguments}\n{more}"
        );
        fs::write(path("config.yaml"), config).unwrap();
        let variables = [("PATH", "/usr/bin:/bin"), ("WHO", "kubelet"), ("HERE", "yes")];
        let kubelet = KubeletStart {
            pid: 7,
            arguments: vec![
                format!("--image-credential-provider-config={}", path("config.yaml")),
                format!("--image-credential-provider-bin-dir={}", path("bin")),
            ]
            .into(),
            environment: variables.map(|(name, value)| (name.into(), value.into())).to_vec().into(),
            directory: folder.path().to_owned(),
            apart: None,
        };
        Self { folder, kubelet }
    }

    fn plugins(&self, host_root: &str) -> Plugins {
        Plugins::of(&self.kubelet, Path::new(host_root))
    }

    async fn outcome(&self, image: &str, limit: Duration) -> PluginOutcome {
        outcome(&self.plugins("/"), image, limit).await
    }
}

async fn outcome(plugins: &Plugins, image: &str, limit: Duration) -> PluginOutcome {
    match plugins.ask(image, limit).await.pop() {
        Some(GivenCredential::Plugin { outcome, .. }) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Whether plugins can be run here; says so where not.
fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    assert!(is_root || std::env::var_os("CI").is_none(), "this test needs root");
    if !is_root {
        eprintln!("NOT TESTED: credential provider plugins are run by root alone");
    }
    is_root
}

/// Long enough for a busy machine; nothing here waits for it.
const PATIENT: Duration = Duration::from_secs(50);

#[tokio::test]
async fn a_plugin_is_run_with_the_kubelets_environment_its_own_and_the_question() {
    let script = format!("cat > request; test $HERE = yes && test $0 = {{}} || exit 9; echo '{ANSWER}'")
        .replace("{}", "\"$(pwd)/bin/plugin\"");
    let node = Node::new(&script, "  env: [{name: WHO, value: configured}]\n");
    if !is_root() {
        return;
    }
    let PluginOutcome::Answered { logins } = node.outcome("a.b/c/d:1", PATIENT).await else { panic!("no answer") };
    assert_eq!((logins[0].key.as_str(), logins[0].username.as_str()), ("a.b", "configured"));
    assert_eq!(logins[0].password.expose(), "s3cret");
    assert_eq!(fs::read_to_string(node.folder.path().join("request")).unwrap(), request(V1, "a.b/c/d"));
}

#[track_caller]
fn check(outcome: &PluginOutcome, want: &str) {
    let said = match outcome {
        PluginOutcome::NotRun { why } => format!("not run: {why}"),
        PluginOutcome::NotMatched { patterns } => format!("not for it: {patterns:?}"),
        other => other.failure().unwrap_or_default(),
    };
    assert!(said.contains(want), "{want}: {said}");
    let shown = format!("{outcome:?} {}", serde_json::to_string(outcome).unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_plugin_that_does_not_answer_well_is_told_by_how() {
    if !is_root() {
        return;
    }
    for (script, want) in [
        ("echo 'no role' >&2; exit 3", "ended with status 3 and said \"no role\""),
        ("kill -9 $$", "ended by signal 9"),
        ("yes s3cret", "wrote more than 1048576 bytes"),
        ("yes >&2 & echo s3cret; kill $!", "the answer` must be an object"),
        ("echo '{s3cret'", "is neither JSON nor YAML"),
        ("true", "`the answer` is empty"),
        (
            "echo '{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\"credentialprovider.kubelet.k8s.io/v1beta1\"}'",
            "`apiVersion` must be",
        ),
    ] {
        check(&Node::new(script, "").outcome("a.b/c", PATIENT).await, want);
    }
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended_with_all_that_it_has_started() {
    if !is_root() {
        return;
    }
    // Both hold the pipe open; the second plugin has ended and left somebody behind who holds its output, too.
    for script in ["exec 9>held; sleep 1000 & sleep 1000", "exec 9>held; sleep 1000 & exit 0"] {
        let node = Node::new(script, "");
        let held = node.folder.path().join("held");
        nix::unistd::mkfifo(&held, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut reader = pipe::OpenOptions::new().open_receiver(&held).unwrap();
        check(&node.outcome("a.b/c", Duration::from_secs(1)).await, "did not answer within 1 s");
        let end = tokio::time::timeout(PATIENT, reader.read(&mut [0])).await;
        assert_eq!(end.expect("somebody still holds the pipe").unwrap(), 0, "{script}");
    }
}

#[tokio::test]
async fn a_plugin_is_not_run_for_other_images_nor_where_it_would_not_be_the_kubelets() {
    let node = Node::new("exit 3", "");
    check(&node.outcome("c.d/e", PATIENT).await, "not for it: [\"*.b\"]");
    assert!(node.plugins("/").ask("Not An Image", PATIENT).await.is_empty());
    let token = Node::new("exit 3", "  tokenAttributes: {serviceAccountTokenAudience: x, cacheType: Token}\n");
    check(&token.outcome("a.b/c", PATIENT).await, "not run: it is given a token");
    // As from a pod.
    let host_root = tempfile::tempdir().unwrap();
    let there = host_root.path().join(node.folder.path().strip_prefix("/").unwrap());
    fs::create_dir_all(&there).unwrap();
    fs::copy(node.folder.path().join("config.yaml"), there.join("config.yaml")).unwrap();
    let plugins = node.plugins(host_root.path().to_str().unwrap());
    check(&outcome(&plugins, "a.b/c", PATIENT).await, "not run: it is run on the node itself only");
    let mut apart = Node::new("exit 3", "");
    apart.kubelet.apart = Some("we are in a pod".to_owned());
    let want =
        if nix::unistd::geteuid().is_root() { "not run: we are in a pod" } else { "not run: running it needs root" };
    check(&apart.outcome("a.b/c", PATIENT).await, want);
}

#[tokio::test]
async fn a_plugin_that_others_could_have_written_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    if !is_root() {
        return;
    }
    let node = Node::new("exit 3", "");
    let open = |name: &str, mode: u32| {
        fs::set_permissions(node.folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    open("bin", 0o777);
    check(&node.outcome("a.b/c", PATIENT).await, "/bin may be written by others than root");
    open("bin", 0o755);
    check(&node.outcome("a.b/c", PATIENT).await, "ended with status 3");
    open("config.yaml", 0o666);
    check(&node.outcome("a.b/c", PATIENT).await, "config.yaml may be written by others than root");
    open("config.yaml", 0o600);
    fs::remove_file(node.folder.path().join("bin/plugin")).unwrap();
    check(&node.outcome("a.b/c", PATIENT).await, "could not be started: there is no ");
    fs::write(node.folder.path().join("bin/plugin"), "").unwrap();
    check(&node.outcome("a.b/c", PATIENT).await, "could not be started: ");
}

#[test]
fn a_folder_of_configurations_is_read_in_order_and_what_cannot_be_read_is_said() {
    let node = Node::new("exit 3", "");
    let text = fs::read_to_string(node.folder.path().join("config.yaml")).unwrap();
    let folder = node.folder.path().join("configs");
    fs::create_dir(&folder).unwrap();
    for (file, name) in [("20.yml", "a"), ("10.json", "b"), ("30.yaml.off", "c")] {
        fs::write(folder.join(file), text.replace("name: plugin", &format!("name: {name}"))).unwrap();
    }
    let of = |config: &Path| {
        let arguments = vec![format!("--image-credential-provider-config={}", config.display())].into();
        Plugins::of(&KubeletStart { arguments, ..node.kubelet.clone() }, Path::new("/"))
    };
    let names: Vec<String> = of(&folder).providers.into_iter().map(|provider| provider.name).collect();
    assert_eq!(names, ["b", "a"]);
    assert!(of(Path::new("none.yaml")).unread().unwrap().contains("/none.yaml could not be read"));
    fs::write(folder.join("20.yml"), "s3cret").unwrap();
    let broken = of(&folder);
    let why = broken.unread().unwrap();
    assert!(why.contains("would not start") && why.contains("20.yml") && !why.contains("s3cret"), "{why}");
    assert!(Plugins::default().unread().is_none());
}
