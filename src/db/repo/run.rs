//! Runs of a project: identity and state, config and summary.

use super::project::{self, FoundProject, ProjectPath};
use crate::access::{Action, Allowed, Caller, Grants, Unchecked};
use crate::db::DbError;
use crate::db::schema::{
    ALERTS, DELETED_RUNS, DELETED_RUNS_BY_PROJECT, JsonText, PROJECTS, RUN_BY_NAME, RUN_CONFIGS, RUN_STREAMS,
    RUN_SUMMARIES, RUNS, RUNS_BY_CREATION, TRIALS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::id::{AlertId, ProjectId, RunId};
use crate::domain::run::{Alert, Run, RunName};
use crate::domain::stream::RunStreams;

/// How far back an alert of the same title is looked for.
const ALERTS_LOOKED_AT: usize = 100;

/// A run with its id and the project it is in.
#[derive(Debug, Clone)]
pub struct FoundRun {
    pub at: FoundProject,
    pub id: RunId,
    pub run: Run,
}

/// Where a run is, in the words of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPath {
    pub project: ProjectPath,
    pub run: RunName,
}

impl RunPath {
    /// `None` when no run can have these names.
    pub fn parse(entity: &str, project: &str, run: &str) -> Option<Self> {
        Some(Self { project: ProjectPath::parse(entity, project)?, run: RunName::parse(run).ok()? })
    }
}

/// A run that is not in the trash.
pub fn find(tx: &impl Read, caller: &Caller, at: &RunPath) -> Result<Option<Unchecked<FoundRun>>, DbError> {
    let Some(project) = project::found(tx, &at.project)? else { return Ok(None) };
    find_in(tx, caller, project, &at.run)
}

/// A run that went into the trash after then.
pub fn find_deleted(
    tx: &impl Read,
    caller: &Caller,
    at: &RunPath,
    after: Timestamp,
) -> Result<Option<Unchecked<FoundRun>>, DbError> {
    let Some(project) = project::found(tx, &at.project)? else { return Ok(None) };
    let Some((id, run)) = any_named(tx, project.id, &at.run)? else { return Ok(None) };
    if run.deleted_at.is_none_or(|deleted_at| deleted_at <= after) {
        return Ok(None);
    }
    unchecked(tx, caller, FoundRun { at: project, id, run }).map(Some)
}

/// In a project that was found already.
pub fn find_in(
    tx: &impl Read,
    caller: &Caller,
    at: FoundProject,
    name: &RunName,
) -> Result<Option<Unchecked<FoundRun>>, DbError> {
    let Some((id, run)) = any_named(tx, at.id, name)? else { return Ok(None) };
    if run.deleted_at.is_some() {
        return Ok(None);
    }
    unchecked(tx, caller, FoundRun { at, id, run }).map(Some)
}

/// The run of that name, also one in the trash: its name is not free.
pub fn any_named(tx: &impl Read, project: ProjectId, name: &RunName) -> Result<Option<(RunId, Run)>, DbError> {
    let Some(id) = RUN_BY_NAME.find(tx, &(project, name.as_str().to_owned()))? else { return Ok(None) };
    Ok(RUNS.get(tx, &id)?.map(|run| (id, run)))
}

pub fn get(tx: &impl Read, caller: &Caller, id: RunId) -> Result<Option<Unchecked<FoundRun>>, DbError> {
    let Some(run) = RUNS.get(tx, &id)?.filter(|run| run.deleted_at.is_none()) else { return Ok(None) };
    let Some(at) = project::by_id(tx, run.project)? else { return Ok(None) };
    unchecked(tx, caller, FoundRun { at, id, run }).map(Some)
}

fn unchecked(tx: &impl Read, caller: &Caller, found: FoundRun) -> Result<Unchecked<FoundRun>, DbError> {
    let grants = project::grants_in(tx, caller, &found.at)?;
    let owns = found.run.owner.is_some() && found.run.owner == caller.user_id();
    Ok(Unchecked::new(found, Grants { owns, ..grants }))
}

/// Stores a new run and counts it in its project.
pub fn create(tx: &mut WriteTx<'_>, at: &Allowed<FoundProject>, run: &Run) -> Result<RunId, PutError> {
    at.must_be(Action::RunLog);
    let id = tx.new_id::<RunId>()?;
    RUNS.put(tx, &id, run)?;
    let counted = crate::domain::project::Project { runs_made: at.project.runs_made + 1, ..at.project.clone() };
    PROJECTS.put(tx, &at.id, &counted)?;
    Ok(id)
}

