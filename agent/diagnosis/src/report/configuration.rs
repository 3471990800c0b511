//! A node's pull configuration as a screen for a person, and in what two nodes differ.

use anstyle::{AnsiColor, Style as Paint};
use jiff::Timestamp;

use super::layout::{Line, pad, wrap};
use super::{Style, json, shown};
use crate::cause::Severity;
use crate::pull_configuration::{
    Comparison, EndpointSettings, KubeletSettings, ProxyVariable, PullConfiguration, RegistrySettings,
};
use crate::text::duration_in_words;

/// The narrowest screen that is laid out for.
const MIN_WIDTH: usize = 40;
/// The column in which the text beside the labels stands.
const GUTTER: usize = 13;
/// As many registries, and other rows of one kind, are shown without `-v`.
const MOST_ROWS: usize = 12;

/// The configuration on one line of JSON.
pub fn configuration_json(configuration: &PullConfiguration) -> String {
    json::render(configuration)
}

/// The configuration as a screen; `now` tells how long a process runs. Of a configuration for one registry, what
/// concerns it. Without a final line break.
pub fn configuration_text(configuration: &PullConfiguration, now: Timestamp, style: &Style) -> String {
    let mut screen = Screen::new(style);
    screen.draw(configuration, now);
    screen.text(style)
}

/// What differs between two nodes on one line of JSON.
pub fn comparison_json(comparison: &Comparison) -> String {
    json::render(comparison)
}

/// What differs between two nodes. Without a final line break.
pub fn comparison_text(comparison: &Comparison, style: &Style) -> String {
    let mut screen = Screen::new(style);
    let Comparison { here, there, differences, .. } = comparison;
    let count = match differences.len() {
        0 => "nothing differs".to_owned(),
        1 => "1 field differs".to_owned(),
        count => format!("{count} fields differ"),
    };
    screen.lines.push(Line::painted(shown(here), Paint::new().bold(), format!(" and {}: {count}", shown(there))));
    for difference in differences {
        screen.lines.push(Line::plain(""));
        screen.lines.push(Line::plain(shown(&difference.field)));
        let said = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), shown);
        screen.row("  here", &said(&difference.here));
        screen.row("  there", &said(&difference.there));
    }
    screen.text(style)
}

struct Screen {
    width: usize,
    most: usize,
    lines: Vec<Line>,
}

impl Screen {
    fn new(style: &Style) -> Self {
        let most = if style.verbose > 0 { usize::MAX } else { MOST_ROWS };
        Self { width: style.width.max(MIN_WIDTH), most, lines: Vec::new() }
    }

    fn text(&self, style: &Style) -> String {
        self.lines.iter().map(|line| line.text(style.color)).collect::<Vec<_>>().join("\n")
    }

    /// A label with its text beside it; an empty label goes on with the last one's.
    fn row(&mut self, label: &str, text: &str) {
        self.indented(label, 0, text);
    }

