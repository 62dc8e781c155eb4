//! What a key is limited to: teams and projects by name, as people choose and read them.

use crate::access::{Action, Caller, Licence};
use crate::app::Error;
use crate::app::project::{ProjectPath, seen};
use crate::db::repo::{entity, project};
use crate::db::tx::Read;
use crate::domain::api_key::{KeyTarget, TARGETS_MAX};
use crate::domain::entity::EntityKind;
use crate::domain::id::EntityId;
use crate::domain::name::EntityName;

/// What a new key is to be limited to, by name.
#[derive(Debug, Clone, Default)]
pub struct Limit {
    /// Teams, or the owner's own entity; each with all its projects.
    pub teams: Vec<String>,
    /// `entity/project`.
    pub projects: Vec<String>,
}

/// The same of a key that is there, as far as the caller sees the things.
#[derive(Debug, Clone, Default)]
pub struct ShownLimit {
    pub teams: Vec<String>,
    pub projects: Vec<String>,
}

/// What the names mean; what the caller may not see does not exist.
pub(super) fn find(tx: &impl Read, caller: &Caller, limit: &Limit, licence: &Licence) -> Result<Vec<KeyTarget>, Error> {
    let count = limit.teams.len() + limit.projects.len();
    if count == 0 || count > TARGETS_MAX {
        let why =
            format!("a limited key is for 1 to {TARGETS_MAX} teams and projects; without both lists it is for all");
        return Err(Error::invalid("teams", &why));
    }
    let mut targets = Vec::with_capacity(count);
    for text in &limit.teams {
        let unknown = || Error::invalid("teams", &format!("team `{text}` does not exist"));
        let name = EntityName::parse(text).map_err(|_| unknown())?;
        let found = entity::named(tx, &name)?.ok_or_else(unknown)?;
        if !sees_entity(tx, caller, found.id, licence)? {
            return Err(unknown());
        }
        targets.push(KeyTarget::Entity(found.id));
    }
    for text in &limit.projects {
        let unknown = || Error::invalid("projects", &format!("project `{text}` does not exist; write `team/project`"));
        let (entity, name) = text.split_once('/').ok_or_else(unknown)?;
        let at = ProjectPath::parse(entity, name).ok_or_else(unknown)?;
        let found = seen(caller, Action::ProjectRead, project::find(tx, caller, &at)?, licence)?;
        targets.push(KeyTarget::Project(found.ok_or_else(unknown)?.id));
    }
    Ok(targets)
}

pub(super) fn shown(
    tx: &impl Read,
    caller: &Caller,
    targets: &[KeyTarget],
    licence: &Licence,
) -> Result<ShownLimit, Error> {
    let mut shown = ShownLimit::default();
    for target in targets {
        match *target {
            KeyTarget::Entity(id) if sees_entity(tx, caller, id, licence)? => {
                shown.teams.extend(entity::name_of(tx, id)?.map(|name| name.to_string()));
            }
            KeyTarget::Project(id) => {
                let found = seen(caller, Action::ProjectRead, project::get(tx, caller, id)?, licence)?;
                let path = found.map(|found| format!("{}/{}", found.entity.entity.name, found.project.name));
                shown.projects.extend(path);
            }
            KeyTarget::Entity(_) => {}
        }
    }
    Ok(shown)
}

/// A team that the caller sees, or the caller's own entity.
fn sees_entity(tx: &impl Read, caller: &Caller, id: EntityId, licence: &Licence) -> Result<bool, Error> {
    let Some(found) = entity::get(tx, caller, id)? else { return Ok(false) };
    // `project:create` asks for the owner of a personal entity, who has no `team:read` there.
    let action = match entity::by_id(tx, id)?.map(|found| found.entity.kind) {
        Some(EntityKind::Person(_)) => Action::ProjectCreate,
        _ => Action::TeamRead,
    };
    Ok(seen(caller, action, Some(found), licence).ok().flatten().is_some())
}
