//! One failure's one cause: of all wordings in it the most specific wins, seen in the light of where it stands.

use std::ops::Range;

use super::endpoint::{self, Endpoint, Named};
use super::phrases::{Hit, Mark, Stage, wording};
use super::status::{self, Meaning};
use crate::cause::{Code, Confidence, Layer};
use crate::layer::wordings::{BODY, CONTENT, DECISIVE, GENERAL, SPECIFIC, STATUS, Wording};

/// How far apart the phrases of one wording may stand.
const NEAR: usize = 320;

/// What a text says of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) meaning: Meaning,
    /// The host that failed, as the text names it.
    pub(super) host: Option<String>,
    pub(super) role: Role,
    /// The address that the runtime dialled, where it names nothing better.
    pub(super) address: Option<String>,
    /// The registry whose mirror the host is.
    pub(super) mirror_of: Option<String>,
    /// What the request that failed asked for.
    pub(super) path: Option<String>,
    /// The words that decided.
    pub(super) words: Range<usize>,
}

/// What the host that failed is to the pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The registry that the image names.
    Registry,
    /// A mirror of it.
    Mirror,
    /// Its token service.
    Token,
    /// Its storage.
    Storage,
    /// The proxy on the way.
    Proxy,
}

/// A wording or status that was found.
#[derive(Clone, Debug)]
struct Candidate {
    meaning: Meaning,
    rank: u8,
    words: Range<usize>,
}

/// Everything found in one attempt.
struct Attempt<'text> {
    text: &'text str,
    start: usize,
    end: usize,
    stages: Vec<(usize, Stage)>,
    endpoints: Vec<Endpoint>,
    statuses: Vec<(u16, Range<usize>)>,
    to_proxy: Option<usize>,
    has_web_page: bool,
    has_frame: bool,
    best: Option<Candidate>,
}

/// What the part `range` of `text` says; `None` if no wording or status is in it.
pub(super) fn judge(text: &str, hits: &[Hit], range: &Range<usize>) -> Option<Judgement> {
    let within = |hit: &&Hit| hit.start >= range.start && hit.end <= range.end;
    let mut attempt = Attempt::new(text, range);
    let mut invalid = Vec::new();
    let mut partial: Vec<(u16, u8, usize)> = Vec::new();
    for hit in hits.iter().filter(within) {
        attempt.endpoints.extend(endpoint::named(text, hit));
        for mark in hit.marks() {
            match mark {
                Mark::Stage(stage) => attempt.stages.push((hit.start, *stage)),
                Mark::Runtime(_) => attempt.has_frame = true,
                Mark::ToProxy => attempt.to_proxy = attempt.to_proxy.or(Some(hit.start)),
                Mark::Status => attempt.read_status(hit),
                Mark::InvalidCharacter => invalid.push(hit.start..hit.end),
                Mark::Wording(row, part) => attempt.read_wording(hit, *row, *part, &mut partial),
                _ => {}
            }
        }
    }
    let page = |known: &str| text[range.clone()].contains(known);
    attempt.has_web_page |= page("<html") || page("<HTML") || page("<!DOCTYPE") || page("<!doctype");
    for words in invalid {
        attempt.read_invalid(words);
    }
    attempt.read_refusals();
    attempt.read_statuses();
    attempt.judgement()
}

impl<'text> Attempt<'text> {
    fn new(text: &'text str, range: &Range<usize>) -> Self {
        Self {
            text,
            start: range.start,
            end: range.end,
            stages: Vec::new(),
            endpoints: Vec::new(),
            statuses: Vec::new(),
            to_proxy: None,
            has_web_page: false,
            has_frame: false,
            best: None,
        }
    }

    /// The later of two equals wins: Go puts the content behind what it is wrapped in.
    fn offer(&mut self, rank: u8, meaning: Meaning, words: Range<usize>) {
        if self.best.as_ref().is_none_or(|best| rank >= best.rank) {
            self.best = Some(Candidate { meaning, rank, words });
        }
    }

