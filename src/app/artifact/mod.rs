//! Artifacts: finding and listing them, what is in them, and where they came from.

/// The entries of a version, and the URLs that lead to them.
pub mod entry;
/// Finding versions and collections by name and by id.
pub mod find;
/// The runs that logged and used versions.
pub mod lineage;
/// Lists of types, collections and versions.
pub mod list;

pub use crate::db::repo::artifact::listing::FoundType;
pub use crate::db::repo::artifact::{FoundArtifact, FoundCollection};
