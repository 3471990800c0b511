//! Hosts as texts name them: in the URL of a request, behind `lookup` and `dial`, in words.

use super::image;
use super::phrases::{Hit, Mark};

/// Longer URLs are cut off.
const LONGEST: usize = 4096;

/// A host that was asked or looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Where it is named.
    pub(super) at: usize,
    /// Behind its URL and the quote after it.
    pub(super) end: usize,
    /// Host, and port where it is written.
    pub(super) host: String,
    /// How it is named.
    pub(super) named: Named,
}

/// How a host is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// By the URL of a request.
    Request {
        /// Its path without query.
        path: String,
        /// Whether it went to a mirror (containerd's `ns`).
        is_mirror: bool,
        /// The registry that it is a mirror of, unless containerd (2.1 on) blots it out.
        mirror_of: Option<String>,
        /// Whether it went without TLS.
        is_plain: bool,
        /// Whether the URL is in quotes, as Go writes it since 1.14.
        is_quoted: bool,
    },
    /// As a name that is looked up.
    Lookup,
    /// As an address.
    Dial,
    /// In words: the runtime says which registry it speaks of.
    Words,
}

/// The host that this phrase names.
pub(super) fn named(text: &str, hit: &Hit) -> Option<Endpoint> {
    hit.marks().iter().find_map(|mark| match mark {
        Mark::Url => request(text, hit),
        Mark::Lookup => word(text, hit, Named::Lookup).filter(|name| {
            let behind = text[name.end..].trim_start_matches('"');
            behind.starts_with(':') || behind.starts_with(" on ") || behind.is_empty()
        }),
        Mark::Dial => dialled(text, hit),
        Mark::Host => word(text, hit, Named::Words),
        Mark::TagIn => {
            let host = image::named(text, hit).and_then(|image| image::registry(&image.text))?;
            Some(Endpoint { at: hit.start, end: hit.end, host, named: Named::Words })
        }
        _ => None,
    })
}

/// A URL that was asked for. One that only invites to read more is none.
fn request(text: &str, hit: &Hit) -> Option<Endpoint> {
    const ASKED: [&str; 14] = [
        "get", "head", "post", "put", "to", "code", "url", "endpoint", "from", "returned", "error", "url:", "at",
        "realm",
    ];
    let before = &text[..hit.start];
    let is_quoted = before.ends_with('"');
    let before = before.trim_end_matches(['"', '\'', ' ']);
    let verb = before.rsplit([' ', '(', '"']).next().unwrap_or_default();
    if !ASKED.iter().any(|known| verb.eq_ignore_ascii_case(known)) {
        return None;
    }
    let rest = &text[hit.end..];
    let length = rest.find([' ', '"', '\'', '<', '>', ')', ',', '\\', '`']).unwrap_or(rest.len());
    let url = rest.get(..length.min(LONGEST)).unwrap_or_default().trim_end_matches([':', '.', ';']);
    let end = hit.end + url.len() + usize::from(rest[url.len()..].starts_with('"'));
    let (authority, tail) = url.split_at(url.find(['/', '?']).unwrap_or(url.len()));
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let mirror_of = query.split('&').find_map(|pair| pair.strip_prefix("ns="));
    let mirror_of = mirror_of.map(|host| host.replace("%3A", ":").replace("%3a", ":"));
    let named = Named::Request {
        path: path.to_owned(),
        is_mirror: mirror_of.is_some(),
        mirror_of: mirror_of.filter(|host| is_host(host)),
        is_plain: text[hit.start..hit.end].eq_ignore_ascii_case("http://"),
        is_quoted,
    };
    is_host(authority).then(|| Endpoint { at: hit.start, end, host: authority.to_owned(), named })
}

/// The host that stands as a word behind the phrase.
fn word(text: &str, hit: &Hit, named: Named) -> Option<Endpoint> {
    let rest = text[hit.end..].trim_start_matches('"');
    let word = rest.split([' ', '"', ',', ')', ';', '\'']).next().unwrap_or_default().trim_end_matches([':', '.']);
    is_host(word).then(|| Endpoint { at: hit.start, end: hit.end + word.len(), host: word.to_owned(), named })
}

/// `10.0.0.1:443`, `[::1]:443`, `:0`, or of `10.0.0.7:1234->10.0.0.1:443` the far end.
fn dialled(text: &str, hit: &Hit) -> Option<Endpoint> {
    let word = text[hit.end..].split([' ', '"', ',']).next().unwrap_or_default();
    let word = word.rsplit("->").next().unwrap_or_default().trim_end_matches(':');
    let port = word.strip_prefix(':').is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    let fits = port || is_host(word);
    fits.then(|| Endpoint { at: hit.start, end: hit.end + word.len(), host: word.to_owned(), named: Named::Dial })
}

fn is_host(text: &str) -> bool {
    let byte = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    (1..=260).contains(&text.len()) && text.bytes().all(byte) && text.bytes().any(|b| b.is_ascii_alphanumeric())
}

/// The host of an authority without its port and brackets.
pub(super) fn without_port(authority: &str) -> &str {
    crate::authority::split_authority(authority).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::phrases::find;

    #[track_caller]
    fn check(text: &str, wanted: &[&str]) {
        let hosts: Vec<String> = find(text).iter().filter_map(|hit| named(text, hit)).map(|e| e.host).collect();
        assert_eq!(hosts, wanted, "{text}");
    }

    #[test]
    fn hosts_are_found_in_requests_look_ups_and_dials() {
        check(
            "Head \"https://a.b:5000/v2/x/manifests/1\": dial tcp 10.0.0.1:5000: connect",
            &["a.b:5000", "10.0.0.1:5000"],
        );
        check("Get https://a.b/v2/: dial tcp: lookup a.b on 10.96.0.10:53: no", &["a.b", "a.b"]);
        check("read tcp 10.0.0.7:1->10.0.0.1:443: read", &["10.0.0.1:443"]);
        check("unexpected status code https://m.b/v2/x?ns=docker.io: 400 Bad Request", &["m.b"]);
        check("pinging container registry a.b:5000: x", &["a.b:5000"]);
        check("proxyconnect tcp: dial tcp :0: connect", &[":0"]);
        check("Get \"https://user:pass@a.b/v2/\": EOF", &["a.b"]);
    }

    #[test]
    fn a_link_to_a_page_is_no_host_that_failed() {
        check("toomanyrequests. https://www.docker.com/increase-rate-limit", &[]);
        check("Refer https://aka.ms/acr/firewall to grant access", &[]);
    }
}
