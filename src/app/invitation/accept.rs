//! Accepting invitations: what a link shows, and using it, as somebody who is here or as somebody new.

use crate::access::{Action, Caller, KeyScope, Licence, Refusal};
use crate::app::account::Visitor;
use crate::app::attempts::Counted;
use crate::app::audit::{self, Event};
use crate::app::organization::{self as organizations, JoinOrganization};
use crate::app::user::{self as people, CreateUser, FirstKey};
use crate::app::{App, Error, seat, team_role};
use crate::db::repo::{entity, invitation, organization, team, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::invitation::{Invitation, InvitedInto};
use crate::domain::user::User;
use crate::secrets::{Secret, Token};

/// What a link is for, as whoever holds it may see.
#[derive(Debug, Clone)]
pub struct ShownInvitation {
    /// The name of the team, or of the organization.
    pub into: String,
    pub is_team: bool,
    /// The name of the custom role, if it is one.
    pub role: String,
    pub email: String,
    /// The user name of who sent it, as long as they are here.
    pub invited_by: Option<String>,
    pub expires_at: Timestamp,
    /// Somebody with the address is here already: they sign in to accept.
    pub has_account: bool,
}

/// Who accepts and is not here yet. The address is the one that the invitation was sent to.
pub struct NewPerson {
    pub username: String,
    pub name: Option<String>,
    pub password: Secret,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub username: String,
    pub into: String,
    pub is_team: bool,
}

impl App {
    /// What the link with this token is for.
    pub async fn show_invitation(&self, token: &str, from: &Visitor) -> Result<ShownInvitation, Error> {
        self.account.attempts.take(Counted::address(from.address), self.clock.now())?;
        let (hash, now) = (self.link_hash(token)?, self.clock.now());
        let shown = self.db.read(move |tx| {
            let (_, found) = invitation::of_link(tx, &hash, now)?.ok_or_else(dead)?;
            show(tx, found)
        });
        shown.await
    }

    /// Accepts as the person who is signed in: the one that was invited.
    pub async fn accept_invitation(&self, caller: &Caller, token: &str) -> Result<Accepted, Error> {
        let own = caller.own().ok_or(Error::NoSession)?;
        let hash = self.link_hash(token)?;
        let (caller, licence) = (*caller, self.licence());
        let accepted = self.db.write(move |tx| {
            let found = invitation::take(tx, &hash)?.ok_or_else(dead)?;
            let person = user::get(tx, own.user())?.ok_or(Error::NoSession)?;
            if person.email.to_lowercase() != found.email.to_lowercase() {
                let why = "this invitation was sent to another address than yours; sign in as the person it is for";
                return Err(Error::Forbidden(why.into()));
            }
            let shown = show(tx, found.clone())?;
            carry_out(tx, &caller, &found, (own.user(), &person), &licence)?;
            seat::take(tx, own.user(), &licence)?;
            Ok(Accepted { username: person.name.to_string(), into: shown.into, is_team: shown.is_team })
        });
        let accepted = accepted.await?;
        tracing::info!(user.id = %own.user(), "accepted an invitation");
        Ok(accepted)
    }

    /// Accepts as somebody new, who is made with the address that was invited.
    pub async fn accept_as_new(
        &self,
        caller: &Caller,
        token: &str,
        new: NewPerson,
        from: &Visitor,
    ) -> Result<Accepted, Error> {
        self.check_channel(from.channel)?;
        self.account.attempts.take(Counted::address(from.address), self.clock.now())?;
        let (hash, now) = (self.link_hash(token)?, self.clock.now());
        // Before the dear hashing; used up it is when the person is made.
        let found = self.db.read(move |tx| {
            let (_, found) = invitation::of_link(tx, &hash, now)?.ok_or_else(dead)?;
            check_is_new(tx, &found)?;
            Ok::<_, Error>(found)
        });
        let person = CreateUser {
            username: Some(new.username),
            email: found.await?.email,
            name: new.name,
            password: Some(new.password),
            api_key: FirstKey::None,
            system_admin: false,
            organization: JoinOrganization::None,
        };
        let person = self.person_to_be(person).await?;
        // Who sent the link had the right to bring somebody in; the new person has none yet.
        let (system, licence) = (Caller { origin: caller.origin, ..Caller::SYSTEM }, self.licence());
        let accepted = self.db.write(move |tx| {
            let found = invitation::take(tx, &hash)?.ok_or_else(dead)?;
            check_is_new(tx, &found)?;
            let shown = show(tx, found.clone())?;
            let (id, user) = people::add(tx, &system, &person, &licence)?;
            // Only this one: whoever copied its link to themselves has not shown that the address is theirs.
            carry_out(tx, &system, &found, (id, &user), &licence)?;
            seat::take(tx, id, &licence)?;
            Ok::<_, Error>((id, Accepted { username: user.name.to_string(), into: shown.into, is_team: shown.is_team }))
        });
        let (id, accepted) = accepted.await?;
        tracing::info!(user.id = %id, "somebody new accepted an invitation");
        Ok(accepted)
    }

    fn link_hash(&self, token: &str) -> Result<[u8; 32], Error> {
        Token::parse(token).map(|token| self.account.links.hash(token.expose())).ok_or_else(dead)
    }
}

fn check_is_new(tx: &impl Read, found: &Invitation) -> Result<(), Error> {
    if user::id_of(tx, &found.email)?.is_some() {
        let why = "somebody with this address is here already: sign in, and then accept";
        return Err(Error::Conflict(why.into()));
    }
    Ok(())
}

fn show(tx: &impl Read, found: Invitation) -> Result<ShownInvitation, Error> {
    let into = entity::name_of(tx, found.entity())?.ok_or_else(dead)?.to_string();
    Ok(ShownInvitation {
        into,
        is_team: matches!(found.into, InvitedInto::Team { .. }),
        role: role_of(tx, &found)?,
        invited_by: inviter(tx, &found)?,
        expires_at: found.expires_at,
        has_account: user::id_of(tx, &found.email)?.is_some(),
        email: found.email,
    })
}

pub(super) fn inviter(tx: &impl Read, found: &Invitation) -> Result<Option<String>, Error> {
    let inviter = found.invited_by.map(|id| user::get(tx, id)).transpose()?.flatten();
    Ok(inviter.map(|user| user.name.to_string()))
}

pub(super) fn role_of(tx: &impl Read, found: &Invitation) -> Result<String, Error> {
    match found.into {
        InvitedInto::Team { role, custom_role, .. } => {
            team_role::name_of(tx, invitation::given(tx, role, custom_role)?)
        }
        InvitedInto::Organization { role, .. } => Ok(role.as_str().to_owned()),
    }
}

/// Carries out the invitations that wait for the address of a person whom an administrator makes.
pub(in crate::app) fn accept_waiting(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    (id, person): (UserId, &User),
    licence: &Licence,
) -> Result<(), Error> {
    for (invitation, found) in invitation::open_to(tx, &person.email, tx.now())? {
        match carry_out(tx, caller, &found, (id, person), licence) {
            // It waits for them to accept it once there is a licence; they are made all the same.
            Err(Error::Refused(Refusal::NotLicensed { .. })) => continue,
            // What they were invited into is gone.
            Err(Error::NotFound(_)) => {}
            other => other?,
        }
        invitation::use_up(tx, invitation)?;
    }
    Ok(())
}

/// Makes the person what they were invited to be, as long as whoever sent the invitation could still send it: what they
/// lost opens no door for others. Who is a member already stays what they are.
fn carry_out(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    found: &Invitation,
    (id, person): (UserId, &User),
    licence: &Licence,
) -> Result<(), Error> {
    match found.into {
        InvitedInto::Organization { organization: into, role, .. } => {
            if organization::member(tx, into, id)?.is_some() {
                return Ok(());
            }
            let sender = sender_of(tx, found)?;
            let at = organization::get(tx, &sender, into)?.ok_or_else(dead)?;
            let at = sender.may(Action::OrgMembers, at, licence).map_err(|_| dead())?;
            organizations::check_giving(tx, &sender, into, role, licence).map_err(unless_licence)?;
            organizations::add_with_role(tx, caller, &at, (id, person), role)
        }
        InvitedInto::Team { team: into, role, custom_role } => {
            let sender = sender_of(tx, found)?;
            let at = team::get(tx, &sender, into)?.ok_or_else(dead)?;
            let at = sender.may(Action::TeamMemberAdd, at, licence).map_err(|_| dead())?;
            if team::member(tx, into, id)?.is_some() {
                return Ok(());
            }
            let given = invitation::given(tx, role, custom_role)?;
            team_role::check_giving(tx, &sender, &at, given, licence).map_err(unless_licence)?;
            if organization::member(tx, at.organization, id)?.is_none() {
                let found = organization::get(tx, &Caller::SYSTEM, at.organization)?.ok_or_else(dead)?;
                let found = Caller::SYSTEM.may(Action::OrgMembers, found, licence)?;
                organizations::add_member(tx, caller, &found, (id, person))?;
            }
            team_role::check_taking(tx, &at, (id, &person.name), given)?;
            team::add_member(tx, &at, id, given)?;
            let event = Event::new(AuditAction::TeamMember).team(&at).user(id, person).detail("by", "invitation");
            audit::record(tx, caller, event.role(None, Some(&team_role::name_of(tx, given)?)))
        }
    }
}

/// A role that the sender may give no more is a dead invitation; a licence can come back.
fn unless_licence(refused: Error) -> Error {
    match refused {
        Error::Refused(Refusal::NotLicensed { .. }) => refused,
        _ => dead(),
    }
}

/// With the rights that they have now. The operator's invitations name nobody.
fn sender_of(tx: &impl Read, found: &Invitation) -> Result<Caller, Error> {
    let Some(id) = found.invited_by else { return Ok(Caller::SYSTEM) };
    let sender = user::get(tx, id)?.filter(User::is_active).ok_or_else(dead)?;
    Ok(Caller { service: sender.service, ..Caller::user(id, sender.system_admin, KeyScope::Full) })
}

fn dead() -> Error {
    Error::NotFound("this invitation was accepted or taken back, has expired, or was never one; ask for another".into())
}