    fn read_wording(&mut self, hit: &Hit, row: u16, part: u8, partial: &mut Vec<(u16, u8, usize)>) {
        let Some(wording) = wording(row) else { return };
        let is_last = usize::from(part) + 1 == wording.phrases.len();
        // A word within a word is another word: `EOF` is none in `EOFError`.
        if hit.end < self.end && wording.phrases[usize::from(part)].ends_with(": eof") {
            let next = self.text.as_bytes().get(hit.end).copied().unwrap_or(b' ');
            if next.is_ascii_alphanumeric() {
                return;
            }
        }
        if part > 0 {
            let before = partial.iter_mut().find(|(known, at, _)| *known == row && at + 1 == part);
            let Some(before) = before.filter(|(_, _, end)| hit.start >= *end && hit.start - *end <= NEAR) else {
                return;
            };
            (before.1, before.2) = (part, hit.end);
        } else if !is_last {
            partial.retain(|(known, _, _)| *known != row);
            partial.push((row, part, hit.end));
        }
        if is_last {
            let Wording { code, detail, also, confidence, .. } = *wording;
            self.offer(wording.rank, Meaning { code, detail, also, confidence }, hit.start..hit.end);
        }
    }

    fn read_status(&mut self, hit: &Hit) {
        // `(HTTP code 500) server error` is the Docker daemon's answer to its client, whatever the registry said.
        if self.text[..hit.start].ends_with('(') {
            return;
        }
        let rest = &self.text[hit.end..self.end];
        // The number may stand right in the phrase's own word: `HTTP status: 503`.
        if let Some((status, end)) = status::read(rest) {
            self.statuses.push((status, hit.start..hit.end + end));
        }
    }

    /// `invalid character '<'` is a web page where JSON was wanted; any other one, without a word of a runtime, is the
    /// kubelet reading a secret.
    fn read_invalid(&mut self, words: Range<usize>) {
        let plain = |code, confidence| Meaning { code, detail: None, also: &[], confidence };
        if self.text[words.end..].starts_with('<') {
            self.has_web_page = true;
            if self.statuses.is_empty() {
                self.offer(SPECIFIC, plain(Code::NotARegistry, Confidence::Certain), words);
            }
        } else {
            self.offer(STATUS - 5, plain(Code::SecretMalformed, Confidence::Likely), words);
        }
    }

    /// Whether the JSON that these words complain of came from a registry: a runtime speaks, and not of its logins.
    fn is_answer_of_a_registry(&self, words: &Range<usize>) -> bool {
        let is_json =
            self.text[words.clone()].to_ascii_lowercase().contains("json") || self.text[words.clone()].contains('\'');
        let asked = self.has_frame || self.endpoints.iter().any(|e| matches!(e.named, Named::Request { .. }));
        let before = &self.text[self.start..words.start];
        is_json && asked && !before.contains("getting username and password: ") && !before.contains("auth.json")
    }

    /// What came of CONNECT stands right behind the URL: the proxy's words without a number, or what Go could not read.
    fn read_refusals(&mut self) {
        for index in 0..self.endpoints.len() {
            let Endpoint { named: Named::Request { is_quoted, is_plain, .. }, end, .. } = &self.endpoints[index] else {
                continue;
            };
            // Unquoted URLs are of Go before 1.14, which words it in other ways; a plain request needs no CONNECT.
            if *is_quoted
                && !is_plain
                && let Some(failure) = status::connect_failure(&self.text[*end..self.end])
            {
                self.offer(DECISIVE, failure, *end..*end);
                continue;
            }
            let Some(refusal) = status::connect_refusal(&self.text[*end..self.end]) else { continue };
            let (is_quoted, words) = (*is_quoted, *end..*end);
            // The proxy had just let the registry through; what is down is the token service. With quoted URLs (Go
            // since 1.14) token services answer in numbers.
            if !is_quoted && is_token(self.stage_at(words.start)) && refusal.detail == Some("upstreamFailed") {
                let meaning = Meaning {
                    code: Code::RegistryUnavailable,
                    detail: None,
                    also: &[Code::ProxyDenied],
                    confidence: Confidence::Likely,
                };
                self.offer(CONTENT, meaning, words);
            } else {
                self.offer(DECISIVE, refusal, words);
            }
        }
    }

