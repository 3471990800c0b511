//! config.toml: which settings count, which engine they lead to, and the mirrors table.

use proptest::prelude::*;

use super::super::config_toml::{ConfigError, ConfigRemark, ContainerdConfig, Refusal};
use super::super::engine::{Engine, Reason, choose};
use super::super::{ContainerdVersion, HostsError, RemarkKind, registry_hosts};
use super::{V1_6, V1_7, V2_0, V2_1, V2_2, files, shown};

const PATH: &str = "/etc/containerd/config.toml";
const V2_CRI: &str = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"";
const V3_IMAGES: &str = "version = 3\n[plugins.\"io.containerd.cri.v1.images\"";

fn read(version: ContainerdVersion, toml: &str) -> ContainerdConfig {
    ContainerdConfig::read(version, &files([(PATH, toml)]), PATH)
}

#[track_caller]
fn check_path(version: ContainerdVersion, toml: &str, path: &str) {
    let config = read(version, toml);
    assert_eq!((config.error.clone(), config.refusal.clone()), (None, None), "{toml}");
    assert_eq!(config.effective_config_path(version), path, "{version}: {toml}");
}

#[track_caller]
fn check_engine(version: ContainerdVersion, setting: &str, engine: Engine, because: Reason) {
    let choice = choose(version, &read(version, &format!("{V3_IMAGES}]\n{setting}\n")));
    assert_eq!((choice.engine, choice.because), (engine, because), "{version}: {setting}");
}

#[track_caller]
fn check_hosts(version: ContainerdVersion, toml: &str, host: &str, expected: &[&str]) {
    let config = read(version, toml);
    let found = registry_hosts(version, &config, &files([]), host);
    assert_eq!(found.error, None, "{toml}");
    assert_eq!(found.hosts.iter().map(shown).collect::<Vec<_>>(), expected, "{version}: {toml}");
}

#[test]
fn each_version_has_its_section() {
    let old = &format!("{V2_CRI}.registry]\nconfig_path = \"/x\"\n");
    let new = &format!("{V3_IMAGES}.registry]\nconfig_path = \"/x\"\n");
    let first = "[plugins.cri.registry]\nconfig_path = \"/x\"\n";
    let default = ContainerdConfig::DEFAULT_CONFIG_PATH;
    check_path(V1_7, old, "/x");
    check_path(V1_7, first, "/x");
    check_path(V2_0, old, "/x");
    check_path(V2_0, new, "/x");
    check_path(V2_0, first, "/x");
    check_path(V1_7, &format!("version = 2\n{first}"), "");
    check_path(V2_1, "", "");
    check_path(V2_2, "", default);
    check_path(V2_2, &old.replace("version = 2", "version = 3"), default);
    let mirrors = format!("{V3_IMAGES}.registry.mirrors.\"quay.io\"]\nendpoint = [\"https://m\"]\n");
    check_path(V2_2, &mirrors, "");
}

#[test]
fn a_section_without_effect_is_remarked() {
    let config = read(V1_7, "version = 2\n[plugins.cri.registry]\nconfig_path = \"/x\"\n");
    let expected = "io.containerd.grpc.v1.cri";
    let remark = ConfigRemark::SectionIgnored { path: PATH.to_owned(), line: 2, plugin: "cri", version: 2, expected };
    assert_eq!(config.remarks, [remark]);
    let streaming = "version = 3\n[plugins.\"io.containerd.grpc.v1.cri\"]\nstream_server_port = \"0\"\n";
    assert_eq!(read(V2_0, streaming).remarks, []);
}

