//! A node's files and environment, read as for `pullagent node` and for a pull: `world` says how they are written here.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pullagent_diagnosis::case::Case;
use pullagent_diagnosis::config::containerd::{ContainerdVersion, config_toml::ContainerdConfig, registry_hosts};
use pullagent_diagnosis::config::crio_conf::CrioConf;
use pullagent_diagnosis::config::policy_json::Policy;
use pullagent_diagnosis::config::registries_conf::RegistriesConf;
use pullagent_diagnosis::config::systemd_unit::read_service;
use pullagent_diagnosis::plan::plan;
use pullagent_diagnosis::pull_configuration::{compare, parse_other, pull_configuration, verification_settings};
use pullagent_diagnosis::reference::Reference;
use pullagent_diagnosis::report::{Style, configuration_json, configuration_text};
use pullagent_fuzz::{assert_findings, assert_json_shown, assert_reads_again, assert_shown, text, world};

fuzz_target!(|data: &[u8]| {
    let (node, image) = world::read(&text(data));

    let planned = plan(&Case { image: image.clone(), ..Case::default() }, &node);
    let json = serde_json::to_string(&planned).expect("a plan is saved in reports");
    assert!(serde_json::from_str::<pullagent_diagnosis::plan::Plan>(&json).is_ok(), "and read from them");

    let found = pull_configuration(&node, None);
    let json = configuration_json(&found);
    assert_json_shown(&json);
    assert_findings(&found.findings);
    assert_shown(&configuration_text(
        &found,
        jiff::Timestamp::UNIX_EPOCH,
        &Style { width: 60, color: false, verbose: 1 },
    ));
    let other = parse_other(json.as_bytes()).expect("what one node prints another reads");
    assert_eq!(compare(&found, &other).differences, [], "a node does not differ from itself");
    let _ = verification_settings(&node, Some((1, 36)));
    let _ = read_service(&node.files, "containerd");
    let _ = CrioConf::read(&node.files);

    let reference = Reference::parse(&image).ok();
    for version in ["1.6", "1.7", "2.0", "2.1", "2.2"].into_iter().filter_map(ContainerdVersion::parse) {
        let config = ContainerdConfig::read(version, &node.files, "/etc/containerd/config.toml");
        let host = reference.as_ref().map_or("docker.io", |reference| &reference.registry);
        let hosts = registry_hosts(version, &config, &node.files, host);
        assert!(hosts.error.is_none() || hosts.hosts.is_empty(), "nobody is asked after an error");
    }
    if let Ok(registries) = RegistriesConf::read_system(&node.files) {
        for candidate in registries.candidates(&image, None).unwrap_or_default() {
            assert_reads_again(&candidate);
            let _ = registries.sources(&candidate);
        }
    }
    if let (Some(reference), Ok(policy)) = (reference, Policy::read_system(&node.files)) {
        let _ = policy.rejects(&reference);
    }
});
