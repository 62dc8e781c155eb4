//! Pending invitations into teams.

use super::team::FoundTeam;
use crate::access::{Action, Allowed, TeamRole};
use crate::db::DbError;
use crate::db::schema::{INVITATION_BY_EMAIL, INVITATIONS, INVITATIONS_TO};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::id::{EntityId, InvitationId, UserId};
use crate::domain::invitation::Invitation;

/// More invitations of one person or team than this are not looked at.
const SHOWN_MAX: usize = 1000;

/// Invites the address, or gives its invitation another role.
pub fn put(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    email: &str,
    role: TeamRole,
    invited_by: Option<UserId>,
) -> Result<(InvitationId, Invitation), PutError> {
    team.must_be(Action::TeamMemberAdd);
    let known = INVITATION_BY_EMAIL.find(tx, &(team.id, email.to_lowercase()))?;
    let id = match known {
        Some(id) => id,
        None => tx.new_id::<InvitationId>()?,
    };
    let invitation = Invitation { team: team.id, email: email.to_owned(), role, invited_by, created_at: tx.now() };
    INVITATIONS.put(tx, &id, &invitation)?;
    Ok((id, invitation))
}

/// Those into the team, by address.
pub fn list(tx: &impl Read, team: &Allowed<FoundTeam>) -> Result<Vec<(InvitationId, Invitation)>, DbError> {
    team.must_be(Action::TeamRead);
    let mut found = Vec::new();
    for (_, id) in INVITATION_BY_EMAIL.list(tx, &team.id, None, SHOWN_MAX)? {
        found.extend(INVITATIONS.get(tx, &id)?.map(|invitation| (id, invitation)));
    }
    Ok(found)
}

/// What was deleted; `None`: there is no such invitation into this team.
pub fn delete(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    id: InvitationId,
) -> Result<Option<Invitation>, DbError> {
    team.must_be(Action::TeamMemberAdd);
    let found = INVITATIONS.get(tx, &id)?.filter(|invitation| invitation.team == team.id);
    if found.is_some() {
        INVITATIONS.delete(tx, &id)?;
    }
    Ok(found)
}

/// Takes out every invitation of the address, for code that makes its person a member instead.
pub fn take_all(tx: &mut WriteTx<'_>, email: &str) -> Result<Vec<(EntityId, TeamRole)>, DbError> {
    let mut taken = Vec::new();
    for (_, id) in INVITATIONS_TO.list(tx, &email.to_lowercase(), None, SHOWN_MAX)? {
        if let Some(invitation) = INVITATIONS.get(tx, &id)? {
            INVITATIONS.delete(tx, &id)?;
            taken.push((invitation.team, invitation.role));
        }
    }
    Ok(taken)
}
