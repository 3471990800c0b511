//! Why the API server gave no answer, in words: what was attempted, on what, and which rule would allow it. The texts of
//! the client are not passed on where they could hold a token or a line of a kubeconfig.

use std::fmt;

use pullagent_diagnosis::text::clean;

/// Bytes of a foreign text that are shown.
const MAX_TEXT: usize = 200;

/// Why a request to the API server came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubeError {
    /// There is nobody to ask as.
    #[error("the API server is not asked: {why}")]
    Nobody {
        /// Why not.
        why: String,
    },
    /// A kubeconfig, or a file that it names, is of no use.
    #[error("{why}")]
    Kubeconfig {
        /// Which and why.
        why: String,
    },
    /// What was asked for does not exist.
    #[error("there is no {what}")]
    Absent {
        /// For a person: `pod prod/web-0`.
        what: String,
    },
    /// The API server does not allow it.
    #[error("{who} may not {attempted}; {remedy}")]
    Forbidden {
        /// Who asked.
        who: String,
        /// What was attempted.
        attempted: String,
        /// What would allow it.
        remedy: String,
    },
    /// The API server does not know who asks.
    #[error("the API server at {server} does not accept {who}: its certificate or token may have expired")]
    Unauthorized {
        /// Who asked.
        who: String,
        /// Where.
        server: String,
    },
    /// It could not be reached.
    #[error("cannot {attempted}: the API server at {server} cannot be reached: {why}")]
    Unreachable {
        /// What was attempted.
        attempted: String,
        /// Where.
        server: String,
        /// The innermost error.
        why: String,
    },
    /// It did not answer.
    #[error("cannot {attempted}: the API server at {server} did not answer within {seconds} s")]
    TimedOut {
        /// What was attempted.
        attempted: String,
        /// Where.
        server: String,
        /// After how long it was given up.
        seconds: u64,
    },
    /// It answered with something else.
    #[error("cannot {attempted}: the API server answered {status} {text}")]
    Refused {
        /// What was attempted.
        attempted: String,
        /// The status code.
        status: u16,
        /// Its words.
        text: String,
    },
}

/// A rule of a role, as small as it can be to allow one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `get`, `list`, `watch`, `create` or `patch`.
    pub(crate) verb: &'static str,
    /// In the plural: `secrets`, of the core group, or `leases`, of theirs.
    pub(crate) resource: &'static str,
    /// The one object that is meant; absent for all.
    pub(crate) name: Option<String>,
    /// The namespace; absent for all of them.
    pub(crate) namespace: Option<String>,
}

impl Rule {
    /// What is attempted: `get secret prod/regcred`, `list pods in namespace prod`.
    pub(crate) fn in_words(&self) -> String {
        let place = self.namespace.as_deref().map(|namespace| clean(namespace, MAX_TEXT));
        match (&self.name, place) {
            (Some(_), _) => format!("{} {}", self.verb, self.object()),
            (None, Some(namespace)) => format!("{} {} in namespace {namespace}", self.verb, self.resource),
            // They are in no namespace.
            (None, None) if self.resource == "nodes" => format!("{} nodes", self.verb),
            (None, None) => format!("{} {} in all namespaces", self.verb, self.resource),
        }
    }

    fn is_reading(&self) -> bool {
        matches!(self.verb, "get" | "list" | "watch")
    }

    /// The object that is meant: `secret prod/regcred`.
    pub(crate) fn object(&self) -> String {
        let kind = self.resource.strip_suffix('s').unwrap_or(self.resource);
        let parts = [self.namespace.as_deref(), self.name.as_deref()].into_iter().flatten();
        let path = parts.map(|part| clean(part, MAX_TEXT)).collect::<Vec<_>>().join("/");
        format!("{kind} {path}")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.resource == "leases" { "coordination.k8s.io" } else { "" };
        write!(f, "apiGroups: [\"{group}\"], resources: [\"{}\"]", self.resource)?;
        // The names of what is written are many.
        if let Some(name) = self.name.as_ref().filter(|_| self.verb != "patch") {
            write!(f, ", resourceNames: [\"{}\"]", clean(name, MAX_TEXT))?;
        }
        let verbs = match self.verb {
            // Whoever needs one of two needs the other one next.
            "create" | "patch" => "create\", \"patch",
            "watch" => "list\", \"watch",
            verb => verb,
        };
        write!(f, ", verbs: [\"{verbs}\"]")?;
        match &self.namespace {
            Some(namespace) => write!(f, ", in namespace {}", clean(namespace, MAX_TEXT)),
            None => f.write_str(", in a ClusterRole"),
        }
    }
}

/// Who asks where, for the words of an error.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    /// Who.
    pub(super) who: String,
    /// Where.
    pub(super) server: String,
    /// Whether it is a kubelet, whose rights do not come from roles.
    pub(super) is_kubelet: bool,
}

/// The words for what the client says about a request that `rule` would allow.
pub(super) fn from_client(error: &kube::Error, rule: &Rule, asker: &Asker) -> KubeError {
    let attempted = rule.in_words();
    let Asker { who, server, is_kubelet } = asker.clone();
    match error {
        kube::Error::Api(status) => match status.code {
            401 => KubeError::Unauthorized { who, server },
            403 => KubeError::Forbidden { who, attempted, remedy: remedy(rule, is_kubelet) },
            404 if rule.name.is_some() => KubeError::Absent { what: rule.object() },
            code => KubeError::Refused { attempted, status: code, text: clean(&status.message, MAX_TEXT) },
        },
        kube::Error::SerdeError(_) => {
            KubeError::Refused { attempted, status: 200, text: "with something that is not what was asked for".into() }
        }
        other => KubeError::Unreachable { attempted, server, why: why(other) },
    }
}

