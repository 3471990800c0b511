//! From a manifest to everything that a pull of it needs: the platform's manifest, the configuration, a byte of every
//! layer. Bodies are bounded and held against their digests.

use futures_util::StreamExt;
use futures_util::stream;
use http::Method;
use pullagent_diagnosis::evidence::{ImageEvidence, Question, Role};
use pullagent_diagnosis::layer::registry::Answer;
use pullagent_diagnosis::manifest::{
    ACCEPT, Descriptor, MAX_MANIFEST_BYTES, Manifest, parse_config_platform, parse_manifest,
};
use sha2::{Digest, Sha256, Sha512};

use url::Url;

use super::ask::{Query, Told, ask};
use super::login::{Found, is_digest};
use super::site::Site;
use crate::contents::Content;

/// Bytes of an image's configuration.
const MAX_CONFIG: usize = 4 * 1024 * 1024;
/// Layers that are asked for.
const MAX_LAYERS: usize = 128;
/// Layers asked for at the same time, as containerd's `max_concurrent_downloads`.
const AT_ONCE: usize = 3;

/// Reads the manifest and asks for its parts.
pub(super) async fn examine(site: &Site<'_>, found: Found) {
    let wanted = found.digest.clone().unwrap_or_else(|| site.wanted().to_owned());
    let Some(Read { manifest, media_type, digest, was_known }) =
        manifest_of(site, &found, Question::Manifest, &wanted).await
    else {
        return;
    };
    let mut all_known = was_known;
    let chosen = match &manifest {
        Manifest::Index { entries, chosen: Some(index) } => entries.get(*index).cloned(),
        _ => None,
    };
    site.record_image(ImageEvidence { digest, media_type, manifest: manifest.clone(), chosen: None, platform: None });
    let image = match chosen {
        None => manifest,
        Some(entry) => {
            let Some(child) = manifest_of(site, &found, Question::PlatformManifest, &entry.digest).await else {
                return;
            };
            all_known &= child.was_known;
            site.record_chosen(child.manifest.clone());
            child.manifest
        }
    };
    if let Manifest::Image { config, mut layers } = image {
        if let Some(platform) = known(site, &config.digest).map(|content| parse_config_platform(&content.bytes)) {
            site.record_platform(platform);
            if all_known {
                // All of them were asked for when the image was new. Now one place tells whether there is a way to them.
                layers = one_of_each_place(layers, config);
            }
            return examine_layers(site, &found, layers).await;
        }
        // The layers first: their way is the longer one, so the connection that is open is theirs.
        futures_util::future::join(examine_layers(site, &found, layers), examine_config(site, &found, &config)).await;
    }
}

/// A manifest that was read.
struct Read {
    manifest: Manifest,
    media_type: String,
    /// The digest of its bytes.
    digest: String,
    /// It was fetched by an earlier examination.
    was_known: bool,
}

/// What an earlier examination fetched under this digest.
fn known(site: &Site<'_>, digest: &str) -> Option<Content> {
    site.terms.known?.get(digest)
}

/// Keeps a document for later examinations, where this one is a check.
fn keep(site: &Site<'_>, digest: &str, media_type: &str, body: &[u8]) {
    let Some(known) = site.terms.known else { return };
    // An algorithm that is not known here proves nothing.
    if digest.split_once(':').and_then(|(algorithm, _)| digest_of(algorithm, body)).is_some_and(|own| own == digest) {
        known.keep(digest, media_type, body);
    }
}

/// A manifest by tag or digest: one that is known by its digest, else the endpoint's.
async fn manifest_of(site: &Site<'_>, found: &Found, question: Question, wanted: &str) -> Option<Read> {
    if let Some(Content { media_type, bytes }) = known(site, wanted) {
        let manifest = parse_manifest(&bytes, &media_type, &site.terms.plan.platform);
        return Some(Read { manifest, media_type, digest: digest_of("sha256", &bytes)?, was_known: true });
    }
    fetch_manifest(site, found, question, wanted).await
}

