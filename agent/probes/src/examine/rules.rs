//! One endpoint's own rules in the form in which they are used: authorities parsed, keys loaded, headers checked.

use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use pullagent_diagnosis::case::NotChecked;
use pullagent_diagnosis::plan::{Endpoint, Plan};
use pullagent_diagnosis::runtime::{Kind, Runtime, RuntimeVersion};
use pullagent_diagnosis::text::clean;

use crate::tls::ClientKey;
use crate::trust::parse_certificates;

/// Bytes of a name from a file.
const NAME: usize = 200;

/// Headers that belong to the connection: Go's client sets these itself.
const OF_THE_CONNECTION: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE];

/// An endpoint's own rules.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Authorities besides the system's, in DER form.
    pub(super) roots: Arc<Vec<Vec<u8>>>,
    /// Client certificates.
    pub(super) client_keys: Arc<Vec<ClientKey>>,
    /// Sent with every request to the endpoint; all of them are marked as sensitive.
    pub(super) headers: HeaderMap,
    /// Whether the token service gets the headers too: containerd sends them there since 2.1
    /// (`core/remotes/docker/auth/fetch.go`).
    pub(super) headers_for_tokens: bool,
    /// What the runtime uses here and we cannot. Without it the endpoint would answer us otherwise than the runtime.
    pub(super) unusable: Vec<NotChecked>,
}

impl Rules {
    pub(super) fn of(plan: &Plan, endpoint: &Endpoint) -> Self {
        let mut rules = Self { headers_for_tokens: sends_headers_for_tokens(plan), ..Self::default() };
        let roots = endpoint.authorities.iter().flat_map(|file| parse_certificates(&file.pem));
        rules.roots = Arc::new(roots.collect());
        let mut keys = Vec::new();
        for pair in &endpoint.client_pairs {
            match ClientKey::parse(&pair.chain, &pair.key) {
                Ok(key) => keys.push(key),
                Err(why) => rules.cannot_use(format!("the client certificate {}", clean(&pair.path, NAME)), why),
            }
        }
        rules.client_keys = Arc::new(keys);
        for (name, value) in &endpoint.headers {
            match (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.expose().as_str())) {
                (Ok(name), Ok(_)) if OF_THE_CONNECTION.contains(&name) => {}
                (Ok(name), Ok(mut value)) => {
                    value.set_sensitive(true);
                    rules.headers.append(name, value);
                }
                _ => rules.cannot_use(format!("the header `{}`", clean(name, NAME)), "it cannot stand in a request"),
            }
        }
        rules
    }

    fn cannot_use(&mut self, what: String, why: impl Into<String>) {
        self.unusable.push(NotChecked::new(what, why));
    }
}

/// Only of a version that is known: a header may hold a login, which nobody gets on a guess.
fn sends_headers_for_tokens(plan: &Plan) -> bool {
    let version = plan.runtime.as_ref().and_then(Runtime::version).filter(|v| v.kind() == Kind::Containerd);
    version.and_then(RuntimeVersion::numbers).is_some_and(|numbers| numbers >= (2, 1))
}
