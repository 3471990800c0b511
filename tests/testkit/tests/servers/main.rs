//! The test servers do what they say, seen by a client that shares no code with them.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

mod client;
mod debian;
mod dns;
mod kubernetes;
mod proxy;
mod registry;
mod tcp;
mod world;