    fn read_statuses(&mut self) {
        for (status, words) in std::mem::take(&mut self.statuses) {
            if let Some(mut meaning) = status::meaning(status, self.stage_at(words.end), self.has_web_page) {
                let is_plain = |e: &Endpoint| matches!(e.named, Named::Request { is_plain: true, .. });
                if status == 400 && self.request_before(words.end).is_some_and(is_plain) {
                    // So web servers answer plain HTTP on their HTTPS port.
                    (meaning.code, meaning.also) = (Code::PlaintextRegistry, &[Code::NotARegistry]);
                }
                self.offer(STATUS, meaning, words.clone());
            }
            self.statuses.push((status, words));
        }
    }

    /// The last request that is named before `at`.
    fn request_before(&self, at: usize) -> Option<&Endpoint> {
        self.endpoints.iter().rev().find(|e| e.at <= at && matches!(e.named, Named::Request { .. }))
    }

    /// The stage that the words around `at` tell of.
    fn stage_at(&self, at: usize) -> Stage {
        let told = self.stages.iter().rev().find(|(start, _)| *start <= at).map(|(_, stage)| *stage);
        let Some(request) = self.request_before(at) else { return told.unwrap_or(Stage::Manifest) };
        let Named::Request { path, .. } = &request.named else { return told.unwrap_or(Stage::Manifest) };
        match told {
            Some(stage) if is_token(stage) => stage,
            // A HEAD for a blob is how containerd looks for a digest that is no manifest.
            _ if self.text[..request.at].ends_with("HEAD request to ") => Stage::Manifest,
            _ if path.contains("/manifests/") => Stage::Manifest,
            Some(Stage::Blob) => Stage::Blob,
            _ if path.contains("/blobs/") => Stage::Blob,
            _ if matches!(path.as_str(), "/v2/" | "/v2" | "/v1/_ping") => Stage::Ping,
            Some(stage) => stage,
            None if path.contains("token") || path.contains("/auth") => Stage::Token,
            None => Stage::Manifest,
        }
    }

    fn judgement(mut self) -> Option<Judgement> {
        let Candidate { mut meaning, rank, words } = self.best.take()?;
        let stage = self.stage_at(words.end);
        if meaning.code == Code::SecretMalformed && rank <= BODY && self.is_answer_of_a_registry(&words) {
            meaning = Meaning { code: Code::NotARegistry, also: &[Code::ContentCorrupt], ..meaning };
        }
        self.mind_the_look_up(&mut meaning, words.start);
        self.mind_the_stage(&mut meaning, rank, stage);
        if meaning.code == Code::ConnectionTimeout && meaning.detail.is_none() {
            let before = &self.text[self.start..words.start];
            let dial = before.rfind(" tcp ").map(|at| before[..at].ends_with("dial"));
            meaning.detail = dial.map(|is_dial| if is_dial { "connect" } else { "headers" });
        }
        let mut judgement = Judgement {
            meaning,
            host: None,
            role: Role::Registry,
            address: None,
            mirror_of: None,
            path: None,
            words: words.clone(),
        };
        self.name_host(&mut judgement, stage);
        if judgement.host.as_deref() == Some("ghcr.io")
            && stage == Stage::AnonymousToken
            && meaning.code == Code::AccessDenied
        {
            // ghcr.io gives strangers no token for what is private or missing (403), where others give an empty one.
            judgement.meaning = Meaning {
                code: Code::CredentialsMissing,
                detail: Some("notFoundOrPrivate"),
                also: &[Code::AccessDenied],
                confidence: Confidence::Likely,
            };
        }
        Some(judgement)
    }

    /// What a socket says behind `lookup NAME`, with no `dial tcp ADDRESS` in between, is the name server's.
    fn mind_the_look_up(&self, meaning: &mut Meaning, at: usize) {
        let last = self.endpoints.iter().rev().find(|e| e.at < at && matches!(e.named, Named::Lookup | Named::Dial));
        if last.is_none_or(|e| e.named != Named::Lookup) || meaning.code == Code::ProxyUnreachable {
            return;
        }
        match meaning.code {
            Code::ConnectionTimeout | Code::PullStalled => meaning.code = Code::DnsTimeout,
            Code::ConnectionRefused | Code::NetworkUnreachable | Code::ConnectionReset | Code::UnpackFailed => {
                meaning.code = Code::DnsServerFailure;
            }
            _ => return,
        }
        (meaning.detail, meaning.also) = (None, &[]);
    }

