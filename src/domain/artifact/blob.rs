//! Bytes that artifacts share: the same content is kept once in each entity, under its MD5. A blob lives as long as an
//! artifact uses it, drafts included.

use crate::domain::clock::Timestamp;
use crate::domain::connector::StoreId;
use crate::domain::garbage::Ticket;
use crate::domain::id::{ArtifactId, EntityId, ObjectId};
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
    pub ticket: Ticket,
    #[serde(default)]
    pub route: Route,
    #[serde(default)]
    pub state: UploadState,
}

/// How content comes into a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Through the server, which hashes it on the way.
    #[default]
    Proxy,
    /// Straight to a bucket that takes an object once, and under this MD5 only.
    Bound,
    /// Straight to a bucket that takes anything, again and again while the URL lives. What is there is taken over into
    /// an object that no client can write.
    Loose,
    /// Straight to a bucket in parts, which the server puts together ([`PartsUpload`]).
    Parts,
}

/// How far an upload has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    #[default]
    Open,
    /// The content has come, with this upload or another: sending it again changes nothing.
    Done,
    /// Other content has come than was said.
    Refused,
}

/// The parts of a large upload, as the bucket counts them. It goes when they are put together and checked, or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartsUpload {
    /// Where it was begun: it can be nowhere else, even if the team's objects move meanwhile.
    pub store: StoreId,
    pub object: ObjectId,
    /// The bucket's name for the upload.
    pub bucket_id: String,
    pub count: u32,
    /// They are one object now. Before that, what lies under its key is nothing.
    pub is_complete: bool,
    /// When it is given up.
    pub ticket: Ticket,
}
