//! What in the node's own settings has no effect, or another one than it looks: settings that concern every image.
//!
//! What concerns one registry only is said where its endpoints are planned.

mod environment;
mod runtime;

#[cfg(test)]
mod tests;

use crate::case::NodeConfig;
use crate::finding::Finding;

/// Looks through the proxies of the environment that counts and the runtime's own files; with `registry`, of its
/// directories through those of that one alone.
pub fn lint(node: &NodeConfig, registry: Option<&str>) -> Vec<Finding> {
    let mut findings = environment::lint(node);
    findings.extend(runtime::lint(node, registry));
    findings
}
