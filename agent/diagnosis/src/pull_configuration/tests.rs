//! What a node's files and processes come to, one field at a time.

use proptest::prelude::*;

use super::*;
use crate::case::Kubelet;
use crate::case::fixtures::node;
use crate::config::resolv_conf::parse_resolv_conf;

#[test]
fn of_the_kubelet_a_flag_beats_a_drop_in_and_that_the_file() {
    let files = [
        (
            "/k/config.yaml",
            "serializeImagePulls: true\nregistryPullQPS: 5\nimageServiceEndpoint: ''\nregistryBurst: 10\n",
        ),
        ("/k/d/10-a.conf", "serializeImagePulls: false\nmaxParallelImagePulls: 4\nregistryBurst: 20\n"),
        ("/k/d/20-b.conf", "{\"maxParallelImagePulls\": 8}"),
        ("/k/d/20-b.yaml", "maxParallelImagePulls: 9\n"),
        ("/k/d/30-c.conf", "a: [hunter2"),
    ];
    let mut node = node(&[], &files);
    let line = "kubelet --config /k/config.yaml --config-dir=/k/d --registry-burst=1 --registry-burst 30 --root-dir=/r";
    node.kubelet = Some(Kubelet::Running { pid: 9, arguments: line.split(' ').map(str::to_owned).collect() });
    let found = pull_configuration(&node, None);
    let kubelet = found.kubelet.unwrap();
    let told = |set: &KubeletSetting| format!("{}={} {}", set.key, set.value, set.set_in);
    assert_eq!(
        kubelet.settings.iter().map(told).collect::<Vec<_>>(),
        [
            "serializeImagePulls=false /k/d/10-a.conf",
            "maxParallelImagePulls=8 /k/d/20-b.conf",
            "registryPullQPS=5 /k/config.yaml",
            "registryBurst=30 --registry-burst",
        ]
    );
    assert_eq!((kubelet.pid, kubelet.root_dir.as_str()), (9, "/r"));
    assert_eq!(kubelet.files, ["/k/config.yaml", "/k/d/10-a.conf", "/k/d/20-b.conf"]);
    assert_eq!(found.not_checked.last(), Some(&NotChecked::new("/k/d/30-c.conf", "it is no YAML")));
}

#[test]
fn a_kubelet_in_doubt_is_not_checked() {
    let mut node = node(&[], &[]);
    node.kubelet = Some(Kubelet::NotSeen { why: "it is shy".to_owned() });
    let found = pull_configuration(&node, None);
    assert_eq!(found.kubelet, None);
    assert!(found.not_checked.contains(&NotChecked::new("the kubelet's settings for images", "it is shy")));
}

#[test]
fn what_makes_go_ask_the_system_for_names_is_named() {
    let check = |environment: &[(&str, &str)], resolv_conf: &str, nsswitch: &str, want: &[&str]| {
        let mut node = node(environment, &[("/etc/nsswitch.conf", nsswitch)]);
        node.network.resolver = parse_resolv_conf(resolv_conf, "n", |_| None);
        assert_eq!(pull_configuration(&node, None).resolver.system_resolver, want);
    };
    check(&[], "options ndots:2", "hosts: files myhostname dns # resolve", &[]);
    check(&[], "options inet6", "", &["resolv.conf has `inet6`, which Go does not know"]);
    let resolve = "nsswitch.conf has `resolve`, which Go does not know";
    check(&[], "", "hosts:\tresolve [!UNAVAIL=return] files dns", &[resolve]);
    check(&[], "", "hosts: files mdns4_minimal dns", &["nsswitch.conf has `mdns4_minimal`, for names below .local"]);
    check(&[("RES_OPTIONS", "rotate"), ("HOSTALIASES", "")], "", "", &["RES_OPTIONS is set"]);
    check(&[("GODEBUG", "a=1,netdns=go+1"), ("RES_OPTIONS", "x")], "", "hosts: resolve", &[]);
    check(&[("GODEBUG", "netdns=cgo")], "", "", &["GODEBUG has netdns=cgo"]);
}

#[test]
fn a_registry_is_named_as_images_begin() {
    for good in ["docker.io", "localhost", "r.corp.io:5000", "[::1]:5000", "UPPER"] {
        assert_eq!(parse_registry(good).as_deref(), Ok(good));
    }
    for bad in ["", "nginx", "a/b", "https://r.io", "r.io/", "a b.io", "r_r.io"] {
        assert!(parse_registry(bad).is_err(), "{bad}");
    }
}

