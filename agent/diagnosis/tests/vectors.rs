//! Runs the facts in `tests/vectors` (printed by the upstream implementations) against our rules.
//!
//! `PULLAGENT_VECTORS` names another directory of the same shape. One kind is one row of [`KINDS`]; rows of a kind that
//! is not there are counted, not failed, so that the vectors may be ahead of the code.
#![expect(clippy::disallowed_methods, reason = "this runner reads files; the crate under test does not")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use pullagent_diagnosis::config::containerd::{ContainerdVersion, RegistryHost, hosts};
use pullagent_diagnosis::config::dockerconfigjson::{parse_dockercfg, parse_dockerconfigjson};
use pullagent_diagnosis::config::files::Files;
use pullagent_diagnosis::config::go_url::GoUrl;
use pullagent_diagnosis::config::proxy_env::{ProxyEnv, Route};
use pullagent_diagnosis::config::registries_conf::RegistriesConf;
use pullagent_diagnosis::keyring::{Keyring, url_matches};
use pullagent_diagnosis::message::classify;
use pullagent_diagnosis::reference::Reference;
use pullagent_diagnosis::secret::Secret;
use serde_json::{Value, json};

type Check = fn(&Value) -> Result<(), String>;

const KINDS: &[(&str, Check)] = &[
    ("dockerconfig", dockerconfig),
    ("hosts-toml", hosts_toml),
    ("match", matching),
    ("noproxy", noproxy),
    ("parse", parse),
    ("pull-errors", pull_error),
    ("registries-conf", registries_conf),
    ("urlmatch", urlmatch),
];

/// A file or folder of vectors, and the kind of its rows; `None`: every row names its own.
const SOURCES: &[(&str, Option<&str>)] = &[
    ("keyring.jsonl", None),
    ("noproxy.jsonl", Some("noproxy")),
    ("hosts-toml", Some("hosts-toml")),
    ("registries-conf", Some("registries-conf")),
    ("pull-errors.jsonl", Some("pull-errors")),
];

fn parse(row: &Value) -> Result<(), String> {
    let got = match Reference::parse(text(row, "image")?) {
        Ok(Reference { registry, repository, tag, digest }) => {
            json!({ "registry": registry, "repository": repository, "tag": tag, "digest": digest })
        }
        Err(_) => json!("invalid"),
    };
    compare(row, &got)
}

fn dockerconfig(row: &Value) -> Result<(), String> {
    let parsed = match text(row, "format")? {
        "dockerconfigjson" => parse_dockerconfigjson(text(row, "input")?),
        "dockercfg" => parse_dockercfg(text(row, "input")?),
        other => return Err(format!("the row's `format` is {other}")),
    };
    let Ok(entries) = parsed else { return compare(row, &json!("error")) };
    let shown = entries.into_iter().map(|entry| {
        let (username, password, email) = (entry.username, entry.password.expose().clone(), entry.email);
        (entry.key, json!({ "username": username, "password": password, "email": email }))
    });
    compare(row, &Value::Object(shown.collect()))
}

/// `stage` says whether the image is parsed first; where it is absent it makes no difference.
fn matching(row: &Value) -> Result<(), String> {
    let document = row.get("auth_keys").ok_or("the row has no `auth_keys`")?.to_string();
    let mut keyring = Keyring::default();
    keyring.add("secret", parse_dockerconfigjson(&document).map_err(|error| error.to_string())?);
    let image = text(row, "image")?;
    let parsed = || Reference::parse(image).map(|reference| reference.name()).map_err(|error| error.to_string());
    let names = match row.get("stage").and_then(Value::as_str) {
        Some("pod") => vec![parsed()?],
        Some("keyring") => vec![image.to_owned()],
        None => vec![parsed()?, image.to_owned()],
        Some(other) => return Err(format!("the row's `stage` is {other}")),
    };
    for name in names {
        let logins = keyring
            .lookup(&name)
            .into_iter()
            .map(|login| json!({ "username": login.entry.username, "password": login.entry.password.expose() }));
        compare(row, &Value::Array(logins.collect()))?;
    }
    Ok(())
}

fn urlmatch(row: &Value) -> Result<(), String> {
    compare(row, &json!(url_matches(text(row, "glob")?, text(row, "target")?)))
}

fn noproxy(row: &Value) -> Result<(), String> {
    let env = row.get("env").and_then(Value::as_object).ok_or("the row has no object `env`")?;
    let env = env.iter().map(|(name, value)| Ok((name, value.as_str().ok_or("a value in `env` is no text")?)));
    let env = ProxyEnv::from_env(env.collect::<Result<Vec<_>, String>>()?);
    let url = GoUrl::parse(text(row, "url")?).map_err(|error| format!("the row's `url`: {error}"))?;
    let got = match env.route_url(&url) {
        Route::Direct { .. } => json!("direct"),
        Route::Proxy { url, .. } => json!(url.full_text().expose()),
        Route::CgiRefused { .. } => json!("error"),
    };
    compare(row, &got)
}