/// Stores the changed identity and state of a run. What may be changed is the use case's to say: the proof is of
/// one of the actions that change runs.
pub fn put(tx: &mut WriteTx<'_>, found: &Allowed<FoundRun>, changed: &Run) -> Result<(), PutError> {
    assert_writes(found);
    RUNS.put(tx, &found.id, changed)
}

pub fn put_config(tx: &mut WriteTx<'_>, found: &Allowed<FoundRun>, text: String) -> Result<(), PutError> {
    assert_writes(found);
    RUN_CONFIGS.put(tx, &found.id, &JsonText(text))
}

pub fn put_summary(tx: &mut WriteTx<'_>, found: &Allowed<FoundRun>, text: String) -> Result<(), PutError> {
    assert_writes(found);
    RUN_SUMMARIES.put(tx, &found.id, &JsonText(text))
}

#[track_caller]
fn assert_writes(found: &Allowed<FoundRun>) {
    let action = found.action();
    use Action::{RunDelete, RunLog, RunMove, RunStop, RunUndelete, RunUpdate};
    let writes = [RunLog, RunUpdate, RunDelete, RunUndelete, RunStop, RunMove];
    assert!(writes.contains(&action), "checked for {action} and used for writing");
}

/// The config as the client wrote it, every key wrapped in `value`.
pub fn config(tx: &impl Read, found: &Allowed<FoundRun>) -> Result<Option<String>, DbError> {
    config_of(tx, found.id)
}

/// For readers that were allowed to read the run a moment ago.
pub fn config_of(tx: &impl Read, id: RunId) -> Result<Option<String>, DbError> {
    Ok(RUN_CONFIGS.get(tx, &id)?.map(|text| text.0))
}

/// The summary that the client wrote; what the server derives from history is not in it.
pub fn summary(tx: &impl Read, found: &Allowed<FoundRun>) -> Result<Option<String>, DbError> {
    Ok(RUN_SUMMARIES.get(tx, &found.id)?.map(|text| text.0))
}

/// How far the run's streams have come.
pub fn streams(tx: &impl Read, found: &Allowed<FoundRun>) -> Result<RunStreams, DbError> {
    streams_of(tx, found.id)
}

/// For readers that were allowed to read the run a moment ago.
pub fn streams_of(tx: &impl Read, id: RunId) -> Result<RunStreams, DbError> {
    Ok(RUN_STREAMS.get(tx, &id)?.unwrap_or_default())
}

/// Where a list by creation begins, and which way it goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByCreation {
    pub newest_first: bool,
    /// The last run seen, by its creation: it may be gone since.
    pub after: Option<(Timestamp, RunId)>,
}

/// Runs of a project by creation. Fewer than `limit` means that there are no more.
pub fn list(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    by: ByCreation,
    limit: usize,
) -> Result<Vec<Allowed<FoundRun>>, DbError> {
    let mut runs = Vec::new();
    for (_, _, id) in entries(tx, project, by, limit)? {
        let run = RUNS.get(tx, &id)?.ok_or_else(|| DbError::Damaged(format!("run {id} is missing")))?;
        runs.push(project.project(|at| FoundRun { at: at.clone(), id, run }));
    }
    Ok(runs)
}

/// Which runs the project lists and when they were made, oldest first. Reads the index alone.
pub fn places(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    after: Option<(Timestamp, RunId)>,
    limit: usize,
) -> Result<Vec<(Timestamp, RunId)>, DbError> {
    let places = entries(tx, project, ByCreation { newest_first: false, after }, limit)?;
    Ok(places.into_iter().map(|(_, created_at, id)| (created_at, id)).collect())
}

/// A run of a project of which the caller sees all runs; `None` when it is deleted, or another project's.
pub fn listed(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    id: RunId,
) -> Result<Option<Allowed<FoundRun>>, DbError> {
    project.must_be(Action::RunRead);
    let found = RUNS.get(tx, &id)?.filter(|run| run.project == project.id && run.deleted_at.is_none());
    Ok(found.map(|run| project.project(|at| FoundRun { at: at.clone(), id, run })))
}

fn entries(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    by: ByCreation,
    limit: usize,
) -> Result<Vec<(ProjectId, Timestamp, RunId)>, DbError> {
    project.must_be(Action::RunRead);
    let seen = by.after.map(|(created_at, id)| (project.id, created_at, id));
    match by.newest_first {
        false => RUNS_BY_CREATION.list(tx, &project.id, seen.as_ref(), limit),
        true => RUNS_BY_CREATION.list_last(tx, &project.id, seen.as_ref(), limit),
    }
}

