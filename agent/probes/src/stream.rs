//! How a stream breaks, in the words of the evidence: by the system, by a TLS alert. Opens no stream.

mod alert;
mod watched;

use std::io::{Error, ErrorKind};

use nix::errno::Errno;
use pullagent_diagnosis::layer::transport::StreamFailure;

pub(crate) use alert::{alert_name, late_alert, rustls_error};
pub(crate) use watched::{Fault, Watch, Watched};

/// What an error on an open stream means.
pub fn stream_failure(error: &Error) -> StreamFailure {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => StreamFailure::Reset,
        ErrorKind::UnexpectedEof => StreamFailure::Closed,
        ErrorKind::TimedOut => StreamFailure::Timeout,
        _ => StreamFailure::Failed { why: system_word(error) },
    }
}

/// The system's word for an error, as Go prints it: `no route to host`.
pub(crate) fn system_word(error: &Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        // Nothing on the network says this; the packet did not get out.
        Some(Errno::EPERM | Errno::EACCES) => "operation not permitted (a firewall rule of this node)".to_owned(),
        Some(errno) => errno.desc().to_ascii_lowercase(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: impl Into<Error>, expected: &StreamFailure) {
        assert_eq!(stream_failure(&error.into()), *expected);
    }

    #[test]
    fn a_reset_and_a_broken_pipe_are_the_same_to_the_reader() {
        check(Errno::ECONNRESET, &StreamFailure::Reset);
        check(Errno::EPIPE, &StreamFailure::Reset);
    }

    #[test]
    fn the_end_and_silence_are_told_apart() {
        check(ErrorKind::UnexpectedEof, &StreamFailure::Closed);
        check(Errno::ETIMEDOUT, &StreamFailure::Timeout);
        check(ErrorKind::TimedOut, &StreamFailure::Timeout);
    }

    #[test]
    fn anything_else_keeps_the_systems_word() {
        check(Errno::EHOSTUNREACH, &StreamFailure::Failed { why: "no route to host".to_owned() });
        check(Error::other("out of luck"), &StreamFailure::Failed { why: "out of luck".to_owned() });
        assert!(system_word(&Errno::EPERM.into()).contains("firewall"));
    }
}
