//! Settings of the runtime's files that this version does not read, or that hide one another.

use crate::case::NodeConfig;
use crate::cause::Code;
use crate::config::containerd::config_toml::ContainerdConfig;
use crate::config::containerd::{ContainerdVersion, colon_path, registry_of, roots};
use crate::config::crio_conf::CrioConf;
use crate::config::files::{Files, NotRead, join};
use crate::config::policy_json::Policy;
use crate::finding::Finding;
use crate::plan::sources::containerd::{config_file, version};
use crate::plan::sources::runtime_kind;
use crate::plan::sources::said::{ignored, of_hosts_toml, refused_by_all};
use crate::runtime::Kind;

pub(super) fn lint(node: &NodeConfig, registry: Option<&str>) -> Vec<Finding> {
    match runtime_kind(node) {
        Some(Kind::Containerd) => containerd(node, registry),
        Some(Kind::CriO) => cri_o(node),
        Some(Kind::Docker | Kind::Other) | None => Vec::new(),
    }
}

fn containerd(node: &NodeConfig, registry: Option<&str>) -> Vec<Finding> {
    let version = version(node);
    let config = ContainerdConfig::read(version, &node.files, config_file(node));
    let mut findings = removed(version, &config);
    findings.extend(colon_path(version, &config).map(|remark| of_hosts_toml(&remark, "")));
    for root in roots(version, &config) {
        findings.extend(hidden_defaults(&node.files, root, registry));
    }
    findings
}

/// `configs.*.tls` is gone from 2.0 on, and nothing says so.
fn removed(version: ContainerdVersion, config: &ContainerdConfig) -> Vec<Finding> {
    if version < ContainerdVersion::V2_0 {
        return Vec::new();
    }
    let told = config.registry.tls.iter().map(|(host, tls)| {
        let what = format!("`configs.\"{host}\".tls` was removed in containerd 2.0 and is not read");
        ignored(&tls.file, Some(tls.line), &what)
            .detail("tlsRemoved")
            .fix("set `config_path`, and name the files with `ca` and `client` in the registry's hosts.toml")
    });
    told.collect()
}

/// A directory without a hosts.toml hides `_default` all the same.
fn hidden_defaults(files: &Files, root: &str, registry: Option<&str>) -> Vec<Finding> {
    let Ok(names) = files.list(root) else { return Vec::new() };
    if !names.contains(&"_default") {
        return Vec::new();
    }
    let concerns = |name: &&str| *name != "_default" && registry.is_none_or(|registry| registry_of(name) == registry);
    let own = names.into_iter().filter(concerns).map(|name| join(root, name));
    let is_bare = |dir: &String| match files.read(&join(dir, "hosts.toml")) {
        Ok(content) => content.is_empty(),
        Err(why) => why == NotRead::Absent && files.is_dir(dir) == Ok(true),
    };
    let hides = |dir: String| {
        let what = format!("it has no hosts.toml, and hides {root}/_default: no mirror is asked for this registry");
        ignored(&dir, None, &what)
            .detail("defaultHidden")
            .fix("remove the directory, or write the mirrors into a hosts.toml of its own")
    };
    own.filter(is_bare).map(hides).collect()
}

fn cri_o(node: &NodeConfig) -> Vec<Finding> {
    let conf = CrioConf::read(&node.files);
    let mut findings = Vec::new();
    let policy = match conf.get("signature_policy") {
        Some(path) => Policy::read(&node.files, path),
        None => Policy::read_system(&node.files),
    };
    if let Err(error) = policy
        && !error.is_closed_to_us()
    {
        findings.push(refused_by_all(&error.to_string()).detail("policyFile"));
    }
    if let Some(why) = conf.error {
        let summary =
            format!("CRI-O would not start with the files that it has now: {}", crate::text::clean(&why, 300));
        let finding = Finding::new(Code::RuntimeConfigInvalid, summary).detail("notStarting");
        findings.push(finding.fix("correct the file before the next restart"));
    }
    findings
}
