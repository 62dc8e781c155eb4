//! Every object key. Keys are made from ids alone, so no name that a person chose ever reaches a store, and they
//! hold `[A-Za-z0-9._/-]` only: other characters break signed URLs of some clouds.

use super::claim::Owner;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{Id, ObjectId, SegmentId};
use object_store::path::Path;
use std::fmt;

/// Ids are given out in order, so this many neighbours share a directory: none grows large, few are made.
const IDS_PER_DIRECTORY: u64 = 4096;

/// Where self-tests put their objects.
const PROBES: &str = "self-test/";

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

    /// The key of any object.
    pub fn of_object(object: StoredObject) -> Self {
        match object {
            StoredObject::RunFile(id) => Self::run_file(id),
            StoredObject::Blob(id) => Self::blob(id),
            StoredObject::Manifest(id) => Self::manifest(id),
            StoredObject::Segment(id) => Self::segment(id),
            StoredObject::Detail(id) => Self::level_of_detail(id),
            StoredObject::Console(id) => Self::console(id),
            StoredObject::Image(id) => Self::image(id),
        }
    }

    /// The object that a key names; nothing for a key that is none of ours.
    pub fn parse(key: &str) -> Option<StoredObject> {
        let (kind, rest) = key.split_once('/')?;
        let (_, name) = rest.split_once('/')?;
        let id = u64::from_str_radix(name.get(..16)?, 16).ok()?;
        let object = match (kind, name.get(16..)?) {
            ("files", _) => StoredObject::RunFile(ObjectId(id)),
            ("blobs", _) => StoredObject::Blob(ObjectId(id)),
            ("manifests", _) => StoredObject::Manifest(ObjectId(id)),
            ("images", _) => StoredObject::Image(ObjectId(id)),
            ("segments", ".parquet") => StoredObject::Segment(SegmentId(id)),
            ("segments", ".detail.parquet") => StoredObject::Detail(SegmentId(id)),
            ("segments", ".console.zst") => StoredObject::Console(SegmentId(id)),
            _ => return None,
        };
        // One object has one key: whatever differs from it in a letter is not ours.
        (Self::of_object(object).as_str() == key).then_some(object)
    }

    /// Whose the store is.
    pub fn owner() -> Self {
        Self(Owner::KEY.to_owned())
    }

    /// An object that is there for a moment, to see whether a store works.
    pub fn probe(token: u64, name: &str) -> Self {
        Self(format!("{PROBES}{token:016x}/{name}"))
    }

    /// Whether it was left by a self-test that was cut off.
    pub fn is_probe(key: &str) -> bool {
        key.starts_with(PROBES)
    }

    /// A key as a store lists it.
    pub fn listed(key: &str) -> Self {
        Self(key.to_owned())
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

    #[test]
    fn a_key_that_is_not_to_the_letter_ours_is_nobodys_object() {
        for foreign in [
            "",
            "blobs",
            "blobs/0000000000000/0000000000000007.json",
            "blobs/0000000000001/0000000000000007",
            "blobs/0000000000000/000000000000000A",
            "blobs/0000000000000/7",
            "backups/0000000000000/0000000000000007",
            "team/blobs/0000000000000/0000000000000007",
            "blobs/0000000000000/+000000000000007",
            "segments/0000000000000/0000000000000007",
            "blobs/0000000000000/00000000000000ü",
        ] {
            assert_eq!(ObjectKey::parse(foreign), None, "{foreign}");
        }
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
                let object = ObjectKey::parse(key.as_str()).unwrap();
                prop_assert_eq!(ObjectKey::of_object(object), key);
            }
        }
    }
}
