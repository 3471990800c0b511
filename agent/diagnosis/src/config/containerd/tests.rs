//! Who is asked, by files and version. What upstream prints for 2.x is in the vectors; here is the rest.

mod config;
mod hosts;

use super::{ContainerdVersion, RegistryHost};
use crate::config::files::Files;

const V1_6: ContainerdVersion = ContainerdVersion { major: 1, minor: 6 };
const V1_7: ContainerdVersion = ContainerdVersion { major: 1, minor: 7 };
const V2_0: ContainerdVersion = ContainerdVersion::V2_0;
const V2_1: ContainerdVersion = ContainerdVersion::V2_1;
const V2_2: ContainerdVersion = ContainerdVersion::V2_2;

fn files<'f>(entries: impl IntoIterator<Item = (&'f str, &'f str)>) -> Files {
    let mut files = Files::default();
    for (path, content) in entries {
        files.insert_file(path, content);
    }
    files
}

/// A host in a few words: where it is, and what is not as by default.
fn shown(host: &RegistryHost) -> String {
    let mut text = format!("{}://{}{}", host.scheme, host.host, host.path);
    for (set, word) in [
        (host.skip_verify, " unverified"),
        (host.http_fallback, " fallback"),
        (host.is_upstream, " upstream"),
        (!host.used_for_tag(), " no-tags"),
        (!host.used_for_digest(), " no-digests"),
    ] {
        text.push_str(if set { word } else { "" });
    }
    text
}

#[test]
fn versions_are_read_in_every_spelling() {
    for (text, version) in [
        ("v1.7.13-k3s1", Some(V1_7)),
        ("1.6", Some(V1_6)),
        (" 2.0.0-rc.1", Some(V2_0)),
        ("2.2+unknown", Some(V2_2)),
        ("2", None),
        ("", None),
        ("unknown", None),
    ] {
        assert_eq!(ContainerdVersion::parse(text), version, "{text}");
    }
    assert_eq!(V2_1.to_string(), "2.1");
}
