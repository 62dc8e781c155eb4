//! Projects: finding, listing, making and changing them.

/// Visibility, owner and description.
mod change;

use super::audit::{self, Event};
use super::existing::{existing, missing, name_of_existing};
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence, Refusal, Unchecked, Visibility};
use crate::db::DbError;
use crate::db::repo::entity::{self, FoundEntity};
use crate::db::repo::{project, run, team_setting};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::id::ProjectId;
use crate::domain::name::EntityName;
use crate::domain::project::{Project, ProjectName};
use crate::domain::run::Run;

pub use crate::db::repo::project::{FoundProject, ProjectPath};
pub use change::{ChangeProject, NewProject, ShownProject};

/// How many projects are looked at to fill a page of those that the caller sees.
const LOOKED_AT_MAX: usize = 10_000;

/// Runs that go into the trash along with their project: others wait behind the transaction.
const RUNS_DELETED_MAX: usize = 1_000;

/// A change of a project, or a new one. `None` leaves a field as it is.
#[derive(Debug, Clone)]
pub struct UpsertProject {
    /// `None` is the caller's own.
    pub entity: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub visibility: Option<Visibility>,
}

impl App {
    /// A project that the caller sees.
    pub async fn find_project(
        &self,
        caller: &Caller,
        entity: Option<&str>,
        name: &str,
    ) -> Result<Option<Allowed<FoundProject>>, Error> {
        let Ok(name) = ProjectName::parse(name) else { return Ok(None) };
        let Some(entity) = parse_or_none(entity) else { return Ok(None) };
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| {
            let Some(entity) = entity_or_own(tx, &caller, entity.as_ref())? else { return Ok(None) };
            seen(&caller, Action::ProjectRead, project::find_in(tx, &caller, entity, &name)?, &licence)
        });
        let found = found.await?;
        if let Some(found) = &found {
            let FoundProject { entity, id, project } = &**found;
            let event = |event: Event| event.entity(entity.id, &entity.entity).project(*id, project);
            self.note_read(&caller, AuditAction::ProjectRead, id.0, event);
        }
        Ok(found)
    }

    /// The projects of an entity that the caller sees, by name, after the name `after`; and whether there are more.
    pub async fn list_projects(
        &self,
        caller: &Caller,
        entity: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Allowed<FoundProject>>, bool), Error> {
        let Some(entity) = parse_or_none(entity) else { return Ok((Vec::new(), false)) };
        let after = after.and_then(|name| ProjectName::parse(name).ok());
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let Some(entity) = entity_or_own(tx, &caller, entity.as_ref())? else { return Ok((Vec::new(), false)) };
            let ids = project::ids_in(tx, entity.id, after.as_ref(), LOOKED_AT_MAX)?;
            let mut projects = Vec::new();
            for id in ids {
                projects.extend(seen(&caller, Action::ProjectRead, project::get(tx, &caller, id)?, &licence)?);
                if projects.len() > limit {
                    projects.truncate(limit);
                    return Ok::<_, Error>((projects, true));
                }
            }
            Ok((projects, false))
        });
        listed.await
    }

    /// Makes the project or changes it; says whether it was made.
    pub async fn upsert_project(
        &self,
        caller: &Caller,
        input: UpsertProject,
    ) -> Result<(Allowed<FoundProject>, bool), Error> {
        let name = ProjectName::parse(&input.name).map_err(|why| Error::invalid("name", &why))?;
        let entity = input.entity.as_deref().map(existing_entity).transpose()?;
        let (caller, licence) = (*caller, self.licence());
        let upserted = self.db.write(move |tx| {
            let action = if input.description.is_some() { Action::ProjectUpdate } else { Action::ProjectRead };
            let (found, is_new) = get_or_create(tx, &caller, (entity.as_ref(), &name), action, &licence)?;
            let id = found.id;
            if let Some(description) = &input.description {
                change::describe(tx, &caller, &found, Some(description.clone()))?;
            }
            if let Some(visibility) = input.visibility {
                change::set_visibility(tx, &caller, id, visibility, &licence)?;
            }
            let found = project::get(tx, &caller, id)?.ok_or(DbError::Damaged("a project just changed".into()))?;
            Ok::<_, Error>((caller.may(Action::ProjectRead, found, &licence)?, is_new))
        });
        upserted.await
    }
}

impl App {
    /// Gives the project another name. What is under way in it under the old one is refused from then on.
    pub async fn rename_project(
        &self,
        caller: &Caller,
        at: ProjectPath,
        name: &str,
    ) -> Result<Allowed<FoundProject>, Error> {
        let name = ProjectName::parse(name).map_err(|why| Error::invalid("newProjectName", &why))?;
        let (caller, licence) = (*caller, self.licence());
        let renamed = self.db.write(move |tx| {
            let gone = || missing("project", format_args!("{}/{}", at.entity, at.project));
            let found = existing(&caller, Action::ProjectUpdate, project::find(tx, &caller, &at)?, &licence, gone)?;
            let changed = Project { name: name.clone(), ..found.project.clone() };
            match project::update(tx, &found, &changed) {
                Err(PutError::Taken(_)) => return Err(name_taken(&name)),
                stored => stored?,
            }
            let event = Event::new(AuditAction::ProjectUpdate).project(found.id, &found.project);
            audit::record(tx, &caller, event.detail("fields", "name").detail("name", &name))?;
            let found = found.map(|found| FoundProject { project: changed, ..found });
            Ok::<_, Error>(caller.may(Action::ProjectRead, found.again(), &licence)?)
        });
        renamed.await
    }

