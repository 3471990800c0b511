//! The registry's directory below `config_path`: which one is taken, and the list of hosts that comes out.
//!
//! Copied rules: core/remotes/docker/config/hosts.go `ConfigureHosts`, `HostDirFromRoot`, `loadHostDir`,
//! `loadCertFiles`; `config_unix.go` `hostPaths`; core/remotes/docker/registry.go `MatchLocalhost`.

use super::hosts_toml::{self, HostEntry};
use super::{
    Capabilities, ClientPair, ContainerdVersion, HostsError, RegistryHost, RegistryHosts, Remark, RemarkKind, tls_files,
};
use crate::config::files::{Files, NotRead, join};
use crate::config::go_duration::GoDuration;
use crate::config::go_url::parse_ip;

/// How long connecting may take unless a file says otherwise.
pub(super) const DIAL_TIMEOUT: GoDuration = GoDuration::from_seconds(30);

/// The hosts for images of `host`, from the first of the `roots` that has a directory for it.
pub fn look_up(version: ContainerdVersion, roots: &[&str], files: &Files, host: &str) -> RegistryHosts {
    let mut result = RegistryHosts::default();
    match directory(roots, files, host) {
        Err(error) => result.error = Some(error),
        Ok(dir) => result.dir = dir,
    }
    if result.error.is_none() {
        match build(version, files, host, &mut result) {
            Ok(hosts) => result.hosts = hosts,
            Err(error) => result.error = Some(error),
        }
    }
    result
}

fn build(
    version: ContainerdVersion,
    files: &Files,
    host: &str,
    result: &mut RegistryHosts,
) -> Result<Vec<RegistryHost>, HostsError> {
    let mut entries = match result.dir.clone() {
        Some(dir) => load_directory(version, files, &dir, &mut result.remarks)?,
        None => vec![HostEntry::default()],
    };
    if let Some(last) = entries.last_mut().filter(|last| last.host.is_empty()) {
        fill_upstream(last, version, host);
    }
    let upstream = entries.len().saturating_sub(1);
    let mut hosts = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        let built = build_host(entry, version, host, at == upstream);
        tls_files::check(files, &built)?;
        hosts.push(built);
    }
    Ok(hosts)
}

/// The first directory of the first root that has one. A file in its place is found as well, and fails later.
fn directory(roots: &[&str], files: &Files, host: &str) -> Result<Option<String>, HostsError> {
    let with_port = host.rfind(':').filter(|colon| *colon > 0);
    let with_port = with_port.map(|colon| format!("{}_{}_", &host[..colon], &host[colon + 1..]));
    for root in roots {
        for name in with_port.as_deref().into_iter().chain([host, "_default"]) {
            let path = join(root, name);
            match files.is_dir(&path) {
                Ok(_) => return Ok(Some(path)),
                Err(NotRead::Absent) => {}
                Err(why) => return Err(HostsError::Directory { why: why.to_string(), path }),
            }
        }
    }
    Ok(None)
}

/// `loadHostDir`.
fn load_directory(
    version: ContainerdVersion,
    files: &Files,
    dir: &str,
    remarks: &mut Vec<Remark>,
) -> Result<Vec<HostEntry>, HostsError> {
    let path = join(dir, "hosts.toml");
    let content = match files.read(&path) {
        Ok(content) => content,
        Err(NotRead::Absent) => b"",
        Err(why) => return Err(HostsError::Directory { why: why.to_string(), path }),
    };
    if content.is_empty() {
        return Ok(vec![load_certificates(files, dir)?]);
    }
    let mut remark = |line, kind| remarks.push(Remark { file: path.clone(), line, kind });
    match hosts_toml::parse(version, dir, content) {
        Ok(file) => {
            file.remarks.into_iter().for_each(|(line, kind)| remark(Some(line), kind));
            if load_certificates(files, dir).is_ok_and(|beside| beside.ca.is_some() || !beside.client.is_empty()) {
                remark(None, RemarkKind::CertificatesUnused);
            }
            Ok(file.hosts.into_iter().chain([file.server]).collect())
        }
        Err((line, dropped)) => {
            remark(line, RemarkKind::Dropped(dropped));
            Ok(vec![load_certificates(files, dir)?])
        }
    }
}

