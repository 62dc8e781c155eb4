//! Runs: finding, stopping and deleting them; making and changing them is in `upsert`, what is done to many at once in
//! `many`. What is streamed into them is in `stream` and `history`.

mod info;
mod many;
mod upsert;

pub use many::DeletedRun;
pub(super) use many::listed;
pub use upsert::{Target, UpsertRun, UpsertedRun};

use super::audit::{self, Event};
use super::existing::missing;
use super::project::seen;
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::db::DbError;
use crate::db::repo::project::FoundProject;
use crate::db::repo::run;
use crate::db::tx::Read;
use crate::domain::audit::AuditAction;
use crate::domain::id::RunId;
use crate::domain::run::{Run, RunName, RunState};
use crate::domain::stream::RunStreams;

pub use crate::db::repo::project::ProjectPath;
pub use crate::db::repo::run::{FoundRun, RunPath};

impl App {
    /// A run that the caller sees. Without an entity it is the caller's own.
    pub async fn find_run(
        &self,
        caller: &Caller,
        project: &Allowed<FoundProject>,
        name: &str,
    ) -> Result<Option<Allowed<FoundRun>>, Error> {
        let Ok(name) = RunName::parse(name) else { return Ok(None) };
        let (caller, licence, at) = (*caller, self.licence(), (**project).clone());
        let found =
            self.db.read(move |tx| seen(&caller, Action::RunRead, run::find_in(tx, &caller, at, &name)?, &licence));
        found.await
    }

    /// Whether the caller may log to the project.
    pub async fn may_log(&self, caller: &Caller, project: &Allowed<FoundProject>) -> Result<bool, Error> {
        let (caller, licence, id) = (*caller, self.licence(), project.id);
        let found = self.db.read(move |tx| {
            let found = crate::db::repo::project::get(tx, &caller, id)?;
            Ok::<_, Error>(found.is_some_and(|found| caller.may(Action::RunLog, found, &licence).is_ok()))
        });
        found.await
    }

    /// Tells the run's client to stop, with its next request.
    pub async fn stop_run(&self, caller: &Caller, path: RunPath) -> Result<(), Error> {
        let by = (Action::RunStop, Event::new(AuditAction::RunStop));
        self.change_run(caller, path, by, |run| run.stop_requested = true).await
    }

    /// Sets the state by hand, for a run that nothing writes to.
    pub async fn set_run_state(&self, caller: &Caller, path: RunPath, state: RunState) -> Result<(), Error> {
        let by = (Action::RunUpdate, Event::new(AuditAction::RunUpdate).detail("fields", "state"));
        self.change_run(caller, path, by, move |run| run.state = state).await
    }

    /// Puts the run into the trash.
    pub async fn delete_run(&self, caller: &Caller, path: RunPath) -> Result<(), Error> {
        let now = self.clock.now();
        let by = (Action::RunDelete, Event::new(AuditAction::RunDelete));
        self.change_run(caller, path, by, move |run| run.deleted_at = Some(now)).await
    }

    async fn change_run(
        &self,
        caller: &Caller,
        path: RunPath,
        (action, event): (Action, Event),
        change: impl Fn(&mut Run) + Send + 'static,
    ) -> Result<(), Error> {
        let (caller, licence) = (*caller, self.licence());
        let changed = self.db.write(move |tx| {
            let found = existing(tx, &caller, &path, action, &licence)?;
            let mut changed = found.run.clone();
            change(&mut changed);
            run::put(tx, &found, &changed)?;
            audit::record(tx, &caller, event.clone().run(&found))?;
            Ok::<_, Error>(found.id)
        });
        let id = changed.await?;
        tracing::info!(run.id = %id, %action, "changed a run");
        Ok(())
    }

    /// The configs as the clients wrote them, every key wrapped in `value`; `None` when they have more than `bytes_max`
    /// together.
    pub async fn run_configs(
        &self,
        runs: &[&Allowed<FoundRun>],
        bytes_max: usize,
    ) -> Result<Option<Vec<Option<String>>>, Error> {
        let ids = ids_to_read(runs);
        let read = self.db.read(move |tx| {
            let (mut configs, mut bytes) = (Vec::with_capacity(ids.len()), 0);
            for id in ids {
                let config = run::config_of(tx, id)?;
                bytes += config.as_ref().map_or(0, String::len);
                if bytes > bytes_max {
                    return Ok(None);
                }
                configs.push(config);
            }
            Ok::<_, Error>(Some(configs))
        });
        read.await
    }

    /// How far the streams of the runs have come.
    pub async fn run_streams(&self, runs: &[&Allowed<FoundRun>]) -> Result<Vec<RunStreams>, Error> {
        let ids = ids_to_read(runs);
        let read = self.db.read(move |tx| ids.into_iter().map(|id| run::streams_of(tx, id)).collect::<Result<_, _>>());
        Ok(read.await.map_err(|error: DbError| error)?)
    }
}

/// A transaction takes numbers along, and leaves the proofs here.
fn ids_to_read(runs: &[&Allowed<FoundRun>]) -> Vec<RunId> {
    runs.iter().for_each(|run| run.must_be(Action::RunRead));
    runs.iter().map(|run| run.id).collect()
}

/// The run that a path of the wire names. A name that no run can have names none.
pub fn run_path(entity: &str, project: &str, run: &str) -> Result<RunPath, Error> {
    RunPath::parse(entity, project, run).ok_or_else(|| missing("run", format_args!("{entity}/{project}/{run}")))
}

/// The project that a path of the wire names.
pub fn project_path(entity: &str, project: &str) -> Result<ProjectPath, Error> {
    ProjectPath::parse(entity, project).ok_or_else(|| missing("project", format_args!("{entity}/{project}")))
}

/// A run that has to exist, for an action that changes it.
pub(super) fn existing(
    tx: &impl Read,
    caller: &Caller,
    path: &RunPath,
    action: Action,
    licence: &Licence,
) -> Result<Allowed<FoundRun>, Error> {
    let RunPath { project: ProjectPath { entity, project }, run } = path;
    let missing = || missing("run", format_args!("{entity}/{project}/{run}"));
    super::existing::existing(caller, action, run::find(tx, caller, path)?, licence, missing)
}
