//! How many bytes lie in an entity's stores, added up from the records, a portion at a time.

use super::entity::FoundEntity;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{BLOB_BY_MD5, BLOBS, PROJECT_BY_NAME, RUN_BY_NAME, RUN_FILE_BY_PATH, RUN_FILES, SEALED_PARTS};
use crate::db::tx::Read;
use crate::domain::id::{EntityId, ProjectId, RunId};

/// Files or parts of one run read at once.
const OF_RUN: usize = 1_000;

/// Bytes of a portion, and where the next one begins; `None` after the last.
pub type Portion<C> = (u64, Option<C>);

/// Where a list of an entity's projects goes on.
pub type ProjectCursor = (EntityId, String);

/// What artifacts share.
pub fn of_blobs(
    tx: &impl Read,
    entity: &Allowed<FoundEntity>,
    after: Option<(EntityId, [u8; 16])>,
    limit: usize,
) -> Result<Portion<(EntityId, [u8; 16])>, DbError> {
    entity.must_be(Action::StorageUsage);
    let page = BLOB_BY_MD5.list(tx, &entity.id, after.as_ref(), limit)?;
    let mut bytes = 0;
    for (_, object) in &page {
        bytes += BLOBS.get(tx, object)?.map_or(0, |blob| blob.size_bytes);
    }
    let next = page.last().filter(|_| page.len() == limit).map(|(key, _)| *key);
    Ok((bytes, next))
}

/// Its projects, by name.
pub fn projects(
    tx: &impl Read,
    entity: &Allowed<FoundEntity>,
    after: Option<&ProjectCursor>,
    limit: usize,
) -> Result<Vec<(ProjectCursor, ProjectId)>, DbError> {
    entity.must_be(Action::StorageUsage);
    PROJECT_BY_NAME.list(tx, &entity.id, after, limit)
}

/// Files and sealed history of a project's runs, those in the trash included.
pub fn of_runs(
    tx: &impl Read,
    entity: &Allowed<FoundEntity>,
    project: ProjectId,
    after: Option<&(ProjectId, String)>,
    limit: usize,
) -> Result<Portion<(ProjectId, String)>, DbError> {
    entity.must_be(Action::StorageUsage);
    let page = RUN_BY_NAME.list(tx, &project, after, limit)?;
    let mut bytes = 0;
    for (_, run) in &page {
        bytes += of_files(tx, *run)? + of_parts(tx, *run)?;
    }
    let next = page.last().filter(|_| page.len() == limit).map(|(key, _)| key.clone());
    Ok((bytes, next))
}

fn of_files(tx: &impl Read, run: RunId) -> Result<u64, DbError> {
    let (mut bytes, mut after) = (0, None);
    loop {
        let page = RUN_FILE_BY_PATH.list(tx, &run, after.as_ref(), OF_RUN)?;
        for (_, file) in &page {
            let contents = RUN_FILES.get(tx, file)?.and_then(|file| file.contents);
            bytes += contents.map_or(0, |contents| contents.size_bytes);
        }
        match page.last() {
            Some((last, _)) if page.len() == OF_RUN => after = Some(last.clone()),
            _ => return Ok(bytes),
        }
    }
}

fn of_parts(tx: &impl Read, run: RunId) -> Result<u64, DbError> {
    let (mut bytes, mut after) = (0, None);
    loop {
        let page = SEALED_PARTS.list(tx, &run, after.as_ref(), OF_RUN)?;
        bytes += page.iter().map(|(_, part)| part.object_bytes).sum::<u64>();
        match page.last() {
            Some((last, _)) if page.len() == OF_RUN => after = Some(*last),
            _ => return Ok(bytes),
        }
    }
}
