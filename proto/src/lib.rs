//! The agent's gRPC on its unix socket, as `pullagent/v1/agent.proto` defines it. Types only: who may ask, and what
//! is answered, is the business of the command.

use std::fmt;

/// Version 1, the only one.
#[expect(clippy::pedantic, reason = "written by a program")]
pub mod v1 {
    tonic::include_proto!("pullagent.v1");
}

impl fmt::Debug for v1::Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}

impl fmt::Debug for v1::DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DockerConfig(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::v1::{Credential, DockerConfig, Login, ProbeRequest, credential::Kind};

    #[test]
    fn a_request_is_shown_without_what_is_secret_in_it() {
        let secret = || "hunter2".to_owned();
        let kinds = [
            Kind::Login(Login { user: secret(), password: secret() }),
            Kind::DockerConfig(DockerConfig { text: secret() }),
        ];
        let credential = |kind| Credential { source: "--username".to_owned(), kind: Some(kind) };
        let request = ProbeRequest { credentials: kinds.map(credential).into(), ..ProbeRequest::default() };
        let shown = format!("{request:?}");
        assert!(shown.contains("Login(***)") && shown.contains("DockerConfig(***)"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
