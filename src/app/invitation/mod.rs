//! Invitations into teams and organizations. Who is in the organization becomes a member at once; for anybody else the
//! invitation waits under their e-mail address, with a one-time link that is mailed and can be copied.

mod accept;
/// Invitations into organizations.
mod organization;
#[cfg(test)]
mod tests;

pub(super) use accept::accept_waiting;
pub use accept::{Accepted, NewPerson, ShownInvitation};

use super::audit::{self, Event};
use super::existing::name_of_existing;
use super::team::find;
use super::{App, Error, team_role};
use crate::access::{Action, Caller};
use crate::db::repo::invitation::NewInvitation;
use crate::db::repo::{invitation, mail, organization as organizations, team, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::{InvitationId, OrganizationId, UserId};
use crate::domain::invitation::Invitation;
use crate::domain::mail::Mail;
use crate::domain::name::EntityName;
use crate::domain::user::{User, check_email};
use crate::mail::letter;
use crate::secrets::Token;

/// What became of an invitation.
pub enum Invited {
    Member(User),
    /// The link is there for who may hand it over.
    Waiting {
        id: InvitationId,
        invitation: Invitation,
        link: Option<InvitationLink>,
    },
}

/// The link of an invitation; its token is shown now and never again.
#[derive(Debug)]
pub struct InvitationLink {
    pub token: Token,
    pub expires_at: Timestamp,
}

impl InvitationLink {
    /// The page that it leads to, for who copies it.
    pub fn url(&self, base: &str) -> String {
        letter::invitation_url(base, self.token.expose())
    }
}

/// An invitation in a list.
#[derive(Debug, Clone)]
pub struct ListedInvitation {
    pub id: InvitationId,
    pub email: String,
    /// The name of the custom role, if it is one.
    pub role: String,
    /// The user name of who sent it, as long as they are here.
    pub invited_by: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Its link can still be used.
    pub is_open: bool,
}

impl ListedInvitation {
    fn of(tx: &impl Read, (id, found): (InvitationId, Invitation), now: Timestamp) -> Result<Self, Error> {
        let (role, invited_by, is_open) =
            (accept::role_of(tx, &found)?, accept::inviter(tx, &found)?, found.is_open(now));
        let Invitation { email, created_at, expires_at, .. } = found;
        Ok(Self { id, email, role, invited_by, created_at, expires_at, is_open })
    }
}

/// A new link, before it is written down.
struct LinkToBe {
    token: Token,
    hash: [u8; 32],
    mail: Option<Mail>,
}

/// The place that somebody is invited into, in the words of a mail.
#[derive(Clone, Copy)]
enum Place {
    Team,
    Organization,
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
        let LinkToBe { token, hash, mail } = self.new_link(caller, Place::Team, &name, who).await?;
        let (asking, licence, email, role_name) = (*caller, self.licence(), who.to_owned(), role.to_owned());
        let invited = self.db.write(move |tx| {
            let at = find(tx, &asking, Action::TeamMemberAdd, &name, &licence)?;
            let given = team_role::parse(tx, at.organization, &role_name)?;
            if let Some((id, known)) = colleague(tx, at.organization, &email)? {
                if team::member(tx, at.id, id)?.is_some_and(|member| member.given() != given) {
                    return Err(is_here_already(&known));
                }
                return Ok(Err(known));
            }
            team_role::check_giving(tx, &asking, &at, given, &licence)?;
            // Changing what somebody else has sent is changing a role.
            let waiting = invitation::id_to(tx, at.id, &email)?;
            let sender = waiting.map(|id| invitation::sender(tx, id)).transpose()?.flatten();
            if waiting.is_some() && sender != asking.user_id() {
                find(tx, &asking, Action::TeamRoleChange, &name, &licence)?;
            }
            let new = NewInvitation { email: email.clone(), hash, invited_by: asking.user_id() };
            let (id, invitation) = invitation::put_into_team(tx, &at, given, new)?;
            write_mail(tx, mail.as_ref())?;
            let event = Event::new(AuditAction::TeamInviteUser).team(&at).email(&email);
            let event = event.detail("role", team_role::name_of(tx, given)?).detail("invitation", id);
            audit::record(tx, &asking, event)?;
            // Whoever holds the link is who was invited, so members who may invite leave it to the mail or to an admin.
            let may_copy = find(tx, &asking, Action::TeamRoleChange, &name, &licence).is_ok();
            Ok::<_, Error>(Ok((id, invitation, may_copy)))
        });
        match invited.await? {
            Ok((id, invitation, may_copy)) => {
                self.account.mail_is_due.notify_one();
                tracing::info!(entity.id = %invitation.entity(), invitation.id = %id, "invited into a team");
                let link = may_copy.then_some(InvitationLink { token, expires_at: invitation.expires_at });
                Ok(Invited::Waiting { id, invitation, link })
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
            let at = find(tx, &caller, Action::TeamRead, &name, &licence)?;
            Ok::<_, Error>(invitation::list(tx, &at)?)
        });
        listed.await
    }

    /// The same, as those see it who may invite.
    pub async fn show_invitations(&self, caller: &Caller, team: &str) -> Result<Vec<ListedInvitation>, Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence, now) = (*caller, self.licence(), self.clock.now());
        let listed = self.db.read(move |tx| {
            let at = find(tx, &caller, Action::TeamMemberAdd, &name, &licence)?;
            invitation::list(tx, &at)?.into_iter().map(|found| ListedInvitation::of(tx, found, now)).collect()
        });
        listed.await
    }

    /// Makes another link for an invitation, to hand over or because the mail was lost; the one before ends.
    pub async fn renew_invitation(
        &self,
        caller: &Caller,
        team: &str,
        id: InvitationId,
    ) -> Result<InvitationLink, Error> {
        let name = name_of_existing("team", team)?;
        let token = Token::generate();
        let hash = self.account.links.hash(token.expose());
        let (caller, licence) = (*caller, self.licence());
        let renewed = self.db.write(move |tx| {
            let at = find(tx, &caller, Action::TeamRoleChange, &name, &licence)?;
            let renewed = invitation::renew_in_team(tx, &at, id, hash)?.ok_or_else(gone)?;
            let event = Event::new(AuditAction::TeamInviteUser).team(&at).email(&renewed.email);
            audit::record(tx, &caller, event.detail("invitation", id).detail("change", "another link"))?;
            Ok::<_, Error>(renewed.expires_at)
        });
        let expires_at = renewed.await?;
        tracing::info!(invitation.id = %id, "made another link for an invitation");
        Ok(InvitationLink { token, expires_at })
    }

    /// Takes an invitation back.
    pub async fn delete_invitation(&self, caller: &Caller, team: &str, id: InvitationId) -> Result<(), Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let action = own_or(tx, &caller, id, Action::TeamMemberRemove)?;
            let at = find(tx, &caller, action, &name, &licence)?;
            let deleted = invitation::delete(tx, &at, id)?.ok_or_else(gone)?;
            let event = Event::new(AuditAction::TeamUninvite).team(&at).email(&deleted.email);
            audit::record(tx, &caller, event.detail("invitation", id))
        });
        deleted.await?;
        tracing::info!(invitation.id = %id, "took an invitation back");
        Ok(())
    }

    /// A token, and the mail that takes it to the person.
    async fn new_link(&self, caller: &Caller, place: Place, name: &EntityName, to: &str) -> Result<LinkToBe, Error> {
        let token = Token::generate();
        let hash = self.account.links.hash(token.expose());
        let inviter = self.viewer(caller).await?.map(|person| person.username);
        let into = match place {
            Place::Team => format!("team `{name}`"),
            Place::Organization => format!("organization `{name}`"),
        };
        let mail = self.compose(to, |base| letter::invitation(base, token.expose(), &into, inviter.as_deref()));
        Ok(LinkToBe { token, hash, mail })
    }
}