/// A node reads what its own pods need, whatever the roles say (`plugin/pkg/auth/authorizer/node/node_authorizer.go`): its
/// rights are what they are, and somebody else has to ask.
fn remedy(rule: &Rule, is_kubelet: bool) -> String {
    let may = match rule.resource {
        "secrets" | "serviceaccounts" if rule.name.is_none() => "a kubelet reads them one at a time",
        "secrets" | "serviceaccounts" => "a kubelet may only while a pod on its node refers to it",
        "pods" => "a kubelet may only read the pods of its node",
        "events" => "a kubelet may write events but not read them",
        "nodes" => "a kubelet may only read its own node",
        "leases" => "a kubelet may only read its own Lease in kube-node-lease",
        _ => "a kubelet never may",
    };
    // What it lacks to write is a role's to give.
    if is_kubelet && rule.is_reading() {
        return format!("{may}: `--kubeconfig` asks as somebody else");
    }
    format!("a role with this rule allows it: {rule}")
}

/// Why there is no client, or no connection: our own words for errors that quote what they read, else the innermost.
pub(super) fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(error) => auth(error),
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            "its proxy-url is of a kind that is not supported".to_owned()
        }
        other => {
            // A plugin runs when its token has to be renewed, behind the layers of the client.
            let mut inner: &(dyn std::error::Error + 'static) = other;
            loop {
                if let Some(error) = inner.downcast_ref::<kube::client::AuthError>() {
                    return auth(error);
                }
                match inner.source() {
                    Some(source) => inner = source,
                    None => return clean(&inner.to_string(), MAX_TEXT),
                }
            }
        }
    }
}

fn auth(error: &kube::client::AuthError) -> String {
    use kube::client::AuthError;
    match error {
        AuthError::AuthExecStart(error) => format!("the plugin of the kubeconfig cannot be started: {}", error.kind()),
        AuthError::AuthExecRun { out, .. } => format!("the plugin of the kubeconfig failed with {}", out.status),
        AuthError::ReadTokenFile(error, path) => format!("cannot read {}: {}", path.display(), error.kind()),
        AuthError::InvalidBearerToken(_) => "the token is not one line of text".to_owned(),
        _ => "the plugin of the kubeconfig gave no usable login".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: Option<&str>) -> Rule {
        let name = name.map(str::to_owned);
        Rule { verb: "get", resource: "secrets", name, namespace: Some("prod".to_owned()) }
    }

    #[track_caller]
    fn check(code: u16, is_kubelet: bool, want: &str) {
        let status =
            serde_json::json!({ "code": code, "message": "etcd \u{7}is away", "reason": "X", "status": "Failure" });
        let error = kube::Error::Api(Box::new(serde_json::from_value(status).unwrap()));
        let asker = Asker { who: "the kubelet".to_owned(), server: "https://10.0.0.1".to_owned(), is_kubelet };
        assert_eq!(from_client(&error, &rule(Some("regcred")), &asker).to_string(), want);
    }

    #[test]
    fn what_was_refused_is_said_with_the_rule_that_would_allow_it() {
        check(404, false, "there is no secret prod/regcred");
        check(
            403,
            false,
            "the kubelet may not get secret prod/regcred; a role with this rule allows it: apiGroups: [\"\"], \
             resources: [\"secrets\"], resourceNames: [\"regcred\"], verbs: [\"get\"], in namespace prod",
        );
        check(
            403,
            true,
            "the kubelet may not get secret prod/regcred; a kubelet may only while a pod on its node refers to it: \
             `--kubeconfig` asks as somebody else",
        );
        check(
            401,
            false,
            "the API server at https://10.0.0.1 does not accept the kubelet: its certificate or token may have expired",
        );
        check(500, false, "cannot get secret prod/regcred: the API server answered 500 etcd is away");
    }

    #[test]
    fn a_list_is_of_a_namespace_or_of_all() {
        assert_eq!(rule(None).in_words(), "get secrets in namespace prod");
        let all = Rule { verb: "list", resource: "pods", name: None, namespace: None };
        assert_eq!(all.in_words(), "list pods in all namespaces");
        assert_eq!(all.to_string(), "apiGroups: [\"\"], resources: [\"pods\"], verbs: [\"list\"], in a ClusterRole");
    }

    #[track_caller]
    fn check_rule(verb: &'static str, name: Option<&str>, want: &str) {
        let rule = Rule { verb, resource: "events", name: name.map(str::to_owned), namespace: None };
        assert_eq!(
            rule.to_string(),
            format!("apiGroups: [\"\"], resources: [\"events\"], verbs: [{want}], in a ClusterRole")
        );
    }

    #[test]
    fn a_rule_has_what_is_needed_next_as_well() {
        check_rule("create", None, "\"create\", \"patch\"");
        check_rule("patch", Some("web-0.5e1f"), "\"create\", \"patch\"");
        check_rule("watch", None, "\"list\", \"watch\"");
    }

    #[test]
    fn what_a_plugin_printed_is_not_passed_on() {
        use std::os::unix::process::ExitStatusExt;
        let out = std::process::Output {
            status: std::process::ExitStatus::from_raw(256),
            stdout: b"hunter2".to_vec(),
            stderr: b"hunter2".to_vec(),
        };
        let failed =
            kube::client::AuthError::AuthExecRun { cmd: "x --password hunter2".to_owned(), out: Box::new(out) };
        let direct = why(&kube::Error::Auth(failed));
        assert_eq!(direct, "the plugin of the kubeconfig failed with exit status: 1");
        let start = kube::client::AuthError::AuthExecStart(std::io::Error::other("hunter2"));
        assert_eq!(
            why(&kube::Error::Service(Box::new(start))),
            "the plugin of the kubeconfig cannot be started: other error"
        );
    }
}
