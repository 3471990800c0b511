//! The one test binary of the whole: every scenario through plan, examination and diagnosis, and the command itself.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has nothing to go on with")]

mod attacks;
mod check;
mod command;
mod docker_registry;
mod docs;
mod fleet;
mod hardening;
mod kubelet;
mod kubernetes;
mod logins;
mod manifests;
mod mirrors;
mod node;
mod packaging;
mod proxies;
mod pullagent;
mod scenarios;

mod secrecy;
mod socket;
mod systemd;
mod tenants;