/// A manifest of the endpoint; what came is written down either way.
async fn fetch_manifest(site: &Site<'_>, found: &Found, question: Question, wanted: &str) -> Option<Read> {
    if wanted.contains(':') && !is_digest(wanted) {
        let why = format!("an index entry has the digest \"{}\"", pullagent_diagnosis::text::clean(wanted, 80));
        site.record(0, question, found.identity, false, Answer::Corrupt { why }, 0);
        return None;
    }
    let url = site.terms.in_repository(&found.base, &format!("manifests/{wanted}"));
    let mut query = Query::get(question.clone(), url, site.terms.endpoint.role, site.terms.deadline)
        .authorized_by(found.authorization.as_ref());
    query.accept = Some(ACCEPT);
    query.max_body = MAX_MANIFEST_BYTES + 1;
    let mut told = ask(site, query).await;
    let read = told.success().map(|reply| {
        let media_type = told.answer.response().map(|r| r.media_type.clone()).unwrap_or_default();
        (parse_manifest(&reply.body, &media_type, &site.terms.plan.platform), media_type, reply.body.len())
    });
    let Some((manifest, media_type, length)) = read else {
        site.record(told.hop, question, found.identity, told.authorized, told.answer, told.ms);
        return None;
    };
    let body = told.reply.take().map(|r| r.body).unwrap_or_default();
    let problem = if length > MAX_MANIFEST_BYTES {
        Some(format!("the manifest is larger than {MAX_MANIFEST_BYTES} bytes"))
    } else if manifest == Manifest::Html {
        None
    } else {
        digest_problem(&body, wanted)
    };
    let corrupt = problem.is_some();
    let answer = problem.map_or(told.answer, |why| Answer::Corrupt { why });
    site.record(told.hop, question, found.identity, told.authorized, answer, told.ms);
    if corrupt {
        return None;
    }
    let digest = digest_of("sha256", &body).unwrap_or_default();
    if manifest != Manifest::Html {
        // The name that it will be asked for by; its bytes were held against it, or it was made from them.
        keep(site, if wanted.contains(':') { wanted } else { &digest }, &media_type, &body);
    }
    Some(Read { manifest, media_type, digest, was_known: false })
}

async fn examine_config(site: &Site<'_>, found: &Found, config: &Descriptor) {
    let mut query = blob_query(site, found, config, Question::Config);
    query.max_body = MAX_CONFIG + 1;
    let mut told = ask(site, query).await;
    if let Some(reply) = told.success() {
        let body = &reply.body;
        let problem = if body.len() > MAX_CONFIG { None } else { digest_problem(body, &config.digest) };
        site.record_platform(parse_config_platform(body));
        match problem {
            Some(why) => told.answer = Answer::Corrupt { why },
            None if body.len() <= MAX_CONFIG => keep(site, &config.digest, "", body),
            None => {}
        }
    }
    site.record(told.hop, Question::Config, found.identity, told.authorized, told.answer, told.ms);
}

/// The first layer of each place that the manifest names; the configuration where there is no layer.
fn one_of_each_place(layers: Vec<Descriptor>, config: Descriptor) -> Vec<Descriptor> {
    let place = |layer: &Descriptor| {
        let url = layer.urls.first().and_then(|url| Url::parse(url).ok())?;
        Some(url.origin().ascii_serialization())
    };
    let mut seen = std::collections::BTreeSet::new();
    let mut firsts: Vec<Descriptor> = layers.into_iter().filter(|layer| seen.insert(place(layer))).collect();
    if firsts.is_empty() {
        firsts.push(config);
    }
    firsts
}

/// Asks for a byte of each layer, each digest once: whatever holds it must hand it out.
async fn examine_layers(site: &Site<'_>, found: &Found, layers: Vec<Descriptor>) {
    let mut seen = std::collections::BTreeSet::new();
    let layers: Vec<_> = layers.into_iter().filter(|l| seen.insert(l.digest.clone())).collect();
    if layers.len() > MAX_LAYERS {
        site.not_checked(
            format!("{} more layers", layers.len() - MAX_LAYERS),
            format!("{MAX_LAYERS} of them are asked for"),
        );
    }
    stream::iter(layers.into_iter().take(MAX_LAYERS))
        .for_each_concurrent(AT_ONCE, |layer| async move { examine_layer(site, found, &layer).await })
        .await;
}