#[test]
fn settings_have_their_place() {
    let old = format!("{V2_CRI}]\nsandbox_image = \"pause:3\"\nmax_concurrent_downloads = 10\n{}", {
        "image_pull_progress_timeout = \"1m\"\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n\
         discard_unpacked_layers = true\n"
    });
    for version in [V1_7, V2_1] {
        let images = read(version, &old).images;
        let sandbox = images.sandbox_image.unwrap();
        assert_eq!((sandbox.value.as_str(), sandbox.file.as_str(), sandbox.line), ("pause:3", PATH, 3));
        assert_eq!(images.max_concurrent_downloads.unwrap().value, 10);
        assert_eq!(images.progress_timeout.unwrap().value.as_millis(), 60_000);
        assert!(images.discard_unpacked_layers.unwrap().value);
    }
    let new = format!("{V3_IMAGES}.pinned_images]\nsandbox = \"pause:4\"\n");
    assert_eq!(read(V2_0, &new).images.sandbox_image.unwrap().value, "pause:4");
}

#[test]
fn a_later_file_wins() {
    let root = "imports = [\"conf.d/*.toml\", \"conf.d/b.toml\"]\n";
    let cri = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"";
    let main = format!("{root}{cri}]\nsandbox_image = \"a\"\n");
    let b = format!("{cri}.registry]\nconfig_path = \"/b\"\n");
    let a = format!("{cri}.registry]\nconfig_path = \"/a\"\n");
    let node = files([
        (PATH, main.as_str()),
        ("/etc/containerd/conf.d/b.toml", &b),
        ("/etc/containerd/conf.d/a.toml", &a),
        ("/etc/containerd/conf.d/z.txt", "["),
    ]);
    for (version, sandbox) in [(V1_7, None), (V2_0, Some("a".to_owned()))] {
        let config = ContainerdConfig::read(version, &node, PATH);
        assert_eq!(config.error, None);
        let path = config.registry.config_path.unwrap();
        assert_eq!((path.value.as_str(), path.file.as_str()), ("/b", "/etc/containerd/conf.d/b.toml"));
        assert_eq!(config.images.sandbox_image.map(|image| image.value), sandbox, "{version}");
        assert_eq!(config.loaded.len(), 3);
    }
}

#[test]
fn only_2_x_reads_names_file_by_file() {
    let import = "[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/x\"\n";
    let node = files([(PATH, "version = 2\nimports = [\"x.toml\"]\n"), ("/etc/containerd/x.toml", import)]);
    for version in [V1_7, V2_0] {
        let config = ContainerdConfig::read(version, &node, PATH);
        assert_eq!((config.error.as_ref(), config.effective_config_path(version)), (None, "/x"), "{version}");
    }
    let short = import.replace("io.containerd.grpc.v1.cri", "cri");
    let node = files([(PATH, "version = 2\nimports = [\"x.toml\"]\n"), ("/etc/containerd/x.toml", &short)]);
    for (version, path) in [(V1_7, ""), (V2_0, "/x")] {
        assert_eq!(ContainerdConfig::read(version, &node, PATH).effective_config_path(version), path, "{version}");
    }
    let node = files([(PATH, "imports = [\"x.toml\"]\n"), ("/etc/containerd/x.toml", "version = 3\n")]);
    assert_eq!(ContainerdConfig::read(V2_0, &node, PATH).error, None);
}

#[test]
fn what_keeps_containerd_from_starting_is_an_error() {
    let path = || PATH.to_owned();
    assert!(matches!(read(V2_0, "\n[").error, Some(ConfigError::Toml { line: Some(2), .. })));
    assert_eq!(read(V1_7, "version = 3\n").error, Some(ConfigError::Version { path: path(), version: 3 }));
    assert_eq!(read(V2_1, "version = 4\n").error, Some(ConfigError::Version { path: path(), version: 4 }));
    let plugin = || "cri".to_owned();
    let named = ConfigError::DisabledName { path: path(), plugin: plugin() };
    assert_eq!(read(V2_0, "version = 2\ndisabled_plugins = [\"cri\"]\n").error, Some(named));
    let why = "no such file or directory".to_owned();
    let missing = ConfigError::Read { path: "/etc/containerd/x.toml".to_owned(), why };
    assert_eq!(read(V2_0, "imports = [\"x.toml\"]\n").error, Some(missing));
    let node = files([(PATH, "version = 2\nimports = [\"x.toml\"]\n"), ("/etc/containerd/x.toml", "version = 3\n")]);
    let config = ContainerdConfig::read(V2_0, &node, PATH);
    assert!(matches!(config.error, Some(ConfigError::DropInVersion { version: 3, root: 2, .. })));
    assert_eq!(ContainerdConfig::read(V2_0, &files([]), PATH), ContainerdConfig::default());
}

