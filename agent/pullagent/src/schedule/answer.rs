//! What is known of a failure, as far as it is told: of a diagnosis or of the kubelet's words.

use pullagent_diagnosis::cause::Confidence;
use pullagent_diagnosis::diagnosis::{Diagnosis, Verdict};
use pullagent_diagnosis::finding::{Cause, Remedy};
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
    fn from(diagnosis: &Diagnosis) -> Self {
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