    /// Deletes a project, and puts the caller's runs in it into the trash, from which they are removed in time. Nobody
    /// else's run is deleted with it, nor one in the trash that they may still restore.
    pub async fn delete_project(&self, caller: &Caller, id: ProjectId) -> Result<(), Error> {
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let gone = || Error::NotFound("this project does not exist".into());
            let found = existing(&caller, Action::ProjectDelete, project::get(tx, &caller, id)?, &licence, gone)?;
            let runs = run::of_deleted_project(tx, &found, RUNS_DELETED_MAX + 1)?;
            if runs.len() > RUNS_DELETED_MAX {
                let why = format!(
                    "the project has more than {RUNS_DELETED_MAX} runs, those in its trash included; move some away, or \
                     delete some and wait until the trash is emptied"
                );
                return Err(Error::Conflict(why));
            }
            let is_own = |run: &Run| run.owner.is_some() && run.owner == caller.user_id();
            let others: Vec<String> =
                runs.iter().filter(|(_, run)| !is_own(run)).map(|(_, run)| run.name.to_string()).collect();
            if !others.is_empty() {
                let names = super::run::listed(&others);
                let why = format!(
                    "nothing was deleted: in the project, or in its trash, {names} somebody else's; they are for their                      owners to delete or move"
                );
                return Err(Error::Forbidden(why));
            }
            for (id, run) in &runs {
                run::delete_with_project(tx, &found, *id, run)?;
            }
            project::delete(tx, &found)?;
            let event = Event::new(AuditAction::ProjectDelete).project(found.id, &found.project);
            let event = event.many("runs", runs.iter().map(|(_, run)| run.name.as_str()));
            audit::record(tx, &caller, event)?;
            Ok::<_, Error>(found.id)
        });
        let id = deleted.await?;
        tracing::info!(project.id = %id, "deleted a project");
        Ok(())
    }
}

/// What the caller may see; what is hidden is as good as missing.
pub(super) fn seen<T>(
    caller: &Caller,
    action: Action,
    found: Option<Unchecked<T>>,
    licence: &Licence,
) -> Result<Option<Allowed<T>>, Error> {
    let Some(found) = found else { return Ok(None) };
    match caller.may(action, found, licence) {
        Ok(allowed) => Ok(Some(allowed)),
        Err(Refusal::Hidden) => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

/// `Some(None)` when no name was given, `None` when what was given can be nobody's name.
pub(super) fn parse_or_none(entity: Option<&str>) -> Option<Option<EntityName>> {
    match entity.filter(|name| !name.is_empty()) {
        None => Some(None),
        Some(text) => EntityName::parse(text).ok().map(Some),
    }
}

fn name_taken(name: &ProjectName) -> Error {
    Error::Conflict(format!("there is a project `{name}` already"))
}

/// The name of an entity that a change needs to exist.
pub(super) fn existing_entity(text: &str) -> Result<EntityName, Error> {
    name_of_existing("entity", text)
}

fn entity_or_own(tx: &impl Read, caller: &Caller, name: Option<&EntityName>) -> Result<Option<FoundEntity>, DbError> {
    match name {
        Some(name) => entity::named(tx, name),
        None => entity::personal_of(tx, caller),
    }
}

/// The project, for one action; made if it is missing and the caller may make it. One that is hidden is answered like
/// one that cannot be made, or the names of projects could be tried out.
pub(super) fn get_or_create(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    (entity, name): (Option<&EntityName>, &ProjectName),
    action: Action,
    licence: &Licence,
) -> Result<(Allowed<FoundProject>, bool), Error> {
    let owner = match entity {
        Some(name) => entity::named(tx, name)?.ok_or_else(|| missing("entity", name))?,
        None => entity::personal_of(tx, caller)?.ok_or(Error::Unauthenticated)?,
    };
    let hidden = || missing("entity", &owner.entity.name);
    if let Some(found) = project::find_in(tx, caller, owner.clone(), name)? {
        return Ok((existing(caller, action, Some(found), licence, hidden)?, false));
    }
    let allowed = existing(caller, Action::ProjectCreate, entity::get(tx, caller, owner.id)?, licence, hidden)?;
    let visibility = team_setting::in_force(tx, owner.id)?.default_visibility;
    let made = project::create(tx, caller, &allowed, name.clone(), None, visibility)?;
    let found = project::get(tx, caller, made.id)?.ok_or(DbError::Damaged("a project just made".into()))?;
    Ok((caller.may(action, found, licence)?, true))
}
