//! What teams have set, and what their organizations enforce.

use super::organization::FoundOrganization;
use super::team::FoundTeam;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{ENTITIES, ORGANIZATION_PRIVACY, TEAM_SETTINGS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::entity::EntityKind;
use crate::domain::id::{EntityId, OrganizationId};
use crate::domain::team_setting::{OrganizationPrivacy, TeamSettings};

/// The team's own choices.
pub fn own(tx: &impl Read, team: EntityId) -> Result<TeamSettings, DbError> {
    Ok(TEAM_SETTINGS.get(tx, &team)?.unwrap_or_default())
}

pub fn privacy(tx: &impl Read, organization: OrganizationId) -> Result<OrganizationPrivacy, DbError> {
    Ok(ORGANIZATION_PRIVACY.get(tx, &organization)?.unwrap_or_default())
}

/// What counts in an entity: a personal one has nothing to choose.
pub fn in_force(tx: &impl Read, entity: EntityId) -> Result<TeamSettings, DbError> {
    let Some(EntityKind::Team(organization)) = ENTITIES.get(tx, &entity)?.map(|entity| entity.kind) else {
        return Ok(TeamSettings::default());
    };
    Ok(own(tx, entity)?.under(privacy(tx, organization)?))
}

pub fn update(tx: &mut WriteTx<'_>, team: &Allowed<FoundTeam>, settings: &TeamSettings) -> Result<(), PutError> {
    team.must_be(Action::TeamSettingsUpdate);
    TEAM_SETTINGS.put(tx, &team.id, settings)
}

pub fn enforce(
    tx: &mut WriteTx<'_>,
    organization: &Allowed<FoundOrganization>,
    privacy: &OrganizationPrivacy,
) -> Result<(), PutError> {
    organization.must_be(Action::OrgPrivacy);
    ORGANIZATION_PRIVACY.put(tx, &organization.id, privacy)
}

/// With the organization.
pub(super) fn delete_privacy(tx: &mut WriteTx<'_>, organization: OrganizationId) -> Result<(), DbError> {
    ORGANIZATION_PRIVACY.delete(tx, &organization)?;
    Ok(())
}
