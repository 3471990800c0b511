//! No secret of a cluster is ever printed: not the pull secrets' passwords, and not what the API server is asked with.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pullagent_testkit::kubernetes::{Pod, Waiting};
use serde_json::json;

use super::{PASSWORD, SECRETS, answers, run};
use crate::kubernetes::{Cluster, NODE, WORLD};

/// The pods, each with one pull secret of the same name.
const PODS: [&str; 4] = ["good", "wrong", "broken", "opaque"];
/// A password that the registry does not know.
const WRONG: &str = "wr0ng-password";
const FORMATS: [&str; 5] = ["text", "json", "short", "markdown", "ticket"];

/// What must not be seen, and where the command is run.
struct Watch {
    cluster: Cluster,
    secrets: Vec<String>,
}

impl Watch {
    async fn start() -> Self {
        let cluster = Cluster::with(&WORLD.replace("c0rrect-horse", PASSWORD)).await;
        cluster.api.create_namespace("shop").await.unwrap();
        let login = |password: &str| json!({ "username": "ci", "password": password, "identitytoken": "r3fresh" });
        let at = cluster.registry();
        let config = |password: &str| json!({ "auths": { &at: login(password) } }).to_string();
        let usual = "kubernetes.io/dockerconfigjson";
        for (name, kind, text) in [
            ("good", usual, config(PASSWORD)),
            ("wrong", usual, config(WRONG)),
            ("broken", usual, json!({ "auths": { &at: { "auth": BASE64.encode(PASSWORD) } } }).to_string()),
            ("opaque", "Opaque", config(PASSWORD)),
        ] {
            let object = json!({ "apiVersion": "v1", "kind": "Secret", "type": kind,
                "metadata": { "name": name, "namespace": "shop" }, "stringData": { ".dockerconfigjson": text } });
            cluster.api.apply(&format!("---\n{object}\n")).await.unwrap();
            let pod = Pod::new(NODE, "shop", name).container("app", &cluster.image("team/api:1")).pull_secret(name);
            cluster.api.create_pod(&pod).await.unwrap();
            let message = "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized";
            cluster.api.pod_waiting(&pod, &[Waiting::pull_failed("app", message)]).await.unwrap();
        }
        let mut secrets: Vec<String> = SECRETS.iter().map(|secret| (*secret).to_owned()).collect();
        secrets.extend([WRONG.to_owned(), BASE64.encode(WRONG), BASE64.encode(format!("ci:{WRONG}"))]);
        Self { cluster, secrets }
    }

    /// A kubeconfig, all that is private in it watched for from now on.
    fn kubeconfig(&mut self, name: &str, text: &str) -> PathBuf {
        for field in ["\"token\":\"", "\"client-key-data\":\""] {
            if let Some(value) = text.split_once(field).and_then(|(_, rest)| rest.split('"').next()) {
                self.private(value);
            }
        }
        self.write(name, text)
    }

    /// A token or a key: as it is, its last part, and the lines of what it is the base64 of.
    fn private(&mut self, value: &str) {
        self.secrets.push(value.to_owned());
        self.secrets.extend(value.rsplit('.').next().map(str::to_owned));
        let decoded = BASE64.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        self.secrets.extend(decoded.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned));
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.cluster.root.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs the command with this kubeconfig, or as the node's kubelet, and looks at all that it prints.
    async fn look(&self, arguments: &[&str], kubeconfig: Option<&Path>) -> String {
        let root = self.cluster.root.path().to_str().unwrap();
        let mut all = arguments.to_vec();
        all.extend(["-v", "--host-root", root]);
        all.extend(kubeconfig.into_iter().flat_map(|path| ["--kubeconfig", path.to_str().unwrap()]));
        let shown = run(&all, "").await;
        assert!(!shown.is_empty(), "{all:?}");
        for secret in &self.secrets {
            assert!(!shown.contains(secret.as_str()), "`{secret}` is shown by {all:?}:\n{shown}");
        }
        shown
    }

    /// All that may be asked about the namespace, in every format.
    async fn look_at_all(&self, kubeconfig: Option<&Path>) -> String {
        let mut shown = String::new();
        for (number, pod) in PODS.iter().enumerate() {
            let formats = if number == 0 { &FORMATS[..] } else { &FORMATS[..2] };
            for format in formats {
                shown += &self.look(&["why", pod, "-n", "shop", "-o", format], kubeconfig).await;
            }
        }
        for format in &FORMATS[..3] {
            shown += &self.look(&["secrets", "-n", "shop", "-o", format], kubeconfig).await;
        }
        shown
    }
}

