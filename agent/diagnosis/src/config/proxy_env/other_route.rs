//! The way that a request does not take: past its proxy, or through the proxy that an exception keeps it from.
//!
//! Changes nothing; says which entries a person would have to add or take out, by asking what Go would do then.

use super::{DirectReason, NoProxy, ProxyEnv, ProxyUrl, Route};

/// More entries than this are no advice any more.
const MAX_ENTRIES: usize = 8;

/// What a process reads whose environment has no exceptions yet.
const NO_PROXY: &str = "NO_PROXY";

/// The way that a request would take if the exceptions were others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherRoute {
    /// The proxy that it would go through; `None` for direct.
    pub proxy: Option<ProxyUrl>,
    /// The exceptions' variable as it is spelled in the environment.
    pub variable: String,
    /// The entries to add for a direct way, or to take out for one through the proxy.
    pub entries: Vec<String>,
}

impl ProxyEnv {
    /// The way that [`route`](Self::route) would give with other exceptions; `None` where exceptions decide nothing: no
    /// proxy is set, or the host is this node.
    ///
    /// An entry to add has no port: without one it matches every port.
    pub fn other_route(&self, scheme: &str, host: &str, port: Option<u16>) -> Option<OtherRoute> {
        let variable = self.no_proxy.as_ref().map_or_else(|| NO_PROXY.to_owned(), |set| set.variable.clone());
        match self.route(scheme, host, port) {
            Route::Proxy { .. } => {
                let entry = host.to_owned();
                let present = self.no_proxy.as_ref().map_or("", |set| set.value.as_str());
                let extended = self.with_exceptions(&variable, format!("{present},{entry}"));
                (exception(extended.route(scheme, host, port))? == entry).then(|| OtherRoute {
                    proxy: None,
                    variable,
                    entries: vec![entry],
                })
            }
            Route::Direct { because: DirectReason::Exception { entry, .. } } => {
                let mut entries = vec![entry];
                while entries.len() <= MAX_ENTRIES {
                    match self.without(&entries).route(scheme, host, port) {
                        Route::Proxy { url, .. } => return Some(OtherRoute { proxy: Some(url), variable, entries }),
                        other => entries.push(exception(other)?),
                    }
                }
                None
            }
            Route::Direct { .. } | Route::CgiRefused { .. } => None,
        }
    }

    fn without(&self, out: &[String]) -> Self {
        let Some(set) = &self.no_proxy else { return self.clone() };
        let kept: Vec<&str> = set.entries().filter(|entry| !out.iter().any(|out| out == entry)).collect();
        self.with_exceptions(&set.variable, kept.join(","))
    }

    fn with_exceptions(&self, variable: &str, value: String) -> Self {
        Self { no_proxy: Some(NoProxy { variable: variable.to_owned(), value }), ..self.clone() }
    }
}

fn exception(route: Route) -> Option<String> {
    match route {
        Route::Direct { because: DirectReason::Exception { entry, .. } } => Some(entry),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "http://u:hunter2@proxy:3128";

    #[track_caller]
    fn check(env: &[(&str, &str)], host: &str, port: u16, expected: Option<(&str, &[&str])>) {
        let other = ProxyEnv::from_env(env.iter().copied()).other_route("https", host, Some(port));
        let found = other.as_ref().map(|other| {
            let entries: Vec<&str> = other.entries.iter().map(String::as_str).collect();
            (other.proxy.as_ref().map_or_else(|| "direct".to_owned(), ToString::to_string), entries)
        });
        let expected = expected.map(|(via, entries)| (via.to_owned(), entries.to_vec()));
        assert_eq!(found, expected, "{env:?} {host}:{port}");
    }

    #[test]
    fn a_host_behind_the_proxy_needs_one_entry() {
        let env = &[("HTTPS_PROXY", PROXY), ("NO_PROXY", "other.io")];
        check(env, "registry.corp.io", 5000, Some(("direct", &["registry.corp.io"])));
        check(env, "fd00::1", 443, Some(("direct", &["fd00::1"])));
        check(env, "10.0.0.1", 443, Some(("direct", &["10.0.0.1"])));
        // A name that no single entry can hold.
        check(env, "a,b", 443, None);
    }

    #[test]
    fn an_excepted_host_needs_every_entry_that_matches_it_taken_out() {
        let through = "http://proxy:3128";
        let env = |no_proxy| [("HTTPS_PROXY", PROXY), ("NO_PROXY", no_proxy)];
        check(&env("a.io, b.io"), "b.io", 443, Some((through, &["b.io"])));
        check(
            &env(".corp.io,x,r.corp.io:443,r.corp.io"),
            "r.corp.io",
            443,
            Some((through, &[".corp.io", "r.corp.io:443", "r.corp.io"])),
        );
        check(&env("r.corp.io,*"), "r.corp.io", 443, Some((through, &["*", "r.corp.io"])));
        check(&env("1.io,1.io:1,io,.io,*.io,1.IO,1.iO,1.Io,IO,iO"), "1.io", 1, None);
    }

    #[test]
    fn where_exceptions_decide_nothing_there_is_no_other_way() {
        check(&[], "registry.corp.io", 443, None);
        check(&[("HTTP_PROXY", PROXY)], "registry.corp.io", 443, None);
        check(&[("HTTPS_PROXY", PROXY), ("NO_PROXY", "localhost,127.0.0.0/8")], "localhost", 443, None);
        check(&[("HTTPS_PROXY", PROXY), ("NO_PROXY", "127.0.0.1")], "127.0.0.1", 443, None);
        check(&[("HTTPS_PROXY", "%"), ("NO_PROXY", "registry.corp.io")], "registry.corp.io", 443, None);
    }

    #[test]
    fn the_spelling_that_is_read_is_the_one_advised() {
        let variable = |env: &[(&str, &str)]| {
            ProxyEnv::from_env(env.iter().copied()).other_route("https", "a.io", None).map(|other| other.variable)
        };
        assert_eq!(variable(&[("https_proxy", PROXY)]).as_deref(), Some("NO_PROXY"));
        assert_eq!(variable(&[("https_proxy", PROXY), ("no_proxy", "b.io")]).as_deref(), Some("no_proxy"));
    }

    proptest! {
        #[test]
        fn what_is_advised_does_what_it_says(no_proxy in "[ab.:*/0-9,]{0,30}", host in "[ab.:0-9]{1,6}") {
            let env = ProxyEnv::from_env([("HTTPS_PROXY", PROXY), ("NO_PROXY", no_proxy.as_str())]);
            if let Some(other) = env.other_route("https", &host, None) {
                let value = match other.proxy {
                    None => format!("{no_proxy},{}", other.entries[0]),
                    Some(_) => no_proxy.split(',').filter(|e| !other.entries.contains(&e.trim().to_owned())).collect::<Vec<_>>().join(","),
                };
                let then = ProxyEnv::from_env([("HTTPS_PROXY", PROXY), ("NO_PROXY", value.as_str())]).route("https", &host, None);
                prop_assert_eq!(matches!(then, Route::Proxy { .. }), other.proxy.is_some(), "{}", value);
            }
        }
    }
}
