//! Settings as people write them, right and wrong.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::document::Node;
use super::environment::Variables;
use super::load::{Flag, Loaded};
use super::*;

/// The sample that is installed beside the daemon.
const SAMPLE: &str = include_str!("../../../../systemd/config.yaml");

/// The page about settings.
const PAGE: &str = include_str!("../../../../docs/settings.md");

fn variables(given: &[(&str, &str)]) -> Variables {
    Variables::new(given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())), "Node-7.corp.io")
}

fn load(text: &str, given: &[(&str, &str)], flags: &[Flag]) -> Result<Loaded, String> {
    Settings::from_sources(Path::new("c.yaml"), text, &variables(given), flags).map_err(|error| error.to_string())
}

fn defaults() -> Settings {
    Settings { node: NodeSettings { name: "node-7.corp.io".to_owned() }, ..Settings::default() }
}

/// What a text changes of the defaults.
#[track_caller]
fn check(text: &str, change: impl FnOnce(&mut Settings)) {
    let mut want = defaults();
    change(&mut want);
    let loaded = load(text, &[], &[]).unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(loaded, Loaded { settings: want, warnings: Vec::new() }, "{text}");
}

/// What is said about a text.
#[track_caller]
fn check_wrong(text: &str, want: &[&str]) {
    let error = load(text, &[], &[]).expect_err(text);
    assert_eq!(error.lines().collect::<Vec<_>>(), want, "{text}");
}

#[test]
fn nothing_is_every_default() {
    for text in ["", "\n", "# only a comment\n", "---\n", "{}", "checks:\n  images:\n  every:\nhttp:\n"] {
        check(text, |_| {});
    }
}

#[test]
fn the_sample_has_every_key_with_its_default() {
    check(SAMPLE, |_| {});
    let document = document::parse(SAMPLE).unwrap();
    let mut given = Vec::new();
    leaves(&document, "", &mut given);
    let lists = ["checks.images", "checks.registries", "examine.denyAddresses"].map(str::to_owned);
    let mut known: Vec<String> = keys::scalars().into_iter().chain(lists).chain(["apiVersion".to_owned()]).collect();
    known.sort();
    given.sort();
    assert_eq!(given, known);
}

fn leaves(node: &Node, key: &str, into: &mut Vec<String>) {
    match &node.value {
        document::Value::Map(entries) => {
            let dot = if key.is_empty() { "" } else { "." };
            for (inner, node) in entries {
                leaves(node, &format!("{key}{dot}{}", inner.name), into);
            }
        }
        _ => into.push(key.to_owned()),
    }
}

#[test]
fn the_page_names_every_key_and_variable() {
    let mut variables = Vec::new();
    for key in keys::scalars() {
        let variable = environment::variable(&key);
        assert!(PAGE.contains(&format!("| `{key}` | `{variable}` |")), "docs/settings.md lacks {key} with {variable}");
        variables.push(variable);
    }
    for word in PAGE.split('`').filter(|word| word.starts_with("PULLAGENT_") && !word.ends_with('_')) {
        let name = word.split('=').next().unwrap();
        let is_example = environment::is_of_a_service(name);
        assert!(is_example || variables.iter().any(|known| known == name), "docs/settings.md invents {word}");
    }
}

