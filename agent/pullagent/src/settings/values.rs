//! How one value is read: its type, its bounds, and the words for what is wrong. No word repeats the value.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use pullagent_diagnosis::authority::split_authority;
use pullagent_diagnosis::reference::Reference;

use super::SecretName;
use super::document::{Node, Value};
use crate::cli::duration::parse_duration;

/// The path of a socket with the zero behind it (`sun_path`, unix(7)).
const MAX_SOCKET_PATH: usize = 107;

/// The longest name of an object (`IsDNS1123Subdomain`, `staging/src/k8s.io/apimachinery/pkg/util/validation`).
const MAX_NAME: usize = 253;

/// The longest name of a namespace (`IsDNS1123Label`, as above).
const MAX_NAMESPACE: usize = 63;

/// Any text.
fn text(node: &Node) -> Result<&str, String> {
    match &node.value {
        Value::Text(text) | Value::Plain(text) => Ok(text),
        Value::Number(_) | Value::Bool(_) => Err("it must be text; put it in quotes".to_owned()),
        Value::Nothing | Value::List(_) | Value::Map(_) => Err("it must be text".to_owned()),
    }
}

/// `true` or `false`.
pub(super) fn flag(node: &Node) -> Result<bool, String> {
    match &node.value {
        Value::Bool(value) => Ok(*value),
        Value::Plain(text) if text == "true" => Ok(true),
        Value::Plain(text) if text == "false" => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    }
}

fn number(node: &Node) -> Option<f64> {
    match &node.value {
        Value::Number(number) => Some(*number),
        Value::Plain(text) => text.parse().ok(),
        _ => None,
    }
}

/// A number from 1 to 10,000.
pub(super) fn count(node: &Node) -> Result<u32, String> {
    let whole = number(node).filter(|number| number.fract() == 0.0 && (1.0..=10_000.0).contains(number));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a whole number within bounds")]
    whole.map(|number| number as u32).ok_or_else(|| "it must be a whole number from 1 to 10000".to_owned())
}

/// A number from 0 to 1.
pub(super) fn share(node: &Node) -> Result<f64, String> {
    let share = number(node).filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}

/// One of some words.
pub(super) fn choice<T: Copy>(node: &Node, words: &[(&str, T)]) -> Result<T, String> {
    let given = text(node).ok();
    let found = words.iter().find(|(word, _)| given == Some(*word)).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        match words.as_slice() {
            [only] => format!("it must be {only}"),
            [first @ .., last] => format!("it must be {} or {last}", first.join(", ")),
            [] => "it may not be given".to_owned(),
        }
    })
}

/// The time between two runs of a check.
pub(super) fn interval(node: &Node) -> Result<Duration, String> {
    duration(node, Duration::from_secs(30), Duration::from_hours(168))
}

/// How long a failure has to last.
pub(super) fn settle(node: &Node) -> Result<Duration, String> {
    duration(node, Duration::from_secs(1), Duration::from_hours(1))
}

fn duration(node: &Node, least: Duration, most: Duration) -> Result<Duration, String> {
    // A bare number is text that lacks its unit, not a number that lacks its quotes.
    parse_duration(text(node).unwrap_or_default(), least, most)
}

/// An address to listen at; none for the empty text.
pub(super) fn address(node: &Node) -> Result<Option<SocketAddr>, String> {
    match text(node) {
        Ok("") => Ok(None),
        Ok(text) => text.parse().map(Some).map_err(|_| NO_ADDRESS.to_owned()),
        Err(_) => Err(NO_ADDRESS.to_owned()),
    }
}

const NO_ADDRESS: &str = "write it as IP:PORT, such as 127.0.0.1:9477 or [::1]:9477, or as \"\" not to listen";

/// One address or a range of them.
pub(super) fn address_range(node: &Node) -> Result<IpNet, String> {
    let text = text(node).unwrap_or_default();
    let range = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    range.map_err(|_| "write it as an address or a range, such as 10.0.0.1 or 10.0.0.0/8".to_owned())
}

/// Where a file tree is.
pub(super) fn folder(node: &Node) -> Result<PathBuf, String> {
    Ok(PathBuf::from(absolute(text(node)?)?))
}

/// Where a socket is.
pub(super) fn socket_path(node: &Node) -> Result<PathBuf, String> {
    let path = absolute(text(node)?)?;
    if path.len() > MAX_SOCKET_PATH || path.ends_with('/') {
        return Err(format!("it must be the path of a file, of at most {MAX_SOCKET_PATH} bytes"));
    }
    Ok(PathBuf::from(path))
}

fn absolute(path: &str) -> Result<&str, String> {
    if path.starts_with('/') && !path.contains('\0') { Ok(path) } else { Err("it must begin with `/`".to_owned()) }
}

/// A CRI socket; none for `auto`.
pub(super) fn endpoint(node: &Node) -> Result<Option<String>, String> {
    match text(node)? {
        "auto" => Ok(None),
        text if text.starts_with('/') || text.starts_with("unix:/") => Ok(Some(text.to_owned())),
        _ => Err("it must be auto, or the path or unix:// URL of a socket".to_owned()),
    }
}

/// The name of a node; empty for its own.
pub(super) fn node_name(node: &Node) -> Result<String, String> {
    match text(node)? {
        "" => Ok(String::new()),
        name if is_subdomain(name) => Ok(name.to_owned()),
        _ => Err("it must be the name of a node, as `kubectl get nodes` shows it".to_owned()),
    }
}

/// The name of a group, as useradd(8) takes them, or its number.
pub(super) fn group(node: &Node) -> Result<String, String> {
    let name = text(node)?;
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if first && rest && name.len() <= 32 {
        Ok(name.to_owned())
    } else {
        Err("it must be the name of a group".to_owned())
    }
}

/// An image as a pod names it.
pub(super) fn image(node: &Node) -> Result<String, String> {
    let image = text(node)?;
    Reference::parse(image).map(|_| image.to_owned()).map_err(|_| "it must be an image, as a pod names it".to_owned())
}

/// The host of a registry.
pub(super) fn host(node: &Node) -> Result<String, String> {
    let given = text(node)?;
    let (name, port) = split_authority(given);
    let named = !name.is_empty() && !given.contains(['/', '@', '?', '#']) && !given.contains(char::is_whitespace);
    let ported = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    // What a reference takes for a registry is one; a bare word would be a repository of Docker Hub.
    if named && ported && Reference::parse(&format!("{given}/x")).is_ok_and(|read| read.registry == given) {
        Ok(given.to_owned())
    } else {
        Err("write it as the host of a registry, such as registry.corp.io or registry.corp.io:5000".to_owned())
    }
}

/// A secret.
pub(super) fn secret_name(node: &Node) -> Result<SecretName, String> {
    let named = text(node)?.split_once('/').filter(|(namespace, name)| {
        namespace.len() <= MAX_NAMESPACE && !namespace.contains('.') && is_subdomain(namespace) && is_subdomain(name)
    });
    named
        .map(|(namespace, name)| SecretName { namespace: namespace.to_owned(), name: name.to_owned() })
        .ok_or_else(|| "write it as NAMESPACE/NAME".to_owned())
}

/// Whether Kubernetes takes it for the name of an object (`IsDNS1123Subdomain`).
pub(super) fn is_subdomain(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_NAME
        && name.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().is_some_and(|byte| is_inner(*byte))
                && bytes.last().is_some_and(|byte| is_inner(*byte))
                && bytes.iter().all(|byte| is_inner(*byte) || *byte == b'-')
        })
}
