//! Content that artifacts share, leave to send it, and who uses it. A blob's record goes in the transaction that takes
//! its last user away, so whoever finds one and adds a use in the same transaction can rely on it.

use super::FoundArtifact;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::repo::garbage::{self, Ticket};
use crate::db::schema::{
    ARTIFACTS, BLOB_BY_MD5, BLOB_UPLOADS, BLOB_UPLOADS_BY_ARTIFACT, BLOB_USERS, BLOB_USES, BLOBS, DIRECT_BLOB_UPLOADS,
    PARTS_UPLOADS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::ArtifactState;
use crate::domain::artifact::blob::{Blob, BlobUpload, BlobUse, PartsUpload, Route, UploadState};
use crate::domain::connector::StoreId;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, BlobUploadId, EntityId, ObjectId};

/// Each failed try of a client leaves one; older ones than so many are not looked for.
const DIRECT_UPLOADS_MAX: usize = 100;

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

/// Leave to send content for the draft by this route within the next `leave_secs`.
pub fn permit_upload(
    tx: &mut WriteTx<'_>,
    draft: &Allowed<FoundArtifact>,
    md5: [u8; 16],
    route: Route,
    leave_secs: i64,
) -> Result<(BlobUploadId, BlobUpload), PutError> {
    draft.must_be(Action::ArtifactCreate);
    let owner = draft.within.at.entity.id;
    let (id, object) = (tx.new_id::<BlobUploadId>()?, tx.new_id::<ObjectId>()?);
    let ticket: Ticket = garbage::announce_upload(tx, owner, StoredObject::Blob(object), leave_secs)?;
    let state = UploadState::Open;
    let upload = BlobUpload { artifact: draft.id, owner, object, md5, ticket, route, state };
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
    if now.as_ref().is_some_and(|upload| upload.state == UploadState::Done) {
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
    BLOB_UPLOADS.put(tx, &id, &BlobUpload { state: UploadState::Done, ..permitted.clone() })?;
    if let Some(parts) = PARTS_UPLOADS.get(tx, &id)? {
        PARTS_UPLOADS.delete(tx, &id)?;
        garbage::keep(tx, &parts.ticket)?;
    }
    Ok(Arrival::Kept)
}

/// What the draft has leave to send straight to a bucket under this MD5, and has not been found there.
pub fn direct_uploads(
    tx: &impl Read,
    artifact: ArtifactId,
    md5: [u8; 16],
) -> Result<Vec<(BlobUploadId, BlobUpload)>, DbError> {
    let mut uploads = Vec::new();
    for (.., id) in DIRECT_BLOB_UPLOADS.list(tx, &(artifact, md5), None, DIRECT_UPLOADS_MAX)? {
        uploads.extend(BLOB_UPLOADS.get(tx, &id)?.map(|upload| (id, upload)));
    }
    Ok(uploads)
}

/// The same object announced anew, for content that is taken over from where clients can write.
pub fn announce_taken(tx: &mut WriteTx<'_>, upload: &BlobUpload) -> Result<BlobUpload, PutError> {
    let object = tx.new_id::<ObjectId>()?;
    let ticket = garbage::announce(tx, upload.owner, StoredObject::Blob(object))?;
    Ok(BlobUpload { object, ticket, ..upload.clone() })
}

/// What has come is not what was said: it is removed, now and once more when nothing can come any more.
pub fn refuse(tx: &mut WriteTx<'_>, id: BlobUploadId) -> Result<(), PutError> {
    let Some(upload) = BLOB_UPLOADS.get(tx, &id)?.filter(|upload| upload.state == UploadState::Open) else {
        return Ok(());
    };
    garbage::discard(tx, upload.owner, StoredObject::Blob(upload.object))?;
    BLOB_UPLOADS.put(tx, &id, &BlobUpload { state: UploadState::Refused, ..upload })
}

/// The parts of an upload.
pub fn parts(tx: &impl Read, id: BlobUploadId) -> Result<Option<PartsUpload>, DbError> {
    PARTS_UPLOADS.get(tx, &id)
}

/// Parts that a bucket has begun to take.
#[derive(Debug, Clone)]
pub struct Begun {
    pub store: StoreId,
    pub bucket_id: String,
    pub count: u32,
}

/// Notes that a bucket has begun an upload in parts. `false`: the leave to send them is gone already.
pub fn parts_begun(tx: &mut WriteTx<'_>, id: BlobUploadId, begun: &Begun, leave_secs: i64) -> Result<bool, PutError> {
    let Some(BlobUpload { object, .. }) = BLOB_UPLOADS.get(tx, &id)? else { return Ok(false) };
    let ticket = garbage::announce_parts(tx, id, leave_secs)?;
    let Begun { store, bucket_id, count } = begun.clone();
    PARTS_UPLOADS.put(tx, &id, &PartsUpload { store, object, bucket_id, count, is_complete: false, ticket })?;
    Ok(true)
}

/// Notes that the bucket has put the parts together.
pub fn parts_complete(tx: &mut WriteTx<'_>, id: BlobUploadId) -> Result<(), PutError> {
    let Some(parts) = PARTS_UPLOADS.get(tx, &id)? else { return Ok(()) };
    PARTS_UPLOADS.put(tx, &id, &PartsUpload { is_complete: true, ..parts })
}

/// Forgets parts that were given up.
pub fn parts_gone(tx: &mut WriteTx<'_>, id: BlobUploadId) -> Result<(), DbError> {
    PARTS_UPLOADS.delete(tx, &id).map(drop)
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
pub fn delete_uploads(tx: &mut WriteTx<'_>, artifact: ArtifactId, limit: usize) -> Result<bool, PutError> {
    let page = BLOB_UPLOADS_BY_ARTIFACT.list(tx, &artifact, None, limit)?;
    for (_, id) in &page {
        BLOB_UPLOADS.delete(tx, id)?;
        if PARTS_UPLOADS.get(tx, id)?.is_some() {
            garbage::discard_parts(tx, *id)?;
        }
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
