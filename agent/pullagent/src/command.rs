//! One file a command: it gathers what the command line says, and carries the answer to the screen.

pub(crate) mod explain;
#[cfg_attr(not(test), expect(dead_code, reason = "the daemon is not there yet"))]
pub(crate) mod health;
pub(crate) mod node;
pub(crate) mod probe;
pub(crate) mod secrets;
pub(crate) mod why;
