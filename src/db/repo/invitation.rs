//! Pending invitations into teams and organizations: one for each address and place.

use super::custom_role;
use super::organization::FoundOrganization;
use super::team::FoundTeam;
use crate::access::{Action, Allowed, OrganizationRole, TeamRole};
use crate::db::DbError;
use crate::db::schema::{INVITATION_BY_EMAIL, INVITATION_BY_HASH, INVITATIONS, INVITATIONS_TO};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::custom_role::GivenRole;
use crate::domain::id::{CustomRoleId, EntityId, InvitationId, UserId};
use crate::domain::invitation::{INVITATION_SECS, Invitation, InvitedInto};

/// More invitations of one person, team or organization than this are not looked at.
const SHOWN_MAX: usize = 1000;
const PAGE: usize = 100;

/// An invitation to be.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    pub email: String,
    /// Of the token of its link.
    pub hash: [u8; 32],
    pub invited_by: Option<UserId>,
}

/// Invites the address into the team, or gives its invitation another role and link.
pub fn put_into_team(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    given: GivenRole,
    new: NewInvitation,
) -> Result<(InvitationId, Invitation), PutError> {
    team.must_be(Action::TeamMemberAdd);
    let into = InvitedInto::Team { team: team.id, role: given.base, custom_role: given.custom };
    put(tx, team.id, into, new)
}

/// The same into the organization.
pub fn put_into_organization(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundOrganization>,
    role: OrganizationRole,
    new: NewInvitation,
) -> Result<(InvitationId, Invitation), PutError> {
    at.must_be(Action::OrgMembers);
    let entity = at.organization.entity;
    put(tx, entity, InvitedInto::Organization { organization: at.id, entity, role }, new)
}

fn put(
    tx: &mut WriteTx<'_>,
    entity: EntityId,
    into: InvitedInto,
    new: NewInvitation,
) -> Result<(InvitationId, Invitation), PutError> {
    let NewInvitation { email, hash, invited_by } = new;
    let id = match id_to(tx, entity, &email)? {
        Some(id) => id,
        None => tx.new_id::<InvitationId>()?,
    };
    let (created_at, expires_at) = (tx.now(), tx.now().plus_secs(INVITATION_SECS));
    let invitation = Invitation { into, email, hash, expires_at, invited_by, created_at };
    INVITATIONS.put(tx, &id, &invitation)?;
    Ok((id, invitation))
}

/// Gives an invitation into the team another link, and all its time again; the link before ends.
pub fn renew_in_team(
    tx: &mut WriteTx<'_>,
    team: &Allowed<FoundTeam>,
    id: InvitationId,
    hash: [u8; 32],
) -> Result<Option<Invitation>, PutError> {
    let action = team.action();
    let renews = matches!(action, Action::TeamMemberAdd | Action::TeamRoleChange);
    assert!(renews, "checked for {action} and used for a link");
    renew(tx, team.id, id, hash)
}

/// The same of an organization.
pub fn renew_in_organization(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundOrganization>,
    id: InvitationId,
    hash: [u8; 32],
) -> Result<Option<Invitation>, PutError> {
    at.must_be(Action::OrgMembers);
    renew(tx, at.organization.entity, id, hash)
}

fn renew(
    tx: &mut WriteTx<'_>,
    entity: EntityId,
    id: InvitationId,
    hash: [u8; 32],
) -> Result<Option<Invitation>, PutError> {
    let Some(found) = in_place(tx, entity, id)? else { return Ok(None) };
    let renewed = Invitation { hash, expires_at: tx.now().plus_secs(INVITATION_SECS), ..found };
    INVITATIONS.put(tx, &id, &renewed)?;
    Ok(Some(renewed))
}

/// Those into the team, by address.
pub fn list(tx: &impl Read, team: &Allowed<FoundTeam>) -> Result<Vec<(InvitationId, Invitation)>, DbError> {
    let action = team.action();
    assert!(matches!(action, Action::TeamRead | Action::TeamMemberAdd), "checked for {action} and used for a list");
    list_of(tx, team.id)
}

