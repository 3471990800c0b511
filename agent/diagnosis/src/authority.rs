//! Scheme, host and port: whom a URL addresses.

use serde::{Deserialize, Serialize};

/// The two schemes that a registry can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Over TLS.
    Https,
    /// In plain text.
    Http,
}

impl Scheme {
    /// The word in a URL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The port that goes without saying.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// Host, without brackets, and port as written.
pub fn split_authority(authority: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
        return (host, rest.strip_prefix(':').filter(|p| !p.is_empty()));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port).filter(|p| !p.is_empty())),
        None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(authority: &str, host: &str, port: Option<&str>) {
        assert_eq!(split_authority(authority), (host, port), "{authority}");
    }

    #[test]
    fn the_port_is_split_off_outside_brackets_only() {
        check("a.b", "a.b", None);
        check("a.b:5000", "a.b", Some("5000"));
        check("a.b:", "a.b", None);
        check("[::1]", "::1", None);
        check("[::1]:443", "::1", Some("443"));
    }
}
