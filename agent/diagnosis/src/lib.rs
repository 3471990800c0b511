//! The pure core of pullagent: what is asked, in which order, and how one cause is chosen.
//!
//! No I/O, no async, no clock and no environment: everything arrives as a value and leaves as a value.

pub mod authority;
pub mod case;
pub mod cause;
pub mod config;
pub mod denied_addresses;
pub mod diagnose;
pub mod diagnosis;
pub mod drift;
pub mod evidence;
pub mod finding;
pub mod fingerprint;
pub mod fleet;
pub mod for_others;
pub mod identity;
pub mod keyring;
pub mod layer;
pub mod lint;

pub mod manifest;
pub mod message;
pub mod not_checked;
pub mod on_node;
pub mod plan;
pub mod platform;
pub mod plugin;
pub mod pod;
pub mod pull;
pub mod pull_configuration;
pub mod pull_secret;
pub mod pull_secrets;
pub mod reference;
pub mod report;
pub mod reproduction;
pub mod runtime;
pub mod secret;
pub mod summary;
pub mod text;
