//! What keeps the secrets of this process out of the reach of others: no core dump, no tracing. Called before anything is
//! read; it knows no secret itself.

use anyhow::Context;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};

/// Lets nobody but root look into this process, and leaves no image of it behind if it is killed.
///
/// The kernel then gives our files in /proc to root (`man 2 PR_SET_DUMPABLE`). What an ordinary user reads there of himself
/// (namespaces, cgroup, user map) stays readable; environment and open files do not, and nothing here needs them. Children
/// inherit the limit, and lose the rest when they run another program.
pub(crate) fn harden() -> anyhow::Result<()> {
    // A core that goes to a program and not to a file heeds no limit, so that one alone is not enough.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("cannot forbid core dumps")?;
    set_dumpable(false).context("cannot forbid to be traced")
}
