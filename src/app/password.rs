//! Passwords: changing one's own, and choosing another one by a one-time link when it is lost.

use super::account::Visitor;
use super::attempts::Counted;
use super::audit::{self, Event};
use super::existing::{missing, name_of_existing};
use super::{App, Error};
use crate::access::{Action, Caller, KeyScope};
use crate::db::repo::{mail, reset_link, session, user};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionId;
use crate::domain::user::check_email;
use crate::mail::letter;
use crate::secrets::{Secret, Token, check_password};

const NOT_FOUND: u16 = 404;

/// A one-time link; the token is shown now and never again.
#[derive(Debug)]
pub struct NewLink {
    pub token: Token,
    pub expires_at: Timestamp,
}

impl NewLink {
    /// The page that it leads to, for who copies it.
    pub fn url(&self, base: &str) -> String {
        letter::reset_url(base, self.token.expose())
    }
}

impl App {
    /// Changes the caller's own password. Their other sessions end, and links that were made to reset it.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: SessionId,
        old: Secret,
        new: Secret,
        from: Visitor,
    ) -> Result<(), Error> {
        self.check_channel(from.channel)?;
        check_password(new.expose()).map_err(|why| Error::invalid("new_password", &why))?;
        let own = caller.own().ok_or(Error::NoSession)?;
        let checked = self.check_own_password(caller, "password", &old).await?;
        let hash = self.account.passwords.hash("new_password", new).await?;
        let caller = *caller;
        let changed = self.db.write(move |tx| {
            if !user::set_password(tx, &own, Some(&checked), &hash)? {
                return Err(Error::Conflict("your password was changed just now; sign in with the new one".into()));
            }
            session::end_all(tx, own.user(), Some(current))?;
            reset_link::end_all(tx, own.user())?;
            let user = user::get(tx, own.user())?.ok_or(Error::NoSession)?;
            audit::record(tx, &caller, Event::new(AuditAction::UserPassword).user(own.user(), &user))
        });
        changed.await?;
        tracing::info!(user.id = %own.user(), "changed a password");
        Ok(())
    }

    /// That who asks knows the password of the account that they ask for; its stored text. `field` is to blame if not.
    pub(super) async fn check_own_password(
        &self,
        caller: &Caller,
        field: &'static str,
        password: &Secret,
    ) -> Result<String, Error> {
        let own = caller.own().ok_or(Error::NoSession)?;
        self.account.attempts.take([Counted::Password(own.user())], self.clock.now())?;
        let user = self.db.read(move |tx| user::get(tx, own.user()).map_err(Error::from)).await?;
        let stored = user.and_then(|user| user.password_hash);
        let is_right = self.account.passwords.verify(password, stored.clone()).await?;
        match stored {
            Some(stored) if is_right => {
                self.account.attempts.forget(&Counted::Password(own.user()));
                Ok(stored)
            }
            _ => Err(Error::invalid(field, &"the password is wrong")),
        }
    }

    /// A link for a person who lost their password, for an administrator to hand over.
    pub async fn create_reset_link(&self, caller: &Caller, username: &str) -> Result<NewLink, Error> {
        let licence = self.licence();
        caller.may(Action::UserManage, user::instance(), &licence)?;
        let name = name_of_existing("person", username)?;
        let token = Token::generate();
        let hash = self.account.links.hash(token.expose());
        let caller = *caller;
        let made = self.db.write(move |tx| {
            let found = user::find(tx, &name)?.ok_or_else(|| missing("person", &name))?;
            let person = caller.may(Action::UserManage, found, &licence)?;
            if !person.1.is_active() {
                return Err(Error::Conflict(format!("`{name}` is deactivated; reactivate them first")));
            }
            let link = reset_link::create(tx, &person, hash)?;
            audit::record(tx, &caller, Event::new(AuditAction::UserResetLink).user(person.0, &person.1))?;
            Ok((person.0, link.expires_at))
        });
        let (id, expires_at) = made.await?;
        tracing::info!(user.id = %id, "made a link to reset a password");
        Ok(NewLink { token, expires_at })
    }

    /// Mails a link to the person with this address, if there is one. The answer is the same if not, and as late:
    /// something is written either way.
    pub async fn request_reset(&self, caller: &Caller, email: &str, from: &Visitor) -> Result<(), Error> {
        check_email(email).map_err(|why| Error::invalid("email", &why))?;
        let tried = [Some(Counted::mail(email)), Counted::address(from.address), Some(Counted::Written)];
        self.account.attempts.take(tried.into_iter().flatten(), self.clock.now())?;
        let token = Token::generate();
        let hash = self.account.links.hash(token.expose());
        let Some(mail) = self.compose(email, |base| letter::reset(base, token.expose())) else { return Ok(()) };
        let (email, caller) = (email.to_owned(), *caller);
        let asked = self.db.write(move |tx| {
            let person = match user::id_of(tx, &email)? {
                Some(id) => user::get(tx, id)?.filter(|user| user.is_active()).map(|user| (id, user)),
                None => None,
            };
            let event = Event::new(AuditAction::UserResetLink).detail("by", "mail");
            let event = match &person {
                Some((id, user)) => {
                    if reset_link::create_for_mail(tx, *id, hash)?.is_some() {
                        // To the address as it is kept, which may be spelled otherwise.
                        mail::put(tx, &crate::domain::mail::Mail { to: user.email.clone(), ..mail.clone() })?;
                    }
                    event.user(*id, user)
                }
                None => event.refused_with(NOT_FOUND),
            };
            audit::record(tx, &caller, event)
        });
        asked.await?;
        self.account.mail_is_due.notify_one();
        Ok(())
    }

    /// Chooses another password with the token of a link. All sessions of the person end; their second factor stays.
    pub async fn reset_password(&self, caller: &Caller, token: &str, new: Secret, from: &Visitor) -> Result<(), Error> {
        self.check_channel(from.channel)?;
        check_password(new.expose()).map_err(|why| Error::invalid("password", &why))?;
        self.account.attempts.take(Counted::address(from.address), self.clock.now())?;
        let hash = Token::parse(token).map(|token| self.account.links.hash(token.expose())).ok_or_else(used_up)?;
        // Before the dear hashing; used up it is when the new one is stored.
        let now = self.clock.now();
        let found = self.db.read(move |tx| reset_link::find(tx, &hash).map_err(Error::from)).await?;
        found.filter(|link| link.expires_at > now).ok_or_else(used_up)?;
        let password_hash = self.account.passwords.hash("password", new).await?;
        let origin = caller.origin;
        let changed = self.db.write(move |tx| {
            let own = reset_link::take(tx, &hash)?.ok_or_else(used_up)?;
            if !user::set_password(tx, &own, None, &password_hash)? {
                return Err(used_up());
            }
            session::end_all(tx, own.user(), None)?;
            let user = user::get(tx, own.user())?.ok_or_else(used_up)?;
            let person = Caller { origin, ..Caller::user(own.user(), user.system_admin, KeyScope::Full) };
            let event = Event::new(AuditAction::UserPassword).user(own.user(), &user).detail("by", "link");
            audit::record(tx, &person, event)?;
            Ok(own.user())
        });
        let id = changed.await?;
        tracing::info!(user.id = %id, "reset a password by a link");
        Ok(())
    }
}

fn used_up() -> Error {
    Error::NotFound("this link was used already, has expired, or was never one; ask for a new one".into())
}
