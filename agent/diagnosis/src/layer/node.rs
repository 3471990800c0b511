//! The node itself: how its runtime and kubelet write that they are in the way.

pub(crate) mod wordings;
