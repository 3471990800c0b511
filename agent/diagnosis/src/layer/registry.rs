//! The registry, its token service and its storage: what an answer can be, and which cause that is.

mod answer;
mod challenge;
mod content;
mod finding;
pub(crate) mod wordings;

pub use answer::{Answer, HttpEvidence, HttpOutcome, RateLimit, RegistryError, Response};
pub use challenge::{Challenge, parse_challenges};
pub use content::{content, platform_warning};
pub use finding::{closed_to_node, finding, finding_of_api, login_of, said, short_digest};