/// Asks for a byte of a layer where containerd would: at the URLs in the manifest, of which only a 404 leads on
/// (`core/remotes/docker/fetcher.go` `Fetch`), then at the registry.
async fn examine_layer(site: &Site<'_>, found: &Found, layer: &Descriptor) {
    let question = Question::Blob { digest: layer.digest.clone() };
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    let elsewhere = layer.urls.iter().filter_map(|url| Url::parse(url).ok()).filter(is_web);
    let elsewhere = elsewhere.map(|url| Query::get(question.clone(), url, Role::Blob, site.terms.deadline));
    for query in elsewhere.chain([blob_query(site, found, layer, question.clone())]) {
        let leads_on = query.role == Role::Blob;
        let mut told = first_byte(site, query, layer).await;
        if leads_on && told.status() == Some(404) {
            continue;
        }
        if let Some(why) = size_problem(&told, layer) {
            told.answer = Answer::Corrupt { why };
        }
        return site.record(told.hop, question, found.identity, told.authorized, told.answer, told.ms);
    }
}

/// Asks for a blob's first byte. A check asks for its head alone: that shows the way to its storage, and that it is there.
async fn first_byte(site: &Site<'_>, mut query: Query<'_>, layer: &Descriptor) -> Told {
    if site.terms.known.is_some() {
        let mut head = Query::get(query.question.clone(), query.url.clone(), query.role, query.deadline)
            .authorized_by(query.authorization);
        head.method = Method::HEAD;
        let told = ask(site, head).await;
        // A signed URL may hold for GET alone, and what is refused says why only to a GET.
        let is_refused = matches!(told.status(), Some(400..=428 | 430..=599));
        if !is_refused && size_problem(&told, layer).is_none() {
            return told;
        }
    }
    query.first_byte = true;
    ask(site, query).await
}

fn blob_query<'q>(site: &Site<'_>, found: &'q Found, blob: &Descriptor, question: Question) -> Query<'q> {
    let url = site.terms.in_repository(&found.base, &format!("blobs/{}", blob.digest));
    Query::get(question, url, site.terms.endpoint.role, site.terms.deadline).authorized_by(found.authorization.as_ref())
}

/// What is wrong with the length of a blob by its headers: `Content-Range` of a part, `Content-Length` of the whole.
fn size_problem(told: &Told, layer: &Descriptor) -> Option<String> {
    let reply = told.success()?;
    let header = |name: &str| reply.headers.get(name).and_then(|v| v.to_str().ok());
    let length = match reply.status.as_u16() {
        206 => header("content-range").and_then(|r| r.rsplit('/').next()).and_then(|n| n.parse::<u64>().ok()),
        _ => header("content-length").and_then(|n| n.parse::<u64>().ok()),
    };
    let is_empty = reply.complete && reply.body.is_empty() && !reply.of_head;
    let length = length.or(if is_empty { Some(0) } else { None })?;
    (length != layer.size).then(|| format!("{length} bytes in place of {}", layer.size))
}

/// What is wrong with content that is named by a digest; `None` for a tag, and for an algorithm that is not known.
fn digest_problem(body: &[u8], wanted: &str) -> Option<String> {
    let (algorithm, _) = wanted.split_once(':')?;
    let got = digest_of(algorithm, body)?;
    let short = |d: &str| pullagent_diagnosis::layer::registry::short_digest(d).to_owned();
    (got != wanted).then(|| format!("its digest is {} in place of {}", short(&got), short(wanted)))
}

fn digest_of(algorithm: &str, body: &[u8]) -> Option<String> {
    let hash = match algorithm {
        "sha256" => Sha256::digest(body).to_vec(),
        "sha512" => Sha512::digest(body).to_vec(),
        _ => return None,
    };
    Some(hash.iter().fold(format!("{algorithm}:"), |text, byte| text + &format!("{byte:02x}")))
}
