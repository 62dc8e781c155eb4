//! Files of a run.

use super::garbage;
use super::run::{self, FoundRun};
use crate::access::{Action, Allowed, Caller, Unchecked};
use crate::db::DbError;
use crate::db::schema::{LISTED_RUN_FILES, RUN_FILE_BY_OBJECT, RUN_FILE_BY_PATH, RUN_FILES};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::file::{FileContents, FilePath, RunFile};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{EntityId, FileId, ObjectId, RunId};

/// The id under which the path's bytes are to be uploaded; a new file is not listed before they have come.
pub fn find_or_create(tx: &mut WriteTx<'_>, run: &Allowed<FoundRun>, path: &FilePath) -> Result<FileId, PutError> {
    run.must_be(Action::RunLog);
    if let Some(id) = RUN_FILE_BY_PATH.find(tx, &(run.id, path.as_str().to_owned()))? {
        return Ok(id);
    }
    let id = tx.new_id::<FileId>()?;
    RUN_FILES.put(tx, &id, &RunFile { run: run.id, path: path.clone(), contents: None })?;
    Ok(id)
}

/// The run that a file belongs to, for an upload whose URL was signed by us.
pub fn run_of(tx: &impl Read, caller: &Caller, id: FileId) -> Result<Option<Unchecked<FoundRun>>, DbError> {
    let Some(file) = RUN_FILES.get(tx, &id)? else { return Ok(None) };
    run::get(tx, caller, file.run)
}

/// Makes an upload the file's contents and returns what it replaces. `None` when the file was deleted meanwhile.
pub fn set_contents(
    tx: &mut WriteTx<'_>,
    run: &Allowed<FoundRun>,
    id: FileId,
    contents: FileContents,
) -> Result<Option<Option<FileContents>>, PutError> {
    run.must_be(Action::RunLog);
    let Some(file) = RUN_FILES.get(tx, &id)?.filter(|file| file.run == run.id) else { return Ok(None) };
    let before = file.contents.clone();
    RUN_FILES.put(tx, &id, &RunFile { contents: Some(contents), ..file })?;
    Ok(Some(before))
}

/// A file of the run whose bytes are there.
pub fn by_path(tx: &impl Read, run: &Allowed<FoundRun>, path: &FilePath) -> Result<Option<(FileId, RunFile)>, DbError> {
    run.must_be(Action::RunRead);
    let Some(id) = RUN_FILE_BY_PATH.find(tx, &(run.id, path.as_str().to_owned()))? else { return Ok(None) };
    Ok(RUN_FILES.get(tx, &id)?.filter(|file| file.contents.is_some()).map(|file| (id, file)))
}

/// Paths of the files whose bytes are there, in order, after the path `after`. Reads no file.
pub fn paths(
    tx: &impl Read,
    run: &Allowed<FoundRun>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, FileId)>, DbError> {
    run.must_be(Action::RunRead);
    let after = after.map(|path| (run.id, path.to_owned()));
    let found = LISTED_RUN_FILES.list(tx, &run.id, after.as_ref(), limit)?;
    Ok(found.into_iter().map(|((_, path), id)| (path, id)).collect())
}

/// A file of the run, found by its path in the same transaction.
pub fn get(tx: &impl Read, run: &Allowed<FoundRun>, id: FileId) -> Result<Option<RunFile>, DbError> {
    run.must_be(Action::RunRead);
    Ok(RUN_FILES.get(tx, &id)?.filter(|file| file.run == run.id))
}

/// Deletes a file and returns its contents, whose bytes are then nobody's.
pub fn delete(tx: &mut WriteTx<'_>, run: &Allowed<FoundRun>, id: FileId) -> Result<Option<FileContents>, DbError> {
    run.must_be(Action::RunDelete);
    let Some(file) = RUN_FILES.get(tx, &id)?.filter(|file| file.run == run.id) else { return Ok(None) };
    RUN_FILES.delete(tx, &id)?;
    Ok(file.contents)
}

/// The file whose newest contents the object is, for a download whose URL was signed by us.
pub fn by_object(
    tx: &impl Read,
    caller: &Caller,
    object: ObjectId,
) -> Result<Option<(RunFile, Unchecked<FoundRun>)>, DbError> {
    let Some(id) = RUN_FILE_BY_OBJECT.find(tx, &object)? else { return Ok(None) };
    let Some(file) = RUN_FILES.get(tx, &id)? else { return Ok(None) };
    let run = run::get(tx, caller, file.run)?;
    Ok(run.map(|run| (file, run)))
}

/// Which run a file is in, for requests that name files alone.
pub fn owner(tx: &impl Read, id: FileId) -> Result<Option<RunId>, DbError> {
    Ok(RUN_FILES.get(tx, &id)?.map(|file| file.run))
}

/// All files, also those whose bytes have not come, by id, after the file `after`: for a check of everything.
pub fn stored(tx: &impl Read, after: Option<FileId>, limit: usize) -> Result<Vec<(FileId, RunFile)>, DbError> {
    RUN_FILES.list(tx, &(), after.as_ref(), limit)
}

/// A file and the entity in whose store its bytes are, for a check of everything.
pub fn with_owner(tx: &impl Read, id: FileId) -> Result<Option<(EntityId, RunFile)>, DbError> {
    let Some(file) = RUN_FILES.get(tx, &id)? else { return Ok(None) };
    Ok(file.contents.as_ref().map(|contents| contents.owner).map(|owner| (owner, file)))
}

/// Deletes at most `limit` files of a run that is being removed for good; `true` when none are left.
pub fn purge(tx: &mut WriteTx<'_>, run: RunId, limit: usize) -> Result<bool, PutError> {
    let page = RUN_FILE_BY_PATH.list(tx, &run, None, limit)?;
    for (_, id) in &page {
        let contents = RUN_FILES.get(tx, id)?.and_then(|file| file.contents);
        if let Some(contents) = contents {
            garbage::discard(tx, contents.owner, StoredObject::RunFile(contents.object))?;
        }
        RUN_FILES.delete(tx, id)?;
    }
    Ok(page.len() < limit)
}
