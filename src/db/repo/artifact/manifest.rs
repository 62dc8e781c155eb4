//! Manifest files of artifacts.

use super::FoundArtifact;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::repo::garbage::{self, Ticket};
use crate::db::schema::{ARTIFACTS, COMING_MANIFESTS, MANIFESTS, MANIFESTS_BY_ARTIFACT};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::ArtifactState;
use crate::domain::artifact::blob::Route;
use crate::domain::artifact::manifest::{ComingManifest, Manifest};
use crate::domain::file::FileContents;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, ManifestId, ObjectId};

/// More than processes that fill one draft together, each with a manifest or two.
pub const MANIFESTS_MAX: usize = 10_000;

pub fn create(
    tx: &mut WriteTx<'_>,
    draft: &Allowed<FoundArtifact>,
    manifest: &Manifest,
) -> Result<ManifestId, PutError> {
    draft.must_be(Action::ArtifactCreate);
    let id = tx.new_id::<ManifestId>()?;
    MANIFESTS.put(tx, &id, manifest)?;
    Ok(id)
}

/// Stores what a client says anew about a manifest of the draft.
pub fn update(
    tx: &mut WriteTx<'_>,
    draft: &Allowed<FoundArtifact>,
    id: ManifestId,
    changed: &Manifest,
) -> Result<(), PutError> {
    draft.must_be(Action::ArtifactCreate);
    assert!(changed.artifact == draft.id, "a manifest of another artifact");
    MANIFESTS.put(tx, &id, changed)
}

pub fn get(tx: &impl Read, id: ManifestId) -> Result<Option<Manifest>, DbError> {
    MANIFESTS.get(tx, &id)
}

/// How many manifests a draft has, up to one more than it may have.
pub fn count(tx: &impl Read, artifact: ArtifactId) -> Result<usize, DbError> {
    Ok(MANIFESTS_BY_ARTIFACT.list(tx, &artifact, None, MANIFESTS_MAX + 1)?.len())
}

/// The manifests of an artifact whose bytes are there, in the order in which they were made.
pub fn list_there(tx: &impl Read, artifact: ArtifactId) -> Result<Vec<(ManifestId, Manifest)>, DbError> {
    let mut there = Vec::new();
    for (_, id) in MANIFESTS_BY_ARTIFACT.list(tx, &artifact, None, MANIFESTS_MAX + 1)? {
        let manifest = MANIFESTS.get(tx, &id)?.filter(|manifest| manifest.contents.is_some());
        there.extend(manifest.map(|manifest| (id, manifest)));
    }
    Ok(there)
}

/// Leave to send the manifest's file straight to a bucket within the next `leave_secs`; the object that it makes.
pub fn permit_upload(
    tx: &mut WriteTx<'_>,
    draft: &Allowed<FoundArtifact>,
    id: ManifestId,
    md5: [u8; 16],
    route: Route,
    leave_secs: i64,
) -> Result<Option<ObjectId>, PutError> {
    draft.must_be(Action::ArtifactCreate);
    let Some(manifest) = MANIFESTS.get(tx, &id)?.filter(|manifest| manifest.artifact == draft.id) else {
        return Ok(None);
    };
    let object = tx.new_id::<ObjectId>()?;
    let ticket = garbage::announce_upload(tx, manifest.owner, StoredObject::Manifest(object), leave_secs)?;
    let coming = Some(ComingManifest { object, ticket, route, md5 });
    MANIFESTS.put(tx, &id, &Manifest { coming, ..manifest })?;
    Ok(Some(object))
}

/// Manifests of the draft that a client may have sent straight to a bucket.
pub fn coming(tx: &impl Read, artifact: ArtifactId) -> Result<Vec<(ManifestId, Manifest)>, DbError> {
    let mut coming = Vec::new();
    for (_, id) in COMING_MANIFESTS.list(tx, &artifact, None, MANIFESTS_MAX)? {
        coming.extend(MANIFESTS.get(tx, &id)?.map(|manifest| (id, manifest)));
    }
    Ok(coming)
}

/// Forgets what has come, because it is not what was said. The object stays announced.
pub fn refuse(tx: &mut WriteTx<'_>, id: ManifestId, coming: &ComingManifest) -> Result<(), PutError> {
    let Some(manifest) = MANIFESTS.get(tx, &id)?.filter(|manifest| manifest.coming.as_ref() == Some(coming)) else {
        return Ok(());
    };
    MANIFESTS.put(tx, &id, &Manifest { coming: None, ..manifest })
}

/// Makes an upload the manifest's contents; the leave to send it is the proof. `false` when the draft is none any more,
/// or the object is being removed.
pub fn arrived(
    tx: &mut WriteTx<'_>,
    id: ManifestId,
    contents: &FileContents,
    ticket: &Ticket,
) -> Result<bool, PutError> {
    let Some(manifest) = MANIFESTS.get(tx, &id)? else { return Ok(false) };
    let state = ARTIFACTS.get(tx, &manifest.artifact)?.map(|artifact| artifact.state);
    if state != Some(ArtifactState::Draft) || !garbage::keep(tx, ticket)? {
        return Ok(false);
    }
    if let Some(replaced) = &manifest.contents {
        garbage::discard(tx, manifest.owner, StoredObject::Manifest(replaced.object))?;
    }
    MANIFESTS.put(tx, &id, &Manifest { contents: Some(contents.clone()), coming: None, ..manifest })?;
    Ok(true)
}

/// Deletes at most `limit` manifests of an artifact that is being removed; `true` when none are left.
pub(super) fn purge(tx: &mut WriteTx<'_>, artifact: ArtifactId, limit: usize) -> Result<bool, PutError> {
    let page = MANIFESTS_BY_ARTIFACT.list(tx, &artifact, None, limit)?;
    for (_, id) in &page {
        let Some(manifest) = MANIFESTS.get(tx, id)? else { continue };
        if let Some(contents) = manifest.contents {
            garbage::discard(tx, manifest.owner, StoredObject::Manifest(contents.object))?;
        }
        MANIFESTS.delete(tx, id)?;
    }
    Ok(page.len() < limit)
}

/// All manifests by id, after the manifest `after`: for a check of everything.
pub fn stored(tx: &impl Read, after: Option<ManifestId>, limit: usize) -> Result<Vec<(ManifestId, Manifest)>, DbError> {
    MANIFESTS.list(tx, &(), after.as_ref(), limit)
}
