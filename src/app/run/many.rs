//! What is done to many runs at once: deleting, restoring and moving them. It is done to all of the runs or to none, and
//! the answer names those that stand in the way.

use super::{FoundRun, ProjectPath, RunPath};
use crate::access::{Action, Allowed, Caller, Licence, Refusal, Unchecked, Visibility};
use crate::app::audit::{self, Event};
use crate::app::existing::{existing, missing};
use crate::app::page::{PAGE, Page};
use crate::app::project::seen;
use crate::app::trash::{due, removed_at};
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::project::FoundProject;
use crate::db::repo::{project, run, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::RunId;
use crate::domain::run::Run;
use std::collections::BTreeMap;

/// Others wait behind the transaction that changes them.
const RUNS_PER_REQUEST: usize = 1_000;
/// Names that an answer lists; of the rest it says how many.
const NAMES_TOLD: usize = 20;

/// A run in the trash.
#[derive(Debug, Clone)]
pub struct DeletedRun {
    pub name: String,
    pub display_name: String,
    /// Who made it; `None` when they are no longer there.
    pub owner: Option<String>,
    pub deleted_at: Timestamp,
    /// When it is removed for good.
    pub removed_at: Timestamp,
}

/// Where a list of the trash goes on.
pub type DeletedRunCursor = (Timestamp, RunId);

impl App {
    /// Puts the runs into the trash.
    pub async fn delete_runs(&self, caller: &Caller, paths: Vec<RunPath>) -> Result<usize, Error> {
        let paths = distinct(paths)?;
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let runs = allowed(tx, &caller, &paths, Action::RunDelete, &licence, run::find)?;
            for found in &runs {
                run::put(tx, found, &Run { deleted_at: Some(tx.now()), ..found.run.clone() })?;
            }
            record_of_runs(tx, &caller, &Event::new(AuditAction::RunDeleteMany), &runs)?;
            Ok::<_, Error>(runs.len())
        });
        let count = deleted.await?;
        tracing::info!(count, "deleted runs");
        Ok(count)
    }

    /// Takes the runs out of the trash. One whose time is over is being removed already.
    pub async fn restore_runs(&self, caller: &Caller, paths: Vec<RunPath>) -> Result<usize, Error> {
        let paths = distinct(paths)?;
        let (caller, licence, trash_days) = (*caller, self.licence(), self.settings.trash_days);
        let restored = self.db.write(move |tx| {
            let due = due(tx.now(), trash_days);
            let find = |tx: &WriteTx<'_>, caller: &Caller, path: &RunPath| run::find_deleted(tx, caller, path, due);
            let runs = allowed(tx, &caller, &paths, Action::RunUndelete, &licence, find)?;
            for found in &runs {
                run::put(tx, found, &Run { deleted_at: None, ..found.run.clone() })?;
            }
            record_of_runs(tx, &caller, &Event::new(AuditAction::RunUndeleteMany), &runs)?;
            Ok::<_, Error>(runs.len())
        });
        let count = restored.await?;
        tracing::info!(count, "restored runs from the trash");
        Ok(count)
    }

    /// What is in the trash of a project, the last deleted first.
    pub async fn list_deleted_runs(
        &self,
        caller: &Caller,
        at: ProjectPath,
        before: Option<DeletedRunCursor>,
    ) -> Result<Page<DeletedRun, DeletedRunCursor>, Error> {
        let (caller, licence, trash_days) = (*caller, self.licence(), self.settings.trash_days);
        let listed = self.db.read(move |tx| {
            let found = seen(&caller, Action::RunRead, project::find(tx, &caller, &at)?, &licence)?;
            let found = found.ok_or_else(|| missing("project", format_args!("{}/{}", at.entity, at.project)))?;
            let mut deleted = Vec::new();
            for (id, run) in run::deleted(tx, &found, before, PAGE)? {
                let Some(deleted_at) = run.deleted_at else { continue };
                let owner = run.owner.map(|owner| user::get(tx, owner)).transpose()?.flatten();
                deleted.push((
                    (deleted_at, id),
                    DeletedRun {
                        name: run.name.to_string(),
                        display_name: run.display_name,
                        owner: owner.map(|owner| owner.name.to_string()),
                        deleted_at,
                        removed_at: removed_at(deleted_at, trash_days),
                    },
                ));
            }
            Ok::<_, Error>(Page::of(deleted))
        });
        listed.await
    }

    /// Moves the runs into another project. Whoever made them owns them there too.
    pub async fn move_runs(&self, caller: &Caller, paths: Vec<RunPath>, to: ProjectPath) -> Result<usize, Error> {
        let paths = distinct(paths)?;
        let (caller, licence) = (*caller, self.licence());
        let moved = self.db.write(move |tx| {
            let runs = allowed(tx, &caller, &paths, Action::RunMove, &licence, run::find)?;
            let gone = || missing("project", format_args!("{}/{}", to.entity, to.project));
            let target = existing(&caller, Action::RunLog, project::find(tx, &caller, &to)?, &licence, gone)?;
            let runs: Vec<_> = runs.into_iter().filter(|found| found.at.id != target.id).collect();
            check_move(tx, &runs, &target)?;
            for found in &runs {
                run::put(tx, found, &Run { project: target.id, ..found.run.clone() })?;
            }
            let (entity, project) = (&target.entity.entity.name, &target.project.name);
            let moved = Event::new(AuditAction::RunMoveMany).detail("to_project", format_args!("{entity}/{project}"));
            record_of_runs(tx, &caller, &moved, &runs)?;
            Ok::<_, Error>(runs.len())
        });
        let count = moved.await?;
        tracing::info!(count, "moved runs to another project");
        Ok(count)
    }
}

