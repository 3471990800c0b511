//! Headers that hold more than one word: text in, value out, never a panic.

use http::HeaderMap;
use pullagent_diagnosis::layer::registry::RateLimit;
use pullagent_diagnosis::text::clean;
use url::Url;

/// `ratelimit-limit: 100;w=21600`, as Docker Hub tells it. `mask` hides from its source what was sent.
pub(super) fn rate_limit(headers: &HeaderMap, mask: impl Fn(&str) -> String) -> Option<RateLimit> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let number = |value: &str| value.split(';').next().and_then(|n| n.trim().parse::<u64>().ok());
    let window =
        |value: &str| value.split(';').find_map(|p| p.trim().strip_prefix("w=")).and_then(|n| n.parse::<u64>().ok());
    let limit = text("ratelimit-limit")?;
    Some(RateLimit {
        limit: number(limit)?,
        remaining: text("ratelimit-remaining").and_then(number)?,
        window_seconds: window(limit).unwrap_or_default(),
        source: clean(&mask(text("docker-ratelimit-source").unwrap_or_default()), 64),
    })
}

/// `</v2/x/tags/list?n=1&last=a>; rel="next"`: only on the same host, whatever it says.
pub(super) fn next_page(link: &str, from: &Url) -> Option<Url> {
    let (target, rel) = link.trim().strip_prefix('<')?.split_once('>')?;
    let next = from.join(target).ok().filter(|_| rel.contains("next"))?;
    (next.origin() == from.origin() && next != *from).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_stays_on_its_host() {
        let from = Url::parse("https://a.b/v2/x/tags/list?n=2").unwrap();
        let check = |link: &str, want: Option<&str>| {
            assert_eq!(next_page(link, &from).as_ref().map(Url::as_str), want, "{link}");
        };
        check(r#"</v2/x/tags/list?n=2&last=b>; rel="next""#, Some("https://a.b/v2/x/tags/list?n=2&last=b"));
        check(r#"<https://evil/v2/x/tags/list>; rel="next""#, None);
        check(r#"</v2/x/tags/list?n=2>; rel="next""#, None);
        check("nonsense", None);
    }
}
