//! Stored objects as records lead to them: which bytes each has, and what holds it.

use super::garbage::StoredObject;
use super::id::{EntityId, FileId, ManifestId, ObjectId, RunId, SegmentId};
use super::stream::Stream;
use serde::{Deserialize, Serialize};

/// The bytes that an object has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub size_bytes: u64,
    /// Nothing while nobody has read them.
    pub md5: Option<[u8; 16]>,
}

/// An object that a record leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referenced {
    pub object: StoredObject,
    pub content: Content,
    pub holder: Holder,
}

/// The record that leads to an object; of those that share it the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    File(FileId),
    Blob(ObjectId),
    Manifest(ManifestId),
    Part(RunId, Stream),
    Picture(EntityId),
}

/// Where a list of an entity's objects goes on: after this one. First come those that belong to one record alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    Objects(Option<StoredObject>),
    /// A part of a stream may be shared by runs.
    Parts(Option<(SegmentId, RunId, Stream, u32)>),
}

impl Default for Position {
    fn default() -> Self {
        Self::Objects(None)
    }
}
