//! Artifacts: logging them, and their bytes.

/// Making versions of drafts.
mod commit;
/// Making drafts.
pub mod draft;
/// What commits share.
mod gate;
/// Removing for good.
mod purge;
/// Leave to send, and what is sent.
pub mod upload;
/// Runs that use artifacts.
mod usage;

pub use crate::db::repo::artifact::{FoundArtifact, FoundCollection};
pub(super) use gate::CommitGate;
