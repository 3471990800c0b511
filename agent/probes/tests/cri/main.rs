//! The CRI probe against runtimes and other peers of the test kit, each on a socket of its own.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has nothing to go on with")]

mod find;
mod node;
mod pull;
mod secrets;
mod store;
