//! Single files and texts of a node, each known by the first letter of the input.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use pullagent_diagnosis::config::credential_provider::{parse_answer, parse_providers};
use pullagent_diagnosis::config::docker_daemon::DockerDaemon;
use pullagent_diagnosis::config::hosts_file::parse_hosts;
use pullagent_diagnosis::config::proxy_env::{ProxyEnv, Route};
use pullagent_diagnosis::config::pull_records::parse_pull_record;
use pullagent_diagnosis::config::resolv_conf::parse_resolv_conf;
use pullagent_diagnosis::config::systemd_unit::{
    parse_environment_file, parse_manager, parse_unit, service_environment,
};
use pullagent_diagnosis::keyring::{is_image_allowed, nearest_miss};
use pullagent_fuzz::{Reader, assert_shown, first_line, read_as, text};
use pullagent_probes::environment::Environment;
use pullagent_probes::trust::parse_certificates;

#[allow(dead_code, unreachable_pub, reason = "these are the formats of another crate, of which not all is used")]
#[path = "../../../agent/probes/src/process/formats.rs"]
mod proc;

const FORMATS: &[(u8, Reader)] = &[
    (b'a', plugin_answer),
    (b'c', certificates),
    (b'd', docker_daemon),
    (b'e', environ),
    (b'h', hosts),
    (b'p', providers),
    (b'r', pull_record),
    (b's', proc_files),
    (b'u', unit),
    (b'v', resolv_conf),
    (b'w', environment_file),
];

fuzz_target!(|data: &[u8]| -> Corpus { read_as(FORMATS, data) });

const API: &str = "credentialprovider.kubelet.k8s.io/v1";

fn plugin_answer(data: &[u8]) {
    if let Err(error) = parse_answer(data, API) {
        assert_shown(&error.to_string());
    }
}

fn certificates(data: &[u8]) {
    for der in parse_certificates(data) {
        assert!(der.len() < data.len(), "base64 is longer");
    }
}

fn docker_daemon(data: &[u8]) {
    match DockerDaemon::parse(data) {
        Ok(daemon) => {
            for registry in ["docker.io", "registry.corp.io:5000", "[fd00::1]:5000", "127.0.0.1:5000"] {
                assert!(!daemon.endpoints(registry).is_empty(), "the registry itself is asked in any case");
            }
        }
        Err(error) => assert_shown(&error.to_string()),
    }
}

/// `/proc/PID/environ`, and which way it sends requests.
fn environ(data: &[u8]) {
    let environment = Environment::from_environ(data);
    let proxies = environment.proxies();
    for (scheme, host, port) in [
        ("https", "registry.corp.io", None),
        ("http", "10.0.0.7", Some(5000)),
        ("https", "fd00::1", Some(443)),
        ("https", "localhost", None),
    ] {
        let route = proxies.route(scheme, host, port);
        assert_shown(&route.to_string());
        let json = serde_json::to_string(&(&proxies, &route)).expect("both are part of saved reports");
        let again: (ProxyEnv, Route) = serde_json::from_str(&json).expect("which are read again");
        assert_eq!(serde_json::to_string(&again).ok().as_deref(), Some(json.as_str()));
        if let Some(other) = proxies.other_route(scheme, host, port) {
            other.entries.iter().for_each(|entry| assert_shown(entry));
        }
    }
}

fn hosts(data: &[u8]) {
    let hosts = parse_hosts(&text(data));
    for name in ["localhost", "registry.corp.io", ""] {
        let _ = hosts.lookup(name);
    }
}

/// An image on the first line, the configuration of the kubelet's plugins below it.
fn providers(data: &[u8]) {
    let text = text(data);
    let (image, config) = first_line(&text);
    match parse_providers([("config.yaml", config)]) {
        Ok(providers) => {
            for provider in providers {
                let allowed = is_image_allowed(&provider.match_images, image);
                assert_eq!(allowed, nearest_miss(&provider.match_images, image).is_none());
            }
        }
        Err(error) => assert_shown(&error.to_string()),
    }
}

fn pull_record(data: &[u8]) {
    if let Err(error) = parse_pull_record(data) {
        assert_shown(&error.to_string());
    }
}

fn proc_files(data: &[u8]) {
    let _ = (proc::parse_stat(data), proc::parse_users(data), proc::has_every_user(data), proc::parse_boot_time(data));
    let lines = data.split(|byte| *byte == b'\n').count();
    assert!(proc::parse_listening(data).len() < lines, "the first line is a heading");
    assert!(proc::parse_listening_ports(data, &[2375]).len() < lines);
    let _ = proc::parse_socket_link(&text(data));
}

fn unit(data: &[u8]) {
    let text = text(data);
    let units =
        [("/lib/systemd/system.conf", parse_manager(&text)), ("/etc/systemd/system/x.service", parse_unit(&text))];
    let named = units.iter().map(|(path, unit)| (*path, unit));
    let variables = service_environment(named, |file| {
        assert!(file.path.starts_with('/'));
        vec![(file.path.clone(), text.clone().into_owned())]
    });
    assert!(variables.keys().all(|name| !name.is_empty() && !name.contains(['=', '\0'])));
}

fn resolv_conf(data: &[u8]) {
    let resolver = parse_resolv_conf(&text(data), "node-7.corp.io", |_| Some(2));
    assert!((1..=3).contains(&resolver.servers.len()));
    assert!(resolver.ndots <= 15);
    let json = serde_json::to_string(&resolver).expect("it is part of saved reports");
    assert_eq!(serde_json::from_str(&json).ok(), Some(resolver), "{json}");
}

fn environment_file(data: &[u8]) {
    let variables = parse_environment_file(&text(data));
    assert!(variables.iter().all(|(name, _)| !name.is_empty() && !name.contains(['=', '\0', '\n'])));
}
