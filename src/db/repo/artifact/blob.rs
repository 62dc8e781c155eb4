//! Content that artifacts share, leave to send it, and who uses it. A blob's record goes in the transaction that takes
//! its last user away, so whoever finds one and adds a use in the same transaction can rely on it.

use super::FoundArtifact;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::repo::garbage::{self, Ticket};
use crate::db::schema::{ARTIFACTS, BLOB_BY_MD5, BLOB_UPLOADS, BLOB_UPLOADS_BY_ARTIFACT, BLOB_USERS, BLOB_USES, BLOBS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::ArtifactState;
use crate::domain::artifact::blob::{Blob, BlobUpload, BlobUse};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, BlobUploadId, EntityId, ObjectId};

/// What became of content that a client has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is there, and its draft uses it.
    Kept,
    /// The draft is gone, or it took so long that the object is being removed.
    TooLate,
}

/// Content of this MD5 in the entity.
pub fn with_md5(tx: &impl Read, owner: EntityId, md5: [u8; 16]) -> Result<Option<(ObjectId, Blob)>, DbError> {
    let Some(object) = BLOB_BY_MD5.find(tx, &(owner, md5))? else { return Ok(None) };
    Ok(BLOBS.get(tx, &object)?.map(|blob| (object, blob)))
}

pub fn get(tx: &impl Read, object: ObjectId) -> Result<Option<Blob>, DbError> {
    BLOBS.get(tx, &object)
}

/// Notes that the draft uses content that is there already; `false` when it is not.
pub fn use_existing(tx: &mut WriteTx<'_>, draft: &Allowed<FoundArtifact>, md5: [u8; 16]) -> Result<bool, PutError> {
    draft.must_be(Action::ArtifactCreate);
    let Some(object) = BLOB_BY_MD5.find(tx, &(draft.within.at.entity.id, md5))? else { return Ok(false) };
    note_use(tx, draft.id, object)?;
    Ok(true)
}

/// Whether the artifact has this content.
pub fn is_used_by(tx: &impl Read, found: &Allowed<FoundArtifact>, object: ObjectId) -> Result<bool, DbError> {
    found.must_be(Action::ArtifactDownload);
    Ok(BLOB_USES.get(tx, &(found.id, object))?.is_some())
}

/// Artifacts that use the blob, drafts included. Who may see them is checked on each.
pub fn users(tx: &impl Read, object: ObjectId, limit: usize) -> Result<Vec<ArtifactId>, DbError> {
    Ok(BLOB_USERS.list(tx, &object, None, limit)?.into_iter().map(|(_, artifact)| artifact).collect())
}

/// Whether any artifact has this content.
pub fn is_used(tx: &impl Read, object: ObjectId) -> Result<bool, DbError> {
    Ok(!BLOB_USERS.list(tx, &object, None, 1)?.is_empty())
}

pub(super) fn note_use(tx: &mut WriteTx<'_>, artifact: ArtifactId, object: ObjectId) -> Result<(), PutError> {
    if BLOB_USES.get(tx, &(artifact, object))?.is_none() {
        BLOB_USES.put(tx, &(artifact, object), &BlobUse {})?;
    }
    Ok(())
}

/// Leave to send content for the draft within the next `leave_secs`.
pub fn permit_upload(
    tx: &mut WriteTx<'_>,
    draft: &Allowed<FoundArtifact>,
    md5: [u8; 16],
    leave_secs: i64,
) -> Result<(BlobUploadId, BlobUpload), PutError> {
    draft.must_be(Action::ArtifactCreate);
    let owner = draft.within.at.entity.id;
    let (id, object) = (tx.new_id::<BlobUploadId>()?, tx.new_id::<ObjectId>()?);
    let ticket: Ticket = garbage::announce_upload(tx, owner, StoredObject::Blob(object), leave_secs)?;
    let upload = BlobUpload { artifact: draft.id, owner, object, md5, ticket, is_done: false };
    BLOB_UPLOADS.put(tx, &id, &upload)?;
    Ok((id, upload))
}

/// What a token lets its bearer send.
pub fn upload(tx: &impl Read, id: BlobUploadId) -> Result<Option<BlobUpload>, DbError> {
    BLOB_UPLOADS.get(tx, &id)
}

/// Takes over content whose bytes are in the store and were checked. That the upload was permitted is the proof.
pub fn arrived(
    tx: &mut WriteTx<'_>,
    id: BlobUploadId,
    permitted: &BlobUpload,
    size_bytes: u64,
) -> Result<Arrival, PutError> {
    let now = BLOB_UPLOADS.get(tx, &id)?;
    if now.as_ref().is_some_and(|upload| upload.is_done) {
        return Ok(Arrival::Kept);
    }
    let state = ARTIFACTS.get(tx, &permitted.artifact)?.map(|artifact| artifact.state);
    if now.is_none() || state != Some(ArtifactState::Draft) {
        return too_late(tx, permitted);
    }
    let object = match BLOB_BY_MD5.find(tx, &(permitted.owner, permitted.md5))? {
        // The same content came by another upload meanwhile; what we have stays announced as garbage.
        Some(object) => object,
        None if !garbage::keep(tx, &permitted.ticket)? => return too_late(tx, permitted),
        None => {
            let blob = Blob { owner: permitted.owner, md5: permitted.md5, size_bytes, uploaded_at: tx.now() };
            BLOBS.put(tx, &permitted.object, &blob)?;
            permitted.object
        }
    };
    note_use(tx, permitted.artifact, object)?;
    BLOB_UPLOADS.put(tx, &id, &BlobUpload { is_done: true, ..permitted.clone() })?;
    Ok(Arrival::Kept)
}

/// The bytes may have come after their announcement was worked off, and nothing else would remove them.
fn too_late(tx: &mut WriteTx<'_>, permitted: &BlobUpload) -> Result<Arrival, PutError> {
    if BLOBS.get(tx, &permitted.object)?.is_none() {
        garbage::discard(tx, permitted.owner, StoredObject::Blob(permitted.object))?;
    }
    Ok(Arrival::TooLate)
}

/// Deletes at most `limit` permissions of an artifact to send; `true` when none are left. Objects of those that were
/// not used stay announced.
pub fn delete_uploads(tx: &mut WriteTx<'_>, artifact: ArtifactId, limit: usize) -> Result<bool, DbError> {
    let page = BLOB_UPLOADS_BY_ARTIFACT.list(tx, &artifact, None, limit)?;
    for (_, id) in &page {
        BLOB_UPLOADS.delete(tx, id)?;
    }
    Ok(page.len() < limit)
}

/// Takes at most `limit` blobs away from an artifact that is being removed, and has those removed that none uses any
/// more; `true` when none are left.
pub(super) fn release(tx: &mut WriteTx<'_>, artifact: ArtifactId, limit: usize) -> Result<bool, PutError> {
    let page = BLOB_USES.list(tx, &artifact, None, limit)?;
    for ((_, object), _) in &page {
        BLOB_USES.delete(tx, &(artifact, *object))?;
        if is_used(tx, *object)? {
            continue;
        }
        if let Some(blob) = BLOBS.get(tx, object)? {
            BLOBS.delete(tx, object)?;
            garbage::discard(tx, blob.owner, StoredObject::Blob(*object))?;
        }
    }
    Ok(page.len() < limit)
}

/// All blobs by object, after the object `after`: for a check of everything.
pub fn stored(tx: &impl Read, after: Option<ObjectId>, limit: usize) -> Result<Vec<(ObjectId, Blob)>, DbError> {
    BLOBS.list(tx, &(), after.as_ref(), limit)
}
