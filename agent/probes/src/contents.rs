//! Content by its digest, kept between examinations so that nothing is fetched twice: manifests and configurations, bounded
//! in number and bytes. Keeps only what was held against its digest, and asks nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Documents that are kept.
const MOST: usize = 256;
/// Bytes that they may have together.
const MOST_BYTES: usize = 4 << 20;
/// Bytes of one; a longer one is fetched each time.
const LONGEST: usize = 1 << 20;

/// What was fetched before. It belongs to whoever examines again and again, and is handed in with each examination.
#[derive(Debug, Default)]
pub struct Contents(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    documents: HashMap<String, Document>,
    bytes: usize,
    /// Counts the uses, so that the one used longest ago is known.
    uses: u64,
}

#[derive(Debug)]
struct Document {
    content: Content,
    used: u64,
}

/// A document as it was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) media_type: String,
    pub(crate) bytes: Arc<[u8]>,
}

impl Contents {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has this digest, if it is known.
    pub(crate) fn get(&self, digest: &str) -> Option<Content> {
        let mut kept = self.kept();
        kept.uses += 1;
        let now = kept.uses;
        let document = kept.documents.get_mut(digest)?;
        document.used = now;
        Some(document.content.clone())
    }

    /// Keeps bytes that were held against `digest`; for them those go that were used longest ago.
    pub(crate) fn keep(&self, digest: &str, media_type: &str, bytes: &[u8]) {
        if bytes.len() > LONGEST {
            return;
        }
        let mut kept = self.kept();
        kept.forget(digest);
        while kept.documents.len() >= MOST || kept.bytes + bytes.len() > MOST_BYTES {
            let oldest = kept.documents.iter().min_by_key(|(_, document)| document.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            kept.forget(&oldest);
        }
        kept.uses += 1;
        kept.bytes += bytes.len();
        let content = Content { media_type: media_type.to_owned(), bytes: bytes.into() };
        let document = Document { content, used: kept.uses };
        kept.documents.insert(digest.to_owned(), document);
    }
}

impl Kept {
    fn forget(&mut self, digest: &str) {
        if let Some(gone) = self.documents.remove(digest) {
            self.bytes -= gone.content.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_had_again() {
        let contents = Contents::default();
        contents.keep("sha256:a", "text/plain", b"one");
        contents.keep("sha256:a", "text/plain", b"one");
        let content = contents.get("sha256:a").unwrap();
        assert_eq!((content.media_type.as_str(), &content.bytes[..]), ("text/plain", &b"one"[..]));
        assert_eq!((contents.get("sha256:b"), contents.kept().bytes), (None, 3));
    }

    #[test]
    fn the_one_used_longest_ago_goes_first() {
        let contents = Contents::default();
        for number in 0..MOST {
            contents.keep(&number.to_string(), "", b"x");
        }
        assert!(contents.get("0").is_some());
        contents.keep("new", "", b"x");
        let is_there = |digest: &str| contents.get(digest).is_some();
        assert_eq!(["0", "1", "2", "new"].map(is_there), [true, false, true, true]);
        assert_eq!(contents.kept().documents.len(), MOST);
    }

    #[test]
    fn the_bytes_are_bounded_whatever_comes() {
        let contents = Contents::default();
        for number in 0..20 {
            contents.keep(&number.to_string(), "", &vec![0; LONGEST - number]);
        }
        contents.keep("too long", "", &vec![0; LONGEST + 1]);
        let kept = contents.kept();
        let bytes: usize = kept.documents.values().map(|document| document.content.bytes.len()).sum();
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES - 2 * LONGEST, "{bytes}");
        assert_eq!(kept.bytes, bytes);
        assert!(!kept.documents.contains_key("too long") && kept.documents.contains_key("19"));
    }
}
