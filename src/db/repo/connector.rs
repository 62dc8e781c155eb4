//! Connectors, and which teams' bytes are in which store.

use crate::db::DbError;
use crate::db::schema::{CONNECTOR_BY_NAME, CONNECTORS, TEAM_STORES};
use crate::db::tx::Read;
use crate::domain::connector::{Connector, ConnectorName, TeamStore};
use crate::domain::id::{ConnectorId, EntityId};

/// Where the bytes of a team, or of a person, are.
pub fn store_of(tx: &impl Read, owner: EntityId) -> Result<TeamStore, DbError> {
    Ok(TEAM_STORES.get(tx, &owner)?.unwrap_or_default())
}

/// Every connector, in the order in which they were made.
pub fn ids(tx: &impl Read) -> Result<Vec<ConnectorId>, DbError> {
    Ok(CONNECTORS.list(tx, &(), None, usize::MAX)?.into_iter().map(|(id, _)| id).collect())
}

pub fn id_named(tx: &impl Read, name: &ConnectorName) -> Result<Option<ConnectorId>, DbError> {
    CONNECTOR_BY_NAME.find(tx, &name.folded())
}

pub fn get(tx: &impl Read, id: ConnectorId) -> Result<Option<Connector>, DbError> {
    CONNECTORS.get(tx, &id)
}
