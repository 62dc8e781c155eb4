//! Pending invitations into teams.

use super::custom_role;
use super::team::FoundTeam;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{INVITATION_BY_EMAIL, INVITATIONS, INVITATIONS_TO};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::custom_role::GivenRole;
use crate::domain::id::{EntityId, InvitationId, UserId};
use crate::domain::invitation::Invitation;

/// More invitations of one person or team than this are not looked at.
const SHOWN_MAX: usize = 1000;

/// Invites the address, or gives its invitation another role.
pub fn put(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    email: &str,
    given: GivenRole,
    invited_by: Option<UserId>,
) -> Result<(InvitationId, Invitation), PutError> {
    team.must_be(Action::TeamMemberAdd);
    let id = match id_to(tx, team, email)? {
        Some(id) => id,
        None => tx.new_id::<InvitationId>()?,
    };
    let GivenRole { base: role, custom: custom_role, .. } = given;
    let (email, created_at) = (email.to_owned(), tx.now());
    let invitation = Invitation { team: team.id, email, role, custom_role, invited_by, created_at };
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

/// The one that waits for the address.
pub fn id_to(tx: &impl Read, team: &Allowed<FoundTeam>, email: &str) -> Result<Option<InvitationId>, DbError> {
    INVITATION_BY_EMAIL.find(tx, &(team.id, email.to_lowercase()))
}

/// Who sent it, for code that goes on to check it.
pub fn sender(tx: &impl Read, id: InvitationId) -> Result<Option<UserId>, DbError> {
    Ok(INVITATIONS.get(tx, &id)?.and_then(|invitation| invitation.invited_by))
}

/// What was deleted; `None`: there is no such invitation into this team.
pub fn delete(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    id: InvitationId,
) -> Result<Option<Invitation>, DbError> {
    let action = team.action();
    let revokes = matches!(action, Action::TeamMemberAdd | Action::TeamMemberRemove);
    assert!(revokes, "checked for {action} and used for taking an invitation back");
    let found = INVITATIONS.get(tx, &id)?.filter(|invitation| invitation.team == team.id);
    if found.is_some() {
        INVITATIONS.delete(tx, &id)?;
    }
    Ok(found)
}

/// Takes out every invitation of the address, for code that makes its person a member instead.
pub fn take_all(tx: &mut WriteTx<'_>, email: &str) -> Result<Vec<(EntityId, GivenRole)>, DbError> {
    let mut taken = Vec::new();
    for (_, id) in INVITATIONS_TO.list(tx, &email.to_lowercase(), None, SHOWN_MAX)? {
        if let Some(invitation) = INVITATIONS.get(tx, &id)? {
            INVITATIONS.delete(tx, &id)?;
            taken.push((invitation.team, given(tx, &invitation)?));
        }
    }
    Ok(taken)
}

/// What the person becomes by accepting.
pub fn given(tx: &impl Read, invitation: &Invitation) -> Result<GivenRole, DbError> {
    let Some(id) = invitation.custom_role else { return Ok(invitation.role.into()) };
    let role = custom_role::get(tx, id)?;
    Ok(role.map_or(invitation.role.into(), |role| custom_role::given(id, &role)))
}