#[test]
fn every_key_is_read() {
    check("apiVersion: pullagent.dev/v1", |_| {});
    check("node: { name: worker-1.example }", |s| s.node.name = "worker-1.example".to_owned());
    check("hostRoot: /host", |s| s.host_root = "/host".into());
    check("runtime: { endpoint: /run/crio/crio.sock }", |s| s.runtime.endpoint = Some("/run/crio/crio.sock".into()));
    check("runtime:\n  endpoint: unix:///run/x.sock", |s| s.runtime.endpoint = Some("unix:///run/x.sock".into()));
    check("kubernetes: { identity: kubelet }", |s| s.kubernetes.identity = IdentityChoice::Kubelet);
    check("kubernetes: { identity: serviceAccount }", |s| s.kubernetes.identity = IdentityChoice::ServiceAccount);
    check("kubernetes: { identity: kubeconfig }", |s| s.kubernetes.identity = IdentityChoice::Kubeconfig);
    check("kubernetes: { identity: none }", |s| s.kubernetes.identity = IdentityChoice::None);
    check("credentials: { plugins: never }", |s| s.credentials.plugins = Plugins::Never);
    check("credentials: { plugins: always }", |s| s.credentials.plugins = Plugins::Always);
    check("watch: { pods: false, settle: 1m, pull: never }", |s| {
        s.watch = Watch { pods: false, settle: Duration::from_mins(1), pull: WatchPull::Never };
    });
    check("checks: { discover: images, every: 5m, sample: 0.25 }", |s| {
        s.checks.discover = Discover::Images;
        s.checks.every = Duration::from_mins(5);
        s.checks.sample = 0.25;
    });
    check("checks: { discover: none, sample: 1 }", |s| s.checks.discover = Discover::None);
    check("examine: { denyAddresses: [10.0.0.1, 10.1.0.0/16, 'fd00::/8', 'fd00::1'] }", |s| {
        s.examine.deny_addresses =
            ["10.0.0.1/32", "10.1.0.0/16", "fd00::/8", "fd00::1/128"].map(|range| range.parse().unwrap()).into();
    });
    check("events: { pods: false, node: false, perMinute: 1, burst: 10000 }", |s| {
        s.events = Events { pods: false, node: false, per_minute: 1, burst: 10_000 };
    });
    check("http: { listen: '[::1]:80', reports: true }", |s| {
        s.http = Http { listen: Some("[::1]:80".parse().unwrap()), reports: true };
    });
    check("http: { listen: '' }", |s| s.http.listen = None);
    check("metrics: { listen: 0.0.0.0:9478 }", |s| s.metrics.listen = Some("0.0.0.0:9478".parse().unwrap()));
    check("socket: { path: /tmp/a.sock, group: wheel }", |s| {
        s.socket = Socket { path: "/tmp/a.sock".into(), group: "wheel".to_owned() };
    });
}

#[test]
fn checks_name_images_and_registries() {
    check(
        "checks:\n  images:\n    - image: registry.corp.io/team/app:1.4\n      every: 5m\n      secret: prod/regcred\n    \
         - { image: busybox }\n  registries: [ { host: registry.corp.io, every: 15m }, { host: 'localhost:5000' } ]\n",
        |s| {
            s.checks.images = vec![
                ImageCheck {
                    image: "registry.corp.io/team/app:1.4".to_owned(),
                    every: Some(Duration::from_mins(5)),
                    secret: Some(SecretName { namespace: "prod".to_owned(), name: "regcred".to_owned() }),
                },
                ImageCheck { image: "busybox".to_owned(), every: None, secret: None },
            ];
            s.checks.registries = vec![
                RegistryCheck { host: "registry.corp.io".to_owned(), every: Some(Duration::from_mins(15)) },
                RegistryCheck { host: "localhost:5000".to_owned(), every: None },
            ];
        },
    );
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    check_wrong(
        "watch:\n  pods: true\n  setle: 20s\n",
        &["c.yaml:3: watch.setle: this key is unknown; did you mean `settle`?"],
    );
    check_wrong("hostroot: /host", &["c.yaml:1: hostroot: this key is unknown; did you mean `hostRoot`?"]);
    check_wrong("metrics: { port: 9 }", &["c.yaml:1: metrics.port: this key is unknown; here are known: listen"]);
    check_wrong(
        "checks:\n  images:\n    - image: busybox\n      pass: hunter2\n",
        &["c.yaml:4: checks.images[0].pass: this key is unknown; here are known: image, every, secret"],
    );
}