/// The run of that name in a project of which the caller sees all runs.
pub fn named(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    name: &RunName,
) -> Result<Option<Allowed<FoundRun>>, DbError> {
    project.must_be(Action::RunRead);
    let found = any_named(tx, project.id, name)?.filter(|(_, run)| run.deleted_at.is_none());
    Ok(found.map(|(id, run)| project.project(|at| FoundRun { at: at.clone(), id, run })))
}

/// When an alert of this title was last kept, among the newest of the run.
pub fn last_alert_titled(tx: &impl Read, found: &Allowed<FoundRun>, title: &str) -> Result<Option<Timestamp>, DbError> {
    let newest = ALERTS.list_last(tx, &found.id, ALERTS_LOOKED_AT)?;
    Ok(newest.into_iter().find(|(_, alert)| alert.title == title).map(|(_, alert)| alert.created_at))
}

/// Keeps an alert of the run.
pub fn add_alert(tx: &mut WriteTx<'_>, found: &Allowed<FoundRun>, alert: &Alert) -> Result<AlertId, PutError> {
    found.must_be(Action::RunLog);
    let id = tx.new_id::<AlertId>()?;
    ALERTS.put(tx, &(found.id, id), alert)?;
    Ok(id)
}

/// Alerts of the run, oldest first, after the alert `after`.
pub fn alerts(
    tx: &impl Read,
    found: &Allowed<FoundRun>,
    after: Option<AlertId>,
    limit: usize,
) -> Result<Vec<(AlertId, Alert)>, DbError> {
    found.must_be(Action::RunRead);
    let after = after.map(|id| (found.id, id));
    let listed = ALERTS.list(tx, &found.id, after.as_ref(), limit)?;
    Ok(listed.into_iter().map(|((_, id), alert)| (id, alert)).collect())
}

/// Runs of a project that are in the trash, the last deleted first, before the run `before`.
pub fn deleted(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    before: Option<(Timestamp, RunId)>,
    limit: usize,
) -> Result<Vec<(RunId, Run)>, DbError> {
    project.must_be(Action::RunRead);
    let before = before.map(|(at, id)| (project.id, at, id));
    let entries = DELETED_RUNS_BY_PROJECT.list_last(tx, &project.id, before.as_ref(), limit)?;
    let mut runs = Vec::with_capacity(entries.len());
    for (_, _, id) in entries {
        let run = RUNS.get(tx, &id)?.ok_or_else(|| DbError::Damaged(format!("run {id} is missing")))?;
        runs.push((id, run));
    }
    Ok(runs)
}

/// Runs of a project in the order of their names, also those in the trash, for who may delete the project.
pub fn of_deleted_project(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    limit: usize,
) -> Result<Vec<(RunId, Run)>, DbError> {
    project.must_be(Action::ProjectDelete);
    let mut runs = Vec::new();
    for (_, id) in RUN_BY_NAME.list(tx, &project.id, None, limit)? {
        runs.extend(RUNS.get(tx, &id)?.map(|run| (id, run)));
    }
    Ok(runs)
}

/// Puts a run into the trash along with its project.
pub fn delete_with_project(
    tx: &mut WriteTx<'_>,
    project: &Allowed<FoundProject>,
    id: RunId,
    run: &Run,
) -> Result<(), PutError> {
    project.must_be(Action::ProjectDelete);
    RUNS.put(tx, &id, &Run { deleted_at: run.deleted_at.or(Some(tx.now())), ..run.clone() })
}

/// Runs that went into the trash before then, oldest first.
pub fn deleted_before(tx: &impl Read, before: Timestamp, limit: usize) -> Result<Vec<RunId>, DbError> {
    let deleted = DELETED_RUNS.list(tx, &(), None, limit)?;
    Ok(deleted.into_iter().take_while(|(at, _)| *at <= before).map(|(_, id)| id).collect())
}

/// Deletes at most `limit` alerts of a run that is being removed for good; `true` when none are left.
pub fn purge_alerts(tx: &mut WriteTx<'_>, id: RunId, limit: usize) -> Result<bool, DbError> {
    let keys = ALERTS.keys(tx, &id, limit)?;
    for key in &keys {
        ALERTS.delete(tx, key)?;
    }
    Ok(keys.len() < limit)
}

/// Deletes the run itself, for good.
pub fn purge(tx: &mut WriteTx<'_>, id: RunId) -> Result<(), DbError> {
    RUN_CONFIGS.delete(tx, &id)?;
    RUN_SUMMARIES.delete(tx, &id)?;
    TRIALS.delete(tx, &id)?;
    RUNS.delete(tx, &id)?;
    Ok(())
}
