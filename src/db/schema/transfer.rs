//! The index entries and references of uploads that go straight to a bucket.

use super::{PENDING_FILES_BY_LOOK, PENDING_FILES_BY_RUN, RUNS};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::artifact::blob::PartsUpload;
use crate::domain::file::PendingFile;
use crate::domain::id::{BlobUploadId, ObjectId};

impl Record for PendingFile {}
impl Stored<ObjectId> for PendingFile {
    fn indexes(&self, key: &ObjectId, entries: &mut Entries) {
        entries.index(&PENDING_FILES_BY_RUN, &(self.run, *key));
        entries.index(&PENDING_FILES_BY_LOOK, &(self.look_at, *key));
    }

    // Not its file, which may be deleted meanwhile, nor its owner: a run that moved may outlive the person whose it was.
    fn references(&self, _: &ObjectId, references: &mut References) {
        references.needs(&RUNS, &self.run);
    }
}

impl Record for PartsUpload {}
impl Stored<BlobUploadId> for PartsUpload {
    const HAS_INDEXES: bool = false;

    // Not the upload: parts are given up after the draft is gone.
}
