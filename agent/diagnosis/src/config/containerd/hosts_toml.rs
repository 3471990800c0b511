//! hosts.toml: the hosts in a registry's directory, or why containerd drops the whole file.
//!
//! Owns the meaning of the keys. Which directory is read, and what is added to the list, is for `hosts`.
//! Copied rules: core/remotes/docker/config/hosts.go `parseHostsFile`, `parseHostConfig`, `getSortedHosts`; for 1.x
//! remotes/docker/config/hosts.go.

mod remark;
mod table;

use std::collections::BTreeMap;

use self::table::HostTable;
use super::{Capabilities, ClientPair, ContainerdVersion, Header};
use crate::config::files::{clean_path, join};
use crate::config::go_duration::GoDuration;
use crate::config::go_url::GoUrl;
use crate::config::toml_document::{Document, Table, Value};
use crate::secret::Secret;

pub use self::remark::{Dropped, Remark, RemarkKind};

/// A parsed file.
#[derive(Debug)]
pub(super) struct HostsFile {
    /// The hosts in order.
    pub(super) hosts: Vec<HostEntry>,
    /// The root of the file; without `server` its host is empty.
    pub(super) server: HostEntry,
    pub(super) remarks: Vec<(u32, RemarkKind)>,
}

/// One host (`hostConfig`). Its empty default is the upstream without any settings.
#[derive(Debug, Default)]
pub(super) struct HostEntry {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) capabilities: Capabilities,
    /// `None`: not mentioned, which is something else than an empty list.
    pub(super) ca: Option<Vec<String>>,
    pub(super) client: Vec<ClientPair>,
    pub(super) skip_verify: Option<bool>,
    pub(super) headers: Vec<Header>,
    pub(super) dial_timeout: Option<GoDuration>,
}

/// Reads a file in `directory`; the error has the line where it can be told.
pub(super) fn parse(
    version: ContainerdVersion,
    directory: &str,
    content: &[u8],
) -> Result<HostsFile, (Option<u32>, Dropped)> {
    let document = Document::parse(content, version.toml_parser())
        .map_err(|error| (error.line, Dropped::Toml { why: error.why }))?;
    let reader = Reader { version, directory };
    reader.read(&document).map_err(|(line, dropped)| (Some(line), dropped))
}

type Refused = (u32, Dropped);

/// A key of the table `host`.
struct NamedTable<'f> {
    name: &'f str,
    line: u32,
    raw: &'f Table,
    typed: HostTable<'f>,
}

struct Reader<'d> {
    version: ContainerdVersion,
    directory: &'d str,
}

