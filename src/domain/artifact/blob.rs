//! Bytes that artifacts share: the same content is kept once in each entity, under its MD5. A blob lives as long as an
//! artifact uses it, drafts included.

use crate::domain::clock::Timestamp;
use crate::domain::id::{ArtifactId, EntityId, JobId, ObjectId};
use serde::{Deserialize, Serialize};

/// Content that is there: what was received had this MD5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    pub owner: EntityId,
    pub md5: [u8; 16],
    pub size_bytes: u64,
    pub uploaded_at: Timestamp,
}

/// That an artifact uses a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobUse {}

/// Content that a client has leave to send for a draft. Until it has come, its object is announced as garbage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobUpload {
    pub artifact: ArtifactId,
    /// In whose store it goes.
    pub owner: EntityId,
    pub object: ObjectId,
    pub md5: [u8; 16],
    /// The announcement.
    pub ticket: (Timestamp, JobId),
    /// The content has come, with this upload or another: sending it again changes nothing.
    pub is_done: bool,
}
