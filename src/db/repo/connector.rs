//! Connectors, what their self-tests found, and which teams' bytes are in which store.

use super::team::FoundTeam;
use super::team_profile;
use super::user::Instance;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{
    AVATARS, CONNECTOR_BY_NAME, CONNECTOR_PROBES, CONNECTORS, PROJECTS_BY_ENTITY, TEAM_STORES, TEAMS_IN_STORE,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::connector::probe::ProbeResult;
use crate::domain::connector::{Connector, ConnectorName, StoreId, TeamStore};
use crate::domain::id::{ConnectorId, EntityId};

/// A connector that the caller may do something with.
#[derive(Debug, Clone)]
pub struct FoundConnector {
    pub id: ConnectorId,
    pub connector: Connector,
}

/// Where the bytes of a team, or of a person, are.
pub fn store_of(tx: &impl Read, owner: EntityId) -> Result<TeamStore, DbError> {
    Ok(TEAM_STORES.get(tx, &owner)?.unwrap_or_default())
}

/// For the server itself: who may see it is for the use case to check.
pub fn get(tx: &impl Read, id: ConnectorId) -> Result<Option<Connector>, DbError> {
    CONNECTORS.get(tx, &id)
}

/// The same by its name.
pub fn named(tx: &impl Read, name: &ConnectorName) -> Result<Option<FoundConnector>, DbError> {
    let Some(id) = CONNECTOR_BY_NAME.find(tx, &name.folded())? else { return Ok(None) };
    Ok(get(tx, id)?.map(|connector| FoundConnector { id, connector }))
}

/// In the order of their making, after `after`.
pub fn list(
    tx: &impl Read,
    after: Option<ConnectorId>,
    limit: usize,
) -> Result<Vec<(ConnectorId, Connector)>, DbError> {
    CONNECTORS.list(tx, &(), after.as_ref(), limit)
}

/// Makes a connector, or writes another version of it.
pub fn put(
    tx: &mut WriteTx<'_>,
    instance: &Allowed<Instance>,
    id: ConnectorId,
    connector: &Connector,
) -> Result<(), PutError> {
    instance.must_be(Action::ConnectorDefine);
    CONNECTORS.put(tx, &id, connector)
}

/// One that no team is in.
pub fn delete(tx: &mut WriteTx<'_>, instance: &Allowed<Instance>, id: ConnectorId) -> Result<(), DbError> {
    instance.must_be(Action::ConnectorDefine);
    CONNECTOR_PROBES.delete(tx, &id)?;
    CONNECTORS.delete(tx, &id)?;
    Ok(())
}

/// Whose bytes are, or were, in its store. Who may see which team is for the use case to check.
pub fn teams_in(tx: &impl Read, id: ConnectorId, limit: usize) -> Result<Vec<EntityId>, DbError> {
    Ok(TEAMS_IN_STORE.list(tx, &id, None, limit)?.into_iter().map(|(_, team)| team).collect())
}

/// Those that some team is in.
pub fn used(tx: &impl Read) -> Result<Vec<ConnectorId>, DbError> {
    let (mut used, mut after) = (Vec::new(), None);
    loop {
        let Some((id, _)) = TEAMS_IN_STORE.list(tx, &(), after.as_ref(), 1)?.pop() else { return Ok(used) };
        used.push(id);
        // Past all of its teams.
        after = Some((id, EntityId(u64::MAX)));
    }
}

pub fn probe(tx: &impl Read, id: ConnectorId) -> Result<Option<ProbeResult>, DbError> {
    CONNECTOR_PROBES.get(tx, &id)
}

/// What a self-test has found.
pub fn put_probe(tx: &mut WriteTx<'_>, tested: &Allowed<FoundConnector>, result: &ProbeResult) -> Result<(), PutError> {
    tested.must_be(Action::ConnectorTest);
    // It may be gone: a test takes its time.
    if get(tx, tested.id)?.is_some() { CONNECTOR_PROBES.put(tx, &tested.id, result) } else { Ok(()) }
}

/// Whether nothing of the team is in any store. Projects of the team that were deleted count: their bytes may be there.
pub fn has_no_bytes(tx: &impl Read, team: EntityId) -> Result<bool, DbError> {
    let has_project = !PROJECTS_BY_ENTITY.list(tx, &team, None, 1)?.is_empty();
    let has_image = AVATARS.get(tx, &team)?.is_some() || !team_profile::images(tx, team)?.is_empty();
    Ok(!has_project && !has_image)
}

/// From now on what is the team's goes to this connector's store.
pub fn attach(tx: &mut WriteTx<'_>, team: &Allowed<FoundTeam>, id: ConnectorId) -> Result<(), PutError> {
    team.must_be(Action::ConnectorAttach);
    TEAM_STORES.put(tx, &team.id, &TeamStore { home: StoreId::Connector(id), also: None, kept: None })
}

/// Back to the store of the instance.
pub fn detach(tx: &mut WriteTx<'_>, team: &Allowed<FoundTeam>) -> Result<(), DbError> {
    team.must_be(Action::ConnectorMigrate);
    TEAM_STORES.delete(tx, &team.id)?;
    Ok(())
}
