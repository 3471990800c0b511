//! Platforms, and which entry of an index containerd takes.
//!
//! The rules are those of `containerd/platforms` `compare.go` (v1.0): `Default()` prefers the node's own variant,
//! then lower ones, then on 64-bit machines their 32-bit kin.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An operating system, an architecture and where it matters a variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct Platform {
    /// In Go's words: `linux`, `windows`.
    pub os: String,
    /// In Go's words: `amd64`, `arm64`.
    pub arch: String,
    /// `v7`, `v8`, or empty.
    pub variant: String,
}

/// The text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform: write it as `os/arch` or `os/arch/variant`, such as `linux/arm64`")]
pub struct InvalidPlatform(String);

impl Platform {
    /// A platform in Go's words, with containerd's aliases resolved and a variant that goes without saying dropped or
    /// added (`platforms/database.go` `normalizeArch`).
    pub fn new(os: &str, arch: &str, variant: &str) -> Self {
        let (os, arch, variant) = (os.to_lowercase(), arch.to_lowercase(), variant.to_lowercase());
        let os = if os == "macos" { "darwin".to_owned() } else { os };
        let (arch, variant) = match (arch.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v),
            ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
            ("aarch64" | "arm64", v) => ("arm64", v),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            (a, v) => (a, v),
        };
        Self { arch: arch.to_owned(), variant: variant.to_owned(), os }
    }

    /// What a node of this platform runs, most wanted first.
    pub fn preference(&self) -> Vec<Self> {
        let with = |arch: &str, variant: &str| Self { os: self.os.clone(), arch: arch.into(), variant: variant.into() };
        let mut list = vec![self.clone()];
        match self.arch.as_str() {
            "amd64" => {
                if let Some(level) = self.variant.strip_prefix('v').and_then(|n| n.parse::<u8>().ok()) {
                    list.extend((2..level).rev().map(|n| with("amd64", &format!("v{n}"))));
                    list.push(with("amd64", ""));
                }
                list.push(with("386", ""));
            }
            "arm64" => {
                list.extend(arm64_minors(&self.variant).iter().map(|v| with("arm64", v)));
                list.extend(["v8", "v7", "v6", "v5"].map(|v| with("arm", v)));
            }
            "arm" => {
                if let Some(level) = self.variant.strip_prefix('v').and_then(|n| n.parse::<u8>().ok()) {
                    list.extend((5..level).rev().map(|n| with("arm", &format!("v{n}"))));
                }
            }
            _ => {}
        }
        list
    }

    /// The index of the entry that containerd takes: the first of the most wanted platform.
    pub fn choose<'a>(&self, entries: impl Iterator<Item = Option<&'a Self>>) -> Option<usize> {
        let entries: Vec<Option<&Self>> = entries.collect();
        self.preference().iter().find_map(|wanted| entries.iter().position(|entry| *entry == Some(wanted)))
    }

    /// Whether an image of `other` runs on a node of this platform.
    pub fn runs(&self, other: &Self) -> bool {
        self.preference().contains(other)
    }
}

/// The lower minors of an arm64 variant, most wanted first (`compare.go` `platformVector`).
fn arm64_minors(variant: &str) -> Vec<String> {
    let (major, minor) = match variant.strip_prefix('v').map(|v| v.split_once('.').unwrap_or((v, "0"))) {
        Some((major @ ("8" | "9"), minor)) => (major, minor.parse::<u8>().unwrap_or(0)),
        _ => return Vec::new(),
    };
    let name = |major: &str, minor: u8| if minor == 0 { format!("v{major}") } else { format!("v{major}.{minor}") };
    let mut list: Vec<String> = (0..minor).rev().map(|m| name(major, m)).collect();
    if major == "9" {
        // Armv9.N contains Armv8.(N+5).
        list.extend((0..=minor.saturating_add(5).min(9)).rev().map(|m| name("8", m)));
    }
    // `v8` alone goes without saying.
    for v in &mut list {
        if v == "v8" {
            v.clear();
        }
    }
    list
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let word = |w: &str| {
            !w.is_empty() && w.len() <= 32 && w.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [os, arch] if word(os) && word(arch) => Ok(Self::new(os, arch, "")),
            [os, arch, variant] if word(os) && word(arch) && word(variant) => Ok(Self::new(os, arch, variant)),
            _ => Err(InvalidPlatform(crate::text::clean(text, 64))),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

impl TryFrom<String> for Platform {
    type Error = InvalidPlatform;

    fn try_from(text: String) -> Result<Self, InvalidPlatform> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(node: &str, entries: &[&str], want: Option<usize>) {
        let node: Platform = node.parse().unwrap();
        let entries: Vec<Option<Platform>> = entries.iter().map(|e| e.parse().ok()).collect();
        assert_eq!(node.choose(entries.iter().map(Option::as_ref)), want, "{node} of {entries:?}");
    }

    #[test]
    fn the_nodes_own_architecture_comes_first() {
        check("linux/amd64", &["linux/arm64", "linux/386", "linux/amd64"], Some(2));
        check("linux/amd64", &["linux/arm64", "linux/386"], Some(1));
        check("linux/amd64", &["linux/arm64", "windows/amd64"], None);
    }

    #[test]
    fn arm64_without_variant_is_v8_and_falls_back_to_32_bit() {
        check("linux/arm64", &["linux/arm64/v8"], Some(0));
        check("linux/arm64/v8", &["linux/arm/v6", "linux/arm/v7"], Some(1));
        check("linux/arm64/v8.2", &["linux/arm64", "linux/arm64/v8.1"], Some(1));
        check("linux/arm64", &["linux/arm64/v9"], None);
    }

    #[test]
    fn arm_without_variant_is_v7_and_runs_lower_ones() {
        check("linux/arm", &["linux/arm/v5", "linux/arm/v6"], Some(1));
        check("linux/arm/v6", &["linux/arm/v7"], None);
    }

    #[test]
    fn amd64_levels_fall_to_the_plain_one() {
        check("linux/amd64/v3", &["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], Some(1));
        check("linux/amd64", &["linux/amd64/v2"], None);
    }

    #[test]
    fn attestations_never_match() {
        check("linux/amd64", &["unknown/unknown"], None);
    }

    #[test]
    fn what_is_no_platform_is_named() {
        assert!("linux".parse::<Platform>().is_err());
        assert!("linux/amd64/v1/x".parse::<Platform>().is_err());
        assert_eq!("Linux/AArch64".parse::<Platform>().unwrap().to_string(), "linux/arm64");
    }
}
