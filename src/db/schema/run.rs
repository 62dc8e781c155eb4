//! The index entries and references of projects, runs, and what was logged into them.

use super::{
    ALIVE_RUNS, DELETED_RUNS, DELETED_RUNS_BY_PROJECT, ENTITIES, Facts, GARBAGE_BY_OBJECT, GARBAGE_BY_OWNER, JsonText,
    LISTED_RUN_FILES, OBJECTS_BY_OWNER, PARTS_BY_OWNER, PARTS_BY_SEGMENT, PROJECT_BY_NAME, PROJECTS,
    PROJECTS_BY_ENTITY, RUN_BY_NAME, RUN_FILE_BY_OBJECT, RUN_FILE_BY_PATH, RUNS, RUNS_BY_CREATION, RUNS_BY_SWEEP,
    UNHASHED_RUN_FILES,
};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::chunk::Chunk;
use crate::domain::clock::Timestamp;
use crate::domain::file::RunFile;
use crate::domain::garbage::{Garbage, StoredObject};
use crate::domain::id::{AlertId, FileId, JobId, ProjectId, RunId, SegmentId};
use crate::domain::project::Project;
use crate::domain::run::{Alert, Run};
use crate::domain::stream::{RunStreams, SealedPart, SharedWriter, Stream};

impl Record for JsonText {}
impl Stored<RunId> for JsonText {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &RunId, references: &mut References) {
        references.needs(&RUNS, key);
    }
}

impl Record for Facts {}
impl Stored<SegmentId> for Facts {
    const HAS_INDEXES: bool = false;
}

impl Record for Chunk {}
impl Stored<(RunId, Stream, u32, u64)> for Chunk {
    const HAS_INDEXES: bool = false;

    fn references(&self, (run, ..): &(RunId, Stream, u32, u64), references: &mut References) {
        references.needs(&RUNS, run);
    }
}

impl Record for Garbage {}
impl Stored<(Timestamp, JobId)> for Garbage {
    fn indexes(&self, ticket: &(Timestamp, JobId), entries: &mut Entries) {
        if let Garbage::Object { owner, object, .. } = self {
            entries.index(&GARBAGE_BY_OBJECT, &(*object, *ticket));
            entries.index(&GARBAGE_BY_OWNER, &(*owner, *ticket));
        }
    }
}

impl Record for SharedWriter {}
impl Stored<(RunId, u32, [u8; 16])> for SharedWriter {
    const HAS_INDEXES: bool = false;

    fn references(&self, (run, ..): &(RunId, u32, [u8; 16]), references: &mut References) {
        references.needs(&RUNS, run);
    }
}

impl Record for SealedPart {}
impl Stored<(RunId, Stream, u32)> for SealedPart {
    fn indexes(&self, (run, stream, place): &(RunId, Stream, u32), entries: &mut Entries) {
        entries.index(&PARTS_BY_SEGMENT, &(self.segment, *run, *stream, *place));
        entries.index(&PARTS_BY_OWNER, &(self.owner, (self.segment, *run, *stream, *place)));
    }

    fn references(&self, (run, ..): &(RunId, Stream, u32), references: &mut References) {
        // Not its owner: a run that moved may outlive the person whose it was.
        references.needs(&RUNS, run);
    }
}

impl Record for Project {}
impl Stored<ProjectId> for Project {
    fn indexes(&self, key: &ProjectId, entries: &mut Entries) {
        entries.index(&PROJECTS_BY_ENTITY, &(self.entity, *key));
        if self.deleted_at.is_none() {
            entries.unique(&PROJECT_BY_NAME, &(self.entity, self.name.as_str().to_owned()), key);
        }
    }

    // Not its owner: whoever was deleted stays named by a number that nobody gets again. So with runs.
    fn references(&self, _: &ProjectId, references: &mut References) {
        if self.deleted_at.is_none() {
            references.needs(&ENTITIES, &self.entity);
        }
    }
}

impl Record for Run {}
impl Stored<RunId> for Run {
    fn indexes(&self, key: &RunId, entries: &mut Entries) {
        entries.unique(&RUN_BY_NAME, &(self.project, self.name.as_str().to_owned()), key);
        match self.deleted_at {
            Some(at) => {
                entries.index(&DELETED_RUNS, &(at, *key));
                entries.index(&DELETED_RUNS_BY_PROJECT, &(self.project, at, *key));
            }
            None => entries.index(&RUNS_BY_CREATION, &(self.project, self.created_at, *key)),
        }
        if let (Some(sweep), None) = (&self.sweep, self.deleted_at) {
            entries.index(&RUNS_BY_SWEEP, &(self.project, sweep.clone(), self.created_at, *key));
        }
        if self.state.is_alive() && self.deleted_at.is_none() {
            entries.index(&ALIVE_RUNS, key);
        }
    }

    fn references(&self, _: &RunId, references: &mut References) {
        references.needs(&PROJECTS, &self.project);
    }
}

impl Record for RunStreams {}
impl Stored<RunId> for RunStreams {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &RunId, references: &mut References) {
        references.needs(&RUNS, key);
    }
}

impl Record for RunFile {}
impl Stored<FileId> for RunFile {
    fn indexes(&self, key: &FileId, entries: &mut Entries) {
        entries.unique(&RUN_FILE_BY_PATH, &(self.run, self.path.as_str().to_owned()), key);
        if let Some(contents) = &self.contents {
            entries.unique(&RUN_FILE_BY_OBJECT, &contents.object, key);
            entries.index(&OBJECTS_BY_OWNER, &(contents.owner, StoredObject::RunFile(contents.object)));
            entries.unique(&LISTED_RUN_FILES, &(self.run, self.path.as_str().to_owned()), key);
            if contents.md5.is_none() {
                entries.index(&UNHASHED_RUN_FILES, key);
            }
        }
    }

    fn references(&self, _: &FileId, references: &mut References) {
        references.needs(&RUNS, &self.run);
    }
}

impl Record for Alert {}
impl Stored<(RunId, AlertId)> for Alert {
    fn references(&self, (run, _): &(RunId, AlertId), references: &mut References) {
        references.needs(&RUNS, run);
    }
}