#[test]
fn a_disabled_or_refusing_plugin_pulls_nothing() {
    let error = |version, toml: &str| registry_hosts(version, &read(version, toml), &files([]), "quay.io").error;
    assert_eq!(error(V1_7, "disabled_plugins = [\"cri\"]\n"), Some(HostsError::PluginDisabled));
    let full = "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";
    assert_eq!(error(V2_0, full), Some(HostsError::PluginDisabled));
    let registry = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry";
    let path = format!("{registry}]\nconfig_path = \"/x\"\n");
    let both = format!("{path}mirrors.\"quay.io\" = {{}}\n");
    for version in [V1_6, V2_0, V2_2] {
        assert_eq!(error(version, &both), Some(HostsError::PluginRefused(Refusal::MirrorsWithConfigPath)));
    }
    let tls = format!("{path}configs.\"quay.io\".tls.insecure_skip_verify = true\n");
    assert_eq!(error(V1_7, &tls), Some(HostsError::PluginRefused(Refusal::TlsWithConfigPath)));
    assert_eq!(error(V2_0, &tls), None);
    let list = format!("{registry}]\nconfig_path = [\"/x\"]\n");
    assert!(matches!(error(V2_0, &list), Some(HostsError::PluginRefused(Refusal::WrongType { line: 3, .. }))));
}

#[test]
fn the_engine_depends_on_the_whole_configuration() {
    check_engine(V2_0, "", Engine::Local, Reason::Version);
    check_engine(V2_1, "", Engine::Transfer, Reason::Default);
    check_engine(V2_1, "use_local_image_pull = true", Engine::Local, Reason::Asked);
    check_engine(V2_1, "max_concurrent_downloads = 3", Engine::Transfer, Reason::Default);
    for (setting, key) in [
        ("disable_snapshot_annotations = false", "disable_snapshot_annotations"),
        ("discard_unpacked_layers = true", "discard_unpacked_layers"),
        ("max_concurrent_downloads = 4", "max_concurrent_downloads"),
        ("image_pull_with_sync_fs = true", "image_pull_with_sync_fs"),
        ("registry.mirrors.\"a\" = {}", "registry.mirrors"),
        ("registry.configs.\"a\" = {}", "registry.configs"),
        ("registry.auths.\"a\" = {}", "registry.auths"),
    ] {
        check_engine(V2_2, setting, Engine::Local, Reason::Setting(key));
    }
}

#[test]
fn only_the_local_engine_splits_at_colons() {
    let toml = |setting| format!("{V3_IMAGES}]\n{setting}\nregistry.config_path = \"/a:/b\"\n");
    let node = files([("/b/quay.io/hosts.toml", "[host.m]\n")]);
    let found = |setting| registry_hosts(V2_2, &read(V2_2, &toml(setting)), &node, "quay.io");
    let local = found("discard_unpacked_layers = true");
    assert_eq!((local.dir.as_deref(), local.hosts.len()), (Some("/b/quay.io"), 2));
    let transfer = found("");
    assert_eq!((transfer.dir, transfer.hosts.len()), (None, 1));
    assert_eq!((transfer.remarks[0].line, &transfer.remarks[0].kind), (Some(4), &RemarkKind::ColonPath));
}

