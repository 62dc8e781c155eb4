//! Run files that go straight to a bucket: announced when a client gets leave to send one, and taken into the run once
//! the server has seen the object.

use super::garbage;
use super::run::FoundRun;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{PENDING_FILES, PENDING_FILES_BY_LOOK, PENDING_FILES_BY_RUN, RUN_FILES, UNHASHED_RUN_FILES};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::file::{FileContents, PendingFile, RunFile};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{FileId, ObjectId, RunId};

/// Most clients have sent a file by then, and most say so before.
const FIRST_LOOK_SECS: i64 = 60;
const LOOKS_SECS_MAX: i64 = 3_600;
/// An upload that was begun while its URL lived may go on after it.
const LATE_SECS: i64 = 3_600;

/// Leave to send a file within the next `leave_secs`; the object that it makes.
pub fn announce(
    tx: &mut WriteTx<'_>,
    run: &Allowed<FoundRun>,
    file: FileId,
    leave_secs: i64,
) -> Result<ObjectId, PutError> {
    run.must_be(Action::RunLog);
    let (owner, object, now) = (run.at.entity.id, tx.new_id::<ObjectId>()?, tx.now());
    let ticket = garbage::announce_upload(tx, owner, StoredObject::RunFile(object), leave_secs)?;
    let pending = PendingFile {
        run: run.id,
        file,
        owner,
        ticket,
        look_at: now.plus_secs(FIRST_LOOK_SECS),
        created_at: now,
        ends_at: now.plus_secs(leave_secs.saturating_add(LATE_SECS)),
    };
    PENDING_FILES.put(tx, &object, &pending)?;
    Ok(object)
}

/// Whether anything is pending in the run.
pub fn is_any_in(tx: &impl Read, run: RunId) -> Result<bool, DbError> {
    Ok(!PENDING_FILES_BY_RUN.list(tx, &run, None, 1)?.is_empty())
}

/// What is pending in the run, in the order in which leave was given, after the object `after`.
pub fn in_run(
    tx: &impl Read,
    run: RunId,
    after: Option<ObjectId>,
    limit: usize,
) -> Result<Vec<(ObjectId, PendingFile)>, DbError> {
    let after = after.map(|object| (run, object));
    let keys = PENDING_FILES_BY_RUN.list(tx, &run, after.as_ref(), limit)?;
    read_all(tx, keys.into_iter().map(|(_, object)| object))
}

/// What is to be looked for now.
pub fn due(tx: &impl Read, now: Timestamp, limit: usize) -> Result<Vec<(ObjectId, PendingFile)>, DbError> {
    let keys = PENDING_FILES_BY_LOOK.list(tx, &(), None, limit)?;
    read_all(tx, keys.into_iter().take_while(|(at, _)| *at <= now).map(|(_, object)| object))
}

fn read_all(tx: &impl Read, objects: impl Iterator<Item = ObjectId>) -> Result<Vec<(ObjectId, PendingFile)>, DbError> {
    let mut read = Vec::new();
    for object in objects {
        read.extend(PENDING_FILES.get(tx, &object)?.map(|pending| (object, pending)));
    }
    Ok(read)
}

/// An object that was seen in its bucket.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub object: ObjectId,
    pub size_bytes: u64,
    pub modified: Timestamp,
}

/// Makes it the contents of its file; that leave was given is the proof. It stays announced as garbage if the file was
/// deleted meanwhile, or has newer contents.
pub fn arrived(tx: &mut WriteTx<'_>, seen: &Seen) -> Result<(), PutError> {
    let Some(pending) = PENDING_FILES.get(tx, &seen.object)? else { return Ok(()) };
    PENDING_FILES.delete(tx, &seen.object)?;
    let Some(file) = RUN_FILES.get(tx, &pending.file)?.filter(|file| file.run == pending.run) else { return Ok(()) };
    // Leave was given in the order of objects, and the last one asked for is the newest content.
    let is_newest = file.contents.as_ref().is_none_or(|contents| contents.object < seen.object);
    if !is_newest || !garbage::keep(tx, &pending.ticket)? {
        return Ok(());
    }
    if let Some(replaced) = &file.contents {
        garbage::discard(tx, replaced.owner, StoredObject::RunFile(replaced.object))?;
    }
    let contents = FileContents {
        object: seen.object,
        owner: pending.owner,
        size_bytes: seen.size_bytes,
        md5: None,
        // The bucket's clock is not ours.
        uploaded_at: seen.modified.max(pending.created_at).min(tx.now()),
    };
    RUN_FILES.put(tx, &pending.file, &RunFile { contents: Some(contents), ..file })
}

/// What is there is not to be had: it is removed, now and once more when nothing can come any more.
pub fn refuse(tx: &mut WriteTx<'_>, object: ObjectId) -> Result<(), PutError> {
    let Some(pending) = PENDING_FILES.get(tx, &object)? else { return Ok(()) };
    PENDING_FILES.delete(tx, &object)?;
    garbage::discard(tx, pending.owner, StoredObject::RunFile(object))
}

/// It is not there, or nobody knows: it is looked for later, ever less often, and no more once nothing can come.
pub fn postpone(tx: &mut WriteTx<'_>, object: ObjectId, is_absent: bool) -> Result<(), PutError> {
    let Some(pending) = PENDING_FILES.get(tx, &object)? else { return Ok(()) };
    let now = tx.now();
    if is_absent && now >= pending.ends_at {
        PENDING_FILES.delete(tx, &object)?;
        return Ok(());
    }
    let wait = now.secs_since(pending.created_at).clamp(FIRST_LOOK_SECS, LOOKS_SECS_MAX);
    PENDING_FILES.put(tx, &object, &PendingFile { look_at: now.plus_secs(wait), ..pending })
}

/// Files whose MD5 is not known, by id, after the file `after`.
pub fn unhashed(tx: &impl Read, after: Option<FileId>, limit: usize) -> Result<Vec<(FileId, FileContents)>, DbError> {
    let mut files = Vec::new();
    for id in UNHASHED_RUN_FILES.list(tx, &(), after.as_ref(), limit)? {
        let contents = RUN_FILES.get(tx, &id)?.and_then(|file| file.contents);
        files.extend(contents.map(|contents| (id, contents)));
    }
    Ok(files)
}

/// Notes what the bytes of a file were found to be, if it still has the same.
pub fn hashed(
    tx: &mut WriteTx<'_>,
    id: FileId,
    object: ObjectId,
    (size_bytes, md5): (u64, [u8; 16]),
) -> Result<(), PutError> {
    let Some(file) = RUN_FILES.get(tx, &id)? else { return Ok(()) };
    let Some(contents) = file.contents.clone().filter(|contents| contents.object == object) else { return Ok(()) };
    let contents = FileContents { size_bytes, md5: Some(md5), ..contents };
    RUN_FILES.put(tx, &id, &RunFile { contents: Some(contents), ..file })
}

/// Forgets at most `limit` of a run that is being removed for good; `true` when none are left. Objects stay announced.
pub fn purge(tx: &mut WriteTx<'_>, run: RunId, limit: usize) -> Result<bool, DbError> {
    let page = PENDING_FILES_BY_RUN.list(tx, &run, None, limit)?;
    for (_, object) in &page {
        PENDING_FILES.delete(tx, object)?;
    }
    Ok(page.len() < limit)
}
