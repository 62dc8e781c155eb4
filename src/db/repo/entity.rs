//! Entities, and the grants that a caller has in one: what every check of something inside it starts from.

use super::custom_role;
use crate::access::{ActionSet, Caller, Grants, OrganizationRole, TeamRole, Unchecked};
use crate::db::DbError;
use crate::db::schema::{
    API_KEYS, ENTITIES, ENTITY_BY_NAME, ORGANIZATION_MEMBERS, ORGANIZATIONS_BY_USER, TEAM_MEMBERS,
    TEAMS_BY_ORGANIZATION, TEAMS_BY_USER, USERS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::entity::{Entity, EntityKind, TeamMember};
use crate::domain::id::{EntityId, OrganizationId, ProjectId, UserId};
use crate::domain::name::EntityName;
use crate::domain::user::ServiceHome;

/// More teams of one person than this are not shown at once.
const TEAMS_SHOWN: usize = 1000;

/// An entity with its id.
#[derive(Debug, Clone)]
pub struct FoundEntity {
    pub id: EntityId,
    pub entity: Entity,
}

/// By the name as it was given, or by one of before; another spelling of the case is another name. It says only that the entity exists:
/// what lies in it is checked by itself.
pub fn named(tx: &impl Read, name: &EntityName) -> Result<Option<FoundEntity>, DbError> {
    let Some(id) = ENTITY_BY_NAME.find(tx, &name.folded())? else { return Ok(None) };
    let found = ENTITIES.get(tx, &id)?.filter(|entity| entity.answers_to(name));
    Ok(found.map(|entity| FoundEntity { id, entity }))
}

/// Whether somebody has the name or had it before, in whatever spelling of the case.
pub fn is_taken(tx: &impl Read, name: &EntityName) -> Result<bool, DbError> {
    Ok(ENTITY_BY_NAME.find(tx, &name.folded())?.is_some())
}

pub fn find(tx: &impl Read, caller: &Caller, name: &EntityName) -> Result<Option<Unchecked<FoundEntity>>, DbError> {
    let Some(found) = named(tx, name)? else { return Ok(None) };
    let grants = grants_in(tx, caller, &found)?;
    Ok(Some(Unchecked::new(found, grants)))
}

pub fn get(tx: &impl Read, caller: &Caller, id: EntityId) -> Result<Option<Unchecked<FoundEntity>>, DbError> {
    let Some(entity) = ENTITIES.get(tx, &id)? else { return Ok(None) };
    let found = FoundEntity { id, entity };
    let grants = grants_in(tx, caller, &found)?;
    Ok(Some(Unchecked::new(found, grants)))
}

/// What the caller holds in an entity itself; what lies in it adds its own.
pub(super) fn grants_in(tx: &impl Read, caller: &Caller, found: &FoundEntity) -> Result<Grants, DbError> {
    let in_trash = found.entity.trash.is_some();
    let Some(user) = caller.user_id() else { return Ok(Grants { in_trash, ..Grants::default() }) };
    let grants = match found.entity.kind {
        EntityKind::Person(owner) => {
            let closed = !caller.instance.personal_projects;
            Grants { personal: owner == user, closed, ..Grants::default() }
        }
        EntityKind::Organization(organization) => {
            Grants { organization: role_in_organization(tx, caller, user, organization)?, ..Grants::default() }
        }
        EntityKind::Team(organization) => {
            let (team, added) = role_in_team(tx, caller, user, (found.id, organization))?;
            let organization = role_in_organization(tx, caller, user, organization)?;
            Grants { team, added, organization, ..Grants::default() }
        }
        EntityKind::ServiceAccount(_) => Grants::default(),
    };
    Ok(Grants { within_key: is_within_key(tx, caller, found.id, None)?, in_trash, ..grants })
}

/// The role, and what a custom one adds. A service account holds no place: it is a member of what it belongs to.
fn role_in_team(
    tx: &impl Read,
    caller: &Caller,
    user: UserId,
    (team, organization): (EntityId, OrganizationId),
) -> Result<(Option<TeamRole>, ActionSet), DbError> {
    if let Some(home) = caller.service {
        return Ok((home.includes(team, organization).then_some(TeamRole::Member), ActionSet::EMPTY));
    }
    let Some(member) = TEAM_MEMBERS.get(tx, &(team, user))? else { return Ok((None, ActionSet::EMPTY)) };
    Ok((Some(member.role), custom_role::added_for(tx, &member)?))
}

pub(super) fn role_in_organization(
    tx: &impl Read,
    caller: &Caller,
    user: UserId,
    organization: OrganizationId,
) -> Result<Option<OrganizationRole>, DbError> {
    if let Some(home) = caller.service {
        return Ok((home == ServiceHome::Organization(organization)).then_some(OrganizationRole::Member));
    }
    Ok(ORGANIZATION_MEMBERS.get(tx, &(organization, user))?.map(|member| member.role))
}

/// Whether the caller's key is limited to some teams or projects and this is one of them.
pub(super) fn is_within_key(
    tx: &impl Read,
    caller: &Caller,
    entity: EntityId,
    project: Option<ProjectId>,
) -> Result<bool, DbError> {
    let Some(key) = caller.confined_key() else { return Ok(false) };
    Ok(API_KEYS.get(tx, &key)?.is_some_and(|key| key.reaches(entity, project)))
}

/// Gives it another name, for code that has checked who may.
pub(super) fn rename(tx: &mut WriteTx<'_>, id: EntityId, to: EntityName) -> Result<Entity, PutError> {
    let entity = ENTITIES.get(tx, &id)?;
    let entity = entity.ok_or_else(|| DbError::Damaged("a name that nothing holds".into()))?.renamed(to);
    ENTITIES.put(tx, &id, &entity)?;
    Ok(entity)
}

/// The record of an entity, for the server's own work on it.
pub fn record(tx: &impl Read, id: EntityId) -> Result<Option<Entity>, DbError> {
    ENTITIES.get(tx, &id)
}

/// The name of an entity that something else has led to.
pub fn name_of(tx: &impl Read, id: EntityId) -> Result<Option<EntityName>, DbError> {
    Ok(ENTITIES.get(tx, &id)?.map(|entity| entity.name))
}

/// An entity that something else has led to.
pub fn by_id(tx: &impl Read, id: EntityId) -> Result<Option<FoundEntity>, DbError> {
    Ok(ENTITIES.get(tx, &id)?.map(|entity| FoundEntity { id, entity }))
}

/// Whether the caller is somebody in the entity or its organization.
pub fn holds_any_role(tx: &impl Read, caller: &Caller, found: &FoundEntity) -> Result<bool, DbError> {
    let grants = grants_in(tx, caller, found)?;
    Ok(grants.personal || grants.team.is_some() || grants.organization.is_some())
}

/// Where a run goes that names no entity: the caller's own, the team of a service account.
pub fn personal_of(tx: &impl Read, caller: &Caller) -> Result<Option<FoundEntity>, DbError> {
    let Some(user) = caller.user_id() else { return Ok(None) };
    let Some(user) = USERS.get(tx, &user)? else { return Ok(None) };
    let entity = ENTITIES.get(tx, &user.entity)?;
    Ok(entity.map(|entity| FoundEntity { id: user.entity, entity }))
}

/// The teams that a person belongs to, in the order of their making, without the deleted.
pub fn teams_of(tx: &impl Read, user: UserId) -> Result<Vec<FoundEntity>, DbError> {
    let mut teams = Vec::new();
    for (_, id) in TEAMS_BY_USER.list(tx, &user, None, TEAMS_SHOWN)? {
        let entity = ENTITIES.get(tx, &id)?.filter(|entity| entity.trash.is_none());
        teams.extend(entity.map(|entity| FoundEntity { id, entity }));
    }
    Ok(teams)
}

/// The teams that a service account is a member of, its own first.
pub fn teams_of_service_account(tx: &impl Read, home: ServiceHome, own: EntityId) -> Result<Vec<FoundEntity>, DbError> {
    let mut ids = vec![own];
    if let ServiceHome::Organization(organization) = home {
        let all = TEAMS_BY_ORGANIZATION.list(tx, &organization, None, TEAMS_SHOWN)?;
        ids.extend(all.into_iter().map(|(_, team)| team).filter(|team| *team != own));
    }
    let mut teams = Vec::new();
    for id in ids {
        teams.extend(ENTITIES.get(tx, &id)?.map(|entity| FoundEntity { id, entity }));
    }
    Ok(teams)
}

/// The person's places in teams of all organizations.
pub fn memberships_of(tx: &impl Read, user: UserId) -> Result<Vec<(EntityId, TeamMember)>, DbError> {
    let mut places = Vec::new();
    for (_, team) in TEAMS_BY_USER.list(tx, &user, None, TEAMS_SHOWN)? {
        places.extend(TEAM_MEMBERS.get(tx, &(team, user))?.map(|member| (team, member)));
    }
    Ok(places)
}

/// The organizations that a person belongs to.
pub fn organizations_of(tx: &impl Read, user: UserId) -> Result<Vec<OrganizationId>, DbError> {
    let found = ORGANIZATIONS_BY_USER.list(tx, &user, None, TEAMS_SHOWN)?;
    Ok(found.into_iter().map(|(_, organization)| organization).collect())
}
