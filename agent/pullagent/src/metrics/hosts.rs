//! Which hosts have a label of their own. Tenants choose the hosts of their images, so there are few of these.

use jiff::{SignedDuration, Timestamp};

/// As many values the label `host` has, [`OTHER`] among them.
pub(super) const MAX_VALUES: usize = 32;
/// Stands for every host without a label of its own.
pub(super) const OTHER: &str = "other";
/// A host that was not met for so long gives way to another one.
const IDLE: SignedDuration = SignedDuration::from_hours(1);
/// Bytes of a host's name with its port; a DNS name has at most 253.
const MAX_HOST: usize = 260;

/// The hosts that have a label of their own: the preferred ones first, then the first ones met.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    preferred: Vec<String>,
    /// With the time when each was met last.
    met: Vec<(String, Timestamp)>,
}

impl Hosts {
    /// These hosts, in their order, come before any that is only met.
    pub(super) fn prefer<'a>(&mut self, hosts: impl Iterator<Item = &'a str>) {
        self.preferred.clear();
        for host in hosts.filter(|host| is_host(host)) {
            if self.preferred.len() + 1 < MAX_VALUES && !self.preferred.iter().any(|known| known == host) {
                self.preferred.push(host.to_owned());
            }
        }
        self.met.retain(|(host, _)| !self.preferred.contains(host));
        self.met.truncate(MAX_VALUES - 1 - self.preferred.len());
    }

    /// The label of a host that is met now: its name, or [`OTHER`].
    pub(super) fn label(&mut self, host: &str, now: Timestamp) -> String {
        self.known(host, now).unwrap_or_else(|| OTHER.to_owned())
    }

    /// The label of a host that is met now, if it has one of its own.
    pub(super) fn known(&mut self, host: &str, now: Timestamp) -> Option<String> {
        if self.preferred.iter().any(|known| known == host) {
            return Some(host.to_owned());
        }
        if let Some((_, seen)) = self.met.iter_mut().find(|(known, _)| known == host) {
            *seen = (*seen).max(now);
            return Some(host.to_owned());
        }
        if !is_host(host) {
            return None;
        }
        if self.preferred.len() + self.met.len() + 1 >= MAX_VALUES {
            let idle = |seen: &Timestamp| now.duration_since(*seen) > IDLE;
            let place = self.met.iter().position(|(_, seen)| idle(seen))?;
            self.met.remove(place);
        }
        self.met.push((host.to_owned(), now));
        Some(host.to_owned())
    }

    /// Whether a host has a label of its own.
    pub(super) fn has(&self, host: &str) -> bool {
        self.preferred.iter().any(|known| known == host) || self.met.iter().any(|(known, _)| known == host)
    }
}

/// Whether the text can be a host with a port; anything else would be a stranger's text in a label.
fn is_host(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]%".contains(&b);
    !text.is_empty() && text.len() <= MAX_HOST && text != OTHER && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn preferred_hosts_come_first_and_the_rest_is_other() {
        let mut hosts = Hosts::default();
        for number in 0..100 {
            let label = hosts.label(&format!("{number}.io"), at(0));
            assert_eq!(label == OTHER, number >= 31, "{number}");
        }
        hosts.prefer(["r.io", "r.io", "s.io:5000"].into_iter());
        assert_eq!(hosts.label("r.io", at(1)), "r.io");
        assert_eq!((hosts.label("28.io", at(1)), hosts.label("29.io", at(1))), ("28.io".into(), OTHER.into()));
        assert!(!hosts.has("30.io"));
    }

    #[test]
    fn a_host_long_gone_gives_way() {
        let mut hosts = Hosts::default();
        (0..31).for_each(|number| drop(hosts.label(&format!("{number}.io"), at(0))));
        (1..31).for_each(|number| drop(hosts.label(&format!("{number}.io"), at(50))));
        assert_eq!(hosts.label("new.io", at(60)), OTHER);
        assert_eq!(hosts.label("new.io", at(61)), "new.io");
        assert_eq!(hosts.label("0.io", at(61)), OTHER);
    }

    #[test]
    fn what_is_no_host_has_no_label() {
        let mut hosts = Hosts::default();
        for text in ["", "a b", "a\"b", "ä.io", "other", "a\nb", &"x".repeat(300)] {
            assert_eq!(hosts.known(text, at(0)), None, "{text:?}");
        }
        assert_eq!(hosts.label("[2001:db8::1]:5000", at(0)), "[2001:db8::1]:5000");
    }
}
