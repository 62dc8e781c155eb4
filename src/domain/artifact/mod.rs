//! Artifacts: versioned sets of files. A draft is filled and then committed, whole or not at all; from then on its
//! files never change.

/// Bytes that artifacts share.
pub mod blob;
/// What holds versions: sequences and portfolios, their types and aliases.
pub mod collection;
/// What an artifact consists of.
pub mod manifest;
/// Manifests as clients write them.
pub mod manifest_file;
/// Filters and orders of lists of collections and versions.
pub mod query;

use super::clock::Timestamp;
use super::id::{ArtifactId, CollectionId, ManifestId, RunId, UserId};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

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

/// The digest of an artifact: MD5 over its entries in the order of their paths (wandb 0.31.0, `MANIFEST_MD5`).
pub struct Digest(Md5);

impl Default for Digest {
    fn default() -> Self {
        Self(Md5::new_with_prefix("wandb-artifact-manifest-v1\n"))
    }
}

impl Digest {
    pub fn add(&mut self, path: &str, digest: &str) {
        for part in [path, ":", digest, "\n"] {
            self.0.update(part);
        }
    }

    /// In hex.
    pub fn finish(self) -> String {
        let mut hex = String::with_capacity(32);
        for byte in self.0.finalize() {
            let _text_takes_all = write!(hex, "{byte:02x}");
        }
        hex
    }
}

/// A name that a client gave an artifact before it knew our id. One artifact can have several: processes that fill the
/// same draft, and clients that log a version again, each have their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientName {}

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
    fn the_digest_is_that_of_the_client() {
        let digest = |entries: &[(&str, &str)]| {
            let mut digest = Digest::default();
            entries.iter().for_each(|(path, of)| digest.add(path, of));
            digest.finish()
        };

        // As wandb 0.31.0 declared it for these entries.
        let logged = digest(&[
            ("a.txt", "LBdDo5EwX782ffjk8Gn5+Q=="),
            ("b.txt", "mHvKsBuSnrLAeHeyJCFckg=="),
            ("x.bin", "http://STUB_REF/x.bin"),
        ]);
        assert_eq!(digest(&[]), "64e7c61456b10382e2f3b571ac24b659");
        assert_eq!(logged, "5a01eee7bf818e59bc59103264982a54");
    }

    #[test]
    fn a_time_to_live_is_read_as_the_client_writes_it() {
        assert_eq!(Ttl::from_wire(-1).map(|ttl| ttl.effective_secs(Some(60))), Some(Some(60)));
        assert_eq!(Ttl::from_wire(-2).map(|ttl| ttl.effective_secs(Some(60))), Some(None));
        assert_eq!(Ttl::from_wire(5).map(|ttl| ttl.effective_secs(Some(60))), Some(Some(5)));
        assert_eq!((Ttl::from_wire(0), Ttl::from_wire(-3)), (None, None));
    }
}
