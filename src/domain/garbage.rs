//! What is to be removed outside of the transaction that made it superfluous: objects in a store, and lines in the
//! database that are too many to delete at once.

use super::clock::Timestamp;
use super::connector::StoreId;
use super::id::{ArtifactId, BlobUploadId, EntityId, JobId, ObjectId, RunId, SegmentId};
use super::stream::Stream;
use serde::{Deserialize, Serialize};

/// Names one thing to be removed: when, and which of those.
pub type Ticket = (Timestamp, JobId);

/// One thing to be removed. Removing it twice does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Garbage {
    /// In a store of the owner: the one where new objects went when this was written, and any that it has now.
    Object {
        owner: EntityId,
        object: StoredObject,
        #[serde(default)]
        home: StoreId,
    },
    /// Chunks of one generation of a stream that come before a place.
    Chunks { run: RunId, stream: Stream, generation: u32, before: u64 },
    /// Leave to send blobs that a committed artifact no longer needs.
    BlobUploads { artifact: ArtifactId },
    /// An upload in parts that comes to nothing: what of it is in the bucket.
    Parts { upload: BlobUploadId },
}

/// An object by what it is, not by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StoredObject {
    /// The bytes of one upload of a run file.
    RunFile(ObjectId),
    /// Content that artifacts share.
    Blob(ObjectId),
    /// A manifest file of an artifact.
    Manifest(ObjectId),
    Segment(SegmentId),
    Detail(SegmentId),
    Console(SegmentId),
    /// A picture that the server shows.
    Image(ObjectId),
}

impl StoredObject {
    /// All objects that a sealed part of the stream may have.
    pub fn of_part(stream: Stream, segment: SegmentId) -> Vec<StoredObject> {
        match stream {
            Stream::History => vec![StoredObject::Segment(segment), StoredObject::Detail(segment)],
            Stream::Events => vec![StoredObject::Segment(segment)],
            Stream::Console => vec![StoredObject::Console(segment)],
        }
    }
}
