//! Signing in with a password, and a code if the person has a second factor; it begins a session. Who is unknown, has
//! no password or is deactivated is answered like who types a wrong one: same words, and as late.

use super::account::{Account, Visitor};
use super::attempts::Counted;
use super::audit::{self, Event};
use super::{App, Error};
use crate::access::{Caller, KeyScope, Own};
use crate::db::repo::{second_factor, session, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::id::{SessionId, UserId};
use crate::domain::session::{Session, shortened_agent};
use crate::domain::user::User;
use crate::secrets::{Secret, Token, same_recovery_code};

/// Longer than any user name or address.
const LOGIN_BYTES_MAX: usize = 254;
const REFUSED: u16 = 401;

/// What somebody shows to sign in.
pub struct Credentials {
    /// A user name or an e-mail address.
    pub login: String,
    pub password: Secret,
    /// Of the second factor: from the authenticator app, or a recovery code.
    pub code: Option<Secret>,
    /// The session that the browser still has; it ends, whoever's it is.
    pub previous: Option<Token>,
}

/// Why somebody is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    #[error("the name or the password is wrong")]
    Wrong,
    #[error("now send the code of your authenticator app as well, or a recovery code, as `code`")]
    CodeNeeded,
    #[error("the code is wrong, or was used already; wait for the next one")]
    WrongCode,
}

impl App {
    /// Begins a session; its token is for the browser's cookie.
    pub async fn sign_in(&self, caller: &Caller, given: Credentials, from: Visitor) -> Result<Token, Error> {
        self.check_channel(from.channel)?;
        if given.login.len() > LOGIN_BYTES_MAX {
            return Err(SignInError::Wrong.into());
        }
        let account = Counted::account(&given.login);
        let tried = [Some(account.clone()), Counted::address(from.address)];
        self.account.attempts.take(tried.into_iter().flatten(), self.clock.now())?;

        let login = given.login;
        let found = self.db.read(move |tx| by_login(tx, &login)).await?;
        let stored =
            found.as_ref().filter(|(_, user)| user.is_active()).and_then(|(_, user)| user.password_hash.clone());
        let is_right = self.account.passwords.verify(&given.password, stored.clone()).await?;
        let person = match found {
            Some((id, _)) if is_right => id,
            other => {
                self.record_refused(caller, other, "password").await?;
                return Err(SignInError::Wrong.into());
            }
        };
        let signed_in = self.begin_session(caller, person, stored, given.code, given.previous, from).await;
        if let Err(Error::SignIn(SignInError::WrongCode)) = signed_in {
            let found = self.db.read(move |tx| user::get(tx, person).map_err(Error::from)).await?;
            self.record_refused(caller, found.map(|user| (person, user)), "code").await?;
        }
        let (token, session) = signed_in?;
        self.account.attempts.forget(&account);
        self.account.attempts.forget(&Counted::Code(person));
        tracing::info!(user.id = %person, session.id = %session, "signed in");
        Ok(token)
    }

    async fn begin_session(
        &self,
        caller: &Caller,
        person: UserId,
        checked: Option<String>,
        code: Option<Secret>,
        previous: Option<Token>,
        from: Visitor,
    ) -> Result<(Token, SessionId), Error> {
        if code.is_some() {
            self.account.attempts.take([Counted::Code(person)], self.clock.now())?;
        }
        let token = Token::generate();
        let hash = self.account.sessions.hash(token.expose());
        let previous = previous.map(|token| self.account.sessions.hash(token.expose()));
        let agent = shortened_agent(&from.agent);
        let (account, origin) = (self.account.clone(), caller.origin);
        let begun = self.db.write(move |tx| {
            // What was checked may have changed while the password was hashed.
            let user = user::get(tx, person)?.filter(User::is_active);
            let user = user.filter(|user| user.password_hash == checked).ok_or(SignInError::Wrong)?;
            let own = Own::proven(person);
            check_code(tx, &account, &own, code.as_ref())?;
            if let Some(previous) = &previous {
                session::end_of_token(tx, previous)?;
            }
            let (now, address) = (tx.now(), from.address);
            let (created_at, last_used_at, agent) = (now, now, agent.clone());
            let new = Session { user: person, hash, created_at, last_used_at, address, agent };
            let id = session::create(tx, &own, new)?;
            let signed_in = Caller { origin, ..Caller::user(person, user.system_admin, KeyScope::Full) };
            audit::record(tx, &signed_in, Event::new(AuditAction::UserLogin).user(person, &user))?;
            Ok::<_, Error>(id)
        });
        let id = begun.await?;
        Ok((token, id))
    }

    /// Written for unknown people as well, so that an answer takes as long for them; but not without end.
    async fn record_refused(
        &self,
        caller: &Caller,
        who: Option<(UserId, User)>,
        wrong: &'static str,
    ) -> Result<(), Error> {
        if self.account.attempts.take([Counted::Written], self.clock.now()).is_err() {
            tracing::warn!("many sign-ins are refused; not all are written to the audit log");
            return Ok(());
        }
        let caller = *caller;
        let written = self.db.write(move |tx| {
            // What was typed as a name may be a password that went into the wrong field: it is not written.
            let event = Event::new(AuditAction::UserLogin).refused_with(REFUSED).detail("wrong", wrong);
            let event = match &who {
                Some((id, user)) => event.user(*id, user),
                None => event,
            };
            audit::record(tx, &caller, event)
        });
        written.await
    }
}

fn by_login(tx: &impl Read, login: &str) -> Result<Option<(UserId, User)>, Error> {
    let Some(id) = user::id_of(tx, login)? else { return Ok(None) };
    Ok(user::get(tx, id)?.map(|user| (id, user)))
}

/// Uses a code up, if the person has a second factor.
pub(super) fn check_code(
    tx: &mut WriteTx<'_>,
    account: &Account,
    own: &Own,
    code: Option<&Secret>,
) -> Result<(), Error> {
    let Some(mut factor) = second_factor::get(tx, own.user())?.filter(|factor| factor.is_on()) else { return Ok(()) };
    let code = code.ok_or(SignInError::CodeNeeded)?.expose().trim();
    let is_right = match same_recovery_code(code) {
        Some(plain) => factor.use_recovery(&account.recovery.hash(&plain)),
        None => {
            let secret = account.open_secret(own.user(), &factor)?;
            let step = secret.step_of(code, tx.now().0 / 1_000_000);
            step.is_some_and(|step| factor.use_step(step))
        }
    };
    if !is_right {
        return Err(SignInError::WrongCode.into());
    }
    Ok(second_factor::put(tx, own, &factor)?)
}
