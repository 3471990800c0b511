//! Choices on made-up nodes and in made-up pods.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// A kubeconfig whose user is this.
fn kubeconfig(user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [ {{ name: c, context: {{ cluster: k, user: u }} }} ]\n\
         clusters: [ {{ name: k, cluster: {{ server: 'https://10.0.0.1:6443' }} }} ]\nusers: [ {{ name: u, user: {user} }} ]\n"
    )
}

const CERTIFICATE: &str = "{ client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem, client-key: \
                           /var/lib/kubelet/pki/kubelet-client-current.pem }";

/// A login plugin.
const PLUGIN: &str = "{ exec: { apiVersion: client.authentication.k8s.io/v1, command: aws } }";

struct Node {
    root: tempfile::TempDir,
    around: Surroundings,
}

impl Node {
    /// With these files; certificates are where a kubelet has them.
    fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let node = Self {
            around: Surroundings {
                host_root: root.path().to_owned(),
                pod: None,
                own: Vec::new(),
                kubelet: Ok(None),
                is_root: true,
            },
            root,
        };
        for (path, content) in files {
            node.write(path, content);
        }
        node.write(
            "/var/lib/kubelet/pki/kubelet-client-1.pem",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        );
        // As the kubelet names the current one: by an absolute link of the node.
        let pki = node.path("/var/lib/kubelet/pki");
        symlink("/var/lib/kubelet/pki/kubelet-client-1.pem", pki.join("kubelet-client-current.pem")).unwrap();
        node
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// With a kubelet that was started so.
    fn running(mut self, arguments: &[&str]) -> Self {
        self.around.kubelet = Ok(Some(KubeletStart {
            pid: 7,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().into(),
            environment: Vec::new().into(),
            directory: "/".into(),
            apart: None,
        }));
        self
    }

    /// Seen from a pod, whose token is mounted or not.
    fn in_a_pod(mut self, has_token: bool) -> Self {
        let folder = self.path("/token");
        if has_token {
            self.write("/token/token", "t");
        }
        self.around.pod = Some(PodAccount { host: "10.96.0.1".to_owned(), port: "443".to_owned(), folder });
        self
    }

    /// With a kubeconfig of the caller.
    fn with_own(mut self) -> Self {
        self.write("/home/me/.kube/config", &kubeconfig("{ token: hunter2 }"));
        self.around.own = vec![self.path("/home/me/.kube/config")];
        self
    }
}

/// The kind of identity with its name, then each note.
#[track_caller]
fn check(node: &Node, asked: &Asked, want: &[&str]) {
    let Identity { name, how, notes } = choose(asked, &node.around);
    let kind = match how {
        How::ServiceAccount(_) => "serviceAccount",
        How::Kubelet(_) => "kubelet",
        How::Kubeconfig(_) => "kubeconfig",
        How::Nobody => "none",
    };
    let root = node.root.path().display().to_string();
    let notes = notes.iter().map(|note| format!("{}: {}", note.what, note.why.replace(&root, "ROOT")));
    let got: Vec<String> = std::iter::once(format!("{kind}: {name}")).chain(notes).collect();
    assert_eq!(got, want);
}

fn auto() -> Asked {
    Asked::default()
}

fn by_person() -> Asked {
    Asked { by_person: true, ..Asked::default() }
}

fn chosen(choice: IdentityChoice) -> Asked {
    Asked { choice, ..Asked::default() }
}

#[test]
fn on_a_host_it_is_the_kubelet_where_distributions_put_its_kubeconfig() {
    for place in USUAL_PLACES {
        let node = Node::with(&[(place, &kubeconfig(CERTIFICATE))]);
        check(&node, &auto(), &[&format!("kubelet: the kubelet of this node ({place})")]);
    }
}

#[test]
fn the_kubelet_that_runs_knows_best() {
    let files = [("/etc/kubernetes/kubelet.conf", "stale"), ("/opt/k/kc", &kubeconfig(CERTIFICATE))];
    let node = Node::with(&files).running(&["kubelet", "--kubeconfig=/opt/k/kc"]);
    check(&node, &auto(), &["kubelet: the kubelet of this node (/opt/k/kc)"]);
    let node = Node::with(&files).running(&["kubelet", "--kubeconfig", "opt/none"]);
    check(&node, &auto(), &["none: nobody", "the API server: cannot read /opt/none: it is not there"]);
    let node = Node::with(&[]).running(&["kubelet"]);
    let why = "the API server: the kubelet runs without --kubeconfig, and none was found at the usual places";
    check(&node, &auto(), &["none: nobody", why]);
}

