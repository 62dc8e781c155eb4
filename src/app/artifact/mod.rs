//! Artifacts: logging them, finding and listing them, what is in them, and where they came from.

/// Making versions of drafts.
mod commit;
#[cfg(test)]
mod commit_tests;
/// Making drafts.
pub mod draft;
/// The entries of a version, and the URLs that lead to them.
pub mod entry;
/// Finding versions and collections by name and by id.
pub mod find;
/// What commits have in common.
mod gate;
/// The runs that logged and used versions.
pub mod lineage;
/// Lists of types, collections and versions.
pub mod list;
/// Removing for good.
mod purge;
#[cfg(test)]
pub(in crate::app) mod testing;
/// Leave to send, and what is sent.
pub mod upload;
#[cfg(test)]
mod upload_tests;
/// Runs that use artifacts.
mod usage;

pub use crate::db::repo::artifact::listing::FoundType;
pub use crate::db::repo::artifact::{FoundArtifact, FoundCollection};
pub(super) use gate::CommitGate;
