//! From the text of a scenario file to a scenario that makes sense; every mistake is named with its field.

use std::path::{Component, Path};

use super::{Certificate, Scenario, ScenarioError};
use crate::proxy::Decision;

impl Scenario {
    /// Reads a scenario; `file` names it in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)
            .map_err(|source| ScenarioError::Syntax { file: file.to_owned(), source: Box::new(source) })?;
        scenario.validate().map_err(|(field, problem)| ScenarioError::Field {
            file: file.to_owned(),
            field,
            problem: problem.to_owned(),
        })?;
        Ok(scenario)
    }

    /// Ids of all servers, each with the field of its table.
    pub(super) fn ids(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let of = |kind: &'static str| move |id| (kind, id);
        (self.registry.keys().map(of("registry")))
            .chain(self.proxy.keys().map(of("proxy")))
            .chain(self.peer.keys().map(of("peer")))
            .chain(self.refused.keys().map(of("refused")))
            .chain(self.blackhole.keys().map(of("blackhole")))
            .chain(self.docker_registry.keys().map(of("docker_registry")))
            .chain(self.squid.keys().map(of("squid")))
    }

    fn validate(&self) -> Result<(), (String, &'static str)> {
        let mut seen = vec!["ca", "client", "now"];
        for (kind, id) in self.ids() {
            if seen.contains(&id.as_str()) {
                return Err((format!("{kind}.{id}"), "the id is taken"));
            }
            seen.push(id);
        }
        for (id, registry) in &self.registry {
            let field = |name: &str| format!("registry.{id}.{name}");
            for (name, other) in [("token_for", &registry.token_for), ("storage_of", &registry.storage_of)] {
                if other.as_ref().is_some_and(|other| !self.registry.contains_key(other)) {
                    return Err((field(name), "no registry has this id"));
                }
            }
            registry.certificate.validate().map_err(|problem| (field("certificate.names"), problem))?;
            if registry.token.oauth_status.is_some_and(|status| !is_status(status)) {
                return Err((field("token.oauth_status"), "not an HTTP status"));
            }
            for (number, misdeed) in registry.behaviour.iter().enumerate() {
                misdeed.does.validate().map_err(|problem| (field(&format!("behaviour[{number}].does")), problem))?;
            }
        }
        for (id, proxy) in &self.proxy {
            let field = |name: &str| format!("proxy.{id}.{name}");
            proxy.certificate.validate().map_err(|problem| (field("certificate.names"), problem))?;
            if matches!(proxy.does, Decision::Status(status) if !is_status(status)) {
                return Err((field("does"), "not an HTTP status"));
            }
            let of_socks = matches!(proxy.does, Decision::Reply(_));
            let of_http =
                proxy.tls || proxy.inspects || proxy.date.is_some() || matches!(proxy.does, Decision::Status(_));
            if if proxy.socks { of_http } else { of_socks } {
                return Err((
                    field("socks"),
                    "a reply is SOCKS5's; a status, a date, TLS and its inspection are HTTP's",
                ));
            }
        }
        for (id, registry) in &self.docker_registry {
            let field = || format!("docker_registry.{id}.certificate.names");
            registry.certificate.validate().map_err(|problem| (field(), problem))?;
        }
        for path in self.files.keys() {
            let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
            if path.is_empty() || !inside {
                return Err((format!("files.{path:?}"), "not a relative path that stays below the root"));
            }
        }
        Ok(())
    }
}

impl Certificate {
    fn validate(&self) -> Result<(), &'static str> {
        let readable = |name: &String| name.is_ascii() && !name.is_empty();
        let names = self.names.iter().flatten().all(readable);
        names.then_some(()).ok_or("a certificate's names are ASCII and not empty")
    }
}

fn is_status(status: u16) -> bool {
    (200..=599).contains(&status)
}
