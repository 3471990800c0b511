//! The names in a report that are not for everybody, and how a sentence reads without them.

use super::HIDDEN;
use crate::authority::split_authority;
use crate::diagnosis::Diagnosis;
use crate::evidence::{DIRECT, Hop};
use crate::layer::dns::DnsOutcome;
use crate::text::clean;

/// What Go's transport begins the failure of a proxy with; behind it stands which proxy.
const MARKS: [&str; 2] = ["proxyconnect tcp", "socks connect tcp"];
/// What comes before a proxy's own words in a summary.
const PROXY_SAID: &str = "The proxy said: \"";
/// Bytes of a key in a summary (`layer/credentials.rs`).
const KEY: usize = 80;

/// Names that are not shown, and those that everybody sees anyway.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    proxies: Vec<String>,
    /// Of proxies too. Longest first.
    names: Vec<String>,
    /// Longest first.
    open: Vec<String>,
}

impl Hidden {
    /// The names in `diagnosis`.
    pub(super) fn of(diagnosis: &Diagnosis) -> Self {
        let mut proxies = Vec::new();
        diagnosis.hops.iter().for_each(|hop| proxies_of(hop, &mut proxies));
        let mut names = proxies.clone();
        for row in &diagnosis.credentials {
            names.extend(row.user.clone());
            names.extend(row.key.as_ref().map(|key| clean(key, KEY)));
            names.extend(row.key.clone());
        }
        names.extend(diagnosis.hops.iter().flat_map(exceptions_of));
        let target = &diagnosis.target;
        let mut open = vec![target.image.clone()];
        open.extend([&target.reference, &target.registry, &target.repository].into_iter().flatten().cloned());
        open.extend(diagnosis.hops.iter().flat_map(|hop| [hop.host.clone(), split_authority(&hop.host).0.to_owned()]));
        Self { proxies, names: by_length(names), open: by_length(open) }
    }

    /// Whether this host is a proxy's and no host of the image.
    pub(super) fn is_proxy(&self, host: &str) -> bool {
        let is = |name: &String| name.eq_ignore_ascii_case(host);
        self.proxies.iter().any(is) && !self.open.iter().any(is)
    }

    /// `text` with something else in the place of each name.
    pub(super) fn in_sentence(&self, text: &str) -> String {
        let text = without_proxys_words(&without_proxys_failure(text));
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        let mut before = None;
        while let Some(c) = rest.chars().next() {
            let starts = !before.is_some_and(char::is_alphanumeric) || !c.is_alphanumeric();
            let longest = |names: &[String]| {
                let found = names.iter().find(|name| starts && begins_with_word(rest, name));
                found.map_or(0, String::len)
            };
            let (hidden, open) = (longest(&self.names), longest(&self.open));
            let taken = if hidden.max(open) == 0 { c.len_utf8() } else { hidden.max(open) };
            let (piece, after) = rest.split_at(taken);
            out.push_str(if hidden > open { HIDDEN } else { piece });
            before = piece.chars().next_back();
            rest = after;
        }
        out
    }
}

/// Everything by which a hop's proxies are called.
fn proxies_of(hop: &Hop, names: &mut Vec<String>) {
    let ways = [Some(&hop.via), hop.other_way.as_ref().map(|way| &way.via)];
    for via in ways.into_iter().flatten().filter(|via| *via != DIRECT) {
        let authority = via.split_once("://").map_or(via.as_str(), |(_, authority)| authority);
        names.extend([via.clone(), authority.to_owned(), split_authority(authority).0.to_owned()]);
    }
    if hop.via == DIRECT {
        return;
    }
    // Behind a proxy these are its own.
    if let Some(dns) = &hop.dns {
        let asked = dns.queries.iter().map(|query| &query.name).chain(&dns.name);
        names.extend(asked.flat_map(|name| [name.clone(), name.trim_end_matches('.').to_owned()]));
        if let DnsOutcome::Ok { addresses, .. } = &dns.outcome {
            names.extend(addresses.iter().map(ToString::to_string));
        }
    }
    if let Some(connect) = &hop.connect {
        names.extend(connect.addresses.iter().map(|address| address.ip.to_string()));
        names.extend(connect.used.map(|ip| ip.to_string()));
    }
}

/// The exceptions from the proxy that a hop tells of: those there are, not those that should be.
fn exceptions_of(hop: &Hop) -> Vec<String> {
    let way = hop.other_way.iter().filter(|way| way.via != DIRECT);
    let mut entries: Vec<String> = way.flat_map(|way| way.entries.iter().cloned()).collect();
    let decided = ["NO_PROXY ", "no_proxy "].iter().find_map(|variable| hop.route.strip_prefix(variable));
    entries.extend(decided.map(str::to_owned));
    entries
}

fn by_length(mut names: Vec<String>) -> Vec<String> {
    // What stands in the place of others cannot itself be replaced.
    names.retain(|name| !name.trim().is_empty() && !HIDDEN.contains(name.as_str()));
    names.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    names.dedup();
    names
}

/// Whether `text` begins with `name`, in whatever case, and the name does not go on.
fn begins_with_word(text: &str, name: &str) -> bool {
    let Some((start, after)) = text.split_at_checked(name.len()) else { return false };
    let goes_on = name.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric);
    !goes_on && start.eq_ignore_ascii_case(name)
}

/// Up to the mark that a proxy failed, and how it ended.
fn without_proxys_failure(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let Some(end) = MARKS.iter().filter_map(|mark| Some(lower.find(mark)? + mark.len())).min() else {
        return text.to_owned();
    };
    let (before, after) = text.split_at(end);
    let is_word = |c: char| c.is_ascii_alphabetic() || " /\"'".contains(c);
    match after.rsplit_once(": ").map(|(_, last)| last).filter(|last| last.chars().all(is_word)) {
        Some(last) => format!("{before}: {HIDDEN}: {last}"),
        None => format!("{before}: {HIDDEN}"),
    }
}

fn without_proxys_words(text: &str) -> String {
    match text.find(PROXY_SAID) {
        Some(start) => text.split_at(start).0.trim_end().trim_end_matches('.').to_owned(),
        None => text.to_owned(),
    }
}
