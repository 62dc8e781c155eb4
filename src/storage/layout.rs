//! Every object key. Keys are made from ids alone, so no name that a person chose ever reaches a store, and they
//! hold `[A-Za-z0-9._/-]` only: other characters break signed URLs of some clouds.

use crate::domain::id::{Id, ObjectId, SegmentId};
use object_store::path::Path;
use std::fmt;

/// Ids are given out in order, so this many neighbours share a directory: none grows large, few are made.
const IDS_PER_DIRECTORY: u64 = 4096;

/// The name of one object in its store. Objects are written once: a key never means other bytes later.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The bytes of one upload of a run file.
    pub fn run_file(object: ObjectId) -> Self {
        Self::of("files", object, "")
    }

    /// Content that artifacts share.
    pub fn blob(object: ObjectId) -> Self {
        Self::of("blobs", object, "")
    }

    /// A manifest file of an artifact.
    pub fn manifest(object: ObjectId) -> Self {
        Self::of("manifests", object, ".json")
    }

    /// A picture that the server shows.
    pub fn image(object: ObjectId) -> Self {
        Self::of("images", object, "")
    }

    /// A sealed stretch of history.
    pub fn segment(segment: SegmentId) -> Self {
        Self::of("segments", segment, ".parquet")
    }

    /// The coarse view of a sealed stretch, for plots.
    pub fn level_of_detail(segment: SegmentId) -> Self {
        Self::of("segments", segment, ".detail.parquet")
    }

    /// A sealed stretch of console lines.
    pub fn console(segment: SegmentId) -> Self {
        Self::of("segments", segment, ".console.zst")
    }

    /// Whose the store is.
    pub fn owner() -> Self {
        Self("weighhouse-owner.json".to_owned())
    }

    /// An object that a self-test writes and removes.
    pub(super) fn probe(token: u64, name: &str) -> Self {
        Self(format!("self-test/{token:016x}/{name}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn path(&self) -> Path {
        Path::from(self.as_str())
    }

    fn of(kind: &str, id: impl Id, suffix: &str) -> Self {
        let number = id.to_u64();
        Self(format!("{kind}/{:013x}/{number:016x}{suffix}", number / IDS_PER_DIRECTORY))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_keys_of_stored_objects_never_change() {
        assert_eq!(ObjectKey::run_file(ObjectId(0x1234)).as_str(), "files/0000000000001/0000000000001234");
        assert_eq!(ObjectKey::blob(ObjectId(7)).as_str(), "blobs/0000000000000/0000000000000007");
        assert_eq!(ObjectKey::manifest(ObjectId(7)).as_str(), "manifests/0000000000000/0000000000000007.json");
        assert_eq!(ObjectKey::image(ObjectId(7)).as_str(), "images/0000000000000/0000000000000007");
        assert_eq!(ObjectKey::segment(SegmentId(7)).as_str(), "segments/0000000000000/0000000000000007.parquet");
        assert_eq!(
            ObjectKey::level_of_detail(SegmentId(u64::MAX)).as_str(),
            "segments/fffffffffffff/ffffffffffffffff.detail.parquet"
        );
    }

    proptest! {
        #[test]
        fn keys_are_plain_and_differ_by_id_and_kind(a: u64, b: u64) {
            let keys = |id| [
                ObjectKey::run_file(ObjectId(id)),
                ObjectKey::blob(ObjectId(id)),
                ObjectKey::manifest(ObjectId(id)),
                ObjectKey::image(ObjectId(id)),
                ObjectKey::segment(SegmentId(id)),
                ObjectKey::level_of_detail(SegmentId(id)),
                ObjectKey::console(SegmentId(id)),
            ];
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);

            for key in keys(a) {
                prop_assert!(key.as_str().bytes().all(plain));
                prop_assert_eq!(key.path(), Path::parse(key.as_str()).unwrap());
                prop_assert_eq!(keys(a).iter().filter(|other| **other == key).count(), 1);
                prop_assert!(a == b || !keys(b).contains(&key));
            }
        }
    }
}
