//! Roles in teams by the names that requests give them, and what giving one needs.

use super::Error;
use super::existing::{existing, missing};
use crate::access::{Action, Allowed, Caller, Licence, OrganizationRole, TeamRole};
use crate::db::DbError;
use crate::db::repo::team::{self, FoundTeam};
use crate::db::repo::{custom_role, organization};
use crate::db::tx::Read;
use crate::domain::custom_role::{GivenRole, RoleName};
use crate::domain::id::{OrganizationId, UserId};
use crate::domain::name::EntityName;

/// `admin`, `member`, `view_only`, or the name of a custom role of the organization.
pub(super) fn parse(tx: &impl Read, organization: OrganizationId, text: &str) -> Result<GivenRole, Error> {
    if let Some(role) = TeamRole::parse(text) {
        return Ok(role.into());
    }
    let custom = match RoleName::parse(text) {
        Ok(name) => custom_role::named(tx, organization, &name)?,
        Err(_) => None,
    };
    custom.map(|(id, role)| custom_role::given(id, &role)).ok_or_else(|| {
        let message = format!(
            "there is no role `{text}`, nor a custom role of that name; the roles are admin, member, view_only"
        );
        Error::Invalid { field: "role", message }
    })
}

/// The name by which a request gives it.
pub(super) fn name_of(tx: &impl Read, given: GivenRole) -> Result<String, Error> {
    let custom = given.custom.map(|id| custom_role::get(tx, id)).transpose()?.flatten();
    Ok(custom.map_or_else(|| given.base.as_str().to_owned(), |role| role.name.to_string()))
}

/// What giving the role needs beyond the right to bring in members. Members who may invite give no more than they have.
pub(super) fn check_giving(
    tx: &impl Read,
    caller: &Caller,
    at: &Allowed<FoundTeam>,
    given: GivenRole,
    licence: &Licence,
) -> Result<(), Error> {
    let action = match given {
        GivenRole { custom: Some(_), .. } => Action::RoleAssignCustom,
        GivenRole { base: TeamRole::ViewOnly, .. } => Action::RoleAssignViewOnly,
        GivenRole { base: TeamRole::Admin, .. } => Action::TeamRoleChange,
        GivenRole { base: TeamRole::Member, .. } => return Ok(()),
    };
    let gone = || missing("team", &at.entity.name);
    existing(caller, action, team::get(tx, caller, at.id)?, licence, gone)?;
    Ok(())
}

/// A viewer of the organization is view-only in its teams, and can be nothing else there.
pub(super) fn check_taking(
    tx: &impl Read,
    at: &Allowed<FoundTeam>,
    (user, username): (UserId, &EntityName),
    given: GivenRole,
) -> Result<(), Error> {
    if given == TeamRole::ViewOnly.into() {
        return Ok(());
    }
    let place = organization::member(tx, at.organization, user)?;
    if place.is_some_and(|place| place.role == OrganizationRole::Viewer) {
        let organization = organization::name_of(tx, at.organization)?;
        let organization = organization.ok_or_else(|| DbError::Damaged("a team without its organization".into()))?;
        return Err(only_viewer(username, &organization));
    }
    Ok(())
}

pub(super) fn only_viewer(username: &EntityName, organization: &EntityName) -> Error {
    Error::Conflict(format!(
        "`{username}` is a viewer of organization `{organization}` and so view-only in its teams; make them a member \
         of it first"
    ))
}