/// One record for each project that the runs were in.
fn record_of_runs(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    event: &Event,
    runs: &[Allowed<FoundRun>],
) -> Result<(), Error> {
    let mut by_project = BTreeMap::new();
    for found in runs {
        by_project.entry(found.at.id).or_insert_with(Vec::new).push(&**found);
    }
    for (id, runs) in by_project {
        let event = event.clone().project(id, &runs[0].at.project);
        audit::record(tx, caller, event.many("runs", runs.iter().map(|found| found.run.name.as_str())))?;
    }
    Ok(())
}

fn check_move(tx: &impl Read, runs: &[Allowed<FoundRun>], target: &Allowed<FoundProject>) -> Result<(), Error> {
    // What only invited people see does not come before others by moving.
    if let Some(found) = runs.iter().find(|found| found.at.project.visibility == Visibility::Restricted) {
        let why = format!("nothing was moved: runs do not leave the restricted project `{}`", found.at.project.name);
        return Err(Error::Forbidden(why));
    }
    // Its client goes on sending to where the run was.
    let running = runs.iter().filter(|found| found.run.state.is_alive());
    let running: Vec<String> = running.map(|found| found.run.name.to_string()).collect();
    if !running.is_empty() {
        let names = listed(&running);
        return Err(Error::Conflict(format!("nothing was moved: {names} still running; move what has ended")));
    }
    let mut names = std::collections::HashSet::new();
    let mut taken = Vec::new();
    for found in runs {
        let name = &found.run.name;
        if !names.insert(name.as_str()) || run::any_named(tx, target.id, name)?.is_some() {
            taken.push(name.to_string());
        }
    }
    if !taken.is_empty() {
        let (names, project) = (listed(&taken), &target.project.name);
        let why = format!("nothing was moved: in `{project}`, or in its trash, the names of {names} taken already");
        return Err(Error::Conflict(why));
    }
    Ok(())
}

fn distinct(mut paths: Vec<RunPath>) -> Result<Vec<RunPath>, Error> {
    if paths.len() > RUNS_PER_REQUEST {
        let message = format!("at most {RUNS_PER_REQUEST} runs can be named in one request; send several");
        return Err(Error::TooLarge(message));
    }
    let mut known = std::collections::HashSet::new();
    paths.retain(|path| known.insert((path.project.entity.clone(), path.project.project.clone(), path.run.clone())));
    Ok(paths)
}