#[test]
fn the_mirrors_table_has_rules_of_its_own() {
    let toml = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors]\n\
        \"docker.io\" = { endpoint = [\"m:5000\", \"http://n/x\", \"localhost:5000\"] }\n\
        \"quay.io\" = { endpoint = [\"https://quay.io/v2\", \"https://m/\"] }\n\
        \"*\" = { endpoint = [\"https://any\"] }\n";
    let hub =
        ["https://m:5000/v2", "http://n/x", "http://localhost:5000/v2", "https://registry-1.docker.io/v2 upstream"];
    check_hosts(V1_7, toml, "docker.io", &hub);
    check_hosts(V2_1, toml, "docker.io", &hub);
    check_hosts(V2_1, toml, "quay.io", &["https://quay.io/v2 upstream", "https://m/"]);
    check_hosts(V2_1, toml, "ghcr.io", &["https://any/v2", "https://ghcr.io/v2 upstream"]);
    let either = ["https://any/v2", "https://localhost:5000/v2 unverified fallback upstream"];
    check_hosts(V1_7, toml, "localhost:5000", &either);
    let plain = ["https://any/v2", "http://localhost:5000/v2 unverified upstream"];
    check_hosts(V1_6, toml, "localhost:5000", &plain);
}

#[test]
fn mirrors_of_the_table_are_never_pushed_to() {
    for (version, words) in [(V1_7, &["pull", "resolve"][..]), (V2_2, &["pull", "resolve", "referrers"])] {
        let config = read(version, "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.\"*\"]\n");
        let found = registry_hosts(version, &config, &files([]), "quay.io");
        assert_eq!(found.hosts[0].capabilities.words().collect::<Vec<_>>(), words, "{version}");
        assert_eq!(found.hosts[0].known_scheme(), Some(crate::authority::Scheme::Https));
    }
}

#[test]
fn tls_of_the_configs_table_ended_with_1_7() {
    let tls = |keys| format!("{V2_CRI}.registry.configs.\"quay.io\".tls]\n{keys}\n");
    check_hosts(V1_7, &tls("insecure_skip_verify = true"), "quay.io", &["https://quay.io/v2 unverified upstream"]);
    check_hosts(V2_0, &tls("insecure_skip_verify = true"), "quay.io", &["https://quay.io/v2 upstream"]);
    let error = |keys| registry_hosts(V1_7, &read(V1_7, &tls(keys)), &files([]), "quay.io").error;
    assert_eq!(error("cert_file = \"/c\""), Some(HostsError::HalfPair { host: "quay.io".to_owned() }));
    assert!(matches!(error("ca_file = \"/c\""), Some(HostsError::ReadCa { .. })));
}

#[test]
fn logins_are_never_shown() {
    let toml = format!("{V2_CRI}.registry.configs.\"a\".auth]\npassword = \"s3cret\"\n[plugins.\"{}", {
        "io.containerd.grpc.v1.cri\".registry.headers]\nx = [\"s3cret\"]\n"
    });
    let config = read(V1_7, &toml);
    assert_eq!(config.registry.auth["a"].value.password.as_ref().unwrap().expose(), "s3cret");
    assert_eq!(config.registry.headers[0].values[0].expose(), "s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
}

proptest! {
    #[test]
    fn any_configuration_is_read(
        body in "(\\[plugins\\.\"?(cri|io\\.containerd\\.(grpc\\.v1\\.cri|cri\\.v1\\.images))\"?(\\.registry)?(\\.[a-z\"*]+)?\\]\n|[a-z_]+ = (\\[?\"[a-z:/*]*\"\\]?|[0-9]|\\{\\})\n)*",
        version in "|version = [0-9]\n",
    ) {
        for containerd in [V1_7, V2_2] {
            let config = read(containerd, &format!("{version}{body}"));
            let found = registry_hosts(containerd, &config, &files([]), "docker.io");
            prop_assert_eq!(found.hosts.is_empty(), found.error.is_some());
        }
    }
}
