//! Invitations into organizations, by their admins.

use super::{InvitationLink, Invited, LinkToBe, ListedInvitation, Place, colleague, gone, is_here_already, write_mail};
use crate::access::{Action, Caller};
use crate::app::audit::{self, Event};
use crate::app::existing::name_of_existing;
use crate::app::organization::{check_giving, find, parse_role};
use crate::app::{App, Error};
use crate::db::repo::invitation::{self, NewInvitation};
use crate::db::repo::organization;
use crate::domain::audit::AuditAction;
use crate::domain::id::InvitationId;
use crate::domain::user::check_email;
use crate::secrets::Token;

impl App {
    /// Invites by user name or e-mail address. A person of the instance who is named becomes a member at once.
    pub async fn invite_into_organization(
        &self,
        caller: &Caller,
        organization: &str,
        who: &str,
        role: &str,
    ) -> Result<Invited, Error> {
        if !who.contains('@') {
            let member = self.put_organization_member(caller, organization, who, role).await?;
            return Ok(Invited::Member(member.user));
        }
        check_email(who).map_err(|why| Error::invalid("email", &why))?;
        let name = name_of_existing("organization", organization)?;
        let LinkToBe { token, hash, mail } = self.new_link(caller, Place::Organization, &name, who).await?;
        let (asking, licence, email, role_name) = (*caller, self.licence(), who.to_owned(), role.to_owned());
        let invited = self.db.write(move |tx| {
            let at = find(tx, &asking, Action::OrgMembers, &name, &licence)?;
            let role = parse_role(&role_name)?;
            if let Some((id, known)) = colleague(tx, at.id, &email)? {
                if organization::member(tx, at.id, id)?.is_some_and(|member| member.role != role) {
                    return Err(is_here_already(&known));
                }
                return Ok(Err(known));
            }
            check_giving(tx, &asking, at.id, role, &licence)?;
            let new = NewInvitation { email: email.clone(), hash, invited_by: asking.user_id() };
            let (id, invitation) = invitation::put_into_organization(tx, &at, role, new)?;
            write_mail(tx, mail.as_ref())?;
            let event = Event::new(AuditAction::OrganizationMember).organization(&at).email(&email);
            let event = event.detail("change", "invited").detail("role", role.as_str());
            audit::record(tx, &asking, event.detail("invitation", id))?;
            Ok::<_, Error>(Ok((id, invitation)))
        });
        match invited.await? {
            Ok((id, invitation)) => {
                self.account.mail_is_due.notify_one();
                tracing::info!(entity.id = %invitation.entity(), invitation.id = %id, "invited into an organization");
                let link = Some(InvitationLink { token, expires_at: invitation.expires_at });
                Ok(Invited::Waiting { id, invitation, link })
            }
            Err(known) => {
                let member = self.put_organization_member(caller, organization, known.as_str(), role).await?;
                Ok(Invited::Member(member.user))
            }
        }
    }

    /// The invitations into an organization that wait.
    pub async fn show_organization_invitations(
        &self,
        caller: &Caller,
        organization: &str,
    ) -> Result<Vec<ListedInvitation>, Error> {
        let name = name_of_existing("organization", organization)?;
        let (caller, licence, now) = (*caller, self.licence(), self.clock.now());
        let listed = self.db.read(move |tx| {
            let at = find(tx, &caller, Action::OrgMembers, &name, &licence)?;
            let found = invitation::list_of_organization(tx, &at)?;
            found.into_iter().map(|found| ListedInvitation::of(tx, found, now)).collect()
        });
        listed.await
    }

    /// Makes another link for an invitation; the one before ends.
    pub async fn renew_organization_invitation(
        &self,
        caller: &Caller,
        organization: &str,
        id: InvitationId,
    ) -> Result<InvitationLink, Error> {
        let name = name_of_existing("organization", organization)?;
        let token = Token::generate();
        let hash = self.account.links.hash(token.expose());
        let (caller, licence) = (*caller, self.licence());
        let renewed = self.db.write(move |tx| {
            let at = find(tx, &caller, Action::OrgMembers, &name, &licence)?;
            let renewed = invitation::renew_in_organization(tx, &at, id, hash)?.ok_or_else(gone)?;
            let event = Event::new(AuditAction::OrganizationMember).organization(&at).email(&renewed.email);
            let event = event.detail("change", "another link").detail("invitation", id);
            audit::record(tx, &caller, event)?;
            Ok::<_, Error>(renewed.expires_at)
        });
        let expires_at = renewed.await?;
        tracing::info!(invitation.id = %id, "made another link for an invitation");
        Ok(InvitationLink { token, expires_at })
    }

    /// Takes an invitation back.
    pub async fn delete_organization_invitation(
        &self,
        caller: &Caller,
        organization: &str,
        id: InvitationId,
    ) -> Result<(), Error> {
        let name = name_of_existing("organization", organization)?;
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let at = find(tx, &caller, Action::OrgMembers, &name, &licence)?;
            let deleted = invitation::delete_of_organization(tx, &at, id)?.ok_or_else(gone)?;
            let event = Event::new(AuditAction::OrganizationMember).organization(&at).email(&deleted.email);
            let event = event.detail("change", "took the invitation back").detail("invitation", id);
            audit::record(tx, &caller, event)
        });
        deleted.await?;
        tracing::info!(invitation.id = %id, "took an invitation back");
        Ok(())
    }
}
