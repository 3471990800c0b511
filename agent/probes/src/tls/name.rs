//! Whether a certificate's names fit a host, by Go's rules (crypto/x509 `verify.go`, `VerifyHostname`). Pure.

use std::net::IpAddr;

/// The names of a certificate; the common name is none of them.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    pub(super) dns: Vec<&'a str>,
    pub(super) ips: Vec<IpAddr>,
}

impl Names<'_> {
    /// An IP address fits only IP names. For the rest a wildcard may stand for the whole left-most label, letters
    /// match in either case, and one trailing dot of `host` is ignored.
    pub(super) fn fit(&self, host: &str) -> bool {
        if let Some(ip) = as_ip(host) {
            // Go's net.IP.Equal takes ::ffff:a.b.c.d for a.b.c.d.
            return self.ips.iter().any(|name| name.to_canonical() == ip.to_canonical());
        }
        let host = host.to_ascii_lowercase();
        let host_is_valid = is_valid(host.strip_suffix('.').unwrap_or(&host), false);
        self.dns.iter().any(|name| {
            if host_is_valid && is_valid(name, true) { matches(name, &host) } else { matches_exactly(name, &host) }
        })
    }
}

/// The address that `host` is, with or without brackets.
pub(super) fn as_ip(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let labels = pattern.split('.').count();
    labels == host.split('.').count()
        && pattern
            .split('.')
            .zip(host.split('.'))
            .enumerate()
            .all(|(place, (pattern, label))| (place == 0 && pattern == "*") || pattern.eq_ignore_ascii_case(label))
}

fn matches_exactly(name: &str, host: &str) -> bool {
    !matches!(name, "" | ".") && !matches!(host, "" | ".") && name.eq_ignore_ascii_case(host)
}

fn is_valid(name: &str, pattern: bool) -> bool {
    !name.is_empty()
        && name.split('.').enumerate().all(|(place, label)| {
            (pattern && place == 0 && label == "*")
                || (!label.is_empty()
                    && !label.starts_with('-')
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, host: &str, fits: bool) {
        let names = match name.parse() {
            Ok(ip) => Names { dns: Vec::new(), ips: vec![ip] },
            Err(_) => Names { dns: vec!["other.test", name], ips: Vec::new() },
        };
        assert_eq!(names.fit(host), fits, "{name} for {host}");
    }

    #[test]
    fn names_fit_as_go_lets_them() {
        check("registry.corp.io", "registry.corp.io", true);
        check("Registry.Corp.io", "rEGISTRY.corp.IO", true);
        check("registry.corp.io", "registry.corp.io.", true);
        check("registry.corp.io.", "registry.corp.io.", true);
        check("registry.corp.io.", "registry.corp.io", false);
        check("corp.io", "registry.corp.io", false);
        check("under_score.corp.io", "under_score.corp.io", true);
        check("", "registry.corp.io", false);
        check("", "", false);
        check(".", ".", false);
    }

    #[test]
    fn a_wildcard_is_one_whole_leftmost_label() {
        check("*.corp.io", "registry.corp.io", true);
        check("*.CORP.io", "registry.corp.io.", true);
        check("*.corp.io", "corp.io", false);
        check("*.corp.io", "a.b.corp.io", false);
        check("reg*.corp.io", "registry.corp.io", false);
        check("registry.*.io", "registry.corp.io", false);
        check("*", "registry", true);
        check("*.*.io", "registry.corp.io", false);
        check("*.corp.io", "-registry.corp.io", false);
    }

    #[test]
    fn addresses_fit_address_names_only() {
        check("10.0.0.1", "10.0.0.1", true);
        check("10.0.0.1", "10.0.0.2", false);
        check("::1", "[::1]", true);
        check("::1", "0:0::1", true);
        check("::ffff:10.0.0.1", "10.0.0.1", true);
        check("*.0.0.1", "10.0.0.1", false);
    }

    #[test]
    fn an_address_as_a_dns_name_does_not_fit_the_address() {
        let names = Names { dns: vec!["10.0.0.1"], ips: Vec::new() };
        assert!(!names.fit("10.0.0.1"));
    }
}
