//! One failure's attempts: a text may tell of several endpoints and logins, of which one counts.

use std::ops::Range;

use super::judge::{Judgement, judge};
use super::phrases::{Hit, Mark};
use crate::cause::{Code, Layer};

/// The attempts of a failure, judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    /// The one that counts.
    pub(super) counts: Option<Judgement>,
    /// The others, with what each was.
    pub(super) others: Vec<(Kind, Judgement)>,
}

/// What an attempt was that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// With another login of the kubelet's.
    Login,
    /// At a mirror.
    Mirror,
    /// At the registry itself.
    Upstream,
}

/// Judges the attempts that `range` tells of.
pub(super) fn judge_all(text: &str, hits: &[Hit], range: &Range<usize>) -> Attempts {
    let mut all: Vec<Attempts> = logins(text, range).iter().map(|login| one_login(text, hits, login)).collect();
    // The login that got furthest counts: mending one that is refused earlier would lead to the same.
    let furthest = |attempts: &Attempts| attempts.counts.as_ref().map_or(0, |j| progress(j.meaning.code));
    let best = (0..all.len()).rev().max_by_key(|index| furthest(&all[*index])).unwrap_or(0);
    if best >= all.len() {
        return Attempts::default();
    }
    let mut chosen = all.swap_remove(best);
    let others = all.into_iter().filter_map(|attempts| attempts.counts).map(|judgement| (Kind::Login, judgement));
    chosen.others.extend(others);
    chosen
}

/// The parts of the kubelet's `[e1, e2]`, one for each login that it tried; else the whole.
fn logins(text: &str, range: &Range<usize>) -> Vec<Range<usize>> {
    const STARTS: [&str; 17] = [
        "(Mirrors also failed",
        "rpc error",
        "failed to pull",
        "failed to resolve",
        "unable to",
        "initializing source",
        "copying system",
        "writing blob",
        "reading ",
        "pull access",
        "pulling ",
        "SignatureValidationFailed",
        "RegistryUnavailable",
        "choosing ",
        "parsing image",
        "pinging ",
        "Error response from daemon",
    ];
    let starts = |at: usize| STARTS.iter().any(|known| text[at..range.end].starts_with(known));
    let part = &text[range.clone()];
    let opened = part.match_indices(": [").map(|(at, _)| range.start + at + 3).find(|at| starts(*at));
    let Some(opened) = opened else { return vec![range.clone()] };
    let mut parts = Vec::new();
    let mut start = opened;
    for (at, _) in text[opened..range.end].match_indices(", ") {
        if starts(opened + at + 2) {
            parts.push(start..opened + at);
            start = opened + at + 2;
        }
    }
    parts.push(start..range.end);
    parts
}

/// What came of one login: CRI-O tells of the mirrors too, and reads the image as an artifact when all else fails.
fn one_login(text: &str, hits: &[Hit], range: &Range<usize>) -> Attempts {
    let mark = |mark: Mark| hits.iter().find(|hit| hit.is(mark) && range.contains(&hit.start));
    let end = mark(Mark::Artifact).map_or(range.end, |hit| hit.start);
    let told = mark(Mark::Mirrors).filter(|hit| hit.end < end);
    let closed = told.and_then(|hit| text[hit.end..end].find("]): ").map(|at| (hit, hit.end + at)));
    let Some((told, closed)) = closed else {
        return Attempts { counts: judge(text, hits, &(range.start..end)), others: Vec::new() };
    };
    let upstream = judge(text, hits, &(closed + 4..end));
    let mut mirrors = Vec::new();
    let mut start = told.end;
    for (at, _) in text[told.end..closed].match_indices("] [") {
        mirrors.push(start..told.end + at);
        start = told.end + at + 2;
    }
    mirrors.push(start..closed);
    let mut mirrors: Vec<Judgement> = mirrors.iter().filter_map(|mirror| judge(text, hits, mirror)).collect();
    // Where the registry itself could not be reached, the first mirror that answered tells why.
    let answered = mirrors.iter().position(|m| is_refusal(m.meaning.code));
    let unreached = upstream.as_ref().is_none_or(|u| is_out_of_reach(u.meaning.code));
    let (counts, left) = match answered.filter(|_| unreached) {
        Some(index) => (Some(mirrors.remove(index)), upstream),
        None => (upstream, None),
    };
    let others = mirrors.into_iter().map(|m| (Kind::Mirror, m)).chain(left.map(|u| (Kind::Upstream, u)));
    Attempts { counts, others: others.collect() }
}

