//! A sentence without what differs from one examination to the next: times, addresses in turn, numbers of requests.
//!
//! Two examinations of the same failure must make the same event. Whatever a summary measures has its shape here.

use std::net::IpAddr;

/// Our own words without measured times, sizes and the addresses that a name happened to have.
pub(super) fn steady(sentence: &str) -> String {
    let sentence = without_wait(sentence);
    let sentence = match sentence.split_once(" left, and the image has ") {
        Some((filesystem, _)) => {
            let named = filesystem.rsplit_once(" has ").map_or(filesystem, |(named, _)| named);
            format!("{named} has less room than the image needs")
        }
        None => sentence,
    };
    let words: Vec<&str> = sentence.split(' ').collect();
    let mut kept: Vec<String> = Vec::with_capacity(words.len());
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let skipped = measured(&words[at..]);
        if skipped == 0 {
            kept.push((*word).to_owned());
            at += 1;
            continue;
        }
        at += skipped;
        // What ends a clause stands behind what was measured.
        let ends_in = words[at - 1].trim_start_matches(|c: char| c.is_alphanumeric() || "(:.)".contains(c));
        let ends_in = if words[at - 1].ends_with(':') { ":" } else { ends_in };
        if let (Some(last), false) = (kept.last_mut(), ends_in.is_empty()) {
            last.push_str(ends_in);
        }
    }
    kept.join(" ")
}

/// `; it asks to wait 60 minutes` taken out: the next answer names another time.
fn without_wait(sentence: &str) -> String {
    let Some((before, after)) = sentence.split_once("; it asks to wait ") else { return sentence.to_owned() };
    let rest = after.find([';', '.']).map_or("", |at| &after[at..]);
    format!("{before}{rest}")
}

/// How many words from here on are a measurement; 0 for words that stay.
fn measured(words: &[&str]) -> usize {
    match words {
        ["in" | "for", number, unit, ..] if is_number(number) && is_seconds(unit) => 3,
        [number, unit, ..] if number.strip_prefix('(').is_some_and(is_number) && is_seconds(unit) => 2,
        [number, unit, apart, ..] if is_number(number) && is_unit(unit) && is_direction(apart) => 2,
        [first, ..] if first.strip_prefix('(').is_some_and(is_address) => words
            .iter()
            .position(|word| word.trim_end_matches([',', ';', '.', ':']).ends_with(')'))
            .map_or(0, |end| end + 1),
        _ => 0,
    }
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn is_seconds(word: &str) -> bool {
    matches!(word.trim_end_matches([')', ',', ';', '.', ':']), "s" | "ms")
}

fn is_unit(word: &str) -> bool {
    matches!(word.trim_end_matches('s'), "second" | "minute" | "hour" | "day")
}

fn is_direction(word: &str) -> bool {
    matches!(word.trim_end_matches([':', ',', ';']), "ahead" | "behind")
}

fn is_address(word: &str) -> bool {
    let bare = word.split(')').next().unwrap_or(word).trim_end_matches([',', ';', '.']);
    bare.parse::<IpAddr>().is_ok()
}

/// Foreign words in which each number of a request, and each time of day, is an ellipsis.
pub(super) fn steady_quote(quote: &str) -> String {
    let masked = |word: &str| if varies(word) { "…".to_owned() } else { word.to_owned() };
    quote.split(' ').map(masked).collect::<Vec<_>>().join(" ")
}

/// Whether a word looks like one of a kind: a UUID, a long number, a time of day, an address.
fn varies(word: &str) -> bool {
    const LONG: usize = 10;
    if word.contains("sha256:") || word.contains("sha512:") {
        return false;
    }
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let has_digit = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
    let is_clock = || {
        let mut parts = core.rsplit('T').next().unwrap_or(core).trim_end_matches('Z').split(':');
        let two = |part: &str| part.len() >= 2 && part.as_bytes()[..2].iter().all(u8::is_ascii_digit);
        parts.by_ref().take(2).filter(|part| part.len() == 2 && two(part)).count() == 2
    };
    core.parse::<IpAddr>().is_ok()
        || is_clock()
        || core
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .any(|part| is_one_of_a_kind(part, LONG) && has_digit(part))
}

fn is_one_of_a_kind(part: &str, long: usize) -> bool {
    part.len() >= long && part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        || part.len() >= long && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sentence: &str, want: &str) {
        assert_eq!(steady(sentence), want);
    }

    #[test]
    fn what_was_measured_is_gone() {
        check(
            "r.io cannot be resolved: no answer from 10.0.0.2, 10.0.0.3 in 2.0 s",
            "r.io cannot be resolved: no answer from 10.0.0.2, 10.0.0.3",
        );
        check(
            "r.io does not answer on port 443 (10.1.0.1, 10.1.0.2, ::1 and 2 more) in 3.5 s",
            "r.io does not answer on port 443",
        );
        check(
            "r.io refuses connections (127.0.0.1); past the proxy it works",
            "r.io refuses connections; past the proxy it works",
        );
        check(
            "no route from this node to r.io (10.1.0.1): No route to host",
            "no route from this node to r.io: No route to host",
        );
        check(
            "r.io accepts the connection and never answers the TLS handshake (1.2 s)",
            "r.io accepts the connection and never answers the TLS handshake",
        );
        check(
            "containerd 1.7 was still pulling, and its image store had not grown for 5 s",
            "containerd 1.7 was still pulling, and its image store had not grown",
        );
        check(
            "r.io limits how often this account may ask; it asks to wait 60 minutes",
            "r.io limits how often this account may ask",
        );
        check(
            "this node's clock is 200 days ahead: by it the certificate of r.io is not valid",
            "this node's clock is ahead: by it the certificate of r.io is not valid",
        );
        check(
            "the image filesystem /var/lib has 3.4 MiB left, and the image has 12 GiB to transfer, more when unpacked",
            "the image filesystem /var/lib has less room than the image needs",
        );
    }

    #[test]
    fn what_was_asked_for_stays() {
        for sentence in [
            "registry.corp.io/team/api has no tag 1.4.2 (nearest 1.4.1, 1.4.0)",
            "the proxy http://proxy.corp.io:3128 answers 403 to CONNECT ghcr.io",
            "the certificate of r.io expired on 2026-06-30",
            "r.io answers 503 to the request for the layer sha256:e36337f908c2",
            "",
            "in",
            "(1.2",
            "for 5",
        ] {
            check(sentence, sentence);
        }
    }

    #[test]
    fn numbers_of_requests_are_gone_and_words_stay() {
        let quoted = |quote, want: &str| assert_eq!(steady_quote(quote), want);
        quoted("AccessDenied: RequestId: 4442587FB7D0A2F9", "AccessDenied: RequestId: …");
        quoted("trace 0af7651916cd43dd8448eb211c80319c at 12:04:31", "trace … at …");
        quoted("id=6f1c9f2e-6a2b-4d8e-9a3e-0c5b1f0e7d11, try later", "… try later");
        quoted("2026-11-21T16:02:38Z denied", "… denied");
        quoted("client with IP '20.50.11.7' is not allowed access", "client with IP … is not allowed access");
        quoted("repository team/api not found", "repository team/api not found");
        quoted("manifest sha256:e36337f908c2e36337f908c2 unknown", "manifest sha256:e36337f908c2e36337f908c2 unknown");
        quoted("TOOMANYREQUESTS: toomanyrequests", "TOOMANYREQUESTS: toomanyrequests");
    }
}
