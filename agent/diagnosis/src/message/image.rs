//! Images as texts name them: quoted, bare, as the source of a copy, or in the path of a request.

use super::phrases::{Hit, Mark};
use crate::reference::Reference;

/// Longer names are cut off: nothing that long can be pulled.
const LONGEST: usize = 600;

/// An image that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// As written.
    pub(super) text: String,
    /// The smaller, the nearer to what the user wrote.
    pub(super) rank: u8,
}

/// The image behind or before this phrase, if it is of those that have one.
pub(super) fn named(text: &str, hit: &Hit) -> Option<Image> {
    hit.marks().iter().find_map(|mark| {
        let (name, rank) = match mark {
            Mark::Image(rank) => (behind(text, hit)?, *rank),
            Mark::Context => (behind(text, hit)?, 8),
            Mark::Unparsed => (unparsed(&text[hit.end..])?, 3),
            Mark::TagIn => (tag_in(&text[hit.end..])?, 5),
            Mark::ImageBefore => (before(&text[..hit.start])?, 5),
            _ => return None,
        };
        Some(Image { text: name, rank })
    })
}

/// What stands behind the phrase, up to its closing quote or the end of the word.
fn behind(text: &str, hit: &Hit) -> Option<String> {
    // `no matching manifest for linux/arm64` names a platform.
    if text[..hit.start].ends_with("matching ") {
        return None;
    }
    let rest = &text[hit.end..];
    let quote = text[..hit.end].chars().next_back().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote {
        let name = rest.split([quote, ' ']).next().unwrap_or_default();
        // A quoted name is taken as it is, for it may be the very thing that is wrong.
        let fits = !name.is_empty() && name.len() <= LONGEST && name.bytes().all(|b| b.is_ascii_graphic());
        return fits.then(|| name.strip_prefix("docker://").unwrap_or(name).to_owned());
    }
    let rest = rest.strip_prefix(['"', '\'', '`']).unwrap_or(rest);
    checked(rest.split([' ', ',', '"', '\'', '`', ')', ';', '<', '>']).next().unwrap_or_default())
}

/// What Docker cannot parse, in front of its `: `; a quote may be the very thing that is wrong with it.
fn unparsed(rest: &str) -> Option<String> {
    let word = rest.split(' ').next().and_then(|word| word.strip_suffix(':'))?;
    let fits = !word.is_empty() && word.len() <= LONGEST && word.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| word.to_owned())
}

/// The word that the text ends with.
fn before(text: &str) -> Option<String> {
    checked(text.rsplit([' ', '"', '\'']).next().unwrap_or_default())
}

/// `1.4 in registry/team/app: …`.
fn tag_in(rest: &str) -> Option<String> {
    let (tag, rest) = rest.split_once(" in ")?;
    let name = checked(rest.split([' ', ',', '"', ')']).next().unwrap_or_default())?;
    let separator = if tag.starts_with("sha256:") { '@' } else { ':' };
    checked(&format!("{name}{separator}{tag}"))
}

/// The word as an image, if it is one and no word of a sentence.
fn checked(word: &str) -> Option<String> {
    const WORDS: &[&str] = &[
        "a",
        "an",
        "and",
        "error",
        "failed",
        "for",
        "from",
        "image",
        "in",
        "it",
        "not",
        "of",
        "or",
        "reference",
        "the",
        "this",
        "to",
        "was",
        "with",
        "manifest",
        "repository",
        "error:",
        "null",
    ];
    let word = word.trim_end_matches(['.', ':', '\u{2026}']);
    let word = word.strip_prefix("docker://").unwrap_or(word);
    let fits = !word.is_empty() && word.len() <= LONGEST && !WORDS.contains(&word) && !word.starts_with("//");
    (fits && Reference::parse(word).is_ok()).then(|| word.to_owned())
}

/// The image that a request for a manifest is about: `/v2/team/app/manifests/1.4` at a host.
pub(super) fn requested(authority: &str, path: &str, mirror_of: Option<&str>) -> Option<Image> {
    let (name, what) = path.strip_prefix("/v2/")?.split_once("/manifests/")?;
    let registry = match mirror_of.unwrap_or(authority) {
        "registry-1.docker.io" | "index.docker.io" => "docker.io",
        other => other,
    };
    let separator = if what.contains(':') { '@' } else { ':' };
    let text = checked(&format!("{registry}/{name}{separator}{what}"))?;
    Some(Image { text, rank: 9 })
}

/// What two spellings of one image have in common: `nginx` and `docker.io/library/nginx:latest` are the same.
pub(super) fn key(text: &str) -> String {
    match Reference::parse(text) {
        // With a digest the tag does not matter.
        Ok(reference) => match &reference.digest {
            Some(digest) => format!("{}@{digest}", reference.name()),
            None => reference.to_string(),
        },
        Err(_) => text.to_owned(),
    }
}

/// The image without tag and digest.
pub(super) fn repository(text: &str) -> String {
    Reference::parse(text).map_or_else(|_| text.to_owned(), |reference| reference.name())
}

/// The host of the image's registry.
pub(super) fn registry(text: &str) -> Option<String> {
    Reference::parse(text).ok().map(|reference| reference.registry).filter(|registry| !registry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::phrases::find;

    #[track_caller]
    fn check(text: &str, wanted: Option<&str>) {
        let images = |hit| named(text, hit).filter(|image| image.rank < 8 || text.starts_with("Unable"));
        let best = find(text).iter().filter_map(images).min_by_key(|image| image.rank);
        assert_eq!(best.map(|image| image.text).as_deref(), wanted, "{text}");
    }

    #[test]
    fn an_image_is_found_where_each_runtime_names_it() {
        check("Failed to pull image \"a.b/c:1\": x", Some("a.b/c:1"));
        check(
            "Failed to pull image \"nginx\": failed to pull and unpack image \"docker.io/library/nginx:latest\": x",
            Some("nginx"),
        );
        check("initializing source docker://a.b:5000/c:1: pinging", Some("a.b:5000/c:1"));
        check("Error reading manifest 1.0 in quay.io/a/b: unauthorized", Some("quay.io/a/b:1.0"));
        check(
            "reading manifest sha256:67e742cad0bd550718c1d541e60851cd71b76b2cd63b125d0e1e9401cc3414ed in q.io/a/b: x",
            Some("q.io/a/b@sha256:67e742cad0bd550718c1d541e60851cd71b76b2cd63b125d0e1e9401cc3414ed"),
        );
        check("pull access denied for a/b, repository does not exist", Some("a/b"));
        check("manifest for a/b:1 not found: manifest unknown", Some("a/b:1"));
        check("repository kube-aggregator not found: does not exist or no pull access", Some("kube-aggregator"));
        check("but image name app:1 returns ambiguous list", Some("app:1"));
        check("unable to pull image or OCI artifact: pull image err: x", None);
        check("Unable to find image 'a/b:latest' locally", Some("a/b:latest"));
        check("Failed to inspect image \"\": x", None);
        check("Failed to pull image: x", None);
    }

    #[test]
    fn a_request_names_its_image() {
        let image = |host, path| requested(host, path, None).map(|image| image.text);
        assert_eq!(
            image("registry-1.docker.io", "/v2/library/nginx/manifests/1").as_deref(),
            Some("docker.io/library/nginx:1")
        );
        assert_eq!(image("a.b", "/v2/").as_deref(), None);
    }

    #[test]
    fn spellings_of_one_image_have_one_key() {
        assert_eq!(key("nginx"), key("docker.io/library/nginx:latest"));
        assert_ne!(key("nginx:1"), key("nginx:2"));
    }
}
