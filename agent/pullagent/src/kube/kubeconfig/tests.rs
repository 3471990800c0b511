//! Kubeconfigs and their files in made-up trees.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

const CONFIG: &str = "apiVersion: v1
kind: Config
current-context: prod
contexts:
- { name: prod, context: { cluster: k, user: u, namespace: team } }
- { name: other, context: { cluster: k } }
- { name: broken, context: { cluster: none } }
clusters:
- { name: k, cluster: { server: 'https://10.0.0.1:6443', certificate-authority: ../ca.pem, proxy-url: 'http://p:3128' } }
users:
- { name: u, user: { client-certificate: /pki/current.pem, client-key: /pki/current.pem, tokenFile: token } }
";

const BOTH: &str = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nYg==\n-----END \
                    PRIVATE KEY-----\n";

fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("etc/k/kubeconfig", CONFIG);
    write("etc/k/token", "t1\n");
    write("etc/ca.pem", BOTH);
    write("pki/1.pem", BOTH);
    write("pki/2.pem", BOTH);
    symlink("/pki/1.pem", root.path().join("pki/current.pem")).unwrap();
    root
}

fn source(root: &Path, context: Option<&str>) -> Source {
    Source {
        files: vec!["/etc/k/kubeconfig".into()],
        root: root.to_owned(),
        context: context.map(str::to_owned),
        plugin: Plugin::Not("this is a test"),
    }
}

fn decoded(base64: &str) -> String {
    String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap()
}

#[test]
fn its_files_are_taken_from_below_the_root() {
    use kube::config::NamedAuthInfo;
    let root = tree();
    let read = source(root.path(), None).read().unwrap();
    assert_eq!((read.context.as_str(), read.proxy.as_deref()), ("prod", Some("http://p:3128")));
    let cluster = read.kubeconfig.clusters[0].cluster.as_ref().unwrap();
    let certificate = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n";
    assert_eq!(decoded(cluster.certificate_authority_data.as_ref().unwrap()), certificate);
    let NamedAuthInfo { auth_info: Some(user), .. } = &read.kubeconfig.auth_infos[0] else { panic!("no user") };
    assert_eq!(decoded(user.client_certificate_data.as_ref().unwrap()), certificate);
    assert!(user.client_key_data.is_some() && user.token.is_some());
    // Nothing is left for the client to read by itself.
    assert_eq!((&user.client_certificate, &user.client_key, &user.token_file), (&None, &None, &None));
    assert_eq!(cluster.certificate_authority, None);
}

#[test]
fn a_change_of_any_of_its_files_is_noticed() {
    let root = tree();
    let files = || source(root.path(), None).read().unwrap().files;
    let before = files();
    assert!(!before.has_changed());
    // As the kubelet rotates: a new link in place of the old one.
    symlink("/pki/2.pem", root.path().join("pki/next")).unwrap();
    fs::rename(root.path().join("pki/next"), root.path().join("pki/current.pem")).unwrap();
    assert!(before.has_changed());
    for file in ["etc/k/token", "etc/ca.pem", "etc/k/kubeconfig"] {
        let before = files();
        let path = root.path().join(file);
        let content = fs::read(&path).unwrap();
        fs::write(root.path().join("new"), [content.as_slice(), b"\n"].concat()).unwrap();
        fs::rename(root.path().join("new"), &path).unwrap();
        assert!(before.has_changed(), "{file}");
        assert!(!files().has_changed());
    }
    let before = files();
    fs::remove_file(root.path().join("etc/k/token")).unwrap();
    assert!(before.has_changed());
}

#[test]
fn a_context_needs_its_cluster_but_no_user() {
    let root = tree();
    let read = source(root.path(), Some("other")).read().unwrap();
    assert!(read.kubeconfig.auth_infos.iter().all(|user| user.auth_info.is_none()));
    let check = |context: &str, want: &str| {
        let error = source(root.path(), Some(context)).read().err().unwrap().to_string();
        assert_eq!(error, format!("the kubeconfig /etc/k/kubeconfig is of no use: {want}"));
    };
    check("broken", "it does not have the cluster of its context");
    check("none", "it does not have this context");
    check("", "it has no current context");
}

#[test]
fn of_several_files_the_first_that_says_something_wins() {
    let root = tree();
    let second = "current-context: other\nclusters: [ { name: k, cluster: { server: 'https://other' } } ]";
    fs::write(root.path().join("etc/second"), second).unwrap();
    fs::write(root.path().join("etc/empty"), "").unwrap();
    let files = ["/etc/empty", "/etc/k/kubeconfig", "/etc/second"].map(PathBuf::from).into();
    let read = Source { files, ..source(root.path(), None) }.read().unwrap();
    assert_eq!(read.context, "prod");
    let server = read.kubeconfig.clusters[0].cluster.as_ref().unwrap().server.as_deref();
    assert_eq!(server, Some("https://10.0.0.1:6443"));
}

#[test]
fn the_older_kind_of_plugin_is_for_its_owner_too() {
    let root = tree();
    let config = CONFIG.replace("tokenFile: token", "auth-provider: { name: gcp, config: { cmd-path: /bin/x } }");
    fs::write(root.path().join("etc/k/kubeconfig"), config).unwrap();
    for plugin in [Plugin::OfRoot, Plugin::Not("x")] {
        assert!(Source { plugin, ..source(root.path(), None) }.read().is_err());
    }
    assert!(Source { plugin: Plugin::Own, ..source(root.path(), None) }.read().is_ok());
}

#[test]
fn a_file_beyond_its_bound_is_refused() {
    let root = tree();
    fs::write(root.path().join("etc/ca.pem"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    let error = source(root.path(), None).read().err().unwrap().to_string();
    assert_eq!(error, "cannot read /etc/k/../ca.pem: larger than 1048576 bytes");
}

#[test]
fn a_token_that_fits_into_no_header_is_refused() {
    let root = tree();
    fs::write(root.path().join("etc/k/token"), "one\ntwo\n").unwrap();
    let error = source(root.path(), None).read().err().map(|error| error.to_string());
    assert_eq!(
        error.as_deref(),
        Some("the kubeconfig /etc/k/kubeconfig is of no use: its token is not one line of text")
    );
}

#[test]
fn a_server_is_a_url_or_becomes_one() {
    let root = tree();
    let check = |server: &str, want: Result<&str, &str>| {
        fs::write(root.path().join("etc/k/kubeconfig"), CONFIG.replace("https://10.0.0.1:6443", server)).unwrap();
        let read = source(root.path(), None).read().map_err(|error| error.to_string());
        let got = read.map(|read| read.kubeconfig.clusters[0].cluster.clone().unwrap().server.unwrap());
        let want = want
            .map(str::to_owned)
            .map_err(|why| format!("the kubeconfig /etc/k/kubeconfig is of no use: its server {why}"));
        assert_eq!(got, want, "{server}");
    };
    check("https://k.test", Ok("https://k.test"));
    check("10.0.0.1:6443", Ok("https://10.0.0.1:6443"));
    check("k.test/prefix", Ok("https://k.test/prefix"));
    check("", Err("cannot be understood"));
    check("https://k test", Err("cannot be understood"));
    check("https:///x", Err("cannot be understood"));
    check("ftp://k.test", Err("is no http or https URL"));
    check("https://u:p@k.test", Err("holds a login, which belongs to the user's entry"));
}
