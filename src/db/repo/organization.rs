//! Organizations and who belongs to them.

use super::user::{self, Instance};
use super::{custom_role, entity, invitation, service_account, team, team_setting};
use crate::access::{Action, Allowed, Caller, Grants, OrganizationRole, Unchecked};
use crate::db::DbError;
use crate::db::schema::{
    ENTITIES, ORGANIZATION_ADMINS, ORGANIZATION_MEMBERS, ORGANIZATIONS, TEAMS_BY_ORGANIZATION, TEAMS_BY_USER,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::entity::{Entity, EntityKind, Organization, OrganizationMember};
use crate::domain::id::{EntityId, OrganizationId, UserId};
use crate::domain::name::EntityName;
use crate::domain::user::ServiceHome;

const PAGE: usize = 100;

/// An organization with its id.
#[derive(Debug, Clone)]
pub struct FoundOrganization {
    pub id: OrganizationId,
    pub organization: Organization,
}

/// By the name as it was given.
pub fn find(
    tx: &impl Read,
    caller: &Caller,
    name: &EntityName,
) -> Result<Option<Unchecked<FoundOrganization>>, DbError> {
    let Some(id) = id_named(tx, name)? else { return Ok(None) };
    get(tx, caller, id)
}

pub fn get(
    tx: &impl Read,
    caller: &Caller,
    id: OrganizationId,
) -> Result<Option<Unchecked<FoundOrganization>>, DbError> {
    let Some(organization) = ORGANIZATIONS.get(tx, &id)? else { return Ok(None) };
    let grants = grants_in(tx, caller, id)?;
    Ok(Some(Unchecked::new(FoundOrganization { id, organization }, grants)))
}

pub(super) fn grants_in(tx: &impl Read, caller: &Caller, id: OrganizationId) -> Result<Grants, DbError> {
    let Some(user) = caller.user_id() else { return Ok(Grants::default()) };
    let organization = entity::role_in_organization(tx, caller, user, id)?;
    Ok(Grants { organization, ..Grants::default() })
}

/// The oldest organization: the one people join who are put into none by name.
pub fn first_id(tx: &impl Read) -> Result<Option<OrganizationId>, DbError> {
    Ok(ORGANIZATIONS.list(tx, &(), None, 1)?.first().map(|(id, _)| *id))
}

/// The ids of all organizations, oldest first, after `after`. Who sees which is checked on each.
pub fn ids(tx: &impl Read, after: Option<OrganizationId>, limit: usize) -> Result<Vec<OrganizationId>, DbError> {
    let found = ORGANIZATIONS.list(tx, &(), after.as_ref(), limit)?;
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

/// An organization that something checked has led to.
pub fn by_id(tx: &impl Read, id: OrganizationId) -> Result<Option<Organization>, DbError> {
    ORGANIZATIONS.get(tx, &id)
}

pub fn name_of(tx: &impl Read, id: OrganizationId) -> Result<Option<EntityName>, DbError> {
    Ok(by_id(tx, id)?.map(|organization| organization.name))
}

/// The id of the organization of that name, for code that goes on to check what it finds there.
pub fn id_named(tx: &impl Read, name: &EntityName) -> Result<Option<OrganizationId>, DbError> {
    let Some(found) = entity::named(tx, name)? else { return Ok(None) };
    Ok(match found.entity.kind {
        EntityKind::Organization(id) => Some(id),
        EntityKind::Person(_) | EntityKind::Team(_) | EntityKind::ServiceAccount(_) => None,
    })
}

/// Stores the organization and the entity that holds its name; nobody belongs to it yet.
pub fn create(
    tx: &mut WriteTx<'_>,
    instance: &Allowed<Instance>,
    name: EntityName,
) -> Result<FoundOrganization, PutError> {
    instance.must_be(Action::OrgCreate);
    let (id, entity, created_at) = (tx.new_id::<OrganizationId>()?, tx.new_id::<EntityId>()?, tx.now());
    ENTITIES.put(tx, &entity, &Entity::new(name.clone(), EntityKind::Organization(id), created_at))?;
    let organization = Organization { name, entity, created_at };
    ORGANIZATIONS.put(tx, &id, &organization)?;
    Ok(FoundOrganization { id, organization })
}

/// Gives it another name.
pub fn rename(
    tx: &mut WriteTx<'_>,
    found: &Allowed<FoundOrganization>,
    name: EntityName,
) -> Result<(Organization, Entity), PutError> {
    found.must_be(Action::OrgUpdate);
    let entity = entity::rename(tx, found.organization.entity, name.clone())?;
    let organization = Organization { name, ..found.organization.clone() };
    ORGANIZATIONS.put(tx, &found.id, &organization)?;
    Ok((organization, entity))
}

/// Deletes the organization, its service accounts, and everybody's place in it. That it has no teams is the use case's to see.
pub fn delete(tx: &mut WriteTx<'_>, found: &Allowed<FoundOrganization>) -> Result<(), DbError> {
    found.must_be(Action::OrgDelete);
    loop {
        let page = ORGANIZATION_MEMBERS.list(tx, &found.id, None, PAGE)?;
        if page.is_empty() {
            break;
        }
        for (key, _) in page {
            ORGANIZATION_MEMBERS.delete(tx, &key)?;
        }
    }
    custom_role::delete_all(tx, found.id)?;
    team_setting::delete_privacy(tx, found.id)?;
    invitation::forget_all(tx, found.organization.entity)?;
    while !service_account::purge(tx, ServiceHome::Organization(found.id), PAGE)? {}
    ENTITIES.delete(tx, &found.organization.entity)?;
    ORGANIZATIONS.delete(tx, &found.id)?;
    Ok(())
}

pub fn has_teams(tx: &impl Read, found: &Allowed<FoundOrganization>) -> Result<bool, DbError> {
    Ok(!TEAMS_BY_ORGANIZATION.list(tx, &found.id, None, 1)?.is_empty())
}

/// Somebody's place in an organization, for code that goes on to check it.
pub fn member(tx: &impl Read, id: OrganizationId, user: UserId) -> Result<Option<OrganizationMember>, DbError> {
    ORGANIZATION_MEMBERS.get(tx, &(id, user))
}

/// Who belongs to it, in the order in which the people were made, after the person `after`.
pub fn members(
    tx: &impl Read,
    found: &Allowed<FoundOrganization>,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<(UserId, OrganizationMember)>, DbError> {
    found.must_be(Action::OrgMembers);
    let after = after.map(|user| (found.id, user));
    let listed = ORGANIZATION_MEMBERS.list(tx, &found.id, after.as_ref(), limit)?;
    Ok(listed.into_iter().map(|((_, user), member)| (user, member)).collect())
}

/// Gives the person this role; who belongs to it already keeps the day since when.
pub fn put_member(
    tx: &mut WriteTx<'_>,
    found: &Allowed<FoundOrganization>,
    user: UserId,
    role: OrganizationRole,
) -> Result<OrganizationMember, PutError> {
    found.must_be(Action::OrgMembers);
    let since = member(tx, found.id, user)?.map_or(tx.now(), |member| member.since);
    let changed = OrganizationMember { role, since };
    ORGANIZATION_MEMBERS.put(tx, &(found.id, user), &changed)?;
    Ok(changed)
}

/// Takes the person out of the organization and of its teams. What they made stays where it is.
pub fn remove_member(tx: &mut WriteTx<'_>, found: &Allowed<FoundOrganization>, user: UserId) -> Result<(), DbError> {
    found.must_be(Action::OrgMembers);
    for team in teams_of_member(tx, found.id, user)? {
        team::delete_place(tx, team, user)?;
    }
    ORGANIZATION_MEMBERS.delete(tx, &(found.id, user))?;
    Ok(())
}

/// The organization's teams that the person belongs to.
pub fn teams_of_member(tx: &impl Read, id: OrganizationId, user: UserId) -> Result<Vec<EntityId>, DbError> {
    let (mut teams, mut after) = (Vec::new(), None);
    loop {
        let page = TEAMS_BY_USER.list(tx, &user, after.as_ref(), PAGE)?;
        let Some(last) = page.last().copied() else { return Ok(teams) };
        for (_, team) in page {
            let kind = ENTITIES.get(tx, &team)?.map(|entity| entity.kind);
            teams.extend((kind == Some(EntityKind::Team(id))).then_some(team));
        }
        after = Some(last);
    }
}

/// Whether the person administers the organization, and nobody else does. Who is deactivated does not count.
pub fn is_last_admin(tx: &impl Read, id: OrganizationId, person: UserId) -> Result<bool, DbError> {
    let (mut is_admin, mut after) = (false, None);
    loop {
        let page = ORGANIZATION_ADMINS.list(tx, &id, after.as_ref(), PAGE)?;
        let Some(last) = page.last().copied() else { return Ok(is_admin) };
        for (_, admin) in page {
            let counts = user::is_active(tx, admin)?;
            if counts && admin != person {
                return Ok(false);
            }
            is_admin |= counts && admin == person;
        }
        after = Some(last);
    }
}
