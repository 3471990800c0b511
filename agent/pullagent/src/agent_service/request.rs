//! What a caller asks for, taken for a case if every word of it is within bounds.

use std::time::Duration;

use pullagent_diagnosis::case::{Case, GivenCredential};
use pullagent_diagnosis::reproduction::Policy;
use pullagent_diagnosis::text::clean;
use pullagent_proto::v1::credential::Kind;
use pullagent_proto::v1::{Credential, ProbeRequest, Pull};
use tonic::Status;

/// Bytes of an image's name: more than any runtime takes.
const IMAGE: usize = 4096;
/// Logins at once.
const CREDENTIALS: usize = 16;
/// Bytes of the name of where a login comes from.
const SOURCE: usize = 200;
/// Bytes of a pod's name or a namespace's.
const NAME: usize = 253;
/// The longest examination.
const LONGEST: Duration = Duration::from_mins(10);

/// A request to probe.
#[derive(Debug)]
pub(super) struct Asked {
    /// What is asked, as the caller alone.
    pub(super) case: Case,
    /// How long it may take.
    pub(super) time: Duration,
    /// Never lets the runtime pull; differs in the reason that the report gives.
    pub(super) policy: Policy,
}

impl TryFrom<ProbeRequest> for Asked {
    type Error = Status;

    /// Errors: `INVALID_ARGUMENT`, with the field and never with what is in it.
    fn try_from(request: ProbeRequest) -> Result<Self, Status> {
        let policy = match request.pull() {
            Pull::Auto => Policy::ForOthers,
            Pull::Never => Policy::Never,
        };
        let ProbeRequest { image, platform, timeout_ms, credentials, anonymous, .. } = request;
        let time = Duration::from_millis(timeout_ms.into());
        if image.len() > IMAGE {
            return Err(wrong(&format!("image: it is longer than {IMAGE} bytes")));
        }
        if time.is_zero() || time > LONGEST {
            return Err(wrong("timeout_ms: it must be at least 1 and at most 600000"));
        }
        if credentials.len() > CREDENTIALS {
            return Err(wrong(&format!("credentials: there are more than {CREDENTIALS}")));
        }
        if anonymous && !credentials.is_empty() {
            return Err(wrong("credentials: an anonymous pull offers none"));
        }
        let platform = platform.map(|platform| platform.parse()).transpose();
        let platform = platform.map_err(|_| wrong("platform: write it as os/arch or os/arch/variant"))?;
        let credentials = credentials.into_iter().map(given).collect::<Result<_, _>>()?;
        Ok(Self { case: Case { image, platform, credentials, anonymous, ..Case::default() }, time, policy })
    }
}

fn given(credential: Credential) -> Result<GivenCredential, Status> {
    let source = clean(&credential.source, SOURCE);
    match credential.kind {
        Some(Kind::Login(login)) => {
            Ok(GivenCredential::Login { source, user: login.user, password: login.password.into() })
        }
        Some(Kind::DockerConfig(config)) => Ok(GivenCredential::DockerConfig { source, text: config.text.into() }),
        None => Err(wrong("credentials: one of them is of no kind")),
    }
}

/// A name that can be a pod's or a namespace's.
///
/// Errors: `INVALID_ARGUMENT`.
pub(super) fn pod_name<'a>(name: &'a str, field: &str) -> Result<&'a str, Status> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    if name.len() > NAME || !is_name(name) {
        return Err(wrong(&format!("{field}: that is no name")));
    }
    Ok(name)
}

fn wrong(what: &str) -> Status {
    Status::invalid_argument(what)
}

#[cfg(test)]
mod tests {
    use pullagent_proto::v1::Login;

    use super::*;

    fn request() -> ProbeRequest {
        ProbeRequest { image: "r.io/a:1".to_owned(), timeout_ms: 1000, ..ProbeRequest::default() }
    }

    fn login() -> Credential {
        let login = Login { user: "u".to_owned(), password: "hunter2".to_owned() };
        Credential { source: "--username".to_owned(), kind: Some(Kind::Login(login)) }
    }

    #[track_caller]
    fn refuses(request: ProbeRequest, want: &str) {
        let status = Asked::try_from(request).unwrap_err();
        assert_eq!((status.code(), status.message()), (tonic::Code::InvalidArgument, want));
    }

    #[test]
    fn a_request_within_bounds_is_a_case_of_the_callers_own() {
        let platform = Some("linux/arm64".to_owned());
        let asked = Asked::try_from(ProbeRequest { platform, credentials: vec![login()], ..request() }).unwrap();
        assert_eq!((asked.time, asked.policy), (Duration::from_secs(1), Policy::ForOthers));
        assert_eq!(asked.case.platform.as_ref().map(ToString::to_string).as_deref(), Some("linux/arm64"));
        let GivenCredential::Login { password, .. } = &asked.case.credentials[0] else { panic!("{asked:?}") };
        assert_eq!(password.expose(), "hunter2");
        assert!(!format!("{asked:?}").contains("hunter2"));
        let never = ProbeRequest { pull: Pull::Never.into(), ..request() };
        assert_eq!(Asked::try_from(never).unwrap().policy, Policy::Never);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_its_field() {
        let bounds = "timeout_ms: it must be at least 1 and at most 600000";
        refuses(ProbeRequest { timeout_ms: 0, ..request() }, bounds);
        refuses(ProbeRequest { timeout_ms: 600_001, ..request() }, bounds);
        refuses(ProbeRequest { image: "x".repeat(IMAGE + 1), ..request() }, "image: it is longer than 4096 bytes");
        refuses(ProbeRequest { credentials: vec![login(); 17], ..request() }, "credentials: there are more than 16");
        let anonymous = ProbeRequest { credentials: vec![login()], anonymous: true, ..request() };
        refuses(anonymous, "credentials: an anonymous pull offers none");
        let platform = Some("hunter2".to_owned());
        refuses(ProbeRequest { platform, ..request() }, "platform: write it as os/arch or os/arch/variant");
        let none = Credential { source: String::new(), kind: None };
        refuses(ProbeRequest { credentials: vec![none], ..request() }, "credentials: one of them is of no kind");
    }

    #[test]
    fn names_of_pods_lead_nowhere_else() {
        let is = |name: &str| pod_name(name, "pod").is_ok();
        assert!(is("web-0") && is("kube-proxy.1"));
        for name in ["", "../secrets/x", "a/b", "a?b", "-a", ".", "a b", &"x".repeat(254)] {
            assert!(!is(name), "{name}");
        }
    }
}