    /// The same, so many columns to the right.
    fn indented(&mut self, label: &str, by: usize, text: &str) {
        let room = self.width.saturating_sub(GUTTER + by).max(1);
        for (index, line) in wrap(&shown(text), room, room).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.lines.push(Line::plain(format!("{}{line}", pad(label, GUTTER + by))));
        }
    }

    /// A block of rows under one label; what is left out is counted.
    fn block(&mut self, label: &str, rows: &[String]) {
        if rows.is_empty() {
            return;
        }
        self.lines.push(Line::plain(""));
        for (index, row) in rows.iter().take(self.most).enumerate() {
            self.row(if index == 0 { label } else { "" }, row);
        }
        if rows.len() > self.most {
            self.row("", &format!("… and {} more, with -v", rows.len() - self.most));
        }
    }

    fn draw(&mut self, c: &PullConfiguration, now: Timestamp) {
        let node = &c.node;
        let platform = format!("  {}/{}", shown(&node.os), shown(&node.arch));
        self.lines.push(Line::painted(shown(&node.name), Paint::new().bold(), platform));
        self.block("Runtime", &runtime(c, now));
        if c.host.is_some() {
            self.registries(&c.registries);
            return self.end(c);
        }
        let files = c.files.iter().flat_map(|file| {
            let settings = file.settings.iter().map(|setting| {
                let line = setting.line.map(|line| format!(":{line}")).unwrap_or_default();
                format!("{}{line} {} = {}", file.path, setting.key, setting.value)
            });
            let mut rows: Vec<String> = settings.collect();
            if rows.is_empty() {
                rows.push(format!("{} sets nothing for pulls", file.path));
            }
            rows
        });
        self.block("Files", &files.collect::<Vec<_>>());
        self.registries(&c.registries);
        self.block("Proxies", &proxies(c));
        self.block("Trust", &trust(c));
        self.block("Names", &names(c));
        if let Some(kubelet) = &c.kubelet {
            self.block("Kubelet", &of_kubelet(kubelet));
        }
        self.end(c);
    }

    fn end(&mut self, c: &PullConfiguration) {
        self.findings(c);
        let unseen: Vec<String> = c.not_checked.iter().map(|one| format!("{}: {}", one.what, one.why)).collect();
        self.block("Not checked", &unseen);
    }

    fn registries(&mut self, registries: &[RegistrySettings]) {
        if registries.is_empty() {
            self.block("Registries", &["none has settings of its own: each is asked itself, over TLS".to_owned()]);
            return;
        }
        self.lines.push(Line::plain(""));
        for (index, registry) in registries.iter().take(self.most).enumerate() {
            let set_in = registry.set_in.as_ref().map(|path| format!("  ({path})")).unwrap_or_default();
            self.row(if index == 0 { "Registries" } else { "" }, &format!("{}{set_in}", registry.registry));
            if let Some(why) = &registry.refused {
                self.indented("", 2, &format!("refused: {why}"));
            }
            for (number, endpoint) in registry.endpoints.iter().enumerate() {
                self.indented("", 2, &format!("{}. {}", number + 1, of_endpoint(endpoint)));
            }
            let is_any = registry.registry == "_default" || registry.registry.starts_with("*.");
            if is_any && registry.refused.is_none() {
                self.indented("", 2, &format!("{}. the registry itself", registry.endpoints.len() + 1));
            }
        }
        if registries.len() > self.most {
            self.row("", &format!("… and {} more, with -v", registries.len() - self.most));
        }
    }

    fn findings(&mut self, c: &PullConfiguration) {
        if c.findings.is_empty() {
            return;
        }
        self.lines.push(Line::plain(""));
        for finding in &c.findings {
            let color = match finding.severity {
                Severity::Error => AnsiColor::Red,
                Severity::Warning => AnsiColor::Yellow,
                Severity::Info => AnsiColor::Cyan,
            };
            let detail = finding.detail.as_ref().map(|detail| format!(" ({})", shown(detail))).unwrap_or_default();
            let paint = Paint::new().fg_color(Some(color.into()));
            let head = pad(&finding.severity.to_string(), GUTTER);
            self.lines.push(Line::painted(head, paint, format!("{}{detail}", finding.code)));
            self.row("", &finding.summary);
            for remedy in &finding.remedy {
                let command = remedy.command.as_ref().map(|command| format!(": {command}")).unwrap_or_default();
                self.row("  Fix", &format!("{}{command}", remedy.text));
            }
        }
    }
}