#[test]
fn no_value_is_ever_shown() {
    let texts = [
        "hunter2",
        "- hunter2",
        "hunter2: { a: b }\nhunter2: c",
        "node: hunter2",
        "node: { name: 'hunter2 hunter2' }",
        "node: { 'hunter2 secret': 1 }",
        "hostRoot: hunter2",
        "hostRoot: [hunter2]",
        "runtime: { endpoint: hunter2 }",
        "kubernetes: { identity: hunter2 }",
        "watch: { pods: hunter2, settle: hunter2, pull: hunter2 }",
        "checks: { every: hunter2, sample: hunter2, images: hunter2, registries: [hunter2] }",
        "checks: { images: [ { image: 'user:hunter2@x' } ], registries: [ { host: 'user:hunter2@x' } ] }",
        "checks: { images: [ { image: busybox, secret: hunter2 } ] }",
        "examine: { denyAddresses: [hunter2] }",
        "http: { listen: 'user:hunter2@x' }",
        "socket: { path: hunter2, group: 'hunter2 hunter2' }",
        "x: 'hunter2",
        "x: {hunter2",
        "node:\n  name: a\n   hunter2: b",
        "x: *hunter2",
        "x: !hunter2 y",
        "\thunter2: x",
    ];
    for text in texts {
        let error = load(text, &[], &[]).expect_err(text);
        // A key may be shown where it is one.
        assert!(!error.replace("hunter2: this key", "").contains("hunter2"), "{text}: {error}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_key() {
    let one = |text: &str, want: &str| check_wrong(text, &[want]);
    one("apiVersion: pullagent.dev/v2", "c.yaml:1: apiVersion: it must be pullagent.dev/v1");
    one("just words", "c.yaml:1: it must hold keys and their values");
    one("\n\n- a\n", "c.yaml:3: it must hold keys and their values");
    one("node: 7", "c.yaml:1: node: it must hold keys and their values");
    one("node: { name: 7 }", "c.yaml:1: node.name: it must be text; put it in quotes");
    one(
        "node: { name: Node_7 }",
        "c.yaml:1: node.name: it must be the name of a node, as `kubectl get nodes` shows it",
    );
    one("hostRoot: host", "c.yaml:1: hostRoot: it must begin with `/`");
    one("hostRoot: [/]", "c.yaml:1: hostRoot: it must be text");
    one(
        "runtime: { endpoint: 'tcp://x:1' }",
        "c.yaml:1: runtime.endpoint: it must be auto, or the path or unix:// URL of a socket",
    );
    one(
        "kubernetes:\n  identity: root",
        "c.yaml:2: kubernetes.identity: it must be auto, kubelet, serviceAccount, kubeconfig or none",
    );
    one("credentials: { plugins: yes }", "c.yaml:1: credentials.plugins: it must be auto, always or never");
    one("watch: { pull: always }", "c.yaml:1: watch.pull: it must be auto or never");
    one("watch: { pods: yes }", "c.yaml:1: watch.pods: it must be true or false");
    one("watch: { pods: 'true' }", "c.yaml:1: watch.pods: it must be true or false");
    one("watch: { settle: 20 }", "c.yaml:1: watch.settle: write it as `20s`, `5m` or `1h 30m`");
    one("watch: { settle: 2h }", "c.yaml:1: watch.settle: it must be at least 1s and at most 1h");
    one("checks: { every: 29s }", "c.yaml:1: checks.every: it must be at least 30s and at most 168h");
    one("checks: { every: hourly }", "c.yaml:1: checks.every: write it as `20s`, `5m` or `1h 30m`");
    one("checks: { sample: 1.1 }", "c.yaml:1: checks.sample: it must be a number from 0 to 1");
    one("checks: { sample: .nan }", "c.yaml:1: no setting is an endless number");
    one("checks: { sample: half }", "c.yaml:1: checks.sample: it must be a number from 0 to 1");
    one("checks: { discover: all }", "c.yaml:1: checks.discover: it must be registries, images or none");
    one("checks: { images: busybox }", "c.yaml:1: checks.images: it must be a list");
    one("checks: { images: [busybox] }", "c.yaml:1: checks.images[0]: it must hold keys and their values");
    one("checks:\n  images:\n  - every: 5m", "c.yaml:3: checks.images[0]: it must have the key `image`");
    one(
        "checks: { images: [ { image: 'A/b:c:d' } ] }",
        "c.yaml:1: checks.images[0].image: it must be an image, as a pod names it",
    );
    let secret = "c.yaml:1: checks.images[0].secret: write it as NAMESPACE/NAME";
    for wrong in ["regcred", "/regcred", "prod/", "prod/a/b", "prod.x/a", "Prod/a"] {
        one(&format!("checks: {{ images: [ {{ image: a, secret: {wrong} }} ] }}"), secret);
    }
    let host = "c.yaml:1: checks.registries[0].host: write it as the host of a registry, such as registry.corp.io or \
                registry.corp.io:5000";
    for wrong in ["https://registry.corp.io", "registry.corp.io/team", "registry", "'a.io:0'", "'a.io:x'", "a b.io"] {
        one(&format!("checks: {{ registries: [ {{ host: {wrong} }} ] }}"), host);
    }
    one(
        "examine:\n  denyAddresses:\n  - 10.0.0.1\n  - 10.0.0.0/33",
        "c.yaml:4: examine.denyAddresses[1]: write it as an address or a range, such as 10.0.0.1 or 10.0.0.0/8",
    );
    let count = "it must be a whole number from 1 to 10000";
    for wrong in ["0", "-1", "1.5", "10001", "'6'", "six", "99999999999999999999999999"] {
        one(&format!("events: {{ perMinute: {wrong} }}"), &format!("c.yaml:1: events.perMinute: {count}"));
    }
    let address = "write it as IP:PORT, such as 127.0.0.1:9477 or [::1]:9477, or as \"\" not to listen";
    for wrong in ["9477", "localhost:9477", "':9477'", "127.0.0.1", "'::1:80'", "127.0.0.1:65536"] {
        one(&format!("metrics: {{ listen: {wrong} }}"), &format!("c.yaml:1: metrics.listen: {address}"));
    }
    one("socket: { path: run/a }", "c.yaml:1: socket.path: it must begin with `/`");
    one(
        &format!("socket: {{ path: /{} }}", "x".repeat(107)),
        "c.yaml:1: socket.path: it must be the path of a file, of at most 107 bytes",
    );
    one("socket: { group: 'a b' }", "c.yaml:1: socket.group: it must be the name of a group");
    one(
        "http: { listen: 0.0.0.0:9477, reports: true }",
        "c.yaml: http.reports: reports are shown on a loopback address only, and http.listen is none",
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once_but_not_without_end() {
    check_wrong(
        "a: 1\nwatch:\n  pods: 2\nhttp: { listen: x }\n",
        &[
            "c.yaml:3: watch.pods: it must be true or false",
            "c.yaml:4: http.listen: write it as IP:PORT, such as 127.0.0.1:9477 or [::1]:9477, or as \"\" not to listen",
            "c.yaml:1: a: this key is unknown; here are known: apiVersion, node, hostRoot, runtime, kubernetes, \
         credentials, watch, checks, examine, events, http, metrics, socket",
        ],
    );
    let mut many = String::new();
    for number in 0..100 {
        writeln!(many, "x{number}: 1").unwrap();
    }
    let error = load(&many, &[], &[]).unwrap_err();
    assert_eq!((error.lines().count(), error.lines().last()), (21, Some("and 80 more")));
}

#[test]
fn what_is_no_yaml_is_named_by_its_line() {
    check_wrong("watch:\n  pods: true\n  pods: false\n", &["c.yaml:3: a key is given twice"]);
    check_wrong("watch: {}\nhttp: {\n", &["c.yaml:2: this is no valid YAML"]);
    check_wrong(
        "node: {}\n---\nhttp: {}\n",
        &["c.yaml:3: the settings are one YAML document, and here a second one begins"],
    );
    check_wrong("node: *name\n", &["c.yaml:1: an alias names no anchor"]);
    let deep = "{a: ".repeat(20) + "1" + &"}".repeat(20);
    check_wrong(&deep, &["c.yaml:1: this is more, or nested deeper, than settings are"]);
}

#[test]
fn aliases_do_not_blow_a_small_file_up() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let previous = format!("*a{}", level - 1);
        let items = vec![previous; 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").unwrap();
    }
    let error = load(&text, &[], &[]).unwrap_err();
    assert!(error.ends_with("this is more, or nested deeper, than settings are"), "{error}");
}

#[test]
fn variables_beat_the_file_and_flags_beat_both() {
    let file = "hostRoot: /file\nevents: { perMinute: 2 }\nhttp: { listen: 127.0.0.1:1, reports: true }\n";
    let given = [
        ("PULLAGENT_HOST_ROOT", "/variable"),
        ("PULLAGENT_EVENTS_PER_MINUTE", "3"),
        ("PULLAGENT_HTTP_LISTEN", "127.0.0.1:2"),
        ("PULLAGENT_WATCH_PODS", "false"),
        ("PULLAGENT_METRICS_LISTEN", ""),
        ("HOME", "/root"),
    ];
    let flag = Flag { name: "--host-root", key: "hostRoot", value: "/flag".to_owned() };
    let loaded = load(file, &given, &[flag]).unwrap();
    let mut want = defaults();
    want.host_root = "/flag".into();
    want.events.per_minute = 3;
    want.http = Http { listen: Some("127.0.0.1:2".parse().unwrap()), reports: true };
    want.watch.pods = false;
    assert_eq!(loaded, Loaded { settings: want, warnings: Vec::new() });
}

#[test]
fn a_wrong_variable_or_flag_is_named() {
    let given = [("PULLAGENT_CHECKS_EVERY", "hunter2"), ("PULLAGENT_WATCH_PODS", "yes")];
    let flag = Flag { name: "--host-root", key: "hostRoot", value: "hunter2".to_owned() };
    let error = load("", &given, &[flag]).unwrap_err();
    assert_eq!(
        error.lines().collect::<Vec<_>>(),
        [
            "PULLAGENT_CHECKS_EVERY: checks.every: write it as `20s`, `5m` or `1h 30m`",
            "PULLAGENT_WATCH_PODS: watch.pods: it must be true or false",
            "--host-root: hostRoot: it must begin with `/`",
        ]
    );
}

#[test]
fn an_unknown_variable_is_a_warning_unless_kubernetes_set_it() {
    let given = [
        ("PULLAGENT_HTTP_LISTN", "x"),
        ("PULLAGENT_APIVERSION", "x"),
        ("PULLAGENT_CHECKS_IMAGES", "x"),
        ("PULLAGENT_SERVICE_HOST", "10.0.0.1"),
        ("PULLAGENT_SERVICE_PORT", "80"),
        ("PULLAGENT_SERVICE_PORT_METRICS", "80"),
        ("PULLAGENT_PORT", "tcp://10.0.0.1:80"),
        ("PULLAGENT_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("PULLAGENT_METRICS_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("PULLAGENT_PORT_OF_CALL", "x"),
    ];
    let loaded = load("", &given, &[]).unwrap();
    assert_eq!(loaded.settings, defaults());
    assert_eq!(
        loaded.warnings,
        [
            "the variable PULLAGENT_APIVERSION is no setting",
            "the variable PULLAGENT_CHECKS_IMAGES is no setting; did you mean PULLAGENT_CHECKS_SAMPLE?",
            "the variable PULLAGENT_HTTP_LISTN is no setting; did you mean PULLAGENT_HTTP_LISTEN?",
            "the variable PULLAGENT_PORT_OF_CALL is no setting",
        ]
    );
}

#[test]
fn a_node_without_a_name_has_that_of_its_variable_or_machine() {
    let check = |file: &str, given: &[(&str, &str)], want: &str| {
        assert_eq!(load(file, given, &[]).unwrap().settings.node.name, want);
    };
    check("", &[], "node-7.corp.io");
    check("", &[("NODE_NAME", "worker-1")], "worker-1");
    check("", &[("NODE_NAME", "")], "node-7.corp.io");
    check("node: { name: worker-2 }", &[("NODE_NAME", "worker-1")], "worker-2");
    check("node: { name: a }", &[("NODE_NAME", "b"), ("PULLAGENT_NODE_NAME", "c")], "c");
}

#[test]
fn a_file_that_was_named_must_be_there_and_be_text_of_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let load = || Settings::load(Some(&path), &variables(&[]), &[]).map_err(|error| error.to_string());
    let check = |want: &str| {
        let want = format!("cannot read the settings in {}: {want}", path.display());
        assert_eq!(load().unwrap_err(), want);
    };
    check("No such file or directory (os error 2)");
    fs::write(&path, b"node: { name: \xff }").unwrap();
    check("it is not UTF-8 text");
    fs::write(&path, "#".repeat(256 * 1024 + 1)).unwrap();
    check("larger than 262144 bytes");
    fs::write(&path, "#".repeat(256 * 1024)).unwrap();
    assert_eq!(load().unwrap().settings, defaults());
    // As the kubelet mounts a ConfigMap.
    fs::create_dir(folder.path().join("..data")).unwrap();
    fs::rename(&path, folder.path().join("..data/config.yaml")).unwrap();
    std::os::unix::fs::symlink("..data/config.yaml", &path).unwrap();
    assert_eq!(load().unwrap().settings, defaults());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_settings_or_an_error(text in "\\PC{0,200}") {
        let _ = load(&text, &[("PULLAGENT_CHECKS_SAMPLE", &text)], &[]);
    }

    #[test]
    fn any_yaml_is_settings_or_an_error(
        text in "((node|hostRoot|checks|every|images|image|http|listen|'a'|&a|\\*a|<<|!!str|~|1e9|-|\\?)(: |:\n|\n|\n  |\n  - |, | \\{|\\}|\\[|\\]| )){0,40}"
    ) {
        let _ = load(&text, &[], &[]);
    }
}
