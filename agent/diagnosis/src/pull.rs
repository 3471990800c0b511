//! What came of the runtime's own pull. Whether to ask for it is decided in `reproduction`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::identity::Identity;

/// The runtime's own pull, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PullEvidence {
    /// It was not asked.
    NotMade {
        /// Why, for a person.
        why: String,
    },
    /// It was asked.
    Made(Pull),
}

/// What came of asking the runtime to pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// One for each login that was offered, in order; one of nobody where there was none.
    pub attempts: Vec<Attempt>,
    /// How long all of it took, in milliseconds.
    pub ms: u32,
    /// What the image store was seen to do in the meantime.
    pub growth: Growth,
    /// What became of the image that was brought; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought: Option<Brought>,
}

/// One call of the runtime's `PullImage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Whose login went with it.
    pub identity: Identity,
    /// What came of it.
    pub outcome: PullOutcome,
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PullOutcome {
    /// The image is there.
    Ok,
    /// The runtime refused.
    Failed {
        /// The name of the gRPC status.
        status: String,
        /// The runtime's words, without the logins that were offered.
        message: String,
    },
    /// The runtime went away.
    Lost {
        /// What was seen of it.
        why: String,
    },
    /// It was still at it when the time was over.
    Cancelled,
}

/// What the image store was seen to do during a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Growth {
    /// It was not looked at, or for too short a time.
    NotSeen,
    /// It grew until the end.
    Grew {
        /// By so many bytes.
        bytes: u64,
    },
    /// It did not change for so long before the end.
    Still {
        /// So many seconds.
        seconds: u32,
    },
}

/// How long the store must be still until a pull counts as stalled.
pub const STILL: Duration = Duration::from_secs(5);

/// What became of an image that a pull brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Brought {
    /// It was removed again.
    Removed,
    /// It stays.
    Kept {
        /// Why, for a person.
        why: String,
    },
}

impl Pull {
    /// The outcome that decides: the last attempt's.
    pub fn outcome(&self) -> Option<&PullOutcome> {
        self.attempts.last().map(|attempt| &attempt.outcome)
    }

    /// The words of every attempt that failed, joined as the kubelet joins them: equal ones once, several in brackets
    /// (`k8s.io/apimachinery` `util/errors` `Aggregate`).
    pub fn message(&self) -> Option<String> {
        let mut words: Vec<String> = Vec::new();
        for attempt in &self.attempts {
            let said = match &attempt.outcome {
                PullOutcome::Failed { status, message } if status == "Unknown" => message.clone(),
                PullOutcome::Failed { status, message } => format!("rpc error: code = {status} desc = {message}"),
                PullOutcome::Lost { why } => format!("rpc error: code = Unavailable desc = {why}"),
                PullOutcome::Ok | PullOutcome::Cancelled => continue,
            };
            if !words.contains(&said) {
                words.push(said);
            }
        }
        match words.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(format!("[{}]", several.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests;
