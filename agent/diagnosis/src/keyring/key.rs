//! A key as written, and as the keyring's index has it.

use std::fmt::Write as _;

use crate::config::go_url::{GoUrl, GoUrlError};

/// Host and path, decoded once, so that it need not be UTF-8 (the first half of `BasicDockerKeyring.Add`).
///
/// Other schemes than these two, in small letters, are taken for the host.
pub(crate) fn normalise(key: &str) -> Result<Vec<u8>, GoUrlError> {
    let has_scheme = key.starts_with("https://") || key.starts_with("http://");
    let url = if has_scheme { GoUrl::parse(key) } else { GoUrl::parse(&format!("https://{key}")) }?;
    let path = url.path_bytes();
    let path = if path.starts_with(b"/v1/") || path.starts_with(b"/v2/") { &path[3..] } else { path };
    let path = if path == b"/" { b"" } else { path };
    Ok([url.host_bytes(), path].concat())
}

/// A normalised key as text that Go would parse to the same: what is not UTF-8 is percent-encoded.
pub(super) fn readable(key: &[u8]) -> String {
    let mut text = String::with_capacity(key.len());
    for chunk in key.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