#[test]
fn no_secret_of_the_files_or_the_environment_is_in_it() {
    let config = "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.registry]\n\
        [plugins.'io.containerd.grpc.v1.cri'.registry.headers]\nX-Token = ['hunter2']\n\
        [plugins.'io.containerd.grpc.v1.cri'.registry.mirrors.'docker.io']\nendpoint = ['https://u:hunter2@m.io']\n\
        [plugins.'io.containerd.grpc.v1.cri'.registry.configs.'m.io'.auth]\npassword = 'hunter2'\n\
        [plugins.'io.containerd.grpc.v1.cri'.registry.auths.'https://u:hunter2@a.io']\nauth = 'hunter2'\n";
    let environment = [("HTTPS_PROXY", "http://u:hunter2@p:1"), ("NO_PROXY", "http://u:hunter2@x")];
    let found = pull_configuration(&node(&environment, &[("/etc/containerd/config.toml", config)]), None);
    let json = crate::report::configuration_json(&found);
    let style = crate::report::Style { width: 100, color: false, verbose: 2 };
    let text = crate::report::configuration_text(&found, Timestamp::UNIX_EPOCH, &style);
    assert!(!json.contains("hunter2") && !text.contains("hunter2"), "{text}\n{json}");
    assert!(text.contains("registry.configs.\"m.io\".auth = ***") && text.contains("***@m.io"), "{text}");
    assert!(text.contains("HTTPS_PROXY http://p:1 with a login"), "{text}");
}

#[test]
fn docker_is_shown_by_its_daemon_json() {
    let daemon = r#"{"registry-mirrors": ["https://m.corp.io"], "insecure-registries": ["r.corp.io:5000"],
        "proxies": {"https-proxy": "http://u:hunter2@p:1"}}"#;
    let mut node = node(&[], &[("/etc/docker/daemon.json", daemon)]);
    node.runtime = Some(crate::runtime::Runtime {
        endpoint: "unix:///run/cri-dockerd.sock".into(),
        named_by: None,
        answer: crate::runtime::RuntimeAnswer::NotAsked { why: "-".into() },
        process: crate::runtime::RuntimeProcess::NotSeen { why: "-".into() },
        config_file: None,
    });
    let found = pull_configuration(&node, None);
    let settings: Vec<String> =
        found.files[0].settings.iter().map(|setting| format!("{}={}", setting.key, setting.value)).collect();
    let want =
        ["insecure-registries=r.corp.io:5000", "proxies.https-proxy=http://p:1", "registry-mirrors=https://m.corp.io"];
    assert_eq!(settings, want);
    let urls: Vec<&str> =
        found.registries.iter().flat_map(|one| &one.endpoints).map(|endpoint| endpoint.url.as_str()).collect();
    let insecure = ["https://r.corp.io:5000/v2", "http://r.corp.io:5000/v2"];
    assert_eq!(urls, [&["https://m.corp.io/v2", "https://registry-1.docker.io/v2"][..], &insecure].concat());
}

#[test]
fn lists_are_compared_by_the_names_of_their_rows() {
    let toml = |mirrors: &str| format!("server = 'https://r.io'\n{mirrors}");
    let of = |hosts: &str| {
        let config = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/c'\n";
        let files = [("/etc/containerd/config.toml", config), ("/c/r.io/hosts.toml", &toml(hosts))];
        pull_configuration(&node(&[], &files), None)
    };
    let (here, there) =
        (of("[host.'https://a']\n[host.'https://b']\n"), of("[host.'https://b']\n[host.'https://a']\n"));
    let other = parse_other(crate::report::configuration_json(&there).as_bytes()).unwrap();
    let found = compare(&here, &other).differences;
    let fields: Vec<&str> = found.iter().map(|difference| difference.field.as_str()).collect();
    assert_eq!(fields, ["registries[r.io].endpoints (order)"]);
    let here = of("[host.'https://b']\nskip_verify = true\n[host.'https://a']\n");
    let found = compare(&here, &other).differences;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].field, "registries[r.io].endpoints[https://b/v2].skipVerify");
    assert_eq!((found[0].here.as_deref(), found[0].there.as_deref()), (Some("true"), None));
}

proptest! {
    #[test]
    fn any_files_make_a_configuration(config in any::<String>(), hosts in any::<String>(), name in "[a-z._:*]{1,12}") {
        let registry = format!("version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/c'\n{config}");
        let path = format!("/c/{name}/hosts.toml");
        let policy = ("/etc/containers/policy.json", config.as_str());
        let containerd = [("/etc/containerd/config.toml", registry.as_str()), (path.as_str(), hosts.as_str())];
        let cri_o = [("/etc/crio/crio.conf", config.as_str()), ("/etc/containers/registries.conf", hosts.as_str()), policy];
        for files in [&containerd[..], &cri_o] {
            let found = pull_configuration(&node(&[("NO_PROXY", &hosts), ("HTTPS_PROXY", &config)], files), None);
            let json = crate::report::configuration_json(&found);
            prop_assert!(parse_other(json.as_bytes()).is_ok());
        }
    }
}
