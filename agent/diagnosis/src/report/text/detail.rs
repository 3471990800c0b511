//! What `-v` adds: every host with its name servers, addresses and certificates; the image; the examination itself.

use anstyle::Style as Paint;

use super::Screen;
use crate::diagnosis::Diagnosis;
use crate::evidence::Hop;
use crate::layer::dns::{DnsAnswer, DnsEvidence, DnsOutcome, NameSource};
use crate::layer::tls::{CertificateFacts, TlsEvidence, TlsOutcome};
use crate::layer::transport::ConnectEvidence;
use crate::report::phase;
use crate::report::shown;

impl Screen {
    /// Everything else that is known.
    pub(super) fn detail(&mut self, diagnosis: &Diagnosis) {
        for hop in &diagnosis.hops {
            self.blank();
            self.hop(hop);
        }
        self.blank();
        self.image(diagnosis);
        if let Some(runtime) = &diagnosis.node.runtime {
            self.fact("Runtime", &format!("{} {} at {}", runtime.name, runtime.version, runtime.endpoint));
        }
        self.fact("Examined", &format!("{} in {} ms", diagnosis.started_at, diagnosis.took_ms));
        self.fact("Report", &format!("{} (trouble {})", diagnosis.id, diagnosis.fingerprint));
    }

    fn hop(&mut self, hop: &Hop) {
        self.note(hop.role.word(), super::bold(), &hop.url, usize::MAX);
        self.fact("  Via", &format!("{} ({})", hop.via, hop.route));
        let [_, _, _, tls, http] = phase::phases(hop);
        if let Some(dns) = &hop.dns {
            self.dns(dns, hop);
        }
        if let Some(connect) = &hop.connect {
            self.connect(connect);
        }
        if let Some(proxy) = &hop.proxy {
            let [.., word, _, _] = phase::phases(hop);
            self.fact("  Proxy", &format!("{}, {} ms", word.word, proxy.ms));
            if let Some(tls) = &proxy.tls {
                self.tls("  TLS to it", &phase::handshake(&tls.outcome).0, tls);
            }
        }
        if let Some(evidence) = &hop.tls {
            self.tls("  TLS", &tls.word, evidence);
        }
        if let Some(evidence) = &hop.http {
            self.fact("  HTTP", &format!("{}, {} ms", http.word, evidence.ms));
        }
    }

    fn dns(&mut self, dns: &DnsEvidence, hop: &Hop) {
        let [word, ..] = phase::phases(hop);
        let mut text = format!("{}, {} ms", word.word, dns.ms);
        if let DnsOutcome::Ok { addresses, source } = &dns.outcome {
            let source = match source {
                NameSource::Literal => ", an address itself",
                NameSource::HostsFile => ", by the hosts file",
                NameSource::Dns => "",
            };
            text = format!("{text}{source}: {}", list(addresses));
        }
        self.fact("  DNS", &text);
        if let Some(name) = &dns.name {
            self.fact("", &format!("as {name}"));
        }
        for server in &dns.servers {
            let said = name_server(&server.answer);
            self.fact("", &format!("server {}: {said}, {} ms", server.server, server.ms));
        }
        if self.verbose < 2 {
            return;
        }
        for query in &dns.queries {
            let family = match query.family {
                crate::layer::dns::Family::Ipv4 => "A",
                crate::layer::dns::Family::Ipv6 => "AAAA",
            };
            let tcp = if query.tcp { " over TCP" } else { "" };
            let said = name_server(&query.answer);
            self.fact("", &format!("{} {family}{tcp} at {}: {said}, {} ms", query.name, query.server, query.ms));
        }
    }

    fn connect(&mut self, connect: &ConnectEvidence) {
        let from = connect.source.map(|ip| format!(" from {ip}")).unwrap_or_default();
        let (word, _) = phase::connection(&connect.outcome);
        self.fact("  TCP", &format!("{word}, {} ms, port {}{from}", connect.ms, connect.port));
        for address in &connect.addresses {
            let word = match phase::connection(&address.outcome).0 {
                word if word == "-" => "not waited for".to_owned(),
                word => word,
            };
            self.fact("", &format!("{}: {word}, {} ms", address.ip, address.ms));
        }
    }

    fn tls(&mut self, label: &str, word: &str, tls: &TlsEvidence) {
        let agreed = match &tls.outcome {
            TlsOutcome::Ok { version, protocol: Some(protocol), .. } => format!(", {version}, {protocol}"),
            TlsOutcome::Ok { version, protocol: None, .. } => format!(", {version}"),
            _ => String::new(),
        };
        self.fact(label, &format!("{word}, {} ms{agreed}", tls.ms));
        tls.chain.iter().for_each(|certificate| self.certificate(certificate));
    }

    fn certificate(&mut self, certificate: &CertificateFacts) {
        self.fact("", &format!("certificate {}", certificate.subject));
        self.fact("", &format!("issued by {}", certificate.issuer));
        self.fact("", &format!("valid {} to {}", certificate.not_before, certificate.not_after));
        if !certificate.names.is_empty() {
            self.fact("", &format!("for {}", certificate.names.join(", ")));
        }
        self.fact("", &format!("SHA-256 {}", certificate.sha256));
    }

    fn image(&mut self, diagnosis: &Diagnosis) {
        if let Some(image) = &diagnosis.image {
            let size = image.bytes.map(|bytes| format!("{bytes} bytes"));
            let parts = [image.digest.clone(), image.media_type.clone(), size];
            self.fact("Image", &parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
            if let Some(held) = &image.on_node {
                self.fact("On the node", &format!("{}, {} bytes", held.digest, held.bytes));
            }
            if !image.platforms.is_empty() {
                self.fact("Platforms", &list(&image.platforms));
            }
        }
        if let Some(limit) = &diagnosis.rate_limit {
            let whose = if limit.source.is_empty() { String::new() } else { format!(" ({})", limit.source) };
            let minutes = limit.window_seconds / 60;
            self.fact("Allowance", &format!("{} of {} left in {minutes} min{whose}", limit.remaining, limit.limit));
        }
    }

    fn fact(&mut self, label: &str, text: &str) {
        self.note(label, Paint::new().dimmed(), text, usize::MAX);
    }
}

/// What a name server said, with its own words where they add something.
fn name_server(answer: &DnsAnswer) -> String {
    let word = phase::name_server(answer);
    match answer {
        DnsAnswer::Ok { addresses } => format!("{word} ({})", list(addresses)),
        DnsAnswer::Unusable { why } | DnsAnswer::Unreachable { why } => format!("{word} ({})", shown(why)),
        _ => word.to_owned(),
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
