//! Seats: what a licence counts. To be asked wherever a person, a role or a team is made; without a licence, or without
//! a limit in it, everything is granted.

use super::Error;
use crate::access::Licence;
use crate::db::repo::{seat, team, team_trash};
use crate::db::tx::{Read, WriteTx};
use crate::domain::id::UserId;
use crate::domain::seat::SeatKind;

/// Gives the person the seat that their roles ask for, after they were given one; refused when the licence has no such
/// seat left.
pub(super) fn take(tx: &mut WriteTx<'_>, user: UserId, licence: &Licence) -> Result<(), Error> {
    let Some(taken) = settle(tx, user)? else { return Ok(()) };
    let limits = licence.limits();
    let (limit, key, noun) = match taken {
        SeatKind::Full => (limits.max_users, "max_users", "full seats"),
        SeatKind::ViewOnly => (limits.max_view_only_users, "max_view_only_users", "view-only seats"),
    };
    match limit {
        Some(limit) if seat::counts(tx)?.of(taken) > limit => Err(Error::Conflict(format!(
            "the licence has {limit} {noun} (`{key}`), and all are taken; deactivate somebody who has one, or ask an \
             administrator of this server to install a licence with more"
        ))),
        _ => Ok(()),
    }
}

/// The same after a role was taken away, which is never refused: says what kind of seat they have now and had not before.
pub(super) fn settle(tx: &mut WriteTx<'_>, user: UserId) -> Result<Option<SeatKind>, Error> {
    let (before, after) = (seat::of(tx, user)?, seat::by_roles(tx, user)?);
    if before == after {
        return Ok(None);
    }
    seat::put(tx, user, after)?;
    Ok(after)
}

/// Before a team is made, or restored. Those in the trash do not count.
pub(super) fn check_new_team(tx: &impl Read, licence: &Licence) -> Result<(), Error> {
    let Some(limit) = licence.limits().max_teams else { return Ok(()) };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let deleted = team_trash::ids(tx, None, usize::MAX)?.len();
    if team::ids(tx, None, None, limit.saturating_add(deleted))?.len() >= limit.saturating_add(deleted) {
        return Err(Error::Conflict(format!(
            "the licence allows {limit} teams (`max_teams`), and there are as many; delete one, or ask an administrator \
             of this server to install a licence with more"
        )));
    }
    Ok(())
}