/// `loadCertFiles`: the layout that Docker has, for the upstream.
fn load_certificates(files: &Files, dir: &str) -> Result<HostEntry, HostsError> {
    let mut entry = HostEntry::default();
    let names = match files.list(dir) {
        Ok(names) => names,
        Err(NotRead::Absent) => Vec::new(),
        Err(why) => return Err(HostsError::Directory { path: dir.to_owned(), why: why.to_string() }),
    };
    for name in names {
        let path = join(dir, name);
        if files.is_dir(&path) == Ok(true) {
            continue;
        }
        if name.strip_suffix(".crt").is_some() {
            entry.ca.get_or_insert_default().push(path);
        } else if let Some(stem) = name.strip_suffix(".cert") {
            let key = join(dir, &format!("{stem}.key"));
            let has_key = files.is_dir(&key) != Err(NotRead::Absent);
            entry.client.push(ClientPair { certificate: path, key: has_key.then_some(key) });
        }
    }
    Ok(entry)
}

/// The registry itself, where the file names no `server`. Its TLS settings and headers stay, its capabilities do not.
fn fill_upstream(entry: &mut HostEntry, version: ContainerdVersion, host: &str) {
    "https".clone_into(&mut entry.scheme);
    if host == "docker.io" {
        "registry-1.docker.io".clone_into(&mut entry.host);
    } else {
        host.clone_into(&mut entry.host);
        if is_localhost(host) {
            let port = port_of(host);
            if !matches!(port, "" | "443") {
                "http".clone_into(&mut entry.scheme);
            }
            if port != "80" {
                entry.skip_verify = Some(true);
            }
        }
    }
    "/v2".clone_into(&mut entry.path);
    entry.capabilities = Capabilities::all(version);
}

fn build_host(entry: HostEntry, version: ContainerdVersion, image_host: &str, is_upstream: bool) -> RegistryHost {
    let explicit_tls = entry.ca.is_some() || !entry.client.is_empty() || entry.skip_verify.is_some();
    // Which of the two it speaks cannot be told from the port then: TLS is tried first, from 1.7 on.
    let may_speak_either = entry.scheme == "http" && explicit_tls && port_of(&entry.host) != "80";
    let http_fallback = may_speak_either && version >= ContainerdVersion::V1_7;
    RegistryHost {
        ns_param: needs_namespace(&entry.host, image_host),
        scheme: if http_fallback { "https".to_owned() } else { entry.scheme },
        host: entry.host,
        path: entry.path,
        capabilities: entry.capabilities,
        skip_verify: entry.skip_verify.unwrap_or(false),
        ca: entry.ca.unwrap_or_default(),
        client_pairs: entry.client,
        headers: entry.headers,
        http_fallback,
        dial_timeout: entry.dial_timeout.unwrap_or(DIAL_TIMEOUT),
        is_upstream,
    }
}

/// Whether a host must be told which registry is meant (`RegistryHost.isProxy`).
pub(super) fn needs_namespace(host: &str, image_host: &str) -> bool {
    host != image_host && (image_host != "docker.io" || host != "registry-1.docker.io")
}

/// Whether containerd takes `host`, with or without port, for this machine.
pub(super) fn is_localhost(host: &str) -> bool {
    let name = split_host_port(host).map_or(host, |(name, _)| name);
    // `net.ParseIP` knows no zones.
    name == "localhost" || parse_ip(name).is_some_and(|(ip, zone)| !zone && ip.to_canonical().is_loopback())
}

/// The port in Go's eyes; empty if there is none or the whole is malformed.
pub(super) fn port_of(host: &str) -> &str {
    split_host_port(host).map_or("", |(_, port)| port)
}

/// Go's `net.SplitHostPort`; `None` where it reports an error.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':')?)
        }
        None => text.split_once(':')?,
    };
    let clean = !port.contains([':', '[', ']']) && !host.contains(['[', ']']);
    clean.then_some((host, port))
}
