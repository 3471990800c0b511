//! The layers of a pull in the order in which they can break. Each file owns what can be observed there
//! (`…Outcome`) and what an observation means (a [`Finding`](crate::finding::Finding)).

pub mod credentials;
pub mod dns;
pub mod limits;
pub mod node;
pub mod proxy;
pub mod reference;
pub mod registry;
pub mod tls;
pub mod transport;
pub(crate) mod wordings;
