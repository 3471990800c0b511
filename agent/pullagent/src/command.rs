//! One file a command: it gathers what the command line says, and carries the answer to the screen.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod health;
pub(crate) mod man;
pub(crate) mod node;
pub(crate) mod probe;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod why;