/// The rows are those of the newest version that changed the rules.
fn hosts_toml(row: &Value) -> Result<(), String> {
    let files = files(row)?;
    let roots = row.get("roots").and_then(Value::as_array).ok_or("the row has no list `roots`")?;
    let roots: Vec<_> = roots.iter().filter_map(Value::as_str).map(|root| format!("{ROOT}/{root}")).collect();
    let roots: Vec<_> = roots.iter().map(String::as_str).collect();
    let found = hosts::look_up(ContainerdVersion::V2_2, &roots, &files, text(row, "host")?);
    let dir = found.dir.as_deref().unwrap_or_default();
    let dir = dir.strip_prefix(ROOT).unwrap_or(dir).trim_start_matches('/');
    let hosts: Vec<_> = found.hosts.iter().map(host_as_json).collect();
    compare_unless_failed(row, &json!({ "dir": dir, "hosts": hosts }), found.error.as_ref().map(ToString::to_string))
}

fn host_as_json(host: &RegistryHost) -> Value {
    let values = |values: &[Secret<String>]| values.iter().map(|value| value.expose().clone()).collect::<Vec<_>>();
    let headers: BTreeMap<_, _> = host.headers.iter().map(|header| (&header.name, values(&header.values))).collect();
    json!({
        "scheme": host.scheme,
        "host": host.host,
        "path": host.path,
        "capabilities": host.capabilities.words().collect::<Vec<_>>(),
        "skip_verify": host.skip_verify,
        "ca_count": host.ca.len(),
        "client_certs": host.client_pairs.len(),
        "headers": headers,
        "http_fallback": host.http_fallback,
        "dial_timeout_ms": host.dial_timeout.as_millis(),
        "ns_param": host.ns_param,
        "used_for_tag": host.used_for_tag(),
        "used_for_digest": host.used_for_digest(),
    })
}

fn registries_conf(row: &Value) -> Result<(), String> {
    let files = files(row)?;
    let (main, drop_ins) = (format!("{ROOT}/registries.conf"), format!("{ROOT}/registries.conf.d"));
    let examine = || -> Result<Value, Box<dyn std::error::Error>> {
        let conf = RegistriesConf::read(&files, &main, &drop_ins)?;
        let candidates = conf.candidates(text(row, "reference")?, None)?;
        let pull = conf.sources(candidates.first().ok_or("no candidate")?)?;
        let sources = pull.sources.iter().map(|source| {
            json!({
                "reference": source.reference.to_string(),
                "location": source.location,
                "insecure": source.insecure,
                "mirror": source.is_mirror,
            })
        });
        Ok(json!({
            "prefix": pull.prefix.unwrap_or_default(),
            "blocked": pull.blocked,
            "candidates": candidates.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "sources": sources.collect::<Vec<_>>(),
        }))
    };
    match examine() {
        Ok(got) => compare_unless_failed(row, &got, None),
        Err(error) => compare_unless_failed(row, &json!({}), Some(error.to_string())),
    }
}

/// Where the files of a row are put; a row names it `@ROOT@`.
const ROOT: &str = "/vector";

fn files(row: &Value) -> Result<Files, String> {
    let mut files = Files::default();
    for (path, content) in row.get("files").and_then(Value::as_object).ok_or("the row has no object `files`")? {
        let content = content.as_str().ok_or("a file is no text")?.replace("@ROOT@", ROOT);
        files.insert_file(&format!("{ROOT}/{path}"), content);
    }
    Ok(files)
}

/// Compares all of `expect`; where it has an `error`, only that there is one, and the directory.
fn compare_unless_failed(row: &Value, got: &Value, error: Option<String>) -> Result<(), String> {
    let expected = row.get("expect").ok_or("the row has no `expect`")?;
    match (expected.get("error"), error) {
        (None, None) => compare(row, got),
        (None, Some(error)) => Err(format!("failed: {error}")),
        (Some(wanted), None) => Err(format!("got {got}, expected to fail: {wanted}")),
        (Some(_), Some(_)) if expected.get("dir") == got.get("dir") => Ok(()),
        (Some(_), Some(_)) => Err(format!("dir {:?}, expected {:?}", got.get("dir"), expected.get("dir"))),
    }
}

/// The cause is right on every row; what the row allows as well counts. Host and image are compared where the row's value
/// stands in the message.
fn pull_error(row: &Value) -> Result<(), String> {
    let message = text(row, "message")?;
    let explained = classify(message);
    let first = explained.first().ok_or("nothing found")?;
    let cause = first.cause.as_ref().ok_or("no cause")?;
    let wanted = text(row, "cause")?;
    let also = row.get("also").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    if !also.chain([wanted]).any(|code| code == cause.code.name()) {
        return Err(format!("got {}, expected {wanted}: {}", cause.code, cause.summary));
    }
    if explained.len() > 1 {
        return Err(format!("{} failures instead of one", explained.len()));
    }
    let named = |key| text(row, key).ok().filter(|value| !value.is_empty() && message.contains(value));
    if let Some(host) = named("host").filter(|host| cause.host.as_deref() != Some(host)) {
        return Err(format!("host {:?}, expected {host}", cause.host));
    }
    // Rows that name an image without its digest mean the same image.
    let is_same = |image: &str, wanted: &str| {
        image == wanted || image.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('@'))
    };
    if let Some(wanted) =
        named("image").filter(|wanted| !first.image.as_deref().is_some_and(|image| is_same(image, wanted)))
    {
        return Err(format!("image {:?}, expected {wanted}", first.image));
    }
    Ok(())
}

