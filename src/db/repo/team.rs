//! Teams of an organization and who belongs to them.

use super::organization::{self, FoundOrganization};
use super::{entity, project_member, team_setting, user};
use crate::access::{Action, Allowed, Caller, Grants, OrganizationRole, TeamRole, Unchecked};
use crate::db::DbError;
use crate::db::schema::{ENTITIES, TEAM_ADMINS, TEAM_MEMBERS, TEAMS_BY_ORGANIZATION};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::custom_role::GivenRole;
use crate::domain::entity::{Entity, EntityKind, TeamMember};
use crate::domain::id::{EntityId, OrganizationId, UserId};
use crate::domain::name::EntityName;

const PAGE: usize = 100;

/// A team with its id and the organization that owns it.
#[derive(Debug, Clone)]
pub struct FoundTeam {
    pub id: EntityId,
    pub entity: Entity,
    pub organization: OrganizationId,
}

/// By the name as it was given.
pub fn find(tx: &impl Read, caller: &Caller, name: &EntityName) -> Result<Option<Unchecked<FoundTeam>>, DbError> {
    let Some(found) = entity::named(tx, name)? else { return Ok(None) };
    get(tx, caller, found.id)
}

pub fn get(tx: &impl Read, caller: &Caller, id: EntityId) -> Result<Option<Unchecked<FoundTeam>>, DbError> {
    let Some(entity) = ENTITIES.get(tx, &id)? else { return Ok(None) };
    let EntityKind::Team(organization) = entity.kind else { return Ok(None) };
    let found = entity::FoundEntity { id, entity };
    let settings = team_setting::in_force(tx, id)?;
    let grants = Grants {
        listed: !settings.hidden,
        members_invite: settings.members_invite,
        ..entity::grants_in(tx, caller, &found)?
    };
    Ok(Some(Unchecked::new(FoundTeam { id, entity: found.entity, organization }, grants)))
}

/// What the caller holds in a team, for what belongs to it.
pub(super) fn grants_in(tx: &impl Read, caller: &Caller, id: EntityId) -> Result<Grants, DbError> {
    let Some(entity) = ENTITIES.get(tx, &id)? else { return Ok(Grants::default()) };
    entity::grants_in(tx, caller, &entity::FoundEntity { id, entity })
}

/// The id of the team of that name, for code that goes on to check it.
pub fn id_named(tx: &impl Read, name: &EntityName) -> Result<Option<(EntityId, OrganizationId)>, DbError> {
    let Some(found) = entity::named(tx, name)? else { return Ok(None) };
    Ok(match found.entity.kind {
        EntityKind::Team(organization) => Some((found.id, organization)),
        EntityKind::Person(_) | EntityKind::Organization(_) | EntityKind::ServiceAccount(_) => None,
    })
}

/// The name of a team of this organization that was not deleted.
pub fn name_in(tx: &impl Read, organization: OrganizationId, id: EntityId) -> Result<Option<EntityName>, DbError> {
    let entity =
        ENTITIES.get(tx, &id)?.filter(|entity| entity.kind == EntityKind::Team(organization) && entity.trash.is_none());
    Ok(entity.map(|entity| entity.name))
}

/// Teams by organization and age, after `after`, of one organization or of all. Who sees which is checked on each.
pub fn ids(
    tx: &impl Read,
    organization: Option<OrganizationId>,
    after: Option<(OrganizationId, EntityId)>,
    limit: usize,
) -> Result<Vec<(OrganizationId, EntityId)>, DbError> {
    match organization {
        Some(organization) => TEAMS_BY_ORGANIZATION.list(tx, &organization, after.as_ref(), limit),
        None => TEAMS_BY_ORGANIZATION.list(tx, &(), after.as_ref(), limit),
    }
}

/// Stores a team with these admins, who belong to the organization already, and with nobody else.
pub fn create(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundOrganization>,
    name: EntityName,
    admins: &[UserId],
) -> Result<FoundTeam, PutError> {
    at.must_be(Action::TeamCreate);
    let (id, created_at) = (tx.new_id::<EntityId>()?, tx.now());
    let entity = Entity::new(name, EntityKind::Team(at.id), created_at);
    ENTITIES.put(tx, &id, &entity)?;
    for user in admins {
        TEAM_MEMBERS.put(tx, &(id, *user), &TeamMember::new(TeamRole::Admin, created_at))?;
    }
    Ok(FoundTeam { id, entity, organization: at.id })
}

/// Gives it another name.
pub fn rename(tx: &mut WriteTx<'_>, team: &Allowed<FoundTeam>, to: EntityName) -> Result<Entity, PutError> {
    team.must_be(Action::TeamSettingsUpdate);
    entity::rename(tx, team.id, to)
}