/// Those into the organization, by address.
pub fn list_of_organization(
    tx: &impl Read,
    at: &Allowed<FoundOrganization>,
) -> Result<Vec<(InvitationId, Invitation)>, DbError> {
    at.must_be(Action::OrgMembers);
    list_of(tx, at.organization.entity)
}

fn list_of(tx: &impl Read, entity: EntityId) -> Result<Vec<(InvitationId, Invitation)>, DbError> {
    let mut found = Vec::new();
    for (_, id) in INVITATION_BY_EMAIL.list(tx, &entity, None, SHOWN_MAX)? {
        found.extend(INVITATIONS.get(tx, &id)?.map(|invitation| (id, invitation)));
    }
    Ok(found)
}

/// The one that waits for the address.
pub fn id_to(tx: &impl Read, entity: EntityId, email: &str) -> Result<Option<InvitationId>, DbError> {
    INVITATION_BY_EMAIL.find(tx, &(entity, email.to_lowercase()))
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
    delete_in(tx, team.id, id)
}

/// The same of an organization.
pub fn delete_of_organization(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundOrganization>,
    id: InvitationId,
) -> Result<Option<Invitation>, DbError> {
    at.must_be(Action::OrgMembers);
    delete_in(tx, at.organization.entity, id)
}

fn delete_in(tx: &mut WriteTx<'_>, entity: EntityId, id: InvitationId) -> Result<Option<Invitation>, DbError> {
    let found = in_place(tx, entity, id)?;
    if found.is_some() {
        INVITATIONS.delete(tx, &id)?;
    }
    Ok(found)
}

fn in_place(tx: &impl Read, entity: EntityId, id: InvitationId) -> Result<Option<Invitation>, DbError> {
    Ok(INVITATIONS.get(tx, &id)?.filter(|invitation| invitation.entity() == entity))
}

/// The invitation that the token's link opens, if its time is not over. Whoever holds the token may see it.
pub fn of_link(tx: &impl Read, hash: &[u8; 32], now: Timestamp) -> Result<Option<(InvitationId, Invitation)>, DbError> {
    let Some(id) = INVITATION_BY_HASH.find(tx, hash)? else { return Ok(None) };
    Ok(INVITATIONS.get(tx, &id)?.filter(|invitation| invitation.is_open(now)).map(|invitation| (id, invitation)))
}

/// Uses the link up: whoever holds its token is who was invited.
pub fn take(tx: &mut WriteTx<'_>, hash: &[u8; 32]) -> Result<Option<Invitation>, DbError> {
    let Some((id, invitation)) = of_link(tx, hash, tx.now())? else { return Ok(None) };
    INVITATIONS.delete(tx, &id)?;
    Ok(Some(invitation))
}

/// Every open invitation of the address, for code that makes its person a member instead.
pub fn open_to(tx: &impl Read, email: &str, now: Timestamp) -> Result<Vec<(InvitationId, Invitation)>, DbError> {
    let mut open = Vec::new();
    for (_, id) in INVITATIONS_TO.list(tx, &email.to_lowercase(), None, SHOWN_MAX)? {
        let found = INVITATIONS.get(tx, &id)?.filter(|invitation| invitation.is_open(now));
        open.extend(found.map(|invitation| (id, invitation)));
    }
    Ok(open)
}

/// Takes out one that was carried out, or that leads nowhere any more.
pub fn use_up(tx: &mut WriteTx<'_>, id: InvitationId) -> Result<(), DbError> {
    INVITATIONS.delete(tx, &id)?;
    Ok(())
}

/// The role in the team that the person gets by accepting.
pub fn given(tx: &impl Read, role: TeamRole, custom: Option<CustomRoleId>) -> Result<GivenRole, DbError> {
    let Some(id) = custom else { return Ok(role.into()) };
    Ok(custom_role::get(tx, id)?.map_or(role.into(), |found| custom_role::given(id, &found)))
}

/// Deletes all invitations into a team or organization, for code that deletes that.
pub(super) fn forget_all(tx: &mut WriteTx<'_>, entity: EntityId) -> Result<(), DbError> {
    loop {
        let page = INVITATION_BY_EMAIL.list(tx, &entity, None, PAGE)?;
        if page.is_empty() {
            return Ok(());
        }
        for (_, id) in page {
            INVITATIONS.delete(tx, &id)?;
        }
    }
}