/// Where members may invite, they rule what they have sent themselves; the rest is for who may do `otherwise`.
fn own_or(tx: &impl Read, caller: &Caller, id: InvitationId, otherwise: Action) -> Result<Action, Error> {
    let sender = invitation::sender(tx, id)?;
    let is_own = sender.is_some() && sender == caller.user_id();
    Ok(if is_own { Action::TeamMemberAdd } else { otherwise })
}

fn write_mail(tx: &mut WriteTx<'_>, written: Option<&Mail>) -> Result<(), Error> {
    match written {
        Some(written) => Ok(mail::put(tx, written)?),
        None => Ok(()),
    }
}

fn gone() -> Error {
    Error::NotFound("this invitation does not exist, or was accepted or taken back already".into())
}

/// Nobody has proven that the address of an account is theirs, so it changes no role that somebody has.
fn is_here_already(known: &EntityName) -> Error {
    Error::Conflict(format!("`{known}` has this address and is here already; change their role by their user name"))
}

/// The person of the organization with this address.
fn colleague(tx: &impl Read, organization: OrganizationId, email: &str) -> Result<Option<(UserId, EntityName)>, Error> {
    let Some(id) = user::id_of(tx, email)? else { return Ok(None) };
    if organizations::member(tx, organization, id)?.is_none() {
        return Ok(None);
    }
    Ok(user::get(tx, id)?.map(|person| (id, person.name)))
}
