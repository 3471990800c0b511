//! What stands between `//` and the path: user, host and port, and IP addresses as Go reads them.
//!
//! Copied rules: go1.27 src/net/url/url.go `parseAuthority`, `parseHost`, `splitHostPort`; src/net/netip `ParseAddr`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::escape::{Part, unescape};
use super::{GoUrlError, UserInfo};
use crate::secret::Secret;

pub(super) fn parse_authority(
    scheme: &str,
    authority: &str,
) -> Result<(Option<Secret<UserInfo>>, Vec<u8>), GoUrlError> {
    let Some((user, host)) = authority.rsplit_once('@') else {
        return Ok((None, parse_host(scheme, authority)?));
    };
    let host = parse_host(scheme, host)?;
    // The sub-delims of RFC 3986, what `escape` leaves alone, and the `@` that people forget to escape.
    if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)) {
        return Err(GoUrlError::UserInfo);
    }
    let user = match user.split_once(':') {
        Some((username, password)) => UserInfo {
            username: unescape(username, Part::UserInfo)?,
            password: Some(unescape(password, Part::UserInfo)?),
        },
        None => UserInfo { username: unescape(user, Part::UserInfo)?, password: None },
    };
    Ok((Some(user.into()), host))
}

fn parse_host(scheme: &str, host: &str) -> Result<Vec<u8>, GoUrlError> {
    match host.rfind('[') {
        Some(0) => return parse_bracketed_host(host),
        Some(_) => return Err(GoUrlError::IpLiteral),
        None => {}
    }
    // RFC 3986 knows one colon only. Go insists for http and https, as database URLs list several host:port.
    let colon = if matches!(scheme, "http" | "https") { host.find(':') } else { host.rfind(':') };
    if colon.is_some_and(|colon| !is_optional_port(&host.as_bytes()[colon..])) {
        return Err(GoUrlError::Port);
    }
    unescape(host, Part::Host)
}

/// `[address]` or `[address%25zone]`, with or without port.
fn parse_bracketed_host(host: &str) -> Result<Vec<u8>, GoUrlError> {
    let (inner, port) = host.rsplit_once(']').ok_or(GoUrlError::MissingBracket)?;
    if !is_optional_port(port.as_bytes()) {
        return Err(GoUrlError::Port);
    }
    let inner = inner.strip_prefix('[').unwrap_or(inner);
    let (address, zone) = inner.split_at(inner.find("%25").unwrap_or(inner.len()));
    let mut literal = unescape(address, Part::Host)?;
    literal.extend(unescape(zone, Part::Zone)?);
    match parse_ip(&String::from_utf8_lossy(&literal)) {
        Some((IpAddr::V6(_), _)) => Ok([b"[", literal.as_slice(), b"]", port.as_bytes()].concat()),
        _ => Err(GoUrlError::IpLiteral),
    }
}

/// `validOptionalPort`: nothing, or a colon and any number of digits, even none.
fn is_optional_port(port: &[u8]) -> bool {
    match port.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    }
}

pub(super) fn split_host_port(host: &[u8]) -> (&[u8], &[u8]) {
    let (mut name, mut port) = (host, &[][..]);
    if let Some(colon) = host.iter().rposition(|byte| *byte == b':').filter(|colon| is_optional_port(&host[*colon..])) {
        (name, port) = (&host[..colon], &host[colon + 1..]);
    }
    (name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name), port)
}

/// Go's `netip.ParseAddr`: the address, and whether it has a zone (`fe80::1%eth0`).
pub(crate) fn parse_ip(text: &str) -> Option<(IpAddr, bool)> {
    match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => Some((address.parse::<Ipv6Addr>().ok()?.into(), true)),
        Some(_) => None,
        None if text.contains(':') => Some((text.parse::<Ipv6Addr>().ok()?.into(), false)),
        None => Some((text.parse::<Ipv4Addr>().ok()?.into(), false)),
    }
}
