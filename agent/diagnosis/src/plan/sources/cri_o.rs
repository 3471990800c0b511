//! Whom CRI-O asks: registries.conf with its drop-ins, short names, and certs.d.

use super::Sources;
use super::containerd::{authorities, client_pairs};
use super::said;
use crate::authority::Scheme;
use crate::case::NodeConfig;
use crate::cause::{Code, Confidence};
use crate::config::certs_directory::read_certs_directory;
use crate::config::crio_conf::CrioConf;
use crate::config::policy_json::{self, Policy};
use crate::config::registries_conf::{RegistriesConf, ShortNameError, ShortNameMode, Source};
use crate::evidence::Role;
use crate::finding::Finding;
use crate::plan::endpoint::{Endpoint, TrustPlace};
use crate::reference::Reference;
use crate::text::clean;

/// Where certificates for one registry are looked for; only the first directory counts.
const CERTS: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

/// CRI-O's own default, which comes before that of the files.
const MODE: ShortNameMode = ShortNameMode::Enforcing;

pub(super) fn sources(node: &NodeConfig, image: &str, reference: &Reference) -> Sources {
    let files = &node.files;
    let conf = match RegistriesConf::read_system(files) {
        Ok(conf) => conf,
        Err(error) => return Sources::refused(said::refused_by_all(&error.to_string()).detail("registriesConf")),
    };
    let mut findings: Vec<Finding> = conf.remarks.iter().map(said::of_registries_conf).collect();
    let mode = if conf.short_name_mode.is_some() { None } else { Some(MODE) };
    let candidates = match conf.candidates(image, mode) {
        Ok(candidates) => candidates,
        Err(error) => return Sources { findings, ..Sources::refused(short_name(image, &error)) },
    };
    // The last error is the one reported; the first candidate that serves is the one pulled.
    let Some(meant) = candidates.first() else { return Sources { findings, ..Sources::default() } };
    let pull = match conf.sources(meant) {
        Ok(pull) => pull,
        Err(error) => {
            return Sources { findings, ..Sources::refused(said::refused(&meant.registry, &error.to_string())) };
        }
    };
    if pull.blocked {
        let prefix = pull.prefix.as_deref().unwrap_or(&meant.registry);
        return Sources { findings, ..Sources::refused(blocked(prefix)) };
    }
    let policy = match CrioConf::read(files).get("signature_policy") {
        Some(path) => Policy::read(files, path),
        None => Policy::read_system(files),
    };
    match policy.map(|policy| policy.rejects(meant)) {
        Ok(None) => {}
        Ok(Some(scope)) => return Sources { findings, ..Sources::refused(rejected(&scope)) },
        // That we may not read it says nothing of CRI-O, which is root.
        Err(error) if error.is_closed_to_us() => {}
        Err(error) => {
            let refusal = said::refused_by_all(&error.to_string()).detail("policyFile");
            return Sources { findings, ..Sources::refused(refusal) };
        }
    }
    let mut endpoints = Vec::new();
    for source in pull.sources.iter().filter(|source| !source.blocked) {
        let certs = read_certs_directory(files, &CERTS, &source.reference.registry);
        if let Some(error) = certs.error {
            // A mirror's bad directory fails that mirror alone; the registry's own fails the pull.
            if source.is_mirror {
                findings.push(said::mirror_unusable(source.authority(), &error.to_string()));
                continue;
            }
            let refusal = said::refused(&source.reference.registry, &error.to_string()).detail("tlsFiles");
            return Sources { findings, ..Sources::refused(refusal) };
        }
        let mut endpoint = endpoint(source, reference);
        endpoint.authorities = authorities(files, &certs.ca);
        endpoint.client_pairs = client_pairs(files, &certs.client_pairs);
        let own = || format!("{}/{}", CERTS[0], source.reference.registry);
        endpoint.trusted_by = Some(TrustPlace::Directory { path: certs.dir.clone().unwrap_or_else(own) });
        endpoint.set_in = certs.dir;
        endpoints.push(endpoint);
    }
    let renamed = (meant != reference).then(|| meant.clone());
    Sources { endpoints, findings, reference: renamed, ..Sources::default() }
}

fn endpoint(source: &Source, reference: &Reference) -> Endpoint {
    let role = if source.is_mirror { Role::Mirror } else { Role::Registry };
    let repository = &source.reference.repository;
    Endpoint {
        repository: (*repository != reference.repository).then(|| repository.clone()),
        skip_verify: source.skip_verify,
        http_fallback: source.skip_verify,
        ..Endpoint::plain(role, Scheme::Https, source.authority().to_owned())
    }
}

fn short_name(image: &str, error: &ShortNameError) -> Finding {
    Finding::new(Code::InvalidReference, format!("CRI-O cannot tell which image \"{image}\" is: {error}"))
        .detail("shortName")
        .fix(format!("name the registry as well, such as docker.io/library/{image}"))
        .fix("or set `unqualified-search-registries` to one registry in /etc/containers/registries.conf")
}

fn blocked(prefix: &str) -> Finding {
    Finding::new(Code::PolicyRejected, format!("registries.conf of this node blocks every image of {prefix}"))
        .detail("blocked")
        .at_most(Confidence::Certain)
        .fix("take the image from an allowed registry, or lift the block in /etc/containers/registries.conf.d")
}

fn rejected(scope: &str) -> Finding {
    let scope = clean(scope, 200);
    let summary = format!("the signature policy of this node rejects every image in its scope \"{scope}\"");
    Finding::new(Code::PolicyRejected, summary)
        .detail("blocked")
        .at_most(Confidence::Certain)
        .fix(format!("take the image from an allowed registry, or allow this one in {}", policy_json::FILE))
}
