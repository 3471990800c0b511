//! Lists of objects that whole fleets have, read page by page. Anybody who may write one of the objects may make it large:
//! no page is read beyond a bound, and one that is larger is asked for in smaller parts.

use futures_util::AsyncReadExt;
use http::header::ACCEPT;
use http::{HeaderValue, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::Cluster;
use super::error::{KubeError, Rule};

/// Objects of one page, unless they are large.
const PAGE: u32 = 500;
/// Objects of the smallest page.
const SMALLEST: u32 = 4;
/// Bytes of one page. The smallest page fits whatever is in it: etcd takes no object above 1.5 MiB.
pub(super) const PAGE_BYTES: u64 = 16 << 20;
/// Objects of one list: twice as many as the largest fleets have nodes.
const MOST: usize = 100_000;

/// What is asked for.
pub(super) struct Listing<'a> {
    /// The rule that allows it.
    pub(super) rule: &'a Rule,
    /// The path of the collection.
    pub(super) path: &'a str,
    /// The form of the answer.
    pub(super) accept: HeaderValue,
    /// Bytes of one page.
    pub(super) page_bytes: u64,
}

/// A page of a list, or that it was larger than is read.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMetadata,
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue", default)]
    token: Option<String>,
}

/// All objects of a list, at most 100,000, each made of what was read.
///
/// # Errors
/// A page could not be had. What was read before is dropped: a part would pass for the whole.
pub(super) async fn list<T, U>(
    cluster: &Cluster,
    listing: &Listing<'_>,
    convert: impl Fn(T) -> U,
) -> Result<Vec<U>, KubeError>
where
    T: DeserializeOwned,
{
    let mut all = Vec::new();
    let (mut size, mut token) = (PAGE, String::new());
    while all.len() < MOST {
        let uri = format!("{}?limit={size}&continue={token}", listing.path);
        let page = cluster.ask(listing.rule, async |client| page::<T>(&client, &uri, listing).await).await?;
        let Some(page) = page else {
            if size <= SMALLEST {
                let text = format!("with more than {} bytes for {size} of them", listing.page_bytes);
                return Err(KubeError::Refused { attempted: listing.rule.in_words(), status: 200, text });
            }
            size = (size / 5).max(SMALLEST);
            continue;
        };
        all.extend(page.items.into_iter().map(&convert));
        match page.metadata.token.filter(|token| !token.is_empty()) {
            Some(next) => token = escaped(&next),
            None => break,
        }
    }
    all.truncate(MOST);
    Ok(all)
}

/// One page; nothing where it is larger than is read.
async fn page<T: DeserializeOwned>(
    client: &kube::Client,
    uri: &str,
    listing: &Listing<'_>,
) -> kube::Result<Option<Page<T>>> {
    let request = Request::get(uri).header(ACCEPT, &listing.accept).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let answer = client.request_stream(request).await?;
    let mut bytes = Vec::new();
    let length = answer
        .take(listing.page_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .await
        .map_err(kube::Error::ReadEvents)?;
    if u64::try_from(length).unwrap_or(u64::MAX) > listing.page_bytes {
        return Ok(None);
    }
    serde_json::from_slice(&bytes).map(Some).map_err(kube::Error::SerdeError)
}

/// A text as one part of a URL. A person may have typed a namespace, and tokens of the API server may end in `=`.
pub(super) fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = text.bytes();
    bytes.map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests;