fn text<'row>(row: &'row Value, key: &str) -> Result<&'row str, String> {
    row.get(key).and_then(Value::as_str).ok_or_else(|| format!("the row has no text `{key}`"))
}

fn compare(row: &Value, got: &Value) -> Result<(), String> {
    let expected = row.get("expect").ok_or("the row has no `expect`")?;
    if expected == got {
        return Ok(());
    }
    Err(format!("got {got}, expected {expected}"))
}

#[derive(Default)]
struct Tally {
    /// By kind: rows that passed, all rows.
    kinds: BTreeMap<String, (usize, usize)>,
    /// By kind and the label of its rows: rows that passed, all rows.
    labels: BTreeMap<(String, String), (usize, usize)>,
    failures: Vec<String>,
}

impl Tally {
    fn read_source(&mut self, path: &Path, kind: Option<&str>) {
        if !path.is_dir() {
            return self.read_file(path, kind);
        }
        match std::fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()) {
            Err(error) => self.failures.push(format!("{}: {error}", path.display())),
            Ok::<Vec<PathBuf>, _>(mut files) => {
                files.sort();
                files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
                for file in &files {
                    self.read_file(file, kind);
                }
            }
        }
    }

    fn read_file(&mut self, path: &Path, kind: Option<&str>) {
        let content = match std::fs::read_to_string(path) {
            Ok(content) => content,
            Err(error) => return self.failures.push(format!("{}: {error}", path.display())),
        };
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            for (line, row) in content.lines().enumerate().filter(|(_, row)| !row.trim().is_empty()) {
                self.run(row, kind, &format!("{}:{}", path.display(), line + 1));
            }
        } else {
            self.run(&content, kind, &path.display().to_string());
        }
    }

    fn run(&mut self, row: &str, kind: Option<&str>, place: &str) {
        let row: Value = match serde_json::from_str(row) {
            Ok(row) => row,
            Err(error) => return self.failures.push(format!("{place}: {error}")),
        };
        let Some(kind) = kind.or_else(|| row.get("kind").and_then(Value::as_str)) else {
            return self.failures.push(format!("{place}: the row has no `kind`"));
        };
        let (passed, all) = self.kinds.entry(kind.to_owned()).or_default();
        *all += 1;
        let Some((_, check)) = KINDS.iter().find(|(known, _)| *known == kind) else { return };
        let result = check(&row);
        if let Some(label) = row.get("cause").and_then(Value::as_str) {
            let (passed, all) = self.labels.entry((kind.to_owned(), label.to_owned())).or_default();
            *all += 1;
            *passed += usize::from(result.is_ok());
        }
        match result {
            Ok(()) => *passed += 1,
            Err(error) => {
                let name = ["id", "image", "glob", "input"].iter().find_map(|key| row.get(key)?.as_str());
                let note = row.get("note").and_then(Value::as_str).unwrap_or("no note");
                let name = name.unwrap_or_default();
                self.failures.push(format!("{place}: {kind} {name}: {error} ({note})"));
            }
        }
    }

    fn summary(&self) -> String {
        let known = |kind: &String| KINDS.iter().any(|(known, _)| known == kind);
        let kinds = self.kinds.iter().map(|(kind, (passed, all))| {
            if known(kind) {
                format!("{kind} {passed}/{all}")
            } else {
                format!("{kind}: not known to this version, {all} rows skipped")
            }
        });
        let incomplete = self.labels.iter().filter(|(_, (passed, all))| passed < all);
        let labels = incomplete.map(|((kind, label), (passed, all))| format!("{kind} {label} {passed}/{all}"));
        kinds.chain(labels).chain(self.failures.iter().cloned()).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn every_vector_of_a_known_kind_holds() {
    let directory = std::env::var_os("PULLAGENT_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors"), PathBuf::from);
    let mut tally = Tally::default();
    for (name, kind) in SOURCES {
        let path = directory.join(name);
        // Only a source that is certainly absent is passed over; an unreadable one fails when it is read.
        if !matches!(path.try_exists(), Ok(false)) {
            tally.read_source(&path, *kind);
        }
    }
    // Written past the test harness, which shows the output of failing tests only.
    writeln!(std::io::stdout(), "{}", tally.summary()).expect("stdout is open");
    let rows: usize = tally.kinds.values().map(|(_, all)| all).sum();
    assert!(rows > 0, "no vectors in {}", directory.display());
    assert!(tally.failures.is_empty(), "{} vectors failed", tally.failures.len());
}