impl Reader<'_> {
    fn read(&self, document: &Document) -> Result<HostsFile, Refused> {
        let root = HostTable::read(&document.root, self.version)?;
        let server = match document.root.field("server") {
            Some(entry) => {
                let wrong = || (entry.line, Dropped::wrong_type("server", "text"));
                (entry.value.as_text().ok_or_else(wrong)?, entry.line)
            }
            None => ("", 1),
        };
        let tables = read_host_tables(document, self.version)?;
        let mut remarks = remark::on_root(document, server);
        let mut hosts = Vec::new();
        let order = self.order(document, &tables)?;
        let by_name: BTreeMap<_, _> = tables.iter().map(|table| (table.name, table)).collect();
        for &(name, line) in &order {
            // A header may also name the host of a `host` spelled otherwise, which the order does not know.
            let Some(table) = by_name.get(name) else {
                hosts.push(self.entry(name, line, &HostTable::default())?);
                continue;
            };
            remarks.extend(remark::on_host(name, line, table.raw, self.version));
            hosts.push(self.entry(name, line, &table.typed)?);
        }
        let keys: Vec<_> = tables.iter().map(|table| (table.name, table.line)).collect();
        remarks.extend(remark::on_order(&keys, &order));
        let server = self.entry(server.0, server.1, &root)?;
        Ok(HostsFile { hosts, server, remarks })
    }

    /// The hosts in the order in which they are asked. From 2.0 on it is that of the headers, where an interrupted table
    /// counts again; before, that of the keys.
    fn order<'f>(&self, document: &'f Document, tables: &[NamedTable<'f>]) -> Result<Vec<(&'f str, u32)>, Refused> {
        if self.version >= ContainerdVersion::V2_0 {
            return Ok(hosts_named(document));
        }
        if document.root.key("host").is_none() {
            return Err((1, Dropped::NoHostTable));
        }
        Ok(tables.iter().map(|table| (table.name, table.line)).collect())
    }

    fn entry(&self, server: &str, line: u32, table: &HostTable<'_>) -> Result<HostEntry, Refused> {
        let mut entry = HostEntry { skip_verify: table.skip_verify, ..HostEntry::default() };
        if !server.is_empty() {
            let is_url = server.starts_with("http");
            let text = if is_url { server.to_owned() } else { format!("https://{server}") };
            let url = GoUrl::parse(&text).map_err(|why| (line, Dropped::Url { why }))?;
            url.scheme().clone_into(&mut entry.scheme);
            entry.host = url.host().into_owned();
            entry.path = api_path(&url.path(), table.override_path);
        }
        entry.capabilities = self.capabilities(table)?;
        if let Some((ca, line)) = table.ca {
            let ca = one_or_more(ca);
            let ca = ca.ok_or_else(|| (line, Dropped::wrong_type("ca", "text or a list of texts")))?;
            entry.ca = Some(ca.iter().map(|path| self.absolute(path)).collect());
        }
        if let Some((client, line)) = table.client {
            let pairs = self.client_pairs(client);
            entry.client = pairs.ok_or((line, Dropped::wrong_type("client", "text, texts, or pairs of texts")))?;
        }
        for header in table.header.into_iter().flat_map(Table::entries) {
            let values = one_or_more(&header.value)
                .ok_or((header.line, Dropped::wrong_type("header", "text or a list of texts")))?;
            entry
                .headers
                .push(Header { name: header.key.clone(), values: values.into_iter().map(Secret::from).collect() });
        }
        entry.headers.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some((text, line)) = table.dial_timeout.filter(|(text, _)| !text.is_empty()) {
            entry.dial_timeout = Some(GoDuration::parse(text).ok_or((line, Dropped::DialTimeout))?);
        }
        Ok(entry)
    }

    fn capabilities(&self, table: &HostTable<'_>) -> Result<Capabilities, Refused> {
        let Some((words, line)) = table.capabilities.as_ref().filter(|(words, _)| !words.is_empty()) else {
            return Ok(Capabilities::all(self.version));
        };
        words.iter().try_fold(Capabilities::default(), |all, word| {
            let word_is = Capabilities::from_word(word, self.version);
            let unknown = || (*line, Dropped::UnknownCapability { word: crate::text::clean(word, 40) });
            Ok(all.with(word_is.ok_or_else(unknown)?))
        })
    }

    fn client_pairs(&self, client: &Value) -> Option<Vec<ClientPair>> {
        let alone = |path: &str| ClientPair { certificate: self.absolute(path), key: None };
        if let Some(path) = client.as_text() {
            return Some(vec![alone(path)]);
        }
        let pair = |item: &Value| match item.as_text() {
            Some(path) => Some(alone(path)),
            None => match item.as_texts()?.as_slice() {
                [certificate, key] => {
                    Some(ClientPair { certificate: self.absolute(certificate), key: Some(self.absolute(key)) })
                }
                _ => None,
            },
        };
        client.as_array()?.iter().map(pair).collect()
    }

    /// `makeAbsPath`.
    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { join(self.directory, path) }
    }
}

/// A text, or a list of nothing but texts.
fn one_or_more(value: &Value) -> Option<Vec<String>> {
    value.as_text().map(|text| vec![text.to_owned()]).or_else(|| value.as_texts())
}

/// The path before the repository, where `/v2` is added to what does not end in it.
fn api_path(path: &str, override_path: bool) -> String {
    match (path, override_path) {
        ("", false) => "/v2".to_owned(),
        ("", true) => String::new(),
        (path, _) => {
            let path = clean_path(path);
            if override_path || path.ends_with("/v2") { path } else { format!("{path}/v2") }
        }
    }
}

/// The hosts of the `[host."…"]` headers; a sub-table counts only where another host came between.
fn hosts_named(document: &Document) -> Vec<(&str, u32)> {
    let mut hosts = Vec::new();
    let mut last = "";
    for header in &document.headers {
        if let [first, host, ..] = header.keys.as_slice()
            && first == "host"
            && host != last
        {
            last = host;
            hosts.push((last, header.line));
        }
    }
    hosts
}

/// The values of the table `host` by their keys.
fn read_host_tables(document: &Document, version: ContainerdVersion) -> Result<Vec<NamedTable<'_>>, Refused> {
    let Some(hosts) = document.root.field("host") else { return Ok(Vec::new()) };
    let wrong = |line| (line, Dropped::wrong_type("host", "a table of tables"));
    let hosts = hosts.value.as_table().ok_or_else(|| wrong(hosts.line))?;
    let mut tables = Vec::new();
    for entry in hosts.entries() {
        let raw = entry.value.as_table().ok_or_else(|| wrong(entry.line))?;
        tables.push(NamedTable { name: &entry.key, line: entry.line, raw, typed: HostTable::read(raw, version)? });
    }
    Ok(tables)
}
