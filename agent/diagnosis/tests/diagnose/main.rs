//! What holds for every diagnosis, whatever was seen: it is total, and the earliest broken link is the cause.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built fails these tests")]

mod healthy;
mod mirrors;
mod order;
mod plugins;
mod pods;
mod runtime;
mod total;