fn runtime(c: &PullConfiguration, now: Timestamp) -> Vec<String> {
    let engine = c.engine.iter().map(|engine| format!("{} engine: {}", engine.name, engine.because));
    let Some(runtime) = &c.runtime else { return std::iter::once("none was found".to_owned()).chain(engine).collect() };
    let name = runtime.name.as_deref().unwrap_or("not told");
    let version = runtime.version.as_deref().map(|v| format!(" {}", v.trim_start_matches('v'))).unwrap_or_default();
    let by = runtime.named_by.as_ref().map(|by| format!(", named by {by}")).unwrap_or_default();
    let mut rows = vec![format!("{name}{version} at {}{by}", runtime.endpoint)];
    rows.extend(engine);
    if let Some(process) = &runtime.process {
        let age = process.started_at.parse::<Timestamp>().ok().map(|start| now.duration_since(start).as_secs());
        let age = age.and_then(|seconds| u64::try_from(seconds).ok()).map(duration_in_words);
        let age = age.map(|age| format!(", {age} ago")).unwrap_or_default();
        rows.push(format!("process {}, started {}{age}", process.pid, process.started_at));
    }
    rows
}

fn of_endpoint(endpoint: &EndpointSettings) -> String {
    let named = endpoint.repository.as_ref().map(|name| format!(" as {name}")).unwrap_or_default();
    let mut told = vec![format!("{} {}{named}, {}", endpoint.role, endpoint.url, endpoint.resolves)];
    let via = if endpoint.via == "direct" { "direct".to_owned() } else { format!("via {}", endpoint.via) };
    told.push(format!("{via} ({})", endpoint.route));
    told.extend(endpoint.skip_verify.then(|| "certificate not verified".to_owned()));
    told.extend(endpoint.http_fallback.then(|| "plain HTTP after a peer without TLS".to_owned()));
    told.extend(endpoint.namespace.as_ref().map(|name| format!("ns={name}")));
    let list = |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")));
    told.extend(list("CA", &endpoint.ca));
    told.extend(list("client certificate", &endpoint.client_certificates));
    told.extend(list("headers", &endpoint.headers));
    told.join(", ")
}

fn proxies(c: &PullConfiguration) -> Vec<String> {
    let of = |proxy: &ProxyVariable| {
        let login = if proxy.login { " with a login" } else { "" };
        format!("{} {}{login}", proxy.variable, proxy.url)
    };
    let mut rows: Vec<String> = c.proxies.https.iter().chain(&c.proxies.http).map(of).collect();
    if rows.is_empty() {
        rows.push("none".to_owned());
    }
    if !c.proxies.no_proxy.is_empty() {
        rows.push(format!("except {}", c.proxies.no_proxy.join(", ")));
    }
    rows.push(match c.proxies.source.as_str() {
        "runtime" => "as the runtime's own process has them".to_owned(),
        _ => "as this process has them, in place of the runtime's".to_owned(),
    });
    rows
}

fn trust(c: &PullConfiguration) -> Vec<String> {
    let mut rows = vec![format!("{} certificates", c.trust.certificates)];
    rows.extend(c.trust.files.iter().map(|file| format!("{} ({})", file.path, file.certificates)));
    rows.extend(c.trust.ssl_cert_file.iter().map(|path| format!("SSL_CERT_FILE {path}")));
    rows.extend(c.trust.ssl_cert_dir.iter().map(|path| format!("SSL_CERT_DIR {path}")));
    rows
}

fn names(c: &PullConfiguration) -> Vec<String> {
    let resolver = &c.resolver;
    let search =
        if resolver.search.is_empty() { String::new() } else { format!(", search {}", resolver.search.join(" ")) };
    let mut rows = vec![format!("{}{search}, {}", resolver.servers.join(", "), resolver.options.join(" "))];
    rows.extend(resolver.hosts_order.iter().map(|order| format!("nsswitch.conf hosts: {order}")));
    if !resolver.system_resolver.is_empty() {
        let why = resolver.system_resolver.join("; ");
        rows.push(format!("a runtime built with cgo asks the system's resolver: {why}"));
    }
    rows
}

fn of_kubelet(kubelet: &KubeletSettings) -> Vec<String> {
    let mut rows = vec![format!("process {}, state in {}", kubelet.pid, kubelet.root_dir)];
    rows.extend(kubelet.settings.iter().map(|set| format!("{} = {}  ({})", set.key, set.value, set.set_in)));
    rows
}
