//! Artifacts: versioned sets of files. A draft is filled and then committed, whole or not at all; from then on its
//! files never change.

/// Bytes that artifacts share.
pub mod blob;
/// What holds versions: sequences and portfolios, their types and aliases.
pub mod collection;
/// What an artifact consists of.
pub mod manifest;
/// Filters and orders of lists of collections and versions.
pub mod query;

use super::clock::Timestamp;
use super::id::{ArtifactId, CollectionId, ManifestId, RunId, UserId};
use serde::{Deserialize, Serialize};

/// One version, or a draft that may become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The collection whose version it is.
    pub sequence: CollectionId,
    pub state: ArtifactState,
    /// MD5 over the entries of the manifest, in hex. A draft's is the client's word, which the commit verifies.
    pub digest: String,
    pub description: Option<String>,
    pub tags: Vec<String>,
    /// The run that logged it first.
    pub run: Option<RunId>,
    /// Who made it. It stays when that person is deleted: nobody gets their id again.
    pub creator: Option<UserId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The step of the run's history at which it was logged.
    pub history_step: Option<i64>,
    pub ttl: Ttl,
    /// What the client calls it before it knows our id.
    pub client_id: Option<String>,
    /// Several processes fill the same draft when they name the same one.
    pub distributed_id: Option<String>,
    /// Given at the commit, counted from 0 in its sequence.
    pub version: Option<u32>,
    /// The version a draft builds on, when its manifest only says what differs.
    pub base: Option<ArtifactId>,
    /// Aliases for the commit to give.
    pub wanted_aliases: Vec<String>,
    /// The manifest that counts, once committed.
    pub manifest: Option<ManifestId>,
    pub entry_count: u64,
    pub size_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactState {
    /// Being filled; nobody sees it but who fills it.
    Draft,
    Committed,
    /// Its records and bytes are being removed.
    Deleted,
}

/// How long a version is kept, counted from its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ttl {
    /// As its collection says; for ever if that says nothing.
    #[default]
    Inherit,
    /// For ever.
    Off,
    Secs(i64),
}

impl Ttl {
    /// From the client's number: -1 inherits, -2 is off (wandb 0.31.0, `sdk/artifacts/_generated`).
    pub fn from_wire(secs: i64) -> Option<Self> {
        match secs {
            -1 => Some(Self::Inherit),
            -2 => Some(Self::Off),
            1.. => Some(Self::Secs(secs)),
            _ => None,
        }
    }

    /// In seconds, when there is an end; `default_secs` is the collection's.
    pub fn effective_secs(self, default_secs: Option<i64>) -> Option<i64> {
        match self {
            Self::Inherit => default_secs,
            Self::Off => None,
            Self::Secs(secs) => Some(secs),
        }
    }
}

/// A run has used an artifact as input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactUse {
    pub used_at: Timestamp,
    /// The part the artifact plays, in the client's words.
    pub used_as: Option<String>,
}

/// A run has logged an artifact, also when the version was there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactOutput {
    pub logged_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_read_as_the_client_writes_it() {
        assert_eq!(Ttl::from_wire(-1).map(|ttl| ttl.effective_secs(Some(60))), Some(Some(60)));
        assert_eq!(Ttl::from_wire(-2).map(|ttl| ttl.effective_secs(Some(60))), Some(None));
        assert_eq!(Ttl::from_wire(5).map(|ttl| ttl.effective_secs(Some(60))), Some(Some(5)));
        assert_eq!((Ttl::from_wire(0), Ttl::from_wire(-3)), (None, None));
    }
}
