//! Deleting teams: into the trash first, where they are there for nobody, and after some days for good.

use super::{Team, find, with_organization};
use crate::access::{Action, Caller};
use crate::app::audit::{self, Event};
use crate::app::existing::name_of_existing;
use crate::app::page::{PAGE, Page};
use crate::app::trash::{SECS_PER_DAY, remove_run};
use crate::app::{App, Error, seat};
use crate::db::repo::artifact::purge;
use crate::db::repo::{entity, organization, team, team_trash};
use crate::db::tx::WriteTx;
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::EntityId;
use crate::domain::name::EntityName;

/// Teams looked at in one read.
const LOOKED_AT_MAX: usize = 1_000;
/// Records deleted in one transaction: others wait behind it.
const RECORDS: usize = 500;
/// People taken out in one transaction: the seat of each is reckoned anew.
const PEOPLE: usize = 100;
/// Runs of which one transaction removes something.
const RUNS: usize = 5;

/// Where a list of deleted teams goes on.
pub type DeletedTeamCursor = (Timestamp, EntityId);

/// A team that is there again.
#[derive(Debug, Clone)]
pub struct Restored {
    pub team: Team,
    /// Somebody active administers it. Administrators of its organization, and of the instance, can make somebody admin.
    pub has_admin: bool,
}

impl App {
    /// From the next request on the team and all that is in it is there for nobody. Until its time is over it can be
    /// restored, and nobody else gets its name.
    pub async fn delete_team(&self, caller: &Caller, name: &str) -> Result<Team, Error> {
        let name = name_of_existing("team", name)?;
        // A number of days that somebody set, and no more than some thousands.
        let days = i64::try_from(self.system_settings().team_trash_days).unwrap_or(i64::MAX);
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::TeamDelete, &name, &licence)?;
            let entity = team_trash::put(tx, &found, tx.now().plus_secs(days.saturating_mul(SECS_PER_DAY)))?;
            let event = Event::new(AuditAction::TeamDelete).entity(found.id, &entity);
            audit::record(tx, &caller, event)?;
            with_organization(tx, found.map(|found| team::FoundTeam { entity, ..found }))
        });
        let team = deleted.await?;
        tracing::info!(team.id = %team.id, "put a team into the trash");
        Ok(team)
    }

    /// Everything is as it was before, but for who left meanwhile: a deleted team holds nobody back. What clients sent
    /// was refused.
    pub async fn restore_team(&self, caller: &Caller, name: &str) -> Result<Restored, Error> {
        let name = name_of_existing("team", name)?;
        let (caller, licence) = (*caller, self.licence());
        let restored = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::TeamRestore, &name, &licence)?;
            match found.entity.trash {
                None => return Err(Error::Conflict(format!("team `{name}` is not in the trash"))),
                Some(trash) if trash.is_being_removed || trash.until <= tx.now() => {
                    let why = format!("the time of team `{name}` in the trash is over; it is being removed for good");
                    return Err(Error::Conflict(why));
                }
                Some(_) => {}
            }
            seat::check_new_team(tx, &licence)?;
            let entity = team_trash::restore(tx, &found)?;
            let event = Event::new(AuditAction::TeamRestore).entity(found.id, &entity);
            audit::record(tx, &caller, event)?;
            let has_admin = team::has_admin(tx, &found)?;
            let team = with_organization(tx, found.map(|found| team::FoundTeam { entity, ..found }))?;
            Ok::<_, Error>(Restored { team, has_admin })
        });
        let restored = restored.await?;
        tracing::info!(team.id = %restored.team.id, restored.has_admin, "restored a team from the trash");
        Ok(restored)
    }

    /// The deleted teams that the caller may restore, of one organization or of all, the next to go first. A page may be
    /// short, or empty, and have a next.
    pub async fn list_deleted_teams(
        &self,
        caller: &Caller,
        organization: Option<&str>,
        after: Option<DeletedTeamCursor>,
    ) -> Result<Page<Team, DeletedTeamCursor>, Error> {
        let within = organization.map(EntityName::parse).transpose();
        // What can be nobody's name has no teams.
        let Ok(within) = within else { return Ok(Page { items: Vec::new(), next: None }) };
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let within = within.map(|name| organization::id_named(tx, &name)).transpose()?;
            let ids = team_trash::ids(tx, after, LOOKED_AT_MAX)?;
            let mut next = ids.last().copied().filter(|_| ids.len() == LOOKED_AT_MAX);
            let mut items = Vec::new();
            for cursor in ids {
                let Some(found) = team::get(tx, &caller, cursor.1)? else { continue };
                let Ok(found) = caller.may(Action::TeamRestore, found, &licence) else { continue };
                if within.is_some_and(|within| within != Some(found.organization)) {
                    continue;
                }
                items.push(with_organization(tx, found)?);
                if items.len() == PAGE {
                    next = Some(cursor);
                    break;
                }
            }
            Ok::<_, Error>(Page { items, next })
        });
        listed.await
    }

    /// Removes the teams whose time in the trash is over. Says how many. May be cut off anywhere: a team's own record
    /// goes last.
    pub async fn remove_due_teams(&self) -> Result<usize, Error> {
        let mut removed = 0;
        while let Some(id) = self.db.write(|tx| Ok::<_, Error>(team_trash::begin_removal(tx)?)).await? {
            while !self.db.write(move |tx| remove_portion(tx, id)).await? {}
            tracing::info!(team.id = %id, "removed a team for good");
            removed += 1;
        }
        Ok(removed)
    }
}

/// Removes a portion of a team; `true` when the team is gone. After each portion everything that is still there has all
/// that it refers to.
fn remove_portion(tx: &mut WriteTx<'_>, id: EntityId) -> Result<bool, Error> {
    if let Some(project) = team_trash::any_project(tx, id)? {
        let runs = team_trash::runs_left(tx, project, RUNS)?;
        if runs.is_empty() {
            team_trash::remove_project(tx, project, RECORDS)?;
        }
        for run in runs {
            if !remove_run(tx, run)? {
                break;
            }
        }
        return Ok(false);
    }
    // Versions of this team are among them, and their blobs lean on the team.
    if let Some(artifact) = purge::due(tx, 1)?.first() {
        purge::purge(tx, *artifact, RECORDS)?;
        return Ok(false);
    }
    let people = team_trash::remove_members(tx, id, PEOPLE)?;
    for person in &people {
        seat::settle(tx, *person)?;
    }
    if !people.is_empty() {
        return Ok(false);
    }
    let record = entity::record(tx, id)?;
    let is_gone = team_trash::remove_rest(tx, id, RECORDS)?;
    if let Some(entity) = record.filter(|_| is_gone) {
        let event = Event::new(AuditAction::TeamDelete).entity(id, &entity).detail("step", "removed for good");
        audit::record(tx, &Caller::SYSTEM, event)?;
    }
    Ok(is_gone)
}

#[cfg(test)]
#[path = "trash_tests.rs"]
mod tests;
