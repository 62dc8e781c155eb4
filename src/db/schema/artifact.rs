//! The index entries and references of artifacts and what belongs to them.

use super::{
    ALIASES_BY_VERSION, ARTIFACT_BY_CLIENT_ID, ARTIFACT_TYPE_BY_NAME, ARTIFACT_TYPES, ARTIFACTS, ARTIFACTS_BY_DIGEST,
    ArtifactMetadata, BLOB_BY_MD5, BLOB_UPLOADS_BY_ARTIFACT, BLOB_USERS, BLOBS, COLLECTION_BY_CLIENT_ID,
    COLLECTION_BY_NAME, COLLECTIONS, COLLECTIONS_BY_TYPE, COLLECTIONS_WITH_TTL, COMING_MANIFESTS, DELETED_ARTIFACTS,
    DIRECT_BLOB_UPLOADS, DRAFT_BY_DISTRIBUTED_ID, DRAFTS, ENTITIES, EXPIRING_ARTIFACTS, MANIFEST_BY_OBJECT,
    MANIFESTS_BY_ARTIFACT, MEMBERSHIPS, MEMBERSHIPS_BY_ARTIFACT, OBJECTS_BY_OWNER, PROJECTS, RUNS, RUNS_LOGGING,
    RUNS_USING,
};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::artifact::blob::{Blob, BlobUpload, BlobUse, Route, UploadState};
use crate::domain::artifact::collection::{Alias, ArtifactType, Collection, Membership};
use crate::domain::artifact::manifest::{Entry, EntrySource, Manifest};
use crate::domain::artifact::{Artifact, ArtifactOutput, ArtifactState, ArtifactUse, ClientName, Ttl};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, ArtifactTypeId, BlobUploadId, CollectionId, ManifestId, ObjectId, RunId};

impl Record for ArtifactType {}
impl Stored<ArtifactTypeId> for ArtifactType {
    fn indexes(&self, key: &ArtifactTypeId, entries: &mut Entries) {
        entries.unique(&ARTIFACT_TYPE_BY_NAME, &(self.project, self.name.clone()), key);
    }

    fn references(&self, _: &ArtifactTypeId, references: &mut References) {
        references.needs(&PROJECTS, &self.project);
    }
}

impl Record for Collection {}
impl Stored<CollectionId> for Collection {
    fn indexes(&self, key: &CollectionId, entries: &mut Entries) {
        entries.unique(&COLLECTION_BY_NAME, &(self.project, self.name.as_str().to_owned()), key);
        entries.index(&COLLECTIONS_BY_TYPE, &(self.artifact_type, *key));
        if self.default_ttl_secs.is_some() {
            entries.index(&COLLECTIONS_WITH_TTL, key);
        }
        if let Some(client_id) = &self.client_id {
            entries.unique(&COLLECTION_BY_CLIENT_ID, client_id, key);
        }
    }

    fn references(&self, _: &CollectionId, references: &mut References) {
        references.needs(&PROJECTS, &self.project);
        references.needs(&ARTIFACT_TYPES, &self.artifact_type);
    }
}

impl Record for Artifact {}
impl Stored<ArtifactId> for Artifact {
    fn indexes(&self, key: &ArtifactId, entries: &mut Entries) {
        match self.state {
            ArtifactState::Draft => {
                entries.index(&DRAFTS, &(self.created_at, *key));
                if let Some(distributed_id) = &self.distributed_id {
                    entries.unique(&DRAFT_BY_DISTRIBUTED_ID, &(self.sequence, distributed_id.clone()), key);
                }
            }
            ArtifactState::Committed => {
                entries.index(&ARTIFACTS_BY_DIGEST, &(self.sequence, self.digest.clone(), *key));
                if let Ttl::Secs(secs) = self.ttl {
                    entries.index(&EXPIRING_ARTIFACTS, &(self.created_at.plus_secs(secs), *key));
                }
            }
            ArtifactState::Deleted => entries.index(&DELETED_ARTIFACTS, key),
        }
    }

    // Not its run or its base: they may be removed before it.
    fn references(&self, _: &ArtifactId, references: &mut References) {
        if self.state != ArtifactState::Deleted {
            references.needs(&COLLECTIONS, &self.sequence);
        }
    }
}

impl Record for ArtifactMetadata {}
impl Stored<ArtifactId> for ArtifactMetadata {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &ArtifactId, references: &mut References) {
        references.needs(&ARTIFACTS, key);
    }
}

impl Record for Membership {}
impl Stored<(CollectionId, u32)> for Membership {
    fn indexes(&self, (collection, version): &(CollectionId, u32), entries: &mut Entries) {
        entries.index(&MEMBERSHIPS_BY_ARTIFACT, &(self.artifact, *collection, *version));
    }

