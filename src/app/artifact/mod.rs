//! Artifacts: logging them, finding and listing them, what is in them, and where they came from.

/// Giving and taking aliases.
pub mod alias;
/// Content by its digest.
pub mod by_digest;
/// Changing and deleting collections.
pub mod collection;
/// Making versions of drafts.
mod commit;
#[cfg(test)]
mod commit_tests;
/// Deleting versions.
mod delete;
/// Making drafts.
pub mod draft;
/// Changing what is said about a version.
pub mod edit;
/// The entries of a version, and the URLs that lead to them.
pub mod entry;
/// Ending the time to live of versions.
mod expiry;
/// Finding versions and collections by name and by id.
pub mod find;
/// What commits have in common.
mod gate;
/// The runs that logged and used versions.
pub mod lineage;
/// Linking versions to portfolios.
pub mod link;
/// Lists of types, collections and versions.
pub mod list;
/// Removing for good.
mod purge;
#[cfg(test)]
pub(in crate::app) mod testing;
#[cfg(test)]
mod tests;
/// Leave to send, and what is sent.
pub mod upload;
#[cfg(test)]
mod upload_tests;
/// Runs that use artifacts.
mod usage;

pub use crate::db::repo::artifact::listing::FoundType;
pub use crate::db::repo::artifact::{FoundArtifact, FoundCollection};
pub(super) use gate::CommitGate;
