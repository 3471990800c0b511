//! What is to be said of a configuration: what is ignored, and what makes every pull fail.

use crate::cause::Code;
use crate::config::containerd::config_toml::ConfigRemark;
use crate::config::containerd::{Remark, RemarkKind};
use crate::config::registries_conf::{ConfRemark, RegistriesRemark};
use crate::finding::Finding;
use crate::text::clean;

/// Bytes of a configuration's own words.
const WORDS: usize = 300;

/// Something in a file that has no effect.
pub(crate) fn ignored(file: &str, line: Option<u32>, what: &str) -> Finding {
    let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
    Finding::new(Code::ConfigIgnored, format!("{}: {}", clean(&place, WORDS), clean(what, WORDS)))
}

/// Every pull from one registry fails before anybody is asked.
pub(super) fn refused(registry: &str, why: &str) -> Finding {
    let summary = format!("no pull from {registry} gets as far as a connection: {}", clean(why, WORDS));
    Finding::new(Code::RuntimeConfigInvalid, summary).fix("mend that file, or take it out of the configuration")
}

/// A mirror that the runtime passes over without asking it.
pub(super) fn mirror_unusable(mirror: &str, why: &str) -> Finding {
    let summary = format!("the mirror {} is never asked: {}", clean(mirror, WORDS), clean(why, WORDS));
    Finding::new(Code::MirrorUnavailable, summary).at(&clean(mirror, WORDS)).fix("mend that file, or take it out")
}

/// Every pull on the node fails before anybody is asked.
pub(crate) fn refused_by_all(why: &str) -> Finding {
    let summary = format!("no pull on this node gets as far as a connection: {}", clean(why, WORDS));
    Finding::new(Code::RuntimeConfigInvalid, summary).fix("mend that file")
}

pub(crate) fn of_hosts_toml(remark: &Remark, registry: &str) -> Finding {
    let finding = ignored(&remark.file, remark.line, &what(remark, registry));
    match &remark.kind {
        RemarkKind::ColonPath => finding.detail("colonPath").fix("name one directory in `config_path`"),
        RemarkKind::Dropped(_) => finding.detail("hostsToml").fix("mend the file; no restart is needed"),
        RemarkKind::Unordered { .. } => {
            finding.detail("inlineTable").fix("write it as a table of its own: `[host.\"https://…\"]`")
        }
        RemarkKind::Repeated { .. } => finding.detail("repeatedTable").fix("keep the tables of one host together"),
        RemarkKind::ServerInHost { .. } => {
            finding.detail("serverInHost").fix("put `server` above the first `[host]` table")
        }
        RemarkKind::DockerHubWebSite => {
            finding.detail("dockerHubWebSite").fix("write `server = \"https://registry-1.docker.io\"`")
        }
        RemarkKind::RootCapabilities => finding.detail("rootCapabilities").fix("give it a `server`"),
        RemarkKind::NoHost { .. } => finding.detail("noHost").fix("write the URL with `https://` or `http://`"),
        RemarkKind::UnknownKey { .. } => finding.detail("unknownKey").fix("correct or remove the key"),
        RemarkKind::CertificatesUnused => {
            finding.detail("certificatesUnused").fix("name the files with `ca` and `client` in hosts.toml")
        }
    }
}

fn what(remark: &Remark, registry: &str) -> String {
    match &remark.kind {
        RemarkKind::Dropped(why) => {
            format!("containerd ignores the file and asks {registry} itself: {why}")
        }
        RemarkKind::Unordered { host } => format!("the host \"{host}\" is ignored: it has no table header of its own"),
        RemarkKind::Repeated { host } => format!("\"{host}\" is asked twice: another host's table stands between"),
        RemarkKind::ServerInHost { host } => {
            format!("`server` belongs to the table of \"{host}\" here, and is ignored")
        }
        RemarkKind::RootCapabilities => "`capabilities` without a `server` is ignored: all are allowed".to_owned(),
        RemarkKind::DockerHubWebSite => "`server` is a web site and no registry".to_owned(),
        RemarkKind::NoHost { name } => format!("\"{name}\" is taken for a URL without a host"),
        RemarkKind::UnknownKey { key, .. } => format!("this version does not know the key `{key}`"),
        RemarkKind::CertificatesUnused => "certificates beside a hosts.toml are not looked for".to_owned(),
        RemarkKind::ColonPath => {
            "`config_path` is taken for one directory by this version's transfer engine, which finds \
            nothing there: every certs.d is ignored"
                .to_owned()
        }
    }
}

pub(super) fn of_config(remark: &ConfigRemark) -> Finding {
    let ConfigRemark::SectionIgnored { path, line, plugin, version, expected } = remark;
    let what = format!("the settings of \"{plugin}\" have no effect in a file of version {version}");
    ignored(path, Some(*line), &what).detail("pluginName").fix(format!("put them below \"{expected}\""))
}

pub(super) fn of_registries_conf(remark: &RegistriesRemark) -> Finding {
    let (detail, what, fix) = match &remark.kind {
        ConfRemark::UnknownKey { key } => {
            ("unknownKey", format!("the key `{key}` is not known"), "correct or remove the key")
        }
        ConfRemark::SecondEntry { prefix } => (
            "secondEntry",
            format!("an earlier entry of this file is for \"{prefix}\" already, and counts alone"),
            "make one entry of the two",
        ),
        ConfRemark::Replaced { prefix, by } => (
            "replacedEntry",
            format!("the entry for \"{prefix}\" is replaced as a whole by the one in {by}"),
            "write everything for one prefix into one file",
        ),
        ConfRemark::OldFormat => (
            "oldFormat",
            "the format of `[registries.search]` is no longer read by newer versions".to_owned(),
            "write `unqualified-search-registries` and `[[registry]]`",
        ),
        ConfRemark::NewToml => (
            "newToml",
            "some of its TOML is newer than what older versions read".to_owned(),
            "write inline tables on one line and without a comma at the end",
        ),
    };
    ignored(&remark.file, Some(remark.line), &what).detail(detail).fix(fix)
}
