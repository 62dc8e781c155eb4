//! Who takes which kind of seat. Bookkeeping beside people's roles: nobody asks for it, so nothing here takes a proof.

use super::organization;
use crate::access::{Action, Caller, Grants, KeyScope, Licence, OrganizationRole, TeamRole, decide};
use crate::db::DbError;
use crate::db::schema::{ENTITIES, ORGANIZATIONS_BY_USER, SEAT_COUNTS, SEATS, TEAM_MEMBERS, TEAMS_BY_USER, USERS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::entity::EntityKind;
use crate::domain::id::UserId;
use crate::domain::seat::{Seat, SeatCounts, SeatKind};
use crate::domain::user::User;

/// More teams and organizations of one person than this are not looked at.
const PLACES_MAX: usize = 10_000;

pub fn counts(tx: &impl Read) -> Result<SeatCounts, DbError> {
    Ok(SEAT_COUNTS.get(tx, &())?.unwrap_or_default())
}

/// The seat that was last written down for the person.
pub fn of(tx: &impl Read, user: UserId) -> Result<Option<SeatKind>, DbError> {
    Ok(SEATS.get(tx, &user)?.map(|seat| seat.kind))
}

/// The seat that the person's roles ask for: a full one for whoever may have an API key.
pub fn by_roles(tx: &impl Read, user: UserId) -> Result<Option<SeatKind>, DbError> {
    let Some(person) = USERS.get(tx, &user)?.filter(User::is_active) else { return Ok(None) };
    let grants = Grants { team: best_team_role(tx, user)?, organization: administers(tx, user)?, ..Grants::default() };
    let caller = Caller::user(user, person.system_admin, KeyScope::Full);
    let is_full = decide(&caller, Action::ApiKeyOwn, &grants, &Licence::none()).is_ok();
    Ok(Some(if is_full { SeatKind::Full } else { SeatKind::ViewOnly }))
}

fn best_team_role(tx: &impl Read, user: UserId) -> Result<Option<TeamRole>, DbError> {
    let mut best = None;
    for (_, team) in TEAMS_BY_USER.list(tx, &user, None, PLACES_MAX)? {
        let Some(EntityKind::Team(at)) = ENTITIES.get(tx, &team)?.map(|entity| entity.kind) else { continue };
        let is_viewer = organization::member(tx, at, user)?.is_some_and(|it| it.role == OrganizationRole::Viewer);
        let role = TEAM_MEMBERS.get(tx, &(team, user))?.map(|member| member.counts_as());
        best = best.max(role.map(|role| if is_viewer { TeamRole::ViewOnly } else { role }));
    }
    Ok(best)
}

/// Who administers an organization has a full seat, whatever their roles in teams.
fn administers(tx: &impl Read, user: UserId) -> Result<Option<OrganizationRole>, DbError> {
    for (_, id) in ORGANIZATIONS_BY_USER.list(tx, &user, None, PLACES_MAX)? {
        if organization::member(tx, id, user)?.is_some_and(|place| place.role == OrganizationRole::Admin) {
            return Ok(Some(OrganizationRole::Admin));
        }
    }
    Ok(None)
}

/// With the person.
pub(super) fn give_back(tx: &mut WriteTx<'_>, user: UserId) -> Result<(), DbError> {
    match put(tx, user, None) {
        Ok(()) => Ok(()),
        Err(PutError::Db(error)) => Err(error),
        Err(PutError::Taken(table)) => Err(DbError::Damaged(format!("a name in `{table}`, which has none"))),
    }
}

/// Writes down what kind of seat the person has now, and how many of each kind there are.
pub fn put(tx: &mut WriteTx<'_>, user: UserId, kind: Option<SeatKind>) -> Result<(), PutError> {
    let mut counts = counts(tx)?;
    if let Some(before) = of(tx, user)? {
        *counts.of_mut(before) = counts.of(before).saturating_sub(1);
    }
    match kind {
        Some(kind) => {
            *counts.of_mut(kind) += 1;
            SEATS.put(tx, &user, &Seat { kind })?;
        }
        None => {
            SEATS.delete(tx, &user)?;
        }
    }
    SEAT_COUNTS.put(tx, &(), &counts)
}
