//! The runtime's own pull in one sentence. Knows no layout.

use super::shown;
use crate::diagnosis::{Diagnosis, PullVerdict};

/// What came of the runtime's own pull; `None` where it was not asked. `most` bounds the runtime's words, in bytes.
pub fn sentence(diagnosis: &Diagnosis, most: usize) -> Option<String> {
    let pull = &diagnosis.pull;
    let runtime = diagnosis.node.runtime.as_ref();
    let name = runtime.map_or_else(
        || "the runtime".to_owned(),
        |runtime| format!("{} {}", shown(&runtime.name), shown(runtime.version.trim_start_matches('v'))),
    );
    let took = pull.ms.map(in_seconds).unwrap_or_default();
    let agrees = match pull.agrees {
        Some(true) => " (agrees)",
        Some(false) => " (disagrees)",
        None => "",
    };
    let words = match (pull.outcome?, pull.message.as_deref()) {
        (PullVerdict::Ok, _) => format!("{name} pulled it in {took}{}", what_became(pull.kept)),
        (PullVerdict::Cancelled, _) => format!("{name} was still pulling after {took}"),
        (PullVerdict::Failed, Some(message)) => {
            let message = if most < usize::MAX { short_digests(essence(message)) } else { message.to_owned() };
            format!("{name} said{agrees}: \"{}\"", crate::text::clean(&message, most))
        }
        (PullVerdict::Failed, None) => format!("{name} failed without a word{agrees}"),
    };
    Some(words)
}

fn what_became(kept: Option<bool>) -> &'static str {
    match kept {
        Some(true) => "; the image stays on the node",
        Some(false) => "; the image was removed again",
        None => "; the node held it already",
    }
}

fn in_seconds(ms: u32) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

/// A message without what only repeats what was to be done: the status, and every `failed to … image "…": `.
pub(super) fn essence(message: &str) -> &str {
    let mut rest = message;
    if let Some((_, after)) = rest.strip_prefix("rpc error: code = ").and_then(|after| after.split_once(" desc = ")) {
        rest = after;
    }
    while let Some((before, after)) = rest.split_once("\": ")
        && before.starts_with("failed to ")
        && before.matches('"').count() == 1
        && !before.contains(": ")
        && !before.contains("://")
    {
        rest = after;
    }
    rest
}

/// A message with as much of each digest as people compare.
pub(super) fn short_digests(message: &str) -> String {
    const KEPT: usize = 12;
    let mut pieces = message.split("sha256:");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let hex = piece.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (digest, rest) = piece.split_at(hex);
        out.push_str("sha256:");
        match digest.get(..KEPT).filter(|_| hex == 64) {
            Some(kept) => out.extend([kept, "…"]),
            None => out.push_str(digest),
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{essence, short_digests};

    #[test]
    fn digests_are_cut_to_what_people_compare() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(short_digests(&format!("a {digest}\": EOF")), "a sha256:0123456789ab…\": EOF");
        assert_eq!(short_digests("sha256:12 and sha256:"), "sha256:12 and sha256:");
    }

    #[test]
    fn what_is_left_tells_what_went_wrong() {
        let check = |message: &str, want: &str| assert_eq!(essence(message), want);
        check("failed to pull and unpack image \"a/b:1\": failed to resolve reference \"a/b:1\": gone", "gone");
        check("rpc error: code = NotFound desc = failed to resolve image: gone", "failed to resolve image: gone");
        let request = "failed to do request: Head \"https://a/v2/\": EOF";
        check(&format!("failed to resolve reference \"a/b:1\": {request}"), request);
        let file =
            "failed to resolve image: unable to read CA cert \"/etc/ca.pem\": open /etc/ca.pem: permission denied";
        check(&format!("failed to pull and unpack image \"a/b:1\": {file}"), file);
        check("", "");
    }
}
