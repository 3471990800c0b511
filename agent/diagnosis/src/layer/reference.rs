//! The image's name: what it can be wrong about.

mod on_node;
pub(crate) mod wordings;

use crate::cause::{Code, Confidence};
use crate::evidence::{Exchange, Hop, Question, TagsEvidence};
use crate::finding::Finding;
use crate::layer::registry::{Response, said};
use crate::reference::Reference;

pub use on_node::{not_present_never_pull, present_but_not_allowed};

/// The cause that an unparsable name is.
pub fn invalid(image: &str, why: &str) -> Finding {
    Finding::new(Code::InvalidReference, format!("\"{}\" is no image reference: {why}", crate::text::clean(image, 120)))
        .fix("write it as `registry/repository:tag` or `registry/repository@sha256:…`")
}

/// The cause that a 404 is, by this answer alone.
pub fn not_found(hop: &Hop, exchange: &Exchange, response: &Response, reference: &Reference) -> Finding {
    if names_repository(response) {
        return repository_not_found(reference, response).at(&hop.host);
    }
    let sure = if response.speaks_distribution { Confidence::Certain } else { Confidence::Likely };
    match (&exchange.question, &reference.digest) {
        (Question::Token, _) => Finding::new(
            Code::NotARegistry,
            format!("{} has no token service at that address{}", hop.name(), said(response)),
        )
        .fix("correct the realm in the registry's configuration"),
        (Question::PlatformManifest, _) => Finding::new(
            Code::DigestNotFound,
            format!("the index of {reference} names a manifest that {} does not have{}", hop.name(), said(response)),
        )
        .fix("push the image anew, all its platforms together"),
        (_, Some(digest)) => {
            Finding::new(Code::DigestNotFound, format!("{} has no {digest}{}", reference.name(), said(response)))
                .at_most(sure)
                .fix("correct the digest, or push that very image again: registries delete what no tag names")
        }
        (_, None) => tag_not_found(reference, None).at_most(sure),
    }
    .at(&hop.host)
}

/// The same 404 in the light of what the registry said of the repository's tags and of itself.
pub fn not_found_in_context(
    hop: &Hop,
    exchange: &Exchange,
    reference: &Reference,
    tags: Option<(&Exchange, Option<&TagsEvidence>)>,
    ping: Option<&Exchange>,
) -> Option<Finding> {
    let response = exchange.answer.response().filter(|r| r.status == 404 && !r.html)?;
    if exchange.question != Question::Manifest || names_repository(response) {
        return None;
    }
    if let Some(pinged) = ping.and_then(|p| p.answer.response())
        && (pinged.html || pinged.status == 404)
        && !response.speaks_distribution
        && !pinged.speaks_distribution
    {
        let summary = format!("{} is no registry: it answers {} to /v2/", hop.name(), pinged.status);
        return Some(
            Finding::new(Code::NotARegistry, summary)
                .at(&hop.host)
                .run("correct the host or port", &["curl", "-sv", &hop.origin()]),
        );
    }
    let (asked, listed) = tags?;
    let answer = asked.answer.response()?;
    if names_repository(answer) || (answer.status == 404 && answer.has_code("NAME_INVALID")) {
        return Some(repository_not_found(reference, answer).at(&hop.host));
    }
    if answer.status == 200 && reference.digest.is_none() {
        return Some(tag_not_found(reference, listed).at(&hop.host));
    }
    None
}

/// The cause when the registry names a digest for the reference and then has nothing under it.
pub fn announced_and_missing(hop: &Hop, reference: &Reference, response: &Response) -> Finding {
    Finding::new(
        Code::DigestNotFound,
        format!(
            "{} answers for {reference}, and has no manifest under the digest that it names{}",
            hop.name(),
            said(response)
        ),
    )
    .at(&hop.host)
    .fix("push the image anew, or wait for the replication or cache behind that registry to be complete")
}

/// How many near tags are named.
const NEAREST: usize = 5;

/// The tags that `wanted` may have been meant for, nearest first: few edits away, then the newest by name.
pub fn nearest_tags(wanted: &str, tags: &[String]) -> Vec<String> {
    let fits = |tag: &&String| {
        !tag.is_empty() && tag.len() <= 128 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    let mut near: Vec<(usize, std::cmp::Reverse<&String>)> = tags
        .iter()
        .filter(fits)
        .map(|tag| (strsim::damerau_levenshtein(wanted, tag), std::cmp::Reverse(tag)))
        .collect();
    near.sort();
    near.dedup();
    // What shares nothing with the wanted tag is no hint, unless there is nothing better.
    let closest = near.first().map_or(0, |(distance, _)| *distance);
    near.into_iter()
        .take_while(|(distance, _)| *distance <= closest + 2)
        .take(NEAREST)
        .map(|(_, tag)| tag.0.clone())
        .collect()
}

fn tag_not_found(reference: &Reference, tags: Option<&TagsEvidence>) -> Finding {
    let tag = reference.tag.as_deref().unwrap_or("latest");
    let name = reference.name();
    match tags {
        Some(tags) if tags.read == 0 && tags.complete => {
            Finding::new(Code::TagNotFound, format!("{name} has no tag {tag}, nor any other"))
                .fix(format!("push {tag}"))
        }
        Some(TagsEvidence { nearest, .. }) if nearest.iter().any(|near| near == tag) => {
            Finding::new(Code::TagNotFound, format!("{name} lists the tag {tag}, and there is no manifest behind it"))
                .fix(format!("push {tag} anew, or wait for the replication that is not complete"))
        }
        Some(TagsEvidence { nearest, .. }) if !nearest.is_empty() => {
            Finding::new(Code::TagNotFound, format!("{name} has no tag {tag} (nearest {})", nearest.join(", ")))
                .fix(format!("set the tag to {} or push {tag}", nearest[0]))
        }
        _ => Finding::new(Code::TagNotFound, format!("{name} has no tag {tag}"))
            .fix(format!("correct the tag, or push {tag}")),
    }
}

fn repository_not_found(reference: &Reference, response: &Response) -> Finding {
    Finding::new(
        Code::RepositoryNotFound,
        format!("{} has no repository {}{}", reference.registry, reference.repository, said(response)),
    )
    .fix("correct the repository's name, or push the image there")
}

/// Whether a 404 speaks of the repository and not of the manifest. Harbor says `NOT_FOUND` of either and tells them
/// apart only in words.
fn names_repository(response: &Response) -> bool {
    if response.status != 404 {
        return false;
    }
    let words = response.all_words();
    response.has_code("NAME_UNKNOWN") && !words.contains("manifest")
        || (words.contains("project") || words.contains("repository"))
            && (words.contains("not found") || words.contains("does not exist") || words.contains("not known"))
            && !words.contains("artifact")
            && !words.contains("manifest")
}
