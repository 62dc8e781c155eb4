//! The last admin of a team, an organization or the instance keeps their place, whoever asks and by whatever way.
//! Only who is active counts as one. A scope that has no admin is not touched by this.

use super::Error;
use crate::db::repo::{entity, organization, team, user};
use crate::db::tx::Read;
use crate::domain::id::{EntityId, OrganizationId, UserId};
use crate::domain::user::User;

/// Before somebody leaves the team or loses the role in it.
pub(super) fn check_team(tx: &impl Read, team: EntityId, user: UserId) -> Result<(), Error> {
    if !team::is_last_admin(tx, team, user)? {
        return Ok(());
    }
    let Some(team) = entity::name_of(tx, team)? else { return Ok(()) };
    last_admin(tx, user, &format!("team `{team}`"))
}

/// Before somebody loses their say in all teams of the organization: by leaving it, or as a viewer of it.
pub(super) fn check_teams_of(tx: &impl Read, organization: OrganizationId, user: UserId) -> Result<(), Error> {
    for team in organization::teams_of_member(tx, organization, user)? {
        check_team(tx, team, user)?;
    }
    Ok(())
}

/// Before somebody leaves the organization or loses the role in it.
pub(super) fn check_organization(tx: &impl Read, organization: OrganizationId, user: UserId) -> Result<(), Error> {
    if !organization::is_last_admin(tx, organization, user)? {
        return Ok(());
    }
    let Some(name) = organization::name_of(tx, organization)? else { return Ok(()) };
    last_admin(tx, user, &format!("organization `{name}`"))
}

/// Before somebody stops to administer the instance.
pub(super) fn check_instance(tx: &impl Read, id: UserId, person: &User) -> Result<(), Error> {
    if user::is_last_system_admin(tx, id)? {
        let why = format!("`{}` is the last system admin; make somebody else one first", person.name);
        return Err(Error::Conflict(why));
    }
    Ok(())
}

/// Before a person is deleted or deactivated.
pub(super) fn check_person(tx: &impl Read, id: UserId, person: &User) -> Result<(), Error> {
    check_instance(tx, id, person)?;
    for organization in entity::organizations_of(tx, id)? {
        check_organization(tx, organization, id)?;
        check_teams_of(tx, organization, id)?;
    }
    Ok(())
}

fn last_admin(tx: &impl Read, user: UserId, scope: &str) -> Result<(), Error> {
    let name = user::get(tx, user)?.map_or_else(String::new, |person| person.name.to_string());
    Err(Error::Conflict(format!("`{name}` is the last admin of {scope}; make somebody else an admin of it first")))
}
