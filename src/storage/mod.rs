//! Where bytes live: object stores, object keys, signed URLs, streaming.
//! Who may read or write them is decided in `app`; nothing here checks permissions.

mod both;
mod breaker;
/// Whose a store is.
pub mod claim;
pub mod copy;
mod digest;
pub mod direct;
pub mod download;
mod error;
pub mod http;
pub mod layout;
/// Self-tests of stores.
pub mod probe;
mod provider;
pub mod range;
mod router;
pub mod sign;
mod store;
pub mod upload;
mod writer;

#[cfg(test)]
mod broken_store;
#[cfg(test)]
pub(crate) mod test_bucket;

pub use digest::{content_of, digest};
pub use direct::{Direct, SignedUrl};
pub use error::StoreError;
pub use layout::ObjectKey;
pub use router::Stores;
pub use store::{ObjectFacts, Store};
