//! Deleted teams: for a while they can be restored, then they are removed for good, in portions. The order of removal is
//! that of references: what leans on something goes before it, and the team's own record goes last.

use super::artifact::delete as artifact_delete;
use super::team::{self, FoundTeam};
use super::{project_member, service_account, team_profile};
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{
    AGENTS, AGENTS_BY_SWEEP, ARTIFACT_TYPE_BY_NAME, ARTIFACT_TYPES, BLOB_BY_MD5, COLLECTION_BY_NAME,
    CUSTOM_CHART_BY_NAME, CUSTOM_CHARTS, DELETED_TEAMS, ENTITIES, INVITATION_BY_EMAIL, INVITATIONS, PROJECTS,
    PROJECTS_BY_ENTITY, RUN_BY_NAME, SWEEP_CONFIGS, SWEEPS, SWEEPS_BY_CREATION, TEAM_MEMBERS, TEAM_SETTINGS, TRIALS,
    TRIALS_BY_SWEEP,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::entity::{Entity, EntityKind, Trash};
use crate::domain::id::{EntityId, ProjectId, RunId, SweepId, UserId};
use crate::domain::user::ServiceHome;

/// Puts the team into the trash until then.
pub fn put(tx: &mut WriteTx<'_>, team: &Allowed<FoundTeam>, until: Timestamp) -> Result<Entity, PutError> {
    team.must_be(Action::TeamDelete);
    let trash = Trash { deleted_at: tx.now(), until, is_being_removed: false };
    let changed = Entity { trash: Some(trash), ..team.entity.clone() };
    ENTITIES.put(tx, &team.id, &changed)?;
    Ok(changed)
}

/// Takes the team out of the trash. That it is whole is the use case's to see.
pub fn restore(tx: &mut WriteTx<'_>, team: &Allowed<FoundTeam>) -> Result<Entity, PutError> {
    team.must_be(Action::TeamRestore);
    let changed = Entity { trash: None, ..team.entity.clone() };
    ENTITIES.put(tx, &team.id, &changed)?;
    Ok(changed)
}

/// Deleted teams, by the end of their time, after `after`. Who sees which is checked on each.
pub fn ids(
    tx: &impl Read,
    after: Option<(Timestamp, EntityId)>,
    limit: usize,
) -> Result<Vec<(Timestamp, EntityId)>, DbError> {
    DELETED_TEAMS.list(tx, &(), after.as_ref(), limit)
}

/// A team whose time in the trash is over, if there is one. From now on it cannot be restored.
pub fn begin_removal(tx: &mut WriteTx<'_>) -> Result<Option<EntityId>, PutError> {
    let due = DELETED_TEAMS.list(tx, &(), None, 1)?.into_iter().find(|(until, _)| *until <= tx.now());
    let Some((_, id)) = due else { return Ok(None) };
    let Some(entity) = ENTITIES.get(tx, &id)? else { return Ok(None) };
    if let Some(trash) = entity.trash.filter(|trash| !trash.is_being_removed) {
        ENTITIES.put(tx, &id, &Entity { trash: Some(Trash { is_being_removed: true, ..trash }), ..entity })?;
    }
    Ok(Some(id))
}

/// A project of the team, deleted ones included, while there is one.
pub fn any_project(tx: &impl Read, team: EntityId) -> Result<Option<ProjectId>, DbError> {
    Ok(PROJECTS_BY_ENTITY.list(tx, &team, None, 1)?.first().map(|(_, project)| *project))
}

/// Runs that are left in a project, those in the trash included.
pub fn runs_left(tx: &impl Read, project: ProjectId, limit: usize) -> Result<Vec<RunId>, DbError> {
    Ok(RUN_BY_NAME.list(tx, &project, None, limit)?.into_iter().map(|(_, run)| run).collect())
}

/// Removes about `limit` records of what is in a project besides runs; `true` when the project itself is gone. Versions
/// are marked here, and removed like any that were deleted.
pub fn remove_project(tx: &mut WriteTx<'_>, project: ProjectId, limit: usize) -> Result<bool, PutError> {
    if let Some((.., sweep)) = SWEEPS_BY_CREATION.list(tx, &project, None, 1)?.first().copied() {
        remove_sweep(tx, sweep, limit)?;
        return Ok(false);
    }
    if let Some((_, collection)) = COLLECTION_BY_NAME.list(tx, &project, None, 1)?.into_iter().next() {
        artifact_delete::delete_with_project(tx, collection, limit)?;
        return Ok(false);
    }
    let types = ARTIFACT_TYPE_BY_NAME.list(tx, &project, None, limit)?;
    for (_, artifact_type) in &types {
        ARTIFACT_TYPES.delete(tx, artifact_type)?;
    }
    if types.len() == limit {
        return Ok(false);
    }
    project_member::remove_all(tx, project)?;
    PROJECTS.delete(tx, &project)?;
    Ok(true)
}

/// Runs that moved elsewhere forget what the sweep knew of them.
fn remove_sweep(tx: &mut WriteTx<'_>, sweep: SweepId, limit: usize) -> Result<(), PutError> {
    let trials = TRIALS_BY_SWEEP.list(tx, &sweep, None, limit)?;
    for (_, run) in &trials {
        TRIALS.delete(tx, run)?;
    }
    if trials.len() == limit {
        return Ok(());
    }
    let agents = AGENTS_BY_SWEEP.list(tx, &sweep, None, limit)?;
    for (_, agent) in &agents {
        AGENTS.delete(tx, agent)?;
    }
    if agents.len() < limit {
        SWEEPS.delete(tx, &sweep)?;
        SWEEP_CONFIGS.delete(tx, &sweep)?;
    }
    Ok(())
}

/// Takes at most `limit` people out of the team, and says whom.
pub fn remove_members(tx: &mut WriteTx<'_>, id: EntityId, limit: usize) -> Result<Vec<UserId>, DbError> {
    let members = TEAM_MEMBERS.keys(tx, &id, limit)?;
    for (_, person) in &members {
        team::delete_place(tx, id, *person)?;
    }
    Ok(members.into_iter().map(|(_, person)| person).collect())
}

/// Removes about `limit` records of what is left of a team without projects and members, and in the end the team: its name is free
/// then. `true` when it is gone.
pub fn remove_rest(tx: &mut WriteTx<'_>, id: EntityId, limit: usize) -> Result<bool, PutError> {
    let charts = CUSTOM_CHART_BY_NAME.list(tx, &id, None, limit)?;
    for (_, chart) in &charts {
        CUSTOM_CHARTS.delete(tx, chart)?;
    }
    let invitations = INVITATION_BY_EMAIL.list(tx, &id, None, limit)?;
    for (_, invitation) in &invitations {
        INVITATIONS.delete(tx, invitation)?;
    }
    let are_accounts_gone = service_account::purge(tx, ServiceHome::Team(id), limit)?;
    if !are_accounts_gone || [charts.len(), invitations.len()].contains(&limit) {
        return Ok(false);
    }
    if let Some(EntityKind::Team(organization)) = ENTITIES.get(tx, &id)?.map(|entity| entity.kind) {
        service_account::leave_default_team(tx, organization, id)?;
    }
    if !BLOB_BY_MD5.list(tx, &id, None, 1)?.is_empty() {
        let why = format!("a blob in the store of team {id} is in use, and the team is gone");
        return Err(DbError::Damaged(why).into());
    }
    team_profile::remove(tx, id)?;
    TEAM_SETTINGS.delete(tx, &id)?;
    ENTITIES.delete(tx, &id)?;
    Ok(true)
}
