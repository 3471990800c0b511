//! The environment of a process, as far as it decides how images are pulled. Values are secrets: proxies hold passwords.

use pullagent_diagnosis::config::process_env::ProcessEnv;
use pullagent_diagnosis::config::proxy_env::ProxyEnv;
use pullagent_diagnosis::secret::Secret;

/// Variables that decide over requests, besides the proxies: Go's `crypto/x509`, `net` and `runtime` packages,
/// containerd `core/remotes/docker/schema1`, and where a process finds its own files.
const VARIABLES: [&str; 9] = [
    "REQUEST_METHOD",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GODEBUG",
    "RES_OPTIONS",
    "LOCALDOMAIN",
    "HOSTALIASES",
    "CONTAINERD_ENABLE_DEPRECATED_PULL_SCHEMA_1_IMAGE",
    "HOME",
];

/// Proxies, in whatever case: a spelling that Go does not read is worth knowing.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// The environment of a process. Debug shows names only.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: Vec<(String, Secret<String>)>,
}

impl Environment {
    /// The environment in `/proc/PID/environ`: what the process was started with. Only the variables that decide over
    /// pulls are kept; what is no text holds neither a proxy nor a path that could be used.
    pub fn from_environ(environ: &[u8]) -> Self {
        let entries = environ.split(|byte| *byte == 0).filter_map(|entry| str::from_utf8(entry).ok()?.split_once('='));
        let matters = |name: &str| VARIABLES.contains(&name) || PROXIES.iter().any(|p| p.eq_ignore_ascii_case(name));
        entries.filter(|(name, _)| matters(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The value of a variable; of a name that occurs twice the first counts, as in Go's `syscall` package.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.expose().as_str())
    }

    /// All of it as a value. `is_runtimes` says whose it is.
    pub fn as_value(&self, is_runtimes: bool) -> ProcessEnv {
        ProcessEnv::new(is_runtimes, self.variables.iter().cloned())
    }

    /// The proxies it names.
    pub fn proxies(&self) -> ProxyEnv {
        ProxyEnv::from_env(self.variables.iter().map(|(name, value)| (name, value.expose())))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name, value.into())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_over_pulls_is_kept_and_none_of_it_is_shown() {
        let environ = b"PATH=/bin\0TOKEN=t0k\0Https_Proxy=odd\0HTTPS_PROXY=http://u:s3cret@p:1\0HTTPS_PROXY=second\0\
            NO_PROXY=\xff\0no_proxy=a=b\0HOME\0GODEBUG=x509negativeserial=1\0";
        let environment = Environment::from_environ(environ);
        let names: Vec<_> = environment.variables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Https_Proxy", "HTTPS_PROXY", "HTTPS_PROXY", "no_proxy", "GODEBUG"]);
        assert_eq!(environment.get("HTTPS_PROXY"), Some("http://u:s3cret@p:1"));
        assert_eq!(environment.get("no_proxy"), Some("a=b"));
        assert_eq!(environment.get("NO_PROXY"), None);
        assert_eq!(environment.proxies().https.unwrap().variable, "HTTPS_PROXY");
        assert!(!format!("{environment:?}").contains("s3cret"));
        assert!(Environment::from_environ(b"").variables.is_empty());
    }
}
