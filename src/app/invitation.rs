//! Invitations into teams. Who is in the team's organization becomes a member at once; for anybody else the invitation
//! waits under their e-mail address until a person with it comes to the instance.

use super::audit::{self, Event};
use super::existing::{existing, missing, name_of_existing};
use super::organization::add_member;
use super::{App, Error, team_role};
use crate::access::{Action, Caller, Licence};
use crate::db::repo::{invitation, organization, team, user};
use crate::db::tx::WriteTx;
use crate::domain::audit::AuditAction;
use crate::domain::id::{InvitationId, UserId};
use crate::domain::invitation::Invitation;
use crate::domain::name::EntityName;
use crate::domain::user::{User, check_email};

/// What became of an invitation.
pub enum Invited {
    Member(User),
    Waiting(InvitationId, Invitation),
}

impl App {
    /// Invites by user name or e-mail address.
    /// The role is one of the known ones, or a custom role by its name.
    pub async fn invite(&self, caller: &Caller, team: &str, who: &str, role: &str) -> Result<Invited, Error> {
        if !who.contains('@') {
            let member = self.put_team_member(caller, team, who, role).await?;
            return Ok(Invited::Member(member.user));
        }
        check_email(who).map_err(|why| Error::invalid("email", &why))?;
        let name = name_of_existing("team", team)?;
        let (asking, licence, email, role_name) = (*caller, self.licence(), who.to_owned(), role.to_owned());
        let invited = self.db.write(move |tx| {
            let gone = || missing("team", &name);
            let at = existing(&asking, Action::TeamMemberAdd, team::find(tx, &asking, &name)?, &licence, gone)?;
            if let Some(known) = colleague(tx, at.organization, &email)? {
                return Ok(Err(known));
            }
            let given = team_role::parse(tx, at.organization, &role_name)?;
            team_role::check_giving(tx, &asking, &at, given, &licence)?;
            // Changing what somebody else has sent is changing a role.
            let waiting = invitation::id_to(tx, &at, &email)?;
            let sender = waiting.map(|id| invitation::sender(tx, id)).transpose()?.flatten();
            if waiting.is_some() && sender != asking.user_id() {
                existing(&asking, Action::TeamRoleChange, team::find(tx, &asking, &name)?, &licence, gone)?;
            }
            let (id, invitation) = invitation::put(tx, &at, &email, given, asking.user_id())?;
            let event = Event::new(AuditAction::TeamInviteUser).team(&at).email(&email);
            let event = event.detail("role", team_role::name_of(tx, given)?).detail("invitation", id);
            audit::record(tx, &asking, event)?;
            Ok::<_, Error>(Ok((id, invitation)))
        });
        match invited.await? {
            Ok((id, invitation)) => {
                tracing::info!(team.id = %invitation.team, invitation.id = %id, "invited into a team");
                Ok(Invited::Waiting(id, invitation))
            }
            Err(known) => {
                let member = self.put_team_member(caller, team, known.as_str(), role).await?;
                Ok(Invited::Member(member.user))
            }
        }
    }

    /// The invitations into a team that wait.
    pub async fn list_invitations(
        &self,
        caller: &Caller,
        team: &str,
    ) -> Result<Vec<(InvitationId, Invitation)>, Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let gone = || missing("team", &name);
            let at = existing(&caller, Action::TeamRead, team::find(tx, &caller, &name)?, &licence, gone)?;
            Ok::<_, Error>(invitation::list(tx, &at)?)
        });
        listed.await
    }

    /// Takes an invitation back.
    pub async fn delete_invitation(&self, caller: &Caller, team: &str, id: InvitationId) -> Result<(), Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let gone = || missing("team", &name);
            // Where members may invite, they take back what they have sent themselves.
            let sender = invitation::sender(tx, id)?;
            let is_own = sender.is_some() && sender == caller.user_id();
            let action = if is_own { Action::TeamMemberAdd } else { Action::TeamMemberRemove };
            let at = existing(&caller, action, team::find(tx, &caller, &name)?, &licence, gone)?;
            let Some(deleted) = invitation::delete(tx, &at, id)? else { return Ok(false) };
            let event = Event::new(AuditAction::TeamUninvite).team(&at).email(&deleted.email);
            audit::record(tx, &caller, event.detail("invitation", id))?;
            Ok::<_, Error>(true)
        });
        if deleted.await? {
            tracing::info!(invitation.id = %id, "took an invitation back");
            return Ok(());
        }
        Err(Error::NotFound("this invitation does not exist, or was accepted or taken back already".into()))
    }
}

/// The person of the organization with this address.
fn colleague(
    tx: &WriteTx<'_>,
    organization: crate::domain::id::OrganizationId,
    email: &str,
) -> Result<Option<EntityName>, Error> {
    let Some(id) = user::id_of(tx, email)? else { return Ok(None) };
    if organization::member(tx, organization, id)?.is_none() {
        return Ok(None);
    }
    Ok(user::get(tx, id)?.map(|person| person.name))
}

/// Carries out the invitations that wait for a new person's address: who sent them had the right to.
pub(super) fn accept_waiting(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    (id, person): (UserId, &User),
    licence: &Licence,
) -> Result<(), Error> {
    for (team, role) in invitation::take_all(tx, &person.email)? {
        let Some(at) = team::get(tx, &Caller::SYSTEM, team)? else { continue };
        let at = Caller::SYSTEM.may(Action::TeamMemberAdd, at, licence)?;
        if organization::member(tx, at.organization, id)?.is_none() {
            let Some(found) = organization::get(tx, &Caller::SYSTEM, at.organization)? else { continue };
            let found = Caller::SYSTEM.may(Action::OrgMembers, found, licence)?;
            add_member(tx, caller, &found, (id, person))?;
        }
        team::add_member(tx, &at, id, role)?;
        let event = Event::new(AuditAction::TeamMember).team(&at).user(id, person).detail("by", "invitation");
        audit::record(tx, caller, event.role(None, Some(&team_role::name_of(tx, role)?)))?;
    }
    Ok(())
}
