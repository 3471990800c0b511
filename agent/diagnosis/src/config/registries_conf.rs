//! registries.conf and its drop-ins: from whom CRI-O pulls, and what it takes a short name for.
//!
//! Owns the merging of the files. One file is `file`, a pull's sources are `sources`, short names are `short_names`.
//! Copied rules: containers-image pkg/sysregistriesv2 `tryUpdatingCache`, `updateWithConfigurationFrom`.

mod file;
mod names;
mod old_format;
mod problem;
mod short_names;
mod sources;
mod values;

use std::collections::BTreeMap;

use self::file::ConfFile;
use super::files::{Files, NotRead, join};

pub use self::problem::{ConfProblem, ConfRemark, RegistriesError, RegistriesRemark};
pub use self::short_names::{ShortNameError, ShortNameMode};
pub use self::sources::{Pull, RewriteError, Source};

/// The merged files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistriesConf {
    /// The files in the order in which they were merged.
    pub loaded: Vec<String>,
    /// The entries in the byte order of their prefixes; no prefix twice.
    pub registries: Vec<Registry>,
    /// The registries that a short name may be on.
    pub search: Vec<String>,
    /// How an ambiguous short name is treated; `None`: no file says.
    pub short_name_mode: Option<ShortNameMode>,
    /// What short names stand for; `None` takes an alias of an earlier file back.
    pub aliases: BTreeMap<String, Option<String>>,
    /// Where logins come from; empty means containers-auth.json only.
    pub credential_helpers: Vec<String>,
    /// What is ignored or replaced.
    pub remarks: Vec<RegistriesRemark>,
}

/// A `[[registry]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// What an image's name must begin with; `*.example.com` stands for its subdomains.
    pub prefix: String,
    /// What the prefix is replaced by. Empty only with a wildcard: the name stays then.
    pub location: String,
    /// TLS is not verified, and plain HTTP is tried. Holds for the location, not for the mirrors.
    pub insecure: bool,
    /// Nothing may be pulled.
    pub blocked: bool,
    /// Mirrors are for digests only.
    pub mirror_by_digest_only: bool,
    /// Asked in order before the location.
    pub mirrors: Vec<Mirror>,
    /// The file that it is from.
    pub file: String,
    /// From 1.
    pub line: u32,
}

/// A `[[registry.mirror]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// What the registry's prefix is replaced by.
    pub location: String,
    /// TLS is not verified, and plain HTTP is tried.
    pub insecure: bool,
    /// For which references it is asked.
    pub usage: MirrorUsage,
}

/// `pull-from-mirror`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MirrorUsage {
    /// For all.
    #[default]
    All,
    /// For those with a digest.
    DigestOnly,
    /// For those without.
    TagOnly,
}

impl RegistriesConf {
    /// The main file, or the distribution's copy where there is none.
    pub const MAIN_FILES: [&'static str; 2] =
        ["/etc/containers/registries.conf", "/usr/share/containers/registries.conf"];
    /// The directory of drop-ins.
    pub const DROP_INS: &'static str = "/etc/containers/registries.conf.d";

    /// Reads what a system service reads. All files may be absent; one bad file makes every pull fail.
    pub fn read_system(files: &Files) -> Result<Self, RegistriesError> {
        let found = Self::MAIN_FILES.into_iter().find(|path| files.is_dir(path) != Err(NotRead::Absent));
        Self::read_files(files, found, Self::DROP_INS)
    }

    /// Reads a main file that was named (`CONTAINERS_REGISTRIES_CONF`) and must be there, and the `*.conf` in a directory.
    pub fn read(files: &Files, main: &str, drop_ins: &str) -> Result<Self, RegistriesError> {
        Self::read_files(files, Some(main), drop_ins)
    }

    fn read_files(files: &Files, main: Option<&str>, drop_ins: &str) -> Result<Self, RegistriesError> {
        let mut conf = Self::default();
        if let Some(main) = main {
            let content = files.read(main).map_err(|why| RegistriesError::unread(main, &why))?;
            conf.merge(file::parse(main, content, true)?);
        }
        let names = match files.list(drop_ins) {
            Ok(names) => names,
            Err(NotRead::Absent) => Vec::new(),
            Err(why) => return Err(RegistriesError::unread(drop_ins, &why)),
        };
        for path in
            names.into_iter().filter(|name| name.strip_suffix(".conf").is_some()).map(|name| join(drop_ins, name))
        {
            match files.read(&path) {
                Ok(content) => conf.merge(file::parse(&path, content, false)?),
                Err(NotRead::IsDirectory) => {}
                Err(why) => return Err(RegistriesError::unread(&path, &why)),
            }
        }
        Ok(conf)
    }

    /// A later file replaces whole entries of the same prefix, and lists that it has; aliases are merged.
    fn merge(&mut self, file: ConfFile) {
        self.remarks.extend(file.remarks);
        for registry in file.registries {
            match self.registries.binary_search_by(|known| known.prefix.cmp(&registry.prefix)) {
                Ok(at) => {
                    if let Some(known) = self.registries.get_mut(at) {
                        let kind = ConfRemark::Replaced { prefix: known.prefix.clone(), by: registry.file.clone() };
                        self.remarks.push(RegistriesRemark { file: known.file.clone(), line: known.line, kind });
                        *known = registry;
                    }
                }
                Err(at) => self.registries.insert(at, registry),
            }
        }
        if let Some(search) = file.search {
            self.search = search;
        }
        if let Some(helpers) = file.credential_helpers {
            self.credential_helpers = helpers;
        }
        self.short_name_mode = file.short_name_mode.or(self.short_name_mode);
        self.aliases.extend(file.aliases);
        self.loaded.push(file.path);
    }
}

#[cfg(test)]
mod tests;
