//! What an entity takes of its store.

use super::{App, Error};
use crate::access::{Action, Allowed, Caller};
use crate::db::repo::entity::{self, FoundEntity};
use crate::db::repo::usage;
use crate::domain::id::{EntityId, ProjectId};

/// Records added up in one read.
const BLOBS_AT_ONCE: usize = 10_000;
const PROJECTS_AT_ONCE: usize = 1_000;
const RUNS_AT_ONCE: usize = 1_000;

impl App {
    /// The bytes of an entity's artifacts, and of the files and the sealed history of its runs, for who may see the usage;
    /// `None` for others. Goes through all of these records, in short reads.
    pub async fn storage_bytes(&self, caller: &Caller, id: EntityId) -> Result<Option<u64>, Error> {
        let (asking, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| {
            let Some(found) = entity::get(tx, &asking, id)? else { return Ok(None) };
            Ok::<_, Error>(asking.may(Action::StorageUsage, found, &licence).ok())
        });
        let Some(entity) = found.await? else { return Ok(None) };
        Ok(Some(self.bytes_of_blobs(&entity).await? + self.bytes_of_runs(&entity).await?))
    }

    async fn bytes_of_blobs(&self, entity: &Allowed<FoundEntity>) -> Result<u64, Error> {
        let (mut bytes, mut after) = (0, None);
        loop {
            let within = entity.project(Clone::clone);
            let read = self.db.read(move |tx| usage::of_blobs(tx, &within, after, BLOBS_AT_ONCE).map_err(Error::from));
            let (portion, next) = read.await?;
            bytes += portion;
            after = next;
            if after.is_none() {
                return Ok(bytes);
            }
        }
    }

    async fn bytes_of_runs(&self, entity: &Allowed<FoundEntity>) -> Result<u64, Error> {
        let (mut bytes, mut after) = (0, None);
        loop {
            let within = entity.project(Clone::clone);
            let read = self
                .db
                .read(move |tx| usage::projects(tx, &within, after.as_ref(), PROJECTS_AT_ONCE).map_err(Error::from));
            let projects = read.await?;
            let Some((last, _)) = projects.last().cloned() else { return Ok(bytes) };
            for (_, project) in projects {
                bytes += self.bytes_of_project(entity, project).await?;
            }
            after = Some(last);
        }
    }

    async fn bytes_of_project(&self, entity: &Allowed<FoundEntity>, project: ProjectId) -> Result<u64, Error> {
        let (mut bytes, mut after) = (0, None);
        loop {
            let within = entity.project(Clone::clone);
            let read = self.db.read(move |tx| {
                usage::of_runs(tx, &within, project, after.as_ref(), RUNS_AT_ONCE).map_err(Error::from)
            });
            let (portion, next) = read.await?;
            bytes += portion;
            after = next;
            if after.is_none() {
                return Ok(bytes);
            }
        }
    }
}
