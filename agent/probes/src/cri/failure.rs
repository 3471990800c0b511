//! What a failed connection or call to a runtime was: told apart by type, and described in our own words.

use std::error::Error;
use std::fmt;
use std::io;

use pullagent_diagnosis::runtime::{RuntimeAnswer, SocketFailure};
use tonic::{Code, Status};

/// Bytes of a runtime's words that are kept.
const MAX_WORDS: usize = 64 * 1024;

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallFailure {
    /// The runtime said so.
    Refused {
        /// The name of the gRPC status, as Go writes it.
        status: String,
        /// Its words.
        message: String,
    },
    /// What answers does not speak gRPC.
    NotGrpc {
        /// What it did.
        why: String,
    },
    /// The connection broke.
    Gone {
        /// What was seen of it.
        why: String,
    },
    /// There was no answer in time.
    Late,
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, message } if message.is_empty() => f.write_str(status),
            Self::Refused { message, .. } => f.write_str(message),
            Self::NotGrpc { why } | Self::Gone { why } => f.write_str(why),
            Self::Late => f.write_str("no answer in time"),
        }
    }
}

impl From<&Status> for CallFailure {
    fn from(status: &Status) -> Self {
        // A status with a source was made on this side; one that the runtime sent has none.
        if let Some(source) = status.source() {
            return transport(source);
        }
        let message = status.message();
        // The words of tonic itself (`src/status.rs`) for answers that are none by gRPC's rules.
        if let Some(http) = message.strip_prefix("grpc-status header missing, mapped from HTTP status code ") {
            return Self::NotGrpc { why: format!("it answered with the HTTP status {http}") };
        }
        if message.starts_with("protocol error: ") {
            return Self::Gone { why: "it broke its answer off".to_owned() };
        }
        let mut message = message.to_owned();
        message.truncate(message.floor_char_boundary(MAX_WORDS));
        Self::Refused { status: name(status.code()), message }
    }
}

/// The answer of a runtime that was asked for its version in vain.
pub(super) fn without_version(failure: CallFailure) -> RuntimeAnswer {
    RuntimeAnswer::Broken(match failure {
        CallFailure::Late => SocketFailure::Silent,
        CallFailure::NotGrpc { why } | CallFailure::Gone { why } => SocketFailure::NotGrpc { why },
        CallFailure::Refused { ref status, .. } if status == "Unimplemented" => {
            SocketFailure::NoCri { why: failure.to_string() }
        }
        CallFailure::Refused { .. } => SocketFailure::Failed { why: failure.to_string() },
    })
}

/// The answer of a socket that could not be connected to.
pub(super) fn without_connection(error: &io::Error) -> RuntimeAnswer {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => RuntimeAnswer::Broken(SocketFailure::Absent),
        io::ErrorKind::ConnectionRefused => RuntimeAnswer::Broken(SocketFailure::Refused),
        // A full backlog: something listens and accepts no more.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => RuntimeAnswer::Broken(SocketFailure::Silent),
        io::ErrorKind::PermissionDenied => {
            RuntimeAnswer::NotAsked { why: "this process may not use its socket; root and the kubelet may".to_owned() }
        }
        _ if error.raw_os_error() == Some(nix::libc::EPROTOTYPE) => {
            RuntimeAnswer::Broken(SocketFailure::NotASocket { kind: "a socket for datagrams".to_owned() })
        }
        _ => RuntimeAnswer::NotAsked { why: format!("its socket cannot be connected to: {error}") },
    }
}

/// What broke on the way, by the types of h2 and of the system.
fn transport(error: &(dyn Error + 'static)) -> CallFailure {
    let closed = || CallFailure::Gone { why: "it closed the connection".to_owned() };
    let mut last = error;
    loop {
        if let Some(error) = last.downcast_ref::<h2::Error>() {
            if error.is_io() || error.is_remote() {
                return closed();
            }
            return CallFailure::NotGrpc { why: "what it sent is no HTTP/2".to_owned() };
        }
        if last.is::<io::Error>() {
            return closed();
        }
        if last.downcast_ref::<hyper::Error>().is_some_and(|error| error.is_canceled() || error.is_closed()) {
            return closed();
        }
        match last.source() {
            Some(source) => last = source,
            None => return CallFailure::Gone { why: last.to_string() },
        }
    }
}

/// A status as Go's `codes.Code` writes it, and so the kubelet.
fn name(code: Code) -> String {
    match code {
        Code::Cancelled => "Canceled".to_owned(),
        Code::Ok => "OK".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: &Status, want: SocketFailure) {
        assert_eq!(without_version(CallFailure::from(status)), RuntimeAnswer::Broken(want));
    }

    #[test]
    fn a_status_that_the_runtime_sent_is_not_taken_for_a_broken_connection() {
        let unknown = Status::unimplemented("unknown service runtime.v1.RuntimeService");
        let why = "unknown service runtime.v1.RuntimeService".to_owned();
        check(&unknown, SocketFailure::NoCri { why });
        check(&Status::unimplemented(""), SocketFailure::NoCri { why: "Unimplemented".into() });
        let starting = Status::unavailable("server is not initialized yet");
        let why = "server is not initialized yet".to_owned();
        check(&starting, SocketFailure::Failed { why });
    }

    #[test]
    fn a_status_is_named_as_go_names_it() {
        assert_eq!([Code::Cancelled, Code::NotFound, Code::Unknown].map(name), ["Canceled", "NotFound", "Unknown"]);
    }

    #[test]
    fn a_closed_connection_has_one_wording() {
        let status = Status::from_error(Box::new(io::Error::from(io::ErrorKind::BrokenPipe)));
        assert_eq!(CallFailure::from(&status), CallFailure::Gone { why: "it closed the connection".to_owned() });
    }

    #[test]
    fn a_socket_that_only_we_may_not_use_is_not_broken() {
        let answer = |kind: io::ErrorKind| without_connection(&io::Error::from(kind));
        assert!(matches!(answer(io::ErrorKind::PermissionDenied), RuntimeAnswer::NotAsked { .. }));
        assert_eq!(answer(io::ErrorKind::NotADirectory), RuntimeAnswer::Broken(SocketFailure::Absent));
        assert_eq!(answer(io::ErrorKind::WouldBlock), RuntimeAnswer::Broken(SocketFailure::Silent));
    }
}
