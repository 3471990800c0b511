//! What is known of a failure, as far as it is told: of a diagnosis or of the kubelet's words.

use pullagent_diagnosis::cause::Confidence;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::finding::{Cause, Remedy};
use pullagent_diagnosis::layer::credentials::CredentialOutcome;
use pullagent_diagnosis::message::Explained;

/// What is known of a failure, as far as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether the image can be pulled.
    pub(crate) verdict: Verdict,
    /// Why not.
    pub(crate) cause: Option<Cause>,
    /// What to do about it.
    pub(crate) remedy: Vec<Remedy>,
}

impl From<&Diagnosis> for Answer {
    /// A login that could not be read may be the right one. What is no more than possible without it accuses nobody.
    fn from(diagnosis: &Diagnosis) -> Self {
        let has_unread = diagnosis.credentials.iter().any(|row| row.outcome == CredentialOutcome::Unreadable);
        let is_guess = |cause: &Cause| has_unread && cause.confidence == Confidence::Possible;
        if diagnosis.cause.as_ref().is_some_and(is_guess) {
            return Self { verdict: Verdict::Inconclusive, cause: None, remedy: Vec::new() };
        }
        Self { verdict: diagnosis.verdict, cause: diagnosis.cause.clone(), remedy: diagnosis.remedy.clone() }
    }
}

impl From<&Explained> for Answer {
    /// Words tell less than an examination sees, so the confidence stays below certain.
    fn from(told: &Explained) -> Self {
        let cause =
            told.cause.clone().map(|cause| Cause { confidence: cause.confidence.min(Confidence::Likely), ..cause });
        let verdict = if cause.is_some() { Verdict::Failing } else { Verdict::Inconclusive };
        Self { verdict, cause, remedy: told.remedy.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(outcome: CredentialOutcome, confidence: Confidence, want: Verdict) {
        let mut diagnosis = super::super::tests::diagnosis("AccessDenied", "r.io");
        diagnosis.credentials[0].outcome = outcome;
        diagnosis.cause.as_mut().unwrap().confidence = confidence;
        let answer = Answer::from(&diagnosis);
        assert_eq!((answer.verdict, answer.cause.is_some()), (want, want == Verdict::Failing));
    }

    #[test]
    fn a_guess_beside_a_login_that_nobody_read_is_no_answer() {
        check(CredentialOutcome::Unreadable, Confidence::Possible, Verdict::Inconclusive);
        check(CredentialOutcome::Unreadable, Confidence::Likely, Verdict::Failing);
        check(CredentialOutcome::Rejected, Confidence::Possible, Verdict::Failing);
    }
}