    fn mind_the_stage(&self, meaning: &mut Meaning, rank: u8, stage: Stage) {
        // A token service's URL comes from the registry, not from the node's configuration.
        if meaning.code == Code::RuntimeConfigInvalid && is_token(stage) && meaning.also.contains(&Code::NotARegistry) {
            *meaning = Meaning { code: Code::NotARegistry, also: &[], ..*meaning };
        }
        let is_refusal = matches!(meaning.code, Code::CredentialsMissing | Code::AccessDenied);
        let is_missing = matches!(meaning.code, Code::TagNotFound | Code::RepositoryNotFound);
        if rank >= SPECIFIC || meaning.detail == Some("sourceAddress") || !(is_refusal || is_missing) {
            return;
        }
        match stage {
            Stage::Blob => {
                let also: &[Code] = match meaning.code {
                    Code::CredentialsMissing => &[Code::CredentialsMissing],
                    Code::AccessDenied => &[Code::AccessDenied],
                    _ => &[],
                };
                *meaning = Meaning { code: Code::BlobUnavailable, detail: None, also, ..*meaning };
            }
            Stage::LoginToken if meaning.code == Code::CredentialsMissing => {
                let is_denied = self.statuses.iter().any(|(status, _)| *status == 403);
                let code = if is_denied { Code::AccessDenied } else { Code::CredentialsRejected };
                *meaning = Meaning { code, detail: None, also: &[], ..*meaning };
            }
            // Words that mean little outweigh no number: a token service that is not there is no missing tag.
            Stage::Token | Stage::AnonymousToken | Stage::LoginToken if is_missing && rank < GENERAL => {
                *meaning = Meaning { code: Code::NotARegistry, detail: None, also: &[], ..*meaning };
            }
            _ => {}
        }
    }

    fn name_host(&self, judgement: &mut Judgement, stage: Stage) {
        let code = judgement.meaning.code;
        if code == Code::ProxyUnreachable {
            let behind = self.endpoints.iter().filter(|e| self.to_proxy.is_some_and(|at| e.at >= at));
            let proxy = behind
                .clone()
                .find(|e| e.named == Named::Lookup)
                .or_else(|| behind.clone().find(|e| e.named == Named::Dial));
            (judgement.host, judgement.role) = (proxy.map(|e| e.host.clone()), Role::Proxy);
            return;
        }
        if code == Code::ProxyDenied {
            judgement.role = Role::Proxy;
            return;
        }
        let at = judgement.words.end;
        let before = |named: &Named| self.endpoints.iter().rev().find(|e| e.at <= at && e.named == *named);
        let request = self.request_before(at);
        let looked_up = before(&Named::Lookup).filter(|_| code.row().layer == Some(Layer::Dns));
        let in_words = before(&Named::Words).or_else(|| self.endpoints.iter().find(|e| e.named == Named::Words));
        judgement.address = before(&Named::Dial).map(|e| e.host.clone());
        let request = request.filter(|request| {
            looked_up.is_none_or(|name| endpoint::without_port(&request.host) == name.host || request.at > name.at)
        });
        let Some(endpoint) = request.or(looked_up).or(in_words) else { return };
        judgement.host = Some(endpoint.host.clone());
        judgement.role = match (&endpoint.named, stage) {
            (_, stage) if is_token(stage) => Role::Token,
            (Named::Request { is_mirror: true, .. }, _) => Role::Mirror,
            (Named::Request { path, .. }, Stage::Blob) if !path.starts_with("/v2/") => Role::Storage,
            _ => Role::Registry,
        };
        if let Named::Request { path, mirror_of, .. } = &endpoint.named {
            judgement.path = Some(path.clone());
            judgement.mirror_of.clone_from(mirror_of);
        }
    }
}

fn is_token(stage: Stage) -> bool {
    matches!(stage, Stage::AnonymousToken | Stage::LoginToken | Stage::Token)
}
