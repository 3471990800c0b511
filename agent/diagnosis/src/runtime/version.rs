//! Which runtime in which version: the rules differ between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A runtime's name and version as its CRI `Version` tells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeVersion {
    /// `containerd`, `cri-o`, `docker`.
    pub name: String,
    /// `v1.7.24`, `1.6.20~ds1`, `2.1.5-k3s1`.
    pub version: String,
}

/// The families of runtimes whose rules are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// containerd, also the one within k3s and others.
    Containerd,
    /// CRI-O.
    CriO,
    /// The Docker daemon behind cri-dockerd.
    Docker,
    /// Any other.
    Other,
}

impl RuntimeVersion {
    /// Which rules it follows.
    pub fn kind(&self) -> Kind {
        match self.name.to_ascii_lowercase().as_str() {
            "containerd" => Kind::Containerd,
            "cri-o" | "crio" => Kind::CriO,
            "docker" => Kind::Docker,
            _ => Kind::Other,
        }
    }

    /// Major and minor number; `None` if the version is no number, as a build from a branch may say.
    pub fn numbers(&self) -> Option<(u32, u32)> {
        let mut numbers = self.version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    /// Whether it is containerd before 1.7. An unreadable version counts as a recent one.
    pub fn is_containerd_before_1_7(&self) -> bool {
        self.kind() == Kind::Containerd && self.numbers().is_some_and(|numbers| numbers < (1, 7))
    }
}

impl fmt::Display for RuntimeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version.trim_start_matches('v'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, version: &str, want: (Kind, Option<(u32, u32)>)) {
        let version = RuntimeVersion { name: name.to_owned(), version: version.to_owned() };
        assert_eq!((version.kind(), version.numbers()), want, "{version}");
    }

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        check("containerd", "v1.7.24", (Kind::Containerd, Some((1, 7))));
        check("containerd", "1.6.20~ds1", (Kind::Containerd, Some((1, 6))));
        check("containerd", "2.1.5-k3s1", (Kind::Containerd, Some((2, 1))));
        check("cri-o", "1.37.0", (Kind::CriO, Some((1, 37))));
        check("docker", "28.2.2", (Kind::Docker, Some((28, 2))));
        check("containerd", "main.m", (Kind::Containerd, None));
        check("", "", (Kind::Other, None));
    }
}
