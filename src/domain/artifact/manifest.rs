//! What an artifact consists of: entries by path, each a blob or a reference to bytes elsewhere.

use super::blob::Route;
use crate::domain::file::FileContents;
use crate::domain::garbage::Ticket;
use crate::domain::id::{ArtifactId, EntityId, ObjectId};
use serde::{Deserialize, Serialize};

/// A manifest file that a client has sent, or is going to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub artifact: ArtifactId,
    /// In whose store its bytes are.
    pub owner: EntityId,
    pub kind: ManifestKind,
    /// The client's name for the file.
    pub name: String,
    /// What the client says the file's MD5 is; nothing before it knows.
    pub md5: Option<[u8; 16]>,
    pub contents: Option<FileContents>,
    /// What a client sends straight to a bucket, until the server has found it there.
    #[serde(default)]
    pub coming: Option<ComingManifest>,
}

/// A manifest file that may be in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComingManifest {
    pub object: ObjectId,
    /// The announcement.
    pub ticket: Ticket,
    pub route: Route,
    /// What its URL was made for.
    pub md5: [u8; 16],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManifestKind {
    /// All entries.
    Full,
    /// What differs from the base.
    Incremental,
    /// What one of several processes adds.
    Patch,
}

/// One entry of a committed artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// As in the manifest: the MD5 in base64, or whatever tells the versions of what is referred to apart.
    pub digest: String,
    pub size_bytes: u64,
    pub source: EntrySource,
    /// The artifact that brought these bytes first, where the client says so.
    pub birth: Option<ArtifactId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntrySource {
    Blob(ObjectId),
    /// A URI; the bytes are not ours.
    Reference(String),
}
