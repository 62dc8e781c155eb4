//! Custom roles of an organization, and who holds one.

use super::organization::FoundOrganization;
use crate::access::{Action, ActionSet, Allowed};
use crate::db::DbError;
use crate::db::schema::{
    CUSTOM_ROLE_BY_NAME, CUSTOM_ROLE_HOLDERS, CUSTOM_ROLES, INVITATIONS, INVITATIONS_BY_CUSTOM_ROLE, TEAM_MEMBERS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::custom_role::{CustomRole, GivenRole, RoleName};
use crate::domain::entity::TeamMember;
use crate::domain::id::{CustomRoleId, OrganizationId, UserId};
use crate::domain::invitation::{Invitation, InvitedInto};

const PAGE: usize = 100;

/// What it adds. A name that this binary does not know adds nothing.
pub fn added(role: &CustomRole) -> ActionSet {
    role.actions.iter().filter_map(|name| Action::named(name)).collect()
}

/// What a holder of it has.
pub fn given(id: CustomRoleId, role: &CustomRole) -> GivenRole {
    GivenRole { base: role.base, custom: Some(id), writes: added(role).writes() }
}

/// What the member's custom role adds, if they hold one.
pub(super) fn added_for(tx: &impl Read, member: &TeamMember) -> Result<ActionSet, DbError> {
    let Some(id) = member.custom_role else { return Ok(ActionSet::EMPTY) };
    Ok(get(tx, id)?.map_or(ActionSet::EMPTY, |role| added(&role)))
}

/// One that a member or an invitation has led to.
pub fn get(tx: &impl Read, id: CustomRoleId) -> Result<Option<CustomRole>, DbError> {
    CUSTOM_ROLES.get(tx, &id)
}

/// In an organization whose roles the caller may know, by a name that differs from the given one at most in case.
pub fn named(
    tx: &impl Read,
    organization: OrganizationId,
    name: &RoleName,
) -> Result<Option<(CustomRoleId, CustomRole)>, DbError> {
    let Some(id) = CUSTOM_ROLE_BY_NAME.find(tx, &(organization, name.folded()))? else { return Ok(None) };
    Ok(get(tx, id)?.map(|role| (id, role)))
}

/// By name, at most `limit`.
pub fn list(tx: &impl Read, organization: OrganizationId, limit: usize) -> Result<Vec<CustomRole>, DbError> {
    let mut roles = Vec::new();
    for (_, id) in CUSTOM_ROLE_BY_NAME.list(tx, &organization, None, limit)? {
        roles.extend(get(tx, id)?);
    }
    Ok(roles)
}

pub fn create(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundOrganization>,
    role: &CustomRole,
) -> Result<CustomRoleId, PutError> {
    at.must_be(Action::CustomRoleDefine);
    let id = tx.new_id::<CustomRoleId>()?;
    CUSTOM_ROLES.put(tx, &id, role)?;
    Ok(id)
}

/// Changes the role, at once for everybody who holds it or is to.
pub fn update(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundOrganization>,
    id: CustomRoleId,
    role: &CustomRole,
) -> Result<(), PutError> {
    at.must_be(Action::CustomRoleDefine);
    CUSTOM_ROLES.put(tx, &id, role)?;
    give_holders(tx, id, given(id, role))
}

/// Its holders go on with its base role.
pub fn delete(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundOrganization>,
    id: CustomRoleId,
    role: &CustomRole,
) -> Result<(), PutError> {
    at.must_be(Action::CustomRoleDelete);
    give_holders(tx, id, role.base.into())?;
    CUSTOM_ROLES.delete(tx, &id)?;
    Ok(())
}

/// With the organization, whose teams are gone already.
pub(super) fn delete_all(tx: &mut WriteTx<'_>, organization: OrganizationId) -> Result<(), DbError> {
    loop {
        let page = CUSTOM_ROLE_BY_NAME.list(tx, &organization, None, PAGE)?;
        if page.is_empty() {
            return Ok(());
        }
        for (_, id) in page {
            CUSTOM_ROLES.delete(tx, &id)?;
        }
    }
}

/// Who holds it, in any team.
pub fn holders(tx: &impl Read, id: CustomRoleId) -> Result<Vec<UserId>, DbError> {
    let (mut holders, mut after) = (Vec::new(), None);
    loop {
        let page = CUSTOM_ROLE_HOLDERS.list(tx, &id, after.as_ref(), PAGE)?;
        let Some(last) = page.last().copied() else { return Ok(holders) };
        holders.extend(page.into_iter().map(|(_, _, user)| user));
        after = Some(last);
    }
}

fn give_holders(tx: &mut WriteTx<'_>, id: CustomRoleId, given: GivenRole) -> Result<(), PutError> {
    let mut after = None;
    loop {
        let page = CUSTOM_ROLE_HOLDERS.list(tx, &id, after.as_ref(), PAGE)?;
        let Some(last) = page.last().copied() else { break };
        for (_, team, user) in page {
            let Some(member) = TEAM_MEMBERS.get(tx, &(team, user))? else { continue };
            if member.given() != given {
                TEAM_MEMBERS.put(tx, &(team, user), &TeamMember::new(given, member.since))?;
            }
        }
        after = Some(last);
    }
    let mut after = None;
    loop {
        let page = INVITATIONS_BY_CUSTOM_ROLE.list(tx, &id, after.as_ref(), PAGE)?;
        let Some(last) = page.last().copied() else { return Ok(()) };
        for (_, key) in page {
            let Some(invitation) = INVITATIONS.get(tx, &key)? else { continue };
            let InvitedInto::Team { team, .. } = invitation.into else { continue };
            let into = InvitedInto::Team { team, role: given.base, custom_role: given.custom };
            INVITATIONS.put(tx, &key, &Invitation { into, ..invitation })?;
        }
        after = Some(last);
    }
}
