//! A service's manners: what is told to systemd, what signals ask for, and where the log goes.
//!
//! It decides nothing about the work; the daemon does what it is asked to.

mod log;
mod signals;
mod systemd;

pub(crate) use log::{LogFormat, start_log};
pub(crate) use signals::{Signals, Wish};
pub(crate) use systemd::Supervisor;