#[tokio::test]
async fn nothing_of_a_pull_secret_is_shown_to_whoever_may_read_it() {
    let mut watch = Watch::start().await;
    let admin = watch.cluster.api.admin().kubeconfig();
    let admin = watch.kubeconfig("admin", &admin);
    let kubelet = fs::read_dir(watch.cluster.root.path().join("var/lib/kubelet/pki")).unwrap();
    for file in kubelet.filter_map(Result::ok).filter(|file| file.file_type().is_ok_and(|kind| kind.is_file())) {
        let pem = fs::read_to_string(file.path()).unwrap();
        let key = pem.split_once("PRIVATE KEY-----").unwrap().1;
        watch.secrets.extend(key.lines().filter(|line| line.len() > 20 && !line.starts_with('-')).map(str::to_owned));
    }
    let shown = watch.look_at_all(None).await;
    assert!(shown.contains("CredentialsRejected") && shown.contains("SecretMalformed"), "{shown}");
    let shown = watch.look_at_all(Some(&admin)).await;
    assert!(shown.contains("secret shop/wrong") && shown.contains("SecretMalformed"), "{shown}");
    // A registry that gives back what it gets.
    for (on, behaviour) in answers().into_iter().step_by(4) {
        let registry = watch.cluster.world.registry("main").unwrap();
        registry.behave_well();
        registry.behave(on, behaviour);
        watch.look(&["why", "good", "-n", "shop", "-o", "json"], Some(&admin)).await;
        watch.look(&["why", "wrong", "-n", "shop"], None).await;
    }
}

#[tokio::test]
async fn whoever_is_refused_by_the_api_server_is_not_shown_with_the_token() {
    let mut watch = Watch::start().await;
    let token = watch.cluster.api.service_account_token("shop", "default").await.unwrap();
    let text = watch.cluster.api.bearer(&token).kubeconfig();
    let weak = watch.kubeconfig("weak", &text);
    let shown = watch.look_at_all(Some(&weak)).await;
    assert!(shown.contains("may not get pod shop/good"), "{shown}");
    let forged = format!("{token}x");
    let unknown = watch.write("unknown", &text.replace(&token, &forged));
    let shown = watch.look(&["why", "good", "-n", "shop"], Some(&unknown)).await;
    assert!(shown.contains("does not accept"), "{shown}");
    let address = watch.cluster.api.url();
    let with_login = format!("https://ci:{PASSWORD}@{}", address.trim_start_matches("https://"));
    for (name, broken) in [
        ("cut off", text[..text.rfind('"').unwrap()].to_owned()),
        ("a line too many", format!("{text}  {token}: [\n")),
        ("a map for a token", text.replace(&format!("\"{token}\""), &format!("{{\"{token}\":\"{token}\"}}"))),
        ("a token of two lines", text.replace(&token, &format!("{token}\\n{token}"))),
        (
            "a token for a certificate",
            text.replace("certificate-authority-data: ", &format!("certificate-authority-data: {token}#")),
        ),
        ("a token behind the server", text.replace(&address, &format!("{address} {token}"))),
        ("a server with a login", text.replace(&address, &with_login.replace(' ', "%20"))),
        ("a server with a login nobody can read", text.replace(&address, &with_login)),
        (
            "a token for a context",
            text.replace("current-context: default-context", &format!("current-context: {token}")),
        ),
        (
            "a proxy with a login",
            text.replace("    server:", "    proxy-url: http://ci:wr0ng-password@127.0.0.1:1\n    server:"),
        ),
        (
            "a proxy nobody knows",
            text.replace("    server:", "    proxy-url: odd://ci:wr0ng-password@127.0.0.1:1\n    server:"),
        ),
        ("a plugin that answers nonsense", plugin(&text, &format!("echo {token}"))),
        ("a plugin that fails", plugin(&text, &format!("echo {token}; exit 3"))),
    ] {
        let path = watch.write("broken", &broken);
        let shown = watch.look(&["why", "good", "-n", "shop"], Some(&path)).await;
        assert!(shown.starts_with("pullagent: "), "{name}: {shown}");
        watch.look(&["secrets", "-n", "shop", "-o", "json"], Some(&path)).await;
    }
    watch.cluster.api.kill().await.unwrap();
    for path in [None, Some(weak.as_path())] {
        let shown = watch.look(&["why", "good", "-n", "shop"], path).await;
        assert!(shown.contains("cannot be reached"), "{shown}");
        watch.look(&["secrets", "-n", "shop"], path).await;
    }
}

/// The kubeconfig with a login by a plugin that runs this.
fn plugin(text: &str, script: &str) -> String {
    let exec = json!({ "exec": { "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", script], "interactiveMode": "Never" } });
    let (head, _) = text.rsplit_once("  user: {").unwrap();
    format!("{head}  user: {exec}\n")
}
