//! What a registry answers: headers, refusals, manifests; each known by the first letter of the input.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::{Corpus, fuzz_target};
use pullagent_diagnosis::layer::registry::{Challenge, Response, parse_challenges};
use pullagent_diagnosis::manifest::{Manifest, parse_config_platform, parse_manifest};
use pullagent_diagnosis::platform::Platform;
use pullagent_fuzz::{Reader, assert_shown, first_line, read_as, text};
use url::Url;

#[allow(unreachable_pub, reason = "this is a file of another crate")]
#[path = "../../../agent/probes/src/examine/headers.rs"]
mod headers;

const ANSWERS: &[(u8, Reader)] =
    &[(b'c', challenges), (b'l', link), (b'm', manifest), (b'r', rate_limit), (b's', refusal)];

fuzz_target!(|data: &[u8]| -> Corpus { read_as(ANSWERS, data) });

/// `WWW-Authenticate`
fn challenges(data: &[u8]) {
    for challenge in parse_challenges(&text(data)) {
        if let Challenge::Other { name } = challenge {
            assert_shown(&name);
            assert!(name.len() <= 32, "{name}");
        }
    }
}

fn link(data: &[u8]) {
    let here = Url::parse("https://registry.corp.io/v2/team/api/tags/list?n=1000").expect("it is a URL");
    if let Some(next) = headers::next_page(&text(data), &here) {
        assert_eq!(next.origin(), here.origin(), "nothing leads to another host");
    }
}

/// A header a line.
fn rate_limit(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    if let Some(limit) = headers::rate_limit(&headers, str::to_owned) {
        assert_shown(&limit.source);
        assert!(limit.source.len() <= 64);
    }
}

/// The media type on the first line, the document below it.
fn manifest(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (media_type, body) = (text(&data[..end]), data.get(end + 1..).unwrap_or_default());
    let manifest = parse_manifest(body, &media_type, &Platform::new("linux", "amd64", ""));
    let _ = (manifest.bytes(), parse_config_platform(body));
    manifest.platforms().iter().for_each(|platform| assert_shown(&platform.to_string()));
    let descriptors = match &manifest {
        Manifest::Index { entries, chosen } => {
            assert!(chosen.is_none_or(|chosen| chosen < entries.len()));
            entries.iter().collect()
        }
        Manifest::Image { config, layers } => layers.iter().chain([config]).collect(),
        Manifest::Undecodable { why } => return assert_shown(why),
        Manifest::UnknownType { media_type } => return assert_shown(media_type),
        Manifest::Html | Manifest::Schema1 => Vec::new(),
    };
    for descriptor in descriptors {
        assert_shown(&descriptor.digest);
        assert_shown(&descriptor.media_type);
    }
}

/// The media type on the first line, the body below it.
fn refusal(data: &[u8]) {
    let whole = text(data);
    let (media_type, body) = first_line(&whole);
    let mut response = Response { status: 403, media_type: media_type.to_owned(), ..Response::default() };
    response.read_refusal(body.as_bytes());
    assert_shown(&response.words());
    assert!(response.words().len() <= 300, "a registry's words are bounded");
    response.errors.iter().for_each(|error| assert_shown(&error.code));
    let _ = response.all_words();
}
