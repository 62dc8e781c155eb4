//! Connectors, and which teams' bytes are in which store.

use crate::db::DbError;
use crate::db::schema::{CONNECTORS, TEAM_STORES};
use crate::db::tx::Read;
use crate::domain::connector::{Connector, TeamStore};
use crate::domain::id::{ConnectorId, EntityId};

/// Where the bytes of a team, or of a person, are.
pub fn store_of(tx: &impl Read, owner: EntityId) -> Result<TeamStore, DbError> {
    Ok(TEAM_STORES.get(tx, &owner)?.unwrap_or_default())
}

pub fn get(tx: &impl Read, id: ConnectorId) -> Result<Option<Connector>, DbError> {
    CONNECTORS.get(tx, &id)
}