/// All of the runs, for one action; or which of them are not there, or not the caller's to do it with.
fn allowed<T: Read>(
    tx: &T,
    caller: &Caller,
    paths: &[RunPath],
    action: Action,
    licence: &Licence,
    find: impl Fn(&T, &Caller, &RunPath) -> Result<Option<Unchecked<FoundRun>>, DbError>,
) -> Result<Vec<Allowed<FoundRun>>, Error> {
    let (mut runs, mut gone, mut refused) = (Vec::with_capacity(paths.len()), Vec::new(), Vec::new());
    let mut reason = None;
    for path in paths {
        let Some(found) = find(tx, caller, path)? else {
            gone.push(path);
            continue;
        };
        match caller.may(action, found, licence) {
            Ok(found) => runs.push(found),
            Err(Refusal::Hidden) => gone.push(path),
            Err(Refusal::Forbidden { reason: why, .. }) => {
                reason = Some(why);
                refused.push(path.run.to_string());
            }
            Err(other) => return Err(other.into()),
        }
    }
    if let Some(RunPath { project, run }) = gone.first() {
        return Err(missing("run", format_args!("{}/{}/{run}", project.entity, project.project)));
    }
    match reason {
        None => Ok(runs),
        Some(reason) => {
            let names = listed(&refused);
            Err(Error::Forbidden(format!("nothing was changed: for {names} refused {action}: {reason}")))
        }
    }
}

/// `run a is`, `runs a, b and 5 more are`.
pub(in crate::app) fn listed(names: &[String]) -> String {
    let told: Vec<String> = names.iter().take(NAMES_TOLD).map(|name| format!("`{name}`")).collect();
    let (noun, verb) = if names.len() == 1 { ("run", "is") } else { ("runs", "are") };
    match names.len().saturating_sub(NAMES_TOLD) {
        0 => format!("{noun} {} {verb}", told.join(", ")),
        more => format!("{noun} {} and {more} more {verb}", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::project::UpsertProject;
    use crate::app::testing::World;
    use crate::db::schema::PROJECTS;
    use crate::domain::project::Project;
    use crate::domain::run::RunState;

    #[tokio::test]
    async fn a_run_whose_time_in_the_trash_is_over_is_not_restored_half_removed() {
        let world = World::new().await;
        world.create_run("r", false).await;
        world.app.delete_runs(&world.ada, vec![world.at("r")]).await.unwrap();
        world.clock.advance_secs(30 * 86_400 - 1);
        assert_eq!(world.app.restore_runs(&world.ada, vec![world.at("r")]).await.unwrap(), 1);
        world.app.delete_runs(&world.ada, vec![world.at("r")]).await.unwrap();
        world.clock.advance_secs(30 * 86_400);

        let late = world.app.restore_runs(&world.ada, vec![world.at("r")]).await;

        assert!(matches!(late, Err(Error::NotFound(_))), "{late:?}");
        assert_eq!(world.app.purge_trash().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn runs_go_into_a_restricted_project_and_not_out_of_it() {
        let world = World::new().await;
        let app = &world.app;
        let other = UpsertProject { entity: None, name: "secret".into(), description: None, visibility: None };
        let (secret, _) = app.upsert_project(&world.ada, other).await.unwrap();
        let (id, restricted) = (secret.id, Project { visibility: Visibility::Restricted, ..secret.project.clone() });
        app.db.write(move |tx| Ok::<_, Error>(PROJECTS.put(tx, &id, &restricted)?)).await.unwrap();
        world.create_run("r", false).await;
        app.set_run_state(&world.ada, world.at("r"), RunState::Finished).await.unwrap();
        let into = ProjectPath::parse("ada", "secret").unwrap();
        let inside = RunPath { project: into.clone(), run: world.at("r").run };

        assert_eq!(app.move_runs(&world.ada, vec![world.at("r")], into).await.unwrap(), 1);
        let out = app.move_runs(&world.ada, vec![inside], world.project()).await;

        assert!(matches!(out, Err(Error::Forbidden(why)) if why.contains("`secret`")));
    }

    #[test]
    fn an_answer_lists_some_names_and_says_how_many_more_there_are() {
        let names: Vec<String> = (0..23).map(|number| format!("r{number}")).collect();

        assert_eq!(listed(&names[..1]), "run `r0` is");
        assert_eq!(listed(&names[..2]), "runs `r0`, `r1` are");
        assert!(listed(&names).ends_with("`r19` and 3 more are"));
    }
}