fn is_refusal(code: Code) -> bool {
    matches!(code.row().layer, Some(Layer::Reference | Layer::Credentials))
}

fn is_out_of_reach(code: Code) -> bool {
    matches!(code.row().layer, Some(Layer::Dns | Layer::Transport | Layer::Proxy | Layer::Tls))
        || code == Code::PullStalled
}

/// How far a pull came that failed like this.
fn progress(code: Code) -> u8 {
    match code {
        Code::Unknown => 0,
        Code::PullStalled => 3,
        Code::CredentialsMissing => 6,
        Code::CredentialsRejected => 7,
        Code::AccessDenied => 8,
        Code::BlobUnavailable | Code::ContentCorrupt => 10,
        _ => match code.row().layer {
            Some(Layer::Dns) => 1,
            Some(Layer::Transport | Layer::Proxy) => 2,
            Some(Layer::Tls) => 4,
            Some(Layer::Registry | Layer::Limits) => 5,
            Some(Layer::Credentials) => 6,
            Some(Layer::Reference) => 9,
            Some(Layer::Node) => 11,
            None => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::phrases::find;

    #[track_caller]
    fn check(text: &str, counts: Code, others: &[(Kind, Code)]) {
        let attempts = judge_all(text, &find(text), &(0..text.len()));
        assert_eq!(attempts.counts.map(|j| j.meaning.code), Some(counts), "{text}");
        let got: Vec<_> = attempts.others.iter().map(|(kind, j)| (*kind, j.meaning.code)).collect();
        assert_eq!(got, others, "{text}");
    }

    #[test]
    fn the_login_that_got_furthest_counts() {
        check(
            "Failed to pull image \"a.b/c:1\": [rpc error: code = NotFound desc = failed to pull and unpack image \
             \"a.b/c:1\": failed to resolve reference \"a.b/c:1\": a.b/c:1: not found, failed to pull and unpack image \
             \"a.b/c:1\": failed to resolve reference \"a.b/c:1\": failed to authorize: failed to fetch oauth token: \
             unexpected status from GET request to https://a.b/token: 401 Unauthorized]",
            Code::TagNotFound,
            &[(Kind::Login, Code::CredentialsRejected)],
        );
    }

    #[test]
    fn the_registry_counts_before_its_mirrors() {
        check(
            "initializing source docker://a.b/c:1: (Mirrors also failed: [m.b/c:1: pinging container registry m.b: Get \
             \"https://m.b/v2/\": dial tcp 10.0.0.1:443: connect: connection refused] [n.b/c:1: reading manifest 1 in \
             n.b/c: manifest unknown]): a.b/c:1: reading manifest 1 in a.b/c: unauthorized: authentication required",
            Code::CredentialsMissing,
            &[(Kind::Mirror, Code::ConnectionRefused), (Kind::Mirror, Code::TagNotFound)],
        );
    }

    #[test]
    fn a_mirror_that_answered_counts_before_a_registry_out_of_reach() {
        check(
            "(Mirrors also failed: [m.b/c:1: reading manifest 1 in m.b/c: manifest unknown]): a.b/c:1: pinging container \
             registry a.b: Get \"https://a.b/v2/\": dial tcp: lookup a.b on 10.0.0.2:53: no such host",
            Code::TagNotFound,
            &[(Kind::Upstream, Code::DnsNameNotFound)],
        );
    }

    #[test]
    fn what_cri_o_says_of_the_artifact_is_noise() {
        check(
            "unable to pull image or OCI artifact: pull image err: initializing source docker://a.b/c:1: reading manifest 1 \
             in a.b/c: manifest unknown; artifact err: get manifest: denied: requested access to the resource is denied",
            Code::TagNotFound,
            &[],
        );
    }
}
