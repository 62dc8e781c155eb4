//! Migrations of teams from one store to another, and where the bytes of a team are meanwhile: both are written in one
//! transaction.

use super::team::FoundTeam;
use super::{garbage, stored};
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{ENTITIES, FINDINGS, MIGRATIONS, STRAGGLERS, TEAM_STORES};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::connector::TeamStore;
use crate::domain::garbage::StoredObject;
use crate::domain::id::EntityId;
use crate::domain::migration::Migration;

/// Migrations with their teams, and the team after which the next page starts.
type UnderWay = (Vec<(EntityId, Migration)>, Option<EntityId>);

/// Records of a team that are forgotten in one transaction.
const FORGOTTEN: usize = 500;

pub fn get(tx: &impl Read, team: EntityId) -> Result<Option<Migration>, DbError> {
    MIGRATIONS.get(tx, &team)
}

/// The same for who was allowed to see it.
pub fn of_team(tx: &impl Read, team: &Allowed<FoundTeam>) -> Result<Option<Migration>, DbError> {
    team.must_be(Action::ConnectorMigrate);
    get(tx, team.id)
}

/// Stores what somebody asked of the migration, or a new one.
pub fn put(tx: &mut WriteTx<'_>, team: &Allowed<FoundTeam>, migration: &Migration) -> Result<(), PutError> {
    team.must_be(Action::ConnectorMigrate);
    advance(tx, team.id, migration)
}

/// Stores how far the migration has come, and where the bytes of the team are now. For the server's own work.
pub fn advance(tx: &mut WriteTx<'_>, team: EntityId, migration: &Migration) -> Result<(), PutError> {
    MIGRATIONS.put(tx, &team, migration)?;
    let stores = migration.stores();
    if stores == TeamStore::default() {
        return Ok(TEAM_STORES.delete(tx, &team).map(drop)?);
    }
    if TEAM_STORES.get(tx, &team)? == Some(stores) { Ok(()) } else { TEAM_STORES.put(tx, &team, &stores) }
}

/// Those that are not over, after the team `after`, and where the next page starts.
pub fn under_way(tx: &impl Read, after: Option<EntityId>, limit: usize) -> Result<UnderWay, DbError> {
    let page = MIGRATIONS.list(tx, &(), after.as_ref(), limit)?;
    let next = page.last().filter(|_| page.len() == limit).map(|(team, _)| *team);
    Ok((page.into_iter().filter(|(_, migration)| !migration.is_over()).collect(), next))
}

/// Objects of the team that came into the store that it is leaving.
pub fn stragglers(tx: &impl Read, team: EntityId, limit: usize) -> Result<Vec<StoredObject>, DbError> {
    Ok(STRAGGLERS.list(tx, &team, None, limit)?.into_iter().map(|((_, object), _)| object).collect())
}

pub fn forget_straggler(tx: &mut WriteTx<'_>, team: EntityId, object: StoredObject) -> Result<(), DbError> {
    STRAGGLERS.delete(tx, &(team, object)).map(drop)
}

/// Teams with stores of their own, after the team `after`.
pub fn teams_with_stores(tx: &impl Read, after: Option<EntityId>, limit: usize) -> Result<Vec<EntityId>, DbError> {
    Ok(TEAM_STORES.list(tx, &(), after.as_ref(), limit)?.into_iter().map(|(team, _)| team).collect())
}

/// Forgets where the bytes of a team were that is gone, once nothing of it is left there. `true` when it is forgotten.
pub fn forget_gone(tx: &mut WriteTx<'_>, team: EntityId) -> Result<bool, DbError> {
    let is_needed = ENTITIES.get(tx, &team)?.is_some()
        || stored::has_any(tx, team)?
        || !garbage::objects_of(tx, team, None, 1)?.is_empty();
    if is_needed {
        return Ok(false);
    }
    let stragglers = STRAGGLERS.keys(tx, &team, FORGOTTEN)?;
    let findings = FINDINGS.keys(tx, &team, FORGOTTEN)?;
    for key in &stragglers {
        STRAGGLERS.delete(tx, key)?;
    }
    for key in &findings {
        FINDINGS.delete(tx, key)?;
    }
    if stragglers.len() == FORGOTTEN || findings.len() == FORGOTTEN {
        return Ok(false); // the rest goes the next time
    }
    MIGRATIONS.delete(tx, &team)?;
    TEAM_STORES.delete(tx, &team)?;
    Ok(true)
}
