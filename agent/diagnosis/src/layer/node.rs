//! The node itself: its runtime's socket, its disk, and how both say that they are in the way.

mod finding;
pub(crate) mod wordings;

pub use finding::{disagrees, disk_full, lost, sandbox_image_missing, stale_image, stalled, unavailable};