/// Somebody's place in a team, for code that goes on to check it.
pub fn member(tx: &impl Read, team: EntityId, user: UserId) -> Result<Option<TeamMember>, DbError> {
    TEAM_MEMBERS.get(tx, &(team, user))
}

/// The same, also of a service account: it is a member of the teams of its home.
pub fn place_of(tx: &impl Read, team: EntityId, user: UserId) -> Result<Option<TeamMember>, DbError> {
    if let Some(member) = member(tx, team, user)? {
        return Ok(Some(member));
    }
    let Some(account) = user::get(tx, user)? else { return Ok(None) };
    let (Some(home), Some(entity)) = (account.service, ENTITIES.get(tx, &team)?) else { return Ok(None) };
    let EntityKind::Team(organization) = entity.kind else { return Ok(None) };
    Ok(home.includes(team, organization).then(|| TeamMember::new(TeamRole::Member, account.created_at)))
}

/// Who belongs to it, in the order in which the people were made, after the person `after`.
pub fn members(
    tx: &impl Read,
    team: &Allowed<FoundTeam>,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<(UserId, TeamMember)>, DbError> {
    team.must_be(Action::TeamRead);
    let after = after.map(|user| (team.id, user));
    let listed = TEAM_MEMBERS.list(tx, &team.id, after.as_ref(), limit)?;
    Ok(listed.into_iter().map(|((_, user), member)| (user, member)).collect())
}

/// Adds the person with this role.
pub fn add_member(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    user: UserId,
    role: impl Into<GivenRole>,
) -> Result<TeamMember, PutError> {
    team.must_be(Action::TeamMemberAdd);
    let added = TeamMember::new(role, tx.now());
    TEAM_MEMBERS.put(tx, &(team.id, user), &added)?;
    Ok(added)
}

/// Gives a member another role.
pub fn change_role(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    user: UserId,
    before: TeamMember,
    role: impl Into<GivenRole>,
) -> Result<TeamMember, PutError> {
    team.must_be(Action::TeamRoleChange);
    let changed = TeamMember::new(role, before.since);
    TEAM_MEMBERS.put(tx, &(team.id, user), &changed)?;
    Ok(changed)
}

/// Takes the person out, or lets them leave. What they made stays where it is.
pub fn remove_member(tx: &mut WriteTx<'_>, team: &Allowed<FoundTeam>, user: UserId) -> Result<(), DbError> {
    let action = team.action();
    assert!(
        matches!(action, Action::TeamMemberRemove | Action::TeamLeave),
        "checked for {action} and used for removing a member"
    );
    delete_place(tx, team.id, user)
}

/// A place in a team, with what hangs on it.
pub(super) fn delete_place(tx: &mut WriteTx<'_>, team: EntityId, user: UserId) -> Result<(), DbError> {
    project_member::remove_from_team(tx, team, user)?;
    TEAM_MEMBERS.delete(tx, &(team, user))?;
    Ok(())
}

/// Whether the person administers the team, and nobody else does.
pub fn is_last_admin(tx: &impl Read, team: EntityId, person: UserId) -> Result<bool, DbError> {
    // A deleted team holds nobody back.
    let entity = ENTITIES.get(tx, &team)?.filter(|entity| entity.trash.is_none());
    let Some(EntityKind::Team(organization)) = entity.map(|entity| entity.kind) else { return Ok(false) };
    Ok(acting_admins(tx, (team, organization), 2)? == [person])
}

/// Whether anybody administers it.
pub fn has_admin(tx: &impl Read, team: &Allowed<FoundTeam>) -> Result<bool, DbError> {
    Ok(!acting_admins(tx, (team.id, team.organization), 1)?.is_empty())
}

/// An admin who is only a viewer of the organization has no more than a viewer's rights, and so does not count, nor
/// does who is deactivated.
fn acting_admins(
    tx: &impl Read,
    (team, organization): (EntityId, OrganizationId),
    limit: usize,
) -> Result<Vec<UserId>, DbError> {
    let (mut acting, mut after) = (Vec::new(), None);
    loop {
        let page = TEAM_ADMINS.list(tx, &team, after.as_ref(), PAGE)?;
        let Some(last) = page.last().copied() else { return Ok(acting) };
        for (_, admin) in page {
            let place = organization::member(tx, organization, admin)?;
            let may_act = place.is_some_and(|place| place.role != OrganizationRole::Viewer);
            if may_act && user::is_active(tx, admin)? {
                acting.push(admin);
            }
            if acting.len() == limit {
                return Ok(acting);
            }
        }
        after = Some(last);
    }
}
