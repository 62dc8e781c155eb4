//! Projects of an entity.

use super::entity::{self, FoundEntity};
use super::project_member;
use crate::access::{Action, Allowed, Caller, Grants, Unchecked, Visibility};
use crate::db::DbError;
use crate::db::schema::{PROJECT_BY_NAME, PROJECTS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::entity::EntityKind;
use crate::domain::id::{EntityId, ProjectId};
use crate::domain::name::EntityName;
use crate::domain::project::{Project, ProjectName};

/// A project with its id and the entity it is in.
#[derive(Debug, Clone)]
pub struct FoundProject {
    pub entity: FoundEntity,
    pub id: ProjectId,
    pub project: Project,
}

/// Where a project is, in the words of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectPath {
    pub entity: EntityName,
    pub project: ProjectName,
}

impl ProjectPath {
    /// `None` when no project can have these names.
    pub fn parse(entity: &str, project: &str) -> Option<Self> {
        Some(Self { entity: EntityName::parse(entity).ok()?, project: ProjectName::parse(project).ok()? })
    }
}

pub fn find(tx: &impl Read, caller: &Caller, at: &ProjectPath) -> Result<Option<Unchecked<FoundProject>>, DbError> {
    let Some(found) = found(tx, at)? else { return Ok(None) };
    unchecked(tx, caller, found).map(Some)
}

/// Without a word on who may see it.
pub(super) fn found(tx: &impl Read, at: &ProjectPath) -> Result<Option<FoundProject>, DbError> {
    let Some(entity) = entity::named(tx, &at.entity)? else { return Ok(None) };
    named(tx, entity, &at.project)
}

fn named(tx: &impl Read, entity: FoundEntity, name: &ProjectName) -> Result<Option<FoundProject>, DbError> {
    let Some(id) = PROJECT_BY_NAME.find(tx, &(entity.id, name.as_str().to_owned()))? else { return Ok(None) };
    let project = PROJECTS.get(tx, &id)?;
    Ok(project.map(|project| FoundProject { entity, id, project }))
}

/// In an entity that was found already.
pub fn find_in(
    tx: &impl Read,
    caller: &Caller,
    entity: FoundEntity,
    name: &ProjectName,
) -> Result<Option<Unchecked<FoundProject>>, DbError> {
    let Some(found) = named(tx, entity, name)? else { return Ok(None) };
    unchecked(tx, caller, found).map(Some)
}

pub fn get(tx: &impl Read, caller: &Caller, id: ProjectId) -> Result<Option<Unchecked<FoundProject>>, DbError> {
    let Some(found) = by_id(tx, id)? else { return Ok(None) };
    unchecked(tx, caller, found).map(Some)
}

pub(in crate::db::repo) fn by_id(tx: &impl Read, id: ProjectId) -> Result<Option<FoundProject>, DbError> {
    let Some(project) = PROJECTS.get(tx, &id)?.filter(|project| project.deleted_at.is_none()) else { return Ok(None) };
    let entity = crate::db::schema::ENTITIES.get(tx, &project.entity)?;
    Ok(entity.map(|entity| FoundProject { entity: FoundEntity { id: project.entity, entity }, id, project }))
}

fn unchecked(tx: &impl Read, caller: &Caller, found: FoundProject) -> Result<Unchecked<FoundProject>, DbError> {
    let grants = grants_in(tx, caller, &found)?;
    let owns = found.project.owner.is_some() && found.project.owner == caller.user_id();
    Ok(Unchecked::new(found, Grants { owns, ..grants }))
}

/// What the caller holds for things inside the project; ownership is each thing's own.
pub(super) fn grants_in(tx: &impl Read, caller: &Caller, found: &FoundProject) -> Result<Grants, DbError> {
    let grants = entity::grants_in(tx, caller, &found.entity)?;
    let within_key = grants.within_key || entity::is_within_key(tx, caller, found.entity.id, Some(found.id))?;
    // Of who is in the team: a role in a project is no way into it from outside.
    let project = match (caller.user_id(), grants.team) {
        (Some(user), Some(_)) => project_member::find(tx, found.id, user)?.map(|member| member.role),
        _ => None,
    };
    let anonymous_reading = caller.instance.anonymous_reading;
    Ok(Grants { visibility: Some(found.project.visibility), project, within_key, anonymous_reading, ..grants })
}

pub fn create(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    entity: &Allowed<FoundEntity>,
    name: ProjectName,
    description: Option<String>,
    visibility: Visibility,
) -> Result<FoundProject, PutError> {
    entity.must_be(Action::ProjectCreate);
    let id = tx.new_id::<ProjectId>()?;
    let project = Project {
        entity: entity.id,
        name,
        description,
        visibility,
        owner: caller.user_id(),
        created_at: tx.now(),
        runs_made: 0,
        deleted_at: None,
    };
    PROJECTS.put(tx, &id, &project)?;
    if let (Visibility::Restricted, EntityKind::Team(_), Some(maker)) = (visibility, entity.entity.kind, project.owner)
    {
        project_member::let_maker_in(tx, entity.id, id, maker)?;
    }
    Ok(FoundProject { entity: (**entity).clone(), id, project })
}

/// Its name is free at once; the record stays, because what was in it names it.
pub fn delete(tx: &mut WriteTx<'_>, project: &Allowed<FoundProject>) -> Result<(), PutError> {
    project.must_be(Action::ProjectDelete);
    project_member::remove_all(tx, project.id)?;
    PROJECTS.put(tx, &project.id, &Project { deleted_at: Some(tx.now()), ..project.project.clone() })
}

pub fn update(tx: &mut WriteTx<'_>, project: &Allowed<FoundProject>, changed: &Project) -> Result<(), PutError> {
    let action = project.action();
    let changes = matches!(action, Action::ProjectUpdate | Action::ProjectVisibility | Action::ProjectMembers);
    assert!(changes, "checked for {action} and used for changing a project");
    PROJECTS.put(tx, &project.id, changed)
}

/// The ids of an entity's projects by name, after the project `after`. Who sees which is checked on each.
pub fn ids_in(
    tx: &impl Read,
    entity: EntityId,
    after: Option<&ProjectName>,
    limit: usize,
) -> Result<Vec<ProjectId>, DbError> {
    let after = after.map(|name| (entity, name.as_str().to_owned()));
    let found = PROJECT_BY_NAME.list(tx, &entity, after.as_ref(), limit)?;
    Ok(found.into_iter().map(|(_, id)| id).collect())
}