#[test]
fn a_pod_is_its_service_account_however_much_it_can_read() {
    let files = [("/etc/kubernetes/kubelet.conf", kubeconfig(CERTIFICATE))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    check(&Node::with(&files).in_a_pod(true), &auto(), &["serviceAccount: the service account of this pod"]);
    let node = Node::with(&files).in_a_pod(false).with_own();
    let why = "the API server: no token of a service account is mounted at ROOT/token";
    check(&node, &by_person(), &["none: nobody", why]);
    let node = Node::with(&files).in_a_pod(true);
    let want = "kubelet: the kubelet of this node (/etc/kubernetes/kubelet.conf)";
    check(&node, &chosen(IdentityChoice::Kubelet), &[want]);
}

#[test]
fn about_all_nodes_a_persons_own_kubeconfig_comes_before_the_kubelet() {
    let asked = Asked { of_all_nodes: true, ..by_person() };
    let files = [("/etc/kubernetes/kubelet.conf", kubeconfig(CERTIFICATE))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    check(&Node::with(&files).with_own(), &asked, &["kubeconfig: context c"]);
    check(&Node::with(&files), &asked, &["kubelet: the kubelet of this node (/etc/kubernetes/kubelet.conf)"]);
    check(&Node::with(&files).with_own().in_a_pod(true), &asked, &["serviceAccount: the service account of this pod"]);
}

#[test]
fn a_choice_is_kept_even_where_it_leads_nowhere() {
    let node = Node::with(&[("/etc/kubernetes/kubelet.conf", &kubeconfig(CERTIFICATE))]).with_own();
    check(
        &node,
        &chosen(IdentityChoice::None),
        &["none: nobody", "the API server: the setting kubernetes.identity is none"],
    );
    check(
        &node,
        &chosen(IdentityChoice::ServiceAccount),
        &["none: nobody", "the API server: this is no pod: the variable KUBERNETES_SERVICE_HOST is not set"],
    );
    check(&node, &chosen(IdentityChoice::Kubeconfig), &["kubeconfig: context c"]);
    check(
        &Node::with(&[]),
        &chosen(IdentityChoice::Kubeconfig),
        &["none: nobody", "the API server: there is no kubeconfig: neither KUBECONFIG nor ~/.kube/config"],
    );
}

#[test]
fn a_person_has_their_own_rights_where_the_nodes_cannot_be_used() {
    let nothing = "no kubelet runs here, and no kubeconfig of one was found at the usual places";
    check(
        &Node::with(&[]).with_own(),
        &by_person(),
        &["kubeconfig: context c", &format!("the kubelet's rights: {nothing}")],
    );
    check(&Node::with(&[]).with_own(), &auto(), &["none: nobody", &format!("the API server: {nothing}")]);
    check(&Node::with(&[]), &by_person(), &["none: nobody", &format!("the API server: {nothing}")]);
    let node = Node::with(&[("/etc/kubernetes/kubelet.conf", &kubeconfig(CERTIFICATE))]).with_own();
    check(&node, &by_person(), &["kubelet: the kubelet of this node (/etc/kubernetes/kubelet.conf)"]);
}

#[test]
fn the_command_line_comes_first() {
    let node = Node::with(&[("/etc/kubernetes/kubelet.conf", &kubeconfig(CERTIFICATE))]).in_a_pod(true).with_own();
    let named = Asked { kubeconfig: Some(node.path("/home/me/.kube/config")), ..chosen(IdentityChoice::None) };
    check(&node, &named, &["kubeconfig: context c"]);
    check(&node, &Asked { context: Some("c".to_owned()), ..auto() }, &["kubeconfig: context c"]);
    check(
        &node,
        &Asked { context: Some("d".to_owned()), ..auto() },
        &[
            "none: nobody",
            "the API server: the kubeconfig ROOT/home/me/.kube/config is of no use: it does not have this context",
        ],
    );
    check(
        &node,
        &Asked { kubeconfig: Some("/none/at/all".into()), ..auto() },
        &["none: nobody", "the API server: cannot read /none/at/all: it is not there"],
    );
}

#[test]
fn the_nodes_login_plugin_is_run_on_the_node_and_by_root_only() {
    let refused = |why: &str| {
        format!(
            "the API server: the kubeconfig /var/lib/kubelet/kubeconfig is of no use: it logs in by a plugin, and {why}"
        )
    };
    let files = [("/var/lib/kubelet/kubeconfig", kubeconfig(PLUGIN))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let node = Node::with(&files);
    check(&node, &auto(), &["none: nobody", &refused("the node's plugins are run on the node itself only")]);
    let node = Node::with(&files).in_a_pod(true);
    let in_a_pod = refused("the node's plugins are not run in a pod; use the service account");
    check(&node, &chosen(IdentityChoice::Kubelet), &["none: nobody", &in_a_pod]);
    // On the node itself the root of all paths is the root.
    let file = node.path("/var/lib/kubelet/kubeconfig");
    let here = |is_root: bool| {
        let mut node = Node::with(&[]).running(&["kubelet", "--kubeconfig", file.to_str().unwrap()]);
        node.around.host_root = "/".into();
        node.around.is_root = is_root;
        choose(&auto(), &node.around)
    };
    assert!(here(false).notes[0].why.ends_with("the node's plugins are run by root only"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o646)).unwrap();
    assert!(here(true).notes[0].why.ends_with("others than root can write it"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    if nix::unistd::geteuid().is_root() {
        assert!(matches!(here(true).how, How::Kubelet(_)));
    }
}

#[test]
fn nothing_that_a_kubeconfig_holds_is_said() {
    for text in ["hunter2", "users: hunter2", "users: [ { name: u, user: { token: hunter2, exec: hunter2 } } ]", "{"] {
        let node = Node::with(&[("/etc/kubernetes/kubelet.conf", text)]);
        let identity = choose(&auto(), &node.around);
        assert_eq!(identity.how, How::Nobody, "{text}");
        assert!(!format!("{identity:?}").contains("hunter2"), "{text}");
    }
}