    fn references(&self, (collection, _): &(CollectionId, u32), references: &mut References) {
        references.needs(&COLLECTIONS, collection);
        references.needs(&ARTIFACTS, &self.artifact);
    }
}

impl Record for Alias {}
impl Stored<(CollectionId, String)> for Alias {
    fn indexes(&self, (collection, alias): &(CollectionId, String), entries: &mut Entries) {
        entries.index(&ALIASES_BY_VERSION, &(*collection, self.version, alias.clone()));
    }

    fn references(&self, (collection, _): &(CollectionId, String), references: &mut References) {
        references.needs(&MEMBERSHIPS, &(*collection, self.version));
    }
}

impl Record for Manifest {}
impl Stored<ManifestId> for Manifest {
    fn indexes(&self, key: &ManifestId, entries: &mut Entries) {
        entries.index(&MANIFESTS_BY_ARTIFACT, &(self.artifact, *key));
        if let Some(contents) = &self.contents {
            entries.unique(&MANIFEST_BY_OBJECT, &contents.object, key);
            entries.index(&OBJECTS_BY_OWNER, &(self.owner, StoredObject::Manifest(contents.object)));
        }
        if self.coming.is_some() {
            entries.index(&COMING_MANIFESTS, &(self.artifact, *key));
        }
    }

    fn references(&self, _: &ManifestId, references: &mut References) {
        references.needs(&ARTIFACTS, &self.artifact);
    }
}

impl Record for Entry {}
impl Stored<(ArtifactId, String)> for Entry {
    const HAS_INDEXES: bool = false;

    fn references(&self, (artifact, _): &(ArtifactId, String), references: &mut References) {
        references.needs(&ARTIFACTS, artifact);
        if let EntrySource::Blob(object) = self.source {
            references.needs(&BLOBS, &object);
        }
    }
}

impl Record for Blob {}
impl Stored<ObjectId> for Blob {
    fn indexes(&self, key: &ObjectId, entries: &mut Entries) {
        entries.unique(&BLOB_BY_MD5, &(self.owner, self.md5), key);
        entries.index(&OBJECTS_BY_OWNER, &(self.owner, StoredObject::Blob(*key)));
    }

    fn references(&self, _: &ObjectId, references: &mut References) {
        references.needs(&ENTITIES, &self.owner);
    }
}

impl Record for BlobUse {}
impl Stored<(ArtifactId, ObjectId)> for BlobUse {
    fn indexes(&self, (artifact, object): &(ArtifactId, ObjectId), entries: &mut Entries) {
        entries.index(&BLOB_USERS, &(*object, *artifact));
    }

    fn references(&self, (artifact, object): &(ArtifactId, ObjectId), references: &mut References) {
        references.needs(&ARTIFACTS, artifact);
        references.needs(&BLOBS, object);
    }
}

impl Record for BlobUpload {}
impl Stored<BlobUploadId> for BlobUpload {
    fn indexes(&self, key: &BlobUploadId, entries: &mut Entries) {
        entries.index(&BLOB_UPLOADS_BY_ARTIFACT, &(self.artifact, *key));
        if self.route != Route::Proxy && self.state != UploadState::Done {
            entries.index(&DIRECT_BLOB_UPLOADS, &(self.artifact, self.md5, *key));
        }
    }

    fn references(&self, _: &BlobUploadId, references: &mut References) {
        references.needs(&ARTIFACTS, &self.artifact);
        references.needs(&ENTITIES, &self.owner);
    }
}

impl Record for ClientName {}
impl Stored<(ArtifactId, String)> for ClientName {
    fn indexes(&self, (artifact, name): &(ArtifactId, String), entries: &mut Entries) {
        entries.unique(&ARTIFACT_BY_CLIENT_ID, name, artifact);
    }

    fn references(&self, (artifact, _): &(ArtifactId, String), references: &mut References) {
        references.needs(&ARTIFACTS, artifact);
    }
}

impl Record for ArtifactUse {}
impl Stored<(RunId, ArtifactId)> for ArtifactUse {
    fn indexes(&self, (run, artifact): &(RunId, ArtifactId), entries: &mut Entries) {
        entries.index(&RUNS_USING, &(*artifact, *run));
    }

    fn references(&self, (run, artifact): &(RunId, ArtifactId), references: &mut References) {
        references.needs(&RUNS, run);
        references.needs(&ARTIFACTS, artifact);
    }
}

impl Record for ArtifactOutput {}
impl Stored<(RunId, ArtifactId)> for ArtifactOutput {
    fn indexes(&self, (run, artifact): &(RunId, ArtifactId), entries: &mut Entries) {
        entries.index(&RUNS_LOGGING, &(*artifact, *run));
    }

    fn references(&self, (run, artifact): &(RunId, ArtifactId), references: &mut References) {
        references.needs(&RUNS, run);
        references.needs(&ARTIFACTS, artifact);
    }
}
